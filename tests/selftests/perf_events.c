// SPDX-License-Identifier: MIT
/* Traces of PERF: a job's life in its order, the file's own, and nothing twice. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

#include <tern/fw.h>

static struct drm_tern_perf_event events[4096];

static void trace_start(int fd, uint32_t size)
{
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_TRACE_START, .size = size};

	do_ioctl(fd, DRM_IOCTL_TERN_PERF, &args);
}

/* Appends to events[] from the skip'th on; their new number. */
static size_t trace_read(int fd, size_t skip, uint64_t *lost)
{
	struct drm_tern_perf args = {
		.op = DRM_TERN_PERF_TRACE_READ,
		.size = (uint32_t)(sizeof(events) - skip * sizeof(events[0])),
		.stride = sizeof(events[0]),
		.pointer = (uintptr_t)&events[skip],
	};

	do_ioctl(fd, DRM_IOCTL_TERN_PERF, &args);
	*lost = args.lost;
	return skip + args.size / sizeof(events[0]);
}

static size_t find(size_t n, uint32_t kind, uint64_t arg)
{
	for (size_t i = 0; i < n; i++) {
		if (events[i].kind == kind && events[i].arg == arg)
			return i;
	}
	return n;
}

/* Reads until the firmware has said that a job ended. */
static size_t read_to_the_end(int fd)
{
	uint64_t lost;
	size_t n = 0;

	for (int i = 0; i < 100; i++) {
		n = trace_read(fd, n, &lost);
		EQUAL(lost, 0);
		if (find(n, DRM_TERN_PERF_FW, TERN_FW_TRACE_END) < n)
			return n;
		usleep(50000);
	}
	fail(__FILE__, __LINE__, "the firmware does not say that the job ended");
}

static struct drm_tern_clocks clocks(int fd)
{
	struct drm_tern_clocks clocks = {0};
	struct drm_tern_dev_query query = {.type = DRM_TERN_QUERY_CLOCKS,
					   .size = sizeof(clocks),
					   .pointer = (uintptr_t)&clocks};

	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &query);
	return clocks;
}

static void events_are_in_order(void)
{
	static const uint32_t order[] = {DRM_TERN_PERF_SUBMITTED, DRM_TERN_PERF_READY,
					 DRM_TERN_PERF_BOUND, DRM_TERN_PERF_ENDED};
	uint64_t begin = (uint64_t)monotonic(0), error, last = 0;
	size_t n, host = 0, run, end;
	struct context c;

	context_open_looping(&c);
	error = clocks(c.fd).error_ns;
	trace_start(c.fd, 4096);
	context_profiled(&c);
	n = read_to_the_end(c.fd);
	error += clocks(c.fd).error_ns;
	for (size_t i = 0; i < n; i++) {
		EQUAL(events[i].queue_id, c.queue);
		CHECK(events[i].time_ns + error >= begin);
		CHECK(events[i].time_ns <= (uint64_t)monotonic(0));
		if (events[i].kind == DRM_TERN_PERF_FW)
			continue;
		EQUAL(events[i].kind, order[host]);
		EQUAL(events[i].job, events[i].kind != DRM_TERN_PERF_BOUND);
		CHECK(events[i].time_ns >= last);
		last = events[i].time_ns;
		host++;
	}
	EQUAL(host, ARRAY_SIZE(order));
	run = find(n, DRM_TERN_PERF_FW, TERN_FW_TRACE_RUN);
	end = find(n, DRM_TERN_PERF_FW, TERN_FW_TRACE_END);
	CHECK(run < n);
	CHECK(events[run].time_ns <= events[end].time_ns);
	CHECK(events[run].time_ns + error >= events[find(n, DRM_TERN_PERF_READY, 0)].time_ns);
	CHECK(events[run].time_ns <= events[find(n, DRM_TERN_PERF_ENDED, 0)].time_ns + error);
	context_close(&c);
}

/* Reads until the firmware has done this to the queue's slot; where in events[] that is. */
static size_t await_fw(int fd, size_t *n, size_t from, uint32_t queue, uint64_t what)
{
	uint64_t lost;

	for (int i = 0; i < 400; i++) {
		for (; from < *n; from++) {
			const struct drm_tern_perf_event *e = &events[from];

			if (e->kind == DRM_TERN_PERF_FW && e->queue_id == queue && e->arg == what)
				return from;
		}
		usleep(50000);
		*n = trace_read(fd, *n, &lost);
		EQUAL(lost, 0);
	}
	fail(__FILE__, __LINE__, "queue %u: the firmware does not say %llu", queue,
	     (unsigned long long)what);
}

/* A job that would never end gives way to one that matters more. */
static void preemption_is_seen(void)
{
	static const uint64_t life[] = {TERN_FW_TRACE_PREEMPT, TERN_FW_TRACE_SAVED,
					TERN_FW_TRACE_RUN, TERN_FW_TRACE_END};
	struct drm_tern_queue_create high = {.priority = DRM_TERN_PRIORITY_HIGH};
	uint64_t last = 0;
	struct context c;
	size_t n = 0, at;

	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	image_begin(&c.image);
	image_end(&c.image, (char *)c.code.map + PAGE);
	high.vm_id = c.vm;
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &high);
	trace_start(c.fd, 4096);
	context_submit(&c);
	at = await_fw(c.fd, &n, 0, c.queue, TERN_FW_TRACE_RUN);
	EQUAL(wait_job(c.fd, high.queue_id, submit(c.fd, high.queue_id, CODE_VA + PAGE, DATA_VA),
		       60000),
	      0);
	for (size_t i = 0; i < ARRAY_SIZE(life); i++) {
		at = await_fw(c.fd, &n, at, i < 2 ? c.queue : high.queue_id, life[i]);
		CHECK(events[at].time_ns >= last);
		last = events[at].time_ns;
	}
	await_fw(c.fd, &n, at, c.queue, TERN_FW_TRACE_RUN); /* and goes on */
	context_close(&c);
}

static void errors_are_told(void)
{
	uint64_t lost;
	struct context c;

	context_open(&c);
	image_trap(&c.image, 1);
	image_end(&c.image, c.code.map);
	trace_start(c.fd, 64);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	CHECK(find(trace_read(c.fd, 0, &lost), DRM_TERN_PERF_ENDED, (uint64_t)-EIO) < 64);
	context_close(&c);
}

static void full_traces_lose_the_newest(void)
{
	struct context c;
	uint64_t lost;

	context_open_looping(&c);
	trace_start(c.fd, 2);
	context_profiled(&c);
	EQUAL(trace_read(c.fd, 0, &lost), 2);
	CHECK(lost >= 2);
	EQUAL(events[0].kind, DRM_TERN_PERF_SUBMITTED);
	EQUAL(events[1].kind, DRM_TERN_PERF_READY);
	context_profiled(&c);
	EQUAL(trace_read(c.fd, 0, &lost), 2);
	context_close(&c);
}

static void strides_may_be_larger(void)
{
	struct {
		struct drm_tern_perf_event event;
		uint64_t more[2];
	} out[3];
	struct drm_tern_perf args = {
		.op = DRM_TERN_PERF_TRACE_READ,
		.size = sizeof(out) - 1, /* room for two */
		.stride = sizeof(out[0]),
		.pointer = (uintptr_t)out,
	};
	struct context c;

	context_open_looping(&c);
	trace_start(c.fd, 64);
	context_profiled(&c);
	memset(out, 0x5a, sizeof(out));
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &args);
	EQUAL(args.size, 2 * sizeof(out[0]));
	EQUAL(out[0].event.kind, DRM_TERN_PERF_SUBMITTED);
	EQUAL(out[1].event.kind, DRM_TERN_PERF_READY);
	EQUAL(out[0].more[0] | out[0].more[1] | out[1].more[0] | out[1].more[1], 0);
	EQUAL(out[2].event.time_ns, 0x5a5a5a5a5a5a5a5all);
	context_close(&c);
}

static void others_events_are_not_seen(void)
{
	int other = device_open();
	struct context c;
	uint64_t lost;

	context_open_looping(&c);
	trace_start(other, 64);
	trace_start(c.fd, 64);
	context_profiled(&c);
	read_to_the_end(c.fd);
	EQUAL(trace_read(other, 0, &lost), 0);
	EQUAL(lost, 0);
	close(other);
	context_close(&c);
}

static void traces_end(void)
{
	struct drm_tern_perf stop = {.op = DRM_TERN_PERF_TRACE_STOP};
	struct context c;
	uint64_t lost;

	context_open_looping(&c);
	trace_start(c.fd, 64);
	context_profiled(&c);
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &stop);
	context_profiled(&c);
	trace_start(c.fd, 64);
	/* Of the job before, only what the firmware had yet to say. */
	for (size_t i = trace_read(c.fd, 0, &lost); i-- > 0;)
		EQUAL(events[i].kind, DRM_TERN_PERF_FW);
	EQUAL(lost, 0);
	context_close(&c);
}

static void traces_are_refused(void)
{
	struct drm_tern_perf_event event;
	int fd = device_open();

	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_START);
	REFUSED(fd, PERF, E2BIG, .op = DRM_TERN_PERF_TRACE_START, .size = 65537);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_START, .size = 1, .stride = 32);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_START, .size = 1, .pointer = NOWHERE);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_STOP, .size = 1);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_STOP, .stride = 32);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_STOP, .pointer = NOWHERE);
	REFUSED(fd, PERF, ENODATA, .op = DRM_TERN_PERF_TRACE_READ, .size = 32, .stride = 32,
		.pointer = (uintptr_t)&event);
	REFUSED(fd, PERF, ENODATA, .op = DRM_TERN_PERF_TRACE_STOP);
	trace_start(fd, 65536);
	REFUSED(fd, PERF, EBUSY, .op = DRM_TERN_PERF_TRACE_START, .size = 1);
	REFUSED(fd, PERF, E2BIG, .op = DRM_TERN_PERF_TRACE_READ, .pointer = (uintptr_t)&event);
	REFUSED(fd, PERF, E2BIG, .op = DRM_TERN_PERF_TRACE_READ, .size = 32, .stride = 24,
		.pointer = (uintptr_t)&event);
	REFUSED(fd, PERF, E2BIG, .op = DRM_TERN_PERF_TRACE_READ, .size = 36, .stride = 36,
		.pointer = (uintptr_t)&event);
	REFUSED(fd, PERF, E2BIG, .op = DRM_TERN_PERF_TRACE_READ, .size = 4104, .stride = 4104,
		.pointer = (uintptr_t)&event);
	REFUSED(fd, PERF, EINVAL, .op = DRM_TERN_PERF_TRACE_READ, .size = 32, .stride = 32);
	close(fd);
}

static void a_read_that_fails_takes_nothing(void)
{
	struct context c;
	uint64_t lost;

	context_open_looping(&c);
	trace_start(c.fd, 2);
	context_profiled(&c);
	REFUSED(c.fd, PERF, EFAULT, .op = DRM_TERN_PERF_TRACE_READ, .size = 64, .stride = 32,
		.pointer = NOWHERE);
	EQUAL(trace_read(c.fd, 0, &lost), 2);
	CHECK(lost > 0);
	context_close(&c);
}

static const struct test tests[] = {
	{"events are in order", events_are_in_order},
	{"preemption is seen", preemption_is_seen},
	{"errors are told", errors_are_told},
	{"full traces lose the newest", full_traces_lose_the_newest},
	{"strides may be larger", strides_may_be_larger},
	{"others' events are not seen", others_events_are_not_seen},
	{"traces end", traces_end},
	{"traces are refused", traces_are_refused},
	{"a read that fails takes nothing", a_read_that_fails_takes_nothing},
};

int main(void)
{
	return RUN(tests);
}
