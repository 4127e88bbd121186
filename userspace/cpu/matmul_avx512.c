// SPDX-License-Identifier: MIT
/* Many rows of activations against a panel, for AVX-512 VNNI. */
#include "matmul_avx512.h"

#define MR 6 /* 6 x 2 sums as integers and as floats: 24 of 32 registers */

struct cursor {
	const int8_t *q;
	const float *scale;
	const int32_t *sum;
	const float *weighted;
};

static inline __attribute__((always_inline)) void part(const struct tern_mm_panel *p,
						       const struct cursor *a, int64_t g, int h,
						       const uint8_t *w, __m512 (*f)[2], int rows,
						       int parts, bool min)
{
	const int64_t stride = p->act->stride, groups = stride / TERN_GROUP;
	const float *scales = (const float *)(const void *)(w + TERN_PANEL_Q) + h * TERN_STRIP;
	const float *mins = scales + parts * TERN_STRIP;
	const int k1 = parts == 1 ? 8 : h * 4 + 4;
	__m512i d[MR][2];

#pragma GCC unroll 6
	for (int r = 0; r < rows; r++)
		d[r][0] = d[r][1] =
			_mm512_set1_epi32(-128 * a->sum[r * groups * parts + g * parts + h]);
#pragma GCC unroll 8
	for (int k = h * 4; k < k1; k++) {
		const __m512i b0 = _mm512_loadu_si512(w + k * TERN_STRIP * 4);
		const __m512i b1 = _mm512_loadu_si512(w + k * TERN_STRIP * 4 + 64);

#pragma GCC unroll 6
		for (int r = 0; r < rows; r++) {
			int32_t four;

			memcpy(&four, a->q + r * stride + g * TERN_GROUP + k * 4, sizeof(four));
			d[r][0] = _mm512_dpbusd_epi32(d[r][0], b0, _mm512_set1_epi32(four));
			d[r][1] = _mm512_dpbusd_epi32(d[r][1], b1, _mm512_set1_epi32(four));
		}
	}
#pragma GCC unroll 6
	for (int r = 0; r < rows; r++) {
		const __m512 s = _mm512_set1_ps(a->scale[r * groups + g]);

#pragma GCC unroll 2
		for (int v = 0; v < 2; v++) {
			const __m512 ws = _mm512_loadu_ps(scales + 16 * v);

			f[r][v] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(d[r][v]), _mm512_mul_ps(ws, s),
						  f[r][v]);
			if (min)
				f[r][v] = _mm512_fmadd_ps(
					_mm512_loadu_ps(mins + 16 * v),
					_mm512_set1_ps(
						a->weighted[r * groups * parts + g * parts + h]),
					f[r][v]);
		}
	}
}

static inline __attribute__((always_inline)) void tile(const struct tern_mm_panel *p, int64_t row,
						       int rows, int parts, bool min)
{
	const int64_t groups = p->act->stride / TERN_GROUP;
	const size_t gb = TERN_PANEL_Q + sizeof(float) * TERN_STRIP * (size_t)parts * (min ? 2 : 1);
	const struct cursor a = {p->act->q + (p->row + row) * p->act->stride,
				 p->act->scale + (p->row + row) * groups,
				 p->act->sum + (p->row + row) * groups * parts,
				 p->act->weighted + (p->row + row) * groups * parts};
	const uint8_t *w = p->panel;
	float *c = p->c + row * TERN_STRIP;
	__m512 f[MR][2];

	for (int r = 0; r < rows; r++)
		for (int v = 0; v < 2; v++)
			f[r][v] = p->accumulate ? _mm512_loadu_ps(c + r * TERN_STRIP + 16 * v)
						: _mm512_setzero_ps();
	for (int64_t g = p->g0; g < p->g0 + p->groups; g++, w += gb) {
		part(p, &a, g, 0, w, f, rows, parts, min);
		if (parts == 2)
			part(p, &a, g, 1, w, f, rows, parts, min);
	}
	for (int r = 0; r < rows; r++)
		for (int v = 0; v < 2; v++)
			_mm512_storeu_ps(c + r * TERN_STRIP + 16 * v, f[r][v]);
}

#define TILES(name, parts, min)                                          \
	static void name##_1(const struct tern_mm_panel *p, int64_t row) \
	{                                                                \
		tile(p, row, 1, parts, min);                             \
	}                                                                \
	static void name##_2(const struct tern_mm_panel *p, int64_t row) \
	{                                                                \
		tile(p, row, 2, parts, min);                             \
	}                                                                \
	static void name##_3(const struct tern_mm_panel *p, int64_t row) \
	{                                                                \
		tile(p, row, 3, parts, min);                             \
	}                                                                \
	static void name##_4(const struct tern_mm_panel *p, int64_t row) \
	{                                                                \
		tile(p, row, 4, parts, min);                             \
	}                                                                \
	static void name##_5(const struct tern_mm_panel *p, int64_t row) \
	{                                                                \
		tile(p, row, 5, parts, min);                             \
	}                                                                \
	static void name##_6(const struct tern_mm_panel *p, int64_t row) \
	{                                                                \
		tile(p, row, 6, parts, min);                             \
	}
TILES(plain32, 1, false)
TILES(min32, 1, true)
TILES(plain16, 2, false)
TILES(min16, 2, true)

/* [parts - 1][min][rows - 1] */
#define ROWS(name)                                                         \
	{                                                                  \
		name##_1, name##_2, name##_3, name##_4, name##_5, name##_6 \
	}
static void (*const tiles[2][2][MR])(const struct tern_mm_panel *p, int64_t row) = {
	{ROWS(plain32), ROWS(min32)},
	{ROWS(plain16), ROWS(min16)},
};

static void product(const struct tern_mm_panel *p)
{
	for (int64_t row = 0, rows; row < p->rows; row += rows) {
		const int64_t left = p->rows - row;

		/* not 6 + 1 but 4 + 3: one row alone waits for its own sums */
		rows = left <= MR ? left : left < 2 * MR ? (left + 1) / 2 : MR;
		tiles[p->parts - 1][p->min][rows - 1](p, row);
	}
}

const struct tern_mm tern_mm_avx512 = {
	.panel_rows = {20, 4},
	.rows = {[TERN_T_F32] = tern_rows_f32_avx512,
		 [TERN_T_F16] = tern_rows_f16_avx512,
		 [TERN_T_BF16] = tern_rows_bf16_avx512,
		 [TERN_T_Q4_0] = tern_rows_q4_0_avx512,
		 [TERN_T_Q8_0] = tern_rows_q8_0_avx512,
		 [TERN_T_Q4_K] = tern_rows_q4_k_avx512,
		 [TERN_T_Q6_K] = tern_rows_q6_k_avx512},
	.pack = tern_pack_avx512,
	.panel = product,
};
