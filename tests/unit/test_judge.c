// SPDX-License-Identifier: MIT
/* The judge of fuzz_graph: it takes what is right, rounded, and nothing else. */
#include "judge_fixture.h"

#include <math.h>

START_TEST(right_results_pass)
{
	struct ref_tensor got;
	struct trial t;

	prepare(&t, &samples[_i]);
	got = result(&t);
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	ref_free(&got);
	fini(&t);
}
END_TEST

/* An eighth of an element, or of 1, is more than any rounding here. */
START_TEST(wrong_elements_do_not)
{
	struct ref_tensor got;
	struct trial t;

	prepare(&t, &samples[_i]);
	got = result(&t);
	for (int64_t i = 0; i < ref_count(got.ne); i++) {
		double was = got.v[i];

		got.v[i] = t.c.dtype == TERN_I32 ? was + 1 : was + fmax(fabs(was), 1) / 8;
		ck_assert_msg(judge_result(&t.c, &got) >= 0,
			      "%s: element %d of %d may be %g for %g", tern_op_name(t.op.op),
			      (int)i, (int)ref_count(got.ne), got.v[i], was);
		got.v[i] = NAN;
		ck_assert_int_eq(judge_result(&t.c, &got), i);
		got.v[i] = was;
	}
	ref_free(&got);
	fini(&t);
}
END_TEST

/* Of equal numbers either comes first, but none twice. */
START_TEST(ties)
{
	const struct sample *s = sample_of(TERN_ARGSORT);
	struct ref_tensor got;
	struct trial t;
	double first;

	prepare(&t, s);
	t.src[0].v[3] = t.src[0].v[5] = 9;
	prepare_again(&t, s->t[5].ne);
	got = result(&t);
	first = got.v[0];
	ck_assert(first == 3 && got.v[1] == 5);
	got.v[0] = 5;
	ck_assert_int_eq(judge_result(&t.c, &got), 0);
	got.v[1] = 3;
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	ref_free(&got);
	fini(&t);
}
END_TEST

/* An infinite activation leaves nothing finite of its row of results, and does nothing to others. */
START_TEST(infinite_operands)
{
	const struct sample *s = sample_of(TERN_MATMUL);
	const int64_t n = s->t[5].ne[0];
	const double odd[] = {INFINITY, -INFINITY, NAN};
	struct ref_tensor got;
	struct trial t;

	prepare(&t, s);
	t.src[1].v[0] = INFINITY;
	prepare_again(&t, s->t[5].ne);
	got = result(&t);
	for (int64_t i = 0; i < 2 * n; i++) {
		double was = got.v[i];

		for (int k = 0; k < 3; k++) {
			got.v[i] = odd[k];
			ck_assert_int_eq(judge_result(&t.c, &got), i < n ? -1 : i);
		}
		got.v[i] = i < n ? 12345 : was * 2;
		ck_assert_int_eq(judge_result(&t.c, &got), i);
		got.v[i] = was;
	}
	ref_free(&got);
	fini(&t);
}
END_TEST

/* A number of which nothing but its size is known may round to either infinity, one that is
 * known to that of its sign, from half a step above the largest on. What is beyond the range
 * is finite only if its bound reaches back to there. */
START_TEST(infinities)
{
	static const struct {
		double want, off, got;
		bool fine;
	} cases[] = {
		{-1e5, 0, -INFINITY, true},    {-1e5, 0, INFINITY, false},
		{-1e5, 1e6, INFINITY, true},   {1e5, 1e6, -INFINITY, true},
		{1e5, 1e5, -INFINITY, false},  {6e4, 0, INFINITY, false},
		{65519, 0, INFINITY, false},   {1e5, 1e6, NAN, false},
		{65520, 0, INFINITY, true},    {65519, 0, 65504, true},
		{65520, 0, 65504, false},      {65530, 10, 65504, false},
		{65530, 11, 65504, true},      {65530, 11, 65472, false},
		{1e5, 0, 65504, false},	       {1e300, 1e299, 65504, false},
		{INFINITY, 0, 65504, false},   {INFINITY, 1e5, 65504, false},
		{INFINITY, 0, INFINITY, true}, {INFINITY, 0, -INFINITY, false},
		{-INFINITY, 1, -65504, false}, {-INFINITY, 0, NAN, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tern_op_desc op = {.op = TERN_MATMUL};
		double want = cases[i].want, off = cases[i].off, got = cases[i].got;
		struct judge_case c = {
			.op = &op, .dtype = TERN_F16, .want = {{1, 1, 1, 1}, &want}, .off = &off};

		ck_assert_msg(judge_result(&c, &(struct ref_tensor){{1, 1, 1, 1}, &got}) ==
				      (cases[i].fine ? -1 : 0),
			      "%g for %g, by %g", got, want, off);
	}
}
END_TEST

/* What is left of a subnormal row has few bits, and a weight makes it large; a mean loses some
 * before it is divided by. */
START_TEST(weighted_subnormals)
{
	static const enum tern_opcode ops[] = {TERN_RMS_NORM, TERN_NORM};
	const struct sample *s = sample_of(ops[_i]);
	const float root = 0x1p-5f, mean = ops[_i] == TERN_NORM ? 32 * 0x1p-149f : 0;
	struct ref_tensor got;
	struct trial t;

	prepare(&t, s);
	t.op.f[0] = root * root;
	for (int i = 0; i < ref_count(s->t[0].ne); i++)
		t.src[0].v[i] = (double)(i % 64) * 0x1p-149; /* their mean is 31.5 */
	for (int i = 0; i < ref_count(s->t[1].ne); i++)
		t.src[1].v[i] = 0x1.8p60;
	for (int i = 0; t.src[2].v && i < ref_count(s->t[2].ne); i++)
		t.src[2].v[i] = 0;
	prepare_again(&t, s->t[5].ne);
	got = result(&t);
	for (int i = 0; i < ref_count(got.ne); i++) {
		float x = ((float)t.src[0].v[i] - mean) * (1 / root) * 0x1.8p60f;

		got.v[i] = (double)x;
	}
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	got.v[40] += 0x1.8p60 * 0x1p-149 * 2 * (1 + 1 / (double)root);
	ck_assert_int_eq(judge_result(&t.c, &got), 40);
	ref_free(&got);
	fini(&t);
}
END_TEST

/* ---- activations at the end of binary32 ------------------------------------------------ */

enum { K = 64, GROUP = 32, ROWS = 3, COLS = 5 };

/* One group by the steps of "Activations" in uapi/tern/README.md; returns the scale. */
static float quantise(const double *x, int *q)
{
	float amax = 0, inverse, scale;
	uint32_t u;

	for (int i = 0; i < GROUP; i++)
		amax = fmaxf(amax, fabsf((float)x[i]));
	inverse = amax == 0 ? 0 : 127 / amax;
	scale = amax / 127;
	memcpy(&u, &scale, 4);
	u = (u + 0xfff + (u >> 13 & 1)) & ~0x1fffu;
	memcpy(&scale, &u, 4);
	for (int i = 0; i < GROUP; i++) {
		float code = nearbyintf((float)x[i] * inverse);

		q[i] = isnan(code) ? 0 : (int)fmaxf(fminf(code, 127), -127);
	}
	return scale;
}

/* And a product by those of "MATRIX"; weights are whole multiples of `sw`. */
static float product(const double *w, float sw, const double *x)
{
	float acc = 0;

	for (int g = 0; g < K; g += GROUP) {
		int q[GROUP], sum = 0;
		float sa = quantise(x + g, q);

		for (int i = 0; i < GROUP; i++)
			sum += q[i] * (int)(w[g + i] / (double)sw);
		acc = fmaf((float)sum, sw * sa, acc);
	}
	return acc;
}

/* The inverse of the second is finite, that of the third is not; from the fifth on they are
 * subnormal; the scale of the sixth is one step of 2^-136, of those after it 0. */
static const float peaks[] = {
	1.0f,	     0x1.fep-122f, 0x1.fap-122f, 0x1p-126f, 0x1p-128f,
	0x1.1p-130f, 0x1.fap-131f, 0x1p-140f,	 0x1p-149f,
};

static void prepare_product(struct trial *t, float peak, float sw)
{
	uint64_t seed = 11;

	memset(t, 0, sizeof(*t));
	t->op.op = TERN_MATMUL;
	t->c = (struct judge_case){.op = &t->op, .src = t->src, .dtype = TERN_F32};
	t->c.type[0] = TERN_Q8_0;
	t->c.type[1] = TERN_F32;
	t->src[0] = ref_alloc((const int64_t[4]){K, COLS, 1, 1});
	t->src[1] = ref_alloc((const int64_t[4]){K, ROWS, 1, 1});
	for (int i = 0; i < K * COLS; i++)
		t->src[0].v[i] = ((double)(ref_random(&seed) % 255) - 127) * (double)sw;
	for (int i = 0; i < K * ROWS; i++)
		t->src[1].v[i] = (double)(float)(ref_uniform(&seed, -1, 1) * (double)peak);
	for (int i = 0; i < K * ROWS; i += GROUP)
		t->src[1].v[i] = (double)peak;
	t->c.want = ref_alloc((const int64_t[4]){COLS, ROWS, 1, 1});
	judge_prepare(&t->c);
}

/* What the contract's own steps give passes, however little of the operand they keep; what is
 * larger than any operand allows does not. */
START_TEST(tiny_activations)
{
	static const float scales[] = {0x1p-7f, 0x1.8p-14f, 1.0f};
	const double peak = (double)peaks[_i];

	for (int s = 0; s < 3; s++) {
		struct ref_tensor got;
		struct trial t;

		prepare_product(&t, peaks[_i], scales[s]);
		got = result(&t);
		for (int i = 0; i < COLS * ROWS; i++)
			got.v[i] = (double)product(t.src[0].v + i % COLS * K, scales[s],
						   t.src[1].v + i / COLS * K);
		ck_assert_int_eq(judge_result(&t.c, &got), -1);
		got.v[7] += 1000 * K * 127 * (double)scales[s] * fmax(peak, 0x1p-130);
		ck_assert_int_eq(judge_result(&t.c, &got), 7);
		ref_free(&got);
		fini(&t);
	}
}
END_TEST

/* While the inverse is finite, nothing may be lost. */
START_TEST(small_activations_count)
{
	struct ref_tensor got;
	struct trial t;

	prepare_product(&t, 0x1.fep-122f, 1.0f);
	got = result(&t);
	memset(got.v, 0, COLS * ROWS * sizeof(double));
	ck_assert_int_eq(judge_result(&t.c, &got), 0);
	ref_free(&got);
	fini(&t);
}
END_TEST

/* Weights of 0 do not say of what scale they are 0; times that of the activations it may end. */
START_TEST(product_of_scales)
{
	static const float peak[] = {200, 1000};
	struct ref_tensor got;
	struct trial t;

	prepare_product(&t, peak[_i], 0);
	t.c.type[0] = TERN_MXFP4;
	prepare_again(&t, (const int64_t[4]){COLS, ROWS, 1, 1});
	got = result(&t);
	got.v[7] = (double)product(t.src[0].v, 0x1p127f, t.src[1].v);
	ck_assert_int_eq(isnan(got.v[7]), _i);
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	got.v[7] = NAN;
	ck_assert_int_eq(judge_result(&t.c, &got), _i ? -1 : 7);
	got.v[7] = 1;
	ck_assert_int_eq(judge_result(&t.c, &got), 7);
	ref_free(&got);
	fini(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("judge");
	TCase *tc = tcase_create("judge");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, right_results_pass, 0, NSAMPLES);
	tcase_add_loop_test(tc, wrong_elements_do_not, 0, NSAMPLES);
	tcase_add_test(tc, ties);
	tcase_add_test(tc, infinite_operands);
	tcase_add_test(tc, infinities);
	tcase_add_loop_test(tc, weighted_subnormals, 0, 2);
	tcase_add_loop_test(tc, tiny_activations, 0, sizeof(peaks) / sizeof(peaks[0]));
	tcase_add_test(tc, small_activations_count);
	tcase_add_loop_test(tc, product_of_scales, 0, 2);
	suite_add_tcase(s, tc);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
