// SPDX-License-Identifier: MIT
/* What libtern tells: reports, traces, log. */
#include "json_check.h"
#include "lib_fixture.h"
#include "lib/session.h"

/* Text that a function writes to a stream. */
struct capture {
	char *text;
	size_t size;
	FILE *f;
};

static struct capture capture(void)
{
	return (struct capture){0};
}

static void capture_open(struct capture *c)
{
	c->f = open_memstream(&c->text, &c->size);
	ck_assert_ptr_nonnull(c->f);
}

static void capture_close(struct capture *c)
{
	fclose(c->f);
	free(c->text);
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void explain(const struct rig *r, struct capture *c, bool json)
{
	capture_open(c);
	must(tern_explain(r->s, c->f, json));
	fflush(c->f);
}

/* ---- explain ---------------------------------------------------------------------------- */

static void check_columns(const char *text)
{
	size_t len;

	for (; *text; text += len + (text[len] == '\n')) {
		len = strcspn(text, "\n");
		ck_assert_msg(len <= 80, "%zu columns: %.*s", len, (int)len, text);
	}
}

START_TEST(the_table_fits_80_columns)
{
	struct capture c = capture();
	struct rig r;

	rig_open(&r, _i ? "sim:ref,no=binary" : "cpu");
	rig_run(&r, 8);
	explain(&r, &c, false);
	check_columns(c.text);
	ck_assert_ptr_nonnull(strstr(c.text, "    2     7 MATMUL    p "));
	ck_assert_int_eq(count(c.text, "cpu[1]"), _i ? 1 : 4);
	ck_assert_ptr_nonnull(strstr(c.text, "Why operators ran on the CPU:\n   [1] "));
	capture_close(&c);
	rig_close(&r);
}
END_TEST

START_TEST(long_and_strange_names_fit_too)
{
	static const char *const names[] = {
		"blk.31.a_very_long_name_of_a_tensor_that_goes_on.weight",
		"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		"\xc3\xa9\xc3\xa9\xc3\xa9",
		"tab\tquote\"back\\slash\x01",
		"\xff\xc0\x80\xed\xa0\x80\xf5 not UTF-8",
	};
	struct capture c = capture();
	struct gb *g = rig_graph();
	struct tern_graph *graph;
	struct rig r = {0};
	int i;

	for (i = 0; i < 4; i++)
		g->tensors[g->ops[i].dst].name = names[i];
	graph = gb_create(g);
	must(tern_device_open("cpu", &r.dev));
	must(tern_compile(r.dev, graph, &r.prog));
	must(tern_session_create(r.prog, &r.s));
	explain(&r, &c, false);
	ck_assert_ptr_nonnull(strstr(c.text, " ~"));
	ck_assert_ptr_nonnull(strstr(c.text, "goes_on.weight"));
	capture_close(&c);
	explain(&r, &c, true);
	ck_assert_msg(json_ok(c.text), "%s", c.text);
	ck_assert_ptr_nonnull(strstr(c.text, "tab\\u0009quote\\\"back\\\\slash\\u0001"));
	ck_assert_ptr_nonnull(
		strstr(c.text, "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd not"));
	capture_close(&c);
	tern_graph_destroy(graph);
	rig_close(&r);
	free(g);
}
END_TEST

START_TEST(json_tells_where_and_why)
{
	struct capture c = capture();
	struct rig r;

	rig_open(&r, "sim:ref,no=binary");
	rig_run(&r, 8);
	rig_run(&r, 8);
	explain(&r, &c, true);
	ck_assert_msg(json_ok(c.text), "%s", c.text);
	ck_assert_ptr_nonnull(strstr(c.text, "\"runs\":2,\"npu_ops\":6,\"cpu_ops\":2"));
	ck_assert_int_eq(count(c.text, "\"where\":\"npu\""), 3);
	ck_assert_int_eq(count(c.text, "\"where\":\"cpu\",\"segment\":1,\"why\":\""), 1);
	/* Two runs of x + b -> c, 8 tokens: what the CPU kernel moved. */
	ck_assert_ptr_nonnull(strstr(c.text, "\"bytes\":4352,\"macs\":0,\"commands\":0"));
	capture_close(&c);
	rig_close(&r);
}
END_TEST

/* 6 experts of 5 rows of 128 bytes: of two indices two, of twelve all of them. */
START_TEST(the_cpu_reads_experts_that_can_be_named)
{
	const int64_t tokens = _i ? 6 : 1;
	const int moved[] = {2 * 640 + 128 + 8 + 40, 6 * 640 + 6 * (128 + 8 + 40)};
	struct capture c = capture();
	struct gb *g = gb_new();
	struct tern_graph *graph;
	struct rig r = {0};
	char bytes[40];

	gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "w", 32, 5, 6, 1);
	gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "x", 32, 1, tokens, 1);
	gb_tensor(g, TERN_I32, TERN_STORAGE_BOUND, "ids", 2, tokens, 1, 1);
	gb_op(g, TERN_MATMUL_ID, gb_tensor(g, TERN_F32, TERN_STORAGE_BOUND, "y", 5, 2, tokens, 1),
	      0, 1, 2);
	graph = gb_create(g);
	rig_device("cpu", &r.dev);
	must(tern_compile(r.dev, graph, &r.prog));
	must(tern_session_create(r.prog, &r.s));
	for (uint32_t i = 0; i < 4; i++) {
		must(tern_buffer_create(r.dev, g->storages[i].size, &r.buf[i]));
		must(tern_session_bind_one(r.s, i, r.buf[i], 0));
	}
	must(tern_session_run(r.s, NULL, 0));
	explain(&r, &c, true);
	snprintf(bytes, sizeof(bytes), "\"bytes\":%d,", moved[_i]);
	ck_assert_msg(strstr(c.text, bytes) != NULL, "%s is not in %s", bytes, c.text);
	capture_close(&c);
	tern_graph_destroy(graph);
	rig_close(&r);
	free(g);
}
END_TEST

START_TEST(shares_add_up)
{
	struct capture c = capture();
	double sum = 0;
	struct rig r;
	const char *p;

	rig_open(&r, _i ? "cpu" : "sim:ref");
	rig_run(&r, 8);
	explain(&r, &c, true);
	for (p = c.text; (p = strstr(p, "\"share\":")); p++)
		sum += atof(p + 8);
	ck_assert_double_eq_tol(sum, 1.0, 1e-4);
	capture_close(&c);
	tern_session_reset_stats(r.s);
	explain(&r, &c, true);
	ck_assert_int_eq(count(c.text, "\"share\":0.000000"), 4);
	capture_close(&c);
	expect_error(tern_explain(NULL, stdout, false), -EINVAL, "NULL");
	expect_error(tern_explain(r.s, NULL, false), -EINVAL, "NULL");
	rig_close(&r);
}
END_TEST

/* ---- trace ---------------------------------------------------------------------------------- */

START_TEST(traces_are_json)
{
	struct capture c = capture();
	struct rig r;

	rig_open(&r, _i ? "cpu" : "sim:ref,no=binary");
	rig_run(&r, 8); /* before: not in it */
	capture_open(&c);
	must(tern_session_trace(r.s, c.f));
	rig_run(&r, 8);
	rig_run(&r, 3);
	must(tern_session_trace(r.s, NULL));
	rig_run(&r, 8); /* after: neither */
	fflush(c.f);
	ck_assert_msg(json_ok(c.text), "%s", c.text);
	ck_assert_int_eq(count(c.text, "\"cat\":\"segment\""), _i ? 2 : 6);
	ck_assert_int_eq(count(c.text, "\"cat\":\"operator\""), _i ? 8 : 2);
	ck_assert_int_eq(count(c.text, "\"cat\":\"job\""), _i ? 0 : 4);
	ck_assert_int_eq(count(c.text, "\"cat\":\"command\"") != 0, !_i);
	ck_assert_ptr_nonnull(strstr(c.text, "1 (BINARY 'c')"));
	capture_close(&c);
	rig_close(&r);
}
END_TEST

static double number_after(const char *text, const char *key)
{
	const char *p = strstr(text, key);

	ck_assert_msg(p != NULL, "no %s in %s", key, text);
	return atof(p + strlen(key));
}

/* Jobs follow each other on the NPU, and commands lie inside their job. */
START_TEST(traces_keep_the_order_of_time)
{
	struct capture c = capture();
	double job_end = 0, last = 0;
	struct rig r;
	char *line;
	int i;

	rig_open(&r, "sim:ref");
	capture_open(&c);
	must(tern_session_trace(r.s, c.f));
	for (i = 0; i < 5; i++)
		rig_run(&r, 8);
	must(tern_session_trace(r.s, NULL));
	fflush(c.f);
	for (line = strtok(c.text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strstr(line, "\"cat\":\"command\"")) {
			double end = number_after(line, "\"ts\":") + number_after(line, "\"dur\":");

			ck_assert_double_ge(number_after(line, "\"ts\":"), job_end - 0.0015);
			last = end > last ? end : last;
		}
		if (strstr(line, "\"cat\":\"job\"")) {
			ck_assert_double_ge(number_after(line, "\"ts\":"), job_end - 0.0015);
			job_end = number_after(line, "\"ts\":") + number_after(line, "\"dur\":");
			ck_assert_double_ge(job_end, last - 0.0015);
		}
	}
	ck_assert_double_gt(job_end, 0);
	capture_close(&c);
	rig_close(&r);
}
END_TEST

static const char *line_with(const char *text, const char *what)
{
	const char *at = strstr(text, what);

	ck_assert_msg(at != NULL, "no %s in %s", what, text);
	while (at > text && at[-1] != '\n')
		at--;
	return at;
}

/* A transport that knows when its device ran a job, and who did what to it meanwhile. */
START_TEST(traces_take_what_the_device_tells)
{
	const struct tern_sim_event event = {.start = 250, .end = 500, .mark = 1};
	struct capture c = capture();
	struct tern_span span = {.error_ns = 7, .cycles = 1000, .preemptions = 2, .lost = 3};
	struct tern_life life = {.job = 9, .name = "job", .track = TERN_LIFE_DRIVER, .phase = 'b'};
	struct tern_trace *t;
	struct rig r;
	const char *line;

	rig_open(&r, "sim:ref");
	capture_open(&c);
	t = tern_trace_start(c.f, r.s->prog->graph, 1000000, TERN_TRACE_MEASURED);
	tern_trace_job(t, t->origin_ns + 500);
	span.start_ns = t->origin_ns + 1000;
	span.end_ns = t->origin_ns + 5000; /* four times what its cycles would take */
	life.time_ns = t->origin_ns + 800;
	t->tracer.life(t->tracer.ctx, &life);
	t->tracer.span(t->tracer.ctx, &span);
	t->tracer.event(t->tracer.ctx, &event);
	tern_trace_job_end(t, 0, 1000);
	/* The next one's device tells nothing: laid out behind. */
	tern_trace_job(t, t->origin_ns + 600);
	tern_trace_job_end(t, 1, 100);
	must(tern_trace_end(t));
	ck_assert_msg(json_ok(c.text), "%s", c.text);
	line = line_with(c.text, "\"cat\":\"command\"");
	ck_assert_double_eq_tol(number_after(line, "\"ts\":"), 2.0, 1e-9);
	ck_assert_double_eq_tol(number_after(line, "\"dur\":"), 1.0, 1e-9);
	line = line_with(c.text, "\"segment 0\"");
	ck_assert_double_eq_tol(number_after(line, "\"ts\":"), 1.0, 1e-9);
	ck_assert_double_eq_tol(number_after(line, "\"dur\":"), 4.0, 1e-9);
	ck_assert_double_eq(number_after(line, "\"clock_error_ns\":"), 7);
	ck_assert_double_eq(number_after(line, "\"preemptions\":"), 2);
	ck_assert_double_eq(number_after(line, "\"commands_lost\":"), 3);
	line = line_with(c.text, "\"segment 1\"");
	ck_assert_double_eq_tol(number_after(line, "\"ts\":"), 5.0, 1e-9);
	ck_assert_double_eq_tol(number_after(line, "\"dur\":"), 0.1, 1e-9);
	line = line_with(c.text, "\"ph\":\"b\"");
	ck_assert_double_eq_tol(number_after(line, "\"ts\":"), 0.8, 1e-9);
	ck_assert_double_eq(number_after(line, "\"id\":"), 9);
	capture_close(&c);
	rig_close(&r);
}
END_TEST

START_TEST(traces_end_with_their_session)
{
	struct capture c = capture();
	FILE *full;
	struct rig r;

	rig_open(&r, "sim:ref");
	capture_open(&c);
	must(tern_session_trace(r.s, c.f));
	rig_run(&r, 1);
	must(tern_session_trace(r.s, c.f)); /* anew: the first is completed */
	fflush(c.f);
	ck_assert_int_eq(count(c.text, "]}\n"), 1);
	must(tern_session_trace(r.s, NULL));
	must(tern_session_trace(r.s, NULL));
	full = fopen("/dev/full", "w");
	if (full) {
		must(tern_session_trace(r.s, full));
		expect_error(tern_session_trace(r.s, NULL), -EIO, "disk full");
		fclose(full);
	}
	expect_error(tern_session_trace(NULL, c.f), -EINVAL, "NULL");
	must(tern_session_trace(r.s, c.f));
	rig_close(&r);
	fflush(c.f);
	ck_assert_str_eq(c.text + c.size - 4, "\n]}\n");
	capture_close(&c);
}
END_TEST

/* ---- log -------------------------------------------------------------------------------------- */

static void count_lines(void *ctx, enum tern_log_level level, const char *text)
{
	ck_assert_int_le((int)level, TERN_LOG_INFO);
	ck_assert_str_ne(text, "");
	++*(int *)ctx;
}

static void log_off(void *ctx, enum tern_log_level level, const char *text)
{
	count_lines(ctx, level, text);
	tern_set_log(NULL, NULL, TERN_LOG_DEBUG);
}

START_TEST(logging_is_opt_in)
{
	struct rig r;
	int n = 0;

	tern_set_log(count_lines, &n, TERN_LOG_INFO);
	rig_open(&r, "cpu");
	ck_assert_int_ge(n, 2); /* a device, a program */
	rig_close(&r);
	n = 0;
	tern_set_log(count_lines, &n, TERN_LOG_ERROR);
	rig_open(&r, "cpu");
	rig_close(&r);
	ck_assert_int_eq(n, 0);
	tern_set_log(log_off, &n, TERN_LOG_INFO); /* may change itself */
	rig_open(&r, "cpu");
	rig_close(&r);
	ck_assert_int_eq(n, 1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("libtern, reports");
	TCase *t = tcase_create("explain");

	tcase_add_loop_test(t, the_table_fits_80_columns, 0, 2);
	tcase_add_test(t, long_and_strange_names_fit_too);
	tcase_add_test(t, json_tells_where_and_why);
	tcase_add_loop_test(t, the_cpu_reads_experts_that_can_be_named, 0, 2);
	tcase_add_loop_test(t, shares_add_up, 0, 2);
	suite_add_tcase(s, t);

	t = tcase_create("trace and log");
	tcase_add_loop_test(t, traces_are_json, 0, 2);
	tcase_add_test(t, traces_keep_the_order_of_time);
	tcase_add_test(t, traces_take_what_the_device_tells);
	tcase_add_test(t, traces_end_with_their_session);
	tcase_add_test(t, logging_is_opt_in);
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
