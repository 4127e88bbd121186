// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "compiler/intern.h"

static uint64_t hash_words(const uint64_t *w, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ull; /* FNV-1a, by words */

	for (size_t i = 0; i < n; i++) {
		h = (h ^ w[i]) * 0x100000001b3ull;
		h ^= h >> 29; /* by words the high bits would never reach the low ones */
	}
	return h;
}

size_t intern_find(const struct intern *t, const uint64_t *pool, const uint64_t *w, size_t words)
{
	uint64_t h = hash_words(w, words);

	for (uint32_t i = t->room ? t->bucket[h & (t->room - 1)] : 0; i; i = t->entry[i - 1].next) {
		const struct intern_entry *e = &t->entry[i - 1];

		if (e->hash == h && e->words == words && !memcmp(pool + e->at, w, 8 * words))
			return e->at;
	}
	return SIZE_MAX;
}

static void link_entry(struct intern *t, uint32_t i)
{
	uint32_t *head = &t->bucket[t->entry[i].hash & (t->room - 1)];

	t->entry[i].next = *head;
	*head = i + 1;
}

static bool grow(struct intern *t)
{
	uint32_t room = t->room ? 2 * t->room : 64;
	struct intern_entry *e = realloc(t->entry, room * sizeof(*e));
	uint32_t *b;

	if (!e)
		return false;
	t->entry = e;
	b = calloc(room, sizeof(*b));
	if (!b)
		return false;
	free(t->bucket);
	t->bucket = b;
	t->room = room;
	for (uint32_t i = 0; i < t->n; i++)
		link_entry(t, i);
	return true;
}

bool intern_add(struct intern *t, const uint64_t *pool, size_t at, size_t words)
{
	if (t->n == t->room && !grow(t))
		return false;
	t->entry[t->n] = (struct intern_entry){hash_words(pool + at, words), at, words, 0};
	link_entry(t, t->n++);
	return true;
}

void intern_fini(struct intern *t)
{
	free(t->entry);
	free(t->bucket);
	*t = (struct intern){0};
}
