// SPDX-License-Identifier: MIT
/* Bounds of every operator but those that multiply matrices. */
#include "support/judge.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool judge_is_block(enum tern_dtype type)
{
	return ref_type(type)->elems > 1;
}

static bool is_integer(enum tern_dtype type)
{
	return type == TERN_I8 || type == TERN_I16 || type == TERN_I32 || type == TERN_I64;
}

bool judge_finite(double v)
{
	return fabs(v) <= (double)FLT_MAX;
}

double judge_size(double v)
{
	return fmin(fabs(v), 0x1p256);
}

double judge_peak(const struct ref_tensor *t)
{
	double peak = 0;

	for (int64_t i = 0; t->v && i < ref_count(t->ne); i++) {
		if (!judge_finite(t->v[i]))
			return INFINITY;
		peak = fmax(peak, fabs(t->v[i]));
	}
	return peak;
}

static void anything(struct judge_case *c)
{
	for (int64_t i = 0; i < ref_count(c->want.ne); i++)
		c->off[i] = INFINITY;
}

/* ---- movement --------------------------------------------------------------------------- */

/* Moved as it is, or converted the one way there is: to integers towards zero. A block may go
 * through binary32, which rounds what is not one. */
static void judge_move(struct judge_case *c)
{
	bool cut = is_integer(c->dtype) && !is_integer(c->type[0]);

	for (int64_t i = 0; i < ref_count(c->want.ne); i++) {
		double w = judge_size(c->want.v[i]);

		if (judge_is_block(c->type[0]) && c->type[0] != c->dtype)
			c->off[i] = w * 0x1p-23;
		if (cut)
			c->want.v[i] = trunc(c->want.v[i]);
		if (c->type[0] == TERN_I64 && w > 0x1p24) /* through binary32 or not */
			c->off[i] = w * 0x1p-23;
		if (c->type[0] != c->dtype && is_integer(c->dtype) && !(w < 0x1p31))
			c->off[i] = INFINITY;
	}
}

/* Encoders are exact functions of finite numbers, one block at a time. */
static void judge_encoded(struct judge_case *c)
{
	judge_move(c);
	if (!judge_is_block(c->dtype) || c->dtype == c->type[0])
		return;
	/* a difference of two, and of IQ4_NL a sum of 32 cubes times 113 */
	if (!(judge_peak(&c->src[0]) < (c->dtype == TERN_IQ4_NL ? 1e11 : 1e38)))
		anything(c);
}

/* ---- elements --------------------------------------------------------------------------- */

static double off_unary(int fn, double x, double want)
{
	double w = judge_size(want), a = fabs(x);

	switch (fn) {
	case TERN_EXP:
	case TERN_EXPM1:
		/* from 128 on it is 0 or infinite */
		return w * (JUDGE_MANY + fmin(a, 128) * JUDGE_FEW) + JUDGE_FEW * (fn == TERN_EXPM1);
	case TERN_SIN:
	case TERN_COS:
		return JUDGE_MANY;
	case TERN_LOG:
		return w * JUDGE_FEW + JUDGE_FEW;
	case TERN_ABS:
	case TERN_SGN:
	case TERN_NEG:
	case TERN_STEP:
	case TERN_RELU:
	case TERN_FLOOR:
	case TERN_CEIL:
	case TERN_ROUND:
	case TERN_TRUNC:
		return 0;
	case TERN_SQR:
	case TERN_SQRT:
		return w * JUDGE_FEW;
	default: /* sigmoids times x */
		return w * JUDGE_MANY + JUDGE_FEW * fmin(1 + a, 20);
	}
}

/* Of functions with parameters: one product, or all terms, which may cancel. */
static double off_terms(const struct tern_op_desc *op, double x)
{
	const double a = judge_size(x), f0 = fabs((double)op->f[0]), f1 = fabs((double)op->f[1]),
		     f2 = fabs((double)op->f[2]);

	if (op->i[0] == TERN_LEAKY_RELU)
		return f0 * a * JUDGE_FEW;
	return (f0 * (1 + a) + f1 * a * a + f2 * a) * JUDGE_MANY;
}

/* Terms of XIELU that are more than binary32 has, and may cancel. */
static bool terms_end(const struct tern_op_desc *op, double x)
{
	return op->i[0] == TERN_XIELU && !judge_finite(off_terms(op, x) / JUDGE_MANY);
}

/* Of a NaN, or of an infinity where its formula has no limit, a function may make anything. */
static bool no_limit(double x, double want)
{
	return isnan(x) || (isinf(x) && isnan(want));
}

static void judge_unary(struct judge_case *c)
{
	bool terms = c->op->i[0] == TERN_LEAKY_RELU || c->op->i[0] == TERN_XIELU;

	for (int64_t i = 0; i < ref_count(c->want.ne); i++) {
		double x = c->src[0].v[i];

		c->off[i] = no_limit(x, c->want.v[i]) ? INFINITY
			    : terms		      ? off_terms(c->op, x)
						      : off_unary(c->op->i[0], x, c->want.v[i]);
		c->ends[i] = terms_end(c->op, x);
	}
}

static void judge_scale(struct judge_case *c)
{
	for (int64_t i = 0; i < ref_count(c->want.ne); i++)
		c->off[i] = JUDGE_FEW * (judge_size(c->src[0].v[i] * (double)c->op->f[0]) +
					 fabs((double)c->op->f[1]));
}

/* Which of two is taken where one of them is a NaN, is open. */
static void judge_clamp(struct judge_case *c)
{
	for (int64_t i = 0; i < ref_count(c->want.ne); i++)
		if (isnan(c->src[0].v[i]))
			c->off[i] = INFINITY;
}

static void judge_binary(struct judge_case *c)
{
	for (int64_t i = 0; i < ref_count(c->want.ne); i++)
		c->off[i] = judge_size(c->want.v[i]) * JUDGE_FEW;
}

/* A function's bound times its factor, and the sum that the factor may be. */
static double off_glu(double gate, double up, double one, double want)
{
	if (no_limit(gate, want) || no_limit(up, want))
		return INFINITY;
	return judge_size(want) * JUDGE_MANY +
	       judge_size((fmin(1 + fabs(gate), 20) + one * fabs(gate)) * (fabs(up) + one)) *
		       JUDGE_FEW;
}

static void judge_glu(struct judge_case *c)
{
	const struct ref_tensor *s = c->src;
	bool halves = !s[1].v, swapped = halves && c->op->i[1];
	int64_t n = c->want.ne[0], one = c->op->i[0] == TERN_GLU_SWIGLU_OAI; /* up + 1 */

	REF_EACH(i, c->want.ne)
	{
		double gate = *ref_at(s, i[0] + (swapped ? n : 0), i[1], i[2], i[3]);
		double up = halves ? *ref_at(s, i[0] + (swapped ? 0 : n), i[1], i[2], i[3])
				   : *ref_at(&s[1], i[0], i[1], i[2], i[3]);
		int64_t at = ref_at(&c->want, i[0], i[1], i[2], i[3]) - c->want.v;

		c->off[at] = off_glu(gate, up, (double)one, c->want.v[at]);
		/* what is next to nothing may be 0, and times infinity NaN */
		c->ends[at] = !isfinite(up) && isinf(c->want.v[at]);
	}
}

/* ---- selection -------------------------------------------------------------------------- */

/* The index of the first maximum; a row with a NaN has none that all agree on. */
static void judge_argmax(struct judge_case *c)
{
	int64_t n = c->src[0].ne[0];

	for (int64_t i = 0; i < ref_count(c->src[0].ne); i++)
		if (isnan(c->src[0].v[i]))
			c->off[i / n] = INFINITY;
}

/* Of equal elements either may come first, so that numbers are compared by judge_result(). */
static void judge_sort(struct judge_case *c)
{
	int64_t n = c->src[0].ne[0], d = c->want.ne[0];

	for (int64_t i = 0; i < ref_count(c->src[0].ne); i++)
		for (int64_t k = 0; k < d && isnan(c->src[0].v[i]); k++)
			c->off[i / n * d + k] = INFINITY;
}

/* Distinct indices of the same numbers in the same order. */
static bool sorted(const struct judge_case *c, const struct ref_tensor *got, int64_t at)
{
	int64_t n = c->src[0].ne[0], d = c->want.ne[0];
	const double *row = c->src[0].v + at / d * n;
	double index = got->v[at];

	if (index == c->want.v[at] || c->off[at] == INFINITY)
		return true;
	if (!(index >= 0 && index < (double)n &&
	      row[(int64_t)index] == row[(int64_t)c->want.v[at]]))
		return false;
	for (int64_t k = at / d * d; k < at / d * d + d; k++)
		if (k != at && got->v[k] == index)
			return false;
	return true;
}

/* ---- dispatch --------------------------------------------------------------------------- */

static const judge_fn table[TERN_OP_COUNT] = {
	[TERN_MATMUL] = judge_matmul,
	[TERN_GET_ROWS] = judge_move,
	[TERN_SET_ROWS] = judge_encoded,
	[TERN_RMS_NORM] = judge_norm,
	[TERN_NORM] = judge_norm,
	[TERN_L2_NORM] = judge_norm,
	[TERN_ROPE] = judge_rope,
	[TERN_SOFT_MAX] = judge_soft_max,
	[TERN_ATTENTION] = judge_attention,
	[TERN_GLU] = judge_glu,
	[TERN_UNARY] = judge_unary,
	[TERN_BINARY] = judge_binary,
	[TERN_SCALE] = judge_scale,
	[TERN_CLAMP] = judge_clamp,
	[TERN_COPY] = judge_encoded,
	[TERN_CONCAT] = judge_move,
	[TERN_REPEAT] = judge_move,
	[TERN_SUM_ROWS] = judge_sum,
	[TERN_MEAN] = judge_sum,
	[TERN_ARGMAX] = judge_argmax,
	[TERN_TOP_K] = judge_sort,
	[TERN_ARGSORT] = judge_sort,
	[TERN_MATMUL_ID] = judge_matmul_id,
	[TERN_ADD_ID] = judge_binary,
};

static bool parameters_finite(const struct tern_op_desc *op)
{
	for (int k = 0; k < 6; k++)
		if (!(fabsf(op->f[k]) < 1e20f))
			return false;
	return true;
}

/* Blocks that were written, as encoders of ggml make them. Encoding is no projection, so those
 * that were not written stay. */
static void encode(struct judge_case *c, const double *before)
{
	const struct ref_type *t = ref_type(c->dtype);
	size_t bytes = (size_t)t->elems * sizeof(double);
	unsigned char block[512];

	for (int64_t i = 0; i < ref_count(c->want.ne); i += t->elems) {
		if (c->off[i] == INFINITY ||
		    (c->op->op == TERN_SET_ROWS && !memcmp(before + i, c->want.v + i, bytes)))
			continue;
		ref_encode(c->dtype, c->want.v + i, block, t->elems);
		ref_decode(c->dtype, block, c->want.v + i, t->elems);
	}
}

void judge_prepare(struct judge_case *c)
{
	struct ref_tensor before = ref_alloc(c->want.ne);

	c->off = calloc((size_t)ref_count(c->want.ne) + 1, sizeof(double));
	c->ends = calloc((size_t)ref_count(c->want.ne) + 1, sizeof(bool));
	if (!c->off || !c->ends)
		abort();
	memcpy(before.v, c->want.v, (size_t)ref_count(before.ne) * sizeof(double));
	ref_run(c->op, c->src, &c->want);
	table[c->op->op](c);
	if (!parameters_finite(c->op))
		anything(c);
	if (judge_is_block(c->dtype) && c->dtype != c->type[0])
		encode(c, before.v);
	ref_free(&before);
}

void judge_free(struct judge_case *c)
{
	ref_free(&c->want);
	free(c->off);
	free(c->ends);
}

/* What a destination holds of it: by way of binary32, as every result; beyond its range an infinity. */
static double rounded(enum tern_dtype type, double v)
{
	unsigned char bytes[4];

	if (judge_is_block(type) || is_integer(type))
		return v;
	ref_encode(type, &v, bytes, 1);
	ref_decode(type, bytes, &v, 1);
	return v;
}

/*
 * Rounding keeps order, so a result lies between what the ends of its bound round to. A finite one
 * is right where the reference is beyond the range only if the bound reaches into the range.
 */
static bool close_enough(const struct judge_case *c, double want, double off, double got)
{
	if (want == got || off == INFINITY)
		return true;
	if (isnan(want))
		return isnan(got);
	if (off > 0 && !is_integer(c->dtype))
		off += JUDGE_STEP;
	return rounded(c->dtype, want - off) <= got && got <= rounded(c->dtype, want + off);
}

int64_t judge_result(const struct judge_case *c, const struct ref_tensor *got)
{
	bool sort = c->op->op == TERN_TOP_K || c->op->op == TERN_ARGSORT;

	for (int64_t i = 0; i < ref_count(c->want.ne); i++) {
		if (c->ends && c->ends[i] && !isfinite(got->v[i]))
			continue;
		if (sort ? !sorted(c, got, i)
			 : !close_enough(c, c->want.v[i], c->off[i], got->v[i]))
			return i;
	}
	return -1;
}
