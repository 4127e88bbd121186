// SPDX-License-Identifier: MIT
/* With firmware that never runs a job each of them ends by the watchdog, and none otherwise. */
#include <errno.h>

#include "selftest_host.h"

#define CONTEXTS 4u
#define JOBS	 3u

static void every_job_times_out(void)
{
	struct drm_tern_queue_state state;
	struct context c[CONTEXTS];

	module_param("job_timeout_ms", "1000");
	for (unsigned int i = 0; i < CONTEXTS; i++) {
		context_open(&c[i]);
		image_fence(&c[i].image, TERN_REG_ARGS, 8, 1);
		image_end(&c[i].image, c[i].code.map);
		for (unsigned int j = 0; j < JOBS; j++)
			context_submit(&c[i]);
	}
	for (unsigned int i = 0; i < CONTEXTS; i++) {
		EQUAL(context_wait(&c[i], JOBS), 0);
		state = queue_state(c[i].fd, c[i].queue);
		EQUAL(state.error, -ETIMEDOUT);
		EQUAL(state.error_job, 1);
		EQUAL(state.done, JOBS);
		EQUAL(state.state, DRM_TERN_QUEUE_DEAD);
		EQUAL(((volatile uint64_t *)c[i].data.map)[1], 0);
		context_close(&c[i]);
	}
}

static const struct test tests[] = {
	{"every job times out", every_job_times_out},
};

int main(void)
{
	return RUN_MARKED("never_scheduled", tests);
}
