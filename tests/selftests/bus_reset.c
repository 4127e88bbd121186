// SPDX-License-Identifier: MIT
/* The bus resets the device under the driver: what ran is saved before, and goes on afterwards. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "selftest_sysfs.h"
#include "selftest_user.h"

/* Writes 7 where its argument says, after so many rounds. */
static void slow_writer(struct context *c, int64_t rounds)
{
	context_open(c);
	image_loop(&c->image, 2, rounds);
	image_fence(&c->image, TERN_REG_ARGS, 0, 7);
	image_end(&c->image, c->code.map);
}

static void ended_well(struct context *c, uint64_t job)
{
	struct drm_tern_queue_state state;

	EQUAL(context_wait(c, job), 0);
	state = queue_state(c->fd, c->queue);
	EQUAL(state.error, 0);
	EQUAL(state.lost, 0);
	EQUAL(((volatile uint64_t *)c->data.map)[0], 7);
}

static void idle_device(void)
{
	struct context c;

	slow_writer(&c, 10);
	ended_well(&c, context_submit(&c));
	reset_by_bus();
	((volatile uint64_t *)c.data.map)[0] = 0;
	ended_well(&c, context_submit(&c));
	context_close(&c);
}

static void sleeping_device(void)
{
	struct context c;

	slow_writer(&c, 10);
	ended_well(&c, context_submit(&c));
	await_sleep();
	reset_by_bus();
	((volatile uint64_t *)c.data.map)[0] = 0;
	ended_well(&c, context_submit(&c));
	context_close(&c);
}

enum { VALUE, GATE, BEGUN }; /* words of the data */

/* Says that it has begun, looks at the gate until that is open, and then writes 7. */
static uint64_t start_gated(struct context *c)
{
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	volatile uint64_t *word;

	context_open(c);
	word = c->data.map;
	word[GATE] = 2; /* LOOP goes on while one less is above 0 */
	image_fence(&c->image, TERN_REG_ARGS, BEGUN * 8, 1);
	image_load(&c->image, 3, TERN_REG_ARGS, GATE * 8);
	image_again(&c->image, 3, 2);
	image_fence(&c->image, TERN_REG_ARGS, VALUE * 8, 7);
	image_end(&c->image, c->code.map);
	call.queue_id = c->queue;
	do_ioctl(c->fd, DRM_IOCTL_TERN_SUBMIT, &call);
	for (int i = 0; i < 60000 && !word[BEGUN]; i++)
		usleep(1000);
	EQUAL(word[BEGUN], 1);
	return call.last_job;
}

static void running_job_goes_on(void)
{
	struct context c, other;
	uint64_t job = start_gated(&c);

	slow_writer(&other, 10);
	reset_by_bus();
	ended_well(&other, context_submit(&other));
	((volatile uint64_t *)c.data.map)[GATE] = 1;
	ended_well(&c, job);
	context_close(&other);
	context_close(&c);
}

static void again_and_again(void)
{
	struct context c;
	uint64_t job = 0;

	slow_writer(&c, 100000);
	for (int i = 0; i < 5; i++) {
		for (int n = 0; n < 8; n++)
			job = context_submit(&c);
		reset_by_bus();
	}
	ended_well(&c, job);
	context_close(&c);
}

/* ---- Who asks the device for something meanwhile waits ---- */
static _Atomic bool over;

static void *reads_clocks(void *arg)
{
	struct drm_tern_clocks clocks = {0};
	struct drm_tern_dev_query args = {.type = DRM_TERN_QUERY_CLOCKS,
					  .size = sizeof(clocks),
					  .pointer = (uintptr_t)&clocks};
	struct context *c = arg;
	intptr_t error = 0;

	while (!over && !error) {
		error = try_ioctl(c->fd, DRM_IOCTL_TERN_DEV_QUERY, &args);
		if (!error && (!clocks.timestamp || !~clocks.timestamp))
			error = -ERANGE;
	}
	return (void *)error;
}

static void *rings(void *arg)
{
	struct user *u = arg;
	intptr_t error = 0;

	for (int i = 0; !over && !error; i++) {
		user_put(u, CODE_VA, DATA_VA);
		if (i & 1)
			error = user_kick(u);
		else
			user_ring(u);
		if (!error)
			error = user_wait(u, u->written, 60000);
	}
	return (void *)error;
}

static void resets_under(void *(*body)(void *), void *arg)
{
	pthread_t thread;
	void *error;

	over = false;
	EQUAL(pthread_create(&thread, NULL, body, arg), 0);
	for (int i = 0; i < 3; i++) {
		usleep(20000);
		reset_by_bus();
	}
	over = true;
	EQUAL(pthread_join(thread, &error), 0);
	EQUAL((intptr_t)error, 0);
}

static void who_reads_clocks_waits(void)
{
	struct context c;

	context_open(&c);
	resets_under(reads_clocks, &c);
	context_close(&c);
}

static void who_rings_is_heard(void)
{
	struct context c;
	struct user u;

	slow_writer(&c, 10);
	need_user_queues(c.fd);
	user_open_as(&c, &u, 0x300000, DRM_TERN_PRIORITY_NORMAL);
	resets_under(rings, &u);
	EQUAL(queue_state(c.fd, u.queue).lost, 0);
	user_unmap(&u);
	context_close(&c);
}

static const struct test tests[] = {
	{"an idle device", idle_device},
	{"a sleeping device", sleeping_device},
	{"the running job goes on", running_job_goes_on},
	{"again and again", again_and_again},
	{"who reads the clocks waits", who_reads_clocks_waits},
	{"who rings is heard", who_rings_is_heard},
};

int main(void)
{
	return RUN(tests);
}
