// SPDX-License-Identifier: MIT
/* Row kernels: rotation, its chains into a cache, moves by index and by shape. */
#include <errno.h>

#include "rows_fixture.h"

/* ---- ROPE --------------------------------------------------------------------------- */
static void positions(struct fx *f, int tensor, int32_t first)
{
	const struct tern_tensor_desc *t = &f->tensor[tensor];
	int32_t *p = (int32_t *)(void *)f->data[t->storage];

	for (int64_t i = 0; i < t->ne[0]; i++)
		p[i] = first + (int32_t)i;
}

static void rope_params(struct tern_op_desc *o, int dims, int mode, bool yarn)
{
	o->i[TERN_ROPE_I_DIMS] = dims;
	o->i[TERN_ROPE_I_MODE] = mode;
	o->i[TERN_ROPE_I_CTX_ORIG] = 4096;
	o->f[TERN_ROPE_F_BASE] = 10000.0f;
	o->f[TERN_ROPE_F_SCALE] = yarn ? 0.25f : 1.0f;
	o->f[TERN_ROPE_F_EXT] = yarn ? 1.0f : 0.0f;
	o->f[TERN_ROPE_F_ATTN] = 1.0f;
	o->f[TERN_ROPE_F_BETA_FAST] = 32.0f;
	o->f[TERN_ROPE_F_BETA_SLOW] = 1.0f;
}

static const struct {
	int hd, dims, mode, heads, tokens, batch;
	bool yarn, divisors, in_place;
} ropes[] = {
	{64, 64, 0, 4, 7, 1, false, false, false},
	{64, 64, 2, 4, 7, 1, false, false, true},
	{80, 32, 0, 3, 5, 2, false, true, false},
	{80, 32, 2, 3, 5, 2, true, true, false},
	{128, 128, 2, 32, 40, 1, true, false, true},
	{96, 64, 2, 1, 1, 1, false, true, true},
	{2, 2, 0, 1, 3, 1, false, false, false},
	{128, 128, 0, 96, 3, 1, false, true, false},
	{96, 96, 0, 8, 33, 2, true, true, true},
	{256, 64, 2, 2, 17, 1, true, true, false},
	/* one token of several sequences: heads and sequences lie one after the other */
	{64, 64, 0, 4, 1, 2, false, false, false},
	{64, 64, 2, 4, 1, 2, false, false, true},
	{64, 32, 0, 8, 1, 3, false, true, false},
	{64, 32, 2, 8, 1, 3, true, false, false},
	{128, 128, 0, 8, 1, 4, false, false, true},
	{128, 64, 2, 8, 1, 4, false, true, true},
	{56, 56, 0, 7, 1, 2, true, false, false},
	{56, 28, 2, 7, 1, 2, false, false, false},
	{2, 2, 0, 96, 1, 5, false, false, false},
	{64, 64, 2, 1, 1, 3, false, false, false},
	{128, 128, 2, 32, 1, 40, false, false, true},
};

START_TEST(rope_variants)
{
	struct fx f;
	int x, p, d, s = FX_NONE;

	fx_begin(&f);
	f.limit = 1e-9; /* angles are products in f32 */
	x = fx_tensor(&f, TERN_F32, ropes[_i].hd, ropes[_i].heads, ropes[_i].tokens,
		      ropes[_i].batch);
	p = fx_tensor(&f, TERN_I32, ropes[_i].tokens, 1, 1, 1);
	positions(&f, p, 100);
	d = ropes[_i].in_place ? x
			       : fx_tensor(&f, TERN_F32, ropes[_i].hd, ropes[_i].heads,
					   ropes[_i].tokens, ropes[_i].batch);
	if (ropes[_i].divisors) {
		s = fx_tensor(&f, TERN_F32, ropes[_i].dims / 2, 1, 1, 1);
		for (int i = 0; i < ropes[_i].dims / 2; i++)
			((float *)(void *)f.data[f.tensor[s].storage])[i] = 1.0f + 0.1f * (float)i;
	}
	rope_params(fx_op(&f, TERN_ROPE, d, x, p, s), ropes[_i].dims, ropes[_i].mode,
		    ropes[_i].yarn);
	fx_run(&f);
}
END_TEST

START_TEST(rope_of_a_symbolic_number_of_tokens)
{
	static const int64_t runs[][FX_SYMBOLS] = {{1}, {2}, {100}, {256}};
	struct fx f;
	int x, p, tokens;

	for (int c = 0; c < 3; c++) {
		fx_begin(&f);
		f.limit = 1e-9;
		tokens = fx_symbol(&f, 256);
		x = fx_tensor(&f, TERN_F32, 64, 8, 256, 1);
		p = fx_tensor(&f, TERN_I32, 256, 1, 1, 1);
		positions(&f, p, 0);
		fx_sym(&f, x, 2, tokens);
		fx_sym(&f, p, 0, tokens);
		rope_params(fx_op(&f, TERN_ROPE, x, x, p, FX_NONE), 64, 2, false);
		fx_run_on(&f, fx_configs[c], runs, 4);
		fx_end(&f);
	}
}
END_TEST

/* Rates up to 1 / base, and its square in mode 24; times the scale; and what ext makes of both. */
START_TEST(rope_too_fast_for_binary32)
{
	static const struct {
		int mode;
		float base, scale, ext;
		bool fast;
	} rates[] = {
		{0, 1e-28f, 0.5f, 0, false},  {0, 1e-32f, 0.5f, 0, true},
		{24, 1e-14f, 0.5f, 0, false}, {24, 1e-16f, 0.5f, 0, true},
		{0, 1e4f, 1e29f, 0, false},   {0, 1e4f, -1e30f, 0, true},
		{0, 1e4f, 1, 1, false},	      {0, 1e4f, 1, -1e30f, true},
		{0, 1e4f, NAN, 0, true},
	};
	struct tern_sim_options options;
	struct tern_target target;
	struct fx f;
	int x, p, d;

	fx_begin(&f);
	fx_target("ref", &target, &options);
	x = fx_tensor(&f, TERN_F32, 64, 2, 3, 1);
	p = fx_tensor(&f, TERN_I32, 3, rates[_i].mode == 24 ? 4 : 1, 1, 1);
	d = fx_tensor(&f, TERN_F32, 64, 2, 3, 1);
	rope_params(fx_op(&f, TERN_ROPE, d, x, p, FX_NONE), 32, rates[_i].mode, false);
	f.op[0].i[TERN_ROPE_I_SECTIONS] = 32;
	f.op[0].f[TERN_ROPE_F_BASE] = rates[_i].base;
	f.op[0].f[TERN_ROPE_F_SCALE] = rates[_i].scale;
	f.op[0].f[TERN_ROPE_F_EXT] = rates[_i].ext;
	ck_assert_int_eq(tern_solve(&target, &f.op[0], f.tensor), rates[_i].fast ? -EOPNOTSUPP : 0);
	fx_end(&f);
}
END_TEST

/* ---- chains ------------------------------------------------------------------------- */
/* [RMS_NORM] [ROPE] SET_ROWS of [64, 4 heads, tokens] into a cache of 300 rows. The cache holds
 * whole tokens, or heads apart. */
static void chain_case(bool norm, bool rope, bool heads_apart, enum tern_dtype cache_type,
		       enum tern_dtype index_type)
{
	static const int64_t runs[][FX_SYMBOLS] = {{1}, {13}, {64}};
	struct fx f;
	int x, y, z, w, p, idx, cache, src, tokens, last;

	for (int c = 0; c < 3; c++) {
		fx_begin(&f);
		f.limit = cache_type == TERN_Q8_0 ? 1e-6 : 1e-7;
		tokens = fx_symbol(&f, 64);
		x = fx_tensor(&f, TERN_F32, 64, 4, 64, 1);
		y = fx_tensor(&f, TERN_F32, 64, 4, 64, 1);
		f.storage[f.tensor[y].storage].flags = 0; /* scratch */
		z = fx_tensor(&f, TERN_F32, 64, 4, 64, 1);
		f.storage[f.tensor[z].storage].flags = 0;
		w = fx_tensor(&f, TERN_F32, 64, 1, 1, 1);
		p = fx_tensor(&f, TERN_I32, 64, 1, 1, 1);
		idx = fx_tensor(&f, index_type, 64, 1, 1, 1);
		positions(&f, p, 5);
		fx_indices(&f, idx, 300);
		fx_sym(&f, x, 2, tokens);
		fx_sym(&f, y, 2, tokens);
		fx_sym(&f, z, 2, tokens);
		fx_sym(&f, p, 0, tokens);
		fx_sym(&f, idx, 0, tokens);
		last = rope ? z : norm ? y : x;
		if (norm)
			fx_op(&f, TERN_RMS_NORM, y, x, w, FX_NONE)->f[0] = 1e-6f;
		if (rope)
			rope_params(fx_op(&f, TERN_ROPE, z, norm ? y : x, p, FX_NONE), 64, 2,
				    false);
		if (heads_apart) {
			src = fx_permute(&f, last, 0, 2, 1, 3);
			cache = fx_tensor(&f, cache_type, 64, 300, 4, 1);
		} else {
			src = fx_reshape(&f, last, 256, 64, 1, 1);
			f.tensor[src].ne_sym[2] = 0;
			fx_sym(&f, src, 1, tokens);
			cache = fx_tensor(&f, cache_type, 256, 300, 1, 1);
		}
		fx_op(&f, TERN_SET_ROWS, cache, src, idx, FX_NONE);
		f.fused[0] = f.fused[1] = f.nops > 1;
		if (f.nops > 1)
			f.fused[f.nops - 1] = false;
		f.one_group = true;
		fx_run_on(&f, fx_configs[c], runs, 3);
		fx_end(&f);
	}
}

START_TEST(chains_into_a_cache)
{
	chain_case(_i & 1, _i & 2, _i & 4, TERN_F16, _i & 8 ? TERN_I64 : TERN_I32);
	chain_case(_i & 1, _i & 2, _i & 4, TERN_Q8_0, TERN_I32);
	chain_case(_i & 1, _i & 2, _i & 4, TERN_F32, TERN_I64);
}
END_TEST

/* [RMS_NORM] ROPE [SET_ROWS] of one token of several sequences. Its place in the cache is one
 * for all sequences, or the sequences are the rows. */
enum batch_cache { NO_CACHE, OWN_ROWS, HEADS_APART, SEQUENCES_ARE_ROWS, BATCH_CACHES };

static const struct {
	int hd, dims, mode, heads, batch;
} batches[] = {
	{64, 64, 0, 4, 2},   {64, 64, 2, 4, 2},	  {64, 32, 0, 8, 3},   {64, 32, 2, 8, 3},
	{128, 128, 0, 8, 4}, {128, 128, 2, 8, 4}, {128, 64, 2, 32, 9}, {96, 96, 2, 1, 3},
};

static void one_token_chain(unsigned int i, bool norm, enum batch_cache to)
{
	const int hd = batches[i].hd, heads = batches[i].heads, batch = batches[i].batch;
	struct fx f;
	int x, y, z, w, p, src = 0, idx = 0, cache = 0;

	fx_begin(&f);
	f.limit = to == NO_CACHE ? 1e-9 : 1e-7;
	x = fx_tensor(&f, TERN_F32, hd, heads, 1, batch);
	y = fx_tensor(&f, TERN_F32, hd, heads, 1, batch);
	z = fx_tensor(&f, TERN_F32, hd, heads, 1, batch);
	w = fx_tensor(&f, TERN_F32, hd, 1, 1, 1);
	p = fx_tensor(&f, TERN_I32, 1, 1, 1, 1);
	positions(&f, p, 77);
	if (norm) {
		f.storage[f.tensor[y].storage].flags = 0; /* scratch */
		f.fused[f.nops] = true;
		fx_op(&f, TERN_RMS_NORM, y, x, w, FX_NONE)->f[0] = 1e-6f;
	}
	if (to != NO_CACHE) {
		f.storage[f.tensor[z].storage].flags = 0;
		f.fused[f.nops] = true;
	}
	rope_params(fx_op(&f, TERN_ROPE, z, norm ? y : x, p, FX_NONE), batches[i].dims,
		    batches[i].mode, false);
	if (to == OWN_ROWS) {
		src = fx_reshape(&f, z, hd * heads, 1, batch, 1);
		cache = fx_tensor(&f, TERN_F16, hd * heads, 50, batch, 1);
	} else if (to == HEADS_APART) {
		src = fx_permute(&f, z, 0, 2, 1, 3);
		cache = fx_tensor(&f, TERN_F16, hd, 50, heads, batch);
	} else if (to == SEQUENCES_ARE_ROWS) {
		src = fx_reshape(&f, z, hd * heads, batch, 1, 1);
		cache = fx_tensor(&f, TERN_F16, hd * heads, 50, 1, 1);
	}
	if (to != NO_CACHE) {
		idx = fx_tensor(&f, TERN_I64, to == SEQUENCES_ARE_ROWS ? batch : 1, 1, 1, 1);
		fx_indices(&f, idx, 50);
		fx_op(&f, TERN_SET_ROWS, cache, src, idx, FX_NONE);
	}
	f.one_group = f.nops > 1;
	fx_run(&f);
}

START_TEST(chains_of_one_token_of_several_sequences)
{
	unsigned int to = (unsigned int)_i % BATCH_CACHES;

	one_token_chain((unsigned int)_i / BATCH_CACHES, false, (enum batch_cache)to);
	one_token_chain((unsigned int)_i / BATCH_CACHES, true, (enum batch_cache)to);
}
END_TEST

/* ---- rows by index ------------------------------------------------------------------ */
static const enum tern_dtype row_types[] = {
	TERN_F32,  TERN_F16,  TERN_BF16, TERN_Q4_0, TERN_Q4_1, TERN_Q5_0,   TERN_Q5_1,	TERN_Q8_0,
	TERN_Q2_K, TERN_Q3_K, TERN_Q4_K, TERN_Q5_K, TERN_Q6_K, TERN_IQ4_NL, TERN_MXFP4,
};

START_TEST(get_rows_decodes)
{
	struct fx f;
	int w, idx, d;

	fx_begin(&f);
	f.limit = 1e-12;
	w = fx_tensor(&f, row_types[_i], 512, 50, 2, 3);
	idx = fx_tensor(&f, TERN_I32, 9, 2, 3, 1);
	fx_indices(&f, idx, 50);
	d = fx_tensor(&f, TERN_F32, 512, 9, 2, 3);
	fx_op(&f, TERN_GET_ROWS, d, w, idx, FX_NONE);
	fx_run(&f);
}
END_TEST

START_TEST(get_rows_longer_than_the_scratchpad)
{
	struct fx f;
	int w, idx, d;

	fx_begin(&f);
	w = fx_tensor(&f, _i ? TERN_Q4_0 : TERN_F16, 60032, 5, 1, 1);
	idx = fx_tensor(&f, TERN_I32, 2, 1, 1, 1);
	fx_indices(&f, idx, 5);
	d = fx_tensor(&f, TERN_F32, 60032, 2, 1, 1);
	fx_op(&f, TERN_GET_ROWS, d, w, idx, FX_NONE);
	fx_run(&f);
}
END_TEST

START_TEST(set_rows_encodes)
{
	static const enum tern_dtype types[] = {TERN_F32,  TERN_F16,  TERN_BF16,
						TERN_Q8_0, TERN_Q4_0, TERN_Q4_1,
						TERN_Q5_0, TERN_Q5_1, TERN_IQ4_NL};
	struct fx f;
	int x, idx, d;

	fx_begin(&f);
	x = fx_tensor(&f, TERN_F32, 96, 5, 4, 2);
	/* one index row for two of the matrices each */
	idx = fx_tensor(&f, _i % 2 ? TERN_I64 : TERN_I32, 5, 2, 1, 1);
	fx_indices(&f, idx, 20);
	d = fx_tensor(&f, types[_i], 96, 20, 4, 2);
	fx_op(&f, TERN_SET_ROWS, d, x, idx, FX_NONE);
	fx_run(&f);
}
END_TEST

/* ---- COPY, CONCAT, REPEAT ----------------------------------------------------------- */
START_TEST(copies_convert)
{
	static const enum tern_dtype types[][2] = {
		{TERN_F32, TERN_F16},	{TERN_F16, TERN_F32},	  {TERN_BF16, TERN_F16},
		{TERN_F32, TERN_Q8_0},	{TERN_Q4_K, TERN_F32},	  {TERN_F32, TERN_Q4_0},
		{TERN_Q4_0, TERN_Q4_0}, {TERN_MXFP4, TERN_MXFP4}, {TERN_Q6_K, TERN_Q6_K},
		{TERN_F16, TERN_F16},	{TERN_I32, TERN_F32},	  {TERN_F32, TERN_I32},
		{TERN_I64, TERN_I32},	{TERN_I32, TERN_I64},	  {TERN_I64, TERN_I64},
	};
	struct fx f;
	int s, d;

	fx_begin(&f);
	f.limit = types[_i][0] == types[_i][1] ? 0 : 1e-11;
	s = fx_tensor(&f, types[_i][0], 256, 5, 3, 2);
	if (types[_i][0] == TERN_I32 || types[_i][0] == TERN_I64)
		fx_indices(&f, s, 1000);
	if (types[_i][0] == TERN_I64 || types[_i][0] == TERN_I32)
		f.tensor[s].ne[3] = 1;
	d = fx_tensor(&f, types[_i][1], 256, 5, 3, f.tensor[s].ne[3]);
	fx_op(&f, TERN_COPY, d, s, FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

START_TEST(copies_permute_and_reshape)
{
	static const int order[][4] = {{0, 2, 1, 3}, {1, 0, 2, 3}, {2, 0, 1, 3}, {2, 1, 0, 3},
				       {1, 2, 0, 3}, {0, 1, 2, 3}, {3, 2, 1, 0}};
	static const int64_t shape[][4] = {
		{2880, 1, 1, 1}, {40, 72, 1, 1}, {24, 5, 12, 2}, {1, 40, 72, 1}, {8, 9, 10, 4}};
	const int *o = order[_i % 7];
	const int64_t *n = shape[_i / 7];
	struct fx f;
	int s, d, v;

	fx_begin(&f);
	f.limit = 1e-6;
	s = fx_tensor(&f, TERN_F32, 40, 6, 12, 1);
	v = fx_permute(&f, s, o[0], o[1], o[2], o[3]);
	d = fx_tensor(&f, _i % 2 ? TERN_F16 : TERN_F32, n[0], n[1], n[2], n[3]);
	fx_op(&f, TERN_COPY, d, v, FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

START_TEST(copies_between_two_padded_shapes_go_through_scratch)
{
	struct fx f;
	int s, d, vs, vd;

	fx_begin(&f);
	f.limit = 1e-6;
	s = fx_tensor(&f, _i ? TERN_F16 : TERN_F32, 7, 10, 1, 1);
	d = fx_tensor(&f, TERN_F32, 11, 10, 1, 1);
	vs = fx_view(&f, s);
	f.tensor[vs].ne[0] = 6;
	f.tensor[vs].ne[1] = 4;
	vd = fx_view(&f, d);
	f.tensor[vd].ne[0] = 8;
	f.tensor[vd].ne[1] = 3;
	fx_op(&f, TERN_COPY, vd, vs, FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

START_TEST(copies_transpose_large_matrices)
{
	struct fx f;
	int s, d;

	fx_begin(&f);
	f.limit = 0;
	s = fx_tensor(&f, TERN_F32, 300, 500, 1, 1);
	d = fx_tensor(&f, TERN_F32, 500, 300, 1, 1);
	if (_i)
		fx_op(&f, TERN_COPY, fx_permute(&f, d, 1, 0, 2, 3), s, FX_NONE, FX_NONE);
	else
		fx_op(&f, TERN_COPY, d, fx_permute(&f, s, 1, 0, 2, 3), FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

START_TEST(copies_of_symbolic_sizes)
{
	static const int64_t runs[][FX_SYMBOLS] = {{1}, {5}, {48}};
	struct fx f;
	int s, d, v, n;

	fx_begin(&f);
	f.limit = 1e-6;
	n = fx_symbol(&f, 48);
	s = fx_tensor(&f, TERN_F32, 32, 48, 6, 1);
	fx_sym(&f, s, 1, n);
	v = fx_permute(&f, s, 0, 2, 1, 3); /* [32, 6, n] -> [192, n] */
	d = fx_tensor(&f, TERN_F16, 192, 48, 1, 1);
	fx_sym(&f, d, 1, n);
	fx_op(&f, TERN_COPY, d, v, FX_NONE, FX_NONE);
	for (int c = 0; c < 3; c++)
		fx_run_on(&f, fx_configs[c], runs, 3);
	fx_end(&f);
}
END_TEST

START_TEST(concat_along_every_dimension)
{
	static const enum tern_dtype types[] = {TERN_F32, TERN_F16, TERN_Q4_0, TERN_I32};
	int64_t a[4] = {64, 3, 4, 2}, b[4] = {64, 3, 4, 2}, n[4] = {64, 3, 4, 2};
	enum tern_dtype type = types[_i / 4];
	struct fx f;
	int s0, s1, d, dim = _i % 4;

	b[dim] *= 2;
	n[dim] *= 3;
	fx_begin(&f);
	f.limit = 0;
	s0 = fx_tensor(&f, type, a[0], a[1], a[2], a[3]);
	s1 = fx_tensor(&f, type, b[0], b[1], b[2], b[3]);
	d = fx_tensor(&f, type, n[0], n[1], n[2], n[3]);
	fx_op(&f, TERN_CONCAT, d, s0, s1, FX_NONE)->i[0] = dim;
	fx_run(&f);
}
END_TEST

START_TEST(repeat_in_every_dimension)
{
	static const int64_t from[][4] = {{20, 3, 2, 1}, {20, 1, 1, 1}, {1, 1, 1, 1},
					  {10, 3, 1, 2}, {40, 6, 4, 2}, {5, 2, 2, 2}};
	static const enum tern_dtype types[] = {TERN_F32, TERN_F16, TERN_I32,
						TERN_F32, TERN_I64, TERN_F16};
	const int64_t *n = from[_i];
	struct fx f;
	int s, d;

	fx_begin(&f);
	f.limit = 0;
	s = fx_tensor(&f, types[_i], n[0], n[1], n[2], n[3]);
	d = fx_tensor(&f, types[_i], 40, 6, 4, 2);
	fx_op(&f, TERN_REPEAT, d, s, FX_NONE, FX_NONE);
	fx_run(&f);
}
END_TEST

/* ---- the program -------------------------------------------------------------------- */
int main(void)
{
	Suite *s = suite_create("rows: moves");
	TCase *t = tcase_create("rope"), *m = tcase_create("moves");
	SRunner *runner;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, rope_variants, 0, sizeof(ropes) / sizeof(ropes[0]));
	tcase_add_test(t, rope_of_a_symbolic_number_of_tokens);
	tcase_add_loop_test(t, rope_too_fast_for_binary32, 0, 9);
	tcase_add_loop_test(t, chains_into_a_cache, 0, 16);
	tcase_add_loop_test(t, chains_of_one_token_of_several_sequences, 0,
			    BATCH_CACHES * sizeof(batches) / sizeof(batches[0]));
	suite_add_tcase(s, t);
	tcase_set_timeout(m, 300);
	tcase_add_loop_test(m, get_rows_decodes, 0, sizeof(row_types) / sizeof(row_types[0]));
	tcase_add_loop_test(m, get_rows_longer_than_the_scratchpad, 0, 2);
	tcase_add_loop_test(m, set_rows_encodes, 0, 9);
	tcase_add_loop_test(m, copies_convert, 0, 15);
	tcase_add_loop_test(m, copies_permute_and_reshape, 0, 35);
	tcase_add_loop_test(m, copies_between_two_padded_shapes_go_through_scratch, 0, 2);
	tcase_add_loop_test(m, copies_transpose_large_matrices, 0, 2);
	tcase_add_test(m, copies_of_symbolic_sizes);
	tcase_add_loop_test(m, concat_along_every_dimension, 0, 16);
	tcase_add_loop_test(m, repeat_in_every_dimension, 0, 6);
	suite_add_tcase(s, m);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
