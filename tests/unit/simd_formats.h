/* SPDX-License-Identifier: MIT */
/*
 * The block formats by definition: what element i of a row is, in double precision and
 * without looking at how the product decodes them. ggml's definitions, restated.
 */
#ifndef TERN_TEST_SIMD_FORMATS_H
#define TERN_TEST_SIMD_FORMATS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "isa/codec.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* What an element is: q * s + m, exactly. */
struct element {
	int q;
	double s, m;
};

static double half(const uint8_t *p)
{
	unsigned int h = p[0] | (unsigned int)p[1] << 8, e = h >> 10 & 31, f = h & 1023;
	double v = e ? ldexp(1024 + f, (int)e - 25) : ldexp(f, -24);

	return h & 0x8000 ? -v : v;
}

/* Element i's bits of a field that packs 8 / bits elements per byte, `span` bytes apart. */
static unsigned int packed(const uint8_t *p, int i, int bits, int span)
{
	int per = 8 / bits, part = i / (span * per), in = i % (span * per);

	return p[part * span + in % span] >> bits * (in / span) & ((1u << bits) - 1);
}

static struct element elem_legacy(unsigned int type, const uint8_t *b, int i)
{
	static const int codebook[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
					 1,    13,   25,  38,  53,  69,	 89,  113};
	static const double e2m1[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
	struct element e = {.s = half(b)};

	switch (type) {
	case TERN_T_Q4_0:
		e.q = (int)packed(b + 2, i, 4, 16) - 8;
		break;
	case TERN_T_Q4_1:
		e.q = (int)packed(b + 4, i, 4, 16);
		e.m = half(b + 2);
		break;
	case TERN_T_Q5_0:
		e.q = (int)(packed(b + 6, i, 4, 16) + 16 * packed(b + 2, i % 8 * 4 + i / 8, 1, 4)) -
		      16;
		break;
	case TERN_T_Q5_1:
		e.q = (int)(packed(b + 8, i, 4, 16) + 16 * packed(b + 4, i % 8 * 4 + i / 8, 1, 4));
		e.m = half(b + 2);
		break;
	case TERN_T_Q8_0:
		e.q = (int8_t)b[2 + i];
		break;
	case TERN_T_IQ4_NL:
		e.q = codebook[packed(b + 2, i, 4, 16)];
		break;
	default: /* MXFP4: twice the value, half the scale */
		e.q = (int)(2 * e2m1[packed(b + 1, i, 4, 16) & 7]);
		e.q = packed(b + 1, i, 4, 16) & 8 ? -e.q : e.q;
		e.s = ldexp(1, b[0] - 128);
	}
	return e;
}

/* The 6-bit scale (at 0) or minimum (at 4) of group g of Q4_K and Q5_K. */
static int six_bits(const uint8_t *s, int g, int at)
{
	if (g < 4)
		return s[at + g] & 63;
	return (at ? s[4 + g] >> 4 : s[4 + g] & 15) + 16 * (s[at + g - 4] >> 6);
}

static int q3_scale(const uint8_t *s, int j)
{
	return (int)(packed(s, j, 4, 8) + 16 * packed(s + 8, j, 2, 4)) - 32;
}

static struct element elem_super(unsigned int type, const uint8_t *b, int i)
{
	struct element e = {0};
	int ql;

	switch (type) {
	case TERN_T_Q2_K:
		e.q = (int)packed(b + 16, i, 2, 32);
		e.s = half(b + 80) * (b[i / 16] & 15);
		e.m = -half(b + 82) * (b[i / 16] >> 4);
		break;
	case TERN_T_Q3_K:
		e.q = (int)(packed(b + 32, i, 2, 32) + 4 * packed(b, i, 1, 32)) - 4;
		e.s = half(b + 108) * q3_scale(b + 96, i / 16);
		break;
	case TERN_T_Q4_K:
	case TERN_T_Q5_K:
		ql = (int)packed(b + (type == TERN_T_Q4_K ? 16 : 48), i, 4, 32);
		e.q = ql + (type == TERN_T_Q5_K ? 16 * (int)packed(b + 16, i, 1, 32) : 0);
		e.s = half(b) * six_bits(b + 4, i / 32, 0);
		e.m = -half(b + 2) * six_bits(b + 4, i / 32, 4);
		break;
	default: /* Q6_K */
		ql = (int)packed(b, i, 4, 64);
		e.q = ql + 16 * (int)packed(b + 128, i, 2, 32) - 32;
		e.s = half(b + 208) * (int8_t)b[192 + i / 16];
	}
	return e;
}

static struct element element_of(unsigned int type, const uint8_t *row, int64_t i)
{
	const struct tern_type_info *t = tern_type_info(type);
	const uint8_t *b = row + i / t->elems * t->bytes;

	return t->elems == 256 ? elem_super(type, b, (int)(i % 256))
			       : elem_legacy(type, b, (int)(i % 32));
}

static double plain_value(unsigned int type, const uint8_t *p)
{
	float f;
	uint32_t u;

	if (type == TERN_T_F16)
		return half(p);
	u = type == TERN_T_BF16 ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24 : 0;
	memcpy(&f, type == TERN_T_BF16 ? (const void *)&u : p, sizeof(f));
	return f;
}

/* ---- random data ----------------------------------------------------------------- */
static uint64_t seed = 1;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33);
}

static float rnd_float(void)
{
	return ((float)(rnd() % 2001) - 1000) / 512.0f;
}

/* Where a type's blocks hold half-precision numbers: offsets, -1 for none. */
static void scale_fields(unsigned int type, int at[2])
{
	static const int fields[][3] = {
		{TERN_T_Q4_1, 0, 2},	{TERN_T_Q5_1, 0, 2},	{TERN_T_Q2_K, 80, 82},
		{TERN_T_Q3_K, 108, -1}, {TERN_T_Q4_K, 0, 2},	{TERN_T_Q5_K, 0, 2},
		{TERN_T_Q6_K, 208, -1}, {TERN_T_MXFP4, -1, -1},
	};

	at[0] = 0;
	at[1] = -1;
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i][0] == (int)type)
			memcpy(at, fields[i] + 1, 2 * sizeof(int));
}

/* Any bits, but finite scales of moderate size. */
static void random_blocks(unsigned int type, uint8_t *p, int64_t blocks)
{
	const struct tern_type_info *t = tern_type_info(type);
	int at[2];

	scale_fields(type, at);
	for (int64_t i = 0; i < blocks; i++, p += t->bytes) {
		for (int j = 0; j < t->bytes; j++)
			p[j] = (uint8_t)rnd();
		for (int j = 0; j < 2; j++)
			if (at[j] >= 0)
				p[at[j] + 1] =
					(uint8_t)((p[at[j] + 1] & 0x83) | (rnd() % 8 + 8) << 2);
		if (type == TERN_T_MXFP4)
			p[0] = (uint8_t)(120 + rnd() % 16);
	}
}

static void random_plain(unsigned int type, uint8_t *p, int64_t n)
{
	int size = type == TERN_T_F32 ? 4 : 2;

	for (int64_t i = 0; i < n; i++, p += size) {
		float f = rnd_float();

		memcpy(p, (uint8_t *)&f + 4 - size, (size_t)size);
		if (type == TERN_T_F16)
			p[1] = (uint8_t)((p[1] & 0x83) | (rnd() % 8 + 10) << 2);
	}
}

struct act {
	int8_t q[32];
	float s;
	int16_t sum[2];
} __attribute__((packed));

static void random_act(struct act *a, int64_t groups)
{
	for (int64_t i = 0; i < groups; i++, a++) {
		int sum[2] = {0, 0};

		for (int j = 0; j < 32; j++) {
			a->q[j] = (int8_t)((int)(rnd() % 255) - 127);
			if (i % 7 == 3) /* the extremes */
				a->q[j] = rnd() % 2 ? 127 : -127;
			sum[j / 16] += a->q[j];
		}
		a->s = rnd_float() / 64;
		a->sum[0] = (int16_t)sum[0];
		a->sum[1] = (int16_t)sum[1];
	}
}

#endif
