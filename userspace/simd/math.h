/* SPDX-License-Identifier: MIT */
/*
 * The transcendental functions of VECTOR, defined to the bit.
 *
 * Each is the sequence of IEEE-754 binary32 operations written here (fma: one
 * rounding), so any machine that has fma repeats it exactly. No branches in what runs
 * for every element: a loop over these functions vectorises.
 *
 * Polynomials are minimax fits (Remez exchange at 110 bits on the interval named,
 * weighted for relative error of the result; each coefficient rounded to binary32 and
 * those above it fitted again). Largest errors are measured over all 2^32 arguments
 * against a double-precision libm:
 *
 *	exp 1.02 ulp, log 0.95, sin 1.54, cos 1.55, tanh 1.34, erf 1.13
 *
 * Results that are NaN leave here with any sign and payload; vector.h says what a
 * register then receives.
 */
#ifndef TERN_SIMD_MATH_H
#define TERN_SIMD_MATH_H

#include "blocks.h"

#define TERN_QNAN_BITS 0x7fc00000u
#define TERN_INF_BITS  0x7f800000u

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

/* Adding it leaves the nearest integer (ties to even) in the low bits. */
#define TERN_ROUND_MAGIC 0x1.8p23f
#define TERN_LN2_HI	 0x1.62e43p-1f
#define TERN_LN2_LO	 -0x1.05c61p-29f

/*
 * e^x = 2^n e^r, r = x - n ln 2, |r| <= ln 2 / 2; e^r = 1 + r + r^2 P(r).
 * The bounds keep 2^n in range: e^89 overflows and e^-104 rounds to zero. The scale is
 * applied in two factors, only the second of which can round (to a subnormal).
 */
static inline float tern_exp(float x)
{
	float t, n, r, p, scale1, scale2;
	int32_t k, half;

	x = x < -104.0f ? -104.0f : x;
	x = x > 89.0f ? 89.0f : x;
	t = __builtin_fmaf(x, 0x1.715476p+0f, TERN_ROUND_MAGIC);
	n = t - TERN_ROUND_MAGIC;
	k = (int32_t)(tern_f32_bits(t) - tern_f32_bits(TERN_ROUND_MAGIC));
	r = __builtin_fmaf(-n, TERN_LN2_HI, x);
	r = __builtin_fmaf(-n, TERN_LN2_LO, r);
	p = __builtin_fmaf(0x1.6ab776p-10f, r, 0x1.123d5cp-7f);
	p = __builtin_fmaf(p, r, 0x1.55585ap-5f);
	p = __builtin_fmaf(p, r, 0x1.55548cp-3f);
	p = __builtin_fmaf(p, r, 0x1.fffffcp-2f);
	p = __builtin_fmaf(p, r * r, r) + 1.0f;
	half = k >> 1;
	scale1 = tern_bits_f32((uint32_t)(half + 127) << 23);
	scale2 = tern_bits_f32((uint32_t)(k - half + 127) << 23);
	return p * scale1 * scale2;
}

/*
 * ln x = e ln 2 + ln(1 + f), x = 2^e (1 + f), -1/3 <= f < 1/3;
 * ln(1 + f) = f + f^2 P(f). Subnormals are scaled by 2^23 first.
 */
static inline float tern_log(float x)
{
	const int subnormal = x < 0x1p-126f;
	const float y = subnormal ? x * 0x1p23f : x;
	const int32_t e = (int32_t)(tern_f32_bits(y) - 0x3f2aaaabu) >> 23;
	const float f = tern_bits_f32(tern_f32_bits(y) - ((uint32_t)e << 23)) - 1.0f;
	const float n = (float)e + (subnormal ? -23.0f : 0.0f);
	float p;

	p = __builtin_fmaf(-0x1.fe124ep-4f, f, 0x1.203a66p-3f);
	p = __builtin_fmaf(p, f, -0x1.f6e71p-4f);
	p = __builtin_fmaf(p, f, 0x1.1e790cp-3f);
	p = __builtin_fmaf(p, f, -0x1.557d62p-3f);
	p = __builtin_fmaf(p, f, 0x1.99d5e2p-3f);
	p = __builtin_fmaf(p, f, -0x1.ffff96p-3f);
	p = __builtin_fmaf(p, f, 0x1.5554fap-2f);
	p = __builtin_fmaf(p, f, -0.5f);
	p = __builtin_fmaf(p, f * f, f);
	p = __builtin_fmaf(n, TERN_LN2_HI, p);
	p = x < tern_bits_f32(TERN_INF_BITS) ? p : x; /* infinity and NaN */
	p = x < 0.0f ? tern_bits_f32(TERN_QNAN_BITS) : p;
	return x == 0.0f ? -tern_bits_f32(TERN_INF_BITS) : p;
}

/* ---- sine and cosine --------------------------------------------------------- */
/* Up to here three fma reduce exactly enough; beyond, tern_reduce_large. */
#define TERN_TRIG_SMALL 0x1p17f

/*
 * sin (quadrants 0, 2) or cos (1, 3) of r, |r| <= pi/4, negated in quadrants 2 and 3.
 * sin r = r + r^3 S(r^2); cos r = 1 + r^2 C(r^2). Below 2^-12 sin r is r: keeps -0.
 */
static inline float tern_trig_poly(float r, uint32_t quadrant)
{
	const float s = r * r;
	float sine, cosine, y;

	sine = __builtin_fmaf(-0x1.9951eap-13f, s, 0x1.110774p-7f);
	sine = __builtin_fmaf(sine, s, -0x1.555546p-3f);
	sine = __builtin_fmaf(sine * s, r, r);
	sine = s < 0x1p-24f ? r : sine;
	cosine = __builtin_fmaf(0x1.99e80cp-16f, s, -0x1.6c0c28p-10f);
	cosine = __builtin_fmaf(cosine, s, 0x1.55554ap-5f);
	cosine = __builtin_fmaf(cosine, s, -0.5f);
	cosine = __builtin_fmaf(cosine, s, 1.0f);
	y = quadrant & 1 ? cosine : sine;
	return tern_bits_f32(tern_f32_bits(y) ^ (quadrant & 2) << 30);
}

/* sin(x + shift pi/2) for |x| <= TERN_TRIG_SMALL: Cody and Waite with pi/2 in three
 * parts, all positive, so that -0 stays -0. */
static inline float tern_trig_small(float x, uint32_t shift)
{
	const float t = __builtin_fmaf(x, 0x1.45f306p-1f, TERN_ROUND_MAGIC);
	const float n = t - TERN_ROUND_MAGIC;
	float r;

	r = __builtin_fmaf(-n, 0x1.921fb4p+0f, x);
	r = __builtin_fmaf(-n, 0x1.4442dp-24f, r);
	r = __builtin_fmaf(-n, 0x1.84698ap-48f, r);
	return tern_trig_poly(r, tern_f32_bits(t) + shift);
}

/* 32 bits of 2/pi from bit `pos`; the first word stands for the 32 bits before the point. */
static inline uint32_t tern_two_over_pi(unsigned int pos)
{
	static const uint32_t words[] = {0,	     0xa2f9836e, 0x4e441529, 0xfc2757d1,
					 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
	const uint64_t two = (uint64_t)words[pos / 32] << 32 | words[pos / 32 + 1];

	return (uint32_t)(two >> (32 - pos % 32));
}

/*
 * sin(x + shift pi/2) for larger |x|, after Payne and Hanek. |x| = m 2^e; the bits of 2/pi
 * that weigh 2^2 and more after multiplication by 2^e only add whole turns, so 96 bits
 * from there give |x| 2/pi modulo 4 with an error below 2^-70. Its 64 leading bits, less
 * the nearest integer, become binary64 and are multiplied by pi/2.
 */
static inline float tern_trig_large(float x, uint32_t shift)
{
	const uint32_t u = tern_f32_bits(x), biased = u >> 23 & 0xff;
	const uint64_t m = (u & 0x7fffff) | 0x800000;
	uint64_t low, mid, high, product, quadrant;
	unsigned int pos;
	double r;

	if (biased == 0xff)
		return tern_bits_f32(TERN_QNAN_BITS);
	pos = biased - 150 - 1 + 31; /* weight 2^1 first; 2^17 has biased exponent 144 */
	low = m * tern_two_over_pi(pos + 64);
	mid = m * tern_two_over_pi(pos + 32) + (low >> 32);
	high = m * tern_two_over_pi(pos) + (mid >> 32);
	product = high << 32 | (mid & 0xffffffff);
	quadrant = (product + (1ull << 61)) >> 62;
	r = (double)(int64_t)(product - (quadrant << 62)) * 0x1.921fb54442d18p-62;
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

/* |x| < 5/8: x + x^3 P(x^2); else 1 - 2 / (e^2|x| + 1), constant 1 from 9.02 on. */
static inline float tern_tanh(float x)
{
	const float a = tern_bits_f32(tern_f32_bits(x) & 0x7fffffff), s = x * x;
	float p, big;

	p = __builtin_fmaf(0x1.1a2816p-9f, s, -0x1.0c5edp-7f);
	p = __builtin_fmaf(p, s, 0x1.63a55p-6f);
	p = __builtin_fmaf(p, s, -0x1.b9f188p-5f);
	p = __builtin_fmaf(p, s, 0x1.11107ap-3f);
	p = __builtin_fmaf(p, s, -0x1.555554p-2f);
	p = __builtin_fmaf(p * s, x, x);
	p = a < 0x1p-12f ? x : p; /* keeps -0 */
	big = a > 10.0f ? 10.0f : a;
	big = 1.0f - 2.0f / (tern_exp(big + big) + 1.0f);
	return a < 0.625f ? p : tern_copysign(big, x);
}

/* |x| < 7/8: x + x P(x^2); else 1 - e^-Q(|x|), Q = -ln erfc fitted on 7/8 .. 4. */
static inline float tern_erf(float x)
{
	const float a = tern_bits_f32(tern_f32_bits(x) & 0x7fffffff), s = x * x;
	const float t = a > 4.0f ? 4.0f : a;
	float p, q;

	p = __builtin_fmaf(0x1.4a4186p-14f, s, -0x1.a4dadcp-11f);
	p = __builtin_fmaf(p, s, 0x1.5431eap-8f);
	p = __builtin_fmaf(p, s, -0x1.b7ff9p-6f);
	p = __builtin_fmaf(p, s, 0x1.ce2d5cp-4f);
	p = __builtin_fmaf(p, s, -0x1.812740p-2f);
	p = __builtin_fmaf(p, s, 0x1.06eba8p-3f);
	p = __builtin_fmaf(p, x, x);
	q = __builtin_fmaf(0x1.5722d2p-16f, t, -0x1.bfd6fap-12f);
	q = __builtin_fmaf(q, t, 0x1.0f0954p-8f);
	q = __builtin_fmaf(q, t, -0x1.9a0bdap-6f);
	q = __builtin_fmaf(q, t, 0x1.baf01ep-4f);
	q = __builtin_fmaf(q, t, 0x1.4456ap-1f);
	q = __builtin_fmaf(q, t, 0x1.2123d8p+0f);
	q = __builtin_fmaf(q, t, -0x1.53cb2cp-13f);
	q = 1.0f - tern_exp(-q);
	return a < 0.875f ? p : tern_copysign(q, x);
}

#endif
