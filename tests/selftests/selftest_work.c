// SPDX-License-Identifier: MIT
#include "selftest_work.h"

#include <string.h>
#include <unistd.h>

#include "selftest_work_program.h"

#include <tern/fw.h>

/* ---- What it is to compute ---- */
static void *at(const struct work *w, unsigned int job, unsigned int offset)
{
	return (char *)w->memory.map + job * WORK_JOB_BYTES + offset;
}

void work_set_up(const struct work *w, unsigned int job)
{
	uint32_t *pattern = at(w, job, WORK_PATTERN);
	int32_t *x = at(w, job, WORK_X_START);
	float *weight = at(w, job, WORK_W);

	memset(at(w, job, 0), 0, WORK_JOB_BYTES);
	for (unsigned int i = 0; i < PAGE / 4; i++)
		pattern[i] = (i + 1) * 2654435761u + job;
	for (unsigned int i = 0; i < WORK_M * WORK_K; i++)
		x[i] = (int32_t)((i * 7 + job) % 16);
	for (unsigned int i = 0; i < WORK_TILES * WORK_N * WORK_K; i++)
		weight[i] = (float)((int)((i * 13 + i / WORK_K * 5 + job) % 9) - 4);
}

static void step_x(int32_t *x, uint32_t number)
{
	for (unsigned int i = 0; i < WORK_M * WORK_K; i++)
		x[i] = (int32_t)(((uint32_t)x[i] * 5 + i % WORK_K + i / WORK_K + number) & 15);
}

static void add_product(int32_t *acc, const int32_t *x, const float *w)
{
	for (unsigned int i = 0; i < WORK_M * WORK_N; i++)
		for (unsigned int k = 0; k < WORK_K; k++)
			acc[i] += x[i / WORK_N * WORK_K + k] * (int32_t)w[i % WORK_N * WORK_K + k];
}

static void check(const struct work *w, unsigned int job)
{
	const uint32_t *count = at(w, job, WORK_OUT_COUNT), *got = at(w, job, WORK_OUT_SUM);
	uint32_t sum[WORK_M * WORK_N] = {0}, steps = 0;
	const float *weight = at(w, job, WORK_W);
	int32_t x[WORK_M * WORK_K];

	memcpy(x, at(w, job, WORK_X_START), sizeof(x));
	EQUAL(count[1], WORK_MARK);
	CHECK(count[0] > 0);
	EQUAL(count[0] % WORK_BLOCK, 0);
	while (steps < count[0]) {
		int32_t acc[WORK_M * WORK_N] = {0};

		for (unsigned int i = 0; i < WORK_BLOCK; i++) {
			step_x(x, ++steps);
			add_product(acc, x, weight + (steps - 1) % WORK_TILES * WORK_N * WORK_K);
		}
		for (unsigned int i = 0; i < WORK_M * WORK_N; i++)
			sum[i] = sum[i] * 3 + (uint32_t)acc[i];
	}
	for (unsigned int i = 0; i < WORK_M * WORK_N; i++)
		EQUAL(got[i], sum[i]);
	EQUAL(memcmp(at(w, job, WORK_PATTERN), at(w, job, WORK_OUT_PATTERN), PAGE), 0);
}

/* ---- Jobs ---- */
void work_open(struct work *w)
{
	struct tern_caps caps = {0};
	struct drm_tern_dev_query query = {
		.type = DRM_TERN_QUERY_CAPS, .size = sizeof(caps), .pointer = (uintptr_t)&caps};
	struct drm_tern_perf trace = {.op = DRM_TERN_PERF_TRACE_START, .size = 65536};

	context_open(&w->c);
	do_ioctl(w->c.fd, DRM_IOCTL_TERN_DEV_QUERY, &query);
	w->memory = make_buffer(w->c.fd, WORK_JOBS * WORK_JOB_BYTES);
	bind(w->c.fd, w->c.vm, w->memory.handle, DATA_VA + 16 * PAGE, w->memory.size,
	     DRM_TERN_BIND_WRITE);
	for (unsigned int job = 0; job < WORK_JOBS; job++)
		work_set_up(w, job);
	work_program(caps.spm_bytes, w->c.code.map);
	do_ioctl(w->c.fd, DRM_IOCTL_TERN_PERF, &trace);
}

void work_close(struct work *w)
{
	free_buffer(w->c.fd, &w->memory);
	context_close(&w->c);
}

uint32_t work_queue(const struct work *w, uint32_t priority)
{
	struct drm_tern_queue_create args = {.vm_id = w->c.vm, .priority = priority};

	do_ioctl(w->c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
	return args.queue_id;
}

uint64_t work_start(const struct work *w, uint32_t queue, unsigned int job, uint32_t flags)
{
	struct drm_tern_job run = {.image = CODE_VA,
				   .args = DATA_VA + 16 * PAGE + job * WORK_JOB_BYTES,
				   .budget = 1ull << 44,
				   .flags = flags};
	struct drm_tern_submit call = {.queue_id = queue, .jobs = DRM_TERN_ARRAY(1, &run)};

	do_ioctl(w->c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	return call.last_job;
}

void work_stop(const struct work *w, unsigned int job)
{
	*(volatile uint64_t *)at(w, job, WORK_STOP) = 1;
}

bool work_has_begun(const struct work *w, unsigned int job)
{
	return *(volatile uint64_t *)at(w, job, WORK_BEGUN) != 0;
}

void work_forget_begin(const struct work *w, unsigned int job)
{
	*(volatile uint64_t *)at(w, job, WORK_BEGUN) = 0;
}

void work_await_begin(const struct work *w, unsigned int job)
{
	for (int i = 0; i < 6000 && !work_has_begun(w, job); i++)
		usleep(10000);
	CHECK(work_has_begun(w, job));
}

void work_await_end(const struct work *w, uint32_t queue, uint64_t number, unsigned int job)
{
	EQUAL(wait_job(w->c.fd, queue, number, 60000), 0);
	EQUAL(queue_state(w->c.fd, queue).error, 0);
	check(w, job);
}

unsigned int work_saves(const struct work *w, uint32_t queue)
{
	static struct drm_tern_perf_event events[4096];
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_TRACE_READ,
				     .size = sizeof(events),
				     .stride = sizeof(events[0]),
				     .pointer = (uintptr_t)events};
	unsigned int saves = 0;

	do_ioctl(w->c.fd, DRM_IOCTL_TERN_PERF, &args);
	EQUAL(args.lost, 0);
	for (size_t i = 0; i < args.size / sizeof(events[0]); i++)
		saves += events[i].kind == DRM_TERN_PERF_FW && events[i].queue_id == queue &&
			 events[i].arg == TERN_FW_TRACE_SAVED;
	return saves;
}
