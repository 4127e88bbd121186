// SPDX-License-Identifier: MIT
/* ROPE, alone and in chains. See rope.h and rope_form.h. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "compiler/lowerings.h"
#include "compiler/rope.h"
#include "compiler/rope_form.h"

/* ---- inputs ------------------------------------------------------------------------- */
static unsigned int add_input(struct row_kernel *k, const struct tern_tensor_desc *ts,
			      uint32_t tensor, const struct tern_tensor_desc *shape)
{
	unsigned int b = row_in(k, shape, tensor);

	k->buf[b].t = &ts[tensor];
	return b;
}

static unsigned int add_table(struct row_kernel *k, const float *data, int64_t n)
{
	unsigned int b = row_table(k, data, (size_t)n * sizeof(float));

	row_own_length(k, b, n);
	return b;
}

static void add_rope_inputs(struct row_kernel *k, struct rope_chain *c,
			    const struct rope_tables *tables)
{
	const struct tern_tensor_desc *pos = &c->ts[c->rope->src[1]];
	struct tern_tensor_desc shape = *pos;

	/* positions follow the tokens, dimension 2 of x; components are a row */
	shape.ne[0] = pos->ne[1];
	shape.ne_sym[0] = 0;
	shape.nb[0] = pos->nb[1];
	shape.ne[1] = 1;
	shape.ne[2] = pos->ne[0];
	shape.ne_sym[2] = pos->ne_sym[0];
	shape.nb[2] = pos->nb[0];
	c->pos = add_input(k, c->ts, c->rope->src[1], &shape);
	if (tern_rope_sections(c->rope)) {
		row_own_length(k, c->pos, TERN_ROPE_POSITIONS);
		k->buf[c->pos].d[0].nb = (int64_t)pos->nb[1];
	}
	c->constants = add_table(k, tables->constants, rope_constants(c) * rope_angles(c));
	if (rope_indices(c))
		c->index = add_table(k, tables->index, rope_indices(c) * rope_row(c));
	if (c->rope->src[2] == TERN_NO_TENSOR)
		return;
	shape = c->ts[c->rope->src[2]];
	shape.ne[1] = shape.ne[2] = shape.ne[3] = 1;
	c->divisor = add_input(k, c->ts, c->rope->src[2], &shape);
	row_own_length(k, c->divisor, tern_rope_pairs(c->rope));
}

/* ---- what SET_ROWS reads, in the domain's dimensions -------------------------------- */
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

/* Dimension of `view` that is dimension d of `t` and not of the mask `taken`; -1: none. */
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

static int add_scatter(struct row_kernel *k, struct rope_chain *c, const struct tern_tensor_desc *t)
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
	if (joined)
		k->whole = 2;
	memcpy(k->from, from, sizeof(from));
	memcpy(k->unit, unit, sizeof(unit));
	return 0;
}

/* ---- the kernel --------------------------------------------------------------------- */
static int add_inputs(struct row_kernel *k, struct rope_chain *c, const struct rope_tables *tables)
{
	const struct tern_op_desc *first = c->norm ? c->norm : c->rope;
	bool scale = c->norm && c->norm->src[1] != TERN_NO_TENSOR;
	int err = scale ? row_repeat(k, &c->ts[c->norm->src[1]]) : 0;

	if (err)
		return err;
	/* rows and what joins them must still be dimensions of their own */
	if (k->from[1] == 0 || (c->form != ROPE_HEADS && k->from[2] == 1))
		return tern_fail(-EOPNOTSUPP, "%s: its scale repeats within the row",
				 tern_op_name(c->norm->op));
	row_in(k, &c->ts[first->src[0]], first->src[0]);
	if (c->rope)
		add_rope_inputs(k, c, tables);
	if (scale)
		c->scale = row_in(k, &c->ts[c->norm->src[1]], c->norm->src[1]);
	return 0;
}

static void add_temporaries(struct row_kernel *k, struct rope_chain *c)
{
	if (!c->rope)
		return;
	c->cos = row_tmp(k, rope_angles(c), 1u << 2, TERN_T_F32);
	c->sin = row_tmp(k, rope_angles(c), 1u << 2, TERN_T_F32);
	if (c->norm && c->form == ROPE_ROWS)
		c->normed = row_tmp(k, 0, 0xf, TERN_T_F32);
}

/* In the form that c says. */
static int chain_kernel(struct rope_chain *c, const struct rope_tables *tables,
			struct row_kernel *k)
{
	const struct tern_op_desc *op = c->rope ? c->rope : c->norm;
	const struct tern_tensor_desc *t = &c->ts[op->dst];
	int err;

	row_init(k, op, t);
	k->op2 = c->norm;
	k->rows = true;
	k->whole = c->form == ROPE_HEADS ? 1 : 2;
	err = add_inputs(k, c, tables);
	if (!err && c->set)
		err = add_scatter(k, c, t);
	else if (!err)
		c->out = row_out(k, t, op->dst);
	if (err)
		return err;
	add_temporaries(k, c);
	rope_add_steps(k, c);
	row_finish(k);
	return 0;
}

/*
 * Any position times a rate must be a number: infinity times 0 is not. No rate is larger than the
 * power that a pair more would have, and what is mixed for YaRN.
 */
static int check_rates(const struct tern_op_desc *rope)
{
	double base = (double)rope->f[TERN_ROPE_F_BASE], scale = (double)rope->f[TERN_ROPE_F_SCALE];
	double power = -2.0 * (double)tern_rope_pairs(rope) / rope->i[TERN_ROPE_I_DIMS];
	double ext = fabs((double)rope->f[TERN_ROPE_F_EXT]);
	double rate = fmax(1, pow(base, power)) * (fabs(scale) * (1 + ext) + ext);

	if (rate * 0x1p31 <= (double)FLT_MAX)
		return 0;
	return tern_fail(
		-EOPNOTSUPP,
		"ROPE: with base %g, scale %g and ext %g angles are more than binary32 has", base,
		scale, ext);
}

/* The kernel in the fastest form that fits the scratchpad. */
static int plan_chain(const struct tern_target *target, struct rope_chain *c, struct row_kernel *k)
{
	const struct tern_tensor_desc *t = &c->ts[(c->rope ? c->rope : c->norm)->dst];
	static const struct rope_tables none;
	int err;

	if (c->rope && tern_rope_pairs(c->rope) > ROPE_MAX_PAIRS)
		return tern_fail(-EOPNOTSUPP, "ROPE: %lld rotated pairs are more than %d",
				 (long long)tern_rope_pairs(c->rope), ROPE_MAX_PAIRS);
	err = c->rope ? check_rates(c->rope) : 0;
	if (err)
		return err;
	if (!row_sizes_ok(t))
		return row_bad_sizes(c->rope ? c->rope : c->norm);
	c->head = t->ne[0];
	c->heads = t->ne_sym[1] ? 0 : t->ne[1];
	c->form = rope_best_form(&target->caps, c);
	err = chain_kernel(c, &none, k);
	if (!err)
		err = row_solve(target, k, 1);
	if (!err || c->form == ROPE_HEADS)
		return err;
	c->form = ROPE_HEADS;
	c->index = c->divisor = c->scale = c->normed = 0;
	err = chain_kernel(c, &none, k);
	return err ? err : row_solve(target, k, 1);
}

static void lower_chain(struct tern_lower *l, struct rope_chain *c, uint32_t mark)
{
	struct rope_tables tables = {0};
	struct row_kernel k;
	int err = plan_chain(l->target, c, &k);

	if (!err && c->rope)
		err = rope_tables_init(&tables, c);
	if (!err) {
		if (c->rope) {
			k.buf[c->constants].table = tables.constants;
			k.buf[c->index].table = c->index ? tables.index : k.buf[c->index].table;
		}
		row_lower(l, mark, &k, 1);
	} else if (!l->err) {
		l->err = err;
	}
	rope_tables_fini(&tables);
}

/* ---- ROPE alone --------------------------------------------------------------------- */
int rope_solve(const struct tern_target *t, const struct tern_op_desc *op,
	       const struct tern_tensor_desc *tensors)
{
	struct rope_chain c = {.rope = op, .ts = tensors};
	struct row_kernel k;

	return plan_chain(t, &c, &k);
}

void rope_lower(struct tern_lower *l, uint32_t op)
{
	struct rope_chain c = {.rope = &l->g->ops[op], .ts = l->g->tensors};

	lower_chain(l, &c, op);
}

/* ---- chains ------------------------------------------------------------------------- */
static const struct tern_op_desc *op_or_null(const struct tern_graph *g, uint32_t op)
{
	return op == UINT32_MAX ? NULL : &g->ops[op];
}

static struct rope_chain chain_of(const struct tern_graph *g, uint32_t norm, uint32_t rope,
				  uint32_t set)
{
	return (struct rope_chain){
		.norm = op_or_null(g, norm),
		.rope = op_or_null(g, rope),
		.set = op_or_null(g, set),
		.ts = g->tensors,
	};
}

/* Scales, positions, divisors, indices: is there one that a later chunk may find overwritten? */
static bool overwrites(const struct rope_chain *c, const struct tern_tensor_desc *d)
{
	const struct tern_op_desc *const members[] = {c->norm, c->rope, c->set};

	for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++) {
		for (int i = 1; members[m] && i < TERN_MAX_SRC; i++) {
			uint32_t s = members[m]->src[i];

			if (s != TERN_NO_TENSOR && tern_tensor_overlap(&c->ts[s], d))
				return true;
		}
	}
	return false;
}

/* Each operator reads the view that the one before writes, and nothing is overwritten that a later
 * chunk reads. */
static int check_chain(const struct rope_chain *c)
{
	const struct tern_op_desc *last = c->rope ? c->rope : c->norm;
	const struct tern_op_desc *first = c->norm ? c->norm : last;
	const struct tern_tensor_desc *x, *d;

	if (c->norm && c->norm->op != TERN_RMS_NORM)
		return tern_fail(-EOPNOTSUPP, "only RMS_NORM is fused with ROPE and SET_ROWS");
	if (c->norm && c->rope &&
	    !tern_tensor_same_layout(&c->ts[c->rope->src[0]], &c->ts[c->norm->dst]))
		return tern_fail(-EOPNOTSUPP, "ROPE does not read the norm's result");
	x = &c->ts[first->src[0]];
	d = c->set ? &c->ts[c->set->dst] : &c->ts[last->dst];
	if (tern_tensor_overlap(x, d) && (c->set || !tern_tensor_same_layout(x, d)))
		return tern_fail(-EOPNOTSUPP, "the chain's result overlaps its source");
	if (overwrites(c, d))
		return tern_fail(-EOPNOTSUPP, "the chain's result overlaps what it reads beside");
	return 0;
}

int rope_store_solve(const struct tern_target *target, const struct tern_graph *g, uint32_t norm,
		     uint32_t rope, uint32_t set_rows)
{
	struct rope_chain c = chain_of(g, norm, rope, set_rows);
	struct row_kernel k;
	int err;

	if (!c.norm && !c.rope)
		return set_rows_solve(target, c.set, g->tensors);
	err = check_chain(&c);
	return err ? err : plan_chain(target, &c, &k);
}

void rope_store_lower(struct tern_lower *l, uint32_t norm, uint32_t rope, uint32_t set_rows)
{
	struct rope_chain c = chain_of(l->g, norm, rope, set_rows);

	if (!c.norm && !c.rope)
		set_rows_lower(l, set_rows);
	else
		lower_chain(l, &c, rope != UINT32_MAX ? rope : norm);
}
