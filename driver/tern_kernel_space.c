// SPDX-License-Identifier: GPL-2.0
/*
 * Address space 0: memory that the kernel shares with firmware and device. The firmware sees
 * the window from 2 to 4 GiB; rings, save areas and fault records lie above it.
 */
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>

#include "tern_device.h"

#define WINDOW_END 0x100000000ull

static int apply(struct tern_device *tdev, struct tern_pt_update *update, u64 va, u64 size)
{
	int ret = 0;

	tdev->kernel.space.tables += update->tables;
	if (update->dirty)
		ret = tern_space_invalidate(tdev, &tdev->kernel.space, va, size);
	tern_tables_free(tdev, update->freed);
	tern_stock_empty(tdev, update->stock);
	return ret;
}

static int map_at(struct tern_device *tdev, u64 va, struct sg_table *sgt, u64 size)
{
	struct tern_pt_stock stock = {};
	struct tern_pt_need need = {};
	struct tern_pt_update update = { .root = tdev->kernel.space.root, .stock = &stock };
	struct tern_sgt_place place = {};
	int ret;

	tern_sgt_seek(&place, sgt, 0);
	tern_need_sgt(&need, va, &place, 0, size);
	ret = tern_stock_fill(tdev, &stock, &need);
	if (ret)
		return ret;
	tern_map_sgt(&update, va, &place, 0, size, TERN_PTE_WRITE);
	return apply(tdev, &update, va, size);
}

static void unmap_at(struct tern_device *tdev, u64 va, u64 size)
{
	struct tern_pt_stock stock = {};
	struct tern_pt_update update = { .root = tdev->kernel.space.root, .stock = &stock };

	/* Mappings are unmapped as they were made, so no large page is ever split. */
	tern_pt_unmap(&update, va, size);
	apply(tdev, &update, va, size);
}

/**
 * tern_kernel_map() - Map memory in address space 0
 * @tdev: Device
 * @where: The window, or above it
 * @node: Zeroed; address and size of the mapping
 * @sgt: Memory
 * @size: Bytes, a multiple of the device's page
 *
 * Large pages are used where the memory is so aligned.
 *
 * Return: 0 or a negative errno
 */
int tern_kernel_map(struct tern_device *tdev, struct drm_mm *where, struct drm_mm_node *node,
		    struct sg_table *sgt, u64 size)
{
	u64 align = size >= TERN_HUGE_SIZE ? TERN_HUGE_SIZE : TERN_PAGE_SIZE;
	/* Whole regions, so that no table serves two mappings of large pages. */
	u64 room = ALIGN(size, align);
	int ret;

	mutex_lock(&tdev->kernel.lock);
	ret = drm_mm_insert_node_generic(where, node, room, align, 0, 0);
	if (!ret) {
		ret = map_at(tdev, node->start, sgt, size);
		if (ret)
			drm_mm_remove_node(node);
	}
	mutex_unlock(&tdev->kernel.lock);
	return ret;
}

/**
 * tern_kernel_unmap() - Undo tern_kernel_map(), and wait until the device has
 * @tdev: Device
 * @node: Mapping
 */
void tern_kernel_unmap(struct tern_device *tdev, struct drm_mm_node *node)
{
	mutex_lock(&tdev->kernel.lock);
	/* Page tables are gone once the device has left, and all mappings with them. */
	if (tdev->kernel.space.root)
		unmap_at(tdev, node->start, node->size);
	drm_mm_remove_node(node);
	mutex_unlock(&tdev->kernel.lock);
}

/**
 * tern_kmem_alloc() - Zeroed coherent memory in address space 0
 * @tdev: Device
 * @where: The window, or above it
 * @size: Bytes
 * @mem: Result
 *
 * Return: 0 or a negative errno
 */
int tern_kmem_alloc(struct tern_device *tdev, struct drm_mm *where, size_t size,
		    struct tern_kmem *mem)
{
	struct scatterlist sg;
	struct sg_table sgt = { .sgl = &sg, .nents = 1, .orig_nents = 1 };
	int ret;

	memset(mem, 0, sizeof(*mem));
	mem->size = PAGE_ALIGN(size);
	mem->cpu = dma_alloc_coherent(tdev->drm.dev, mem->size, &mem->dma, GFP_KERNEL_ACCOUNT);
	if (!mem->cpu)
		return -ENOMEM;
	sg_init_table(&sg, 1);
	sg_dma_address(&sg) = mem->dma;
	sg_dma_len(&sg) = mem->size;
	ret = tern_kernel_map(tdev, where, &mem->node, &sgt, mem->size);
	if (ret) {
		dma_free_coherent(tdev->drm.dev, mem->size, mem->cpu, mem->dma);
		mem->cpu = NULL;
	}
	return ret;
}

/**
 * tern_kmem_free() - Release it, once the device cannot reach it
 * @tdev: Device
 * @mem: Memory; nothing happens if there is none
 */
void tern_kmem_free(struct tern_device *tdev, struct tern_kmem *mem)
{
	if (!mem->cpu)
		return;
	tern_kernel_unmap(tdev, &mem->node);
	if (!tdev->loose)
		dma_free_coherent(tdev->drm.dev, mem->size, mem->cpu, mem->dma);
	mem->cpu = NULL;
}

/**
 * tern_kernel_init() - Make address space 0
 * @tdev: Device
 *
 * Return: 0 or a negative errno
 */
int tern_kernel_init(struct tern_device *tdev)
{
	struct tern_kernel_space *kernel = &tdev->kernel;
	int ret;

	mutex_init(&kernel->lock);
	ret = tern_space_init(tdev, &kernel->space);
	if (ret)
		return ret;
	drm_mm_init(&kernel->window, TERN_MCU_WINDOW, WINDOW_END - TERN_MCU_WINDOW);
	drm_mm_init(&kernel->above, TERN_KERNEL_VA, (1ull << TERN_VA_BITS) - TERN_KERNEL_VA);
	tdev->mmu.space[0] = &kernel->space;
	return 0;
}

/**
 * tern_kernel_fini() - Release it
 * @tdev: Device, which is off the bus
 */
void tern_kernel_fini(struct tern_device *tdev)
{
	mutex_lock(&tdev->kernel.lock);
	tern_space_fini(tdev, &tdev->kernel.space);
	mutex_unlock(&tdev->kernel.lock);
	drm_mm_takedown(&tdev->kernel.window);
	drm_mm_takedown(&tdev->kernel.above);
}
