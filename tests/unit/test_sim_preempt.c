// SPDX-License-Identifier: MIT
/* Preemption at any boundary: what is computed is known, what it costs is worked out by hand. */
#include "sim_preempt_fixture.h"

#define CP_WORD tern_timing_constant_info[TERN_K_CP_WORD].value

/* Run what is in memory, preempted at every nth boundary. */
static void run_every(unsigned int every)
{
	preempt_every = every;
	preempt_count = preempt_light = 0;
	e.run.job.image = MEM_VA + IMAGE_OFF;
	e.run.mem = (struct tern_sim_mem){env_translate, &e};
	ck_assert_int_eq(preempt_run(e.sim, &e.run, save), 0);
	ck_assert_uint_eq(e.run.fault.code, 0);
}

/* ---- values -------------------------------------------------------------------------------- */
static void check_out(void)
{
	const float *out = env_at(&e, OUT);
	uint64_t flag;

	for (int m = 0; m < N; m++) {
		for (int n = 0; n < N; n++) {
			float sum = 0;

			for (int i = 0; i < TILES * K; i++)
				sum += element(i / K, m, i % K) * element(i / K, n, i % K);
			ck_assert_float_eq(out[m * N + n], sum);
		}
	}
	memcpy(&flag, env_at(&e, FLAG), sizeof(flag));
	ck_assert_uint_eq(flag, 0xf1a9);
}

static void run_preempted(unsigned int every)
{
	fill_in();
	run_every(every);
	check_out();
}

/* What does not depend on time is the same however often the job was interrupted. */
static void check_counters(const struct tern_counters *want)
{
	const struct tern_counters *got = &e.run.counters;

	ck_assert_mem_eq(got->commands, want->commands, sizeof(want->commands));
	ck_assert_mem_eq(got->macs, want->macs, sizeof(want->macs));
	ck_assert_uint_eq(got->steps, want->steps);
	ck_assert_uint_eq(got->dram_read, want->dram_read);
	ck_assert_uint_eq(got->dram_written, want->dram_written);
	ck_assert_uint_eq(got->dram_bursts, want->dram_bursts);
	ck_assert_uint_eq(got->spm_bytes, want->spm_bytes);
}

START_TEST(one_preemption_anywhere)
{
	struct tern_counters through;
	unsigned int at;

	sum_of_squares();
	run_preempted(0);
	through = e.run.counters;
	ck_assert_uint_eq(preempt_count, 0);
	for (at = 1;; at++) {
		run_preempted(at);
		check_counters(&through);
		if (!preempt_count)
			break;
		ck_assert_uint_ge(e.run.counters.cycles, through.cycles);
		ck_assert_uint_gt(e.run.counters.energy_pj, through.energy_pj);
	}
	ck_assert_uint_gt(at, 40); /* boundaries there are */
}
END_TEST

/* ---- cost ------------------------------------------------------------------------------------ */
/* Nothing in flight, so a preemption costs its two passes over DRAM and nothing else. */
static uint64_t passes(uint64_t bytes)
{
	return 2 * bytes * 256 / tern_sim_caps(e.sim)->dram_x256;
}

static uint64_t run_registers_only(unsigned int every, bool yields)
{
	env_begin(&e);
	for (int i = 0; i < 10; i++)
		tern_emit_movi(&e.code, 1, i);
	if (yields)
		tern_emit_op(&e.code, TERN_OP_YIELD);
	tern_emit_movi(&e.code, 1, 10);
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
	run_every(every);
	return e.run.counters.cycles;
}

START_TEST(cost_is_two_passes_of_everything)
{
	const struct tern_caps *c = tern_sim_caps(e.sim);
	uint64_t through = run_registers_only(0, false), cut = run_registers_only(7, false);

	ck_assert_uint_eq(preempt_count, 1);
	ck_assert_int_le(
		llabs((long long)(cut - through - passes(8192 + c->spm_bytes + 4 * c->acc))), 2);
}
END_TEST

START_TEST(cost_at_yield_is_two_passes_of_8_kib)
{
	uint64_t through = run_registers_only(0, true), cut = run_registers_only(10, true);
	const struct tern_save_area *a = save;

	ck_assert_uint_eq(preempt_count, 1);
	ck_assert_uint_eq(a->flags, 0);
	ck_assert_int_le(llabs((long long)(cut - through - passes(8192))), 2);
}
END_TEST

/* Rows on their way in and out, then a YIELD and four MOVI. */
#define AFTER 4

static uint64_t run_with_queues_at_work(unsigned int every)
{
	const struct tern_sync loaded = {.signal = {{FULL, 1}}}, full = {.wait = {{FULL, 1}}};

	env_begin(&e);
	sem(FULL, TERN_Q_LOAD0, TERN_Q_STORE, 0);
	set_tile(&e, 0, spm_tile(TERN_T_F32, 0, 64, 64));
	set_tile(&e, 1, mem_tile(TERN_T_F32, 0, 64, 64));
	set_tile(&e, 2, mem_tile(TERN_T_F32, OUT, 64, 64));
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, &loaded);
	tern_emit_store(&e.code, 0, 2, TERN_NONE, NULL, &full);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	for (int i = 0; i < AFTER; i++)
		tern_emit_movi(&e.code, 1, i);
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
	run_every(every);
	return e.run.counters.cycles;
}

/* The queues drain at a YIELD only if that is where the job stops: then what comes after it
 * passes when they have, and not while they do. */
START_TEST(preemption_at_yield_drains_first)
{
	uint64_t through = run_with_queues_at_work(0), cut = run_with_queues_at_work(5);
	const struct tern_save_area *a = save;
	uint64_t after = (uint64_t)((2 * AFTER + 1) * CP_WORD);

	ck_assert_uint_eq(preempt_count, 1);
	ck_assert_uint_eq(preempt_light, 1);
	ck_assert_uint_eq(a->sem[FULL], 0);
	ck_assert_int_le(llabs((long long)(cut - through - passes(8192) - after)), 2);
}
END_TEST

/* A YIELD, that many turns of a loop, and another one. */
static void loop_between_yields(int64_t turns, bool loads)
{
	size_t loop;

	set_tile(&e, 0, spm_tile(TERN_T_F32, 0, 64, 64));
	set_tile(&e, 1, mem_tile(TERN_T_F32, 0, 64, 64));
	tern_emit_op(&e.code, TERN_OP_YIELD);
	tern_emit_movi(&e.code, 2, turns);
	loop = e.code.n;
	if (loads)
		tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, NULL);
	else
		tern_emit_op(&e.code, TERN_OP_NOP);
	tern_emit_loop(&e.code, 2, loop);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
}

/* A program that has yielded before is given the time of one save to come to the next. */
static void yield_far_away(int64_t turns, bool loads)
{
	loop_between_yields(turns, loads);
	run_every(5);
}

START_TEST(near_yield_is_waited_for)
{
	yield_far_away(1000, false); /* 3 words and a jump each, a save being about 22,000 cycles */
	ck_assert_uint_eq(preempt_count, 1);
	ck_assert_uint_eq(preempt_light, 1);
}
END_TEST

START_TEST(far_yield_is_not)
{
	yield_far_away(100000, false);
	ck_assert_uint_gt(preempt_count - preempt_light, 1);
}
END_TEST

/* Far by the clock: 133 steps each, but 1280 cycles, and the queue holds 64 of them. */
START_TEST(yield_behind_slow_loads_is_far)
{
	const struct tern_caps *c = tern_sim_caps(e.sim);

	ck_assert_uint_lt(100 * 133, (c->spm_bytes + 4ull * c->acc) * 256 / c->dram_x256);
	yield_far_away(100, true);
	ck_assert_uint_gt(preempt_count - preempt_light, 1);
}
END_TEST

/* Somebody wants the engines when the loop begins, then nobody, then somebody near its end. */
#define FAR_TURNS 100000

static enum tern_sim_attend ask_twice(void *ctx)
{
	unsigned int *asked = ctx;

	++*asked;
	return *asked == 10 || *asked > 2 * FAR_TURNS - 100 ? TERN_SIM_PREEMPT : TERN_SIM_GO_ON;
}

START_TEST(each_preemption_has_patience_of_its_own)
{
	static const volatile int always = 1;
	unsigned int asked = 0;

	loop_between_yields(FAR_TURNS, false);
	e.run.job.image = MEM_VA + IMAGE_OFF;
	e.run.mem = (struct tern_sim_mem){env_translate, &e};
	e.run.stop = &always;
	e.run.attend = ask_twice;
	e.run.host_ctx = &asked;
	e.run.save = save;
	ck_assert_int_eq(tern_sim_run(e.sim, &e.run), 0);
	ck_assert(e.run.preempted);
	ck_assert_uint_gt(asked, 2 * FAR_TURNS - 100);
	ck_assert_uint_eq(((struct tern_save_area *)save)->flags, 0);
}
END_TEST

static enum tern_sim_attend ask_at_once(void *ctx)
{
	(void)ctx;
	return TERN_SIM_PREEMPT;
}

/* Else firmware that does nothing but that keeps a job for ever, and its budget is never used. */
START_TEST(who_is_preempted_at_once_gets_on)
{
	static const volatile int always = 1;
	const unsigned int turns = 100, commands = 2 * turns + 4;
	uint64_t steps;

	loop_between_yields(turns, false);
	run_every(0);
	steps = e.run.counters.steps;
	e.run.stop = &always;
	e.run.attend = ask_at_once;
	e.run.save = save;
	preempt_count = 0;
	do {
		ck_assert_int_eq(tern_sim_run(e.sim, &e.run), 0);
		e.run.resume = true;
	} while (e.run.preempted && ++preempt_count < 2 * commands);
	ck_assert_uint_lt(preempt_count, commands);
	ck_assert_uint_gt(preempt_count, turns);
	ck_assert_uint_eq(e.run.counters.steps, steps);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_preempt");
	TCase *t = tcase_create("preempt");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, one_preemption_anywhere);
	tcase_add_test(t, cost_is_two_passes_of_everything);
	tcase_add_test(t, cost_at_yield_is_two_passes_of_8_kib);
	tcase_add_test(t, preemption_at_yield_drains_first);
	tcase_add_test(t, near_yield_is_waited_for);
	tcase_add_test(t, far_yield_is_not);
	tcase_add_test(t, yield_behind_slow_loads_is_far);
	tcase_add_test(t, each_preemption_has_patience_of_its_own);
	tcase_add_test(t, who_is_preempted_at_once_gets_on);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
