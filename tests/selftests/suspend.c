// SPDX-License-Identifier: MIT
/* The system sleeps, with work in every state it can be in; all of it goes on afterwards. */
#include <errno.h>
#include <unistd.h>

#include "selftest_sleep.h"
#include "selftest_vgem.h"
#include "selftest_work.h"

#define RING_VA 0x300000ull

/* ---- Programs: one that runs for a while and then writes 7 where its argument says ---- */
static void slow_writer(struct context *c, int64_t loops)
{
	context_open(c);
	image_loop(&c->image, 2, loops);
	image_fence(&c->image, TERN_REG_ARGS, 0, 7);
	image_end(&c->image, c->code.map);
}

static void queued_jobs_go_on(void)
{
	enum { QUEUES = 96, JOBS = 4 };
	uint32_t queue[QUEUES];
	volatile uint64_t *data;
	struct context c;

	slow_writer(&c, 20000);
	data = c.data.map;
	for (int i = 0; i < QUEUES; i++)
		queue[i] = make_queue(c.fd, c.vm);
	for (uint64_t job = 0; job < JOBS; job++)
		for (uint64_t i = 0; i < QUEUES; i++)
			submit(c.fd, queue[i], CODE_VA, DATA_VA + 8 * (job * QUEUES + i));
	EQUAL(system_sleeps("1"), 0);
	for (uint64_t i = 0; i < QUEUES; i++) {
		EQUAL(wait_job(c.fd, queue[i], JOBS, 60000), 0);
		EQUAL(queue_state(c.fd, queue[i]).error, 0);
		EQUAL(queue_state(c.fd, queue[i]).lost, 0);
		for (uint64_t job = 0; job < JOBS; job++)
			EQUAL(data[job * QUEUES + i], 7);
	}
	context_close(&c);
}

/* The one that runs, in every engine, is saved, and does not begin anew. */
static void running_job_goes_on(void)
{
	struct work w;
	uint64_t job;

	work_open(&w);
	job = work_start(&w, w.c.queue, 0, 0);
	work_await_begin(&w, 0);
	work_forget_begin(&w, 0);
	EQUAL(system_sleeps("1"), 0);
	EQUAL(wait_job(w.c.fd, w.c.queue, job, 50), -ETIMEDOUT);
	work_stop(&w, 0);
	work_await_end(&w, w.c.queue, job, 0);
	CHECK(!work_has_begun(&w, 0));
	EQUAL(queue_state(w.c.fd, w.c.queue).lost, 0);
	work_close(&w);
}

/* ---- User-owned queues take turns in slots, and one may be due in the middle of the night ---- */
struct user {
	uint32_t queue;
	struct buffer memory;
	struct tern_ring *ring;
};

static void user_open(struct context *c, struct user *u, uint64_t va)
{
	struct drm_tern_queue_create args = {.vm_id = c->vm,
					     .flags = DRM_TERN_QUEUE_USER,
					     .priority = DRM_TERN_PRIORITY_NORMAL,
					     .ring_va = va};

	u->memory = make_buffer(c->fd, PAGE);
	bind(c->fd, c->vm, u->memory.handle, va, PAGE, DRM_TERN_BIND_WRITE);
	u->ring = u->memory.map;
	u->ring->entries = va + sizeof(*u->ring);
	u->ring->count = 8;
	args.ring_bo = u->memory.handle;
	do_ioctl(c->fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
	u->queue = args.queue_id;
}

static void user_push(struct context *c, struct user *u, uint64_t args)
{
	struct drm_tern_queue_kick kick = {.queue_id = u->queue};
	struct tern_job *entry = (struct tern_job *)(u->ring + 1) + u->ring->write % 8;

	*entry = (struct tern_job){.image = CODE_VA, .args = args, .flags = TERN_JOB_IRQ};
	__atomic_store_n(&u->ring->write, u->ring->write + 1, __ATOMIC_RELEASE);
	do_ioctl(c->fd, DRM_IOCTL_TERN_QUEUE_KICK, &kick);
}

static void user_queues_go_on(void)
{
	enum { FILES = 2, EACH = 14, JOBS = 3 };
	static struct context file[FILES];
	static struct user u[FILES][EACH];

	for (int f = 0; f < FILES; f++) {
		slow_writer(&file[f], 100000);
		for (uint64_t i = 0; i < EACH; i++)
			user_open(&file[f], &u[f][i], RING_VA + i * PAGE);
	}
	for (int job = 0; job < JOBS; job++)
		for (int i = 0; i < FILES * EACH; i++)
			user_push(&file[i % FILES], &u[i % FILES][i / FILES],
				  DATA_VA + 8 * (uint64_t)(i / FILES));
	EQUAL(system_sleeps("1"), 0);
	for (int i = 0; i < FILES * EACH; i++) {
		struct context *c = &file[i % FILES];
		struct drm_tern_queue_wait args = {.queue_id = u[i % FILES][i / FILES].queue,
						   .bo_handle =
							   u[i % FILES][i / FILES].memory.handle,
						   .offset = offsetof(struct tern_ring, done),
						   .value = JOBS,
						   .timeout_ns = monotonic(60000)};

		do_ioctl(c->fd, DRM_IOCTL_TERN_QUEUE_WAIT, &args);
		EQUAL(queue_state(c->fd, args.queue_id).error, 0);
		EQUAL(((volatile uint64_t *)c->data.map)[i / FILES], 7);
	}
	for (int f = 0; f < FILES; f++)
		context_close(&file[f]);
}

/* ---- What a job waits for may come while the device sleeps: processes are frozen, fences not ---- */

static void job_comes_in_the_night(void)
{
	struct drm_tern_sync wait = {0};
	struct drm_tern_job job = {
		.image = CODE_VA, .args = DATA_VA, .syncs = DRM_TERN_ARRAY(1, &wait)};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct context with, without;

	slow_writer(&with, 10);
	slow_writer(&without, 10);
	EQUAL(context_wait(&with, context_submit(&with)), 0); /* it has a slot now */
	*(volatile uint64_t *)with.data.map = 0;
	wait.handle = fence_of_vgem(with.fd);
	call.queue_id = with.queue;
	do_ioctl(with.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	wait.handle = fence_of_vgem(without.fd);
	call.queue_id = without.queue;
	do_ioctl(without.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	sleep(8);
	EQUAL(queue_state(with.fd, with.queue).done, 1);
	EQUAL(queue_state(without.fd, without.queue).done, 0);
	EQUAL(system_sleeps("5"), 0);
	EQUAL(context_wait(&with, 2), 0);
	EQUAL(context_wait(&without, 1), 0);
	EQUAL(queue_state(with.fd, with.queue).error, 0);
	EQUAL(queue_state(without.fd, without.queue).error, 0);
	EQUAL(*(volatile uint64_t *)with.data.map, 7);
	EQUAL(*(volatile uint64_t *)without.data.map, 7);
	context_close(&with);
	context_close(&without);
}

static const struct test tests[] = {
	{"queued jobs go on", queued_jobs_go_on},
	{"the running job goes on", running_job_goes_on},
	{"user-owned queues go on", user_queues_go_on},
	{"a job comes in the night", job_comes_in_the_night},
};

int main(void)
{
	return RUN(tests);
}
