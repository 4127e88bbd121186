/* SPDX-License-Identifier: MIT */
/*
 * gguf.h - reading GGUF model files (versions 2 and 3) without copying them.
 *
 * The file is mapped shared and read-only; keys, strings, arrays and tensors
 * are views into the mapping and live as long as the struct gguf. Opening
 * checks everything once (counts, lengths, types, offsets, duplicates, ranges)
 * so that every view handed out later is inside the file. The cost of opening
 * depends on the metadata only, never on the weights.
 *
 * Functions return 0 or -errno; on failure @err (may be NULL) holds one
 * sentence for the user. A struct gguf is immutable once open: any number of
 * threads may read it.
 *
 * Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
#ifndef TERN_RUN_GGUF_H
#define TERN_RUN_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "strindex.h"

#define GGUF_MAX_DIMS 4

/* Types of metadata values. */
enum gguf_type {
	GGUF_U8,
	GGUF_I8,
	GGUF_U16,
	GGUF_I16,
	GGUF_U32,
	GGUF_I32,
	GGUF_F32,
	GGUF_BOOL,
	GGUF_STRING,
	GGUF_ARRAY,
	GGUF_U64,
	GGUF_I64,
	GGUF_F64,
	GGUF_N_TYPES,
};

/* Element types of tensors, by the number the file has for them. */
enum ggml_type {
	GGML_F32 = 0,
	GGML_F16 = 1,
	GGML_Q4_0 = 2,
	GGML_Q4_1 = 3,
	GGML_Q5_0 = 6,
	GGML_Q5_1 = 7,
	GGML_Q8_0 = 8,
	GGML_Q2_K = 10,
	GGML_Q3_K = 11,
	GGML_Q4_K = 12,
	GGML_Q5_K = 13,
	GGML_Q6_K = 14,
	GGML_IQ4_NL = 20,
	GGML_I32 = 26,
	GGML_BF16 = 30,
	GGML_MXFP4 = 39,
};

/* A row of @block_elems consecutive elements is stored as @block_bytes. */
struct ggml_type_info {
	const char *name;
	uint16_t block_elems; /* 0: withdrawn, no layout is defined any more */
	uint16_t block_bytes;
};

struct gguf_kv {
	struct gguf_str key; /* first: strindex reads it */
	uint32_t type;	     /* enum gguf_type */
	uint32_t elem_type;  /* of an array's elements */
	uint64_t count;	     /* an array's elements, else 1 */
	const uint8_t *data; /* the value, or an array's first element */
	const uint8_t *end;
};

struct gguf_tensor {
	struct gguf_str name; /* first: strindex reads it */
	uint32_t type;	      /* enum ggml_type; the layout is ggml_type_info() */
	uint32_t n_dims;
	uint64_t ne[GGUF_MAX_DIMS]; /* elements; ne[0] is contiguous; 1 beyond n_dims */
	uint64_t offset;	    /* of the data, from the start of the file */
	uint64_t nbytes;
	const void *data;
};

struct gguf {
	const uint8_t *base; /* the file; unaligned when opened from memory */
	size_t size;
	bool mapped;
	uint32_t version;
	uint64_t alignment;
	uint64_t data_offset; /* where tensor data begins */
	struct gguf_kv *kv;
	uint64_t n_kv;
	struct strindex kv_index;
	struct gguf_tensor *tensors;
	uint64_t n_tensors;
	struct strindex tensor_index;
};

/* Walks an array's elements in order; what strings need, being of any length. */
struct gguf_cursor {
	const uint8_t *pos;
	uint64_t left;
};

/* Little-endian from any address on any host; compilers make one load of it. */
static inline uint64_t gguf_load_le(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

int gguf_open(const char *path, struct gguf **out, char *err, size_t errlen);
/* As gguf_open(), over @size bytes at @data, which must outlive the result. */
int gguf_open_memory(const void *data, size_t size, struct gguf **out, char *err, size_t errlen);
void gguf_close(struct gguf *g);

/* NULL when the file has no such key or tensor. */
const struct gguf_kv *gguf_find(const struct gguf *g, const char *key);
const struct gguf_tensor *gguf_find_tensor(const struct gguf *g, const char *name);

/*
 * Typed getters. An absent key leaves *val as it is, so that the default is
 * what the caller put there; a key of the wrong type or a number out of range
 * is -EINVAL. Integers are accepted in every width and signedness they fit.
 */
int gguf_get_u32(const struct gguf *g, const char *key, uint32_t *val, char *err, size_t errlen);
int gguf_get_f32(const struct gguf *g, const char *key, float *val, char *err, size_t errlen);
int gguf_get_bool(const struct gguf *g, const char *key, bool *val, char *err, size_t errlen);
int gguf_get_str(const struct gguf *g, const char *key, struct gguf_str *val, char *err,
		 size_t errlen);
/* -ENOENT with a sentence naming the key when it is absent. */
int gguf_require(const struct gguf *g, const char *key, char *err, size_t errlen);
/*
 * One value per layer: an array of exactly @n integers, or one integer that
 * then holds for all of them.
 */
int gguf_get_u32_each(const struct gguf *g, const char *key, uint32_t *vals, uint32_t n, char *err,
		      size_t errlen);
/* An array of elements @elem_type; *kv stays NULL when the key is absent. */
int gguf_get_array(const struct gguf *g, const char *key, enum gguf_type elem_type,
		   const struct gguf_kv **kv, char *err, size_t errlen);

/* Elements of an array of the type in the name, which the caller has checked. */
float gguf_array_f32(const struct gguf_kv *kv, uint64_t i);
int32_t gguf_array_i32(const struct gguf_kv *kv, uint64_t i);
struct gguf_cursor gguf_strings(const struct gguf_kv *kv);
bool gguf_next_string(struct gguf_cursor *c, struct gguf_str *s);

/* NULL when @type is no number of a ggml type. */
const struct ggml_type_info *ggml_type_info(uint32_t type);
bool gguf_str_eq(struct gguf_str s, const char *text);
/* Writes @s quoted, cut short and free of control characters, for messages. */
const char *gguf_quote(struct gguf_str s, char *buf, size_t size);
/* Fills @err and returns @rc, so that a failure is one statement. */
int gguf_fail(int rc, char *err, size_t errlen, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
