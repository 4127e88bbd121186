// SPDX-License-Identifier: MIT
/*
 * test_bpe.c - byte-level BPE and its pre-tokenizers, against results derived by
 * hand from merges and expressions.
 */
#include "tokenizer_fixture.h"

#include "tools/tern-run/tok_pre.h"

#define GS "\xc4\xa0" /* G with dot: a space in the alphabet of bytes */
#define GN "\xc4\x8a" /* C with dot: a newline */

static const char *const bpe_tokens[] = {
	"a",
	"b",
	"c",
	GS,
	GN,
	"ab",
	"bc",
	"abc",
	GS "a",
	"1",
	"2",
	"12",
	"\xc3\x83",
	"d",
	"ad",
	"\xc2\xa9",
	"\xc3\x83\xc2\xa9",
	"<|im_end|>",
	"cd",
	"\xc3\xaf",
	"\xc2\xbf",
	"\xc2\xbd",
};
static const char *const bpe_merges[] = {
	"b c", "a b", "a bc", GS " a", "1 2", "a d", "\xc3\x83 \xc2\xa9", "d d", "c d",
};
#define N_BPE	 (sizeof(bpe_tokens) / sizeof(bpe_tokens[0]))
#define N_MERGES (sizeof(bpe_merges) / sizeof(bpe_merges[0]))

static void bpe_metadata(const char *pre)
{
	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", "gpt2");
	b_kv_str(&b, "tokenizer.ggml.pre", pre);
	b_kv_strs(&b, "tokenizer.ggml.tokens", bpe_tokens, N_BPE);
	b_kv_strs(&b, "tokenizer.ggml.merges", bpe_merges, N_MERGES);
}

static void load_bpe(const char *pre)
{
	bpe_metadata(pre);
	ck_assert_msg(!load(), "%s", err);
}

START_TEST(bpe_merges_by_rank)
{
	load_bpe("gpt-2");
	/* b c is rank 0, so it goes before a b (1); then a bc (2). */
	expect_tokens("abc", 0, TOKENS(7));
	expect_tokens("ab", 0, TOKENS(5));
	expect_tokens("abab", 0, TOKENS(5, 5));
	/* Words: "ab", " a", "\n", "12". */
	expect_tokens("ab a\n12", 0, TOKENS(5, 8, 4, 11));
	/* Not across words: a "b" cannot join the "c" behind the newline. */
	expect_tokens("b\nc", 0, TOKENS(1, 4, 2));
	/* e acute is the bytes c3 a9, spelled as two characters, merged by rank 6. */
	expect_tokens("\xc3\xa9", 0, TOKENS(16));
	/* No token "dd" although there is a merge: the characters stand alone. */
	expect_tokens("dd", 0, TOKENS(13, 13));
	/* No BOS in this pre-tokenizer's models. */
	expect_tokens("a", VOCAB_ADD_SPECIAL, TOKENS(0));
	expect_tokens("", VOCAB_ADD_SPECIAL, NOTHING);
}
END_TEST

START_TEST(bpe_whole_words_first_in_llama3)
{
	bpe_metadata("llama-bpe");
	b_kv_u32(&b, "tokenizer.ggml.bos_token_id", 17);
	ck_assert_msg(!load(), "%s", err);
	/* "ad" is a token, reachable by merge too; "abc" skips the merges. */
	expect_tokens("abc", VOCAB_ADD_SPECIAL, TOKENS(17, 7));
	expect_tokens("a<|im_end|>", VOCAB_PARSE_SPECIAL, TOKENS(0, 17));
	ck_assert(vocab_is_eog(v, 17));
}
END_TEST

START_TEST(bpe_replaces_bad_utf8)
{
	/* U+FFFD is ef bf bd; ef, bf and bd stand for themselves in the alphabet. */
	load_bpe("qwen2");
	expect_tokens("a\xff", 0, TOKENS(0, 19, 20, 21));
	expect_tokens("\xc3", 0, TOKENS(19, 20, 21));
}
END_TEST

START_TEST(bpe_pieces_are_bytes)
{
	char buf[16];

	load_bpe("gpt-2");
	ck_assert_int_eq(vocab_piece(v, 8, 0, buf, sizeof(buf)), 2);
	ck_assert_mem_eq(buf, " a", 2);
	ck_assert_int_eq(vocab_piece(v, 4, 0, buf, sizeof(buf)), 1);
	ck_assert_int_eq(buf[0], '\n');
	ck_assert_int_eq(vocab_piece(v, 12, 0, buf, sizeof(buf)), 1); /* half of e acute */
	ck_assert_int_eq((unsigned char)buf[0], 0xc3);
	ck_assert_int_eq(vocab_piece(v, 16, 0, buf, sizeof(buf)), 2);
	ck_assert_mem_eq(buf, "\xc3\xa9", 2);
	ck_assert_int_eq(vocab_detokenize(v, TOKENS(8, 7), 2, 0, buf, sizeof(buf)), 5);
	ck_assert_mem_eq(buf, " aabc", 5);
}
END_TEST

/* Words by '|', derived from the models' published expressions by hand. */
static const struct {
	const char *pre, *text, *words;
} splits[] = {
	{"gpt-2", "I'm 12 ok!!", "I|'m| 12| ok|!!"},
	{"gpt-2", "a  b", "a| | b"},
	{"gpt-2", "a\n\nb  ", "a|\n|\n|b|  "},
	{"gpt-2", "It'S", "It|'|S"},
	{"llama-bpe", "It'S", "It|'S"},
	{"llama-bpe", "Hello, world's 1234\n\n  x", "Hello|,| world|'s| |123|4|\n\n| | x"},
	{"llama-bpe", "a.b (c)\n", "a|.b| (|c|)\n"},
	{"llama-bpe", "na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac",
	 "na\xc3\xafve| \xe6\x97\xa5\xe6\x9c\xac"},
	/* A no-break space is white, a Mongolian vowel separator is not. */
	{"llama-bpe",
	 "a\xc2\xa0\xc2\xa0"
	 "b",
	 "a|\xc2\xa0|\xc2\xa0"
	 "b"},
	{"llama-bpe",
	 "a\xe1\xa0\x8e"
	 "b",
	 "a|\xe1\xa0\x8e"
	 "b"},
	{"qwen2", "abc 123", "abc| |1|2|3"},
	{"qwen2", "x\t\ty \r\n", "x|\t|\ty| \r\n"},
	{"qwen35",
	 "e\xcc\x81"
	 "a",
	 "e\xcc\x81"
	 "a"}, /* a combining accent stays in the word */
	{"qwen2",
	 "e\xcc\x81"
	 "a",
	 "e|\xcc\x81"
	 "a"},
	{"", "a+b 1234", "a|+|b| |123|4"},
	{"default", "so, it's", "so|,| it|'|s"},
	{"starcoder", "a 12", "a| |1|2"},
	{"falcon", "x==1234", "x|==|123|4"},
	{"tekken", "HelloWorld 12", "Hello|World| |1|2"},
	{"gpt-4o", "HELLO'S it's", "HELLO'S| it's"},
	{"deepseek-v3", "x=1234", "x|=|123|4"},
	{"deepseek-v3", "!ab cd", "!ab| cd"},
	{"deepseek-coder", "ab\n1x", "ab|\n|1|x"},
};

START_TEST(pre_tokenizers_cut_words)
{
	const char *text = splits[_i].text, *w = splits[_i].words;
	struct gguf_str name = {splits[_i].pre, strlen(splits[_i].pre)};
	struct tok_words words = {0};
	struct tok_pre *pre = NULL;
	char got[128] = "";
	size_t n = 0;

	ck_assert_msg(!tok_pre_load(name, &pre, err, sizeof(err)), "%s", err);
	ck_assert_int_eq(tok_pre_split(pre, text, strlen(text), &words, err, sizeof(err)), 0);
	for (size_t i = 0; i < words.n; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s", i ? "|" : "",
				      (int)words.all[i].len, text + words.all[i].at);
	ck_assert_str_eq(got, w);
	free(words.all);
	tok_pre_free(pre);
}
END_TEST

START_TEST(long_words_and_blanks_are_no_trouble)
{
	/* One word of 200000 letters, and as many blanks: neither deep nor quadratic. */
	const size_t n = 200000;
	char *text = malloc(n);

	ck_assert_ptr_nonnull(text);
	load_bpe("qwen2");
	memset(text, 'a', n);
	ck_assert_int_eq(vocab_tokenize(v, text, n, 0, &out, err, sizeof(err)), 0);
	ck_assert_uint_eq(out.n, n);
	memset(text, ' ', n);
	ck_assert_int_eq(vocab_tokenize(v, text, n, 0, &out, err, sizeof(err)), 0);
	ck_assert_uint_eq(out.n, 2 * n);
	free(text);
}
END_TEST

START_TEST(refuses_bad_bpe)
{
	bpe_metadata("no-such-pre");
	expect_load_error(-ENOTSUP, "'no-such-pre'");
	b_begin(&b, 3);
	b_kv_str(&b, "tokenizer.ggml.model", "gpt2");
	b_kv_strs(&b, "tokenizer.ggml.tokens", bpe_tokens, N_BPE);
	expect_load_error(-ENOENT, "tokenizer.ggml.merges");
	bpe_metadata("llama-bpe"); /* wants BOS, names none */
	expect_load_error(-EINVAL, "BOS");
}
END_TEST

START_TEST(refuses_text_without_tokens)
{
	load_bpe("gpt-2");
	ck_assert_int_eq(vocab_tokenize(v, "z", 1, 0, &out, err, sizeof(err)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "'z'"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bpe");
	TCase *t = tcase_create("bpe");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, bpe_merges_by_rank);
	tcase_add_test(t, bpe_whole_words_first_in_llama3);
	tcase_add_test(t, bpe_replaces_bad_utf8);
	tcase_add_test(t, bpe_pieces_are_bytes);
	tcase_add_loop_test(t, pre_tokenizers_cut_words, 0, sizeof(splits) / sizeof(splits[0]));
	tcase_add_test(t, long_words_and_blanks_are_no_trouble);
	tcase_add_test(t, refuses_bad_bpe);
	tcase_add_test(t, refuses_text_without_tokens);
	suite_add_tcase(s, t);
	return run_suite(s);
}
