/* SPDX-License-Identifier: MIT */
/*
 * Between the files for AVX-512. Their panels, per group of 32: u8 q[8][TERN_STRIP][4] (four k
 * of a column make one VPDPBUSD lane), then per part f32 scale[TERN_STRIP] and, with
 * minima, f32 min[TERN_STRIP] per part. VPDPBUSD multiplies unsigned by signed, so weights are
 * stored as q + 128, and a sum starts at -128 * (sum of activations) instead of zero.
 */
#ifndef TERN_CPU_MATMUL_AVX512_H
#define TERN_CPU_MATMUL_AVX512_H

#include <immintrin.h>
#include <string.h>

#include "matmul.h"

#define TERN_PANEL_Q (TERN_GROUP * TERN_STRIP)

void tern_pack_avx512(const struct tern_mm_panel *p);

void tern_rows_f32_avx512(const struct tern_mm_row *r);
void tern_rows_f16_avx512(const struct tern_mm_row *r);
void tern_rows_bf16_avx512(const struct tern_mm_row *r);
void tern_rows_q4_0_avx512(const struct tern_mm_row *r);
void tern_rows_q8_0_avx512(const struct tern_mm_row *r);
void tern_rows_q4_k_avx512(const struct tern_mm_row *r);
void tern_rows_q6_k_avx512(const struct tern_mm_row *r);

/*
 * Hardware follows one stream well and several badly, so fetching ahead is explicit, in the
 * order of memory: rows lie one behind the other, and what a step uses of its rows, it
 * fetches of what lies TERN_AHEAD bytes behind the first. 4 to 16 KB do as well; into L2,
 * because L1 would lose activations.
 */
#define TERN_AHEAD 8192
/* Inlined, or gcc finds a function without effects and drops what it did for its own sake. */
static inline __attribute__((always_inline)) const char *tern_fetch_avx512(const char *at,
									   int bytes)
{
	for (int line = 0; line < bytes; line += 64)
		_mm_prefetch(at + line, _MM_HINT_T1);
	return at + bytes;
}

static inline const char *tern_ahead(const struct tern_mm_row *r, int64_t n)
{
	return (const char *)r->w + (uint64_t)n * r->stride + TERN_AHEAD;
}

/* Eight bytes, in two words, as floats. */
static inline __m256 tern_eight_avx512(uint32_t first, uint32_t last)
{
	const __m128i v = _mm_cvtsi64_si128((int64_t)((uint64_t)last << 32 | first));

	return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(v));
}

/* The twelve bytes of 6-bit scales and minima of Q4_K and Q5_K (tern_k4_scale), at once. */
static inline __attribute__((always_inline)) void tern_k4_scales_avx512(const uint8_t *s,
									__m256 *scale, __m256 *min)
{
	uint32_t a, b, c;

	memcpy(&a, s, 4);
	memcpy(&b, s + 4, 4);
	memcpy(&c, s + 8, 4);
	*scale = tern_eight_avx512(a & 0x3f3f3f3f, (c & 0x0f0f0f0f) | (a >> 6 & 0x03030303) << 4);
	*min = tern_eight_avx512(b & 0x3f3f3f3f, (c >> 4 & 0x0f0f0f0f) | (b >> 6 & 0x03030303)
										 << 4);
}

#endif
