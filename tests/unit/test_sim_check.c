// SPDX-License-Identifier: MIT
/*
 * Checking mode: undefined behaviour is found and both commands are named, defined
 * behaviour is left alone.
 */
#include "sim_check_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- races -------------------------------------------------------------------------- */
START_TEST(finds_a_missing_wait)
{
	size_t first, second;

	use_sems();
	first = load_sync(spm(0, 64), dram(0, 64), 0, 0);
	second = store_sync(spm(128, 4), dram(0x1000, 4), 0, 0);
	assert_fault(TERN_FAULT_RACE, second, first);
}
END_TEST

START_TEST(accepts_a_wait)
{
	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store_sync(spm(128, 4), dram(0x1000, 4), LOADED, 0);
	env_ok(&e);
}
END_TEST

/* The wait is met by the first signal; the second LOAD is not ordered by it. */
START_TEST(counts_signals)
{
	size_t second, third;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	second = load_sync(spm(256, 64), dram(0, 64), 0, LOADED);
	third = store_sync(spm(256, 64), dram(0x1000, 64), LOADED, 0);
	assert_fault(TERN_FAULT_RACE, third, second);
}
END_TEST

/* A ring of two slots with credits: sound for any number of rounds. */
START_TEST(accepts_a_ring)
{
	use_sems();
	for (unsigned int i = 0; i < 9; i++) {
		load_sync(spm(i % 2 * 256, 64), dram(0, 64), FREED, LOADED);
		store_sync(spm(i % 2 * 256, 64), dram(0x1000 + 256 * i, 64), LOADED, FREED);
	}
	env_ok(&e);
}
END_TEST

/* The same with one slot too few: the third LOAD overwrites what nobody waited for. */
START_TEST(finds_a_ring_too_short)
{
	size_t store, load;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), FREED, LOADED);
	store = store_sync(spm(0, 64), dram(0x1000, 64), LOADED, FREED);
	load = load_sync(spm(0, 64), dram(0, 64), FREED, LOADED);
	store_sync(spm(0, 64), dram(0x1100, 64), LOADED, FREED);
	assert_fault(TERN_FAULT_RACE, load, store);
}
END_TEST

START_TEST(finds_races_in_memory)
{
	size_t store, load;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store = store_sync(spm(0, 64), dram(0x1000, 64), LOADED, 0);
	load = load_sync(spm(0x1000, 8), dram(0x10f8, 8), 0, 0);
	assert_fault(TERN_FAULT_RACE, load, store);
}
END_TEST

/* Interleaved rows share no byte. */
START_TEST(respects_gaps)
{
	struct tile even = mem_tile(TERN_T_F32, 0x1000, 4, 8),
		    odd = mem_tile(TERN_T_F32, 0x1010, 4, 8);

	use_sems();
	even.stride[1] = odd.stride[1] = 32;
	load_sync(spm_tile(TERN_T_F32, 0, 4, 8), mem_tile(TERN_T_F32, 0, 4, 8), 0, LOADED);
	store_sync(spm_tile(TERN_T_F32, 0, 4, 8), even, LOADED, 0);
	load_sync(spm_tile(TERN_T_F32, 0x1000, 4, 8), odd, 0, 0);
	env_ok(&e);
}
END_TEST

START_TEST(orders_the_cp)
{
	struct tern_sync wait = {.wait = {{STORED, 1}}};
	size_t ldr;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store_sync(spm(0, 64), dram(0x1000, 64), LOADED, STORED);
	tern_emit_sync(&e.code, TERN_Q_CP, &wait);
	tern_emit_ldr(&e.code, 9, 1, TERN_NONE, (int64_t)DATA_VA + 0x1000, 3);
	/* What is dispatched after the CP's wait is ordered too. */
	load_sync(spm(0x1000, 64), dram(0x1000, 64), 0, 0);
	ldr = e.code.n;
	tern_emit_ldr(&e.code, 9, 1, TERN_NONE, 0x1000, 3 | TERN_LDR_SPM);
	assert_fault(TERN_FAULT_RACE, ldr, 0);
}
END_TEST

START_TEST(orders_by_fence)
{
	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store_sync(spm(0, 64), dram(0x1000, 64), LOADED, 0);
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0,
		      (uint64_t[]){DATA_VA + 0x2000, 1}, 2);
	load_sync(spm(0, 64), dram(0x1000, 64), 0, 0);
	env_ok(&e);
}
END_TEST

/* An order that goes through a third queue. */
START_TEST(orders_transitively)
{
	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	store_sync(spm(0, 64), dram(0x1000, 64), LOADED, READ);
	load_sync(spm(0, 64), dram(0x2000, 64), READ, 0);
	env_ok(&e);
}
END_TEST

/* ---- contents --------------------------------------------------------------------------- */
START_TEST(finds_uninitialised_reads)
{
	size_t at;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	at = store_sync(spm(0, 65), dram(0x1000, 65), LOADED, 0);
	assert_fault(TERN_FAULT_UNINIT, at, 0);
	ck_assert_uint_eq(e.run.fault.addr, 256);
}
END_TEST

START_TEST(finds_empty_accumulators)
{
	struct tile a = spm_tile(TERN_T_F32, 0, 8, 2), b = spm_tile(TERN_T_F32, 1024, 8, 2);
	size_t at;

	load(&e, a, mem_tile(TERN_T_F32, 0, 8, 2));
	load(&e, b, mem_tile(TERN_T_F32, 0, 8, 2));
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0,
		      (uint64_t[]){DATA_VA + 0x2000, 1}, 2);
	matrix(&e, 0, a, b, no_tile());
	matrix(&e, TERN_MATRIX_ACC, a, b, spm_tile(TERN_T_F32, 4096, 2, 2));
	matrix(&e, TERN_MATRIX_ACC, a, b, no_tile());
	at = e.code.n - 2;
	assert_fault(TERN_FAULT_UNINIT, at, 0);
}
END_TEST

START_TEST(finds_opaque_reads)
{
	size_t at;

	use_sems();
	load_sync(spm_tile(TERN_T_OP32, 0, 64, 1), mem_tile(TERN_T_Q4_0, 0, 64, 1), 0, LOADED);
	at = store_sync(spm(0, 4), dram(0x1000, 4), LOADED, 0);
	assert_fault(TERN_FAULT_OPAQUE, at, 0);
}
END_TEST

/* Two passes over a row: the second reads what the first wrote. */
START_TEST(accepts_what_a_program_wrote_itself)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LANE, 0, 0, 0, 0),
		tern_vinstr(TERN_V_ST, 0, 0, 0, 0),    tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LD, 0, 0, 0, 0),
		tern_vinstr(TERN_V_ST, 0, 0, 0, 0),    tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};

	set_tile(&e, 0, spm_tile(TERN_T_I32, 0, 40, 3));
	vector(&e, 1, prog, COUNT(prog), NULL);
	env_ok(&e);
}
END_TEST

/* Rows of three, 8 bytes apart, that begin 12 bytes apart: bytes 4 to 7 are in none. */
START_TEST(knows_gaps_between_interleaved_rows)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LANE, 0, 0, 0, 0),
		tern_vinstr(TERN_V_ST, 0, 0, 0, 0),    tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};
	struct tile rows = spm_tile(TERN_T_I32, 0, 3, 2);
	size_t at;

	rows.stride[0] = 8;
	rows.stride[1] = 12;
	set_tile(&e, 0, rows);
	vector(&e, 1, prog, COUNT(prog), NULL);
	at = store_sync(spm(0, 2), dram(0x1000, 2), 0, 0);
	assert_fault(TERN_FAULT_UNINIT, at, 0);
	ck_assert_uint_eq(e.run.fault.addr, 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_check");
	TCase *t = tcase_create("undefined");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, finds_a_missing_wait);
	tcase_add_test(t, accepts_a_wait);
	tcase_add_test(t, counts_signals);
	tcase_add_test(t, accepts_a_ring);
	tcase_add_test(t, finds_a_ring_too_short);
	tcase_add_test(t, finds_races_in_memory);
	tcase_add_test(t, respects_gaps);
	tcase_add_test(t, orders_the_cp);
	tcase_add_test(t, orders_by_fence);
	tcase_add_test(t, orders_transitively);
	tcase_add_test(t, finds_uninitialised_reads);
	tcase_add_test(t, knows_gaps_between_interleaved_rows);
	tcase_add_test(t, finds_empty_accumulators);
	tcase_add_test(t, finds_opaque_reads);
	tcase_add_test(t, accepts_what_a_program_wrote_itself);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
