// SPDX-License-Identifier: MIT
/* What the device counted of a job: struct tern_profile in memory the context maps. */
#include "lib/accel.h"

#include <errno.h>
#include <string.h>

#define MAX_EVENTS (1u << 18) /* of one job; 10 MiB */

static uint64_t ops_bytes(const struct tern_run *run)
{
	return run->nops * sizeof(struct tern_profile_op);
}

static uint64_t room_for(const struct tern_run *run)
{
	return sizeof(struct tern_profile) + ops_bytes(run) +
	       (run->tracer ? MAX_EVENTS * sizeof(struct tern_profile_event) : 0);
}

int accel_profile_room(struct tern_context *c, const struct tern_run *run)
{
	int ret;

	if (c->profile.size >= room_for(run))
		return 0;
	if (c->profile.host) {
		ret = accel_unmap_one(c, &c->profile);
		if (ret)
			return ret;
		accel_free(&c->owner->base, &c->profile);
	}
	ret = accel_alloc(&c->owner->base, room_for(run), &c->profile);
	return ret ? ret : accel_map_one(c, &c->profile, TERN_READ | TERN_WRITE);
}

static void sync_profile(const struct tern_context *c, const struct tern_run *run, uint32_t flags)
{
	struct drm_tern_bo_sync s = {
		.handle = c->profile.bo, .flags = flags, .size = room_for(run)};

	if (!(c->owner->info.flags & DRM_TERN_INFO_COHERENT))
		accel_ioctl(c->owner, DRM_IOCTL_TERN_BO_SYNC, &s);
}

void accel_profile_begin(struct tern_context *c, struct tern_run *run)
{
	struct tern_profile *p = (void *)c->profile.host;
	const uint64_t ops = c->profile.va + sizeof(*p);

	memset(p, 0, sizeof(*p) + ops_bytes(run));
	p->nops = (uint32_t)run->nops;
	p->ops = run->nops ? ops : 0;
	p->nevents = run->tracer ? MAX_EVENTS : 0;
	p->events = run->tracer ? ops + ops_bytes(run) : 0;
	run->job.profile = c->profile.va;
	sync_profile(c, run, DRM_TERN_SYNC_TO_DEVICE);
}

static uint64_t host_time(const struct drm_tern_clocks *k, uint64_t timestamp)
{
	return k->monotonic_ns - (uint64_t)(int64_t)((double)(int64_t)(k->timestamp - timestamp) *
						     1e6 / k->timestamp_khz);
}

/* By the device's clock, which is read together with the host's. Without that nothing is told. */
static bool find_span(const struct accel *a, const struct tern_profile *p, struct tern_span *span)
{
	struct drm_tern_clocks k = {0};
	struct drm_tern_dev_query q = {
		.type = DRM_TERN_QUERY_CLOCKS, .size = sizeof(k), .pointer = (uintptr_t)&k};

	if (accel_ioctl(a, DRM_IOCTL_TERN_DEV_QUERY, &q) || !k.timestamp_khz)
		return false;
	*span = (struct tern_span){
		.start_ns = host_time(&k, p->begin),
		.end_ns = host_time(&k, p->end),
		.error_ns = k.error_ns,
		.cycles = p->counters.cycles,
		.lost = p->event_count > MAX_EVENTS ? p->event_count - MAX_EVENTS : 0,
		.preemptions = p->preemptions,
	};
	return true;
}

static void give_events(const struct tern_profile_event *e, uint64_t n, const struct tern_run *run)
{
	uint64_t i;

	for (i = 0; i < n && i < MAX_EVENTS; i++) {
		const struct tern_sim_event out = {
			.queue = e[i].queue,
			.word = e[i].word,
			.mark = e[i].mark,
			.dispatch = e[i].dispatch,
			.start = e[i].start,
			.end = e[i].end,
		};

		run->tracer->event(run->tracer->ctx, &out);
	}
}

void accel_profile_end(struct tern_context *c, struct tern_run *run)
{
	const struct tern_profile *p = (const void *)c->profile.host;
	const struct tern_profile_op *op = (const void *)(p + 1);
	struct tern_span span;
	size_t i;

	sync_profile(c, run, DRM_TERN_SYNC_FROM_DEVICE);
	run->counters = p->counters;
	for (i = 0; i < run->nops; i++) {
		run->ops[i].cycles = op[i].cycles;
		memcpy(run->ops[i].busy, op[i].busy, sizeof(run->ops[i].busy));
		run->ops[i].dram_bytes = op[i].dram_bytes;
		run->ops[i].macs = op[i].macs;
		run->ops[i].commands = op[i].commands;
	}
	if (!run->tracer)
		return;
	if (find_span(c->owner, p, &span))
		run->tracer->span(run->tracer->ctx, &span);
	give_events((const void *)(op + run->nops), p->event_count, run);
}
