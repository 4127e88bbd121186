// SPDX-License-Identifier: MIT
/* The transcendental functions of VECTOR against double-precision libm. */
#include "vector_ref.h"

static float sine(float x)
{
	return ref_trig(x, 0);
}

static float cosine(float x)
{
	return ref_trig(x, 1);
}

/* Bounds are a little above what all 2^32 arguments give (tern/numbers.h). */
static const struct function {
	const char *name;
	float (*f)(float);
	double (*exact)(double);
	double ulp;
} functions[] = {
	{"exp", tern_exp, exp, 1.02}, {"log", tern_log, log, 0.95},    {"sin", sine, sin, 1.55},
	{"cos", cosine, cos, 1.55},   {"tanh", tern_tanh, tanh, 1.35}, {"erf", tern_erf, erf, 1.14},
};
enum { NFUNCTIONS = sizeof(functions) / sizeof(functions[0]) };

static double ulp_error(float y, double exact)
{
	int e;

	frexp(exact, &e);
	return fabs((double)y - exact) / ldexp(1, e - 24 < -149 ? -149 : e - 24);
}

/* Where binary32 has no neighbourhood to speak of, the result is exact. */
static bool special(float nearest, float y)
{
	if (!isfinite(nearest) || !isfinite(y) || nearest == 0)
		return true;
	return false;
}

START_TEST(error_is_within_its_bound)
{
	const struct function *f = &functions[_i];
	double worst = 0;

	for (uint64_t u = 0; u < 1ull << 32; u += 2311) {
		const float x = tern_bits_f32((uint32_t)u), y = f->f(x);
		const double exact = f->exact(x);
		const float nearest = (float)exact;

		if (special(nearest, y)) {
			if (isnan(nearest) ? isnan(y) : tern_f32_bits(y) == tern_f32_bits(nearest))
				continue;
			ck_abort_msg("%s(%a) is %a, not %a", f->name, x, y, nearest);
		}
		worst = fmax(worst, ulp_error(y, exact));
	}
	ck_assert_msg(worst <= f->ulp, "%s: %.3f ulp", f->name, worst);
}
END_TEST

/* Name, argument, result; NaN stands for itself. */
static const struct {
	float (*f)(float);
	float x, y;
} exact_cases[] = {
	{tern_exp, 0.0f, 1.0f},
	{tern_exp, -0.0f, 1.0f},
	{tern_exp, INFINITY, INFINITY},
	{tern_exp, -INFINITY, 0.0f},
	{tern_exp, 88.8f, INFINITY},
	{tern_exp, -103.9f, 0x1p-149f}, /* 0.51 of the smallest subnormal */
	{tern_exp, -104.0f, 0.0f},
	{tern_exp, NAN, NAN},
	{tern_log, 1.0f, 0.0f},
	{tern_log, 0.0f, -INFINITY},
	{tern_log, -0.0f, -INFINITY},
	{tern_log, -1.0f, NAN},
	{tern_log, -INFINITY, NAN},
	{tern_log, INFINITY, INFINITY},
	{tern_log, NAN, NAN},
	{sine, 0.0f, 0.0f},
	{sine, -0.0f, -0.0f},
	{sine, 0x1p-149f, 0x1p-149f},
	{sine, INFINITY, NAN},
	{sine, -INFINITY, NAN},
	{sine, NAN, NAN},
	{cosine, -0.0f, 1.0f},
	{cosine, INFINITY, NAN},
	{tern_tanh, -0.0f, -0.0f},
	{tern_tanh, -INFINITY, -1.0f},
	{tern_tanh, INFINITY, 1.0f},
	{tern_tanh, NAN, NAN},
	{tern_erf, -0.0f, -0.0f},
	{tern_erf, INFINITY, 1.0f},
	{tern_erf, -INFINITY, -1.0f},
	{tern_erf, NAN, NAN},
};
enum { NEXACT = sizeof(exact_cases) / sizeof(exact_cases[0]) };

START_TEST(special_arguments_have_exact_results)
{
	const float y = exact_cases[_i].f(exact_cases[_i].x), want = exact_cases[_i].y;

	ck_assert_msg(isnan(want) ? isnan(y) : tern_f32_bits(y) == tern_f32_bits(want),
		      "f(%a) is %a, not %a", exact_cases[_i].x, y, want);
}
END_TEST

/* Both reductions must do at the border, and far out where all bits of 2/pi matter. */
START_TEST(trigonometric_reduction_is_right_everywhere)
{
	static const float hard[] = {0x1p17f,	      0x1.000002p17f, 0x1.fffffep127f,
				     0x1.8310ecp+71f, 0x1.921fb6p0f,  0x1.6cbe44p+59f};

	for (size_t i = 0; i < sizeof(hard) / sizeof(hard[0]); i++) {
		ck_assert_double_le(ulp_error(sine(hard[i]), sin(hard[i])), 1.55);
		ck_assert_double_le(ulp_error(cosine(-hard[i]), cos(hard[i])), 1.55);
	}
	for (int i = 0; i < 100000; i++) {
		const float x = (float)below(1 << 20) * 0.0999f;

		ck_assert_double_le(ulp_error(tern_trig_large(x + 0x1p17f, 0), sin(x + 0x1p17f)),
				    1.55);
	}
}
END_TEST

START_TEST(conversion_to_integer_saturates)
{
	static const struct {
		float x;
		int32_t i;
	} cases[] = {{NAN, 0},
		     {INFINITY, INT32_MAX},
		     {-INFINITY, INT32_MIN},
		     {0x1p31f, INT32_MAX},
		     {-0x1p31f, INT32_MIN},
		     {0x1.fffffep30f, 0x7fffff80},
		     {-0.99f, 0},
		     {-1.5f, -1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_int_eq(tern_to_int(cases[i].x), cases[i].i);
}
END_TEST

START_TEST(halves_round_away_from_zero)
{
	static const float cases[][2] = {{0.5f, 1},
					 {-0.5f, -1},
					 {2.5f, 3},
					 {0.49999997f, 0},
					 {-0.49999997f, -0.0f},
					 {8388609.0f, 8388609},
					 {4194304.5f, 4194305},
					 {-1.25f, -1},
					 {INFINITY, INFINITY}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_uint_eq(tern_f32_bits(tern_round_away(cases[i][0])),
				  tern_f32_bits(cases[i][1]));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("simd_math");
	TCase *t = tcase_create("functions");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, error_is_within_its_bound, 0, NFUNCTIONS);
	tcase_add_loop_test(t, special_arguments_have_exact_results, 0, NEXACT);
	tcase_add_test(t, trigonometric_reduction_is_right_everywhere);
	tcase_add_test(t, conversion_to_integer_saturates);
	tcase_add_test(t, halves_round_away_from_zero);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
