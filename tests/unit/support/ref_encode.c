// SPDX-License-Identifier: MIT
/*
 * Encoders. ggml's reference quantisers are sequences of binary32 operations, and a double in
 * their place would decide some ties differently; so these are float on purpose.
 */
#include "ref.h"

#include <float.h>
#include <math.h>
#include <string.h>

static void put_half(uint8_t *p, float f)
{
	double a = fabs((double)f), unit;
	unsigned int h, sign = signbit(f) ? 0x8000 : 0;
	int e;

	if (isnan(f)) {
		h = 0x7e00;
	} else if (a >= 65520) {
		h = 0x7c00;
	} else {
		e = a < ldexp(1, -14) ? -14 : ilogb(a);
		unit = nearbyint(ldexp(a, 10 - e)); /* 0..2048; 2048 carries into the exponent */
		h = (unsigned int)(e + 14) * 1024 + (unsigned int)unit;
	}
	h |= sign;
	p[0] = (uint8_t)h;
	p[1] = (uint8_t)(h >> 8);
}

static void put_f32(const float *x, uint8_t *b)
{
	memcpy(b, x, 4);
}

static void put_f16(const float *x, uint8_t *b)
{
	put_half(b, x[0]);
}

/* To nearest even by comparing the two candidates. */
static void put_bf16(const float *x, uint8_t *b)
{
	uint32_t u, low;

	memcpy(&u, x, 4);
	low = u & 0xffff;
	u >>= 16;
	if (isnan(x[0]))
		u |= 0x40;
	else if (low > 0x8000 || (low == 0x8000 && (u & 1)))
		u++;
	b[0] = (uint8_t)u;
	b[1] = (uint8_t)(u >> 8);
}

static float signed_peak(const float *x)
{
	float peak = 0, a = 0;

	for (int i = 0; i < 32; i++) {
		if (fabsf(x[i]) > a) {
			a = fabsf(x[i]);
			peak = x[i];
		}
	}
	return peak;
}

static void range(const float *x, float *lo, float *hi)
{
	*lo = FLT_MAX;
	*hi = -FLT_MAX;
	for (int i = 0; i < 32; i++) {
		*lo = x[i] < *lo ? x[i] : *lo;
		*hi = x[i] > *hi ? x[i] : *hi;
	}
}

static float inverse(float d)
{
	return d != 0 ? 1.0f / d : 0.0f;
}

static void put_nibbles(uint8_t *qs, const int *q)
{
	for (int i = 0; i < 16; i++)
		qs[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

static void put_fifth(uint8_t *qh, const int *q)
{
	memset(qh, 0, 4);
	for (int i = 0; i < 32; i++)
		qh[i / 8] |= (uint8_t)((q[i] >> 4 & 1) << i % 8);
}

/* Cuts off the fraction, then to 0 .. top; NaN is 0: of infinities times 0. */
static int cut(float v, int top)
{
	if (!(v > 0))
		return 0;
	return v < (float)top ? (int)v : top;
}

static void put_q4_0(const float *x, uint8_t *b)
{
	float d = signed_peak(x) / -8, id = inverse(d);
	int q[32];

	for (int i = 0; i < 32; i++)
		q[i] = cut(x[i] * id + 8.5f, 15);
	put_half(b, d);
	put_nibbles(b + 2, q);
}

static void put_q4_1(const float *x, uint8_t *b)
{
	float lo, hi, d, id;
	int q[32];

	range(x, &lo, &hi);
	d = (hi - lo) / 15;
	id = inverse(d);
	for (int i = 0; i < 32; i++)
		q[i] = cut((x[i] - lo) * id + 0.5f, 15);
	put_half(b, d);
	put_half(b + 2, lo);
	put_nibbles(b + 4, q);
}

static void put_q5_0(const float *x, uint8_t *b)
{
	float d = signed_peak(x) / -16, id = inverse(d);
	int q[32];

	for (int i = 0; i < 32; i++)
		q[i] = cut(x[i] * id + 16.5f, 31);
	put_half(b, d);
	put_fifth(b + 2, q);
	put_nibbles(b + 6, q);
}

static void put_q5_1(const float *x, uint8_t *b)
{
	float lo, hi, d, id;
	int q[32];

	range(x, &lo, &hi);
	d = (hi - lo) / 31;
	id = inverse(d);
	for (int i = 0; i < 32; i++)
		q[i] = cut((x[i] - lo) * id + 0.5f, 31);
	put_half(b, d);
	put_half(b + 2, lo);
	put_fifth(b + 4, q);
	put_nibbles(b + 8, q);
}

static void put_q8_0(const float *x, uint8_t *b)
{
	float amax = fabsf(signed_peak(x)), id = amax > 0 ? 127 / amax : 0;

	put_half(b, amax / 127);
	for (int i = 0; i < 32; i++) {
		float code = nearbyintf(x[i] * id);

		b[2 + i] = (uint8_t)(int8_t)(isnan(code) ? 0 : fmaxf(fminf(code, 127), -127));
	}
}

/* The nearest level; of two equally near the higher, as ggml's bisection decides. */
static int nearest_level(const int *levels, float x)
{
	int best = 0;

	for (int i = 1; i < 16; i++)
		if (x - (float)levels[i - 1] >= (float)levels[i] - x)
			best = i;
	return best;
}

/* Scale by the peak, then once more by least squares weighted with x^2. */
static void put_iq4_nl(const float *x, uint8_t *b)
{
	static const int levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
				       1,    13,   25,	38,  53,  69,  89,  113};
	float peak = signed_peak(x), id, num = 0, den = 0;
	int q[32] = {0};

	memset(b, 0, 18);
	if (fabsf(peak) < 1e-15f)
		return;
	id = 1 / (peak / -127.0f);
	for (int i = 0; i < 32; i++) {
		float w = x[i] * x[i], level;

		q[i] = nearest_level(levels, id * x[i]);
		level = (float)levels[q[i]];
		num += w * level * x[i];
		den += w * level * level;
	}
	put_half(b, den > 0 ? num / den : 0);
	put_nibbles(b + 2, q);
}

static void put_mxfp4(const float *x, uint8_t *b)
{
	static const float levels[16] = {0, .5f,  1,  1.5f,  2,	 3,  4,	 6,
					 0, -.5f, -1, -1.5f, -2, -3, -4, -6};
	float peak = fabsf(signed_peak(x)), d;
	int q[32];

	b[0] = peak > 0 ? (uint8_t)(floorf(log2f(peak)) - 2 + 127) : 0;
	d = ldexpf(1, b[0] - 127);
	for (int i = 0; i < 32; i++) {
		q[i] = 0;
		for (int l = 1; l < 16; l++)
			if (fabsf(levels[l] * d - x[i]) < fabsf(levels[q[i]] * d - x[i]))
				q[i] = l;
	}
	put_nibbles(b + 1, q);
}

static void (*const put[])(const float *x, uint8_t *b) = {
	[TERN_F32] = put_f32,	  [TERN_F16] = put_f16,	  [TERN_BF16] = put_bf16,
	[TERN_Q4_0] = put_q4_0,	  [TERN_Q4_1] = put_q4_1, [TERN_Q5_0] = put_q5_0,
	[TERN_Q5_1] = put_q5_1,	  [TERN_Q8_0] = put_q8_0, [TERN_IQ4_NL] = put_iq4_nl,
	[TERN_MXFP4] = put_mxfp4,
};

static void put_integer(enum tern_dtype type, double x, uint8_t *b)
{
	int64_t v = (int64_t)x;

	for (int i = 0; i < ref_type(type)->bytes; i++)
		b[i] = (uint8_t)((uint64_t)v >> 8 * i);
}

void ref_encode(enum tern_dtype type, const double *src, void *dst, int64_t n)
{
	const struct ref_type *t = ref_type(type);
	uint8_t *b = dst;
	float x[32];

	for (int64_t i = 0; i < n; i += t->elems, b += t->bytes) {
		if (ref_is_integer(type)) {
			put_integer(type, src[i], b);
			continue;
		}
		for (int e = 0; e < t->elems; e++)
			x[e] = (float)src[i + e];
		put[type](x, b);
	}
}
