// SPDX-License-Identifier: MIT
/*
 * Weights into the panels of matmul_avx512.c, straight from their blocks.
 *
 * A type is two functions: the values of one group of four columns, biased by 128 (elements
 * 0-15 of each column in `lo`, 16-31 in `hi`), and the scales and minima of a column's block.
 * The rest is the same for all: transpose, store.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels.h"
#include "matmul_avx512.h"
#include "simd/blocks.h"
#include "simd/decode.h"

#define INLINE	   static inline __attribute__((always_inline))
#define MAX_FLOATS 4 /* two scales, two minima per group */
#define GROUPS	   8 /* of the largest block */

/* Blocks of columns c, c + 4, c + 8, c + 12. */
struct quad {
	const uint8_t *p[4];
};

/* 16 bytes of each at an offset. */
INLINE __m512i bytes(const struct quad *q, size_t at)
{
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(q->p[0] + at)));

	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(q->p[1] + at)), 1);
	v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(q->p[2] + at)), 2);
	return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(q->p[3] + at)), 3);
}

INLINE __m512i bias(__m512i v, int by)
{
	return _mm512_add_epi8(v, _mm512_set1_epi8((char)by));
}

INLINE __m512i low_nibbles(__m512i v)
{
	return _mm512_and_si512(v, _mm512_set1_epi8(15));
}

INLINE __m512i high_nibbles(__m512i v)
{
	return low_nibbles(_mm512_srli_epi16(v, 4));
}

/* Two bits from bit `shift`, moved to bits `to` and up. */
INLINE __m512i pairs(__m512i v, unsigned int shift, unsigned int to)
{
	v = _mm512_and_si512(_mm512_srli_epi16(v, shift), _mm512_set1_epi8(3));
	return _mm512_slli_epi16(v, to);
}

INLINE float half_at(const uint8_t *p)
{
	uint16_t h;

	memcpy(&h, p, sizeof(h));
	return _cvtsh_ss(h);
}

/* ---- blocks of 32 ------------------------------------------------------------------------ */
INLINE void q4_0_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	const __m512i v = bytes(q, 2);

	(void)g;
	*lo = bias(low_nibbles(v), 120);
	*hi = bias(high_nibbles(v), 120);
}

INLINE void q4_1_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	const __m512i v = bytes(q, 4);

	(void)g;
	*lo = bias(low_nibbles(v), 128);
	*hi = bias(high_nibbles(v), 128);
}

/* The 16 bits at p of each column, as one mask bit per byte. */
INLINE __mmask64 fifth_bits(const struct quad *q, size_t at)
{
	uint64_t mask = 0;

	for (int i = 0; i < 4; i++) {
		uint16_t m;

		memcpy(&m, q->p[i] + at, sizeof(m));
		mask |= (uint64_t)m << 16 * i;
	}
	return mask;
}

INLINE void q5_quants(const struct quad *q, size_t qh, int by, __m512i *lo, __m512i *hi)
{
	const __m512i v = bytes(q, qh + 4), sixteen = _mm512_set1_epi8(16);

	*lo = bias(low_nibbles(v), by);
	*hi = bias(high_nibbles(v), by);
	*lo = _mm512_mask_add_epi8(*lo, fifth_bits(q, qh), *lo, sixteen);
	*hi = _mm512_mask_add_epi8(*hi, fifth_bits(q, qh + 2), *hi, sixteen);
}

INLINE void q5_0_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	(void)g;
	q5_quants(q, 2, 112, lo, hi);
}

INLINE void q5_1_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	(void)g;
	q5_quants(q, 4, 128, lo, hi);
}

INLINE void q8_0_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	(void)g;
	*lo = bias(bytes(q, 2), 128);
	*hi = bias(bytes(q, 18), 128);
}

INLINE void book_quants(const struct quad *q, size_t at, const int8_t *codes, __m512i *lo,
			__m512i *hi)
{
	const __m512i v = bytes(q, at);
	const __m512i book = bias(
		_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)codes)), 128);

	*lo = _mm512_shuffle_epi8(book, low_nibbles(v));
	*hi = _mm512_shuffle_epi8(book, high_nibbles(v));
}

INLINE void iq4_nl_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	(void)g;
	book_quants(q, 2, tern_iq4_nl, lo, hi);
}

INLINE void mxfp4_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	(void)g;
	book_quants(q, 1, tern_mxfp4, lo, hi);
}

INLINE void half_floats(const uint8_t *b, float (*f)[GROUPS])
{
	f[0][0] = half_at(b);
}

INLINE void two_halves_floats(const uint8_t *b, float (*f)[GROUPS])
{
	f[0][0] = half_at(b);
	f[1][0] = half_at(b + 2);
}

INLINE void mxfp4_floats(const uint8_t *b, float (*f)[GROUPS])
{
	f[0][0] = tern_e8m0_half(b[0]);
}

/* ---- super-blocks -------------------------------------------------------------------------- */
INLINE void q2_k_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	const size_t at = 16 + g / 4 * 32;

	*lo = bias(pairs(bytes(q, at), g % 4 * 2, 0), 128);
	*hi = bias(pairs(bytes(q, at + 16), g % 4 * 2, 0), 128);
}

/* A set bit of hmask is worth 4, and the bias takes 4 from all. */
INLINE __m512i q3_k_half(const struct quad *q, unsigned int g, size_t at)
{
	const __m512i low = pairs(bytes(q, 32 + g / 4 * 32 + at), g % 4 * 2, 0);
	const __m512i bit =
		_mm512_and_si512(_mm512_srli_epi16(bytes(q, at), g), _mm512_set1_epi8(1));

	return bias(_mm512_or_si512(low, _mm512_slli_epi16(bit, 2)), 124);
}

INLINE void q3_k_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	*lo = q3_k_half(q, g, 0);
	*hi = q3_k_half(q, g, 16);
}

INLINE __m512i k_nibbles(const struct quad *q, unsigned int g, size_t at)
{
	const __m512i v = bytes(q, at + g / 2 * 32);

	return g & 1 ? high_nibbles(v) : low_nibbles(v);
}

INLINE void q4_k_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	*lo = bias(k_nibbles(q, g, 16), 128);
	*hi = bias(k_nibbles(q, g, 32), 128);
}

INLINE __m512i q5_k_half(const struct quad *q, unsigned int g, size_t at)
{
	const __m512i bit =
		_mm512_and_si512(_mm512_srli_epi16(bytes(q, 16 + at), g), _mm512_set1_epi8(1));

	return bias(_mm512_or_si512(k_nibbles(q, g, 48 + at), _mm512_slli_epi16(bit, 4)), 128);
}

INLINE void q5_k_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	*lo = q5_k_half(q, g, 0);
	*hi = q5_k_half(q, g, 16);
}

INLINE __m512i q6_k_half(const struct quad *q, unsigned int g, size_t at)
{
	const __m512i l = bytes(q, g / 4 * 64 + (g & 1) * 32 + at);
	const __m512i h = pairs(bytes(q, 128 + g / 4 * 32 + at), g % 4 * 2, 4);

	return bias(_mm512_or_si512(g & 2 ? high_nibbles(l) : low_nibbles(l), h), 96);
}

INLINE void q6_k_quants(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi)
{
	*lo = q6_k_half(q, g, 0);
	*hi = q6_k_half(q, g, 16);
}

/* Sixteen scales, two per group: f[0] of the first halves, f[1] of the second. */
INLINE void put_sixteen(__m512i s, float d, float (*f)[GROUPS])
{
	const __m512i even =
		_mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
	const __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(s), _mm512_set1_ps(d));

	_mm512_storeu_ps(f[0], _mm512_permutexvar_ps(even, v));
}

INLINE void q2_k_floats(const uint8_t *b, float (*f)[GROUPS])
{
	const __m512i s = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)b));

	put_sixteen(_mm512_and_si512(s, _mm512_set1_epi32(15)), half_at(b + 80), f);
	put_sixteen(_mm512_srli_epi32(s, 4), -half_at(b + 82), f + 2);
}

INLINE void q3_k_floats(const uint8_t *b, float (*f)[GROUPS])
{
	const struct tern_block_q3_k *q = (const void *)b;
	int32_t s[16];

	for (unsigned int i = 0; i < 16; i++)
		s[i] = tern_q3_scale(q->scales, i);
	put_sixteen(_mm512_loadu_si512(s), half_at(b + 108), f);
}

INLINE void q6_k_floats(const uint8_t *b, float (*f)[GROUPS])
{
	put_sixteen(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(b + 192))),
		    half_at(b + 208), f);
}

INLINE void k4_floats(const uint8_t *b, float (*f)[GROUPS])
{
	__m256 scale, min;

	tern_k4_scales_avx512(b + 4, &scale, &min);
	_mm256_storeu_ps(f[0], _mm256_mul_ps(scale, _mm256_set1_ps(half_at(b))));
	_mm256_storeu_ps(f[1], _mm256_mul_ps(min, _mm256_set1_ps(-half_at(b + 2))));
}

/* ---- panels ------------------------------------------------------------------------------------ */
/* r[c], r[c + 4]: dwords 0-3 and 4-7 of columns c, c + 4, ...; out: dword k of all columns. */
INLINE void transpose(const __m512i *r, uint8_t *out)
{
#pragma GCC unroll 2
	for (int h = 0; h < 8; h += 4) {
		const __m512i a = _mm512_unpacklo_epi32(r[h], r[h + 1]);
		const __m512i b = _mm512_unpackhi_epi32(r[h], r[h + 1]);
		const __m512i c = _mm512_unpacklo_epi32(r[h + 2], r[h + 3]);
		const __m512i d = _mm512_unpackhi_epi32(r[h + 2], r[h + 3]);
		uint8_t *o = out + h * TERN_STRIP * 4;

		_mm512_storeu_si512(o, _mm512_unpacklo_epi64(a, c));
		_mm512_storeu_si512(o + TERN_STRIP * 4, _mm512_unpackhi_epi64(a, c));
		_mm512_storeu_si512(o + TERN_STRIP * 8, _mm512_unpacklo_epi64(b, d));
		_mm512_storeu_si512(o + TERN_STRIP * 12, _mm512_unpackhi_epi64(b, d));
	}
}

struct type {
	unsigned int groups, bytes; /* of a block */
	int floats;
	void (*quants)(const struct quad *q, unsigned int g, __m512i *lo, __m512i *hi);
	void (*scales)(const uint8_t *block, float (*f)[GROUPS]);
};

/* 16 columns of one block. */
INLINE void pack_block(const struct type *t, const uint8_t *const *column, int present,
		       uint8_t *out, size_t group_bytes)
{
	float f[16][MAX_FLOATS][GROUPS];

	for (int c = 0; c < 16; c++) {
		memset(f[c], 0, c < present ? 0 : sizeof(f[c]));
		if (c < present)
			t->scales(column[c], f[c]);
	}
	for (unsigned int g = 0; g < t->groups; g++, out += group_bytes) {
		float *floats = (float *)(void *)(out + TERN_PANEL_Q);
		__m512i r[8];

#pragma GCC unroll 4
		for (int c = 0; c < 4; c++) {
			const struct quad q = {
				{column[c], column[c + 4], column[c + 8], column[c + 12]}};

			t->quants(&q, g, &r[c], &r[c + 4]);
		}
		transpose(r, out);
		for (int i = 0; i < t->floats; i++)
			for (int c = 0; c < 16; c++)
				floats[i * TERN_STRIP + c] = f[c][i][g];
	}
}

INLINE void pack_type(const struct tern_mm_panel *p, const struct type *t)
{
	const size_t gb = TERN_PANEL_Q + sizeof(float) * TERN_STRIP * (size_t)t->floats;

	for (int64_t c0 = 0; c0 < TERN_STRIP; c0 += 16) {
		const int64_t left = p->columns - c0, present = left < 16 ? left : 16;
		uint8_t *out = (uint8_t *)p->panel;
		const uint8_t *column[16];

		/* columns that are not there repeat the first; their scales are 0 */
		for (int c = 0; c < 16; c++)
			column[c] = p->w + (uint64_t)(c < present ? c0 + c : 0) * p->stride;
		for (int64_t g = 0; g < p->groups; g += t->groups) {
			/* values and floats of a column both lie 4 bytes from its neighbours' */
			pack_block(t, column, (int)present, out + 4 * c0, gb);
			out += t->groups * gb;
			for (int c = 0; c < 16; c++) {
				column[c] += t->bytes;
				_mm_prefetch((const char *)column[c] + 512, _MM_HINT_T0);
			}
		}
	}
}

#define TYPE(name, groups, bytes, floats, scales)                                   \
	static void pack_##name(const struct tern_mm_panel *p)                      \
	{                                                                           \
		static const struct type t = {groups, bytes, floats, name##_quants, \
					      scales##_floats};                     \
                                                                                    \
		pack_type(p, &t);                                                   \
	}
TYPE(q4_0, 1, 18, 1, half)
TYPE(q4_1, 1, 20, 2, two_halves)
TYPE(q5_0, 1, 22, 1, half)
TYPE(q5_1, 1, 24, 2, two_halves)
TYPE(q8_0, 1, 34, 1, half)
TYPE(iq4_nl, 1, 18, 1, half)
TYPE(mxfp4, 1, 17, 1, mxfp4)
TYPE(q2_k, 8, 84, 4, q2_k)
TYPE(q3_k, 8, 110, 2, q3_k)
TYPE(q4_k, 8, 144, 2, k4)
TYPE(q5_k, 8, 176, 2, k4)
TYPE(q6_k, 8, 210, 2, q6_k)

static void (*const packs[TERN_T_COUNT])(const struct tern_mm_panel *p) = {
	[TERN_T_Q4_0] = pack_q4_0, [TERN_T_Q4_1] = pack_q4_1,	  [TERN_T_Q5_0] = pack_q5_0,
	[TERN_T_Q5_1] = pack_q5_1, [TERN_T_Q8_0] = pack_q8_0,	  [TERN_T_Q2_K] = pack_q2_k,
	[TERN_T_Q3_K] = pack_q3_k, [TERN_T_Q4_K] = pack_q4_k,	  [TERN_T_Q5_K] = pack_q5_k,
	[TERN_T_Q6_K] = pack_q6_k, [TERN_T_IQ4_NL] = pack_iq4_nl, [TERN_T_MXFP4] = pack_mxfp4,
};

void tern_pack_avx512(const struct tern_mm_panel *p)
{
	packs[p->type](p);
}
