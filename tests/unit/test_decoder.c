// SPDX-License-Identifier: MIT
/* tern-run's decoder: runs, and stops that come at any time. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tools/tern-run/decoder.h"

enum { CTX = 64, BATCH = 32 };

static struct model *model;
static struct decoder *dec;
static char err[512];
static const int32_t tokens[BATCH] = {1, 2, 3, 4, 5, 6, 7, 8};

static void setup(void)
{
	const char *dir = getenv("TERN_TEST_DATA");
	struct decoder_params p = {.device = "sim:ref,threads=1", .ctx = CTX, .batch = BATCH};
	char path[4096];

	snprintf(path, sizeof(path), "%s/kdoc-q4_0.gguf", dir ? dir : "tests/data");
	ck_assert_msg(!model_open(path, &model, err, sizeof(err)), "%s", err);
	ck_assert_msg(!decoder_create(model, &p, &dec, err, sizeof(err)), "%s", err);
}

static void teardown(void)
{
	decoder_destroy(dec);
	model_close(model);
}

static int run(uint32_t n, uint32_t past)
{
	const float *logits;

	return decoder_run(dec, tokens, n, past, &logits, err, sizeof(err));
}

START_TEST(batches_and_tokens_run)
{
	ck_assert_int_eq(run(BATCH, 0), 0);
	ck_assert_int_eq(run(1, BATCH), 0);
	ck_assert_int_eq(run(BATCH + 1, 0), -EINVAL);
	ck_assert_int_eq(run(1, CTX), -EINVAL);
}
END_TEST

/* Ctrl-C between the look at its flag and the begin of the run. */
START_TEST(a_stop_before_a_run_stops_it)
{
	decoder_stop(dec);
	ck_assert_int_eq(run(1, 0), -EINTR);
	ck_assert_int_eq(run(BATCH, 0), -EINTR);
}
END_TEST

static void *stop_later(void *us)
{
	nanosleep(&(const struct timespec){.tv_nsec = 1000L * *(const int *)us}, NULL);
	decoder_stop(dec);
	return NULL;
}

/* Whenever it comes, the run under way or the next one ends with it. */
START_TEST(a_stop_ends_a_stream_of_runs)
{
	const int us = 100 * _i;
	pthread_t thread;
	int rc = 0;

	ck_assert_int_eq(pthread_create(&thread, NULL, stop_later, (void *)(uintptr_t)&us), 0);
	while (!rc)
		rc = run(1, 0);
	ck_assert_int_eq(rc, -EINTR);
	pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("decoder");
	TCase *t = tcase_create("runs and stops");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, batches_and_tokens_run);
	tcase_add_test(t, a_stop_before_a_run_stops_it);
	tcase_add_loop_test(t, a_stop_ends_a_stream_of_runs, 0, 50);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
