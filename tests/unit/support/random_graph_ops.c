// SPDX-License-Identifier: MIT
/* Operators: of elements, movement, selection; and the table of all. */
#include "support/random_graph_ops.h"

#include <string.h>

/* ---- elements -------------------------------------------------------------------------- */

static bool make_glu(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	struct rg_shape s = rg_shape_of(tensor(m, x));
	unsigned int how = rg_take(&m->in, 4);
	uint32_t up = how < 3 ? rg_source(m, &s, RG_FLOAT) : NONE;

	op->i[0] = (int32_t)((TERN_GLU_SWIGLU + rg_take(&m->in, TERN_GLU_COUNT)) % TERN_GLU_COUNT);
	op->i[1] = (int32_t)rg_take(&m->in, 2);
	op->f[0] = 1.5f; /* of those with a limit */
	op->f[1] = 0.75f;
	if (how == 2 && up != NONE) {
		uint32_t swap = up;

		up = x;
		x = swap;
	}
	if (how == 3)
		s.ne[0] /= 2;
	return done(m, op, rg_dest(m, &s, RG_FLOAT, how == 3 ? NONE : x), x, up, NONE);
}

static bool make_map(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	const struct rg_shape s = rg_shape_of(tensor(m, x));

	op->i[0] = op->op == TERN_UNARY ? (int32_t)rg_take(&m->in, TERN_UNARY_COUNT) : 0;
	op->f[2] = 0.5f;
	op->f[3] = -1e-6f;
	op->f[0] = op->op == TERN_CLAMP ? -0.5f : ONE_OF(m, scales);
	op->f[1] = ONE_OF(m, scales);
	return done(m, op, rg_dest(m, &s, RG_FLOAT, x), x, NONE, NONE);
}

static bool make_binary(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	struct rg_shape s = rg_shape_of(tensor(m, x));
	unsigned int how = rg_take(&m->in, 8);
	struct rg_shape y = how < 3    ? s
			    : how < 6  ? row_of(s)
			    : how == 6 ? divided(s, 15)
				       : divided(s, rg_take(&m->in, 256));
	uint32_t other = rg_source(m, &y, RG_FLOAT);
	uint32_t dst;

	op->i[0] = (int32_t)rg_take(&m->in, TERN_BINARY_COUNT);
	dst = rg_dest(m, &s, RG_FLOAT, how == 2 ? other : x);
	if (how == 1)
		return done(m, op, dst, other, x, NONE);
	return done(m, op, dst, x, other, NONE) && other != NONE;
}

/* ---- movement --------------------------------------------------------------------------- */

static bool make_copy(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	struct rg_shape s = rg_shape_of(tensor(m, x)), d;
	unsigned int how = rg_take(&m->in, 12);

	if (how > 8) { /* not what was computed last: any type */
		x = rg_source(m, &s, RG_ANY);
		if (x == NONE)
			return false;
	}
	d = s;
	if (how % 4 == 1 && s.ne[0] % 2 == 0 && !s.sym[0] && !s.sym[1]) {
		d.ne[0] /= 2;
		d.ne[1] *= 2;
	} else if (how % 4 == 2 && !s.sym[0] && !s.sym[1]) {
		d.ne[0] = s.ne[0] * s.ne[1];
		d.ne[1] = 1;
	} else if (how % 4 == 3) {
		d = (struct rg_shape){{s.ne[1], s.ne[0], s.ne[2], s.ne[3]},
				      {s.sym[1], s.sym[0], s.sym[2], s.sym[3]}};
	}
	return done(m, op, rg_dest(m, &d, RG_ANY, x), x, NONE, NONE);
}

static bool make_concat(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	unsigned int dim = rg_take(&m->in, 4), any = rg_take(&m->in, 8) == 7;
	struct rg_shape s = rg_shape_of(tensor(m, x)), t;
	uint32_t other;

	if (any)
		x = rg_source(m, &s, RG_ANY);
	if (x == NONE)
		return false;
	t = s;
	t.ne[dim] = rg_take(&m->in, 4) ? 1 + rg_take(&m->in, 70) : s.ne[dim];
	t.sym[dim] = 0;
	op->i[0] = (int32_t)dim;
	other = rg_source(m, &t, any ? RG_ANY : RG_FLOAT);
	s.ne[dim] += t.ne[dim];
	return other != NONE &&
	       done(m, op, rg_dest_typed(m, &s, tensor(m, x)->type), x, other, NONE);
}

static bool make_repeat(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	struct rg_shape s = rg_shape_of(tensor(m, x));

	for (int d = 0; d < 4; d++)
		if (!s.sym[d])
			s.ne[d] *= 1 + rg_take(&m->in, 8) % 4;
	return done(m, op, rg_dest_typed(m, &s, tensor(m, x)->type), x, NONE, NONE);
}

/* ---- selection --------------------------------------------------------------------------- */

static bool make_reduce(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	struct rg_shape s = divided(rg_shape_of(tensor(m, x)), 1);

	return done(m, op, rg_dest(m, &s, RG_FLOAT, NONE), x, NONE, NONE);
}

static bool make_argmax(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	const struct rg_shape s = rg_shape_of(tensor(m, x));
	struct rg_shape d = {{s.ne[1], s.ne[2], s.ne[3], 1}, {s.sym[1], s.sym[2], s.sym[3], 0}};

	return done(m, op, rg_dest_typed(m, &d, TERN_I32), x, NONE, NONE);
}

static bool make_sort(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	struct rg_shape s = rg_shape_of(tensor(m, x));

	op->i[0] = op->op == TERN_ARGSORT ? (int32_t)rg_take(&m->in, 2) : 0;
	if (op->op == TERN_TOP_K && !s.sym[0])
		s.ne[0] = 1 + rg_take(&m->in, 20) % s.ne[0];
	return done(m, op, rg_dest_typed(m, &s, TERN_I32), x, NONE, NONE);
}

/* ---- all of them -------------------------------------------------------------------------- */

/* Each kind once, then what compilers fuse, more often. */
static const struct {
	enum tern_opcode op;
	make_fn make;
} kinds[] = {
	{TERN_BINARY, make_binary},	  {TERN_GET_ROWS, make_get_rows},
	{TERN_SET_ROWS, make_set_rows},	  {TERN_RMS_NORM, make_norm},
	{TERN_NORM, make_norm},		  {TERN_L2_NORM, make_norm},
	{TERN_ROPE, make_rope},		  {TERN_SOFT_MAX, make_soft_max},
	{TERN_ATTENTION, make_attention}, {TERN_GLU, make_glu},
	{TERN_UNARY, make_map},		  {TERN_MATMUL, make_matmul},
	{TERN_SCALE, make_map},		  {TERN_CLAMP, make_map},
	{TERN_COPY, make_copy},		  {TERN_CONCAT, make_concat},
	{TERN_REPEAT, make_repeat},	  {TERN_SUM_ROWS, make_reduce},
	{TERN_MEAN, make_reduce},	  {TERN_ARGMAX, make_argmax},
	{TERN_TOP_K, make_sort},	  {TERN_ARGSORT, make_sort},
	{TERN_MATMUL_ID, make_matmul_id}, {TERN_MATMUL, make_matmul},
	{TERN_BINARY, make_binary},	  {TERN_ADD_ID, make_add_id},
	{TERN_RMS_NORM, make_norm},	  {TERN_GLU, make_glu},
	{TERN_ROPE, make_rope},		  {TERN_SET_ROWS, make_set_rows},
	{TERN_ATTENTION, make_attention}, {TERN_MATMUL, make_matmul},
};

void rg_operator(struct rg_maker *m)
{
	struct tern_graph_desc *desc = &m->g->desc;
	unsigned int kind = rg_take(&m->in, sizeof(kinds) / sizeof(kinds[0]));
	struct tern_op_desc op = {.op = kinds[kind].op, .dst = NONE};
	uint32_t x;

	memset(op.src, 0xff, sizeof(op.src));
	x = rg_pick(m);
	if (x == NONE || !kinds[kind].make(m, &op, x))
		return;
	m->g->ops[desc->nops++] = op;
}
