// SPDX-License-Identifier: MIT
#include "ref_memory.h"

#include <stdlib.h>
#include <string.h>

#define GUARD 256

/* Which dimension follows which, innermost first. */
static const int orders[REF_LAYOUTS][4] = {
	[REF_CONTIGUOUS] = {0, 1, 2, 3},
	[REF_GAPS] = {0, 1, 2, 3},
	[REF_PERMUTED] = {0, 2, 1, 3},
	[REF_TRANSPOSED] = {1, 0, 2, 3},
};

static size_t lay_out(struct ref_memory *m, enum ref_layout layout)
{
	const struct ref_type *t = ref_type(m->type);
	uint64_t at = (uint64_t)t->bytes;

	if (layout == REF_TRANSPOSED && t->elems > 1)
		layout = REF_PERMUTED;
	for (int i = 0; i < 4; i++) {
		const int d = orders[layout][i];

		m->nb[d] = at;
		at *= (uint64_t)(d ? m->ne[d] : m->ne[d] / t->elems);
		at += layout == REF_GAPS ? 3 * (uint64_t)t->bytes : 0;
	}
	return at;
}

static void fill(struct ref_memory *m, uint64_t *seed, int64_t limit)
{
	const struct ref_type *t = ref_type(m->type);

	REF_EACH_ROW(i, m->ne)
	{
		for (i[0] = 0; i[0] < m->ne[0]; i[0] += t->elems) {
			uint8_t *p = (uint8_t *)m->data + (uint64_t)(i[0] / t->elems) * m->nb[0] +
				     (uint64_t)i[1] * m->nb[1] + (uint64_t)i[2] * m->nb[2] +
				     (uint64_t)i[3] * m->nb[3];
			double v = (double)(ref_random(seed) % (uint64_t)(limit > 0 ? limit : 1));

			if (ref_is_integer(m->type))
				ref_encode(m->type, &v, p, 1);
			else
				ref_random_fill(m->type, seed, p, t->elems);
		}
	}
}

struct ref_memory ref_memory(enum tern_dtype type, const int64_t ne[4], enum ref_layout layout,
			     uint64_t *seed, int64_t limit)
{
	struct ref_memory m = {.type = type};

	memcpy(m.ne, ne, sizeof(m.ne));
	m.size = lay_out(&m, layout) + 2 * GUARD;
	m.base = malloc(m.size);
	m.before = malloc(m.size);
	if (!m.base || !m.before)
		abort();
	for (size_t i = 0; i < m.size; i++)
		m.base[i] = (uint8_t)ref_random(seed);
	m.data = m.base + GUARD;
	fill(&m, seed, limit);
	memcpy(m.before, m.base, m.size);
	return m;
}

void ref_memory_set(struct ref_memory *m, const struct ref_tensor *t)
{
	ref_store(t, m->type, m->nb, m->data);
	memcpy(m->before, m->base, m->size);
}

struct ref_tensor ref_memory_get(const struct ref_memory *m)
{
	return ref_load(m->type, m->ne, m->nb, m->data);
}

void ref_memory_restore(struct ref_memory *m)
{
	memcpy(m->base, m->before, m->size);
}

bool ref_memory_gaps_intact(const struct ref_memory *m)
{
	const struct ref_type *t = ref_type(m->type);
	uint8_t *now = malloc(m->size);
	bool same;

	if (!now)
		abort();
	memcpy(now, m->base, m->size);
	/* put the elements back as they were: what then differs is no element */
	REF_EACH_ROW(i, m->ne)
	{
		for (i[0] = 0; i[0] < m->ne[0]; i[0] += t->elems) {
			const uint64_t at = GUARD + (uint64_t)(i[0] / t->elems) * m->nb[0] +
					    (uint64_t)i[1] * m->nb[1] + (uint64_t)i[2] * m->nb[2] +
					    (uint64_t)i[3] * m->nb[3];

			memcpy(now + at, m->before + at, (size_t)t->bytes);
		}
	}
	same = !memcmp(now, m->before, m->size);
	free(now);
	return same;
}

void ref_memory_free(struct ref_memory *m)
{
	free(m->base);
	free(m->before);
	memset(m, 0, sizeof(*m));
}
