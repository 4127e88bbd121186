// SPDX-License-Identifier: MIT
#include "selftest_user.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <tern/fw.h>

static struct drm_tern_info info(int fd)
{
	struct drm_tern_info info = {0};
	struct drm_tern_dev_query args = {
		.type = DRM_TERN_QUERY_INFO, .size = sizeof(info), .pointer = (uintptr_t)&info};

	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &args);
	return info;
}

void need_user_queues(int fd)
{
	if (!(info(fd).flags & DRM_TERN_INFO_USER_QUEUES))
		skip("no user-owned queues here");
}

void user_open_as(const struct context *c, struct user *u, uint64_t va, uint32_t priority)
{
	struct drm_tern_queue_create args = {
		.vm_id = c->vm, .flags = DRM_TERN_QUEUE_USER, .priority = priority, .ring_va = va};

	memset(u, 0, sizeof(*u));
	u->fd = c->fd;
	u->memory = make_buffer(c->fd, PAGE);
	bind(c->fd, c->vm, u->memory.handle, va, PAGE, DRM_TERN_BIND_WRITE);
	u->ring = u->memory.map;
	u->ring->entries = va + sizeof(*u->ring);
	u->ring->count = USER_JOBS;
	args.ring_bo = u->memory.handle;
	do_ioctl(c->fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
	u->queue = args.queue_id;
	EQUAL(!!args.doorbell_offset, !!(info(c->fd).flags & DRM_TERN_INFO_DOORBELL));
	if (!args.doorbell_offset)
		return;
	u->doorbell = mmap(NULL, info(c->fd).doorbell_bytes, PROT_WRITE, MAP_SHARED, c->fd,
			   (off_t)args.doorbell_offset);
	CHECK(u->doorbell != MAP_FAILED);
}

void user_destroy(struct user *u)
{
	struct drm_tern_queue_destroy args = {.queue_id = u->queue};

	do_ioctl(u->fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &args);
}

void user_unmap(struct user *u)
{
	if (u->doorbell)
		munmap((void *)u->doorbell, PAGE);
	munmap(u->memory.map, u->memory.size);
}

int user_kick(struct user *u)
{
	struct drm_tern_queue_kick args = {.queue_id = u->queue};

	return try_ioctl(u->fd, DRM_IOCTL_TERN_QUEUE_KICK, &args);
}

void user_put(struct user *u, uint64_t image, uint64_t args)
{
	struct tern_job *entry = (struct tern_job *)(u->ring + 1) + u->written % USER_JOBS;

	*entry = (struct tern_job){.image = image, .args = args, .flags = TERN_JOB_IRQ};
	__atomic_store_n(&u->ring->write, ++u->written, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void user_ring(struct user *u)
{
	if (u->doorbell)
		*u->doorbell = 1;
	else
		EQUAL(user_kick(u), 0);
}

int user_wait(struct user *u, uint64_t jobs, int64_t milliseconds)
{
	struct drm_tern_queue_wait args = {.queue_id = u->queue,
					   .bo_handle = u->memory.handle,
					   .offset = offsetof(struct tern_ring, done),
					   .value = jobs,
					   .timeout_ns = monotonic(milliseconds)};

	return try_ioctl(u->fd, DRM_IOCTL_TERN_QUEUE_WAIT, &args);
}

/* ---- What was done for a queue ---- */
static struct drm_tern_perf_event events[4096];

void user_trace(const struct user *u)
{
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_TRACE_START, .size = ARRAY_SIZE(events)};

	do_ioctl(u->fd, DRM_IOCTL_TERN_PERF, &args);
}

/* Appends to events[]; their new number. */
static size_t trace_read(const struct user *u, size_t n)
{
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_TRACE_READ,
				     .size = (uint32_t)(sizeof(events) - n * sizeof(events[0])),
				     .stride = sizeof(events[0]),
				     .pointer = (uintptr_t)&events[n]};

	do_ioctl(u->fd, DRM_IOCTL_TERN_PERF, &args);
	EQUAL(args.lost, 0);
	return n + args.size / sizeof(events[0]);
}

static bool is_firmwares(size_t i, uint64_t what)
{
	return events[i].kind == DRM_TERN_PERF_FW && events[i].arg == what;
}

/* Reads until the firmware has said that all jobs ended. 0: it said more than anybody kept. */
static size_t trace_of(const struct user *u)
{
	uint64_t ended = 0;
	size_t n = 0, end;

	for (int i = 0; i < 200; i++) {
		for (end = trace_read(u, n); n < end; n++)
			ended += is_firmwares(n, TERN_FW_TRACE_END);
		if (ended == u->written)
			return n;
		usleep(50000);
	}
	printf("# of %d jobs the firmware's trace has %d\n", (int)u->written, (int)ended);
	return 0;
}

void user_ran_in_each_slot(const struct user *u)
{
	size_t n = trace_of(u);
	bool ran = true;

	for (size_t i = 0; i < n; i++) {
		if (events[i].kind == DRM_TERN_PERF_BOUND) {
			CHECK(ran);
			ran = false;
		}
		ran |= is_firmwares(i, TERN_FW_TRACE_RUN);
	}
	CHECK(ran);
}
