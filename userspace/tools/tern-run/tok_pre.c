// SPDX-License-Identifier: MIT
/*
 * tok_pre.c - the table of pre-tokenizers, run by PCRE2.
 *
 * The expressions belong to the models: each was published with the tokenizer
 * it served to train. Where llama.cpp applies several in turn, each cuts what
 * the ones before it have left, and what no expression matches is a word too.
 */
#include "tok_pre.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#define MAX_PATTERNS 5

/*
 * White space as Unicode has it (White_Space=yes). PCRE2's own \s adds U+180E,
 * which tokenizers do not count, so the class is spelled out.
 */
#define WS                                                                                   \
	"\\t-\\r "                                                                           \
	"\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{" \
	"3000}"
#define BLANKS	 "[" WS "]+(?![^" WS "])|[" WS "]+"
#define NEWLINES "[" WS "]*[\\r\\n]+"
/* English contractions, as GPT-2 has them and without regard to case. */
#define SUFFIX	  "'s|'t|'re|'ve|'m|'ll|'d"
#define SUFFIX_IC "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
/* Letters that are not small, not capital ASCII: llama.cpp's stand-in for case classes. */
#define NOT_LOWER "[^\\P{L}a-z]"
#define NOT_UPPER "[^\\P{L}A-Z]"
#define LEAD	  "[^\\r\\n\\p{L}\\p{N}]?"

#define GPT2 SUFFIX "| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|" BLANKS

#define LLAMA3                                                                               \
	SUFFIX_IC "|" LEAD "\\p{L}+|\\p{N}{1,3}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|" NEWLINES \
		  "|" BLANKS

#define QWEN2 \
	SUFFIX_IC "|" LEAD "\\p{L}+|\\p{N}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|" NEWLINES "|" BLANKS

#define QWEN35                                              \
	SUFFIX_IC "|" LEAD "[\\p{L}\\p{M}]+|\\p{N}| ?[^" WS \
		  "\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" NEWLINES "|" BLANKS

#define TEKKEN                                                                            \
	LEAD NOT_LOWER "*" NOT_UPPER "+|" LEAD NOT_LOWER "+" NOT_UPPER "*|\\p{N}| ?[^" WS \
		       "\\p{L}\\p{N}]+[\\r\\n/]*|" NEWLINES "|" BLANKS

#define GPT4O                                                                                      \
	LEAD NOT_LOWER "*" NOT_UPPER "+" SUFFIX_IC "?|" LEAD NOT_LOWER "+" NOT_UPPER "*" SUFFIX_IC \
		       "?|\\p{N}{1,3}| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n/]*|" NEWLINES "|" BLANKS

#define DEEPSEEK3                                                                   \
	"[!-\\/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| " \
	"?[\\p{P}\\p{S}]+[\\r\\n]*"                                                 \
	"|" NEWLINES "|" BLANKS

struct pre_row {
	const char *name;
	bool add_bos, ignore_merges;
	const char *patterns[MAX_PATTERNS];
};

static const struct pre_row pre_table[] = {
	/* What llama.cpp does for files that name none. */
	{"", false, false, {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
	{"default", false, false, {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
	{"gpt-2", false, false, {GPT2}},
	{"phi-2", false, false, {GPT2}},
	{"mpt", false, false, {GPT2}},
	{"olmo", false, false, {GPT2}},
	{"jais", false, false, {GPT2}},
	{"gigachat", false, false, {GPT2}},
	{"exaone4", false, false, {GPT2}},
	{"llama-bpe", true, true, {LLAMA3}},
	{"llama3", true, true, {LLAMA3}},
	{"llama-v3", true, true, {LLAMA3}},
	{"falcon3", true, true, {LLAMA3}},
	{"dbrx", false, false, {LLAMA3}},
	{"smaug-bpe", false, false, {LLAMA3}},
	{"chatglm-bpe", false, false, {LLAMA3}},
	{"qwen2", false, false, {QWEN2}},
	{"megrez", false, false, {QWEN2}},
	{"stablelm2", false, false, {QWEN2}},
	{"qwen35", false, false, {QWEN35}},
	{"gpt-4o", false, false, {GPT4O}},
	{"llama4", false, false, {GPT4O}},
	{"tekken", true, true, {TEKKEN}},
	{"starcoder", false, false, {"\\p{N}", GPT2}},
	{"refact", false, false, {"\\p{N}", GPT2}},
	{"command-r", false, false, {"\\p{N}", GPT2}},
	{"smollm", false, false, {"\\p{N}", GPT2}},
	{"codeshell", false, false, {"\\p{N}", GPT2}},
	{"exaone", false, false, {"\\p{N}", GPT2}},
	{"minerva-7b", false, false, {"\\p{N}", GPT2}},
	{"falcon", false, false, {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"}},
	{"deepseek-v3",
	 false,
	 false,
	 {"\\p{N}{1,3}", "[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{30ff}]+", DEEPSEEK3}},
	{"deepseek-coder",
	 false,
	 false,
	 {"[\\r\\n]", "[" WS "]?\\p{L}+", "[" WS "]?\\p{P}+",
	  "[\\x{0800}-\\x{9fa5}\\x{ac00}-\\x{d7ff}]+", "\\p{N}"}},
};

struct tok_pre {
	const struct pre_row *row;
	pcre2_code *codes[MAX_PATTERNS];
	size_t n;
};

#define FAIL(rc, ...) (gguf_fail(rc, err, errlen, __VA_ARGS__), (rc))

bool tok_pre_adds_bos(const struct tok_pre *p)
{
	return p->row->add_bos;
}

bool tok_pre_ignores_merges(const struct tok_pre *p)
{
	return p->row->ignore_merges;
}

static const struct pre_row *find_row(struct gguf_str name)
{
	for (size_t i = 0; i < sizeof(pre_table) / sizeof(pre_table[0]); i++)
		if (gguf_str_eq(name, pre_table[i].name))
			return &pre_table[i];
	return NULL;
}

static int compile(struct tok_pre *p, const char *pattern, char *err, size_t errlen)
{
	PCRE2_UCHAR why[120] = {0};
	PCRE2_SIZE at;
	int code;

	p->codes[p->n] = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
				       PCRE2_UTF | PCRE2_UCP, &code, &at, NULL);
	if (!p->codes[p->n]) {
		pcre2_get_error_message(code, why, sizeof(why));
		return FAIL(-ENOTSUP,
			    "PCRE2 refuses the expression of the pre-tokenizer '%s' (%s): install "
			    "PCRE2 with "
			    "Unicode support.",
			    p->row->name, (const char *)why);
	}
	/* Only faster; without it pcre2_match() interprets. */
	pcre2_jit_compile(p->codes[p->n++], PCRE2_JIT_COMPLETE);
	return 0;
}

int tok_pre_load(struct gguf_str name, struct tok_pre **out, char *err, size_t errlen)
{
	const struct pre_row *row = find_row(name);
	struct tok_pre *p;
	char q[72];
	int rc = 0;

	*out = NULL;
	if (!row)
		return FAIL(-ENOTSUP,
			    "The model uses the pre-tokenizer %s, which is not supported: choose "
			    "another model.",
			    gguf_quote(name, q, sizeof(q)));
	p = calloc(1, sizeof(*p));
	if (!p)
		return FAIL(-ENOMEM, "There is not enough memory for the tokenizer.");
	p->row = row;
	for (size_t i = 0; i < MAX_PATTERNS && row->patterns[i] && !rc; i++)
		rc = compile(p, row->patterns[i], err, errlen);
	if (rc) {
		tok_pre_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void tok_pre_free(struct tok_pre *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		pcre2_code_free(p->codes[i]);
	free(p);
}

static int add_word(struct tok_words *w, size_t at, size_t end)
{
	int rc;

	if (at == end)
		return 0;
	rc = tok_reserve((void **)&w->all, &w->room, w->n + 1, sizeof(*w->all));
	if (!rc)
		w->all[w->n++] = (struct tok_word){at, end - at};
	return rc;
}

static int match(const pcre2_code *code, const char *text, size_t len, size_t from,
		 pcre2_match_data *md)
{
	int rc = pcre2_match(code, (PCRE2_SPTR)text, len, from, PCRE2_NO_UTF_CHECK, md, NULL);

	/* The interpreter keeps its state on the heap, where there is more room. */
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(code, (PCRE2_SPTR)text, len, from,
				 PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, md, NULL);
	return rc;
}

/* Look-ahead must not see past the word: its end is the end of the subject. */
static int split_word(const pcre2_code *code, const char *text, struct tok_word word,
		      struct tok_words *out, pcre2_match_data *md)
{
	size_t done = 0, from = 0;
	int rc;

	while (from < word.len) {
		const PCRE2_SIZE *hit = pcre2_get_ovector_pointer(md);

		rc = match(code, text + word.at, word.len, from, md);
		if (rc == PCRE2_ERROR_NOMATCH)
			break;
		if (rc < 0)
			return rc == PCRE2_ERROR_NOMEMORY ? -ENOMEM : -E2BIG;
		/* No expression matches nothing, but an endless loop is too dear to trust that. */
		if (hit[1] <= from)
			break;
		rc = add_word(out, word.at + done, word.at + hit[0]);
		if (!rc)
			rc = add_word(out, word.at + hit[0], word.at + hit[1]);
		if (rc)
			return rc;
		done = from = hit[1];
	}
	return add_word(out, word.at + done, word.at + word.len);
}

static int split_all(const pcre2_code *code, const char *text, struct tok_words *words,
		     pcre2_match_data *md)
{
	struct tok_words out = {0};
	int rc = 0;

	for (size_t i = 0; i < words->n && !rc; i++)
		rc = split_word(code, text, words->all[i], &out, md);
	free(words->all);
	*words = out;
	return rc;
}

int tok_pre_split(const struct tok_pre *p, const char *text, size_t len, struct tok_words *words,
		  char *err, size_t errlen)
{
	/* One pair of offsets: where the whole match is. */
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	int rc = md ? add_word(words, 0, len) : -ENOMEM;

	for (size_t i = 0; i < p->n && !rc; i++)
		rc = split_all(p->codes[i], text, words, md);
	pcre2_match_data_free(md);
	if (rc == -E2BIG)
		return FAIL(rc,
			    "The text has a stretch too long for the pre-tokenizer '%s': split it.",
			    p->row->name);
	return rc;
}
