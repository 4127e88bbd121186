// SPDX-License-Identifier: MIT
/*
 * The transcendental functions of VECTOR against the steps of <tern/numbers.h>, done one by one
 * as its text says them: coefficients from the tables, bit strings by the bit, no code shared
 * with simd/math.h. Every instruction set must give these bits.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tern/numbers.h>

#include "isa/codec.h"
#include "simd/simd.h"

static uint32_t bits(float x)
{
	uint32_t u;

	memcpy(&u, &x, sizeof(u));
	return u;
}

static float value(uint32_t u)
{
	float x;

	memcpy(&x, &u, sizeof(x));
	return x;
}

/* ---- polynomials ------------------------------------------------------------------ */
#define LIST(p, x, c)	   c,
#define COEFFICIENTS(poly) ((const float[]){poly(LIST, LIST, , )})
#define COUNT(poly)	   (sizeof(COEFFICIENTS(poly)) / sizeof(float))
#define EVALUATE(poly, at) evaluate(COEFFICIENTS(poly), COUNT(poly), at)

static float evaluate(const float *c, size_t n, float x)
{
	float p = c[0];

	for (size_t i = 1; i < n; i++)
		p = fmaf(p, x, c[i]);
	return p;
}

/* ---- the functions ------------------------------------------------------------------ */
static float power_of_two(int32_t e)
{
	return ldexpf(1.0f, e);
}

static float do_exp(float x)
{
	float t, n, r, p;
	int32_t k, h;

	if (isnan(x))
		return x;
	x = x < TERN_EXP_LOW ? TERN_EXP_LOW : x;
	x = x > TERN_EXP_HIGH ? TERN_EXP_HIGH : x;
	t = fmaf(x, TERN_LOG2E, TERN_ROUND_MAGIC);
	n = t - TERN_ROUND_MAGIC;
	k = (int32_t)(bits(t) - bits(TERN_ROUND_MAGIC));
	if (n != (float)k) /* what the trick is for */
		ck_abort_msg("%a and %d", n, k);
	r = fmaf(-n, TERN_LN2_HI, x);
	r = fmaf(-n, TERN_LN2_LO, r);
	p = EVALUATE(TERN_POLY_EXP, r);
	p = fmaf(p, r * r, r);
	p = p + 1.0f;
	h = k >= 0 ? k / 2 : -((1 - k) / 2); /* floor */
	p = p * power_of_two(h);
	return p * power_of_two(k - h);
}

static float do_log(float x)
{
	bool s = x < 0x1p-126f;
	float y, f, n, p;
	uint32_t u;
	int32_t e = 0;

	if (isnan(x) || x == INFINITY)
		return x;
	if (x == 0)
		return -INFINITY;
	if (x < 0)
		return NAN;
	y = s ? x * 0x1p23f : x;
	/* e: how often 2^23 goes into the distance from 2/3, downwards */
	for (u = bits(y); u >= TERN_LOG_SPLIT + 0x800000u; u -= 0x800000u)
		e++;
	for (; u < TERN_LOG_SPLIT; u += 0x800000u)
		e--;
	f = value(u) - 1.0f;
	n = (float)e + (s ? -23.0f : 0.0f);
	p = EVALUATE(TERN_POLY_LOG, f);
	p = fmaf(p, f * f, f);
	return fmaf(n, TERN_LN2_HI, p);
}

static float quadrant(float r, uint64_t q)
{
	float s = r * r, u, c = EVALUATE(TERN_POLY_COS, s), y;

	u = EVALUATE(TERN_POLY_SIN, s);
	u = fmaf(u * s, r, r);
	u = s < TERN_TRIG_TINY ? r : u;
	y = q % 2 ? c : u;
	return q / 2 % 2 ? -y : y;
}

/* Bit i of the words as one string, the highest of the first word first. */
static unsigned int string_bit(unsigned int i)
{
#define X(w) w,
	static const uint32_t words[] = {TERN_TWO_OVER_PI_WORDS(X)};
#undef X

	if (i / 32 >= sizeof(words) / sizeof(words[0]))
		ck_abort_msg("no bit %u", i);
	return words[i / 32] >> (31 - i % 32) & 1;
}

static uint64_t string_word(unsigned int i)
{
	uint64_t w = 0;

	for (unsigned int j = 0; j < 32; j++)
		w = w << 1 | string_bit(i + j);
	return w;
}

static float large(float x, uint64_t shift)
{
	uint32_t u = bits(x), b = u >> 23 & 255, i = b - 120;
	uint64_t m = (u & 0x7fffff) | 0x800000, v, q;
	unsigned __int128 sum = 0;
	int64_t d;
	double y;

	for (unsigned int k = 0; k < 3; k++) /* 2^96 divides 2^128: nothing that counts is lost */
		sum += (unsigned __int128)(m * string_word(i + 32 * k)) << 32 * (2 - k);
	v = (uint64_t)(sum >> 32);
	q = (v + (1ull << 61)) >> 62;
	d = (int64_t)(v - (q << 62));
	y = (double)d * TERN_PIO2_SCALED;
	return x < 0 ? quadrant((float)-y, shift - q) : quadrant((float)y, shift + q);
}

static float do_trig(float x, unsigned int shift)
{
	float t, n, r;

	if (!isfinite(x))
		return NAN;
	if (fabsf(x) > TERN_TRIG_SMALL)
		return large(x, shift);
	t = fmaf(x, TERN_TWO_OVER_PI, TERN_ROUND_MAGIC);
	n = t - TERN_ROUND_MAGIC;
	r = fmaf(-n, TERN_PIO2_1, x);
	r = fmaf(-n, TERN_PIO2_2, r);
	r = fmaf(-n, TERN_PIO2_3, r);
	return quadrant(r, bits(t) + shift);
}

static float do_sin(float x)
{
	return do_trig(x, 0);
}

static float do_cos(float x)
{
	return do_trig(x, 1);
}

static float do_tanh(float x)
{
	float a = fabsf(x), s = x * x, b, p;

	if (a < TERN_TANH_TINY)
		return x;
	if (a < TERN_TANH_SMALL) {
		p = EVALUATE(TERN_POLY_TANH, s);
		return fmaf(p * s, x, x);
	}
	b = a > TERN_TANH_ONE ? TERN_TANH_ONE : a;
	b = do_exp(b + b) + 1.0f;
	b = 2.0f / b;
	return copysignf(1.0f - b, x);
}

static float do_erf(float x)
{
	float a = fabsf(x), s = x * x, b, q;

	if (a < TERN_ERF_SMALL)
		return fmaf(EVALUATE(TERN_POLY_ERF, s), x, x);
	b = a > TERN_ERF_ONE ? TERN_ERF_ONE : a;
	q = EVALUATE(TERN_POLY_ERFC, b);
	return copysignf(1.0f - do_exp(-q), x);
}

static float do_rsqrt(float x)
{
	float root = sqrtf(x);

	return 1.0f / root;
}

static float do_rcp(float x)
{
	return 1.0f / x;
}

/* ---- through a micro-program ------------------------------------------------------------ */
enum { N = 4096 };

static struct tern_vtile tile(float *v)
{
	return (struct tern_vtile){.base = (unsigned char *)v,
				   .size = {N, 1, 1, 1},
				   .stride = {sizeof(float), 0, 0, 0},
				   .type = TERN_T_F32,
				   .present = true};
}

static void run(const struct tern_simd *simd, unsigned int op, float *in, float *out)
{
	const uint64_t prog[] = {
		tern_vinstr(TERN_V_LANES, 0, 0, 0, 0), tern_vinstr(TERN_V_LD, 0, 0, 0, 0),
		tern_vinstr(op, 1, 0, 0, 0),	       tern_vinstr(TERN_V_ST, 1, 1, 0, 0),
		tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0),  tern_vinstr(TERN_V_STOP, 0, 0, 0, 0),
	};
	struct tern_vrun r = {
		.prog = prog, .n = sizeof(prog) / sizeof(prog[0]), .t = {tile(in), tile(out)}};
	uint64_t bad;

	r.row1 = 1;
	ck_assert_int_eq(simd->vector(&r, &bad), 0);
}

static const struct function {
	unsigned int op;
	float (*steps)(float);
} functions[] = {
	{TERN_V_EXP, do_exp}, {TERN_V_LOG, do_log},	{TERN_V_SIN, do_sin},
	{TERN_V_COS, do_cos}, {TERN_V_TANH, do_tanh},	{TERN_V_ERF, do_erf},
	{TERN_V_SQRT, sqrtf}, {TERN_V_RSQRT, do_rsqrt}, {TERN_V_RCP, do_rcp},
};
enum { NFUNCTIONS = sizeof(functions) / sizeof(functions[0]) };

static const char *const sets[] = {"scalar", "avx2", "avx512", "neon"};

/* Where a step changes: its neighbours on both sides, both signs; and what is special. */
static const float borders[] = {
	0.0f,	       0x1p-149f,	0x1p-126f,
	TERN_EXP_HIGH, TERN_EXP_LOW,	88.72284f,
	-103.97208f,   0.34657359f,	TERN_TRIG_SMALL,
	0x1p-12f,      0x1.fffffep127f, 0.78539816f,
	1.5707964f,    TERN_TANH_TINY,	TERN_TANH_SMALL,
	TERN_TANH_ONE, TERN_ERF_SMALL,	TERN_ERF_ONE,
	0.6666667f,    1.3333334f,	1.0f,
	INFINITY,
};
enum { NBORDERS = sizeof(borders) / sizeof(borders[0]) };

static void compare(const struct tern_simd *simd, const struct function *f, float *in)
{
	static float out[N];

	run(simd, f->op, in, out);
	for (int i = 0; i < N; i++) {
		float want = f->steps(in[i]);

		if (isnan(want))
			want = value(TERN_QNAN_BITS);
		if (bits(out[i]) != bits(want))
			ck_abort_msg("%s %s(%a) is %a, not %a", simd->name,
				     tern_vector_info(f->op)->name, in[i], out[i], want);
	}
}

START_TEST(registers_receive_the_bits_that_the_steps_give)
{
	const struct tern_simd *simd = tern_simd_get(sets[_i]);
	static float in[N];
	uint32_t u = 1;

	if (!simd)
		return; /* not on this CPU */
	for (int f = 0; f < NFUNCTIONS; f++) {
		for (int i = 0; i < N; i++) {
			const uint32_t b = bits(borders[i / 14 % NBORDERS]) + (uint32_t)(i % 7) - 3;

			in[i] = value(b ^ (i % 14 < 7 ? 0 : 0x80000000u));
		}
		compare(simd, &functions[f], in);
		for (int n = 0; n < 128; n++) {
			for (int i = 0; i < N; i++) {
				u = u * 1664525u + 1013904223u;
				in[i] = value(u);
			}
			compare(simd, &functions[f], in);
		}
	}
}
END_TEST

/* Two codebooks; what is known of them besides: E2M1 doubled, and both signs. */
START_TEST(mxfp4_codes_are_twice_e2m1)
{
#define X(c) c,
	static const int codes[] = {TERN_MXFP4_CODES(X)};
	static const int curve[] = {TERN_IQ4_NL_CODES(X)};
#undef X

	ck_assert_uint_eq(sizeof(codes) / sizeof(codes[0]), 16);
	ck_assert_uint_eq(sizeof(curve) / sizeof(curve[0]), 16);
	for (int i = 0; i < 16; i++) {
		int e = i >> 1 & 3, m = i & 1, twice = e ? (2 + m) << (e - 1) : m;

		ck_assert_int_eq(codes[i], i & 8 ? -twice : twice);
		ck_assert(i == 0 || curve[i] > curve[i - 1]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("numbers");
	TCase *t = tcase_create("steps");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, registers_receive_the_bits_that_the_steps_give, 0, 4);
	tcase_add_test(t, mxfp4_codes_are_twice_e2m1);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
