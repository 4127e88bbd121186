// SPDX-License-Identifier: MIT
/*
 * test_gguf_bad.c - files that the GGUF reader must refuse, and what it says.
 */
#include "gguf_fixture.h"

#include <unistd.h>

static void expect_refusal(int rc, const char *part)
{
	int got = gguf_open_memory(b.p, b.n, &g, err, sizeof(err));

	ck_assert_msg(got == rc, "got %d (%s), want %d with '%s'", got, err, rc, part);
	ck_assert_msg(strstr(err, part), "'%s' does not say '%s'", err, part);
	ck_assert_ptr_null(g);
	/* One sentence: a full stop at the end. */
	ck_assert(err[strlen(err) - 1] == '.');
}

START_TEST(refuses_every_truncation)
{
	size_t whole;

	build_sample(3);
	whole = b.n;
	for (b.n = 0; b.n < whole; b.n++) {
		/* A copy of just that size, so that sanitizers see any overrun. */
		uint8_t *cut = malloc(b.n + !b.n);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, b.p, b.n);
		ck_assert_int_eq(gguf_open_memory(cut, b.n, &g, err, sizeof(err)), -EINVAL);
		free(cut);
	}
}
END_TEST

/* One changed field of the sample's header each. */
static const struct {
	size_t at;
	uint64_t v;
	unsigned int bytes;
	int rc;
	const char *part;
} bad_header[] = {
	{0, 0x58585858, 4, -EINVAL, "not a GGUF file"},
	{4, 1, 4, -ENOTSUP, "version 1"},
	{4, 4, 4, -ENOTSUP, "version 4"},
	{4, 0x03000000, 4, -ENOTSUP, "big-endian"},
	{8, UINT64_MAX, 8, -EINVAL, "tensors"},
	{8, 1000, 8, -EINVAL, "tensors"},
	{16, UINT64_MAX, 8, -EINVAL, "metadata entries"},
	{16, 1000, 8, -EINVAL, "metadata entries"},
	{24, UINT64_MAX, 8, -EINVAL, "cut short"}, /* length of the first key */
	{24, 0, 8, -EINVAL, "0 bytes long"},
	{24 + 8 + 5, 13, 4, -EINVAL, "unknown type 13"}, /* type of the first value */
};

START_TEST(refuses_bad_headers)
{
	build_sample(3);
	b_patch(&b, bad_header[_i].at, bad_header[_i].v, bad_header[_i].bytes);
	expect_refusal(bad_header[_i].rc, bad_header[_i].part);
}
END_TEST

/* One tensor each, in a file with 64 bytes of data. */
static const struct {
	uint32_t n_dims, type;
	uint64_t ne[5], offset;
	int rc;
	const char *part;
} bad_tensor[] = {
	{5, 0, {1, 1, 1, 1, 1}, 0, -EINVAL, "5 dimensions"},
	{2, 0, {4, 0}, 0, -EINVAL, "impossible dimensions"},
	{2, 0, {1ull << 32, 1ull << 32}, 0, -EINVAL, "impossible dimensions"},
	{3, 0, {1ull << 31, 1ull << 31, 4}, 0, -EINVAL, "impossible dimensions"},
	{1, 0, {1ull << 62}, 0, -EINVAL, "impossible dimensions"}, /* in bytes only */
	{1, 0, {UINT64_MAX}, 0, -EINVAL, "impossible dimensions"},
	{1, 99, {4}, 0, -EINVAL, "unknown element type 99"},
	{1, UINT32_MAX, {4}, 0, -EINVAL, "unknown element type"},
	{1, 31, {32}, 0, -ENOTSUP, "withdrawn element type Q4_0_4_4"},
	{1, 2, {33}, 0, -EINVAL, "rows of 33"},
	{2, 12, {128, 2}, 0, -EINVAL, "Q4_K"},
	{1, 0, {4}, 8, -EINVAL, "alignment 32"},
	{1, 0, {17}, 0, -EINVAL, "past the end"},
	{1, 0, {4}, 64, -EINVAL, "past the end"},
	{1, 0, {4}, 1ull << 40, -EINVAL, "past the end"},
	{1, 0, {4}, UINT64_MAX - 31, -EINVAL, "past the end"},
};

START_TEST(refuses_bad_tensors)
{
	b_begin(&b, 3);
	b_tensor(&b, "bad", bad_tensor[_i].n_dims, bad_tensor[_i].ne, bad_tensor[_i].type,
		 bad_tensor[_i].offset);
	b_end(&b, 32, 64);
	expect_refusal(bad_tensor[_i].rc, bad_tensor[_i].part);
}
END_TEST

START_TEST(refuses_duplicates)
{
	b_begin(&b, 3);
	b_kv_u32(&b, "twice", 1);
	b_kv_bool(&b, "twice", 1);
	b_end(&b, 32, 0);
	expect_refusal(-EINVAL, "'twice' twice");
	b_free(&b);
	b_begin(&b, 3);
	b_tensor(&b, "same", 1, (uint64_t[]){4}, 0, 0);
	b_tensor(&b, "same", 1, (uint64_t[]){4}, 0, 32);
	b_end(&b, 32, 64);
	expect_refusal(-EINVAL, "'same' twice");
}
END_TEST

START_TEST(refuses_bad_alignment)
{
	static const uint32_t bad[] = {0, 4, 33, 1u << 31};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b_begin(&b, 3);
		b_kv_u32(&b, "general.alignment", bad[i]);
		b_end(&b, 32, 0);
		expect_refusal(-EINVAL, "alignment");
		b_free(&b);
	}
	b_begin(&b, 3);
	b_kv_str(&b, "general.alignment", "32");
	b_end(&b, 32, 0);
	expect_refusal(-EINVAL, "should hold an integer");
}
END_TEST

START_TEST(refuses_deep_nesting)
{
	b_begin(&b, 3);
	b_array(&b, "deep", B_ARRAY, 1);
	for (int i = 0; i < 100; i++) {
		b_le(&b, B_ARRAY, 4);
		b_le(&b, 1, 8);
	}
	b_end(&b, 32, 0);
	expect_refusal(-EINVAL, "nests arrays");
}
END_TEST

START_TEST(refuses_impossible_arrays)
{
	/* Counts whose byte size wraps around 64 bits, or that no file could hold. */
	static const struct {
		uint32_t type;
		uint64_t n;
	} bad[] = {{B_U64, 1ull << 61},
		   {B_U32, 1ull << 62},
		   {B_STRING, UINT64_MAX},
		   {B_ARRAY, UINT64_MAX}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		b_begin(&b, 3);
		b_array(&b, "long", bad[i].type, bad[i].n);
		b_end(&b, 32, 64);
		ck_assert_int_eq(gguf_open_memory(b.p, b.n, &g, err, sizeof(err)), -EINVAL);
		b_free(&b);
	}
}
END_TEST

START_TEST(refuses_a_bool_of_two)
{
	bool flag = false;

	b_begin(&b, 3);
	b_kv_bool(&b, "flag", 2);
	b_end(&b, 32, 0);
	ck_assert_int_eq(gguf_open_memory(b.p, b.n, &g, err, sizeof(err)), 0);
	ck_assert_int_eq(gguf_get_bool(g, "flag", &flag, err, sizeof(err)), -EINVAL);
}
END_TEST

START_TEST(messages_are_safe_to_print)
{
	char q[24];

	b_begin(&b, 3);
	b_tensor(&b, "\x1b[2Jevil", 1, (uint64_t[]){4}, 99, 0);
	b_end(&b, 32, 0);
	expect_refusal(-EINVAL, "'?[2Jevil'");
	ck_assert_str_eq(
		gguf_quote((struct gguf_str){"abcdefghijklmnopqrstuvwxyz", 26}, q, sizeof(q)),
		"'abcdefghijklmnopqr...'");
	/* No room, no message, no harm. */
	ck_assert_int_eq(gguf_open_memory(b.p, b.n, &g, NULL, 0), -EINVAL);
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
	char path[] = "/tmp/tern-gguf-XXXXXX";
	int fd;

	ck_assert_int_eq(gguf_open("/nonexistent/model.gguf", &g, err, sizeof(err)), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err, "/nonexistent/model.gguf"));
	ck_assert_int_eq(gguf_open("/", &g, err, sizeof(err)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "not a regular file"));
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(gguf_open(path, &g, err, sizeof(err)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "empty"));
	close(fd);
	unlink(path);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	Suite *s = suite_create("gguf refusals");
	TCase *t = tcase_create("refuses");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, refuses_every_truncation);
	tcase_add_loop_test(t, refuses_bad_headers, 0, COUNT(bad_header));
	tcase_add_loop_test(t, refuses_bad_tensors, 0, COUNT(bad_tensor));
	tcase_add_test(t, refuses_duplicates);
	tcase_add_test(t, refuses_bad_alignment);
	tcase_add_test(t, refuses_deep_nesting);
	tcase_add_test(t, refuses_impossible_arrays);
	tcase_add_test(t, refuses_a_bool_of_two);
	tcase_add_test(t, messages_are_safe_to_print);
	tcase_add_test(t, refuses_what_is_no_file);
	suite_add_tcase(s, t);
	return run_suite(s);
}
