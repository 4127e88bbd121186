// SPDX-License-Identifier: MIT
/* A job runs, many run in order, and each way a job can end is told apart. */
#include <errno.h>
#include <string.h>

#include "selftest.h"

static struct context c;

static void one_job_writes_memory(void)
{
	volatile uint64_t *data;

	context_open(&c);
	data = c.data.map;
	image_fence(&c.image, TERN_REG_ARGS, 8, 0x1122334455667788);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(data[0], 0);
	EQUAL(data[1], 0x1122334455667788);
	EQUAL(queue_state(c.fd, c.queue).done, 1);
	context_close(&c);
}

/* Each reads what the one before it wrote, adds one, and so the sum says that all ran in turn. */
static void jobs_run_in_order(void)
{
	enum { COUNT = 256 };
	struct drm_tern_job job[COUNT] = {0};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(COUNT, job)};
	volatile uint64_t *data;

	context_open(&c);
	data = c.data.map;
	/* data[data[0] + 1] = 7; data[0] is where the next one writes. */
	image_load(&c.image, 2, TERN_REG_ARGS, 0);
	image_fence(&c.image, 2, 0, 7);
	image_end(&c.image, c.code.map);
	data[0] = DATA_VA + 64;
	for (int i = 0; i < COUNT; i++) {
		job[i].image = CODE_VA;
		job[i].args = DATA_VA;
	}
	call.queue_id = c.queue;
	for (int i = 0; i < 4; i++)
		do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(call.last_job, 4 * COUNT);
	EQUAL(context_wait(&c, call.last_job), 0);
	EQUAL(data[8], 7);
	EQUAL(queue_state(c.fd, c.queue).done, 4 * COUNT);
	context_close(&c);
}

static void fault_is_told(void)
{
	struct drm_tern_job job[2] = {{.image = CODE_VA}, {.image = CODE_VA}};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(2, job)};
	struct drm_tern_queue_state state;

	context_open(&c);
	image_trap(&c.image, 4711);
	image_end(&c.image, c.code.map);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(context_wait(&c, 2), 0); /* both have ended, however they did */
	state = queue_state(c.fd, c.queue);
	EQUAL(state.error, -EIO);
	EQUAL(state.error_job, 1);
	EQUAL(state.done, 2);
	EQUAL(state.state, DRM_TERN_QUEUE_DEAD);
	EQUAL(state.fault.code, TERN_FAULT_TRAP);
	EQUAL(state.fault.class_, TERN_CLASS_FAULT);
	EQUAL(state.fault.addr, sizeof(struct tern_image_header) / 8);
	EQUAL(state.fault.info, 4711);
	EQUAL(context_wait(&c, 3), -EIO);
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call), -EIO);
	context_close(&c);
}

static void unmapped_read_faults(void)
{
	struct drm_tern_queue_state state;

	context_open(&c);
	image_movi(&c.image, 3, 0x7770000);
	image_load(&c.image, 2, 3, 8);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	state = queue_state(c.fd, c.queue);
	EQUAL(state.error, -EIO);
	EQUAL(state.fault.code, TERN_FAULT_TRANSLATION);
	EQUAL(state.fault.addr, 0x7770008);
	context_close(&c);
}

static void budget_ends_a_loop(void)
{
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .budget = 100000};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_queue_state state;

	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(context_wait(&c, 1), 0);
	state = queue_state(c.fd, c.queue);
	EQUAL(state.error, -ETIME);
	EQUAL(state.fault.code, TERN_FAULT_BUDGET);
	context_close(&c);
}

/* Within its budget, but no engine completes anything. */
static void stall_is_ended(void)
{
	struct drm_tern_job job[2] = {{.image = CODE_VA, .budget = 1ull << 44}, {.image = CODE_VA}};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(2, job)};
	struct drm_tern_queue_state state;

	context_open(&c);
	image_stall(&c.image, 2);
	image_end(&c.image, c.code.map);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(context_wait(&c, 2), 0);
	state = queue_state(c.fd, c.queue);
	EQUAL(state.error, -ETIMEDOUT);
	EQUAL(state.error_job, 1);
	EQUAL(state.done, 2);
	context_close(&c);
}

static void another_queue_goes_on(void)
{
	uint32_t other;
	volatile uint64_t *data;

	context_open(&c);
	data = c.data.map;
	other = make_queue(c.fd, c.vm);
	image_fence(&c.image, TERN_REG_ARGS, 8, 1);
	image_trap(&c.image, 1);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	image_begin(&c.image);
	image_fence(&c.image, TERN_REG_ARGS, 16, 2);
	image_end(&c.image, c.code.map);
	EQUAL(wait_job(c.fd, other, submit(c.fd, other, CODE_VA, DATA_VA), 60000), 0);
	EQUAL(queue_state(c.fd, other).error, 0);
	EQUAL(data[1], 1);
	EQUAL(data[2], 2);
	context_close(&c);
}

static const struct test tests[] = {
	{"one job writes memory", one_job_writes_memory},
	{"jobs run in order", jobs_run_in_order},
	{"a fault is told", fault_is_told},
	{"an unmapped read faults", unmapped_read_faults},
	{"a budget ends a loop", budget_ends_a_loop},
	{"a job without progress is ended", stall_is_ended},
	{"another queue goes on", another_queue_goes_on},
};

int main(void)
{
	return RUN(tests);
}
