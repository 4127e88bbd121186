// SPDX-License-Identifier: GPL-2.0
/*
 * What CPU and device see of a buffer's memory, each of what the other wrote: single words that the
 * kernel looks at, and BO_SYNC.
 */
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/sched/signal.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_compat.h"
#include "tern_device.h"
#include "tern_gem.h"
#include "tern_uapi_check.h"

/* ---- Words ---------------------------------------------------------------------- */

/* What either side writes does so without BO_SYNC. */
static bool arrives(const struct tern_bo *bo)
{
	return to_tern_device(bo->base.base.dev)->coherent || !(bo->flags & DRM_TERN_BO_CACHED);
}

/**
 * tern_bo_pin() - Take a buffer of which words can be looked at from now on
 * @file: File
 * @handle: Its handle there
 *
 * Return: the buffer, for tern_bo_unpin(); or -ENOENT, -ENOMEM, -EINVAL if its pages are not
 * ours, or are such that BO_SYNC would be needed around each look
 */
struct tern_bo *tern_bo_pin(struct drm_file *file, u32 handle)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(file, handle);
	struct tern_bo *bo;
	int ret;

	if (!obj)
		return ERR_PTR(-ENOENT);
	bo = to_tern_bo(obj);
	ret = tern_bo_is_own(bo) && arrives(bo) ? 0 : -EINVAL;
	if (!ret && bo->kind == TERN_BO_SHMEM)
		ret = drm_gem_shmem_pin(&bo->base);
	if (!ret)
		return bo;
	drm_gem_object_put(obj);
	return ERR_PTR(ret);
}

/**
 * tern_bo_unpin() - Undo tern_bo_pin(); the reference goes, too
 * @bo: Buffer
 */
void tern_bo_unpin(struct tern_bo *bo)
{
	if (bo->kind == TERN_BO_SHMEM)
		drm_gem_shmem_unpin(&bo->base);
	drm_gem_object_put(&bo->base.base);
}

/* Where the device finds an offset; 0 if it never looked at the buffer. */
static dma_addr_t dma_at(struct tern_bo *bo, u64 offset)
{
	struct scatterlist *sg;
	unsigned int i;

	if (!bo->base.sgt)
		return 0;
	for_each_sgtable_dma_sg(bo->base.sgt, sg, i) {
		if (offset < sg_dma_len(sg))
			return sg_dma_address(sg) + offset;
		offset -= sg_dma_len(sg);
	}
	return 0;
}

static bool needs_sync(struct tern_bo *bo)
{
	struct tern_device *tdev = to_tern_device(bo->base.base.dev);

	return !tdev->coherent && tdev->ready;
}

/**
 * tern_bo_peek() - Read a word that the device or a process writes
 * @bo: Pinned buffer
 * @offset: Where, a multiple of 8, inside it
 *
 * In any context. The caller is inside drm_dev_enter(), or sees otherwise to it that the
 * device does not leave.
 *
 * Return: the word
 */
u64 tern_bo_peek(struct tern_bo *bo, u64 offset)
{
	dma_addr_t dma = needs_sync(bo) ? dma_at(bo, offset) : 0;
	u64 *page, value;

	if (dma)
		dma_sync_single_for_cpu(bo->base.base.dev->dev, dma, 8, DMA_FROM_DEVICE);
	page = kmap_local_page(bo->base.pages[offset >> PAGE_SHIFT]);
	value = le64_to_cpu((__force __le64)READ_ONCE(page[offset_in_page(offset) / 8]));
	kunmap_local(page);
	return value;
}

/**
 * tern_bo_poke() - Write a word that the device will read
 * @bo: Pinned buffer
 * @offset: Where, a multiple of 8, inside it
 * @value: What
 *
 * As tern_bo_peek().
 */
void tern_bo_poke(struct tern_bo *bo, u64 offset, u64 value)
{
	dma_addr_t dma = needs_sync(bo) ? dma_at(bo, offset) : 0;
	u64 *page = kmap_local_page(bo->base.pages[offset >> PAGE_SHIFT]);

	WRITE_ONCE(page[offset_in_page(offset) / 8], (__force u64)cpu_to_le64(value));
	kunmap_local(page);
	if (dma)
		dma_sync_single_for_device(bo->base.base.dev->dev, dma, 8, DMA_TO_DEVICE);
}

/* ---- BO_SYNC -------------------------------------------------------------------- */

/* How many pages are done at a stretch. */
#define SYNC_STRETCH 1024

struct sync_context {
	struct tern_bo *bo;
	u32 flags;
	u32 pages;
	int ret;
};

/* Behind an IOMMU what is contiguous for the device need not be so for the CPU, beyond a page. */
static void sync_page(struct sync_context *sync, u64 dma, u64 size)
{
	struct device *dev = sync->bo->base.base.dev->dev;

	if (sync->flags & DRM_TERN_SYNC_TO_DEVICE)
		dma_sync_single_for_device(dev, dma, size, DMA_TO_DEVICE);
	if (sync->flags & DRM_TERN_SYNC_FROM_DEVICE && !sync->bo->read_only)
		dma_sync_single_for_cpu(dev, dma, size, DMA_FROM_DEVICE);
}

/* A large buffer has millions of pages. */
static int pause_between(struct sync_context *sync)
{
	if (++sync->pages % SYNC_STRETCH)
		return 0;
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static void sync_run(void *context, u64 at, u64 dma, u64 size)
{
	struct sync_context *sync = context;

	while (size && !sync->ret) {
		u64 step = min(PAGE_SIZE - offset_in_page(dma), size);

		sync_page(sync, dma, step);
		dma += step;
		size -= step;
		sync->ret = pause_between(sync);
	}
}

static int bo_sync(struct tern_bo *bo, const struct drm_tern_bo_sync *args)
{
	struct sync_context sync = { .bo = bo, .flags = args->flags };
	struct tern_sgt_place place = {};
	struct tern_device *tdev = to_tern_device(bo->base.base.dev);
	int ret;

	ret = tern_check_bo_sync(args, bo->base.base.size);
	if (ret || drm_gem_is_imported(&bo->base.base))
		return ret;
	/* Also where caches are no matter: if memory is bounced this is what copies. */
	ret = dma_resv_lock_interruptible(bo->base.base.resv, NULL);
	if (ret)
		return ret;
	if (bo->base.sgt && tdev->ready) {
		tern_sgt_seek(&place, bo->base.sgt, args->offset);
		tern_sgt_walk(&place, args->offset, args->size, sync_run, &sync);
	}
	dma_resv_unlock(bo->base.base.resv);
	return sync.ret;
}

int tern_ioctl_bo_sync(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_bo_sync *args = data;
	struct drm_gem_object *obj = drm_gem_object_lookup(file, args->handle);
	int cookie, ret = -ENODEV;

	if (!obj)
		return -ENOENT;
	if (drm_dev_enter(drm, &cookie)) {
		ret = bo_sync(to_tern_bo(obj), args);
		drm_dev_exit(cookie);
	}
	drm_gem_object_put(obj);
	return ret;
}
