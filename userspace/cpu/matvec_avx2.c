// SPDX-License-Identifier: MIT
/*
 * One row of activations, for AVX2. Four-bit weights fit VPMADDUBSW exactly (15 * 127 * 2 is
 * a s16); wider ones go through |w| times a with w's sign, which does too (128 * 127 * 2).
 */
#include <immintrin.h>
#include <string.h>

#include "kernels.h"
#include "matvec_avx2.h"
#include "simd/blocks.h"
#include "simd/decode.h"

#define INLINE static inline __attribute__((always_inline))

struct at {
	const int8_t *q;
	const float *scale;
	const int32_t *sum;
	const float *weighted;
};

static struct at act_of(const struct tern_mm_row *r)
{
	const struct tern_act *a = r->act;
	const int64_t i = r->row * (a->stride / TERN_GROUP);

	return (struct at){a->q + i * TERN_GROUP, a->scale + i, a->sum + i * a->parts,
			   a->weighted + i * a->parts};
}

INLINE __m256i load(const void *p)
{
	return _mm256_loadu_si256(p);
}

INLINE float total(__m256 v)
{
	__m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* Eight sums of four products; w unsigned and at most 63, or see below. */
INLINE __m256 dot_unsigned(__m256i w, __m256i a)
{
	return _mm256_cvtepi32_ps(
		_mm256_madd_epi16(_mm256_maddubs_epi16(w, a), _mm256_set1_epi16(1)));
}

/* |a| with w's sign. |w| = 128 is 0x80, which the product reads as unsigned. */
INLINE __m256 dot_signed(__m256i w, __m256i a)
{
	return dot_unsigned(_mm256_abs_epi8(w), _mm256_sign_epi8(a, w));
}

INLINE const uint8_t *row_of(const struct tern_mm_row *r, int64_t n)
{
	return (const uint8_t *)r->w + (uint64_t)n * r->stride;
}

/* ---- blocks ------------------------------------------------------------------------------- */
void tern_rows_q4_0_avx2(const struct tern_mm_row *r)
{
	const __m256i low = _mm256_set1_epi8(15);

	for (int64_t n = 0; n < r->n; n++) {
		const struct tern_block_q4_0 *b = (const void *)row_of(r, n);
		struct at a = act_of(r);
		__m256 acc = _mm256_setzero_ps();
		float bias = 0;

		for (int64_t g = 0; g < r->k / 32; g++, b++) {
			const __m128i v = _mm_loadu_si128((const __m128i *)b->qs);
			const __m256i q =
				_mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(v, 4), v), low);
			const float d = _cvtsh_ss(b->d);

			_mm_prefetch((const char *)b + 1024, _MM_HINT_T0);
			acc = _mm256_fmadd_ps(dot_unsigned(q, load(a.q + 32 * g)),
					      _mm256_set1_ps(d * a.scale[g]), acc);
			bias += d * a.weighted[g];
		}
		r->y[n] = total(acc) - 8 * bias;
	}
}

void tern_rows_q8_0_avx2(const struct tern_mm_row *r)
{
	for (int64_t n = 0; n < r->n; n++) {
		const struct tern_block_q8_0 *b = (const void *)row_of(r, n);
		struct at a = act_of(r);
		__m256 acc = _mm256_setzero_ps();

		for (int64_t g = 0; g < r->k / 32; g++, b++) {
			_mm_prefetch((const char *)b + 1024, _MM_HINT_T0);
			acc = _mm256_fmadd_ps(dot_signed(load(b->qs), load(a.q + 32 * g)),
					      _mm256_set1_ps(_cvtsh_ss(b->d) * a.scale[g]), acc);
		}
		r->y[n] = total(acc);
	}
}

INLINE __m256 q4_k_block(const struct tern_block_q4_k *b, const struct at *a, __m256 acc,
			 float *mins)
{
	const __m256i low = _mm256_set1_epi8(15);
	const float d = _cvtsh_ss(b->d), dmin = _cvtsh_ss(b->dmin);

	for (unsigned int g = 0; g < 8; g += 2) {
		const __m256i v = load(b->qs + 16 * g);
		uint8_t s[2], m[2];

		tern_k4_scale(b->scales, g, &s[0], &m[0]);
		tern_k4_scale(b->scales, g + 1, &s[1], &m[1]);
		acc = _mm256_fmadd_ps(dot_unsigned(_mm256_and_si256(v, low), load(a->q + 32 * g)),
				      _mm256_set1_ps(d * s[0] * a->scale[g]), acc);
		acc = _mm256_fmadd_ps(dot_unsigned(_mm256_and_si256(_mm256_srli_epi16(v, 4), low),
						   load(a->q + 32 * g + 32)),
				      _mm256_set1_ps(d * s[1] * a->scale[g + 1]), acc);
		*mins += dmin * (m[0] * a->weighted[g] + m[1] * a->weighted[g + 1]);
	}
	return acc;
}

void tern_rows_q4_k_avx2(const struct tern_mm_row *r)
{
	for (int64_t n = 0; n < r->n; n++) {
		const struct tern_block_q4_k *b = (const void *)row_of(r, n);
		struct at a = act_of(r);
		__m256 acc = _mm256_setzero_ps();
		float mins = 0;

		for (int64_t i = 0; i < r->k / 256; i++, b++) {
			acc = q4_k_block(b, &a, acc, &mins);
			a = (struct at){a.q + 256, a.scale + 8, a.sum + 8, a.weighted + 8};
		}
		r->y[n] = total(acc) - mins;
	}
}

/* 32 elements (j of half h), two scales. */
INLINE __m256 q6_k_group(const struct tern_block_q6_k *b, int h, int j, const struct at *a, float d,
			 __m256 acc)
{
	const int g = 4 * h + j;
	const __m256i l = load(b->ql + 64 * h + 32 * (j & 1));
	const __m256i nibble =
		_mm256_and_si256(_mm256_srli_epi16(l, j & 2 ? 4 : 0), _mm256_set1_epi8(15));
	const __m256i pair = _mm256_and_si256(_mm256_srli_epi16(load(b->qh + 32 * h), 2 * j),
					      _mm256_set1_epi8(3));
	const __m256i q = _mm256_sub_epi8(_mm256_or_si256(nibble, _mm256_slli_epi16(pair, 4)),
					  _mm256_set1_epi8(32));
	const float s = d * a->scale[g];
	const __m256 scale = _mm256_set_m128(_mm_set1_ps(s * b->scales[2 * g + 1]),
					     _mm_set1_ps(s * b->scales[2 * g]));

	return _mm256_fmadd_ps(dot_signed(q, load(a->q + 32 * g)), scale, acc);
}

void tern_rows_q6_k_avx2(const struct tern_mm_row *r)
{
	for (int64_t n = 0; n < r->n; n++) {
		const struct tern_block_q6_k *b = (const void *)row_of(r, n);
		struct at a = act_of(r);
		__m256 acc = _mm256_setzero_ps();

		for (int64_t i = 0; i < r->k / 256; i++, b++) {
			for (int g = 0; g < 8; g++)
				acc = q6_k_group(b, g / 4, g % 4, &a, _cvtsh_ss(b->d), acc);
			a = (struct at){a.q + 256, a.scale + 8, a.sum + 16, a.weighted + 16};
		}
		r->y[n] = total(acc);
	}
}

/* ---- any block, by way of operand groups ---------------------------------------------------- */
static float operand_row(const struct tern_mm_row *r, const uint8_t *ops,
			 const struct tern_block_desc *d)
{
	const int parts = r->act->parts;
	const struct at a = act_of(r);
	__m256 acc = _mm256_setzero_ps();
	float mins = 0, s[4];

	for (int64_t g = 0; g < r->k / TERN_GROUP; g++, ops += d->group_bytes) {
		memcpy(s, ops + TERN_GROUP, d->group_bytes - TERN_GROUP);
		acc = _mm256_fmadd_ps(dot_signed(load(ops), load(a.q + 32 * g)),
				      _mm256_set_m128(_mm_set1_ps(s[parts - 1] * a.scale[g]),
						      _mm_set1_ps(s[0] * a.scale[g])),
				      acc);
		for (int h = 0; h < parts && d->min; h++)
			mins += s[parts + h] * a.weighted[g * parts + h];
	}
	return total(acc) + mins;
}

void tern_rows_block_avx2(const struct tern_mm_row *r)
{
	const struct tern_block_desc *d = tern_block_desc(r->type);

	for (int64_t n = 0; n < r->n; n++) {
		r->simd->decode_operand(r->type, row_of(r, n), r->tmp, r->k);
		r->y[n] = operand_row(r, r->tmp, d);
	}
}

/* ---- plain ----------------------------------------------------------------------------------- */
INLINE __m256 load_f32(const void *p)
{
	return _mm256_loadu_ps(p);
}

INLINE __m256 load_f16(const void *p)
{
	return _mm256_cvtph_ps(_mm_loadu_si128(p));
}

INLINE __m256 load_bf16(const void *p)
{
	return _mm256_castsi256_ps(
		_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(p)), 16));
}

INLINE float plain_row(const struct tern_mm_row *r, int64_t n, size_t size,
		       __m256 (*load)(const void *))
{
	const int64_t whole = r->k / 8 * 8, left = r->k - whole;
	int64_t k = 0;
	const uint8_t *p = row_of(r, n);
	__m256 acc[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
			 _mm256_setzero_ps()};
	uint8_t rest[32] = {0};
	float x[8] = {0};

	for (; k + 32 <= whole; p += 32 * size) {
		_mm_prefetch((const char *)p + 1024, _MM_HINT_T0);
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++, k += 8)
			acc[i] = _mm256_fmadd_ps(_mm256_loadu_ps(r->x + k), load(p + 8 * i * size),
						 acc[i]);
	}
	for (; k < whole; k += 8, p += 8 * size)
		acc[0] = _mm256_fmadd_ps(_mm256_loadu_ps(r->x + k), load(p), acc[0]);
	if (left) {
		memcpy(rest, p, (size_t)left * size);
		memcpy(x, r->x + whole, (size_t)left * sizeof(float));
		acc[0] = _mm256_fmadd_ps(_mm256_loadu_ps(x), load(rest), acc[0]);
	}
	return total(_mm256_add_ps(_mm256_add_ps(acc[0], acc[1]), _mm256_add_ps(acc[2], acc[3])));
}

#define PLAIN(name, size)                                             \
	void tern_rows_##name##_avx2(const struct tern_mm_row *r)     \
	{                                                             \
		for (int64_t n = 0; n < r->n; n++)                    \
			r->y[n] = plain_row(r, n, size, load_##name); \
	}
PLAIN(f32, 4)
PLAIN(f16, 2)
PLAIN(bf16, 2)
