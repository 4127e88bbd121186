// SPDX-License-Identifier: MIT
/* What the command processor does itself, and that a job leaves nothing for the next one. */
#include "sim_command_fixture.h"

/* ---- CP ---------------------------------------------------------------------------- */
/* Nothing stores a register, but it can say where a FENCE writes: for each bit, 1 goes to
 * the first or the second of two words. */
static void reveal(unsigned int reg, uint64_t offset)
{
	tern_emit_movi(&e.code, 60, 1);
	for (unsigned int bit = 0; bit < 64; bit++) {
		tern_emit_alu(&e.code, TERN_ALU_SHR, 61, reg, tern_imm(bit));
		tern_emit_alu(&e.code, TERN_ALU_AND, 61, 61, tern_reg(60));
		tern_emit_alu(&e.code, TERN_ALU_SHL, 61, 61, tern_imm(3));
		tern_emit_movi(&e.code, 62, (int64_t)(DATA_VA + offset + 16 * bit));
		tern_emit_alu(&e.code, TERN_ALU_ADD, 61, 61, tern_reg(62));
		tern_code_cmd(&e.code, TERN_OP_FENCE, 0, 61, 0, 0, 0, (uint64_t[]){0, 1}, 2);
	}
}

static int64_t revealed(uint64_t offset)
{
	const uint64_t *w = env_at(&e, offset);
	uint64_t v = 0;

	for (unsigned int bit = 0; bit < 64; bit++) {
		ck_assert_uint_eq(w[2 * bit] + w[2 * bit + 1], 1);
		v |= w[2 * bit + 1] << bit;
	}
	return (int64_t)v;
}

static const struct {
	unsigned int op;
	int64_t b, c, want;
} sums[] = {
	{TERN_ALU_ADD, INT64_MAX, 1, INT64_MIN},
	{TERN_ALU_SUB, 3, 5, -2},
	{TERN_ALU_MUL, -3, 5, -15},
	{TERN_ALU_DIV, -7, 2, -3},
	{TERN_ALU_REM, -7, 2, -1},
	{TERN_ALU_MIN, -1, 1, -1},
	{TERN_ALU_MAX, -1, 1, 1},
	{TERN_ALU_AND, 12, 10, 8},
	{TERN_ALU_OR, 12, 10, 14},
	{TERN_ALU_XOR, 12, 10, 6},
	{TERN_ALU_SHL, 1, 65, 2},
	{TERN_ALU_SHR, -1, 60, 15},
	{TERN_ALU_SAR, -16, 2, -4},
	{TERN_ALU_CDIV, 7, 2, 4},
};

START_TEST(computes)
{
	tern_emit_movi(&e.code, 5, sums[_i].b);
	tern_emit_movi(&e.code, 6, sums[_i].c);
	tern_emit_alu(&e.code, sums[_i].op, 7, 5, tern_reg(6));
	tern_emit_alu(&e.code, sums[_i].op, 8, 5, tern_imm(sums[_i].c));
	reveal(7, 0);
	reveal(8, 4096);
	env_ok(&e);
	ck_assert_int_eq(revealed(0), sums[_i].want);
	ck_assert_int_eq(revealed(4096), sums[_i].want);
}
END_TEST

START_TEST(branches_and_calls)
{
	size_t top, over, function;

	/* r3 = 5 * 2 by a loop that calls "r3 += 2" */
	over = tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), 0);
	function = e.code.n;
	tern_emit_alu(&e.code, TERN_ALU_ADD, 3, 3, tern_imm(2));
	tern_emit_op(&e.code, TERN_OP_RET);
	tern_code_patch(&e.code, over, e.code.n);
	tern_emit_movi(&e.code, 4, 5);
	top = e.code.n;
	tern_emit_call(&e.code, function);
	tern_emit_loop(&e.code, 4, top);
	/* a branch not taken, one taken */
	tern_emit_br(&e.code, TERN_COND_LT, 3, tern_imm(10), function);
	over = tern_emit_br(&e.code, TERN_COND_GE, 3, tern_imm(10), 0);
	tern_emit_movi(&e.code, 3, -1);
	tern_code_patch(&e.code, over, e.code.n);
	tern_emit_ring(&e.code, 5, 3, 1, 7); /* 3 */
	tern_emit_ring(&e.code, 5, 3, 1, 7); /* 6 */
	tern_emit_ring(&e.code, 5, 3, 1, 7); /* 9 >= 7: 1 */
	reveal(3, 0);
	reveal(5, 4096);
	env_ok(&e);
	ck_assert_int_eq(revealed(0), 10);
	ck_assert_int_eq(revealed(4096), 1);
}
END_TEST

START_TEST(loads_registers)
{
	memcpy(env_at(&e, 0), (int16_t[]){-2, 7, -300, 4}, 8);
	e.run.job.args = DATA_VA;
	tern_emit_ldr(&e.code, 10, 4, TERN_REG_ARGS, 0, 1 | TERN_LDR_SIGNED);
	tern_emit_ldr(&e.code, 20, 1, TERN_NONE, (int64_t)DATA_VA, 1);
	load(&e, spm_tile(TERN_T_I16, 64, 4, 1), mem_tile(TERN_T_I16, 0, 4, 1));
	tern_emit_ldr(&e.code, 21, 1, TERN_NONE, 68, 1 | TERN_LDR_SIGNED | TERN_LDR_SPM);
	reveal(10, 0x1000);
	reveal(12, 0x2000);
	reveal(20, 0x3000);
	reveal(21, 0x4000);
	env_ok(&e);
	ck_assert_int_eq(revealed(0x1000), -2);
	ck_assert_int_eq(revealed(0x2000), -300);
	ck_assert_int_eq(revealed(0x3000), 0xfffe);
	ck_assert_int_eq(revealed(0x4000), -300);
}
END_TEST

START_TEST(fences_and_stamps)
{
	uint64_t *w = env_at(&e, 0);

	tern_code_cmd(&e.code, TERN_OP_STAMP, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){DATA_VA}, 1);
	load(&e, spm_tile(TERN_T_F32, 0, 1024, 1), mem_tile(TERN_T_F32, 64, 1024, 1));
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0,
		      (uint64_t[]){DATA_VA + 8, 0x1122334455667788}, 2);
	tern_code_cmd(&e.code, TERN_OP_STAMP, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){DATA_VA + 16}, 1);
	env_ok(&e);
	ck_assert_uint_eq(w[1], 0x1122334455667788);
	/* 4 KiB at 51.2 bytes per cycle lie between the stamps. */
	ck_assert_uint_ge(w[2], w[0] + 80);
}
END_TEST

/* ---- between jobs ---------------------------------------------------------------------------------- */
START_TEST(clears_spm_between_jobs)
{
	fill(TERN_T_F32, 0, 1024);
	load(&e, spm_tile(TERN_T_F32, 0, 1024, 1), mem_tile(TERN_T_F32, 0, 1024, 1));
	store(&e, spm_tile(TERN_T_F32, 0, 1024, 1), mem_tile(TERN_T_F32, 0x2000, 1024, 1));
	env_ok(&e);
	ck_assert_mem_eq(env_at(&e, 0x2000), env_at(&e, 0), 4096);
	env_begin(&e);
	store(&e, spm_tile(TERN_T_F32, 0, 1024, 1), mem_tile(TERN_T_F32, 0x2000, 1024, 1));
	env_ok(&e);
	for (int i = 0; i < 4096; i++)
		ck_assert_int_eq(((char *)env_at(&e, 0x2000))[i], 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim");
	TCase *t = tcase_create("cp");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, computes, 0, COUNT(sums));
	tcase_add_test(t, branches_and_calls);
	tcase_add_test(t, loads_registers);
	tcase_add_test(t, fences_and_stamps);
	tcase_add_test(t, clears_spm_between_jobs);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
