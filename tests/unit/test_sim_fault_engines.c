// SPDX-License-Identifier: MIT
/* Faults of what engines are given: tiles, and what MATRIX and VECTOR ask of them. */
#include "sim_fault_fixture.h"

/* ---- tiles ------------------------------------------------------------------------------------- */
static void spm_too_far(void)
{
	load_faulty(f32(262144 - 16, 5, 1), dram(5, 1));
}

static void spm_before_zero(void)
{
	load_faulty(with_stride(f32(16, 4, 3), 1, -16), dram(4, 3));
}

static void stride_overflows(void)
{
	load_faulty(f32(0, 4, 3), with_stride(dram(4, 3), 1, INT64_MAX - 3));
}

static void unmapped(void)
{
	struct tile t = dram(4, 1);

	t.addr = 0x1000;
	load_faulty(f32(0, 4, 1), t);
}

static void unmapped_end(void)
{
	struct tile t = dram(64, 1);

	t.addr = MEM_VA + MEM_BYTES - 128;
	load_faulty(f32(0, 64, 1), t);
}

static void read_only(void)
{
	e.readonly_from = DATA_VA;
	store_faulty(f32(0, 4, 1), dram(4, 1));
}

static void negative_size(void)
{
	load_faulty(f32(0, 4, 1), dram(-4, 1));
}

static void memory_tile_too_small(void)
{
	load_faulty(f32(0, 4, 3), dram(4, 2));
}

static void part_of_a_block(void)
{
	load_faulty(f32(0, 40, 1), mem_tile(TERN_T_Q4_0, 0, 64, 1));
}

static void overlapping_target(void)
{
	load_faulty(with_stride(f32(0, 4, 3), 1, 8), dram(4, 3));
}

static void misaligned_address(void)
{
	load_faulty(f32(2, 4, 1), dram(4, 1));
}

static void misaligned_stride(void)
{
	load_faulty(f32(0, 4, 3), with_stride(dram(4, 3), 1, 18));
}

static void no_such_type(void)
{
	load_faulty((struct tile){0, {4, 1, 1, 1}, {4, 4, 4, 4}, 200 | TERN_TILE_SPM}, dram(4, 1));
}

static void blocks_in_spm(void)
{
	load_faulty(spm_tile(TERN_T_Q4_0, 0, 32, 1), mem_tile(TERN_T_Q4_0, 0, 32, 1));
}

static void wrong_operand_type(void)
{
	load_faulty(spm_tile(TERN_T_OP16, 0, 32, 1), mem_tile(TERN_T_Q4_0, 0, 32, 1));
}

static void integers_do_not_convert(void)
{
	load_faulty(f32(0, 4, 1), mem_tile(TERN_T_I32, 0, 4, 1));
}

static void stores_operands(void)
{
	store_faulty(spm_tile(TERN_T_OP32, 0, 32, 1), mem_tile(TERN_T_Q8_0, 0, 32, 1));
}

static void both_in_memory(void)
{
	load_faulty(dram(4, 1), dram(4, 1));
}

static void reserved_format(void)
{
	load_faulty(spm_tile(TERN_T_OP32, 0, 256, 1), mem_tile(TERN_T_IQ4_XS, 0, 256, 1));
}

static void index_out_of_range(bool scatter, int32_t bad)
{
	memcpy(env_at(&e, 0x800), (int32_t[]){1, bad}, 8);
	set_tile(&e, 0, f32(0, 4, 2));
	set_tile(&e, 1, dram(4, 3));
	set_tile(&e, 2, mem_tile(TERN_T_I32, 0x800, 2, 1));
	blame();
	if (scatter)
		tern_emit_store(&e.code, 0, 1, 2, NULL, NULL);
	else
		tern_emit_load(&e.code, true, 0, 1, 2, NULL, NULL, NULL);
}

static void gather_index_too_large(void)
{
	index_out_of_range(false, 3);
}

static void scatter_index_negative(void)
{
	index_out_of_range(true, -1);
}

static void origin_inside_a_block(void)
{
	static const uint8_t origin[4] = {9, TERN_NONE, TERN_NONE, TERN_NONE};

	tern_emit_movi(&e.code, 9, 16);
	set_tile(&e, 0, f32(0, 32, 1));
	set_tile(&e, 1, mem_tile(TERN_T_Q4_0, 0, 64, 1));
	blame();
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, origin, NULL, NULL);
}

/* ---- MATRIX and VECTOR ------------------------------------------------------------------------------ */
static void inner_sizes_differ(void)
{
	matrix_faulty(TERN_MATRIX_OUT, f32(0, 8, 2), f32(1024, 9, 2), f32(4096, 2, 2));
}

static void result_of_wrong_size(void)
{
	matrix_faulty(TERN_MATRIX_OUT, f32(0, 8, 2), f32(1024, 8, 2), f32(4096, 2, 3));
}

static void batches_do_not_divide(void)
{
	struct tile a = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0, 8, 2, 3, 1);
	struct tile b = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 1024, 8, 2, 2, 1);

	matrix_faulty(0, a, b, f32(0, 1, 1));
}

static void mixed_operands(void)
{
	matrix_faulty(0, f32(0, 8, 2), spm_tile(TERN_T_F16, 1024, 8, 2), f32(0, 1, 1));
}

static void operand_times_float(void)
{
	matrix_faulty(0, spm_tile(TERN_T_ACT, 0, 32, 2), f32(1024, 32, 2), f32(0, 1, 1));
}

static void strided_operand(void)
{
	matrix_faulty(0, with_stride(f32(0, 8, 2), 0, 8), f32(1024, 8, 2), f32(0, 1, 1));
}

static void result_on_operand(void)
{
	matrix_faulty(TERN_MATRIX_OUT, f32(0, 8, 2), f32(1024, 8, 2), f32(32, 2, 2));
}

static void too_many_outputs(void)
{
	matrix_faulty(0, f32(0, 4, 65), f32(16384, 4, 64), f32(0, 1, 1));
}

static void malformed_micro_program(void)
{
	const uint64_t prog[] = {tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0)};

	vector_faulty(f32(0, 4, 1), prog, COUNT(prog));
}

static void micro_program_outside(void)
{
	const uint64_t prog[] = {tern_vinstr(TERN_V_STOP, 0, 0, 0, 0)};

	vector_faulty(f32(0, 4, 1), prog, COUNT(prog));
	e.patch_to[0] = 1; /* one word too far */
}

static void lane_index_outside(void)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0),
		tern_vinstr(TERN_V_LANE, 0, 0, 0, 0),
		tern_vinstr(TERN_V_IADD, 1, 0, TERN_V_IMM, 1),
		tern_vinstr(TERN_V_LDX, 2, 0, 1, 0),
		tern_vinstr(TERN_V_ST, 0, 2, 0, 0),
		tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),
		tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};

	vector_faulty(f32(0, 4, 1), prog, COUNT(prog));
}

static void vector_on_operands(void)
{
	const uint64_t prog[] = {tern_vinstr(TERN_V_STOP, 0, 0, 0, 0)};

	vector_faulty(spm_tile(TERN_T_OP32, 0, 32, 1), prog, COUNT(prog));
}

static const struct fault_case cases[] = {
	{spm_too_far, TERN_FAULT_SPM_RANGE, TERN_Q_LOAD0},
	{spm_before_zero, TERN_FAULT_SPM_RANGE, TERN_Q_LOAD0},
	{stride_overflows, TERN_FAULT_TRANSLATION, TERN_Q_LOAD0},
	{unmapped, TERN_FAULT_TRANSLATION, TERN_Q_LOAD0},
	{unmapped_end, TERN_FAULT_TRANSLATION, TERN_Q_LOAD0},
	{read_only, TERN_FAULT_TRANSLATION, TERN_Q_STORE},
	{negative_size, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{memory_tile_too_small, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{part_of_a_block, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{overlapping_target, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{misaligned_address, TERN_FAULT_ALIGN, TERN_Q_LOAD0},
	{misaligned_stride, TERN_FAULT_ALIGN, TERN_Q_LOAD0},
	{no_such_type, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{blocks_in_spm, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{wrong_operand_type, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{integers_do_not_convert, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{stores_operands, TERN_FAULT_TYPE, TERN_Q_STORE},
	{both_in_memory, TERN_FAULT_TYPE, TERN_Q_LOAD0},
	{reserved_format, TERN_FAULT_UNIMPLEMENTED, TERN_Q_LOAD0},
	{gather_index_too_large, TERN_FAULT_INDEX, TERN_Q_LOAD1},
	{scatter_index_negative, TERN_FAULT_INDEX, TERN_Q_STORE},
	{origin_inside_a_block, TERN_FAULT_SHAPE, TERN_Q_LOAD0},
	{inner_sizes_differ, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{result_of_wrong_size, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{batches_do_not_divide, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{mixed_operands, TERN_FAULT_TYPE, TERN_Q_MATRIX},
	{operand_times_float, TERN_FAULT_TYPE, TERN_Q_MATRIX},
	{strided_operand, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{result_on_operand, TERN_FAULT_SHAPE, TERN_Q_MATRIX},
	{too_many_outputs, TERN_FAULT_ACC_RANGE, TERN_Q_MATRIX},
	{malformed_micro_program, TERN_FAULT_VECTOR_PROGRAM, TERN_Q_VECTOR},
	{micro_program_outside, TERN_FAULT_FETCH, TERN_Q_VECTOR},
	{lane_index_outside, TERN_FAULT_INDEX, TERN_Q_VECTOR},
	{vector_on_operands, TERN_FAULT_TYPE, TERN_Q_VECTOR},
};

START_TEST(names_the_fault)
{
	names_fault(&cases[_i]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_fault_engines");
	TCase *t = tcase_create("faults");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, names_the_fault, 0, COUNT(cases));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
