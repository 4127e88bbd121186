// SPDX-License-Identifier: MIT
/*
 * A command met again resolves as if it were met for the first time, whatever happened to its
 * tiles and registers in between. The same calls are made in two ways: to one subroutine, whose
 * commands are met again at each call, and each to a copy of its own, whose commands are
 * met once. Everything but image words must come out the same: cycles, counters, memory,
 * faults. A second job of the same image must not know what happened to the first.
 */
#include <check.h>

#include "sim_fixture.h"

#define COUNT(a)   (sizeof(a) / sizeof((a)[0]))
#define CALLS	   12
#define SEEDS	   300
#define DATA_BYTES 0x20000u
#define INDICES	   0x10000u
#define R_PLACE	   8  /* and the next: registers of ADDR and OFFS */
#define R_SIZE	   10 /* rows */
#define R_ROW	   11 /* a row stride */
#define R_ORIGIN   12 /* and the next */
#define MAX_EVENTS 96

static struct env e;
static uint64_t seed;

static unsigned int below(unsigned int n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)(seed >> 33) % n;
}

/* ---- the subroutines ------------------------------------------------------------------ */
static const uint8_t origins[4] = {R_ORIGIN, R_ORIGIN + 1, TERN_NONE, TERN_NONE};
static const float fills[4] = {1, 2, 3, 4};

/* Results in SPM are seen once they are stored. */
static void show(unsigned int tile)
{
	tern_emit_store(&e.code, tile, tile == 5 ? 8 : 7, TERN_NONE, NULL, NULL);
}

static void load_plain(void)
{
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, NULL, NULL, NULL);
	show(0);
}

static void load_rows(void)
{
	tern_emit_load(&e.code, true, 0, 1, 2, NULL, NULL, NULL);
	show(0);
}

static void load_origin(void)
{
	tern_emit_load(&e.code, false, 0, 1, TERN_NONE, origins, fills, NULL);
	show(0);
}

static void load_rows_origin(void)
{
	tern_emit_load(&e.code, false, 0, 1, 2, origins, fills, NULL);
	show(0);
}

static void store_plain(void)
{
	tern_emit_store(&e.code, 0, 1, TERN_NONE, NULL, NULL);
}

static void store_rows(void)
{
	tern_emit_store(&e.code, 0, 1, 2, NULL, NULL);
}

static void store_origin(void)
{
	tern_emit_store(&e.code, 0, 1, TERN_NONE, origins, NULL);
}

static void product(void)
{
	tern_emit_load(&e.code, false, 4, 1, TERN_NONE, NULL, NULL, NULL);
	tern_emit_matrix(&e.code, TERN_MATRIX_OUT, 3, 4, 5, NULL);
	show(5);
}

static void accumulation(void)
{
	tern_emit_matrix(&e.code, 0, 3, 4, TERN_NONE, NULL);
	tern_emit_matrix(&e.code, TERN_MATRIX_ACC | TERN_MATRIX_OUT, 3, 4, 5, NULL);
	show(5);
}

/* Tile 6 = tile 0 + S0. */
static void addition(void)
{
	uint8_t tiles[8], regs[8];

	memset(tiles, TERN_NONE, sizeof(tiles));
	memset(regs, TERN_NONE, sizeof(regs));
	tiles[0] = 0;
	tiles[1] = 6;
	regs[0] = R_ORIGIN;
	e.patch_to[e.npatch] = 0;
	e.patch[e.npatch++] = tern_emit_vector(&e.code, tiles, regs, 0, 6, NULL);
	show(6);
}

static void loaded_product(void)
{
	const struct tern_sync full = {.signal = {{1, 1}}}, empty = {.wait = {{1, 1}}};

	tern_emit_load(&e.code, false, 4, 1, TERN_NONE, NULL, NULL, &full);
	tern_emit_matrix(&e.code, TERN_MATRIX_OUT, 3, 4, 5, &empty);
	tern_emit_sync(&e.code, TERN_Q_LOAD0, &full);
	tern_emit_sync(&e.code, TERN_Q_MATRIX, &empty);
}

static void (*const subroutines[])(void) = {
	load_plain,   load_rows, load_origin,  load_rows_origin, store_plain,	 store_rows,
	store_origin, product,	 accumulation, addition,	 loaded_product,
};

/* ---- what happens between two calls ----------------------------------------------------- */
/* The usual value, and now and then the end of a range, a wrong alignment, nothing, too much. */
static int64_t odd(int64_t usual)
{
	static const int64_t others[] = {0,   1,    2,	       3,	  -1,	     64,
					 -64, 4096, 1ll << 17, 1ll << 33, INT64_MAX, INT64_MIN};

	return below(14) ? usual : others[below(COUNT(others))];
}

static struct tern_val either(int64_t v, unsigned int reg)
{
	return below(2) ? tern_imm(v) : tern_reg(reg);
}

static void describe(unsigned int n, struct tile t, bool counted)
{
	struct tern_val v[TERN_TILE_NFIELDS] = {[TERN_TILE_ADDR] = tern_imm((int64_t)t.addr),
						[TERN_TILE_TYPE] = tern_imm((int64_t)t.type)};

	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		v[TERN_TILE_SIZE0 + d] = tern_imm(t.size[d]);
		v[TERN_TILE_STRIDE0 + d] = tern_imm(t.stride[d]);
	}
	v[TERN_TILE_OFFS] = either(0, R_PLACE + 1);
	if (counted)
		v[TERN_TILE_SIZE0 + 1] = either(4, R_SIZE);
	if (n == 1)
		v[TERN_TILE_STRIDE0 + 1] = either(t.stride[1], R_ROW);
	tern_emit_tile(&e.code, n, (1u << TERN_TILE_NFIELDS) - 1, v);
}

/* Tile 0 and 1: SPM and memory; 2: indices; 3, 4, 5: a product's; 6: a sum; 7 and 8: where
 * results are shown. */
static void describe_all(void)
{
	describe(0, spm_tile(TERN_T_F32, 0, 32, 4), true);
	describe(1, mem_tile(below(3) ? TERN_T_F32 : TERN_T_F16, 0, 32, 4), true);
	describe(2, mem_tile(TERN_T_I32, INDICES, 8, 1), false);
	describe(3, spm_tile(TERN_T_F32, 0x400, 32, 2), false);
	describe(4, spm_tile(TERN_T_F32, 0x800, 32, 4), true);
	describe(5, spm_tile(TERN_T_F32, 0xc00, 4, 2), false);
	describe(6, spm_tile(TERN_T_F32, 0x1000, 32, 4), true);
	describe(7, mem_tile(TERN_T_F32, 0x8000, 32, 64), false);
	describe(8, mem_tile(TERN_T_F32, 0xc000, 4, 64), false);
}

static void change_field(void)
{
	unsigned int tile = below(7), field = below(TERN_TILE_NFIELDS);
	struct tern_val v[TERN_TILE_NFIELDS];
	int64_t usual = 1;

	if (field == TERN_TILE_ADDR)
		usual = (tile == 1 ? (int64_t)DATA_VA : 0x400 * below(5)) + 4 * below(256);
	else if (field == TERN_TILE_OFFS)
		usual = 4 * below(64);
	else if (field == TERN_TILE_SIZE0)
		usual = 32;
	else if (field == TERN_TILE_STRIDE0)
		usual = 4;
	else if (field > TERN_TILE_STRIDE0 && field < TERN_TILE_TYPE)
		usual = 128;
	else if (field == TERN_TILE_TYPE)
		usual = (tile == 1 ? 0 : TERN_TILE_SPM) | (below(4) ? 0 : below(70));
	v[field] = tern_imm(odd(usual));
	tern_emit_tile(&e.code, tile, 1u << field, v);
}

static void change(void)
{
	unsigned int what = below(16);

	if (what < 5)
		tern_emit_movi(&e.code, R_PLACE + below(2), odd(4 * below(256)));
	else if (what < 8)
		tern_emit_movi(&e.code, R_ORIGIN + below(2), odd(32 * (int64_t)below(3) - 32));
	else if (what < 11)
		tern_emit_movi(&e.code, R_SIZE, odd(below(2) ? 4 : 3));
	else if (what < 14)
		change_field();
	else
		describe_all();
}

/* ---- the two programs ---------------------------------------------------------------------- */
static void write_program(void (*subroutine)(void), unsigned int copies)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0),	      tern_vinstr(TERN_V_LD, 0, 0, 0, 0),
		tern_vinstr(TERN_V_IADD, 0, 0, TERN_V_S0, 0), tern_vinstr(TERN_V_ST, 1, 0, 0, 0),
		tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),	      tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};
	size_t at[CALLS], over;

	env_begin(&e);
	e.sem[1] = (struct tern_image_sem){TERN_Q_LOAD0, TERN_Q_MATRIX, 0, 1};
	memcpy(e.vector, prog, sizeof(prog));
	e.nvector = COUNT(prog);
	over = tern_emit_br(&e.code, TERN_COND_ALWAYS, 0, tern_imm(0), 0);
	for (unsigned int i = 0; i < copies; i++) {
		at[i] = e.code.n;
		subroutine();
		tern_emit_op(&e.code, TERN_OP_RET);
	}
	tern_code_patch(&e.code, over, e.code.n);
	tern_emit_movi(&e.code, R_SIZE, 4);
	tern_emit_movi(&e.code, R_ROW, 128);
	describe_all();
	for (unsigned int i = 0; i < CALLS; i++) {
		for (unsigned int n = below(3); n; n--)
			change();
		tern_emit_mark(&e.code, i);
		tern_emit_call(&e.code, at[i % copies]);
	}
	tern_emit_op(&e.code, TERN_OP_END);
	env_link(&e);
}

struct outcome {
	struct tern_fault fault;
	struct tern_counters counters;
	struct tern_sim_op ops[CALLS];
	struct tern_sim_event event[MAX_EVENTS];
	unsigned int nevents;
	unsigned char data[DATA_BYTES];
};
static struct outcome one, again, apart;

/* Field by field: padding is nobody's. */
static void note_event(void *ctx, const struct tern_sim_event *event)
{
	struct outcome *o = ctx;
	struct tern_sim_event *to = &o->event[o->nevents++];

	ck_assert_uint_le(o->nevents, MAX_EVENTS);
	to->queue = event->queue;
	to->mark = event->mark;
	to->dispatch = event->dispatch;
	to->start = event->start;
	to->end = event->end;
}

static void run_into(struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	for (uint32_t i = 0; i < DATA_BYTES / 4; i++) {
		uint32_t v = i >= INDICES / 4 ? i & 3 : i * 2654435761u >> 2;

		memcpy(env_at(&e, 4ull * i), &v, sizeof(v));
	}
	e.run.ops = o->ops;
	e.run.nops = CALLS;
	e.run.event = note_event;
	e.run.event_ctx = o;
	env_start(&e);
	o->fault = e.run.fault;
	o->fault.word = 0;
	o->counters = e.run.counters;
	memcpy(o->data, env_at(&e, 0), DATA_BYTES);
}

static void ck_same(const struct outcome *a, const struct outcome *b, unsigned int s)
{
	ck_assert_msg(!memcmp(&a->fault, &b->fault, sizeof(a->fault)), "seed %u: fault %u, not %u",
		      s, a->fault.code, b->fault.code);
	ck_assert_msg(!memcmp(&a->counters, &b->counters, sizeof(a->counters)), "seed %u: counters",
		      s);
	ck_assert_msg(!memcmp(a->ops, b->ops, sizeof(a->ops)), "seed %u: operators", s);
	ck_assert_msg(!memcmp(a->event, b->event, sizeof(a->event)), "seed %u: events", s);
	ck_assert_msg(!memcmp(a->data, b->data, sizeof(a->data)), "seed %u: memory", s);
}

static void compare(void (*subroutine)(void), const char *device)
{
	unsigned int ended_well = 0;

	env_open(&e, device, NULL);
	e.hi = DATA_VA + DATA_BYTES;
	for (unsigned int s = 0; s < SEEDS; s++) {
		seed = s + 1;
		write_program(subroutine, CALLS);
		run_into(&apart);
		seed = s + 1;
		write_program(subroutine, 1);
		run_into(&one);
		run_into(&again);
		ck_same(&one, &apart, s);
		ck_same(&again, &apart, s);
		ended_well += !apart.fault.code;
	}
	env_close(&e);
	/* There was something to compare besides faults. */
	ck_assert_uint_ge(ended_well, SEEDS / 20);
	ck_assert_uint_lt(ended_well, SEEDS);
}

START_TEST(resolves_as_the_first_time)
{
	compare(subroutines[_i], "small");
}
END_TEST

START_TEST(takes_the_time_of_the_first_time)
{
	compare(subroutines[_i], "small,time-only");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_memo");
	TCase *t = tcase_create("calls");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, resolves_as_the_first_time, 0, COUNT(subroutines));
	tcase_add_loop_test(t, takes_the_time_of_the_first_time, 0, COUNT(subroutines));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
