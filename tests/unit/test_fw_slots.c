// SPDX-License-Identifier: MIT
/* The firmware and the device: from a doorbell to a job's end, and all that may go wrong. */
#include <check.h>
#include <stdlib.h>

#include "fw_fixture.h"

/* ---- Jobs ---------------------------------------------------------------------------------- */

START_TEST(a_bell_runs_a_job)
{
	struct fake *f = with_slots(_i, 1);

	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[0].taken, 0);
	fake_submit(f, 0, 1, 300);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[0].done, 1);
	ck_assert_uint_eq(f->slot[0].taken, 1);
	ck_assert_uint_eq(f->running, NO_SLOT);
	fake_free(f);
}
END_TEST

START_TEST(one_bell_runs_all_there_is)
{
	struct fake *f = with_slots(_i, 2);

	fake_submit(f, 0, 100, 0); /* over before anybody can look */
	fake_submit(f, 1, 100, 40);
	fake_for(f, 1000 * MS);
	ck_assert_uint_eq(f->slot[0].done, 100);
	ck_assert_uint_eq(f->slot[1].done, 100);
	fake_free(f);
}
END_TEST

START_TEST(what_was_there_before_the_start_runs_too)
{
	struct fake *f = rig(_i);

	fake_bind(f, 7, 3);
	f->slot[7].jobs = 2;
	f->slot[7].length = 100;
	ck_assert_uint_eq(fake_start(f, 7), TERN_FW_STATUS_OK);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[7].done, 2);
	fake_free(f);
}
END_TEST

/* A ring that gets one more job at any instant: none is left behind. */
START_TEST(no_bell_is_lost)
{
	struct fake *f = with_slots(_i, 1);
	uint64_t n = 0;

	for (unsigned int gap = 0; gap < 400; gap++) {
		fake_submit(f, 0, 1, 130);
		fake_for(f, gap);
		n++;
	}
	fake_for(f, 1000 * MS);
	ck_assert_uint_eq(f->slot[0].done, n);
	fake_free(f);
}
END_TEST

/* While another ring is looked at: at once after that, and not by chance later. */
START_TEST(a_bell_during_a_look_is_heard)
{
	for (uint64_t when = 0; when < 700; when += 20) {
		struct fake *f = with_slots(_i, 2);

		fake_for(f, 10 * MS);
		fake_ring(f, 0);
		fake_for(f, when);
		fake_submit(f, 1, 1, 10);
		fake_for(f, 2 * MS);
		ck_assert_uint_eq(f->slot[1].done, 1);
		fake_free(f);
	}
}
END_TEST

START_TEST(bells_of_others_mean_nothing)
{
	struct fake *f = rig(_i);

	fake_bind(f, 1, 1);
	fake_submit(f, 1, 1, 100);
	f->bells = ~0ull;
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->bells, 0);
	ck_assert_uint_eq(f->slot[1].taken, 0);
	fake_free(f);
}
END_TEST

/* A saved context that the kernel bound with RESTORE. */
START_TEST(a_restored_slot_goes_on)
{
	struct fake *f = rig(_i);

	fake_bind(f, 4, 1);
	f->slot[4].state = TERN_SLOT_SAVED;
	f->slot[4].jobs = 1;
	f->slot[4].left = 500;
	ck_assert_uint_eq(fake_start(f, 4), TERN_FW_STATUS_OK);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[4].done, 1);
	fake_free(f);
}
END_TEST

/* A preempted job is not begun anew, and counts once. */
START_TEST(preempted_jobs_go_on)
{
	struct fake *f = with_slots(_i, 3);
	uint64_t length = 50 * MS;

	for (unsigned int i = 0; i < 3; i++)
		fake_submit(f, i, 2, length);
	fake_for(f, 2000 * MS);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_uint_eq(f->slot[i].done, 2);
		ck_assert_uint_ge(f->slot[i].taken, 10);
		ck_assert_uint_ge(f->slot[i].ran, 2 * length);
	}
	fake_free(f);
}
END_TEST

/* Jobs that end at every instant around their preemption. */
START_TEST(a_job_may_end_while_it_is_preempted)
{
	for (uint64_t length = 1200; length < 2900; length += 50) {
		struct fake *f = with_slots(_i, 2);

		fake_submit(f, 0, 3, length);
		fake_submit(f, 1, 3, length + 700);
		fake_for(f, 300 * MS);
		ck_assert_uint_eq(f->slot[0].done, 3);
		ck_assert_uint_eq(f->slot[1].done, 3);
		fake_free(f);
	}
}
END_TEST

START_TEST(a_lost_event_costs_time_only)
{
	struct fake *f = with_slots(_i, 1);

	f->deaf = true;
	fake_submit(f, 0, 2, 300);
	fake_for(f, 500 * MS);
	ck_assert_uint_eq(f->slot[0].done, 2);
	fake_free(f);
}
END_TEST

/* ---- Faults and slots that vanish -------------------------------------------------------------- */

START_TEST(a_faulted_slot_rests)
{
	struct fake *f = with_slots(_i, 2);

	f->slot[0].faults = true;
	fake_submit(f, 0, 5, 100);
	fake_submit(f, 1, 5, 100);
	fake_for(f, 10 * MS);
	fake_ring(f, 0);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[0].asked, 1);
	ck_assert_uint_eq(f->slot[1].done, 5);
	ck_assert_uint_eq(stop(f, 0, TERN_FW_STOP_SAVE).arg[0], TERN_SLOT_FAULTED);
	/* Bound and started anew it is as good as any. */
	fake_bind(f, 0, 1);
	ck_assert_uint_eq(fake_start(f, 0), TERN_FW_STATUS_OK);
	fake_submit(f, 0, 1, 100);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[0].done, 1);
	fake_free(f);
}
END_TEST

START_TEST(the_kernel_may_take_a_slot_at_any_time)
{
	for (uint64_t when = 0; when < 3000; when += 35) {
		struct fake *f = with_slots(_i, 2);

		fake_submit(f, 0, 1000, 400);
		fake_submit(f, 1, 10, 400);
		fake_for(f, when);
		fake_unbind(f, 0);
		fake_for(f, 200 * MS);
		ck_assert_uint_eq(f->slot[1].done, 10);
		ck_assert_uint_eq(f->running, NO_SLOT);
		ck_assert_uint_eq(stop(f, 0, TERN_FW_STOP_ABORT).status, TERN_FW_STATUS_OK);
		fake_free(f);
	}
}
END_TEST

START_TEST(bells_of_slots_taken_away_run_nothing)
{
	struct fake *f = with_slots(_i, 2);

	fake_submit(f, 1, 9, 10 * MS);
	fake_for(f, 5 * MS);
	fake_unbind(f, 0);
	fake_ring(f, 0);
	fake_for(f, 5 * MS);
	ck_assert_uint_eq(f->slot[0].asked, 0);
	fake_free(f);
}
END_TEST

START_TEST(a_ring_that_lies_waits_for_its_bell)
{
	struct fake *f = with_slots(_i, 2);

	f->slot[0].lies = 100;
	fake_submit(f, 0, 1, 100);
	fake_submit(f, 1, 3, 100);
	fake_for(f, 100 * MS);
	ck_assert_uint_eq(f->slot[1].done, 3);
	ck_assert_uint_eq(f->slot[0].asked, 2);
	f->slot[0].lies = 1; /* once is forgiven */
	fake_ring(f, 0);
	fake_for(f, 10 * MS);
	ck_assert_uint_eq(f->slot[0].done, 1);
	fake_free(f);
}
END_TEST

/* ---- Stopping ------------------------------------------------------------------------------------ */

START_TEST(stop_saves_what_runs)
{
	struct fake *f = with_slots(_i, 1);
	struct tern_fw_message m;

	fake_submit(f, 0, 1, 100 * MS);
	fake_for(f, 5 * MS);
	m = stop(f, 0, TERN_FW_STOP_SAVE);
	ck_assert_uint_eq(m.status, TERN_FW_STATUS_OK);
	ck_assert_uint_eq(m.arg[0], TERN_SLOT_SAVED);
	fake_ring(f, 0);
	fake_for(f, 200 * MS);
	ck_assert_uint_eq(f->slot[0].taken, 1); /* it is forgotten */
	ck_assert_uint_eq(stop(f, 0, TERN_FW_STOP_SAVE).status, TERN_FW_STATUS_STATE);
	ck_assert_uint_eq(fake_start(f, 0), TERN_FW_STATUS_OK);
	fake_for(f, 200 * MS);
	ck_assert_uint_eq(f->slot[0].done, 1);
	fake_free(f);
}
END_TEST

START_TEST(stop_aborts_what_runs)
{
	struct fake *f = with_slots(_i, 1);
	struct tern_fw_message m;

	fake_submit(f, 0, 2, 100 * MS);
	fake_for(f, 5 * MS);
	m = stop(f, 0, TERN_FW_STOP_ABORT);
	ck_assert_uint_eq(m.status, TERN_FW_STATUS_OK);
	ck_assert_uint_eq(m.arg[0], TERN_SLOT_FAULTED);
	ck_assert_uint_eq(f->slot[0].taken, 1);
	fake_free(f);
}
END_TEST

/* Whatever the slot is about to do: the reply comes, and it runs no more after it. */
START_TEST(stop_at_any_instant)
{
	for (uint64_t when = 0; when < 6000; when += 55) {
		struct fake *f = with_slots(_i, 3);
		uint64_t taken;

		for (unsigned int i = 0; i < 3; i++)
			fake_submit(f, i, 2, 900);
		fake_for(f, when);
		ck_assert_uint_eq(stop(f, 1, when & 1).status, TERN_FW_STATUS_OK);
		taken = f->slot[1].taken;
		ck_assert_uint_ne(f->running, 1);
		fake_ring(f, 1);
		fake_for(f, 100 * MS);
		ck_assert_uint_eq(f->slot[1].taken, taken);
		ck_assert_uint_eq(f->slot[0].done + f->slot[2].done, 4);
		fake_free(f);
	}
}
END_TEST

/* All that the firmware finds when it looks: after a reset the kernel starts those who had slots. */
START_TEST(those_started_at_once_run_in_that_order)
{
	static const unsigned int order[] = {2, 0, 3, 1};
	struct fake *f = rig(_i);

	for (unsigned int i = 0; i < 4; i++) {
		fake_bind(f, i, 1);
		ck_assert_uint_eq(fake_start(f, i), TERN_FW_STATUS_OK); /* another order, before */
		ck_assert_uint_eq(stop(f, i, TERN_FW_STOP_SAVE).status, TERN_FW_STATUS_OK);
		f->slot[i].jobs = 1;
		f->slot[i].length = 100;
	}
	for (unsigned int i = 0; i < 4; i++)
		fake_post(f, (struct tern_fw_message){.type = TERN_FW_SLOT_START,
						      .slot = (uint8_t)order[i]});
	fake_kick(f);
	for (unsigned int i = 0; i < 4; i++) {
		for (unsigned int us = 0; !f->slot[order[i]].taken && us < 100 * MS; us++)
			fake_for(f, 1);
		for (unsigned int k = 0; k < 4; k++)
			ck_assert_uint_eq(f->slot[order[k]].taken, k <= i);
	}
	fake_free(f);
}
END_TEST

START_TEST(starting_twice_or_without_binding_is_refused)
{
	struct fake *f = with_slots(_i, 1);

	ck_assert_uint_eq(fake_start(f, 0), TERN_FW_STATUS_STATE);
	ck_assert_uint_eq(fake_start(f, 1), TERN_FW_STATUS_STATE);
	ck_assert_uint_eq(stop(f, 1, TERN_FW_STOP_SAVE).status, TERN_FW_STATUS_STATE);
	ck_assert_uint_eq(stop(f, 0, 2).status, TERN_FW_STATUS_INVALID);
	ck_assert_uint_eq(stop(f, 0, TERN_FW_STOP_SAVE).status, TERN_FW_STATUS_OK);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fw_slots");
	TCase *t = tcase_create("slots");
	SRunner *r;
	int failed;

	EACH_SPEED(a_bell_runs_a_job);
	EACH_SPEED(one_bell_runs_all_there_is);
	EACH_SPEED(what_was_there_before_the_start_runs_too);
	EACH_SPEED(no_bell_is_lost);
	EACH_SPEED(a_bell_during_a_look_is_heard);
	EACH_SPEED(bells_of_others_mean_nothing);
	EACH_SPEED(a_restored_slot_goes_on);
	EACH_SPEED(preempted_jobs_go_on);
	EACH_SPEED(a_job_may_end_while_it_is_preempted);
	EACH_SPEED(a_lost_event_costs_time_only);
	EACH_SPEED(a_faulted_slot_rests);
	EACH_SPEED(the_kernel_may_take_a_slot_at_any_time);
	EACH_SPEED(bells_of_slots_taken_away_run_nothing);
	EACH_SPEED(a_ring_that_lies_waits_for_its_bell);
	EACH_SPEED(stop_saves_what_runs);
	EACH_SPEED(stop_aborts_what_runs);
	EACH_SPEED(stop_at_any_instant);
	EACH_SPEED(those_started_at_once_run_in_that_order);
	EACH_SPEED(starting_twice_or_without_binding_is_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
