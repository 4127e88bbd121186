// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Doorbells
 *
 * A user-owned queue's doorbell is an object of its own, mapped page by page through a fault
 * handler, because which page it is changes: with the slot the queue has, and to none
 * while it has none or the device sleeps. The mapping is then taken away, and the next ring
 * faults, wakes the device, gets the queue a slot, and finds the page. So a ring is
 * never lost and never another queue's. While a queue waits for its turn the mapping leads to
 * a page of memory; when the turn comes that is taken away, and the ring in memory looked at. A
 * dead queue's leads to its slot, which is not VALID and hears nothing, until another gets that.
 *
 * Once the queue is gone, or the device, the mapping leads to that page, too: whoever still has it
 * is not killed for it. Each doorbell has a page of its own, as what is written there can be read.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include "tern_device.h"
#include "tern_doorbell.h"
#include "tern_pm.h"
#include "tern_queue.h"
#include "tern_user.h"

/**
 * struct tern_doorbell - What a program maps to ring for its queue
 */
struct tern_doorbell {
	/** @base: For its mmap offset; it has no pages and no handle */
	struct drm_gem_object base;
	/** @queue: Queue; NULL once that is gone. Protected by struct tern_user.lock */
	struct tern_runqueue *queue;
	/** @file: Who may map it while it has a queue; a name, never looked into */
	struct drm_file *file;
	/** @nothing: Memory that nobody else sees, for those who ring while it leads to no slot */
	struct page *nothing;
};

static struct tern_doorbell *to_doorbell(struct drm_gem_object *obj)
{
	return container_of(obj, struct tern_doorbell, base);
}

/* Cached, as the kernel has it: else what was there before it was cleared might be read. */
static vm_fault_t map_nothing(struct vm_fault *vmf, struct tern_doorbell *doorbell)
{
	return vmf_insert_pfn_prot(vmf->vma, vmf->address, page_to_pfn(doorbell->nothing),
				   vm_get_page_prot(vmf->vma->vm_flags));
}

static vm_fault_t map_slot(struct vm_fault *vmf, struct tern_doorbell *doorbell)
{
	struct tern_runqueue *queue = doorbell->queue;
	struct tern_device *tdev = to_tern_device(doorbell->base.dev);
	phys_addr_t page;
	int slot;

	if (!queue || !tdev->doorbell_phys)
		return map_nothing(vmf, doorbell);
	slot = tern_user_bind(queue);
	if (slot < 0) /* for good, or until its turn */
		return map_nothing(vmf, doorbell);
	tern_user_mapped(queue, slot);
	page = tdev->doorbell_phys + (phys_addr_t)slot * tdev->caps.doorbell_stride;
	return vmf_insert_pfn(vmf->vma, vmf->address, page >> PAGE_SHIFT);
}

static vm_fault_t fault_awake(struct vm_fault *vmf, struct tern_doorbell *doorbell)
{
	struct tern_device *tdev = to_tern_device(doorbell->base.dev);
	vm_fault_t ret = VM_FAULT_NOPAGE;
	bool asleep;

	mutex_lock(&tdev->user.lock);
	/* Under this lock it does not fall asleep, not even if the bus is to reset it. */
	asleep = READ_ONCE(tdev->pm.asleep);
	if (!asleep)
		ret = map_slot(vmf, doorbell);
	mutex_unlock(&tdev->user.lock);
	if (asleep) /* the bus does reset it, and a later fault finds the slot */
		msleep(TERN_BUS_RESET_LOOK_MS);
	return ret;
}

static vm_fault_t doorbell_fault(struct vm_fault *vmf)
{
	struct tern_doorbell *doorbell = to_doorbell(vmf->vma->vm_private_data);
	struct tern_device *tdev = to_tern_device(doorbell->base.dev);
	vm_fault_t ret;
	int cookie;

	if (!drm_dev_enter(&tdev->drm, &cookie))
		return map_nothing(vmf, doorbell);
	if (tern_pm_get(tdev)) {
		ret = map_nothing(vmf, doorbell);
	} else {
		ret = fault_awake(vmf, doorbell);
		tern_pm_put(tdev);
	}
	drm_dev_exit(cookie);
	return ret;
}

static const struct vm_operations_struct doorbell_vm_ops = {
	.fault = doorbell_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

/* Exactly one page, writable and shared: anything else is a mistake of the caller's. */
static int doorbell_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if ((vma->vm_flags & (VM_SHARED | VM_WRITE | VM_EXEC)) != (VM_SHARED | VM_WRITE) ||
	    vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vm_flags_clear(vma, VM_MAYEXEC);
	vma->vm_page_prot = pgprot_noncached(vm_get_page_prot(vma->vm_flags));
	return 0;
}

/* No mapping is left: each has a reference. */
static void doorbell_free(struct drm_gem_object *obj)
{
	struct tern_doorbell *doorbell = to_doorbell(obj);

	drm_gem_object_release(obj);
	__free_page(doorbell->nothing);
	kfree(doorbell);
}

static const struct drm_gem_object_funcs doorbell_funcs = {
	.free = doorbell_free,
	.mmap = doorbell_mmap,
	.vm_ops = &doorbell_vm_ops,
};

static struct tern_doorbell *doorbell_alloc(void)
{
	struct tern_doorbell *doorbell = kzalloc(sizeof(*doorbell), GFP_KERNEL_ACCOUNT);

	if (!doorbell)
		return NULL;
	doorbell->nothing = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (doorbell->nothing)
		return doorbell;
	kfree(doorbell);
	return NULL;
}

/**
 * tern_doorbell_create() - Make a queue's doorbell
 * @queue: Queue
 * @file: Who may map it
 * @offset: For mmap(), or 0 where it cannot be mapped
 *
 * Return: the doorbell, for tern_doorbell_revoke(), or an error pointer
 */
struct tern_doorbell *tern_doorbell_create(struct tern_runqueue *queue, struct drm_file *file,
					   u64 *offset)
{
	struct tern_doorbell *doorbell = doorbell_alloc();
	int ret;

	if (!doorbell)
		return ERR_PTR(-ENOMEM);
	doorbell->base.funcs = &doorbell_funcs;
	drm_gem_private_object_init(&queue->tdev->drm, &doorbell->base, PAGE_SIZE);
	ret = drm_gem_create_mmap_offset(&doorbell->base);
	if (!ret)
		ret = drm_vma_node_allow(&doorbell->base.vma_node, file);
	if (ret) {
		drm_gem_object_put(&doorbell->base);
		return ERR_PTR(ret);
	}
	doorbell->queue = queue;
	doorbell->file = file;
	*offset = queue->tdev->doorbell_phys ?
		drm_vma_node_offset_addr(&doorbell->base.vma_node) : 0;
	return doorbell;
}

/**
 * tern_doorbell_zap() - The next ring faults
 * @doorbell: Doorbell
 *
 * Not in the way of fences: whoever watches the address space may wait for some.
 */
void tern_doorbell_zap(struct tern_doorbell *doorbell)
{
	struct drm_device *drm = doorbell->base.dev;

	drm_vma_node_unmap(&doorbell->base.vma_node, drm->anon_inode->i_mapping);
}

/**
 * tern_doorbell_revoke() - Its queue goes
 * @doorbell: Doorbell; the queue's reference is given back
 */
void tern_doorbell_revoke(struct tern_doorbell *doorbell)
{
	struct tern_device *tdev = to_tern_device(doorbell->base.dev);

	mutex_lock(&tdev->user.lock);
	doorbell->queue->doorbell = NULL;
	doorbell->queue = NULL;
	tern_doorbell_zap(doorbell);
	tern_user_forget(tdev, doorbell);
	mutex_unlock(&tdev->user.lock);
	drm_vma_node_revoke(&doorbell->base.vma_node, doorbell->file);
	drm_gem_object_put(&doorbell->base);
}
