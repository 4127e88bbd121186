// SPDX-License-Identifier: MIT
/*
 * How long others wait when something goes wrong: a job that faults, a device that is reset. Runs
 * where bench-accel does, and says rows as that does.
 *
 *	bench-recovery [--quick]
 */
#include <errno.h>
#include <string.h>

#include "bench_samples.h"
#include "selftests/selftest_fault.h"
#include "selftests/selftest_sysfs.h"

#define WAIT_MS 60000
#define FAULTS	200u
#define RESETS	20u

/* A context whose program writes one word, at its arguments' address. */
static void open_writer(struct context *c)
{
	context_open(c);
	image_fence(&c->image, TERN_REG_ARGS, 8, 1);
	image_end(&c->image, c->code.map);
	EQUAL(wait_job(c->fd, c->queue, submit(c->fd, c->queue, CODE_VA, DATA_VA), WAIT_MS), 0);
}

/* One context's job faults, and behind it is the next: that of another context. */
static void fault(void)
{
	static struct samples next, told;
	struct context bad, good;

	open_writer(&bad);
	open_writer(&good);
	device_may_sleep(false);
	next.n = told.n = 0;
	for (unsigned int i = 0; i < rounds(FAULTS); i++) {
		uint32_t queue = make_queue(bad.fd, bad.vm);
		struct drm_tern_queue_destroy destroy = {.queue_id = queue};
		uint64_t job, begin;

		EQUAL(wait_job(bad.fd, queue, submit(bad.fd, queue, CODE_VA, DATA_VA), WAIT_MS), 0);
		begin = now();
		submit(bad.fd, queue, CODE_VA, NOWHERE);
		job = submit(good.fd, good.queue, CODE_VA, DATA_VA);
		EQUAL(wait_job(good.fd, good.queue, job, WAIT_MS), 0);
		add(&next, begin);
		wait_job(bad.fd, queue, 2, WAIT_MS);
		add(&told, begin);
		EQUAL(queue_state(bad.fd, queue).error, -EIO);
		do_ioctl(bad.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	}
	tell("fault-next", &next, "");
	tell("fault-told", &told, "");
	context_close(&bad);
	context_close(&good);
}

/* The device says that its memory is wrong while a job runs: until the one behind that is done. */
static void reset(void)
{
	static struct samples s;
	struct scene scene;

	s.n = 0;
	for (unsigned int i = 0; i < rounds(RESETS); i++) {
		uint64_t begin;

		scene_open(&scene);
		start_endless(&scene);
		begin = now();
		host_ask("ecc fatal");
		context_wait(&scene.a, 2); /* lost: -ENODATA, or 0 if that was before the wait */
		EQUAL(context_wait(&scene.a, 3), 0);
		add(&s, begin);
		EQUAL(queue_state(scene.a.fd, scene.a.queue).lost, 1);
		drop_scene(&scene);
	}
	tell("reset", &s, "");
}

static const struct test tests[] = {{"a fault", fault}, {"a reset of everything", reset}};

int main(int argc, char **argv)
{
	quick = argc > 1 && !strcmp(argv[1], "--quick");
	return RUN(tests);
}
