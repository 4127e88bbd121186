/* SPDX-License-Identifier: MIT */
/* Lanes of AVX2; lanes_avx512.h says what each function is for. */
#ifndef TERN_SIMD_LANES_AVX2_H
#define TERN_SIMD_LANES_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "kernel.h"

#define LANES  8
#define MROWS  4
#define VBYTES 32
typedef uint32_t vu32 __attribute__((vector_size(VBYTES)));
typedef int32_t vi32 __attribute__((vector_size(VBYTES)));
typedef float vf32 __attribute__((vector_size(VBYTES)));

static inline void load_dwords4(const uint8_t *p, ptrdiff_t s, vu32 t[4])
{
	__m256i z[4];

	for (int i = 0; i < 4; i++) {
		const uint8_t *r = p + i * s;

		z[i] = _mm256_castsi128_si256(_mm_loadu_si128((const void *)r));
		z[i] = _mm256_inserti128_si256(z[i], _mm_loadu_si128((const void *)(r + 4 * s)), 1);
	}
	__m256i a = _mm256_unpacklo_epi32(z[0], z[1]), b = _mm256_unpackhi_epi32(z[0], z[1]);
	__m256i c = _mm256_unpacklo_epi32(z[2], z[3]), d = _mm256_unpackhi_epi32(z[2], z[3]);

	t[0] = (vu32)_mm256_unpacklo_epi64(a, c);
	t[1] = (vu32)_mm256_unpackhi_epi64(a, c);
	t[2] = (vu32)_mm256_unpacklo_epi64(b, d);
	t[3] = (vu32)_mm256_unpackhi_epi64(b, d);
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
	return (vu32)_mm256_set_m128i(four_dwords(p + 4 * s, s), four_dwords(p, s));
}

static inline vf32 load_half(const uint8_t *p, ptrdiff_t s)
{
	const uint8_t *r = p + 4 * s;
	__m128i x = _mm_cvtsi32_si128(read_u16(p));

	x = _mm_insert_epi16(x, read_u16(p + s), 1);
	x = _mm_insert_epi16(x, read_u16(p + 2 * s), 2);
	x = _mm_insert_epi16(x, read_u16(p + 3 * s), 3);
	x = _mm_insert_epi16(x, read_u16(r), 4);
	x = _mm_insert_epi16(x, read_u16(r + s), 5);
	x = _mm_insert_epi16(x, read_u16(r + 2 * s), 6);
	x = _mm_insert_epi16(x, read_u16(r + 3 * s), 7);
	return (vf32)_mm256_cvtph_ps(x);
}

static inline vu32 load_byte(const uint8_t *p, ptrdiff_t s)
{
	vu32 v = {0};

	for (int r = 0; r < LANES; r++)
		v[r] = p[r * s];
	return v;
}

static inline vf32 low_half(vu32 x)
{
	__m256i w = (__m256i)(x & 0xffffu);
	__m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(w, w), 0x08);

	return (vf32)_mm256_cvtph_ps(_mm256_castsi256_si128(packed));
}

static inline vf32 round_half(vf32 x)
{
	return (vf32)_mm256_cvtph_ps(_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT));
}

static inline vf32 load_halves(const void *p)
{
	return (vf32)_mm256_cvtph_ps(_mm_loadu_si128(p));
}

static inline vu32 load_words(const void *p)
{
	return (vu32)_mm256_cvtepu16_epi32(_mm_loadu_si128(p));
}

static inline vu32 load_table(const int8_t table[16])
{
	return (vu32)_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));
}

static inline vu32 lookup_bytes(vu32 table, vu32 x)
{
	return (vu32)_mm256_shuffle_epi8((__m256i)table, (__m256i)x);
}

static inline vu32 sixteens(vu32 bits, int i)
{
	__m256i spread =
		_mm256_broadcastsi128_si256(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0c0c0c0c));
	__m256i byte = _mm256_add_epi8(spread, _mm256_set1_epi8((char)(i / 2)));
	__m256i mask = _mm256_set1_epi32(i % 2 ? (int)0x80402010u : 0x08040201);
	__m256i set = _mm256_and_si256(_mm256_shuffle_epi8((__m256i)bits, byte), mask);

	return (vu32)_mm256_and_si256(_mm256_cmpeq_epi8(set, mask), _mm256_set1_epi8(16));
}

static inline vf32 splat(float f)
{
	return (vf32)_mm256_set1_ps(f);
}

static inline vf32 fma_lanes(vf32 a, vf32 b, vf32 c)
{
	return (vf32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

static inline vf32 select_nan(vf32 x, float nan)
{
	__m256 k = _mm256_cmp_ps((__m256)x, (__m256)x, _CMP_UNORD_Q);

	return (vf32)_mm256_blendv_ps((__m256)x, _mm256_set1_ps(nan), k);
}

/* ---- integer products -------------------------------------------------------- */
/* Signed weights stay signed; VPMADDUBSW multiplies |w| with a of w's sign. */
#define WIDE_BIAS 0
static inline vu32 store_wide(vu32 x)
{
	return x;
}

static inline vi32 sums(const uint8_t *sum, int lo, int hi)
{
	uint32_t pair = (uint16_t)lo | (uint32_t)(uint16_t)hi << 16;

	return (vi32)_mm256_madd_epi16(_mm256_set1_epi32((int)read_u32(sum)),
				       _mm256_set1_epi32((int)pair));
}

/* Pairs of products fit 16 bits, and so do `run` of them added up. */
SPECIALISED void dots(int mr, int steps, int run, int wide, const vu32 *q, const int8_t *const *a,
		      vi32 *d)
{
	const __m256i ones = _mm256_set1_epi16(1);

#pragma GCC unroll 8
	for (int t = 0; t < steps; t += run) {
		__m256i pairs[MROWS];

#pragma GCC unroll 8
		for (int u = 0; u < run; u++) {
			__m256i w = (__m256i)q[t + u], unsigned_w = wide ? _mm256_abs_epi8(w) : w;

#pragma GCC unroll 8
			for (int i = 0; i < mr; i++) {
				const uint8_t *p = (const uint8_t *)a[i] + 4 * (t + u);
				__m256i x = _mm256_set1_epi32((int)read_u32(p));
				__m256i y = _mm256_maddubs_epi16(unsigned_w,
								 wide ? _mm256_sign_epi8(x, w) : x);

				pairs[i] = u == 0 ? y : _mm256_add_epi16(pairs[i], y);
			}
		}
#pragma GCC unroll 8
		for (int i = 0; i < mr; i++)
			d[i] = (vi32)_mm256_add_epi32((__m256i)d[i],
						      _mm256_madd_epi16(pairs[i], ones));
	}
}

#endif
