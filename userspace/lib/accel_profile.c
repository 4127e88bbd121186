// SPDX-License-Identifier: MIT
/* What the device counted of a job: struct tern_profile in memory the context maps. */
#include "lib/accel.h"
#include "lib/profile.h"

#define MAX_EVENTS (1u << 18) /* of one job; 10 MiB */

static uint64_t events_of(const struct tern_run *run)
{
	return run->tracer ? MAX_EVENTS : 0;
}

static uint64_t room_for(const struct tern_run *run)
{
	return tern_profile_bytes(run, events_of(run));
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
	if (ret)
		return ret;
	ret = accel_map_one(c, &c->profile, TERN_READ | TERN_WRITE);
	if (ret)
		accel_free(&c->owner->base, &c->profile); /* or the next run would trust it */
	return ret;
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
	tern_profile_ask((void *)c->profile.host, c->profile.va, events_of(run), run);
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

void accel_profile_end(struct tern_context *c, struct tern_run *run)
{
	const struct tern_profile *p = (const void *)c->profile.host;
	struct tern_span span;

	sync_profile(c, run, DRM_TERN_SYNC_FROM_DEVICE);
	tern_profile_counts(p, run);
	if (!run->tracer)
		return;
	if (find_span(c->owner, p, &span))
		run->tracer->span(run->tracer->ctx, &span);
	tern_profile_events(p, MAX_EVENTS, run);
}
