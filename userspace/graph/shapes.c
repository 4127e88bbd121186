// SPDX-License-Identifier: MIT
/*
 * What shapes and parameters each operator takes: ggml's rules, as <tern.h> states them.
 * Two symbolic sizes are equal when they name the same symbol. Each function returns NULL or the
 * rule that is broken, to be read after the operator's name.
 */
#include "graph/shapes.h"
#include "graph/rope.h"

#define ROPE_MAX_SECTION 65536

typedef const struct tern_tensor_desc *tensor_t;

static bool is_one(tensor_t t, int d)
{
	return t->ne[d] == 1 && !t->ne_sym[d];
}

static bool same(tensor_t a, int da, tensor_t b, int db)
{
	return a->ne[da] == b->ne[db] && a->ne_sym[da] == b->ne_sym[db];
}

static bool same_shape(tensor_t a, tensor_t b)
{
	return same(a, 0, b, 0) && same(a, 1, b, 1) && same(a, 2, b, 2) && same(a, 3, b, 3);
}

/* Can `small`, repeated, fill `big` along these dimensions? */
static bool divides(tensor_t small, int ds, tensor_t big, int db)
{
	if (is_one(small, ds) || same(small, ds, big, db))
		return true;
	return !small->ne_sym[ds] && !big->ne_sym[db] && small->ne[ds] > 0 &&
	       big->ne[db] % small->ne[ds] == 0;
}

static bool repeats_to(tensor_t small, tensor_t big)
{
	return divides(small, 0, big, 0) && divides(small, 1, big, 1) &&
	       divides(small, 2, big, 2) && divides(small, 3, big, 3);
}

/* At least as long, for every value of the symbols. */
static bool covers(tensor_t a, int da, tensor_t b, int db)
{
	return same(a, da, b, db) || (!a->ne_sym[da] && a->ne[da] >= b->ne[db]);
}

TERN_SHAPE(matmul)
{
	(void)op;
	if (!same(s[0], 0, s[1], 0))
		return "s0 and s1 must have the same ne0";
	if (!divides(s[0], 2, s[1], 2) || !divides(s[0], 3, s[1], 3))
		return "s0's ne2 and ne3 must divide s1's";
	if (!same(d, 0, s[0], 1) || !same(d, 1, s[1], 1) || !same(d, 2, s[1], 2) ||
	    !same(d, 3, s[1], 3))
		return "the destination must be [s0's ne1, s1's ne1, ne2, ne3]";
	return NULL;
}

TERN_SHAPE(get_rows)
{
	(void)op;
	if (!same(s[0], 2, s[1], 1) || !same(s[0], 3, s[1], 2) || !is_one(s[1], 3))
		return "s1 must be [rows, s0's ne2, s0's ne3, 1]";
	if (!same(d, 0, s[0], 0) || !same(d, 1, s[1], 0) || !same(d, 2, s[1], 1) ||
	    !same(d, 3, s[1], 2))
		return "the destination must be [s0's ne0, s1's ne0, ne1, ne2]";
	if ((s[0]->type == TERN_I32) != (d->type == TERN_I32))
		return "I32 rows stay I32";
	return NULL;
}

TERN_SHAPE(set_rows)
{
	(void)op;
	if (!same(s[1], 0, s[0], 1) || !divides(s[1], 1, s[0], 2) || !divides(s[1], 2, s[0], 3) ||
	    !is_one(s[1], 3))
		return "s1 must have an index for each of s0's ne1 rows, and repeat to its ne2, "
		       "ne3";
	if (!same(d, 0, s[0], 0) || !same(d, 2, s[0], 2) || !same(d, 3, s[0], 3))
		return "the destination must have s0's ne0, ne2 and ne3";
	return NULL;
}

/* RMS_NORM, NORM, L2_NORM. */
TERN_SHAPE(norm)
{
	if (!same_shape(d, s[0]))
		return "the destination must have s0's shape";
	if ((s[1] && !repeats_to(s[1], s[0])) || (s[2] && !repeats_to(s[2], s[0])))
		return "scale and bias must repeat to s0's shape";
	if (!(op->f[0] >= 0.0f))
		return "eps (f[0]) must not be negative";
	return NULL;
}

static const char *rope_sections(const struct tern_op_desc *op)
{
	const int32_t *size = &op->i[TERN_ROPE_I_SECTIONS];
	bool vision = op->i[TERN_ROPE_I_MODE] == TERN_ROPE_VISION;
	int last = 3;

	while (last >= 0 && !size[last])
		last--;
	if (last < 0)
		return "one section (i[3] to i[6]) at least must have a size";
	for (int i = 0; i <= last; i++) {
		if (size[i] < 0 || size[i] > ROPE_MAX_SECTION)
			return "sizes of sections (i[3] to i[6]) must be 0 to 65536";
		if (vision && !size[i]) /* ggml counts on from the section before */
			return "in vision mode only the last sections (i[3] to i[6]) may be 0";
	}
	return NULL;
}

/* Positions: [tokens], or a row of tokens for each component. */
static bool rope_positions(const struct tern_op_desc *op, tensor_t pos, tensor_t x)
{
	bool sections = tern_rope_sections(op);

	return same(pos, 0, x, 2) && is_one(pos, 2) && is_one(pos, 3) && !pos->ne_sym[1] &&
	       pos->ne[1] == (sections ? TERN_ROPE_POSITIONS : 1);
}

static bool rope_fits(const struct tern_op_desc *op, tensor_t x)
{
	int32_t dims = op->i[TERN_ROPE_I_DIMS], offset = op->i[TERN_ROPE_I_OFFSET];

	return !x->ne_sym[0] && dims >= 2 && dims % 2 == 0 && offset >= 0 &&
	       offset + 2 * tern_rope_pairs(op) <= x->ne[0];
}

TERN_SHAPE(rope)
{
	if (!same_shape(d, s[0]))
		return "the destination must have s0's shape";
	if (!tern_rope_mode_known(op->i[TERN_ROPE_I_MODE]))
		return "the mode (i[1]) must be 0 (normal), 2 (NeoX), 8 (sections), 24 (vision) "
		       "or 40 (interleaved)";
	if (!rope_positions(op, s[1], s[0]))
		return "s1 must hold one position for each of s0's ne2 tokens, in modes with "
		       "sections 4 rows of them";
	if (!rope_fits(op, s[0]))
		return "rotated elements (i[0]) must be even, positive and, from the offset "
		       "(i[7]), within ne0";
	if (!(op->f[TERN_ROPE_F_BASE] > 0.0f))
		return "the base (f[0]) must be positive";
	if (s[2] && (s[2]->ne_sym[0] || s[2]->ne[0] < tern_rope_pairs(op)))
		return "s2 must hold a divisor for each rotated pair";
	return tern_rope_sections(op) ? rope_sections(op) : NULL;
}

TERN_SHAPE(soft_max)
{
	if (!same_shape(d, s[0]))
		return "the destination must have s0's shape";
	if (s[1] && (!same(s[1], 0, s[0], 0) || !covers(s[1], 1, s[0], 1)))
		return "the mask must have s0's ne0 and at least its ne1";
	if (s[1] && (!divides(s[1], 2, s[0], 2) || !divides(s[1], 3, s[0], 3)))
		return "the mask's ne2 and ne3 must divide s0's";
	if (s[2] && !same(s[2], 0, s[0], 2))
		return "there must be one sink for each of s0's ne2 heads";
	if (!(op->f[1] >= 0.0f) || (op->f[1] > 0.0f && !s[1]))
		return "max_bias (f[1]) must not be negative, and needs a mask";
	return NULL;
}

static const char *attention_params(const struct tern_op_desc *op, bool mask)
{
	int32_t causal = op->i[TERN_ATTENTION_I_CAUSAL];
	float max_bias = op->f[TERN_ATTENTION_F_MAX_BIAS];

	if (causal != 0 && causal != 1)
		return "causal (i[0]) must be 0 or 1";
	if (op->i[TERN_ATTENTION_I_WINDOW] < 0)
		return "the window (i[1]) must not be negative";
	if (!(op->f[TERN_ATTENTION_F_SOFTCAP] >= 0.0f))
		return "the soft cap (f[1]) must not be negative";
	if (!(max_bias >= 0.0f) || (max_bias > 0.0f && !mask))
		return "max_bias (f[2]) must not be negative, and needs a mask";
	return NULL;
}

static const char *attention_mask(tensor_t q, tensor_t k, tensor_t mask)
{
	if (!same(mask, 0, k, 1) || !covers(mask, 1, q, 1))
		return "the mask must be [k's ne1, at least q's ne1, ...]";
	if (!divides(mask, 2, q, 2) || !divides(mask, 3, q, 3))
		return "the mask's ne2 and ne3 must divide q's";
	return NULL;
}

TERN_SHAPE(attention)
{
	tensor_t q = s[0], k = s[1], v = s[2];
	const char *why = NULL;

	if (!same(q, 0, k, 0))
		return "q and k must have the same ne0";
	if (!same(k, 1, v, 1) || !same(k, 2, v, 2) || !same(k, 3, v, 3))
		return "k and v must have the same ne1, ne2 and ne3";
	if (!divides(k, 2, q, 2) || !divides(k, 3, q, 3))
		return "k's ne2 and ne3 must divide q's";
	if (!same(d, 0, v, 0) || !same(d, 1, q, 2) || !same(d, 2, q, 1) || !same(d, 3, q, 3))
		return "the destination must be [v's ne0, q's ne2, q's ne1, q's ne3]";
	if (op->i[TERN_ATTENTION_I_CAUSAL] && !k->ne_sym[1] && k->ne[1] < q->ne[1])
		return "causal attention needs at least as many positions as tokens";
	if (s[3])
		why = attention_mask(q, k, s[3]);
	if (!why && s[4] && !same(s[4], 0, q, 2))
		why = "there must be one sink for each of q's ne2 heads";
	return why ? why : attention_params(op, s[3]);
}

TERN_SHAPE(glu)
{
	if (op->i[0] < 0 || op->i[0] >= TERN_GLU_COUNT)
		return "the function (i[0]) is unknown";
	if (op->i[1] != 0 && op->i[1] != 1)
		return "swapped (i[1]) must be 0 or 1";
	if (op->i[0] >= TERN_GLU_SWIGLU_OAI && !(op->f[1] >= 0.0f))
		return "the limit (f[1]) must not be negative";
	if (!same(d, 1, s[0], 1) || !same(d, 2, s[0], 2) || !same(d, 3, s[0], 3))
		return "the destination must have s0's ne1, ne2 and ne3";
	if (s[1])
		return same_shape(s[0], s[1]) && same(d, 0, s[0], 0)
			       ? NULL
			       : "s0, s1 and the destination must have the same shape";
	if (s[0]->ne_sym[0] || d->ne_sym[0] || s[0]->ne[0] / 2 != d->ne[0])
		return "without s1, s0's ne0 must be twice the destination's, or that and one";
	return NULL;
}

/* One source, element by element. */
TERN_SHAPE(map)
{
	(void)op;
	return same_shape(d, s[0]) ? NULL : "the destination must have s0's shape";
}

TERN_SHAPE(unary)
{
	if (op->i[0] < 0 || op->i[0] >= TERN_UNARY_COUNT)
		return "the function (i[0]) is unknown";
	return tern_shape_map(op, s, d);
}

TERN_SHAPE(clamp)
{
	if (!(op->f[0] <= op->f[1]))
		return "the minimum (f[0]) must not be above the maximum (f[1])";
	return tern_shape_map(op, s, d);
}

TERN_SHAPE(binary)
{
	if (op->i[0] < 0 || op->i[0] >= TERN_BINARY_COUNT)
		return "the function (i[0]) is unknown";
	if (!repeats_to(s[1], s[0]))
		return "s1 must repeat to s0's shape";
	return tern_shape_map(op, s, d);
}

/* Equal for every value of the symbols: the product of constants and the symbols agree. */
static bool same_count(tensor_t a, tensor_t b)
{
	uint64_t na = 1, nb = 1;
	int left[256] = {0}, i;

	for (i = 0; i < 4; i++) {
		na *= a->ne_sym[i] ? 1 : (uint64_t)a->ne[i];
		nb *= b->ne_sym[i] ? 1 : (uint64_t)b->ne[i];
		left[a->ne_sym[i]]++;
		left[b->ne_sym[i]]--;
	}
	for (i = 0; i < 4; i++) {
		if ((a->ne_sym[i] && left[a->ne_sym[i]]) || (b->ne_sym[i] && left[b->ne_sym[i]]))
			return false;
	}
	return na == nb;
}

static bool is_small(tensor_t t)
{
	return t->type == TERN_I8 || t->type == TERN_I16;
}

static bool is_integer(tensor_t t)
{
	return is_small(t) || t->type == TERN_I32 || t->type == TERN_I64;
}

TERN_SHAPE(copy)
{
	bool sblock = tern_dtype_info(s[0]->type)->block, dblock = tern_dtype_info(d->type)->block;
	bool sint = is_integer(s[0]), dint = is_integer(d);

	(void)op;
	if (!same_shape(s[0], d) && !same_count(s[0], d))
		return "source and destination must have as many elements";
	if (s[0]->type != d->type && sblock && dblock)
		return "one block type cannot be copied to another: go through F32";
	if (s[0]->type != d->type && (is_small(s[0]) || is_small(d)))
		return "I8 and I16 are copied to their own type only";
	if ((sblock && dint) || (sint && dblock))
		return "integers and block types do not convert to each other: go through F32";
	return NULL;
}

TERN_SHAPE(concat)
{
	int i, dim = op->i[0];

	if (dim < 0 || dim > 3)
		return "the dimension (i[0]) must be 0 to 3";
	if (s[0]->type != d->type || s[1]->type != d->type)
		return "sources and destination must have the same type";
	for (i = 0; i < 4; i++) {
		if (i != dim && (!same(s[0], i, d, i) || !same(s[1], i, d, i)))
			return "sources and destination must agree in the other dimensions";
	}
	if (s[0]->ne_sym[dim] || s[1]->ne_sym[dim] || d->ne_sym[dim] ||
	    s[0]->ne[dim] + s[1]->ne[dim] != d->ne[dim])
		return "sizes along the dimension must add up, and cannot be symbolic";
	return NULL;
}

TERN_SHAPE(repeat)
{
	(void)op;
	if (s[0]->type != d->type)
		return "source and destination must have the same type";
	return repeats_to(s[0], d) ? NULL : "s0 must repeat to the destination's shape";
}

/* SUM_ROWS, MEAN. */
TERN_SHAPE(reduce)
{
	(void)op;
	if (!is_one(d, 0) || !same(d, 1, s[0], 1) || !same(d, 2, s[0], 2) || !same(d, 3, s[0], 3))
		return "the destination must be [1, s0's ne1, ne2, ne3]";
	return NULL;
}

TERN_SHAPE(argmax)
{
	(void)op;
	if (!same(d, 0, s[0], 1) || !same(d, 1, s[0], 2) || !same(d, 2, s[0], 3) || !is_one(d, 3))
		return "the destination must be [s0's ne1, ne2, ne3, 1]";
	return NULL;
}

TERN_SHAPE(top_k)
{
	(void)op;
	if (!same(d, 1, s[0], 1) || !same(d, 2, s[0], 2) || !same(d, 3, s[0], 3))
		return "the destination must have s0's ne1, ne2 and ne3";
	if (s[0]->ne_sym[0] || d->ne_sym[0] || d->ne[0] > s[0]->ne[0])
		return "k (the destination's ne0) must be fixed and at most s0's ne0";
	return NULL;
}

TERN_SHAPE(argsort)
{
	if (op->i[0] != 0 && op->i[0] != 1)
		return "the order (i[0]) must be 0 (ascending) or 1 (descending)";
	return tern_shape_map(op, s, d);
}

/* Experts are weights, whose shape is a model's; how many of them a token has, too. */
static bool fixed_but_tokens(tensor_t w, tensor_t ids)
{
	return !w->ne_sym[0] && !w->ne_sym[1] && !w->ne_sym[2] && !ids->ne_sym[0];
}

TERN_SHAPE(matmul_id)
{
	tensor_t w = s[0], x = s[1], ids = s[2];

	(void)op;
	if (!same(w, 0, x, 0))
		return "s0 and s1 must have the same ne0";
	if (!is_one(w, 3) || !is_one(x, 3) || !is_one(ids, 2) || !is_one(ids, 3))
		return "s0 and s1 must have three dimensions, s2 two";
	if (!divides(x, 1, ids, 0))
		return "s1's ne1 must divide s2's ne0";
	if (!same(x, 2, ids, 1))
		return "s1's ne2 and s2's ne1, the tokens, must be the same";
	if (!same(d, 0, w, 1) || !same(d, 1, ids, 0) || !same(d, 2, ids, 1) || !is_one(d, 3))
		return "the destination must be [s0's ne1, s2's ne0, ne1, 1]";
	return fixed_but_tokens(w, ids) ? NULL : "only the tokens may be symbolic";
}

TERN_SHAPE(add_id)
{
	tensor_t b = s[1], ids = s[2];

	(void)op;
	if (!same_shape(d, s[0]))
		return "the destination must have s0's shape";
	if (!same(b, 0, d, 0))
		return "s0 and s1 must have the same ne0";
	if (!is_one(b, 2) || !is_one(b, 3) || !is_one(ids, 2) || !is_one(ids, 3) || !is_one(d, 3))
		return "s1 and s2 must have two dimensions, s0 three";
	if (!same(ids, 0, d, 1) || !same(ids, 1, d, 2))
		return "s2 must have an index for each row of s0";
	return NULL;
}
