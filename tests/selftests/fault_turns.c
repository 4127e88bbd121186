// SPDX-License-Identifier: MIT
/*
 * Queues take turns in slots, and engines do not let go of one. Whoever was in them dies of it; who
 * comes after it loses nothing, and is told nothing of it.
 */
#include <errno.h>
#include <unistd.h>

#include "selftest_fault.h"

#include <tern/fw.h>

#define CROWD 96 /* twice as many as there are slots: somebody always has to leave one */

static struct scene s;
static uint32_t queue[CROWD];
static bool ended[CROWD]; /* the firmware says so of a job, though none of them ends by itself */

static void start_crowd(void)
{
	struct drm_tern_job job = {.image = CODE_VA + PAGE, .args = DATA_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_perf trace = {.op = DRM_TERN_PERF_TRACE_START, .size = 65536};

	scene_open(&s);
	do_ioctl(s.a.fd, DRM_IOCTL_TERN_PERF, &trace);
	for (int i = 0; i < CROWD; i++) {
		ended[i] = false;
		call.queue_id = queue[i] = make_queue(s.a.fd, s.a.vm);
		do_ioctl(s.a.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	}
}

static void note_end(const struct drm_tern_perf_event *event)
{
	for (int i = 0; i < CROWD; i++)
		ended[i] |= event->queue_id == queue[i] && event->kind == DRM_TERN_PERF_FW &&
			    event->arg == TERN_FW_TRACE_END;
}

static void read_trace(void)
{
	static struct drm_tern_perf_event event[1024];
	struct drm_tern_perf args;

	do {
		args = (struct drm_tern_perf){.op = DRM_TERN_PERF_TRACE_READ,
					      .size = sizeof(event),
					      .stride = sizeof(event[0]),
					      .pointer = (uintptr_t)event};
		do_ioctl(s.a.fd, DRM_IOCTL_TERN_PERF, &args);
		for (size_t i = 0; i < args.size / sizeof(event[0]); i++)
			note_end(&event[i]);
	} while (args.size == sizeof(event));
}

/* How many have died of engines that they did not leave; nobody ends otherwise. */
static unsigned int count_dead(void)
{
	unsigned int dead = 0;

	read_trace();
	for (int i = 0; i < CROWD; i++) {
		struct drm_tern_queue_state state = queue_state(s.a.fd, queue[i]);

		EQUAL(state.lost, 0);
		CHECK(!state.error || state.error == -ETIMEDOUT);
		CHECK(!ended[i] || state.error);
		dead += !!state.error;
	}
	return dead;
}

static void end_crowd(unsigned int dead)
{
	struct drm_tern_queue_destroy args = {0};

	for (int i = 0; i < 600 && count_dead() < dead; i++)
		usleep(100000);
	usleep(500000); /* for what should not come after it */
	EQUAL(count_dead(), dead);
	for (int i = 0; i < CROWD; i++) {
		args.queue_id = queue[i];
		do_ioctl(s.a.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &args);
	}
}

/* Whether the slot is taken first or the engines are reset is chance. */
static void stubborn_engines(void)
{
	start_crowd();
	host_ask("stubborn 5");
	end_crowd(5);
	host_ask("used stubborn");
	scene_close(&s, PERHAPS);
}

static void hung_engines(void)
{
	start_crowd();
	host_ask("hang 1");
	end_crowd(1);
	host_ask("used hang");
	scene_close(&s, 1);
}

static const struct test tests[] = {
	{"stubborn engines, others wait", stubborn_engines},
	{"hung engines, others wait", hung_engines},
};

int main(void)
{
	return RUN_MARKED("fault_turns", tests);
}
