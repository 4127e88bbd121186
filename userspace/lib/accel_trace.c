// SPDX-License-Identifier: MIT
/*
 * What driver and firmware say happened to a context's jobs: PERF of the kernel driver. It records
 * for a file, so of several contexts that would trace at once on one device only the first can.
 */
#include "lib/accel.h"

#include <tern/fw.h>

#include <errno.h>

#define KEPT 16384u /* events between two readings */

struct meaning {
	const char *name; /* NULL: left out */
	enum tern_life_track track;
	char phase;
};

static const struct meaning of_driver[] = {
	[DRM_TERN_PERF_SUBMITTED] = {"job", TERN_LIFE_DRIVER, 'b'},
	[DRM_TERN_PERF_READY] = {"in the ring", TERN_LIFE_DRIVER, 'n'},
	[DRM_TERN_PERF_ENDED] = {"job", TERN_LIFE_DRIVER, 'e'},
	[DRM_TERN_PERF_BOUND] = {"slot given", TERN_LIFE_DRIVER, 'i'},
	[DRM_TERN_PERF_UNBOUND] = {"slot taken", TERN_LIFE_DRIVER, 'i'},
};
static const struct meaning of_firmware[] = {
	[TERN_FW_TRACE_DOORBELL] = {"doorbell", TERN_LIFE_FIRMWARE, 'i'},
	[TERN_FW_TRACE_RUN] = {"run", TERN_LIFE_FIRMWARE, 'B'},
	[TERN_FW_TRACE_PREEMPT] = {"preempt", TERN_LIFE_FIRMWARE, 'i'},
	[TERN_FW_TRACE_SAVED] = {"run", TERN_LIFE_FIRMWARE, 'E'},
	[TERN_FW_TRACE_END] = {"run", TERN_LIFE_FIRMWARE, 'E'},
};
#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

static const struct meaning *meaning_of(const struct drm_tern_perf_event *e)
{
	if (e->kind == DRM_TERN_PERF_FW)
		return e->arg < COUNT(of_firmware) ? &of_firmware[e->arg] : NULL;
	return e->kind < COUNT(of_driver) ? &of_driver[e->kind] : NULL;
}

static void give(const struct drm_tern_perf_event *e, const struct tern_tracer *tracer)
{
	const struct meaning *m = meaning_of(e);
	struct tern_life out;

	if (!m || !m->name)
		return; /* of a newer driver, or nothing to show */
	out = (struct tern_life){
		.time_ns = e->time_ns,
		.job = e->job,
		.arg = e->kind == DRM_TERN_PERF_FW ? 0 : e->arg,
		.name = m->name,
		.track = m->track,
		.phase = m->phase,
	};
	tracer->life(tracer->ctx, &out);
}

static void tell_lost(uint64_t lost, const struct tern_tracer *tracer, uint64_t time_ns)
{
	const struct tern_life out = {
		.time_ns = time_ns,
		.arg = lost,
		.name = "events lost",
		.track = TERN_LIFE_DRIVER,
		.phase = 'i',
	};

	tracer->life(tracer->ctx, &out);
}

/* Events given; 0 also if there are none to be had. */
static uint64_t read_some(struct tern_context *c, const struct tern_tracer *tracer)
{
	struct drm_tern_perf_event e[256];
	struct drm_tern_perf p = {
		.op = DRM_TERN_PERF_TRACE_READ,
		.size = sizeof(e),
		.stride = sizeof(e[0]),
		.pointer = (uintptr_t)e,
	};
	uint64_t i, n;

	if (accel_ioctl(c->owner, DRM_IOCTL_TERN_PERF, &p))
		return 0;
	n = p.size / sizeof(e[0]);
	for (i = 0; i < n; i++) {
		if (e[i].queue_id == c->queue)
			give(&e[i], tracer);
	}
	if (p.lost && n)
		tell_lost(p.lost, tracer, e[n - 1].time_ns);
	return n;
}

void accel_trace_read(struct tern_context *c, const struct tern_tracer *tracer)
{
	while (c->traced && read_some(c, tracer))
		;
}

int accel_trace_start(struct tern_context *c)
{
	struct drm_tern_perf p = {.op = DRM_TERN_PERF_TRACE_START, .size = KEPT};
	int ret = accel_ioctl(c->owner, DRM_IOCTL_TERN_PERF, &p);

	c->traced = !ret;
	return ret;
}

void accel_trace_stop(struct tern_context *c, const struct tern_tracer *tracer)
{
	struct drm_tern_perf p = {.op = DRM_TERN_PERF_TRACE_STOP};

	if (!c->traced)
		return;
	if (tracer)
		accel_trace_read(c, tracer);
	accel_ioctl(c->owner, DRM_IOCTL_TERN_PERF, &p);
	c->traced = false;
}
