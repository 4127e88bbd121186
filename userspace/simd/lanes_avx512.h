/* SPDX-License-Identifier: MIT */
/*
 * Lanes of AVX-512: one row of B per 32-bit lane. What gemm_panel.h and gemm_impl.h
 * cannot say with the compilers' vector types. lanes_avx2.h and lanes_neon.h give the same names.
 */
#ifndef TERN_SIMD_LANES_AVX512_H
#define TERN_SIMD_LANES_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel.h"

#define LANES  16
#define MROWS  8 /* rows of A whose sums fit the registers */
#define VBYTES 64
typedef uint32_t vu32 __attribute__((vector_size(VBYTES)));
typedef int32_t vi32 __attribute__((vector_size(VBYTES)));
typedef float vf32 __attribute__((vector_size(VBYTES)));

/* 16 bytes at p + r * s of every row r; t[i] holds dword i of all rows. */
static inline void load_dwords4(const uint8_t *p, ptrdiff_t s, vu32 t[4])
{
	__m512i z[4];

	for (int i = 0; i < 4; i++) {
		const uint8_t *r = p + i * s;

		z[i] = _mm512_castsi128_si512(_mm_loadu_si128((const void *)r));
		z[i] = _mm512_mask_broadcast_i32x4(z[i], 0x00f0,
						   _mm_loadu_si128((const void *)(r + 4 * s)));
		z[i] = _mm512_mask_broadcast_i32x4(z[i], 0x0f00,
						   _mm_loadu_si128((const void *)(r + 8 * s)));
		z[i] = _mm512_mask_broadcast_i32x4(z[i], 0xf000,
						   _mm_loadu_si128((const void *)(r + 12 * s)));
	}
	__m512i a = _mm512_unpacklo_epi32(z[0], z[1]), b = _mm512_unpackhi_epi32(z[0], z[1]);
	__m512i c = _mm512_unpacklo_epi32(z[2], z[3]), d = _mm512_unpackhi_epi32(z[2], z[3]);

	t[0] = (vu32)_mm512_unpacklo_epi64(a, c);
	t[1] = (vu32)_mm512_unpackhi_epi64(a, c);
	t[2] = (vu32)_mm512_unpacklo_epi64(b, d);
	t[3] = (vu32)_mm512_unpackhi_epi64(b, d);
}

static inline uint32_t read_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static inline uint16_t read_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static inline __m128i four_dwords(const uint8_t *p, ptrdiff_t s)
{
	__m128i x = _mm_cvtsi32_si128((int)read_u32(p));

	x = _mm_insert_epi32(x, (int)read_u32(p + s), 1);
	x = _mm_insert_epi32(x, (int)read_u32(p + 2 * s), 2);
	return _mm_insert_epi32(x, (int)read_u32(p + 3 * s), 3);
}

static inline vu32 load_dword(const uint8_t *p, ptrdiff_t s)
{
	__m512i z = _mm512_castsi128_si512(four_dwords(p, s));

	z = _mm512_inserti32x4(z, four_dwords(p + 4 * s, s), 1);
	z = _mm512_inserti32x4(z, four_dwords(p + 8 * s, s), 2);
	return (vu32)_mm512_inserti32x4(z, four_dwords(p + 12 * s, s), 3);
}

static inline __m128i eight_words(const uint8_t *p, ptrdiff_t s)
{
	const uint8_t *r = p + 4 * s;
	__m128i x = _mm_cvtsi32_si128(read_u16(p));

	x = _mm_insert_epi16(x, read_u16(p + s), 1);
	x = _mm_insert_epi16(x, read_u16(p + 2 * s), 2);
	x = _mm_insert_epi16(x, read_u16(p + 3 * s), 3);
	x = _mm_insert_epi16(x, read_u16(r), 4);
	x = _mm_insert_epi16(x, read_u16(r + s), 5);
	x = _mm_insert_epi16(x, read_u16(r + 2 * s), 6);
	return _mm_insert_epi16(x, read_u16(r + 3 * s), 7);
}

/* A half-precision number of every row. */
static inline vf32 load_half(const uint8_t *p, ptrdiff_t s)
{
	__m256i w = _mm256_set_m128i(eight_words(p + 8 * s, s), eight_words(p, s));

	return (vf32)_mm512_cvtph_ps(w);
}

static inline vu32 load_byte(const uint8_t *p, ptrdiff_t s)
{
	vu32 v = {0};

	for (int r = 0; r < LANES; r++)
		v[r] = p[r * s];
	return v;
}

/* The half in the low 16 bits of each lane. */
static inline vf32 low_half(vu32 x)
{
	return (vf32)_mm512_cvtph_ps(_mm512_cvtepi32_epi16((__m512i)x));
}

static inline vf32 round_half(vf32 x)
{
	return (vf32)_mm512_cvtph_ps(
		_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline vf32 load_halves(const void *p)
{
	return (vf32)_mm512_cvtph_ps(_mm256_loadu_si256(p));
}

static inline vu32 load_words(const void *p)
{
	return (vu32)_mm512_cvtepu16_epi32(_mm256_loadu_si256(p));
}

/* Sixteen bytes in every 128 bits, for lookup_bytes. */
static inline vu32 load_table(const int8_t table[16])
{
	return (vu32)_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table));
}

/* The table's entry for each byte, which is 0..15. */
static inline vu32 lookup_bytes(vu32 table, vu32 x)
{
	return (vu32)_mm512_shuffle_epi8((__m512i)table, (__m512i)x);
}

/* 16 in byte b of every lane whose bit 4 i + b is set; i is 0..7. */
static inline vu32 sixteens(vu32 bits, int i)
{
	__m512i spread =
		_mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
	__m512i byte = _mm512_add_epi8(spread, _mm512_set1_epi8((char)(i / 2)));
	__m512i mask = _mm512_set1_epi32(i % 2 ? (int)0x80402010u : 0x08040201);
	__mmask64 k = _mm512_test_epi8_mask(_mm512_shuffle_epi8((__m512i)bits, byte), mask);

	return (vu32)_mm512_maskz_mov_epi8(k, _mm512_set1_epi8(16));
}

static inline vf32 splat(float f)
{
	return (vf32)_mm512_set1_ps(f);
}

static inline vf32 fma_lanes(vf32 a, vf32 b, vf32 c)
{
	return (vf32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

static inline vf32 select_nan(vf32 x, float nan)
{
	__mmask16 k = _mm512_cmp_ps_mask((__m512)x, (__m512)x, _CMP_UNORD_Q);

	return (vf32)_mm512_mask_mov_ps((__m512)x, k, _mm512_set1_ps(nan));
}

/* ---- integer products -------------------------------------------------------- */
/* Signed weights are stored + 128, because VPDPBUSD wants them unsigned. */
#define WIDE_BIAS 128
static inline vu32 store_wide(vu32 x)
{
	return x ^ 0x80808080u;
}

/* sum[0] * lo + sum[1] * hi in every lane, of two s16. */
static inline vi32 sums(const uint8_t *sum, int lo, int hi)
{
	uint32_t pair = (uint16_t)lo | (uint32_t)(uint16_t)hi << 16;
	__m512i s = _mm512_set1_epi32((int)read_u32(sum));

	return (vi32)_mm512_dpwssd_epi32(_mm512_setzero_si512(), _mm512_set1_epi32((int)pair), s);
}

/* d[i] += products of `steps` dwords of q with those at a[i], for mr rows of A. `run`
 * and `wide` matter to instruction sets that might saturate. */
SPECIALISED void dots(int mr, int steps, int run, int wide, const vu32 *q, const int8_t *const *a,
		      vi32 *d)
{
	(void)run;
	(void)wide;
#pragma GCC unroll 8
	for (int t = 0; t < steps; t++)
#pragma GCC unroll 8
		for (int i = 0; i < mr; i++) {
			int x = (int)read_u32((const uint8_t *)a[i] + 4 * t);

			d[i] = (vi32)_mm512_dpbusd_epi32((__m512i)d[i], (__m512i)q[t],
							 _mm512_set1_epi32(x));
		}
}

#endif
