// SPDX-License-Identifier: MIT
/* Matrix product, activations, rotation, soft-max, attention. */
#include "ref.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void ref_matmul(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	const int64_t r2 = s[1].ne[2] / s[0].ne[2], r3 = s[1].ne[3] / s[0].ne[3];

	(void)op;
	REF_EACH(i, d->ne)
	{
		const double *w = ref_at(&s[0], 0, i[0], i[2] / r2, i[3] / r3);
		const double *x = ref_at(&s[1], 0, i[1], i[2], i[3]);
		double sum = 0;

		for (int64_t k = 0; k < s[0].ne[0]; k++)
			sum += w[k] * x[k];
		*ref_at(d, i[0], i[1], i[2], i[3]) = sum;
	}
}

/* s: weights of experts, activations, and which expert multiplies them. */
void ref_matmul_id(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	(void)op;
	REF_EACH(i, d->ne)
	{
		int64_t expert = (int64_t)*ref_at(&s[2], i[1], i[2], 0, 0);
		double sum = 0;

		for (int64_t k = 0; k < s[0].ne[0]; k++)
			sum += *ref_at(&s[0], k, i[0], expert, 0) *
			       *ref_at(&s[1], k, i[1] % s[1].ne[1], i[2], 0);
		*ref_at(d, i[0], i[1], i[2], 0) = sum;
	}
}

/* ---- activations -------------------------------------------------------------------- */
static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

static double gelu(double x)
{
	return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * x * (1 + 0.044715 * x * x)));
}

static double gelu_erf(double x)
{
	return 0.5 * x * (1 + erf(x / M_SQRT2));
}

static double unary(int fn, double x)
{
	switch (fn) {
	case TERN_ABS:
		return fabs(x);
	case TERN_SGN:
		return (x > 0) - (x < 0);
	case TERN_NEG:
		return -x;
	case TERN_STEP:
		return x > 0;
	case TERN_TANH:
		return tanh(x);
	case TERN_ELU:
		return x > 0 ? x : expm1(x);
	case TERN_RELU:
		return fmax(x, 0);
	case TERN_SIGMOID:
		return sigmoid(x);
	case TERN_GELU:
		return gelu(x);
	case TERN_GELU_QUICK:
		return x * sigmoid(1.702 * x);
	case TERN_SILU:
		return x * sigmoid(x);
	case TERN_HARDSWISH:
		return x * fmin(1, fmax(0, (x + 3) / 6));
	case TERN_HARDSIGMOID:
		return fmin(1, fmax(0, (x + 3) / 6));
	case TERN_EXP:
		return exp(x);
	case TERN_GELU_ERF:
		return gelu_erf(x);
	case TERN_SQR:
		return x * x;
	case TERN_SQRT:
		return sqrt(x);
	case TERN_LOG:
		return log(x);
	case TERN_SIN:
		return sin(x);
	case TERN_COS:
		return cos(x);
	case TERN_FLOOR:
		return floor(x);
	case TERN_CEIL:
		return ceil(x);
	case TERN_ROUND:
		return round(x);
	case TERN_TRUNC:
		return trunc(x);
	case TERN_SOFTPLUS:
		return x > 20 ? x : log1p(exp(x));
	case TERN_EXPM1:
		return expm1(x);
	default:
		abort();
	}
}

static double leaky_relu(const float *f, double x)
{
	return x > 0 ? x : (double)f[0] * x;
}

/* Huang and Schlag, arXiv 2411.13010, with ggml's bound on the exponential's argument. */
static double xielu(const float *f, double x)
{
	return (double)f[2] * x +
	       (x > 0 ? (double)f[1] * x * x : (double)f[0] * (expm1(fmin(x, (double)f[3])) - x));
}

void ref_unary(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	for (int64_t i = 0; i < ref_count(d->ne); i++)
		d->v[i] = op->i[0] == TERN_LEAKY_RELU ? leaky_relu(op->f, s->v[i])
			  : op->i[0] == TERN_XIELU    ? xielu(op->f, s->v[i])
						      : unary(op->i[0], s->v[i]);
}

/* As <tern.h> states them. */
static double clamped_glu(const struct tern_op_desc *op, double gate, double up)
{
	const double limit = (double)op->f[1];
	const bool oai = op->i[0] == TERN_GLU_SWIGLU_OAI;
	const double g = fmin(gate, limit), u = fmin(fmax(up, -limit), limit);

	return g * sigmoid((oai ? (double)op->f[0] : 1) * g) * (u + oai);
}

void ref_glu(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	static const int act[TERN_GLU_COUNT] = {
		[TERN_GLU_REGLU] = TERN_RELU,
		[TERN_GLU_GEGLU] = TERN_GELU,
		[TERN_GLU_SWIGLU] = TERN_SILU,
		[TERN_GLU_GEGLU_ERF] = TERN_GELU_ERF,
		[TERN_GLU_GEGLU_QUICK] = TERN_GELU_QUICK,
	};
	const struct ref_tensor *up = s[1].v ? &s[1] : &s[0];
	const int64_t n = d->ne[0], halves = !s[1].v, swapped = op->i[1] && halves;

	REF_EACH(i, d->ne)
	{
		double g = *ref_at(&s[0], i[0] + (swapped ? n : 0), i[1], i[2], i[3]);
		double u = *ref_at(up, i[0] + (halves && !swapped ? n : 0), i[1], i[2], i[3]);

		*ref_at(d, i[0], i[1], i[2], i[3]) = op->i[0] >= TERN_GLU_SWIGLU_OAI
							     ? clamped_glu(op, g, u)
							     : unary(act[op->i[0]], g) * u;
	}
}

/* ---- rotation -------------------------------------------------------------------------- */
/* YaRN (Peng et al. 2023): the pair below which all, above which none is extrapolated. */
static double yarn_pair(double rotations, double dims, double ctx, double base)
{
	return dims * log(ctx / (rotations * 2 * M_PI)) / (2 * log(base));
}

static double yarn_share(const struct tern_op_desc *op, double pair)
{
	double dims = op->i[TERN_ROPE_I_DIMS], ctx = op->i[TERN_ROPE_I_CTX_ORIG];
	double base = (double)op->f[TERN_ROPE_F_BASE];
	double lo = yarn_pair((double)op->f[TERN_ROPE_F_BETA_FAST], dims, ctx, base);
	double hi = yarn_pair((double)op->f[TERN_ROPE_F_BETA_SLOW], dims, ctx, base);

	lo = fmax(0, floor(lo));
	hi = fmin(dims - 1, ceil(hi));
	return (1 - fmin(1, fmax(0, (pair - lo) / fmax(0.001, hi - lo)))) *
	       (double)op->f[TERN_ROPE_F_EXT];
}

/* Which component of its token's position turns pair p, and how often the rate has fallen. */
static int section_of(const struct tern_op_desc *op, int p, int *falls)
{
	const int *size = &op->i[TERN_ROPE_I_SECTIONS], mode = op->i[TERN_ROPE_I_MODE];
	int at, start = 0, s = 0;

	*falls = p;
	if (mode < 8)
		return 0;
	at = p % (size[0] + size[1] + size[2] + size[3]);
	if (mode == 40)
		return at < 3 * size[at % 3] ? at % 3 : 3;
	while (at >= start + size[s])
		start += size[s++];
	if (mode == 24)
		*falls = at - start;
	return s;
}

/* position[]: components, one or four. */
static void rotate(const struct tern_op_desc *op, const struct ref_tensor *freq,
		   const double position[4], const double *x, double *y)
{
	int dims = op->i[TERN_ROPE_I_DIMS], mode = op->i[TERN_ROPE_I_MODE], falls;
	int pairs = mode == 24 ? dims : dims / 2, first = op->i[TERN_ROPE_I_OFFSET];
	bool yarn = op->f[TERN_ROPE_F_EXT] != 0;
	double scale = (double)op->f[TERN_ROPE_F_SCALE], size = (double)op->f[TERN_ROPE_F_ATTN];

	if (yarn)
		size *= 1 + 0.1 * log(1 / scale);
	for (int p = 0; p < pairs; p++) {
		int a = first + (mode ? p : 2 * p), b = mode ? a + pairs : a + 1;
		double angle = position[section_of(op, p, &falls)];
		double share = yarn ? yarn_share(op, p) : 0;

		angle *= pow((double)op->f[TERN_ROPE_F_BASE], -2.0 * falls / dims);
		angle /= freq->v ? freq->v[p] : 1;
		angle = angle * scale * (1 - share) + angle * share;
		y[a] = (x[a] * cos(angle) - x[b] * sin(angle)) * size;
		y[b] = (x[a] * sin(angle) + x[b] * cos(angle)) * size;
	}
}

void ref_rope(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	memcpy(d->v, s->v, (size_t)ref_count(d->ne) * sizeof(double));
	REF_EACH_ROW(i, d->ne)
	{
		double position[4];

		for (int64_t c = 0; c < s[1].ne[1]; c++)
			position[c] = *ref_at(&s[1], i[2], c, 0, 0);
		rotate(op, &s[2], position, ref_at(&s[0], 0, i[1], i[2], i[3]),
		       ref_at(d, 0, i[1], i[2], i[3]));
	}
}

/* ---- soft-max and attention -------------------------------------------------------------- */
/* ALiBi (Press et al. 2022) for head h of n, any n. */
static double alibi_slope(double max_bias, int64_t n, int64_t h)
{
	int64_t pow2 = 1;

	if (max_bias <= 0)
		return 1;
	while (pow2 * 2 <= n)
		pow2 *= 2;
	if (h < pow2)
		return pow(2, -max_bias * (double)(h + 1) / (double)pow2);
	return pow(2, -max_bias / 2 * (double)(2 * (h - pow2) + 1) / (double)pow2);
}

/* v = softmax(v); a sink takes part in the sum only; sink NULL: none. */
static void soft_max(double *v, int64_t n, const double *sink)
{
	double top = sink ? *sink : -INFINITY, sum;

	for (int64_t i = 0; i < n; i++)
		top = fmax(top, v[i]);
	sum = sink ? exp(*sink - top) : 0;
	for (int64_t i = 0; i < n; i++)
		sum += v[i] = exp(v[i] - top);
	for (int64_t i = 0; i < n; i++)
		v[i] /= sum;
}

void ref_soft_max(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	REF_EACH_ROW(i, d->ne)
	{
		double *y = ref_at(d, 0, i[1], i[2], i[3]);
		double slope = alibi_slope((double)op->f[1], s[0].ne[2], i[2]);

		for (int64_t k = 0; k < d->ne[0]; k++) {
			const int64_t at[4] = {k, i[1], i[2], i[3]};

			y[k] = ref_wrap(&s[0], at) * (double)op->f[0];
			y[k] += s[1].v ? slope * ref_wrap(&s[1], at) : 0;
		}
		soft_max(y, d->ne[0], s[2].v ? &s[2].v[i[2]] : NULL);
	}
}

/* The score of position p for query q[:, t, h, b], mask included; -inf: not seen. */
static double score(const struct tern_op_desc *op, const struct ref_tensor *s, const int64_t q[4],
		    int64_t p)
{
	const struct ref_tensor *mask = &s[3];
	const int64_t nt = s[0].ne[1], n = s[1].ne[1], t = q[1], h = q[2], b = q[3];
	const int64_t last = t + n - nt, window = op->i[TERN_ATTENTION_I_WINDOW];
	const double *x = ref_at(&s[0], 0, t, h, b);
	const double *k =
		ref_at(&s[1], 0, p, h / (s[0].ne[2] / s[1].ne[2]), b / (s[0].ne[3] / s[1].ne[3]));
	const double cap = (double)op->f[TERN_ATTENTION_F_SOFTCAP];
	const int64_t at[4] = {p, t, h, b};
	double sum = 0;

	if ((op->i[TERN_ATTENTION_I_CAUSAL] && p > last) || (window > 0 && p <= last - window))
		return -INFINITY;
	for (int64_t i = 0; i < s[0].ne[0]; i++)
		sum += x[i] * k[i];
	sum *= (double)op->f[TERN_ATTENTION_F_SCALE];
	if (cap != 0)
		sum = cap * tanh(sum / cap);
	if (mask->v)
		sum += ref_wrap(mask, at) *
		       alibi_slope((double)op->f[TERN_ATTENTION_F_MAX_BIAS], s[0].ne[2], h);
	return sum;
}

/* y = probabilities x values. A query that sees nothing gives zeros. */
static void weighted(const struct ref_tensor *v, const double *prob, const int64_t q[4], int64_t h,
		     int64_t b, struct ref_tensor *d)
{
	for (int64_t i = 0; i < v->ne[0]; i++) {
		double sum = 0;

		for (int64_t p = 0; p < v->ne[1]; p++)
			sum += prob[p] > 0 ? prob[p] * *ref_at(v, i, p, h, b) : 0;
		*ref_at(d, i, q[2], q[1], q[3]) = sum;
	}
}

void ref_attention(const struct tern_op_desc *op, const struct ref_tensor *s, struct ref_tensor *d)
{
	const int64_t n = s[1].ne[1], group = s[0].ne[2] / s[1].ne[2],
		      batch = s[0].ne[3] / s[1].ne[3];
	double *prob = malloc((size_t)(n + 1) * sizeof(double));

	if (!prob)
		abort();
	REF_EACH_ROW(q, s[0].ne)
	{
		for (int64_t p = 0; p < n; p++)
			prob[p] = score(op, s, q, p);
		soft_max(prob, n, s[4].v ? &s[4].v[q[2]] : NULL);
		weighted(&s[2], prob, q, q[2] / group, q[3] / batch, d);
	}
	free(prob);
}
