/* SPDX-License-Identifier: MIT */
/*
 * vocab_priv.h - what vocab.c and the tokenizers behind it share.
 */
#ifndef TERN_RUN_VOCAB_PRIV_H
#define TERN_RUN_VOCAB_PRIV_H

#include "vocab.h"

/* tokenizer.ggml.token_type; anything else counts as undefined. */
enum token_kind {
	TOKEN_UNDEFINED,
	TOKEN_NORMAL,
	TOKEN_UNKNOWN,
	TOKEN_CONTROL,
	TOKEN_USER_DEFINED,
	TOKEN_UNUSED,
	TOKEN_BYTE,
};

struct token {
	struct gguf_str text; /* first: strindex reads it */
	float score;
	uint8_t kind;
	bool eog;
};

struct tok_bpe; /* tok_bpe.c: merges and pre-tokenizer */

/* One row per value of tokenizer.ggml.model. */
struct tok_ops {
	const char *model;
	bool add_bos;	       /* unless the metadata says otherwise */
	bool add_space_prefix; /* likewise; where false the metadata has no say */
	int32_t bos, eos, unk; /* unless the metadata names others */
	int (*load)(struct vocab *v, const struct gguf *g, char *err, size_t errlen);
	void (*unload)(struct vocab *v);
	/* Appends the tokens of text that holds no special tokens. */
	int (*tokenize)(const struct vocab *v, const char *text, size_t len, struct token_list *out,
			char *err, size_t errlen);
	/* Decodes the stored text of a normal token; never writes more than its length. */
	size_t (*decode)(const struct vocab *v, struct gguf_str text, char *buf);
};

extern const struct tok_ops tok_spm_ops, tok_bpe_ops;

struct vocab {
	const struct tok_ops *ops;
	struct token *tokens;
	uint32_t n_tokens;
	struct strindex index;
	size_t max_text;
	int32_t bos, eos, unk;
	bool add_bos, add_eos, add_space_prefix;
	int32_t *special; /* tokens found in text before tokenising, longest first */
	uint32_t n_special;
	int32_t byte_tokens[256]; /* SentencePiece: what stands for a byte */
	struct tok_bpe *bpe;
};

/*
 * Merging, the core of both tokenizers: a text begins as a chain of symbols (one
 * per character); the cheapest adjacent pair is joined, leftmost first among
 * equals, until no pair has a cost any more.
 */
struct tok_symbol {
	const char *text;
	uint32_t len; /* 0: was joined to its left neighbour */
	int32_t prev, next;
};

struct tok_pair {
	double cost;
	int32_t left, right;
	uint32_t len; /* of both together, to see that neither has changed since */
};

struct tok_merger {
	struct tok_symbol *symbols;
	size_t n, symbol_room;
	struct tok_pair *heap;
	size_t n_heap, heap_room;
};

/* False when the @left and @right bytes beginning at @text may not be joined. */
typedef bool (*tok_cost_fn)(const struct vocab *v, const char *text, size_t left, size_t right,
			    double *cost);

/* Splits @text into characters and merges; afterwards tok_emit(). */
int tok_merge(struct tok_merger *m, const struct vocab *v, tok_cost_fn cost, const char *text,
	      size_t len);
void tok_merger_free(struct tok_merger *m);

/* Appends tokens for a text that is none. */
typedef int (*tok_spell_fn)(const struct vocab *v, const char *text, size_t len,
			    struct token_list *out, char *err, size_t errlen);

/* Appends what merging has built, which may be no token. */
int tok_emit(const struct tok_merger *m, const struct vocab *v, tok_spell_fn spell,
	     struct token_list *out, char *err, size_t errlen);

/* Bytes of the character that a lead byte announces. */
static inline size_t tok_utf8_len(unsigned char lead)
{
	static const uint8_t len[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};

	return len[lead >> 4];
}

/* Grows an array to hold @need elements; amortised, keeps the old on failure. */
int tok_reserve(void **array, size_t *room, size_t need, size_t elem);

#endif
