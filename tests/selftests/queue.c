// SPDX-License-Identifier: MIT
/* QUEUE_CREATE, QUEUE_DESTROY, QUEUE_STATE of kernel-owned queues: life, limits, refusals. */
#include <errno.h>
#include <unistd.h>

#include "selftest.h"

static void destroy(int fd, uint32_t queue)
{
	struct drm_tern_queue_destroy args = {.queue_id = queue};

	do_ioctl(fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &args);
}

static void numbers_are_of_the_file(void)
{
	int fd = device_open(), other = device_open();
	uint32_t vm = make_vm(fd);

	EQUAL(make_queue(fd, vm), 1);
	EQUAL(make_queue(fd, vm), 2);
	REFUSED(other, QUEUE_STATE, ENOENT, .queue_id = 1);
	REFUSED(other, QUEUE_DESTROY, ENOENT, .queue_id = 1);
	EQUAL(make_queue(other, make_vm(other)), 1);
	destroy(fd, 1);
	REFUSED(fd, QUEUE_STATE, ENOENT, .queue_id = 1);
	REFUSED(fd, QUEUE_DESTROY, ENOENT, .queue_id = 1);
	EQUAL(queue_state(fd, 2).state, 0);
	close(other);
	close(fd);
}

static void new_ones_are_empty(void)
{
	int fd = device_open();
	struct drm_tern_queue_state state = queue_state(fd, make_queue(fd, make_vm(fd)));

	EQUAL(state.state, 0);
	EQUAL(state.submitted, 0);
	EQUAL(state.done, 0);
	EQUAL(state.error_job, 0);
	EQUAL(state.error, 0);
	EQUAL(state.lost, 0);
	EQUAL(state.fault.code, 0);
	close(fd);
}

static void numbers_are_limited(void)
{
	int fd = device_open();
	uint32_t vm = make_vm(fd);
	uint64_t most = limits(fd).queues.most;

	for (uint64_t i = 0; i < most; i++)
		make_queue(fd, vm);
	EQUAL(limits(fd).queues.used, most);
	REFUSED(fd, QUEUE_CREATE, ENOSPC, .vm_id = vm);
	destroy(fd, 17);
	make_queue(fd, vm);
	REFUSED(fd, QUEUE_CREATE, ENOSPC, .vm_id = vm);
	close(fd);
}

/* Where the device puts a preempted context is memory of the file's, until it is freed. */
static void save_areas_are_counted(void)
{
	int fd = device_open();
	uint32_t vm = make_vm(fd), queue;
	uint64_t before = limits(fd).buffer_bytes.used;

	queue = make_queue(fd, vm);
	CHECK(limits(fd).buffer_bytes.used >= before + PAGE);
	destroy(fd, queue);
	for (int i = 0; i < 1000 && limits(fd).buffer_bytes.used != before; i++)
		usleep(10000); /* released where waiting is allowed */
	EQUAL(limits(fd).buffer_bytes.used, before);
	close(fd);
}

/* More queues with work than there are slots: all of them get on. */
static void more_than_there_are_slots(void)
{
	enum { QUEUES = 2 * TERN_NSLOTS, JOBS = 3 };
	uint32_t queue[QUEUES];
	volatile uint64_t *data;
	struct context c;

	context_open(&c);
	data = c.data.map;
	/* Each job writes 7 where the word at its R0 says. */
	image_load(&c.image, 2, TERN_REG_ARGS, 0);
	image_fence(&c.image, 2, 0, 7);
	image_end(&c.image, c.code.map);
	for (uint64_t i = 0; i < QUEUES; i++) {
		queue[i] = make_queue(c.fd, c.vm);
		data[i] = DATA_VA + 8 * (QUEUES + i);
	}
	for (int job = 0; job < JOBS; job++)
		for (uint64_t i = 0; i < QUEUES; i++)
			submit(c.fd, queue[i], CODE_VA, DATA_VA + 8 * i);
	for (uint64_t i = 0; i < QUEUES; i++) {
		EQUAL(wait_job(c.fd, queue[i], JOBS, 60000), 0);
		EQUAL(queue_state(c.fd, queue[i]).error, 0);
		EQUAL(data[QUEUES + i], 7);
	}
	context_close(&c);
}

static void priorities_need_a_right(void)
{
	int fd = device_open();
	uint32_t vm = make_vm(fd);

	for (uint32_t priority = 0; priority <= DRM_TERN_PRIORITY_REALTIME; priority++) {
		struct drm_tern_queue_create args = {.vm_id = vm, .priority = priority};
		int refused = priority > DRM_TERN_PRIORITY_NORMAL ? -EACCES : 0;

		do_ioctl(fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
		as_nobody();
		EQUAL(try_ioctl(fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args), refused);
		as_root();
	}
	close(fd);
}

/* What runs is stopped, what waits is cancelled: both told by the jobs' fences. */
static void destroy_ends_what_runs(void)
{
	struct context c;
	struct drm_tern_sync sync[2] = {{.flags = DRM_TERN_SYNC_SIGNAL},
					{.flags = DRM_TERN_SYNC_SIGNAL}};
	struct drm_tern_job job[2] = {
		{.image = CODE_VA, .budget = 1ull << 40, .syncs = DRM_TERN_ARRAY(1, &sync[0])},
		{.image = CODE_VA, .budget = 1ull << 40, .syncs = DRM_TERN_ARRAY(1, &sync[1])}};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(2, job)};

	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	for (int i = 0; i < 2; i++)
		sync[i].handle = make_syncobj(c.fd);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(wait_syncobj(c.fd, sync[0].handle, 0, 200), -ETIME);
	EQUAL(queue_state(c.fd, c.queue).state, DRM_TERN_QUEUE_BUSY);
	destroy(c.fd, c.queue);
	EQUAL(wait_syncobj(c.fd, sync[1].handle, 0, 60000), 0);
	EQUAL(syncobj_error(c.fd, sync[0].handle), -ECANCELED);
	EQUAL(syncobj_error(c.fd, sync[1].handle), -ECANCELED);
	context_close(&c);
}

static void refusals(void)
{
	int fd = device_open();
	uint32_t vm = make_vm(fd), queue = make_queue(fd, vm);

#define CREATE(error, ...) REFUSED(fd, QUEUE_CREATE, error, __VA_ARGS__)
	CREATE(ENOENT, .vm_id = 0);
	CREATE(ENOENT, .vm_id = vm + 1);
	CREATE(EINVAL, .vm_id = vm, .flags = 2);
	CREATE(EINVAL, .vm_id = vm, .flags = 1u << 31);
	CREATE(EINVAL, .vm_id = vm, .priority = 4);
	CREATE(EINVAL, .vm_id = vm, .priority = ~0u);
	CREATE(EINVAL, .vm_id = vm, .pad = 1);
	/* Fields of user-owned queues. */
	CREATE(EINVAL, .vm_id = vm, .ring_bo = 1);
	CREATE(EINVAL, .vm_id = vm, .ring_offset = 64);
	CREATE(EINVAL, .vm_id = vm, .ring_va = DATA_VA);
	REFUSED(fd, QUEUE_DESTROY, EINVAL, .queue_id = queue, .pad = 1);
	REFUSED(fd, QUEUE_DESTROY, ENOENT, .queue_id = 0);
	REFUSED(fd, QUEUE_DESTROY, ENOENT, .queue_id = ~0u);
	REFUSED(fd, QUEUE_STATE, ENOENT, .queue_id = 0);
	REFUSED(fd, QUEUE_STATE, ENOENT, .queue_id = queue + 1);
	EQUAL(limits(fd).queues.used, 1);
	close(fd);
}

static const struct test tests[] = {
	{"numbers are of the file", numbers_are_of_the_file},
	{"new ones are empty", new_ones_are_empty},
	{"numbers are limited", numbers_are_limited},
	{"save areas are counted", save_areas_are_counted},
	{"more queues than slots get on", more_than_there_are_slots},
	{"higher priorities need a right", priorities_need_a_right},
	{"destroying ends what runs", destroy_ends_what_runs},
	{"refusals", refusals},
};

int main(void)
{
	return RUN(tests);
}
