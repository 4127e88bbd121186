// SPDX-License-Identifier: MIT
/*
 * What ends a wait that is under way, for both kinds of queue; a reset is in fault_resets.c. Each
 * waiter sleeps before it happens.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest_user.h"
#include "selftest_waiter.h"

#define RING_VA	   0x300000ull
#define GATED	   0	/* programs, in the code's buffer: goes on until the gate opens, */
#define GATED_TRAP 1024 /* and then faults */
#define GATE	   0	/* words of the data */
#define VALUE	   1

static struct context c;
static struct user u;
static struct waiter w;

static volatile uint64_t *word(unsigned int i)
{
	return (volatile uint64_t *)c.data.map + i;
}

/* Looks at the gate until it is open; the loop is as long as jobs can be. */
static void write_gated(unsigned int at, bool faults)
{
	image_begin(&c.image);
	image_load(&c.image, 3, TERN_REG_ARGS, GATE * 8);
	image_again(&c.image, 3, 2);
	image_fence(&c.image, TERN_REG_ARGS, VALUE * 8, 7);
	if (faults)
		image_trap(&c.image, 1);
	image_end(&c.image, (char *)c.code.map + at);
}

static void begin(bool user)
{
	context_open(&c);
	if (user)
		need_user_queues(c.fd);
	write_gated(GATED, false);
	write_gated(GATED_TRAP, true);
	*word(GATE) = 2; /* LOOP goes on while one less is above 0 */
	if (user)
		user_open_as(&c, &u, RING_VA, DRM_TERN_PRIORITY_NORMAL);
}

static void open_gate(void)
{
	*word(GATE) = 1;
}

static void start_kernel(unsigned int program)
{
	struct drm_tern_job job = {
		.image = CODE_VA + program, .args = DATA_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.queue_id = c.queue, .jobs = DRM_TERN_ARRAY(1, &job)};

	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
}

static void start_user(unsigned int program)
{
	user_put(&u, CODE_VA + program, DATA_VA);
	user_ring(&u);
}

static void wait_kernel(uint64_t job)
{
	waiter_start(&w, c.fd, &(struct drm_tern_queue_wait){.queue_id = c.queue, .value = job});
}

static void wait_user(uint64_t jobs)
{
	waiter_start(&w, c.fd,
		     &(struct drm_tern_queue_wait){.queue_id = u.queue,
						   .bo_handle = u.memory.handle,
						   .offset = offsetof(struct tern_ring, done),
						   .value = jobs});
}

static void destroy(uint32_t queue)
{
	struct drm_tern_queue_destroy args = {.queue_id = queue};

	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &args);
}

/* ---- Kernel-owned ---- */
static void a_job_ends(void)
{
	begin(false);
	start_kernel(GATED);
	wait_kernel(1);
	open_gate();
	EQUAL(waiter_result(&w), 0);
	EQUAL(*word(VALUE), 7);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	context_close(&c);
}

/* 0 says that it has ended; how is the queue's state to say. */
static void a_job_faults(void)
{
	begin(false);
	start_kernel(GATED_TRAP);
	wait_kernel(1);
	open_gate();
	EQUAL(waiter_result(&w), 0);
	EQUAL(queue_state(c.fd, c.queue).error, -EIO);
	EQUAL(queue_state(c.fd, c.queue).error_job, 1);
	context_close(&c);
}

static void a_job_behind_a_fault_is_cancelled(void)
{
	begin(false);
	start_kernel(GATED_TRAP);
	start_kernel(GATED);
	wait_kernel(2);
	open_gate();
	EQUAL(waiter_result(&w), 0);
	EQUAL(queue_state(c.fd, c.queue).done, 2);
	context_close(&c);
}

static void a_job_that_will_never_be(void)
{
	begin(false);
	start_kernel(GATED_TRAP);
	wait_kernel(2);
	open_gate();
	EQUAL(waiter_result(&w), -EIO);
	context_close(&c);
}

static void the_queue_is_destroyed(void)
{
	begin(false);
	start_kernel(GATED);
	wait_kernel(2);
	destroy(c.queue);
	EQUAL(waiter_result(&w), -ECANCELED);
	context_close(&c);
}

static void a_signal_comes(void)
{
	begin(false);
	start_kernel(GATED);
	wait_kernel(1);
	waiter_signal(&w);
	EQUAL(waiter_result(&w), -EINTR);
	open_gate();
	EQUAL(context_wait(&c, 1), 0);
	context_close(&c);
}

/* ---- User-owned ---- */
static void a_value_is_reached(void)
{
	begin(true);
	start_user(GATED);
	wait_user(1);
	open_gate();
	EQUAL(waiter_result(&w), 0);
	EQUAL(*word(VALUE), 7);
	context_close(&c);
}

static void a_user_job_faults(void)
{
	begin(true);
	start_user(GATED_TRAP);
	wait_user(1);
	open_gate();
	EQUAL(waiter_result(&w), -EIO);
	EQUAL(queue_state(c.fd, u.queue).error, -EIO);
	context_close(&c);
}

static void a_user_queue_is_destroyed(void)
{
	begin(true);
	start_user(GATED);
	wait_user(1);
	destroy(u.queue);
	EQUAL(waiter_result(&w), -ECANCELED);
	context_close(&c);
}

static void a_signal_comes_to_user(void)
{
	begin(true);
	start_user(GATED);
	wait_user(1);
	waiter_signal(&w);
	EQUAL(waiter_result(&w), -EINTR);
	open_gate();
	EQUAL(user_wait(&u, 1, 60000), 0);
	context_close(&c);
}

static const struct test tests[] = {
	{"a job ends", a_job_ends},
	{"a job faults", a_job_faults},
	{"a job behind a fault is cancelled", a_job_behind_a_fault_is_cancelled},
	{"a job that will never be", a_job_that_will_never_be},
	{"the queue is destroyed", the_queue_is_destroyed},
	{"a signal comes", a_signal_comes},
	{"user-owned: a value is reached", a_value_is_reached},
	{"user-owned: a job faults", a_user_job_faults},
	{"user-owned: the queue is destroyed", a_user_queue_is_destroyed},
	{"user-owned: a signal comes", a_signal_comes_to_user},
};

int main(void)
{
	return RUN(tests);
}
