/* SPDX-License-Identifier: MIT */
/*
 * strindex.h - a hash index over string views that live elsewhere.
 *
 * Metadata keys, tensor names, vocabularies and merge lists all need "which
 * entry has this text?", up to 300k entries, without copying a byte out of the
 * file mapping. The index stores (hash, entry number) pairs only; the text is
 * read through the array of entries it was built over, each of which begins
 * with a struct gguf_str.
 */
#ifndef TERN_RUN_STRINDEX_H
#define TERN_RUN_STRINDEX_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct gguf_str {
	const char *ptr; /* not terminated */
	size_t len;
};

struct strindex_slot {
	uint32_t hash;
	uint32_t entry; /* entry number + 1; 0 is an empty slot */
};

struct strindex {
	struct strindex_slot *slots;
	uint32_t mask;
	const void *entries;
	size_t stride;
};

#define STRINDEX_NONE UINT32_MAX
#define STRINDEX_MAX  (1u << 29) /* keeps the slot count inside 32 bits */

/*
 * Multiply-and-fold over 8-byte words. Quality only has to spread short ASCII
 * strings; the multiplier is the 64-bit golden ratio.
 */
static inline uint32_t strindex_hash(const char *p, size_t n)
{
	const uint64_t k = 0x9e3779b97f4a7c15u;
	uint64_t h = k ^ n, w;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&w, p, 8);
		h = (h ^ w) * k;
		h ^= h >> 29;
	}
	if (n) {
		w = 0;
		memcpy(&w, p, n);
		h = (h ^ w) * k;
		h ^= h >> 29;
	}
	h *= k;
	return (uint32_t)(h >> 32);
}

static inline const struct gguf_str *strindex_text(const struct strindex *x, uint32_t entry)
{
	return (const struct gguf_str *)((const char *)x->entries + (size_t)entry * x->stride);
}

/* Room for @count entries of the array @entries; they are added one by one. */
static inline int strindex_init(struct strindex *x, const void *entries, size_t stride,
				size_t count)
{
	size_t slots = 8;

	if (count > STRINDEX_MAX)
		return -E2BIG;
	/* At most half full, so that linear probing stays short. */
	while (slots < 2 * count)
		slots *= 2;
	x->slots = calloc(slots, sizeof(*x->slots));
	if (!x->slots)
		return -ENOMEM;
	x->mask = (uint32_t)(slots - 1);
	x->entries = entries;
	x->stride = stride;
	return 0;
}

static inline void strindex_free(struct strindex *x)
{
	free(x->slots);
	memset(x, 0, sizeof(*x));
}

static inline struct strindex_slot *strindex_probe(const struct strindex *x, uint32_t hash,
						   const char *p, size_t n)
{
	for (uint32_t i = hash & x->mask;; i = (i + 1) & x->mask) {
		struct strindex_slot *s = &x->slots[i];
		const struct gguf_str *t;

		if (!s->entry)
			return s;
		if (s->hash != hash)
			continue;
		t = strindex_text(x, s->entry - 1);
		if (t->len == n && !memcmp(t->ptr, p, n))
			return s;
	}
}

static inline uint32_t strindex_find(const struct strindex *x, const char *p, size_t n)
{
	if (!x->slots)
		return STRINDEX_NONE;
	/* entry is 0 when absent, and 0 - 1 is STRINDEX_NONE. */
	return strindex_probe(x, strindex_hash(p, n), p, n)->entry - 1;
}

static inline uint32_t strindex_add_hashed(struct strindex *x, uint32_t entry, uint32_t hash)
{
	const struct gguf_str *t = strindex_text(x, entry);
	struct strindex_slot *s = strindex_probe(x, hash, t->ptr, t->len);

	if (s->entry)
		return s->entry - 1;
	s->hash = hash;
	s->entry = entry + 1;
	return entry;
}

/* Adds entry @entry; an earlier entry of the same text stays, and is returned. */
static inline uint32_t strindex_add(struct strindex *x, uint32_t entry)
{
	const struct gguf_str *t = strindex_text(x, entry);

	return strindex_add_hashed(x, entry, strindex_hash(t->ptr, t->len));
}

/*
 * Adds entries 0 to @count - 1, but for empty texts. Returns the first whose
 * text an earlier one has, which stays; else STRINDEX_NONE. Slots are asked for
 * some entries ahead: with 100k of them, waiting for memory is all the cost.
 */
static inline uint32_t strindex_add_all(struct strindex *x, uint32_t count)
{
	enum { AHEAD = 16 };
	uint32_t hash[AHEAD] = {0}, twice = STRINDEX_NONE;

	for (uint32_t i = 0; i < count + AHEAD; i++) {
		uint32_t due = i - AHEAD;

		if (i >= AHEAD && strindex_text(x, due)->len &&
		    strindex_add_hashed(x, due, hash[i % AHEAD]) != due && twice == STRINDEX_NONE)
			twice = due;
		if (i < count) {
			const struct gguf_str *t = strindex_text(x, i);

			hash[i % AHEAD] = strindex_hash(t->ptr, t->len);
			__builtin_prefetch(&x->slots[hash[i % AHEAD] & x->mask], 1);
		}
	}
	return twice;
}

#endif
