// SPDX-License-Identifier: MIT
/* Operators: each picks what it works on and makes the rest fit its rules. */
#include "support/random_graph.h"

#include <string.h>

enum { MAX_WORK = 600000 }; /* multiplications of one operator */

static const float scales[] = {1.0f, 0.5f, 2.0f, 0.125f, -1.0f, 0.0f, 1e-3f, 8.0f};
static const float epsilons[] = {1e-5f, 1e-6f, 0.0f, 0.1f};

static float one_of(struct rg_maker *m, const float *list, unsigned int n)
{
	return list[rg_take(&m->in, n)];
}
#define ONE_OF(m, list) one_of(m, list, sizeof(list) / sizeof((list)[0]))

static const struct tern_tensor_desc *tensor(const struct rg_maker *m, uint32_t t)
{
	return &m->g->tensors[t];
}

/* Sizes of a source that repeats to s: per bit of `which` that dimension is 1, or a divisor. */
static struct rg_shape divided(struct rg_shape s, unsigned int which)
{
	for (int d = 0; d < 4; d++) {
		if (which >> d & 1) {
			s.ne[d] = 1;
			s.sym[d] = 0;
		} else if (which >> (4 + d) & 1 && !s.sym[d]) {
			s.ne[d] = s.ne[d] % 3 == 0 ? s.ne[d] / 3
				  : s.ne[d] % 2	   ? s.ne[d]
						   : s.ne[d] / 2;
		}
	}
	return s;
}

static struct rg_shape row_of(struct rg_shape s)
{
	return divided(s, 14);
}

static bool done(const struct rg_maker *m, struct tern_op_desc *op, uint32_t dst, uint32_t s0,
		 uint32_t s1, uint32_t s2)
{
	(void)m;
	op->dst = dst;
	op->src[0] = s0;
	op->src[1] = s1;
	op->src[2] = s2;
	return dst != TERN_NO_TENSOR && s0 != TERN_NO_TENSOR;
}

#define NONE TERN_NO_TENSOR

/* ---- products ------------------------------------------------------------------------- */

static bool make_matmul(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	const struct rg_shape a = rg_shape_of(tensor(m, x));
	unsigned int heads = rg_take(&m->in, 8);
	struct rg_shape w = a, d = a;
	uint32_t s0;

	w.ne[1] = rg_size(m);
	w.sym[1] = 0;
	if (rg_take(&m->in, 8) == 7 && m->g->desc.nsymbols) {
		w.ne[1] = m->g->symbols[1].max;
		w.sym[1] = 2;
	}
	w = divided(w, heads < 4 ? 12 : (heads & 3) << 6);
	d.ne[0] = w.ne[1];
	d.sym[0] = w.sym[1];
	if (a.ne[0] * a.ne[1] * a.ne[2] * a.ne[3] * d.ne[0] > MAX_WORK)
		return false;
	s0 = rg_source(m, &w, RG_WEIGHT);
	return done(m, op, rg_dest(m, &d, RG_FLOAT, NONE), s0, x, NONE) && s0 != NONE;
}

static bool make_attention(struct rg_maker *m, struct tern_op_desc *op, uint32_t q)
{
	const struct rg_shape s = rg_shape_of(tensor(m, q));
	unsigned int cut = rg_take(&m->in, 4), flags = rg_take(&m->in, 64);
	struct rg_shape k = divided(s, cut << 6), v, d, mask,
			sinks = {{s.ne[2], 1, 1, 1}, {s.sym[2]}};

	k.ne[1] = s.ne[1] + rg_take(&m->in, 80);
	k.sym[1] = 0;
	if (flags & 1 && m->g->desc.nsymbols) {
		k.ne[1] = m->g->symbols[1].max;
		k.sym[1] = 2;
	}
	v = k;
	v.ne[0] = flags & 2 ? rg_size(m) : k.ne[0];
	v.sym[0] = flags & 2 ? 0 : k.sym[0];
	d = (struct rg_shape){{v.ne[0], s.ne[2], s.ne[1], s.ne[3]},
			      {v.sym[0], s.sym[2], s.sym[1], s.sym[3]}};
	if (s.ne[1] * s.ne[2] * s.ne[3] * k.ne[1] * (k.ne[0] + v.ne[0]) > MAX_WORK)
		return false;
	op->src[3] = op->src[4] = NONE;
	if (!done(m, op, NONE, q, rg_source(m, &k, RG_WEIGHT), rg_source(m, &v, RG_WEIGHT)) &&
	    (op->src[1] == NONE || op->src[2] == NONE))
		return false;
	mask = (struct rg_shape){{k.ne[1], s.ne[1], 1, 1}, {k.sym[1], s.sym[1]}};
	if (flags & 4)
		op->src[3] = rg_mask(m, &mask);
	if (flags & 8)
		op->src[4] = rg_source(m, &sinks, RG_F32);
	op->i[TERN_ATTENTION_I_CAUSAL] = flags >> 4 & 1;
	op->i[TERN_ATTENTION_I_WINDOW] = flags >> 5 ? 1 + (int)rg_take(&m->in, 40) : 0;
	op->f[TERN_ATTENTION_F_SCALE] = ONE_OF(m, scales);
	op->f[TERN_ATTENTION_F_SOFTCAP] = rg_take(&m->in, 4) == 3 ? 5.0f : 0.0f;
	op->f[TERN_ATTENTION_F_MAX_BIAS] = op->src[3] != NONE && rg_take(&m->in, 4) == 3 ? 8 : 0;
	op->dst = rg_dest(m, &d, RG_FLOAT, NONE);
	return op->dst != NONE;
}

/* ---- rows ----------------------------------------------------------------------------- */

static bool make_get_rows(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	struct rg_shape s, it, d;
	int64_t n = 1 + rg_take(&m->in, 12);
	unsigned int how = rg_take(&m->in, 8);
	uint32_t table = x;

	if (how < 4) { /* of another table than what was computed last */
		s = m->base;
		s.ne[1] = rg_size(m) % 50 + 1;
		s.sym[1] = 0;
		table = rg_source(m, &s, RG_WEIGHT);
	}
	if (table == NONE)
		return false;
	s = rg_shape_of(tensor(m, table));
	it = (struct rg_shape){{n, s.ne[2], s.ne[3], 1}, {0, s.sym[2], s.sym[3], 0}};
	if (how & 1) {
		it.ne[0] = m->base.ne[1];
		it.sym[0] = m->base.sym[1];
	}
	d = (struct rg_shape){{s.ne[0], it.ne[0], s.ne[2], s.ne[3]},
			      {s.sym[0], it.sym[0], s.sym[2], s.sym[3]}};
	done(m, op, NONE, table, rg_indices(m, &it, rg_least(m->g, s.ne[1], s.sym[1]), false),
	     NONE);
	op->dst = rg_dest(m, &d, RG_FLOAT, NONE);
	return op->dst != NONE && op->src[1] != NONE;
}

static bool make_set_rows(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	const struct rg_shape s = rg_shape_of(tensor(m, x));
	struct rg_shape d = s, it;
	int64_t more = rg_take(&m->in, 40);
	unsigned int cut = rg_take(&m->in, 4);

	d.ne[1] = s.ne[1] + more;
	d.sym[1] = 0;
	if (more > 35 && m->g->desc.nsymbols) {
		d.ne[1] = m->g->symbols[1].max;
		d.sym[1] = 2;
	}
	it = divided(s, cut << 2);
	it = (struct rg_shape){{s.ne[1], it.ne[2], it.ne[3], 1}, {s.sym[1], it.sym[2], it.sym[3]}};
	done(m, op, NONE, x, rg_indices(m, &it, rg_least(m->g, d.ne[1], d.sym[1]), true), NONE);
	op->dst = rg_dest(m, &d, RG_ENCODED, NONE);
	return op->dst != NONE && op->src[1] != NONE;
}

static bool make_norm(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	const struct rg_shape s = rg_shape_of(tensor(m, x));
	unsigned int has = rg_take(&m->in, 8);
	struct rg_shape w = has == 7 ? divided(s, rg_take(&m->in, 256)) : row_of(s);
	int max = op->op == TERN_NORM ? 2 : op->op == TERN_RMS_NORM ? 1 : 0;
	uint32_t s1 = max > 0 && has % 4 ? rg_source(m, &w, has > 4 ? RG_FLOAT : RG_F32) : NONE;
	uint32_t s2 = max > 1 && has > 1 ? rg_source(m, &w, RG_F32) : NONE;

	op->f[0] = ONE_OF(m, epsilons);
	return done(m, op, rg_dest(m, &s, RG_FLOAT, x), x, s1, s2);
}

static bool make_rope(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	static const float ext[] = {0.0f, 0.0f, 1.0f, 0.5f}, bases[] = {10000.0f, 500.0f, 1e6f};
	static const float attn[] = {1.0f, 0.5f, 1.0f, 0.0f};
	const struct rg_shape s = rg_shape_of(tensor(m, x));
	int32_t dims = (int32_t)s.ne[0] / 2 * 2;
	unsigned int how = rg_take(&m->in, 8);
	struct rg_shape f;

	if (how & 1 && dims >= 4)
		dims = dims / 4 * 2;
	f = (struct rg_shape){{dims / 2 + (how & 4 ? 1 : 0), 1, 1, 1}, {0}};
	op->i[TERN_ROPE_I_DIMS] = dims;
	op->i[TERN_ROPE_I_MODE] = how & 2 ? 2 : 0;
	op->i[TERN_ROPE_I_CTX_ORIG] = 64 << rg_take(&m->in, 6);
	op->f[TERN_ROPE_F_BASE] = ONE_OF(m, bases);
	op->f[TERN_ROPE_F_SCALE] = rg_take(&m->in, 4) == 3 ? 0.25f : 1.0f;
	op->f[TERN_ROPE_F_EXT] = ONE_OF(m, ext);
	op->f[TERN_ROPE_F_ATTN] = ONE_OF(m, attn);
	op->f[TERN_ROPE_F_BETA_FAST] = 32.0f;
	op->f[TERN_ROPE_F_BETA_SLOW] = 1.0f;
	done(m, op, NONE, x, rg_positions(m, s.ne[2], s.sym[2]),
	     rg_take(&m->in, 4) == 3 ? rg_source(m, &f, RG_F32) : NONE);
	op->dst = rg_dest(m, &s, RG_FLOAT, x);
	return op->dst != NONE && op->src[1] != NONE;
}

static bool make_soft_max(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	const struct rg_shape s = rg_shape_of(tensor(m, x));
	unsigned int how = rg_take(&m->in, 16);
	struct rg_shape sinks = {{s.ne[2], 1, 1, 1}, {s.sym[2]}}, mask = divided(s, how << 6 & 192);
	uint32_t s1, s2;

	if (how & 8)
		mask = divided(s, 12);
	if (how & 16 && !mask.sym[1])
		mask.ne[1] += 2;
	s1 = how & 4 ? rg_mask(m, &mask) : NONE;
	s2 = how % 4 == 3 ? rg_source(m, &sinks, RG_F32) : NONE;
	op->f[0] = ONE_OF(m, scales);
	op->f[1] = s1 != NONE && rg_take(&m->in, 4) == 3 ? 8.0f : 0.0f;
	return done(m, op, rg_dest(m, &s, RG_FLOAT, x), x, s1, s2);
}

/* ---- elements -------------------------------------------------------------------------- */

static bool make_glu(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	struct rg_shape s = rg_shape_of(tensor(m, x));
	unsigned int how = rg_take(&m->in, 4);
	uint32_t up = how < 3 ? rg_source(m, &s, RG_FLOAT) : NONE;

	op->i[0] = (int32_t)((TERN_GLU_SWIGLU + rg_take(&m->in, TERN_GLU_COUNT)) % TERN_GLU_COUNT);
	op->i[1] = (int32_t)rg_take(&m->in, 2);
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

typedef bool (*make_fn)(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);

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
	{TERN_MATMUL, make_matmul},	  {TERN_MATMUL, make_matmul},
	{TERN_BINARY, make_binary},	  {TERN_BINARY, make_binary},
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
