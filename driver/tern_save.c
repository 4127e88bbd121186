// SPDX-License-Identifier: GPL-2.0
/*
 * Save areas: where the device puts a preempted context. They are in address space 0, so no
 * process ever sees one.
 */

#include "tern_device.h"
#include "tern_gem.h"

/**
 * tern_save_alloc() - Memory for a preempted context, that no VM can map
 * @tdev: Device
 * @account: Of the file whose buffers it counts among
 * @bo: Result
 * @node: Result, zeroed before: where the device finds it
 *
 * Return: 0 or a negative errno
 */
int tern_save_alloc(struct tern_device *tdev, struct tern_account *account, struct tern_bo **bo,
		    struct drm_mm_node *node)
{
	size_t size = PAGE_ALIGN(tdev->caps.save_bytes);
	struct tern_bo *area = tern_bo_create(tdev, account, true, size, 0);
	struct sg_table *sgt;
	int ret;

	if (IS_ERR(area))
		return PTR_ERR(area);
	sgt = tern_bo_sgt(area);
	ret = IS_ERR(sgt) ? PTR_ERR(sgt) :
			    tern_kernel_map(tdev, &tdev->kernel.above, node, sgt, size);
	if (ret)
		drm_gem_object_put(&area->base.base);
	else
		*bo = area;
	return ret;
}

/**
 * tern_save_unmap() - The device finds it no more
 * @tdev: Device
 * @node: Its address; nothing happens if it has none
 */
void tern_save_unmap(struct tern_device *tdev, struct drm_mm_node *node)
{
	if (drm_mm_node_allocated(node))
		tern_kernel_unmap(tdev, node);
}

/**
 * tern_save_free() - Release it
 * @tdev: Device
 * @bo: Its memory; nothing happens if there is none
 * @node: Its address
 */
void tern_save_free(struct tern_device *tdev, struct tern_bo **bo, struct drm_mm_node *node)
{
	if (!*bo)
		return;
	tern_save_unmap(tdev, node);
	drm_gem_object_put(&(*bo)->base.base);
	*bo = NULL;
}

/**
 * tern_save_clear() - What is in a save area is no save
 * @bo: Save area that no slot has
 */
void tern_save_clear(struct tern_bo *bo)
{
	tern_bo_poke(bo, offsetof(struct tern_save_area, magic), 0);
}
