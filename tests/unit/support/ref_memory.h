/* SPDX-License-Identifier: MIT */
/*
 * Tensors in memory the way programs lay them out: with gaps, permuted, every second element;
 * and a watch over the bytes that are nobody's.
 */
#ifndef TEST_REF_MEMORY_H
#define TEST_REF_MEMORY_H

#include "ref.h"

enum ref_layout {
	REF_CONTIGUOUS,
	REF_GAPS,	/* between rows */
	REF_PERMUTED,	/* dimension 1 outside dimension 2 */
	REF_TRANSPOSED, /* dimension 0 outside dimension 1; of blocks: as REF_PERMUTED */
	REF_LAYOUTS
};

struct ref_memory {
	enum tern_dtype type;
	int64_t ne[4];
	uint64_t nb[4];
	size_t size;		/* of the allocation */
	uint8_t *base, *before; /* the allocation, and what it was filled with */
	void *data;		/* NULL: no tensor */
};

/* Random elements (integers: below `limit`), random bytes elsewhere. */
struct ref_memory ref_memory(enum tern_dtype type, const int64_t ne[4], enum ref_layout layout,
			     uint64_t *seed, int64_t limit);
/* Overwrite all elements. */
void ref_memory_set(struct ref_memory *m, const struct ref_tensor *t);
struct ref_tensor ref_memory_get(const struct ref_memory *m);
/* Back to what ref_memory or ref_memory_set made. */
void ref_memory_restore(struct ref_memory *m);
/* Have only elements changed? */
bool ref_memory_gaps_intact(const struct ref_memory *m);
void ref_memory_free(struct ref_memory *m);

#endif
