// SPDX-License-Identifier: MIT
/*
 * Resets, and who is there when they come: a job that was saved before goes on, one that may be run
 * again is, and whoever waits is told.
 */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest_fault.h"
#include "selftest_user.h"
#include "selftest_waiter.h"
#include "selftest_work.h"

#define RING_VA	  0x300000ull
#define RESUMED	  0 /* jobs of the work */
#define RESTARTED 1
#define RESTARTS  8 /* at most, as DRM_TERN_JOB_RESTARTABLE says */

static struct scene s;
static struct work w;

/* False: the starving one had a slice just then, and so was in the engines: it is lost. */
static bool only_the_urgent_one_ran(void)
{
	bool lost = false;

	for (int i = 0; i < 6000 && !lost && !work_has_begun(&w, RESTARTED); i++) {
		usleep(10000);
		lost = queue_state(w.c.fd, w.c.queue).lost;
	}
	return !lost && !queue_state(w.c.fd, w.c.queue).lost;
}

/* Two jobs at work in all engines: one saved because the other, urgent one is in them. */
static bool work_goes_on_if_it_is_so(const char *fault)
{
	uint32_t high, before;
	uint64_t first, second;
	unsigned int saves = 0;

	work_open(&w);
	before = resets(w.c.fd);
	high = work_queue(&w, DRM_TERN_PRIORITY_HIGH);
	first = work_start(&w, w.c.queue, RESUMED, 0);
	work_await_begin(&w, RESUMED);
	second = work_start(&w, high, RESTARTED, DRM_TERN_JOB_RESTARTABLE);
	work_await_begin(&w, RESTARTED);
	for (int i = 0; i < 6000 && !saves; i++) {
		saves = work_saves(&w, w.c.queue);
		usleep(10000);
	}
	CHECK(saves > 0);
	work_forget_begin(&w, RESUMED);
	work_forget_begin(&w, RESTARTED);
	host_ask("%s", fault);
	await_reset(w.c.fd, before);
	if (!only_the_urgent_one_ran()) {
		work_close(&w);
		return false;
	}
	work_await_begin(&w, RESTARTED); /* from its start */
	work_stop(&w, RESTARTED);
	work_await_end(&w, high, second, RESTARTED);
	work_stop(&w, RESUMED);
	work_await_end(&w, w.c.queue, first, RESUMED);
	CHECK(!work_has_begun(&w, RESUMED)); /* from where it was */
	EQUAL(queue_state(w.c.fd, high).lost | queue_state(w.c.fd, w.c.queue).lost, 0);
	work_close(&w);
	return true;
}

static void work_goes_on(const char *fault)
{
	int tries = 1;

	while (!work_goes_on_if_it_is_so(fault))
		CHECK(tries++ < 10);
}

static void work_and_a_reset_of_everything(void)
{
	work_goes_on("ecc fatal");
}

static void work_and_a_reset_of_the_firmware(void)
{
	work_goes_on("fw-silent 1");
}

/* A job that is there at each reset may be why there are so many. */
static void restarted_but_not_for_ever(void)
{
	uint64_t job;

	work_open(&w);
	job = work_start(&w, w.c.queue, RESTARTED, DRM_TERN_JOB_RESTARTABLE);
	for (int i = 0; i <= RESTARTS; i++) {
		uint32_t before = resets(w.c.fd);

		EQUAL(queue_state(w.c.fd, w.c.queue).lost, 0);
		work_await_begin(&w, RESTARTED);
		work_forget_begin(&w, RESTARTED);
		host_ask("ecc fatal");
		await_reset(w.c.fd, before);
	}
	EQUAL(wait_job(w.c.fd, w.c.queue, job, 60000), 0);
	EQUAL(queue_state(w.c.fd, w.c.queue).lost, 1);
	work_close(&w);
}

/* Whoever waits for the job that is lost is told that it ended, others that one was lost. */
static void waiters(void)
{
	struct waiter of_lost, of_later;

	scene_open(&s);
	start_endless(&s);
	waiter_start(&of_lost, s.a.fd,
		     &(struct drm_tern_queue_wait){.queue_id = s.a.queue, .value = 2});
	waiter_start(&of_later, s.a.fd,
		     &(struct drm_tern_queue_wait){.queue_id = s.a.queue, .value = 4});
	host_ask("ecc fatal");
	EQUAL(waiter_result(&of_lost), 0);
	EQUAL(waiter_result(&of_later), -ENODATA);
	check_ended(&s, -ENODATA, 0, 0);
	/* It is the past of a wait that begins now. */
	EQUAL(wait_job(s.a.fd, s.a.queue, 4, 0), -ETIMEDOUT);
	EQUAL(run_short(&s.a), 0);
	EQUAL(wait_job(s.a.fd, s.a.queue, 4, 0), 0);
	scene_close(&s, 1);
}

/* A word that the lost job would have written. */
static void waiters_of_user_owned_queues(void)
{
	volatile uint64_t *begun;
	struct waiter waiter;
	struct user u;

	scene_open(&s);
	need_user_queues(s.a.fd);
	user_open_as(&s.a, &u, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	begun = (volatile uint64_t *)s.a.data.map + 2;
	*begun = 0;
	user_put(&u, CODE_VA + PAGE, DATA_VA); /* says that it has begun, and loops */
	user_ring(&u);
	for (int i = 0; i < 6000 && !*begun; i++)
		usleep(10000);
	CHECK(*begun);
	waiter_start(&waiter, s.a.fd,
		     &(struct drm_tern_queue_wait){.queue_id = u.queue,
						   .bo_handle = s.a.data.handle,
						   .offset = PAGE,
						   .value = 1});
	host_ask("ecc fatal");
	EQUAL(waiter_result(&waiter), -ENODATA);
	EQUAL(queue_state(s.a.fd, u.queue).lost, 1);
	/* The queue goes on behind it. */
	user_put(&u, CODE_VA, DATA_VA);
	user_ring(&u);
	EQUAL(user_wait(&u, 2, 60000), 0);
	scene_close(&s, 1);
}

/* Its door sees to it that it reaches memory no more. */
static void never_done_with_memory(void)
{
	uint32_t before;

	scene_open(&s);
	start_endless(&s);
	before = resets(s.a.fd);
	host_ask("never-idle on");
	host_ask("ecc fatal");
	/* Before anybody else has work: who was preempted for that is saved, and goes on. */
	await_reset(s.a.fd, before);
	check_ended(&s, -ENODATA, 0, 0);
	EQUAL(run_short(&s.a), 0);
	host_ask("never-idle off");
	scene_close(&s, 1);
}

static void ask_anew(void)
{
	struct drm_tern_info info;
	int fd = device_open();

	limits(fd);
	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY,
		 &(struct drm_tern_dev_query){.type = DRM_TERN_QUERY_INFO,
					      .size = sizeof(info),
					      .pointer = (uintptr_t)&info});
	close(fd);
}

static void unbind_a_page(void)
{
	unbind(s.b.fd, s.b.vm, DATA_VA + PAGE, PAGE);
}

/* One is in the middle of an invalidation that does not come to its end. */
static void opened_while_others_wait(void)
{
	pid_t child;
	int status;

	scene_open(&s);
	start_endless(&s);
	host_ask("slow 2000");
	host_ask("ack-delay 1");
	child = start_child(unbind_a_page);
	in_child(ask_anew);
	EQUAL(waitpid(child, &status, WNOHANG), 0);
	host_ask("ack-delay 0");
	host_ask("slow 0");
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	scene_close(&s, 0);
}

static const struct test tests[] = {
	{"work and a reset of everything", work_and_a_reset_of_everything},
	{"work and a reset of the firmware", work_and_a_reset_of_the_firmware},
	{"restarted, but not for ever", restarted_but_not_for_ever},
	{"waiters", waiters},
	{"waiters of user-owned queues", waiters_of_user_owned_queues},
	{"never done with memory", never_done_with_memory},
	{"opened while others wait", opened_while_others_wait},
};

int main(void)
{
	return RUN_MARKED("fault_resets", tests);
}
