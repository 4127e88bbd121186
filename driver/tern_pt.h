/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_PT_H
#define TERN_PT_H

#include "tern_pure.h"
#include <tern/hw.h>

#define TERN_PT_ENTRIES 512
#define TERN_PT_LEVELS 4
#define TERN_HUGE_SHIFT (TERN_PAGE_SHIFT + 9)
#define TERN_HUGE_SIZE (1ull << TERN_HUGE_SHIFT)

/**
 * struct tern_pt - One table of an address space
 */
struct tern_pt {
	/** @entry: What the device walks: TERN_PT_ENTRIES of them */
	__le64 *entry;
	/** @dma: Where the device finds them */
	__u64 dma;
	/** @child: Tables that entries lead to; NULL in a table of level 0 */
	struct tern_pt **child;
	/** @next: In a stock, or among the freed */
	struct tern_pt *next;
	/** @valid: How many entries are: at 0 the table can go */
	__u16 valid;
};

/**
 * struct tern_pt_stock - Tables made ahead, because where they are needed nothing may be allocated
 */
struct tern_pt_stock {
	/** @leaf: Tables of level 0 */
	struct tern_pt *leaf;
	/** @dir: Tables of levels 1 and 2 */
	struct tern_pt *dir;
};

/**
 * struct tern_pt_need - How many tables a change may need at most
 */
struct tern_pt_need {
	/** @leaves: Tables of level 0 */
	__u32 leaves;
	/** @dirs: Tables of levels 1 and 2 */
	__u32 dirs;
	/** @region: 2 MiB region counted last, plus 1 */
	__u64 region;
};

/**
 * struct tern_pt_update - One change of an address space
 */
struct tern_pt_update {
	/** @root: Table of level 3 */
	struct tern_pt *root;
	/** @stock: Where tables come from; what is left goes back to whoever filled it */
	struct tern_pt_stock *stock;
	/** @freed: Tables that may be released once the device has acknowledged */
	struct tern_pt *freed;
	/** @tables: Tables that came into use, minus those that went out of it */
	int tables;
	/** @dirty: A valid entry changed: invalidate */
	bool dirty;
};

void tern_pt_need_map(struct tern_pt_need *need, __u64 va, __u64 dma, __u64 size);
void tern_pt_need_range(struct tern_pt_need *need, __u64 va, __u64 size);
void tern_pt_need_unmap(struct tern_pt_need *need, __u64 va, __u64 size);
void tern_pt_map(struct tern_pt_update *update, __u64 va, __u64 dma, __u64 size, __u64 flags);
void tern_pt_unmap(struct tern_pt_update *update, __u64 va, __u64 size);

#endif /* TERN_PT_H */
