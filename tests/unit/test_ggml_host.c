// SPDX-License-Identifier: MIT
/* What the plugin notices of a host that is not as it knows it, and tells. */
#include "ggml_fixture.h"

static char said[4096];

static void listen_to(enum ggml_log_level level, const char *text, void *data)
{
	(void)level;
	(void)data;
	strncat(said, text, sizeof(said) - strlen(said) - 1);
}

static void log_get(ggml_log_callback *callback, void **data)
{
	*callback = listen_to;
	*data = NULL;
}

static const char *version(void)
{
	return "9.8.7";
}

/* ---- ggml_cgraph, which the host may lay out in another way ----------------------------------- */

static int nodes_told;
static struct ggml_tensor **array_told;

static int n_nodes(const struct ggml_cgraph *graph)
{
	(void)graph;
	return nodes_told;
}

static struct ggml_tensor **array_of_nodes(const struct ggml_cgraph *graph)
{
	(void)graph;
	return array_told;
}

static void begin(void)
{
	setup();
	said[0] = '\0';
	host.ggml_log_get = log_get;
	host.ggml_version = version;
	host.ggml_graph_n_nodes = n_nodes;
	host.ggml_graph_nodes = array_of_nodes;
}

static void end(void)
{
	host.ggml_graph_n_nodes = NULL;
	host.ggml_graph_nodes = NULL;
	teardown();
}

static enum ggml_status compute_graph(struct ggml_cgraph graph)
{
	enum ggml_status status = b.stream->iface.graph_compute(b.stream, &graph);

	b.stream->iface.synchronize(b.stream);
	return status;
}

static void refused(struct ggml_cgraph graph)
{
	said[0] = '\0';
	ck_assert_int_eq(compute_graph(graph), GGML_STATUS_FAILED);
	ck_assert_msg(strstr(said, "graphs of ggml 9.8.7 are not laid out as"), "'%s'", said);
	ck_assert_ptr_nonnull(strstr(said, "install the libggml-tern.so of this ggml"));
}

START_TEST(graphs_of_another_layout_are_refused)
{
	struct ggml_tensor *x = leaf(b.compute), *y = node(OP_NEG, x, NULL);
	struct ggml_cgraph graph = split(0, 1), other = graph;

	prepare(0);
	nodes_told = 1;
	array_told = b.nodes;
	ck_assert_int_eq(compute_graph(graph), GGML_STATUS_SUCCESS);
	ck_assert_str_eq(said, "");
	ck_assert(((float *)y->data)[0] == -((float *)x->data)[0]);
	nodes_told = 2;
	refused(graph);
	nodes_told = 1;
	array_told = b.nodes + 1;
	refused(graph);
	array_told = b.nodes;
	other.visited.size = 0; /* no set at all */
	ck_assert_int_eq(compute_graph(other), GGML_STATUS_SUCCESS);
	other.visited.size = (size_t)(uintptr_t)b.used | 1ull << 40; /* a pointer is there */
	refused(other);
}
END_TEST

/* ---- operators that the device took, and the NPU does not run ------------------------------------ */

START_TEST(what_terns_own_cpu_runs_is_told_once)
{
	struct ggml_tensor *x, *y;
	const char *first;

	teardown();
	setup_on("sim:small,no=unary");
	x = leaf(b.compute);
	y = node(OP_NEG, x, NULL);
	nodes_told = 1;
	array_told = b.nodes;
	prepare(0);
	ck_assert_int_eq(compute_graph(split(0, 1)), GGML_STATUS_SUCCESS);
	ck_assert(((float *)y->data)[5] == -((float *)x->data)[5]);
	first = strstr(said, "took 1 operators of a graph that the NPU does not run");
	ck_assert_msg(first != NULL, "'%s'", said);
	node(OP_NEG, y, NULL);
	nodes_told = 2;
	ck_assert_int_eq(compute_graph(split(0, 2)), GGML_STATUS_SUCCESS);
	ck_assert_ptr_null(strstr(first + 1, "took"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ggml_host");
	TCase *tc = tcase_create("hosts");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, graphs_of_another_layout_are_refused);
	tcase_add_test(tc, what_terns_own_cpu_runs_is_told_once);
	suite_add_tcase(s, tc);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
