// SPDX-License-Identifier: MIT
/* Saved programs: they run as before, and what is damaged or meant for others is refused. */
#include "json_check.h"
#include "lib_fixture.h"

#include "lib/blob.h"

struct blob {
	unsigned char *data;
	size_t size;
};

static struct blob save(const struct rig *r)
{
	struct blob b;
	void *data;

	must(tern_program_save(r->prog, &data, &b.size));
	b.data = data;
	return b;
}

/* Give a changed blob the checksum it needs to be looked at more closely. */
static void seal(struct blob *b)
{
	tern_put32(b->data + TERN_BLOB_AT_CRC, tern_blob_crc(b->data, b->size));
}

static void refused(const struct rig *r, const struct blob *b, const char *text)
{
	struct tern_program *p = (struct tern_program *)(uintptr_t)1;
	int ret = tern_program_load(r->dev, b->data, b->size, &p);

	ck_assert_int_lt(ret, 0);
	expect_error(ret, ret, text);
	ck_assert_ptr_null(p);
}

/* Record i of a section. */
static unsigned char *record(const struct blob *b, enum tern_blob_section section, uint32_t i)
{
	const unsigned char *s =
		b->data + TERN_BLOB_AT_SECTIONS + TERN_BLOB_SECTION_BYTES * section;

	ck_assert_uint_lt(i, tern_get32(s));
	return b->data + tern_get64(s + 8) + (size_t)tern_get32(s + 4) * i;
}

static const char *const devices[] = {"sim:ref", "sim:small,no=binary", "cpu"};

/* ---- there and back ----------------------------------------------------------------------- */

static void swap_program(struct rig *r, struct tern_program *prog)
{
	struct tern_session *old = r->s;
	uint32_t i;

	tern_program_destroy(r->prog);
	r->prog = prog;
	must(tern_session_create(prog, &r->s));
	for (i = 0; i < 4; i++)
		must(tern_session_bind_one(r->s, i, r->buf[i], 0));
	tern_session_destroy(old);
}

START_TEST(loaded_programs_run_as_compiled_ones)
{
	uint64_t before[TERN_PROGRAM_SEGMENTS + 1];
	struct tern_program *loaded;
	struct blob b, again;
	struct rig r;
	int a;

	RIG_NEEDS(devices[_i]);
	rig_open(&r, devices[_i]);
	for (a = 0; a <= TERN_PROGRAM_SEGMENTS; a++)
		before[a] = rig_attr(&r, (enum tern_program_attr)a);
	b = save(&r);
	must(tern_program_load(r.dev, b.data, b.size, &loaded));
	swap_program(&r, loaded);
	for (a = 0; a <= TERN_PROGRAM_SEGMENTS; a++) {
		if (a != TERN_PROGRAM_COMPILE_NS)
			ck_assert_uint_eq(rig_attr(&r, (enum tern_program_attr)a), before[a]);
	}
	rig_run(&r, 5);
	rig_check(&r, 5);
	again = save(&r);
	ck_assert_uint_eq(again.size, b.size);
	ck_assert_mem_eq(again.data, b.data, b.size);
	free(again.data);
	free(b.data);
	rig_close(&r);
}
END_TEST

START_TEST(reports_are_the_same_after_loading)
{
	struct tern_program *loaded;
	char *text[2];
	size_t size;
	struct blob b;
	struct rig r;
	FILE *f;
	int i;

	rig_open(&r, "sim:ref,no=binary");
	b = save(&r);
	for (i = 0; i < 2; i++) {
		f = open_memstream(&text[i], &size);
		must(tern_explain(r.s, f, true));
		fclose(f);
		if (!i) {
			must(tern_program_load(r.dev, b.data, b.size, &loaded));
			swap_program(&r, loaded);
		}
	}
	ck_assert_str_eq(text[0], text[1]);
	free(text[0]);
	free(text[1]);
	free(b.data);
	rig_close(&r);
}
END_TEST

/* ---- damage -------------------------------------------------------------------------------- */

START_TEST(each_truncation_is_refused)
{
	struct tern_program *p;
	struct blob b;
	struct rig r;
	size_t n;

	RIG_NEEDS(devices[_i]);
	rig_open(&r, devices[_i]);
	b = save(&r);
	for (n = 0; n < b.size; n++) {
		/* in memory of that size, so that a read past it is seen */
		unsigned char *cut = malloc(n ? n : 1);

		memcpy(cut, b.data, n);
		ck_assert_int_lt(tern_program_load(r.dev, cut, n, &p), 0);
		free(cut);
	}
	free(b.data);
	rig_close(&r);
}
END_TEST

START_TEST(each_flipped_bit_is_refused)
{
	struct tern_program *p;
	struct blob b;
	struct rig r;
	size_t i;

	RIG_NEEDS(devices[_i]);
	rig_open(&r, devices[_i]);
	b = save(&r);
	for (i = 0; i < b.size; i++) {
		unsigned char bit = (unsigned char)(1u << i % 8);

		b.data[i] ^= bit;
		ck_assert_msg(tern_program_load(r.dev, b.data, b.size, &p) < 0, "byte %zu", i);
		b.data[i] ^= bit;
	}
	must(tern_program_load(r.dev, b.data, b.size, &p));
	tern_program_destroy(p);
	free(b.data);
	rig_close(&r);
}
END_TEST

/* With the right checksum each byte must be harmless: refused, or a program like another. */
START_TEST(each_hostile_byte_is_survived)
{
	static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	FILE *null = fopen("/dev/null", "w");
	struct tern_program *p;
	struct tern_session *s;
	struct blob b;
	struct rig r;
	/* Sessions of the kernel's device take long in a guest: some of them there. */
	const size_t step = rig_kernel() ? 61 : 1;
	size_t i, k;

	RIG_NEEDS(devices[_i]);
	rig_open(&r, devices[_i]);
	b = save(&r);
	for (i = 0; i < b.size; i += step) {
		unsigned char old = b.data[i];

		for (k = 0; k < sizeof(values); k++) {
			b.data[i] = values[k];
			seal(&b);
			if (!tern_program_load(r.dev, b.data, b.size, &p)) {
				if (!tern_session_create(p, &s))
					tern_session_destroy(s);
				tern_program_destroy(p);
			}
			if (i % 16 == 0)
				tern_disassemble(null, b.data, b.size, k % 2);
		}
		b.data[i] = old;
	}
	fclose(null);
	free(b.data);
	rig_close(&r);
}
END_TEST

START_TEST(refusals_say_why)
{
	struct blob b;
	struct rig r;

	rig_open(&r, "sim:ref,no=binary");
	b = save(&r);
#define TRY(at, bits, value, text)                                           \
	do {                                                                 \
		uint64_t old = bits == 32 ? tern_get32(at) : tern_get64(at); \
		if (bits == 32)                                              \
			tern_put32(at, (uint32_t)(value));                   \
		else                                                         \
			tern_put64(at, value);                               \
		seal(&b);                                                    \
		refused(&r, &b, text);                                       \
		if (bits == 32)                                              \
			tern_put32(at, (uint32_t)old);                       \
		else                                                         \
			tern_put64(at, old);                                 \
	} while (0)
	TRY(b.data, 32, 0, "does not begin as one");
	TRY(b.data + TERN_BLOB_AT_VERSION, 32, 1, "has version 1, this library reads version 2");
	TRY(b.data + TERN_BLOB_AT_SIZE, 64, b.size + 1, "cut off");
	TRY(b.data + TERN_BLOB_AT_COMPILER, 32, 0xabc, "made by compiler 2748");
	TRY(b.data + TERN_BLOB_AT_NPU, 32, 0, "without an NPU");
	TRY(b.data + TERN_BLOB_AT_NO_OPS, 64, 0, "other operators masked");
	TRY(b.data + TERN_BLOB_AT_NCAPS, 32, 25, "header is malformed");
	TRY(b.data + TERN_BLOB_AT_CAPS + 12, 32, 512, "mac_int8 512, this one has 4096");
	TRY(b.data + TERN_BLOB_AT_SECTIONS, 32, UINT32_MAX, "STRINGS");
	TRY(b.data + TERN_BLOB_AT_SECTIONS + 16 + 8, 64, b.size + 64, "STORAGES");
	TRY(b.data + TERN_BLOB_AT_SECTIONS + 32 + 4, 32, 1, "TENSORS");
	TRY(record(&b, TERN_BLOB_STORAGES, 1) + 12, 32, 0x7fffffff, "string outside");
	TRY(record(&b, TERN_BLOB_STORAGES, 1), 64, 4, "ends past its storage");
	TRY(record(&b, TERN_BLOB_OPS, 1), 32, 99, "code 99 is unknown");
	TRY(record(&b, TERN_BLOB_OPS, 1) + 88, 32, TERN_BLOB_NO_STRING,
	    "3 segments, its operators make 1");
	TRY(record(&b, TERN_BLOB_OPS, 0) + 92, 32, 2, "fused into one of another segment");
	TRY(record(&b, TERN_BLOB_SEGMENTS, 1), 32, 2, "segment 1");
	TRY(record(&b, TERN_BLOB_SEGMENTS, 0) + 8, 32, 2, "segment 0");
	TRY(record(&b, TERN_BLOB_SEGMENTS, 0) + 24, 64, UINT64_MAX / 8, "segment 0");
	TRY(record(&b, TERN_BLOB_SEGMENTS, 0) + 32, 64, 1ull << 47, "segment 0");
	TRY(record(&b, TERN_BLOB_ARGS, 0), 32, 1000, "argument 0");
	TRY(record(&b, TERN_BLOB_ARGS, 0) + 4, 32, 2, "argument 0");
	TRY(record(&b, TERN_BLOB_IMAGES, 0), 32, 0, "refused at word");
	b.data[TERN_BLOB_AT_CRC] ^= 1;
	refused(&r, &b, "checksum does not match");
	free(b.data);
	rig_close(&r);
}
END_TEST

START_TEST(null_is_refused)
{
	struct tern_program *p;
	struct rig r;
	size_t size;
	void *data;

	rig_open(&r, "cpu");
	expect_error(tern_program_save(NULL, &data, &size), -EINVAL, "NULL");
	expect_error(tern_program_save(r.prog, NULL, &size), -EINVAL, "NULL");
	expect_error(tern_program_save(r.prog, &data, NULL), -EINVAL, "NULL");
	expect_error(tern_program_load(NULL, "", 1, &p), -EINVAL, "NULL");
	expect_error(tern_program_load(r.dev, NULL, 1, &p), -EINVAL, "NULL");
	expect_error(tern_program_load(r.dev, "", 1, NULL), -EINVAL, "NULL");
	rig_close(&r);
}
END_TEST

START_TEST(other_targets_are_refused)
{
	static const char *const others[] = {"sim:small", "sim:ref,no=rope", "cpu",
					     "sim:ref,check"};
	struct tern_program *p;
	struct tern_device *dev;
	struct blob b;
	struct rig r;
	int ret;

	RIG_NEEDS(others[_i]);
	rig_open(&r, "sim:ref");
	b = save(&r);
	rig_device(others[_i], &dev);
	ret = tern_program_load(dev, b.data, b.size, &p);
	if (_i == 3) { /* checking changes nothing for programs */
		must(ret);
		tern_program_destroy(p);
	} else {
		expect_error(ret, -ENODEV, "compile it again");
	}
	tern_device_close(dev);
	free(b.data);
	rig_close(&r);
}
END_TEST

/* ---- a program that faults ------------------------------------------------------------------ */

START_TEST(faults_name_operator_queue_and_cause)
{
	struct tern_program *p;
	struct blob b;
	struct rig r;
	int64_t tokens = 8;
	uint32_t i, n;

	rig_open(&r, "sim:ref");
	b = save(&r);
	/* every address of storage y becomes one that nothing is mapped at */
	n = tern_get32(b.data + TERN_BLOB_AT_SECTIONS + TERN_BLOB_SECTION_BYTES * TERN_BLOB_ARGS);
	for (i = 0; i < n; i++) {
		unsigned char *arg = record(&b, TERN_BLOB_ARGS, i);

		if (tern_get32(arg) == RIG_Y)
			tern_put64(arg + 16, 1ull << 40);
	}
	seal(&b);
	must(tern_program_load(r.dev, b.data, b.size, &p));
	swap_program(&r, p);
	expect_error(tern_session_run(r.s, &tokens, 1), -EIO, "queue STORE");
	expect_error(tern_session_run(r.s, &tokens, 1), -EIO, "TRANSLATION (address not mapped");
	expect_error(tern_session_run(r.s, &tokens, 1), -EIO, "command at image word");
	expect_error(tern_session_run(r.s, &tokens, 1), -EIO, "operator ");
	free(b.data);
	rig_close(&r);
}
END_TEST

/* STORE no longer waits for what it stores: both commands are named. */
START_TEST(races_name_both_commands)
{
	const uint64_t waits = (1ull << TERN_SYNC_SIGNAL0_SHIFT) - 1;
	struct tern_program *p;
	struct blob b;
	struct rig r;
	int64_t tokens = 8;
	unsigned char *image, *at;

	RIG_NEEDS("sim:ref,check");
	rig_open(&r, "sim:ref,check");
	b = save(&r);
	image = b.data + tern_get64(b.data + TERN_BLOB_AT_SECTIONS +
				    TERN_BLOB_SECTION_BYTES * TERN_BLOB_IMAGES + 8);
	for (at = image + 8 * TERN_IMAGE_HEADER_WORDS;
	     at < image + 8 * tern_get32(image + offsetof(struct tern_image_header, code_words));
	     at += 8 * at[1])
		if (at[0] == TERN_OP_STORE)
			tern_put64(at + 8, tern_get64(at + 8) & ~waits);
	seal(&b);
	must(tern_program_load(r.dev, b.data, b.size, &p));
	swap_program(&r, p);
	expect_error(tern_session_run(r.s, &tokens, 1), -EIO,
		     "RACE with the command at image word ");
	free(b.data);
	rig_close(&r);
}
END_TEST

/* ---- disassembly ------------------------------------------------------------------------------ */

static char *disassembled(const void *data, size_t size, bool json, int *ret)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	*ret = tern_disassemble(f, data, size, json);
	fclose(f);
	return text;
}

START_TEST(blobs_and_images_are_listed)
{
	struct blob b;
	struct rig r;
	char *text;
	int ret;

	RIG_NEEDS(devices[_i]);
	rig_open(&r, devices[_i]);
	b = save(&r);
	text = disassembled(b.data, b.size, true, &ret);
	must(ret);
	ck_assert_msg(json_ok(text), "%s", text);
	free(text);
	text = disassembled(b.data, b.size, false, &ret);
	must(ret);
	ck_assert_ptr_nonnull(
		strstr(text, _i == 2 ? "no NPU segments" : "segment 0: from operator 0"));
	free(text);
	if (_i != 2) {
		const unsigned char *image = record(&b, TERN_BLOB_IMAGES, 0);

		ck_assert_uint_eq((uint64_t)(image - b.data) % 64, 0);
		text = disassembled(image, 8 * (size_t)tern_get32(image + 8), true, &ret);
		must(ret);
		ck_assert(json_ok(text));
		free(text);
	}
	free(b.data);
	rig_close(&r);
}
END_TEST

START_TEST(other_files_are_not_listed)
{
	struct blob b;
	struct rig r;
	int ret;

	free(disassembled("\x7f"
			  "ELF and more",
			  13, false, &ret));
	expect_error(ret, -EINVAL, "neither a program blob nor an image");
	free(disassembled("", 0, false, &ret));
	expect_error(ret, -EINVAL, "neither");
	free(disassembled("TERN", 4, false, &ret));
	expect_error(ret, -EBADMSG, "breaks a rule");
	expect_error(tern_disassemble(NULL, "", 1, false), -EINVAL, "NULL");
	expect_error(tern_disassemble(stdout, NULL, 1, false), -EINVAL, "NULL");
	rig_open(&r, "sim:ref");
	b = save(&r);
	b.data[b.size / 2] ^= 1;
	free(disassembled(b.data, b.size, false, &ret));
	expect_error(ret, -EBADMSG, "checksum");
	free(b.data);
	rig_close(&r);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("program blobs");
	TCase *t = tcase_create("there and back");

	tcase_add_loop_test(t, loaded_programs_run_as_compiled_ones, 0, 3);
	tcase_add_test(t, reports_are_the_same_after_loading);
	suite_add_tcase(s, t);

	t = tcase_create("damage");
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, each_truncation_is_refused, 0, 3);
	tcase_add_loop_test(t, each_flipped_bit_is_refused, 0, 3);
	tcase_add_loop_test(t, each_hostile_byte_is_survived, 0, 3);
	tcase_add_test(t, refusals_say_why);
	tcase_add_test(t, null_is_refused);
	tcase_add_loop_test(t, other_targets_are_refused, 0, 4);
	tcase_add_test(t, faults_name_operator_queue_and_cause);
	tcase_add_test(t, races_name_both_commands);
	suite_add_tcase(s, t);

	t = tcase_create("disassembly");
	tcase_add_loop_test(t, blobs_and_images_are_listed, 0, 3);
	tcase_add_test(t, other_files_are_not_listed);
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
