// SPDX-License-Identifier: MIT
/*
 * Preemption of a program that has something of everything a save area holds: accumulators,
 * SPM, registers, tile fields that are registers, a call stack, loops, semaphores between
 * three queues. What it computes is known, what a preemption costs is worked out by hand.
 */
#include <check.h>

#include "sim_fixture.h"
#include "support/preempt.h"

#define TILES	5
#define N	8
#define K	32
#define TILE	(4 * N * K)
#define OUT	0x20000u
#define FLAG	0x30000u
#define SPM_OUT (4 * TILE)
#define AT	10 /* registers: address of the next tile, */
#define RING	11 /* its place in SPM, */
#define COUNT	12 /* tiles left */
#define BASE	13
#define CP_WORD tern_timing_constant_info[TERN_K_CP_WORD].value

enum { FULL, FREE, RESULT }; /* semaphores */

static struct env e;
static void *save;

static void setup(void)
{
	env_open(&e, "small", NULL);
	env_begin(&e);
	save = malloc(tern_sim_caps(e.sim)->save_bytes);
	memset(save, 0xa5, tern_sim_caps(e.sim)->save_bytes);
	preempt_every = 0;
	preempt_count = 0;
}

static void teardown(void)
{
	free(save);
	env_close(&e);
}

/* ---- the program ------------------------------------------------------------------------- */
static void sem(unsigned int s, unsigned int producer, unsigned int consumer, unsigned int initial)
{
	e.sem[s] =
		(struct tern_image_sem){(uint8_t)producer, (uint8_t)consumer, (uint8_t)initial, 1};
}

/* Tile 0 in SPM at RING, tile 1 in memory at AT: both by register. */
static void moving_tiles(void)
{
	struct tern_val v[TERN_TILE_NFIELDS] = {
		[TERN_TILE_ADDR] = tern_reg(RING),
		[TERN_TILE_SIZE0] = tern_imm(K),
		[TERN_TILE_SIZE0 + 1] = tern_imm(N),
		[TERN_TILE_SIZE0 + 2] = tern_imm(1),
		[TERN_TILE_SIZE0 + 3] = tern_imm(1),
		[TERN_TILE_STRIDE0] = tern_imm(4),
		[TERN_TILE_STRIDE0 + 1] = tern_imm(4 * K),
		[TERN_TILE_TYPE] = tern_imm(TERN_T_F32 | TERN_TILE_SPM),
	};

	tern_emit_tile(&e.code, 0, 0x7ff, v);
	v[TERN_TILE_ADDR] = tern_reg(AT);
	v[TERN_TILE_TYPE] = tern_imm(TERN_T_F32);
	tern_emit_tile(&e.code, 1, 0x7ff, v);
}

/* One tile into SPM and its product with itself into the accumulators; then return. */
static void product(unsigned int flags)
{
	const struct tern_sync filled = {.wait = {{FREE, 1}}, .signal = {{FULL, 1}}};
	const struct tern_sync used = {.wait = {{FULL, 1}}, .signal = {{FREE, 1}}};

	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, &filled);
	tern_emit_matrix(&e.code, flags, 0, 0, TERN_NONE, &used);
	tern_emit_alu(&e.code, TERN_ALU_ADD, AT, AT, tern_imm(TILE));
	tern_emit_ring(&e.code, RING, TILE, 0, 3 * TILE);
	tern_emit_op(&e.code, TERN_OP_RET);
}

/* The accumulators, after one more product, of zeros, to memory. */
static void write_out(void)
{
	const struct tern_sync filled = {.wait = {{FREE, 1}}, .signal = {{FULL, 1}}};
	const struct tern_sync used = {.wait = {{FULL, 1}}, .signal = {{FREE, 1}, {RESULT, 1}}};
	const struct tern_sync ready = {.wait = {{RESULT, 1}}};

	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, &filled);
	set_tile(&e, 2, spm_tile(TERN_T_F32, SPM_OUT, N, N));
	set_tile(&e, 3, mem_tile(TERN_T_F32, OUT, N, N));
	tern_emit_matrix(&e.code, TERN_MATRIX_ACC, 0, 0, 2, &used);
	tern_emit_store(&e.code, 2, 3, TERN_NONE, NULL, &ready);
}

/* memory[OUT] = sum of tile x tile'; then, nothing being live, a word at FLAG. */
static void sum_of_squares(void)
{
	size_t first, next, begin, loop;

	sem(FULL, TERN_Q_LOAD0, TERN_Q_MATRIX, 0);
	sem(FREE, TERN_Q_MATRIX, TERN_Q_LOAD0, 3);
	sem(RESULT, TERN_Q_MATRIX, TERN_Q_STORE, 0);
	begin = tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), 0);
	first = e.code.n;
	product(0);
	next = e.code.n;
	product(TERN_MATRIX_ACC);
	tern_code_patch(&e.code, begin, e.code.n);
	moving_tiles();
	tern_emit_movi(&e.code, AT, (int64_t)DATA_VA);
	tern_emit_movi(&e.code, RING, 0);
	tern_emit_movi(&e.code, COUNT, TILES - 1);
	tern_emit_mark(&e.code, 1);
	tern_emit_call(&e.code, first);
	loop = e.code.n;
	tern_emit_call(&e.code, next);
	tern_emit_loop(&e.code, COUNT, loop);
	tern_emit_mark(&e.code, 2);
	write_out();
	tern_emit_op(&e.code, TERN_OP_YIELD);
	tern_emit_movi(&e.code, BASE, (int64_t)(DATA_VA + FLAG));
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, BASE, 0, 0, 0, (uint64_t[]){0, 0xf1a9}, 2);
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
}

static float element(int tile, int row, int k)
{
	return (float)((tile * 31 + row * 7 + k * 3) % 17 - 8);
}

static void fill_in(void)
{
	float *in = env_at(&e, 0);

	memset(env_at(&e, OUT), 0xee, FLAG - OUT + 8);
	for (int i = 0; i < TILES * N * K; i++)
		in[i] = element(i / (N * K), i / K % N, i % K);
	memset(in + TILES * N * K, 0, TILE);
}

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

static void run_preempted(void)
{
	fill_in();
	e.run.job.image = MEM_VA + IMAGE_OFF;
	e.run.mem = (struct tern_sim_mem){env_translate, &e};
	ck_assert_int_eq(preempt_run(e.sim, &e.run, save), 0);
	ck_assert_uint_eq(e.run.fault.code, 0);
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

/* ---- values -------------------------------------------------------------------------------- */
START_TEST(one_preemption_anywhere)
{
	struct tern_counters through;
	unsigned int at;

	sum_of_squares();
	run_preempted();
	through = e.run.counters;
	ck_assert_uint_eq(preempt_count, 0);
	for (at = 1;; at++) {
		preempt_every = at;
		preempt_count = 0;
		run_preempted();
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
	preempt_every = every;
	preempt_count = preempt_light = 0;
	e.run.job.image = MEM_VA + IMAGE_OFF;
	e.run.mem = (struct tern_sim_mem){env_translate, &e};
	ck_assert_int_eq(preempt_run(e.sim, &e.run, save), 0);
	ck_assert_uint_eq(e.run.fault.code, 0);
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
	preempt_every = every;
	preempt_count = preempt_light = 0;
	e.run.job.image = MEM_VA + IMAGE_OFF;
	e.run.mem = (struct tern_sim_mem){env_translate, &e};
	ck_assert_int_eq(preempt_run(e.sim, &e.run, save), 0);
	ck_assert_uint_eq(e.run.fault.code, 0);
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
	preempt_every = 5;
	preempt_count = preempt_light = 0;
	e.run.job.image = MEM_VA + IMAGE_OFF;
	e.run.mem = (struct tern_sim_mem){env_translate, &e};
	ck_assert_int_eq(preempt_run(e.sim, &e.run, save), 0);
	ck_assert_uint_eq(e.run.fault.code, 0);
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

/* ---- attention without preemption ------------------------------------------------------------------ */
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
	Suite *suite = suite_create("sim_preempt");
	TCase *c = tcase_create("preempt");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, one_preemption_anywhere);
	tcase_add_test(c, cost_is_two_passes_of_everything);
	tcase_add_test(c, cost_at_yield_is_two_passes_of_8_kib);
	tcase_add_test(c, preemption_at_yield_drains_first);
	tcase_add_test(c, near_yield_is_waited_for);
	tcase_add_test(c, far_yield_is_not);
	tcase_add_test(c, yield_behind_slow_loads_is_far);
	tcase_add_test(c, each_preemption_has_patience_of_its_own);
	tcase_add_loop_test(c, spoilt_areas, 0, sizeof(spoilt) / sizeof(spoilt[0]));
	tcase_add_test(c, next_context_finds_zeros);
	tcase_add_test(c, forgetting_reads_what_was_loaded);
	tcase_add_test(c, fence_reads_what_was_loaded);
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
