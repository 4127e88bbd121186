/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_GEM_H
#define TERN_GEM_H

#include <linux/dma-direction.h>
#include <linux/list.h>

#include <drm/drm_gem_shmem_helper.h>

struct device;
struct dma_buf;
struct dma_buf_attachment;
struct drm_mm_node;
struct tern_account;
struct tern_device;
struct tern_user_memory;
struct tern_vm;

/**
 * enum tern_bo_kind - Where a buffer's pages come from
 * @TERN_BO_SHMEM: The kernel's, zeroed; or another driver's, if it is imported
 * @TERN_BO_USERPTR: A process had them
 * @TERN_BO_PAGES: The DMA layer's, which it never bounces; in place of TERN_BO_SHMEM where it would
 */
enum tern_bo_kind {
	TERN_BO_SHMEM,
	TERN_BO_USERPTR,
	TERN_BO_PAGES,
};

/**
 * struct tern_bo - A buffer
 */
struct tern_bo {
	/** @base: Pages, mappings; its scatter list is there once the device may need it */
	struct drm_gem_shmem_object base;
	/** @node: In struct tern_device.objects.bos */
	struct list_head node;
	/** @kind: Where its pages come from */
	enum tern_bo_kind kind;
	/** @flags: DRM_TERN_BO_* */
	u32 flags;
	/** @read_only: The device may not write */
	bool read_only;
	/** @save: It is a queue's save area, and counts by its bytes only */
	bool save;
	/** @vm_root: Whose reservation lock it shares, of the only VM that maps it; or NULL */
	struct drm_gem_object *vm_root;
	/** @user: Where user memory is from; NULL for other kinds */
	struct tern_user_memory *user;
	/** @chunks: Memory of TERN_BO_PAGES, and where the device finds it */
	struct sg_table chunks;
	/** @account: Where it is counted; NULL if nowhere */
	struct tern_account *account;
	/** @label: For people, zero-terminated. Protected by struct tern_device.objects.lock */
	char label[65];
};

static inline struct tern_bo *to_tern_bo(struct drm_gem_object *obj)
{
	return container_of(to_drm_gem_shmem_obj(obj), struct tern_bo, base);
}

/* What the DMA layer is told of it. */
static inline enum dma_data_direction tern_bo_direction(const struct tern_bo *bo)
{
	return bo->read_only ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
}

/* Pages that are the kernel's: not a process's, not another driver's. */
static inline bool tern_bo_is_own(const struct tern_bo *bo)
{
	return bo->kind != TERN_BO_USERPTR && !drm_gem_is_imported(&bo->base.base);
}

struct tern_bo *tern_bo_create(struct tern_device *tdev, struct tern_account *account, bool save,
			       u64 size, u32 flags);
void tern_bo_list(struct tern_device *tdev, struct tern_bo *bo);
void tern_bo_unlist(struct tern_bo *bo);
int tern_bo_check_vm(const struct tern_bo *bo, struct tern_vm *vm);
struct tern_bo *tern_bo_pin(struct drm_file *file, u32 handle);
void tern_bo_unpin(struct tern_bo *bo);
u64 tern_bo_peek(struct tern_bo *bo, u64 offset);
void tern_bo_poke(struct tern_bo *bo, u64 offset, u64 value);
struct drm_gem_object *tern_gem_create_object(struct drm_device *drm, size_t size);
struct drm_gem_object *tern_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf);
struct drm_gem_object *tern_gem_import(struct drm_device *drm, struct dma_buf_attachment *attach,
				       struct sg_table *sgt);
struct sg_table *tern_bo_sgt(struct tern_bo *bo);
bool tern_bo_lost(struct tern_bo *bo);
void tern_bo_detach(struct tern_bo *bo);
void tern_bo_free(struct drm_gem_object *obj);
struct dma_buf *tern_bo_export(struct drm_gem_object *obj, int flags);

bool tern_device_bounces(struct device *dev);
unsigned int tern_pages_most(struct device *dev);
struct tern_bo *tern_pages_create(struct tern_device *tdev, u64 size);
void tern_pages_free(struct tern_bo *bo);

int tern_save_alloc(struct tern_device *tdev, struct tern_account *account, struct tern_bo **bo,
		    struct drm_mm_node *node);
void tern_save_unmap(struct tern_device *tdev, struct drm_mm_node *node);
void tern_save_free(struct tern_device *tdev, struct tern_bo **bo, struct drm_mm_node *node);
void tern_save_clear(struct tern_bo *bo);

int tern_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_bo_from_userptr(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_bo_mmap_offset(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_bo_sync(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_bo_label(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_GEM_H */
