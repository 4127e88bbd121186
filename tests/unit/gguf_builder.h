/* SPDX-License-Identifier: MIT */
/*
 * gguf_builder.h - GGUF files made byte by byte, as the format's description
 * has them (and by no code of the reader), good and bad alike.
 */
#ifndef TERN_TEST_GGUF_BUILDER_H
#define TERN_TEST_GGUF_BUILDER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Value types by the numbers of the format's description. */
enum {
	B_U8 = 0,
	B_I8 = 1,
	B_U16 = 2,
	B_I16 = 3,
	B_U32 = 4,
	B_I32 = 5,
	B_F32 = 6,
	B_BOOL = 7,
	B_STRING = 8,
	B_ARRAY = 9,
	B_U64 = 10,
	B_I64 = 11,
	B_F64 = 12,
};

struct builder {
	uint8_t *p;
	size_t n;
	uint64_t n_tensors, n_kv;
};

static inline void b_bytes(struct builder *b, const void *data, size_t n)
{
	b->p = realloc(b->p, b->n + n + 1);
	if (!b->p)
		abort();
	memcpy(b->p + b->n, data, n);
	b->n += n;
}

static inline void b_le(struct builder *b, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++) {
		uint8_t byte = (uint8_t)(v >> (8 * i));

		b_bytes(b, &byte, 1);
	}
}

static inline void b_f32(struct builder *b, float f)
{
	uint32_t bits;

	memcpy(&bits, &f, 4);
	b_le(b, bits, 4);
}

static inline void b_str(struct builder *b, const char *s)
{
	b_le(b, strlen(s), 8);
	b_bytes(b, s, strlen(s));
}

static inline void b_begin(struct builder *b, uint32_t version)
{
	memset(b, 0, sizeof(*b));
	b_bytes(b, "GGUF", 4);
	b_le(b, version, 4);
	b_le(b, 0, 8); /* counts, known at the end */
	b_le(b, 0, 8);
}

static inline void b_key(struct builder *b, const char *key, uint32_t type)
{
	b_str(b, key);
	b_le(b, type, 4);
	b->n_kv++;
}

static inline void b_kv_int(struct builder *b, const char *key, uint32_t type, uint64_t v,
			    unsigned int bytes)
{
	b_key(b, key, type);
	b_le(b, v, bytes);
}

static inline void b_kv_u32(struct builder *b, const char *key, uint32_t v)
{
	b_kv_int(b, key, B_U32, v, 4);
}

static inline void b_kv_bool(struct builder *b, const char *key, uint8_t v)
{
	b_kv_int(b, key, B_BOOL, v, 1);
}

static inline void b_kv_str(struct builder *b, const char *key, const char *v)
{
	b_key(b, key, B_STRING);
	b_str(b, v);
}

static inline void b_array(struct builder *b, const char *key, uint32_t type, uint64_t n)
{
	b_key(b, key, B_ARRAY);
	b_le(b, type, 4);
	b_le(b, n, 8);
}

static inline void b_kv_strs(struct builder *b, const char *key, const char *const *s, size_t n)
{
	b_array(b, key, B_STRING, n);
	for (size_t i = 0; i < n; i++)
		b_str(b, s[i]);
}

/* After all metadata. */
static inline void b_tensor(struct builder *b, const char *name, uint32_t n_dims,
			    const uint64_t *ne, uint32_t type, uint64_t offset)
{
	b_str(b, name);
	b_le(b, n_dims, 4);
	for (uint32_t i = 0; i < n_dims; i++)
		b_le(b, ne[i], 8);
	b_le(b, type, 4);
	b_le(b, offset, 8);
	b->n_tensors++;
}

static inline void b_patch(struct builder *b, size_t at, uint64_t v, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		b->p[at + i] = (uint8_t)(v >> (8 * i));
}

/* Fills in the counts, pads to @align, appends @data bytes of 0, 1, 2 ... */
static inline void b_end(struct builder *b, size_t align, size_t data)
{
	b_patch(b, 8, b->n_tensors, 8);
	b_patch(b, 16, b->n_kv, 8);
	while (b->n % align)
		b_le(b, 0, 1);
	for (size_t i = 0; i < data; i++)
		b_le(b, i, 1);
}

static inline void b_free(struct builder *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

#endif
