// SPDX-License-Identifier: MIT
/*
 * test_gguf.c - the GGUF reader on a file made byte by byte, and on the samples.
 */
#include "gguf_fixture.h"

#include <stdio.h>
#include <sys/stat.h>

static const char *data_file(const char *name)
{
	static char path[512];
	const char *dir = getenv("TERN_TEST_DATA");

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "tests/data", name);
	return path;
}

static void open_sample(void)
{
	build_sample(3);
	ck_assert_msg(!gguf_open_memory(b.p, b.n, &g, err, sizeof(err)), "%s", err);
}

START_TEST(reads_scalars_of_every_type)
{
	uint32_t u = 0;
	float f = 0;
	bool flag = false;
	struct gguf_str s = {0};

	open_sample();
	ck_assert_uint_eq(g->version, 3);
	ck_assert_uint_eq(g->n_kv, 13);
	ck_assert_int_eq(gguf_get_u32(g, "a.u32", &u, err, sizeof(err)), 0);
	ck_assert_uint_eq(u, 7);
	ck_assert_int_eq(gguf_get_u32(g, "a.u8", &u, err, sizeof(err)), 0);
	ck_assert_uint_eq(u, 200);
	ck_assert_int_eq(gguf_get_u32(g, "a.i32", &u, err, sizeof(err)), 0);
	ck_assert_uint_eq(u, 12345);
	ck_assert_int_eq(gguf_get_f32(g, "a.f32", &f, err, sizeof(err)), 0);
	ck_assert(f == 1.5f);
	ck_assert_int_eq(gguf_get_f32(g, "a.f64", &f, err, sizeof(err)), 0);
	ck_assert(f == 2.5f);
	ck_assert_int_eq(gguf_get_bool(g, "a.bool", &flag, err, sizeof(err)), 0);
	ck_assert(flag);
	ck_assert_int_eq(gguf_get_str(g, "a.str", &s, err, sizeof(err)), 0);
	ck_assert(gguf_str_eq(s, "hello"));
	/* A view, not a copy. */
	ck_assert((const uint8_t *)s.ptr > b.p && (const uint8_t *)s.ptr < b.p + b.n);
}
END_TEST

START_TEST(absent_keys_keep_the_default)
{
	const struct gguf_kv *kv = NULL;
	uint32_t u = 42;
	float f = 0.5f;

	open_sample();
	ck_assert_int_eq(gguf_get_u32(g, "no.such", &u, err, sizeof(err)), 0);
	ck_assert_uint_eq(u, 42);
	ck_assert_int_eq(gguf_get_f32(g, "no.such", &f, err, sizeof(err)), 0);
	ck_assert(f == 0.5f);
	ck_assert_int_eq(gguf_get_array(g, "no.such", GGUF_F32, &kv, err, sizeof(err)), 0);
	ck_assert_ptr_null(kv);
	ck_assert_ptr_null(gguf_find(g, "no.such"));
	ck_assert_int_eq(gguf_require(g, "no.such", err, sizeof(err)), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err, "no.such"));
}
END_TEST

START_TEST(getters_refuse_other_types_and_ranges)
{
	const struct gguf_kv *kv = NULL;
	struct gguf_str s;
	uint32_t u = 0;
	float f;
	bool flag;

	open_sample();
	ck_assert_int_eq(gguf_get_u32(g, "a.str", &u, err, sizeof(err)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "holds string"));
	ck_assert_int_eq(gguf_get_u32(g, "a.f32", &u, err, sizeof(err)), -EINVAL);
	ck_assert_int_eq(gguf_get_u32(g, "a.i16", &u, err, sizeof(err)), -EINVAL); /* -1 */
	ck_assert_int_eq(gguf_get_u32(g, "a.u64", &u, err, sizeof(err)), -EINVAL); /* 2^32 */
	ck_assert_int_eq(gguf_get_f32(g, "a.u32", &f, err, sizeof(err)), -EINVAL);
	ck_assert_int_eq(gguf_get_bool(g, "a.u8", &flag, err, sizeof(err)), -EINVAL);
	ck_assert_int_eq(gguf_get_str(g, "a.strs", &s, err, sizeof(err)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "an array of string"));
	ck_assert_int_eq(gguf_get_array(g, "a.strs", GGUF_F32, &kv, err, sizeof(err)), -EINVAL);
	ck_assert_int_eq(gguf_get_array(g, "a.u32", GGUF_U32, &kv, err, sizeof(err)), -EINVAL);
}
END_TEST

START_TEST(reads_arrays)
{
	const struct gguf_kv *kv = NULL;
	struct gguf_cursor c;
	struct gguf_str s;

	open_sample();
	ck_assert_int_eq(gguf_get_array(g, "a.strs", GGUF_STRING, &kv, err, sizeof(err)), 0);
	ck_assert_uint_eq(kv->count, 3);
	c = gguf_strings(kv);
	ck_assert(gguf_next_string(&c, &s) && gguf_str_eq(s, "one"));
	ck_assert(gguf_next_string(&c, &s) && gguf_str_eq(s, ""));
	ck_assert(gguf_next_string(&c, &s) && gguf_str_eq(s, "three"));
	ck_assert(!gguf_next_string(&c, &s));
	ck_assert_int_eq(gguf_get_array(g, "a.i32s", GGUF_I32, &kv, err, sizeof(err)), 0);
	ck_assert_int_eq(gguf_array_i32(kv, 1), 20);
	ck_assert_int_eq(gguf_get_array(g, "a.f32s", GGUF_F32, &kv, err, sizeof(err)), 0);
	ck_assert(gguf_array_f32(kv, 0) == -0.25f);
	ck_assert_int_eq(gguf_get_array(g, "a.nested", GGUF_ARRAY, &kv, err, sizeof(err)), 0);
	ck_assert_uint_eq(kv->count, 1);
}
END_TEST

START_TEST(one_value_per_layer)
{
	uint32_t v[3] = {0};

	open_sample();
	ck_assert_int_eq(gguf_get_u32_each(g, "a.i32s", v, 2, err, sizeof(err)), 0);
	ck_assert(v[0] == 10 && v[1] == 20);
	ck_assert_int_eq(gguf_get_u32_each(g, "a.u32", v, 3, err, sizeof(err)), 0);
	ck_assert(v[0] == 7 && v[1] == 7 && v[2] == 7);
	ck_assert_int_eq(gguf_get_u32_each(g, "a.i32s", v, 3, err, sizeof(err)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "3 layers"));
	ck_assert_int_eq(gguf_get_u32_each(g, "a.strs", v, 3, err, sizeof(err)), -EINVAL);
}
END_TEST

START_TEST(finds_tensors)
{
	const struct gguf_tensor *t;

	open_sample();
	t = gguf_find_tensor(g, "t.q4_0");
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(t->type, GGML_Q4_0);
	ck_assert_uint_eq(t->n_dims, 3);
	ck_assert(t->ne[0] == 64 && t->ne[1] == 2 && t->ne[2] == 3 && t->ne[3] == 1);
	/* 64 elements are two blocks of 18 bytes. */
	ck_assert_uint_eq(t->nbytes, 2 * 18 * 2 * 3);
	ck_assert_uint_eq(t->offset, b.n - 2 * 18 * 2 * 3);
	ck_assert_uint_eq(((const uint8_t *)t->data)[0], 32);
	t = gguf_find_tensor(g, "t.f32");
	ck_assert_uint_eq(t->nbytes, 24);
	ck_assert_uint_eq(((const uint8_t *)t->data)[23], 23);
	ck_assert_ptr_null(gguf_find_tensor(g, "t.none"));
}
END_TEST

START_TEST(reads_version_2)
{
	build_sample(2);
	ck_assert_int_eq(gguf_open_memory(b.p, b.n, &g, err, sizeof(err)), 0);
	ck_assert_uint_eq(g->version, 2);
}
END_TEST

START_TEST(honours_alignment)
{
	b_begin(&b, 3);
	b_kv_u32(&b, "general.alignment", 128);
	b_tensor(&b, "t", 1, (uint64_t[]){4}, 0, 128);
	b_end(&b, 128, 128 + 16);
	ck_assert_msg(!gguf_open_memory(b.p, b.n, &g, err, sizeof(err)), "%s", err);
	ck_assert_uint_eq(g->data_offset % 128, 0);
	ck_assert_uint_eq(gguf_find_tensor(g, "t")->offset, g->data_offset + 128);
}
END_TEST

START_TEST(block_sizes_are_ggmls)
{
	/* From the formats: a half is 2 bytes, a block its scales and its bits. */
	static const struct {
		uint32_t type;
		unsigned int elems, bytes;
	} want[] = {
		{GGML_F32, 1, 4},
		{GGML_F16, 1, 2},
		{GGML_BF16, 1, 2},
		{GGML_Q4_0, 32, 2 + 32 / 2},
		{GGML_Q4_1, 32, 4 + 32 / 2},
		{GGML_Q5_0, 32, 2 + 4 + 32 / 2},
		{GGML_Q5_1, 32, 4 + 4 + 32 / 2},
		{GGML_Q8_0, 32, 2 + 32},
		{GGML_Q2_K, 256, 256 / 16 + 256 / 4 + 4},
		{GGML_Q3_K, 256, 256 / 8 + 256 / 4 + 12 + 2},
		{GGML_Q4_K, 256, 4 + 12 + 256 / 2},
		{GGML_Q5_K, 256, 4 + 12 + 256 / 8 + 256 / 2},
		{GGML_Q6_K, 256, 256 / 2 + 256 / 4 + 256 / 16 + 2},
		{GGML_IQ4_NL, 32, 2 + 32 / 2},
		{GGML_MXFP4, 32, 1 + 32 / 2},
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct ggml_type_info *ti = ggml_type_info(want[i].type);

		ck_assert_uint_eq(ti->block_elems, want[i].elems);
		ck_assert_uint_eq(ti->block_bytes, want[i].bytes);
	}
	ck_assert_ptr_null(ggml_type_info(1000));
}
END_TEST

static const struct {
	const char *file;
	uint32_t type;
	uint64_t row_bytes; /* of 256 elements */
} samples[] = {
	{"kdoc-f16.gguf", GGML_F16, 512},      {"kdoc-q8_0.gguf", GGML_Q8_0, 8 * 34},
	{"kdoc-q4_0.gguf", GGML_Q4_0, 8 * 18}, {"kdoc-q4_k.gguf", GGML_Q4_K, 144},
	{"kdoc-q6_k.gguf", GGML_Q6_K, 210},
};

START_TEST(opens_the_sample_models)
{
	const struct gguf_tensor *t;
	struct gguf_str arch = {0};
	uint32_t layers = 0;
	struct stat st;

	ck_assert_msg(!gguf_open(data_file(samples[_i].file), &g, err, sizeof(err)), "%s", err);
	ck_assert_int_eq(gguf_get_str(g, "general.architecture", &arch, err, sizeof(err)), 0);
	ck_assert(gguf_str_eq(arch, "llama"));
	ck_assert_int_eq(gguf_get_u32(g, "llama.block_count", &layers, err, sizeof(err)), 0);
	ck_assert_uint_eq(layers, 6);
	t = gguf_find_tensor(g, "token_embd.weight");
	ck_assert_ptr_nonnull(t);
	ck_assert_uint_eq(t->type, samples[_i].type);
	ck_assert(t->ne[0] == 256 && t->ne[1] == 4096);
	ck_assert_uint_eq(t->nbytes, 4096 * samples[_i].row_bytes);
	/* The last tensor ends where the file does, but for padding. */
	ck_assert_int_eq(stat(data_file(samples[_i].file), &st), 0);
	t = &g->tensors[g->n_tensors - 1];
	ck_assert_uint_le(t->offset + t->nbytes, (uint64_t)st.st_size);
	ck_assert_uint_gt(t->offset + t->nbytes + 32, (uint64_t)st.st_size);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gguf");
	TCase *t = tcase_create("reads");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, reads_scalars_of_every_type);
	tcase_add_test(t, absent_keys_keep_the_default);
	tcase_add_test(t, getters_refuse_other_types_and_ranges);
	tcase_add_test(t, reads_arrays);
	tcase_add_test(t, one_value_per_layer);
	tcase_add_test(t, finds_tensors);
	tcase_add_test(t, reads_version_2);
	tcase_add_test(t, honours_alignment);
	tcase_add_test(t, block_sizes_are_ggmls);
	tcase_add_loop_test(t, opens_the_sample_models, 0, sizeof(samples) / sizeof(samples[0]));
	suite_add_tcase(s, t);
	return run_suite(s);
}
