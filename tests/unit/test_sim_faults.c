// SPDX-License-Identifier: MIT
/* Faults of the command processor, of semaphores and budgets, with their attribution; with those of
 * test_sim_fault_engines.c every one that a program without checking mode can meet. */
#include "sim_fault_fixture.h"

/* ---- the command processor ------------------------------------------------------------ */
static void unknown_op(void)
{
	raw(0x7f, 0, 0, 0, 0, 0);
}

static void reserved_flag(void)
{
	raw(TERN_OP_MOVI, 1, 0, 0, 0, 0);
}

static void tile_type_bits(void)
{
	struct tile t = f32(0, 4, 1);

	t.type |= 0x1000;
	load_faulty(t, dram(4, 1));
}

static void branches_outside(void)
{
	blame();
	tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), 3);
}

static void calls_outside(void)
{
	raw(TERN_OP_CALL, 0, 0, 0, 0, 1u << 30);
}

static void calls_too_deep(void)
{
	blame();
	tern_emit_call(&e.code, e.code.n);
}

static void returns_to_nowhere(void)
{
	blame();
	tern_emit_op(&e.code, TERN_OP_RET);
}

static void divide(int64_t b, unsigned int op, int64_t c)
{
	tern_emit_movi(&e.code, 4, b);
	blame();
	tern_emit_alu(&e.code, op, 4, 4, tern_imm(c));
}

static void divides_by_zero(void)
{
	divide(1, TERN_ALU_DIV, 0);
}

static void remainder_overflows(void)
{
	divide(INT64_MIN, TERN_ALU_REM, -1);
}

static void cdiv_of_negative(void)
{
	divide(-1, TERN_ALU_CDIV, 2);
}

static void traps(void)
{
	raw(TERN_OP_TRAP, 0, 0, 0, 0, 77);
}

static void reads_unmapped_register(void)
{
	blame();
	tern_emit_ldr(&e.code, 1, 1, TERN_NONE, 64, 3);
}

static void reads_misaligned_register(void)
{
	blame();
	tern_emit_ldr(&e.code, 1, 1, TERN_NONE, (int64_t)DATA_VA + 4, 3);
}

static void reads_register_beyond_spm(void)
{
	blame();
	tern_emit_ldr(&e.code, 1, 8, TERN_NONE, 262144 - 56, 3 | TERN_LDR_SPM);
}

static void fences_unmapped(void)
{
	blame();
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){8, 1}, 2);
}

/* ---- semaphores ----------------------------------------------------------------------------- */
static void sync_faulty(unsigned int queue, unsigned int wait, unsigned int signal, unsigned int n)
{
	struct tern_sync s = {.wait = {{(uint8_t)wait, wait ? (uint8_t)n : 0}},
			      .signal = {{(uint8_t)signal, signal ? (uint8_t)n : 0}}};

	blame();
	tern_emit_sync(&e.code, queue, &s);
}

static void waits_for_a_foreign_semaphore(void)
{
	sync_faulty(TERN_Q_VECTOR, 2, 0, 1);
}

static void signals_a_foreign_semaphore(void)
{
	sync_faulty(TERN_Q_MATRIX, 0, 1, 1);
}

static void uses_an_undeclared_semaphore(void)
{
	sync_faulty(TERN_Q_LOAD0, 0, 9, 1);
}

static void waits_forever(void)
{
	sync_faulty(TERN_Q_STORE, 2, 0, 4);
}

static void signals_too_much(void)
{
	sync_faulty(TERN_Q_CP, 0, 2, 253);
}

static void ends_unbalanced(void)
{
	sync_faulty(TERN_Q_STORE, 2, 0, 1);
	culprit = e.code.n; /* END */
}

/* ---- budgets ------------------------------------------------------------------------------------------- */
static void loops_forever(void)
{
	e.run.job.budget = 5000;
	blame();
	tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), e.code.n);
}

static void one_huge_command(void)
{
	e.run.job.budget = 100000;
	/* 2^31 rows that all read the same bytes */
	matrix_faulty(
		TERN_MATRIX_OUT,
		with_stride(packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0, 16384, 1 << 10, 1, 1), 1, 0),
		with_stride(packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0, 16384, 16, 1, 1), 1, 0),
		spm_tile(TERN_T_F32, 131072, 16, 1 << 10));
}

static void stopped(void)
{
	static const volatile int stop = 1;

	e.run.stop = &stop;
	blame();
	tern_emit_op(&e.code, TERN_OP_NOP);
}

static const struct fault_case cases[] = {
	{unknown_op, TERN_FAULT_ILLEGAL, TERN_Q_CP},
	{reserved_flag, TERN_FAULT_ILLEGAL, TERN_Q_CP},
	{tile_type_bits, TERN_FAULT_ILLEGAL, TERN_Q_LOAD0},
	{branches_outside, TERN_FAULT_FETCH, TERN_Q_CP},
	{calls_outside, TERN_FAULT_FETCH, TERN_Q_CP},
	{calls_too_deep, TERN_FAULT_STACK, TERN_Q_CP},
	{returns_to_nowhere, TERN_FAULT_STACK, TERN_Q_CP},
	{divides_by_zero, TERN_FAULT_ARITH, TERN_Q_CP},
	{remainder_overflows, TERN_FAULT_ARITH, TERN_Q_CP},
	{cdiv_of_negative, TERN_FAULT_ARITH, TERN_Q_CP},
	{traps, TERN_FAULT_TRAP, TERN_Q_CP},
	{reads_unmapped_register, TERN_FAULT_TRANSLATION, TERN_Q_CP},
	{reads_misaligned_register, TERN_FAULT_ALIGN, TERN_Q_CP},
	{reads_register_beyond_spm, TERN_FAULT_SPM_RANGE, TERN_Q_CP},
	{fences_unmapped, TERN_FAULT_TRANSLATION, TERN_Q_CP},
	{waits_for_a_foreign_semaphore, TERN_FAULT_SEM_ROLE, TERN_Q_VECTOR},
	{signals_a_foreign_semaphore, TERN_FAULT_SEM_ROLE, TERN_Q_MATRIX},
	{uses_an_undeclared_semaphore, TERN_FAULT_SEM_ROLE, TERN_Q_LOAD0},
	{waits_forever, TERN_FAULT_DEADLOCK, TERN_Q_STORE},
	{signals_too_much, TERN_FAULT_SEM_OVERFLOW, TERN_Q_CP},
	{ends_unbalanced, TERN_FAULT_SEM_END, TERN_Q_CP},
	{loops_forever, TERN_FAULT_BUDGET, TERN_Q_CP},
	{one_huge_command, TERN_FAULT_BUDGET, TERN_Q_MATRIX},
	{stopped, TERN_FAULT_ABORT, TERN_Q_CP},
};

START_TEST(names_the_fault)
{
	names_fault(&cases[_i]);
}
END_TEST

START_TEST(runs_off_the_end)
{
	tern_emit_op(&e.code, TERN_OP_NOP);
	env_link(&e);
	ck_assert_uint_eq(env_start(&e), TERN_FAULT_FETCH);
	ck_assert_uint_eq(e.run.fault.word, TERN_IMAGE_HEADER_WORDS + 1);
}
END_TEST

START_TEST(tells_the_trap_code)
{
	traps();
	ck_assert_uint_eq(env_run(&e), TERN_FAULT_TRAP);
	ck_assert_uint_eq(e.run.fault.info, 77);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_faults");
	TCase *t = tcase_create("faults");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, names_the_fault, 0, COUNT(cases));
	tcase_add_test(t, runs_off_the_end);
	tcase_add_test(t, tells_the_trap_code);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
