// SPDX-License-Identifier: MIT
/* Operators of layers: products, attention, rows that are found, normalised and rotated. */
#include "support/random_graph_ops.h"

enum { MAX_WORK = 600000 }; /* multiplications of one operator */

static const float epsilons[] = {1e-5f, 1e-6f, 0.0f, 0.1f};

/* ---- products ------------------------------------------------------------------------- */

bool make_matmul(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
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

static const int64_t expert_counts[] = {4, 1, 2, 3, 8, 16};

/* Indices are those of an earlier result, or new ones; of a few, one names no expert. */
static uint32_t expert_indices(struct rg_maker *m, const struct rg_shape *it, unsigned int how,
			       int64_t *experts)
{
	uint32_t ids = how & 2 ? rg_first_indices(m, it, experts) : NONE;

	return ids == NONE ? rg_indices(m, it, *experts + (how > 13), false) : ids;
}

bool make_matmul_id(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	unsigned int how = rg_take(&m->in, 16);
	int64_t experts = expert_counts[rg_take(&m->in, 6)], n = rg_size(m);
	uint32_t s1 = rg_by_token(m, x, how & 1), s2, s0;
	struct rg_shape a, it, w, d;

	if (s1 == NONE)
		return false;
	a = rg_shape_of(tensor(m, s1));
	it = (struct rg_shape){{a.ne[1] * (1 + rg_take(&m->in, 3)), a.ne[2], 1, 1}, {0, a.sym[2]}};
	d = (struct rg_shape){{n, it.ne[0], it.ne[1], 1}, {0, 0, it.sym[1]}};
	if (a.ne[0] * n * it.ne[0] * it.ne[1] > MAX_WORK)
		return false;
	s2 = expert_indices(m, &it, how, &experts);
	w = (struct rg_shape){{a.ne[0], n, experts, 1}, {a.sym[0]}};
	s0 = rg_source(m, &w, RG_WEIGHT);
	return done(m, op, rg_dest(m, &d, RG_FLOAT, NONE), s0, s1, s2) && s2 != NONE;
}

bool make_add_id(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	unsigned int how = rg_take(&m->in, 16);
	int64_t experts = expert_counts[rg_take(&m->in, 6)];
	uint32_t s0 = rg_by_token(m, x, how & 1), s1, s2;
	struct rg_shape a, it, b;

	if (s0 == NONE)
		return false;
	a = rg_shape_of(tensor(m, s0));
	it = (struct rg_shape){{a.ne[1], a.ne[2], 1, 1}, {0, a.sym[2]}};
	s2 = expert_indices(m, &it, how, &experts);
	b = (struct rg_shape){{a.ne[0], experts, 1, 1}, {a.sym[0]}};
	s1 = rg_source(m, &b, RG_FLOAT);
	return done(m, op, rg_dest(m, &a, RG_FLOAT, s0), s0, s1, s2) && s1 != NONE && s2 != NONE;
}

bool make_attention(struct rg_maker *m, struct tern_op_desc *op, uint32_t q)
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
	mask = (struct rg_shape){{k.ne[1], s.ne[1], s.ne[2], s.ne[3]},
				 {k.sym[1], s.sym[1], s.sym[2], s.sym[3]}};
	mask = divided(mask, flags & 2 ? 12 : cut << 6 | (flags & 8));
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

bool make_get_rows(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
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

bool make_set_rows(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
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

bool make_norm(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
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

/* Mode, rotated elements and where they begin, sections: what fits rows of n elements. */
static void rope_elements(struct rg_maker *m, struct tern_op_desc *op, int64_t n)
{
	static const int32_t modes[] = {0, 2, 0, 2, 8, 24, 40, 2};
	unsigned int how = rg_take(&m->in, 32);
	int32_t dims = (int32_t)n / 2 * 2;

	op->i[TERN_ROPE_I_MODE] = modes[how % 8];
	if (how & 8 && dims >= 4)
		dims = dims / 4 * 2;
	if (how & 16 && dims >= 4) {
		dims -= 2;
		op->i[TERN_ROPE_I_OFFSET] = (int32_t)(n - dims) / 2;
	}
	op->i[TERN_ROPE_I_DIMS] = op->i[TERN_ROPE_I_MODE] == 24 ? dims / 4 * 2 : dims;
	for (int k = 0; k < 4 && op->i[TERN_ROPE_I_MODE] >= 8; k++)
		op->i[TERN_ROPE_I_SECTIONS + k] = k ? (int32_t)rg_take(&m->in, 6) : 1 + dims / 8;
}

bool make_rope(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
{
	static const float ext[] = {0.0f, 0.0f, 1.0f, 0.5f}, bases[] = {10000.0f, 500.0f, 1e6f};
	static const float attn[] = {1.0f, 0.5f, 1.0f, 0.0f};
	const struct rg_shape s = rg_shape_of(tensor(m, x));
	unsigned int divisors = rg_take(&m->in, 8);
	struct rg_shape f = {{s.ne[0] / 2 + (divisors & 4 ? 1 : 0), 1, 1, 1}, {0}};
	uint32_t positions;

	rope_elements(m, op, s.ne[0]);
	op->i[TERN_ROPE_I_CTX_ORIG] = 64 << rg_take(&m->in, 6);
	op->f[TERN_ROPE_F_BASE] = ONE_OF(m, bases);
	op->f[TERN_ROPE_F_SCALE] = rg_take(&m->in, 4) == 3 ? 0.25f : 1.0f;
	op->f[TERN_ROPE_F_EXT] = ONE_OF(m, ext);
	op->f[TERN_ROPE_F_ATTN] = ONE_OF(m, attn);
	op->f[TERN_ROPE_F_BETA_FAST] = 32.0f;
	op->f[TERN_ROPE_F_BETA_SLOW] = 1.0f;
	/* one after the other: each takes of the input */
	positions = rg_positions(m, s.ne[2], s.sym[2], op->i[TERN_ROPE_I_MODE] >= 8 ? 4 : 1);
	done(m, op, NONE, x, positions, divisors & 3 ? NONE : rg_source(m, &f, RG_F32));
	op->dst = rg_dest(m, &s, RG_FLOAT, x);
	return op->dst != NONE && op->src[1] != NONE;
}

bool make_soft_max(struct rg_maker *m, struct tern_op_desc *op, uint32_t x)
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
