// SPDX-License-Identifier: MIT
/* Mixtures of experts on the CPU kernels: MATMUL_ID. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/kernels.h"
#include "support/cpu_case.h"

static const enum tern_dtype types[] = {TERN_F32,  TERN_F16,  TERN_BF16, TERN_Q8_0, TERN_Q4_0,
					TERN_Q5_1, TERN_Q4_K, TERN_Q6_K, TERN_MXFP4};
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* As in test_cpu_matmul.c. */
#define NMSE_INT8  5e-4
#define NMSE_FLOAT 1e-11

static uint64_t seed;

static void setup(void)
{
	seed = 1;
	cpu_case_setup();
}

static struct ref_memory tensor(enum tern_dtype type, enum ref_layout layout, int64_t a, int64_t b,
				int64_t c)
{
	return ref_memory(type, (const int64_t[]){a, b, c, 1}, layout, &seed, 0);
}

/* The first `u` of a row for each expert, as of a row that was sorted. */
static struct ref_memory chosen(enum ref_layout layout, int64_t experts, int64_t u, int64_t t)
{
	const int64_t ne[] = {experts > u ? experts : u, t, 1, 1};
	struct ref_memory ids = ref_memory(TERN_I32, ne, layout, &seed, experts);

	ids.ne[0] = u;
	return ids;
}

struct mixture {
	enum tern_dtype type;
	int64_t k, n, experts, u1, u, t;
	enum ref_layout layout;
};

static struct cpu_case make(const struct mixture *m)
{
	return (struct cpu_case){.op.op = TERN_MATMUL_ID,
				 .src = {tensor(m->type, m->layout, m->k, m->n, m->experts),
					 tensor(TERN_F32, m->layout, m->k, m->u1, m->t),
					 chosen(m->layout, m->experts, m->u, m->t)},
				 .dst = tensor(TERN_F32, m->layout, m->n, m->u, m->t),
				 .nmse = ref_type(m->type)->elems == 1 ? NMSE_FLOAT : NMSE_INT8};
}

/* One activation for all experts of a token, as before the first product; or one for each. */
START_TEST(by_shape)
{
	const int64_t tokens[] = {1, 2, 3, 7, 40}, k = ref_type(types[_i])->elems == 256 ? 512 : 96;

	for (int t = 0; t < COUNT(tokens); t++) {
		const struct mixture shapes[] = {
			{types[_i], k, 37, 16, 1, 4, tokens[t], REF_CONTIGUOUS},
			{types[_i], k, 70, 16, 4, 4, tokens[t], REF_GAPS},
			{types[_i], k, 5, 3, 2, 6, tokens[t], REF_PERMUTED},
			{types[_i], k, 33, 8, 1, 1, tokens[t], REF_TRANSPOSED},
		};

		for (int s = 0; s < COUNT(shapes); s++) {
			struct cpu_case c = make(&shapes[s]);

			cpu_case_check(&c);
		}
	}
}
END_TEST

/* Experts whose indices are those of token t, 0 to 15. */
static void choose(struct cpu_case *c, double (*expert)(int64_t u, int64_t t))
{
	struct ref_tensor ids = ref_memory_get(&c->src[2]);

	REF_EACH(i, ids.ne)
	*ref_at(&ids, i[0], i[1], 0, 0) = expert(i[0], i[1]);
	ref_memory_set(&c->src[2], &ids);
	ref_free(&ids);
}

static double the_last(int64_t u, int64_t t)
{
	(void)u;
	(void)t;
	return 15;
}

/* One row, a few and many, side by side: each kind of product. */
static double some_more_than_others(int64_t u, int64_t t)
{
	return u ? 2 : t == 3 ? 14 : t < 5 ? 7 : 11;
}

static double in_turn(int64_t u, int64_t t)
{
	return (double)((3 * u + 5 * t) % 16);
}

START_TEST(by_choice)
{
	static double (*const choices[])(int64_t, int64_t) = {the_last, some_more_than_others,
							      in_turn};

	for (int i = 0; i < COUNT(choices); i++) {
		for (int64_t u1 = 1; u1 <= 3; u1 += 2) {
			struct cpu_case c = make(&(struct mixture){types[_i], 256, 41, 16, u1, 3,
								   40, REF_CONTIGUOUS});

			choose(&c, choices[i]);
			cpu_case_check(&c);
		}
	}
}
END_TEST

/* More rows of one expert than a visit of a panel takes, and more elements than one panel. */
START_TEST(large)
{
	struct cpu_case c =
		make(&(struct mixture){TERN_Q4_0, 2080, 40, 16, 1, 2, 300, REF_CONTIGUOUS});

	choose(&c, the_last);
	cpu_case_check(&c);
}
END_TEST

START_TEST(activation_types)
{
	for (int x = 0; x < 3; x++) {
		for (int d = 0; d < 3; d++) {
			struct cpu_case c =
				make(&(struct mixture){TERN_Q8_0, 96, 50, 6, 2, 4, 9, REF_GAPS});

			ref_memory_free(&c.src[1]);
			ref_memory_free(&c.dst);
			c.src[1] = tensor(types[x], REF_GAPS, 96, 2, 9);
			c.dst = tensor(types[d], REF_GAPS, 50, 4, 9);
			cpu_case_check(&c);
		}
	}
}
END_TEST

/* Nothing is written, wherever the index is. */
START_TEST(no_such_expert)
{
	const double bad[] = {-1, 6, 1e9, -2147483648.0};
	const int64_t where[][2] = {{0, 0}, {3, 8}, {2, 4}};

	for (int i = 0; i < COUNT(bad) * COUNT(where); i++) {
		const int64_t *at = where[i % COUNT(where)];
		struct cpu_case c = make(&(struct mixture){TERN_Q4_0, 32, 5, 6, 1, 4, 9, REF_GAPS});
		struct ref_tensor ids = ref_memory_get(&c.src[2]);

		*ref_at(&ids, at[0], at[1], 0, 0) = bad[i / COUNT(where)];
		ref_memory_set(&c.src[2], &ids);
		ref_free(&ids);
		cpu_case_expect_error(&c, -EINVAL);
		ck_assert_ptr_nonnull(strstr(tern_last_error(), "expert"));
	}
}
END_TEST

/* Indices beside those of a view may be anything. */
START_TEST(indices_of_others)
{
	struct cpu_case c = make(&(struct mixture){TERN_F32, 32, 5, 6, 1, 2, 9, REF_GAPS});
	const int64_t u = c.src[2].ne[0];
	struct ref_tensor ids;

	c.src[2].ne[0] = 6;
	ids = ref_memory_get(&c.src[2]);
	REF_EACH(i, ids.ne)
	*ref_at(&ids, i[0], i[1], 0, 0) = i[0] < u ? (double)((i[0] + i[1]) % 6) : -7;
	ref_memory_set(&c.src[2], &ids);
	ref_free(&ids);
	c.src[2].ne[0] = u;
	cpu_case_check(&c);
}
END_TEST

START_TEST(stopped)
{
	const struct tern_op_desc op = {.op = TERN_MATMUL_ID};
	const volatile int yes = 1;
	float w[4] = {1, 1, 1, 1}, x[2] = {1, 1}, y[1] = {7};
	int32_t id = 1;
	const struct tern_cpu_tensor src[TERN_MAX_SRC] = {
		{TERN_F32, {2, 1, 2, 1}, {4, 8, 8, 16}, w},
		{TERN_F32, {2, 1, 1, 1}, {4, 8, 8, 8}, x},
		{TERN_I32, {1, 1, 1, 1}, {4, 4, 4, 4}, &id}};
	const struct tern_cpu_tensor dst = {TERN_F32, {1, 1, 1, 1}, {4, 4, 4, 4}, y};
	struct tern_cpu *cpu;

	ck_assert_int_eq(tern_cpu_create(1, &cpu), 0);
	ck_assert_int_eq(tern_cpu_run(cpu, &op, src, &dst, &yes), -EINTR);
	ck_assert_float_eq(y[0], 7);
	ck_assert_int_eq(tern_cpu_run(cpu, &op, src, &dst, NULL), 0);
	ck_assert_float_eq(y[0], 2);
	tern_cpu_destroy(cpu);
}
END_TEST

/* Each shape but one wrong size. */
START_TEST(shapes)
{
	static const struct {
		int tensor, dim;
		int64_t size;
	} wrong[] = {{1, 0, 32}, {0, 3, 2}, {1, 3, 2}, {2, 2, 2}, {2, 3, 2}, {1, 1, 3},
		     {1, 2, 2},	 {3, 0, 4}, {3, 1, 2}, {3, 2, 2}, {3, 3, 2}};
	const struct tern_op_desc op = {
		.op = TERN_MATMUL_ID, .src = {0, 1, 2, TERN_NO_TENSOR, TERN_NO_TENSOR}, .dst = 3};
	struct tern_tensor_desc t[] = {{.type = TERN_Q4_0, .ne = {64, 5, 6, 1}},
				       {.type = TERN_F32, .ne = {64, 2, 3, 1}},
				       {.type = TERN_I32, .ne = {4, 3, 1, 1}},
				       {.type = TERN_F32, .ne = {5, 4, 3, 1}}};

	for (int i = 0; i < 4; i++)
		ref_strides(t[i].type, t[i].ne, t[i].nb);
	ck_assert_int_eq(tern_cpu_supported(&op, t), 0);
	for (int i = 0; i < COUNT(wrong); i++) {
		int64_t *ne = &t[wrong[i].tensor].ne[wrong[i].dim], was = *ne;

		*ne = wrong[i].size;
		ck_assert_int_eq(tern_cpu_supported(&op, t), -EOPNOTSUPP);
		ck_assert_ptr_nonnull(strstr(tern_last_error(), "MATMUL_ID"));
		*ne = was;
	}
	t[2].type = TERN_I64;
	ck_assert_int_eq(tern_cpu_supported(&op, t), -EOPNOTSUPP);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cpu-matmul-id");
	TCase *t = tcase_create("matmul-id");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, cpu_case_teardown);
	tcase_add_loop_test(t, by_shape, 0, COUNT(types));
	tcase_add_loop_test(t, by_choice, 0, COUNT(types));
	tcase_add_test(t, large);
	tcase_add_test(t, activation_types);
	tcase_add_test(t, no_such_expert);
	tcase_add_test(t, indices_of_others);
	tcase_add_test(t, stopped);
	tcase_add_test(t, shapes);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
