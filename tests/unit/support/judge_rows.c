// SPDX-License-Identifier: MIT
/* Bounds of operators that fold a row. */
#include "support/judge.h"

#include <float.h>
#include <math.h>

/* A bound for each row, from the row itself. */
static void each_row(struct judge_case *c,
		     double (*off)(const struct judge_case *c, const double *row, int64_t n))
{
	int64_t n = c->src[0].ne[0], d = c->want.ne[0];

	for (int64_t r = 0; r < ref_count(c->want.ne) / d; r++) {
		double most = off(c, c->src[0].v + r * n, n);

		for (int64_t i = 0; i < d; i++)
			c->off[r * d + i] = isfinite(most) ? most : INFINITY;
	}
}

/* In binary32, squares of these neither vanish nor overflow. */
static bool squares(double peak, double root)
{
	return peak < 1e15 && root > 1e-15;
}

static double off_norm(const struct judge_case *c, const double *row, int64_t n)
{
	double peak = 0, mean = 0, sum = 0, root, subnormal, eps = (double)c->op->f[0];
	double w = c->src[1].v ? judge_peak(&c->src[1]) : 1;
	double b = c->src[2].v ? judge_peak(&c->src[2]) : 0;

	for (int64_t i = 0; i < n; i++) {
		peak = fmax(peak, fabs(row[i]));
		mean += row[i] / (double)n;
	}
	if (!isfinite(mean))
		return INFINITY;
	mean = c->op->op == TERN_NORM ? mean : 0;
	for (int64_t i = 0; i < n; i++)
		sum += (row[i] - mean) * (row[i] - mean);
	root = c->op->op == TERN_L2_NORM ? fmax(sqrt(sum), eps) : sqrt(sum / (double)n + eps);
	/* what is left of a row of equal numbers is its rounding */
	if (!squares(peak, root) || (mean != 0 && root < peak * 1e-3))
		return INFINITY;
	/* what is rounded to a subnormal, and then made large: the mean, the number before its weight */
	subnormal = 0x1p-149 * (c->op->op == TERN_NORM ? 1 + 1 / root : 1);
	return (peak / root * w + b) * JUDGE_MANY * (mean != 0 ? fmax(1, peak / root) : 1) +
	       subnormal * w;
}

void judge_norm(struct judge_case *c)
{
	each_row(c, off_norm);
}

static double off_sum(const struct judge_case *c, const double *row, int64_t n)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += fabs(row[i]);
	if (!(sum < 1e38)) /* in binary32, parts of it may overflow */
		return INFINITY;
	return sum * JUDGE_MANY / (c->op->op == TERN_MEAN ? (double)n : 1);
}

void judge_sum(struct judge_case *c)
{
	each_row(c, off_sum);
}

static double off_soft_max(const struct judge_case *c, const double *row, int64_t n)
{
	double peak = c->src[2].v ? judge_peak(&c->src[2]) : 0;

	for (int64_t i = 0; i < n; i++)
		peak = fmax(peak, fabs(row[i] * (double)c->op->f[0]));
	for (int64_t i = 0; c->src[1].v && i < ref_count(c->src[1].ne); i++)
		if (c->src[1].v[i] != -INFINITY)
			peak = fmax(peak, fabs(c->src[1].v[i]));
	return peak < 1e3 ? JUDGE_MANY + peak * JUDGE_FEW : INFINITY;
}

void judge_soft_max(struct judge_case *c)
{
	each_row(c, off_soft_max);
}

/* What the cosines and sines are multiplied by. */
static double rope_size(const struct tern_op_desc *op)
{
	double size = fabs((double)op->f[TERN_ROPE_F_ATTN]);

	if (op->f[TERN_ROPE_F_EXT] != 0)
		size *= 1 + 0.1 * fabs(log(fabs((double)op->f[TERN_ROPE_F_SCALE])));
	return size;
}

static double off_rope(const struct judge_case *c, const double *row, int64_t n)
{
	const struct tern_op_desc *op = c->op;
	double angle = judge_peak(&c->src[1]), peak = 0, size = rope_size(op);

	for (int64_t i = 0; c->src[2].v && i < c->src[2].ne[0]; i++)
		angle = fmax(angle, judge_peak(&c->src[1]) / fabs(c->src[2].v[i]));
	angle *= fmax(1, fabs((double)op->f[TERN_ROPE_F_SCALE]));
	angle *= fmax(1, 1 / (double)op->f[TERN_ROPE_F_BASE]);
	for (int64_t i = 0; i < n; i++)
		peak = fabs(row[i]) <= (double)FLT_MAX ? fmax(peak, fabs(row[i])) : peak;
	return angle < 1e4 ? (JUDGE_MANY + angle * JUDGE_FEW) * peak * fmax(1, size) : INFINITY;
}

/* With which number i is rotated. */
static int64_t partner(const int32_t *p, int64_t i)
{
	int64_t first = p[TERN_ROPE_I_OFFSET], pairs = p[TERN_ROPE_I_DIMS];

	if (p[TERN_ROPE_I_MODE] == 0)
		return first + ((i - first) ^ 1);
	if (p[TERN_ROPE_I_MODE] != 24)
		pairs /= 2;
	return i < first + pairs ? i + pairs : i - pairs;
}

/* A rotation's two products may be more than binary32 has, though they cancel. */
static bool products_end(const struct judge_case *c, const double *row, int64_t i)
{
	double peak = fmax(fabs(row[i]), fabs(row[partner(c->op->i, i)]));

	return peak * fmax(1, rope_size(c->op)) > (double)FLT_MAX;
}

/* What is not rotated is moved, whatever the angles are. */
void judge_rope(struct judge_case *c)
{
	const int32_t *p = c->op->i;
	int64_t n = c->want.ne[0], first = p[TERN_ROPE_I_OFFSET];
	int64_t end = first + p[TERN_ROPE_I_DIMS] * (p[TERN_ROPE_I_MODE] == 24 ? 2 : 1);

	each_row(c, off_rope);
	for (int64_t r = 0; r < ref_count(c->want.ne); r += n) {
		for (int64_t i = 0; i < n; i++) {
			if (i < first || i >= end)
				c->off[r + i] = 0;
			else
				c->ends[r + i] = products_end(c, c->src[0].v + r, i);
		}
	}
}
