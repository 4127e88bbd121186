// SPDX-License-Identifier: MIT
/* SUM_ROWS, MEAN, ARGMAX, TOP_K: what a row is reduced to. */
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

int top_k_solve(const struct tern_target *t, const struct tern_op_desc *op,
		const struct tern_tensor_desc *tensors)
{
	struct row_kernel k;

	if (tensors[op->dst].ne[0] > TOP_K_PASSES)
		return argsort_solve(t, op, tensors);
	if (tensors[op->src[0]].ne[0] > TOP_K_MAX_ROW)
		return tern_fail(-EOPNOTSUPP, "TOP_K: rows of more than %d elements",
				 TOP_K_MAX_ROW);
	passes_kernel(op, tensors, &k);
	return row_solve(t, &k, 1);
}

void top_k_lower(struct tern_lower *l, uint32_t op)
{
	struct row_kernel k;

	if (l->g->tensors[l->g->ops[op].dst].ne[0] > TOP_K_PASSES) {
		argsort_lower(l, op);
		return;
	}
	passes_kernel(&l->g->ops[op], l->g->tensors, &k);
	row_lower(l, op, &k, 1);
}
