// SPDX-License-Identifier: MIT
/* The judge of fuzz_graph: it takes what is right, rounded, and nothing else. */
#include "graph_samples.h"
#include "support/judge.h"

#include <math.h>

struct trial {
	struct tern_op_desc op;
	struct ref_tensor src[TERN_MAX_SRC];
	struct judge_case c;
};

/* Sources of a sample: numbers around 1; as indices and positions 0, 1, ... */
static void prepare(struct trial *t, const struct sample *s)
{
	uint64_t seed = 7;

	memset(t, 0, sizeof(*t));
	t->op.op = s->op;
	memcpy(t->op.i, s->i, sizeof(s->i));
	memcpy(t->op.f, s->f, sizeof(s->f));
	for (int k = 0; k < TERN_MAX_SRC; k++) {
		t->c.type[k] = s->t[k].type;
		if (!s->t[k].ne[0])
			continue;
		t->src[k] = ref_alloc(s->t[k].ne);
		for (int64_t i = 0; i < ref_count(s->t[k].ne); i++)
			t->src[k].v[i] = s->t[k].type == TERN_I32 || s->t[k].type == TERN_I64
						 ? (double)(i % s->t[k].ne[0])
						 : (double)(float)ref_uniform(&seed, 0.5, 2);
	}
	t->c.op = &t->op;
	t->c.src = t->src;
	t->c.dtype = s->t[5].type;
	t->c.want = ref_alloc(s->t[5].ne);
	judge_prepare(&t->c);
}

static void fini(struct trial *t)
{
	judge_free(&t->c);
	for (int k = 0; k < TERN_MAX_SRC; k++)
		ref_free(&t->src[k]);
}

static struct ref_tensor result(const struct trial *t)
{
	struct ref_tensor got = ref_alloc(t->c.want.ne);

	memcpy(got.v, t->c.want.v, (size_t)ref_count(got.ne) * sizeof(double));
	return got;
}

START_TEST(right_results_pass)
{
	struct ref_tensor got;
	struct trial t;

	prepare(&t, &samples[_i]);
	got = result(&t);
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
	/* SET_ROWS keeps what it does not write, blocks are not encoded twice */
	if (ref_type(t.c.dtype)->elems == 1)
		ref_round(&got, t.c.dtype);
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
	judge_free(&t.c);
	t.c.want = ref_alloc(s->t[5].ne);
	judge_prepare(&t.c);
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

/* What is not finite or depends on the smallest bits decides nothing, where it matters. */
START_TEST(no_verdict)
{
	struct ref_tensor got;
	struct trial t;

	prepare(&t, sample_of(TERN_MATMUL));
	t.src[1].v[0] = INFINITY;
	judge_free(&t.c);
	t.c.want = ref_alloc(sample_of(TERN_MATMUL)->t[5].ne);
	judge_prepare(&t.c);
	got = result(&t);
	got.v[0] = 12345;
	ck_assert_int_eq(judge_result(&t.c, &got), -1);
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
	tcase_add_test(tc, no_verdict);
	suite_add_tcase(s, tc);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
