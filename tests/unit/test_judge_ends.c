// SPDX-License-Identifier: MIT
/* Where binary32 ends on the way to a result that it could hold, the judge takes infinities and
 * NaN beside that result, and nothing else. */
#include "judge_fixture.h"

#include <math.h>

/* Element `at` of the sources' result, as it might come out. */
static void try_odd(struct trial *t, const struct sample *s, int64_t at, bool ends)
{
	const double odd[] = {INFINITY, -INFINITY, NAN};
	struct ref_tensor got;

	prepare_again(t, s->t[5].ne);
	got = result(t);
	ck_assert_int_eq(judge_result(&t->c, &got), -1);
	for (int k = 0; k < 3; k++) {
		got.v[at] = odd[k];
		ck_assert_int_eq(judge_result(&t->c, &got), ends ? -1 : at);
	}
	got.v[at] = t->c.want.v[at] / 2;
	ck_assert_int_eq(judge_result(&t->c, &got), at);
	ref_free(&got);
}

/* All 16 values of a column are the same. Infinite is what they may be if together, not yet divided
 * by the sum of their weights, they are more than binary32 has, or one more than it becomes. */
START_TEST(columns_of_values)
{
	static const struct {
		enum tern_dtype type;
		double value;
		bool ends;
	} cases[] = {
		{TERN_F32, 0x1.8p123, false},  {TERN_F32, 0x1.8p124, true},
		{TERN_F32, -0x1.8p124, true},  {TERN_BF16, 0x1.8p124, true},
		{TERN_MXFP4, 0x1p123, false},  {TERN_MXFP4, 0x1.8p124, true},
		{TERN_MXFP4, 0x1.8p16, false}, {TERN_Q8_0, 65504, false},
		{TERN_Q8_0, 65536, true},      {TERN_F16, 65504, false},
	};
	const struct sample *s = sample_of(TERN_ATTENTION);
	struct trial t;

	prepare(&t, s);
	t.c.type[2] = cases[_i].type;
	for (int i = 0; i < ref_count(s->t[2].ne); i++)
		t.src[2].v[i] = i % s->t[2].ne[0] == 5 ? cases[_i].value : 1;
	try_odd(&t, s, 5, cases[_i].ends);
	fini(&t);
}
END_TEST

/* A magnitude above 1 may lift products of a rotation beyond, though their difference is not. */
START_TEST(products_of_rotations)
{
	static const struct {
		double value;
		float attn;
		bool ends;
	} cases[] = {{0x1.8p127, 1, false}, {0x1.8p127, 1.5f, true}, {0x1p126, 1.5f, false}};
	const struct sample *s = sample_of(TERN_ROPE);
	const int64_t at = 4 * 64 + 1; /* of the token at position 1, turned by 0.75 */
	struct trial t;

	prepare(&t, s);
	t.op.f[TERN_ROPE_F_ATTN] = cases[_i].attn;
	t.op.f[TERN_ROPE_F_EXT] = 0;
	t.src[0].v[at] = t.src[0].v[at + 32] = cases[_i].value;
	t.src[2].v[1] = 1;
	try_odd(&t, s, at, cases[_i].ends);
	fini(&t);
}
END_TEST

/* Only what is rotated with a number that is too large may be infinite; others have their bounds. */
START_TEST(a_rotation_is_of_two)
{
	static const struct {
		int mode, other;
	} cases[] = {{0, 7}, {2, 20}, {24, 34}};
	const double values[] = {0x1.8p127, INFINITY};
	const struct sample *s = sample_of(TERN_ROPE);
	const int64_t row = 4 * 64, at = row + 6, wrong = row + 10;

	for (int k = 0; k < 2; k++) {
		struct ref_tensor got;
		struct trial t;

		prepare(&t, s);
		t.op.i[TERN_ROPE_I_DIMS] = 28;
		t.op.i[TERN_ROPE_I_OFFSET] = 4;
		t.op.i[TERN_ROPE_I_SECTIONS] = 64;
		t.op.i[TERN_ROPE_I_MODE] = cases[_i].mode;
		t.op.f[TERN_ROPE_F_ATTN] = 1.5f;
		t.src[0].v[at] = values[k];
		prepare_again(&t, s->t[5].ne);
		got = result(&t);
		got.v[at] = NAN;
		got.v[row + cases[_i].other] = INFINITY;
		ck_assert_int_eq(judge_result(&t.c, &got), -1);
		got.v[wrong] = k ? t.c.want.v[wrong] + 1 : NAN;
		ck_assert_int_eq(judge_result(&t.c, &got), wrong);
		ref_free(&got);
		fini(&t);
	}
}
END_TEST

/* An angle of more than binary32 has: in mode 24 rates rise with the square of the base. */
START_TEST(angles_of_rotations)
{
	static const struct {
		int mode;
		float base;
		bool ends;
	} cases[] = {
		{2, 1e-20f, false}, {2, 1e-39f, true}, {24, 1e-10f, false}, {24, 1e-20f, true}};
	const struct sample *s = sample_of(TERN_ROPE);
	struct ref_tensor got;
	struct trial t;

	prepare(&t, s);
	t.op.i[TERN_ROPE_I_MODE] = cases[_i].mode;
	t.op.i[TERN_ROPE_I_DIMS] = 32;
	t.op.i[TERN_ROPE_I_SECTIONS] = 64;
	t.op.f[TERN_ROPE_F_BASE] = cases[_i].base;
	for (int k = 0; k < ref_count(t.src[1].ne); k++)
		t.src[1].v[k] = 5;
	prepare_again(&t, s->t[5].ne);
	got = result(&t);
	got.v[15] = NAN;
	ck_assert_int_eq(judge_result(&t.c, &got), cases[_i].ends ? -1 : 15);
	ref_free(&got);
	fini(&t);
}
END_TEST

/* f[1] x^2 + f[2] x: two infinities are NaN. */
START_TEST(terms_of_xielu)
{
	static const struct {
		double value;
		bool ends;
	} cases[] = {{0x1p60, false}, {0x1p100, true}};
	const struct sample *s = sample_of(TERN_UNARY);
	struct trial t;

	prepare(&t, s);
	t.c.dtype = TERN_F32;
	t.op.i[0] = TERN_XIELU;
	t.op.f[0] = t.op.f[3] = 0;
	t.op.f[1] = 1;
	t.op.f[2] = -0x1p30f;
	t.src[0].v[3] = cases[_i].value;
	try_odd(&t, s, 3, cases[_i].ends);
	fini(&t);
}
END_TEST

/* Products of one magnitude, and signs in turn. The sum ends where an activation does in the weights'
 * type, or where parts of it may; if it is finite, it is within its bound all the same. */
START_TEST(products_and_sums)
{
	static const struct {
		enum tern_dtype type;
		double w, x;
		bool ends;
	} cases[] = {
		{TERN_F32, 1, 0x1p121, false},
		{TERN_F32, 1, 0x1.1p122, true},
		{TERN_F32, 0x1p80, 0x1p41, false},
		{TERN_F32, 0x1p80, 0x1.1p42, true},
		{TERN_F16, 1, 65519, false},
		{TERN_F16, 1, 65520, true},
		{TERN_BF16, 0x1p-7, 0x1.fep127, false},
		{TERN_BF16, 0x1p-7, 0x1.ffp127, true},
		{TERN_Q8_0, 1, 0x1p104, false},
		{TERN_Q8_0, 1, 0x1p112, true},
		{TERN_Q4_1, 1, 0x1p94, false},
		{TERN_Q4_1, 1, 0x1p96, true},
		{TERN_MXFP4, 0x1p100, 0x1p21, false},
		{TERN_MXFP4, 0x1p100, 0x1p23, true},
	};
	const int64_t ne[4] = {64, 1, 1, 1}, one[4] = {1, 1, 1, 1};
	struct trial t = {.op.op = TERN_MATMUL};
	const double odd[] = {INFINITY, -INFINITY, NAN};
	struct ref_tensor got;

	t.c = (struct judge_case){.op = &t.op, .src = t.src, .dtype = TERN_F32};
	t.c.type[0] = cases[_i].type;
	t.c.type[1] = TERN_F32;
	for (int k = 0; k < 2; k++)
		t.src[k] = ref_alloc(ne);
	for (int i = 0; i < 64; i++) {
		t.src[0].v[i] = cases[_i].w;
		t.src[1].v[i] = i % 2 ? -cases[_i].x : cases[_i].x;
	}
	t.src[1].v[1] /= 2; /* so that something is left */
	t.c.want = ref_alloc(one);
	judge_prepare(&t.c);
	got = result(&t);
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	for (int k = 0; k < 3; k++) {
		got.v[0] = odd[k];
		ck_assert_int_eq(judge_result(&t.c, &got), cases[_i].ends ? -1 : 0);
	}
	got.v[0] = -t.c.want.v[0];
	ck_assert_int_eq(judge_result(&t.c, &got), 0);
	ref_free(&got);
	fini(&t);
}
END_TEST

/* Scores that nobody knows make a mean of values all the same; scores that end make NaN of it, too. */
START_TEST(means_of_values)
{
	static const struct {
		double query;
		bool ends;
	} cases[] = {{1e3, false}, {1e9, true}};
	const struct sample *s = sample_of(TERN_ATTENTION);
	struct ref_tensor got;
	struct trial t;

	prepare(&t, s);
	for (int i = 0; i < ref_count(s->t[0].ne); i++)
		t.src[0].v[i] *= cases[_i].query;
	prepare_again(&t, s->t[5].ne);
	got = result(&t);
	got.v[5] = 1.5; /* values are 0.5 to 2 */
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	got.v[5] = NAN;
	ck_assert_int_eq(judge_result(&t.c, &got), cases[_i].ends ? -1 : 5);
	got.v[5] = 8;
	ck_assert_int_eq(judge_result(&t.c, &got), 5);
	ref_free(&got);
	fini(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("judge, where binary32 ends");
	TCase *tc = tcase_create("judge");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, columns_of_values, 0, 10);
	tcase_add_loop_test(tc, products_of_rotations, 0, 3);
	tcase_add_loop_test(tc, a_rotation_is_of_two, 0, 3);
	tcase_add_loop_test(tc, angles_of_rotations, 0, 4);
	tcase_add_loop_test(tc, terms_of_xielu, 0, 2);
	tcase_add_loop_test(tc, products_and_sums, 0, 14);
	tcase_add_loop_test(tc, means_of_values, 0, 2);
	suite_add_tcase(s, tc);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
