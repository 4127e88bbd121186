// SPDX-License-Identifier: MIT
/* Formats: one function per type gives element i of a block. */
#include "ref.h"

#include <math.h>
#include <string.h>

static const double iq4_nl[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
				  1,	13,   25,  38,	53,  69,  89,  113};
static const double e2m1[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};

static unsigned int u16(const uint8_t *p)
{
	return p[0] | (unsigned int)p[1] << 8;
}

static double half(const uint8_t *p)
{
	unsigned int h = u16(p), e = h >> 10 & 31, m = h & 1023;
	double v = e == 31 ? (m ? NAN : INFINITY)
		   : e	   ? ldexp(1024 + m, (int)e - 25)
			   : ldexp(m, -24);

	return h >> 15 ? -v : v;
}

/* Low nibbles are elements 0..15 of a block of 32, high nibbles 16..31. */
static int nibble(const uint8_t *qs, int i)
{
	return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
}

static int bit(const uint8_t *p, int i)
{
	return p[i / 8] >> i % 8 & 1;
}

static double f32(const uint8_t *b, int i)
{
	float f;

	(void)i;
	memcpy(&f, b, 4);
	return f;
}

static double f16(const uint8_t *b, int i)
{
	(void)i;
	return half(b);
}

static double bf16(const uint8_t *b, int i)
{
	const uint8_t wide[4] = {0, 0, b[0], b[1]};

	return f32(wide, i);
}

static double i32(const uint8_t *b, int i)
{
	int32_t v;

	(void)i;
	memcpy(&v, b, 4);
	return v;
}

static double i8(const uint8_t *b, int i)
{
	(void)i;
	return (int8_t)*b;
}

static double i16(const uint8_t *b, int i)
{
	(void)i;
	return (int16_t)(b[0] | b[1] << 8);
}

static double i64(const uint8_t *b, int i)
{
	int64_t v;

	(void)i;
	memcpy(&v, b, 8);
	return (double)v;
}

static double q4_0(const uint8_t *b, int i)
{
	return half(b) * (nibble(b + 2, i) - 8);
}

static double q4_1(const uint8_t *b, int i)
{
	return half(b) * nibble(b + 4, i) + half(b + 2);
}

static double q5_0(const uint8_t *b, int i)
{
	return half(b) * (nibble(b + 6, i) + 16 * bit(b + 2, i) - 16);
}

static double q5_1(const uint8_t *b, int i)
{
	return half(b) * (nibble(b + 8, i) + 16 * bit(b + 4, i)) + half(b + 2);
}

static double q8_0(const uint8_t *b, int i)
{
	return half(b) * (int8_t)b[2 + i];
}

/* Two bits: 32 bytes hold 128 elements, 32 per bit pair. */
static int pair(const uint8_t *qs, int i)
{
	return qs[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
}

static double q2_k(const uint8_t *b, int i)
{
	int scale = b[i / 16];

	return half(b + 80) * (scale & 15) * pair(b + 16, i) - half(b + 82) * (scale >> 4);
}

static double q3_k(const uint8_t *b, int i)
{
	const uint8_t *hmask = b, *scales = b + 96;
	int s = i / 16, q = pair(b + 32, i);
	int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
	int high = scales[8 + s % 4] >> s / 4 * 2 & 3;

	if (!(hmask[i % 32] >> i / 32 & 1))
		q -= 4;
	return half(b + 108) * (low + 16 * high - 32) * q;
}

/* Six-bit scale (which = 0) or minimum (1) of group g of Q4_K and Q5_K. */
static int k4(const uint8_t *s, int g, int which)
{
	if (g < 4)
		return s[g + 4 * which] & 63;
	return (s[g + 4] >> 4 * which & 15) + 16 * (s[g - 4 + 4 * which] >> 6);
}

static int k_nibble(const uint8_t *qs, int i)
{
	return qs[i / 64 * 32 + i % 32] >> i / 32 % 2 * 4 & 15;
}

static double q4_k(const uint8_t *b, int i)
{
	const uint8_t *s = b + 4;

	return half(b) * k4(s, i / 32, 0) * k_nibble(b + 16, i) - half(b + 2) * k4(s, i / 32, 1);
}

static double q5_k(const uint8_t *b, int i)
{
	const uint8_t *s = b + 4, *qh = b + 16;
	int q = k_nibble(b + 48, i) + 16 * (qh[i % 32] >> i / 32 & 1);

	return half(b) * k4(s, i / 32, 0) * q - half(b + 2) * k4(s, i / 32, 1);
}

static double q6_k(const uint8_t *b, int i)
{
	int low = b[i / 128 * 64 + i % 64] >> i % 128 / 64 * 4 & 15;
	int q = low + 16 * pair(b + 128, i) - 32;

	return half(b + 208) * (int8_t)b[192 + i / 16] * q;
}

static double iq4(const uint8_t *b, int i)
{
	return half(b) * iq4_nl[nibble(b + 2, i)];
}

static double mxfp4(const uint8_t *b, int i)
{
	int q = nibble(b + 1, i);

	return ldexp(q & 8 ? -e2m1[q & 7] : e2m1[q & 7], b[0] - 127);
}

/* ---- table ------------------------------------------------------------------- */
struct row {
	struct ref_type public;
	double (*element)(const uint8_t *block, int i);
	/* where binary16 scales lie, for random blocks; -1: none */
	int halves[2];
};

static const struct row rows[] = {
	[TERN_F32] = {{"F32", 1, 4, true}, f32, {-1, -1}},
	[TERN_F16] = {{"F16", 1, 2, true}, f16, {-1, -1}},
	[TERN_BF16] = {{"BF16", 1, 2, true}, bf16, {-1, -1}},
	[TERN_I32] = {{"I32", 1, 4, true}, i32, {-1, -1}},
	[TERN_I8] = {{"I8", 1, 1, true}, i8, {-1, -1}},
	[TERN_I16] = {{"I16", 1, 2, true}, i16, {-1, -1}},
	[TERN_I64] = {{"I64", 1, 8, true}, i64, {-1, -1}},
	[TERN_Q4_0] = {{"Q4_0", 32, 18, true}, q4_0, {0, -1}},
	[TERN_Q4_1] = {{"Q4_1", 32, 20, true}, q4_1, {0, 2}},
	[TERN_Q5_0] = {{"Q5_0", 32, 22, true}, q5_0, {0, -1}},
	[TERN_Q5_1] = {{"Q5_1", 32, 24, true}, q5_1, {0, 2}},
	[TERN_Q8_0] = {{"Q8_0", 32, 34, true}, q8_0, {0, -1}},
	[TERN_Q2_K] = {{"Q2_K", 256, 84, false}, q2_k, {80, 82}},
	[TERN_Q3_K] = {{"Q3_K", 256, 110, false}, q3_k, {108, -1}},
	[TERN_Q4_K] = {{"Q4_K", 256, 144, false}, q4_k, {0, 2}},
	[TERN_Q5_K] = {{"Q5_K", 256, 176, false}, q5_k, {0, 2}},
	[TERN_Q6_K] = {{"Q6_K", 256, 210, false}, q6_k, {208, -1}},
	[TERN_IQ4_NL] = {{"IQ4_NL", 32, 18, true}, iq4, {0, -1}},
	[TERN_MXFP4] = {{"MXFP4", 32, 17, true}, mxfp4, {-1, -1}},
};

static const struct row *row_of(enum tern_dtype type)
{
	if ((size_t)type >= sizeof(rows) / sizeof(rows[0]) || !rows[type].element)
		return NULL;
	return &rows[type];
}

const struct ref_type *ref_type(enum tern_dtype type)
{
	const struct row *r = row_of(type);

	return r ? &r->public : NULL;
}

void ref_decode(enum tern_dtype type, const void *src, double *dst, int64_t n)
{
	const struct row *r = row_of(type);
	const uint8_t *b = src;

	for (int64_t i = 0; i < n; i++)
		dst[i] = r->element(b + i / r->public.elems * r->public.bytes,
				    (int)(i % r->public.elems));
}

/* ---- random data -------------------------------------------------------------- */
/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t ref_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

double ref_uniform(uint64_t *seed, double lo, double hi)
{
	return lo + (hi - lo) * ldexp((double)(ref_random(seed) >> 11), -53);
}

/* Largest value of a block whose scales are all 1: scales are drawn below its inverse. */
static double block_peak(enum tern_dtype type, const uint8_t *block)
{
	double peak = 1e-3;

	for (int i = 0; i < rows[type].public.elems; i++)
		peak = fmax(peak, fabs(rows[type].element(block, i)));
	return peak;
}

static void random_block(enum tern_dtype type, uint64_t *seed, uint8_t *b)
{
	const struct row *r = &rows[type];
	const uint8_t one[2] = {0x00, 0x3c};
	double peak, scale;

	for (int i = 0; i < r->public.bytes; i++)
		b[i] = (uint8_t)ref_random(seed);
	if (type == TERN_MXFP4)
		b[0] = (uint8_t)(123 + ref_random(seed) % 4);
	for (int h = 0; h < 2; h++)
		if (r->halves[h] >= 0)
			memcpy(b + r->halves[h], one, 2);
	peak = block_peak(type, b);
	for (int h = 0; h < 2; h++) {
		scale = ref_uniform(seed, 0.3, 1.5) / peak;
		if (r->halves[h] >= 0)
			ref_encode(TERN_F16, &scale, b + r->halves[h], 1);
	}
}

void ref_random_fill(enum tern_dtype type, uint64_t *seed, void *dst, int64_t n)
{
	const struct row *r = row_of(type);
	uint8_t *b = dst;
	double v;

	for (int64_t i = 0; i < n / r->public.elems; i++, b += r->public.bytes) {
		if (r->public.elems > 1) {
			random_block(type, seed, b);
			continue;
		}
		v = ref_uniform(seed, -1, 1);
		ref_encode(type, &v, b, 1);
	}
}
