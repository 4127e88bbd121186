// SPDX-License-Identifier: MIT
/* One row of activations, for AVX-512: plain weights, and blocks by way of operand groups. */
#include <immintrin.h>
#include <string.h>

#include "kernels.h"
#include "matvec_avx512.h"
#include "simd/blocks.h"
#include "simd/decode.h"

#define NR		  4
#define INLINE		  static inline __attribute__((always_inline))
#define EACH_ROW(i, rows) _Pragma("GCC unroll 4") for (int i = 0; i < (rows); i++)

/* ---- plain ------------------------------------------------------------------------------ */
INLINE __m512 load_f32(const void *p, __mmask16 m)
{
	return _mm512_maskz_loadu_ps(m, p);
}

INLINE __m512 load_f16(const void *p, __mmask16 m)
{
	return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, p));
}

INLINE __m512 load_bf16(const void *p, __mmask16 m)
{
	const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(m, p));

	return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

INLINE void plain_rows(const struct tern_mm_row *r, int64_t n, int rows, int size,
		       __m512 (*load)(const void *, __mmask16))
{
	const __mmask16 all = 0xffff, rest = (__mmask16)((1u << r->k % 16) - 1);
	const int64_t whole = r->k / 16 * 16;
	const char *p[NR];
	__m512 acc[NR];

	EACH_ROW(i, rows)
	{
		p[i] = (const char *)r->w + (uint64_t)(n + i) * r->stride;
		acc[i] = _mm512_setzero_ps();
	}
	for (int64_t k = 0; k < whole; k += 16) {
		const __m512 x = _mm512_loadu_ps(r->x + k);

		EACH_ROW(i, rows)
		{
			_mm_prefetch(p[i] + 1024, _MM_HINT_T0);
			acc[i] = _mm512_fmadd_ps(x, load(p[i], all), acc[i]);
			p[i] += 16 * size;
		}
	}
	EACH_ROW(i, rows)
	{
		if (rest)
			acc[i] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(rest, r->x + whole),
						 load(p[i], rest), acc[i]);
		r->y[n + i] = _mm512_reduce_add_ps(acc[i]);
	}
}

#define PLAIN(name, size)                                           \
	void tern_rows_##name##_avx512(const struct tern_mm_row *r) \
	{                                                           \
		int64_t n = 0;                                      \
                                                                    \
		for (; n + NR <= r->n; n += NR)                     \
			plain_rows(r, n, NR, size, load_##name);    \
		for (; n < r->n; n++)                               \
			plain_rows(r, n, 1, size, load_##name);     \
	}
PLAIN(f32, 4)
PLAIN(f16, 2)
PLAIN(bf16, 2)

/* ---- operand groups ------------------------------------------------------------------------ */
/* Sums of products of a group: eight lanes, four per half. */
INLINE __m256i group_dot(const int8_t *w, const int8_t *a)
{
	const __m256i x = _mm256_loadu_si256((const __m256i *)a);
	const __m256i v = _mm256_loadu_si256((const __m256i *)w);
	const __mmask32 negative = _mm256_movepi8_mask(v);

	/* |w| times a with w's sign: unsigned by signed, and |-128| is 128 */
	return _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_abs_epi8(v),
				   _mm256_mask_sub_epi8(x, negative, _mm256_setzero_si256(), x));
}

/* A scale for all eight lanes, or one for each four. */
INLINE __m256 group_scale(const float *s, int parts)
{
	return parts == 1 ? _mm256_set1_ps(s[0])
			  : _mm256_insertf128_ps(_mm256_set1_ps(s[0]), _mm_set1_ps(s[1]), 1);
}

INLINE float operand_row(const struct tern_mm_row *r, const uint8_t *ops, size_t bytes, int parts,
			 bool min)
{
	const int64_t groups = r->k / TERN_GROUP, at = r->row * (r->act->stride / TERN_GROUP);
	const float *weighted = r->act->weighted + at * parts;
	__m256 acc = _mm256_setzero_ps();
	float mins = 0;

	for (int64_t g = 0; g < groups; g++, ops += bytes) {
		const __m256i dot =
			group_dot((const int8_t *)ops, r->act->q + (at + g) * TERN_GROUP);
		float s[4];

		memcpy(s, ops + TERN_GROUP, bytes - TERN_GROUP);
		acc = _mm256_fmadd_ps(
			_mm256_cvtepi32_ps(dot),
			_mm256_mul_ps(group_scale(s, parts), _mm256_set1_ps(r->act->scale[at + g])),
			acc);
		for (int h = 0; h < parts && min; h++)
			mins += s[parts + h] * weighted[g * parts + h];
	}
	return _mm512_reduce_add_ps(_mm512_insertf32x8(_mm512_setzero_ps(), acc, 0)) + mins;
}

static float operand_32(const struct tern_mm_row *r, const uint8_t *ops)
{
	return operand_row(r, ops, sizeof(struct tern_block_op32), 1, false);
}

static float operand_32m(const struct tern_mm_row *r, const uint8_t *ops)
{
	return operand_row(r, ops, sizeof(struct tern_block_op32m), 1, true);
}

static float operand_16(const struct tern_mm_row *r, const uint8_t *ops)
{
	return operand_row(r, ops, sizeof(struct tern_block_op16), 2, false);
}

static float operand_16m(const struct tern_mm_row *r, const uint8_t *ops)
{
	return operand_row(r, ops, sizeof(struct tern_block_op16m), 2, true);
}

void tern_rows_block_avx512(const struct tern_mm_row *r)
{
	static float (*const fns[])(const struct tern_mm_row *, const uint8_t *) = {
		operand_32, operand_32m, operand_16, operand_16m};
	const unsigned int operand = tern_block_desc(r->type)->operand;

	for (int64_t n = 0; n < r->n; n++) {
		r->simd->decode_operand(r->type, (const char *)r->w + (uint64_t)n * r->stride,
					r->tmp, r->k);
		r->y[n] = fns[operand - TERN_T_OP32](r, r->tmp);
	}
}
