// SPDX-License-Identifier: MIT
/*
 * What a device remembers of the commands of one job must not reach into the next, nor past
 * anything that happens to a job from outside. A program copies rows in a loop, so that its
 * commands are met again; then its registers, its words, its limits or the pages under it
 * change, and it runs again on the same device. What it must copy is worked out here, and a
 * device that has never run anything must meet the same fault at the same cycle.
 */
#include <check.h>

#include "sim_fixture.h"

#define STEPS  3 /* of the loop */
#define COLS   32
#define ROW    (4 * COLS)
#define STEP   0x800	/* from one step's rows to the next's */
#define SRC    0x10000u /* offsets of data; arguments are at 0 */
#define OUT    0x40000u
#define PART   0x10000u
#define SPARE  0x60000u /* other pages for SRC */
#define R_ROWS 8
#define R_FROM 9
#define R_TO   10
#define R_LEFT 11
#define ALL    ((1u << TERN_TILE_NFIELDS) - 1)

enum { FULL, FREE };

/* What the program copies: in step i, rows at from + i * STEP to those at to + i * STEP. */
struct args {
	int64_t rows, from, to;
};

static struct env e;
static uint64_t shift;	    /* of what lies under SRC */
static int64_t stride;	    /* of rows there, in the program: tile 1, */
static unsigned int source; /* if that is what LOAD names; tile 3: twice that */
static int64_t from_stride[STEPS], rows_of[STEPS];
static unsigned char before[MEM_BYTES], want[MEM_BYTES];

static void *translate(void *ctx, uint64_t va, uint64_t *len, unsigned int access)
{
	uint64_t src = DATA_VA + SRC;

	if (va < src && src - va < *len)
		*len = src - va;
	if (va < src || va >= src + PART)
		return env_translate(ctx, va, len, access);
	if (src + PART - va < *len)
		*len = src + PART - va;
	return env_translate(ctx, va + shift, len, access);
}

/* ---- the program ------------------------------------------------------------------------- */
static void describe(unsigned int n, struct tern_val addr, unsigned int type, int64_t row)
{
	const struct tern_val v[TERN_TILE_NFIELDS] = {
		[TERN_TILE_ADDR] = addr,
		[TERN_TILE_SIZE0] = tern_imm(COLS),
		[TERN_TILE_SIZE0 + 1] = tern_reg(R_ROWS),
		[TERN_TILE_SIZE0 + 2] = tern_imm(1),
		[TERN_TILE_SIZE0 + 3] = tern_imm(1),
		[TERN_TILE_STRIDE0] = tern_imm(4),
		[TERN_TILE_STRIDE0 + 1] = tern_imm(row),
		[TERN_TILE_TYPE] = tern_imm(type),
	};

	tern_emit_tile(&e.code, n, ALL, v);
}

static void write_program(void)
{
	const struct tern_sync filled = {.wait = {{FREE, 1}}, .signal = {{FULL, 1}}};
	const struct tern_sync used = {.wait = {{FULL, 1}}, .signal = {{FREE, 1}}};
	size_t loop;

	env_begin(&e);
	e.sem[FULL] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_STORE, 0, 1};
	e.sem[FREE] = (struct tern_image_sem){TERN_Q_STORE, TERN_Q_LOAD0, 1, 1};
	tern_emit_ldr(&e.code, R_ROWS, 3, TERN_REG_ARGS, 0, 3);
	describe(0, tern_imm(0), TERN_T_F32 | TERN_TILE_SPM, ROW);
	describe(1, tern_reg(R_FROM), TERN_T_F32, stride);
	describe(2, tern_reg(R_TO), TERN_T_F32, ROW);
	describe(3, tern_reg(R_FROM), TERN_T_F32, 2 * stride);
	tern_emit_movi(&e.code, R_LEFT, STEPS);
	loop = e.code.n;
	tern_emit_load(&e.code, false, 0, source, TERN_NONE, NULL, NULL, &filled);
	tern_emit_store(&e.code, 0, 2, TERN_NONE, NULL, &used);
	tern_emit_alu(&e.code, TERN_ALU_ADD, R_FROM, R_FROM, tern_imm(STEP));
	tern_emit_alu(&e.code, TERN_ALU_ADD, R_TO, R_TO, tern_imm(STEP));
	tern_emit_loop(&e.code, R_LEFT, loop);
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
}

static void set_args(int64_t rows)
{
	const struct args a = {rows, (int64_t)(DATA_VA + SRC), (int64_t)(DATA_VA + OUT)};

	memcpy(env_at(&e, 0), &a, sizeof(a));
	for (unsigned int i = 0; i < STEPS; i++)
		rows_of[i] = rows;
}

static void set_source(unsigned int tile, int64_t bytes)
{
	source = tile;
	stride = bytes;
	for (unsigned int i = 0; i < STEPS; i++)
		from_stride[i] = tile == 3 ? 2 * bytes : bytes;
	write_program();
}

static void setup(void)
{
	env_open(&e, "small", NULL);
	shift = 0;
	for (uint32_t i = 0; i < MEM_BYTES / 4; i++) {
		uint32_t v = i * 2654435761u;

		memcpy(e.mem + 4ull * i, &v, sizeof(v));
	}
	set_args(4);
	set_source(1, ROW);
}

static void teardown(void)
{
	env_close(&e);
}

/* ---- running it ------------------------------------------------------------------------------ */
static void run_on(struct tern_sim *sim)
{
	e.run.job.image = MEM_VA + IMAGE_OFF;
	e.run.job.args = DATA_VA;
	e.run.mem = (struct tern_sim_mem){translate, &e};
	ck_assert_int_eq(tern_sim_run(sim, &e.run), 0);
}

static struct tern_sim *new_device(void)
{
	struct tern_sim_options o = {.threads = 1};
	struct tern_sim *sim;
	char err[256];

	ck_assert_int_eq(tern_sim_create(tern_sim_caps(e.sim), &o, &sim, err, sizeof(err)), 0);
	return sim;
}

/* The first `steps` of the loop, as memcpy. */
static void work_out(unsigned int steps)
{
	memcpy(want, before, MEM_BYTES);
	for (unsigned int i = 0; i < steps; i++) {
		for (int64_t r = 0; r < rows_of[i]; r++)
			memcpy(want + DATA_OFF + OUT + i * STEP + r * ROW,
			       before + DATA_OFF + SRC + shift + i * STEP + r * from_stride[i],
			       ROW);
	}
}

/* On the device that has run something, and on one that has not. */
static void run_both(unsigned int fault, unsigned int steps)
{
	struct tern_sim *other = new_device();
	struct tern_counters counters;
	struct tern_fault got;

	memcpy(before, e.mem, MEM_BYTES);
	work_out(steps);
	run_on(e.sim);
	got = e.run.fault;
	counters = e.run.counters;
	ck_assert_uint_eq(got.code, fault);
	ck_assert(!memcmp(e.mem, want, MEM_BYTES));
	memcpy(e.mem, before, MEM_BYTES);
	run_on(other);
	ck_assert(!memcmp(e.mem, want, MEM_BYTES));
	ck_assert(!memcmp(&got, &e.run.fault, sizeof(got)));
	ck_assert(!memcmp(&counters, &e.run.counters, sizeof(counters)));
	tern_sim_destroy(other);
}

static void run_well(void)
{
	run_both(0, STEPS);
}

/* ---- registers, words, limits, pages ------------------------------------------------------------ */
START_TEST(registers_from_other_arguments)
{
	run_well();
	set_args(7);
	run_well();
	set_args(0); /* nothing moves, */
	run_well();
	set_args(4); /* and then again something does */
	run_well();
	set_args(-1);
	run_both(TERN_FAULT_SHAPE, 0);
	set_args(4);
	run_well();
}
END_TEST

START_TEST(program_rewritten_in_place)
{
	run_well();
	set_source(1, 2 * ROW);
	run_well();
	set_source(1, ROW + 2);
	run_both(TERN_FAULT_ALIGN, 0);
	set_source(3, ROW);
	run_well();
	set_source(1, ROW);
	run_well();
}
END_TEST

START_TEST(scratchpad_limit_lowered)
{
	run_well();
	env_header(&e)->spm_bytes = 4 * ROW - 4;
	run_both(TERN_FAULT_SPM_RANGE, 0);
	ck_assert_uint_eq(e.run.fault.info, 4 * ROW - 4);
	env_header(&e)->spm_bytes = 4 * ROW;
	run_well();
}
END_TEST

START_TEST(other_pages_under_the_source)
{
	run_well();
	shift = SPARE - SRC;
	run_well();
	shift = 0;
	run_well();
}
END_TEST

START_TEST(pages_gone_or_read_only)
{
	run_well();
	e.hi = DATA_VA + OUT + STEP + ROW; /* one row of the second step's */
	memset(e.mem + DATA_OFF + OUT, 0, PART);
	run_on(e.sim);
	ck_assert_uint_eq(e.run.fault.code, TERN_FAULT_TRANSLATION);
	ck_assert_uint_eq(e.run.fault.addr, e.hi);
	e.hi = MEM_VA + MEM_BYTES;
	run_well();
	e.readonly_from = DATA_VA + OUT + 2 * STEP;
	run_both(TERN_FAULT_TRANSLATION, 2);
	ck_assert_uint_eq(e.run.fault.addr, e.readonly_from);
	e.readonly_from = UINT64_MAX;
	run_well();
}
END_TEST

START_TEST(budget_lowered)
{
	uint64_t steps;

	run_well();
	steps = e.run.counters.steps;
	e.run.job.budget = steps;
	run_well();
	e.run.job.budget = steps - 1; /* END's */
	run_both(TERN_FAULT_BUDGET, STEPS);
	/* the last STORE does not begin */
	e.run.job.budget = steps - 10;
	run_both(TERN_FAULT_BUDGET, STEPS - 1);
}
END_TEST

/* ---- while it runs --------------------------------------------------------------------------------- */
static const volatile int always = 1;
static uint64_t preempt_at; /* that many commands */

static uint64_t commands(void)
{
	uint64_t n, steps;

	tern_sim_progress(e.sim, &n, &steps);
	return n;
}

/* After two steps of the loop other pages lie under the source. */
static enum tern_sim_attend remap(void *ctx)
{
	(void)ctx;
	if (commands() == 4 && !shift) {
		tern_sim_forget(e.sim);
		shift = SPARE - SRC;
	}
	return TERN_SIM_GO_ON;
}

START_TEST(other_pages_while_it_runs)
{
	uint64_t last = 2 * STEP;

	run_well();
	memset(e.mem + DATA_OFF + OUT, 0, PART);
	memcpy(before, e.mem, MEM_BYTES);
	work_out(2);
	memcpy(want + DATA_OFF + OUT + last, before + DATA_OFF + SPARE + last, 4 * ROW);
	e.run.stop = &always;
	e.run.attend = remap;
	run_on(e.sim);
	ck_assert_uint_eq(e.run.fault.code, 0);
	ck_assert_uint_ne(shift, 0);
	ck_assert(!memcmp(e.mem, want, MEM_BYTES));
}
END_TEST

static enum tern_sim_attend after_a_step(void *ctx)
{
	(void)ctx;
	return commands() == preempt_at ? TERN_SIM_PREEMPT : TERN_SIM_GO_ON;
}

static void edit(struct tern_save_area *a, unsigned int step, unsigned int what)
{
	if (what & 1) {
		from_stride[step] = (step + 1) * ROW;
		a->tile[1].field[TERN_TILE_STRIDE0 + 1] = (uint64_t)from_stride[step];
	}
	if (what & 2) {
		rows_of[step] = 4 + step;
		a->regs[R_ROWS] = 4 + step;
	}
}

/* A saved context comes back with other tiles and registers than it left with, twice: what the
 * device knew of its commands counts for nothing. */
START_TEST(saved_state_edited)
{
	struct tern_save_area *save = malloc(tern_sim_caps(e.sim)->save_bytes);

	run_well();
	memset(e.mem + DATA_OFF + OUT, 0, PART);
	memset(save, 0, sizeof(*save));
	memcpy(before, e.mem, MEM_BYTES);
	e.run.stop = &always;
	e.run.attend = after_a_step;
	e.run.save = save;
	for (unsigned int step = 1; step < STEPS; step++) {
		preempt_at = 2 * step;
		run_on(e.sim);
		ck_assert(e.run.preempted);
		edit(save, step, _i);
		e.run.resume = true;
	}
	preempt_at = 0;
	run_on(e.sim);
	ck_assert(!e.run.preempted);
	ck_assert_uint_eq(e.run.fault.code, 0);
	work_out(STEPS);
	ck_assert(!memcmp(e.mem, want, MEM_BYTES));
	free(save);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_memo_jobs");
	TCase *t = tcase_create("between jobs"), *w = tcase_create("within one");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_checked_fixture(w, setup, teardown);
	tcase_add_test(t, registers_from_other_arguments);
	tcase_add_test(t, program_rewritten_in_place);
	tcase_add_test(t, scratchpad_limit_lowered);
	tcase_add_test(t, other_pages_under_the_source);
	tcase_add_test(t, pages_gone_or_read_only);
	tcase_add_test(t, budget_lowered);
	tcase_add_test(w, other_pages_while_it_runs);
	tcase_add_loop_test(w, saved_state_edited, 0, 4);
	suite_add_tcase(s, t);
	suite_add_tcase(s, w);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
