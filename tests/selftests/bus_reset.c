// SPDX-License-Identifier: MIT
/* The bus resets the device under the driver: what ran is saved before, and goes on afterwards. */
#include <unistd.h>

#include "selftest.h"
#include "selftest_sysfs.h"

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

static const struct test tests[] = {
	{"an idle device", idle_device},
	{"a sleeping device", sleeping_device},
	{"the running job goes on", running_job_goes_on},
	{"again and again", again_and_again},
};

int main(void)
{
	return RUN(tests);
}
