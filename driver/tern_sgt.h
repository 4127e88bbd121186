/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_SGT_H
#define TERN_SGT_H

#include <linux/types.h>

struct scatterlist;
struct sg_table;

/**
 * struct tern_sgt_place - Somewhere in a scatter list, which is long and has no index
 */
struct tern_sgt_place {
	/** @sgt: Scatter list: where the device finds a buffer */
	struct sg_table *sgt;
	/** @sg: Entry of it */
	struct scatterlist *sg;
	/** @left: Entries from there on; 0: it is shorter */
	unsigned int left;
	/** @begin: Where in the buffer the entry begins */
	u64 begin;
};

typedef void (*tern_run_fn)(void *context, u64 at, u64 dma, u64 size);
void tern_sgt_seek(struct tern_sgt_place *place, struct sg_table *sgt, u64 offset);
void tern_sgt_walk(const struct tern_sgt_place *place, u64 offset, u64 size, tern_run_fn fn,
		   void *context);
bool tern_sgt_holds(struct sg_table *sgt, u64 size);

#endif /* TERN_SGT_H */
