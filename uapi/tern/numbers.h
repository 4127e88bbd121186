/* SPDX-License-Identifier: MIT OR (GPL-2.0 WITH Linux-syscall-note) */
/*
 * The numbers in the hardware: codebooks of LOAD and STORE, and the transcendental functions
 * of VECTOR, each a sequence of IEEE 754 binary32 operations. README.md beside this file says
 * what uses them; an implementation that does the steps below gives the same bits.
 *
 * Notation. fma(a, b, c) is a * b + c with one rounding. Every other operation is rounded by
 * itself, to nearest even, in the order of C (a * b * c is (a * b) * c); subnormals are kept.
 * bits(x) is the pattern of a binary32, value(u) the number of a pattern, both 32 bits wide;
 * arithmetic on patterns wraps. c ? a : b takes a where c is true; comparisons with NaN are
 * false. A NaN result of any sign and payload becomes 0x7fc00000 in the register.
 *
 * TERN_POLY_f(FIRST, NEXT, p, x) is a polynomial, coefficients from the highest power down:
 * FIRST(p, x, c) stands for p = c, each NEXT(p, x, c) for p = fma(p, x, c), in this order. The
 * coefficients are minimax fits (Remez exchange at 110 bits on the interval named, weighted
 * for the relative error of the result; each rounded to binary32 and those above it fitted again).
 *
 * Largest errors over all 2^32 arguments against a double-precision library, in ulp:
 *	EXP 1.02, LOG 0.95, SIN 1.54, COS 1.55, TANH 1.34, ERF 1.13
 */
#ifndef TERN_NUMBERS_H
#define TERN_NUMBERS_H

/* clang-format off */

/* ---- Codebooks of IQ4_NL and MXFP4 ------------------------------------------- */
/* By code 0..15. MXFP4's are twice the values of E2M1; its scale is half as large for it. */
#define TERN_IQ4_NL_CODES(X) \
	X(-127) X(-104) X(-83) X(-65) X(-49) X(-35) X(-22) X(-10) \
	X(1) X(13) X(25) X(38) X(53) X(69) X(89) X(113)
#define TERN_MXFP4_CODES(X) \
	X(0) X(1) X(2) X(3) X(4) X(6) X(8) X(12) \
	X(0) X(-1) X(-2) X(-3) X(-4) X(-6) X(-8) X(-12)

/* ---- Shared ------------------------------------------------------------------- */
#define TERN_QNAN_BITS		0x7fc00000u
#define TERN_ROUND_MAGIC	0x1.8p23f /* added, it leaves the nearest integer in the low bits */
#define TERN_LN2_HI		0x1.62e43p-1f /* ln 2 in two parts; the first has zeros at its end */
#define TERN_LN2_LO		-0x1.05c61p-29f

/* ---- EXP ------------------------------------------------------------------------ */
/*
 * e^x = 2^n e^r, r = x - n ln 2, |r| <= ln 2 / 2; e^r = 1 + r + r^2 P(r).
 *
 *	x = x < EXP_LOW ? EXP_LOW : x;  x = x > EXP_HIGH ? EXP_HIGH : x
 *	t = fma(x, LOG2E, ROUND_MAGIC);  n = t - ROUND_MAGIC
 *	k = bits(t) - bits(ROUND_MAGIC), signed
 *	r = fma(-n, LN2_HI, x);  r = fma(-n, LN2_LO, r)
 *	p = POLY_EXP(r);  p = fma(p, r * r, r) + 1
 *	h = k >> 1, arithmetic
 *	EXP(x) = p * 2^h * 2^(k - h)
 *
 * The bounds keep both factors normal: e^89 overflows, e^-104 rounds to zero. Only the
 * second product can round, to a subnormal.
 */
#define TERN_EXP_LOW		-104.0f
#define TERN_EXP_HIGH		89.0f
#define TERN_LOG2E		0x1.715476p+0f
#define TERN_POLY_EXP(FIRST, NEXT, p, x) \
	FIRST(p, x, 0x1.6ab776p-10f) \
	NEXT(p, x, 0x1.123d5cp-7f) \
	NEXT(p, x, 0x1.55585ap-5f) \
	NEXT(p, x, 0x1.55548cp-3f) \
	NEXT(p, x, 0x1.fffffcp-2f)

/* ---- LOG ------------------------------------------------------------------------- */
/*
 * ln x = n ln 2 + ln(1 + f), -1/3 <= f < 1/3; ln(1 + f) = f + f^2 P(f).
 *
 *	x NaN or +inf: x.  x < 0: NaN.  x = +0 or -0: -inf.  Else:
 *	s = x < 2^-126;  y = s ? x * 2^23 : x
 *	e = (bits(y) - LOG_SPLIT) >> 23, signed and arithmetic
 *	f = value(bits(y) - (e << 23)) - 1
 *	n = (float)e + (s ? -23 : 0)
 *	p = POLY_LOG(f);  p = fma(p, f * f, f)
 *	LOG(x) = fma(n, LN2_HI, p)
 */
#define TERN_LOG_SPLIT		0x3f2aaaabu /* bits(2/3) */
#define TERN_POLY_LOG(FIRST, NEXT, p, x) \
	FIRST(p, x, -0x1.fe124ep-4f) \
	NEXT(p, x, 0x1.203a66p-3f) \
	NEXT(p, x, -0x1.f6e71p-4f) \
	NEXT(p, x, 0x1.1e790cp-3f) \
	NEXT(p, x, -0x1.557d62p-3f) \
	NEXT(p, x, 0x1.99d5e2p-3f) \
	NEXT(p, x, -0x1.ffff96p-3f) \
	NEXT(p, x, 0x1.5554fap-2f) \
	NEXT(p, x, -0.5f)

/* ---- SIN, COS --------------------------------------------------------------------- */
/*
 * SIN(x) is TRIG(x, 0), COS(x) is TRIG(x, 1). x infinite or NaN: NaN. |x| <= TRIG_SMALL, after
 * Cody and Waite with pi / 2 in three parts (all positive, so that -0 stays -0):
 *
 *	t = fma(x, TWO_OVER_PI, ROUND_MAGIC);  n = t - ROUND_MAGIC
 *	r = fma(-n, PIO2_1, x);  r = fma(-n, PIO2_2, r);  r = fma(-n, PIO2_3, r)
 *	TRIG(x, shift) = QUADRANT(r, bits(t) + shift)
 *
 * Else after Payne and Hanek, with integers: |x| = m 2^(b - 150), b the biased exponent and m
 * the fraction with its leading one, 24 bits. w(i) is 32 bits of TWO_OVER_PI_WORDS, taken as one
 * string, from bit i on, bit 0 the highest of the first word. Bits of 2 / pi that only add whole
 * turns are left out; the error of what remains is below 2^-70.
 *
 *	i = b - 120
 *	v = (m w(i) 2^64 + m w(i + 32) 2^32 + m w(i + 64)) mod 2^96, its lowest 32 bits cut off
 *	q = (v + 2^61) >> 62;  d = v - q 2^62, signed, 64 bits
 *	y = (binary64)d * PIO2_SCALED in binary64
 *	x > 0: TRIG(x, shift) = QUADRANT((binary32)y, q + shift)
 *	x < 0: TRIG(x, shift) = QUADRANT((binary32)-y, -q + shift)
 *
 * QUADRANT(r, q), |r| <= pi / 4: sin r = r + r^3 S(r^2), cos r = 1 + r^2 C(r^2).
 *
 *	s = r * r
 *	u = POLY_SIN(s);  u = fma(u * s, r, r);  u = s < TRIG_TINY ? r : u
 *	c = POLY_COS(s)
 *	q odd: c, else u; its sign flipped if bit 1 of q is set
 */
#define TERN_TRIG_SMALL		0x1p17f
#define TERN_TWO_OVER_PI	0x1.45f306p-1f
#define TERN_PIO2_1		0x1.921fb4p+0f
#define TERN_PIO2_2		0x1.4442dp-24f
#define TERN_PIO2_3		0x1.84698ap-48f
#define TERN_PIO2_SCALED	0x1.921fb54442d18p-62 /* binary64: pi / 2 times 2^-62 */
#define TERN_TRIG_TINY		0x1p-24f /* keeps -0 */
/* The first word stands for the 32 bits before the point. */
#define TERN_TWO_OVER_PI_WORDS(X) \
	X(0x00000000u) X(0xa2f9836eu) X(0x4e441529u) X(0xfc2757d1u) \
	X(0xf534ddc0u) X(0xdb629599u) X(0x3c439041u) X(0xfe5163abu)
#define TERN_POLY_SIN(FIRST, NEXT, p, x) \
	FIRST(p, x, -0x1.9951eap-13f) \
	NEXT(p, x, 0x1.110774p-7f) \
	NEXT(p, x, -0x1.555546p-3f)
#define TERN_POLY_COS(FIRST, NEXT, p, x) \
	FIRST(p, x, 0x1.99e80cp-16f) \
	NEXT(p, x, -0x1.6c0c28p-10f) \
	NEXT(p, x, 0x1.55554ap-5f) \
	NEXT(p, x, -0.5f) \
	NEXT(p, x, 1.0f)

/* ---- TANH -------------------------------------------------------------------------- */
/*
 * a = |x|;  s = x * x
 *	a < TANH_TINY: x
 *	a < TANH_SMALL: p = POLY_TANH(s);  fma(p * s, x, x)
 *	else: b = a > TANH_ONE ? TANH_ONE : a
 *	      1 - 2 / (EXP(b + b) + 1), with the sign of x
 * It is 1 from 9.02 on. A NaN is none of the first two.
 */
#define TERN_TANH_TINY		0x1p-12f /* keeps -0 */
#define TERN_TANH_SMALL		0.625f
#define TERN_TANH_ONE		10.0f
#define TERN_POLY_TANH(FIRST, NEXT, p, x) \
	FIRST(p, x, 0x1.1a2816p-9f) \
	NEXT(p, x, -0x1.0c5edp-7f) \
	NEXT(p, x, 0x1.63a55p-6f) \
	NEXT(p, x, -0x1.b9f188p-5f) \
	NEXT(p, x, 0x1.11107ap-3f) \
	NEXT(p, x, -0x1.555554p-2f)

/* ---- ERF ---------------------------------------------------------------------------- */
/*
 * a = |x|;  s = x * x
 *	a < ERF_SMALL: p = POLY_ERF(s);  fma(p, x, x)
 *	else: b = a > ERF_ONE ? ERF_ONE : a
 *	      q = POLY_ERFC(b);  1 - EXP(-q), with the sign of x
 * POLY_ERFC is -ln erfc fitted on 7/8 .. 4.
 */
#define TERN_ERF_SMALL		0.875f
#define TERN_ERF_ONE		4.0f
#define TERN_POLY_ERF(FIRST, NEXT, p, x) \
	FIRST(p, x, 0x1.4a4186p-14f) \
	NEXT(p, x, -0x1.a4dadcp-11f) \
	NEXT(p, x, 0x1.5431eap-8f) \
	NEXT(p, x, -0x1.b7ff9p-6f) \
	NEXT(p, x, 0x1.ce2d5cp-4f) \
	NEXT(p, x, -0x1.812740p-2f) \
	NEXT(p, x, 0x1.06eba8p-3f)
#define TERN_POLY_ERFC(FIRST, NEXT, p, x) \
	FIRST(p, x, 0x1.5722d2p-16f) \
	NEXT(p, x, -0x1.bfd6fap-12f) \
	NEXT(p, x, 0x1.0f0954p-8f) \
	NEXT(p, x, -0x1.9a0bdap-6f) \
	NEXT(p, x, 0x1.baf01ep-4f) \
	NEXT(p, x, 0x1.4456ap-1f) \
	NEXT(p, x, 0x1.2123d8p+0f) \
	NEXT(p, x, -0x1.53cb2cp-13f)

/* ---- The others ---------------------------------------------------------------------- */
/* SQRT, RCP (1 / x) and DIV are IEEE's; RSQRT is 1 / sqrt(x), two roundings. */

#endif /* TERN_NUMBERS_H */
