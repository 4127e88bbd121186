/* SPDX-License-Identifier: MIT */
/*
 * The transcendental functions of VECTOR: the steps of <tern/numbers.h>, which has the
 * coefficients and says why. No branches in what runs for every element, so that a loop over
 * these functions vectorises.
 *
 * Results that are NaN leave here with any sign and payload; tern_canon() makes of them what
 * a register receives.
 */
#ifndef TERN_SIMD_MATH_H
#define TERN_SIMD_MATH_H

#include <tern/numbers.h>

#include "blocks.h"

#define TERN_INF_BITS 0x7f800000u

#define TERN_HORNER_FIRST(p, x, c) p = (c);
#define TERN_HORNER_NEXT(p, x, c)  p = __builtin_fmaf(p, x, c);
#define TERN_HORNER(poly, p, x)	   poly(TERN_HORNER_FIRST, TERN_HORNER_NEXT, p, x)

static inline float tern_canon(float x)
{
	return x == x ? x : tern_bits_f32(TERN_QNAN_BITS);
}

/* To nearest, halves away from zero: the fraction cut off is exact. */
static inline float tern_round_away(float x)
{
	const float t = __builtin_truncf(x);
	const float one = tern_bits_f32(0x3f800000u | (tern_f32_bits(x) & 0x80000000u));

	return __builtin_fabsf(x - t) >= 0.5f ? t + one : t;
}

/* Towards zero, saturating, NaN 0. */
static inline int32_t tern_to_int(float x)
{
	const int over = x >= 0x1p31f, under = x < -0x1p31f;
	const float inside = x == x && !over && !under ? x : 0.0f;
	const int32_t i = (int32_t)inside;

	return over ? INT32_MAX : under ? INT32_MIN : i;
}

static inline float tern_exp(float x)
{
	float t, n, r, p, scale1, scale2;
	int32_t k, half;

	x = x < TERN_EXP_LOW ? TERN_EXP_LOW : x;
	x = x > TERN_EXP_HIGH ? TERN_EXP_HIGH : x;
	t = __builtin_fmaf(x, TERN_LOG2E, TERN_ROUND_MAGIC);
	n = t - TERN_ROUND_MAGIC;
	k = (int32_t)(tern_f32_bits(t) - tern_f32_bits(TERN_ROUND_MAGIC));
	r = __builtin_fmaf(-n, TERN_LN2_HI, x);
	r = __builtin_fmaf(-n, TERN_LN2_LO, r);
	TERN_HORNER(TERN_POLY_EXP, p, r)
	p = __builtin_fmaf(p, r * r, r) + 1.0f;
	half = k >> 1;
	scale1 = tern_bits_f32((uint32_t)(half + 127) << 23);
	scale2 = tern_bits_f32((uint32_t)(k - half + 127) << 23);
	return p * scale1 * scale2;
}

static inline float tern_log(float x)
{
	const int subnormal = x < 0x1p-126f;
	const float y = subnormal ? x * 0x1p23f : x;
	const int32_t e = (int32_t)(tern_f32_bits(y) - TERN_LOG_SPLIT) >> 23;
	const float f = tern_bits_f32(tern_f32_bits(y) - ((uint32_t)e << 23)) - 1.0f;
	const float n = (float)e + (subnormal ? -23.0f : 0.0f);
	float p;

	TERN_HORNER(TERN_POLY_LOG, p, f)
	p = __builtin_fmaf(p, f * f, f);
	p = __builtin_fmaf(n, TERN_LN2_HI, p);
	p = x < tern_bits_f32(TERN_INF_BITS) ? p : x; /* infinity and NaN */
	p = x < 0.0f ? tern_bits_f32(TERN_QNAN_BITS) : p;
	return x == 0.0f ? -tern_bits_f32(TERN_INF_BITS) : p;
}

/* ---- sine and cosine --------------------------------------------------------- */
/* Sine (quadrants 0, 2) or cosine (1, 3) of r, negated in quadrants 2 and 3. */
static inline float tern_trig_poly(float r, uint32_t quadrant)
{
	const float s = r * r;
	float sine, cosine, y;

	TERN_HORNER(TERN_POLY_SIN, sine, s)
	sine = __builtin_fmaf(sine * s, r, r);
	sine = s < TERN_TRIG_TINY ? r : sine;
	TERN_HORNER(TERN_POLY_COS, cosine, s)
	y = quadrant & 1 ? cosine : sine;
	return tern_bits_f32(tern_f32_bits(y) ^ (quadrant & 2) << 30);
}

/* sin(x + shift pi/2) for |x| <= TERN_TRIG_SMALL */
static inline float tern_trig_small(float x, uint32_t shift)
{
	const float t = __builtin_fmaf(x, TERN_TWO_OVER_PI, TERN_ROUND_MAGIC);
	const float n = t - TERN_ROUND_MAGIC;
	float r;

	r = __builtin_fmaf(-n, TERN_PIO2_1, x);
	r = __builtin_fmaf(-n, TERN_PIO2_2, r);
	r = __builtin_fmaf(-n, TERN_PIO2_3, r);
	return tern_trig_poly(r, tern_f32_bits(t) + shift);
}

/* 32 bits of 2/pi from bit `pos` */
static inline uint32_t tern_two_over_pi(unsigned int pos)
{
	static const uint32_t words[] = {
#define X(w) w,
		TERN_TWO_OVER_PI_WORDS(X)
#undef X
	};
	const uint64_t two = (uint64_t)words[pos / 32] << 32 | words[pos / 32 + 1];

	return (uint32_t)(two >> (32 - pos % 32));
}

/* sin(x + shift pi/2) for larger |x|: 96 bits of the product, of which the 64 leading ones,
 * less the nearest integer, become binary64. */
static inline float tern_trig_large(float x, uint32_t shift)
{
	const uint32_t u = tern_f32_bits(x), biased = u >> 23 & 0xff;
	const uint64_t m = (u & 0x7fffff) | 0x800000;
	uint64_t low, mid, high, product, quadrant;
	unsigned int pos;
	double r;

	if (biased == 0xff)
		return tern_bits_f32(TERN_QNAN_BITS);
	pos = biased - 120; /* 2^17 has biased exponent 144 */
	low = m * tern_two_over_pi(pos + 64);
	mid = m * tern_two_over_pi(pos + 32) + (low >> 32);
	high = m * tern_two_over_pi(pos) + (mid >> 32);
	product = high << 32 | (mid & 0xffffffff);
	quadrant = (product + (1ull << 61)) >> 62;
	r = (double)(int64_t)(product - (quadrant << 62)) * TERN_PIO2_SCALED;
	if (u >> 31)
		return tern_trig_poly((float)-r, (uint32_t)-quadrant + shift);
	return tern_trig_poly((float)r, (uint32_t)quadrant + shift);
}

/* ---- tanh and erf ---------------------------------------------------------------- */
static inline float tern_copysign(float magnitude, float sign)
{
	return tern_bits_f32((tern_f32_bits(magnitude) & 0x7fffffff) |
			     (tern_f32_bits(sign) & 0x80000000));
}

static inline float tern_tanh(float x)
{
	const float a = tern_bits_f32(tern_f32_bits(x) & 0x7fffffff), s = x * x;
	float p, big;

	TERN_HORNER(TERN_POLY_TANH, p, s)
	p = __builtin_fmaf(p * s, x, x);
	p = a < TERN_TANH_TINY ? x : p;
	big = a > TERN_TANH_ONE ? TERN_TANH_ONE : a;
	big = 1.0f - 2.0f / (tern_exp(big + big) + 1.0f);
	return a < TERN_TANH_SMALL ? p : tern_copysign(big, x);
}

static inline float tern_erf(float x)
{
	const float a = tern_bits_f32(tern_f32_bits(x) & 0x7fffffff), s = x * x;
	const float t = a > TERN_ERF_ONE ? TERN_ERF_ONE : a;
	float p, q;

	TERN_HORNER(TERN_POLY_ERF, p, s)
	p = __builtin_fmaf(p, x, x);
	TERN_HORNER(TERN_POLY_ERFC, q, t)
	q = 1.0f - tern_exp(-q);
	return a < TERN_ERF_SMALL ? p : tern_copysign(q, x);
}

#endif
