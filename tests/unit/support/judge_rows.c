// SPDX-License-Identifier: MIT
/* Bounds of operators that fold a row. */
#include "support/judge.h"

#include <float.h>
#include <math.h>

/* A bound for each row, from the row itself, and whether results of it may be infinite or NaN. */
static void each_row(struct judge_case *c, double (*off)(const struct judge_case *c,
							 const double *row, int64_t n, bool *ends))
{
	int64_t n = c->src[0].ne[0], d = c->want.ne[0];

	for (int64_t r = 0; r < ref_count(c->want.ne) / d; r++) {
		bool ends = false;
		double most = off(c, c->src[0].v + r * n, n, &ends);

		for (int64_t i = 0; i < d; i++) {
			c->off[r * d + i] = isfinite(most) ? most : INFINITY;
			c->ends[r * d + i] = ends;
		}
	}
}

/* In binary32, n squares of what is up to twice the peak do not overflow, nor those that make up the
 * root vanish. */
static bool squares(double peak, double root, int64_t n)
{
	return 4 * peak * peak * (double)n * (1 + JUDGE_MANY) < (double)FLT_MAX && root > 0x1p-60;
}

/* The largest of those that are finite. */
static double finite_peak(const struct ref_tensor *t)
{
	double peak = 0;

	for (int64_t i = 0; i < ref_count(t->ne); i++)
		peak = judge_finite(t->v[i]) ? fmax(peak, fabs(t->v[i])) : peak;
	return peak;
}

static double off_norm(const struct judge_case *c, const double *row, int64_t n, bool *ends)
{
	double peak = 0, mean = 0, sum = 0, root, subnormal, eps = (double)c->op->f[0];
	double w = c->src[1].v ? finite_peak(&c->src[1]) : 1;
	double b = c->src[2].v ? finite_peak(&c->src[2]) : 0;

	(void)ends;
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
	if (!squares(peak, root, n) || (mean != 0 && root < peak * 1e-3))
		return INFINITY;
	/* what is rounded to a subnormal, and then made large: the mean, the number before its weight */
	subnormal = 0x1p-149 * (c->op->op == TERN_NORM ? 1 + 1 / root : 1);
	return (peak / root * w + b) * JUDGE_MANY * (mean != 0 ? fmax(1, peak / root) : 1) +
	       subnormal * w;
}

/* What an infinite weight or bias makes infinite may as well be NaN: by what it multiplies. */
void judge_norm(struct judge_case *c)
{
	each_row(c, off_norm);
	for (int64_t i = 0; i < ref_count(c->want.ne); i++)
		c->ends[i] |= !isfinite(c->want.v[i]);
}

static double off_sum(const struct judge_case *c, const double *row, int64_t n, bool *ends)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += fabs(row[i]);
	*ends = !(sum * (1 + JUDGE_MANY) <= (double)FLT_MAX); /* parts of it may be more */
	return judge_size(sum) * JUDGE_MANY / (c->op->op == TERN_MEAN ? (double)n : 1);
}

void judge_sum(struct judge_case *c)
{
	each_row(c, off_sum);
}

/* Whatever the scores are, unless they are infinite or NaN, a result is from 0 to 1. */
static double off_soft_max(const struct judge_case *c, const double *row, int64_t n, bool *ends)
{
	double peak = c->src[2].v ? judge_peak(&c->src[2]) : 0, mask = 0;

	for (int64_t i = 0; i < n; i++)
		peak = fmax(peak, fabs(row[i] * (double)c->op->f[0]));
	for (int64_t i = 0; c->src[1].v && i < ref_count(c->src[1].ne); i++)
		if (c->src[1].v[i] != -INFINITY)
			mask = fmax(mask, fabs(c->src[1].v[i]));
	*ends = !judge_finite(peak + mask);
	peak = fmax(peak, mask);
	return peak < 1e3 ? JUDGE_MANY + peak * JUDGE_FEW : 1;
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

/* Interpolated by a share of no more than 1 an angle becomes no larger. */
static double rope_angle(const struct judge_case *c)
{
	const struct tern_op_desc *op = c->op;
	/* of vision, whose pairs are as many as its dims, rates rise with the square */
	double power = op->i[TERN_ROPE_I_MODE] == 24 ? -2 : -1;
	double angle = judge_peak(&c->src[1]), ext = (double)op->f[TERN_ROPE_F_EXT];

	for (int64_t i = 0; c->src[2].v && i < c->src[2].ne[0]; i++)
		angle = fmax(angle, judge_peak(&c->src[1]) / fabs(c->src[2].v[i]));
	angle *= fmax(1, fabs((double)op->f[TERN_ROPE_F_SCALE]));
	angle *= fmax(1, pow((double)op->f[TERN_ROPE_F_BASE], power));
	return ext >= 0 && ext <= 1 ? angle : angle * (1 + 2 * fabs(ext));
}

/* By whatever angle a pair is turned, it becomes no longer than sqrt(2) times the larger of the two,
 * so two results are less than 3 of these apart. */
static double off_rope(const struct judge_case *c, const double *row, int64_t n, bool *ends)
{
	double angle = rope_angle(c), peak = 0;

	for (int64_t i = 0; i < n; i++)
		peak = judge_finite(row[i]) ? fmax(peak, fabs(row[i])) : peak;
	*ends = !judge_finite(angle);
	return (angle < 1e4 ? JUDGE_MANY + angle * JUDGE_FEW : 3) * peak *
	       fmax(1, rope_size(c->op));
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
				c->off[r + i] = c->ends[r + i] = 0;
			else
				c->ends[r + i] |= products_end(c, c->src[0].v + r, i);
		}
	}
}
