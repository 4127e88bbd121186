// SPDX-License-Identifier: MIT
/* Commands that wait for each other: queues, shared DRAM, semaphores. Worked out by hand. */
#include "timing_fixture.h"

/* ---- queues ------------------------------------------------------------------------ */
START_TEST(latency_of_loads_overlaps)
{
	start();
	for (int i = 0; i < 3; i++)
		push(load_cmd(TERN_Q_LOAD0, 64 * 1000, 0, 0));
	ck_cycles(finish(), K(CP_DISPATCH) + 3000 + load_latency());
}
END_TEST

START_TEST(full_queue_holds_the_cp)
{
	uint64_t one = (uint64_t)K(VECTOR_ISSUE) + 1000;

	start();
	for (int i = 0; i < 4; i++)
		push(vector_cmd(1000, 0, 0));
	ck_assert_uint_eq(tern_timing_now(timing), 4 * (uint64_t)K(CP_DISPATCH));
	push(vector_cmd(1000, 0, 0)); /* takes the place of the first, which left at its end */
	ck_cycles(tern_timing_now(timing), K(CP_DISPATCH) + (double)one);
	push(vector_cmd(1000, 0, 0));
	ck_cycles(tern_timing_now(timing), K(CP_DISPATCH) + 2 * (double)one);
	ck_cycles(finish(), K(CP_DISPATCH) + 6 * (double)one + K(VECTOR_PIPE));
}
END_TEST

START_TEST(full_load_queue_holds_the_cp_until_a_transfer_ends)
{
	start();
	for (int i = 0; i < 5; i++)
		push(load_cmd(TERN_Q_LOAD0, 64 * 1000, 0, 0));
	ck_cycles(tern_timing_now(timing), K(CP_DISPATCH) + 1000);
	finish();
}
END_TEST

START_TEST(drain_waits_for_the_last_completion)
{
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, 0));
	tern_timing_drain(timing);
	ck_cycles(tern_timing_now(timing), K(CP_DISPATCH) + 100 + load_latency());
	tern_timing_cp(timing, 10);
	ck_cycles(finish(), K(CP_DISPATCH) + 110 + load_latency());
}
END_TEST

/* ---- DRAM ---------------------------------------------------------------------------- */
START_TEST(two_loads_share_dram_equally)
{
	double d = K(CP_DISPATCH);

	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 1000, 0, 0));
	push(load_cmd(TERN_Q_LOAD1, 64 * 500, 0, 0));
	ck_cycles(finish(), d + 1500 + load_latency()); /* the server is never idle */
	/* The second moves at half rate from its dispatch, 2 * d, on. */
	ck_cycles(event(TERN_Q_LOAD1, 0)->end, 2 * d + 1000 + load_latency());
	ck_cycles(run.counters.stall_dram[TERN_Q_LOAD1], 500);
	ck_cycles(run.counters.stall_dram[TERN_Q_LOAD0], 500);
}
END_TEST

START_TEST(who_cannot_use_his_share_leaves_it_to_the_others)
{
	struct tern_rcmd slow = load_cmd(TERN_Q_LOAD1, 64 * 100, 0, 0);
	double d = K(CP_DISPATCH), t = 800 + K(DMA_ISSUE);

	slow.spm_bytes = 256 * 800; /* 8 bytes per cycle of DRAM, about */
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 1000, 0, 0));
	push(slow);
	finish();
	ck_cycles(event(TERN_Q_LOAD1, 0)->end, 2 * d + t + load_latency());
	ck_cycles(event(TERN_Q_LOAD0, 0)->end, d + 1100 + load_latency());
}
END_TEST

START_TEST(three_share_dram_max_min)
{
	double d = K(CP_DISPATCH);

	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 3000, 0, 0));
	push(load_cmd(TERN_Q_LOAD1, 64 * 3000, 0, 0));
	push(store_cmd(64 * 1000, 0, 0));
	finish();
	/* At a third of the rate from 3 d on, the store is first. */
	ck_cycles(event(TERN_Q_STORE, 0)->end, 3 * d + 3000 + K(DMA_PIPE) + K(DRAM_WRITE));
	ck_cycles(run.counters.cycles, d + 7000 + load_latency());
}
END_TEST

/* ---- semaphores -------------------------------------------------------------------------- */
START_TEST(consumer_starts_when_the_signal_is_given)
{
	double loaded = K(CP_DISPATCH) + 100 + load_latency();

	use_sem(sems, 1, TERN_Q_LOAD0, TERN_Q_VECTOR, 0);
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, SEM(1, 1)));
	push(vector_cmd(50, SEM(1, 1), 0));
	ck_cycles(finish(), loaded + K(VECTOR_ISSUE) + 50 + K(VECTOR_PIPE));
	ck_cycles(run.counters.stall_sem[TERN_Q_VECTOR], loaded - 2 * K(CP_DISPATCH));
}
END_TEST

START_TEST(wait_for_three_needs_three_signals)
{
	use_sem(sems, 1, TERN_Q_LOAD0, TERN_Q_VECTOR, 0);
	start();
	push(vector_cmd(50, SEM(1, 3), 0));
	for (int i = 0; i < 3; i++)
		push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, SEM(1, 1)));
	finish();
	ck_cycles(event(TERN_Q_VECTOR, 0)->start, 2 * K(CP_DISPATCH) + 300 + load_latency());
}
END_TEST

START_TEST(signal_of_four_serves_waits_of_one_and_three)
{
	double loaded = K(CP_DISPATCH) + 100 + load_latency();

	use_sem(sems, 1, TERN_Q_LOAD0, TERN_Q_VECTOR, 0);
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, SEM(1, 2)));
	push(load_cmd(TERN_Q_LOAD0, 64 * 900, 0, SEM(1, 2)));
	push(vector_cmd(10, SEM(1, 1), 0));
	push(vector_cmd(10, SEM(1, 3), 0)); /* one of the first, two of the second */
	finish();
	ck_cycles(event(TERN_Q_VECTOR, 0)->start, loaded);
	ck_cycles(event(TERN_Q_VECTOR, 1)->start, loaded + 900);
}
END_TEST

START_TEST(two_waits_are_met_by_the_later)
{
	struct tern_rcmd v = vector_cmd(10, SEM(1, 1), 0);
	double d = K(CP_DISPATCH);

	v.wait[1] = (struct tern_rsync){2, 1};
	use_sem(sems, 1, TERN_Q_MATRIX, TERN_Q_VECTOR, 0);
	use_sem(sems, 2, TERN_Q_LOAD0, TERN_Q_VECTOR, 0);
	start();
	push(matrix_cmd(TERN_T_OP32, 256, 10, 18, 0, SEM(1, 1)));
	push(load_cmd(TERN_Q_LOAD0, 64 * 700, 0, SEM(2, 1)));
	push(v);
	finish();
	ck_cycles(event(TERN_Q_VECTOR, 0)->start, 2 * d + 700 + load_latency());
}
END_TEST

START_TEST(both_waits_on_one_semaphore_add_up)
{
	struct tern_rcmd v = vector_cmd(10, SEM(1, 1), 0);

	v.wait[1] = (struct tern_rsync){1, 1};
	use_sem(sems, 1, TERN_Q_LOAD0, TERN_Q_VECTOR, 1);
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, SEM(1, 1)));
	push(v);
	finish();
	ck_cycles(event(TERN_Q_VECTOR, 0)->start, K(CP_DISPATCH) + 100 + load_latency());
}
END_TEST

/* Two slots; LOAD takes 1000, MATRIX 960 + issue: the ring hides the shorter one. */
START_TEST(ring_with_credits_hides_the_shorter_engine)
{
	double matrix = 960 + K(MATRIX_ISSUE), first = K(CP_DISPATCH) + 1000 + load_latency();
	double round;

	use_sem(sems, 0, TERN_Q_LOAD0, TERN_Q_MATRIX, 0);
	use_sem(sems, 1, TERN_Q_MATRIX, TERN_Q_LOAD0, 2);
	start();
	for (int i = 0; i < 20; i++) {
		push(load_cmd(TERN_Q_LOAD0, 64 * 1000, SEM(1, 1), SEM(0, 1)));
		push(matrix_cmd(TERN_T_F32, 256, 10, 18, SEM(0, 1), SEM(1, 1)));
	}
	finish();
	/* Load i + 2 starts when MATRIX i is done: two rounds cost load, latency, matrix. */
	round = (1000 + load_latency() + matrix + K(MATRIX_PIPE)) / 2;
	ck_cycles(event(TERN_Q_MATRIX, 0)->start, first);
	ck_cycles(event(TERN_Q_LOAD0, 2)->start, first + matrix + K(MATRIX_PIPE));
	ck_cycles(event(TERN_Q_MATRIX, 18)->start, first + 18 * round);
}
END_TEST

START_TEST(deeper_ring_hides_the_latency_too)
{
	double matrix = 960 + K(MATRIX_ISSUE), first = K(CP_DISPATCH) + 1000 + load_latency();

	ck_assert(matrix < 1000);
	use_sem(sems, 0, TERN_Q_LOAD0, TERN_Q_MATRIX, 0);
	use_sem(sems, 1, TERN_Q_MATRIX, TERN_Q_LOAD0, 3);
	start();
	for (int i = 0; i < 20; i++) {
		push(load_cmd(TERN_Q_LOAD0, 64 * 1000, SEM(1, 1), SEM(0, 1)));
		push(matrix_cmd(TERN_T_F32, 256, 10, 18, SEM(0, 1), SEM(1, 1)));
	}
	ck_cycles(finish(), first + 19 * 1000 + matrix + K(MATRIX_PIPE));
}
END_TEST

START_TEST(cp_waits_and_signals_too)
{
	struct tern_rcmd s = {
		.op = TERN_OP_SYNC, .queue = TERN_Q_CP, .wait = {{1, 1}}, .signal = {{2, 1}}};
	double d = K(CP_DISPATCH), loaded = d + 100 + load_latency();

	use_sem(sems, 1, TERN_Q_LOAD0, TERN_Q_CP, 0);
	use_sem(sems, 2, TERN_Q_CP, TERN_Q_VECTOR, 0);
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, SEM(1, 1)));
	push(vector_cmd(10, SEM(2, 1), 0));
	tern_timing_cp_sync(timing, &s);
	ck_cycles(tern_timing_now(timing), loaded);
	finish();
	ck_cycles(event(TERN_Q_VECTOR, 0)->start, loaded);
	ck_cycles(run.counters.stall_sem[TERN_Q_CP], loaded - 3 * d);
}
END_TEST

START_TEST(semaphore_holds_more_signals_than_its_first_ring)
{
	use_sem(sems, 1, TERN_Q_VECTOR, TERN_Q_LOAD0, 0);
	start();
	for (int i = 0; i < 200; i++)
		push(vector_cmd(10, 0, SEM(1, 1)));
	push(load_cmd(TERN_Q_LOAD0, 64, SEM(1, 200), 0));
	finish();
	ck_cycles(event(TERN_Q_LOAD0, 0)->start,
		  K(CP_DISPATCH) + 200 * (10 + K(VECTOR_ISSUE)) + K(VECTOR_PIPE));
}
END_TEST

START_TEST(results_of_a_queue_appear_in_order)
{
	struct tern_rcmd quick = engine_cmd(TERN_OP_SYNC, TERN_Q_LOAD0, 0, SEM(1, 1));

	use_sem(sems, 1, TERN_Q_LOAD0, TERN_Q_VECTOR, 0);
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, 0));
	push(quick); /* has no latency of its own */
	push(vector_cmd(10, SEM(1, 1), 0));
	finish();
	ck_cycles(event(TERN_Q_VECTOR, 0)->start, K(CP_DISPATCH) + 100 + load_latency());
}
END_TEST

/* ---- more of something never hurts ---------------------------------------------------- */
/* LOADs ahead of MATRIX with `credits` slots, results stored: all queues but one at work. */
static uint64_t pipeline(const struct tern_caps *c, uint64_t bytes, unsigned int credits)
{
	restart_with(c);
	memset(sems, 0, sizeof(sems));
	use_sem(sems, 0, TERN_Q_LOAD0, TERN_Q_MATRIX, 0);
	use_sem(sems, 1, TERN_Q_MATRIX, TERN_Q_LOAD0, credits);
	use_sem(sems, 2, TERN_Q_MATRIX, TERN_Q_STORE, 0);
	start();
	for (int i = 0; i < 30; i++) {
		struct tern_rcmd m = matrix_cmd(TERN_T_OP32, 256, 16, 64, SEM(0, 1), SEM(1, 1));

		m.signal[1] = (struct tern_rsync){2, 1};
		push(load_cmd(TERN_Q_LOAD0, bytes, SEM(1, 1), SEM(0, 1)));
		push(m);
		push(store_cmd(bytes / 4, SEM(2, 1), 0));
	}
	return finish();
}

START_TEST(more_bandwidth_never_hurts)
{
	uint64_t before = UINT64_MAX;

	for (uint32_t rate = 256; rate < 256 * 256; rate += 1111) {
		uint64_t now;

		caps.dram_x256 = rate;
		now = pipeline(&caps, 64 * 300, 2);
		ck_assert_uint_le(now, before);
		before = now;
	}
}
END_TEST

START_TEST(more_credits_and_deeper_queues_never_hurt)
{
	uint64_t before = UINT64_MAX;

	for (unsigned int n = 1; n < 12; n++) {
		uint64_t now = pipeline(&caps, 64 * 300, n);

		ck_assert_uint_le(now, before);
		before = now;
	}
	before = UINT64_MAX;
	for (caps.queue_depth = 1; caps.queue_depth < 12; caps.queue_depth++) {
		uint64_t now = pipeline(&caps, 64 * 300, 8);

		ck_assert_uint_le(now, before);
		before = now;
	}
}
END_TEST

START_TEST(more_bytes_never_help_and_never_beat_bandwidth)
{
	uint64_t before = 0;

	for (uint64_t bytes = 64; bytes < 64 * 500; bytes += 64 * 7) {
		uint64_t now = pipeline(&caps, bytes, 3);

		ck_assert_uint_ge(now, before);
		ck_assert_uint_ge(now * 64, run.counters.dram_bursts * 64);
		before = now;
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("timing_queues");
	TCase *t = tcase_create("waiting");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, latency_of_loads_overlaps);
	tcase_add_test(t, full_queue_holds_the_cp);
	tcase_add_test(t, full_load_queue_holds_the_cp_until_a_transfer_ends);
	tcase_add_test(t, drain_waits_for_the_last_completion);
	tcase_add_test(t, two_loads_share_dram_equally);
	tcase_add_test(t, who_cannot_use_his_share_leaves_it_to_the_others);
	tcase_add_test(t, three_share_dram_max_min);
	tcase_add_test(t, consumer_starts_when_the_signal_is_given);
	tcase_add_test(t, wait_for_three_needs_three_signals);
	tcase_add_test(t, signal_of_four_serves_waits_of_one_and_three);
	tcase_add_test(t, two_waits_are_met_by_the_later);
	tcase_add_test(t, both_waits_on_one_semaphore_add_up);
	tcase_add_test(t, ring_with_credits_hides_the_shorter_engine);
	tcase_add_test(t, deeper_ring_hides_the_latency_too);
	tcase_add_test(t, cp_waits_and_signals_too);
	tcase_add_test(t, semaphore_holds_more_signals_than_its_first_ring);
	tcase_add_test(t, results_of_a_queue_appear_in_order);
	tcase_add_test(t, more_bandwidth_never_hurts);
	tcase_add_test(t, more_credits_and_deeper_queues_never_hurt);
	tcase_add_test(t, more_bytes_never_help_and_never_beat_bandwidth);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
