// SPDX-License-Identifier: MIT
/*
 * tok_bpe.c - byte-level BPE: words are spelled in an alphabet of 256 printable
 * characters, one per byte; the pair that stands first in the list of merges is
 * joined first.
 */
#include "tok_pre.h"

/* Longer rules than any vocabulary has; bounds the key on the stack. */
#define MAX_MERGE_BYTES 4096
#define REPLACEMENT	"\xef\xbf\xbd" /* U+FFFD */

struct tok_bpe {
	struct gguf_str *merges; /* "left right", in order of preference */
	struct strindex ranks;
	size_t max_merge;
	struct tok_pre *pre;
	char spelled[256][2]; /* UTF-8 of the character that stands for a byte */
	uint8_t spelled_len[256];
	int16_t byte_of[512]; /* the way back, by code point; -1: stands for none */
};

#define FAIL(rc, ...) (gguf_fail(rc, err, errlen, __VA_ARGS__), (rc))

/*
 * GPT-2's alphabet (bytes_to_unicode in its encoder.py): printable Latin-1 bytes
 * stand for themselves, the other 68 are numbered from U+0100 on.
 */
static bool stands_for_itself(unsigned int b)
{
	return (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
}

static void build_alphabet(struct tok_bpe *t)
{
	unsigned int next = 0x100;

	memset(t->byte_of, 0xff, sizeof(t->byte_of));
	for (unsigned int b = 0; b < 256; b++) {
		unsigned int cp = stands_for_itself(b) ? b : next++;

		t->byte_of[cp] = (int16_t)b;
		t->spelled_len[b] = cp < 0x80 ? 1 : 2;
		t->spelled[b][0] = (char)(cp < 0x80 ? cp : 0xc0 | cp >> 6);
		t->spelled[b][1] = (char)(0x80 | (cp & 0x3f));
	}
}

static int load_merges(struct tok_bpe *t, const struct gguf *g, char *err, size_t errlen)
{
	const struct gguf_kv *kv = NULL;
	struct gguf_cursor c;
	int rc = gguf_require(g, "tokenizer.ggml.merges", err, errlen);

	if (!rc)
		rc = gguf_get_array(g, "tokenizer.ggml.merges", GGUF_STRING, &kv, err, errlen);
	if (rc)
		return rc;
	if (kv->count > STRINDEX_MAX)
		return FAIL(-EINVAL,
			    "The model's tokenizer has too many merges: the file is damaged.");
	t->merges = calloc(kv->count + 1, sizeof(*t->merges));
	if (!t->merges || strindex_init(&t->ranks, t->merges, sizeof(*t->merges), kv->count))
		return FAIL(-ENOMEM, "There is not enough memory for the tokenizer.");
	c = gguf_strings(kv);
	for (uint32_t i = 0; gguf_next_string(&c, &t->merges[i]); i++) {
		if (t->merges[i].len > MAX_MERGE_BYTES)
			return FAIL(-EINVAL,
				    "Merge %u of the model's tokenizer has %zu bytes, but at most "
				    "%d make sense: the "
				    "file is damaged.",
				    i, t->merges[i].len, MAX_MERGE_BYTES);
		if (t->merges[i].len > t->max_merge)
			t->max_merge = t->merges[i].len;
	}
	strindex_add_all(&t->ranks, (uint32_t)kv->count); /* of two alike the first counts */
	return 0;
}

static int bpe_load(struct vocab *v, const struct gguf *g, char *err, size_t errlen)
{
	struct gguf_str pre = {"", 0};
	int rc;

	v->bpe = calloc(1, sizeof(*v->bpe));
	if (!v->bpe)
		return FAIL(-ENOMEM, "There is not enough memory for the tokenizer.");
	build_alphabet(v->bpe);
	rc = gguf_get_str(g, "tokenizer.ggml.pre", &pre, err, errlen);
	if (!rc)
		rc = tok_pre_load(pre, &v->bpe->pre, err, errlen);
	if (rc)
		return rc;
	v->add_bos = tok_pre_adds_bos(v->bpe->pre);
	return load_merges(v->bpe, g, err, errlen);
}

static void bpe_unload(struct vocab *v)
{
	if (!v->bpe)
		return;
	strindex_free(&v->bpe->ranks);
	free(v->bpe->merges);
	tok_pre_free(v->bpe->pre);
	free(v->bpe);
}

/* The alphabet has no space, so "left right" names the pair without doubt. */
static bool bpe_cost(const struct vocab *v, const char *text, size_t left, size_t right,
		     double *cost)
{
	const struct tok_bpe *t = v->bpe;
	char key[MAX_MERGE_BYTES];
	uint32_t rank;

	if (left + 1 + right > t->max_merge)
		return false;
	memcpy(key, text, left);
	key[left] = ' ';
	memcpy(key + left + 1, text + left, right);
	rank = strindex_find(&t->ranks, key, left + 1 + right);
	*cost = rank;
	return rank != STRINDEX_NONE;
}

/* Length of the valid UTF-8 character at @p (Unicode, table 3-7), else 0. */
static size_t valid_utf8(const unsigned char *p, size_t left)
{
	size_t n = tok_utf8_len(p[0]);
	unsigned int lo = 0x80, hi = 0xbf;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || n > left)
		return 0;
	if (p[0] == 0xe0)
		lo = 0xa0;
	if (p[0] == 0xed)
		hi = 0x9f;
	if (p[0] == 0xf0)
		lo = 0x90;
	if (p[0] == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* A copy in which every byte that is no part of valid UTF-8 became U+FFFD. */
static char *sanitise(const char *text, size_t len, size_t *out_len)
{
	char *out = malloc(len * 3 + 1), *o = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t n = valid_utf8((const unsigned char *)text + i, len - i);

		memcpy(o, n ? text + i : REPLACEMENT, n ? n : 3);
		o += n ? n : 3;
		i += n ? n : 1;
	}
	*out_len = (size_t)(o - out);
	return out;
}

static size_t spell_word(const struct tok_bpe *t, const char *word, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char b = (unsigned char)word[i];

		memcpy(out + n, t->spelled[b], 2);
		n += t->spelled_len[b];
	}
	return n;
}

static int emit_characters(const struct vocab *v, const char *text, size_t len,
			   struct token_list *out, char *err, size_t errlen)
{
	int rc = 0;

	for (size_t i = 0, n; i < len && !rc; i += n) {
		int32_t id;

		n = tok_utf8_len((unsigned char)text[i]);
		id = vocab_find(v, text + i, n);
		if (id == VOCAB_NO_TOKEN)
			id = v->unk;
		if (id == VOCAB_NO_TOKEN)
			return FAIL(-EINVAL,
				    "The model's vocabulary has no token for a byte of the text "
				    "(spelled '%.*s'): leave "
				    "that character out.",
				    (int)n, text + i);
		rc = token_list_push(out, id);
	}
	return rc;
}

static int tokenize_word(const struct vocab *v, struct tok_merger *m, const char *word, size_t len,
			 struct token_list *out, char *err, size_t errlen)
{
	int32_t whole = VOCAB_NO_TOKEN;
	int rc;

	if (tok_pre_ignores_merges(v->bpe->pre))
		whole = vocab_find(v, word, len);
	if (whole != VOCAB_NO_TOKEN)
		return token_list_push(out, whole);
	rc = tok_merge(m, v, bpe_cost, word, len);
	return rc ? rc : tok_emit(m, v, emit_characters, out, err, errlen);
}

static int tokenize_words(const struct vocab *v, const char *text, const struct tok_words *words,
			  char *spelled, struct token_list *out, char *err, size_t errlen)
{
	struct tok_merger m = {0};
	int rc = 0;

	for (size_t i = 0; i < words->n && !rc; i++) {
		size_t n = spell_word(v->bpe, text + words->all[i].at, words->all[i].len, spelled);

		rc = tokenize_word(v, &m, spelled, n, out, err, errlen);
	}
	tok_merger_free(&m);
	return rc;
}

static int bpe_tokenize(const struct vocab *v, const char *text, size_t len, struct token_list *out,
			char *err, size_t errlen)
{
	struct tok_words words = {0};
	size_t n = 0;
	char *clean = sanitise(text, len, &n);
	/* Two bytes per byte, and one that spell_word() may write over the end. */
	char *spelled = malloc(2 * n + 1);
	int rc = clean && spelled ? tok_pre_split(v->bpe->pre, clean, n, &words, err, errlen)
				  : -ENOMEM;

	if (!rc)
		rc = tokenize_words(v, clean, &words, spelled, out, err, errlen);
	free(words.all);
	free(spelled);
	free(clean);
	return rc;
}

/* The byte a character stands for, or -1; its length in either case in @n. */
static int byte_of(const struct tok_bpe *t, const char *p, size_t left, size_t *n)
{
	unsigned char a = (unsigned char)p[0];

	*n = 1;
	if (a < 0x80)
		return t->byte_of[a];
	if (a < 0xc2 || a > 0xc7 || left < 2)
		return -1;
	*n = 2;
	return t->byte_of[(a & 0x1f) << 6 | (p[1] & 0x3f)];
}

static size_t bpe_decode(const struct vocab *v, struct gguf_str text, char *buf)
{
	size_t out = 0;

	for (size_t i = 0, n; i < text.len; i += n) {
		int b = byte_of(v->bpe, text.ptr + i, text.len - i, &n);

		if (b >= 0) {
			buf[out++] = (char)b;
		} else { /* not of the alphabet: as it stands */
			memcpy(buf + out, text.ptr + i, n);
			out += n;
		}
	}
	return out;
}

const struct tok_ops tok_bpe_ops = {
	.model = "gpt2",
	.add_bos = false,
	.add_space_prefix = false,
	.bos = VOCAB_NO_TOKEN,
	.eos = VOCAB_NO_TOKEN,
	.unk = VOCAB_NO_TOKEN,
	.load = bpe_load,
	.unload = bpe_unload,
	.tokenize = bpe_tokenize,
	.decode = bpe_decode,
};
