/* SPDX-License-Identifier: MIT */
/*
 * tok_pre.h - pre-tokenizers: the expressions that cut a text into words, and
 * that byte-level BPE never merges across.
 */
#ifndef TERN_RUN_TOK_PRE_H
#define TERN_RUN_TOK_PRE_H

#include "vocab_priv.h"

struct tok_pre;

struct tok_word {
	size_t at, len;
};

struct tok_words {
	struct tok_word *all;
	size_t n, room;
};

/* The pre-tokenizer that tokenizer.ggml.pre calls @name; "" is the default. */
int tok_pre_load(struct gguf_str name, struct tok_pre **out, char *err, size_t errlen);
void tok_pre_free(struct tok_pre *p);
bool tok_pre_adds_bos(const struct tok_pre *p);
/* Whether a word that is a token as it stands skips the merges. */
bool tok_pre_ignores_merges(const struct tok_pre *p);
/* Cuts @text, which must be valid UTF-8; the words join up to all of it. */
int tok_pre_split(const struct tok_pre *p, const char *text, size_t len, struct tok_words *words,
		  char *err, size_t errlen);

#endif
