// SPDX-License-Identifier: MIT
/* ROPE, alone and in chains. See rope.h. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "compiler/lowerings.h"
#include "compiler/norm.h"
#include "compiler/rope.h"

enum { MAX_PAIRS = 512 };

/* Angle of pair i of the token at position p: p * inv[i] (/ frequency divisor). */
struct rope_table {
	float inv[MAX_PAIRS];
};

/* ---- frequencies ------------------------------------------------------------------------- */
static const float *params(const struct tern_op_desc *op)
{
	return op->f;
}

/*
 * YaRN ("YaRN: Efficient Context Window Extension of Large Language Models", Peng et al.,
 * arXiv 2309.00071, section 3.2 "NTK-by-parts", as ggml's rope_yarn): dimension at which a
 * frequency makes `turns` turns over the original context, inverted for the dimension.
 */
static double turns_dim(const struct tern_op_desc *op, double turns)
{
	double dims = op->i[TERN_ROPE_I_DIMS], base = params(op)[TERN_ROPE_F_BASE];
	double ctx = op->i[TERN_ROPE_I_CTX_ORIG];

	return dims * log(ctx / (turns * 2.0 * 3.14159265358979323846)) / (2.0 * log(base));
}

/* Share of extrapolation (frequency as trained) of pair i; the rest is interpolated. */
static double extrapolated(const struct tern_op_desc *op, int i)
{
	const float *f = params(op);
	double low, high, y;

	if (f[TERN_ROPE_F_EXT] == 0.0f)
		return 0.0;
	low = fmax(0.0, floor(turns_dim(op, f[TERN_ROPE_F_BETA_FAST])));
	high = fmin(op->i[TERN_ROPE_I_DIMS] - 1.0, ceil(turns_dim(op, f[TERN_ROPE_F_BETA_SLOW])));
	y = (i - low) / fmax(0.001, high - low);
	return (1.0 - fmin(1.0, fmax(0.0, y))) * f[TERN_ROPE_F_EXT];
}

static void fill_table(const struct tern_op_desc *op, struct rope_table *t)
{
	const float *f = params(op);
	double dims = op->i[TERN_ROPE_I_DIMS];

	for (int i = 0; i < op->i[TERN_ROPE_I_DIMS] / 2; i++) {
		double mix = extrapolated(op, i), scale = f[TERN_ROPE_F_SCALE];

		t->inv[i] = (float)(pow(f[TERN_ROPE_F_BASE], -2.0 * i / dims) *
				    (scale * (1.0 - mix) + mix));
	}
}

/* Cosines and sines are scaled by this (the paper's 1 / sqrt(t), section 3.4). */
static float magnitude(const struct tern_op_desc *op)
{
	const float *f = params(op);

	if (f[TERN_ROPE_F_EXT] == 0.0f)
		return f[TERN_ROPE_F_ATTN];
	return (float)(f[TERN_ROPE_F_ATTN] * (1.0 + 0.1 * log(1.0 / f[TERN_ROPE_F_SCALE])));
}

/* ---- steps ---------------------------------------------------------------------------------- */
/* Tiles: cos, sin, position, inverse frequencies, divisors. Rows are tokens. */
static void angle_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	const float m = magnitude(k->op);

	(void)resident;
	vp(p, TERN_V_LDS, vS(ROW_S_FREE), 2, 0, 0);
	vp(p, TERN_V_I2F, vS(ROW_S_FREE), vS(ROW_S_FREE), 0, 0);
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 3, 0, 0);
	vp(p, TERN_V_MUL, 0, 0, vS(ROW_S_FREE), 0);
	if (k->op->src[2] != TERN_NO_TENSOR) {
		vp(p, TERN_V_LD, 1, 4, 0, 0);
		vp(p, TERN_V_DIV, 0, 0, 1, 0);
	}
	vp(p, TERN_V_COS, 1, 0, 0, 0);
	vp(p, TERN_V_SIN, 2, 0, 0, 0);
	if (m != 1.0f) {
		vp(p, TERN_V_MUL, 1, 1, V_IMM, f32_bits(m));
		vp(p, TERN_V_MUL, 2, 2, V_IMM, f32_bits(m));
	}
	vp(p, TERN_V_ST, 0, 1, 0, 0);
	vp(p, TERN_V_ST, 1, 2, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* Tiles: x, y, scale. */
static void head_norm_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	bool scale = k->op2->src[1] != TERN_NO_TENSOR;
	const struct norm_tiles t = {
		.x = 0,
		.y = 1,
		.scale = (uint8_t)(scale ? 2 : TERN_NONE),
		.bias = TERN_NONE,
	};

	(void)resident;
	norm_sum(p, k->op2, 0);
	norm_apply(p, k, k->op2, &t);
}

/* Tiles: first and second of each pair, cos, sin, the pairs' places in the result; then what is
 * not rotated and its place, if it is not there already. Rows are heads. */
enum { T_X0, T_X1, T_COS, T_SIN, T_Y0, T_Y1, T_REST, T_REST_TO };

static void rotate_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, T_X0);
	for (unsigned int i = T_X0; i <= T_SIN; i++)
		vp(p, TERN_V_LD, i, i, 0, 0);
	vp(p, TERN_V_MUL, 4, T_X1, T_SIN, 0);
	vp(p, TERN_V_NEG, 4, 4, 0, 0);
	vp(p, TERN_V_FMA, 4, T_X0, T_COS, 4);
	vp(p, TERN_V_MUL, 5, T_X1, T_COS, 0);
	vp(p, TERN_V_FMA, 5, T_X0, T_SIN, 5);
	vp(p, TERN_V_ST, T_Y0, 4, 0, 0);
	vp(p, TERN_V_ST, T_Y1, 5, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
	if (k->step[k->nsteps - 1].ntiles <= T_REST)
		return;
	vp(p, TERN_V_LANES, 0, 0, 0, T_REST);
	vp(p, TERN_V_LD, 0, T_REST, 0, 0);
	vp(p, TERN_V_ST, T_REST_TO, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

static void use(struct row_step *s, unsigned int buf)
{
	s->tile[s->ntiles++].buf = (uint8_t)buf;
}

static void use_part(struct row_step *s, unsigned int buf, int32_t first, uint8_t step, int32_t n)
{
	s->tile[s->ntiles++] = (struct row_tile){(uint8_t)buf, step, first, n};
}

/* x_0, x_1 of every pair: neighbours, or the two halves. */
static void use_pairs(struct row_step *s, unsigned int buf, const struct tern_op_desc *op)
{
	int32_t pairs = op->i[TERN_ROPE_I_DIMS] / 2;
	bool neox = op->i[TERN_ROPE_I_MODE] == 2;

	use_part(s, buf, 0, neox ? 1 : 2, pairs);
	use_part(s, buf, neox ? pairs : 1, neox ? 1 : 2, pairs);
}

/* ---- the kernel -------------------------------------------------------------------------------- */
/* Buffers of the chain; 0 is x. */
struct chain {
	const struct tern_op_desc *norm, *rope, *set; /* or NULL */
	const struct tern_tensor_desc *ts;
	unsigned int pos, inv, divisor, scale, out, cos, sin;
};

static unsigned int add_input(struct row_kernel *k, const struct tern_tensor_desc *ts,
			      uint32_t tensor, const struct tern_tensor_desc *shape)
{
	unsigned int b = row_in(k, shape, tensor);

	k->buf[b].t = &ts[tensor];
	return b;
}

static void add_rope_inputs(struct row_kernel *k, struct chain *c, const struct rope_table *table)
{
	int64_t pairs = c->rope->i[TERN_ROPE_I_DIMS] / 2;
	const struct tern_tensor_desc *pos = &c->ts[c->rope->src[1]];
	struct tern_tensor_desc shape = *pos;

	/* positions follow the tokens, dimension 2 of x */
	shape.ne[0] = 1;
	shape.ne_sym[0] = 0;
	shape.ne[2] = pos->ne[0];
	shape.ne_sym[2] = pos->ne_sym[0];
	shape.nb[2] = pos->nb[0];
	c->pos = add_input(k, c->ts, c->rope->src[1], &shape);
	c->inv = row_table(k, table->inv, (size_t)pairs * sizeof(float));
	row_own_length(k, c->inv, pairs);
	if (c->rope->src[2] == TERN_NO_TENSOR)
		return;
	shape = c->ts[c->rope->src[2]];
	shape.ne[1] = shape.ne[2] = shape.ne[3] = 1;
	c->divisor = add_input(k, c->ts, c->rope->src[2], &shape);
	row_own_length(k, c->divisor, pairs);
}

static void add_steps(struct row_kernel *k, const struct chain *c)
{
	int32_t dims = c->rope ? c->rope->i[TERN_ROPE_I_DIMS] : 0;
	int32_t rest = (int32_t)k->dim[0].max - dims;
	unsigned int x = c->norm ? c->out : 0; /* a norm leaves its result in place */
	struct row_step *s;

	if (c->rope) {
		s = row_step(k, angle_body);
		use(s, c->cos);
		use(s, c->sin);
		use(s, c->pos);
		use(s, c->inv);
		if (c->divisor)
			use(s, c->divisor);
	}
	if (c->norm) {
		s = row_step(k, head_norm_body);
		use(s, 0);
		use(s, c->out);
		if (c->scale)
			use(s, c->scale);
	}
	if (!c->rope)
		return;
	s = row_step(k, rotate_body);
	use_pairs(s, x, c->rope);
	use(s, c->cos);
	use(s, c->sin);
	use_pairs(s, c->out, c->rope);
	if (rest && x != c->out) {
		use_part(s, x, dims, 1, rest);
		use_part(s, c->out, dims, 1, rest);
	}
}

/* ---- what SET_ROWS reads, in the domain's dimensions ----------------------------------------------- */
static bool is_one(const struct tern_tensor_desc *t, int d)
{
	return t->ne[d] == 1 && !t->ne_sym[d];
}

static bool same_dim(const struct tern_tensor_desc *a, int da, const struct tern_tensor_desc *b,
		     int db)
{
	return a->ne[da] == b->ne[db] && a->ne_sym[da] == b->ne_sym[db] &&
	       (is_one(a, da) || a->nb[da] == b->nb[db]);
}

/* Dimension of `view` that is dimension d of `t`, apart from those of the mask `taken`; -1: none. */
static int find_dim(const struct tern_tensor_desc *t, int d, const struct tern_tensor_desc *view,
		    unsigned int taken)
{
	for (int j = 1; j < 4; j++)
		if (!(taken >> j & 1) && same_dim(t, d, view, j))
			return j;
	return -1;
}

/* Heads joined: the view's rows are dimensions 0 and 1 of t. */
static bool joins(const struct tern_tensor_desc *t, const struct tern_tensor_desc *view)
{
	return !t->ne_sym[0] && !t->ne_sym[1] && view->ne[0] == t->ne[0] * t->ne[1] &&
	       t->nb[1] == (uint64_t)t->ne[0] * t->nb[0] && view->nb[0] == t->nb[0] && t->ne[1] > 1;
}

/* Set from[] and unit[] of the domain, which has the shape of t, to the view's dimensions. */
static bool map_view(struct row_kernel *k, const struct tern_tensor_desc *t,
		     const struct tern_tensor_desc *view, bool *joined)
{
	unsigned int taken = 1;
	int first = 1;

	if (t->storage != view->storage || t->offset != view->offset ||
	    t->offset_sym != view->offset_sym || t->offset_mul != view->offset_mul ||
	    t->type != view->type)
		return false;
	*joined = joins(t, view);
	if (*joined) {
		k->from[1] = 0;
		k->unit[1] = t->ne[0];
		first = 2;
	} else if (!same_dim(t, 0, view, 0)) {
		return false;
	}
	/* dimensions of size 1 take what is left over, so they come last */
	for (int ones = 0; ones < 2; ones++) {
		for (int d = first; d < 4; d++) {
			int j = is_one(t, d) == ones ? find_dim(t, d, view, taken) : 0;

			if (j < 0 && (!ones || !*joined))
				return false;
			if (j < 1)
				continue;
			taken |= 1u << j;
			k->from[d] = (uint8_t)j;
		}
	}
	for (int j = 1; j < 4; j++)
		if (!(taken >> j & 1) && !is_one(view, j))
			return false;
	return true;
}

static int add_scatter(struct row_kernel *k, struct chain *c, const struct tern_tensor_desc *t)
{
	const struct tern_tensor_desc *it = &c->ts[c->set->src[1]];
	const struct tern_tensor_desc *s0 = &c->ts[c->set->src[0]];
	uint8_t from[ROW_DIMS];
	int64_t unit[ROW_DIMS];
	bool joined;

	memcpy(from, k->from, sizeof(from));
	memcpy(unit, k->unit, sizeof(unit));
	for (int d = 1; d < 3; d++)
		if (!is_one(it, d) && it->ne[d] != s0->ne[d + 1])
			return tern_fail(-EOPNOTSUPP,
					 "SET_ROWS: indices that repeat are not fused");
	if (k->ndims != 4 || !map_view(k, t, s0, &joined))
		return tern_fail(-EOPNOTSUPP, "SET_ROWS: its source is another view of the result");
	c->out = row_out(k, &c->ts[c->set->dst], c->set->dst);
	row_index(k, c->out, it, c->set->src[1]);
	k->buf[c->out].merge = joined;
	k->whole = joined ? 2 : 1;
	memcpy(k->from, from, sizeof(from));
	memcpy(k->unit, unit, sizeof(unit));
	return 0;
}

/* `table` may hold anything for a solver. */
static int chain_kernel(struct chain *c, const struct rope_table *table, struct row_kernel *k)
{
	const struct tern_op_desc *op = c->rope ? c->rope : c->norm;
	const struct tern_op_desc *first = c->norm ? c->norm : op;
	const struct tern_tensor_desc *ts = c->ts, *t = &ts[op->dst];
	int err = 0;

	row_init(k, op, t);
	k->op2 = c->norm;
	k->rows = true;
	k->whole = 1;
	if (c->rope && c->rope->i[TERN_ROPE_I_DIMS] > 2 * MAX_PAIRS)
		return tern_fail(-EOPNOTSUPP, "ROPE: %d rotated elements are more than %d",
				 c->rope->i[TERN_ROPE_I_DIMS], 2 * MAX_PAIRS);
	if (c->norm && c->norm->src[1] != TERN_NO_TENSOR)
		err = row_repeat(k, &ts[c->norm->src[1]]);
	if (err)
		return err;
	row_in(k, &ts[first->src[0]], first->src[0]);
	if (c->rope)
		add_rope_inputs(k, c, table);
	if (c->norm && c->norm->src[1] != TERN_NO_TENSOR)
		c->scale = row_in(k, &ts[c->norm->src[1]], c->norm->src[1]);
	if (c->set)
		err = add_scatter(k, c, t);
	else
		c->out = row_out(k, t, op->dst);
	if (err)
		return err;
	if (c->rope) {
		c->cos = row_tmp(k, c->rope->i[TERN_ROPE_I_DIMS] / 2, 1u << 2, TERN_T_F32);
		c->sin = row_tmp(k, c->rope->i[TERN_ROPE_I_DIMS] / 2, 1u << 2, TERN_T_F32);
	}
	add_steps(k, c);
	row_finish(k);
	return 0;
}

/* ---- ROPE alone --------------------------------------------------------------------------------------- */
int rope_solve(const struct tern_target *t, const struct tern_op_desc *op,
	       const struct tern_tensor_desc *tensors)
{
	struct chain c = {.rope = op, .ts = tensors};
	static const struct rope_table none;
	struct row_kernel k;
	int err = chain_kernel(&c, &none, &k);

	return err ? err : row_solve(t, &k, 1);
}

void rope_lower(struct tern_lower *l, uint32_t op)
{
	rope_store_lower(l, UINT32_MAX, op, UINT32_MAX);
}

/* ---- chains -------------------------------------------------------------------------------------------- */
static const struct tern_op_desc *op_or_null(const struct tern_graph *g, uint32_t op)
{
	return op == UINT32_MAX ? NULL : &g->ops[op];
}

static struct chain chain_of(const struct tern_graph *g, uint32_t norm, uint32_t rope, uint32_t set)
{
	return (struct chain){
		.norm = op_or_null(g, norm),
		.rope = op_or_null(g, rope),
		.set = op_or_null(g, set),
		.ts = g->tensors,
	};
}

static bool same_view(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b)
{
	return a->storage == b->storage && a->type == b->type && a->offset == b->offset &&
	       a->offset_sym == b->offset_sym && a->offset_mul == b->offset_mul &&
	       !memcmp(a->ne, b->ne, sizeof(a->ne)) && !memcmp(a->nb, b->nb, sizeof(a->nb)) &&
	       !memcmp(a->ne_sym, b->ne_sym, sizeof(a->ne_sym));
}

/* Each operator reads the view that the one before writes, and nothing is overwritten that a later
 * chunk reads. */
static int check_chain(const struct chain *c)
{
	const struct tern_op_desc *last = c->rope ? c->rope : c->norm;
	const struct tern_op_desc *first = c->norm ? c->norm : last;
	const struct tern_tensor_desc *x, *d;

	if (c->norm && c->norm->op != TERN_RMS_NORM)
		return tern_fail(-EOPNOTSUPP, "only RMS_NORM is fused with ROPE and SET_ROWS");
	if (c->norm && c->rope && !same_view(&c->ts[c->rope->src[0]], &c->ts[c->norm->dst]))
		return tern_fail(-EOPNOTSUPP, "ROPE does not read the norm's result");
	x = &c->ts[first->src[0]];
	d = c->set ? &c->ts[c->set->dst] : &c->ts[last->dst];
	if (tern_tensor_overlap(x, d) && (c->set || !same_view(x, d)))
		return tern_fail(-EOPNOTSUPP, "the chain's result overlaps its source");
	return 0;
}

int rope_store_solve(const struct tern_target *target, const struct tern_graph *g, uint32_t norm,
		     uint32_t rope, uint32_t set_rows)
{
	struct chain c = chain_of(g, norm, rope, set_rows);
	static const struct rope_table none;
	struct row_kernel k;
	int err;

	if (!c.norm && !c.rope)
		return set_rows_solve(target, c.set, g->tensors);
	err = check_chain(&c);
	if (!err)
		err = chain_kernel(&c, &none, &k);
	return err ? err : row_solve(target, &k, 1);
}

void rope_store_lower(struct tern_lower *l, uint32_t norm, uint32_t rope, uint32_t set_rows)
{
	struct chain c = chain_of(l->g, norm, rope, set_rows);
	uint32_t mark = rope != UINT32_MAX ? rope : norm;
	struct rope_table table;
	struct row_kernel k;

	if (!c.norm && !c.rope) {
		set_rows_lower(l, set_rows);
		return;
	}
	if (c.rope && c.rope->i[TERN_ROPE_I_DIMS] <= 2 * MAX_PAIRS)
		fill_table(c.rope, &table);
	if (chain_kernel(&c, &table, &k))
		l->err = l->err ? l->err : -EOPNOTSUPP;
	else
		row_lower(l, mark, &k, 1);
}
