// SPDX-License-Identifier: MIT
/* Row kernels: maps, norms, soft-max, reductions, over shapes, layouts and scratchpads. */
#include "rows_fixture.h"

/* ---- maps --------------------------------------------------------------------------- */
START_TEST(every_unary_function)
{
	struct tern_op_desc *o;
	struct fx f;
	int x, d;

	fx_begin(&f);
	x = fx_tensor(&f, TERN_F32, 77, 5, 2, 1);
	d = fx_tensor(&f, TERN_F32, 77, 5, 2, 1);
	if (_i == TERN_SQRT || _i == TERN_LOG)
		for (int i = 0; i < 770; i++)
			((float *)(void *)f.data[0])[i] =
				fabsf(((float *)(void *)f.data[0])[i]) + 0.01f;
	o = fx_op(&f, TERN_UNARY, d, x, FX_NONE, FX_NONE);
	o->i[0] = _i;
	memcpy(o->f, (const float[]){0.8f, 0.7f, 0.5f, -1e-6f}, 4 * sizeof(float));
	fx_run(&f);
}
END_TEST

START_TEST(every_gated_unit)
{
	struct fx f;
	struct tern_op_desc *o;
	int x, u, d, h, hd;

	fx_begin(&f);
	x = fx_tensor(&f, TERN_F32, 96, 3, 2, 1);
	u = fx_tensor(&f, TERN_F32, 96, 3, 2, 1);
	d = fx_tensor(&f, TERN_F32, 96, 3, 2, 1);
	o = fx_op(&f, TERN_GLU, d, x, u, FX_NONE);
	o->i[0] = _i;
	o->f[0] = 1.702f;
	o->f[1] = 0.75f;
	h = fx_tensor(&f, TERN_F16, 160, 3, 2, 1);
	hd = fx_tensor(&f, TERN_F32, 80, 3, 2, 1);
	for (int swapped = 0; swapped < 2; swapped++) {
		o = fx_op(&f, TERN_GLU, hd, h, FX_NONE, FX_NONE);
		o->i[0] = _i;
		o->i[1] = swapped;
		o->f[1] = 0.75f;
		if (!swapped) {
			f.fused[f.nops - 1] = true; /* overwritten by the next */
		}
	}
	fx_run(&f);
}
END_TEST

/* s1's shape, relative to [48, 6, 4, 2] */
static const int64_t repeats[][4] = {
	{48, 6, 4, 2}, {48, 1, 1, 1}, {1, 1, 1, 1},  {48, 6, 1, 1}, {1, 6, 4, 2},  {48, 1, 4, 1},
	{48, 3, 1, 1}, {12, 3, 2, 1}, {16, 1, 1, 1}, {1, 2, 2, 1},  {24, 3, 2, 2}, {48, 6, 2, 1},
};

START_TEST(binary_repeats_its_second_source)
{
	const int64_t *n = repeats[_i];
	struct fx f;
	int a, b, d;

	fx_begin(&f);
	a = fx_tensor(&f, TERN_F32, 48, 6, 4, 2);
	b = fx_tensor(&f, TERN_F32, n[0], n[1], n[2], n[3]);
	d = fx_tensor(&f, TERN_F32, 48, 6, 4, 2);
	fx_op(&f, TERN_BINARY, d, a, b, FX_NONE)->i[0] = _i % TERN_BINARY_COUNT;
	fx_run(&f);
}
END_TEST

START_TEST(maps_of_every_float_type_into_every_other)
{
	static const enum tern_dtype types[] = {TERN_F32, TERN_F16, TERN_BF16};
	struct tern_op_desc *o;
	struct fx f;
	int x, d;

	fx_begin(&f);
	f.limit = 1e-5;
	x = fx_tensor(&f, types[_i % 3], 33, 7, 1, 1);
	d = fx_tensor(&f, types[_i / 3], 33, 7, 1, 1);
	o = fx_op(&f, TERN_SCALE, d, x, FX_NONE, FX_NONE);
	o->f[0] = -1.5f;
	o->f[1] = 0.25f;
	fx_run(&f);
}
END_TEST

START_TEST(long_maps_are_cut)
{
	struct fx f;
	int a, b, d;

	fx_begin(&f);
	a = fx_tensor(&f, TERN_F32, 100003, 2, 1, 1);
	b = fx_tensor(&f, TERN_F32, 100003, 1, 1, 1);
	d = fx_tensor(&f, TERN_F32, 100003, 2, 1, 1);
	fx_op(&f, TERN_BINARY, d, a, b, FX_NONE)->i[0] = TERN_MUL;
	fx_run(&f);
}
END_TEST

START_TEST(maps_work_in_place)
{
	struct tern_op_desc *o;
	struct fx f;
	int a, b;

	fx_begin(&f);
	a = fx_tensor(&f, TERN_F32, 300, 40, 3, 1);
	b = fx_tensor(&f, TERN_F32, 300, 1, 1, 1);
	fx_op(&f, TERN_BINARY, a, a, b, FX_NONE)->i[0] = TERN_ADD;
	f.fused[0] = true; /* the next overwrites it */
	o = fx_op(&f, TERN_CLAMP, a, a, FX_NONE, FX_NONE);
	o->f[0] = -0.5f;
	o->f[1] = 0.75f;
	fx_run(&f);
}
END_TEST

START_TEST(maps_of_views)
{
	struct fx f;
	int a, d, va, vd;

	fx_begin(&f);
	a = fx_tensor(&f, TERN_F32, 64, 9, 6, 2);
	d = fx_tensor(&f, TERN_F32, 50, 7, 6, 3);
	/* a part of a, its dimensions in another order */
	va = fx_permute(&f, a, _i == 0 ? 0 : 1, _i == 0 ? 2 : 0, _i == 0 ? 1 : 2, 3);
	f.tensor[va].offset = 4 * (64 + 3);
	for (int i = 0; i < 4; i++)
		f.tensor[va].ne[i] = i == 0 ? 5 : i == 3 ? 1 : 4;
	vd = fx_view(&f, d);
	memcpy(f.tensor[vd].ne, f.tensor[va].ne, sizeof(f.tensor[vd].ne));
	f.tensor[vd].offset = 8;
	fx_op(&f, TERN_UNARY, vd, va, FX_NONE, FX_NONE)->i[0] = TERN_NEG;
	fx_run(&f);
}
END_TEST

START_TEST(sizes_of_maps_may_be_symbols)
{
	static const int64_t runs[][FX_SYMBOLS] = {{1, 1}, {7, 300}, {32, 1}, {33, 512}, {64, 511}};
	struct fx f;
	int a, b, d, rows, len;

	for (int c = 0; c < 3; c++) {
		fx_begin(&f);
		rows = fx_symbol(&f, 64);
		len = fx_symbol(&f, 512);
		a = fx_tensor(&f, TERN_F32, 512, 3, 64, 1);
		b = fx_tensor(&f, TERN_F32, 512, 1, 1, 1);
		d = fx_tensor(&f, TERN_F32, 512, 3, 64, 1);
		fx_sym(&f, a, 2, rows);
		fx_sym(&f, d, 2, rows);
		fx_sym(&f, a, 0, len);
		fx_sym(&f, b, 0, len);
		fx_sym(&f, d, 0, len);
		fx_op(&f, TERN_BINARY, d, a, b, FX_NONE)->i[0] = TERN_SUB;
		fx_run_on(&f, fx_configs[c], runs, 5);
		fx_end(&f);
	}
}
END_TEST

/* ---- norms -------------------------------------------------------------------------- */
static const struct {
	enum tern_opcode op;
	int sources;
} norms[] = {{TERN_RMS_NORM, 1}, {TERN_RMS_NORM, 2}, {TERN_NORM, 1},
	     {TERN_NORM, 2},	 {TERN_NORM, 3},     {TERN_L2_NORM, 1}};

static void norm_case(int which, int64_t n, int64_t rows, enum tern_dtype type)
{
	struct fx f;
	int x, w, b, d;

	fx_begin(&f);
	x = fx_tensor(&f, type, n, rows, 2, 1);
	w = fx_tensor(&f, TERN_F32, n, 1, 1, 1);
	b = fx_tensor(&f, TERN_F32, n, 1, 1, 1);
	d = fx_tensor(&f, TERN_F32, n, rows, 2, 1);
	fx_op(&f, norms[which].op, d, x, norms[which].sources > 1 ? w : FX_NONE,
	      norms[which].sources > 2 ? b : FX_NONE)
		->f[0] = 1e-5f;
	fx_run(&f);
}

START_TEST(norms_of_short_rows)
{
	norm_case(_i, 67, 9, TERN_F32);
	norm_case(_i, 1, 3, TERN_F16);
	norm_case(_i, 2048, 40, TERN_F32);
}
END_TEST

/* 60000 elements: 240 KB, more than small has */
START_TEST(norms_of_rows_longer_than_the_scratchpad)
{
	norm_case(_i, 60001, 2, TERN_F32);
}
END_TEST

START_TEST(norms_on_a_tiny_scratchpad)
{
	static const int64_t none[1][FX_SYMBOLS];
	struct fx f;
	int x, w, d;

	fx_begin(&f);
	x = fx_tensor(&f, TERN_F32, 9000, 3, 1, 1);
	w = fx_tensor(&f, TERN_F32, 9000, 1, 1, 1);
	d = fx_tensor(&f, TERN_F32, 9000, 3, 1, 1);
	fx_op(&f, TERN_RMS_NORM, d, x, w, FX_NONE)->f[0] = 1e-6f;
	fx_run_on(&f, "mac=512,spm=128K", none, 1);
	fx_end(&f);
}
END_TEST

START_TEST(norm_of_a_symbolic_number_of_rows_in_place)
{
	static const int64_t runs[][FX_SYMBOLS] = {{1}, {2}, {31}, {128}};
	struct fx f;
	int x, w, rows;

	for (int c = 0; c < 3; c++) {
		fx_begin(&f);
		rows = fx_symbol(&f, 128);
		x = fx_tensor(&f, TERN_F32, 576, 128, 1, 1);
		w = fx_tensor(&f, TERN_F32, 576, 1, 1, 1);
		fx_sym(&f, x, 1, rows);
		fx_op(&f, TERN_RMS_NORM, x, x, w, FX_NONE)->f[0] = 1e-5f;
		fx_run_on(&f, fx_configs[c], runs, 4);
		fx_end(&f);
	}
}
END_TEST

START_TEST(norm_of_the_last_row)
{
	static const int64_t runs[][FX_SYMBOLS] = {{1}, {5}, {16}};
	struct fx f;
	int x, last, d, rows;

	fx_begin(&f);
	rows = fx_symbol(&f, 16);
	x = fx_tensor(&f, TERN_F32, 100, 16, 1, 1);
	d = fx_tensor(&f, TERN_F32, 100, 1, 1, 1);
	last = fx_view(&f, x);
	f.tensor[last].ne[1] = 1;
	f.tensor[last].offset_sym = (uint8_t)(rows + 1);
	f.tensor[last].offset_mul = 400;
	fx_op(&f, TERN_RMS_NORM, d, last, FX_NONE, FX_NONE)->f[0] = 1e-5f;
	fx_run_on(&f, "ref", runs, 3);
	fx_end(&f);
}
END_TEST

/* ---- soft-max ----------------------------------------------------------------------- */
static void soft_max_case(int64_t n, int64_t rows, int64_t heads, bool mask, bool sinks, float bias,
			  int64_t mask_heads, enum tern_dtype mask_type)
{
	struct tern_op_desc *o;
	struct fx f;
	int x, m = FX_NONE, s = FX_NONE, d;

	fx_begin(&f);
	x = fx_tensor(&f, TERN_F32, n, rows, heads, 2);
	if (mask)
		m = fx_tensor(&f, mask_type, n, rows + 3, mask_heads, 1);
	if (sinks)
		s = fx_tensor(&f, TERN_F32, heads, 1, 1, 1);
	d = fx_tensor(&f, TERN_F32, n, rows, heads, 2);
	o = fx_op(&f, TERN_SOFT_MAX, d, x, m, s);
	o->f[0] = 0.7f;
	o->f[1] = bias;
	fx_run(&f);
}

START_TEST(soft_max_variants)
{
	soft_max_case(45, 5, 6, false, false, 0, 1, TERN_F32);
	soft_max_case(45, 5, 6, true, false, 0, 1, TERN_F16);
	soft_max_case(45, 5, 6, true, true, 0, 6, TERN_F32);
	soft_max_case(45, 5, 6, true, true, 8, 3, TERN_F16);
	soft_max_case(300, 70, 1, true, false, 4, 1, TERN_F32);
	soft_max_case(1, 1, 1, false, true, 0, 1, TERN_F32);
}
END_TEST

START_TEST(soft_max_of_long_rows)
{
	soft_max_case(70001, 1, 2, false, false, 0, 1, TERN_F32);
	soft_max_case(50000, 2, 2, true, true, 8, 1, TERN_F16);
}
END_TEST

START_TEST(soft_max_in_place_of_a_symbolic_length)
{
	static const int64_t runs[][FX_SYMBOLS] = {{1, 1}, {3, 7}, {16, 64}, {9, 63}};
	struct fx f;
	int x, m, rows, len;

	for (int c = 0; c < 3; c++) {
		fx_begin(&f);
		rows = fx_symbol(&f, 16);
		len = fx_symbol(&f, 64);
		x = fx_tensor(&f, TERN_F32, 64, 16, 4, 1);
		m = fx_tensor(&f, TERN_F16, 64, 16, 1, 1);
		fx_sym(&f, x, 0, len);
		fx_sym(&f, m, 0, len);
		fx_sym(&f, x, 1, rows);
		fx_sym(&f, m, 1, rows);
		fx_op(&f, TERN_SOFT_MAX, x, x, m, FX_NONE)->f[0] = 0.125f;
		fx_run_on(&f, fx_configs[c], runs, 4);
		fx_end(&f);
	}
}
END_TEST

/* ---- one after the other ------------------------------------------------------------ */
/* Fused where the plan can. */
START_TEST(sum_and_norm)
{
	static const int64_t runs[][FX_SYMBOLS] = {{1}, {13}, {64}};
	struct fx f;
	int a, b, w, bias, s, d, n;

	for (int c = 0; c < 3; c++) {
		fx_begin(&f);
		n = fx_symbol(&f, 64);
		a = fx_tensor(&f, TERN_F32, 300, 64, 1, 1);
		b = fx_tensor(&f, TERN_F32, 300, _i & 4 ? 1 : 64, 1, 1);
		w = fx_tensor(&f, TERN_F32, 300, 1, 1, 1);
		bias = fx_tensor(&f, TERN_F32, 300, 1, 1, 1);
		s = _i & 1 ? a : fx_tensor(&f, TERN_F32, 300, 64, 1, 1);
		d = fx_tensor(&f, TERN_F32, 300, 64, 1, 1);
		f.storage[f.tensor[s].storage].flags = _i & 8 ? 0 : TERN_STORAGE_BOUND;
		f.fused[0] = _i & 8;
		fx_sym(&f, a, 1, n);
		if (!(_i & 4))
			fx_sym(&f, b, 1, n);
		fx_sym(&f, s, 1, n);
		fx_sym(&f, d, 1, n);
		fx_op(&f, TERN_BINARY, s, a, b, FX_NONE)->i[0] = TERN_ADD;
		fx_op(&f, _i & 2 ? TERN_NORM : TERN_RMS_NORM, d, s, w, _i & 2 ? bias : FX_NONE)
			->f[0] = 1e-5f;
		fx_run_on(&f, fx_configs[c], runs, 3);
		fx_end(&f);
	}
}
END_TEST

/* What one group still reads in the scratchpad the next may not write. */
START_TEST(groups_follow_each_other)
{
	const int64_t n = _i ? 60001 : 900;
	struct fx f;
	int x, y, z, sum, top, most;

	fx_begin(&f);
	f.limit = 1e-10;
	x = fx_tensor(&f, TERN_F32, n, 3, 1, 1);
	y = fx_tensor(&f, TERN_F32, n, 3, 1, 1);
	z = fx_tensor(&f, TERN_F32, n, 3, 1, 1);
	sum = fx_tensor(&f, TERN_F32, 1, 3, 1, 1);
	top = fx_tensor(&f, TERN_I32, 4, 3, 1, 1);
	most = fx_tensor(&f, TERN_I32, 3, 1, 1, 1);
	fx_op(&f, TERN_UNARY, y, x, FX_NONE, FX_NONE)->i[0] = TERN_NEG;
	fx_op(&f, TERN_NORM, z, y, FX_NONE, FX_NONE)->f[0] = 1e-5f;
	fx_op(&f, TERN_TOP_K, top, x, FX_NONE, FX_NONE);
	fx_op(&f, TERN_SUM_ROWS, sum, y, FX_NONE, FX_NONE);
	fx_op(&f, TERN_ARGMAX, most, x, FX_NONE, FX_NONE);
	fx_op(&f, TERN_SOFT_MAX, y, y, FX_NONE, FX_NONE)->f[0] = 1.0f;
	f.fused[0] = true; /* overwritten by the last */
	fx_run(&f);
}
END_TEST

/* ---- the program -------------------------------------------------------------------- */
int main(void)
{
	Suite *s = suite_create("rows");
	TCase *maps = tcase_create("maps"), *norm = tcase_create("norms"),
	      *soft = tcase_create("soft-max"), *seq = tcase_create("sequences");
	SRunner *r;
	int failed;

	tcase_set_timeout(maps, 300);
	tcase_add_loop_test(maps, every_unary_function, 0, TERN_UNARY_COUNT);
	tcase_add_loop_test(maps, every_gated_unit, 0, TERN_GLU_COUNT);
	tcase_add_loop_test(maps, binary_repeats_its_second_source, 0,
			    sizeof(repeats) / sizeof(repeats[0]));
	tcase_add_loop_test(maps, maps_of_every_float_type_into_every_other, 0, 9);
	tcase_add_test(maps, long_maps_are_cut);
	tcase_add_test(maps, maps_work_in_place);
	tcase_add_loop_test(maps, maps_of_views, 0, 2);
	tcase_add_test(maps, sizes_of_maps_may_be_symbols);
	suite_add_tcase(s, maps);
	tcase_set_timeout(norm, 300);
	tcase_add_loop_test(norm, norms_of_short_rows, 0, sizeof(norms) / sizeof(norms[0]));
	tcase_add_loop_test(norm, norms_of_rows_longer_than_the_scratchpad, 0,
			    sizeof(norms) / sizeof(norms[0]));
	tcase_add_test(norm, norms_on_a_tiny_scratchpad);
	tcase_add_test(norm, norm_of_a_symbolic_number_of_rows_in_place);
	tcase_add_test(norm, norm_of_the_last_row);
	suite_add_tcase(s, norm);
	tcase_set_timeout(soft, 300);
	tcase_add_test(soft, soft_max_variants);
	tcase_add_test(soft, soft_max_of_long_rows);
	tcase_add_test(soft, soft_max_in_place_of_a_symbolic_length);
	suite_add_tcase(s, soft);
	tcase_set_timeout(seq, 300);
	tcase_add_loop_test(seq, sum_and_norm, 0, 16);
	tcase_add_loop_test(seq, groups_follow_each_other, 0, 2);
	suite_add_tcase(s, seq);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
