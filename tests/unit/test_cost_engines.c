// SPDX-License-Identifier: MIT
/* What MATRIX, VECTOR and the CP cost and count, through the whole model. */
#include "cost_fixture.h"

/* ---- MATRIX ------------------------------------------------------------------------ */
static const struct {
	unsigned int a, b;
	double divisor;
	unsigned int counter;
} kinds[] = {
	{TERN_T_ACT, TERN_T_OP32, 1, 0}, {TERN_T_ACT, TERN_T_OP32M, 1, 0},
	{TERN_T_ACT, TERN_T_OP16, 1, 0}, {TERN_T_ACT, TERN_T_OP16M, 2, 0},
	{TERN_T_F16, TERN_T_F16, 2, 1},	 {TERN_T_BF16, TERN_T_BF16, 2, 2},
	{TERN_T_F32, TERN_T_F32, 8, 3},
};

static uint64_t tile_bytes(const struct tile *t)
{
	return (uint64_t)(t->stride[3] * t->size[3]);
}

static struct tile matrix_tile(unsigned int type, uint64_t at, int64_t n0, int64_t n1, int64_t n2,
			       int64_t n3)
{
	return packed_tile(type | TERN_TILE_SPM, at, n0, n1, n2, n3);
}

START_TEST(products_cost_their_quanta)
{
	static const unsigned int results[] = {TERN_T_F32, TERN_T_F16, TERN_T_BF16};

	seed(_i);
	for (int done = 0; done < 20; done++) {
		int kind = (int)pick(7);
		bool kn = kind >= 4 && pick(2), out = pick(2);
		int64_t k = kind < 4 ? 32 * (1 + pick(8)) : 1 + pick(100), m = 1 + pick(20);
		int64_t n = 1 + pick(20), b2 = 1 + pick(3), b3 = 1 + pick(2), batches = b2 * b3;
		unsigned int type = results[pick(3)];
		struct tile a = matrix_tile(kinds[kind].a, 0, k, m, b2, b3);
		struct tile b = matrix_tile(kinds[kind].b, 98304, kn ? n : k, kn ? k : n,
					    pick(2) ? b2 : 1, pick(2) ? b3 : 1);
		struct tile c = matrix_tile(type, 196608, n, m, b2, b3);
		uint64_t macs = (uint64_t)(k * m * n * batches);
		double quanta = (double)batches * ceil((double)m / caps()->m0) *
				ceil((double)n / caps()->n0);
		struct cost want = {.latency = K(MATRIX_PIPE)};

		env_begin(&e);
		e.acc = out ? 0 : caps()->acc;
		matrix(&e, kn ? TERN_MATRIX_KN : 0, a, b, out ? c : no_tile());
		env_run(&e);
		want.busy = longer(quanta * kinds[kind].divisor, K(MATRIX_CHAIN)) *
			    ceil((double)k / caps()->k0);
		if (out)
			want.busy =
				longer(want.busy, (double)tile_bytes(&c) / caps()->spm_matrix_out);
		want.busy += K(MATRIX_ISSUE);
		want.steps = 1 + macs / caps()->mac_int8 * (uint64_t)kinds[kind].divisor;
		want.spm_bytes = tile_bytes(&a) + tile_bytes(&b) + (out ? tile_bytes(&c) : 0);
		want.macs[kinds[kind].counter] = macs;
		ck_cost(TERN_Q_MATRIX, &want);
	}
}
END_TEST

/* ---- VECTOR ---------------------------------------------------------------------------- */
/* Tiles 0..3: f32, f16, f32 of another length, ACT. */
enum { NTILES = 4, NLENGTHS = 3 };

struct writer {
	uint64_t prog[TERN_VECTOR_MAX_INSTRS];
	size_t n;
	struct tile t[NTILES];
	/* what a row comes to; how many additions of it wait for each other */
	double cycles, chain;
	uint64_t ops, bytes;
};

static void put(struct writer *w, unsigned int op, unsigned int d, unsigned int a, unsigned int b,
		uint32_t imm)
{
	w->prog[w->n++] = tern_vinstr(op, d, a, b, imm);
}

/* Bytes that one element of a tile is taken to move. */
static const uint64_t element_bytes[NTILES] = {4, 2, 4, 2}; /* ACT: 40 for 32, rounded up */

/* One instruction inside a loop over `length` elements; the tiles it moves once or twice. */
static unsigned int put_inside(struct writer *w, int64_t length, unsigned int tile)
{
	unsigned int op, cost;

	switch (pick(8)) {
	case 0:
		put(w, op = TERN_V_LD, 1, tile, 0, 0);
		break;
	case 1:
		put(w, op = TERN_V_ST, tile, 0, 0, 0);
		break;
	case 2:
		put(w, op = TERN_V_SHIFT, 1, tile, 0, 3);
		break;
	case 3:
		put(w, op = TERN_V_EXP, 1, 0, 0, 0);
		tile = NTILES;
		break;
	case 4:
		put(w, op = TERN_V_FMA, 1, 0, 0, 0);
		tile = NTILES;
		break;
	case 5:
		put(w, op = TERN_V_SCAN, 1, 0, 0, 0);
		w->chain += (double)length;
		tile = NTILES;
		break;
	case 6:
		put(w, op = TERN_V_STQ, tile = 3, 0, 0, 0);
		break;
	default:
		if (tile == 1) { /* keys are f32 */
			put(w, op = TERN_V_LD, 1, tile, 0, 0);
			break;
		}
		put(w, op = TERN_V_CMPX, tile, TERN_NONE, 0, 1 << 8);
		w->bytes += (uint64_t)length * 4; /* read and written */
		break;
	}
	cost = tern_vector_info(op)->cost;
	w->ops += cost * (uint64_t)length;
	w->bytes += tile < NTILES ? (uint64_t)length * element_bytes[tile] : 0;
	return cost;
}

static void put_loop(struct writer *w)
{
	unsigned int over = (unsigned int)pick(NLENGTHS), cost, n = (unsigned int)pick(6);
	int64_t length = w->t[over].size[0];
	bool reduces = pick(2);

	put(w, TERN_V_LANES, 0, 0, 0, over);
	put(w, TERN_V_LD, 0, over, 0, 0);
	cost = tern_vector_info(TERN_V_LD)->cost;
	w->ops += cost * (uint64_t)length;
	w->bytes += (uint64_t)length * element_bytes[over];
	for (unsigned int i = 0; i < n; i++)
		cost += put_inside(w, length, over);
	if (reduces) {
		put(w, TERN_V_RSUM, TERN_V_S0 + 3, 0, 0, 0);
		cost += tern_vector_info(TERN_V_RSUM)->cost;
		w->ops += tern_vector_info(TERN_V_RSUM)->cost * (uint64_t)length;
	}
	put(w, TERN_V_ENDL, 0, 0, 0, 0);
	w->cycles += K(VECTOR_LOOP) + ceil((double)length / caps()->vector_lanes) * cost +
		     (reduces ? K(VECTOR_REDUCE) : 0);
	w->chain += reduces ? ceil((double)length / 16) + 4 : 0;
}

/* Tile 3 is of a type that only STQ may name. */
static void put_quantiser(struct writer *w)
{
	unsigned int cost = tern_vector_info(TERN_V_LD)->cost + tern_vector_info(TERN_V_STQ)->cost;
	int64_t length = w->t[0].size[0];

	put(w, TERN_V_LANES, 0, 0, 0, 0);
	put(w, TERN_V_LD, 0, 0, 0, 0);
	put(w, TERN_V_STQ, 3, 0, 0, 0);
	put(w, TERN_V_ENDL, 0, 0, 0, 0);
	w->ops += cost * (uint64_t)length;
	w->bytes += (uint64_t)length * (element_bytes[0] + element_bytes[3]);
	w->cycles += K(VECTOR_LOOP) + ceil((double)length / caps()->vector_lanes) * cost;
}

/* Outside loops an instruction is a cycle, whatever its cost inside. */
static void put_outside(struct writer *w)
{
	if (pick(2))
		put(w, TERN_V_RCP, TERN_V_S0 + 4, TERN_V_S0 + 5, 0, 0);
	else
		put(w, TERN_V_STS, 2, TERN_V_S0 + 4, 0, 0);
	w->cycles += 1;
	w->ops += 1;
}

static void pick_tiles(struct writer *w, int64_t rows)
{
	int64_t n = 1 + pick(100);

	w->t[0] = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 0, n, rows, 2, 1);
	w->t[1] = packed_tile(TERN_T_F16 | TERN_TILE_SPM, 65536, n, rows, 2, 1);
	w->t[2] = packed_tile(TERN_T_F32 | TERN_TILE_SPM, 131072, 1 + pick(100), rows, 2, 1);
	w->t[3] = packed_tile(TERN_T_ACT | TERN_TILE_SPM, 196608, 128, rows, 2, 1);
}

START_TEST(micro_programs_cost_their_loops)
{
	seed(_i);
	for (int done = 0; done < 10; done++) {
		int64_t rows = 1 + pick(20);
		struct writer w = {.cycles = K(VECTOR_ROW)};
		struct cost want = {.latency = K(VECTOR_PIPE)};
		int parts = (int)pick(5);

		pick_tiles(&w, rows);
		put_quantiser(&w);
		for (int i = 0; i < parts; i++)
			pick(2) ? put_loop(&w) : put_outside(&w);
		put(&w, TERN_V_STOP, 0, 0, 0, 0);
		env_begin(&e);
		for (unsigned int i = 0; i < NTILES; i++)
			set_tile(&e, i, w.t[i]);
		vector(&e, NTILES, w.prog, w.n, NULL);
		env_run(&e);
		rows *= 2;
		want.steps = (uint64_t)((double)rows * w.cycles);
		want.ops = (uint64_t)rows * w.ops;
		want.spm_bytes = (uint64_t)rows * w.bytes;
		want.busy = longer((double)rows * w.cycles, w.cycles + w.chain * K(VECTOR_CHAIN));
		want.busy = K(VECTOR_ISSUE) +
			    longer(want.busy, (double)want.spm_bytes / caps()->spm_vector);
		ck_cost(TERN_Q_VECTOR, &want);
	}
}
END_TEST

/* ---- commands that only wait, and the CP -------------------------------------------------- */
START_TEST(a_size_of_zero_costs_a_cycle)
{
	struct tile empty = matrix_tile(TERN_T_F32, 0, 8, 8, 1, 1);
	struct cost want = {.busy = 1};

	empty.size[1] = 0;
	env_begin(&e);
	load(&e, empty, mem_tile(TERN_T_F32, 0, 8, 8));
	env_run(&e);
	ck_cost(TERN_Q_LOAD0, &want);
}
END_TEST

/* Scalar commands: words, jumps taken, loads; each with what the README says of it. */
START_TEST(the_cp_pays_for_words_jumps_and_loads)
{
	struct tern_counters *n = &e.run.counters;
	double words = 0, jumps = 0, dram, spm;
	size_t top, call;

	env_begin(&e);
	tern_emit_movi(&e.code, 2, 5);
	words += 2;
	top = e.code.n;
	tern_emit_op(&e.code, TERN_OP_NOP);
	tern_emit_loop(&e.code, 2, top); /* five times, four of them taken */
	words += 5 * (1 + 2);
	jumps += 4;
	tern_emit_br(&e.code, TERN_COND_LT, 2, tern_imm(-1), top); /* not taken */
	words += 3;
	call = e.code.n;
	tern_emit_call(&e.code, 0);
	tern_emit_ldr(&e.code, 8, 8, TERN_NONE, (int64_t)DATA_VA, 3); /* 64 bytes */
	tern_emit_ldr(&e.code, 8, 1, TERN_NONE, 64, TERN_LDR_SPM);
	tern_emit_op(&e.code, TERN_OP_YIELD);
	words += 2 + 2 + 2 + 1;
	tern_emit_op(&e.code, TERN_OP_END);
	words += 1;
	tern_code_patch_abs(&e.code, call, e.code.n);
	tern_emit_op(&e.code, TERN_OP_RET);
	words += 1;
	jumps += 2;
	env_link(&e);
	ck_assert_uint_eq(env_start(&e), 0);
	dram = latency_cycles(K(DRAM_READ)) + 64 * 256.0 / caps()->dram_x256;
	spm = K(CP_SPM_READ);
	ck_near("cycles", (double)n->cycles, words * K(CP_WORD) + jumps * K(CP_JUMP) + dram + spm,
		1);
	ck_assert_uint_eq(n->busy[TERN_Q_CP], n->cycles);
	ck_assert_uint_eq(n->steps, (uint64_t)words);
	ck_assert_uint_eq(n->dram_read, 64);
	ck_assert_uint_eq(n->dram_bursts, 1);
	ck_near("energy", (double)n->energy_pj, energy(n, words), 1);
}
END_TEST

/* A fence is 3 words and waits for the queues; its write is posted. STAMP tells the CP's clock. */
START_TEST(fence_and_stamp_cost_their_words)
{
	uint64_t *stamp = env_at(&e, 0);

	env_begin(&e);
	tern_code_cmd(&e.code, TERN_OP_STAMP, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){DATA_VA}, 1);
	load(&e, matrix_tile(TERN_T_F32, 0, 16, 1, 1, 1), mem_tile(TERN_T_F32, 4096, 16, 1));
	tern_code_cmd(&e.code, TERN_OP_FENCE, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){DATA_VA + 16, 7},
		      2);
	tern_code_cmd(&e.code, TERN_OP_STAMP, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){DATA_VA + 8}, 1);
	ck_assert_uint_eq(env_run(&e), 0);
	ck_near("first stamp", (double)stamp[0], 2 * K(CP_WORD), 1);
	ck_assert_uint_eq(stamp[2], 7);
	/* 2 words of STAMP, 24 of TILE, 2 of LOAD; a burst; then 2 words of STAMP. FENCE's own 3
	 * words pass while it waits. */
	ck_near("second stamp", (double)stamp[1],
		28 * K(CP_WORD) + K(CP_DISPATCH) +
			longer(64 * 256.0 / caps()->dram_x256, K(DMA_ISSUE) + 1) +
			latency_cycles(K(DRAM_READ)) + K(DMA_PIPE) + 2 * K(CP_WORD),
		1);
	ck_assert_uint_eq(e.run.counters.dram_written, 0);
}
END_TEST

/* Nobody wants the job to stop, so a YIELD is a word to the CP; the LOAD goes on beside it. */
START_TEST(yield_costs_its_word)
{
	uint64_t *stamp = env_at(&e, 0);

	env_begin(&e);
	load(&e, matrix_tile(TERN_T_F32, 0, 64, 64, 1, 1), mem_tile(TERN_T_F32, 4096, 64, 64));
	tern_emit_op(&e.code, TERN_OP_YIELD);
	tern_code_cmd(&e.code, TERN_OP_STAMP, 0, TERN_NONE, 0, 0, 0, (uint64_t[]){DATA_VA}, 1);
	ck_assert_uint_eq(env_run(&e), 0);
	/* 24 words of TILE, 2 of LOAD, the YIELD, 2 of STAMP */
	ck_near("stamp", (double)stamp[0], 29 * K(CP_WORD) + K(CP_DISPATCH), 1);
	ck_assert_uint_gt(e.run.counters.cycles, 2 * stamp[0]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cost of engines and CP");
	TCase *t = tcase_create("commands");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, products_cost_their_quanta, 0, 40);
	tcase_add_loop_test(t, micro_programs_cost_their_loops, 0, 60);
	tcase_add_test(t, a_size_of_zero_costs_a_cycle);
	tcase_add_test(t, the_cp_pays_for_words_jumps_and_loads);
	tcase_add_test(t, fence_and_stamp_cost_their_words);
	tcase_add_test(t, yield_costs_its_word);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
