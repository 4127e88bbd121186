// SPDX-License-Identifier: MIT
/* Jobs that run for long: one that gets on is left alone, whatever the watchdog's patience. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "selftest.h"

#define PATIENCE "/sys/module/tern/parameters/job_timeout_ms"

static unsigned int read_patience(void)
{
	FILE *file = fopen(PATIENCE, "r");
	unsigned int value = 0;

	CHECK(file);
	EQUAL(fscanf(file, "%u", &value), 1);
	fclose(file);
	return value;
}

static void write_patience(unsigned int value)
{
	FILE *file = fopen(PATIENCE, "w");

	if (!file)
		skip("the module's parameters cannot be written");
	fprintf(file, "%u\n", value);
	EQUAL(fclose(file), 0);
}

static void long_jobs_are_left_alone(void)
{
	struct drm_tern_job job = {.image = CODE_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_queue_state state;
	unsigned int before = read_patience();
	struct context c;

	write_patience(1000);
	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	sleep(5);
	state = queue_state(c.fd, c.queue);
	write_patience(before);
	EQUAL(state.error, 0);
	EQUAL(state.state, DRM_TERN_QUEUE_BUSY);
	context_close(&c);
}

static const struct test tests[] = {
	{"long jobs that get on are left alone", long_jobs_are_left_alone},
};

int main(void)
{
	return RUN(tests);
}
