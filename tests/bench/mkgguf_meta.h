/* SPDX-License-Identifier: MIT */
/*
 * mkgguf_meta.h - building GGUF metadata in memory, with a vocabulary.
 *
 * Part of mkgguf.c.
 */
#ifndef TERN_BENCH_MKGGUF_META_H
#define TERN_BENCH_MKGGUF_META_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_BYTES	   256
#define FIRST_WORD (3 + N_BYTES) /* after <unk> <s> </s> and the byte tokens */

static void *xalloc(void *p)
{
	if (!p) {
		fputs("mkgguf: out of memory\n", stderr);
		exit(1);
	}
	return p;
}

static void write_or_die(FILE *f, const void *data, size_t n)
{
	if (fwrite(data, 1, n, f) != n) {
		fprintf(stderr, "mkgguf: writing failed: %s\n", strerror(errno));
		exit(1);
	}
}

enum { T_U32 = 4, T_I32 = 5, T_F32 = 6, T_BOOL = 7, T_STRING = 8, T_ARRAY = 9 };

struct buffer {
	uint8_t *p;
	size_t n, room;
	uint64_t n_kv;
};

static void put(struct buffer *b, const void *data, size_t n)
{
	if (b->n + n > b->room) {
		b->room = 2 * (b->n + n);
		b->p = xalloc(realloc(b->p, b->room));
	}
	memcpy(b->p + b->n, data, n);
	b->n += n;
}

static void put_le(struct buffer *b, uint64_t v, size_t bytes)
{
	uint8_t le[8];

	for (size_t i = 0; i < bytes; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	put(b, le, bytes);
}

static void put_f32(struct buffer *b, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	put_le(b, bits, 4);
}

static void put_str(struct buffer *b, const char *s)
{
	put_le(b, strlen(s), 8);
	put(b, s, strlen(s));
}

static void put_key(struct buffer *b, const char *key, uint32_t type)
{
	put_str(b, key);
	put_le(b, type, 4);
	b->n_kv++;
}

static void put_array(struct buffer *b, const char *key, uint32_t type, uint64_t n)
{
	put_key(b, key, T_ARRAY);
	put_le(b, type, 4);
	put_le(b, n, 8);
}

static void kv_u32(struct buffer *b, const char *key, uint32_t v)
{
	put_key(b, key, T_U32);
	put_le(b, v, 4);
}

static void kv_f32(struct buffer *b, const char *key, float v)
{
	put_key(b, key, T_F32);
	put_f32(b, v);
}

static void kv_str(struct buffer *b, const char *key, const char *v)
{
	put_key(b, key, T_STRING);
	put_str(b, v);
}

/*
 * Words in the order in which merging can build them: single characters, then
 * strings of small letters by length, each with and without a space in front.
 */
static void next_word(char word[24], uint32_t *at)
{
	static const char mark[] = "\xe2\x96\x81"; /* a space, to SentencePiece */
	uint32_t i = (*at)++, len = 1, count = 26, v;
	char *w = word;

	if (i <= '~' - '!' + 1) {
		snprintf(word, 24, i ? "%c" : mark, (int)('!' + i - 1));
		return;
	}
	i -= '~' - '!' + 2;
	/* Single letters are there already, so of length 1 only the marked are new. */
	for (; i >= count * (len > 1 ? 2 : 1); len++, count *= 26)
		i -= count * (len > 1 ? 2 : 1);
	if (i < count)
		w += snprintf(w, 4, "%s", mark);
	v = i % count;
	for (uint32_t k = len; k-- > 0; v /= 26)
		w[k] = (char)('a' + v % 26);
	w[len] = '\0';
}

static void put_tokens(struct buffer *b, uint32_t n)
{
	static const char *const control[] = {"<unk>", "<s>", "</s>"};
	uint32_t at = 0;
	char word[24];

	put_array(b, "tokenizer.ggml.tokens", T_STRING, n);
	for (uint32_t i = 0; i < n; i++) {
		if (i < 3)
			snprintf(word, sizeof(word), "%s", control[i]);
		else if (i < FIRST_WORD)
			snprintf(word, sizeof(word), "<0x%02X>", i - 3);
		else
			next_word(word, &at);
		put_str(b, word);
	}
}

static void put_vocabulary(struct buffer *b, uint32_t n)
{
	kv_str(b, "tokenizer.ggml.model", "llama");
	put_tokens(b, n);
	put_array(b, "tokenizer.ggml.scores", T_F32, n);
	for (uint32_t i = 0; i < n; i++)
		put_f32(b, i < FIRST_WORD ? 0.0f : -(float)(i - FIRST_WORD));
	put_array(b, "tokenizer.ggml.token_type", T_I32, n);
	for (uint32_t i = 0; i < n; i++) /* unknown, control, byte, normal */
		put_le(b, i == 0 ? 2 : i < 3 ? 3 : i < FIRST_WORD ? 6 : 1, 4);
	kv_u32(b, "tokenizer.ggml.unknown_token_id", 0);
	kv_u32(b, "tokenizer.ggml.bos_token_id", 1);
	kv_u32(b, "tokenizer.ggml.eos_token_id", 2);
	put_key(b, "tokenizer.ggml.add_bos_token", T_BOOL);
	put_le(b, 1, 1);
}

#endif
