// SPDX-License-Identifier: MIT
/* The firmware's watch over the device: engines that hang, jobs that get nowhere, noise. */
#include <check.h>
#include <stdlib.h>

#include "fw_fixture.h"

/* ---- Engines that hang ------------------------------------------------------------------------------- */

static struct fake *stuck(int speed)
{
	struct fake *f = with_slots(speed, 1);

	f->slot[0].hangs = true;
	fake_submit(f, 0, 1, 1);
	fake_for(f, 5 * MS);
	return f;
}

START_TEST(a_stuck_slot_is_told_once)
{
	struct fake *f = stuck(_i);
	struct tern_fw_message *m = &f->last[TERN_FW_EVENT_PREEMPT_STUCK];

	fake_busy(f, 1, 2);
	fake_for(f, 9 * MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_PREEMPT_STUCK], 0);
	fake_for(f, 3 * MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_PREEMPT_STUCK], 1);
	ck_assert_uint_eq(m->slot, 0);
	ck_assert(m->arg[0] >= 10000 && m->arg[0] < 11000);
	/* It goes on answering and beating. */
	for (unsigned int i = 0; i < 20; i++) {
		fake_for(f, 100 * MS);
		ck_assert_uint_eq(fake_ask(f, TERN_FW_PING, 0, i, 0).arg[0], i);
	}
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_PREEMPT_STUCK], 1);
	ck_assert(!f->barked);
	/* The kernel takes the slot and resets: the other runs, this one does not. */
	fake_unbind(f, 0);
	fake_reset_engines(f);
	fake_for(f, 2 * MS);
	ck_assert_uint_eq(f->running, 1);
	fake_free(f);
}
END_TEST

START_TEST(a_job_lost_in_a_reset_is_not_run_again)
{
	struct fake *f = stuck(_i);

	fake_busy(f, 1, 2);
	fake_for(f, 30 * MS);
	fake_reset_engines(f); /* and the slot is still there, with its job */
	fake_for(f, 300 * MS);
	ck_assert_uint_eq(stop(f, 1, TERN_FW_STOP_SAVE).status, TERN_FW_STATUS_OK);
	fake_ring(f, 0);
	fake_for(f, 300 * MS);
	ck_assert_uint_eq(f->slot[0].taken, 1);
	ck_assert_uint_eq(stop(f, 0, TERN_FW_STOP_SAVE).status, TERN_FW_STATUS_OK);
	ck_assert_uint_eq(fake_start(f, 0), TERN_FW_STATUS_OK);
	fake_for(f, 300 * MS);
	ck_assert_uint_eq(f->slot[0].taken, 2);
	fake_free(f);
}
END_TEST

START_TEST(stop_of_a_stuck_slot_says_so)
{
	struct fake *f = stuck(_i);
	struct tern_fw_message m = stop(f, 0, TERN_FW_STOP_SAVE);

	ck_assert_uint_eq(m.status, TERN_FW_STATUS_STUCK);
	ck_assert_uint_eq(m.arg[0], TERN_SLOT_SAVING);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_PREEMPT_STUCK], 1);
	ck_assert_uint_eq(stop(f, 0, TERN_FW_STOP_ABORT).status, TERN_FW_STATUS_STATE);
	ck_assert_uint_eq(fake_ask(f, TERN_FW_SUSPEND, 0, TERN_FW_SUSPEND_FORCE, 0).status,
			  TERN_FW_STATUS_STUCK);
	ck_assert_uint_eq(f->power, TERN_POWER_ON);
	fake_reset_engines(f);
	fake_for(f, 300 * MS);
	ck_assert_uint_eq(f->slot[0].taken, 1);
	fake_busy(f, 1, 1);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->running, 1);
	fake_free(f);
}
END_TEST

/* The kernel takes a stuck slot and gives it to another, all of it between two looks. */
static unsigned int fences;

static void changes_hands(struct fake *f)
{
	if (++fences != 2) /* the first is before anything is looked at */
		return;
	fake_unbind(f, 0);
	fake_reset_engines(f);
	fake_bind(f, 0, 1);
	fake_submit(f, 0, 1, 100);
}

START_TEST(what_befell_the_last_holder_is_not_the_next_ones)
{
	const struct tern_fw_trace_record *r;
	struct fake *f = stuck(_i);
	bool ended = false;

	ck_assert_uint_eq(stop(f, 0, TERN_FW_STOP_SAVE).status, TERN_FW_STATUS_STUCK);
	fences = 0;
	f->at_fence = changes_hands;
	ck_assert_uint_eq(fake_start(f, 0), TERN_FW_STATUS_OK);
	f->at_fence = NULL;
	ck_assert_uint_ge(fences, 2);
	fake_for(f, 300 * MS);
	ck_assert_uint_eq(f->slot[0].done, 1);
	/* Told before it was started: from there on all is the next one's. */
	r = (const void *)(fake_trace(f) + 1);
	for (uint32_t i = fake_trace(f)->write; i-- > 0 && !ended;) {
		ended = r[i].kind == TERN_FW_TRACE_REQUEST && r[i].arg == TERN_FW_SLOT_START;
		if (ended)
			ck_assert_uint_eq(r[i].slot, 0);
	}
	ck_assert(ended);
	fake_free(f);
}
END_TEST

START_TEST(a_command_that_does_not_end_is_told)
{
	struct fake *f = with_slots(_i, 1);

	f->query_ticks = NEVER / 2;
	fake_ring(f, 0);
	fake_for(f, 2100 * MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_PREEMPT_STUCK], 1);
	f->query_ticks = 0;
	fake_reset_engines(f);
	fake_submit(f, 0, 1, 100);
	fake_for(f, 200 * MS);
	ck_assert_uint_eq(f->slot[0].done, 1);
	fake_free(f);
}
END_TEST

/* ---- Progress ------------------------------------------------------------------------------------------- */

START_TEST(a_kernel_job_without_progress_is_aborted)
{
	struct fake *f = with_slots(_i, 1);

	f->slot[0].idles = true;
	fake_submit(f, 0, 1, 1ull << 60);
	fake_for(f, 1999 * MS);
	ck_assert_uint_eq(f->running, 0);
	fake_for(f, 600 * MS); /* at most a quarter late */
	fake_take_all(f);
	ck_assert_uint_eq(f->slot[0].state, TERN_SLOT_FAULTED);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_NO_PROGRESS], 1);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_NO_PROGRESS].slot, 0);
	ck_assert(fake_logged(f, "slot 0: no progress"));
	fake_free(f);
}
END_TEST

/* Also when it only ever gets a slice; and only its own time counts. */
START_TEST(time_without_progress_adds_up_over_slices)
{
	struct fake *f = with_slots(_i, 2);

	f->slot[0].idles = true;
	fake_submit(f, 0, 1, 1ull << 60);
	fake_submit(f, 1, 1, 1ull << 60);
	while (f->slot[0].ran < 1990 * MS && f->slot[0].state != TERN_SLOT_FAULTED)
		fake_for(f, 10 * MS);
	ck_assert_uint_ne(f->slot[0].state, TERN_SLOT_FAULTED);
	fake_for(f, 1500 * MS);
	ck_assert_uint_eq(f->slot[0].state, TERN_SLOT_FAULTED);
	ck_assert_uint_ne(f->slot[1].state, TERN_SLOT_FAULTED);
	fake_free(f);
}
END_TEST

START_TEST(jobs_that_get_on_may_take_long)
{
	struct fake *f = with_slots(_i, 2);

	f->slot[1].idles = f->slot[1].user = true; /* a program's queue may wait */
	fake_submit(f, 0, 1, 1ull << 60);
	fake_submit(f, 1, 1, 1ull << 60);
	fake_for(f, 30000 * MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_NO_PROGRESS], 0);
	ck_assert_uint_gt(f->slot[1].ran, 10000 * MS);
	fake_free(f);
}
END_TEST

/* Each job has its own time. */
START_TEST(progress_is_asked_of_each_job)
{
	struct fake *f = with_slots(_i, 2);

	f->slot[0].idles = f->slot[1].idles = true;
	fake_submit(f, 0, 3, 1500 * MS);
	fake_submit(f, 1, 3, 1500 * MS);
	fake_for(f, 12000 * MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->slot[0].done, 3);
	ck_assert_uint_eq(f->slot[1].done, 3);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_NO_PROGRESS], 0);
	fake_free(f);
}
END_TEST

static void ring_first(struct fake *f)
{
	fake_ring(f, 0);
}

/* A bell that rings without pause delays others by one look at its ring. */
START_TEST(no_bell_drowns_another)
{
	struct fake *f = with_slots(_i, 3);

	f->tick = 1;
	f->query_ticks = 5;
	f->at_fence = ring_first;
	fake_ring(f, 0);
	fake_submit(f, 1, 1, 100);
	fake_submit(f, 2, 1, 100);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[1].done, 1);
	ck_assert_uint_eq(f->slot[2].done, 1);
	fake_free(f);
}
END_TEST

/* A program that rings without pause, and queues jobs of no length without end. */
START_TEST(nobody_can_keep_the_firmware_busy)
{
	struct fake *f = with_slots(_i, 2);

	f->tick = 1;
	f->slot[0].user = true;
	fake_submit(f, 0, 1u << 30, 0);
	for (unsigned int i = 0; i < 2000; i++) {
		fake_ring(f, 0);
		fake_for(f, 100);
	}
	ck_assert_uint_eq(fake_ask(f, TERN_FW_PING, 0, 1, 0).status, TERN_FW_STATUS_OK);
	fake_submit(f, 1, 5, 100);
	for (unsigned int i = 0; i < 2000; i++) {
		fake_ring(f, 0);
		fake_for(f, 100);
	}
	ck_assert_uint_eq(f->slot[1].done, 5);
	ck_assert_uint_le(f->longest_beat, 100 * MS);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fw_watch");
	TCase *t = tcase_create("watch");
	SRunner *r;
	int failed;

	EACH_SPEED(a_stuck_slot_is_told_once);
	EACH_SPEED(a_job_lost_in_a_reset_is_not_run_again);
	EACH_SPEED(stop_of_a_stuck_slot_says_so);
	EACH_SPEED(what_befell_the_last_holder_is_not_the_next_ones);
	EACH_SPEED(a_command_that_does_not_end_is_told);
	EACH_SPEED(a_kernel_job_without_progress_is_aborted);
	EACH_SPEED(time_without_progress_adds_up_over_slices);
	EACH_SPEED(jobs_that_get_on_may_take_long);
	EACH_SPEED(progress_is_asked_of_each_job);
	EACH_SPEED(no_bell_drowns_another);
	EACH_SPEED(nobody_can_keep_the_firmware_busy);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
