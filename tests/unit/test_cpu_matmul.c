// SPDX-License-Identifier: MIT
/* Products, rows by index and casts of the CPU kernels, in every format. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "support/cpu_case.h"

static const enum tern_dtype plain[] = {TERN_F32, TERN_F16, TERN_BF16};
static const enum tern_dtype encoded[] = {TERN_Q8_0, TERN_Q4_0, TERN_Q4_1,
					  TERN_Q5_0, TERN_Q5_1, TERN_IQ4_NL};
static const enum tern_dtype blocks[] = {TERN_Q8_0, TERN_Q4_0,	 TERN_Q4_1, TERN_Q5_0,
					 TERN_Q5_1, TERN_IQ4_NL, TERN_Q2_K, TERN_Q3_K,
					 TERN_Q4_K, TERN_Q5_K,	 TERN_Q6_K, TERN_MXFP4};
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Activations in eight bits are off by about 3e-5; of few results, more. */
#define NMSE_INT8  5e-4
#define NMSE_FLOAT 1e-11

static uint64_t seed;

static void setup(void)
{
	seed = 1;
	cpu_case_setup();
}

static struct ref_memory tensor(enum tern_dtype type, enum ref_layout layout, int64_t a, int64_t b,
				int64_t c, int64_t d)
{
	return ref_memory(type, (const int64_t[]){a, b, c, d}, layout, &seed, 0);
}

static void matmul(enum tern_dtype type, int64_t k, int64_t n, int64_t m, enum ref_layout layout,
		   double nmse)
{
	struct cpu_case c = {
		.op.op = TERN_MATMUL,
		.src = {tensor(type, layout, k, n, 1, 1), tensor(TERN_F32, layout, k, m, 1, 1)},
		.dst = tensor(TERN_F32, layout, n, m, 1, 1),
		.nmse = nmse};

	cpu_case_check(&c);
}

START_TEST(blocks_by_shape)
{
	const enum tern_dtype type = blocks[_i];
	const int64_t unit = ref_type(type)->elems, rows[] = {1, 2, 3, 5, 8, 13, 70};

	for (int m = 0; m < COUNT(rows); m++) {
		matmul(type, unit, 7, rows[m], REF_CONTIGUOUS, NMSE_INT8);
		matmul(type, 5 * unit, 33, rows[m], REF_CONTIGUOUS, NMSE_INT8);
		matmul(type, 2304, 37, rows[m], REF_GAPS, NMSE_INT8);
	}
}
END_TEST

START_TEST(plain_by_shape)
{
	const enum tern_dtype type = plain[_i];
	const int64_t ks[] = {1, 3, 16, 100, 513, 2100}, rows[] = {1, 2, 4, 7, 13, 70};

	for (int k = 0; k < COUNT(ks); k++) {
		for (int m = 0; m < COUNT(rows); m++) {
			matmul(type, ks[k], 37, rows[m], REF_CONTIGUOUS, NMSE_FLOAT);
			matmul(type, ks[k], 70, rows[m], REF_GAPS, NMSE_FLOAT);
			matmul(type, ks[k], 5, rows[m], REF_TRANSPOSED, NMSE_FLOAT);
		}
	}
}
END_TEST

/* More rows than one visit of a panel takes, more elements than one panel. */
START_TEST(large)
{
	matmul(TERN_Q4_0, 2080, 40, 600, REF_CONTIGUOUS, NMSE_INT8 / 10);
	matmul(TERN_Q6_K, 2560, 40, 600, REF_CONTIGUOUS, NMSE_INT8 / 10);
	matmul(TERN_F16, 1100, 40, 600, REF_CONTIGUOUS, NMSE_FLOAT);
}
END_TEST

START_TEST(batches)
{
	const enum tern_dtype types[] = {TERN_F32, TERN_F16, TERN_Q4_0, TERN_Q8_0};
	const int64_t rows[] = {1, 3, 9};

	for (int m = 0; m < COUNT(rows); m++) {
		for (int l = 0; l < REF_LAYOUTS; l++) {
			struct cpu_case c = {
				.op.op = TERN_MATMUL,
				.src = {tensor(types[_i], (enum ref_layout)l, 64, 21, 2, 3),
					tensor(TERN_F32, (enum ref_layout)l, 64, rows[m], 6, 6)},
				.dst = tensor(TERN_F32, (enum ref_layout)l, 21, rows[m], 6, 6),
				.nmse = _i < 2 ? NMSE_FLOAT : NMSE_INT8};

			cpu_case_check(&c);
		}
	}
}
END_TEST

START_TEST(activation_types)
{
	for (int x = 0; x < COUNT(plain); x++) {
		for (int d = 0; d < COUNT(plain); d++) {
			struct cpu_case c = {
				.op.op = TERN_MATMUL,
				.src = {tensor(TERN_Q8_0, REF_CONTIGUOUS, 96, 50, 1, 1),
					tensor(plain[x], REF_GAPS, 96, 9, 1, 1)},
				.dst = tensor(plain[d], REF_GAPS, 50, 9, 1, 1),
				.nmse = NMSE_INT8};

			cpu_case_check(&c);
		}
	}
}
END_TEST

/* A group of zeros has scale 0, an outlier takes its group's precision and no other's. */
START_TEST(extreme_activations)
{
	for (int64_t m = 1; m <= 8; m += 7) {
		struct cpu_case c = {.op.op = TERN_MATMUL,
				     .src = {tensor(TERN_Q4_0, REF_CONTIGUOUS, 128, 40, 1, 1),
					     tensor(TERN_F32, REF_CONTIGUOUS, 128, m, 1, 1)},
				     .dst = tensor(TERN_F32, REF_CONTIGUOUS, 40, m, 1, 1),
				     .nmse = NMSE_INT8};
		struct ref_tensor x = ref_memory_get(&c.src[1]);

		for (int64_t r = 0; r < m; r++) {
			for (int k = 0; k < 64; k++)
				*ref_at(&x, k, r, 0, 0) *= k < 32 ? 0 : 1e-30;
			*ref_at(&x, 64, r, 0, 0) = 1e6;
		}
		ref_memory_set(&c.src[1], &x);
		ref_free(&x);
		cpu_case_check(&c);
	}
}
END_TEST

/* ---- rows by index ------------------------------------------------------------------------ */
static void get_rows(enum tern_dtype type, enum tern_dtype to, enum tern_dtype index, double nmse)
{
	const int64_t n = type == TERN_I32 ? 5 : ref_type(type)->elems == 1 ? 37 : 512;

	for (int l = 0; l < REF_LAYOUTS; l++) {
		struct cpu_case c = {.op.op = TERN_GET_ROWS,
				     .src = {ref_memory(type, (const int64_t[]){n, 11, 3, 2},
							(enum ref_layout)l, &seed, 1000),
					     ref_memory(index, (const int64_t[]){9, 3, 2, 1},
							(enum ref_layout)l, &seed, 11)},
				     .dst = tensor(to, (enum ref_layout)l, n, 9, 3, 2),
				     .nmse = nmse};

		cpu_case_check(&c);
	}
}

START_TEST(get_every_type)
{
	for (int t = 0; t < COUNT(blocks); t++)
		get_rows(blocks[t], TERN_F32, TERN_I32, 1e-13);
	for (int t = 0; t < COUNT(plain); t++)
		for (int d = 0; d < COUNT(plain); d++)
			get_rows(plain[t], plain[d], d ? TERN_I64 : TERN_I32, 0);
	get_rows(TERN_I32, TERN_I32, TERN_I32, 0);
}
END_TEST

static void set_rows(enum tern_dtype from, enum tern_dtype to, enum tern_dtype index)
{
	for (int l = 0; l < REF_LAYOUTS; l++) {
		struct cpu_case c = {.op.op = TERN_SET_ROWS,
				     .src = {tensor(from, (enum ref_layout)l, 96, 7, 4, 2),
					     ref_memory(index, (const int64_t[]){7, 2, 1, 1},
							(enum ref_layout)l, &seed, 12)},
				     .dst = tensor(to, (enum ref_layout)l, 96, 12, 4, 2)};

		cpu_case_check(&c);
	}
}

START_TEST(set_every_type)
{
	for (int d = 0; d < COUNT(encoded); d++)
		set_rows(TERN_F32, encoded[d], TERN_I32);
	for (int s = 0; s < COUNT(plain); s++)
		for (int d = 0; d < COUNT(plain); d++)
			set_rows(plain[s], plain[d], TERN_I64);
}
END_TEST

static void put_index(struct ref_memory *m, double value)
{
	struct ref_tensor t = ref_memory_get(m);

	t.v[2] = value;
	ref_memory_set(m, &t);
	ref_free(&t);
}

START_TEST(index_out_of_range)
{
	const double bad[] = {-1, 11, 1e9};
	const enum tern_opcode ops[] = {TERN_GET_ROWS, TERN_SET_ROWS};

	for (int o = 0; o < 2; o++) {
		for (int i = 0; i < COUNT(bad); i++) {
			struct cpu_case c = {
				.op.op = ops[o],
				.src = {tensor(TERN_F32, REF_GAPS, 32, o ? 4 : 11, 1, 1),
					ref_memory(TERN_I32, (const int64_t[]){4, 1, 1, 1},
						   REF_CONTIGUOUS, &seed, 11)},
				.dst = tensor(TERN_F32, REF_GAPS, 32, o ? 11 : 4, 1, 1)};

			put_index(&c.src[1], bad[i]);
			cpu_case_expect_error(&c, -EINVAL);
		}
	}
}
END_TEST

START_TEST(no_such_bias)
{
	const double bad[] = {-1, 5, 1e9};

	struct cpu_case c = {.op.op = TERN_ADD_ID,
			     .src = {tensor(TERN_F32, REF_GAPS, 32, 2, 3, 1),
				     tensor(TERN_F32, REF_GAPS, 32, 5, 1, 1),
				     ref_memory(TERN_I32, (const int64_t[]){2, 3, 1, 1},
						REF_CONTIGUOUS, &seed, 5)},
			     .dst = tensor(TERN_F32, REF_GAPS, 32, 2, 3, 1)};

	put_index(&c.src[2], bad[_i]);
	cpu_case_expect_error(&c, -EINVAL);
}
END_TEST

/* ---- casts ------------------------------------------------------------------------------------ */
static void copy(enum tern_dtype from, enum tern_dtype to, const int64_t a[4], const int64_t b[4],
		 double nmse)
{
	for (int l = 0; l < REF_LAYOUTS; l++) {
		for (int m = 0; m < REF_LAYOUTS; m++) {
			struct cpu_case c = {
				.op.op = TERN_COPY,
				.src = {ref_memory(from, a, (enum ref_layout)l, &seed, 1000)},
				.dst = ref_memory(to, b, (enum ref_layout)m, &seed, 1000),
				.nmse = nmse};

			cpu_case_check(&c);
		}
	}
}

START_TEST(copy_plain)
{
	const int64_t a[] = {37, 3, 5, 2}, b[] = {15, 2, 37, 1}, large[] = {5000, 2, 1, 1};

	for (int s = 0; s < COUNT(plain); s++) {
		for (int d = 0; d < COUNT(plain); d++) {
			copy(plain[s], plain[d], a, a, 0);
			copy(plain[s], plain[d], a, b, 0);
			copy(plain[s], plain[d], large, large, 0);
		}
	}
}
END_TEST

START_TEST(copy_blocks)
{
	const int64_t a[] = {2560, 3, 2, 1}, b[] = {512, 15, 1, 2}, odd[] = {40, 24, 16, 1};

	for (int t = 0; t < COUNT(blocks); t++) {
		copy(blocks[t], blocks[t], a, a, 0);
		copy(blocks[t], blocks[t], a, b, 0);
		copy(blocks[t], blocks[t], b, a, 0);
		copy(blocks[t], TERN_F32, a, b, 1e-13);
		copy(blocks[t], TERN_F16, a, odd, 1e-7);
	}
	for (int t = 0; t < COUNT(encoded); t++) {
		copy(TERN_F32, encoded[t], a, a, 0);
		copy(TERN_F16, encoded[t], odd, b, 0);
		copy(TERN_BF16, encoded[t], a, b, 0);
		copy(TERN_Q4_0, encoded[t], a, b, 1e-3);
	}
}
END_TEST

START_TEST(copy_integers)
{
	const enum tern_dtype types[] = {TERN_I32, TERN_I64, TERN_F32};
	const int64_t a[] = {37, 3, 5, 2}, b[] = {15, 2, 37, 1};

	for (int s = 0; s < 2; s++) {
		for (int d = 0; d < 3; d++) {
			copy(types[s], types[d], a, a, 0);
			copy(types[s], types[d], a, b, 0);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cpu-matmul");
	TCase *t = tcase_create("matmul");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, cpu_case_teardown);
	tcase_add_loop_test(t, blocks_by_shape, 0, COUNT(blocks));
	tcase_add_loop_test(t, plain_by_shape, 0, COUNT(plain));
	tcase_add_test(t, large);
	tcase_add_loop_test(t, batches, 0, 4);
	tcase_add_test(t, activation_types);
	tcase_add_test(t, extreme_activations);
	tcase_add_test(t, get_every_type);
	tcase_add_test(t, set_every_type);
	tcase_add_test(t, index_out_of_range);
	tcase_add_loop_test(t, no_such_bias, 0, 3);
	tcase_add_test(t, copy_plain);
	tcase_add_test(t, copy_blocks);
	tcase_add_test(t, copy_integers);
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
