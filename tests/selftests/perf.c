// SPDX-License-Identifier: MIT
/* PERF: counts are those of the jobs, and nobody else's. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

static int try_counters(int fd, uint32_t op, uint32_t id, struct drm_tern_perf_counters *counters)
{
	struct drm_tern_perf args = {
		.op = op, .id = id, .size = sizeof(*counters), .pointer = (uintptr_t)counters};

	return try_ioctl(fd, DRM_IOCTL_TERN_PERF, &args);
}

static struct drm_tern_perf_counters counters_of(int fd, uint32_t op, uint32_t id)
{
	struct drm_tern_perf_counters counters;

	memset(&counters, 0x5a, sizeof(counters));
	EQUAL(try_counters(fd, op, id, &counters), 0);
	return counters;
}

static void queues_count_their_jobs(void)
{
	struct drm_tern_perf_counters counters;
	struct context c;
	uint64_t cycles = 0;

	context_open_looping(&c);
	counters = counters_of(c.fd, DRM_TERN_PERF_QUEUE, c.queue);
	EQUAL(counters.jobs | counters.errors | counters.cycles | counters.bound, 0);
	for (int i = 0; i < 3; i++)
		cycles += context_profiled(&c)->counters.cycles;
	counters = counters_of(c.fd, DRM_TERN_PERF_QUEUE, c.queue);
	EQUAL(counters.jobs, 3);
	EQUAL(counters.errors, 0);
	EQUAL(counters.cycles, cycles);
	CHECK(counters.bound >= 1);
	EQUAL(counters.energy_uj, 0);
	for (size_t i = 0; i < ARRAY_SIZE(counters.busy); i++)
		EQUAL(counters.busy[i], 0);
	context_close(&c);
}

static void files_count_all_their_queues(void)
{
	int other = device_open();
	struct drm_tern_perf_counters counters;
	struct drm_tern_queue_destroy destroy;
	struct context c;
	uint64_t cycles;

	context_open_looping(&c);
	cycles = context_profiled(&c)->counters.cycles;
	destroy = (struct drm_tern_queue_destroy){.queue_id = c.queue};
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	c.queue = make_queue(c.fd, c.vm);
	cycles += context_profiled(&c)->counters.cycles;
	image_begin(&c.image);
	image_trap(&c.image, 1);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	counters = counters_of(c.fd, DRM_TERN_PERF_FILE, 0);
	EQUAL(counters.jobs, 2);
	EQUAL(counters.errors, 1);
	CHECK(counters.cycles >= cycles);
	CHECK(counters.bound >= 2);
	counters = counters_of(c.fd, DRM_TERN_PERF_QUEUE, c.queue);
	EQUAL(counters.jobs, 1);
	EQUAL(counters.errors, 1);
	counters = counters_of(other, DRM_TERN_PERF_FILE, 0);
	EQUAL(counters.jobs | counters.errors | counters.cycles | counters.bound, 0);
	close(other);
	context_close(&c);
}

static void the_device_counts_for_perfmon_only(void)
{
	struct drm_tern_perf_counters before, after;
	const struct tern_profile *profile;
	struct context c;

	context_open_looping(&c);
	before = counters_of(c.fd, DRM_TERN_PERF_DEVICE, 0);
	profile = context_profiled(&c);
	after = counters_of(c.fd, DRM_TERN_PERF_DEVICE, 0);
	EQUAL(after.jobs, before.jobs + 1);
	EQUAL(after.errors, before.errors);
	EQUAL(after.cycles, before.cycles + profile->counters.cycles);
	for (size_t i = 0; i < TERN_NQUEUES; i++)
		EQUAL(after.busy[i], before.busy[i] + profile->counters.busy[i]);
	CHECK(profile->counters.busy[TERN_Q_CP] > 0);
	CHECK(after.energy_uj >= before.energy_uj);
	as_nobody();
	EQUAL(try_counters(c.fd, DRM_TERN_PERF_DEVICE, 0, &after), -EACCES);
	EQUAL(try_counters(c.fd, DRM_TERN_PERF_FILE, 0, &after), 0);
	as_root();
	context_close(&c);
}

static void sizes_may_differ(void)
{
	struct {
		struct drm_tern_perf_counters counters;
		uint64_t more[2];
	} out;
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_FILE};
	struct context c;

	context_open_looping(&c);
	context_profiled(&c);
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &args);
	EQUAL(args.size, sizeof(out.counters));
	memset(&out, 0x5a, sizeof(out));
	args.pointer = (uintptr_t)&out;
	args.size = 8;
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &args);
	EQUAL(out.counters.jobs, 1);
	EQUAL(out.counters.errors, 0x5a5a5a5a5a5a5a5all);
	args.size = sizeof(out);
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &args);
	EQUAL(args.size, sizeof(out.counters));
	EQUAL(out.counters.errors, 0);
	EQUAL(out.more[0] | out.more[1], 0);
	context_close(&c);
}

static void counts_are_refused(void)
{
	int fd = device_open();

	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_STOP + 1);
	REFUSED(fd, PERF, ENOENT, .op = DRM_TERN_PERF_QUEUE);
	REFUSED(fd, PERF, ENOENT, .op = DRM_TERN_PERF_QUEUE, .id = 99);
	for (uint32_t op = DRM_TERN_PERF_FILE; op <= DRM_TERN_PERF_TRACE_STOP; op++)
		REFUSED(fd, PERF, EINVAL, .op = op, .id = 1);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_QUEUE, .id = 1, .stride = 32);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_FILE, .stride = 32);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_DEVICE, .stride = 32);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_FILE, .lost = 1);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_STOP, .lost = 1);
	REFUSED(fd, PERF, E2BIG, .op = DRM_TERN_PERF_FILE, .size = 4097);
	REFUSED(fd, PERF, EFAULT, .op = DRM_TERN_PERF_FILE, .size = 8, .pointer = NOWHERE);
	close(fd);
}

static const struct test tests[] = {
	{"queues count their jobs", queues_count_their_jobs},
	{"files count all their queues", files_count_all_their_queues},
	{"the device counts for perfmon only", the_device_counts_for_perfmon_only},
	{"sizes may differ", sizes_may_differ},
	{"counts are refused", counts_are_refused},
};

int main(void)
{
	return RUN(tests);
}
