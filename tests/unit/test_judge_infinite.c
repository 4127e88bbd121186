// SPDX-License-Identifier: MIT
/* What the judge makes of infinities: where the result is one nothing finite will do, and one
 * infinite operand says nothing of results that it has no part in. */
#include "judge_fixture.h"

#include <float.h>
#include <math.h>

/* ---- one element ------------------------------------------------------------------------- */

static const struct {
	enum tern_opcode op;
	int fn;
	double x, y, got;
	bool fine;
} elements[] = {
	{TERN_UNARY, TERN_EXP, 1000, 0, FLT_MAX, false},
	{TERN_UNARY, TERN_EXP, 1000, 0, INFINITY, true},
	{TERN_UNARY, TERN_EXP, -INFINITY, 0, 0, true},
	{TERN_UNARY, TERN_EXP, -INFINITY, 0, 1, false},
	{TERN_UNARY, TERN_LOG, 0, 0, -88, false},
	{TERN_UNARY, TERN_LOG, 0, 0, -INFINITY, true},
	{TERN_UNARY, TERN_LOG, 0, 0, INFINITY, false},
	{TERN_UNARY, TERN_SQRT, -1, 0, 1, false},
	{TERN_UNARY, TERN_SQRT, -1, 0, NAN, true},
	{TERN_UNARY, TERN_SQR, 1e30, 0, FLT_MAX, false},
	{TERN_UNARY, TERN_SQR, 1e30, 0, INFINITY, true},
	{TERN_UNARY, TERN_RELU, INFINITY, 0, 0, false},
	{TERN_UNARY, TERN_SIN, 1e6, 0, 3, false},
	{TERN_UNARY, TERN_GELU, -INFINITY, 0, 0, true}, /* the limit, which the formula has not */
	{TERN_BINARY, TERN_DIV, 1, 0, FLT_MAX, false},
	{TERN_BINARY, TERN_DIV, 1, 0, INFINITY, true},
	{TERN_BINARY, TERN_DIV, 1, 0x1p125, 0x1p-125, true},
	{TERN_BINARY, TERN_DIV, 1, 0x1p125, 0x1p-124, false},
	{TERN_BINARY, TERN_ADD, INFINITY, 1, FLT_MAX, false},
	{TERN_BINARY, TERN_SUB, INFINITY, INFINITY, 0, false},
	{TERN_BINARY, TERN_SUB, INFINITY, INFINITY, NAN, true},
	{TERN_BINARY, TERN_MUL, 1e30, 1e30, FLT_MAX, false},
	{TERN_SCALE, 0, INFINITY, 0, FLT_MAX, false},
	{TERN_SCALE, 0, INFINITY, 0, INFINITY, true},
	{TERN_CLAMP, 0, INFINITY, 0, 2, true},
	{TERN_CLAMP, 0, INFINITY, 0, 1, false},
	{TERN_CLAMP, 0, NAN, 0, 1, true},
	{TERN_COPY, 0, INFINITY, 0, FLT_MAX, false},
	{TERN_GLU, TERN_GLU_SWIGLU, 1e30, 1e30, FLT_MAX, false},
	{TERN_GLU, TERN_GLU_SWIGLU, 1e30, 1e30, INFINITY, true},
	{TERN_GLU, TERN_GLU_SWIGLU, -100, INFINITY, NAN, true}, /* e^-100 or 0, times infinity */
	{TERN_GLU, TERN_GLU_SWIGLU, -100, INFINITY, 0, false},
	{TERN_GLU, TERN_GLU_SWIGLU, -1e30, 1, 0, true},
	{TERN_GLU, TERN_GLU_SWIGLU, -1e30, 1, -1, false},
};

START_TEST(of_one_element)
{
	const int64_t one[4] = {1, 1, 1, 1};
	struct ref_tensor got;
	struct trial t;

	memset(&t, 0, sizeof(t));
	t.op.op = elements[_i].op;
	t.op.i[0] = elements[_i].fn;
	t.op.f[0] = 0.5f;
	t.op.f[1] = 2;
	t.c = (struct judge_case){.op = &t.op, .src = t.src};
	t.src[0] = ref_alloc(one);
	t.src[0].v[0] = elements[_i].x;
	if (t.op.op == TERN_BINARY || t.op.op == TERN_GLU) {
		t.src[1] = ref_alloc(one);
		t.src[1].v[0] = elements[_i].y;
	}
	t.c.want = ref_alloc(one);
	judge_prepare(&t.c);
	got = result(&t);
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	got.v[0] = elements[_i].got;
	ck_assert_int_eq(judge_result(&t.c, &got), elements[_i].fine ? -1 : 0);
	ref_free(&got);
	fini(&t);
}
END_TEST

/* ---- rows -------------------------------------------------------------------------------- */

/* Element `at` of source `src` is `v`, element `first` of the result `got`. */
static const struct {
	enum tern_opcode op;
	int src, at;
	double v;
	int first;
	double got;
	bool fine;
} rows[] = {
	/* the sum, or a part of it, is infinite; the mean of others is not */
	{TERN_SUM_ROWS, 0, 0, 1e39, 0, FLT_MAX, false},
	{TERN_SUM_ROWS, 0, 0, 1e39, 0, INFINITY, true},
	{TERN_SUM_ROWS, 0, 0, FLT_MAX, 0, INFINITY, true},
	{TERN_SUM_ROWS, 0, 0, FLT_MAX, 0, 0x1p127, false},
	{TERN_SUM_ROWS, 0, 0, INFINITY, 1, INFINITY, false},
	{TERN_MEAN, 0, 0, FLT_MAX, 0, INFINITY, true},
	{TERN_MEAN, 0, 0, FLT_MAX, 0, 0, false},
	/* a weight of infinity is of one column */
	{TERN_RMS_NORM, 1, 3, INFINITY, 3, 1, false},
	{TERN_RMS_NORM, 1, 3, INFINITY, 3, NAN, true},
	{TERN_RMS_NORM, 1, 3, INFINITY, 4, NAN, false},
	{TERN_RMS_NORM, 1, 3, INFINITY, 4, 9, false},
	{TERN_RMS_NORM, 0, 3, 0x1p58, 3, 1, false},
	/* scores of which only the size is known, and infinite ones */
	{TERN_SOFT_MAX, 0, 3, 1e4, 3, 0.5, true},
	{TERN_SOFT_MAX, 0, 3, 1e4, 3, 2.5, false},
	{TERN_SOFT_MAX, 0, 3, 1e4, 3, NAN, false},
	{TERN_SOFT_MAX, 0, 3, INFINITY, 3, NAN, true},
	{TERN_SOFT_MAX, 0, 3, INFINITY, 20, NAN, false},
	/* an angle of 1e6; numbers are 0.5 to 2 */
	{TERN_ROPE, 1, 1, 1e6, 4 * 64, -1, true},
	{TERN_ROPE, 1, 1, 1e6, 4 * 64, 9, false},
	{TERN_ROPE, 1, 1, 1e6, 4 * 64, NAN, false},
};

START_TEST(of_rows)
{
	const struct sample *s = sample_of(rows[_i].op);
	struct ref_tensor got;
	struct trial t;

	prepare(&t, s);
	t.src[rows[_i].src].v[rows[_i].at] = rows[_i].v;
	prepare_again(&t, s->t[5].ne);
	got = result(&t);
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	got.v[rows[_i].first] = rows[_i].got;
	ck_assert_int_eq(judge_result(&t.c, &got), rows[_i].fine ? -1 : rows[_i].first);
	ref_free(&got);
	fini(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("judge, of infinities");
	TCase *tc = tcase_create("judge");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_loop_test(tc, of_one_element, 0, sizeof(elements) / sizeof(elements[0]));
	tcase_add_loop_test(tc, of_rows, 0, sizeof(rows) / sizeof(rows[0]));
	suite_add_tcase(s, tc);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
