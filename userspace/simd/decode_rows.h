/* SPDX-License-Identifier: MIT */
/*
 * The row decoders, written once in plain C. decode*.c include this with LEVEL
 * defined and differ in the instruction set the compiler may vectorise them with.
 */
#include "blocks.h"
#include "decode.h"
#include "vector.h"

#define CAT_(a, b)     a##_##b
#define CAT(a, b)      CAT_(a, b)
#define LEVEL_FN(name) CAT(name, LEVEL)

static void low_high(const uint8_t *qs, int8_t *q, int bias)
{
	for (int j = 0; j < 16; j++) {
		q[j] = (int8_t)((qs[j] & 15) - bias);
		q[j + 16] = (int8_t)((qs[j] >> 4) - bias);
	}
}

static void fifth_bits(const uint8_t qh[4], int8_t *q)
{
	for (int j = 0; j < 32; j++)
		q[j] = (int8_t)(q[j] + (qh[j / 8] >> j % 8 & 1) * 16);
}

static void lookup(const uint8_t *qs, const int8_t table[16], int8_t *q)
{
	for (int j = 0; j < 16; j++) {
		q[j] = table[qs[j] & 15];
		q[j + 16] = table[qs[j] >> 4];
	}
}

static void row_q4_0(const void *src, void *dst)
{
	const struct tern_block_q4_0 *b = src;
	struct tern_block_op32 *o = dst;

	low_high(b->qs, o->q, 8);
	o->s = tern_half(b->d);
}

static void row_q4_1(const void *src, void *dst)
{
	const struct tern_block_q4_1 *b = src;
	struct tern_block_op32m *o = dst;

	low_high(b->qs, o->q, 0);
	o->s = tern_half(b->d);
	o->m = tern_half(b->m);
}

static void row_q5_0(const void *src, void *dst)
{
	const struct tern_block_q5_0 *b = src;
	struct tern_block_op32 *o = dst;

	low_high(b->qs, o->q, 16);
	fifth_bits(b->qh, o->q);
	o->s = tern_half(b->d);
}

static void row_q5_1(const void *src, void *dst)
{
	const struct tern_block_q5_1 *b = src;
	struct tern_block_op32m *o = dst;

	low_high(b->qs, o->q, 0);
	fifth_bits(b->qh, o->q);
	o->s = tern_half(b->d);
	o->m = tern_half(b->m);
}

static void row_q8_0(const void *src, void *dst)
{
	const struct tern_block_q8_0 *b = src;
	struct tern_block_op32 *o = dst;

	memcpy(o->q, b->qs, 32);
	o->s = tern_half(b->d);
}

static void row_iq4_nl(const void *src, void *dst)
{
	const struct tern_block_iq4_nl *b = src;
	struct tern_block_op32 *o = dst;

	lookup(b->qs, tern_iq4_nl, o->q);
	o->s = tern_half(b->d);
}

static void row_mxfp4(const void *src, void *dst)
{
	const struct tern_block_mxfp4 *b = src;
	struct tern_block_op32 *o = dst;

	lookup(b->qs, tern_mxfp4, o->q);
	o->s = tern_e8m0_half(b->e);
}

static void row_q2_k(const void *src, void *dst)
{
	const struct tern_block_q2_k *b = src;
	struct tern_block_op16m *o = dst;
	float d = tern_half(b->d), dmin = tern_half(b->dmin);

	for (int g = 0; g < 8; g++, o++) {
		for (int l = 0; l < 32; l++)
			o->q[l] = (int8_t)(b->qs[32 * (g / 4) + l] >> 2 * (g % 4) & 3);
		for (int h = 0; h < 2; h++) {
			o->s[h] = d * (float)(b->scales[2 * g + h] & 15);
			o->m[h] = -(dmin * (float)(b->scales[2 * g + h] >> 4));
		}
	}
}

static void row_q3_k(const void *src, void *dst)
{
	const struct tern_block_q3_k *b = src;
	struct tern_block_op16 *o = dst;
	float d = tern_half(b->d);

	for (int g = 0; g < 8; g++, o++) {
		for (int l = 0; l < 32; l++)
			o->q[l] = (int8_t)((b->qs[32 * (g / 4) + l] >> 2 * (g % 4) & 3) +
					   (b->hmask[l] >> g & 1) * 4 - 4);
		for (unsigned int h = 0; h < 2; h++)
			o->s[h] = d * (float)tern_q3_scale(b->scales, 2 * (unsigned int)g + h);
	}
}

/* Groups of Q4_K and Q5_K but for the fifth bits. */
static void row_k4(const uint8_t *qs, const uint8_t *scales, uint16_t hd, uint16_t hm,
		   struct tern_block_op32m *o)
{
	float d = tern_half(hd), dmin = tern_half(hm);
	uint8_t sc, m;

	for (unsigned int g = 0; g < 8; g++, o++) {
		for (int l = 0; l < 32; l++)
			o->q[l] = (int8_t)(qs[32 * (g / 2) + (unsigned int)l] >> 4 * (g % 2) & 15);
		tern_k4_scale(scales, g, &sc, &m);
		o->s = d * (float)sc;
		o->m = -(dmin * (float)m);
	}
}

static void row_q4_k(const void *src, void *dst)
{
	const struct tern_block_q4_k *b = src;

	row_k4(b->qs, b->scales, b->d, b->dmin, dst);
}

static void row_q5_k(const void *src, void *dst)
{
	const struct tern_block_q5_k *b = src;
	struct tern_block_op32m *o = dst;

	row_k4(b->qs, b->scales, b->d, b->dmin, o);
	for (int g = 0; g < 8; g++)
		for (int l = 0; l < 32; l++)
			o[g].q[l] = (int8_t)(o[g].q[l] + (b->qh[l] >> g & 1) * 16);
}

static void row_q6_k(const void *src, void *dst)
{
	const struct tern_block_q6_k *b = src;
	struct tern_block_op16 *o = dst;
	float d = tern_half(b->d);

	for (int g = 0; g < 8; g++, o++) {
		const uint8_t *ql = b->ql + 64 * (g / 4) + 32 * (g % 2), *qh = b->qh + 32 * (g / 4);

		for (int l = 0; l < 32; l++)
			o->q[l] = (int8_t)((ql[l] >> 4 * (g % 4 / 2) & 15) +
					   (qh[l] >> 2 * (g % 4) & 3) * 16 - 32);
		for (int h = 0; h < 2; h++)
			o->s[h] = d * (float)b->scales[2 * g + h];
	}
}

typedef void (*row_fn)(const void *src, void *dst);

/* clang-format off */
static const row_fn row_fns[TERN_T_COUNT] = {
	[TERN_T_Q4_0] = row_q4_0, [TERN_T_Q4_1] = row_q4_1, [TERN_T_Q5_0] = row_q5_0,
	[TERN_T_Q5_1] = row_q5_1, [TERN_T_Q8_0] = row_q8_0, [TERN_T_Q2_K] = row_q2_k,
	[TERN_T_Q3_K] = row_q3_k, [TERN_T_Q4_K] = row_q4_k, [TERN_T_Q5_K] = row_q5_k,
	[TERN_T_Q6_K] = row_q6_k, [TERN_T_IQ4_NL] = row_iq4_nl, [TERN_T_MXFP4] = row_mxfp4,
};
/* clang-format on */

/* An operand type decodes to itself. */
void LEVEL_FN(tern_decode_operand)(unsigned int type, const void *src, void *dst, int64_t n)
{
	const struct tern_block_desc *t = tern_block_desc(type);
	const unsigned char *s = src;
	unsigned char *d = dst;

	if (t->operand == type) {
		memcpy(dst, src, (size_t)(n / 32) * t->group_bytes);
		return;
	}
	for (int64_t i = 0; i < n; i += t->elems) {
		row_fns[type](s, d);
		s += t->bytes;
		d += t->elems / 32 * t->group_bytes;
	}
}

/* One operand group to f32: the scales are the group's floats, then the minima. */
static void group_f32(const unsigned char *o, unsigned int group, bool min, float *dst)
{
	const int8_t *q = (const int8_t *)o;
	float f[4];
	unsigned int parts = 32 / group;

	memcpy(f, o + 32, (min ? 2 : 1) * parts * sizeof(float));
	for (unsigned int h = 0; h < parts; h++)
		for (unsigned int l = h * group; l < (h + 1) * group; l++) {
			float v = (float)q[l] * f[h];

			dst[l] = min ? v + f[parts + h] : v;
		}
}

void LEVEL_FN(tern_decode_f32)(unsigned int type, const void *src, float *dst, int64_t n)
{
	const struct tern_block_desc *t = tern_block_desc(type);
	const unsigned char *s = src;
	unsigned char o[8 * sizeof(struct tern_block_op16m)];

	for (int64_t i = 0; i < n; i += t->elems) {
		LEVEL_FN(tern_decode_operand)(type, s, o, t->elems);
		for (unsigned int g = 0; g < t->elems / 32u; g++) {
			const unsigned char *og = o + g * t->group_bytes;
			float *d = dst + i + 32 * g;

			if (t->group == 32)
				t->min ? group_f32(og, 32, true, d) : group_f32(og, 32, false, d);
			else
				t->min ? group_f32(og, 16, true, d) : group_f32(og, 16, false, d);
		}
		s += t->bytes;
	}
}

void LEVEL_FN(tern_to_f32)(unsigned int type, const void *src, float *dst, int64_t n)
{
	if (tern_block_desc(type))
		LEVEL_FN(tern_decode_f32)(type, src, dst, n);
	else
		LEVEL_FN(tern_to_f32_plain)(type, src, dst, n);
}
