// SPDX-License-Identifier: MIT
/* What TERN_EXPLAIN tells of sessions and of nodes that are left to the host, and that it costs
 * nothing unset. */
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "ggml/report.h"
#include "ggml_fixture.h"

enum { TYPE_F32 = 0, TYPE_NEW = 1000 }; /* the second is a later ggml's */

static int asked; /* how often names were put together */

static const char *type_name_of(int type)
{
	asked++;
	return type == TYPE_F32 ? "f32" : type == TYPE_NEW ? "zq9_k" : NULL;
}

static char path[64];

static void begin(void)
{
	setup();
	host.ggml_type_name = type_name_of;
	asked = 0;
	unsetenv("TERN_EXPLAIN");
	unsetenv("TERN_TRACE");
	snprintf(path, sizeof(path), "/tmp/test_ggml_report.%d", (int)getpid());
}

static void end(void)
{
	unlink(path);
	teardown();
}

static struct ggml_tensor *refused(int type)
{
	struct ggml_tensor *x = leaf(b.compute), *odd = node(OP_ODD, x, NULL);

	x->type = type;
	return odd;
}

static const char *written(struct report *r)
{
	static char text[4096];
	FILE *f;

	report_flush(r);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

START_TEST(without_the_variables_there_is_no_report_and_nothing_is_put_into_words)
{
	struct report_times times = {1, 1};

	setenv("TERN_TRACE", "", 1); /* empty is unset */
	ck_assert_ptr_null(report_open(b.plugin.dev));
	b.plugin.report = NULL;
	ck_assert(!plugin_supports(&b.plugin, refused(TYPE_NEW)));
	ck_assert_int_eq(asked, 0);
	ck_assert_uint_eq(report_now(NULL), 0); /* no clock is read */
	report_begin(NULL, NULL);
	report_end(NULL, NULL, &times);
	report_flush(NULL);
}
END_TEST

START_TEST(a_trace_alone_puts_no_reasons_into_words)
{
	setenv("TERN_TRACE", path, 1);
	b.plugin.report = report_open(b.plugin.dev);
	ck_assert_ptr_nonnull(b.plugin.report);
	ck_assert(!plugin_supports(&b.plugin, refused(TYPE_NEW)));
	ck_assert_int_eq(asked, 0);
}
END_TEST

START_TEST(what_is_left_to_the_host_is_told_with_its_types_and_the_reason)
{
	setenv("TERN_EXPLAIN", path, 1);
	b.plugin.report = report_open(b.plugin.dev);
	ck_assert_ptr_nonnull(b.plugin.report);
	for (int i = 0; i < 3; i++)
		ck_assert(!plugin_supports(&b.plugin, refused(TYPE_NEW)));
	ck_assert(!plugin_supports(&b.plugin, refused(TYPE_F32)));
	ck_assert_ptr_nonnull(strstr(written(b.plugin.report),
				     "     3  UNHEARD_OF f32 <- zq9_k\n"
				     "          there is no such operator in tern.h\n"
				     "       1  UNHEARD_OF f32 <- f32\n"));
}
END_TEST

START_TEST(a_type_that_the_host_does_not_know_is_survived)
{
	setenv("TERN_EXPLAIN", path, 1);
	b.plugin.report = report_open(b.plugin.dev);
	ck_assert(!plugin_supports(&b.plugin, refused(TYPE_NEW + 1)));
	ck_assert_ptr_nonnull(strstr(written(b.plugin.report), "UNHEARD_OF f32 <- unknown\n"));
}
END_TEST

static atomic_bool answered, too_early;

static int take_a_while(const struct queue_task *task)
{
	(void)task;
	nanosleep(&(const struct timespec){.tv_nsec = 30000000}, NULL);
	too_early = answered;
	return 0;
}

/* The host will run it in place, and does not ask who is at work there. */
START_TEST(a_node_is_left_to_the_host_when_nothing_runs)
{
	struct stream *s = b.stream->context;
	struct queue_task *task = calloc(1, sizeof(*task));

	task->run = take_a_while;
	ck_assert_int_eq(queue_put(&s->queue, task), 0);
	ck_assert(!plugin_supports(&b.plugin, refused(TYPE_NEW)));
	answered = true;
	stream_wait(s);
	ck_assert(!too_early);
}
END_TEST

static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* A table is a session's, and so is what a repeat took. */
START_TEST(a_session_made_again_has_no_repeat_of_the_one_before)
{
	struct cache *cache = &((struct stream *)b.stream->context)->cache;

	setenv("TERN_EXPLAIN", path, 1);
	b.plugin.report = cache->report = report_open(b.plugin.dev);
	node(OP_NEG, leaf(b.cache), NULL);
	compute(0, 1);
	compute(0, 1);
	cache_end_oldest(cache);
	ck_assert_uint_eq(count(written(b.plugin.report), "run 2 times"), 1);
	ck_assert_uint_eq(count(written(b.plugin.report), "a repeat, at best"), 1);
	compute(0, 1);
	cache_end_oldest(cache);
	ck_assert_uint_eq(count(written(b.plugin.report), "run 1 times"), 1);
	ck_assert_uint_eq(count(written(b.plugin.report), "a repeat, at best"), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ggml report");
	TCase *tc = tcase_create("report");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, without_the_variables_there_is_no_report_and_nothing_is_put_into_words);
	tcase_add_test(tc, a_trace_alone_puts_no_reasons_into_words);
	tcase_add_test(tc, what_is_left_to_the_host_is_told_with_its_types_and_the_reason);
	tcase_add_test(tc, a_type_that_the_host_does_not_know_is_survived);
	tcase_add_test(tc, a_node_is_left_to_the_host_when_nothing_runs);
	tcase_add_test(tc, a_session_made_again_has_no_repeat_of_the_one_before);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
