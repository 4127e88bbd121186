/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_GEM_H
#define TERN_GEM_H

#include <linux/list.h>

#include <drm/drm_gem_shmem_helper.h>

struct drm_mm_node;
struct tern_account;
struct tern_device;

/**
 * enum tern_bo_kind - Where a buffer's pages come from
 * @TERN_BO_SHMEM: The kernel's, zeroed
 * @TERN_BO_USERPTR: A process had them
 * @TERN_BO_IMPORT: Another driver's
 */
enum tern_bo_kind {
	TERN_BO_SHMEM,
	TERN_BO_USERPTR,
	TERN_BO_IMPORT,
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
	/** @vm_root: Object whose reservation lock it shares, of the only VM that maps it; or NULL */
	struct drm_gem_object *vm_root;
	/** @account: Where it is counted; NULL if nowhere */
	struct tern_account *account;
	/** @label: For people, zero-terminated. Protected by struct tern_device.objects.lock */
	char label[65];
};

static inline struct tern_bo *to_tern_bo(struct drm_gem_object *obj)
{
	return container_of(to_drm_gem_shmem_obj(obj), struct tern_bo, base);
}

struct drm_gem_object *tern_gem_create_object(struct drm_device *drm, size_t size);
struct sg_table *tern_bo_sgt(struct tern_bo *bo);
void tern_bo_detach(struct tern_bo *bo);

int tern_save_alloc(struct tern_device *tdev, struct tern_bo **bo, struct drm_mm_node *node);
void tern_save_free(struct tern_device *tdev, struct tern_bo **bo, struct drm_mm_node *node);
void tern_save_clear(struct tern_bo *bo);

int tern_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_bo_mmap_offset(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_bo_sync(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_bo_label(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_GEM_H */
