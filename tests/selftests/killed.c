// SPDX-License-Identifier: MIT
/* Processes killed at any moment of what they do, and others beside them that must not notice. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest_user.h"

#define ROUNDS	  5
#define PROCESSES 4
#define WINDOW_VA 0x50000000ull
#define RING_VA	  0x300000ull
#define LOOP	  PAGE /* where the program that does not end is in the code's buffer */

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static struct context c;

static void open_busy(void)
{
	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 7);
	image_end(&c.image, c.code.map);
	image_begin(&c.image);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, (char *)c.code.map + LOOP);
}

/* Four jobs, some of which do not end; the last one signals. */
static void submit_some(uint32_t queue, uint32_t syncobj)
{
	struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL, .handle = syncobj};
	struct drm_tern_job job[4] = {{0}};
	struct drm_tern_submit call = {.queue_id = queue, .jobs = DRM_TERN_ARRAY(4, job)};

	for (int i = 0; i < 4; i++) {
		job[i].image = CODE_VA + (draw(3) ? 0 : LOOP);
		job[i].args = DATA_VA;
		job[i].budget = 1ull << 40;
	}
	job[3].syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &signal);
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
}

/* Somewhere in the window, when the jobs have ended. */
static void bind_later(uint32_t handle, uint32_t syncobj)
{
	struct drm_tern_sync wait = {.handle = syncobj};
	struct drm_tern_vm_bind_op op = {.type = DRM_TERN_BIND_REPLACE,
					 .bo_handle = handle,
					 .va = WINDOW_VA + (uint64_t)PAGE * draw(64),
					 .size = 64 * PAGE,
					 .syncs = DRM_TERN_ARRAY(1, &wait)};
	struct drm_tern_vm_bind call = {
		.vm_id = c.vm, .flags = DRM_TERN_VM_BIND_ASYNC, .ops = DRM_TERN_ARRAY(1, &op)};

	do_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &call);
}

static void arm(uint32_t queue)
{
	struct drm_tern_queue_wait wait = {.queue_id = queue,
					   .flags = DRM_TERN_WAIT_EVENT,
					   .value = 4,
					   .timeout_ns = INT64_MAX};
	char events[4096];

	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &wait);
	if (limits(c.fd).events.used > 40)
		CHECK(read(c.fd, events, sizeof(events)) > 0);
}

static void pin_some(void)
{
	struct drm_tern_bo_from_userptr args = {.size = 16 * PAGE};
	void *memory =
		mmap(NULL, args.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	args.address = (uintptr_t)memory;
	do_ioctl(c.fd, DRM_IOCTL_TERN_BO_FROM_USERPTR, &args);
	if (draw(2))
		close_handle(c.fd, args.handle);
	munmap(memory, args.size);
}

/* A user-owned queue with a job that does not end. */
static void ring_some(void)
{
	struct user u;

	user_open_as(&c, &u, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	user_put(&u, CODE_VA + LOOP, DATA_VA);
	user_ring(&u);
	user_wait(&u, 1, draw(2) ? 5 : 60000);
	user_destroy(&u);
	unbind(c.fd, c.vm, RING_VA, PAGE);
	if (u.doorbell)
		munmap((void *)(uintptr_t)u.doorbell, PAGE);
	free_buffer(c.fd, &u.memory);
}

/* A bit of everything for ever. */
static void busy(void)
{
	open_busy();
	for (;;) {
		struct drm_tern_queue_destroy destroy = {.queue_id = make_queue(c.fd, c.vm)};
		uint32_t syncobj = make_syncobj(c.fd);
		struct buffer buffer = make_buffer(c.fd, 64 * PAGE);

		submit_some(destroy.queue_id, syncobj);
		arm(destroy.queue_id);
		pin_some();
		bind_later(buffer.handle, syncobj);
		if (draw(2))
			ring_some();
		wait_job(c.fd, destroy.queue_id, 4, draw(2) ? 30 : 0);
		do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
		if (draw(2))
			unbind(c.fd, c.vm, WINDOW_VA, 256 * PAGE);
		free_buffer(c.fd, &buffer);
	}
}

static void check_that_jobs_run(void)
{
	open_busy();
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(((volatile uint64_t *)c.data.map)[1], 7);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	context_close(&c);
}

static void kill_one(pid_t child)
{
	int status = 0;

	usleep(draw(200000));
	kill(child, SIGKILL);
	EQUAL(waitpid(child, &status, 0), child);
	/* One that ended by itself has failed, and said why. */
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void at_any_moment(void)
{
	pid_t child[PROCESSES];

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PROCESSES; i++) {
			draw(1);
			child[i] = start_child(busy);
		}
		for (int i = 0; i < PROCESSES; i++)
			kill_one(child[i]);
		check_that_jobs_run();
	}
}

/* In a wait without end, of either kind of queue. */
static void wait_for_ever(void)
{
	open_busy();
	submit(c.fd, c.queue, CODE_VA + LOOP, DATA_VA);
	wait_job(c.fd, c.queue, 4, 1 << 30);
}

static void wait_for_memory(void)
{
	struct user u;

	open_busy();
	need_user_queues(c.fd);
	user_open_as(&c, &u, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	user_put(&u, CODE_VA + LOOP, DATA_VA);
	user_ring(&u);
	user_wait(&u, 1, 1 << 30);
}

static void in_a_wait(void)
{
	kill_one(start_child(wait_for_ever));
	kill_one(start_child(wait_for_memory));
	check_that_jobs_run();
}

static const struct test tests[] = {
	{"at any moment", at_any_moment},
	{"in a wait", in_a_wait},
};

int main(void)
{
	return RUN(tests);
}
