// SPDX-License-Identifier: MIT
/* The two values of a fault record and the order of checks, as the README ("Faults") has them. */
#include "sim_fixture.h"

static struct env e;

static void setup(void)
{
	env_open(&e, "small", NULL);
	env_begin(&e);
}

static void teardown(void)
{
	env_close(&e);
}

static struct tile f32(uint64_t addr, int64_t n0, int64_t n1)
{
	return spm_tile(TERN_T_F32, addr, n0, n1);
}

static struct tile with(struct tile t, unsigned int field, int64_t value)
{
	if (field >= TERN_TILE_STRIDE0)
		t.stride[field - TERN_TILE_STRIDE0] = value;
	else if (field >= TERN_TILE_SIZE0)
		t.size[field - TERN_TILE_SIZE0] = value;
	else
		t.addr = (uint64_t)value;
	return t;
}

static struct tile source(void)
{
	return mem_tile(TERN_T_F32, 0, 8, 8);
}

/* ---- faulty programs -------------------------------------------------------------- */
static void negative_size(void)
{
	load(&e, f32(0, 8, 8), with(source(), TERN_TILE_SIZE0 + 2, -5));
}

static void odd_stride(void)
{
	load(&e, f32(0, 8, 8), with(source(), TERN_TILE_STRIDE0 + 1, 30));
}

static void beyond_spm(void)
{
	load(&e, f32(262144 - 128, 8, 8), source());
}

static void before_spm(void)
{
	load(&e, f32(0, 8, 8), source());
	load(&e, with(f32(0, 8, 8), TERN_TILE_ADDR, -64), source());
}

static void wrong_type(void)
{
	load(&e, f32(0, 8, 8), mem_tile(TERN_T_I16, 0, 8, 8));
}

static void reserved_type(void)
{
	load(&e, f32(0, 256, 1), mem_tile(TERN_T_IQ1_S, 0, 256, 1));
}

static void self_overlap(void)
{
	load(&e, with(f32(64, 8, 8), TERN_TILE_STRIDE0 + 1, 28), source());
}

static void unmapped_write(void)
{
	e.hi = DATA_VA + 64;
	store(&e, f32(0, 8, 8), source());
}

static void bad_index(void)
{
	int32_t *index = env_at(&e, 4096);

	index[1] = 9;
	index[2] = -1;
	set_tile(&e, 0, f32(0, 8, 4));
	set_tile(&e, 1, source());
	set_tile(&e, 2, mem_tile(TERN_T_I32, 4096, 4, 1));
	tern_emit_load(&e.code, true, 0, 1, 2, NULL, NULL, NULL);
}

static void inner_sizes(void)
{
	matrix(&e, 0, f32(0, 8, 2), f32(1024, 9, 2), no_tile());
}

static void accumulators(void)
{
	matrix(&e, 0, f32(0, 4, 65), f32(16384, 4, 64), no_tile());
}

static void over_operand(void)
{
	matrix(&e, 0, f32(0, 8, 2), f32(1024, 8, 2), f32(1032, 2, 2));
}

static void rows_differ(void)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LD, 0, 1, 0, 0),
		tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0), tern_vinstr(TERN_V_STOP, 0, 0, 0, 0)};

	set_tile(&e, 0, f32(0, 4, 4));
	set_tile(&e, 1, f32(1024, 4, 3));
	vector(&e, 2, prog, 4, NULL);
}

static void element_outside(void)
{
	const uint64_t prog[] = {tern_vinstr(TERN_V_LDS, TERN_V_S0, 0, 0, 77),
				 tern_vinstr(TERN_V_STOP, 0, 0, 0, 0)};

	set_tile(&e, 0, f32(0, 4, 4));
	vector(&e, 1, prog, 2, NULL);
}

static void foreign_wait(void)
{
	struct tern_sync s = {.wait = {{5, 1}}};

	e.sem[5] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_VECTOR, 1, 1};
	tern_emit_sync(&e.code, TERN_Q_STORE, &s);
}

static void hopeless_wait(void)
{
	struct tern_sync s = {.wait = {{5, 3}}};

	e.sem[5] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_VECTOR, 2, 1};
	tern_emit_sync(&e.code, TERN_Q_VECTOR, &s);
}

static void overflow(void)
{
	struct tern_sync s = {.signal = {{5, 200}}};

	e.sem[5] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_VECTOR, 100, 1};
	tern_emit_sync(&e.code, TERN_Q_LOAD0, &s);
}

static void unbalanced(void)
{
	struct tern_sync s = {.signal = {{5, 7}}};

	e.sem[5] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_VECTOR, 1, 1};
	tern_emit_sync(&e.code, TERN_Q_LOAD0, &s);
}

static void by_zero(void)
{
	tern_emit_movi(&e.code, 2, -6);
	tern_emit_alu(&e.code, TERN_ALU_DIV, 3, 2, tern_imm(0));
}

static void nowhere(void)
{
	tern_emit_call(&e.code, 5000);
}

static void budget(void)
{
	e.run.job.budget = 10;
	for (int i = 0; i < 4; i++)
		tern_emit_ring(&e.code, 2, 0, 0, 0);
}

static void misaligned_load(void)
{
	tern_emit_ldr(&e.code, 2, 1, TERN_NONE, (int64_t)DATA_VA + 4, 3);
}

static void unknown(void)
{
	tern_code_word(&e.code, 0x01f0);
}

/* ---- two faults each: the one that is checked first is told ------------------------- */
static void size_before_type_bits(void)
{
	struct tile t = with(source(), TERN_TILE_SIZE0 + 3, -1);

	t.type |= 0x200;
	load(&e, f32(0, 8, 8), t);
}

static void semaphore_before_tiles(void)
{
	struct tern_sync s = {.signal = {{9, 1}}};

	set_tile(&e, 0, with(f32(0, 8, 8), TERN_TILE_SIZE0, -1));
	set_tile(&e, 1, source());
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, &s);
}

static void reserved_where_it_may_be(void)
{
	load(&e, spm_tile(TERN_T_IQ1_S, 0, 256, 1), mem_tile(TERN_T_IQ1_S, 0, 256, 1));
}

static void both_in_spm(void)
{
	load(&e, f32(0, 256, 1), spm_tile(TERN_T_IQ1_S, 0, 256, 1));
}

static void alignment_before_range(void)
{
	load(&e, f32(262144 - 126, 8, 8), source());
}

static void own_range_before_types(void)
{
	load(&e, f32(262144 - 128, 8, 8), mem_tile(TERN_T_I16, 0, 8, 8));
}

static void sizes_before_accumulators(void)
{
	matrix(&e, 0, f32(0, 4, 65), f32(16384, 5, 64), no_tile());
}

static void budget_before_index(void)
{
	bad_index();
	e.run.job.budget = 12 * 3 + 2;
}

static void budget_before_rows(void)
{
	rows_differ();
	e.run.job.budget = 12 * 2 + 5;
}

#define FIELD(tile, field) ((tile) << 8 | (TERN_TILE_##field))

static const struct {
	void (*build)(void);
	unsigned int code;
	uint64_t addr, info;
} cases[] = {
	{negative_size, TERN_FAULT_SHAPE, (uint64_t)-5, FIELD(1, SIZE0) + 2},
	{odd_stride, TERN_FAULT_ALIGN, 30, FIELD(1, STRIDE0) + 1},
	{beyond_spm, TERN_FAULT_SPM_RANGE, 262144 + 128, 262144},
	{before_spm, TERN_FAULT_SPM_RANGE, (uint64_t)-64, 0},
	{wrong_type, TERN_FAULT_TYPE, TERN_T_I16, FIELD(1, TYPE)},
	{reserved_type, TERN_FAULT_UNIMPLEMENTED, TERN_T_IQ1_S, FIELD(1, TYPE)},
	{self_overlap, TERN_FAULT_SHAPE, 64, FIELD(0, STRIDE0)},
	{unmapped_write, TERN_FAULT_TRANSLATION, DATA_VA + 64, TERN_WRITE},
	{bad_index, TERN_FAULT_INDEX, 9, 8},
	{inner_sizes, TERN_FAULT_SHAPE, 9, FIELD(1, SIZE0)},
	{accumulators, TERN_FAULT_ACC_RANGE, 65 * 64, 4096},
	{over_operand, TERN_FAULT_SHAPE, 1032, FIELD(1, ADDR)},
	{rows_differ, TERN_FAULT_SHAPE, 0, 0},
	{element_outside, TERN_FAULT_INDEX, 77, 0},
	{foreign_wait, TERN_FAULT_SEM_ROLE, 5, TERN_Q_VECTOR},
	{hopeless_wait, TERN_FAULT_DEADLOCK, 5, 2},
	{overflow, TERN_FAULT_SEM_OVERFLOW, 5, 100},
	{unbalanced, TERN_FAULT_SEM_END, 5, 8},
	{by_zero, TERN_FAULT_ARITH, (uint64_t)-6, 0},
	{nowhere, TERN_FAULT_FETCH, 5000, 0},
	{budget, TERN_FAULT_BUDGET, 12, 10},
	{misaligned_load, TERN_FAULT_ALIGN, DATA_VA + 4, 0},
	{unknown, TERN_FAULT_ILLEGAL, 0x01f0, 0},
	{size_before_type_bits, TERN_FAULT_SHAPE, (uint64_t)-1, FIELD(1, SIZE0) + 3},
	{semaphore_before_tiles, TERN_FAULT_SEM_ROLE, 9, 0},
	{reserved_where_it_may_be, TERN_FAULT_UNIMPLEMENTED, TERN_T_IQ1_S, FIELD(0, TYPE)},
	{both_in_spm, TERN_FAULT_TYPE, TERN_T_IQ1_S, FIELD(1, TYPE)},
	{alignment_before_range, TERN_FAULT_ALIGN, 262144 - 126, FIELD(0, ADDR)},
	{own_range_before_types, TERN_FAULT_SPM_RANGE, 262144 + 128, 262144},
	{sizes_before_accumulators, TERN_FAULT_SHAPE, 5, FIELD(1, SIZE0)},
	{budget_before_index, TERN_FAULT_BUDGET, 12 * 3 + 2 + 2, 12 * 3 + 2},
	{budget_before_rows, TERN_FAULT_BUDGET, 12 * 2 + 5 + 4 * (4 + 2 + 1), 12 * 2 + 5},
};
enum { NCASES = sizeof(cases) / sizeof(cases[0]) };

START_TEST(a_fault_tells_the_values_of_its_row)
{
	const struct tern_fault *f = &e.run.fault;

	cases[_i].build();
	env_run(&e);
	ck_assert_msg(f->code == cases[_i].code && f->addr == cases[_i].addr &&
			      f->info == cases[_i].info,
		      "case %d: %s 0x%llx 0x%llx, not %s 0x%llx 0x%llx", _i,
		      tern_fault_name(f->code), (unsigned long long)f->addr,
		      (unsigned long long)f->info, tern_fault_name(cases[_i].code),
		      (unsigned long long)cases[_i].addr, (unsigned long long)cases[_i].info);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("values of faults");
	TCase *t = tcase_create("cases");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_fault_tells_the_values_of_its_row, 0, NCASES);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
