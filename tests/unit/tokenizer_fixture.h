/* SPDX-License-Identifier: MIT */
/*
 * tokenizer_fixture.h - what the tests of both tokenizers begin with.
 */
#ifndef TERN_TEST_TOKENIZER_FIXTURE_H
#define TERN_TEST_TOKENIZER_FIXTURE_H

#include "tools/tern-run/vocab.h"

#include "gguf_builder.h"

#include <check.h>
#include <stdio.h>

static struct builder b;
static struct gguf *g;
static struct vocab *v;
static struct token_list out;
static char err[300];

static void setup(void)
{
	memset(&b, 0, sizeof(b));
	memset(&out, 0, sizeof(out));
	g = NULL;
	v = NULL;
	err[0] = '\0';
}

static void teardown(void)
{
	token_list_free(&out);
	vocab_free(v);
	gguf_close(g);
	b_free(&b);
}

/* Tokenises and compares with ids ended by -1. */
static void expect_tokens(const char *text, unsigned int flags, const int32_t *want)
{
	size_t n = 0;

	out.n = 0;
	ck_assert_msg(!vocab_tokenize(v, text, strlen(text), flags, &out, err, sizeof(err)), "%s",
		      err);
	while (want[n] >= 0)
		n++;
	ck_assert_msg(out.n == n, "'%s': %zu tokens, want %zu", text, out.n, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(out.ids[i] == want[i], "'%s': token %zu is %d, want %d", text, i,
			      out.ids[i], want[i]);
}

#define TOKENS(...) ((const int32_t[]){__VA_ARGS__, -1})
#define NOTHING	    ((const int32_t[]){-1})

static int load(void)
{
	b_end(&b, 32, 0);
	ck_assert_msg(!gguf_open_memory(b.p, b.n, &g, err, sizeof(err)), "%s", err);
	return vocab_load(g, &v, err, sizeof(err));
}

static void expect_load_error(int rc, const char *part)
{
	ck_assert_int_eq(load(), rc);
	ck_assert_msg(strstr(err, part), "'%s' does not say '%s'", err, part);
	ck_assert_ptr_null(v);
	gguf_close(g);
	g = NULL;
	b_free(&b);
}

static int run_suite(Suite *suite)
{
	SRunner *r = srunner_create(suite);
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
