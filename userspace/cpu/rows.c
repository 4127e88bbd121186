// SPDX-License-Identifier: MIT
/* Operators that look at whole rows: norms, rotation, soft-max. */
#include "kernels.h"
#include "vec.h"

#include <math.h>
#include <string.h>

#include "graph/rope.h"

/* Elements of one share of a loop over rows. */
#define SHARE 8192

struct rows {
	struct tern_cpu *cpu;
	const struct tern_cpu_op *op;
	struct tern_scratch scratch;
	double *rate; /* ROPE: angle per position, of each pair */
	double most;  /* ROPE: the largest magnitude of these */
	float size;   /* ROPE: what cos and sin are multiplied by */
};

static int64_t grain_of(int64_t n)
{
	return n < SHARE ? (SHARE + n - 1) / n : 1;
}

/* ---- norms ---------------------------------------------------------------------------- */
static int check_factor(const struct tern_cpu_op *op, int i)
{
	if (op->src[i].data && !tern_repeats(&op->src[i], op->dst))
		return tern_cpu_refuse(op, "factors and offsets that repeat to the source's shape");
	return 0;
}

int tern_cpu_check_norm(const struct tern_cpu_op *op)
{
	int rc = check_factor(op, 1);

	if (!tern_same_shape(&op->src[0], op->dst))
		return tern_cpu_refuse(op, "a destination of the source's shape");
	return rc ? rc : check_factor(op, 2);
}

/* Mean (NORM only) and factor of one row. */
static void statistics(const struct rows *r, const float *x, int64_t n, float *mean, float *factor)
{
	const struct tern_vec *vec = r->cpu->vec;
	const double eps = (double)r->op->op->f[0];
	double sq;

	*mean = r->op->op->op == TERN_NORM ? (float)(vec->sum(x, n) / (double)n) : 0.0f;
	sq = vec->sum_sq(x, n, *mean);
	*factor = (float)(1.0 / (r->op->op->op == TERN_L2_NORM ? fmax(sqrt(sq), eps)
							       : sqrt(sq / (double)n + eps)));
}

static const float *factor_row(const struct rows *r, int s, const int64_t i[3], float *tmp)
{
	const struct tern_cpu_tensor *t = &r->op->src[s];

	if (!t->data)
		return NULL;
	return tern_load_wrap(r->cpu->simd, t, tern_row_wrap(t, i[0], i[1], i[2]), 0,
			      r->op->dst->ne[0], tmp);
}

static void norm_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct rows *r = ctx;
	const struct tern_cpu_tensor *s = &r->op->src[0], *d = r->op->dst;
	const int64_t n = d->ne[0];
	float *tmp = tern_scratch_of(&r->scratch, worker);

	for (int64_t row = lo; row < hi; row++) {
		const float *x, *w, *b;
		float mean, factor, *y;
		int64_t i[3];
		char *out;

		tern_split(d->ne, row, i);
		out = tern_row(d, i[0], i[1], i[2]);
		x = tern_load(r->cpu->simd, s, tern_row(s, i[0], i[1], i[2]), 0, n, tmp);
		w = factor_row(r, 1, i, tmp + n);
		b = factor_row(r, 2, i, tmp + 2 * n);
		y = tern_target(d, out, 0, tmp + 3 * n);
		statistics(r, x, n, &mean, &factor);
		r->cpu->vec->normalise(x, w, b, y, n, mean, factor);
		tern_store(r->cpu->simd, d, out, 0, n, y);
	}
}

/* `each`: floats of scratch per worker. */
static int run_rows(struct tern_cpu *cpu, const struct tern_cpu_op *op, int64_t each,
		    tern_pool_fn piece)
{
	struct rows r = {.cpu = cpu, .op = op};
	int rc = tern_cpu_scratch(cpu, 0, (size_t)each * sizeof(float), &r.scratch);

	if (!rc)
		tern_cpu_for(cpu, tern_nrows(op->dst->ne), grain_of(op->dst->ne[0]), piece, &r);
	return rc;
}

int tern_cpu_norm(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	return run_rows(cpu, op, 4 * op->dst->ne[0], norm_piece);
}

/* ---- soft-max ----------------------------------------------------------------------------- */
int tern_cpu_check_soft_max(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *s = &op->src[0], *m = &op->src[1];

	if (!tern_same_shape(s, op->dst))
		return tern_cpu_refuse(op, "a destination of the source's shape");
	if (m->data && (m->ne[0] != s->ne[0] || m->ne[1] < s->ne[1] || s->ne[2] % m->ne[2] ||
			s->ne[3] % m->ne[3]))
		return tern_cpu_refuse(op,
				       "a mask with the source's rows, that repeats over heads");
	if (op->src[2].data && op->src[2].ne[0] != s->ne[2])
		return tern_cpu_refuse(op, "one sink per head");
	return 0;
}

/* ALiBi's slope of head h of n, as ggml has it for n that are no powers of two. */
float tern_cpu_slope(float max_bias, int64_t n, int64_t h)
{
	int64_t pow2 = 1;

	if (!(max_bias > 0))
		return 1.0f;
	while (pow2 * 2 <= n)
		pow2 *= 2;
	if (h < pow2)
		return powf(powf(2.0f, -max_bias / (float)pow2), (float)(h + 1));
	return powf(powf(2.0f, -max_bias / 2.0f / (float)pow2), (float)(2 * (h - pow2) + 1));
}

/* y = x * scale [+ mask * slope]; x may be y. */
static void masked(const struct rows *r, const float *x, const int64_t i[3], float *y, float *tmp)
{
	const struct tern_cpu_tensor *m = &r->op->src[1];
	const struct tern_vec *vec = r->cpu->vec;
	const int64_t n = r->op->dst->ne[0];
	const float scale = r->op->op->f[0];
	const float *mask;

	if (!m->data) {
		vec->scale(x, y, n, scale, 0.0f);
		return;
	}
	mask = tern_load(r->cpu->simd, m, tern_row_wrap(m, i[0], i[1], i[2]), 0, n, tmp);
	vec->mask(x, mask, y, n, scale, tern_cpu_slope(r->op->op->f[1], r->op->src[0].ne[2], i[1]));
}

static void soft_max_row(const struct rows *r, const int64_t i[3], float *tmp)
{
	const struct tern_cpu_tensor *s = &r->op->src[0], *d = r->op->dst, *sinks = &r->op->src[2];
	const struct tern_vec *vec = r->cpu->vec;
	const int64_t n = d->ne[0];
	char *out = tern_row(d, i[0], i[1], i[2]);
	const float *x = tern_load(r->cpu->simd, s, tern_row(s, i[0], i[1], i[2]), 0, n, tmp);
	float *y = tern_target(d, out, 0, tmp + n), sink = -INFINITY, top;
	double sum;

	if (sinks->data) /* before y is written: a single element may be its own sink */
		sink = *tern_load(r->cpu->simd, sinks, sinks->data, i[1], 1, &sink);
	masked(r, x, i, y, tmp + 2 * n);
	top = vec->max(y, n);
	top = sink > top ? sink : top;
	sum = vec->exp_sum(y, y, n, top);
	if (sinks->data)
		sum += exp((double)(sink - top));
	vec->scale(y, y, n, (float)(1.0 / sum), 0.0f);
	tern_store(r->cpu->simd, d, out, 0, n, y);
}

static void soft_max_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct rows *r = ctx;

	for (int64_t row = lo; row < hi; row++) {
		int64_t i[3];

		tern_split(r->op->dst->ne, row, i);
		soft_max_row(r, i, tern_scratch_of(&r->scratch, worker));
	}
}

int tern_cpu_soft_max(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	return run_rows(cpu, op, 3 * op->dst->ne[0], soft_max_piece);
}

/* ---- rotation -------------------------------------------------------------------------------- */
int tern_cpu_check_rope(const struct tern_cpu_op *op)
{
	const int32_t dims = op->op->i[TERN_ROPE_I_DIMS], offset = op->op->i[TERN_ROPE_I_OFFSET];
	const int64_t pairs = tern_rope_pairs(op->op);

	if (!tern_same_shape(&op->src[0], op->dst))
		return tern_cpu_refuse(op, "a destination of the source's shape");
	if (dims < 2 || dims % 2 || offset < 0 || offset + 2 * pairs > op->dst->ne[0])
		return tern_cpu_refuse(op, "an even number of rotated elements within the row");
	if (!tern_rope_mode_known(op->op->i[TERN_ROPE_I_MODE]))
		return tern_cpu_refuse(op, "mode 0, 2, 8, 24 or 40");
	if (op->src[1].ne[0] < op->dst->ne[2] ||
	    (tern_rope_sections(op->op) && op->src[1].ne[1] < TERN_ROPE_POSITIONS))
		return tern_cpu_refuse(op, "a position per token, with sections four");
	if (op->src[2].data && op->src[2].ne[0] < pairs)
		return tern_cpu_refuse(op, "one frequency divisor per pair");
	return 0;
}

static void rope_rates(struct rows *r)
{
	const struct tern_cpu_tensor *divisors = &r->op->src[2];

	r->size = (float)tern_rope_magnitude(r->op->op);
	for (int64_t p = 0; p < tern_rope_pairs(r->op->op); p++) {
		float divisor = 1;

		if (divisors->data)
			divisor =
				*tern_load(r->cpu->simd, divisors, divisors->data, p, 1, &divisor);
		r->rate[p] = tern_rope_rate(r->op->op, p) / (double)divisor;
		r->most = fmax(r->most, fabs(r->rate[p]));
	}
}

static void rope_row(const struct rows *r, const int64_t i[3], const float *cosine,
		     const float *sine, float *tmp)
{
	const struct tern_op_desc *op = r->op->op;
	const struct tern_cpu_tensor *s = &r->op->src[0], *d = r->op->dst;
	const int64_t n = d->ne[0], pairs = tern_rope_pairs(op);
	const int64_t first = op->i[TERN_ROPE_I_OFFSET], end = first + 2 * pairs;
	char *out = tern_row(d, i[0], i[1], i[2]);
	const float *x = tern_load(r->cpu->simd, s, tern_row(s, i[0], i[1], i[2]), 0, n, tmp);
	float *y = tern_target(d, out, 0, tmp + n);

	r->cpu->vec->rotate(x + first, y + first, cosine, sine, pairs, tern_rope_halves(op));
	if (x != y) {
		memcpy(y, x, (size_t)first * sizeof(float));
		memcpy(y + end, x + end, (size_t)(n - end) * sizeof(float));
	}
	tern_store(r->cpu->simd, d, out, 0, n, y);
}

/*
 * Up to this vec->angles() is off by some 6e-7 at most; then by ever more, until what whole turns
 * leave is rounding, however large. No position is so far at one radian each.
 */
#define FAR 0x1p32

static void far_angles(const struct rows *r, const double *rate, double position, float *cosine,
		       float *sine)
{
	for (int64_t p = 0; p < tern_rope_pairs(r->op->op); p++) {
		const double angle = position * rate[p];

		if (!(fabs(angle) > FAR))
			continue;
		cosine[p] = (float)cos(angle) * r->size;
		sine[p] = (float)sin(angle) * r->size;
	}
}

/* Angles of a token whose position has components; returns the largest of these. */
static double section_angles(const struct rows *r, int64_t token, double *angle)
{
	const struct tern_cpu_tensor *pos = &r->op->src[1];
	double at[TERN_ROPE_POSITIONS], farthest = 0;

	for (int i = 0; i < TERN_ROPE_POSITIONS; i++) {
		at[i] = (double)tern_load_index(pos, tern_row(pos, i, 0, 0), token);
		farthest = fmax(farthest, fabs(at[i]));
	}
	for (int64_t p = 0; p < tern_rope_pairs(r->op->op); p++)
		angle[p] = r->rate[p] * at[tern_rope_section(r->op->op, p)];
	return farthest;
}

/* Cosines and sines of a token. `angle` has room for one per pair. */
static void rope_angles(const struct rows *r, int64_t token, float *cosine, float *sine,
			double *angle)
{
	const struct tern_cpu_tensor *pos = &r->op->src[1];
	const double *rate = r->rate;
	double position, farthest;

	if (tern_rope_sections(r->op->op)) {
		farthest = section_angles(r, token, angle);
		rate = angle;
		position = 1;
	} else {
		position = (double)tern_load_index(pos, pos->data, token);
		farthest = fabs(position);
	}
	r->cpu->vec->angles(rate, position, r->size, cosine, sine, tern_rope_pairs(r->op->op));
	if (r->most * farthest > FAR)
		far_angles(r, rate, position, cosine, sine);
}

/* Items are tokens of all batches: the heads of one share its angles. */
static void rope_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct rows *r = ctx;
	const struct tern_cpu_tensor *d = r->op->dst;
	const int64_t pairs = tern_rope_pairs(r->op->op);
	double *angle = tern_scratch_of(&r->scratch, worker);
	float *cosine = (float *)(angle + pairs), *sine = cosine + pairs;

	for (int64_t item = lo; item < hi; item++) {
		int64_t i[3] = {0, item % d->ne[2], item / d->ne[2]};

		rope_angles(r, i[1], cosine, sine, angle);
		for (; i[0] < d->ne[1]; i[0]++)
			rope_row(r, i, cosine, sine, sine + pairs);
	}
}

int tern_cpu_rope(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	const int64_t pairs = tern_rope_pairs(op->op), n = op->dst->ne[0];
	struct rows r = {.cpu = cpu, .op = op};
	int rc = tern_cpu_scratch(cpu, (size_t)pairs * sizeof(double),
				  (size_t)pairs * sizeof(double) +
					  (size_t)(2 * pairs + 2 * n) * sizeof(float),
				  &r.scratch);

	if (rc)
		return rc;
	r.rate = (double *)(void *)r.scratch.shared;
	rope_rates(&r);
	tern_cpu_for(cpu, op->dst->ne[2] * op->dst->ne[3], grain_of(n * op->dst->ne[1]), rope_piece,
		     &r);
	return 0;
}
