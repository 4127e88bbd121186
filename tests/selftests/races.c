// SPDX-License-Identifier: MIT
/* Threads of one process that change an address space while others run jobs in it and destroy. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

#define WINDOW_VA 0x40000000ull
#define WINDOW	  1024u /* pages */
#define BUFFERS	  4u
#define BINDERS	  4u
#define RUNNERS	  2u
#define ROUNDS	  40 /* of each thread */

static struct context c;
static struct buffer buffer[BUFFERS];
static const char *volatile complaint; /* threads have no way back to the test */

struct thread {
	pthread_t id;
	uint32_t seed;
};

static uint32_t draw(struct thread *thread, uint32_t below)
{
	thread->seed = thread->seed * 1664525 + 1013904223;
	return (thread->seed >> 8) % below;
}

static struct drm_tern_vm_bind_op any_change(struct thread *t)
{
	struct drm_tern_vm_bind_op op = {.type = draw(t, 3)};

	op.va = WINDOW_VA + (uint64_t)PAGE * draw(t, WINDOW);
	op.size = PAGE * (1 + draw(t, WINDOW / 2));
	if (op.type == DRM_TERN_BIND_UNMAP)
		return op;
	op.bo_handle = buffer[draw(t, BUFFERS)].handle;
	op.bo_offset = (uint64_t)PAGE * draw(t, WINDOW / 2);
	op.flags = draw(t, 4);
	return op;
}

/* Maps where something is mapped are refused; many at once may be too many. */
static void *binder(void *arg)
{
	struct thread *t = arg;

	for (int round = 0; round < ROUNDS; round++) {
		struct drm_tern_vm_bind_op op[3] = {any_change(t), any_change(t), any_change(t)};
		struct drm_tern_vm_bind call = {.vm_id = c.vm,
						.flags = draw(t, 2) ? DRM_TERN_VM_BIND_ASYNC : 0,
						.ops = DRM_TERN_ARRAY(1 + draw(t, 3), op)};
		int ret = try_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &call);

		if (ret && ret != -EEXIST && ret != -EAGAIN)
			complaint = "VM_BIND failed otherwise than by EEXIST or EAGAIN";
	}
	return NULL;
}

/* Touches only what nobody unmaps: its jobs must all end well. */
static void *runner(void *arg)
{
	uint32_t queue = make_queue(c.fd, c.vm);

	(void)arg;
	for (int round = 0; round < ROUNDS; round++)
		if (wait_job(c.fd, queue, submit(c.fd, queue, CODE_VA, DATA_VA), 60000))
			complaint = "a job did not end";
	if (queue_state(c.fd, queue).error)
		complaint = "a job failed";
	return NULL;
}

/* Reads all over the window: faults or not, and is destroyed either way. */
static void *destroyer(void *arg)
{
	(void)arg;
	for (int round = 0; round < ROUNDS; round++) {
		struct drm_tern_queue_destroy args = {.queue_id = make_queue(c.fd, c.vm)};

		submit(c.fd, args.queue_id, CODE_VA + PAGE, DATA_VA);
		if (try_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &args))
			complaint = "QUEUE_DESTROY failed";
	}
	return NULL;
}

static void begin(void)
{
	complaint = NULL;
	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 7);
	image_end(&c.image, c.code.map);
	image_begin(&c.image);
	image_movi(&c.image, 3, WINDOW_VA);
	for (unsigned int i = 0; i < 64; i++)
		image_load(&c.image, 2, 3, i * 16 * (int64_t)PAGE);
	image_end(&c.image, (char *)c.code.map + PAGE);
	for (unsigned int i = 0; i < BUFFERS; i++)
		buffer[i] = make_buffer(c.fd, (uint64_t)WINDOW * PAGE);
}

static void run_threads(struct thread *thread, unsigned int count, void *(*body)(void *))
{
	for (unsigned int i = 0; i < count; i++) {
		thread[i].seed = 77 * (i + 1);
		EQUAL(pthread_create(&thread[i].id, NULL, body, &thread[i]), 0);
	}
}

static void join_threads(struct thread *thread, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		EQUAL(pthread_join(thread[i].id, NULL), 0);
}

static void check_space(void)
{
	struct drm_tern_vm_state state = {.vm_id = c.vm};

	if (complaint)
		fail(__FILE__, __LINE__, "%s", complaint);
	unbind(c.fd, c.vm, WINDOW_VA, 2 * WINDOW * (uint64_t)PAGE);
	do_ioctl(c.fd, DRM_IOCTL_TERN_VM_STATE, &state);
	EQUAL(state.mapped_bytes, c.code.size + c.data.size);
	EQUAL(state.error, 0);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
}

static void end(void)
{
	for (unsigned int i = 0; i < BUFFERS; i++)
		free_buffer(c.fd, &buffer[i]);
	context_close(&c);
}

static void binds_and_jobs(void)
{
	struct thread binding[BINDERS], running[RUNNERS];

	begin();
	run_threads(binding, BINDERS, binder);
	run_threads(running, RUNNERS, runner);
	join_threads(binding, BINDERS);
	join_threads(running, RUNNERS);
	check_space();
	end();
}

static void binds_and_destroys(void)
{
	struct thread binding[BINDERS], destroying[RUNNERS];

	begin();
	run_threads(binding, BINDERS, binder);
	run_threads(destroying, RUNNERS, destroyer);
	join_threads(binding, BINDERS);
	join_threads(destroying, RUNNERS);
	check_space();
	end();
}

/* The file goes while its threads are in it, as at a process's end. */
static void closed_under_threads(void)
{
	struct thread binding[BINDERS], running[RUNNERS];

	begin();
	run_threads(binding, BINDERS, binder);
	run_threads(running, RUNNERS, destroyer);
	_exit(0);
}

static void ends_under_threads(void)
{
	for (int i = 0; i < 4; i++)
		in_child(closed_under_threads);
	begin();
	check_space();
	end();
}

static const struct test tests[] = {
	{"binds and jobs", binds_and_jobs},
	{"binds and destroys", binds_and_destroys},
	{"a process ends under its threads", ends_under_threads},
};

int main(void)
{
	return RUN(tests);
}
