// SPDX-License-Identifier: MIT
/* Checking mode at a YIELD: what is lost there, and what it does not order. */
#include "sim_check_fixture.h"

/* The LOAD may well be under way at the YIELD, and the STORE waits for it: lost nonetheless. */
START_TEST(forgets_at_yield)
{
	size_t at;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	at = store_sync(spm(0, 64), dram(0x1000, 64), LOADED, 0);
	assert_fault(TERN_FAULT_UNINIT, at, 0);
}
END_TEST

START_TEST(forgets_accumulators_at_yield)
{
	const struct tern_sync loaded = {.wait = {{LOADED, 1}}};
	size_t at;

	e.sem[LOADED] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_MATRIX, 0, 1};
	for (unsigned int i = 0; i < 2; i++) {
		load_sync(spm_tile(TERN_T_F32, 1024 * i, 8, 2), mem_tile(TERN_T_F32, 0, 8, 2), 0,
			  LOADED);
		at = e.code.n;
		tern_emit_matrix(&e.code, i ? TERN_MATRIX_ACC : 0, 0, 0, TERN_NONE, &loaded);
		tern_emit_op(&e.code, TERN_OP_YIELD);
	}
	assert_fault(TERN_FAULT_UNINIT, at, 0);
}
END_TEST

/* Queues run ahead across it, each as far as semaphores let it. */
START_TEST(yield_orders_nothing_in_spm)
{
	size_t first, second;

	use_sems();
	first = load_sync(spm(0, 64), dram(0, 64), 0, 0);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	set_tile(&e, 0, spm(0, 64));
	set_tile(&e, 1, dram(0, 64));
	second = e.code.n;
	tern_emit_load(&e.code, true, 0, 1, TERN_NONE, NULL, NULL, NULL);
	assert_fault(TERN_FAULT_RACE, second, first);
}
END_TEST

START_TEST(yield_orders_nothing_in_memory)
{
	size_t first, second;

	use_sems();
	load_sync(spm(0, 64), dram(0, 64), 0, LOADED);
	first = store_sync(spm(0, 64), dram(0x1000, 64), LOADED, 0);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	second = load_sync(spm(256, 64), dram(0x1000, 64), 0, 0);
	assert_fault(TERN_FAULT_RACE, second, first);
}
END_TEST

/* Each round reads what it wrote itself; slots and credits go round across the YIELDs. What
 * a STORE under way has yet to read is not lost to it. */
START_TEST(accepts_a_ring_across_yields)
{
	float *in = env_at(&e, 0);

	use_sems();
	for (unsigned int i = 0; i < 9 * 64; i++)
		in[i] = (float)i;
	for (unsigned int i = 0; i < 9; i++) {
		load_sync(spm(i % 2 * 256, 64), dram(256 * i, 64), FREED, LOADED);
		store_sync(spm(i % 2 * 256, 64), dram(0x1000 + 256 * i, 64), LOADED, FREED);
		tern_emit_op(&e.code, TERN_OP_YIELD);
	}
	env_ok(&e);
	ck_assert_mem_eq(env_at(&e, 0x1000), in, 9 * 64 * sizeof(float));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_check_yield");
	TCase *t = tcase_create("yield");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, forgets_at_yield);
	tcase_add_test(t, forgets_accumulators_at_yield);
	tcase_add_test(t, yield_orders_nothing_in_spm);
	tcase_add_test(t, yield_orders_nothing_in_memory);
	tcase_add_test(t, accepts_a_ring_across_yields);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
