// SPDX-License-Identifier: MIT
/* VM_BIND, synchronous: what the device sees of map, replace and unmap. */
#include <errno.h>
#include <unistd.h>

#include "selftest.h"

#define VA	   0x10000000ull
#define PAGES	   8u
#define FAULT_BASE 0x1000u

/* A context, and a buffer whose page i begins with DATA_VA + 8 * i: so a job that writes where
 * such a word says tells which page it read. */
static struct context c;
static struct buffer pages;

static void begin(void)
{
	context_open(&c);
	pages = make_buffer(c.fd, PAGES * PAGE);
	for (uint64_t i = 0; i < PAGES; i++)
		*(uint64_t *)((char *)pages.map + i * PAGE) = DATA_VA + 8 * i;
}

static void end(void)
{
	free_buffer(c.fd, &pages);
	context_close(&c);
}

/* Which page the device finds at an address; or FAULT_BASE and the fault's code. */
static unsigned int page_at(uint64_t va)
{
	volatile uint64_t *data = c.data.map;
	uint32_t queue = make_queue(c.fd, c.vm);
	struct drm_tern_queue_destroy destroy = {.queue_id = queue};
	struct drm_tern_queue_state state;
	unsigned int found = ~0u;

	for (unsigned int i = 0; i < PAGES; i++)
		data[i] = 0;
	image_begin(&c.image);
	image_movi(&c.image, 3, (int64_t)va);
	image_load(&c.image, 2, 3, 0);
	image_fence(&c.image, 2, 0, 1);
	image_end(&c.image, c.code.map);
	EQUAL(wait_job(c.fd, queue, submit(c.fd, queue, CODE_VA, DATA_VA), 60000), 0);
	state = queue_state(c.fd, queue);
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	if (state.error)
		return FAULT_BASE + state.fault.code;
	for (unsigned int i = 0; i < PAGES; i++)
		if (data[i])
			found = i;
	return found;
}

#define NOTHING (FAULT_BASE + TERN_FAULT_TRANSLATION)

static int op(uint32_t type, uint64_t offset, uint64_t va, uint64_t size)
{
	struct drm_tern_vm_bind_op op = {.type = type, .va = va, .size = size};

	if (type != DRM_TERN_BIND_UNMAP) {
		op.bo_handle = pages.handle;
		op.bo_offset = offset;
	}
	return try_bind(c.fd, c.vm, &op);
}

static void map_and_unmap(void)
{
	begin();
	EQUAL(page_at(VA), NOTHING);
	EQUAL(op(DRM_TERN_BIND_MAP, 0, VA, PAGES * PAGE), 0);
	EQUAL(page_at(VA), 0);
	EQUAL(page_at(VA + 7 * PAGE), 7);
	EQUAL(op(DRM_TERN_BIND_UNMAP, 0, VA, PAGES * PAGE), 0);
	EQUAL(page_at(VA), NOTHING);
	EQUAL(op(DRM_TERN_BIND_UNMAP, 0, VA, PAGES * PAGE), 0); /* nothing is there: fine */
	end();
}

static void map_wants_room(void)
{
	begin();
	EQUAL(op(DRM_TERN_BIND_MAP, 0, VA, 2 * PAGE), 0);
	EQUAL(op(DRM_TERN_BIND_MAP, 4 * PAGE, VA + PAGE, PAGE), -EEXIST);
	EQUAL(op(DRM_TERN_BIND_MAP, 4 * PAGE, VA - PAGE, 2 * PAGE), -EEXIST);
	EQUAL(op(DRM_TERN_BIND_MAP, 0, VA, 2 * PAGE), -EEXIST);
	EQUAL(op(DRM_TERN_BIND_MAP, 4 * PAGE, VA + 2 * PAGE, PAGE), 0);
	EQUAL(op(DRM_TERN_BIND_MAP, 5 * PAGE, VA - PAGE, PAGE), 0);
	EQUAL(page_at(VA - PAGE), 5);
	EQUAL(page_at(VA + PAGE), 1);
	EQUAL(page_at(VA + 2 * PAGE), 4);
	end();
}

static void replace_takes_the_place(void)
{
	begin();
	EQUAL(op(DRM_TERN_BIND_REPLACE, 0, VA, 4 * PAGE), 0);
	EQUAL(op(DRM_TERN_BIND_REPLACE, 6 * PAGE, VA + PAGE, 2 * PAGE), 0);
	EQUAL(page_at(VA), 0);
	EQUAL(page_at(VA + PAGE), 6);
	EQUAL(page_at(VA + 2 * PAGE), 7);
	EQUAL(page_at(VA + 3 * PAGE), 3);
	EQUAL(op(DRM_TERN_BIND_REPLACE, 0, VA - PAGE, 8 * PAGE), 0);
	EQUAL(page_at(VA + PAGE), 2);
	end();
}

static void unmap_of_a_part(void)
{
	begin();
	EQUAL(op(DRM_TERN_BIND_MAP, 0, VA, PAGES * PAGE), 0);
	EQUAL(op(DRM_TERN_BIND_UNMAP, 0, VA + 2 * PAGE, 3 * PAGE), 0);
	EQUAL(page_at(VA + PAGE), 1);
	EQUAL(page_at(VA + 2 * PAGE), NOTHING);
	EQUAL(page_at(VA + 4 * PAGE), NOTHING);
	EQUAL(page_at(VA + 5 * PAGE), 5);
	EQUAL(op(DRM_TERN_BIND_UNMAP, 0, VA - PAGE, 4 * PAGE), 0);
	EQUAL(page_at(VA + PAGE), NOTHING);
	EQUAL(page_at(VA + 7 * PAGE), 7);
	end();
}

/* 2 MiB in one piece of memory may be one entry: a hole in it must not take the rest along. */
static void hole_in_a_large_page(void)
{
	const uint64_t va = 0x40000000;
	struct buffer large;

	begin();
	large = make_buffer(c.fd, 4ull << 20);
	for (uint64_t i = 0; i < large.size / PAGE; i++)
		*(uint64_t *)((char *)large.map + i * PAGE) = DATA_VA + 8 * (i % PAGES);
	bind(c.fd, c.vm, large.handle, va, large.size, 0);
	EQUAL(page_at(va + 515 * PAGE), 3);
	unbind(c.fd, c.vm, va + 100 * PAGE, PAGE);
	EQUAL(page_at(va + 99 * PAGE), 3);
	EQUAL(page_at(va + 100 * PAGE), NOTHING);
	EQUAL(page_at(va + 101 * PAGE), 5);
	EQUAL(page_at(va + 515 * PAGE), 3);
	free_buffer(c.fd, &large);
	end();
}

/* The same buffer in two address spaces, and many times in one. */
static void buffers_are_shared(void)
{
	uint32_t first;

	begin();
	first = c.vm;
	for (uint64_t i = 0; i < 16; i++)
		EQUAL(op(DRM_TERN_BIND_MAP, 2 * PAGE, VA + i * PAGE, PAGE), 0);
	EQUAL(page_at(VA + 15 * PAGE), 2);
	c.vm = make_vm(c.fd);
	bind(c.fd, c.vm, c.code.handle, CODE_VA, c.code.size, DRM_TERN_BIND_EXEC);
	bind(c.fd, c.vm, c.data.handle, DATA_VA, c.data.size, DRM_TERN_BIND_WRITE);
	EQUAL(page_at(VA), NOTHING);
	EQUAL(op(DRM_TERN_BIND_MAP, PAGE, VA, PAGE), 0);
	EQUAL(page_at(VA), 1);
	c.vm = first;
	EQUAL(page_at(VA), 2);
	end();
}

/* A mapping keeps the buffer, and nothing else does. */
static void mappings_keep_buffers(void)
{
	uint64_t used;

	begin();
	EQUAL(op(DRM_TERN_BIND_MAP, 0, VA, PAGES * PAGE), 0);
	used = limits(c.fd).buffers.used;
	free_buffer(c.fd, &pages);
	EQUAL(limits(c.fd).buffers.used, used);
	EQUAL(page_at(VA + 3 * PAGE), 3);
	unbind(c.fd, c.vm, VA, PAGES * PAGE);
	EQUAL(limits(c.fd).buffers.used, used - 1);
	EQUAL(page_at(VA + 3 * PAGE), NOTHING);
	context_close(&c);
}

static void rights_are_kept(void)
{
	struct drm_tern_queue_state state;
	uint32_t queue;

	begin();
	EQUAL(op(DRM_TERN_BIND_MAP, 0, VA, PAGE), 0);
	image_begin(&c.image);
	image_movi(&c.image, 3, (int64_t)VA);
	image_fence(&c.image, 3, 8, 1);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	state = queue_state(c.fd, c.queue);
	EQUAL(state.fault.code, TERN_FAULT_TRANSLATION);
	EQUAL(state.fault.addr, VA + 8);
	EQUAL(((volatile uint64_t *)pages.map)[1], 0);
	/* A program in memory that is not for programs. */
	image_begin(&c.image);
	image_fence(&c.image, TERN_REG_ARGS, 8, 1);
	image_end(&c.image, pages.map);
	queue = make_queue(c.fd, c.vm);
	EQUAL(wait_job(c.fd, queue, submit(c.fd, queue, VA, DATA_VA), 60000), 0);
	EQUAL(queue_state(c.fd, queue).fault.code, TERN_FAULT_TRANSLATION);
	bind(c.fd, c.vm, pages.handle, VA + PAGE, PAGE, DRM_TERN_BIND_EXEC);
	queue = make_queue(c.fd, c.vm);
	EQUAL(wait_job(c.fd, queue, submit(c.fd, queue, VA + PAGE, DATA_VA), 60000), 0);
	EQUAL(queue_state(c.fd, queue).error, 0);
	EQUAL(((volatile uint64_t *)c.data.map)[1], 1);
	end();
}

/* Unmapping does not wait for jobs: the next access faults, whatever the device had looked up. */
static void running_job_faults(void)
{
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .budget = 1ull << 40};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_queue_state state;
	volatile uint64_t *data;

	begin();
	data = c.data.map;
	EQUAL(op(DRM_TERN_BIND_MAP, 0, VA, PAGES * PAGE), 0);
	image_begin(&c.image);
	image_movi(&c.image, 3, VA + 2 * PAGE);
	image_movi(&c.image, 5, INT64_MAX);
	image_load(&c.image, 2, 3, 0);
	image_fence(&c.image, 2, 0, 1);
	image_again(&c.image, 5, 5); /* words of the load and the fence */
	image_end(&c.image, c.code.map);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	for (int i = 0; i < 600 && data[2] != 1; i++)
		usleep(100000);
	EQUAL(data[2], 1);
	EQUAL(op(DRM_TERN_BIND_UNMAP, 0, VA, PAGES * PAGE), 0);
	EQUAL(wait_job(c.fd, c.queue, call.last_job, 60000), 0);
	state = queue_state(c.fd, c.queue);
	EQUAL(state.fault.code, TERN_FAULT_TRANSLATION);
	EQUAL(state.fault.addr, VA + 2 * PAGE);
	end();
}

static const struct test tests[] = {
	{"what is mapped is seen, until it is unmapped", map_and_unmap},
	{"map wants room", map_wants_room},
	{"replace takes the place", replace_takes_the_place},
	{"a part can be unmapped", unmap_of_a_part},
	{"a hole in a large page", hole_in_a_large_page},
	{"buffers are shared between address spaces", buffers_are_shared},
	{"mappings keep buffers", mappings_keep_buffers},
	{"rights are kept", rights_are_kept},
	{"a running job faults where it was unmapped", running_job_faults},
};

int main(void)
{
	return RUN(tests);
}
