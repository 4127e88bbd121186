// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Address spaces
 *
 * A VM is not an ASID: there are 63 numbers for any number of VMs, and a VM has one only while
 * queues of it hold slots, or until somebody else needs it. So page tables are written
 * without asking whether the device looks at them.
 *
 * Invalidation. Entries are cleared, then tern_space_invalidate() asks the device, by registers
 * and without the firmware, and returns when INV_DONE says that walks are finished and
 * writes under the old entries have drained. Only then pages, tables and numbers are given
 * back. A device that does not answer is reset, rung by rung, and at the top of the ladder it
 * is off the bus; so the answer is always yes, in bounded time.
 *
 * Barriers. dma_wmb() in tern_pt.c between entries and what follows; the writel() of
 * INV_REQUEST orders entries in coherent memory before the request.
 *
 * Left out on purpose: page faults that the kernel would repair, a shrinker, notifiers. What is
 * mapped is pinned.
 */
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "tern_device.h"
#include "tern_trace.h"

/* An acknowledgement that has not come by then will not come: reset. */
#define INVALIDATE_TIMEOUT_MS 1000
/* Reads of INV_DONE before sleeping: most acknowledgements are there at the first. */
#define INVALIDATE_POLLS 3

/* ---- Tables ------------------------------------------------------------- */

static void table_free(struct tern_device *tdev, struct tern_pt *table)
{
	dma_free_coherent(tdev->drm.dev, TERN_PAGE_SIZE, table->entry, table->dma);
	kfree(table->child);
	kfree(table);
}

static struct tern_pt *table_alloc(struct tern_device *tdev, bool leaf)
{
	struct tern_pt *table = kzalloc(sizeof(*table), GFP_KERNEL_ACCOUNT);
	dma_addr_t dma;

	if (!table)
		return NULL;
	if (!leaf) {
		table->child = kcalloc(TERN_PT_ENTRIES, sizeof(*table->child), GFP_KERNEL_ACCOUNT);
		if (!table->child)
			goto err_free;
	}
	table->entry = dma_alloc_coherent(tdev->drm.dev, TERN_PAGE_SIZE, &dma,
					  GFP_KERNEL_ACCOUNT);
	if (!table->entry)
		goto err_free;
	table->dma = dma;
	return table;

err_free:
	kfree(table->child);
	kfree(table);
	return NULL;
}

/**
 * tern_tables_free() - Release a list of tables
 * @tdev: Device, which does not walk them any more
 * @list: Tables
 */
void tern_tables_free(struct tern_device *tdev, struct tern_pt *list)
{
	while (list) {
		struct tern_pt *table = list;

		list = table->next;
		table_free(tdev, table);
	}
}

static int add_tables(struct tern_device *tdev, struct tern_pt **list, u32 count, bool leaf)
{
	while (count--) {
		struct tern_pt *table = table_alloc(tdev, leaf);

		if (!table)
			return -ENOMEM;
		table->next = *list;
		*list = table;
	}
	return 0;
}

/**
 * tern_stock_fill() - Allocate the tables a change may need
 * @tdev: Device
 * @stock: Empty
 * @need: How many
 *
 * Return: 0 or -ENOMEM, and then the stock is empty
 */
int tern_stock_fill(struct tern_device *tdev, struct tern_pt_stock *stock,
		    const struct tern_pt_need *need)
{
	int ret = add_tables(tdev, &stock->leaf, need->leaves, true);

	if (!ret)
		ret = add_tables(tdev, &stock->dir, need->dirs, false);
	if (ret)
		tern_stock_empty(tdev, stock);
	return ret;
}

/**
 * tern_stock_empty() - Release what of a stock was not used
 * @tdev: Device
 * @stock: Stock
 */
void tern_stock_empty(struct tern_device *tdev, struct tern_pt_stock *stock)
{
	tern_tables_free(tdev, stock->leaf);
	tern_tables_free(tdev, stock->dir);
	stock->leaf = NULL;
	stock->dir = NULL;
}

/* ---- Scatter lists -------------------------------------------------------- */

typedef void (*run_fn)(void *context, u64 va, u64 dma, u64 size);

/* Calls @fn for each contiguous run of [@offset, @offset + @size) of the list. */
static void walk_runs(struct sg_table *sgt, u64 va, u64 offset, u64 size, run_fn fn,
		      void *context)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		u64 bytes = sg_dma_len(sg), step;

		if (offset >= bytes) {
			offset -= bytes;
			continue;
		}
		step = min(bytes - offset, size);
		fn(context, va, sg_dma_address(sg) + offset, step);
		offset = 0;
		va += step;
		size -= step;
		if (!size)
			break;
	}
}

static void need_run(void *need, u64 va, u64 dma, u64 size)
{
	tern_pt_need_map(need, va, dma, size);
}

/**
 * tern_need_sgt() - Count the tables that mapping part of a buffer needs
 * @need: Result, added to
 * @va: First address
 * @sgt: Where the device finds the buffer
 * @offset: Part of it that is mapped
 * @size: Bytes
 */
void tern_need_sgt(struct tern_pt_need *need, u64 va, struct sg_table *sgt, u64 offset, u64 size)
{
	walk_runs(sgt, va, offset, size, need_run, need);
	tern_pt_need_range(need, va, size);
}

struct map_context {
	struct tern_pt_update *update;
	u64 flags;
};

static void map_run(void *context, u64 va, u64 dma, u64 size)
{
	struct map_context *map = context;

	tern_pt_map(map->update, va, dma, size, map->flags);
}

/**
 * tern_map_sgt() - Write the entries of part of a buffer
 * @update: The change it is part of, with enough tables in stock
 * @va: First address
 * @sgt: Where the device finds the buffer
 * @offset: Part of it that is mapped
 * @size: Bytes
 * @flags: TERN_PTE_WRITE, TERN_PTE_EXEC
 */
void tern_map_sgt(struct tern_pt_update *update, u64 va, struct sg_table *sgt, u64 offset,
		  u64 size, u64 flags)
{
	struct map_context map = { .update = update, .flags = flags };

	walk_runs(sgt, va, offset, size, map_run, &map);
}

/* ---- Invalidation ------------------------------------------------------------ */

/* Is request @a not after request @b? Numbers wrap. */
static bool not_after(u32 a, u32 b)
{
	return (s32)(b - a) >= 0;
}

/* Has the device acknowledged @seq? Asks it, unless an earlier answer says so. */
static bool acknowledged(struct tern_device *tdev, u32 seq)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;
	bool yes;

	spin_lock_irqsave(&mmu->lock, flags);
	if (!mmu->off && !not_after(seq, mmu->done)) {
		u32 done = tern_read(tdev, TERN_REG_INV_DONE);

		/* All ones, or a number nobody asked for: no answer. */
		if (not_after(mmu->done, done) && not_after(done, mmu->asked))
			mmu->done = done;
	}
	yes = mmu->off || not_after(seq, mmu->done);
	spin_unlock_irqrestore(&mmu->lock, flags);
	return yes;
}

static bool await(struct tern_device *tdev, u32 seq)
{
	int i;

	for (i = 0; i < INVALIDATE_POLLS; i++)
		if (acknowledged(tdev, seq))
			return true;
	return wait_event_timeout(tdev->mmu.wait, acknowledged(tdev, seq),
				  msecs_to_jiffies(INVALIDATE_TIMEOUT_MS)) > 0;
}

static int climb_until_acknowledged(struct tern_device *tdev, u32 seq)
{
	enum tern_rung rung;

	for (rung = TERN_RUNG_ENGINES; rung <= TERN_RUNG_OFF; rung++) {
		if (acknowledged(tdev, seq))
			return 0;
		tern_reset_locked(tdev, rung, "an invalidation was not acknowledged");
	}
	return -ENODEV;
}

/* Waits for the device; up the ladder until it answers or is off the bus. */
static int await_or_reset(struct tern_device *tdev, u32 seq, bool locked)
{
	int ret;

	if (await(tdev, seq))
		return 0;
	if (locked)
		return climb_until_acknowledged(tdev, seq);
	mutex_lock(&tdev->slots.lock);
	ret = climb_until_acknowledged(tdev, seq);
	mutex_unlock(&tdev->slots.lock);
	return ret;
}

/* With the lock held. True: asked, wait for *@seq. */
static bool try_ask(struct tern_device *tdev, unsigned int asid, u64 first, u64 last, u32 *seq)
{
	struct tern_mmu *mmu = &tdev->mmu;

	if (mmu->asked - mmu->done >= mmu->space_for)
		return false;
	tern_write64(tdev, TERN_REG_INV_START, first);
	tern_write64(tdev, TERN_REG_INV_END, last);
	tern_write(tdev, TERN_REG_INV_ASID, asid);
	*seq = ++mmu->asked;
	trace_tern_invalidate(tdev, asid, first, last, *seq);
	tern_write(tdev, TERN_REG_INV_REQUEST, *seq);
	return true;
}

static int invalidate(struct tern_device *tdev, struct tern_space *space, u64 va, u64 size,
		      bool locked)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;
	bool asked = false;
	u32 seq = 0;
	int ret;

	do {
		spin_lock_irqsave(&mmu->lock, flags);
		/* Without a number it has no translations that could be stale. */
		if (mmu->off || (!space->asid && space != &tdev->kernel.space)) {
			spin_unlock_irqrestore(&mmu->lock, flags);
			return 0;
		}
		asked = try_ask(tdev, space->asid, va, va + size - 1, &seq);
		if (!asked)
			seq = mmu->done + 1;
		spin_unlock_irqrestore(&mmu->lock, flags);
		ret = await_or_reset(tdev, seq, locked);
		if (asked)
			trace_tern_invalidated(tdev, seq, ret);
	} while (!asked && !ret);
	return ret;
}

/**
 * tern_space_invalidate() - Make the device forget a range, and wait until it has
 * @tdev: Device; struct tern_slots.lock is not held
 * @space: Address space, whose entries have been written
 * @va: First address
 * @size: Bytes
 *
 * Return: 0, or -ENODEV if the device had to be taken off the bus for it; pages and tables may be
 * released in either case
 */
int tern_space_invalidate(struct tern_device *tdev, struct tern_space *space, u64 va, u64 size)
{
	return invalidate(tdev, space, va, size, false);
}

/* ---- Numbers ------------------------------------------------------------------ */

static void write_root(struct tern_device *tdev, unsigned int asid, struct tern_space *space)
{
	u64 root = space ? space->root->dma | TERN_PTE_VALID : 0;

	tern_write64(tdev, TERN_REG_ASID_ROOT + asid * TERN_ASID_STRIDE, root);
}

/* A free number, or that of the space without users that was not used for longest. */
static unsigned int choose_asid(struct tern_mmu *mmu)
{
	unsigned int asid, best = 0;

	for (asid = 1; asid < TERN_NASIDS; asid++) {
		struct tern_space *space = mmu->space[asid];

		if (!space)
			return asid;
		if (!space->users && (!best || space->last_used < mmu->space[best]->last_used))
			best = asid;
	}
	return best;
}

/**
 * tern_asid_drop() - Take an address space's number away
 * @tdev: Device; struct tern_slots.lock is held
 * @space: Address space that no slot uses
 *
 * Return: 0 or -ENODEV; it has no number in either case
 */
int tern_asid_drop(struct tern_device *tdev, struct tern_space *space)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned int asid = space->asid;
	unsigned long flags;
	int ret;

	if (!asid)
		return 0;
	spin_lock_irqsave(&mmu->lock, flags);
	if (!mmu->off)
		write_root(tdev, asid, NULL);
	spin_unlock_irqrestore(&mmu->lock, flags);
	ret = invalidate(tdev, space, 0, 0, true); /* everything */

	spin_lock_irqsave(&mmu->lock, flags);
	mmu->space[asid] = NULL;
	space->asid = 0;
	spin_unlock_irqrestore(&mmu->lock, flags);
	return ret;
}

/**
 * tern_asid_get() - Give an address space a number for one slot more
 * @tdev: Device; struct tern_slots.lock is held
 * @space: Address space
 *
 * Return: the number, or a negative errno
 */
int tern_asid_get(struct tern_device *tdev, struct tern_space *space)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;
	unsigned int asid;
	int ret;

	lockdep_assert_held(&tdev->slots.lock);
	if (!space->asid) {
		asid = choose_asid(mmu);
		/* Fewer slots than numbers: somebody has no users. */
		if (!asid)
			return -ENOSPC;
		if (mmu->space[asid]) {
			ret = tern_asid_drop(tdev, mmu->space[asid]);
			if (ret)
				return ret;
		}
		spin_lock_irqsave(&mmu->lock, flags);
		mmu->space[asid] = space;
		space->asid = asid;
		write_root(tdev, asid, space);
		spin_unlock_irqrestore(&mmu->lock, flags);
	}
	space->users++;
	space->last_used = ++mmu->clock;
	return space->asid;
}

/**
 * tern_asid_put() - One slot less uses an address space
 * @tdev: Device; struct tern_slots.lock is held
 * @space: Address space
 */
void tern_asid_put(struct tern_device *tdev, struct tern_space *space)
{
	lockdep_assert_held(&tdev->slots.lock);
	space->users--;
}

/* ---- Spaces ------------------------------------------------------------------- */

/**
 * tern_space_init() - Make an empty address space
 * @tdev: Device
 * @space: Address space, zeroed
 *
 * Return: 0 or -ENOMEM
 */
int tern_space_init(struct tern_device *tdev, struct tern_space *space)
{
	space->root = table_alloc(tdev, false);
	space->tables = 1;
	return space->root ? 0 : -ENOMEM;
}

static void free_below(struct tern_device *tdev, struct tern_pt *table)
{
	unsigned int i;

	for (i = 0; table->child && i < TERN_PT_ENTRIES; i++)
		if (table->child[i])
			free_below(tdev, table->child[i]);
	table_free(tdev, table);
}

/**
 * tern_space_fini() - Release an address space's tables
 * @tdev: Device
 * @space: Address space without number, or the device is off the bus
 */
void tern_space_fini(struct tern_device *tdev, struct tern_space *space)
{
	if (space->root)
		free_below(tdev, space->root);
	space->root = NULL;
	space->tables = 0;
}

/**
 * tern_mmu_start() - The device was reset and may reach memory: tell it what there is
 * @tdev: Device
 *
 * Roots and invalidations are lost with a full reset, and so are translations: what was asked
 * before has been answered by it, whatever INV_DONE says now. After a sleep roots may have
 * changed.
 */
void tern_mmu_start(struct tern_device *tdev)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;
	unsigned int asid;

	spin_lock_irqsave(&mmu->lock, flags);
	mmu->done = mmu->asked;
	mmu->space_for = max(tern_read(tdev, TERN_REG_INV_SPACE), 1U);
	mmu->off = false;
	for (asid = 0; asid < TERN_NASIDS; asid++)
		write_root(tdev, asid, mmu->space[asid]);
	spin_unlock_irqrestore(&mmu->lock, flags);
	wake_up_all(&mmu->wait);
}

/**
 * tern_mmu_forget_all() - Back from a sleep, in which entries changed without invalidations
 * @tdev: Device; struct tern_slots.lock is held
 *
 * Return: 0 or -ENODEV
 */
int tern_mmu_forget_all(struct tern_device *tdev)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned int asid;
	int ret = 0;

	for (asid = 0; asid < TERN_NASIDS && !ret; asid++)
		if (mmu->space[asid])
			ret = invalidate(tdev, mmu->space[asid], 0, 0, true);
	return ret;
}

/**
 * tern_mmu_stop() - The device cannot reach memory: whoever waits for it need not
 * @tdev: Device, with DMA disabled, or reset, or gone
 */
void tern_mmu_stop(struct tern_device *tdev)
{
	struct tern_mmu *mmu = &tdev->mmu;
	unsigned long flags;

	spin_lock_irqsave(&mmu->lock, flags);
	mmu->off = true;
	spin_unlock_irqrestore(&mmu->lock, flags);
	wake_up_all(&mmu->wait);
}

/**
 * tern_mmu_init() - Before anything else of this file
 * @tdev: Device
 *
 * Return: 0
 */
int tern_mmu_init(struct tern_device *tdev)
{
	spin_lock_init(&tdev->mmu.lock);
	init_waitqueue_head(&tdev->mmu.wait);
	tdev->mmu.off = true;
	return 0;
}
