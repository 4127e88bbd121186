// SPDX-License-Identifier: MIT
/* The firmware's schedule, seen from outside: how long slots run, and how long they wait. */
#include <check.h>
#include <stdlib.h>

#include "support/fw_fake.h"

#define MS   1000ull /* of the fake's clock */
#define SAVE 50	     /* ticks of a preemption */

static const uint64_t slice = 2 * MS, starvation = 100 * MS; /* the usual ones */

static struct fake *rig(void)
{
	struct fake *f = fake_booted();

	f->drain_ticks = SAVE / 2;
	f->save_ticks = SAVE - SAVE / 2;
	return f;
}

static uint64_t ran(const struct fake *f, unsigned int slot)
{
	return f->slot[slot].ran;
}

static void between(uint64_t value, uint64_t low, uint64_t high)
{
	ck_assert_uint_ge(value, low);
	ck_assert_uint_le(value, high);
}

/* ---- Equals ------------------------------------------------------------------------------ */

START_TEST(equals_share_the_device)
{
	unsigned int n = (unsigned int)_i;
	uint64_t each = 1000 * MS / n;
	struct fake *f = rig();

	for (unsigned int i = 0; i < n; i++)
		fake_busy(f, 63 - i, 2);
	fake_for(f, 1000 * MS);
	for (unsigned int i = 0; i < n; i++) {
		/* A slice more or less, and what preempting costs. */
		between(ran(f, 63 - i), each * 95 / 100 - slice - SAVE, each + slice + SAVE);
		between(fake_waited(f, 63 - i), (n - 1) * slice, (n - 1) * (slice + 2 * SAVE));
	}
	fake_free(f);
}
END_TEST

START_TEST(alone_it_is_never_preempted)
{
	struct fake *f = rig();

	fake_busy(f, 5, 0);
	fake_for(f, 1000 * MS);
	ck_assert_uint_eq(f->slot[5].taken, 1);
	ck_assert_uint_ge(ran(f, 5), 999 * MS);
	fake_free(f);
}
END_TEST

/* Turns are of time, not of jobs: many short ones weigh as much as one long one. */
START_TEST(short_jobs_and_long_ones_get_the_same)
{
	struct fake *f = rig();

	f->query_ticks = f->run_ticks = 1;
	fake_busy(f, 0, 1);
	fake_bind(f, 1, 1);
	fake_start(f, 1);
	fake_submit(f, 1, 1u << 30, 100);
	fake_for(f, 1000 * MS);
	between(ran(f, 0), 470 * MS, 530 * MS);
	between(ran(f, 1), 470 * MS, 530 * MS);
	fake_free(f);
}
END_TEST

/* Its slice is over when somebody else comes: that one need not wait for another slice. */
START_TEST(a_slice_counts_from_its_beginning)
{
	struct fake *f = rig();

	fake_busy(f, 0, 1);
	fake_for(f, 10 * slice);
	fake_busy(f, 1, 1);
	fake_for(f, SAVE + 1);
	ck_assert_uint_eq(f->running, 1);
	fake_free(f);
}
END_TEST

/* ---- Priorities ------------------------------------------------------------------------------ */

START_TEST(a_higher_priority_runs_at_once)
{
	struct fake *f = rig();

	for (unsigned int p = 0; p < 4; p++) {
		fake_busy(f, 10 + p, p);
		fake_for(f, SAVE + 1);
		ck_assert_uint_eq(f->running, 10 + p);
	}
	fake_busy(f, 20, 3); /* an equal: waits for the slice to end */
	fake_for(f, slice / 2);
	ck_assert_uint_eq(f->running, 13);
	fake_for(f, slice);
	ck_assert_uint_eq(f->running, 20);
	ck_assert_uint_eq(f->slot[10].taken, 1);
	fake_free(f);
}
END_TEST

START_TEST(a_lower_priority_waits)
{
	struct fake *f = rig();

	fake_busy(f, 1, 2);
	fake_busy(f, 2, 1);
	fake_for(f, starvation - 5 * MS);
	ck_assert_uint_eq(f->slot[1].taken, 1);
	ck_assert_uint_eq(f->slot[2].taken, 0);
	fake_free(f);
}
END_TEST

/* Who is interrupted by a higher priority goes on before its equals, for the rest of its slice. */
START_TEST(an_interrupted_slice_is_resumed)
{
	struct fake *f = rig();
	uint64_t before;

	fake_busy(f, 0, 1);
	fake_busy(f, 1, 1);
	fake_until(f, 50 * MS);
	while (f->running != 0 || f->now - f->run_since > MS / 2)
		fake_for(f, 100);
	before = ran(f, 0);
	fake_bind(f, 9, 3);
	fake_start(f, 9);
	fake_submit(f, 9, 1, 5 * MS);
	fake_for(f, 2 * SAVE);
	ck_assert_uint_eq(f->running, 9);
	fake_for(f, 5 * MS);
	ck_assert_uint_eq(f->running, 0);
	while (f->running != 1)
		fake_for(f, 10);
	between(ran(f, 0) - before, slice / 2, slice + SAVE);
	fake_free(f);
}
END_TEST

START_TEST(without_the_feature_only_jobs_ends_count)
{
	struct fake *f = fake_new();

	f->boot->features = TERN_FW_FEATURE_POWER;
	fake_boot(f);
	fake_bind(f, 0, 0);
	fake_start(f, 0);
	fake_submit(f, 0, 2, 500 * MS);
	fake_for(f, MS);
	fake_busy(f, 1, 3);
	fake_for(f, 400 * MS);
	ck_assert_uint_eq(f->running, 0);
	fake_for(f, 200 * MS);
	ck_assert_uint_eq(f->running, 1); /* before the second job of slot 0 */
	ck_assert_uint_eq(f->slot[0].done, 1);
	fake_free(f);
}
END_TEST

/* ---- Starvation ---------------------------------------------------------------------------- */

START_TEST(nobody_waits_longer_than_the_bound)
{
	unsigned int low = (unsigned int)_i;
	uint64_t each = slice + 2 * SAVE + 10;
	struct fake *f = rig();

	fake_busy(f, 0, 3);
	fake_busy(f, 1, 3);
	for (unsigned int i = 0; i < low; i++)
		fake_busy(f, 2 + i, i % 3);
	fake_for(f, 4000 * MS);
	for (unsigned int i = 2; i < 2 + low; i++) {
		ck_assert_uint_ge(f->slot[i].taken, 4);
		ck_assert_uint_ge(ran(f, i), f->slot[i].taken / 2 * slice);
		ck_assert_uint_le(fake_waited(f, i), starvation + 2 * (low + 1) * each);
	}
	/* And priorities keep half of the device, less what preempting costs. */
	ck_assert_uint_ge(ran(f, 0) + ran(f, 1), 1900 * MS);
	fake_free(f);
}
END_TEST

START_TEST(one_that_starves_takes_no_more_than_its_slice)
{
	struct fake *f = rig();

	fake_busy(f, 0, 3);
	fake_busy(f, 1, 0);
	fake_for(f, 10 * starvation);
	between(f->slot[1].taken, 9, 10);
	between(ran(f, 1), 9 * slice, 10 * (slice + SAVE));
	between(fake_waited(f, 1), starvation, starvation + 2 * SAVE + 10);
	fake_free(f);
}
END_TEST

/* A slice against priorities is not cut short by one that comes in the meantime. */
START_TEST(a_slice_of_the_starving_is_whole)
{
	struct fake *f = rig();
	uint64_t before;

	fake_busy(f, 0, 2);
	fake_busy(f, 1, 0);
	while (f->running != 1)
		fake_for(f, 100);
	before = ran(f, 1);
	fake_busy(f, 2, 3);
	fake_for(f, slice - 200);
	ck_assert_uint_eq(f->running, 1);
	fake_for(f, 2 * SAVE + 200);
	ck_assert_uint_eq(f->running, 2);
	between(ran(f, 1) - before, slice - 200, slice + SAVE);
	fake_free(f);
}
END_TEST

START_TEST(changed_parameters_count_from_now_on)
{
	struct fake *f = rig();

	fake_busy(f, 0, 3);
	fake_busy(f, 1, 1);
	fake_busy(f, 2, 3);
	fake_set(f, TERN_FW_PARAM_STARVATION_US, 1000);
	fake_set(f, TERN_FW_PARAM_SLICE_US, 500);
	fake_for(f, 20 * MS);
	f->slot[0].waited = f->slot[1].waited = 0;
	fake_for(f, 100 * MS);
	ck_assert_uint_le(fake_waited(f, 0), 3 * (500 + 2 * SAVE));
	ck_assert_uint_le(fake_waited(f, 1), 1000 + 2 * (500 + 2 * SAVE));
	fake_free(f);
}
END_TEST

/* ---- The arithmetic by itself: any course of events ------------------------------------------ */

static uint64_t state = 88172645463325252ull;

static uint64_t random_below(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

/* At each instant: who has its turn is ready; the deadline never lies behind a change of mind; a
 * lower priority has its turn only if it starved. */
START_TEST(the_deadline_is_never_late)
{
	struct sched s;
	uint64_t now = 0, at;

	sched_init(&s);
	s.slice = 20;
	s.starvation = 200;
	for (unsigned int i = 0; i < TERN_NSLOTS; i++)
		s.slot[i].priority = (uint8_t)random_below(4);
	for (unsigned int i = 0; i < 50000; i++) {
		unsigned int slot = (unsigned int)random_below(TERN_NSLOTS);

		if (slot != s.turn && random_below(2))
			sched_add(&s, slot, now);
		else if (slot != s.turn)
			sched_drop(&s, slot);
		if (s.turn == NO_SLOT && sched_begin(&s, now) == NO_SLOT)
			continue;
		ck_assert(s.ready & SLOT_BIT(s.turn));
		at = sched_deadline(&s);
		for (uint64_t until = now + random_below(30); now < until && now < at; now++)
			ck_assert_int_eq(sched_over(&s, now), SCHED_STAY);
		if (sched_over(&s, now) != SCHED_STAY)
			sched_end(&s, now);
	}
}
END_TEST

START_TEST(nobody_ready_nobody_runs)
{
	struct sched s;

	sched_init(&s);
	ck_assert_uint_eq(sched_begin(&s, 5), NO_SLOT);
	ck_assert_int_eq(sched_over(&s, 5), SCHED_STAY);
	ck_assert_uint_eq(sched_deadline(&s), NEVER);
	sched_end(&s, 5);
	sched_add(&s, 3, 5);
	sched_drop(&s, 3);
	ck_assert_uint_eq(sched_begin(&s, 5), NO_SLOT);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fw_sched");
	TCase *t = tcase_create("schedule");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, equals_share_the_device, 2, 9);
	tcase_add_test(t, alone_it_is_never_preempted);
	tcase_add_test(t, short_jobs_and_long_ones_get_the_same);
	tcase_add_test(t, a_slice_counts_from_its_beginning);
	tcase_add_test(t, a_higher_priority_runs_at_once);
	tcase_add_test(t, a_lower_priority_waits);
	tcase_add_test(t, an_interrupted_slice_is_resumed);
	tcase_add_test(t, without_the_feature_only_jobs_ends_count);
	tcase_add_loop_test(t, nobody_waits_longer_than_the_bound, 1, 62);
	tcase_add_test(t, one_that_starves_takes_no_more_than_its_slice);
	tcase_add_test(t, a_slice_of_the_starving_is_whole);
	tcase_add_test(t, changed_parameters_count_from_now_on);
	tcase_add_test(t, the_deadline_is_never_late);
	tcase_add_test(t, nobody_ready_nobody_runs);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
