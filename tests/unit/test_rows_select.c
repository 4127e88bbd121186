// SPDX-License-Identifier: MIT
/* Row kernels: what a row is reduced or sorted to, and refusals. */
#include "rows_fixture.h"

#include <errno.h>

/* ---- what a row is reduced to ------------------------------------------------------- */
START_TEST(sums_and_means)
{
	static const int64_t lengths[] = {1, 33, 5000, 80001};
	struct fx f;
	int x, d;

	fx_begin(&f);
	f.limit = 1e-10;
	x = fx_tensor(&f, TERN_F32, lengths[_i / 2], 3, 2, 1);
	d = fx_tensor(&f, TERN_F32, 1, 3, 2, 1);
	fx_op(&f, _i % 2 ? TERN_MEAN : TERN_SUM_ROWS, d, x, FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

/* Distinct values: a permutation of 0 .. n - 1. */
static void fill_distinct(struct fx *f, int tensor)
{
	const struct tern_tensor_desc *t = &f->tensor[tensor];
	float *p = (float *)(void *)f->data[t->storage];

	for (int64_t r = 0; r < tern_nrows(t->ne); r++) {
		for (int64_t i = 0; i < t->ne[0]; i++)
			p[i] = (float)i;
		for (int64_t i = t->ne[0] - 1; i > 0; i--) {
			int64_t j = (int64_t)(ref_random(&f->seed) % (uint64_t)(i + 1));
			float v = p[i];

			p[i] = p[j];
			p[j] = v;
		}
		p += t->ne[0];
	}
}

START_TEST(argmax_finds_the_first)
{
	static const int64_t lengths[] = {1, 64, 1000, 90001};
	struct fx f;
	int x, d;

	fx_begin(&f);
	f.limit = 0;
	x = fx_tensor(&f, TERN_F32, lengths[_i], 4, 3, 1);
	fill_distinct(&f, x);
	for (int64_t i = 0; i < lengths[_i]; i += 2) /* the first row: ties */
		((float *)(void *)f.data[f.tensor[x].storage])[i] = 1e6f;
	d = fx_tensor(&f, TERN_I32, 4, 3, 1, 1);
	fx_op(&f, TERN_ARGMAX, d, x, FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

START_TEST(top_k)
{
	static const int64_t cases[][3] = {/* n, rows, k */ {8, 5, 2},
					   {100, 9, 40},
					   {1, 1, 1},
					   {64, 300, 8},
					   {50000, 2, 5},
					   {300, 2, 200}};
	struct fx f;
	int x, d;

	fx_begin(&f);
	f.limit = 0;
	x = fx_tensor(&f, TERN_F32, cases[_i][0], cases[_i][1], 1, 1);
	fill_distinct(&f, x);
	d = fx_tensor(&f, TERN_I32, cases[_i][2], cases[_i][1], 1, 1);
	fx_op(&f, TERN_TOP_K, d, x, FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

/* Equal elements, and infinite ones, come in the order of their indices. */
START_TEST(top_k_of_equal_elements)
{
	struct fx f;
	float *p;
	int x, d;

	fx_begin(&f);
	f.limit = 0;
	x = fx_tensor(&f, TERN_F32, _i ? 50001 : 77, 2, 1, 1);
	p = (float *)(void *)f.data[f.tensor[x].storage];
	for (int64_t i = 0; i < 2 * f.tensor[x].ne[0]; i++)
		p[i] = i % 9 == 5 && i < 60 ? (float)(i % 3) : -INFINITY;
	p[30] = INFINITY;
	d = fx_tensor(&f, TERN_I32, 12, 2, 1, 1);
	fx_op(&f, TERN_TOP_K, d, x, FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

START_TEST(argsort)
{
	static const int64_t lengths[] = {1, 2, 7, 64, 100, 1000, 4096};
	struct fx f;
	int x, d;

	fx_begin(&f);
	f.limit = 0;
	x = fx_tensor(&f, TERN_F32, lengths[_i / 2], 3, 2, 1);
	fill_distinct(&f, x);
	d = fx_tensor(&f, TERN_I32, lengths[_i / 2], 3, 2, 1);
	fx_op(&f, TERN_ARGSORT, d, x, FX_NONE, FX_NONE)->i[0] = _i % 2;
	fx_run(&f);
}
END_TEST

/* ---- the solver --------------------------------------------------------------------- */
START_TEST(refusals_say_why)
{
	struct tern_sim_options opt;
	struct tern_target t;
	struct fx f;
	int x, d;

	fx_begin(&f);
	x = fx_tensor(&f, TERN_F32, 1 << 18, 1, 1, 1);
	d = fx_tensor(&f, TERN_I32, 1 << 18, 1, 1, 1);
	f.tensor[x].ne[0] = f.tensor[d].ne[0] = 1 << 25;
	fx_op(&f, TERN_ARGSORT, d, x, FX_NONE, FX_NONE);
	fx_target("small", &t, &opt);
	ck_assert_int_eq(tern_solve(&t, &f.op[0], f.tensor), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(tern_last_error(), "ARGSORT"));
	f.tensor[x].ne[0] = f.tensor[d].ne[0] = 1 << 18;
	f.tensor[d].type = TERN_Q6_K;
	f.op[0].op = TERN_COPY;
	ck_assert_int_eq(tern_solve(&t, &f.op[0], f.tensor), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(tern_last_error(), "Q6_K"));
	fx_end(&f);
}
END_TEST

/* ---- descriptors nobody checked ----------------------------------------------------- */
START_TEST(solvers_refuse_sizes_that_cannot_be)
{
	static const enum tern_opcode ops[] = {
		TERN_ARGMAX, TERN_SUM_ROWS, TERN_MEAN,	TERN_TOP_K,    TERN_ARGSORT,  TERN_SOFT_MAX,
		TERN_UNARY,  TERN_BINARY,   TERN_GLU,	TERN_RMS_NORM, TERN_COPY,     TERN_CONCAT,
		TERN_REPEAT, TERN_ROPE,	    TERN_SCALE, TERN_GET_ROWS, TERN_SET_ROWS,
	};
	static const int64_t sizes[] = {0, -1, 1ll << 40, 1ll << 62, INT64_MAX, INT64_MIN};
	struct tern_op_desc op = {.op = ops[_i], .src = {0, 1}, .dst = 2};
	struct tern_sim_options options;
	struct tern_target target;

	fx_target("ref", &target, &options);
	for (int i = 2; i < TERN_MAX_SRC; i++)
		op.src[i] = TERN_NO_TENSOR;
	op.i[0] = op.op == TERN_ROPE ? 2 : 0;
	op.f[0] = 1.0f;
	/* every set of the 12 sizes' pairs of places, with the rest 4; the strides do not follow */
	for (unsigned int c = 0; c < 12 * 12 * 6; c++) {
		struct tern_tensor_desc t[3] = {0};
		unsigned int a = c % 12, b = c / 12 % 12;
		int64_t n = sizes[c / 144];

		for (uint32_t i = 0; i < 3; i++) {
			t[i] = (struct tern_tensor_desc){.type = TERN_F32,
							 .ne = {4, 4, 4, 4},
							 .nb = {4, 16, 64, 256},
							 .storage = i};
		}
		if (op.op == TERN_GET_ROWS || op.op == TERN_SET_ROWS || op.op == TERN_ROPE)
			t[1].type = TERN_I32;
		t[a / 4].ne[a % 4] = n;
		t[b / 4].ne[b % 4] = n;
		t[a / 4].nb[b % 4] = (uint64_t)n;
		if (!tern_solve(&target, &op, t))
			/* what an operator does not look at, or a size that fits */
			ck_assert(n == 1ll << 40 || (a / 4 != 0 && b / 4 != 0) ||
				  op.op == TERN_ROPE);
		for (int d = 0; d < 4; d++) {
			t[0].ne[d] = t[2].ne[d] = d < 2 ? n : 1;
			t[0].nb[d] = t[2].nb[d] = 0;
		}
		ck_assert_int_eq(tern_solve(&target, &op, t), -EOPNOTSUPP);
	}
}
END_TEST

/* ---- the program -------------------------------------------------------------------- */
int main(void)
{
	Suite *s = suite_create("rows: selection");
	TCase *r = tcase_create("select");
	SRunner *runner;
	int failed;

	tcase_set_timeout(r, 300);
	tcase_add_loop_test(r, sums_and_means, 0, 8);
	tcase_add_loop_test(r, argmax_finds_the_first, 0, 4);
	tcase_add_loop_test(r, top_k, 0, 6);
	tcase_add_loop_test(r, top_k_of_equal_elements, 0, 2);
	tcase_add_loop_test(r, argsort, 0, 14);
	tcase_add_test(r, refusals_say_why);
	tcase_add_loop_test(r, solvers_refuse_sizes_that_cannot_be, 0, 17);
	suite_add_tcase(s, r);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
