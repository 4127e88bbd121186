// SPDX-License-Identifier: MIT
/* SUM_ROWS, MEAN, ARGMAX, TOP_K, ARGSORT: what a row is reduced or sorted to. */
#include <errno.h>
#include <math.h>

#include "compiler/lowerings.h"

/* A step that reads no input any more: outputs from the state. */
static void add_tail(struct row_kernel *k,
		     void (*body)(struct vprog *, const struct row_kernel *, bool))
{
	struct row_step *s = row_step(k, body);

	s->tail = true;
	s->ins = 0;
}

static void add_fold(struct row_kernel *k,
		     void (*body)(struct vprog *, const struct row_kernel *, bool))
{
	row_step(k, body)->outs = 0;
}

/* ---- SUM_ROWS, MEAN ----------------------------------------------------------------- */
enum { S_SUM = ROW_S_STATE, S_PART = ROW_S_FREE, S_N };

static void sum_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)k;
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	vp(p, TERN_V_RSUM, vS(S_PART), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_ADD, vS(S_SUM), vS(S_SUM), vS(S_PART), 0);
}

static void sum_tail(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	if (k->op->op == TERN_MEAN) {
		row_length(p, k, S_N);
		vp(p, TERN_V_DIV, vS(S_SUM), vS(S_SUM), vS(S_N), 0);
	}
	vp(p, TERN_V_STS, row_tile_out(k, 0), vS(S_SUM), 0, 0);
}

static int reduce_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			 struct row_kernel *k)
{
	row_init(k, op, &ts[op->src[0]]);
	k->rows = true;
	row_in(k, &ts[op->src[0]], op->src[0]);
	row_out(k, &ts[op->dst], op->dst);
	add_fold(k, sum_body);
	add_tail(k, sum_tail);
	k->nstate = 1;
	row_finish(k);
	return 0;
}

ROW_OPERATOR(reduce)

/* ---- ARGMAX ------------------------------------------------------------------------- */
enum { S_BEST = ROW_S_STATE, S_AT, S_MAX = ROW_S_FREE, S_HERE, S_BETTER };

static void argmax_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)k;
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	vp(p, TERN_V_RMAX, vS(S_MAX), 0, 0, 0);
	vp(p, TERN_V_RAMAX, vS(S_HERE), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_IADD, vS(S_HERE), vS(S_HERE), vS(ROW_S_FIRST), 0);
	vp(p, TERN_V_LT, vS(S_BETTER), vS(S_BEST), vS(S_MAX), 0);
	vp(p, TERN_V_SEL, vS(S_AT), vS(S_BETTER), vS(S_HERE), vS(S_AT));
	vp(p, TERN_V_MAX, vS(S_BEST), vS(S_BEST), vS(S_MAX), 0);
}

static void argmax_tail(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	vp(p, TERN_V_STS, row_tile_out(k, 0), vS(S_AT), 0, 0);
}

static int argmax_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			 struct row_kernel *k)
{
	struct tern_tensor_desc shape = ts[op->dst]; /* [1, rows...] */

	shape.ne[0] = 1;
	shape.ne_sym[0] = 0;
	for (int d = 1; d < 4; d++) {
		shape.ne[d] = ts[op->dst].ne[d - 1];
		shape.ne_sym[d] = ts[op->dst].ne_sym[d - 1];
		shape.nb[d] = ts[op->dst].nb[d - 1];
	}
	row_init(k, op, &ts[op->src[0]]);
	k->rows = true;
	row_in(k, &ts[op->src[0]], op->src[0]);
	k->buf[row_out(k, &shape, op->dst)].t = &ts[op->dst];
	add_fold(k, argmax_body);
	add_tail(k, argmax_tail);
	k->nstate = 2;
	k->state[0] = -INFINITY;
	row_finish(k);
	return 0;
}

ROW_OPERATOR(argmax)

/* ---- TOP_K: k times the largest that comes after the last --------------------------- */
/*
 * The order is (value descending, index ascending). State: value and index of the last one found,
 * and of the best after it so far; indices as f32, exact below 2^24. A NaN is never found.
 */
enum { TOP_K_PASSES = 64, TOP_K_MAX_ROW = 1 << 24 };
enum { S_LAST = ROW_S_STATE, S_LAST_AT, S_NEXT, S_NEXT_AT };
enum { S_NAN = ROW_S_FREE, S_INF, S_FIRST, S_TOP, S_TOP_AT, S_TAKE };

/* V0 = value, or NaN if it is not after the last one; V1 = index; V2 = mask of those after it. */
static void candidates(struct vprog *p)
{
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	vp(p, TERN_V_LANE, 1, 0, 0, 0);
	vp(p, TERN_V_I2F, 1, 1, 0, 0);
	vp(p, TERN_V_ADD, 1, 1, vS(S_FIRST), 0);
	vp(p, TERN_V_EQ, 2, 0, vS(S_LAST), 0);
	vp(p, TERN_V_LT, 3, vS(S_LAST_AT), 1, 0);
	vp(p, TERN_V_AND, 2, 2, 3, 0);
	vp(p, TERN_V_LT, 3, 0, vS(S_LAST), 0);
	vp(p, TERN_V_OR, 2, 2, 3, 0);
	vp(p, TERN_V_SEL, 0, 2, 0, vS(S_NAN));
}

static void next_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)k;
	(void)resident;
	vp(p, TERN_V_MOV, vS(S_NAN), V_IMM, 0, f32_bits(NAN));
	vp(p, TERN_V_MOV, vS(S_INF), V_IMM, 0, f32_bits(INFINITY));
	vp(p, TERN_V_I2F, vS(S_FIRST), vS(ROW_S_FIRST), 0, 0);
	candidates(p);
	vp(p, TERN_V_RMAX, vS(S_TOP), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	candidates(p);
	vp(p, TERN_V_EQ, 3, 0, vS(S_TOP), 0);
	vp(p, TERN_V_SEL, 4, 3, 1, vS(S_INF));
	vp(p, TERN_V_RMIN, vS(S_TOP_AT), 4, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	/* take it if it is larger, or the first at all */
	vp(p, TERN_V_LT, vS(S_TAKE), vS(S_NEXT), vS(S_TOP), 0);
	vp(p, TERN_V_EQ, vS(S_FIRST), vS(S_NEXT_AT), vS(S_INF), 0);
	vp(p, TERN_V_OR, vS(S_TAKE), vS(S_TAKE), vS(S_FIRST), 0);
	vp(p, TERN_V_SEL, vS(S_NEXT), vS(S_TAKE), vS(S_TOP), vS(S_NEXT));
	vp(p, TERN_V_SEL, vS(S_NEXT_AT), vS(S_TAKE), vS(S_TOP_AT), vS(S_NEXT_AT));
}

static void next_tail(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	/* where all that is left is NaN: an index of the row rather than none */
	row_length(p, k, S_TOP);
	vp(p, TERN_V_ADD, vS(S_TOP), vS(S_TOP), V_IMM, f32_bits(-1.0f));
	vp(p, TERN_V_MIN, vS(S_TOP), vS(S_NEXT_AT), vS(S_TOP), 0);
	vp(p, TERN_V_F2I, vS(S_TOP), vS(S_TOP), 0, 0);
	vp(p, TERN_V_STS, row_tile_out(k, 0), vS(S_TOP), 0, 0);
	vp(p, TERN_V_MOV, vS(S_LAST), vS(S_NEXT), 0, 0);
	vp(p, TERN_V_MOV, vS(S_LAST_AT), vS(S_NEXT_AT), 0, 0);
	vp(p, TERN_V_MOV, vS(S_NEXT), V_IMM, 0, f32_bits(-INFINITY));
	vp(p, TERN_V_MOV, vS(S_NEXT_AT), V_IMM, 0, f32_bits(INFINITY));
}

static void passes_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			  struct row_kernel *k)
{
	row_init(k, op, &ts[op->src[0]]);
	k->rows = true;
	row_in(k, &ts[op->src[0]], op->src[0]);
	row_own_length(k, row_out(k, &ts[op->dst], op->dst), ts[op->dst].ne[0]);
	add_fold(k, next_body);
	add_tail(k, next_tail);
	k->repeat = (uint32_t)ts[op->dst].ne[0];
	k->nstate = 4;
	k->state[0] = INFINITY;
	k->state[1] = -1.0f;
	k->state[2] = -INFINITY;
	k->state[3] = INFINITY;
	row_finish(k);
}

/* ---- ARGSORT, and TOP_K with a large k: a bitonic network --------------------------- */
/* Steps of CMPX in one micro-program: each is a loop of its own. */
enum { SORT_STEPS = 80, SORT_PROGRAMS = 3, SORT_MAX_LOG2 = 20 };

static bool descending(const struct row_kernel *k)
{
	return k->op->op == TERN_TOP_K || k->op->i[0] == 1;
}

static int log2_of(int64_t n)
{
	int log2 = 0;

	while (log2 < 62 && 1ll << log2 < n)
		log2++;
	return log2;
}

/*
 * Tiles: keys, x, payload, then what pads keys and payload to a power of two. Padding is
 * infinite and must stay behind the row, so infinite keys become the largest finite ones.
 */
static void sort_begin_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	float end = descending(k) ? -INFINITY : INFINITY,
	      limit = descending(k) ? -3.402823466e38f : 3.402823466e38f;

	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 1);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, descending(k) ? TERN_V_MAX : TERN_V_MIN, 0, 0, V_IMM, f32_bits(limit));
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	vp(p, TERN_V_LANE, 1, 0, 0, 0);
	vp(p, TERN_V_ST, 2, 1, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	if (k->step[0].ntiles < 4)
		return;
	vp(p, TERN_V_LANES, 0, 0, 0, 3);
	vp(p, TERN_V_ST, 3, V_IMM, 0, f32_bits(end));
	vp(p, TERN_V_LANE, 0, 0, 0, 0);
	vp(p, TERN_V_ST, 4, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* Steps first .. first + SORT_STEPS of the network on tiles: keys, payload. */
static void sort_steps(struct vprog *p, const struct row_kernel *k, int first)
{
	int log2 = log2_of(k->dim[0].max), step = 0;

	for (int block = 1; block <= log2; block++) {
		for (int j = block - 1; j >= 0; j--, step++) {
			if (step < first || step >= first + SORT_STEPS)
				continue;
			vp(p, TERN_V_LANES, 0, 0, 0, 0);
			vp(p, TERN_V_CMPX, 0, 1, 0,
			   (uint32_t)(j | block << 8 | (descending(k) ? 0 : 1 << 16)));
			vp(p, TERN_V_ENDL, 0, 0, 0, 0);
		}
	}
}

static void sort_body_0(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	sort_steps(p, k, 0);
}

static void sort_body_1(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	sort_steps(p, k, SORT_STEPS);
}

static void sort_body_2(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	sort_steps(p, k, 2 * SORT_STEPS);
}

/* Tiles: result, payload. */
static void sort_end_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)k;
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

enum { BUF_X, BUF_OUT, BUF_KEYS, BUF_PAYLOAD };

static void add_sort_steps(struct row_kernel *k, int64_t n, int log2)
{
	static void (*const bodies[SORT_PROGRAMS])(struct vprog *, const struct row_kernel *,
						   bool) = {sort_body_0, sort_body_1, sort_body_2};
	int32_t first = (int32_t)n, pad = (int32_t)((1ll << log2) - n);
	struct row_step *s = row_step(k, sort_begin_body);

	s->tile[0].buf = BUF_KEYS;
	s->tile[1].buf = BUF_X;
	s->tile[2].buf = BUF_PAYLOAD;
	s->tile[3] = (struct row_tile){.buf = BUF_KEYS, .first = first, .n = pad};
	s->tile[4] = (struct row_tile){.buf = BUF_PAYLOAD, .first = first, .n = pad};
	s->ntiles = pad ? 5 : 3;
	for (int i = 0; i * SORT_STEPS < log2 * (log2 + 1) / 2; i++) {
		s = row_step(k, bodies[i]);
		s->tile[0].buf = BUF_KEYS;
		s->tile[1].buf = BUF_PAYLOAD;
		s->ntiles = 2;
	}
	s = row_step(k, sort_end_body);
	s->tile[0].buf = BUF_OUT;
	s->tile[1].buf = BUF_PAYLOAD;
	s->ntiles = 2;
}

static int argsort_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			  struct row_kernel *k)
{
	const struct tern_tensor_desc *x = &ts[op->src[0]], *d = &ts[op->dst];
	int log2 = log2_of(x->ne[0]);

	if (x->ne_sym[0] || log2 > SORT_MAX_LOG2)
		return tern_fail(-EOPNOTSUPP,
				 "%s: rows to sort must have a fixed length of at most %d",
				 tern_op_name(op->op), 1 << SORT_MAX_LOG2);
	if (!row_sizes_ok(x))
		return row_bad_sizes(op);
	row_init(k, op, x);
	k->rows = true;
	k->whole = 1;
	row_in(k, x, op->src[0]);
	row_own_length(k, row_out(k, d, op->dst), d->ne[0]);
	row_tmp(k, 1ll << log2, 0xe, TERN_T_F32);
	row_tmp(k, 1ll << log2, 0xe, TERN_T_I32);
	add_sort_steps(k, x->ne[0], log2);
	row_finish(k);
	return 0;
}

ROW_OPERATOR(argsort)

static int top_k_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			struct row_kernel *k)
{
	if (ts[op->dst].ne[0] > TOP_K_PASSES)
		return argsort_kernel(op, ts, k);
	if (ts[op->src[0]].ne[0] > TOP_K_MAX_ROW)
		return tern_fail(-EOPNOTSUPP, "TOP_K: rows of more than %d elements",
				 TOP_K_MAX_ROW);
	passes_kernel(op, ts, k);
	return 0;
}

ROW_OPERATOR(top_k)
