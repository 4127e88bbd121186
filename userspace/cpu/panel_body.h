/* SPDX-License-Identifier: MIT */
/*
 * f32 product with a panel, for a file compiled for one instruction set: rows of A are
 * broadcast, a strip of TERN_STRIP columns lies in NV vectors; MR rows at a time stay in
 * registers.
 */
#ifndef TERN_CPU_PANEL_BODY_H
#define TERN_CPU_PANEL_BODY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vec.h"

#if defined(__AVX512F__)
#include <immintrin.h>
typedef __m512 panel_v;
#define PANEL_MR	   12
#define PANEL_LOAD(p)	   _mm512_loadu_ps(p)
#define PANEL_SET(x)	   _mm512_set1_ps(x)
#define PANEL_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define PANEL_STORE(p, v)  _mm512_storeu_ps(p, v)
#elif defined(__AVX2__)
#include <immintrin.h>
typedef __m256 panel_v;
#define PANEL_MR	   3
#define PANEL_LOAD(p)	   _mm256_loadu_ps(p)
#define PANEL_SET(x)	   _mm256_set1_ps(x)
#define PANEL_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define PANEL_STORE(p, v)  _mm256_storeu_ps(p, v)
#elif defined(__aarch64__)
#include <arm_neon.h>
typedef float32x4_t panel_v;
#define PANEL_MR	   3
#define PANEL_LOAD(p)	   vld1q_f32(p)
#define PANEL_SET(x)	   vdupq_n_f32(x)
#define PANEL_FMA(a, b, c) vfmaq_f32(c, a, b)
#define PANEL_STORE(p, v)  vst1q_f32(p, v)
#else
typedef float panel_v;
#define PANEL_MR	   1
#define PANEL_LOAD(p)	   (*(p))
#define PANEL_SET(x)	   (x)
#define PANEL_FMA(a, b, c) ((a) * (b) + (c))
#define PANEL_STORE(p, v)  (*(p) = (v))
#endif
#define PANEL_VL ((int64_t)(sizeof(panel_v) / sizeof(float)))
#define PANEL_NV ((int)(TERN_STRIP / PANEL_VL))

/* `rows` is a constant wherever this is inlined. */
static inline __attribute__((always_inline)) void panel_tile(const float *a, int64_t lda,
							     const float *b, int64_t ldb, float *c,
							     int64_t ldc, int rows, int64_t k,
							     bool accumulate)
{
	panel_v acc[PANEL_MR][TERN_STRIP / (sizeof(panel_v) / sizeof(float))];

	for (int r = 0; r < rows; r++)
		for (int v = 0; v < PANEL_NV; v++)
			acc[r][v] =
				accumulate ? PANEL_LOAD(c + r * ldc + v * PANEL_VL) : PANEL_SET(0);
	for (int64_t i = 0; i < k; i++, b += ldb) {
#pragma GCC unroll 12
		for (int r = 0; r < rows; r++) {
			const panel_v x = PANEL_SET(a[r * lda + i]);

#pragma GCC unroll 32
			for (int v = 0; v < PANEL_NV; v++)
				acc[r][v] = PANEL_FMA(x, PANEL_LOAD(b + v * PANEL_VL), acc[r][v]);
		}
	}
	for (int r = 0; r < rows; r++)
		for (int v = 0; v < PANEL_NV; v++)
			PANEL_STORE(c + r * ldc + v * PANEL_VL, acc[r][v]);
}

#define PANEL_CASE(rows)                                                 \
	case rows:                                                       \
		panel_tile(a, lda, b, ldb, c, ldc, rows, k, accumulate); \
		break

static void panel(const float *a, int64_t lda, const float *b, int64_t ldb, float *c, int64_t ldc,
		  int64_t m, int64_t k, bool accumulate)
{
	for (int64_t rows; m > 0; m -= rows, a += rows * lda, c += rows * ldc) {
		/* not 12 + 1 but 7 + 6: few rows leave the multipliers waiting */
		rows = m <= PANEL_MR ? m : m < 2 * PANEL_MR ? (m + 1) / 2 : PANEL_MR;
		switch (rows) {
			PANEL_CASE(1);
#if PANEL_MR >= 3
			PANEL_CASE(2);
			PANEL_CASE(3);
#endif
#if PANEL_MR >= 12
			PANEL_CASE(4);
			PANEL_CASE(5);
			PANEL_CASE(6);
			PANEL_CASE(7);
			PANEL_CASE(8);
			PANEL_CASE(9);
			PANEL_CASE(10);
			PANEL_CASE(11);
			PANEL_CASE(12);
#endif
		default:
			__builtin_unreachable();
		}
	}
}

#if defined(__AVX512F__)
/* b[i][0..16) = w[0..16)[i] for 16 values of i. */
static inline void transpose_16(const float *w, int64_t ldw, float *b)
{
	__m512 r[16], t[16];

#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		r[i] = _mm512_loadu_ps(w + i * ldw);
#pragma GCC unroll 16
	for (int i = 0; i < 16; i += 4) {
		const __m512 lo0 = _mm512_unpacklo_ps(r[i], r[i + 1]);
		const __m512 hi0 = _mm512_unpackhi_ps(r[i], r[i + 1]);
		const __m512 lo1 = _mm512_unpacklo_ps(r[i + 2], r[i + 3]);
		const __m512 hi1 = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);

		/* quarter q of t[i + j]: element 4 q + j of rows i .. i + 3 */
		t[i] = _mm512_shuffle_ps(lo0, lo1, 0x44);
		t[i + 1] = _mm512_shuffle_ps(lo0, lo1, 0xee);
		t[i + 2] = _mm512_shuffle_ps(hi0, hi1, 0x44);
		t[i + 3] = _mm512_shuffle_ps(hi0, hi1, 0xee);
	}
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++) {
		const __m512 a0 = _mm512_shuffle_f32x4(t[j], t[j + 4], 0x88);
		const __m512 a1 = _mm512_shuffle_f32x4(t[j + 8], t[j + 12], 0x88);
		const __m512 b0 = _mm512_shuffle_f32x4(t[j], t[j + 4], 0xdd);
		const __m512 b1 = _mm512_shuffle_f32x4(t[j + 8], t[j + 12], 0xdd);

		_mm512_storeu_ps(b + (0 + j) * TERN_STRIP, _mm512_shuffle_f32x4(a0, a1, 0x88));
		_mm512_storeu_ps(b + (4 + j) * TERN_STRIP, _mm512_shuffle_f32x4(b0, b1, 0x88));
		_mm512_storeu_ps(b + (8 + j) * TERN_STRIP, _mm512_shuffle_f32x4(a0, a1, 0xdd));
		_mm512_storeu_ps(b + (12 + j) * TERN_STRIP, _mm512_shuffle_f32x4(b0, b1, 0xdd));
	}
}
#else
static inline void transpose_16(const float *w, int64_t ldw, float *b)
{
	for (int i = 0; i < 16; i++)
		for (int c = 0; c < 16; c++)
			b[i * TERN_STRIP + c] = w[c * ldw + i];
}
#endif

/* Columns [c, c + 16) that are there, element by element. */
static void transpose_edge(const float *w, int64_t ldw, int64_t columns, float *b, int64_t i0,
			   int64_t i1)
{
	for (int64_t i = i0; i < i1; i++)
		for (int64_t c = 0; c < 16; c++)
			b[i * TERN_STRIP + c] = c < columns ? w[c * ldw + i] : 0;
}

static void panel_transpose(const float *w, int64_t ldw, int64_t columns, float *b, int64_t k)
{
	for (int64_t c = 0; c < TERN_STRIP; c += 16) {
		const int64_t whole = columns - c >= 16 ? k / 16 * 16 : 0;

		for (int64_t i = 0; i < whole; i += 16)
			transpose_16(w + c * ldw + i, ldw, b + i * TERN_STRIP + c);
		transpose_edge(w + c * ldw, ldw, columns - c, b + c, whole, k);
	}
}

#endif
