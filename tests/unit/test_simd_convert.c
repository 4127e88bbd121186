// SPDX-License-Identifier: MIT
/* Conversions between f32 and storage types, against definitions written another way. */
#include <float.h>

#include "vector_ref.h"

enum { BLOCK = 32, MAX_N = 1000 };

/* ---- halves ---------------------------------------------------------------------- */
static double half_value(uint16_t h)
{
	const int e = h >> 10 & 31, m = h & 1023;

	return (h >> 15 ? -1 : 1) * (e ? ldexp(1024 + m, e - 25) : ldexp(m, -24));
}

/* The nearest of all finite halves, ties to the even one; 2^16 stands for infinity. */
static uint16_t nearest_half(float x)
{
	const uint16_t sign = signbit(x) ? 0x8000 : 0;
	const double a = fabs((double)x);
	unsigned int lo = 0, hi = 0x7c00;

	if (a >= 65536)
		return sign | 0x7c00;
	while (hi - lo > 1) {
		const unsigned int mid = (lo + hi) / 2;

		if (half_value((uint16_t)mid) <= a)
			lo = mid;
		else
			hi = mid;
	}
	{
		const double below = a - half_value((uint16_t)lo),
			     above = half_value((uint16_t)hi) - a;

		if (above < below || (above == below && lo & 1))
			lo = hi;
	}
	return (uint16_t)(sign | lo);
}

static float some_float(void)
{
	float x;

	switch (below(4)) {
	case 0:
		x = tern_bits_f32(rnd() ^ rnd() << 16);
		return isnan(x) ? 0.0f : x;
	case 1: /* halfway between two halves, or next to it */
		x = (float)half_value((uint16_t)below(0x7c00));
		return x + (float)ldexp(1, ilogb(x == 0 ? 0x1p-24 : x) - 11);
	case 2:
		return ldexpf((float)below(1 << 24), -(int)below(50)) * (below(2) ? 1 : -1);
	default:
		return ((float)below(200000) - 100000.0f) / 8192.0f;
	}
}

START_TEST(every_half_becomes_its_value)
{
	const struct level *l = &levels[_i];
	static uint16_t h[1 << 16];
	static float x[1 << 16];

	for (int i = 0; i < 1 << 16; i++)
		h[i] = (uint16_t)i;
	l->to_f32(TERN_T_F16, h, x, 1 << 16);
	for (int i = 0; i < 1 << 16; i++) {
		const bool special = (i >> 10 & 31) == 31;

		if (!special)
			ck_assert(x[i] == half_value((uint16_t)i) && !signbit(x[i]) == !(i >> 15));
		else if (i & 1023) /* quiet, with its payload */
			ck_assert_uint_eq(tern_f32_bits(x[i]), (uint32_t)(i & 0x8000) << 16 |
								       0x7fc00000 |
								       (uint32_t)(i & 1023) << 13);
		else
			ck_assert(isinf(x[i]) && !signbit(x[i]) == !(i >> 15));
	}
}
END_TEST

START_TEST(halves_are_the_nearest)
{
	const struct level *l = &levels[_i];
	float x[MAX_N];
	uint16_t h[MAX_N];

	for (int round = 0; round < 200; round++) {
		const int n = 1 + (int)below(MAX_N);

		for (int i = 0; i < n; i++)
			x[i] = some_float();
		l->from_f32(TERN_T_F16, x, h, n);
		for (int i = 0; i < n; i++)
			ck_assert_msg(h[i] == nearest_half(x[i]), "%a: %04x, not %04x", x[i], h[i],
				      nearest_half(x[i]));
	}
}
END_TEST

START_TEST(bf16_is_the_nearest_and_round_trips)
{
	const struct level *l = &levels[_i];
	float x[MAX_N], back[MAX_N];
	uint16_t h[MAX_N];

	for (int i = 0; i < MAX_N; i++)
		x[i] = some_float();
	l->from_f32(TERN_T_BF16, x, h, MAX_N);
	l->to_f32(TERN_T_BF16, h, back, MAX_N);
	for (int i = 0; i < MAX_N; i++) {
		/* Neighbours 2^16 apart as bits; the result is at most half of that away. */
		const int64_t d = (int64_t)tern_f32_bits(x[i]) - (int64_t)((uint32_t)h[i] << 16);

		ck_assert(d >= -0x8000 && d <= 0x8000);
		ck_assert(llabs(d) != 0x8000 || !(h[i] & 1));
		ck_assert_uint_eq(tern_f32_bits(back[i]), (uint32_t)h[i] << 16);
	}
}
END_TEST

START_TEST(nans_stay_nans)
{
	const struct level *l = &levels[_i];
	float x[20];
	uint16_t h[20];

	for (int i = 0; i < 20; i++)
		x[i] = tern_bits_f32(0xff800001u + ((uint32_t)i << 15));
	l->from_f32(TERN_T_F16, x, h, 20);
	for (int i = 0; i < 20; i++)
		ck_assert_uint_eq(h[i], 0xfe00u | ((uint32_t)i << 15 >> 13));
	l->from_f32(TERN_T_BF16, x, h, 20);
	for (int i = 0; i < 20; i++)
		ck_assert_uint_eq(h[i], 0xffc0u | (uint32_t)i >> 1);
}
END_TEST

/* ---- blocks ----------------------------------------------------------------------- */
/* What a quantiser chose: scale, minimum, codes. */
struct chosen {
	float d, m;
	int q[BLOCK];
};

static int clamp(double x, int lo, int hi)
{
	return x < lo ? lo : x > hi ? hi : (int)x;
}

static float largest(const float *x)
{
	float best = 0;

	for (int j = 0; j < BLOCK; j++)
		if (fabsf(x[j]) > fabsf(best))
			best = x[j];
	return best;
}

/* Scale from the signed largest element, codes 0 .. 2^bits - 1 around 2^(bits - 1). */
static struct chosen symmetric(const float *x, int bits)
{
	const int half = 1 << (bits - 1);
	struct chosen c = {.d = largest(x) / (float)-half};
	const float inverse = c.d != 0 ? 1 / c.d : 0;

	for (int j = 0; j < BLOCK; j++)
		c.q[j] = clamp(x[j] * inverse + ((float)half + 0.5f), 0, 2 * half - 1);
	return c;
}

static struct chosen affine(const float *x, int bits)
{
	const int top = (1 << bits) - 1;
	float lo = x[0], hi = x[0], inverse;
	struct chosen c;

	for (int j = 1; j < BLOCK; j++) {
		lo = fminf(lo, x[j]);
		hi = fmaxf(hi, x[j]);
	}
	c.d = (hi - lo) / (float)top;
	c.m = lo;
	inverse = c.d != 0 ? 1 / c.d : 0;
	for (int j = 0; j < BLOCK; j++)
		c.q[j] = clamp((x[j] - lo) * inverse + 0.5f, 0, top);
	return c;
}

static struct chosen bytes(const float *x)
{
	const float amax = fabsf(largest(x)), inverse = amax != 0 ? 127 / amax : 0;
	struct chosen c = {.d = amax / 127};

	for (int j = 0; j < BLOCK; j++)
		c.q[j] = (int)nearbyintf(x[j] * inverse);
	return c;
}

static struct chosen codebook(const float *x)
{
	const float max = largest(x);
	struct chosen c = {0};
	float qx = 0, qq = 0;

	if (fabsf(max) < 1e-15f)
		return c;
	for (int j = 0; j < BLOCK; j++) {
		const float y = 1 / (max / -127) * x[j], w = x[j] * x[j];

		for (int k = 1; k < 16; k++) /* ties to the larger */
			if (fabs((double)tern_iq4_nl[k] - y) <=
			    fabs((double)tern_iq4_nl[c.q[j]] - y))
				c.q[j] = k;
		qx += w * (float)tern_iq4_nl[c.q[j]] * x[j];
		qq += w * (float)tern_iq4_nl[c.q[j]] * (float)tern_iq4_nl[c.q[j]];
	}
	c.d = qq > 0 ? qx / qq : 0;
	return c;
}

/* Where a type keeps what was chosen: offsets in bytes, -1 for nothing. */
static const struct block_type {
	unsigned int type;
	int bytes, bits, min, high, codes;
} block_types[] = {
	{TERN_T_Q4_0, 18, 4, -1, -1, 2}, {TERN_T_Q4_1, 20, 4, 2, -1, 4},
	{TERN_T_Q5_0, 22, 5, -1, 2, 6},	 {TERN_T_Q5_1, 24, 5, 2, 4, 8},
	{TERN_T_Q8_0, 34, 8, -1, -1, 2}, {TERN_T_IQ4_NL, 18, 4, -1, -1, 2},
};
enum { NBLOCKS = sizeof(block_types) / sizeof(block_types[0]) };

static struct chosen choose(const struct block_type *t, const float *x)
{
	if (t->type == TERN_T_IQ4_NL)
		return codebook(x);
	if (t->bits == 8)
		return bytes(x);
	return t->min < 0 ? symmetric(x, t->bits) : affine(x, t->bits);
}

static int stored_code(const struct block_type *t, const unsigned char *b, int j)
{
	uint32_t high = 0;
	int code;

	if (t->bits == 8)
		return (int8_t)b[t->codes + j];
	code = j < 16 ? b[t->codes + j] & 15 : b[t->codes + j - 16] >> 4;
	if (t->high >= 0)
		memcpy(&high, b + t->high, 4);
	return code | (int)(high >> j & 1) << 4;
}

static void check_block(const struct block_type *t, const float *x, const unsigned char *b)
{
	const struct chosen c = choose(t, x);
	uint16_t h;

	memcpy(&h, b, 2);
	ck_assert_uint_eq(h, nearest_half(c.d));
	if (t->min >= 0) {
		memcpy(&h, b + t->min, 2);
		ck_assert_uint_eq(h, nearest_half(c.m));
	}
	for (int j = 0; j < BLOCK; j++)
		ck_assert_msg(stored_code(t, b, j) == c.q[j],
			      "type %u element %d of scale %a: %a is %d, not %d", t->type, j, c.d,
			      x[j], stored_code(t, b, j), c.q[j]);
}

static void fill_block(float *x, int round)
{
	const float scale = ldexpf(1, (int)below(40) - 24);

	for (int j = 0; j < BLOCK; j++)
		switch (round % 4) {
		case 0:
			x[j] = ((float)below(20001) - 10000.0f) * scale;
			break;
		case 1: /* many ties */
			x[j] = ((float)below(33) - 16.0f) / 2 * scale;
			break;
		case 2:
			x[j] = round % 8 == 2 ? 0.0f : scale;
			break;
		default:
			x[j] = below(8) ? 0.0f : -(float)below(1000) * scale;
		}
}

START_TEST(blocks_are_those_of_the_reference_quantiser)
{
	const struct level *l = &levels[_i / NBLOCKS];
	const struct block_type *t = &block_types[_i % NBLOCKS];
	float x[4 * BLOCK];
	unsigned char b[4 * 34 + 1];

	for (int round = 0; round < 2000; round++) {
		for (int k = 0; k < 4; k++)
			fill_block(x + k * BLOCK, round + k);
		b[4 * t->bytes] = 0x5a;
		l->from_f32(t->type, x, b, 4 * BLOCK);
		ck_assert_uint_eq(b[4 * t->bytes], 0x5a);
		for (int k = 0; k < 4; k++)
			check_block(t, x + k * BLOCK, b + k * t->bytes);
	}
}
END_TEST

START_TEST(strange_values_encode_alike_on_all_sets)
{
	const struct block_type *t = &block_types[_i];
	float x[4 * BLOCK];
	unsigned char want[4 * 34], got[4 * 34];

	for (int round = 0; round < 500; round++) {
		for (int j = 0; j < 4 * BLOCK; j++)
			x[j] = tern_bits_f32(random_word());
		levels[0].from_f32(t->type, x, want, 4 * BLOCK);
		for (size_t l = 1; l < level_count(); l++) {
			levels[l].from_f32(t->type, x, got, 4 * BLOCK);
			ck_assert_mem_eq(got, want, (size_t)(4 * t->bytes));
		}
	}
}
END_TEST

/* ---- activations -------------------------------------------------------------------- */
/* x rounded to 11 significant bits, in double; below 2^-126 to a multiple of 2^-136. */
static float eleven_bits(float x)
{
	int e;

	if (!isfinite(x) || x == 0)
		return x;
	frexp(x, &e);
	e = (e > -125 ? e : -125) - 11;
	return (float)ldexp(nearbyint(ldexp(x, -e)), e);
}

static void check_group(const float *x, const unsigned char *group)
{
	float amax = 0, scale;
	int sum[2] = {0};
	int16_t stored[2];

	for (int j = 0; j < BLOCK; j++)
		amax = isnan(x[j]) || isnan(amax) ? NAN : fmaxf(amax, fabsf(x[j]));
	memcpy(&scale, group + 32, 4);
	memcpy(stored, group + 36, 4);
	ck_assert_uint_eq(tern_f32_bits(scale), canon(eleven_bits(amax / 127.0f)));
	for (int j = 0; j < BLOCK; j++) {
		const float y = x[j] * (amax == 0 ? 0 : 127.0f / amax);
		const int q = isnan(y) ? 0 : clamp(nearbyintf(y), -127, 127);

		ck_assert_int_eq((int8_t)group[j], q);
		sum[j / 16] += q;
	}
	ck_assert_int_eq(stored[0], sum[0]);
	ck_assert_int_eq(stored[1], sum[1]);
}

START_TEST(activations_quantise_by_the_rule)
{
	const struct level *l = &levels[_i];
	unsigned char groups[40 * (MAX_N / BLOCK + 2)];
	float x[MAX_N + BLOCK];

	for (int round = 0; round < 500; round++) {
		const int n = 1 + (int)below(MAX_N), whole = (n + BLOCK - 1) / BLOCK;

		memset(x, 0, sizeof(x));
		for (int k = 0; k < whole; k++)
			fill_block(x + k * BLOCK, round + k);
		for (int i = 0; i < n && round % 3 == 0; i++)
			x[i] = tern_bits_f32(random_word());
		for (int i = 0; i < n && round % 5 == 0; i++) /* where 127 / amax overflows */
			x[i] = ldexpf(x[i], -130);
		groups[40 * whole] = 0x5a;
		l->quantise(x, groups, n);
		ck_assert_uint_eq(groups[40 * whole], 0x5a);
		memset(x + n, 0, sizeof(float) * BLOCK);
		for (int k = 0; k < whole; k++)
			check_group(x + k * BLOCK, groups + 40 * k);
	}
}
END_TEST

int main(void)
{
	const int n = (int)level_count();
	Suite *s = suite_create("simd_convert");
	TCase *t = tcase_create("conversions");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, every_half_becomes_its_value, 0, n);
	tcase_add_loop_test(t, halves_are_the_nearest, 0, n);
	tcase_add_loop_test(t, bf16_is_the_nearest_and_round_trips, 0, n);
	tcase_add_loop_test(t, nans_stay_nans, 0, n);
	tcase_add_loop_test(t, blocks_are_those_of_the_reference_quantiser, 0, n * NBLOCKS);
	tcase_add_loop_test(t, strange_values_encode_alike_on_all_sets, 0, NBLOCKS);
	tcase_add_loop_test(t, activations_quantise_by_the_rule, 0, n);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
