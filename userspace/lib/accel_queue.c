// SPDX-License-Identifier: MIT
/*
 * Jobs on the kernel driver. A kernel-owned queue takes them by SUBMIT; a user-owned one is a
 * ring in the context's memory, and a doorbell. Either way one job is under way per context.
 */
#include "lib/accel.h"
#include "lib/clock.h"
#include "graph/graph.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define RING_JOBS  8u
#define RING_BYTES (sizeof(struct tern_ring) + RING_JOBS * sizeof(struct tern_job))
#define LOOK_NS	   5000000u /* how often a stop is looked for */

static struct tern_ring *ring_of(const struct tern_context *c)
{
	return (void *)c->ring.mem.host;
}

/* ---- the queue ------------------------------------------------------------------------ */

static int make_ring(struct tern_context *c, struct drm_tern_queue_create *q)
{
	struct tern_ring *r;
	int ret = 0;

	if (!c->ring.mem.host) {
		ret = accel_alloc_bo(&c->owner->base, RING_BYTES, 0, &c->ring.mem);
		if (!ret)
			ret = accel_map_one(c, &c->ring.mem, TERN_READ | TERN_WRITE);
	}
	if (ret)
		return ret;
	r = ring_of(c);
	memset(r, 0, RING_BYTES);
	r->entries = c->ring.mem.va + sizeof(*r);
	r->count = RING_JOBS;
	c->jobs = 0;
	q->flags = DRM_TERN_QUEUE_USER;
	q->ring_bo = c->ring.mem.bo;
	q->ring_va = c->ring.mem.va;
	return 0;
}

static void map_doorbell(struct tern_context *c, uint64_t offset)
{
	void *p = MAP_FAILED;

	if (offset)
		p = mmap(NULL, c->owner->info.doorbell_bytes, PROT_WRITE, MAP_SHARED, c->owner->fd,
			 (off_t)offset);
	c->ring.doorbell = p == MAP_FAILED ? NULL : p;
}

int accel_queue_create(struct tern_context *c)
{
	struct drm_tern_queue_create q = {.vm_id = c->vm, .priority = DRM_TERN_PRIORITY_NORMAL};
	int ret = c->owner->user_queues ? make_ring(c, &q) : 0;

	if (ret)
		return ret;
	ret = accel_ioctl(c->owner, DRM_IOCTL_TERN_QUEUE_CREATE, &q);
	if (ret)
		return tern_fail(ret, "the kernel gives no queue: %s%s", strerror(-ret),
				 ret == -ENOSPC || ret == -EXFULL ? "; destroy sessions" : "");
	c->queue = q.queue_id;
	map_doorbell(c, q.doorbell_offset);
	return 0;
}

void accel_queue_destroy(struct tern_context *c)
{
	struct drm_tern_queue_destroy q = {.queue_id = c->queue};

	if (c->ring.doorbell)
		munmap((void *)(uintptr_t)c->ring.doorbell, c->owner->info.doorbell_bytes);
	c->ring.doorbell = NULL;
	if (c->queue)
		accel_ioctl(c->owner, DRM_IOCTL_TERN_QUEUE_DESTROY, &q);
	c->queue = 0;
}

/* ---- one job ------------------------------------------------------------------------------ */

static int submit(struct tern_context *c, const struct tern_job *job, uint64_t *number)
{
	struct drm_tern_job j = {
		.image = job->image,
		.args = job->args,
		.budget = job->budget,
		.profile = job->profile,
	};
	struct drm_tern_submit s = {.queue_id = c->queue, .jobs = DRM_TERN_ARRAY(1, &j)};
	int ret = accel_ioctl(c->owner, DRM_IOCTL_TERN_SUBMIT, &s);

	*number = s.last_job;
	return ret;
}

/* Entry, then (release) the index, then the bell. */
static int ring(struct tern_context *c, const struct tern_job *job)
{
	struct tern_ring *r = ring_of(c);
	struct tern_job *entry = (struct tern_job *)(r + 1) + c->jobs % RING_JOBS;
	struct drm_tern_queue_kick kick = {.queue_id = c->queue};

	*entry = *job;
	entry->flags = TERN_JOB_IRQ;
	c->jobs++;
	__atomic_store_n(&r->write, c->jobs, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!c->ring.doorbell)
		return accel_ioctl(c->owner, DRM_IOCTL_TERN_QUEUE_KICK, &kick);
#if defined(__aarch64__)
	__asm__ volatile("dmb oshst" ::: "memory");
#endif
	c->ring.doorbell[TERN_DOORBELL_RING / 4] = 1;
	return 0;
}

/* 0, -EINTR for a stop, or why it ended. */
static int wait_for(struct tern_context *c, uint64_t number, const volatile int *stop)
{
	struct drm_tern_queue_wait w = {.queue_id = c->queue, .value = number};
	int ret;

	if (c->owner->user_queues) {
		w.bo_handle = c->ring.mem.bo;
		w.offset = offsetof(struct tern_ring, done);
	}
	do {
		if (tern_stopped(stop))
			return -EINTR;
		w.timeout_ns = (int64_t)(tern_now_ns() + LOOK_NS);
		ret = accel_ioctl(c->owner, DRM_IOCTL_TERN_QUEUE_WAIT, &w);
	} while (ret == -ETIMEDOUT);
	return ret;
}

/* ---- how it failed -------------------------------------------------------------------------- */

static const struct {
	int error;
	const char *text;
} ends[] = {
	{-ETIMEDOUT, "the NPU made no progress and was reset; run it again, and see dmesg"},
	{-ENODATA,
	 "the NPU was reset meanwhile, because of another program or a fault of its own; run it "
	 "again, and see dmesg"},
	{-ECANCELED, "the queue was destroyed before the job began"},
	{-ENODEV, "the NPU is gone; see dmesg"},
	{-ENOTRECOVERABLE, "the address space is unusable; make another session"},
};

static int say_end(int err)
{
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (ends[i].error == err)
			return tern_fail(err, "%s", ends[i].text);
	}
	return tern_fail(err, "the kernel did not run the job: %s", strerror(-err));
}

/* Asks the queue, because a wait ends well with any end of the job; `err` is how it ended. 0:
 * the job ended well, or there is a fault record, now in run->fault. */
static int find_end(struct tern_context *c, int err, struct tern_run *run)
{
	struct drm_tern_queue_state s = {.queue_id = c->queue};
	int ret = accel_ioctl(c->owner, DRM_IOCTL_TERN_QUEUE_STATE, &s);

	run->fault = (struct tern_fault){0};
	if (ret)
		return say_end(err ? err : ret);
	if (!s.fault.code && s.error)
		err = s.error;
	if (!s.fault.code && !err && s.lost)
		err = -ENODATA;
	if (!s.fault.code)
		return err ? say_end(err) : 0;
	run->fault = (struct tern_fault){
		.code = s.fault.code,
		.class = s.fault.class_,
		.queue = s.fault.queue,
		.word = s.fault.word,
		.addr = s.fault.addr,
		.info = s.fault.info,
		.cycle = s.fault.cycle,
		.mark = s.fault.mark,
	};
	return 0;
}

int accel_queue_run(struct tern_context *c, struct tern_run *run)
{
	uint64_t number = 0;
	int ret;

	accel_profile_begin(c, run);
	ret = accel_map_sync(c, DRM_TERN_SYNC_TO_DEVICE);
	if (ret)
		return ret;
	ret = c->owner->user_queues ? ring(c, &run->job) : submit(c, &run->job, &number);
	if (!ret)
		ret = wait_for(c, c->owner->user_queues ? c->jobs : number, run->stop);
	if (run->tracer)
		accel_trace_read(c, run->tracer); /* the queue may be another one next time */
	if (ret != -EINTR)
		ret = find_end(c, ret, run);
	if (ret || run->fault.code)
		accel_queue_destroy(c); /* the next run makes another */
	if (ret)
		return ret;
	if (run->fault.code)
		run->counters = (struct tern_counters){0}; /* the device counts to the end only */
	else
		accel_profile_end(c, run);
	return accel_map_sync(c, DRM_TERN_SYNC_FROM_DEVICE);
}
