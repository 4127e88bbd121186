/* SPDX-License-Identifier: MIT */
/* Finding equal runs of words: entries 0, 1, 2, ... by hash. */
#ifndef TERN_INTERN_H
#define TERN_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intern {
	struct intern_entry {
		uint64_t hash;
		size_t at, words;
		uint32_t next; /* of the same bucket, plus 1 */
	} * entry;
	uint32_t *bucket; /* first entry, plus 1 */
	uint32_t n, room; /* room is a power of two, and so many buckets */
};

/* Where in `pool` words equal to w[0..words) were entered, or SIZE_MAX. */
size_t intern_find(const struct intern *t, const uint64_t *pool, const uint64_t *w, size_t words);
/* Enter pool[at .. at + words). False: out of memory. */
bool intern_add(struct intern *t, const uint64_t *pool, size_t at, size_t words);
void intern_fini(struct intern *t);

#endif
