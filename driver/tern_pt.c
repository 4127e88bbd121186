// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables of the device. Pure: it writes tables that somebody else allocates, maps and
 * releases, so it is also compiled in user space.
 *
 * Nothing is allocated here, because here is where fences are waited for: a struct
 * tern_pt_stock holds what tern_pt_need_*() said beforehand.
 *
 * A mapping over another one replaces entry by entry: the device sees the old or the new
 * one, never a hole. An entry is made visible (dma_wmb) after the table it leads to.
 */
#include "tern_pt.h"

#ifdef __KERNEL__
#include <asm/barrier.h>
#else
#define dma_wmb() __sync_synchronize()
#endif

static unsigned int index_of(__u64 va, int level)
{
	return va >> (TERN_PAGE_SHIFT + 9 * level) & (TERN_PT_ENTRIES - 1);
}

static __u64 span_of(int level)
{
	return 1ull << (TERN_PAGE_SHIFT + 9 * level);
}

static bool huge_fits(__u64 va, __u64 dma, __u64 size)
{
	return size >= TERN_HUGE_SIZE && !((va | dma) & (TERN_HUGE_SIZE - 1));
}

static __u64 min_size(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

/* ---- How much a change needs ------------------------------------------- */

/**
 * tern_pt_need_map() - Count the tables of level 0 of one contiguous run
 * @need: Where they are added up; runs come in ascending order
 * @va: Address in the address space
 * @dma: Where the device finds the memory
 * @size: Bytes
 */
void tern_pt_need_map(struct tern_pt_need *need, __u64 va, __u64 dma, __u64 size)
{
	while (size) {
		__u64 step = min_size(size, TERN_HUGE_SIZE - (va & (TERN_HUGE_SIZE - 1)));
		__u64 region = (va >> TERN_HUGE_SHIFT) + 1;

		if (!huge_fits(va, dma, size) && region != need->region) {
			need->leaves++;
			need->region = region;
		}
		va += step;
		dma += step;
		size -= step;
	}
}

/**
 * tern_pt_need_range() - Count the tables of levels 1 and 2 of a whole mapping
 * @need: Where they are added up
 * @va: First address
 * @size: Bytes, not 0
 */
void tern_pt_need_range(struct tern_pt_need *need, __u64 va, __u64 size)
{
	__u64 last = va + size - 1;
	int level;

	for (level = 2; level <= 3; level++)
		need->dirs += last / span_of(level) - va / span_of(level) + 1;
}

/**
 * tern_pt_need_unmap() - Count the tables that splitting large pages at both ends needs
 * @need: Where they are added up
 * @va: First address
 * @size: Bytes, not 0
 */
void tern_pt_need_unmap(struct tern_pt_need *need, __u64 va, __u64 size)
{
	need->leaves += !!(va & (TERN_HUGE_SIZE - 1)) + !!((va + size) & (TERN_HUGE_SIZE - 1));
}

/* ---- Entries ------------------------------------------------------------- */

static bool is_valid(const struct tern_pt *table, unsigned int index)
{
	return table->entry[index] & cpu_to_le64(TERN_PTE_VALID);
}

static void set_entry(struct tern_pt_update *update, struct tern_pt *table, unsigned int index,
		      __u64 value)
{
	if (is_valid(table, index)) {
		if (table->entry[index] == cpu_to_le64(value))
			return;
		update->dirty = true;
	} else {
		table->valid++;
	}
	WRITE_ONCE(table->entry[index], cpu_to_le64(value));
}

static void clear_entry(struct tern_pt_update *update, struct tern_pt *table, unsigned int index)
{
	if (!is_valid(table, index))
		return;
	WRITE_ONCE(table->entry[index], 0);
	table->valid--;
	update->dirty = true;
}

static struct tern_pt *take(struct tern_pt **from)
{
	struct tern_pt *table = *from;

	*from = table->next;
	table->next = NULL;
	return table;
}

static void put_freed(struct tern_pt_update *update, struct tern_pt *table)
{
	table->next = update->freed;
	update->freed = table;
	update->tables--;
}

/* The table of level 0 says what the large page said, in 512 entries. */
static void fill_split(struct tern_pt *table, __u64 large)
{
	unsigned int i;

	for (i = 0; i < TERN_PT_ENTRIES; i++)
		table->entry[i] = cpu_to_le64(large + ((__u64)i << TERN_PAGE_SHIFT));
	table->valid = TERN_PT_ENTRIES;
}

/* The table below entry @index of a table of level @level: made if there is none. */
static struct tern_pt *descend(struct tern_pt_update *update, struct tern_pt *table, int level,
			       unsigned int index)
{
	struct tern_pt *child = table->child[index];

	if (child)
		return child;
	child = take(level == 1 ? &update->stock->leaf : &update->stock->dir);
	if (is_valid(table, index))
		fill_split(child, le64_to_cpu(table->entry[index]));
	table->child[index] = child;
	update->tables++;
	dma_wmb(); /* the device finds the table filled */
	set_entry(update, table, index, child->dma | TERN_PTE_VALID);
	return child;
}

/* ---- Map ------------------------------------------------------------------- */

static struct tern_pt *walk(struct tern_pt_update *update, __u64 va, int to)
{
	struct tern_pt *table = update->root;
	int level;

	for (level = TERN_PT_LEVELS - 1; level > to; level--)
		table = descend(update, table, level, index_of(va, level));
	return table;
}

static void map_huge(struct tern_pt_update *update, __u64 va, __u64 dma, __u64 flags)
{
	struct tern_pt *table = walk(update, va, 1);
	unsigned int index = index_of(va, 1);
	struct tern_pt *old = table->child[index];

	table->child[index] = NULL;
	set_entry(update, table, index, dma | flags | TERN_PTE_VALID | TERN_PTE_LEAF);
	if (old)
		put_freed(update, old);
}

static void map_small(struct tern_pt_update *update, __u64 va, __u64 dma, __u64 size, __u64 flags)
{
	struct tern_pt *table = walk(update, va, 0);
	unsigned int index = index_of(va, 0);

	for (; size; size -= TERN_PAGE_SIZE, dma += TERN_PAGE_SIZE)
		set_entry(update, table, index++, dma | flags | TERN_PTE_VALID | TERN_PTE_LEAF);
}

/**
 * tern_pt_map() - Map one contiguous run
 * @update: The change it is part of
 * @va: Address in the address space
 * @dma: Where the device finds the memory
 * @size: Bytes, a multiple of the page
 * @flags: TERN_PTE_WRITE, TERN_PTE_EXEC
 */
void tern_pt_map(struct tern_pt_update *update, __u64 va, __u64 dma, __u64 size, __u64 flags)
{
	while (size) {
		__u64 step = min_size(size, TERN_HUGE_SIZE - (va & (TERN_HUGE_SIZE - 1)));

		if (huge_fits(va, dma, size))
			map_huge(update, va, dma, flags);
		else
			map_small(update, va, dma, step, flags);
		va += step;
		dma += step;
		size -= step;
	}
	dma_wmb(); /* before whoever says that it is mapped */
}

/* ---- Unmap ------------------------------------------------------------------ */

static void drop_table(struct tern_pt_update *update, struct tern_pt *parent, unsigned int index)
{
	struct tern_pt *table = parent->child[index];

	parent->child[index] = NULL;
	clear_entry(update, parent, index);
	put_freed(update, table);
}

static void unmap_small(struct tern_pt_update *update, struct tern_pt *parent, __u64 va,
			__u64 size)
{
	struct tern_pt *table = descend(update, parent, 1, index_of(va, 1));
	unsigned int index = index_of(va, 0);

	for (; size; size -= TERN_PAGE_SIZE)
		clear_entry(update, table, index++);
	if (!table->valid)
		drop_table(update, parent, index_of(va, 1));
}

/* One region of 2 MiB, or a part of one. */
static void unmap_region(struct tern_pt_update *update, struct tern_pt *table, __u64 va,
			 __u64 size)
{
	unsigned int index = index_of(va, 1);

	if (!is_valid(table, index))
		return;
	if (size < TERN_HUGE_SIZE)
		unmap_small(update, table, va, size);
	else if (table->child[index])
		drop_table(update, table, index);
	else
		clear_entry(update, table, index);
}

/* What lies below one entry of level 2: up to 1 GiB. */
static void unmap_below(struct tern_pt_update *update, struct tern_pt *table, __u64 va,
			__u64 size)
{
	while (size) {
		__u64 step = min_size(size, TERN_HUGE_SIZE - (va & (TERN_HUGE_SIZE - 1)));

		unmap_region(update, table, va, step);
		va += step;
		size -= step;
	}
}

static void unmap_gigabyte(struct tern_pt_update *update, __u64 va, __u64 size)
{
	struct tern_pt *root = update->root;
	struct tern_pt *dir = root->child[index_of(va, 3)];
	struct tern_pt *table = dir ? dir->child[index_of(va, 2)] : NULL;

	if (!table)
		return;
	unmap_below(update, table, va, size);
	if (!table->valid)
		drop_table(update, dir, index_of(va, 2));
	if (!dir->valid)
		drop_table(update, root, index_of(va, 3));
}

/**
 * tern_pt_unmap() - Unmap a range, whatever is mapped there
 * @update: The change it is part of
 * @va: First address
 * @size: Bytes, a multiple of the page
 */
void tern_pt_unmap(struct tern_pt_update *update, __u64 va, __u64 size)
{
	while (size) {
		__u64 gigabyte = span_of(2);
		__u64 step = min_size(size, gigabyte - (va & (gigabyte - 1)));

		unmap_gigabyte(update, va, step);
		va += step;
		size -= step;
	}
	dma_wmb(); /* before the invalidation */
}
