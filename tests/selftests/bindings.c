// SPDX-License-Identifier: MIT
/* Windows come and go while jobs read and write in them. What the device touched is compared with
 * the notes from outside (tests/device/check-touched): here only that all that is bound works. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "selftest_notes.h"

#define WINDOW_VA 0x80000000ull /* the same in each VM: only numbers tell them apart */
#define PAGES	  16u		/* of the window, and of the buffer */
#define VMS	  3u
#define ROUNDS	  12

static struct context context[VMS];
static bool mapped[VMS][PAGES], writable[VMS][PAGES];
static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* A job that uses all that is bound in the window. */
static void touch_all(unsigned int vm, uint64_t value)
{
	struct context *c = &context[vm];
	volatile uint64_t *data = c->data.map;

	image_begin(&c->image);
	image_movi(&c->image, 3, WINDOW_VA);
	for (unsigned int i = 0; i < PAGES; i++) {
		if (mapped[vm][i])
			image_load(&c->image, 2, 3, i * (int64_t)PAGE);
		if (writable[vm][i])
			image_fence(&c->image, 3, i * (int64_t)PAGE + 8, value);
	}
	image_end(&c->image, c->code.map);
	EQUAL(context_wait(c, context_submit(c)), 0);
	EQUAL(queue_state(c->fd, c->queue).error, 0);
	for (unsigned int i = 0; i < PAGES; i++)
		if (writable[vm][i])
			EQUAL(data[i * (PAGE / 8) + 1], value);
}

static void change(unsigned int vm)
{
	unsigned int first = draw(PAGES), count = 1 + draw(PAGES - first);
	uint64_t va = WINDOW_VA + first * (uint64_t)PAGE, size = count * (uint64_t)PAGE;
	bool map = draw(2), write = draw(2);

	noted_unbind(&context[vm], vm, va, size);
	if (map)
		noted_bind(&context[vm], vm, va, first * (uint64_t)PAGE, size,
			   write ? DRM_TERN_BIND_WRITE : 0);
	for (unsigned int i = first; i < first + count; i++) {
		mapped[vm][i] = map;
		writable[vm][i] = map && write;
	}
}

static void open_all(const char *name)
{
	host_ask("note begin %s", name);
	for (unsigned int i = 0; i < VMS; i++) {
		context_open(&context[i]);
		note_context(&context[i], i);
	}
	memset(mapped, 0, sizeof(mapped));
	memset(writable, 0, sizeof(writable));
}

static void close_all(void)
{
	host_ask("note end");
	for (unsigned int i = 0; i < VMS; i++)
		context_close(&context[i]);
}

static void windows_come_and_go(void)
{
	open_all("windows");
	for (unsigned int i = 0; i < ROUNDS; i++) {
		change(i % VMS);
		for (unsigned int vm = 0; vm < VMS; vm++)
			touch_all(vm, i * VMS + vm + 1);
	}
	close_all();
}

/* Does not wait for the job, which faults at its next look. */
static void unmapped_under_a_job(void)
{
	struct context *c = &context[0];
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	volatile uint64_t *begun;

	open_all("under_a_job");
	begun = (volatile uint64_t *)c->data.map + 64;
	noted_bind(c, 0, WINDOW_VA, 0, PAGE, 0);
	image_begin(&c->image);
	image_movi(&c->image, 4, WINDOW_VA);
	image_fence(&c->image, TERN_REG_ARGS, 512, 1);
	image_movi(&c->image, 5, INT64_MAX);
	image_load(&c->image, 3, 4, 0);
	image_again(&c->image, 5, 2);
	image_end(&c->image, c->code.map);
	call.queue_id = c->queue;
	do_ioctl(c->fd, DRM_IOCTL_TERN_SUBMIT, &call);
	while (!*begun)
		touch_all(1, 1); /* meanwhile another works */
	noted_unbind(c, 0, WINDOW_VA, PAGE);
	EQUAL(context_wait(c, call.last_job), 0);
	EQUAL(queue_state(c->fd, c->queue).error, -EIO);
	EQUAL(queue_state(c->fd, c->queue).fault.code, TERN_FAULT_TRANSLATION);
	EQUAL(queue_state(c->fd, c->queue).fault.addr, WINDOW_VA);
	touch_all(1, 2);
	close_all();
}

static const struct test tests[] = {
	{"windows come and go", windows_come_and_go},
	{"unmapped under a job", unmapped_under_a_job},
};

int main(void)
{
	return RUN(tests);
}
