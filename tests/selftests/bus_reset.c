// SPDX-License-Identifier: MIT
/* The bus resets the device under the driver: what ran is saved before, and goes on afterwards. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "selftest.h"

static void reset_by_bus(void)
{
	char path[256], device[128];
	int fd;

	device_link(device, sizeof(device));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", device);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		skip("its bus has no reset");
	EQUAL(write(fd, "1", 1), 1);
	close(fd);
}

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
	usleep(500000); /* asleep, or not */
	reset_by_bus();
	((volatile uint64_t *)c.data.map)[0] = 0;
	ended_well(&c, context_submit(&c));
	context_close(&c);
}

static void running_job_goes_on(void)
{
	struct context c, other;
	uint64_t job;

	slow_writer(&c, 3000000);
	slow_writer(&other, 10);
	job = context_submit(&c);
	EQUAL(wait_job(c.fd, c.queue, job, 50), -ETIMEDOUT);
	reset_by_bus();
	ended_well(&other, context_submit(&other));
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
