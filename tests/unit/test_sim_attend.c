// SPDX-License-Identifier: MIT
/* Attention without preemption: from when on the source of a LOAD may be overwritten. */
#include "sim_preempt_fixture.h"

/* From here on the source may be overwritten: what was loaded has been read. */
static enum tern_sim_attend overwrite_source(void *ctx)
{
	struct env *env = ctx;

	tern_sim_forget(env->sim);
	memset(env_at(env, 0), 0x7f, 64 * 64 * 4);
	return TERN_SIM_GO_ON;
}

static void load_then_store(bool fence)
{
	float *in = env_at(&e, 0);

	for (int i = 0; i < 64 * 64; i++)
		in[i] = (float)i;
	load(&e, spm_tile(TERN_T_F32, 0, 64, 64), mem_tile(TERN_T_F32, 0, 64, 64));
	tern_emit_movi(&e.code, BASE, (int64_t)(DATA_VA + FLAG));
	if (fence)
		tern_code_cmd(&e.code, TERN_OP_FENCE, TERN_FENCE_IRQ, BASE, 0, 0, 0,
			      (uint64_t[]){0, 1}, 2);
	store(&e, spm_tile(TERN_T_F32, 0, 64, 64), mem_tile(TERN_T_F32, OUT, 64, 64));
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
}

static void check_loaded(void)
{
	const float *out = env_at(&e, OUT);

	for (int i = 0; i < 64 * 64; i++)
		ck_assert_float_eq(out[i], (float)i);
}

static volatile int attention;

/* At the boundary after the LOAD, which has been noted only. */
static enum tern_sim_attend count_to_load(void *ctx)
{
	struct env *env = ctx;
	uint64_t commands, steps;

	tern_sim_progress(env->sim, &commands, &steps);
	if (commands != 1)
		return TERN_SIM_GO_ON;
	attention = 0;
	return overwrite_source(ctx);
}

START_TEST(forgetting_reads_what_was_loaded)
{
	load_then_store(false);
	attention = 1;
	e.run.stop = &attention;
	e.run.attend = count_to_load;
	e.run.host_ctx = &e;
	ck_assert_uint_eq(env_start(&e), 0);
	ck_assert_int_eq(attention, 0);
	check_loaded();
}
END_TEST

static void overwrite_at_fence(void *ctx)
{
	memset(env_at(ctx, 0), 0x7f, 64 * 64 * 4);
}

START_TEST(fence_reads_what_was_loaded)
{
	load_then_store(true);
	e.run.interrupt = overwrite_at_fence;
	e.run.host_ctx = &e;
	ck_assert_uint_eq(env_start(&e), 0);
	check_loaded();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_attend");
	TCase *t = tcase_create("attend");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, forgetting_reads_what_was_loaded);
	tcase_add_test(t, fence_reads_what_was_loaded);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
