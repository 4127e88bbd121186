// SPDX-License-Identifier: MIT
/*
 * test_tokenizer.c - vocabularies and the SentencePiece tokenizer, against
 * results derived by hand and against the merge rule written out plainly.
 */
#include "tokenizer_fixture.h"

/* ---- SentencePiece ---- */

struct spm_token {
	const char *text;
	float score;
	int type; /* 1 normal, 2 unknown, 3 control, 4 user, 5 unused, 6 byte */
};

#define SP "\xe2\x96\x81" /* U+2581, a space */

/* Ids are line numbers, from 0. "bc" is liked better than "ab". */
static const struct spm_token spm_tokens[] = {
	{"<unk>", 0, 2},  {"<s>", 0, 3},	{"</s>", 0, 3}, {"<0x0A>", 0, 6}, {"<0xC3>", 0, 6},
	{"<0xA9>", 0, 6}, {SP, -10, 1},		{"a", -11, 1},	{"b", -12, 1},	  {"c", -13, 1},
	{"ab", -2, 1},	  {"bc", -1, 1},	{"abc", -5, 1}, {SP "a", -3, 1},  {SP SP, -4, 1},
	{"<|x|>", 0, 3},  {"<user>", 0, 4},	{"aa", -6, 1},	{"unused", 0, 5}, {"<user>b", 0, 4},
	{"<0xE2>", 0, 6}, {"<|im_end|>", 0, 1},
};
#define N_SPM (sizeof(spm_tokens) / sizeof(spm_tokens[0]))

static void spm_metadata(const char *model, size_t n_scores)
{
	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", model);
	b_array(&b, "tokenizer.ggml.tokens", B_STRING, N_SPM);
	for (size_t i = 0; i < N_SPM; i++)
		b_str(&b, spm_tokens[i].text);
	b_array(&b, "tokenizer.ggml.scores", B_F32, n_scores);
	for (size_t i = 0; i < n_scores; i++)
		b_f32(&b, spm_tokens[i].score);
	b_array(&b, "tokenizer.ggml.token_type", B_I32, N_SPM);
	for (size_t i = 0; i < N_SPM; i++)
		b_le(&b, (uint64_t)spm_tokens[i].type, 4);
}

static void load_spm(bool prefix)
{
	spm_metadata("llama", N_SPM);
	b_kv_bool(&b, "tokenizer.ggml.add_space_prefix", prefix);
	ck_assert_msg(!load(), "%s", err);
}

START_TEST(spm_merges_by_score)
{
	load_spm(false);
	/* b+c (-1) before a+b (-2); then a+bc (-5). */
	expect_tokens("abc", 0, TOKENS(12));
	/* a+b leaves c nothing to merge with but "abc" once b is gone into "bc". */
	expect_tokens("ab", 0, TOKENS(10));
	expect_tokens("bcb", 0, TOKENS(11, 8));
	/* Equal scores: the leftmost pair first, so aa a, not a aa. */
	expect_tokens("aaa", 0, TOKENS(17, 7));
	/* " a" (-3) before "  " (-4): the first space stays alone. */
	expect_tokens("  a", 0, TOKENS(6, 13));
	expect_tokens("", 0, NOTHING);
}
END_TEST

START_TEST(spm_puts_a_space_in_front)
{
	load_spm(true);
	expect_tokens("a", 0, TOKENS(13));
	expect_tokens("", 0, NOTHING);
	/* Also after a special token, as llama.cpp does. */
	expect_tokens("a<|x|>a", VOCAB_PARSE_SPECIAL, TOKENS(13, 15, 13));
}
END_TEST

START_TEST(spm_falls_back_to_bytes)
{
	char buf[16];

	load_spm(false);
	expect_tokens("\xc3\xa9", 0, TOKENS(4, 5)); /* e acute, in no token */
	expect_tokens("a\nb", 0, TOKENS(7, 3, 8));
	/* Streaming: each piece is one byte of the character. */
	ck_assert_int_eq(vocab_piece(v, 4, 0, buf, sizeof(buf)), 1);
	ck_assert_int_eq((unsigned char)buf[0], 0xc3);
	ck_assert_int_eq(vocab_piece(v, 5, 0, buf, sizeof(buf)), 1);
	ck_assert_int_eq((unsigned char)buf[0], 0xa9);
	/* A byte without token is the unknown token. */
	expect_tokens("z", 0, TOKENS(0));
	/* A character cut off by the end of the text. */
	expect_tokens("\xe2", 0, TOKENS(20));
}
END_TEST

START_TEST(special_tokens_only_where_asked)
{
	load_spm(false);
	expect_tokens("ab", VOCAB_ADD_SPECIAL, TOKENS(1, 10));
	/* BOS is the default of this tokenizer, EOS is not. */
	ck_assert(vocab_adds_bos(v));
	expect_tokens("a<|x|>b", VOCAB_PARSE_SPECIAL, TOKENS(7, 15, 8));
	out.n = 0;
	ck_assert_int_eq(vocab_tokenize(v, "<|x|>", 5, 0, &out, err, sizeof(err)), 0);
	for (size_t i = 0; i < out.n; i++)
		ck_assert_int_ne(out.ids[i], 15);
	/* Tokens of the user's count as text, hence always; the longest wins. */
	expect_tokens("a<user>c", 0, TOKENS(7, 16, 9));
	expect_tokens("<user>bc", 0, TOKENS(19, 9));
	expect_tokens("<user><user>", 0, TOKENS(16, 16));
}
END_TEST

START_TEST(add_eos_is_honoured)
{
	spm_metadata("llama", N_SPM);
	b_kv_bool(&b, "tokenizer.ggml.add_eos_token", 1);
	b_kv_bool(&b, "tokenizer.ggml.add_bos_token", 0);
	b_kv_u32(&b, "tokenizer.ggml.eos_token_id", 15);
	b_kv_bool(&b, "tokenizer.ggml.add_space_prefix", 0);
	ck_assert_msg(!load(), "%s", err);
	expect_tokens("ab", VOCAB_ADD_SPECIAL, TOKENS(10, 15));
	ck_assert_int_eq(vocab_eos(v), 15);
	ck_assert(vocab_is_eog(v, 15) && !vocab_is_eog(v, 2) && !vocab_is_eog(v, 10));
	/* Ends generation by its text, and is control whatever its type says. */
	ck_assert(vocab_is_eog(v, 21));
	ck_assert(!vocab_is_eog(v, -1) && !vocab_is_eog(v, 1000));
}
END_TEST

START_TEST(pieces)
{
	char buf[16];

	load_spm(true);
	ck_assert_int_eq(vocab_piece(v, 13, 0, buf, sizeof(buf)), 2);
	ck_assert_mem_eq(buf, " a", 2);
	ck_assert_int_eq(vocab_piece(v, 1, 0, buf, sizeof(buf)), 0);
	ck_assert_int_eq(vocab_piece(v, 1, VOCAB_SHOW_SPECIAL, buf, sizeof(buf)), 3);
	ck_assert_mem_eq(buf, "<s>", 3);
	ck_assert_int_eq(vocab_piece(v, 16, 0, buf, sizeof(buf)), 6);
	ck_assert_int_eq(vocab_piece(v, 18, 0, buf, sizeof(buf)), 0); /* unused */
	ck_assert_int_eq(vocab_piece(v, -1, 0, buf, sizeof(buf)), -EINVAL);
	ck_assert_int_eq(vocab_piece(v, N_SPM, 0, buf, sizeof(buf)), -EINVAL);
	ck_assert_int_eq(vocab_piece(v, 12, 0, buf, 2), -ENOSPC);
	/* The space in front goes, also behind BOS. */
	ck_assert_int_eq(vocab_detokenize(v, TOKENS(1, 13, 13), 3, 0, buf, sizeof(buf)), 3);
	ck_assert_mem_eq(buf, "a a", 3);
	ck_assert_int_eq(vocab_detokenize(v, TOKENS(1, 13, 13), 3, 0, buf, 2), -ENOSPC);
	ck_assert_int_eq(vocab_detokenize(v, TOKENS(99), 1, 0, buf, 2), -EINVAL);
}
END_TEST

static const char *data_file(const char *name)
{
	static char path[512];
	const char *dir = getenv("TERN_TEST_DATA");

	snprintf(path, sizeof(path), "%s/%s", dir ? dir : "tests/data", name);
	return path;
}

static void open_sample(void)
{
	ck_assert_msg(!gguf_open(data_file("kdoc-q8_0.gguf"), &g, err, sizeof(err)), "%s", err);
	ck_assert_msg(!vocab_load(g, &v, err, sizeof(err)), "%s", err);
}

static char *read_eval(size_t *n)
{
	FILE *f = fopen(data_file("eval.txt"), "rb");
	char *text = malloc(1 << 20);

	ck_assert(f && text);
	*n = fread(text, 1, 1 << 20, f);
	fclose(f);
	ck_assert_uint_gt(*n, 10000);
	return text;
}

/* Each symbol is its token, or its bytes' tokens. */
static size_t spell_reference(const char *text, const size_t *at, size_t n, int32_t *ids)
{
	size_t count = 0;
	char byte[8];

	for (size_t i = 0; i < n; i++) {
		int32_t id = vocab_find(v, text + at[i], at[i + 1] - at[i]);

		if (id >= 0) {
			ids[count++] = id;
			continue;
		}
		for (size_t k = at[i]; k < at[i + 1]; k++) {
			snprintf(byte, sizeof(byte), "<0x%02X>", (unsigned char)text[k]);
			ids[count++] = vocab_find(v, byte, 6);
		}
	}
	return count;
}

/* The rule as it is defined: join the best pair of all, until there is none. */
static size_t reference_spm(const char *text, size_t len, int32_t *ids)
{
	size_t at[2048], n = 0, best;
	float score = 0;

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			at[n++] = i;
	at[n] = len;
	for (;;) {
		best = n;
		for (size_t i = 0; i + 1 < n; i++) {
			int32_t id = vocab_find(v, text + at[i], at[i + 2] - at[i]);
			const struct gguf_kv *kv = gguf_find(g, "tokenizer.ggml.scores");
			float s = id < 0 ? 0 : gguf_array_f32(kv, (uint64_t)id);

			if (id >= 0 && (best == n || s > score)) {
				best = i;
				score = s;
			}
		}
		if (best == n)
			break;
		memmove(at + best + 1, at + best + 2, (n - best - 1) * sizeof(*at));
		n--;
	}
	return spell_reference(text, at, n, ids);
}

static size_t mark_spaces(const char *text, size_t len, char *to)
{
	size_t n = 3;

	memcpy(to, SP, 3);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ') {
			memcpy(to + n, SP, 3);
			n += 3;
		} else {
			to[n++] = text[i];
		}
	}
	return n;
}

START_TEST(sample_matches_the_rule)
{
	const size_t step = 150; /* the reference is cubic */
	int32_t want[2048];
	char marked[1024], *text;
	size_t n;

	open_sample();
	text = read_eval(&n);
	for (size_t at = 0; at + step <= n; at += 3 * step) {
		size_t len = mark_spaces(text + at, step, marked);
		size_t count = reference_spm(marked, len, want);

		out.n = 0;
		ck_assert_int_eq(vocab_tokenize(v, text + at, step, 0, &out, err, sizeof(err)), 0);
		ck_assert_uint_eq(out.n, count);
		ck_assert_mem_eq(out.ids, want, count * sizeof(*want));
	}
	free(text);
}
END_TEST

START_TEST(sample_round_trip)
{
	size_t n;
	char *text, *back;

	open_sample();
	text = read_eval(&n);
	back = malloc(n);
	ck_assert_ptr_nonnull(back);
	ck_assert_int_eq(vocab_tokenize(v, text, n, VOCAB_ADD_SPECIAL, &out, err, sizeof(err)), 0);
	ck_assert_int_eq(out.ids[0], vocab_bos(v));
	/* Far fewer than bytes, or merging did not happen. */
	ck_assert_uint_lt(out.n, n / 3);
	ck_assert_int_eq(vocab_detokenize(v, out.ids, out.n, 0, back, n), (long)n);
	ck_assert_mem_eq(back, text, n);
	free(back);
	free(text);
}
END_TEST

START_TEST(sample_round_trips_any_bytes)
{
	char text[512], back[512];
	uint32_t x = 1;

	open_sample();
	for (int round = 0; round < 200; round++) {
		size_t n = (size_t)round * 2 + 1;

		for (size_t i = 0; i < n; i++) {
			x = x * 1664525 + 1013904223;
			text[i] = (char)(x >> 24);
			/* A space is three bytes inside, which a bad lead byte may swallow. */
			if (text[i] == ' ')
				text[i] = '_';
		}
		out.n = 0;
		ck_assert_int_eq(vocab_tokenize(v, text, n, 0, &out, err, sizeof(err)), 0);
		ck_assert_int_eq(vocab_detokenize(v, out.ids, out.n, 0, back, sizeof(back)),
				 (long)n);
		ck_assert_mem_eq(back, text, n);
	}
}
END_TEST

/* ---- refusals ---- */

START_TEST(refuses_bad_vocabularies)
{
	static const char *const twice[] = {"a", "a"};

	b_begin(&b, 3);
	expect_load_error(-ENOENT, "tokenizer.ggml.model");
	spm_metadata("bert", N_SPM);
	expect_load_error(-ENOTSUP, "'bert'");
	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", "llama");
	expect_load_error(-ENOENT, "tokenizer.ggml.tokens");
	spm_metadata("llama", N_SPM - 1);
	expect_load_error(-EINVAL, "scores");
	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", "llama");
	b_kv_strs(&b, "tokenizer.ggml.tokens", twice, 2);
	expect_load_error(-EINVAL, "'a' twice");
	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", "llama");
	b_kv_strs(&b, "tokenizer.ggml.tokens", twice, 0);
	expect_load_error(-EINVAL, "has 0 tokens");
	spm_metadata("llama", N_SPM);
	b_kv_u32(&b, "tokenizer.ggml.bos_token_id", N_SPM);
	expect_load_error(-EINVAL, "bos_token_id");
	spm_metadata("llama", N_SPM);
	b_kv_u32(&b, "tokenizer.ggml.eot_token_id", UINT32_MAX);
	expect_load_error(-EINVAL, "eot_token_id");
	spm_metadata("llama", N_SPM);
	b_kv_u32(&b, "tokenizer.ggml.add_bos_token", 1);
	expect_load_error(-EINVAL, "should hold a bool");
}
END_TEST

START_TEST(refuses_bad_scores_and_types)
{
	static const char *const one[] = {"a"};

	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", "llama");
	b_kv_strs(&b, "tokenizer.ggml.tokens", one, 1);
	b_array(&b, "tokenizer.ggml.scores", B_F32, 1);
	b_le(&b, 0x7fc00000, 4);
	expect_load_error(-EINVAL, "not a number");
	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", "llama");
	b_array(&b, "tokenizer.ggml.tokens", B_U32, 0);
	expect_load_error(-EINVAL, "an array of string");
	/* One token, so the default BOS 1 does not exist. */
	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", "llama");
	b_kv_strs(&b, "tokenizer.ggml.tokens", one, 1);
	expect_load_error(-EINVAL, "BOS");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tokenizer");
	TCase *spm = tcase_create("SentencePiece"), *sample = tcase_create("sample model");
	TCase *bad = tcase_create("refuses");

	tcase_add_checked_fixture(spm, setup, teardown);
	tcase_add_test(spm, spm_merges_by_score);
	tcase_add_test(spm, spm_puts_a_space_in_front);
	tcase_add_test(spm, spm_falls_back_to_bytes);
	tcase_add_test(spm, special_tokens_only_where_asked);
	tcase_add_test(spm, add_eos_is_honoured);
	tcase_add_test(spm, pieces);
	suite_add_tcase(s, spm);
	tcase_add_checked_fixture(sample, setup, teardown);
	tcase_set_timeout(sample, 120);
	tcase_add_test(sample, sample_matches_the_rule);
	tcase_add_test(sample, sample_round_trip);
	tcase_add_test(sample, sample_round_trips_any_bytes);
	suite_add_tcase(s, sample);
	tcase_add_checked_fixture(bad, setup, teardown);
	tcase_add_test(bad, refuses_bad_vocabularies);
	tcase_add_test(bad, refuses_bad_scores_and_types);
	suite_add_tcase(s, bad);
	return run_suite(s);
}
