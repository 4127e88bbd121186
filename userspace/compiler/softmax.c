// SPDX-License-Identifier: MIT
/* SOFT_MAX: scale, mask, ALiBi slopes, sinks. */
#include <errno.h>
#include <math.h>

#include "compiler/alibi.h"
#include "compiler/lowerings.h"

/* S registers. State: maximum, sum of exponentials. */
enum {
	S_MAX = ROW_S_STATE,
	S_SUM,
	S_SLOPE = ROW_S_FREE,
	S_SINK,
	S_TOP, /* the maximum, sink included */
	S_PART,
	S_INV,
};

/* Tiles: x, then those of mask, slope and sink that are there. */
struct parts {
	bool mask, slope, sink;
};

static struct parts parts_of(const struct tern_op_desc *op)
{
	return (struct parts){
		.mask = op->src[1] != TERN_NO_TENSOR,
		.slope = op->f[1] > 0.0f,
		.sink = op->src[2] != TERN_NO_TENSOR,
	};
}

/* ---- steps -------------------------------------------------------------------------- */
static void row_constants(struct vprog *p, const struct row_kernel *k)
{
	struct parts t = parts_of(k->op);
	unsigned int slope = 1u + t.mask, sink = slope + t.slope;

	if (t.slope)
		vp(p, TERN_V_LDS, vS(S_SLOPE), slope, 0, 0);
	if (!t.sink) {
		vp(p, TERN_V_MOV, vS(S_TOP), vS(S_MAX), 0, 0);
		return;
	}
	vp(p, TERN_V_LDS, vS(S_SINK), sink, 0, 0);
	vp(p, TERN_V_MAX, vS(S_TOP), vS(S_MAX), vS(S_SINK), 0);
}

/* The loop up to V0 = scale * x + slope * mask. */
static void begin(struct vprog *p, const struct row_kernel *k)
{
	struct parts t = parts_of(k->op);

	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	if (k->op->f[0] != 1.0f)
		vp(p, TERN_V_MUL, 0, 0, V_IMM, f32_bits(k->op->f[0]));
	if (!t.mask)
		return;
	vp(p, TERN_V_LD, 1, 1, 0, 0);
	if (t.slope)
		vp(p, TERN_V_MUL, 1, 1, vS(S_SLOPE), 0);
	vp(p, TERN_V_ADD, 0, 0, 1, 0);
}

static void begin_exp(struct vprog *p, const struct row_kernel *k)
{
	begin(p, k);
	vp(p, TERN_V_SUB, 0, 0, vS(S_TOP), 0);
	vp(p, TERN_V_EXP, 0, 0, 0, 0);
}

static void max_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	row_constants(p, k);
	begin(p, k);
	vp(p, TERN_V_RMAX, vS(S_PART), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_MAX, vS(S_MAX), vS(S_MAX), vS(S_PART), 0);
}

/* Exponentials of a row that stays are kept where the result will be. */
static void sum_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	row_constants(p, k);
	begin_exp(p, k);
	vp(p, TERN_V_RSUM, vS(S_PART), 0, 0, 0);
	if (resident)
		vp(p, TERN_V_ST, row_tile_out(k, 0), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	vp(p, TERN_V_ADD, vS(S_SUM), vS(S_SUM), vS(S_PART), 0);
}

static void divide_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	row_constants(p, k);
	vp(p, TERN_V_MOV, vS(S_INV), vS(S_SUM), 0, 0);
	if (parts_of(k->op).sink) {
		vp(p, TERN_V_SUB, vS(S_PART), vS(S_SINK), vS(S_TOP), 0);
		vp(p, TERN_V_EXP, vS(S_PART), vS(S_PART), 0, 0);
		vp(p, TERN_V_ADD, vS(S_INV), vS(S_INV), vS(S_PART), 0);
	}
	vp(p, TERN_V_RCP, vS(S_INV), vS(S_INV), 0, 0);
	if (resident) {
		vp(p, TERN_V_LANES, 0, 0, 0, 0);
		vp(p, TERN_V_LD, 0, row_tile_out(k, 0), 0, 0);
	} else {
		begin_exp(p, k);
	}
	vp(p, TERN_V_MUL, 0, 0, vS(S_INV), 0);
	vp(p, TERN_V_ST, row_tile_out(k, 0), 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* ---- the kernel --------------------------------------------------------------------- */
/* Operand b holds a value per head, dimension 2. */
static void per_head(struct row_kernel *k, unsigned int b, int64_t nb)
{
	for (unsigned int d = 0; d < k->ndims; d++) {
		k->buf[b].d[d].on = k->from[d] == 2 && k->dim[d].max > 1;
		k->buf[b].d[d].nb = k->buf[b].d[d].on ? nb * k->unit[d] : 0;
	}
}

static int describe(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
		    const float *slopes, struct row_kernel *k)
{
	const struct tern_tensor_desc *x = &ts[op->src[0]];
	struct parts t = parts_of(op);
	struct row_step *s;
	int err = 0;

	row_init(k, op, x);
	k->rows = true;
	if (t.slope && (x->ne_sym[2] || x->ne[2] > ALIBI_MAX_HEADS))
		return tern_fail(-EOPNOTSUPP,
				 "SOFT_MAX: ALiBi with more than %d heads, or an "
				 "unknown number of them",
				 ALIBI_MAX_HEADS);
	if (t.mask) {
		struct tern_tensor_desc shape = ts[op->src[1]];

		/* it may have more rows than x */
		shape.ne[1] = x->ne[1];
		shape.ne_sym[1] = x->ne_sym[1];
		err = row_repeat(k, &shape);
	}
	if (err)
		return err;
	row_in(k, x, op->src[0]);
	if (t.mask)
		row_in(k, &ts[op->src[1]], op->src[1]);
	if (t.slope)
		per_head(k, row_table(k, slopes, (size_t)x->ne[2] * sizeof(float)), sizeof(float));
	if (t.sink)
		per_head(k, row_in(k, &ts[op->src[2]], op->src[2]), (int64_t)ts[op->src[2]].nb[0]);
	row_out(k, &ts[op->dst], op->dst);
	s = row_step(k, max_body);
	s->outs = 0;
	s = row_step(k, sum_body);
	s->outs = 0;
	row_step(k, divide_body);
	k->nstate = 2;
	k->state[0] = -INFINITY;
	row_finish(k);
	return 0;
}

int soft_max_solve(const struct tern_target *t, const struct tern_op_desc *op,
		   const struct tern_tensor_desc *tensors)
{
	struct row_kernel k;
	int err = describe(op, tensors, NULL, &k);

	return err ? err : row_solve(t, &k, 1);
}

void soft_max_lower(struct tern_lower *l, uint32_t op)
{
	const struct tern_op_desc *o = &l->g->ops[op];
	float slopes[ALIBI_MAX_HEADS] = {0};
	struct row_kernel k;

	if (describe(o, l->g->tensors, slopes, &k)) {
		l->err = l->err ? l->err : -EOPNOTSUPP;
		return;
	}
	if (o->f[1] > 0.0f)
		alibi_slopes(slopes, l->g->tensors[o->src[0]].ne[2], o->f[1]);
	row_lower(l, op, &k, 1);
}
