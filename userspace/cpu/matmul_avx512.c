// SPDX-License-Identifier: MIT
/*
 * Panels for AVX-512 VNNI.
 *
 * Per group of 32: u8 q[8][TERN_STRIP][4] (four k of a column make one VPDPBUSD lane), then
 * per part f32 scale[TERN_STRIP] and, with minima, f32 min[TERN_STRIP] per part. VPDPBUSD
 * multiplies unsigned by signed, so weights are stored as q + 128, and a sum starts at
 * -128 * (sum of activations) instead of zero.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels.h"
#include "matmul.h"
#include "matvec_avx512.h"
#include "simd/blocks.h"
#include "simd/decode.h"

#define MR    6 /* 6 x 2 sums as integers and as floats: 24 of 32 registers */
#define Q     (TERN_GROUP * TERN_STRIP)
#define BATCH 8 /* groups decoded at a time: a super-block */

static size_t group_bytes(const struct tern_mm_panel *p)
{
	return Q + sizeof(float) * TERN_STRIP * (size_t)p->parts * (p->min ? 2 : 1);
}

/* ---- packing --------------------------------------------------------------------------- */
/* 16 columns of one group, `step` bytes apart, into dst[8][TERN_STRIP][4]. */
static void pack_group(const uint8_t *src, size_t step, uint8_t *dst)
{
	const __m512i flip = _mm512_set1_epi8((char)0x80);
	__m512i r[8], t[8];

	/* r[c]: four dwords of columns c, c + 4, c + 8, c + 12; r[c + 4]: the next four */
	for (int c = 0; c < 4; c++) {
		for (int h = 0; h < 2; h++) {
			const uint8_t *s = src + (size_t)c * step + 16 * h;
			__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)s));

			v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(s + 4 * step)),
					       1);
			v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(s + 8 * step)),
					       2);
			v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(s + 12 * step)),
					       3);
			r[c + 4 * h] = _mm512_xor_si512(v, flip);
		}
	}
	for (int h = 0; h < 8; h += 4) {
		t[h] = _mm512_unpacklo_epi32(r[h], r[h + 1]);
		t[h + 1] = _mm512_unpackhi_epi32(r[h], r[h + 1]);
		t[h + 2] = _mm512_unpacklo_epi32(r[h + 2], r[h + 3]);
		t[h + 3] = _mm512_unpackhi_epi32(r[h + 2], r[h + 3]);
		/* dword k of columns 0-3, 4-7, ... : in order already */
		r[h] = _mm512_unpacklo_epi64(t[h], t[h + 2]);
		r[h + 1] = _mm512_unpackhi_epi64(t[h], t[h + 2]);
		r[h + 2] = _mm512_unpacklo_epi64(t[h + 1], t[h + 3]);
		r[h + 3] = _mm512_unpackhi_epi64(t[h + 1], t[h + 3]);
	}
	for (int k = 0; k < 8; k++)
		_mm512_storeu_si512(dst + k * TERN_STRIP * 4, r[k]);
}

/* Scales and minima of one column's group: `count` floats that follow its 32 values. */
static void pack_floats(const uint8_t *src, float *dst, int count)
{
	float v[4];

	memcpy(v, src + TERN_GROUP, (size_t)count * sizeof(float));
	for (int i = 0; i < count; i++)
		dst[i * TERN_STRIP] = v[i];
}

static void pack(const struct tern_mm_panel *p)
{
	const struct tern_block_desc *d = tern_block_desc(p->type);
	const int floats = p->parts * (p->min ? 2 : 1);
	const size_t step = BATCH * sizeof(struct tern_block_op16m), gb = group_bytes(p);
	uint8_t ops[16 * BATCH * sizeof(struct tern_block_op16m)];

	for (int64_t g = 0; g < p->groups; g += BATCH) {
		const int64_t groups = p->groups - g < BATCH ? p->groups - g : BATCH;

		for (int64_t c0 = 0; c0 < TERN_STRIP; c0 += 16) {
			uint8_t *out = (uint8_t *)p->panel + (size_t)g * gb;

			for (int64_t c = 0; c < 16; c++) {
				const uint8_t *w = p->w + (uint64_t)(c0 + c) * p->stride +
						   (uint64_t)(g * TERN_GROUP / d->elems) * d->bytes;

				if (c0 + c < p->columns)
					p->simd->decode_operand(p->type, w, ops + (size_t)c * step,
								groups * TERN_GROUP);
				else
					memset(ops + (size_t)c * step, 0, step);
			}
			for (int64_t i = 0; i < groups; i++, out += gb) {
				const uint8_t *in = ops + i * d->group_bytes;

				pack_group(in, step, out + 4 * c0);
				for (int64_t c = 0; c < 16; c++)
					pack_floats(in + (size_t)c * step,
						    (float *)(void *)(out + Q) + c0 + c, floats);
			}
		}
	}
}

/* ---- product ------------------------------------------------------------------------------- */
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
	const float *scales = (const float *)(const void *)(w + Q) + h * TERN_STRIP;
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
	const size_t gb = Q + sizeof(float) * TERN_STRIP * (size_t)parts * (min ? 2 : 1);
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
	.panel_rows = 4,
	.rows_block = tern_rows_block_avx512,
	.rows = {[TERN_T_F32] = tern_rows_f32_avx512,
		 [TERN_T_F16] = tern_rows_f16_avx512,
		 [TERN_T_BF16] = tern_rows_bf16_avx512,
		 [TERN_T_Q4_0] = tern_rows_q4_0_avx512,
		 [TERN_T_Q8_0] = tern_rows_q8_0_avx512,
		 [TERN_T_Q4_K] = tern_rows_q4_k_avx512,
		 [TERN_T_Q6_K] = tern_rows_q6_k_avx512},
	.pack = pack,
	.panel = product,
};
