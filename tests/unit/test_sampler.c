// SPDX-License-Identifier: MIT
/*
 * test_sampler.c - choices that have one right answer, and frequencies.
 */
#include "tools/tern-run/sampler.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct sampler *s;
static char err[200];

static void setup(void)
{
	s = NULL;
	err[0] = '\0';
}

static void teardown(void)
{
	sampler_free(s);
}

static void make(uint32_t n, float temperature, uint32_t top_k, float top_p, uint64_t seed)
{
	struct sampler_params p = {temperature, top_k, top_p, seed};

	sampler_free(s);
	ck_assert_msg(!sampler_new(n, &p, &s, err, sizeof(err)), "%s", err);
}

/* Logarithms of 1, 2, 4, 8, 5: probabilities in twentieths. */
static const float logits[5] = {0.0f, 0.693147181f, 1.386294361f, 2.079441542f, 1.609437912f};

static void count(int draws, int hits[5])
{
	memset(hits, 0, 5 * sizeof(*hits));
	for (int i = 0; i < draws; i++) {
		int32_t id = sampler_next(s, logits);

		ck_assert(id >= 0 && id < 5);
		hits[id]++;
	}
}

/* Within five standard deviations of the binomial distribution. */
static void expect_share(int hits, int draws, double p)
{
	ck_assert_msg(fabs(hits - draws * p) <= 5 * sqrt(draws * p * (1 - p)), "%d of %d, want %g",
		      hits, draws, p);
}

START_TEST(greedy_takes_the_likeliest)
{
	const float tie[] = {1, 3, 3, 2}, low[] = {-INFINITY, -1e30f, -INFINITY};

	make(5, 0, 0, 1, 1);
	ck_assert_int_eq(sampler_next(s, logits), 3);
	make(4, 0, 40, 0.9f, 1);
	ck_assert_int_eq(sampler_next(s, tie), 1);
	make(3, 0, 0, 1, 1);
	ck_assert_int_eq(sampler_next(s, low), 1);
}
END_TEST

START_TEST(temperature_one_follows_the_probabilities)
{
	const int draws = 20000;
	int hits[5];

	make(5, 1, 0, 1, 7);
	count(draws, hits);
	expect_share(hits[0], draws, 1 / 20.0);
	expect_share(hits[1], draws, 2 / 20.0);
	expect_share(hits[2], draws, 4 / 20.0);
	expect_share(hits[3], draws, 8 / 20.0);
	expect_share(hits[4], draws, 5 / 20.0);
}
END_TEST

START_TEST(temperature_half_squares_them)
{
	const int draws = 20000;
	int hits[5];

	make(5, 0.5f, 0, 1, 7);
	count(draws, hits); /* 1, 4, 16, 64, 25 of 110 */
	expect_share(hits[3], draws, 64 / 110.0);
	expect_share(hits[4], draws, 25 / 110.0);
	expect_share(hits[0], draws, 1 / 110.0);
}
END_TEST

START_TEST(top_k_keeps_k)
{
	const int draws = 20000;
	int hits[5];

	make(5, 1, 2, 1, 3);
	count(draws, hits); /* 8 and 5 of 13 */
	ck_assert(!hits[0] && !hits[1] && !hits[2]);
	expect_share(hits[3], draws, 8 / 13.0);
	make(5, 1, 1, 1, 3);
	count(100, hits);
	ck_assert_int_eq(hits[3], 100);
	make(5, 1, 1000, 1, 3); /* more than there are: all */
	count(draws, hits);
	expect_share(hits[0], draws, 1 / 20.0);
}
END_TEST

START_TEST(top_p_keeps_the_smallest_set)
{
	const int draws = 20000;
	int hits[5];

	/* 8/20 is below 0.5, 13/20 reaches it. */
	make(5, 1, 0, 0.5f, 3);
	count(draws, hits);
	ck_assert(!hits[0] && !hits[1] && !hits[2]);
	expect_share(hits[3], draws, 8 / 13.0);
	make(5, 1, 0, 0.3f, 3); /* the likeliest alone suffices */
	count(100, hits);
	ck_assert_int_eq(hits[3], 100);
	/* After top-k 3 the whole is 17; 8 + 5 reach 0.75 of it. */
	make(5, 1, 3, 0.75f, 3);
	count(draws, hits);
	ck_assert(!hits[0] && !hits[1] && !hits[2]);
	expect_share(hits[4], draws, 5 / 13.0);
}
END_TEST

START_TEST(temperature_comes_last)
{
	int hits[5];

	/* Hot enough to make all alike, yet top-p has chosen before that. */
	make(5, 1000, 0, 0.3f, 3);
	count(100, hits);
	ck_assert_int_eq(hits[3], 100);
}
END_TEST

START_TEST(equal_logits_prefer_low_numbers)
{
	const float flat[6] = {1, 1, 1, 1, 1, 1};

	make(6, 1, 3, 1, 11);
	for (int i = 0; i < 200; i++)
		ck_assert_int_le(sampler_next(s, flat), 2);
}
END_TEST

START_TEST(seeds_repeat_and_differ)
{
	int32_t first[64], same = 0;

	make(5, 1, 0, 1, 42);
	for (int i = 0; i < 64; i++)
		first[i] = sampler_next(s, logits);
	make(5, 1, 0, 1, 42);
	for (int i = 0; i < 64; i++)
		ck_assert_int_eq(sampler_next(s, logits), first[i]);
	make(5, 1, 0, 1, 43);
	for (int i = 0; i < 64; i++)
		same += sampler_next(s, logits) == first[i];
	ck_assert_int_lt(same, 64);
}
END_TEST

START_TEST(order_of_filters_does_not_change_a_full_vocabulary)
{
	/* Top-k of all and top-p of 1 sort nothing away: a large, random case. */
	const uint32_t n = 5000;
	float *l = malloc(n * sizeof(*l));
	uint32_t x = 9;
	int32_t best = 0;

	ck_assert_ptr_nonnull(l);
	for (uint32_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		l[i] = (float)(x >> 8) * 0x1p-20f;
		if (l[i] > l[best])
			best = (int32_t)i;
	}
	make(n, 1, 1, 1, 1);
	ck_assert_int_eq(sampler_next(s, l), best);
	make(n, 1e-4f, 50, 0.9f, 1);
	ck_assert_int_eq(sampler_next(s, l), best);
	make(n, 1e-4f, 0, 1, 1);
	ck_assert_int_eq(sampler_next(s, l), best);
	free(l);
}
END_TEST

START_TEST(refuses_bad_parameters)
{
	static const struct {
		struct sampler_params p;
		const char *part;
	} bad[] = {
		{{-1, 0, 1, 0}, "temperature"},	      {{NAN, 0, 1, 0}, "temperature"},
		{{INFINITY, 0, 1, 0}, "temperature"}, {{1, 0, 0, 0}, "top-p"},
		{{1, 0, 1.5f, 0}, "top-p"},	      {{1, 0, NAN, 0}, "top-p"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_int_eq(sampler_new(5, &bad[i].p, &s, err, sizeof(err)), -EINVAL);
		ck_assert_ptr_nonnull(strstr(err, bad[i].part));
		ck_assert_ptr_null(s);
	}
	ck_assert_int_eq(sampler_new(0, &(struct sampler_params){1, 0, 1, 0}, &s, err, sizeof(err)),
			 -EINVAL);
}
END_TEST

START_TEST(refuses_failed_computations)
{
	const float nan_one[3] = {0, NAN, 1}, none[3] = {-INFINITY, -INFINITY, -INFINITY};

	make(3, 0, 0, 1, 1);
	ck_assert_int_eq(sampler_next(s, nan_one), -EDOM);
	ck_assert_int_eq(sampler_next(s, none), -EDOM);
	make(3, 1, 2, 0.5f, 1);
	ck_assert_int_eq(sampler_next(s, nan_one), -EDOM);
	ck_assert_int_eq(sampler_next(s, none), -EDOM);
}
END_TEST

static Suite *sampler_suite(void)
{
	Suite *suite = suite_create("sampler");
	TCase *t = tcase_create("sampler");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, greedy_takes_the_likeliest);
	tcase_add_test(t, temperature_one_follows_the_probabilities);
	tcase_add_test(t, temperature_half_squares_them);
	tcase_add_test(t, top_k_keeps_k);
	tcase_add_test(t, top_p_keeps_the_smallest_set);
	tcase_add_test(t, temperature_comes_last);
	tcase_add_test(t, equal_logits_prefer_low_numbers);
	tcase_add_test(t, seeds_repeat_and_differ);
	tcase_add_test(t, order_of_filters_does_not_change_a_full_vocabulary);
	tcase_add_test(t, refuses_bad_parameters);
	tcase_add_test(t, refuses_failed_computations);
	suite_add_tcase(suite, t);
	return suite;
}

int main(void)
{
	SRunner *r = srunner_create(sampler_suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
