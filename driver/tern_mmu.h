/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_MMU_H
#define TERN_MMU_H

#include <linux/bitmap.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <drm/drm_mm.h>

#include <tern/hw.h>

#include "tern_pt.h"
#include "tern_sgt.h"

struct sg_table;
struct tern_device;

/**
 * struct tern_space - Page tables of one address space, and its number while it has one
 */
struct tern_space {
	/** @root: Table of level 3; NULL once the device has left */
	struct tern_pt *root;
	/** @tables: Tables in use, the root too */
	unsigned int tables;
	/** @asid: Number, or 0. Protected by struct tern_mmu.lock */
	unsigned int asid;
	/** @users: Slots that use @asid; at 0 it may be taken away. struct tern_slots.lock */
	unsigned int users;
	/** @last_used: Of all without users the one unused for longest loses its number */
	u64 last_used;
};

/**
 * struct tern_mmu - Numbers of address spaces, and invalidations
 */
struct tern_mmu {
	/** @lock: Protects all of this, and the registers of an invalidation as a group */
	spinlock_t lock;
	/** @space: Who has which number; 0 is the kernel's */
	struct tern_space *space[TERN_NASIDS];
	/** @stale: Numbers that were taken away when the device could not be asked to forget */
	DECLARE_BITMAP(stale, TERN_NASIDS);
	/** @clock: Counts uses of numbers */
	u64 clock;
	/** @asked: Sequence number of the last request */
	u32 asked;
	/** @done: Last one known to be acknowledged */
	u32 done;
	/** @space_for: Requests that may be under way at once */
	u32 space_for;
	/** @off: The device cannot reach memory: nothing needs to be asked */
	bool off;
	/** @stops: How often it was taken from memory */
	unsigned int stops;
	/** @wait: Woken when INV_DONE moved */
	wait_queue_head_t wait;
};

/**
 * struct tern_kernel_space - Address space 0: what kernel, firmware and device share
 */
struct tern_kernel_space {
	/** @lock: Protects all of this; not in the signalling path */
	struct mutex lock;
	/** @space: Its page tables */
	struct tern_space space;
	/** @window: Addresses the MCU reaches: what is shared with the firmware only */
	struct drm_mm window;
	/** @above: Addresses it does not: rings, save areas, fault records */
	struct drm_mm above;
};

/**
 * struct tern_kmem - Coherent memory in address space 0
 */
struct tern_kmem {
	/** @cpu: Where the CPU finds it */
	void *cpu;
	/** @dma: Bus address */
	dma_addr_t dma;
	/** @size: Bytes, whole CPU pages */
	size_t size;
	/** @node: Address in address space 0 is @node.start */
	struct drm_mm_node node;
};

int tern_mmu_init(struct tern_device *tdev);
void tern_mmu_start(struct tern_device *tdev);
void tern_mmu_stop(struct tern_device *tdev);
int tern_mmu_forget_all(struct tern_device *tdev);

int tern_space_init(struct tern_device *tdev, struct tern_space *space);
void tern_space_fini(struct tern_device *tdev, struct tern_space *space);
int tern_asid_get(struct tern_device *tdev, struct tern_space *space);
void tern_asid_put(struct tern_device *tdev, struct tern_space *space);
int tern_asid_drop(struct tern_device *tdev, struct tern_space *space);
int tern_space_invalidate(struct tern_device *tdev, struct tern_space *space, u64 va, u64 size);

int tern_stock_fill(struct tern_device *tdev, struct tern_pt_stock *stock,
		    const struct tern_pt_need *need);
void tern_stock_empty(struct tern_device *tdev, struct tern_pt_stock *stock);
void tern_tables_free(struct tern_device *tdev, struct tern_pt *list);
void tern_need_sgt(struct tern_pt_need *need, u64 va, const struct tern_sgt_place *place,
		   u64 offset, u64 size);
void tern_map_sgt(struct tern_pt_update *update, u64 va, const struct tern_sgt_place *place,
		  u64 offset, u64 size, u64 flags);

int tern_kernel_init(struct tern_device *tdev);
void tern_kernel_fini(struct tern_device *tdev);
int tern_kernel_map(struct tern_device *tdev, struct drm_mm *where, struct drm_mm_node *node,
		    struct sg_table *sgt, u64 size);
void tern_kernel_unmap(struct tern_device *tdev, struct drm_mm_node *node);
int tern_kmem_alloc(struct tern_device *tdev, struct drm_mm *where, size_t size,
		    struct tern_kmem *mem);
void tern_kmem_free(struct tern_device *tdev, struct tern_kmem *mem);

#endif /* TERN_MMU_H */
