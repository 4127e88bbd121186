/* SPDX-License-Identifier: MIT */
/*
 * Conversions between f32 and storage types, see vector.h for what they compute.
 * Included by convert_scalar.c, convert_avx2.c and convert_avx512.c, which define
 * TERN_LEVEL(name). Where the compiler would not vectorise, intrinsics follow the C.
 */
#include <float.h>

#include "math.h"
#include "vector.h"

/* ---- halves -------------------------------------------------------------------- */
static int64_t halves_to_f32(const unsigned char *src, float *dst, int64_t n)
{
	int64_t i = 0;

	(void)src;
	(void)dst;
	(void)n;
#if defined(__AVX512F__)
	for (; i + 16 <= n; i += 16)
		_mm512_storeu_ps(dst + i, _mm512_cvtph_ps(_mm256_loadu_si256(
						  (const __m256i *)(const void *)(src + 2 * i))));
#elif defined(__F16C__)
	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128(
						  (const __m128i *)(const void *)(src + 2 * i))));
#endif
	return i;
}

static int64_t halves_from_f32(const float *src, unsigned char *dst, int64_t n)
{
	int64_t i = 0;

	(void)src;
	(void)dst;
	(void)n;
#if defined(__AVX512F__)
	for (; i + 16 <= n; i += 16)
		_mm256_storeu_si256(
			(__m256i *)(void *)(dst + 2 * i),
			_mm512_cvtps_ph(_mm512_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
	for (; i + 8 <= n; i += 8)
		_mm_storeu_si128(
			(__m128i *)(void *)(dst + 2 * i),
			_mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
#endif
	return i;
}

static uint16_t get16(const unsigned char *p)
{
	uint16_t h;

	memcpy(&h, p, sizeof(h));
	return h;
}

static void put16(unsigned char *p, uint16_t h)
{
	memcpy(p, &h, sizeof(h));
}

void TERN_LEVEL(tern_to_f32_plain)(unsigned int type, const void *src, float *dst, int64_t n)
{
	const unsigned char *p = src;

	switch (type) {
	case TERN_T_F32:
		memcpy(dst, src, (size_t)n * sizeof(float));
		break;
	case TERN_T_F16:
		for (int64_t i = halves_to_f32(p, dst, n); i < n; i++)
			dst[i] = tern_half(get16(p + 2 * i));
		break;
	case TERN_T_BF16:
		for (int64_t i = 0; i < n; i++)
			dst[i] = tern_bf16(get16(p + 2 * i));
		break;
	}
}

/* ---- blocks of 32 ----------------------------------------------------------------- */
enum { BLOCK = 32, HALF = BLOCK / 2 };

/* Truncation to [0, hi]. The comparisons are written so that NaN gives 0. */
static inline uint8_t truncate(float x, float hi)
{
	const float low = x > 0.0f ? x : 0.0f;

	return (uint8_t)(int32_t)(low < hi ? low : hi);
}

/* To 8 bits, ties to even; NaN: 0. */
static int8_t round_even(float x)
{
	float r = __builtin_rintf(x == x ? x : 0.0f);

	r = r < 127.0f ? r : 127.0f;
	return (int8_t)(int32_t)(r > -127.0f ? r : -127.0f);
}

static float largest_magnitude(const float *x)
{
	float amax = 0.0f;

	for (int j = 0; j < BLOCK; j++) {
		const float a = __builtin_fabsf(x[j]);

		amax = a > amax ? a : amax;
	}
	return amax;
}

/* The first element of the largest magnitude, with its sign. */
static float signed_max(const float *x)
{
	const float amax = largest_magnitude(x);

	for (int j = 0; amax > 0.0f && j < BLOCK; j++)
		if (__builtin_fabsf(x[j]) == amax)
			return x[j];
	return 0.0f;
}

static void range(const float *x, float *lo, float *hi)
{
	*lo = FLT_MAX;
	*hi = -FLT_MAX;
	for (int j = 0; j < BLOCK; j++) {
		*lo = x[j] < *lo ? x[j] : *lo;
		*hi = x[j] > *hi ? x[j] : *hi;
	}
}

/* Codes (x - from) * inverse + bias, cut to [0, hi]. */
static void make_codes(uint8_t q[BLOCK], const float *x, float from, float inverse, float bias,
		       float hi)
{
	for (int j = 0; j < BLOCK; j++)
		q[j] = truncate((x[j] - from) * inverse + bias, hi);
}

static void put_nibbles(uint8_t *qs, const uint8_t q[BLOCK])
{
	for (int j = 0; j < HALF; j++)
		qs[j] = (uint8_t)((q[j] & 15) | (q[j + HALF] & 15) << 4);
}

static void put_fifth_bits(uint8_t *qh, const uint8_t q[BLOCK])
{
	uint32_t bits = 0;

	for (int j = 0; j < BLOCK; j++)
		bits |= (uint32_t)(q[j] >> 4 & 1) << j;
	memcpy(qh, &bits, sizeof(bits));
}

static float inverse_of(float d)
{
	return d != 0.0f ? 1.0f / d : 0.0f;
}

static void encode_q8_0(const float *x, void *dst)
{
	struct tern_block_q8_0 *y = dst;
	const float amax = largest_magnitude(x), inverse = amax != 0.0f ? 127.0f / amax : 0.0f;

	y->d = tern_to_half(amax / 127.0f);
	for (int j = 0; j < BLOCK; j++)
		y->qs[j] = round_even(x[j] * inverse);
}

static void encode_q4_0(const float *x, void *dst)
{
	struct tern_block_q4_0 *y = dst;
	const float d = signed_max(x) / -8.0f;
	uint8_t q[BLOCK];

	y->d = tern_to_half(d);
	make_codes(q, x, 0.0f, inverse_of(d), 8.5f, 15.0f);
	put_nibbles(y->qs, q);
}

static void encode_q4_1(const float *x, void *dst)
{
	struct tern_block_q4_1 *y = dst;
	float lo, hi, d;
	uint8_t q[BLOCK];

	range(x, &lo, &hi);
	d = (hi - lo) / 15.0f;
	y->d = tern_to_half(d);
	y->m = tern_to_half(lo);
	make_codes(q, x, lo, inverse_of(d), 0.5f, 15.0f);
	put_nibbles(y->qs, q);
}

static void encode_q5_0(const float *x, void *dst)
{
	struct tern_block_q5_0 *y = dst;
	const float d = signed_max(x) / -16.0f;
	uint8_t q[BLOCK];

	y->d = tern_to_half(d);
	make_codes(q, x, 0.0f, inverse_of(d), 16.5f, 31.0f);
	put_nibbles(y->qs, q);
	put_fifth_bits(y->qh, q);
}

static void encode_q5_1(const float *x, void *dst)
{
	struct tern_block_q5_1 *y = dst;
	float lo, hi, d;
	uint8_t q[BLOCK];

	range(x, &lo, &hi);
	d = (hi - lo) / 31.0f;
	y->d = tern_to_half(d);
	y->m = tern_to_half(lo);
	make_codes(q, x, lo, inverse_of(d), 0.5f, 31.0f);
	put_nibbles(y->qs, q);
	put_fifth_bits(y->qh, q);
}

/* The code nearest to x, the upper one of two: how many midpoints are not above it. */
static uint8_t nearest_iq4_nl(float x)
{
	uint8_t n = 0;

	for (int j = 1; j < 16; j++)
		n = (uint8_t)(n + (x + x >= (float)(tern_iq4_nl[j - 1] + tern_iq4_nl[j])));
	return n;
}

/* Codes by the largest element; then the scale that fits them best, errors weighted by x^2. */
static void encode_iq4_nl(const float *x, void *dst)
{
	struct tern_block_iq4_nl *y = dst;
	const float max = signed_max(x);
	float inverse, sum_qx = 0.0f, sum_qq = 0.0f;
	uint8_t code[BLOCK];

	memset(y, 0, sizeof(*y));
	if (__builtin_fabsf(max) < 1e-15f) /* ggml's threshold for "all zero" */
		return;
	inverse = 1.0f / (max / (float)tern_iq4_nl[0]);
	for (int j = 0; j < BLOCK; j++) {
		const float w = x[j] * x[j];
		float q;

		code[j] = nearest_iq4_nl(inverse * x[j]);
		q = (float)tern_iq4_nl[code[j]];
		sum_qx += w * q * x[j];
		sum_qq += w * q * q;
	}
	y->d = tern_to_half(sum_qq > 0.0f ? sum_qx / sum_qq : 0.0f);
	put_nibbles(y->qs, code);
}

typedef void encode_fn(const float *x, void *dst);

static void encode_blocks(encode_fn *encode, size_t bytes, const float *src, unsigned char *dst,
			  int64_t n)
{
	float last[BLOCK] = {0};

	for (; n >= BLOCK; n -= BLOCK, src += BLOCK, dst += bytes)
		encode(src, dst);
	if (n <= 0)
		return;
	memcpy(last, src, (size_t)n * sizeof(float));
	encode(last, dst);
}

static const struct {
	encode_fn *encode;
	size_t bytes;
} encoders[] = {
	[TERN_T_Q8_0] = {encode_q8_0, sizeof(struct tern_block_q8_0)},
	[TERN_T_Q4_0] = {encode_q4_0, sizeof(struct tern_block_q4_0)},
	[TERN_T_Q4_1] = {encode_q4_1, sizeof(struct tern_block_q4_1)},
	[TERN_T_Q5_0] = {encode_q5_0, sizeof(struct tern_block_q5_0)},
	[TERN_T_Q5_1] = {encode_q5_1, sizeof(struct tern_block_q5_1)},
	[TERN_T_IQ4_NL] = {encode_iq4_nl, sizeof(struct tern_block_iq4_nl)},
};

void TERN_LEVEL(tern_from_f32)(unsigned int type, const float *src, void *dst, int64_t n)
{
	unsigned char *p = dst;

	switch (type) {
	case TERN_T_F32:
		memcpy(dst, src, (size_t)n * sizeof(float));
		break;
	case TERN_T_F16:
		for (int64_t i = halves_from_f32(src, p, n); i < n; i++)
			put16(p + 2 * i, tern_to_half(src[i]));
		break;
	case TERN_T_BF16:
		for (int64_t i = 0; i < n; i++)
			put16(p + 2 * i, tern_to_bf16(src[i]));
		break;
	default:
		if (type < sizeof(encoders) / sizeof(encoders[0]) && encoders[type].encode)
			encode_blocks(encoders[type].encode, encoders[type].bytes, src, p, n);
	}
}

/* ---- activations ------------------------------------------------------------------- */
/* Largest magnitude as bits: as integers NaNs are above everything. */
static uint32_t largest_bits(const float *x)
{
	uint32_t top = 0;

	for (int j = 0; j < BLOCK; j++) {
		const uint32_t u = tern_f32_bits(x[j]) & 0x7fffffffu;

		top = u > top ? u : top;
	}
	return top;
}

static int half_sum(const int8_t *q)
{
	int sum = 0;

	for (int j = 0; j < HALF; j++)
		sum += q[j];
	return sum;
}

/* x >= 0, or a NaN, to 11 significant bits, ties to even; exponents keep their range. */
static float short_scale(float x)
{
	const uint32_t u = tern_f32_bits(x);

	return tern_bits_f32((u + 0xfff + (u >> 13 & 1)) & ~0x1fffu);
}

static void quantise_group(const float *x, struct tern_block_act *y)
{
	const float amax = tern_bits_f32(largest_bits(x));
	const float inverse = amax == 0.0f ? 0.0f : 127.0f / amax;

	y->s = short_scale(tern_canon(amax / 127.0f));
	for (int j = 0; j < BLOCK; j++)
		y->q[j] = round_even(x[j] * inverse);
	y->sum[0] = (int16_t)half_sum(y->q);
	y->sum[1] = (int16_t)half_sum(y->q + HALF);
}

/*
 * The same for groups whose amax is finite and at least 2^-119: then 127 / amax is finite,
 * no product is a NaN and none rounds to more than 127. False: not such a group.
 */
#if defined(__AVX2__)
static bool ordinary(uint32_t top)
{
	return top - 0x04000000u < 0x7f800000u - 0x04000000u;
}

/* Sums of the 16 low and the 16 high of 32 signed bytes. */
static void store_sums(struct tern_block_act *y, __m256i q)
{
	const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), q);
	__m256i s = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));

	s = _mm256_add_epi32(s, _mm256_shuffle_epi32(s, 0x4e));
	s = _mm256_add_epi32(s, _mm256_shuffle_epi32(s, 0xb1));
	y->sum[0] = (int16_t)_mm256_extract_epi32(s, 0);
	y->sum[1] = (int16_t)_mm256_extract_epi32(s, 4);
}

static uint32_t top_of(__m256i m)
{
	__m128i t = _mm_max_epu32(_mm256_castsi256_si128(m), _mm256_extracti128_si256(m, 1));

	t = _mm_max_epu32(t, _mm_shuffle_epi32(t, 0x4e));
	t = _mm_max_epu32(t, _mm_shuffle_epi32(t, 0xb1));
	return (uint32_t)_mm_cvtsi128_si32(t);
}
#endif

#if defined(__AVX512F__)
static bool quantise_ordinary(const float *x, struct tern_block_act *y)
{
	const __m512i sign = _mm512_set1_epi32(0x7fffffff);
	const __m512 x0 = _mm512_loadu_ps(x), x1 = _mm512_loadu_ps(x + 16);
	const __m512i m = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(x0), sign),
					   _mm512_and_si512(_mm512_castps_si512(x1), sign));
	const uint32_t top = top_of(
		_mm256_max_epu32(_mm512_castsi512_si256(m), _mm512_extracti64x4_epi64(m, 1)));
	const float amax = tern_bits_f32(top);
	const __m512 inverse = _mm512_set1_ps(127.0f / amax);
	__m128i q0, q1;

	if (!ordinary(top))
		return false;
	q0 = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x0, inverse)));
	q1 = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(x1, inverse)));
	_mm_storeu_si128((__m128i *)(void *)y->q, q0);
	_mm_storeu_si128((__m128i *)(void *)(y->q + 16), q1);
	y->s = short_scale(amax / 127.0f);
	store_sums(y, _mm256_inserti128_si256(_mm256_castsi128_si256(q0), q1, 1));
	return true;
}
#elif defined(__AVX2__)
static bool quantise_ordinary(const float *x, struct tern_block_act *y)
{
	const __m256i sign = _mm256_set1_epi32(0x7fffffff);
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	__m256i m = _mm256_setzero_si256(), q[4];
	__m256 inverse;
	uint32_t top;

	for (int j = 0; j < 4; j++)
		m = _mm256_max_epu32(
			m, _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(x + 8 * j)), sign));
	top = top_of(m);
	if (!ordinary(top))
		return false;
	inverse = _mm256_set1_ps(127.0f / tern_bits_f32(top));
	for (int j = 0; j < 4; j++)
		q[j] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * j), inverse));
	/* Packing works in 128-bit halves: put the groups of four back in order. */
	q[0] = _mm256_packs_epi16(_mm256_packs_epi32(q[0], q[1]), _mm256_packs_epi32(q[2], q[3]));
	q[0] = _mm256_permutevar8x32_epi32(q[0], order);
	_mm256_storeu_si256((__m256i *)(void *)y->q, q[0]);
	y->s = short_scale(tern_bits_f32(top) / 127.0f);
	store_sums(y, q[0]);
	return true;
}
#else
static bool quantise_ordinary(const float *x, struct tern_block_act *y)
{
	(void)x;
	(void)y;
	return false;
}
#endif

void TERN_LEVEL(tern_quantise_act)(const float *src, void *dst, int64_t n)
{
	struct tern_block_act *y = dst;
	float last[BLOCK] = {0};

	for (; n >= BLOCK; n -= BLOCK, src += BLOCK, y++)
		if (!quantise_ordinary(src, y))
			quantise_group(src, y);
	if (n <= 0)
		return;
	memcpy(last, src, (size_t)n * sizeof(float));
	quantise_group(last, y);
}
