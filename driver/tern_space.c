// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables as memory: where they come from and go to, and what of a scatter list they show. What
 * is written into them is tern_pt.c's, when the device may look is tern_mmu.c's.
 */
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "tern_device.h"

/* ---- Tables ------------------------------------------------------------- */

static void table_free(struct tern_device *tdev, struct tern_pt *table)
{
	if (tdev->loose)
		return;
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

struct need_context {
	struct tern_pt_need *need;
	u64 va;
};

static void need_run(void *context, u64 at, u64 dma, u64 size)
{
	struct need_context *need = context;

	tern_pt_need_map(need->need, need->va + at, dma, size);
}

/**
 * tern_need_sgt() - Count the tables that mapping part of a buffer needs
 * @need: Result, added to
 * @va: First address
 * @place: Of @offset, by tern_sgt_seek()
 * @offset: Part of it that is mapped
 * @size: Bytes
 */
void tern_need_sgt(struct tern_pt_need *need, u64 va, const struct tern_sgt_place *place,
		   u64 offset, u64 size)
{
	struct need_context context = { .need = need, .va = va };

	tern_sgt_walk(place, offset, size, need_run, &context);
	tern_pt_need_range(need, va, size);
}

struct map_context {
	struct tern_pt_update *update;
	u64 va;
	u64 flags;
};

static void map_run(void *context, u64 at, u64 dma, u64 size)
{
	struct map_context *map = context;

	tern_pt_map(map->update, map->va + at, dma, size, map->flags);
}

/**
 * tern_map_sgt() - Write the entries of part of a buffer
 * @update: The change it is part of, with enough tables in stock
 * @va: First address
 * @place: Of @offset, by tern_sgt_seek()
 * @offset: Part of it that is mapped
 * @size: Bytes
 * @flags: TERN_PTE_WRITE, TERN_PTE_EXEC
 */
void tern_map_sgt(struct tern_pt_update *update, u64 va, const struct tern_sgt_place *place,
		  u64 offset, u64 size, u64 flags)
{
	struct map_context map = { .update = update, .va = va, .flags = flags };

	tern_sgt_walk(place, offset, size, map_run, &map);
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
