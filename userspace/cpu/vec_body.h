/* SPDX-License-Identifier: MIT */
/*
 * The loops of vec.h, for a file that defines LEVEL and is compiled for it. Plain C that
 * compilers vectorise: no branches inside, reductions in explicit lanes (their order is
 * part of the result, so compilers must not choose it).
 */
#include <math.h>
#include <string.h>

#include "panel_body.h"
#include "simd/math.h"
#include "vec.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

/* An output that is also an input is read before it is written: iterations are apart. */
#if defined(__clang__)
#define EACH(i, n) _Pragma("clang loop vectorize(assume_safety)") for (int64_t i = 0; i < (n); i++)
#else
#define EACH(i, n) _Pragma("GCC ivdep") for (int64_t i = 0; i < (n); i++)
#endif

#define LANES 16
/* Lanes are emptied into a double this often: 16 * 64 terms lose nothing that matters. */
#define RUN 1024

/* ---- unary -------------------------------------------------------------------------- */
static inline float fn_abs(float x)
{
	return fabsf(x);
}

static inline float fn_sgn(float x)
{
	return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f;
}

static inline float fn_neg(float x)
{
	return -x;
}

static inline float fn_step(float x)
{
	return x > 0 ? 1.0f : 0.0f;
}

/*
 * Near 0, where e^x - 1 would cancel, x + x^2 P(x) with EXP's polynomial, good up to
 * ln 2 / 2. Beyond, the subtraction loses no more than two bits.
 */
static inline float fn_expm1(float x)
{
	const float far = tern_exp(x) - 1.0f;
	float p;

	TERN_HORNER(TERN_POLY_EXP, p, x)
	p = __builtin_fmaf(p, x * x, x);
	return fabsf(x) < 0.34f ? p : far;
}

static inline float fn_elu(float x)
{
	const float y = fn_expm1(x);

	return x > 0 ? x : y;
}

static inline float fn_relu(float x)
{
	return x < 0 ? 0.0f : x;
}

static inline float fn_sigmoid(float x)
{
	return 1.0f / (1.0f + tern_exp(-x));
}

/* x / 2 (1 + tanh z) = x / (1 + e^-2z) */
static inline float fn_gelu(float x)
{
	const float z = 0.7978845608028654f * x * (1.0f + 0.044715f * x * x);

	return x / (1.0f + tern_exp(-2.0f * z));
}

static inline float fn_gelu_quick(float x)
{
	return x / (1.0f + tern_exp(-1.702f * x));
}

static inline float fn_gelu_erf(float x)
{
	return 0.5f * x * (1.0f + tern_erf(x * 0.7071067811865476f));
}

static inline float fn_silu(float x)
{
	return x / (1.0f + tern_exp(-x));
}

static inline float fn_hardsigmoid(float x)
{
	const float y = (x + 3.0f) / 6.0f;

	return y < 0 ? 0.0f : y > 1 ? 1.0f : y;
}

static inline float fn_hardswish(float x)
{
	return x * fn_hardsigmoid(x);
}

static inline float fn_sqr(float x)
{
	return x * x;
}

/* ln(1 + e) with what rounding 1 + e lost, carried to first order. */
static inline float fn_softplus(float x)
{
	const float e = tern_exp(x), u = 1.0f + e, y = tern_log(u) + (e - (u - 1.0f)) / u;

	return x > 20 ? x : y;
}

#define UNARY(name, expr)                                           \
	static void vec_##name(const float *x, float *y, int64_t n) \
	{                                                           \
		EACH(i, n)                                          \
		y[i] = expr(x[i]);                                  \
	}
UNARY(abs, fn_abs)
UNARY(sgn, fn_sgn)
UNARY(neg, fn_neg)
UNARY(step, fn_step)
UNARY(tanh, tern_tanh)
UNARY(elu, fn_elu)
UNARY(relu, fn_relu)
UNARY(sigmoid, fn_sigmoid)
UNARY(gelu, fn_gelu)
UNARY(gelu_quick, fn_gelu_quick)
UNARY(silu, fn_silu)
UNARY(hardswish, fn_hardswish)
UNARY(hardsigmoid, fn_hardsigmoid)
UNARY(exp, tern_exp)
UNARY(gelu_erf, fn_gelu_erf)
UNARY(sqr, fn_sqr)
UNARY(sqrt, sqrtf)
UNARY(log, tern_log)
UNARY(floor, floorf)
UNARY(ceil, ceilf)
UNARY(round, tern_round_away)
UNARY(trunc, truncf)
UNARY(softplus, fn_softplus)
UNARY(expm1, fn_expm1)

static void vec_leaky_relu(const float *x, float *y, int64_t n, const float *f)
{
	EACH(i, n)
	y[i] = x[i] > 0.0f ? x[i] : f[0] * x[i];
}

static void vec_xielu(const float *x, float *y, int64_t n, const float *f)
{
	EACH(i, n)
	{
		const float low = x[i] < f[3] ? x[i] : f[3];
		const float bent = x[i] > 0.0f ? f[1] * x[i] * x[i] : f[0] * (fn_expm1(low) - x[i]);

		y[i] = bent + f[2] * x[i];
	}
}

/* Large arguments, which are rare, one by one after the others. */
static void trig(const float *x, float *y, int64_t n, uint32_t shift)
{
	float in[64];

	for (int64_t at = 0; at < n; at += 64) {
		const int64_t run = n - at < 64 ? n - at : 64;

		memcpy(in, x + at, (size_t)run * sizeof(float));
		EACH(i, run)
		y[at + i] = tern_trig_small(in[i], shift);
		for (int64_t i = 0; i < run; i++)
			if (!(fabsf(in[i]) <= TERN_TRIG_SMALL))
				y[at + i] = tern_trig_large(in[i], shift);
	}
}

static void vec_sin(const float *x, float *y, int64_t n)
{
	trig(x, y, n, 0);
}

static void vec_cos(const float *x, float *y, int64_t n)
{
	trig(x, y, n, 1);
}

/* ---- two inputs ----------------------------------------------------------------------- */
#define BINARY(name, expr)                                                          \
	static void vec_##name(const float *a, const float *b, float *y, int64_t n) \
	{                                                                           \
		EACH(i, n)                                                          \
		y[i] = expr;                                                        \
	}
BINARY(add, a[i] + b[i])
BINARY(sub, a[i] - b[i])
BINARY(mul, a[i] * b[i])
BINARY(div, a[i] / b[i])
BINARY(reglu, fn_relu(a[i]) * b[i])
BINARY(geglu, fn_gelu(a[i]) * b[i])
BINARY(swiglu, fn_silu(a[i]) * b[i])
BINARY(geglu_erf, fn_gelu_erf(a[i]) * b[i])
BINARY(geglu_quick, fn_gelu_quick(a[i]) * b[i])

static void vec_glu_clamped(const float *a, const float *b, float *y, int64_t n, float alpha,
			    float limit, float shift)
{
	for (int64_t i = 0; i < n; i++) {
		const float g = a[i] > limit ? limit : a[i];
		const float u = b[i] > limit ? limit : b[i] < -limit ? -limit : b[i];

		y[i] = g / (1.0f + tern_exp(-alpha * g)) * (u + shift);
	}
}

static void vec_scale(const float *x, float *y, int64_t n, float mul, float add)
{
	EACH(i, n)
	y[i] = x[i] * mul + add;
}

static void vec_clamp(const float *x, float *y, int64_t n, float lo, float hi)
{
	EACH(i, n)
	{
		const float v = x[i] < lo ? lo : x[i];

		y[i] = v > hi ? hi : v;
	}
}

static void vec_mask(const float *x, const float *mask, float *y, int64_t n, float scale,
		     float slope)
{
	EACH(i, n)
	y[i] = x[i] * scale + mask[i] * slope;
}

static void vec_softcap(float *x, int64_t n, float c)
{
	const float inverse = 1.0f / c;

	EACH(i, n)
	x[i] = c * tern_tanh(x[i] * inverse);
}

static void vec_normalise(const float *x, const float *w, const float *b, float *y, int64_t n,
			  float mean, float factor)
{
	if (w && b) {
		EACH(i, n)
		y[i] = (x[i] - mean) * factor * w[i] + b[i];
	} else if (w) {
		EACH(i, n)
		y[i] = (x[i] - mean) * factor * w[i];
	} else if (b) {
		EACH(i, n)
		y[i] = (x[i] - mean) * factor + b[i];
	} else {
		EACH(i, n)
		y[i] = (x[i] - mean) * factor;
	}
}

/* ---- reductions -------------------------------------------------------------------------- */
static double total(const float *lane)
{
	double sum = 0;

	for (int l = 0; l < LANES; l++)
		sum += (double)lane[l];
	return sum;
}

/* term(i) summed over [0, n): lanes in f32, runs and what is left over in f64. */
#define REDUCE(n, term)                                             \
	double sum = 0;                                             \
	int64_t at = 0;                                             \
	while (at + LANES <= (n)) {                                 \
		const int64_t left = ((n)-at) / LANES * LANES;      \
		const int64_t end = at + (left < RUN ? left : RUN); \
		float lane[LANES] = {0};                            \
		for (; at < end; at += LANES)                       \
			for (int l = 0; l < LANES; l++)             \
				lane[l] += term(at + l);            \
		sum += total(lane);                                 \
	}                                                           \
	for (; at < (n); at++)                                      \
		sum += (double)term(at);                            \
	return sum

static double vec_sum(const float *x, int64_t n)
{
#define TERM(i) x[i]
	REDUCE(n, TERM);
#undef TERM
}

static double vec_sum_sq(const float *x, int64_t n, float mean)
{
#define TERM(i) ((x[i] - mean) * (x[i] - mean))
	REDUCE(n, TERM);
#undef TERM
}

static float vec_max(const float *x, int64_t n)
{
	float lane[LANES], top = -INFINITY;
	int64_t i = 0;

	for (int l = 0; l < LANES; l++)
		lane[l] = -INFINITY;
	for (; i + LANES <= n; i += LANES)
		for (int l = 0; l < LANES; l++)
			lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
	for (; i < n; i++)
		top = x[i] > top ? x[i] : top;
	for (int l = 0; l < LANES; l++)
		top = lane[l] > top ? lane[l] : top;
	return top;
}

static double vec_exp_sum(const float *x, float *y, int64_t n, float top)
{
	EACH(i, n)
	y[i] = tern_exp(x[i] - top);
	return vec_sum(y, n);
}

/* ---- rotation -------------------------------------------------------------------------------- */
/* Whole turns leave in double: a position of a million still has an exact angle. */
static void vec_angles(const double *rate, double position, float size, float *cosine, float *sine,
		       int64_t n)
{
	EACH(i, n)
	{
		const double angle = position * rate[i];
		const double turns = angle * 0.15915494309189535 + 0x1.8p52 - 0x1.8p52;
		const float r = (float)(angle - turns * 6.283185307179586);

		cosine[i] = tern_trig_small(r, 1) * size;
		sine[i] = tern_trig_small(r, 0) * size;
	}
}

static void vec_rotate(const float *x, float *y, const float *cosine, const float *sine, int64_t n,
		       bool half)
{
	const int64_t step = half ? 1 : 2, other = half ? n : 1;

	EACH(i, n)
	{
		const float a = x[i * step], b = x[i * step + other];

		y[i * step] = a * cosine[i] - b * sine[i];
		y[i * step + other] = a * sine[i] + b * cosine[i];
	}
}

/* ---- table --------------------------------------------------------------------------------- */
const struct tern_vec JOIN(tern_vec_, LEVEL) = {
	.unary = {[TERN_ABS] = vec_abs,
		  [TERN_SGN] = vec_sgn,
		  [TERN_NEG] = vec_neg,
		  [TERN_STEP] = vec_step,
		  [TERN_TANH] = vec_tanh,
		  [TERN_ELU] = vec_elu,
		  [TERN_RELU] = vec_relu,
		  [TERN_SIGMOID] = vec_sigmoid,
		  [TERN_GELU] = vec_gelu,
		  [TERN_GELU_QUICK] = vec_gelu_quick,
		  [TERN_SILU] = vec_silu,
		  [TERN_HARDSWISH] = vec_hardswish,
		  [TERN_HARDSIGMOID] = vec_hardsigmoid,
		  [TERN_EXP] = vec_exp,
		  [TERN_GELU_ERF] = vec_gelu_erf,
		  [TERN_SQR] = vec_sqr,
		  [TERN_SQRT] = vec_sqrt,
		  [TERN_LOG] = vec_log,
		  [TERN_SIN] = vec_sin,
		  [TERN_COS] = vec_cos,
		  [TERN_FLOOR] = vec_floor,
		  [TERN_CEIL] = vec_ceil,
		  [TERN_ROUND] = vec_round,
		  [TERN_TRUNC] = vec_trunc,
		  [TERN_SOFTPLUS] = vec_softplus,
		  [TERN_EXPM1] = vec_expm1},
	.glu = {[TERN_GLU_REGLU] = vec_reglu,
		[TERN_GLU_GEGLU] = vec_geglu,
		[TERN_GLU_SWIGLU] = vec_swiglu,
		[TERN_GLU_GEGLU_ERF] = vec_geglu_erf,
		[TERN_GLU_GEGLU_QUICK] = vec_geglu_quick},
	.leaky_relu = vec_leaky_relu,
	.xielu = vec_xielu,
	.glu_clamped = vec_glu_clamped,
	.binary = {[TERN_ADD] = vec_add,
		   [TERN_SUB] = vec_sub,
		   [TERN_MUL] = vec_mul,
		   [TERN_DIV] = vec_div},
	.scale = vec_scale,
	.clamp = vec_clamp,
	.sum = vec_sum,
	.sum_sq = vec_sum_sq,
	.max = vec_max,
	.normalise = vec_normalise,
	.mask = vec_mask,
	.exp_sum = vec_exp_sum,
	.softcap = vec_softcap,
	.angles = vec_angles,
	.rotate = vec_rotate,
	.panel = panel,
	.transpose = panel_transpose,
};
