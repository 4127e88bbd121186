// SPDX-License-Identifier: MIT
#include "selftest_lives.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "selftest_fault.h"
#include "selftest_user.h"

#define ROUNDS	   20
#define LIVE_VA	   0x800000ull
#define LIVE_PAGES 64u
#define LONG	   PAGE /* offset of a program in the code's buffer */

static struct context c;

/* ---- Jobs ---- */
static void open_context(void)
{
	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 1);
	image_end(&c.image, c.code.map);
	image_begin(&c.image);
	image_loop(&c.image, 2, 20000);
	image_end(&c.image, (char *)c.code.map + LONG);
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF,
		 &(struct drm_tern_perf){.op = DRM_TERN_PERF_TRACE_START, .size = 4096});
}

static void read_trace(void)
{
	static struct drm_tern_perf_event event[256];
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_TRACE_READ,
				     .size = sizeof(event),
				     .stride = sizeof(event[0]),
				     .pointer = (uintptr_t)event};

	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &args);
}

/* It signals, however its job ends. */
static void await_fence(uint32_t syncobj)
{
	if (wait_syncobj(c.fd, syncobj, 0, LIFE_PATIENCE_MS) == -ETIME)
		_exit(LIFE_UNSIGNALLED);
}

static void run_one_job(uint32_t queue, uint64_t image)
{
	struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL, .handle = make_syncobj(c.fd)};
	struct drm_tern_job job = {.image = image,
				   .args = DATA_VA,
				   .flags = DRM_TERN_JOB_RESTARTABLE,
				   .syncs = DRM_TERN_ARRAY(1, &signal)};
	struct drm_tern_submit call = {.queue_id = queue, .jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_syncobj_destroy gone = {.handle = signal.handle};

	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	await_fence(signal.handle);
	do_ioctl(c.fd, DRM_IOCTL_SYNCOBJ_DESTROY, &gone);
	EQUAL(queue_state(c.fd, queue).error, 0);
}

static void of_jobs(void)
{
	open_context();
	for (int i = 0; i < ROUNDS; i++) {
		run_one_job(c.queue, CODE_VA + (i % 4 == 3 ? LONG : 0));
		read_trace();
	}
	context_close(&c);
}

/* Many at once, so that slots change hands and jobs are preempted. */
static void of_queues(void)
{
	uint32_t queue[6], syncobj[6];

	open_context();
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 6; i++) {
			struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL};
			struct drm_tern_job job = {.image = CODE_VA + LONG,
						   .args = DATA_VA,
						   .syncs = DRM_TERN_ARRAY(1, &signal)};
			struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
			struct drm_tern_queue_create create = {.vm_id = c.vm, .priority = i % 4};

			do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &create);
			call.queue_id = queue[i] = create.queue_id;
			signal.handle = syncobj[i] = make_syncobj(c.fd);
			do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
		}
		for (int i = 0; i < 6; i++) {
			await_fence(syncobj[i]);
			do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY,
				 &(struct drm_tern_queue_destroy){.queue_id = queue[i]});
		}
	}
	context_close(&c);
}

/* Ends by a fault of its own, whose record is the device's. */
static void of_faults(void)
{
	open_context();
	image_begin(&c.image);
	image_trap(&c.image, 4711);
	image_end(&c.image, c.code.map);
	for (int i = 0; i < ROUNDS / 2; i++) {
		uint32_t queue = make_queue(c.fd, c.vm);

		submit(c.fd, queue, CODE_VA, DATA_VA);
		if (wait_job(c.fd, queue, 1, LIFE_PATIENCE_MS) == -ETIMEDOUT)
			_exit(LIFE_UNSIGNALLED);
		queue_state(c.fd, queue);
		do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY,
			 &(struct drm_tern_queue_destroy){.queue_id = queue});
	}
	context_close(&c);
}

/* ---- Address spaces ---- */
/* Mapped and unmapped, at once and behind jobs, while jobs are under way there. */
static void of_bindings(void)
{
	struct buffer buffer;

	open_context();
	buffer = make_buffer(c.fd, LIVE_PAGES * PAGE);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		struct drm_tern_vm_bind_op op[2] = {{.type = DRM_TERN_BIND_MAP,
						     .flags = DRM_TERN_BIND_WRITE,
						     .bo_handle = buffer.handle,
						     .va = LIVE_VA,
						     .size = buffer.size},
						    {.type = DRM_TERN_BIND_UNMAP,
						     .va = LIVE_VA + PAGE * (i % LIVE_PAGES),
						     .size = PAGE}};
		struct drm_tern_vm_bind call = {.vm_id = c.vm,
						.flags = i % 2 ? DRM_TERN_VM_BIND_ASYNC : 0,
						.ops = DRM_TERN_ARRAY(2, op)};

		submit(c.fd, c.queue, CODE_VA + LONG, DATA_VA);
		do_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &call);
		run_one_job(c.queue, CODE_VA);
		unbind(c.fd, c.vm, LIVE_VA, buffer.size);
	}
	free_buffer(c.fd, &buffer);
	context_close(&c);
}

/* ---- User-owned queues ---- */
static void of_user_queues(void)
{
	struct user u;

	open_context();
	need_user_queues(c.fd);
	user_open_as(&c, &u, LIVE_VA, DRM_TERN_PRIORITY_NORMAL);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		user_put(&u, CODE_VA, DATA_VA);
		user_ring(&u);
		EQUAL(user_wait(&u, i, 5000), 0);
	}
	user_destroy(&u);
	context_close(&c);
}

/* ---- What can be read ---- */
static void read_all(const char *pattern)
{
	static char text[65536];
	glob_t found;

	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		int fd = open(found.gl_pathv[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);

		while (fd >= 0 && read(fd, text, sizeof(text)) > 0)
			;
		if (fd >= 0)
			close(fd);
	}
	globfree(&found);
}

static void query(uint32_t type)
{
	uint64_t room[64];
	struct drm_tern_dev_query args = {
		.type = type, .size = sizeof(room), .pointer = (uintptr_t)room};

	try_ioctl(c.fd, DRM_IOCTL_TERN_DEV_QUERY, &args);
}

static void of_readers(void)
{
	open_context();
	for (int i = 0; i < ROUNDS / 4; i++) {
		for (uint32_t type = 0; type < 8; type++)
			query(type);
		for (uint32_t op = DRM_TERN_PERF_QUEUE; op <= DRM_TERN_PERF_DEVICE; op++) {
			struct drm_tern_perf_counters counters;
			struct drm_tern_perf args = {.op = op,
						     .id = c.queue,
						     .size = sizeof(counters),
						     .pointer = (uintptr_t)&counters};

			try_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &args);
		}
		read_all("/sys/kernel/debug/accel/*/*");
		read_all("/sys/class/hwmon/hwmon*/*_*");
		read_all("/sys/class/devcoredump/devcd*/data");
		read_all("/proc/self/fdinfo/*");
		run_one_job(c.queue, CODE_VA);
	}
	context_close(&c);
}

void (*const lives[])(void) = {of_jobs,	    of_queues,	    of_faults,
			       of_bindings, of_user_queues, of_readers};
const unsigned int nlives = ARRAY_SIZE(lives);
