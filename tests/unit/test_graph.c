// SPDX-License-Identifier: MIT
/* Graphs: what is let in, what is refused and why. */
#include "graph_samples.h"

#include "graph/graph.h"

/* ---- types ------------------------------------------------------------------------- */

START_TEST(types_have_ggmls_blocks)
{
	ck_assert_str_eq(tern_dtype_name(TERN_Q4_K), "Q4_K");
	ck_assert_ptr_null(tern_dtype_name((enum tern_dtype)28)); /* F64 */
	ck_assert_ptr_null(tern_dtype_name((enum tern_dtype)4));
	ck_assert_ptr_null(tern_dtype_name((enum tern_dtype) - 1));
	ck_assert_ptr_null(tern_dtype_name((enum tern_dtype)1000));
	ck_assert_uint_eq(tern_dtype_row_bytes(TERN_F16, 3), 6);
	ck_assert_uint_eq(tern_dtype_row_bytes(TERN_Q4_0, 64), 36);
	ck_assert_uint_eq(tern_dtype_row_bytes(TERN_Q6_K, 512), 420);
	ck_assert_uint_eq(tern_dtype_row_bytes(TERN_Q4_0, 33), 0);
	ck_assert_uint_eq(tern_dtype_row_bytes(TERN_I64, UINT64_MAX / 2), 0);
	ck_assert_str_eq(tern_op_name(TERN_RMS_NORM), "RMS_NORM");
	ck_assert_ptr_null(tern_op_name(TERN_OP_COUNT));
}
END_TEST

START_TEST(contiguous_strides)
{
	int64_t ne[4] = {64, 3, 5, 2}, odd[4] = {33, 1, 1, 1},
		huge[4] = {1 << 30, 1 << 30, 1 << 30, 1};
	uint64_t nb[4];

	ck_assert_uint_eq(tern_contiguous(TERN_Q8_0, ne, nb), 68 * 30);
	ck_assert_uint_eq(nb[0], 34);
	ck_assert_uint_eq(nb[1], 68);
	ck_assert_uint_eq(nb[2], 68 * 3);
	ck_assert_uint_eq(nb[3], 68 * 15);
	ck_assert_uint_eq(tern_contiguous(TERN_Q8_0, odd, nb), 0);
	ck_assert_uint_eq(tern_contiguous(TERN_F32, huge, nb), 0);
	ne[2] = 0;
	ck_assert_uint_eq(tern_contiguous(TERN_Q8_0, ne, nb), 0);
}
END_TEST

/* ---- storages, tensors, symbols ------------------------------------------------------- */

/* x [8, 4] scaled into y; everything below breaks one thing of it. */
static struct gb *scale_graph(void)
{
	struct gb *g = gb_new();
	uint32_t x = gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "x", 8, 4, 1, 1);
	uint32_t y = gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "y", 8, 4, 1, 1);

	gb_symbol(g, "tokens", 4);
	gb_op(g, TERN_SCALE, y, x, NONE, NONE)->f[0] = 2.0f;
	return g;
}

START_TEST(everything_is_copied)
{
	struct gb *g = scale_graph();
	char name[] = "temporary";
	struct tern_graph *copy;

	g->storages[0].name = name;
	g->tensors[1].name = NULL;
	copy = gb_create(g);
	memset(name, 'x', sizeof(name) - 1);
	memset(g, 0xff, sizeof(*g));
	free(g);
	ck_assert_str_eq(copy->storages[0].name, "temporary");
	ck_assert_str_eq(copy->symbols[0].name, "tokens");
	ck_assert_ptr_null(copy->tensors[1].name);
	ck_assert_int_eq(copy->tensors[0].ne[1], 4);
	ck_assert_int_eq(copy->ops[0].op, TERN_SCALE);
	tern_graph_destroy(copy);
	tern_graph_destroy(NULL);
}
END_TEST

START_TEST(null_and_empty)
{
	struct tern_graph_desc desc = {0};
	struct tern_graph *g;

	expect_error(tern_graph_create(NULL, &g), -EINVAL, "NULL");
	expect_error(tern_graph_create(&desc, NULL), -EINVAL, "NULL");
	desc.nops = 1;
	expect_error(tern_graph_create(&desc, &g), -EINVAL, "is NULL though its count is not 0");
	desc.nops = 0;
	ck_assert_int_eq(tern_graph_create(&desc, &g), 0);
	tern_graph_destroy(g);
}
END_TEST

static void break_tensor(struct tern_tensor_desc *t, int what)
{
	switch (what) {
	case 0:
		t->storage = 2;
		break;
	case 1:
		t->type = (enum tern_dtype)5;
		break;
	case 2:
		t->ne[2] = 0;
		break;
	case 3:
		t->ne[0] = -1;
		break;
	case 4:
		t->nb[1] = 34;
		break;
	case 5:
		t->offset = 2;
		break;
	case 6:
		t->offset = 4;
		break;
	case 7:
		t->nb[1] = UINT64_MAX / 3 * 4;
		break;
	case 8:
		t->ne[3] = 2;
		break;
	case 9:
		t->ne_sym[1] = 2;
		break;
	case 10:
		t->ne_sym[0] = 1;
		break;
	case 11:
		t->offset_sym = 2;
		break;
	case 12:
		t->offset_sym = 1;
		t->offset_mul = 32;
		break;
	case 13:
		t->offset_sym = 1;
		t->offset_mul = -32;
		break;
	case 14:
		t->offset_sym = 1;
		t->offset_mul = INT64_MAX / 4 * 4;
		break;
	case 15:
		t->offset_sym = 1;
		t->offset_mul = 2;
		break;
	case 16:
		t->type = TERN_Q4_0;
		break;
	case 17:
		t->type = TERN_Q4_0;
		t->nb[0] = 18;
		break;
	case 18:
		t->ne[0] = 1ll << 47;
		t->ne[1] = 1ll << 47;
		break;
	default:
		t->offset = UINT64_MAX - 3;
	}
}

static const char *const tensor_rules[] = {
	"its storage does not exist",
	"its type is unknown",
	"at least 1",
	"at least 1",
	"multiples of the element",
	"multiple of the element",
	"past its storage",
	"overflows",
	"past its storage",
	"symbol that does not exist",
	"must hold its symbol's bound",
	"symbol that does not exist",
	"past its storage",
	"before the storage",
	"overflows",
	"multiple of the element",
	"block's bytes",
	"multiple of the block",
	"2^48 elements",
	"overflows",
};

START_TEST(broken_tensors_are_named)
{
	struct gb *g = scale_graph();

	break_tensor(&g->tensors[1], _i);
	gb_refused(g, tensor_rules[_i]);
	gb_refused(g, "tensor 1 'y'");
	free(g);
}
END_TEST

START_TEST(blocks_lie_at_even_bytes)
{
	struct gb *g = gb_new();
	uint32_t s = gb_storage(g, 1024, TERN_STORAGE_BOUND, "w");
	uint32_t q8 = gb_view(g, s, TERN_Q8_0, 3, 64, 4, 1, 1);

	gb_refused(g, "of 2 for blocks");
	g->tensors[q8].offset = 2;
	g->tensors[q8].nb[1] = 69;
	gb_refused(g, "of 2 for blocks");
	gb_view(g, s, TERN_MXFP4, 3, 64, 4, 1, 1); /* 17 bytes, no scale of two bytes */
	g->tensors[q8].nb[1] = 70;
	tern_graph_destroy(gb_create(g));
	free(g);
}
END_TEST

START_TEST(broken_storages_and_symbols)
{
	struct gb *g = scale_graph();

	g->storages[0].flags = 8;
	gb_refused(g, "storage 0 'x' (128 bytes, flags 0x8): a flag is unknown");
	g->storages[0].flags = TERN_STORAGE_CONST;
	gb_refused(g, "constant storage must be bound");
	g->storages[0].flags = TERN_STORAGE_BOUND | TERN_STORAGE_KEEP;
	gb_refused(g, "KEEP is for scratch");
	g->storages[0].flags = TERN_STORAGE_BOUND;
	g->storages[0].size = 1ull << 47;
	gb_refused(g, "48-bit");
	g->storages[0].size = 128;
	g->storages[1].flags |= TERN_STORAGE_CONST;
	gb_refused(g, "operator 0 (SCALE): it writes a constant storage");
	g->storages[1].flags = 0;
	g->symbols[0].max = 0;
	gb_refused(g, "symbol 0 'tokens': its bound must be at least 1");
	g->desc.nsymbols = 255;
	gb_refused(g, "254 symbols");
	free(g);
}
END_TEST

/* ---- symbols and views ---------------------------------------------------------------- */

START_TEST(symbols_must_agree)
{
	struct gb *g = sample_graph(sample_of(TERN_MATMUL));

	gb_symbol(g, "tokens", 3);
	gb_symbol(g, "other", 3);
	g->tensors[1].ne_sym[1] = 1;
	gb_refused(g, "destination must be");
	g->tensors[5].ne_sym[1] = 2;
	gb_refused(g, "destination must be");
	g->tensors[5].ne_sym[1] = 1;
	tern_graph_destroy(gb_create(g));
	free(g);
}
END_TEST

START_TEST(copy_counts_symbols)
{
	struct gb *g = gb_new();
	uint32_t x = gb_tensor(g, F, TERN_STORAGE_BOUND, "x", 8, 4, 6, 1);
	uint32_t y = gb_tensor(g, F, TERN_STORAGE_BOUND, "y", 32, 6, 1, 1);

	gb_symbol(g, "tokens", 6);
	gb_symbol(g, "other", 6);
	gb_op(g, TERN_COPY, y, x, NONE, NONE);
	g->tensors[x].ne_sym[2] = 1;
	gb_refused(g, "as many elements");
	g->tensors[y].ne_sym[1] = 2;
	gb_refused(g, "as many elements");
	g->tensors[y].ne_sym[1] = 1;
	tern_graph_destroy(gb_create(g));
	free(g);
}
END_TEST

START_TEST(views_follow_symbols)
{
	const int64_t symbols[2] = {7, 3};
	struct tern_tensor_desc t = {.type = F,
				     .ne = {8, 10, 1, 1},
				     .nb = {4, 32, 320, 320},
				     .offset = 64,
				     .ne_sym = {0, 2, 0, 0},
				     .offset_sym = 1,
				     .offset_mul = 32};
	struct tern_view v;
	uint64_t lo, hi;

	tern_view_of(&t, symbols, &v);
	ck_assert_int_eq(v.ne[1], 3);
	ck_assert_uint_eq(v.offset, 64 + 6 * 32);
	ck_assert_uint_eq(tern_view_bytes(&v), 8 * 4 * 3);
	/* Its symbol's bound is unknown here: open upwards. */
	tern_tensor_range(&t, &lo, &hi);
	ck_assert_uint_eq(lo, 64);
	ck_assert_uint_eq(hi, UINT64_MAX);
	t.offset_sym = 0;
	tern_tensor_range(&t, &lo, &hi);
	ck_assert_uint_eq(hi, 64 + 320);
}
END_TEST

START_TEST(symbol_values_are_checked)
{
	struct gb *g = sample_graph(sample_of(TERN_ATTENTION));
	int64_t v[2] = {3, 16};
	struct tern_graph *graph;
	int k;

	gb_symbol(g, "tokens", 3);
	gb_symbol(g, "positions", 16);
	g->tensors[0].ne_sym[1] = g->tensors[3].ne_sym[1] = g->tensors[5].ne_sym[2] = 1;
	for (k = 1; k <= 2; k++)
		g->tensors[k].ne_sym[1] = 2;
	g->tensors[3].ne_sym[0] = 2;
	graph = gb_create(g);
	ck_assert_int_eq(tern_graph_check_symbols(graph, v, 2), 0);
	expect_error(tern_graph_check_symbols(graph, v, 1), -EINVAL, "has 2 symbols");
	expect_error(tern_graph_check_symbols(graph, NULL, 2), -EINVAL, "has 2 symbols");
	v[0] = 4;
	expect_error(tern_graph_check_symbols(graph, v, 2), -EINVAL,
		     "'tokens' must be 1 to 3, not 4");
	v[0] = 0;
	expect_error(tern_graph_check_symbols(graph, v, 2), -EINVAL, "not 0");
	v[0] = 3;
	v[1] = 2;
	expect_error(tern_graph_check_symbols(graph, v, 2), -EINVAL, "at least as many positions");
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

/* ---- writing in place -------------------------------------------------------------------- */

START_TEST(in_place_means_the_same_view)
{
	struct gb *g = gb_new();
	uint32_t s = gb_storage(g, 8 * 8 * 4, TERN_STORAGE_BOUND, "m");
	uint32_t a = gb_view(g, s, F, 0, 8, 4, 1, 1);
	uint32_t shifted = gb_view(g, s, F, 32, 8, 4, 1, 1);
	struct tern_op_desc *op = gb_op(g, TERN_SCALE, a, a, NONE, NONE);

	tern_graph_destroy(gb_create(g));
	op->dst = shifted;
	gb_refused(g, "overlaps a source");
	*op = (struct tern_op_desc){
		.op = TERN_MATMUL, .src = {a, shifted, NONE, NONE, NONE}, .dst = a};
	gb_refused(g, "MATMUL");
	free(g);
}
END_TEST

/* Q and K side by side in the rows of one product: ranges interleave, bytes do not meet. */
START_TEST(columns_of_one_matrix_are_apart)
{
	struct gb *g = gb_new();
	uint32_t s = gb_storage(g, 4 * 64 * 4, TERN_STORAGE_BOUND, "qkv");
	uint32_t q = gb_view(g, s, F, 0, 16, 2, 4, 1), k = gb_view(g, s, F, 128, 16, 2, 4, 1);

	g->tensors[q].nb[2] = g->tensors[k].nb[2] = 256;
	g->tensors[q].nb[3] = g->tensors[k].nb[3] = 1024;
	gb_op(g, TERN_SCALE, k, q, NONE, NONE);
	tern_graph_destroy(gb_create(g));
	g->tensors[k].offset = 124;
	gb_refused(g, "overlaps a source");
	free(g);
}
END_TEST

START_TEST(destinations_do_not_fold)
{
	struct gb *g = scale_graph();

	g->tensors[1].nb[1] = 28;
	gb_refused(g, "overlap each other");
	g->tensors[1].nb[1] = 0;
	gb_refused(g, "overlap each other");
	/* Transposed is fine: no two elements share a byte. */
	g->tensors[1].nb[0] = 16;
	g->tensors[1].nb[1] = 4;
	tern_graph_destroy(gb_create(g));
	/* A source may fold: a row repeated. */
	g->tensors[0].nb[1] = 0;
	tern_graph_destroy(gb_create(g));
	free(g);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("graph");
	TCase *t = tcase_create("types");

	tcase_add_test(t, types_have_ggmls_blocks);
	tcase_add_test(t, contiguous_strides);
	suite_add_tcase(s, t);

	t = tcase_create("parts");
	tcase_add_test(t, everything_is_copied);
	tcase_add_test(t, null_and_empty);
	tcase_add_loop_test(t, broken_tensors_are_named, 0,
			    (int)(sizeof(tensor_rules) / sizeof(tensor_rules[0])));
	tcase_add_test(t, blocks_lie_at_even_bytes);
	tcase_add_test(t, broken_storages_and_symbols);
	suite_add_tcase(s, t);

	t = tcase_create("symbols and views");
	tcase_add_test(t, symbols_must_agree);
	tcase_add_test(t, copy_counts_symbols);
	tcase_add_test(t, views_follow_symbols);
	tcase_add_test(t, symbol_values_are_checked);
	tcase_add_test(t, in_place_means_the_same_view);
	tcase_add_test(t, columns_of_one_matrix_are_apart);
	tcase_add_test(t, destinations_do_not_fold);
	suite_add_tcase(s, t);

	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
