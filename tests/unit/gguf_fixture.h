/* SPDX-License-Identifier: MIT */
/*
 * gguf_fixture.h - what the tests of the GGUF reader begin with.
 */
#ifndef TERN_TEST_GGUF_FIXTURE_H
#define TERN_TEST_GGUF_FIXTURE_H

#include "tools/tern-run/gguf.h"

#include "gguf_builder.h"

#include <check.h>

static struct builder b;
static struct gguf *g;
static char err[300];

static void setup(void)
{
	memset(&b, 0, sizeof(b));
	g = NULL;
	err[0] = '\0';
}

static void teardown(void)
{
	gguf_close(g);
	b_free(&b);
}

/* A file with one of everything; see the tests for what is in it. */
static void build_sample(uint32_t version)
{
	static const char *const words[] = {"one", "", "three"};

	b_begin(&b, version);
	b_kv_u32(&b, "a.u32", 7);
	b_kv_int(&b, "a.u8", B_U8, 200, 1);
	b_kv_int(&b, "a.i16", B_I16, 0xffff, 2); /* -1 */
	b_kv_int(&b, "a.i32", B_I32, 12345, 4);
	b_kv_int(&b, "a.u64", B_U64, 1ull << 32, 8);
	b_key(&b, "a.f32", B_F32);
	b_f32(&b, 1.5f);
	b_kv_int(&b, "a.f64", B_F64, 0x4004000000000000u, 8); /* 2.5 */
	b_kv_bool(&b, "a.bool", 1);
	b_kv_str(&b, "a.str", "hello");
	b_kv_strs(&b, "a.strs", words, 3);
	b_array(&b, "a.i32s", B_I32, 2);
	b_le(&b, 10, 4);
	b_le(&b, 20, 4);
	b_array(&b, "a.f32s", B_F32, 1);
	b_f32(&b, -0.25f);
	/* Arrays of arrays are legal, if useless: {{1, 2}}. */
	b_array(&b, "a.nested", B_ARRAY, 1);
	b_le(&b, B_U8, 4);
	b_le(&b, 2, 8);
	b_le(&b, 0x0201, 2);
	b_tensor(&b, "t.f32", 2, (uint64_t[]){3, 2}, 0, 0);
	b_tensor(&b, "t.q4_0", 3, (uint64_t[]){64, 2, 3}, 2, 32);
	b_end(&b, 32, 32 + 2 * 18 * 2 * 3);
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
