// SPDX-License-Identifier: MIT
/* SUBMIT: what it refuses, that it takes all jobs or none, and limits. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

static struct context c;

static void begin(void)
{
	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 1);
	image_end(&c.image, c.code.map);
}

static void end(void)
{
	EQUAL(queue_state(c.fd, c.queue).submitted, 0);
	context_close(&c);
}

static int try_submit(struct drm_tern_job *job, uint32_t count)
{
	struct drm_tern_submit args = {.queue_id = c.queue, .jobs = DRM_TERN_ARRAY(count, job)};

	return try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &args);
}

/* A good job but for one field. */
#define JOB(error, field, wrong)                                                \
	do {                                                                    \
		struct drm_tern_job job_ = {.image = CODE_VA, .args = DATA_VA}; \
		job_.field = (wrong);                                           \
		EQUAL(try_submit(&job_, 1), -(error));                          \
	} while (0)

static void fields(void)
{
	begin();
	JOB(EINVAL, image, CODE_VA + 8);
	JOB(EINVAL, image, 1);
	JOB(EINVAL, profile, DATA_VA + 32);
	JOB(EINVAL, budget, limits(c.fd).budget_most + 1);
	JOB(EINVAL, budget, ~0ull);
	JOB(EINVAL, flags, 2);
	JOB(EINVAL, flags, 1u << 31);
	JOB(EINVAL, pad, 1);
	end();
}

#define ARRAY(s, n, p)                                                 \
	{                                                              \
		.stride = (s), .count = (n), .pointer = (uintptr_t)(p) \
	}

static void call(void)
{
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA};
	const uint32_t size = sizeof(job);

	begin();
#define SUBMIT(error, ...) REFUSED(c.fd, SUBMIT, error, __VA_ARGS__)
	SUBMIT(ENOENT, .queue_id = 0, .jobs = DRM_TERN_ARRAY(1, &job));
	SUBMIT(ENOENT, .queue_id = c.queue + 1, .jobs = DRM_TERN_ARRAY(1, &job));
	SUBMIT(EINVAL, .queue_id = c.queue, .flags = 1, .jobs = DRM_TERN_ARRAY(1, &job));
	SUBMIT(EINVAL, .queue_id = c.queue);
	SUBMIT(EINVAL, .queue_id = c.queue, .jobs = ARRAY(size, 0, &job));
	SUBMIT(E2BIG, .queue_id = c.queue, .jobs = ARRAY(size, 257, &job));
	SUBMIT(E2BIG, .queue_id = c.queue, .jobs = ARRAY(size, ~0u, &job));
	SUBMIT(E2BIG, .queue_id = c.queue, .jobs = ARRAY(size - 8, 1, &job));
	SUBMIT(E2BIG, .queue_id = c.queue, .jobs = ARRAY(size + 4, 1, &job));
	SUBMIT(E2BIG, .queue_id = c.queue, .jobs = ARRAY(4104, 1, &job));
	SUBMIT(EFAULT, .queue_id = c.queue, .jobs = ARRAY(size, 1, NOWHERE));
	end();
}

static void longer_elements(void)
{
	struct {
		struct drm_tern_job job;
		uint64_t more;
	} job = {{.image = CODE_VA, .args = DATA_VA}, 1};
	struct drm_tern_submit args = {.jobs = DRM_TERN_ARRAY(1, &job)};

	begin();
	args.queue_id = c.queue;
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &args), -E2BIG);
	job.more = 0;
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &args), 0);
	EQUAL(context_wait(&c, 1), 0);
	EQUAL(queue_state(c.fd, c.queue).submitted, 1);
	context_close(&c);
}

static void syncs(void)
{
	struct drm_tern_sync sync = {0}, good = {.flags = DRM_TERN_SYNC_SIGNAL};

	begin();
	good.handle = make_syncobj(c.fd);
#define SYNC(error, field, wrong)                                                                 \
	do {                                                                                      \
		struct drm_tern_job job_ = {.image = CODE_VA, .syncs = DRM_TERN_ARRAY(1, &sync)}; \
		sync = good;                                                                      \
		sync.field = (wrong);                                                             \
		EQUAL(try_submit(&job_, 1), -(error));                                            \
	} while (0)
	SYNC(EINVAL, flags, 4);
	SYNC(EINVAL, flags, DRM_TERN_SYNC_SIGNAL | 1u << 31);
	SYNC(EINVAL, flags, DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE); /* point 0 */
	SYNC(EINVAL, flags, DRM_TERN_SYNC_TIMELINE);
	SYNC(EINVAL, point, 1);
	SYNC(ENOENT, handle, 0);
	SYNC(ENOENT, handle, good.handle + 1);
	SYNC(EINVAL, flags, 0); /* nobody has submitted what would signal it */
	JOB(E2BIG, syncs, ((struct drm_tern_array)ARRAY(sizeof(good), 65, &good)));
	JOB(E2BIG, syncs, ((struct drm_tern_array)ARRAY(sizeof(good) - 8, 1, &good)));
	JOB(EINVAL, syncs, ((struct drm_tern_array)ARRAY(sizeof(good), 0, 0)));
	JOB(EFAULT, syncs, ((struct drm_tern_array)ARRAY(sizeof(good), 1, NOWHERE)));
	EQUAL(wait_syncobj(c.fd, good.handle, 0, 0), -ETIME);
	end();
}

static void all_or_none(void)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL};
	struct drm_tern_job job[3] = {{.image = CODE_VA, .syncs = DRM_TERN_ARRAY(1, &sync)},
				      {.image = CODE_VA},
				      {.image = CODE_VA, .pad = 1}};

	begin();
	sync.handle = make_syncobj(c.fd);
	EQUAL(try_submit(job, 3), -EINVAL);
	EQUAL(wait_syncobj(c.fd, sync.handle, 0, 0), -ETIME);
	end();
}

/* A queue takes so many jobs that have not ended, and then more when some have. */
static void jobs_are_limited(void)
{
	struct drm_tern_job job[256] = {{0}};
	struct drm_tern_job endless = {.image = CODE_VA + PAGE, .budget = 1ull << 44};
	struct drm_tern_queue_destroy destroy = {0};
	uint64_t most, taken = 1;
	struct image loop;

	begin();
	image_begin(&loop);
	image_loop(&loop, 2, INT64_MAX);
	image_end(&loop, (char *)c.code.map + PAGE);
	most = limits(c.fd).queue_jobs;
	for (int i = 0; i < 256; i++)
		job[i].image = CODE_VA;
	EQUAL(try_submit(&endless, 1), 0);
	for (; taken + 256 <= most; taken += 256)
		EQUAL(try_submit(job, 256), 0);
	EQUAL(try_submit(job, (uint32_t)(most - taken) + 1), -EAGAIN);
	EQUAL(try_submit(job, (uint32_t)(most - taken)), 0);
	EQUAL(try_submit(job, 1), -EAGAIN);
	EQUAL(queue_state(c.fd, c.queue).submitted, most);
	destroy.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	context_close(&c);
}

static const struct test tests[] = {
	{"fields of a job", fields},
	{"the call and its array", call},
	{"elements longer than the kernel's", longer_elements},
	{"syncs", syncs},
	{"all or none", all_or_none},
	{"jobs are limited", jobs_are_limited},
};

int main(void)
{
	return RUN(tests);
}
