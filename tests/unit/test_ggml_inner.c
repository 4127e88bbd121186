// SPDX-License-Identifier: MIT
/*
 * What the ggml backend may leave unwritten. By ggml's use counts a result need not exist in
 * memory if every node that names it, or a view of it, is of the split, and nobody asked for
 * it. So each case has a graph, a split of it, and who may see which result; what may be seen
 * is then computed, and compared with the arithmetic done here in the order of the nodes.
 */
#include <errno.h>

#include "ggml_fixture.h"

/* ---- what may be elided -------------------------------------------------------------------- */

START_TEST(what_only_the_split_reads_is_elided_and_what_nobody_reads_is_not)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *c = node(OP_SCALE, a, NULL), *d = node(OP_NEG, c, NULL);

	WRITES(0, 3, d);
	ck_assert(elided(a));
}
END_TEST

START_TEST(two_readers_inside_are_none_outside)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *c = node(OP_SCALE, a, NULL), *d = node(OP_ADD, a, c),
			   *e = node(OP_MUL, a, a), *f = node(OP_ADD, d, e),
			   *g = node(OP_NEG, f, NULL);

	WRITES(0, 6, g);
	ck_assert(elided(a) && elided(c) && elided(d) && elided(e));
}
END_TEST

/* A program may have ggml end a split at a node that it is curious of, and look at its sources. */
START_TEST(what_the_last_node_reads_is_kept)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *c = node(OP_SCALE, a, NULL), *d = node(OP_MUL, a, c),
			   *v = over(d, OP_VIEW), *e = node(OP_ADD, c, v),
			   *f = node(OP_NEG, e, NULL);

	WRITES(0, 3, a, c, d);
	WRITES(0, 5, c, d, e); /* the root of what is read by way of a view */
	ck_assert(elided(a));
	WRITES(0, 6, e, f);
	ck_assert(elided(a) && elided(c) && elided(d));
}
END_TEST

START_TEST(a_reader_in_a_later_split_keeps_it)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *c = node(OP_SCALE, a, NULL), *d = node(OP_ADD, c, a);

	WRITES(0, 2, a, c);
	WRITES(2, 1, d); /* which reads what the first wrote */
}
END_TEST

START_TEST(an_output_is_kept_though_the_split_reads_it)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *c = node(OP_SCALE, a, NULL);

	a->flags |= GGML_TENSOR_FLAG_OUTPUT;
	WRITES(0, 2, a, c);
}
END_TEST

START_TEST(a_graph_of_one_node_writes_it)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL);

	WRITES(0, 1, a);
}
END_TEST

START_TEST(without_use_counts_everything_is_kept)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL);
	struct ggml_cgraph graph;

	node(OP_SCALE, a, NULL);
	graph = split(0, 2);
	graph.use_counts = NULL;
	ck_assert_int_eq(capture(&graph), 0);
	ck_assert(!elided(a));
	graph = split(0, 2);
	graph.visited.size = 0;
	ck_assert_int_eq(capture(&graph), 0);
	ck_assert(!elided(a));
}
END_TEST

/* The host's set is as full as it may be, and a split's copy of a tensor is not in it. */
START_TEST(a_full_set_is_searched_once_around)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *c = node(OP_SCALE, a, NULL), *d = node(OP_NEG, c, NULL), stranger;

	b.nslots = 4; /* x, a, c, d */
	WRITES(0, 3, d);
	ck_assert(elided(a));
	WRITES(0, 2, a, c);
	stranger = *a;
	ck_assert_int_eq(access_v3()->uses(&(struct ggml_cgraph){.use_counts = b.counts,
								 .visited = {4, b.used, b.keys}},
					   &stranger),
			 -1);
}
END_TEST

/* ---- views and writes in place ---------------------------------------------------------------- */

START_TEST(a_view_read_inside_hides_nothing)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL), *v = over(a, OP_VIEW),
			   *c = node(OP_SCALE, v, NULL), *d = node(OP_NEG, c, NULL);

	WRITES(0, 4, d);
	ck_assert(elided(a));
}
END_TEST

START_TEST(a_view_of_a_part_reads_that_part)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *v = halved(over(a, OP_VIEW)), *c = halved(node(OP_SCALE, v, NULL)),
			   *d = halved(node(OP_NEG, c, NULL));

	WRITES(0, 4, d);
	ck_assert(elided(a));
}
END_TEST

START_TEST(a_view_read_outside_keeps_its_root)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL), *v = over(a, OP_VIEW),
			   *c = node(OP_SCALE, v, NULL), *d = node(OP_ADD, v, c);

	WRITES(0, 3, a, c);
	WRITES(3, 1, d);
}
END_TEST

START_TEST(a_view_of_a_view_read_outside_keeps_the_root)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL), *v = over(a, OP_VIEW),
			   *w = over(v, OP_VIEW), *c = node(OP_SCALE, w, NULL),
			   *d = node(OP_ADD, w, c);

	WRITES(0, 4, a, c);
	WRITES(4, 1, d);
}
END_TEST

START_TEST(a_view_made_outside_keeps_its_root)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *c = node(OP_SCALE, a, NULL), *v = over(a, OP_VIEW);

	node(OP_ADD, v, c);
	WRITES(0, 2, a, c);
}
END_TEST

START_TEST(a_view_that_is_the_output_keeps_its_root)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL), *v = over(a, OP_VIEW),
			   *c = node(OP_SCALE, v, NULL);

	v->flags |= GGML_TENSOR_FLAG_OUTPUT;
	WRITES(0, 3, a, c);
}
END_TEST

START_TEST(who_reads_after_a_write_in_place_sees_it)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *before = node(OP_SCALE, a, NULL), *w = over(a, OP_SCALE),
			   *after = node(OP_MUL, a, w), *sum = node(OP_ADD, before, after),
			   *d = node(OP_NEG, sum, NULL);

	WRITES(0, 6, d);
	ck_assert(elided(a) && elided(w) && elided(before) && elided(after) && !elided(sum));
}
END_TEST

START_TEST(a_write_in_place_read_outside_keeps_both)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL), *w = over(a, OP_SCALE),
			   *c = node(OP_ADD, a, w);

	node(OP_NEG, w, NULL);
	WRITES(0, 3, w, c);
	ck_assert(!elided(a));
}
END_TEST

START_TEST(a_write_into_what_was_there_before_is_kept)
{
	struct ggml_tensor *x = leaf(b.compute), *w = over(x, OP_SCALE), *c = node(OP_NEG, w, NULL);

	captured(0, 2);
	ck_assert(!elided(w) && !elided(c));
}
END_TEST

START_TEST(a_place_that_is_used_again_is_two_storages_or_in_order)
{
	/* ggml's allocator: d where a was, whose last reader is c; e where x was. */
	struct ggml_tensor *x = leaf(b.compute), *a = at(1, OP_NEG, x, NULL),
			   *c = at(2, OP_SCALE, a, NULL), *d = at(1, OP_ADD, c, x),
			   *e = at(3, OP_MUL, d, c), *f = at(4, OP_NEG, e, NULL);

	b.taken = 5;
	d->flags |= GGML_TENSOR_FLAG_OUTPUT;
	WRITES(0, 5, d, f);
	ck_assert(elided(a) && elided(c));
}
END_TEST

/* ---- whose memory it is -------------------------------------------------------------------------- */

START_TEST(only_a_compute_buffer_is_ggmls_to_forget)
{
	struct ggml_tensor *x = leaf(b.compute), *k = in(b.cache, OP_NEG, x, NULL),
			   *w = in(b.weights, OP_NEG, x, NULL), *c = node(OP_ADD, k, w);

	WRITES(0, 3, k, w, c);
}
END_TEST

START_TEST(memory_of_others_is_refused_by_name)
{
	struct ggml_tensor *x = leaf(b.compute), *a = in(b.foreign, OP_NEG, x, NULL), *y;
	struct ggml_cgraph graph = split(0, 1);

	ck_assert_int_eq(capture(&graph), -EINVAL);
	ck_assert_ptr_nonnull(strstr(b.why, "'t2' lies in memory that the device does not see"));
	y = node(OP_SCALE, a, NULL);
	graph = split(1, 1);
	ck_assert_int_eq(capture(&graph), -EINVAL);
	ck_assert_ptr_nonnull(strstr(b.why, "'t2'"));
	y->src[0] = x;
	WRITES(1, 1, y); /* the one before it was not kept in mind */
}
END_TEST

START_TEST(a_node_that_ggml_passes_over_is_neither_run_nor_elided)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL),
			   *c = node(OP_SCALE, a, NULL);

	a->flags = 0;
	captured(0, 2);
	ck_assert_uint_eq(b.capture.nops, 1);
	ck_assert_uint_eq(
		b.capture.storages[b.capture.tensors[b.capture.ops[0].src[0]].storage].flags,
		TERN_STORAGE_BOUND | TERN_STORAGE_CONST);
	prepare(0);
	memcpy(a->data, x->data, ROW_BYTES);
	compute(0, 2);
	for (int i = 0; i < ROW; i++)
		ck_assert_float_eq(((float *)c->data)[i], 0.5f * ((float *)x->data)[i]);
}
END_TEST

/* ---- may the host go on? ------------------------------------------------------------------------------ */

static bool alone(int first, int n)
{
	struct ggml_cgraph graph = split(first, n);

	ck_assert_msg(!capture(&graph), "%s", b.why);
	return inner_alone(&b.capture.inner, access_v3(), &graph);
}

START_TEST(the_host_may_go_on_unless_other_nodes_use_the_devices_memory)
{
	struct ggml_tensor *x = leaf(b.compute), *a = node(OP_NEG, x, NULL), *f = leaf(b.foreign),
			   *w = leaf(b.weights), *g;

	ck_assert(alone(0, 1));
	g = in(b.foreign, OP_MUL, f, w); /* embeddings that the host looks up in weights */
	ck_assert(alone(0, 1));
	over(a, OP_VIEW);
	ck_assert(alone(0, 1)); /* a view is no work */
	in(b.foreign, OP_ADD, g, a);
	ck_assert(!alone(0, 1));
	b.nodes[b.nnodes - 1]->src[1] = over(a, OP_VIEW);
	ck_assert(!alone(0, 1));
	b.nodes[b.nnodes - 2]->src[1] = NULL; /* back to what does not meet the device... */
	b.nodes[b.nnodes - 2]->op = OP_NEG;
	ck_assert(alone(0, 1));
	node(OP_ODD, g, NULL); /* ...until it writes there */
	ck_assert(!alone(0, 1));
}
END_TEST

START_TEST(a_graph_that_says_nothing_of_the_others_is_waited_for)
{
	struct ggml_tensor *x = leaf(b.compute);
	struct ggml_cgraph graph;

	node(OP_NEG, x, NULL);
	graph = split(0, 1);
	graph.visited.size = 0;
	ck_assert_int_eq(capture(&graph), 0);
	ck_assert(!inner_alone(&b.capture.inner, access_v3(), &graph));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ggml_inner");
	TCase *tc = tcase_create("splits");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, what_only_the_split_reads_is_elided_and_what_nobody_reads_is_not);
	tcase_add_test(tc, two_readers_inside_are_none_outside);
	tcase_add_test(tc, what_the_last_node_reads_is_kept);
	tcase_add_test(tc, a_reader_in_a_later_split_keeps_it);
	tcase_add_test(tc, an_output_is_kept_though_the_split_reads_it);
	tcase_add_test(tc, a_graph_of_one_node_writes_it);
	tcase_add_test(tc, without_use_counts_everything_is_kept);
	tcase_add_test(tc, a_full_set_is_searched_once_around);
	tcase_add_test(tc, a_view_read_inside_hides_nothing);
	tcase_add_test(tc, a_view_of_a_part_reads_that_part);
	tcase_add_test(tc, a_view_read_outside_keeps_its_root);
	tcase_add_test(tc, a_view_of_a_view_read_outside_keeps_the_root);
	tcase_add_test(tc, a_view_made_outside_keeps_its_root);
	tcase_add_test(tc, a_view_that_is_the_output_keeps_its_root);
	tcase_add_test(tc, who_reads_after_a_write_in_place_sees_it);
	tcase_add_test(tc, a_write_in_place_read_outside_keeps_both);
	tcase_add_test(tc, a_write_into_what_was_there_before_is_kept);
	tcase_add_test(tc, a_place_that_is_used_again_is_two_storages_or_in_order);
	tcase_add_test(tc, only_a_compute_buffer_is_ggmls_to_forget);
	tcase_add_test(tc, memory_of_others_is_refused_by_name);
	tcase_add_test(tc, a_node_that_ggml_passes_over_is_neither_run_nor_elided);
	tcase_add_test(tc, the_host_may_go_on_unless_other_nodes_use_the_devices_memory);
	tcase_add_test(tc, a_graph_that_says_nothing_of_the_others_is_waited_for);
	suite_add_tcase(s, tc);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
