// SPDX-License-Identifier: MIT
/* build/firmware/tern.fw, judged as uapi/tern/fw.h tells a loader to; its hash by sha256sum. */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tern/fw.h>

#define TERN_FW_IMAGE "build/firmware/tern.fw"

static unsigned char file[TERN_FW_MAX_FILE];
static size_t bytes;
static const struct tern_fw_header *h = (const void *)file;

static void load(void)
{
	FILE *f = fopen(TERN_FW_IMAGE, "rb");

	ck_assert_msg(f != NULL, "no %s: run from the top of the tree, after `make firmware`",
		      TERN_FW_IMAGE);
	bytes = fread(file, 1, sizeof(file), f);
	fclose(f);
	ck_assert_uint_gt(bytes, sizeof(*h));
}

static bool is_zero(const void *at, size_t n)
{
	const unsigned char *p = at;

	while (n--) {
		if (*p++)
			return false;
	}
	return true;
}

START_TEST(header_is_what_a_loader_takes)
{
	ck_assert_uint_eq(h->magic, TERN_FW_MAGIC);
	ck_assert_uint_eq(h->header_version, TERN_FW_HEADER_VERSION);
	ck_assert_uint_eq(h->file_bytes, bytes);
	ck_assert_uint_lt(bytes, 64u << 10);
	ck_assert_uint_eq(h->signature_kind, 0);
	ck_assert(is_zero(h->signature, sizeof(h->signature)));
	ck_assert(is_zero(h->reserved, sizeof(h->reserved)));
	ck_assert_uint_eq(h->major, TERN_FW_MAJOR);
	ck_assert_uint_eq(h->minor, TERN_FW_MINOR);
	ck_assert_uint_eq(h->interface_major, TERN_INTERFACE_MAJOR);
	ck_assert_uint_eq(h->interface_minor, TERN_INTERFACE_MINOR);
	ck_assert_uint_eq(h->security_version, TERN_FW_SECURITY);
	ck_assert_str_eq(h->version, TERN_VERSION);
	ck_assert_uint_eq(strnlen(h->build, sizeof(h->build)), 16);
	ck_assert_uint_le(h->nsections, TERN_FW_MAX_SECTIONS);
	ck_assert_uint_ge(h->nsections, 1);
	ck_assert_uint_eq(h->entry % 4, 0);
}
END_TEST

START_TEST(sections_fit)
{
	bool entry = false;

	for (uint32_t i = 0; i < h->nsections; i++) {
		const struct tern_fw_section *s = &h->section[i];

		ck_assert_uint_eq((s->offset | s->file_bytes | s->tcm | s->mem_bytes) % 4, 0);
		ck_assert_uint_ge(s->offset, sizeof(*h));
		ck_assert_uint_le((uint64_t)s->offset + s->file_bytes, bytes);
		ck_assert_uint_le(s->file_bytes, s->mem_bytes);
		ck_assert_uint_le((uint64_t)s->tcm + s->mem_bytes, 64u << 10);
		ck_assert_uint_eq(s->flags & ~TERN_FW_SECTION_FLAGS, 0);
		ck_assert_uint_eq(s->reserved, 0);
		for (uint32_t j = 0; j < i; j++)
			ck_assert(s->tcm >= h->section[j].tcm + h->section[j].mem_bytes ||
				  h->section[j].tcm >= s->tcm + s->mem_bytes);
		entry |= s->flags & TERN_FW_SECTION_EXEC && h->entry >= s->tcm &&
			 h->entry < s->tcm + s->mem_bytes;
	}
	ck_assert(entry);
	for (uint32_t i = h->nsections; i < TERN_FW_MAX_SECTIONS; i++)
		ck_assert(is_zero(&h->section[i], sizeof(h->section[i])));
}
END_TEST

START_TEST(hash_covers_what_it_should)
{
	char hex[65] = "", want[65];
	FILE *p = popen("tail -c +553 " TERN_FW_IMAGE " | sha256sum", "r");

	ck_assert(p && fread(hex, 1, 64, p) == 64);
	pclose(p);
	for (size_t i = 0; i < 32; i++)
		snprintf(want + 2 * i, 3, "%02x", h->sha256[i]);
	ck_assert_str_eq(hex, want);
	ck_assert_uint_eq(TERN_FW_HASH_START, 552);
}
END_TEST

/* The firmware says of itself what its file says: the name is in what is loaded. */
START_TEST(the_code_knows_its_build)
{
	size_t found = 0;

	for (size_t i = sizeof(*h); i + 32 <= bytes; i++)
		found += !memcmp(file + i, h->build, 32);
	ck_assert_uint_eq(found, 1);
}
END_TEST

/* Nothing of where and when it was built. */
START_TEST(no_paths_in_it)
{
	char cwd[4096];

	ck_assert(getcwd(cwd, sizeof(cwd)));
	ck_assert_ptr_null(memmem(file, bytes, cwd, strlen(cwd)));
	ck_assert_ptr_null(memmem(file, bytes, "firmware/", strlen("firmware/")));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fw_image");
	TCase *t = tcase_create("tern.fw");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, load, NULL);
	tcase_add_test(t, header_is_what_a_loader_takes);
	tcase_add_test(t, sections_fit);
	tcase_add_test(t, hash_covers_what_it_should);
	tcase_add_test(t, the_code_knows_its_build);
	tcase_add_test(t, no_paths_in_it);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
