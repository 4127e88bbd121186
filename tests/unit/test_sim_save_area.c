// SPDX-License-Identifier: MIT
/* What a save area says is checked, and the next context finds zeros. */
#include "sim_preempt_fixture.h"

/* ---- what a save area says is checked ----------------------------------------------------------- */
/* After the first product, with a tile in SPM and accumulators that hold something. */
static enum tern_sim_attend preempt_in_the_middle(void *ctx)
{
	uint64_t commands, steps;

	tern_sim_progress(((struct env *)ctx)->sim, &commands, &steps);
	return commands >= 2 ? TERN_SIM_PREEMPT : TERN_SIM_GO_ON;
}

static unsigned int resume_with(void (*spoil)(struct tern_save_area *a))
{
	struct tern_sim_run r = {.job.image = MEM_VA + IMAGE_OFF,
				 .mem = {env_translate, &e},
				 .save = save,
				 .resume = true};
	static const volatile int always = 1;

	sum_of_squares();
	fill_in();
	r.resume = false;
	r.stop = &always;
	r.attend = preempt_in_the_middle;
	r.host_ctx = &e;
	ck_assert_int_eq(tern_sim_run(e.sim, &r), 0);
	ck_assert(r.preempted);
	spoil(save);
	r.resume = true;
	r.stop = NULL;
	ck_assert_int_eq(tern_sim_run(e.sim, &r), 0);
	return r.fault.code;
}

static void spoil_nothing(struct tern_save_area *a)
{
	(void)a;
}

static void spoil_pc(struct tern_save_area *a)
{
	a->pc = 0x7fffffff;
}

static void spoil_depth(struct tern_save_area *a)
{
	a->depth = TERN_CALL_DEPTH + 1;
}

static void spoil_tile(struct tern_save_area *a)
{
	a->tile[3].registers = 1;
	a->tile[3].field[0] = TERN_NREGS;
}

static void spoil_flags(struct tern_save_area *a)
{
	a->flags |= 0x80;
}

static void spoil_steps(struct tern_save_area *a)
{
	a->steps_left = UINT64_MAX;
}

static void spoil_semaphore(struct tern_save_area *a)
{
	a->sem[FREE] = 0; /* the next wait for it can never be met */
}

static const struct {
	void (*spoil)(struct tern_save_area *a);
	unsigned int code;
} spoilt[] = {
	{spoil_nothing, 0},
	{spoil_pc, TERN_FAULT_FETCH},
	{spoil_depth, TERN_FAULT_IMAGE},
	{spoil_tile, TERN_FAULT_IMAGE},
	{spoil_flags, TERN_FAULT_IMAGE},
	{spoil_steps, TERN_FAULT_IMAGE},
	{spoil_semaphore, TERN_FAULT_DEADLOCK},
};

START_TEST(spoilt_areas)
{
	ck_assert_uint_eq(resume_with(spoilt[_i].spoil), spoilt[_i].code);
}
END_TEST

/* ---- who comes next sees nothing ------------------------------------------------------------------- */
START_TEST(next_context_finds_zeros)
{
	const uint32_t spm = tern_sim_caps(e.sim)->spm_bytes;
	const unsigned char *seen = env_at(&e, OUT);

	ck_assert_uint_eq(resume_with(spoil_pc), TERN_FAULT_FETCH); /* SPM restored, and left so */
	env_begin(&e);
	memset(env_at(&e, OUT), 0xee, spm);
	store(&e, spm_tile(TERN_T_I8, 0, spm, 1), mem_tile(TERN_T_I8, OUT, spm, 1));
	/* The accumulators: ACC adds to what is there. */
	set_tile(&e, 0, spm_tile(TERN_T_F32, 0, K, N));
	set_tile(&e, 2, spm_tile(TERN_T_F32, SPM_OUT, N, N));
	tern_emit_matrix(&e.code, TERN_MATRIX_ACC, 0, 0, 2, NULL);
	store(&e, spm_tile(TERN_T_F32, SPM_OUT, N, N), mem_tile(TERN_T_F32, OUT + spm, N, N));
	ck_assert_uint_eq(env_run(&e), 0);
	for (uint32_t i = 0; i < spm + 4 * N * N; i++)
		ck_assert_uint_eq(seen[i], 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_save_area");
	TCase *t = tcase_create("save_area");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, spoilt_areas, 0, sizeof(spoilt) / sizeof(spoilt[0]));
	tcase_add_test(t, next_context_finds_zeros);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
