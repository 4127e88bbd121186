// SPDX-License-Identifier: MIT
/*
 * Bounds of MATMUL, MATMUL_ID and ATTENTION. Activations become what the weights are: binary16,
 * bfloat16 or int8 with the peak of 32 as scale. The bound is the sum over k of |w| times the
 * error of x, as if all errors had one sign.
 */
#include "support/judge.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { GROUP = 32 };

/* Relative error of an operand of that type, its smallest step, the first number that rounds to
 * infinity: half a step above the largest. Operands of F32 are as they are. */
static const struct kind {
	double rel, step, top;
} plain_kinds[] = {
	[TERN_F32] = {0x1p-22, 0, INFINITY},
	[TERN_F16] = {0x1p-11, 0x1p-25, 65520},
	[TERN_BF16] = {0x1p-8, 0x1p-134, 0x1.ffp127},
};
/* An int8 step is 1/127 of the peak: half of it, and of the scale, which has 11 bits, the rest. */
static const double block_step = 1.0001 / 254 + 0x1.01p-11;

/*
 * Where binary32 ends, three things of "Activations" and "MATRIX" in uapi/tern/README.md have an
 * absolute size. Below 127 / FLT_MAX the inverse of the peak is infinite, and every number but 0
 * becomes the peak. A scale without its 13 low bits is a multiple of 2^-136, 127 of which are the
 * peak. And a group's products of integers, at most 32 * 127 * 128 with the minimum's beside them,
 * are multiplied by a scale that was rounded to a multiple of 2^-149.
 */
static const double inverse_overflows = 0x1.fcp-122, scale_step = 127 * 0x1.01p-137,
		    group_step = 0x1p19 * 0x1p-150;

/* How far an activation may be from what is multiplied in its place. */
static double off_activation(double peak)
{
	return (peak <= inverse_overflows ? peak : peak * block_step) + scale_step;
}

/* Everything in binary32 that follows: n terms one after the other. */
static double summing(int64_t n)
{
	return 0x1p-21 + 0x1p-24 * sqrt((double)n) * 4;
}

static const struct kind *plain(enum tern_dtype type)
{
	return judge_is_block(type) ? NULL : &plain_kinds[type];
}

/*
 * sw * sa is rounded by itself, and may be infinite where all it is multiplied by is 0. Weights of
 * MXFP4 are whole multiples of sw; other types have f16 times at most 128.
 */
static bool scales_end(enum tern_dtype type, const double *w, double peak, int64_t n)
{
	double sw = type == TERN_MXFP4 ? 0x1p127 : 0x1p23;

	for (int64_t i = 0; i < n; i++)
		if (type == TERN_MXFP4 && w[i] != 0)
			sw = fmin(sw, fabs(w[i]));
	return sw * peak * (0x1.01p0 / 127) > (double)FLT_MAX;
}

/* Weights of a block with a minimum are differences, so what is multiplied may be larger than
 * they are: by as much as they span. */
static double off_group(enum tern_dtype type, const double *w, const double *x, int64_t n,
			bool *ends)
{
	double peak = 0, lo = w[0], hi = w[0], all = 0;

	for (int64_t i = 0; i < n; i++) {
		peak = fmax(peak, fabs(x[i]));
		lo = fmin(lo, w[i]);
		hi = fmax(hi, w[i]);
		all += fabs(w[i]);
	}
	if (peak == 0)
		return 0;
	*ends |= scales_end(type, w, peak, n);
	return (all + (double)n * (hi - lo)) * off_activation(peak) + group_step;
}

/*
 * What an element of the sum may be at most for a weight of magnitude w: of types that have a
 * minimum the two may cancel, and are f16 times 63 times 31, and f16 times 63. Activations of a
 * group add up to more when each that is not 0 is a half of 1/127 of the peak too large.
 */
static double weight_peak(enum tern_dtype type, double w)
{
	bool minimum = type == TERN_Q4_1 || type == TERN_Q5_1 || type == TERN_Q2_K ||
		       type == TERN_Q4_K || type == TERN_Q5_K;

	return minimum ? 0x1p16 * 63 * (31 + 1) * (1 + GROUP * block_step) : w;
}

/*
 * How far a dot product of n elements may be off; becomes `ends` true, it may be infinite or NaN,
 * too: where an operand is infinite or becomes so, or where a sum of some terms may be more than
 * binary32 has. Nothing finite comes back from there, so what is finite has its bound.
 */
static double off_dot(enum tern_dtype type, const double *w, const double *x, int64_t n, bool *ends)
{
	const struct kind *kind = plain(type);
	double off = 0, all = 0, most = 0;

	for (int64_t k = 0; k < n; k++) {
		double a = fabs(x[k]), b = fabs(w[k]);

		all += a * b;
		most += a * weight_peak(type, b);
		*ends |= kind && !(a < kind->top);
		if (kind)
			off += b * (a * kind->rel + kind->step);
		else if (k % GROUP == 0)
			off += off_group(type, w + k, x + k, n - k < GROUP ? n - k : GROUP, ends);
	}
	off += all * summing(n) + (double)n * 0x1p-150;
	*ends |= !(most + off <= (double)FLT_MAX);
	return judge_size(off);
}

void judge_matmul(struct judge_case *c)
{
	const struct ref_tensor *w = &c->src[0], *x = &c->src[1];
	const int64_t r2 = x->ne[2] / w->ne[2], r3 = x->ne[3] / w->ne[3];

	REF_EACH(i, c->want.ne)
	{
		int64_t at = ref_at(&c->want, i[0], i[1], i[2], i[3]) - c->want.v;

		c->off[at] = off_dot(c->type[0], ref_at(w, 0, i[0], i[2] / r2, i[3] / r3),
				     ref_at(x, 0, i[1], i[2], i[3]), w->ne[0], &c->ends[at]);
	}
}

void judge_matmul_id(struct judge_case *c)
{
	const struct ref_tensor *w = &c->src[0], *x = &c->src[1], *ids = &c->src[2];

	REF_EACH(i, c->want.ne)
	{
		int64_t at = ref_at(&c->want, i[0], i[1], i[2], 0) - c->want.v;
		int64_t expert = (int64_t)*ref_at(ids, i[1], i[2], 0, 0);

		c->off[at] =
			off_dot(c->type[0], ref_at(w, 0, i[0], expert, 0),
				ref_at(x, 0, i[1] % x->ne[1], i[2], 0), w->ne[0], &c->ends[at]);
	}
}

/* ---- attention -------------------------------------------------------------------------- */

/* Keys and values of blocks become F16; MXFP4, whose scales F16 has not the range for, BF16. */
static const struct kind *cached(enum tern_dtype type)
{
	return judge_is_block(type) ? &plain_kinds[type == TERN_MXFP4 ? TERN_BF16 : TERN_F16]
				    : plain(type);
}

/* The largest number that becomes one in the cache's type. */
static double top_cached(enum tern_dtype type)
{
	return cached(type) == &plain_kinds[TERN_F16] ? 65504 : (double)FLT_MAX;
}

/*
 * How far a score may be off, the mask apart; INFINITY: it may be infinite or NaN. What is rounded
 * to the keys' type is the query times its scale, over the cap if there is one; and the key, if it
 * is of a block.
 */
static double off_key(const struct judge_case *c, const double *k, const double *x, int64_t n)
{
	const double scale = fabs((double)c->op->f[TERN_ATTENTION_F_SCALE]);
	const double cap = fabs((double)c->op->f[TERN_ATTENTION_F_SOFTCAP]);
	const double unit = cap > 0 ? cap : 1, top = top_cached(c->type[1]);
	const double step = cached(c->type[1])->step;
	bool ends = false;
	double off = off_dot(c->type[1], k, x, n, &ends) * scale, all = 0;

	for (int64_t i = 0; i < n; i++) {
		double a = fabs(x[i]) * scale, b = fabs(k[i]);

		ends |= a > top * unit || b > top;
		off += b * step * unit + (judge_is_block(c->type[1]) ? a * step : 0);
		all += a * b / fmin(unit, 1);
	}
	return ends || all + off > (double)FLT_MAX ? INFINITY : off;
}

/* The largest error a score of this query can have. */
static double off_score(const struct judge_case *c, const int64_t q[4])
{
	const struct ref_tensor *s = c->src, *k = &s[1];
	const int64_t h = q[2] / (s[0].ne[2] / k->ne[2]), b = q[3] / (s[0].ne[3] / k->ne[3]);
	const double *x = ref_at(&s[0], 0, q[1], q[2], q[3]);
	double most = 0, off;

	for (int64_t p = 0; p < k->ne[1]; p++) {
		off = off_key(c, ref_at(k, 0, p, h, b), x, k->ne[0]);
		most = fmax(most, off);
	}
	return most;
}

/* Queries are scaled before they are multiplied, and divided by the cap. */
static bool range_ok(const struct judge_case *c)
{
	double scale = fabs((double)c->op->f[TERN_ATTENTION_F_SCALE]);
	double cap = fabs((double)c->op->f[TERN_ATTENTION_F_SOFTCAP]);
	double peak = judge_peak(&c->src[0]);

	if (cap > 0 && !judge_finite(scale / cap))
		return false;
	if (!isfinite(judge_peak(&c->src[1])))
		return false;
	if (c->src[4].v && judge_peak(&c->src[4]) > 100)
		return false;
	for (int64_t i = 0; c->src[3].v && i < ref_count(c->src[3].ne); i++)
		if (c->src[3].v[i] != -INFINITY && !(fabs(c->src[3].v[i]) < 1e3))
			return false;
	return peak < 1e4 && (scale == 0 || (scale < 1e3 && scale > 1e-4));
}

/* Probabilities become what the values are; of blocks in groups of positions. */
static double off_weighting(enum tern_dtype type, int64_t n)
{
	const struct kind *kind = plain(type);

	if (!kind)
		return (double)n * block_step * 2;
	return 2 * kind->rel + (double)n * kind->step + summing(n);
}

/*
 * Weights are at most 1 and divided by their sum last, so binary32 may end before: where all values
 * of a column together are more than it has, or one is more than its type in the cache has.
 */
static bool values_end(const struct judge_case *c, int64_t i, int64_t h, int64_t b, double *peak)
{
	const struct ref_tensor *v = &c->src[2];
	double sum = 0;

	*peak = 0;
	for (int64_t p = 0; p < v->ne[1]; p++) {
		double a = fabs(*ref_at(v, i, p, h, b));

		sum += a;
		*peak = judge_finite(a) ? fmax(*peak, a) : INFINITY;
	}
	return *peak > top_cached(c->type[2]) ||
	       sum * (1 + off_weighting(c->type[2], v->ne[1])) > (double)FLT_MAX;
}

/*
 * Whatever the scores are, unless one of them is infinite or NaN, a result is a mean of values, or
 * 0: no further from any other such mean than twice the largest. A value that is infinite may be
 * left out where its weight is 0.
 */
void judge_attention(struct judge_case *c)
{
	const struct ref_tensor *s = c->src;
	const double mask = 0x1p-20 * 1e2;
	const bool ok = range_ok(c);

	REF_EACH_ROW(q, s[0].ne)
	{
		const int64_t h = q[2] / (s[0].ne[2] / s[2].ne[2]);
		const int64_t b = q[3] / (s[0].ne[3] / s[2].ne[3]);
		double off = ok ? off_score(c, q) + mask * (s[3].v || s[4].v) : INFINITY;
		double each = off < 0.3 ? 2 * expm1(2 * off) : 2, n = (double)s[1].ne[1];

		each += off_weighting(c->type[2], s[1].ne[1]) + 0x1p-17;
		for (int64_t i = 0; i < c->want.ne[0]; i++) {
			int64_t at = ref_at(&c->want, i, q[2], q[1], q[3]) - c->want.v;
			double peak;

			c->ends[at] = values_end(c, i, h, b, &peak) || off == INFINITY;
			c->off[at] = peak * each + n * 0x1p-149; /* products may be subnormal */
		}
	}
}
