// SPDX-License-Identifier: MIT
/* What one command costs, and the sums: every expected time is an expression of the
 * constants, written from the README's account of time. */
#include "timing_fixture.h"

/* ---- one command ----------------------------------------------------------------- */
START_TEST(load_takes_its_bytes_over_bandwidth_and_a_latency)
{
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 1000, 0, 0));
	ck_cycles(finish(), K(CP_DISPATCH) + 1000 + load_latency());
	ck_assert_uint_eq(run.counters.busy[TERN_Q_LOAD0], 1000);
	ck_assert_uint_eq(run.counters.stall_dram[TERN_Q_LOAD0], 0);
}
END_TEST

START_TEST(load_pays_for_bursts_not_bytes)
{
	struct tern_rcmd c = load_cmd(TERN_Q_LOAD0, 64 * 100, 0, 0);

	c.dram_bursts = 200; /* misaligned pieces */
	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + 200 + load_latency());
	ck_assert_uint_eq(run.counters.dram_read, 6400);
	ck_assert_uint_eq(run.counters.dram_bursts, 200);
}
END_TEST

START_TEST(load_is_limited_by_its_decoder)
{
	struct tern_rcmd c = load_cmd(TERN_Q_LOAD0, 64 * 100, 0, 0);

	c.t[0].type = TERN_T_OP32;
	c.t[1].type = TERN_T_Q4_0;
	c.elems = 128 * 500; /* 500 cycles at 128 elements per cycle; DRAM needs 100 */
	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + K(DMA_ISSUE) + 500 + load_latency());
}
END_TEST

START_TEST(load_is_limited_by_its_spm_port)
{
	struct tern_rcmd c = load_cmd(TERN_Q_LOAD0, 64 * 100, 0, 0);

	c.spm_bytes = 256 * 300;
	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + K(DMA_ISSUE) + 300 + load_latency());
}
END_TEST

START_TEST(load_is_limited_by_bursts_in_flight)
{
	caps.dram_outstanding = 30; /* 30 * 64 bytes per latency */
	restart_with(&caps);
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 1000, 0, 0));
	ck_cycles(finish(), K(CP_DISPATCH) + 1000 * K(DRAM_READ) / 30 + load_latency());
}
END_TEST

START_TEST(fill_without_dram_costs_the_port_only)
{
	struct tern_rcmd c = load_cmd(TERN_Q_LOAD0, 0, 0, 0);

	c.spm_bytes = 256 * 50;
	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + K(DMA_ISSUE) + 50 + load_latency());
}
END_TEST

START_TEST(store_is_limited_by_its_encoder_and_visible_later)
{
	struct tern_rcmd c = store_cmd(64 * 100, 0, 0);

	c.t[0].type = TERN_T_F32;
	c.elems = 64 * 300;
	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + K(DMA_ISSUE) + 300 + K(DMA_PIPE) + K(DRAM_WRITE));
	ck_assert_uint_eq(run.counters.dram_written, 6400);
	ck_assert_uint_eq(run.counters.dram_read, 0);
}
END_TEST

START_TEST(empty_command_passes_in_a_cycle)
{
	struct tern_rcmd c = load_cmd(TERN_Q_LOAD0, 64 * 1000, 0, 0);

	c.empty = true;
	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + 1);
	ck_assert_uint_eq(run.counters.dram_bursts, 0);
}
END_TEST

/* [type, steps]: K 256, M 10, N 18 on 4 x 4 x 32 are 3 * 5 quanta of 8 steps. */
static const struct {
	unsigned int type;
	double steps;
	unsigned int counter;
} rates[] = {
	{TERN_T_OP32, 120, 0},	{TERN_T_OP32M, 120, 0}, {TERN_T_OP16, 120, 0},
	{TERN_T_OP16M, 240, 0}, {TERN_T_F16, 240, 1},	{TERN_T_BF16, 240, 2},
	{TERN_T_F32, 960, 3},
};

START_TEST(matrix_rounds_up_to_quanta_at_the_rate_of_its_type)
{
	start();
	push(matrix_cmd(rates[_i].type, 256, 10, 18, 0, 0));
	ck_cycles(finish(), K(CP_DISPATCH) + K(MATRIX_ISSUE) + rates[_i].steps + K(MATRIX_PIPE));
	for (unsigned int i = 0; i < 4; i++) /* edges are not work */
		ck_assert_uint_eq(run.counters.macs[i], i == rates[_i].counter ? 256 * 10 * 18 : 0);
}
END_TEST

START_TEST(matrix_with_one_quantum_waits_for_its_own_sums)
{
	start();
	push(matrix_cmd(TERN_T_OP32, 1024, 1, 1, 0, 0));
	ck_cycles(finish(),
		  K(CP_DISPATCH) + K(MATRIX_ISSUE) + 32 * K(MATRIX_CHAIN) + K(MATRIX_PIPE));
}
END_TEST

START_TEST(matrix_counts_batches_and_kn_columns)
{
	struct tern_rcmd c = matrix_cmd(TERN_T_F16, 64, 4, 999, 0, 0);

	c.flags = TERN_MATRIX_KN;
	c.t[0].type = TERN_T_F16;
	c.t[0].size[2] = 3;
	c.t[1].size[0] = 8; /* N */
	c.t[1].size[1] = 64;
	start();
	push(c); /* 3 batches of 1 x 2 quanta, 2 steps, divisor 2 */
	ck_cycles(finish(), K(CP_DISPATCH) + K(MATRIX_ISSUE) + 24 + K(MATRIX_PIPE));
	ck_assert_uint_eq(run.counters.macs[1], 3 * 64 * 4 * 8);
}
END_TEST

START_TEST(matrix_is_limited_by_its_result_port)
{
	struct tern_rcmd c = matrix_cmd(TERN_T_OP32, 32, 64, 64, 0, 0);

	c.flags = TERN_MATRIX_OUT;
	c.t[2].type = TERN_T_F32;
	caps.spm_matrix_out = 32; /* 64 * 64 * 4 bytes: 512 cycles; the array needs 256 */
	restart_with(&caps);
	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + K(MATRIX_ISSUE) + 512 + K(MATRIX_PIPE));
}
END_TEST

START_TEST(vector_takes_the_slower_of_lanes_and_port)
{
	struct tern_rcmd c = vector_cmd(200, 0, 0);

	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + K(VECTOR_ISSUE) + 200 + K(VECTOR_PIPE));
	c.spm_bytes = 256 * 700;
	start();
	push(c);
	ck_cycles(finish(), K(CP_DISPATCH) + K(VECTOR_ISSUE) + 700 + K(VECTOR_PIPE));
}
END_TEST

START_TEST(vector_row_cost_rounds_up_to_lanes)
{
	const struct tern_timing_constants *k = tern_timing_constants(timing);

	ck_assert_uint_eq(tern_vector_loop_cycles(k, &caps, 33, 5, false),
			  3 * 5 + (uint64_t)K(VECTOR_LOOP));
	ck_assert_uint_eq(tern_vector_loop_cycles(k, &caps, 16, 5, true),
			  5 + (uint64_t)(K(VECTOR_LOOP) + K(VECTOR_REDUCE)));
	ck_assert_uint_eq(tern_vector_row_cycles(k, 7), 7 + (uint64_t)K(VECTOR_ROW));
}
END_TEST

/* ---- the CP and the sums ------------------------------------------------------------------ */
START_TEST(cp_costs_add_up)
{
	start();
	tern_timing_cp(timing, 7);
	tern_timing_cp_jumps(timing, 1);
	tern_timing_cp_read(timing, 65); /* two bursts */
	tern_timing_cp_read_spm(timing);
	ck_cycles(finish(), 7 * K(CP_WORD) + K(CP_JUMP) + K(DRAM_READ) + 2 + K(CP_SPM_READ));
	ck_assert_uint_eq(run.counters.dram_read, 65);
	ck_assert_uint_eq(run.counters.steps, run.counters.cycles);
}
END_TEST

START_TEST(energy_is_the_sum_of_counts_times_constants)
{
	struct tern_rcmd m = matrix_cmd(TERN_T_OP32, 256, 16, 16, 0, 0), v = vector_cmd(9, 0, 0);
	double pj;

	v.elems = 777;
	v.spm_bytes = 1234;
	start();
	tern_timing_cp(timing, 5);
	push(load_cmd(TERN_Q_LOAD0, 64 * 10, 0, 0));
	push(m);
	push(v);
	finish();
	pj = 65536 * K(PJ_MAC_INT8) + 777 * K(PJ_VECTOR_OP) + (640 + 1234) * K(PJ_SPM_BYTE) +
	     640 * K(PJ_DRAM_BYTE) + 5 * K(PJ_CP_WORD) +
	     (double)run.counters.cycles * (512 * K(LEAK_MAC) + 256 * K(LEAK_SPM_KIB));
	ck_assert_double_eq_tol((double)run.counters.energy_pj, pj, 1);
}
END_TEST

START_TEST(operators_are_charged_what_they_move_the_end)
{
	struct tern_rcmd a = vector_cmd(1000, 0, 0), b = load_cmd(TERN_Q_LOAD0, 64 * 100, 0, 0);
	struct tern_rcmd c = vector_cmd(500, 0, 0);

	a.mark = 1;
	b.mark = 2; /* runs under operator 1 */
	c.mark = 3;
	start();
	push(a);
	push(b);
	push(c);
	finish();
	ck_cycles(ops[1].cycles, K(CP_DISPATCH) + K(VECTOR_ISSUE) + 1000 + K(VECTOR_PIPE));
	ck_assert_uint_eq(ops[2].cycles, 0);
	ck_cycles(ops[3].cycles, K(VECTOR_ISSUE) + 500);
	ck_assert_uint_eq(ops[1].cycles + ops[3].cycles, run.counters.cycles);
	ck_assert_uint_eq(ops[2].dram_bytes, 6400);
	ck_assert_uint_eq(ops[2].busy[TERN_Q_LOAD0], 100);
	ck_assert_uint_eq(ops[3].commands, 1);
}
END_TEST

START_TEST(a_stuck_load_does_not_stop_attribution)
{
	use_sem(sems, 1, TERN_Q_VECTOR, TERN_Q_LOAD1, 0);
	start();
	push(load_cmd(TERN_Q_LOAD1, 64, SEM(1, 1), 0));
	for (int i = 0; i < 10000; i++)
		push(vector_cmd(10, 0, i == 9999 ? SEM(1, 1) : 0));
	finish();
	ck_assert_uint_gt(ops[0].cycles, 10000 * 10);
	ck_assert_uint_le(ops[0].cycles, run.counters.cycles);
}
END_TEST

START_TEST(a_job_leaves_nothing_to_the_next)
{
	uint64_t first;

	use_sem(sems, 1, TERN_Q_LOAD0, TERN_Q_VECTOR, 0);
	for (int i = 0; i < 3; i++) {
		start();
		push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, SEM(1, 2)));
		push(vector_cmd(50, SEM(1, 1), 0));
		if (!i)
			first = finish();
		else
			ck_assert_uint_eq(finish(), first);
	}
}
END_TEST

START_TEST(a_wait_nobody_meets_does_not_hang)
{
	use_sem(sems, 1, TERN_Q_LOAD0, TERN_Q_VECTOR, 0);
	start();
	for (int i = 0; i < 10; i++)
		push(vector_cmd(50, SEM(1, 1), 0));
	push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, 0));
	finish();
}
END_TEST

START_TEST(scaled_constant_moves_what_it_names)
{
	tern_timing_set_constant(timing, TERN_K_DRAM_READ, 2);
	tern_timing_set_constant(timing, TERN_K_COUNT, 2); /* ignored */
	tern_timing_set_constant(timing, TERN_K_DMA_PIPE, 0);
	start();
	push(load_cmd(TERN_Q_LOAD0, 64 * 100, 0, 0));
	ck_cycles(finish(), K(CP_DISPATCH) + 100 + 2 * K(DRAM_READ) + K(DMA_PIPE));
}
END_TEST

START_TEST(constants_lie_in_their_ranges)
{
	for (int i = 0; i < TERN_K_COUNT; i++) {
		const struct tern_timing_constant_info *k = &tern_timing_constant_info[i];

		ck_assert_msg(k->low <= k->value && k->value <= k->high, "%s", k->name);
		ck_assert_msg(*k->unit && *k->reason && *k->source, "%s", k->name);
	}
}
END_TEST

START_TEST(hostile_sizes_saturate)
{
	struct tern_rcmd m = matrix_cmd(TERN_T_F32, INT64_MAX, INT64_MAX, INT64_MAX, 0, 0);
	struct tern_rcmd l = load_cmd(TERN_Q_LOAD0, UINT64_MAX, 0, 0);

	l.dram_bursts = UINT64_MAX;
	start();
	push(m);
	push(l);
	push(vector_cmd(UINT64_MAX, 0, 0));
	ck_assert_uint_gt(finish(), 1ull << 40);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("timing");
	TCase *t = tcase_create("one command");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, load_takes_its_bytes_over_bandwidth_and_a_latency);
	tcase_add_test(t, load_pays_for_bursts_not_bytes);
	tcase_add_test(t, load_is_limited_by_its_decoder);
	tcase_add_test(t, load_is_limited_by_its_spm_port);
	tcase_add_test(t, load_is_limited_by_bursts_in_flight);
	tcase_add_test(t, fill_without_dram_costs_the_port_only);
	tcase_add_test(t, store_is_limited_by_its_encoder_and_visible_later);
	tcase_add_test(t, empty_command_passes_in_a_cycle);
	tcase_add_loop_test(t, matrix_rounds_up_to_quanta_at_the_rate_of_its_type, 0, 7);
	tcase_add_test(t, matrix_with_one_quantum_waits_for_its_own_sums);
	tcase_add_test(t, matrix_counts_batches_and_kn_columns);
	tcase_add_test(t, matrix_is_limited_by_its_result_port);
	tcase_add_test(t, vector_takes_the_slower_of_lanes_and_port);
	tcase_add_test(t, vector_row_cost_rounds_up_to_lanes);
	tcase_add_test(t, cp_costs_add_up);
	tcase_add_test(t, energy_is_the_sum_of_counts_times_constants);
	tcase_add_test(t, operators_are_charged_what_they_move_the_end);
	tcase_add_test(t, a_stuck_load_does_not_stop_attribution);
	tcase_add_test(t, a_job_leaves_nothing_to_the_next);
	tcase_add_test(t, a_wait_nobody_meets_does_not_hang);
	tcase_add_test(t, scaled_constant_moves_what_it_names);
	tcase_add_test(t, constants_lie_in_their_ranges);
	tcase_add_test(t, hostile_sizes_saturate);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
