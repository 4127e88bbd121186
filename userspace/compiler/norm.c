// SPDX-License-Identifier: MIT
/* RMS_NORM, NORM, L2_NORM, and a residual addition in front of one. */
#include <errno.h>

#include "compiler/lowerings.h"
#include "compiler/norm.h"

/* S registers. State: the sum (of squares but for NORM), the sum of squared differences. */
enum {
	S_SUM = ROW_S_STATE,
	S_SPREAD,
	S_PART = ROW_S_FREE, /* of this chunk */
	S_N,
	S_MEAN,
	S_INV,
};

/* ---- steps -------------------------------------------------------------------------- */
void norm_sum(struct vprog *p, const struct tern_op_desc *op, unsigned int x)
{
	vp(p, TERN_V_LANES, 0, 0, 0, x);
	vp(p, TERN_V_LD, 0, x, 0, 0);
	if (op->op != TERN_NORM)
		vp(p, TERN_V_MUL, 0, 0, 0, 0);
	vp(p, TERN_V_RSUM, vS(S_PART), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_ADD, vS(S_SUM), vS(S_SUM), vS(S_PART), 0);
}

static void set_mean(struct vprog *p, const struct row_kernel *k)
{
	row_length(p, k, S_N);
	vp(p, TERN_V_DIV, vS(S_MEAN), vS(S_SUM), vS(S_N), 0);
}

void norm_spread(struct vprog *p, const struct row_kernel *k, unsigned int x)
{
	set_mean(p, k);
	vp(p, TERN_V_LANES, 0, 0, 0, x);
	vp(p, TERN_V_LD, 0, x, 0, 0);
	vp(p, TERN_V_SUB, 0, 0, vS(S_MEAN), 0);
	vp(p, TERN_V_MUL, 0, 0, 0, 0);
	vp(p, TERN_V_RSUM, vS(S_PART), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_ADD, vS(S_SPREAD), vS(S_SPREAD), vS(S_PART), 0);
}

/* S_INV = what a row is multiplied by. */
static void set_inverse(struct vprog *p, const struct row_kernel *k, const struct tern_op_desc *op)
{
	if (op->op == TERN_L2_NORM) {
		vp(p, TERN_V_SQRT, vS(S_INV), vS(S_SUM), 0, 0);
		vp(p, TERN_V_MAX, vS(S_INV), vS(S_INV), V_IMM, f32_bits(op->f[0]));
		vp(p, TERN_V_RCP, vS(S_INV), vS(S_INV), 0, 0);
		return;
	}
	if (op->op == TERN_NORM)
		set_mean(p, k);
	else
		row_length(p, k, S_N);
	vp(p, TERN_V_DIV, vS(S_INV), vS(op->op == TERN_NORM ? S_SPREAD : S_SUM), vS(S_N), 0);
	vp(p, TERN_V_ADD, vS(S_INV), vS(S_INV), V_IMM, f32_bits(op->f[0]));
	vp(p, TERN_V_RSQRT, vS(S_INV), vS(S_INV), 0, 0);
}

void norm_apply(struct vprog *p, const struct row_kernel *k, const struct tern_op_desc *op,
		const struct norm_tiles *t)
{
	set_inverse(p, k, op);
	vp(p, TERN_V_LANES, 0, 0, 0, t->x);
	vp(p, TERN_V_LD, 0, t->x, 0, 0);
	if (op->op == TERN_NORM)
		vp(p, TERN_V_SUB, 0, 0, vS(S_MEAN), 0);
	vp(p, TERN_V_MUL, 0, 0, vS(S_INV), 0);
	if (t->scale != TERN_NONE) {
		vp(p, TERN_V_LD, 1, t->scale, 0, 0);
		vp(p, TERN_V_MUL, 0, 0, 1, 0);
	}
	if (t->bias != TERN_NONE) {
		vp(p, TERN_V_LD, 1, t->bias, 0, 0);
		vp(p, TERN_V_ADD, 0, 0, 1, 0);
	}
	vp(p, t->quantise ? TERN_V_STQ : TERN_V_ST, t->y, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* ---- alone -------------------------------------------------------------------------- */
static void sum_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	norm_sum(p, k->op, 0);
}

static void spread_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	norm_spread(p, k, 0);
}

/* Tiles of scale and bias, where they are, from @next on. */
static void apply(struct vprog *p, const struct row_kernel *k, unsigned int x, unsigned int next)
{
	bool scale = k->op->src[1] != TERN_NO_TENSOR && k->op->op != TERN_L2_NORM;
	bool bias = k->op->src[2] != TERN_NO_TENSOR && k->op->op == TERN_NORM;
	const struct norm_tiles t = {
		.x = (uint8_t)x,
		.y = (uint8_t)row_tile_out(k, 0),
		.scale = (uint8_t)(scale ? next : TERN_NONE),
		.bias = (uint8_t)(bias ? next + scale : TERN_NONE),
	};

	norm_apply(p, k, k->op, &t);
}

/* Inputs: x, then scale and bias. */
static void apply_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	apply(p, k, 0, 1);
}

static void add_sums(struct row_kernel *k,
		     void (*sum)(struct vprog *, const struct row_kernel *, bool))
{
	struct row_step *s = row_step(k, sum);

	s->ins = 1;
	s->outs = 0;
	k->nstate = 1;
	if (k->op->op != TERN_NORM)
		return;
	s = row_step(k, spread_body);
	s->ins = 1;
	s->outs = 0;
	k->nstate = 2;
}

static int norm_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
		       struct row_kernel *k)
{
	row_init(k, op, &ts[op->src[0]]);
	k->rows = true;
	for (int i = 1; i <= 2; i++) {
		int err = op->src[i] == TERN_NO_TENSOR ? 0 : row_repeat(k, &ts[op->src[i]]);

		if (err)
			return err;
	}
	if (k->from[1] == 0)
		return tern_fail(-EOPNOTSUPP,
				 "%s: scale and bias must be as long as the rows, or 1",
				 tern_op_name(op->op));
	for (int i = 0; i <= 2; i++)
		if (op->src[i] != TERN_NO_TENSOR)
			row_in(k, &ts[op->src[i]], op->src[i]);
	row_out(k, &ts[op->dst], op->dst);
	add_sums(k, sum_body);
	row_step(k, apply_body);
	row_finish(k);
	return 0;
}

ROW_OPERATOR(norm)

/* ---- behind an addition ------------------------------------------------------------- */
/* Inputs: a, b, then scale and bias; outputs: the norm, then the sum, which the norm's steps
 * read again; if nobody else wants it it is a temporary. Rows must fit. */
static unsigned int sum_tile(const struct row_kernel *k)
{
	return k->nin + 1u;
}

static void add_sum_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 1, 1, 0, 0);
	vp(p, TERN_V_ADD, 0, 0, 1, 0);
	vp(p, TERN_V_ST, sum_tile(k), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	norm_sum(p, k->op, sum_tile(k));
}

static void add_spread_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	norm_spread(p, k, sum_tile(k));
}

static void add_apply_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	apply(p, k, sum_tile(k), 2);
}

static int add_norm_kernel(const struct tern_graph *g, uint32_t add, uint32_t norm, bool keep,
			   struct row_kernel *k)
{
	const struct tern_op_desc *a = &g->ops[add], *n = &g->ops[norm];
	const struct tern_tensor_desc *ts = g->tensors;
	int err = 0;

	if (n->src[0] != a->dst || ts[a->dst].type != TERN_F32)
		return tern_fail(-EOPNOTSUPP, "the norm does not read an F32 sum");
	row_init(k, n, &ts[a->dst]);
	k->rows = true;
	k->whole = 1;
	err = row_repeat(k, &ts[a->src[1]]);
	for (int i = 1; i <= 2 && !err; i++)
		err = n->src[i] == TERN_NO_TENSOR ? 0 : row_repeat(k, &ts[n->src[i]]);
	if (err || k->from[1] == 0)
		return err ? err : tern_fail(-EOPNOTSUPP, "a source repeats within the row");
	row_in(k, &ts[a->src[0]], a->src[0]);
	row_in(k, &ts[a->src[1]], a->src[1]);
	for (int i = 1; i <= 2; i++)
		if (n->src[i] != TERN_NO_TENSOR)
			row_in(k, &ts[n->src[i]], n->src[i]);
	row_out(k, &ts[n->dst], n->dst);
	if (keep)
		row_out(k, &ts[a->dst], a->dst);
	else
		row_tmp(k, 0, 0xf, TERN_T_F32);
	row_step(k, add_sum_body);
	if (n->op == TERN_NORM)
		row_step(k, add_spread_body);
	row_step(k, add_apply_body);
	k->nstate = n->op == TERN_NORM ? 2 : 1;
	row_finish(k);
	return 0;
}

/* The norm may not be written where a later row of the sum's sources is read, nor the two
 * results into each other. */
static bool add_norm_safe(const struct tern_graph *g, uint32_t add, uint32_t norm, bool keep)
{
	const struct tern_op_desc *a = &g->ops[add];
	const struct tern_tensor_desc *d = &g->tensors[g->ops[norm].dst];

	return !tern_tensor_overlap(d, &g->tensors[a->src[0]]) &&
	       !tern_tensor_overlap(d, &g->tensors[a->src[1]]) &&
	       (!keep || !tern_tensor_overlap(d, &g->tensors[a->dst]));
}

int add_norm_solve(const struct tern_target *target, const struct tern_graph *g, uint32_t add,
		   uint32_t norm, bool keep)
{
	struct row_kernel k;
	int err = add_norm_kernel(g, add, norm, keep, &k);

	if (!err && !add_norm_safe(g, add, norm, keep))
		err = tern_fail(-EOPNOTSUPP, "the norm overwrites what the sum reads");
	return err ? err : row_solve(target, &k, 1);
}

void add_norm_lower(struct tern_lower *l, uint32_t add, uint32_t norm, bool keep)
{
	struct row_kernel k;

	if (add_norm_kernel(l->g, add, norm, keep, &k))
		l->err = l->err ? l->err : -EOPNOTSUPP;
	else
		row_lower(l, norm, &k, 1);
}
