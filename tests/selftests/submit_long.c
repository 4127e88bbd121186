// SPDX-License-Identifier: MIT
/* Jobs that run for long: one that gets on is left alone, whatever the watchdog's patience. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "selftest.h"

#define PATIENCE "/sys/module/tern/parameters/job_timeout_ms"
#define SECONDS	 3

static unsigned int before; /* the watchdog's patience, if this program has changed it */

static unsigned int read_patience(void)
{
	FILE *file = fopen(PATIENCE, "r");
	unsigned int value = 0;

	CHECK(file);
	EQUAL(fscanf(file, "%u", &value), 1);
	fclose(file);
	return value;
}

/* False: it cannot be written. */
static bool write_patience(unsigned int value)
{
	FILE *file = fopen(PATIENCE, "w");

	if (!file)
		return false;
	fprintf(file, "%u\n", value);
	return !fclose(file);
}

static void set_patience(unsigned int value)
{
	unsigned int was = read_patience();

	if (!write_patience(value))
		skip("the module's parameters cannot be written");
	before = was;
}

static void long_jobs_are_left_alone(void)
{
	struct drm_tern_job job = {.image = CODE_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_queue_state state;
	struct context c;

	set_patience(1000 * SECONDS);
	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	sleep(3 * SECONDS);
	state = queue_state(c.fd, c.queue);
	EQUAL(state.error, 0);
	EQUAL(state.state, DRM_TERN_QUEUE_BUSY);
	context_close(&c);
}

static const struct test tests[] = {
	{"long jobs that get on are left alone", long_jobs_are_left_alone},
};

int main(void)
{
	int status = RUN(tests);

	if (before && !write_patience(before)) {
		printf("# %s stays changed\n", PATIENCE);
		return 1;
	}
	return status;
}
