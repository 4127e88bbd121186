// SPDX-License-Identifier: MIT
/*
 * tok_spm.c - SentencePiece BPE: the pair whose union has the best score wins.
 *
 * Spaces are U+2581 in the vocabulary. A character that ends up in no token is
 * spelled with byte tokens "<0xNN>".
 */
#include "vocab_priv.h"

#include <stdio.h>

static const char space_mark[] = "\xe2\x96\x81"; /* U+2581 */
#define SPACE_MARK_LEN 3

static bool spm_cost(const struct vocab *v, const char *text, size_t left, size_t right,
		     double *cost)
{
	uint32_t id;

	if (left + right > v->max_text)
		return false;
	id = strindex_find(&v->index, text, left + right);
	if (id == STRINDEX_NONE)
		return false;
	*cost = -(double)v->tokens[id].score;
	return true;
}

static char *escape_spaces(const char *text, size_t len, size_t *out_len)
{
	char *out = malloc(len * SPACE_MARK_LEN + 1), *p = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ') {
			memcpy(p, space_mark, SPACE_MARK_LEN);
			p += SPACE_MARK_LEN;
		} else {
			*p++ = text[i];
		}
	}
	*out_len = (size_t)(p - out);
	return out;
}

static int spell(const struct vocab *v, const char *text, size_t len, struct token_list *out,
		 char *err, size_t errlen)
{
	int rc = 0;

	for (size_t i = 0; i < len && !rc; i++) {
		unsigned char byte = (unsigned char)text[i];
		int32_t id = v->byte_tokens[byte];

		if (id == VOCAB_NO_TOKEN)
			id = v->unk;
		if (id == VOCAB_NO_TOKEN)
			return gguf_fail(-EINVAL, err, errlen,
					 "The model's vocabulary has no token for the byte 0x%02x: "
					 "leave that character out.",
					 byte);
		rc = token_list_push(out, id);
	}
	return rc;
}

static int spm_tokenize(const struct vocab *v, const char *text, size_t len, struct token_list *out,
			char *err, size_t errlen)
{
	struct tok_merger m = {0};
	size_t n = 0;
	char *escaped = escape_spaces(text, len, &n);
	int rc = escaped ? tok_merge(&m, v, spm_cost, escaped, n) : -ENOMEM;

	if (!rc)
		rc = tok_emit(&m, v, spell, out, err, errlen);
	tok_merger_free(&m);
	free(escaped);
	return rc;
}

static size_t spm_decode(const struct vocab *v, struct gguf_str text, char *buf)
{
	size_t n = 0;

	(void)v;
	for (size_t i = 0; i < text.len;) {
		if (text.len - i >= SPACE_MARK_LEN &&
		    !memcmp(text.ptr + i, space_mark, SPACE_MARK_LEN)) {
			buf[n++] = ' ';
			i += SPACE_MARK_LEN;
		} else {
			buf[n++] = text.ptr[i++];
		}
	}
	return n;
}

static int spm_load(struct vocab *v, const struct gguf *g, char *err, size_t errlen)
{
	(void)g;
	(void)err;
	(void)errlen;
	for (unsigned int b = 0; b < 256; b++) {
		char name[8], byte = (char)b;

		snprintf(name, sizeof(name), "<0x%02X>", b);
		v->byte_tokens[b] = vocab_find(v, name, 6);
		/* Vocabularies without byte tokens may have the byte itself. */
		if (v->byte_tokens[b] == VOCAB_NO_TOKEN)
			v->byte_tokens[b] = vocab_find(v, &byte, 1);
	}
	return 0;
}

static void spm_unload(struct vocab *v)
{
	(void)v;
}

/* Defaults as llama.cpp has them for files that do not say. */
const struct tok_ops tok_spm_ops = {
	.model = "llama",
	.add_bos = true,
	.add_space_prefix = true,
	.bos = 1,
	.eos = 2,
	.unk = 0,
	.load = spm_load,
	.unload = spm_unload,
	.tokenize = spm_tokenize,
	.decode = spm_decode,
};
