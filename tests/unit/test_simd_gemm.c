// SPDX-License-Identifier: MIT
/*
 * Decoders and matrix products against the definition of the formats, computed element
 * by element in double precision, and the instruction sets against each other, bit by bit.
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isa/codec.h"
#include "simd/simd.h"
#include "simd_formats.h"

static const unsigned int block_types[] = {
	TERN_T_Q4_0, TERN_T_Q4_1, TERN_T_Q5_0, TERN_T_Q5_1, TERN_T_Q8_0,   TERN_T_Q2_K,
	TERN_T_Q3_K, TERN_T_Q4_K, TERN_T_Q5_K, TERN_T_Q6_K, TERN_T_IQ4_NL, TERN_T_MXFP4,
};
static const unsigned int plain_types[] = {TERN_T_F32, TERN_T_F16, TERN_T_BF16};
static const char *const level_names[] = {"scalar", "avx2", "avx512", "neon"};

static const struct tern_simd *levels[COUNT(level_names)];
static size_t nlevels;

static void find_levels(void)
{
	nlevels = 0;
	for (size_t i = 0; i < COUNT(level_names); i++)
		if ((levels[nlevels] = tern_simd_get(level_names[i])))
			nlevels++;
}

/* ---- one product -------------------------------------------------------------------- */
/* Storage is exactly as large as needed (for the sanitizer) and starts at odd addresses. */
struct data {
	struct tern_gemm g;
	uint8_t *a_store, *b_store;
	int64_t m, n, k, b_k; /* b_k: elements B's rows have */
};

static bool is_plain(unsigned int type)
{
	return tern_type_info(type)->kind == TERN_KIND_PLAIN;
}

static void make_a(struct data *d)
{
	int64_t row = (int64_t)tern_type_row_bytes(d->g.a_type, (uint64_t)d->k);

	d->a_store = malloc((size_t)(d->m * row) + 1);
	ck_assert_ptr_nonnull(d->a_store);
	for (int64_t m = 0; m < d->m; m++) {
		if (d->g.a_type == TERN_T_ACT)
			random_act((struct act *)(d->a_store + 1 + m * row), d->k / 32);
		else
			random_plain(d->g.a_type, d->a_store + 1 + m * row, d->k);
	}
	d->g.a = d->a_store + 1;
	d->g.a_stride = row;
}

static void make_b(struct data *d)
{
	const struct tern_type_info *t = tern_type_info(d->g.b_type);
	int64_t rows = d->g.kn ? d->b_k : d->n, cols = d->g.kn ? d->n : d->b_k;
	int64_t row = (int64_t)tern_type_row_bytes(d->g.b_type, (uint64_t)cols);

	d->b_store = malloc((size_t)(rows * row) + 1);
	ck_assert_ptr_nonnull(d->b_store);
	for (int64_t r = 0; r < rows; r++) {
		if (is_plain(d->g.b_type))
			random_plain(d->g.b_type, d->b_store + 1 + r * row, cols);
		else
			random_blocks(d->g.b_type, d->b_store + 1 + r * row, row / t->bytes);
	}
	d->g.b = d->b_store + 1;
	d->g.b_stride = row;
}

static struct data make(unsigned int a_type, unsigned int b_type, bool kn, int64_t m, int64_t n,
			int64_t k, int64_t k0)
{
	struct data d = {.m = m, .n = n, .k = k, .b_k = k0 + k};

	d.g = (struct tern_gemm){.a_type = a_type,
				 .b_type = b_type,
				 .kn = kn,
				 .k = k,
				 .m1 = m,
				 .n1 = n,
				 .k0 = k0,
				 .ldc = n + 3};
	make_a(&d);
	make_b(&d);
	return d;
}

static void drop(struct data *d)
{
	free(d->a_store);
	free(d->b_store);
}

#define UNTOUCHED -12345.0f

/* C of m x ldc, as `level` computes it; the caller frees it. */
static float *run(const struct tern_simd *level, const struct tern_gemm *g, int64_t m)
{
	size_t n = (size_t)(m * g->ldc);
	float *c = malloc(n * sizeof(float));
	struct tern_gemm copy = *g;

	ck_assert_ptr_nonnull(c);
	for (size_t i = 0; i < n; i++)
		c[i] = g->accumulate ? (float)(i % 17) / 4 : UNTOUCHED;
	copy.c = c;
	level->gemm(&copy);
	return c;
}

static void check_same(const char *what, const struct data *d, const float *want, const float *got)
{
	for (int64_t i = 0; i < d->m * d->g.ldc; i++)
		ck_assert_msg(!memcmp(&want[i], &got[i], sizeof(float)),
			      "%s, %s x %s%s, m %ld n %ld k %ld: [%ld][%ld] is %a, not %a", what,
			      tern_type_info(d->g.a_type)->name, tern_type_info(d->g.b_type)->name,
			      d->g.kn ? " KN" : "", (long)d->m, (long)d->n, (long)d->k,
			      (long)(i / d->g.ldc), (long)(i % d->g.ldc), got[i], want[i]);
}

/* Every level and, for raw blocks, operand tiles give the scalar bits. */
static void check_levels(const struct data *d, const float *want)
{
	for (size_t i = 0; i < nlevels; i++) {
		float *got = run(levels[i], &d->g, d->m);

		check_same(levels[i]->name, d, want, got);
		free(got);
	}
}

/* The same with B decoded to operand tiles, by each level's decoder. */
static void check_operands(const struct data *d, const float *want)
{
	struct tern_gemm g = d->g;
	int64_t whole = (int64_t)tern_type_row_bytes(g.b_type, (uint64_t)d->b_k) /
			tern_type_info(g.b_type)->bytes * tern_type_info(g.b_type)->elems;

	g.b_type = tern_type_operand(d->g.b_type);
	g.b_stride = (int64_t)tern_type_row_bytes(g.b_type, (uint64_t)whole);

	uint8_t *tiles = malloc((size_t)(d->n * g.b_stride));

	ck_assert_ptr_nonnull(tiles);
	g.b = tiles;
	for (size_t i = 0; i < nlevels; i++) {
		for (int64_t n = 0; n < d->n; n++)
			levels[i]->decode_operand(d->g.b_type,
						  (const uint8_t *)d->g.b + n * d->g.b_stride,
						  tiles + n * g.b_stride, whole);
		float *got = run(levels[i], &g, d->m);

		check_same("operand tiles", d, want, got);
		free(got);
	}
	free(tiles);
}

/* ---- references in double ----------------------------------------------------------- */
/* The result, the sum of the magnitudes of all that is added, and how often f32 rounds. */
struct exact {
	double sum, magnitude;
	int roundings;
};

static void add(struct exact *e, double term)
{
	e->sum += term;
	e->magnitude += fabs(term);
	e->roundings += 1;
}

static struct exact exact_act(const struct data *d, int64_t m, int64_t n)
{
	const struct act *a = (const void *)((const uint8_t *)d->g.a + m * d->g.a_stride);
	const uint8_t *row = (const uint8_t *)d->g.b + n * d->g.b_stride;
	int group = tern_type_info(d->g.b_type)->group;
	struct exact e = {0};

	for (int64_t k = 0; k < d->k; k += group) {
		struct element w = {0};
		int dot = 0, sum = 0;

		for (int i = 0; i < group; i++) {
			int q = a[(k + i) / 32].q[(k + i) % 32];

			w = element_of(d->g.b_type, row, d->g.k0 + k + i);
			dot += q * w.q;
			sum += q;
		}
		add(&e, dot * w.s * a[k / 32].s);
		add(&e, sum * w.m * a[k / 32].s);
	}
	return e;
}

static struct exact exact_float(const struct data *d, int64_t m, int64_t n)
{
	const struct tern_gemm *g = &d->g;
	int size = g->a_type == TERN_T_F32 ? 4 : 2;
	const uint8_t *a = (const uint8_t *)g->a + m * g->a_stride, *b = g->b;
	struct exact e = {0};

	for (int64_t k = 0; k < d->k; k++, a += size) {
		int64_t row = g->kn ? g->k0 + k : n, col = g->kn ? n : g->k0 + k;
		double v;

		if (is_plain(g->b_type)) {
			v = plain_value(g->b_type, b + row * g->b_stride + col * size);
		} else {
			struct element w = element_of(g->b_type, b + row * g->b_stride, col);

			v = w.q * w.s + w.m;
		}
		add(&e, plain_value(g->a_type, a) * v);
	}
	return e;
}

/*
 * Each fma rounds a partial sum, at most `magnitude` (times 1 + small), by 2^-24 of it; each term's
 * scale is rounded once before: (roundings + 1) * 2^-24 * magnitude, and 1 % for the small.
 * A rounding of B to a_type first adds `b_error` * magnitude.
 */
static void check_exact(const struct data *d, const float *c, double b_error)
{
	for (int64_t m = 0; m < d->m; m++)
		for (int64_t n = 0; n < d->n; n++) {
			struct exact e = d->g.a_type == TERN_T_ACT ? exact_act(d, m, n)
								   : exact_float(d, m, n);
			double bound = 1.01 * ((e.roundings + 1) * 0x1p-24 + b_error) * e.magnitude;

			ck_assert_msg(fabs(c[m * d->g.ldc + n] - e.sum) <= bound,
				      "%s x %s, m %ld n %ld k %ld: %.9g, not %.9g +- %.2g",
				      tern_type_info(d->g.a_type)->name,
				      tern_type_info(d->g.b_type)->name, (long)m, (long)n,
				      (long)d->k, c[m * d->g.ldc + n], e.sum, bound);
		}
}

/* ---- tests ------------------------------------------------------------------------------ */
/* Operand groups as <tern/isa.h> lays them out. */
static void check_operand_group(const uint8_t *o, unsigned int type, const uint8_t *src, int64_t k)
{
	const struct tern_type_info *t = tern_type_info(type);
	int parts = 32 / t->group;

	for (int i = 0; i < 32; i++) {
		struct element e = element_of(type, src, k + i);
		float s, m = 0;

		memcpy(&s, o + 32 + 4 * (i / t->group), sizeof(s));
		if (t->has_min)
			memcpy(&m, o + 32 + 4 * (parts + i / t->group), sizeof(m));
		ck_assert_int_eq((int8_t)o[i], e.q);
		ck_assert_msg((double)s == e.s && (double)m == e.m,
			      "%s: element %ld scale %a min %a", t->name, (long)(k + i), s, m);
	}
}

#define DECODED 2048
static void random_row(unsigned int type, uint8_t *src)
{
	const struct tern_type_info *t = tern_type_info(type);

	random_blocks(type, src, DECODED / t->elems);
	if (type == TERN_T_MXFP4) /* the subnormal scales */
		src[0] = 0, src[17] = 1, src[34] = 2;
}

START_TEST(decodes_blocks_to_operands)
{
	unsigned int type = block_types[_i], op = tern_type_operand(type);
	size_t bytes = tern_type_row_bytes(type, DECODED),
	       op_bytes = tern_type_row_bytes(op, DECODED);
	uint8_t *src = malloc(bytes), *dst = malloc(op_bytes);

	random_row(type, src);
	for (size_t l = 0; l < nlevels; l++) {
		memset(dst, 0x55, op_bytes);
		levels[l]->decode_operand(type, src, dst, DECODED);
		for (int64_t k = 0; k < DECODED; k += 32)
			check_operand_group(dst + k / 32 * tern_type_info(op)->bytes, type, src, k);
	}
	free(src);
	free(dst);
}
END_TEST

START_TEST(decodes_blocks_to_floats)
{
	unsigned int type = block_types[_i];
	uint8_t *src = malloc(tern_type_row_bytes(type, DECODED));
	float *dst = malloc(DECODED * sizeof(float));

	random_row(type, src);
	for (size_t l = 0; l < nlevels; l++) {
		levels[l]->to_f32(type, src, dst, DECODED);
		for (int64_t k = 0; k < DECODED; k++) {
			struct element e = element_of(type, src, k);
			float product = (float)(e.q * e.s); /* the double is exact */
			float want = tern_type_info(type)->has_min ? product + (float)e.m : product;

			ck_assert_msg(dst[k] == want, "%s %s[%ld]: %a, not %a", levels[l]->name,
				      tern_type_info(type)->name, (long)k, dst[k], want);
		}
	}
	free(src);
	free(dst);
}
END_TEST

static const int64_t ms[] = {1, 2, 3, 5, 8, 17, 64}, ns[] = {1, 7, 16, 33};

static void check_shape(unsigned int a, unsigned int b, bool kn, int64_t m, int64_t n, int64_t k,
			double b_error)
{
	struct data d = make(a, b, kn, m, n, k, 0);
	float *want = run(&tern_simd_scalar, &d.g, m);

	check_exact(&d, want, b_error);
	check_levels(&d, want);
	if (a == TERN_T_ACT)
		check_operands(&d, want);
	free(want);
	drop(&d);
}

START_TEST(multiplies_quantised)
{
	static const int64_t ks[] = {32, 256, 288, 512, 1024};

	for (size_t i = 0; i < COUNT(ms); i++)
		for (size_t j = 0; j < COUNT(ns); j++)
			for (size_t l = 0; l < COUNT(ks); l++)
				check_shape(TERN_T_ACT, block_types[_i], false, ms[i], ns[j], ks[l],
					    0);
}
END_TEST

START_TEST(multiplies_floats)
{
	static const int64_t ks[] = {1, 7, 32, 100, 300, 1024};
	unsigned int type = plain_types[_i / 2];

	for (size_t i = 0; i < COUNT(ms); i++)
		for (size_t j = 0; j < COUNT(ns); j++)
			for (size_t l = 0; l < COUNT(ks); l++)
				check_shape(type, type, _i % 2, ms[i], ns[j], ks[l], 0);
}
END_TEST

START_TEST(multiplies_floats_by_blocks)
{
	static const double error[] = {0x1p-23, 0x1p-10,
				       0x1p-7}; /* of F32, F16, BF16, and f32's own */
	static const int64_t ks[] = {7, 64, 300};

	for (size_t i = 0; i < COUNT(block_types); i++)
		for (size_t j = 0; j < COUNT(ks); j++) {
			unsigned int type = block_types[i];
			struct data d = make(plain_types[_i], type, false, 5, 19, ks[j], 0);
			float *want = run(&tern_simd_scalar, &d.g, d.m);

			/* a minimum cancels: errors there are relative to q * s, not to the value */
			if (!tern_type_info(type)->has_min)
				check_exact(&d, want, error[_i]);
			check_levels(&d, want);
			free(want);
			drop(&d);
		}
}
END_TEST

/* Ranges, an offset along k and sums that continue; nothing outside the range is written. */
static void check_range(unsigned int a, unsigned int b, bool kn, int64_t k0)
{
	struct data d = make(a, b, kn, 11, 40, 320, k0);

	d.g.m0 = 2, d.g.m1 = 9, d.g.n0 = 3, d.g.n1 = 38;
	for (int acc = 0; acc < 2; acc++) {
		d.g.accumulate = acc;

		float *want = run(&tern_simd_scalar, &d.g, d.m);

		for (int64_t i = 0; i < d.m * d.g.ldc && !acc; i++) {
			int64_t m = i / d.g.ldc, n = i % d.g.ldc;

			ck_assert((m >= 2 && m < 9 && n >= 3 && n < 38) == (want[i] != UNTOUCHED));
		}
		check_levels(&d, want);
		free(want);
	}
	drop(&d);
}

START_TEST(respects_ranges)
{
	for (size_t i = 0; i < COUNT(block_types); i++)
		check_range(TERN_T_ACT, block_types[i], false, 256);
	for (size_t i = 0; i < COUNT(plain_types); i++) {
		check_range(plain_types[i], plain_types[i], false, 5);
		check_range(plain_types[i], plain_types[i], true, 5);
		check_range(plain_types[i], TERN_T_Q4_K, false, 256);
	}
}
END_TEST

/* Continuing a sum at a multiple of 32 is the same as never having stopped. */
START_TEST(continues_a_sum)
{
	for (size_t i = 0; i < nlevels; i++) {
		struct data d = make(TERN_T_ACT, block_types[_i], false, 5, 21, 1024, 0);
		float *want = run(levels[i], &d.g, d.m);
		struct tern_gemm part = d.g;
		float *got = malloc((size_t)(d.m * part.ldc) * sizeof(float));

		memcpy(got, want, (size_t)(d.m * part.ldc) * sizeof(float));
		part.c = got;
		for (int64_t k = 0; k < 1024; k += 256) {
			part.k = 256;
			part.k0 = k;
			part.a = (const uint8_t *)d.g.a + k / 32 * (int64_t)sizeof(struct act);
			part.accumulate = k > 0;
			levels[i]->gemm(&part);
		}
		check_same(levels[i]->name, &d, want, got);
		free(want);
		free(got);
		drop(&d);
	}
}
END_TEST

START_TEST(nan_is_canonical)
{
	struct data d = make(TERN_T_ACT, TERN_T_Q4_1, false, 5, 20, 64, 0);
	float *want;
	uint32_t bits;

	for (int64_t n = 0; n < d.n; n++) { /* a scale and a minimum that are NaN, and infinities */
		uint8_t *b = d.b_store + 1 + n * d.g.b_stride;

		b[n % 2 * 2] = (uint8_t)n;
		b[n % 2 * 2 + 1] = n % 3 ? 0xfe : 0x7d;
	}
	want = run(&tern_simd_scalar, &d.g, d.m);
	memcpy(&bits, want, sizeof(bits));
	ck_assert_uint_eq(bits, 0x7fc00000u);
	check_levels(&d, want);
	free(want);
	drop(&d);
}
END_TEST

START_TEST(refuses_unknown_levels)
{
	ck_assert_ptr_null(tern_simd_get("mmx"));
	ck_assert_ptr_nonnull(tern_simd_get(NULL));
	ck_assert_ptr_eq(tern_simd_get("scalar"), &tern_simd_scalar);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("simd_gemm");
	TCase *t = tcase_create("gemm");
	int blocks = COUNT(block_types), plains = COUNT(plain_types), failed;

	find_levels();
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, decodes_blocks_to_operands, 0, blocks);
	tcase_add_loop_test(t, decodes_blocks_to_floats, 0, blocks);
	tcase_add_loop_test(t, multiplies_quantised, 0, blocks);
	tcase_add_loop_test(t, multiplies_floats, 0, 2 * plains);
	tcase_add_loop_test(t, multiplies_floats_by_blocks, 0, plains);
	tcase_add_test(t, respects_ranges);
	tcase_add_loop_test(t, continues_a_sum, 0, blocks);
	tcase_add_test(t, nan_is_canonical);
	tcase_add_test(t, refuses_unknown_levels);
	suite_add_tcase(s, t);

	SRunner *r = srunner_create(s);

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
