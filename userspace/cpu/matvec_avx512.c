// SPDX-License-Identifier: MIT
/*
 * One row of activations, for AVX-512 VNNI: weights are read once, as they lie, and bound by
 * memory; sums stay spread over lanes until the row ends. Two rows of weights share the
 * loads of activations.
 */
#include "matmul_avx512.h"
#include "simd/blocks.h"

#define NR 2

/* The quantised row at group g. */
struct at {
	const int8_t *q;
	const float *scale;
	const int32_t *sum;
	const float *weighted;
};

static inline struct at act_at(const struct tern_mm_row *r, int64_t g)
{
	const struct tern_act *a = r->act;
	const int64_t groups = a->stride / TERN_GROUP, i = r->row * groups + g;

	return (struct at){a->q + i * TERN_GROUP, a->scale + i, a->sum + i * a->parts,
			   a->weighted + i * a->parts};
}

static inline __m512i load(const void *p)
{
	return _mm512_loadu_si512(p);
}

static inline __m512 half16(__m256i h)
{
	return _mm512_cvtph_ps(h);
}

/* Lane i of a quarter: v[i / 4]; of a half: v[i / 8]. */
static inline __m512i quarters(void)
{
	return _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
}

static inline __m512i halves(int a, int b)
{
	return _mm512_setr_epi32(a, a, a, a, a, a, a, a, b, b, b, b, b, b, b, b);
}

/* Pairs of rows, then what is left. */
#define EACH_ROWS(fn)                           \
	do {                                    \
		int64_t n = 0;                  \
		for (; n + NR <= r->n; n += NR) \
			fn(r, n, NR);           \
		for (; n < r->n; n++)           \
			fn(r, n, 1);            \
	} while (0)

#define INLINE		  static inline __attribute__((always_inline))
#define EACH_ROW(i, rows) _Pragma("GCC unroll 2") for (int i = 0; i < (rows); i++)

/* ---- Q4_0 ------------------------------------------------------------------------------ */
/* Four blocks of each row at p[i]; `a` is where their groups are. */
INLINE void q4_0_step(const uint8_t *const *p, struct at a, __m512 *acc, int rows)
{
	/* 16-bit words: 9 per block, the first its scale */
	static const int16_t quant_words[32] __attribute__((aligned(64))) = {
		1,  2,	3,  4,	5,  6,	7,  8,	10, 11, 12, 13, 14, 15, 16, 17,
		19, 20, 21, 22, 23, 24, 25, 26, 28, 29, 30, 31, 60, 61, 62, 63};
	static const int16_t scale_words[32] __attribute__((aligned(64))) = {
		0, 0, 0, 0, 9, 9, 9, 9, 18, 18, 18, 18, 27, 27, 27, 27};
	const __m512i quants = load(quant_words), scales = load(scale_words);
	const __m512i low = _mm512_set1_epi8(15), z0 = load(a.q), z1 = load(a.q + 64);
	const __m512i alo = _mm512_shuffle_i64x2(z0, z1, 0x88),
		      ahi = _mm512_shuffle_i64x2(z0, z1, 0xdd);
	const __m128i sum = _mm_slli_epi32(_mm_loadu_si128((const __m128i *)a.sum), 3);
	const __m512i bias = _mm512_maskz_permutexvar_epi32(
		0x1111, quarters(),
		_mm512_castsi128_si512(_mm_sub_epi32(_mm_setzero_si128(), sum)));
	const __m512 sa =
		_mm512_permutexvar_ps(quarters(), _mm512_castps128_ps512(_mm_loadu_ps(a.scale)));

	EACH_ROW(i, rows)
	{
		const __m512i v0 = load(p[i]), v1 = load(p[i] + 8);
		const __m512i q = _mm512_permutex2var_epi16(v0, quants, v1);
		const __m512 d =
			half16(_mm512_castsi512_si256(_mm512_permutexvar_epi16(scales, v0)));
		__m512i t = _mm512_dpbusd_epi32(bias, _mm512_and_si512(q, low), alo);

		t = _mm512_dpbusd_epi32(t, _mm512_and_si512(_mm512_srli_epi16(q, 4), low), ahi);
		acc[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(t), _mm512_mul_ps(d, sa), acc[i]);
	}
}

INLINE void q4_0_rows(const struct tern_mm_row *r, int64_t n, int rows)
{
	const int64_t blocks = r->k / 32, whole = blocks & ~3ll;
	uint8_t rest[NR][72] = {{0}};
	const char *next = tern_ahead(r, n);
	const uint8_t *p[NR];
	__m512 acc[NR];

	EACH_ROW(i, rows)
	{
		p[i] = (const uint8_t *)r->w + (uint64_t)(n + i) * r->stride;
		acc[i] = _mm512_setzero_ps();
	}
	for (int64_t b = 0; b < whole; b += 4) {
		q4_0_step(p, act_at(r, b), acc, rows);
		next = tern_fetch_avx512(next, 72 * rows);
		EACH_ROW(i, rows)
		p[i] += 72;
	}
	if (whole < blocks) { /* activations are padded; weights are not */
		EACH_ROW(i, rows)
		{
			memcpy(rest[i], p[i], (size_t)(blocks - whole) * 18);
			p[i] = rest[i];
		}
		q4_0_step(p, act_at(r, whole), acc, rows);
	}
	EACH_ROW(i, rows)
	r->y[n + i] = _mm512_reduce_add_ps(acc[i]);
}

void tern_rows_q4_0_avx512(const struct tern_mm_row *r)
{
	EACH_ROWS(q4_0_rows);
}

/* ---- Q8_0 ---------------------------------------------------------------------------------- */
INLINE __m512 q8_0_scales(const uint8_t *p)
{
	int16_t d0, d1;

	memcpy(&d0, p, 2);
	memcpy(&d1, p + 34, 2);
	return half16(_mm256_inserti128_si256(_mm256_set1_epi16(d0), _mm_set1_epi16(d1), 1));
}

/* Two blocks of each row. */
INLINE void q8_0_step(const uint8_t *const *p, struct at a, __m512 *acc, int rows)
{
	const __m512i flip = _mm512_set1_epi8((char)0x80), z = load(a.q);
	const __m128i sum = _mm_slli_epi32(_mm_loadl_epi64((const __m128i *)a.sum), 7);
	const __m512i bias = _mm512_maskz_permutexvar_epi32(
		0x0101, halves(0, 1),
		_mm512_castsi128_si512(_mm_sub_epi32(_mm_setzero_si128(), sum)));
	const __m512 sa = _mm512_permutexvar_ps(
		halves(0, 1), _mm512_castps128_ps512(
				      _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)a.scale))));

	EACH_ROW(i, rows)
	{
		const __m256i b0 = _mm256_loadu_si256((const __m256i *)(p[i] + 2));
		const __m256i b1 = _mm256_loadu_si256((const __m256i *)(p[i] + 36));
		const __m512i q = _mm512_inserti64x4(_mm512_castsi256_si512(b0), b1, 1);
		const __m512i t = _mm512_dpbusd_epi32(bias, _mm512_xor_si512(q, flip), z);

		acc[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(t),
					 _mm512_mul_ps(q8_0_scales(p[i]), sa), acc[i]);
	}
}

INLINE void q8_0_rows(const struct tern_mm_row *r, int64_t n, int rows)
{
	const int64_t blocks = r->k / 32;
	uint8_t rest[NR][68] = {{0}};
	const char *next = tern_ahead(r, n);
	const uint8_t *p[NR];
	__m512 acc[NR];

	EACH_ROW(i, rows)
	{
		p[i] = (const uint8_t *)r->w + (uint64_t)(n + i) * r->stride;
		acc[i] = _mm512_setzero_ps();
	}
	for (int64_t b = 0; b + 2 <= blocks; b += 2) {
		q8_0_step(p, act_at(r, b), acc, rows);
		next = tern_fetch_avx512(next, 68 * rows);
		EACH_ROW(i, rows)
		p[i] += 68;
	}
	if (blocks & 1) {
		EACH_ROW(i, rows)
		{
			memcpy(rest[i], p[i], 34);
			p[i] = rest[i];
		}
		q8_0_step(p, act_at(r, blocks - 1), acc, rows);
	}
	EACH_ROW(i, rows)
	r->y[n + i] = _mm512_reduce_add_ps(acc[i]);
}

void tern_rows_q8_0_avx512(const struct tern_mm_row *r)
{
	EACH_ROWS(q8_0_rows);
}

/* ---- Q4_K ------------------------------------------------------------------------------------ */
/* Super-block p against activations z, arranged as its nibbles lie. */
INLINE __m512 q4_k_block(const struct tern_block_q4_k *p, const __m512i *z, __m256 sa,
			 __m256 weighted, __m512 acc, __m256 *acc_min)
{
	const __m512i low = _mm512_set1_epi8(15);
	const __m512 zero = _mm512_setzero_ps();
	__m256 scale, min;
	__m512 s;

	tern_k4_scales_avx512(p->scales, &scale, &min);
	*acc_min = _mm256_fmadd_ps(_mm256_mul_ps(min, _mm256_set1_ps(_cvtsh_ss(p->dmin))), weighted,
				   *acc_min);
	scale = _mm256_mul_ps(scale, _mm256_mul_ps(sa, _mm256_set1_ps(_cvtsh_ss(p->d))));
	s = _mm512_insertf32x8(zero, scale, 0);
#pragma GCC unroll 2
	for (int h = 0; h < 2; h++) {
		const __m512i q = load(p->qs + 64 * h);
		const __m512i t0 = _mm512_dpbusd_epi32(_mm512_setzero_si512(),
						       _mm512_and_si512(q, low), z[2 * h]);
		const __m512i t1 = _mm512_dpbusd_epi32(
			_mm512_setzero_si512(), _mm512_and_si512(_mm512_srli_epi16(q, 4), low),
			z[2 * h + 1]);

		acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(t0),
				      _mm512_permutexvar_ps(halves(4 * h, 4 * h + 2), s), acc);
		acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(t1),
				      _mm512_permutexvar_ps(halves(4 * h + 1, 4 * h + 3), s), acc);
	}
	return acc;
}

INLINE void q4_k_rows(const struct tern_mm_row *r, int64_t n, int rows)
{
	const char *next = tern_ahead(r, n);
	const struct tern_block_q4_k *p[NR];
	__m512 acc[NR];
	__m256 mins[NR];

	EACH_ROW(i, rows)
	{
		p[i] = (const void *)((const char *)r->w + (uint64_t)(n + i) * r->stride);
		acc[i] = _mm512_setzero_ps();
		mins[i] = _mm256_setzero_ps();
	}
	for (int64_t b = 0; b < r->k / 256; b++) {
		const struct at a = act_at(r, b * 8);
		const __m512i a0 = load(a.q), a1 = load(a.q + 64), a2 = load(a.q + 128),
			      a3 = load(a.q + 192);
		const __m512i z[4] = {
			_mm512_shuffle_i64x2(a0, a1, 0x44), _mm512_shuffle_i64x2(a0, a1, 0xee),
			_mm512_shuffle_i64x2(a2, a3, 0x44), _mm512_shuffle_i64x2(a2, a3, 0xee)};
		const __m256 sa = _mm256_loadu_ps(a.scale), weighted = _mm256_loadu_ps(a.weighted);

		EACH_ROW(i, rows)
		{
			acc[i] = q4_k_block(p[i], z, sa, weighted, acc[i], &mins[i]);
			p[i]++;
		}
		next = tern_fetch_avx512(next, (int)sizeof(*p[0]) * rows);
	}
	EACH_ROW(i, rows)
	r->y[n + i] = _mm512_reduce_add_ps(
		_mm512_sub_ps(acc[i], _mm512_insertf32x8(_mm512_setzero_ps(), mins[i], 0)));
}

void tern_rows_q4_k_avx512(const struct tern_mm_row *r)
{
	EACH_ROWS(q4_k_rows);
}

/* ---- Q6_K ------------------------------------------------------------------------------------ */
/* Lane i: scale 4 k + i / 4. */
INLINE __m512i quarter_of(int k)
{
	return _mm512_add_epi32(quarters(), _mm512_set1_epi32(4 * k));
}

INLINE __m512 q6_k_block(const struct tern_block_q6_k *p, const __m512i *z, const __m512i *bias,
			 __m512 sa, __m512 acc)
{
	const __m512i low = _mm512_set1_epi8(15), high = _mm512_set1_epi8(0x30);
	/* two-bit pairs j = 0, 1 move up to bits 4-5; 2 stays, 3 moves down */
	const __m512i up = _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1);
	const __m512i down = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1);
	const __m512 s = _mm512_mul_ps(_mm512_mul_ps(sa, _mm512_set1_ps(_cvtsh_ss(p->d))),
				       _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(
					       _mm_loadu_si128((const __m128i *)p->scales))));

#pragma GCC unroll 2
	for (int h = 0; h < 2; h++) {
		const __m512i l = load(p->ql + 64 * h);
		const __m512i q = _mm512_broadcast_i64x4(
			_mm256_loadu_si256((const __m256i *)(p->qh + 32 * h)));
		const __m512i w0 = _mm512_or_si512(
			_mm512_and_si512(l, low), _mm512_and_si512(_mm512_sllv_epi16(q, up), high));
		const __m512i w1 =
			_mm512_or_si512(_mm512_and_si512(_mm512_srli_epi16(l, 4), low),
					_mm512_and_si512(_mm512_srlv_epi16(q, down), high));
		const __m512i t0 = _mm512_dpbusd_epi32(bias[2 * h], w0, z[2 * h]);
		const __m512i t1 = _mm512_dpbusd_epi32(bias[2 * h + 1], w1, z[2 * h + 1]);

		acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(t0),
				      _mm512_permutexvar_ps(quarter_of(2 * h), s), acc);
		acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(t1),
				      _mm512_permutexvar_ps(quarter_of(2 * h + 1), s), acc);
	}
	return acc;
}

INLINE void q6_k_rows(const struct tern_mm_row *r, int64_t n, int rows)
{
	const __m512i pairs = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
	const char *next = tern_ahead(r, n);
	const struct tern_block_q6_k *p[NR];
	__m512 acc[NR];

	EACH_ROW(i, rows)
	{
		p[i] = (const void *)((const char *)r->w + (uint64_t)(n + i) * r->stride);
		acc[i] = _mm512_setzero_ps();
	}
	for (int64_t b = 0; b < r->k / 256; b++) {
		const struct at a = act_at(r, b * 8);
		const __m512i minus =
			_mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32(load(a.sum), 5));
		const __m512 sa = _mm512_permutexvar_ps(
			pairs,
			_mm512_insertf32x8(_mm512_setzero_ps(), _mm256_loadu_ps(a.scale), 0));
		__m512i z[4], bias[4];

#pragma GCC unroll 4
		for (int k = 0; k < 4; k++) {
			z[k] = load(a.q + 64 * k);
			bias[k] = _mm512_maskz_permutexvar_epi32(0x1111, quarter_of(k), minus);
		}
		EACH_ROW(i, rows)
		{
			acc[i] = q6_k_block(p[i], z, bias, sa, acc[i]);
			p[i]++;
		}
		next = tern_fetch_avx512(next, (int)sizeof(*p[0]) * rows);
	}
	EACH_ROW(i, rows)
	r->y[n + i] = _mm512_reduce_add_ps(acc[i]);
}

void tern_rows_q6_k_avx512(const struct tern_mm_row *r)
{
	EACH_ROWS(q6_k_rows);
}
