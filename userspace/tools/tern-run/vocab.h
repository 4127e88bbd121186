/* SPDX-License-Identifier: MIT */
/*
 * vocab.h - text to tokens and back, as the GGUF metadata prescribes.
 *
 * Two tokenizers: SentencePiece BPE with scores and byte fallback
 * (tokenizer.ggml.model "llama") and byte-level BPE with merges ("gpt2"). The
 * results are those of llama.cpp. A vocabulary is immutable once loaded and may
 * be used by any number of threads; it reads token texts from the GGUF mapping,
 * so the struct gguf must stay open.
 */
#ifndef TERN_RUN_VOCAB_H
#define TERN_RUN_VOCAB_H

#include "gguf.h"

struct vocab;

#define VOCAB_NO_TOKEN (-1)

enum vocab_flags {
	/* Tokenise: put BOS and EOS where the model wants them. */
	VOCAB_ADD_SPECIAL = 1 << 0,
	/* Tokenise: the text of control tokens ("<|eot_id|>") becomes that token. */
	VOCAB_PARSE_SPECIAL = 1 << 1,
	/* Detokenise: write control tokens as their text instead of nothing. */
	VOCAB_SHOW_SPECIAL = 1 << 2,
};

/* Grows as needed; begin with {0}, end with token_list_free(). */
struct token_list {
	int32_t *ids;
	size_t n;
	size_t room;
};

int vocab_load(const struct gguf *g, struct vocab **out, char *err, size_t errlen);
void vocab_free(struct vocab *v);

uint32_t vocab_size(const struct vocab *v);
/* VOCAB_NO_TOKEN when the model has none. */
int32_t vocab_bos(const struct vocab *v);
int32_t vocab_eos(const struct vocab *v);
/* Whether tokenising with VOCAB_ADD_SPECIAL puts BOS in front. */
bool vocab_adds_bos(const struct vocab *v);
/* Whether generation ends at this token (EOS, end of turn and their like). */
bool vocab_is_eog(const struct vocab *v, int32_t id);
/* The token of exactly this (stored, escaped) text, or VOCAB_NO_TOKEN. */
int32_t vocab_find(const struct vocab *v, const char *text, size_t len);
/* A token's stored, escaped text; empty when @id is out of range. */
struct gguf_str vocab_text(const struct vocab *v, int32_t id);

/* Appends the tokens of @text to @out; @flags of enum vocab_flags. */
int vocab_tokenize(const struct vocab *v, const char *text, size_t len, unsigned int flags,
		   struct token_list *out, char *err, size_t errlen);

/*
 * Writes the bytes one token stands for, not terminated, and returns how many:
 * at most vocab_max_piece(). A character may be split over several tokens, so a
 * single piece need not be valid UTF-8. -EINVAL for an id that is no token,
 * -ENOSPC when @size is too small.
 */
int vocab_piece(const struct vocab *v, int32_t id, unsigned int flags, char *buf, size_t size);
size_t vocab_max_piece(const struct vocab *v);

/*
 * Writes the text of @n tokens, without the space that tokenising put in front,
 * and returns its length; -ENOSPC and -EINVAL as above.
 */
ptrdiff_t vocab_detokenize(const struct vocab *v, const int32_t *ids, size_t n, unsigned int flags,
			   char *buf, size_t size);

int token_list_push(struct token_list *l, int32_t id);
void token_list_free(struct token_list *l);

#endif
