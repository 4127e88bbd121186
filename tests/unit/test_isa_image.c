// SPDX-License-Identifier: MIT
/* Whole images: the check, both forms of the disassembly, and bytes that mean nothing. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "isa_image.h"

/* A small program with every kind of section: a loop of LOAD and VECTOR, and constants. */
static void sample_image(struct tern_code *c)
{
	const uint8_t tiles[8] = {1,	     TERN_NONE, TERN_NONE, TERN_NONE,
				  TERN_NONE, TERN_NONE, TERN_NONE, TERN_NONE};
	const struct tern_sync load = {.wait = {{4, 1}}, .signal = {{3, 1}}};
	const struct tern_sync vec = {.wait = {{3, 1}}, .signal = {{4, 1}}};
	struct tern_image_header *h;
	size_t top, v, code;

	begin_image(c);
	tern_emit_movi(c, 7, 3); /* 36 */
	top = c->n;
	tern_emit_load(c, false, 1, 2, TERN_NONE, NULL, NULL, &load); /* 38 */
	v = tern_emit_vector(c, tiles, NULL, 0, 4, &vec);	      /* 40 */
	tern_emit_loop(c, 7, top);				      /* 45 */
	tern_emit_op(c, TERN_OP_END);				      /* 47 */
	code = c->n;
	tern_code_patch_abs(c, v, code);
	tern_code_word(c, tern_vinstr(TERN_V_LANES, 0, 0, 0, 0)); /* 48 */
	tern_code_word(c, tern_vinstr(TERN_V_LD, 0, 0, 0, 0));
	tern_code_word(c, tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0));
	tern_code_word(c, tern_vinstr(TERN_V_STOP, 0, 0, 0, 0));
	h = end_image(c, code);
	use_sem(h, 3, TERN_Q_LOAD0, TERN_Q_VECTOR);
	use_sem(h, 4, TERN_Q_VECTOR, TERN_Q_LOAD0);
	h->sem[4].initial = 2;
	h->words += 2;
	tern_code_word(c, 0x1234); /* constants */
	tern_code_word(c, 0x5678);
}

/* ---- the check -------------------------------------------------------------------- */
START_TEST(sample_image_passes)
{
	struct tern_code c;
	size_t bad = 99;

	sample_image(&c);
	ck_assert_int_eq(tern_image_check(c.w, c.n, &bad), 0);
	ck_assert_int_eq(tern_image_check(c.w, c.n + 100, NULL), 0);
	tern_code_fini(&c);
}
END_TEST

/* One thing wrong: a header field, as the index of its 32-bit word, or an image word. */
static const struct {
	const char *why;
	unsigned int u32; /* header word to overwrite; 0 is magic */
	uint32_t value;
	int err;
} bad_headers[] = {
	{"magic", 0, 0x12345678, TERN_FAULT_IMAGE},
	{"major 2", 1, 2, TERN_FAULT_IMAGE},
	{"a later minor", 1, 1 | 1 << 16, TERN_FAULT_IMAGE},
	{"more words than there are", 2, 55, TERN_FAULT_IMAGE},
	{"entry in the header", 3, 35, TERN_FAULT_IMAGE},
	{"entry beyond the code", 3, 48, TERN_FAULT_IMAGE},
	{"code beyond the micro-programs", 4, 53, TERN_FAULT_IMAGE},
	{"micro-programs beyond the image", 5, 55, TERN_FAULT_IMAGE},
	{"semaphore producer 6", 8 + 3, 0x01000306, TERN_FAULT_IMAGE},
	{"semaphore consumer 6", 8 + 3, 0x01000600, TERN_FAULT_IMAGE},
	{"semaphore used 2", 8 + 3, 0x02000300, TERN_FAULT_IMAGE},
	{"unused semaphore with a role", 8 + 5, 0x00000300, TERN_FAULT_IMAGE},
	{"semaphore nobody may use", 8 + 3, 0, TERN_FAULT_SEM_ROLE},
	{"semaphore of another producer", 8 + 3, 0x01000301, TERN_FAULT_SEM_ROLE},
	{"semaphore of another consumer", 8 + 3, 0x01000200, TERN_FAULT_SEM_ROLE},
};

START_TEST(broken_header_is_refused)
{
	struct tern_code c;
	int err;

	sample_image(&c);
	memcpy((char *)c.w + 4 * bad_headers[_i].u32, &bad_headers[_i].value, 4);
	err = tern_image_check(c.w, c.n, NULL);
	ck_assert_msg(err == bad_headers[_i].err, "%s: %d", bad_headers[_i].why, err);
	tern_code_fini(&c);
}
END_TEST

static const struct {
	const char *why;
	size_t word;
	uint64_t value;
	int err;
	size_t bad;
} bad_words[] = {
	{"unknown command", 36, 0x1ff, TERN_FAULT_ILLEGAL, 36},
	{"last command cut off by the section", 47, TERN_OP_MOVI | 2 << 8, TERN_FAULT_FETCH, 47},
	{"loop to before the code", 46, (uint64_t)-10, TERN_FAULT_FETCH, 45},
	{"loop to beyond the code", 46, 3, TERN_FAULT_FETCH, 45},
	{"micro-program in the code", 43, 44, TERN_FAULT_FETCH, 40},
	{"micro-program runs out of its section", 43, 49, TERN_FAULT_FETCH, 40},
	{"micro-program at an absurd word", 43, UINT64_MAX, TERN_FAULT_FETCH, 40},
	{"malformed micro-program", 49, 0x7f, TERN_FAULT_VECTOR_PROGRAM, 49},
};

START_TEST(broken_word_is_refused_and_named)
{
	struct tern_code c;
	size_t bad = 99;
	int err;

	sample_image(&c);
	c.w[bad_words[_i].word] = bad_words[_i].value;
	err = tern_image_check(c.w, c.n, &bad);
	ck_assert_msg(err == bad_words[_i].err && bad == bad_words[_i].bad, "%s: %d at %zu",
		      bad_words[_i].why, err, bad);
	tern_code_fini(&c);
}
END_TEST

START_TEST(short_image_is_refused)
{
	struct tern_code c;

	sample_image(&c);
	for (size_t n = 0; n < c.n; n++) {
		uint64_t *copy = malloc(n * 8 + !n); /* exact size: a sanitizer sees overruns */

		memcpy(copy, c.w, n * 8);
		ck_assert_int_eq(tern_image_check(copy, n, NULL), TERN_FAULT_IMAGE);
		free(copy);
	}
	tern_code_fini(&c);
}
END_TEST

/* ---- disassembly ------------------------------------------------------------------ */
START_TEST(text_shows_labels_sync_and_sections)
{
	static const char *const parts[] = {
		"entry    L36",
		"s3       LOAD0 -> VECTOR, starts at 0",
		"starts at 2",
		"L38:\n     38  load0    t1 t2 wait s4:1 signal s3:1\n",
		"     40  vector   V48 t0=t1 n=4 wait s3:1 signal s4:1\n",
		"     45  loop     r7 L38\n",
		"V48:\n     48  lanes    t0\n",
		"     49  ld       v0 t0\n",
		"constants: from word 52, 2 words",
	};
	struct tern_code c;
	char *text;
	int err;

	sample_image(&c);
	text = disasm(c.w, c.n, false, &err);
	ck_assert_int_eq(err, 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		ck_assert_msg(strstr(text, parts[i]), "no \"%s\" in\n%s", parts[i], text);
	free(text);
	tern_code_fini(&c);
}
END_TEST

START_TEST(lines_fit_80_columns)
{
	struct tern_val v[TERN_TILE_NFIELDS];
	struct tern_code c;
	char *text;
	int err;

	for (int i = 0; i < TERN_TILE_NFIELDS; i++)
		v[i] = tern_imm(1000000000 + i);
	begin_image(&c);
	tern_emit_tile(&c, 31, 0x7ff, v);
	end_image(&c, c.n);
	text = disasm(c.w, c.n, false, &err);
	ck_assert_int_eq(err, 0);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) <= 80, "%s", line);
	free(text);
	tern_code_fini(&c);
}
END_TEST

START_TEST(json_of_the_sample_has_the_same_facts)
{
	static const char *const parts[] = {
		"\"entry\": 36",
		"{\"sem\": 4, \"producer\": \"VECTOR\", \"consumer\": \"LOAD0\", \"initial\": 2}",
		"{\"word\": 38, \"op\": \"load0\", \"label\": true, \"dst\": \"t1\"",
		"\"src\": \"t2\", \"wait\": \"s4:1\", \"signal\": \"s3:1\"}",
		"{\"word\": 36, \"op\": \"movi\", \"label\": true, \"rd\": \"r7\", \"imm\": 3}",
		"\"constants\": {\"word\": 52, \"words\": 2}",
		"\"fault\": null",
	};
	struct tern_code c;
	char *text;
	int err;

	sample_image(&c);
	text = disasm(c.w, c.n, true, &err);
	ck_assert_int_eq(err, 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		ck_assert_msg(strstr(text, parts[i]), "no %s in\n%s", parts[i], text);
	free(text);
	tern_code_fini(&c);
}
END_TEST

START_TEST(broken_image_is_printed_up_to_the_fault)
{
	struct tern_code c;
	char *text;
	int err;

	sample_image(&c);
	c.w[45] = 0x1ff;
	text = disasm(c.w, c.n, false, &err);
	ck_assert_int_eq(err, TERN_FAULT_ILLEGAL);
	ck_assert_ptr_nonnull(strstr(text, "40  vector"));
	ck_assert_ptr_nonnull(strstr(text, "word 45: ILLEGAL: "));
	free(text);
	text = disasm(c.w, 10, true, &err);
	ck_assert_int_eq(err, TERN_FAULT_IMAGE);
	ck_assert_ptr_nonnull(strstr(text, "\"code\": \"IMAGE\""));
	free(text);
	tern_code_fini(&c);
}
END_TEST

/* ---- noise -------------------------------------------------------------------------- */
static uint64_t random_word(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

START_TEST(random_words_never_crash)
{
	uint64_t state = 88172645463325252ull;
	struct tern_cmd c;

	for (int i = 0; i < 200000; i++) {
		size_t n = random_word(&state) % 13, bad;
		uint64_t *w = malloc(n * 8 + !n);

		for (size_t j = 0; j < n; j++)
			w[j] = random_word(&state);
		if (n) /* mostly real opcodes and plausible lengths, or nothing gets far */
			w[0] = (w[0] & ~0xf0c0ull) % (i & 1 ? 0x1000ull : ~0ull);
		tern_cmd_decode(w, n, &c);
		tern_vector_check(w, n, (unsigned int)random_word(&state) & 0xff, &bad);
		free(w);
	}
}
END_TEST

/* Damage to a valid image: each bit flipped, checked and printed in both forms. */
START_TEST(flipped_bits_never_crash)
{
	struct tern_code c;

	sample_image(&c);
	for (size_t bit = 0; bit < c.n * 64; bit++) {
		uint64_t *copy = malloc(c.n * 8);
		int checked, printed;

		memcpy(copy, c.w, c.n * 8);
		copy[bit / 64] ^= 1ull << bit % 64;
		checked = tern_image_check(copy, c.n, NULL);
		free(disasm(copy, c.n, bit & 1, &printed));
		ck_assert_int_eq(!checked, !printed);
		free(copy);
	}
	tern_code_fini(&c);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("isa_image");
	TCase *t = tcase_create("images");
	SRunner *r;
	int failed;

	tcase_add_test(t, sample_image_passes);
	tcase_add_loop_test(t, broken_header_is_refused, 0,
			    (int)(sizeof(bad_headers) / sizeof(bad_headers[0])));
	tcase_add_loop_test(t, broken_word_is_refused_and_named, 0,
			    (int)(sizeof(bad_words) / sizeof(bad_words[0])));
	tcase_add_test(t, short_image_is_refused);
	tcase_add_test(t, text_shows_labels_sync_and_sections);
	tcase_add_test(t, lines_fit_80_columns);
	tcase_add_test(t, json_of_the_sample_has_the_same_facts);
	tcase_add_test(t, broken_image_is_printed_up_to_the_fault);
	tcase_add_test(t, random_words_never_crash);
	tcase_add_test(t, flipped_bits_never_crash);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
