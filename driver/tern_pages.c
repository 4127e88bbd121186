// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Memory that is never bounced
 *
 * Where the DMA layer bounces (swiotlb: memory beyond what the device can address, a confidential
 * guest, "swiotlb=force") the device does not look at a buffer's pages but at copies, which only
 * BO_SYNC refreshes. Cached buffers and user memory are used so anyway. All others promise that
 * what either side writes arrives by itself, rings and fences above all: they, and save areas,
 * are made here, of pages that the DMA layer has chosen itself. These are the one kind of memory
 * that the DMA layer goes on knowing of while a process holds a buffer of a device that has left.
 */
#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>

#include "tern_compat.h"
#include "tern_device.h"
#include "tern_gem.h"

/* As large as the device's large pages; less where memory is in pieces. */
#define CHUNK_MOST SZ_2M

/**
 * tern_device_bounces() - Whether the DMA layer may have the device look at copies
 * @dev: Device, its DMA mask set
 *
 * Return: true if it may
 */
bool tern_device_bounces(struct device *dev)
{
	return dma_max_mapping_size(dev) != SIZE_MAX;
}

/**
 * tern_pages_most() - Longest run of pages that the DMA layer maps as one
 * @dev: Device
 *
 * Return: bytes, a multiple of PAGE_SIZE
 */
unsigned int tern_pages_most(struct device *dev)
{
	size_t most = min_t(size_t, dma_max_mapping_size(dev), dma_get_max_seg_size(dev));

	return max_t(size_t, round_down(most, PAGE_SIZE), PAGE_SIZE);
}

/* ---- Allocation --------------------------------------------------------------- */

static struct page *chunk_alloc(struct device *dev, size_t *size, dma_addr_t *dma)
{
	for (;;) {
		/* As shmem's: who asks for too much is told so, rather than somebody killed. */
		gfp_t effort = *size > PAGE_SIZE ? __GFP_NORETRY : __GFP_RETRY_MAYFAIL;
		struct page *page = dma_alloc_pages(dev, *size, dma, DMA_BIDIRECTIONAL,
						    GFP_KERNEL_ACCOUNT | __GFP_NOWARN | effort);

		if (page || *size == PAGE_SIZE)
			return page;
		*size /= 2;
	}
}

static void chunks_free(struct device *dev, struct sg_table *sgt)
{
	struct scatterlist *sg;

	/* There may be fewer than there was room for. */
	for (sg = sgt->sgl; sg && sg_page(sg); sg = sg_next(sg))
		dma_free_pages(dev, sg->length, sg_page(sg), sg_dma_address(sg),
			       DMA_BIDIRECTIONAL);
	sg_free_table(sgt);
}

static void chunk_list(struct tern_bo *bo, struct scatterlist *sg, struct page *page, size_t size,
		       dma_addr_t dma, unsigned long first)
{
	unsigned long i;

	sg_set_page(sg, page, size, 0);
	sg_dma_address(sg) = dma;
	sg_dma_len(sg) = size;
	for (i = 0; i < size >> PAGE_SHIFT; i++)
		bo->base.pages[first + i] = page + i;
	/* It is zeroed; where caches are not seen that has to reach memory. */
	dma_sync_single_for_device(bo->base.base.dev->dev, dma, size, DMA_BIDIRECTIONAL);
}

static int chunks_alloc(struct tern_bo *bo, size_t bytes)
{
	struct device *dev = bo->base.base.dev->dev;
	struct scatterlist *sg = bo->chunks.sgl;
	size_t done = 0, size = CHUNK_MOST;
	unsigned int used = 0;

	while (done < bytes) {
		dma_addr_t dma;
		struct page *page;

		while (size > bytes - done)
			size /= 2;
		page = chunk_alloc(dev, &size, &dma);
		if (!page)
			return -ENOMEM;
		if (used)
			sg = sg_next(sg);
		chunk_list(bo, sg, page, size, dma, done >> PAGE_SHIFT);
		done += size;
		used++;
	}
	sg_mark_end(sg);
	bo->chunks.nents = used;
	return 0;
}

static int pages_alloc(struct tern_bo *bo, size_t size)
{
	unsigned long count = size >> PAGE_SHIFT;
	int ret;

	bo->base.pages = kvcalloc(count, sizeof(*bo->base.pages),
				  GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!bo->base.pages)
		return -ENOMEM;
	ret = sg_alloc_table(&bo->chunks, count, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	ret = chunks_alloc(bo, size);
	if (!ret)
		bo->base.sgt = &bo->chunks;
	return ret;
}

/**
 * tern_pages_free() - Undo what tern_pages_create() did, of a buffer that nobody has any more
 * @bo: Buffer
 */
void tern_pages_free(struct tern_bo *bo)
{
	if (bo->chunks.sgl)
		chunks_free(bo->base.base.dev->dev, &bo->chunks);
	kvfree(bo->base.pages);
	drm_gem_object_release(&bo->base.base);
	kfree(bo);
}

/* ---- As an object -------------------------------------------------------------- */

static vm_fault_t pages_fault(struct vm_fault *vmf)
{
	struct tern_bo *bo = to_tern_bo(vmf->vma->vm_private_data);
	unsigned long index = vmf->pgoff - drm_vma_node_start(&bo->base.base.vma_node);

	if (index >= bo->base.base.size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(bo->base.pages[index]));
}

static const struct vm_operations_struct pages_vm_ops = {
	.fault = pages_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

/* In a confidential guest the DMA layer's memory is what host and guest both can read. */
static pgprot_t protection(const struct tern_bo *bo, pgprot_t cached)
{
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		cached = pgprot_decrypted(cached);
	return bo->base.map_wc ? pgprot_writecombine(cached) : cached;
}

static int pages_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	/* A private copy would be no copy of what the device sees. */
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return -EINVAL;
	vm_flags_set(vma, VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = protection(to_tern_bo(obj), vm_get_page_prot(vma->vm_flags));
	return 0;
}

static struct sg_table *pages_sg_table(struct drm_gem_object *obj)
{
	return drm_prime_pages_to_sg(obj->dev, to_tern_bo(obj)->base.pages,
				     obj->size >> PAGE_SHIFT);
}

static int pages_vmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	struct tern_bo *bo = to_tern_bo(obj);
	void *address = vmap(bo->base.pages, obj->size >> PAGE_SHIFT, VM_MAP,
			     protection(bo, PAGE_KERNEL));

	if (!address)
		return -ENOMEM;
	iosys_map_set_vaddr(map, address);
	return 0;
}

static void pages_vunmap(struct drm_gem_object *obj, struct iosys_map *map)
{
	vunmap(map->vaddr);
}

static enum drm_gem_object_status pages_status(struct drm_gem_object *obj)
{
	return DRM_GEM_OBJECT_RESIDENT;
}

static const struct drm_gem_object_funcs pages_funcs = {
	.free = tern_bo_free,
	.export = tern_bo_export,
	.status = pages_status,
	.get_sg_table = pages_sg_table,
	.vmap = pages_vmap,
	.vunmap = pages_vunmap,
	.mmap = pages_mmap,
	.vm_ops = &pages_vm_ops,
};

/**
 * tern_pages_create() - A buffer of such memory, zeroed
 * @tdev: Device
 * @size: Bytes, a multiple of PAGE_SIZE
 *
 * Return: the buffer, listed, or an error pointer
 */
struct tern_bo *tern_pages_create(struct tern_device *tdev, u64 size)
{
	struct tern_bo *bo;
	int ret;

	/* No more than there is, before the lists of it are made. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);
	bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);
	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->kind = TERN_BO_PAGES;
	bo->base.base.funcs = &pages_funcs;
	drm_gem_private_object_init(&tdev->drm, &bo->base.base, size);
	tern_bo_list(tdev, bo);
	ret = pages_alloc(bo, size);
	if (!ret)
		return bo;
	drm_gem_object_put(&bo->base.base);
	return ERR_PTR(ret);
}
