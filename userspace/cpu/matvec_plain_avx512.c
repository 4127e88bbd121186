// SPDX-License-Identifier: MIT
/* One row of activations against plain weights, for AVX-512. */
#include "matmul_avx512.h"

#define NR		  2
#define INLINE		  static inline __attribute__((always_inline))
#define EACH_ROW(i, rows) _Pragma("GCC unroll 2") for (int i = 0; i < (rows); i++)

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
	const char *next = tern_ahead(r, n);
	const char *p[NR];
	__m512 acc[NR];

	EACH_ROW(i, rows)
	{
		p[i] = (const char *)r->w + (uint64_t)(n + i) * r->stride;
		acc[i] = _mm512_setzero_ps();
	}
	for (int64_t k = 0; k < whole; k += 16) {
		const __m512 x = _mm512_loadu_ps(r->x + k);

		_mm_prefetch(next, _MM_HINT_T1);
		next += 16 * size * rows;
		EACH_ROW(i, rows)
		{
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
