// SPDX-License-Identifier: MIT
/* Layouts and contents of the tensors of a case. */
#include "support/conformance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- layouts ----------------------------------------------------------------------- */
static const struct {
	uint8_t order[4]; /* dimensions, innermost in memory first */
	uint8_t step;	  /* elements from one to the next */
	bool gaps;
} layouts[] = {
	[PLAIN] = {{0, 1, 2, 3}, 1, false},  [PADDED] = {{0, 1, 2, 3}, 1, true},
	[SWAP12] = {{0, 2, 1, 3}, 1, false}, [SWAP01] = {{1, 0, 2, 3}, 1, false},
	[STEP2] = {{0, 1, 2, 3}, 2, false},  [SAME] = {{0, 1, 2, 3}, 1, false},
};

uint64_t conf_place(const struct conf_tensor *t, int64_t ne[4], uint64_t nb[4], uint64_t *offset)
{
	const struct ref_type *type = ref_type(t->type);
	uint64_t stride = (uint64_t)type->bytes * layouts[t->layout].step;
	bool gaps = layouts[t->layout].gaps;

	for (int d = 0; d < 4; d++)
		ne[d] = t->ne[d] ? t->ne[d] : 1;
	for (int i = 0; i < 4; i++) {
		int d = layouts[t->layout].order[i];
		int64_t n = d ? ne[d] : ne[d] / type->elems;

		if (t->layout == SAME && d == 0) {
			nb[d] = 0;
			continue;
		}
		nb[d] = stride;
		stride *= (uint64_t)n + (gaps && i < 2);
	}
	*offset = t->in ? t->offset : gaps ? nb[1] : 0;
	return *offset + stride;
}

/* ---- contents ------------------------------------------------------------------------ */
static double outlying(uint64_t *seed)
{
	double v = ref_uniform(seed, -1, 1);

	return ref_random(seed) % 97 ? v : 16 * v;
}

static double masking(uint64_t *seed, int64_t column)
{
	switch (column ? ref_random(seed) % 8 : 7) {
	case 0:
	case 1:
		return -INFINITY;
	case 2:
		return ref_uniform(seed, -2, 2);
	default:
		return 0;
	}
}

static double value(const struct conf_tensor *t, uint64_t *seed, const int64_t i[4])
{
	switch (t->fill) {
	case FILL_UNIT:
		return ref_uniform(seed, -1, 1);
	case FILL_WIDE:
		return ref_uniform(seed, -20, 20);
	case FILL_POSITIVE:
		return ref_uniform(seed, 0.05, 4);
	case FILL_ROWS:
		return (double)(ref_random(seed) % (uint64_t)t->arg);
	case FILL_POSITIONS:
		return (double)(t->arg + i[0]);
	case FILL_MASK:
		return masking(seed, i[0]);
	default:
		return outlying(seed);
	}
}

/* `n` of the numbers below `of`, in any order (Fisher and Yates). */
static void shuffled(uint64_t *seed, int64_t of, double *out, int64_t n)
{
	int64_t *all = malloc((size_t)of * sizeof(*all));

	if (!all)
		abort();
	for (int64_t i = 0; i < of; i++)
		all[i] = i;
	for (int64_t i = 0; i < n; i++) {
		int64_t j = i + (int64_t)(ref_random(seed) % (uint64_t)(of - i)), v = all[j];

		all[j] = all[i];
		out[i] = (double)v;
	}
	free(all);
}

static void fill_row(const struct conf_tensor *t, uint64_t *seed, const int64_t row[4], double *out,
		     int64_t n)
{
	int64_t i[4] = {0, row[1], row[2], row[3]};

	if (t->fill == FILL_SCATTER || t->fill == FILL_DISTINCT) {
		bool scatter = t->fill == FILL_SCATTER;

		shuffled(seed, scatter ? t->arg : n, out, n);
		for (int64_t k = 0; k < n && !scatter; k++)
			out[k] = (out[k] - (double)(n / 2)) / 16;
		return;
	}
	for (; i[0] < n; i[0]++)
		out[i[0]] = value(t, seed, i);
}

static void fill_blocks(const struct tern_tensor_desc *d, uint64_t *seed, uint8_t *base)
{
	REF_EACH_ROW(i, d->ne)
	ref_random_fill(d->type, seed,
			base + (uint64_t)i[1] * d->nb[1] + (uint64_t)i[2] * d->nb[2] +
				(uint64_t)i[3] * d->nb[3],
			d->ne[0]);
}

void conf_fill(const struct conf_tensor *t, const struct tern_tensor_desc *d, uint64_t *seed,
	       void *storage)
{
	uint8_t *base = (uint8_t *)storage + d->offset;
	struct ref_tensor v;

	if (t->fill == FILL_CANARY)
		return;
	if (ref_type(d->type)->elems > 1) {
		fill_blocks(d, seed, base);
		return;
	}
	v = ref_alloc(d->ne);
	REF_EACH_ROW(i, d->ne)
	fill_row(t, seed, i, ref_at(&v, 0, i[1], i[2], i[3]), d->ne[0]);
	ref_store(&v, d->type, d->nb, base);
	ref_free(&v);
}
