// SPDX-License-Identifier: MIT
/*
 * Panels for AVX2, which has no exact product of bytes: weights are widened to s16 once, in
 * the panel, and VPMADDWD adds pairs.
 *
 * Per group of 32: s16 q[16][TERN_STRIP][2], then per part f32 scale[TERN_STRIP] and, with
 * minima, f32 min[TERN_STRIP] per part.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels.h"
#include "matmul.h"
#include "matvec_avx2.h"
#include "simd/blocks.h"
#include "simd/decode.h"

#define MR    3	 /* 3 x 2 sums as integers, as floats in the other half of 16 registers */
#define HALF  16 /* columns of a pass */
#define Q     (TERN_GROUP * TERN_STRIP * sizeof(int16_t))
#define BATCH 8 /* groups decoded at a time: a super-block */

static size_t group_bytes(const struct tern_mm_panel *p)
{
	return Q + sizeof(float) * TERN_STRIP * (size_t)p->parts * (p->min ? 2 : 1);
}

/* ---- packing ------------------------------------------------------------------------------ */
static void pack_group(const uint8_t *op, int floats, int64_t column, uint8_t *out)
{
	int16_t *q = (int16_t *)(void *)out + 2 * column;
	float *f = (float *)(void *)(out + Q) + column, v[4];

	for (int k = 0; k < TERN_GROUP / 2; k++) {
		q[2 * TERN_STRIP * k] = (int8_t)op[2 * k];
		q[2 * TERN_STRIP * k + 1] = (int8_t)op[2 * k + 1];
	}
	memcpy(v, op + TERN_GROUP, (size_t)floats * sizeof(float));
	for (int i = 0; i < floats; i++)
		f[i * TERN_STRIP] = v[i];
}

static void pack(const struct tern_mm_panel *p)
{
	const struct tern_block_desc *d = tern_block_desc(p->type);
	const int floats = p->parts * (p->min ? 2 : 1);
	const size_t gb = group_bytes(p);
	uint8_t ops[BATCH * sizeof(struct tern_block_op16m)];

	memset(p->panel, 0, (size_t)p->groups * gb);
	for (int64_t g = 0; g < p->groups; g += BATCH) {
		const int64_t groups = p->groups - g < BATCH ? p->groups - g : BATCH;

		for (int64_t c = 0; c < p->columns; c++) {
			p->simd->decode_operand(p->type,
						p->w + (uint64_t)c * p->stride +
							(uint64_t)(g * TERN_GROUP / d->elems) *
								d->bytes,
						ops, groups * TERN_GROUP);
			for (int64_t i = 0; i < groups; i++)
				pack_group(ops + i * d->group_bytes, floats, c,
					   (uint8_t *)p->panel + (size_t)(g + i) * gb);
		}
	}
}

/* ---- product -------------------------------------------------------------------------------- */
#define INLINE static inline __attribute__((always_inline))

struct cursor {
	const int16_t *q;
	const float *scale;
	const float *weighted;
};

/* Two k of a row in every lane. */
INLINE __m256i pair(const int16_t *q)
{
	int32_t two;

	memcpy(&two, q, sizeof(two));
	return _mm256_set1_epi32(two);
}

INLINE void part(const struct tern_mm_panel *p, const struct cursor *a, int64_t g, int h,
		 const uint8_t *w, __m256 (*f)[2], int rows)
{
	const int64_t stride = p->groups * TERN_GROUP, groups = p->act->stride / TERN_GROUP;
	const int parts = p->parts, k1 = parts == 1 ? 16 : 8 * h + 8;
	const float *scales = (const float *)(const void *)(w + Q) + h * TERN_STRIP;
	const float *mins = scales + parts * TERN_STRIP;
	__m256i d[MR][2];

#pragma GCC unroll 3
	for (int r = 0; r < rows; r++)
		d[r][0] = d[r][1] = _mm256_setzero_si256();
	for (int k = 8 * h; k < k1; k++) {
		const __m256i *b = (const __m256i *)(const void *)(w + (size_t)k * 4 * TERN_STRIP);
		const __m256i b0 = _mm256_loadu_si256(b), b1 = _mm256_loadu_si256(b + 1);

#pragma GCC unroll 3
		for (int r = 0; r < rows; r++) {
			const __m256i x =
				pair(a->q + r * stride + (g - p->g0) * TERN_GROUP + 2 * k);

			d[r][0] = _mm256_add_epi32(d[r][0], _mm256_madd_epi16(b0, x));
			d[r][1] = _mm256_add_epi32(d[r][1], _mm256_madd_epi16(b1, x));
		}
	}
#pragma GCC unroll 3
	for (int r = 0; r < rows; r++) {
		const __m256 s = _mm256_set1_ps(a->scale[r * groups + g]);

		for (int v = 0; v < 2; v++) {
			const __m256 ws = _mm256_mul_ps(_mm256_loadu_ps(scales + 8 * v), s);

			f[r][v] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(d[r][v]), ws, f[r][v]);
			if (p->min)
				f[r][v] = _mm256_fmadd_ps(
					_mm256_loadu_ps(mins + 8 * v),
					_mm256_set1_ps(a->weighted[(r * groups + g) * parts + h]),
					f[r][v]);
		}
	}
}

/* Columns [column, column + HALF) of `rows` rows whose values are widened at q. */
INLINE void tile(const struct tern_mm_panel *p, int64_t row, int rows, const int16_t *q,
		 int64_t column)
{
	const int64_t at = (p->row + row) * (p->act->stride / TERN_GROUP);
	const struct cursor a = {q, p->act->scale + at, p->act->weighted + at * p->parts};
	const size_t gb = group_bytes(p);
	float *c = p->c + row * TERN_STRIP + column;
	__m256 f[MR][2];

	for (int r = 0; r < rows; r++)
		for (int v = 0; v < 2; v++)
			f[r][v] = p->accumulate ? _mm256_loadu_ps(c + r * TERN_STRIP + 8 * v)
						: _mm256_setzero_ps();
	for (int64_t g = 0; g < p->groups; g++) {
		/* both the values and the floats of a column lie 4 bytes apart */
		const uint8_t *w = (const uint8_t *)p->panel + (size_t)g * gb + 4 * column;

		for (int h = 0; h < p->parts; h++)
			part(p, &a, p->g0 + g, h, w, f, rows);
	}
	for (int r = 0; r < rows; r++)
		for (int v = 0; v < 2; v++)
			_mm256_storeu_ps(c + r * TERN_STRIP + 8 * v, f[r][v]);
}

static void tile_1(const struct tern_mm_panel *p, int64_t row, const int16_t *q, int64_t column)
{
	tile(p, row, 1, q, column);
}

static void tile_2(const struct tern_mm_panel *p, int64_t row, const int16_t *q, int64_t column)
{
	tile(p, row, 2, q, column);
}

static void tile_3(const struct tern_mm_panel *p, int64_t row, const int16_t *q, int64_t column)
{
	tile(p, row, 3, q, column);
}

static void (*const tiles[MR])(const struct tern_mm_panel *, int64_t, const int16_t *,
			       int64_t) = {tile_1, tile_2, tile_3};

/* The groups of the panel of `rows` rows of activations, as s16. */
static void widen(const struct tern_mm_panel *p, int64_t row, int64_t rows, int16_t *out)
{
	const int64_t n = p->groups * TERN_GROUP;

	for (int64_t r = 0; r < rows; r++, out += n) {
		const int8_t *q =
			p->act->q + (p->row + row + r) * p->act->stride + p->g0 * TERN_GROUP;

		for (int64_t i = 0; i < n; i++)
			out[i] = q[i];
	}
}

static void product(const struct tern_mm_panel *p)
{
	int16_t q[MR * TERN_MM_PANEL_K];

	for (int64_t row = 0, rows; row < p->rows; row += rows) {
		rows = p->rows - row < MR ? p->rows - row : MR;
		widen(p, row, rows, q);
		for (int64_t column = 0; column < TERN_STRIP; column += HALF)
			tiles[rows - 1](p, row, q, column);
	}
}

const struct tern_mm tern_mm_avx2 = {
	.panel_rows = {12, 6},
	.rows = {[TERN_T_F32] = tern_rows_f32_avx2,
		 [TERN_T_F16] = tern_rows_f16_avx2,
		 [TERN_T_BF16] = tern_rows_bf16_avx2,
		 [TERN_T_Q4_0] = tern_rows_q4_0_avx2,
		 [TERN_T_Q8_0] = tern_rows_q8_0_avx2,
		 [TERN_T_Q4_K] = tern_rows_q4_k_avx2,
		 [TERN_T_Q6_K] = tern_rows_q6_k_avx2,
		 [TERN_T_Q4_1] = tern_rows_block_avx2,
		 [TERN_T_Q5_0] = tern_rows_block_avx2,
		 [TERN_T_Q5_1] = tern_rows_block_avx2,
		 [TERN_T_Q2_K] = tern_rows_block_avx2,
		 [TERN_T_Q3_K] = tern_rows_block_avx2,
		 [TERN_T_Q5_K] = tern_rows_block_avx2,
		 [TERN_T_IQ4_NL] = tern_rows_block_avx2,
		 [TERN_T_MXFP4] = tern_rows_block_avx2},
	.pack = pack,
	.panel = product,
};
