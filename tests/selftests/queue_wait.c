// SPDX-License-Identifier: MIT
/* QUEUE_WAIT on kernel-owned queues: numbers, timeouts, signals, events; and what it refuses. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "selftest.h"

static struct context c;

static void destroy_queue(void)
{
	struct drm_tern_queue_destroy args = {.queue_id = c.queue};

	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &args);
}

/* A job that goes on until its queue is destroyed. */
static void submit_endless(void)
{
	struct drm_tern_job job = {.image = CODE_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.queue_id = c.queue, .jobs = DRM_TERN_ARRAY(1, &job)};

	image_begin(&c.image);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
}

static void submit_short(void)
{
	image_begin(&c.image);
	image_fence(&c.image, TERN_REG_ARGS, 8, 1);
	image_end(&c.image, c.code.map);
	context_submit(&c);
}

static int wait_until(uint64_t value, int64_t timeout)
{
	struct drm_tern_queue_wait args = {
		.queue_id = c.queue, .value = value, .timeout_ns = timeout};

	return try_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &args);
}

static void past_and_future(void)
{
	context_open(&c);
	EQUAL(wait_until(0, 0), 0); /* nothing to wait for */
	EQUAL(wait_until(1, 0), -ETIMEDOUT);
	EQUAL(wait_until(1, -1), -ETIMEDOUT);
	EQUAL(wait_until(1, INT64_MIN), -ETIMEDOUT);
	submit_short();
	EQUAL(wait_until(1, INT64_MAX), 0);
	EQUAL(wait_until(1, 0), 0);
	EQUAL(wait_until(2, monotonic(20)), -ETIMEDOUT);
	context_close(&c);
}

static void timeouts_are_absolute(void)
{
	int64_t until;

	context_open(&c);
	submit_endless();
	until = monotonic(150);
	EQUAL(wait_until(1, until), -ETIMEDOUT);
	CHECK(monotonic(0) >= until);
	until = monotonic(0);
	EQUAL(wait_until(1, until - 1), -ETIMEDOUT);
	context_close(&c);
}

static void nothing(int signal)
{
	(void)signal;
}

static void signals_interrupt(void)
{
	struct sigaction on_alarm = {.sa_handler = nothing};
	struct itimerval soon = {.it_value.tv_usec = 100000};

	context_open(&c);
	submit_endless();
	sigaction(SIGALRM, &on_alarm, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	EQUAL(wait_until(1, monotonic(60000)), -EINTR);
	context_close(&c);
}

static int arm(uint64_t value, int64_t timeout, uint64_t user_data)
{
	struct drm_tern_queue_wait args = {
		.queue_id = c.queue,
		.flags = DRM_TERN_WAIT_EVENT,
		.value = value,
		.timeout_ns = timeout,
		.user_data = user_data,
	};

	return try_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &args);
}

static struct drm_tern_event next_event(void)
{
	struct pollfd pollfd = {.fd = c.fd, .events = POLLIN};
	struct drm_tern_event event = {{0}, 0, 0, 0, 0};

	EQUAL(poll(&pollfd, 1, 60000), 1);
	EQUAL(read(c.fd, &event, sizeof(event)), sizeof(event));
	EQUAL(event.base.type, DRM_TERN_EVENT_WAIT);
	EQUAL(event.base.length, sizeof(event));
	return event;
}

static void events_tell(void)
{
	struct pollfd pollfd = {.events = POLLIN};
	struct drm_tern_event event;

	context_open(&c);
	pollfd.fd = c.fd;
	EQUAL(poll(&pollfd, 1, 0), 0);
	EQUAL(arm(1, INT64_MAX, 4711), 0);
	EQUAL(poll(&pollfd, 1, 50), 0);
	submit_short();
	event = next_event();
	EQUAL(event.queue_id, c.queue);
	EQUAL(event.error, 0);
	EQUAL(event.user_data, 4711);
	EQUAL(event.value, 1);
	EQUAL(arm(1, 0, 1), 0); /* it is over already */
	EQUAL(next_event().error, 0);
	EQUAL(arm(2, monotonic(30), 2), 0);
	event = next_event();
	EQUAL(event.error, -ETIMEDOUT);
	EQUAL(event.user_data, 2);
	EQUAL(poll(&pollfd, 1, 0), 0);
	context_close(&c);
}

static void events_are_limited(void)
{
	struct drm_tern_event event;
	uint64_t most, armed = 0;

	context_open(&c);
	most = limits(c.fd).events.most;
	CHECK(most >= 16);
	while (!arm(1, INT64_MAX, armed))
		armed++;
	EQUAL(armed, most);
	EQUAL(limits(c.fd).events.used, most);
	EQUAL(arm(1, INT64_MAX, 0), -ENOSR);
	submit_short();
	for (uint64_t i = 0; i < most; i++) {
		event = next_event();
		EQUAL(event.error, 0);
	}
	EQUAL(limits(c.fd).events.used, 0);
	EQUAL(arm(1, INT64_MAX, 0), 0);
	EQUAL(next_event().error, 0);
	context_close(&c);
}

static void destroying_ends_waits(void)
{
	context_open(&c);
	submit_endless();
	EQUAL(arm(1, INT64_MAX, 9), 0);
	destroy_queue();
	EQUAL(next_event().error, -ECANCELED);
	context_close(&c);
}

/* Armed events of a file that is closed go nowhere, and hurt nobody. */
static void closing_ends_waits(void)
{
	for (int i = 0; i < 8; i++) {
		context_open(&c);
		submit_endless();
		for (uint64_t k = 0; k < 16; k++)
			EQUAL(arm(1, INT64_MAX, k), 0);
		context_close(&c);
	}
	context_open(&c);
	submit_short();
	EQUAL(wait_until(1, monotonic(60000)), 0);
	context_close(&c);
}

static void refusals(void)
{
	context_open(&c);
#define WAIT(error, ...) REFUSED(c.fd, QUEUE_WAIT, error, __VA_ARGS__)
	WAIT(ENOENT, .queue_id = 0);
	WAIT(ENOENT, .queue_id = c.queue + 1);
	WAIT(EINVAL, .queue_id = c.queue, .flags = 2);
	WAIT(EINVAL, .queue_id = c.queue, .flags = 1u << 31);
	WAIT(EINVAL, .queue_id = c.queue, .pad = 1);
	WAIT(EINVAL, .queue_id = c.queue, .user_data = 1);
	WAIT(EINVAL, .queue_id = c.queue, .bo_handle = c.data.handle);
	WAIT(EINVAL, .queue_id = c.queue, .offset = 8);
	WAIT(EINVAL, .queue_id = c.queue, .flags = DRM_TERN_WAIT_EVENT, .pad = 1);
	EQUAL(limits(c.fd).events.used, 0);
	context_close(&c);
}

static const struct test tests[] = {
	{"numbers past and to come", past_and_future},
	{"timeouts are absolute", timeouts_are_absolute},
	{"signals interrupt", signals_interrupt},
	{"events tell", events_tell},
	{"events are limited", events_are_limited},
	{"destroying a queue ends its waits", destroying_ends_waits},
	{"closing the file ends its waits", closing_ends_waits},
	{"refusals", refusals},
};

int main(void)
{
	return RUN(tests);
}
