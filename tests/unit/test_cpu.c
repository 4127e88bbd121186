// SPDX-License-Identifier: MIT
/* Operators of the CPU kernels other than products and casts (test_cpu_matmul.c). */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/kernels.h"
#include "support/cpu_case.h"

static const enum tern_dtype plain[] = {TERN_F32, TERN_F16, TERN_BF16};
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define NE(...)	     ((const int64_t[]){__VA_ARGS__})

static const int64_t shapes[][4] = {{1, 1, 1, 1},  {7, 1, 1, 1},    {33, 5, 1, 1},
				    {64, 3, 4, 2}, {5000, 3, 1, 1}, {17, 2, 3, 5}};

static uint64_t seed;

static void setup(void)
{
	seed = 2;
	cpu_case_setup();
}

static struct ref_memory tensor(enum tern_dtype type, enum ref_layout layout, const int64_t ne[4])
{
	return ref_memory(type, ne, layout, &seed, 0);
}

/* Every shape, layout and type of source and destination; and in place. */
static void each_map(struct tern_op_desc op, double factor, double offset, double slack)
{
	for (int s = 0; s < COUNT(shapes); s++) {
		for (int l = 0; l < REF_LAYOUTS; l++) {
			for (int t = 0; t < 5; t++) {
				const enum tern_dtype from = plain[t < 3 ? t : 0],
						      to = plain[t < 3 ? t : t - 2];
				struct cpu_case c = {
					.op = op,
					.src = {tensor(from, (enum ref_layout)l, shapes[s])},
					.in_place = from == to && s % 2,
					.nmse = cpu_case_allowed(to) + slack};

				cpu_case_stretch(&c.src[0], factor, offset);
				if (!c.in_place)
					c.dst = tensor(to, (enum ref_layout)((l + s) % REF_LAYOUTS),
						       shapes[s]);
				cpu_case_check(&c);
			}
		}
	}
}

/* ---- elementwise -------------------------------------------------------------------------- */
START_TEST(unary)
{
	const bool positive = _i == TERN_LOG || _i == TERN_SQRT;

	/* 1 + erf(x) cancels far left, in ggml's f32 as well */
	each_map(
		(struct tern_op_desc){.op = TERN_UNARY, .i = {_i}, .f = {0.8f, 0.7f, 0.5f, -1e-6f}},
		positive	      ? 2
		: _i == TERN_GELU_ERF ? 3
				      : 6,
		positive ? 2.5 : 0, _i == TERN_GELU_ERF ? 1e-6 : 0);
}
END_TEST

/* Near zero most functions cancel; far out most overflow, saturate or reduce. */
START_TEST(unary_range)
{
	const double sizes[] = {1e-6, 0.3, 60, 1e5};
	const int none_beyond_60[] = {TERN_EXP, TERN_EXPM1};

	for (int s = 0; s < COUNT(sizes); s++) {
		struct cpu_case c = {
			.op = {.op = TERN_UNARY, .i = {_i}, .f = {0.8f, 0.7f, 0.5f, -1e-6f}},
			.src = {tensor(TERN_F32, REF_CONTIGUOUS, NE(999, 1, 1, 1))},
			.dst = tensor(TERN_F32, REF_CONTIGUOUS, NE(999, 1, 1, 1)),
			.nmse = 1e-11};

		if (s == 3 && (_i == none_beyond_60[0] || _i == none_beyond_60[1])) {
			ref_memory_free(&c.src[0]);
			ref_memory_free(&c.dst);
			continue;
		}
		cpu_case_stretch(&c.src[0], sizes[s],
				 _i == TERN_LOG || _i == TERN_SQRT ? sizes[s] * 1.01 : 0);
		cpu_case_check(&c);
	}
}
END_TEST

START_TEST(scale_clamp)
{
	each_map((struct tern_op_desc){.op = TERN_SCALE, .f = {1.7f, -0.3f}}, 1, 0, 0);
	each_map((struct tern_op_desc){.op = TERN_CLAMP, .f = {-0.4f, 0.7f}}, 1, 0, 0);
}
END_TEST

START_TEST(binary)
{
	const int64_t a[] = {34, 6, 4, 2};
	const int64_t b[][4] = {{34, 6, 4, 2}, {34, 1, 1, 1}, {1, 1, 1, 1}, {1, 6, 1, 2},
				{17, 3, 2, 1}, {34, 6, 1, 1}, {2, 2, 4, 2}};

	for (int s = 0; s < COUNT(b); s++) {
		for (int l = 0; l < REF_LAYOUTS; l++) {
			for (int t = 0; t < 9; t++) {
				struct cpu_case c = {
					.op = {.op = TERN_BINARY, .i = {_i}},
					.src = {tensor(plain[t % 3], (enum ref_layout)l, a),
						tensor(plain[t / 3], (enum ref_layout)(l ^ 1),
						       b[s])},
					.in_place = s % 2,
					.nmse = cpu_case_allowed(plain[t % 3])};

				/* keeps quotients within F16 */
				cpu_case_stretch(&c.src[1], 0.4, 1.5);
				if (!c.in_place)
					c.dst = tensor(plain[t % 3], (enum ref_layout)l, a);
				cpu_case_check(&c);
			}
		}
	}
}
END_TEST

START_TEST(binary_large)
{
	struct cpu_case c = {.op = {.op = TERN_BINARY, .i = {TERN_ADD}},
			     .src = {tensor(TERN_F32, REF_CONTIGUOUS, NE(9000, 7, 1, 1)),
				     tensor(TERN_F32, REF_CONTIGUOUS, NE(4500, 1, 1, 1))},
			     .dst = tensor(TERN_F32, REF_CONTIGUOUS, NE(9000, 7, 1, 1)),
			     .nmse = cpu_case_allowed(TERN_F32)};

	cpu_case_check(&c);
}
END_TEST

START_TEST(glu)
{
	const int64_t out[] = {33, 5, 2, 2}, both[] = {67, 5, 2, 2}; /* one is left over */

	for (int l = 0; l < REF_LAYOUTS; l++) {
		for (int mode = 0; mode < 3; mode++) {
			for (int t = 0; t < COUNT(plain); t++) {
				struct cpu_case c = {
					.op = {.op = TERN_GLU,
					       .i = {_i, mode == 1},
					       .f = {1.5f, 0.75f}},
					.src = {tensor(plain[t], (enum ref_layout)l,
						       mode == 2 ? out : both)},
					.dst = tensor(plain[t], (enum ref_layout)l, out),
					.nmse = cpu_case_allowed(plain[t]) * 10};

				if (mode == 2)
					c.src[1] = tensor(plain[t], (enum ref_layout)l, out);
				cpu_case_stretch(&c.src[0], 5, 0);
				cpu_case_check(&c);
			}
		}
	}
}
END_TEST

/* ---- movement, reduction, selection --------------------------------------------------------------- */
START_TEST(concat)
{
	const enum tern_dtype types[] = {TERN_F32, TERN_F16, TERN_I32, TERN_Q8_0, TERN_I64};
	const int64_t a[] = {64, 3, 2, 2};

	for (int t = 0; t < COUNT(types); t++) {
		for (int l = 0; l < REF_LAYOUTS; l++) {
			int64_t b[4], d[4];
			struct cpu_case c = {.op = {.op = TERN_CONCAT, .i = {_i}}};

			memcpy(b, a, sizeof(b));
			memcpy(d, a, sizeof(d));
			b[_i] = _i ? 5 : 96;
			d[_i] += b[_i];
			c.src[0] = ref_memory(types[t], a, (enum ref_layout)l, &seed, 99);
			c.src[1] = ref_memory(types[t], b, (enum ref_layout)(l ^ 1), &seed, 99);
			c.dst = ref_memory(types[t], d, (enum ref_layout)l, &seed, 99);
			cpu_case_check(&c);
		}
	}
}
END_TEST

START_TEST(repeat)
{
	const enum tern_dtype types[] = {TERN_F32, TERN_F16, TERN_I32, TERN_Q4_0};
	const int64_t a[][4] = {{32, 3, 2, 1}, {64, 1, 1, 1}, {1, 6, 1, 1}, {32, 6, 1, 2}};

	for (int t = 0; t < COUNT(types); t++) {
		for (int s = 0; s < COUNT(a); s++) {
			struct cpu_case c = {.op = {.op = TERN_REPEAT}};

			if (types[t] == TERN_Q4_0 && a[s][0] == 1)
				continue;
			c.src[0] = ref_memory(types[t], a[s], (enum ref_layout)s, &seed, 99);
			c.dst = ref_memory(types[t], NE(64, 6, 4, 2), (enum ref_layout)s, &seed,
					   99);
			cpu_case_check(&c);
		}
	}
}
END_TEST

START_TEST(sums)
{
	for (int s = 0; s < COUNT(shapes); s++) {
		for (int t = 0; t < COUNT(plain); t++) {
			struct cpu_case c = {
				.op = {.op = _i ? TERN_MEAN : TERN_SUM_ROWS},
				.src = {tensor(plain[t], (enum ref_layout)t, shapes[s])},
				.dst = tensor(TERN_F32, (enum ref_layout)t,
					      NE(1, shapes[s][1], shapes[s][2], shapes[s][3])),
				.nmse = 1e-11};

			cpu_case_stretch(&c.src[0], 1, 0.5);
			cpu_case_check(&c);
		}
	}
}
END_TEST

/* Few distinct values: ties everywhere. */
static struct ref_memory with_ties(enum tern_dtype type, enum ref_layout layout,
				   const int64_t ne[4])
{
	struct ref_memory m = tensor(type, layout, ne);
	struct ref_tensor t = ref_memory_get(&m);

	for (int64_t i = 0; i < ref_count(t.ne); i++)
		t.v[i] = floor(t.v[i] * 20) / 4;
	ref_memory_set(&m, &t);
	ref_free(&t);
	return m;
}

static void select_case(enum tern_opcode op, int order, int64_t n, int64_t k, bool ties, int layout)
{
	const int64_t ne[] = {n, 3, 2, 2};
	const enum tern_dtype type = plain[layout % 3];
	struct cpu_case c = {.op = {.op = op, .i = {order}}};

	c.src[0] = ties ? with_ties(type, (enum ref_layout)layout, ne)
			: tensor(type, (enum ref_layout)layout, ne);
	c.dst = ref_memory(TERN_I32, op == TERN_ARGMAX ? NE(12, 1, 1, 1) : NE(k, 3, 2, 2),
			   (enum ref_layout)layout, &seed, 99);
	cpu_case_check(&c);
}

START_TEST(selection)
{
	const int64_t sizes[] = {1, 2, 15, 64, 65, 1000, 5003};

	for (int s = 0; s < COUNT(sizes); s++) {
		for (int l = 0; l < REF_LAYOUTS; l++) {
			for (int ties = 0; ties < 2; ties++) {
				const int64_t n = sizes[s];

				select_case(TERN_ARGMAX, 0, n, 1, ties, l);
				select_case(TERN_ARGSORT, 0, n, n, ties, l);
				select_case(TERN_ARGSORT, 1, n, n, ties, l);
				select_case(TERN_TOP_K, 0, n, 1, ties, l);
				select_case(TERN_TOP_K, 0, n, (n + 1) / 2, ties, l);
				select_case(TERN_TOP_K, 0, n, n < 40 ? n : 40, ties, l);
			}
		}
	}
}
END_TEST

START_TEST(argmax_of_nothing)
{
	const float rows[][4] = {
		{NAN, NAN, NAN, NAN}, {NAN, -INFINITY, 1, 1}, {-INFINITY, -INFINITY, 0, -1}};
	const int32_t want[] = {0, 2, 2};

	for (int r = 0; r < COUNT(rows); r++) {
		const struct tern_op_desc op = {.op = TERN_ARGMAX};
		float x[4];
		int32_t y = -1;
		const struct tern_cpu_tensor src[TERN_MAX_SRC] = {
			{TERN_F32, {4, 1, 1, 1}, {4, 16, 16, 16}, x}};
		const struct tern_cpu_tensor dst = {TERN_I32, {1, 1, 1, 1}, {4, 4, 4, 4}, &y};
		struct tern_cpu *cpu;

		memcpy(x, rows[r], sizeof(x));
		ck_assert_int_eq(tern_cpu_create(1, &cpu), 0);
		ck_assert_int_eq(tern_cpu_run(cpu, &op, src, &dst, NULL), 0);
		ck_assert_int_eq(y, want[r]);
		tern_cpu_destroy(cpu);
	}
}
END_TEST

/* ---- the interface ------------------------------------------------------------------------------------ */
static struct tern_tensor_desc desc(enum tern_dtype type, int64_t a, int64_t b)
{
	struct tern_tensor_desc d = {.type = type, .ne = {a, b, 1, 1}};

	ref_strides(type, d.ne, d.nb);
	return d;
}

START_TEST(supported)
{
	const struct tern_tensor_desc t[] = {desc(TERN_Q4_K, 256, 8), desc(TERN_F32, 256, 3),
					     desc(TERN_F32, 8, 3), desc(TERN_F32, 9, 3),
					     desc(TERN_I32, 8, 3)};
	struct tern_op_desc op = {.op = TERN_MATMUL, .src = {0, 1, -1u, -1u, -1u}, .dst = 2};

	ck_assert_int_eq(tern_cpu_supported(&op, t), 0);
	op.dst = 3; /* a wrong size */
	ck_assert_int_eq(tern_cpu_supported(&op, t), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(tern_last_error(), "MATMUL"));
	op.dst = 4; /* a wrong type */
	ck_assert_int_eq(tern_cpu_supported(&op, t), -EOPNOTSUPP);
	ck_assert_ptr_nonnull(strstr(tern_last_error(), "I32"));
	op.dst = 2;
	op.src[1] = TERN_NO_TENSOR;
	ck_assert_int_eq(tern_cpu_supported(&op, t), -EOPNOTSUPP);
	op.op = TERN_OP_COUNT;
	ck_assert_int_eq(tern_cpu_supported(&op, t), -EOPNOTSUPP);
}
END_TEST

START_TEST(stop)
{
	const struct tern_op_desc op = {.op = TERN_SCALE, .f = {2}};
	const volatile int yes = 1;
	float x[64] = {1};
	const struct tern_cpu_tensor src[TERN_MAX_SRC] = {
		{TERN_F32, {64, 1, 1, 1}, {4, 256, 256, 256}, x}};
	struct tern_cpu *cpu;

	ck_assert_int_eq(tern_cpu_create(2, &cpu), 0);
	ck_assert_int_eq(tern_cpu_run(cpu, &op, src, &src[0], &yes), -EINTR);
	ck_assert_float_eq(x[0], 1);
	tern_cpu_destroy(cpu);
}
END_TEST

static void count(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	int *seen = ctx;

	if (worker >= 5)
		abort();
	for (int64_t i = lo; i < hi; i++)
		__atomic_fetch_add(&seen[i], 1, __ATOMIC_RELAXED);
}

/* Every item once, whatever the sizes; rounds follow each other closely. */
START_TEST(pool)
{
	struct tern_pool *p;
	int seen[1000], want[1000];

	ck_assert_int_eq(tern_pool_create(5, &p), 0);
	for (int round = 0; round < 2000; round++) {
		const int n = round % 1000 + 1;

		memset(seen, 0, sizeof(seen));
		tern_pool_for(p, n, round % 7 + 1, count, seen, NULL);
		for (int i = 0; i < 1000; i++)
			want[i] = i < n;
		ck_assert(!memcmp(seen, want, sizeof(want)));
	}
	tern_pool_destroy(p);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cpu");
	TCase *t = tcase_create("operators"), *i = tcase_create("interface");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, cpu_case_teardown);
	tcase_add_loop_test(t, unary, 0, TERN_UNARY_COUNT);
	tcase_add_loop_test(t, unary_range, 0, TERN_UNARY_COUNT);
	tcase_add_test(t, scale_clamp);
	tcase_add_loop_test(t, binary, 0, TERN_BINARY_COUNT);
	tcase_add_test(t, binary_large);
	tcase_add_loop_test(t, glu, 0, TERN_GLU_COUNT);
	tcase_add_loop_test(t, concat, 0, 4);
	tcase_add_test(t, repeat);
	tcase_add_loop_test(t, sums, 0, 2);
	tcase_add_test(t, selection);
	tcase_add_test(t, argmax_of_nothing);
	suite_add_tcase(s, t);
	tcase_add_test(i, supported);
	tcase_add_test(i, stop);
	tcase_add_test(i, pool);
	suite_add_tcase(s, i);
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
