// SPDX-License-Identifier: MIT
/* What a graph asks for, against counts by hand. */
#include "graph_samples.h"

#include "graph/graph.h"

START_TEST(matmul_counts_by_weight_type)
{
	struct gb *g = sample_graph(sample_of(TERN_MATMUL));
	struct tern_graph *graph;
	struct tern_op_work w;

	g->storages[0].flags |= TERN_STORAGE_CONST;
	graph = gb_create(g);
	tern_op_work(graph, 0, NULL, &w);
	ck_assert_uint_eq(w.macs[0], 64u * 5 * 3 * 4 * 2);
	ck_assert_uint_eq(w.macs[1] + w.macs[2] + w.macs[3], 0);
	ck_assert_uint_eq(w.weight_bytes, 36 * 5 * 2);
	ck_assert_uint_eq(w.kv_bytes, 0);
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

/* Weights of 6 experts, each 5 rows of two blocks of 18 bytes: as many as there are indices, all of them at most. */
START_TEST(experts_count_once_each)
{
	const uint64_t tokens[] = {1, 2, 3}, experts[] = {4, 6, 6}, expert = 5 * 36;
	struct gb *g = sample_graph(sample_of(TERN_MATMUL_ID));
	struct tern_work_plan plan;
	struct tern_graph_work all;
	struct tern_graph *graph;
	struct tern_op_work w;
	int64_t t = (int64_t)tokens[_i];

	g->storages[0].flags |= TERN_STORAGE_CONST;
	gb_symbol(g, "tokens", 3);
	g->tensors[1].ne_sym[2] = g->tensors[2].ne_sym[1] = g->tensors[5].ne_sym[2] = 1;
	graph = gb_create(g);
	tern_op_work(graph, 0, &t, &w);
	ck_assert_uint_eq(w.macs[0], 64u * 5 * 4 * tokens[_i]);
	ck_assert_uint_eq(w.macs[1] + w.macs[2] + w.macs[3], 0);
	ck_assert_uint_eq(w.weight_bytes, experts[_i] * expert);
	ck_assert_uint_eq(w.kv_bytes, 0);
	ck_assert_int_eq(tern_work_plan(graph, 0, &plan), 0);
	tern_graph_work(graph, &plan, &t, &all);
	ck_assert_uint_eq(all.bytes, experts[_i] * expert + tokens[_i] * 4 * (64 * 2 + 4 + 5 * 4));
	tern_work_plan_fini(&plan);
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

static uint64_t pairs_by_hand(int causal, int window, int nt, int n, int *seen)
{
	uint64_t pairs = 0;
	int t, p;

	for (*seen = 0, p = 0; p < n; p++) {
		int any = 0;

		for (t = 0; t < nt; t++) {
			int ok = (!causal || p <= t + n - nt) &&
				 (!window || p > t + n - nt - window);

			pairs += (uint64_t)ok;
			any |= ok;
		}
		*seen += any;
	}
	return pairs;
}

START_TEST(attention_counts_admitted_pairs)
{
	static const int tries[][4] = {{0, 0, 3, 16}, {1, 0, 3, 16}, {1, 5, 3, 16}, {1, 1, 3, 3},
				       {1, 2, 5, 5},  {0, 4, 5, 9},  {1, 99, 4, 9}, {1, 0, 1, 1}};
	const int *x = tries[_i];
	struct gb *g = gb_new();
	uint32_t q = gb_tensor(g, F, 0, "q", 64, x[2], 4, 1);
	uint32_t k = gb_tensor(g, H, TERN_STORAGE_BOUND, "k", 64, x[3], 2, 1);
	uint32_t v = gb_tensor(g, F, TERN_STORAGE_BOUND, "v", 32, x[3], 2, 1);
	uint32_t d = gb_tensor(g, F, 0, "d", 32, 4, x[2], 1);
	struct tern_op_desc *op = gb_op(g, TERN_ATTENTION, d, q, k, v);
	struct tern_graph *graph;
	struct tern_op_work w;
	uint64_t pairs;
	int seen;

	op->i[0] = x[0];
	op->i[1] = x[1];
	graph = gb_create(g);
	pairs = pairs_by_hand(x[0], x[1], x[2], x[3], &seen);
	tern_op_work(graph, 0, NULL, &w);
	ck_assert_uint_eq(w.macs[1], pairs * 4 * 64);
	ck_assert_uint_eq(w.macs[3], pairs * 4 * 32);
	ck_assert_uint_eq(w.kv_bytes, (uint64_t)seen * 2 * (64 * 2 + 32 * 4));
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

/* embed -> two products with the same weight -> cache write; a head that shares the table. */
static struct gb *model_graph(bool tied)
{
	struct gb *g = gb_new();
	const uint32_t weight = TERN_STORAGE_BOUND | TERN_STORAGE_CONST;
	uint32_t table = gb_tensor(g, TERN_Q8_0, weight, "table", 32, 100, 1, 1);
	uint32_t w = gb_tensor(g, TERN_Q4_0, weight, "w", 32, 32, 1, 1);
	uint32_t ids = gb_tensor(g, I, TERN_STORAGE_BOUND, "ids", 8, 1, 1, 1);
	uint32_t x = gb_tensor(g, F, 0, "x", 32, 8, 1, 1), y = gb_tensor(g, F, 0, "y", 32, 8, 1, 1);
	uint32_t z = gb_tensor(g, F, 0, "z", 32, 8, 1, 1);
	uint32_t cache = gb_tensor(g, H, TERN_STORAGE_BOUND, "cache", 32, 64, 1, 1);
	uint32_t out = gb_tensor(g, F, TERN_STORAGE_BOUND, "out", 100, 8, 1, 1);
	uint32_t head = tied ? table : gb_tensor(g, TERN_Q8_0, weight, "head", 32, 100, 1, 1);
	int t;

	gb_symbol(g, "tokens", 8);
	g->tensors[ids].ne_sym[0] = 1;
	for (t = 0; t < 3; t++)
		g->tensors[(uint32_t[]){x, y, z}[t]].ne_sym[1] = 1;
	g->tensors[out].ne_sym[1] = 1;
	gb_op(g, TERN_GET_ROWS, x, table, ids, NONE);
	gb_op(g, TERN_MATMUL, y, w, x, NONE);
	gb_op(g, TERN_MATMUL, z, w, y, NONE);
	gb_op(g, TERN_SET_ROWS, cache, z, ids, NONE);
	gb_op(g, TERN_MATMUL, out, head, z, NONE);
	return g;
}

START_TEST(graph_bytes_count_once)
{
	struct gb *g = model_graph(_i);
	struct tern_graph *graph = gb_create(g);
	const int64_t tokens = 5;
	const uint64_t head = 34 * 100, w = 18 * 32, ids = 4 * 5, out = 4 * 100 * 5,
		       kv = 2 * 32 * 5;
	struct tern_work_plan plan;
	struct tern_graph_work work;

	ck_assert_int_eq(tern_work_plan(graph, 0, &plan), 0);
	tern_graph_work(graph, &plan, &tokens, &work);
	ck_assert_uint_eq(work.macs[0], 5 * (32 * 32 * 2 + 32 * 100));
	/* A tied table is read whole by the head; another one by its five rows only. */
	ck_assert_uint_eq(work.bytes, head + w + ids + out + kv + (_i ? 0 : 34 * 5));
	tern_work_plan_fini(&plan);
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

/* The head is what shares the last operator's group, at the end only. */
START_TEST(the_head_is_counted_apart)
{
	struct gb *g = model_graph(_i);
	struct tern_work_plan plan;
	struct tern_graph_work work;
	const int64_t tokens = 5;
	struct tern_graph *graph;

	g->ops[0].group = g->ops[4].group = 3;
	graph = gb_create(g);
	ck_assert_uint_eq(tern_graph_head(graph), 4);
	ck_assert_int_eq(tern_work_plan(graph, 4, &plan), 0);
	tern_graph_work(graph, &plan, &tokens, &work);
	ck_assert_uint_eq(work.macs[0], 5 * 32 * 100);
	ck_assert_uint_eq(work.bytes, 34 * 100 + 4 * 100 * 5);
	tern_work_plan_fini(&plan);
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

START_TEST(a_graph_of_one_group_is_one_phase)
{
	struct gb *g = model_graph(false);
	struct tern_graph *graph = gb_create(g);

	ck_assert_uint_eq(tern_graph_head(graph), 0);
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

START_TEST(an_empty_graph_has_no_head)
{
	struct gb *g = gb_new();
	struct tern_graph *graph = gb_create(g);

	ck_assert_uint_eq(tern_graph_head(graph), 0);
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

START_TEST(labels_name_operator_and_tensor)
{
	struct gb *g = model_graph(true);
	struct tern_graph *graph = gb_create(g);
	char buf[64];

	ck_assert_str_eq(tern_op_label(graph, 1, buf, sizeof(buf)), "1 (MATMUL 'y')");
	tern_graph_destroy(graph);
	free(g);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("graph work");
	TCase *t;

	t = tcase_create("work");
	tcase_add_test(t, matmul_counts_by_weight_type);
	tcase_add_loop_test(t, experts_count_once_each, 0, 3);
	tcase_add_loop_test(t, attention_counts_admitted_pairs, 0, 8);
	tcase_add_loop_test(t, graph_bytes_count_once, 0, 2);
	tcase_add_loop_test(t, the_head_is_counted_apart, 0, 2);
	tcase_add_test(t, a_graph_of_one_group_is_one_phase);
	tcase_add_test(t, an_empty_graph_has_no_head);
	tcase_add_test(t, labels_name_operator_and_tensor);
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
