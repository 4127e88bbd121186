// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Memory
 *
 * Buffers are shmem objects. Their pages are found when a VM maps them or a process touches
 * them, and stay until the buffer goes: what the device may reach is pinned.
 *
 * Left out on purpose: a shrinker, notifiers and demand paging. An inference session's working set
 * is its weights, all of them for each token, so evicting any means reading it back at once;
 * and a device that faults cannot be told from one that is attacked.
 *
 * Accounting: shmem pages are charged to the memory cgroup of whoever touches them first,
 * structures are GFP_KERNEL_ACCOUNT, bytes and numbers are limited per open file.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/highmem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_compat.h"
#include "tern_device.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_uapi_check.h"
#include "tern_vm.h"

/* ---- Life ------------------------------------------------------------------- */

/**
 * tern_bo_list() - A buffer that may get DMA mappings: to be found when the device leaves
 * @tdev: Device
 * @bo: Buffer
 */
void tern_bo_list(struct tern_device *tdev, struct tern_bo *bo)
{
	mutex_lock(&tdev->objects.lock);
	list_add_tail(&bo->node, &tdev->objects.bos);
	mutex_unlock(&tdev->objects.lock);
}

/**
 * tern_bo_unlist() - Undo tern_bo_list()
 * @bo: Buffer
 */
void tern_bo_unlist(struct tern_bo *bo)
{
	struct tern_device *tdev = to_tern_device(bo->base.base.dev);

	mutex_lock(&tdev->objects.lock);
	list_del_init(&bo->node);
	mutex_unlock(&tdev->objects.lock);
}

static void uncount(struct tern_bo *bo)
{
	if (!bo->account)
		return;
	atomic_dec(&bo->account->buffers);
	atomic64_sub(bo->base.base.size, &bo->account->bytes);
	tern_account_put(bo->account);
}

static void bo_free(struct drm_gem_object *obj)
{
	struct tern_bo *bo = to_tern_bo(obj);
	struct drm_gem_object *root = bo->vm_root;

	/* As long as it has a mapping, whoever ends those when the device leaves has to find it. */
	tern_bo_detach(bo);
	tern_bo_unlist(bo);
	uncount(bo);
	drm_gem_shmem_free(&bo->base);
	/* It locked with the VM's lock until here. */
	if (root)
		drm_gem_object_put(root);
}

static struct dma_buf *bo_export(struct drm_gem_object *obj, int flags)
{
	if (to_tern_bo(obj)->vm_root)
		return ERR_PTR(-EPERM);
	return drm_gem_prime_export(obj, flags);
}

static enum drm_gem_object_status bo_status(struct drm_gem_object *obj)
{
	struct tern_bo *bo = to_tern_bo(obj);

	return bo->base.pages || bo->base.sgt ? DRM_GEM_OBJECT_RESIDENT : 0;
}

static const struct drm_gem_object_funcs bo_funcs = {
	.free = bo_free,
	.export = bo_export,
	.status = bo_status,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

/**
 * tern_gem_create_object() - Memory for an object the helpers make
 * @drm: Device
 * @size: Bytes it will have
 *
 * Return: the object or an error pointer
 */
struct drm_gem_object *tern_gem_create_object(struct drm_device *drm, size_t size)
{
	struct tern_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);

	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->base.base.funcs = &bo_funcs;
	/* Listed later: the helpers may yet fail, and free it on their own. */
	INIT_LIST_HEAD(&bo->node);
	return &bo->base.base;
}

static struct tern_bo *shmem_create(struct tern_device *tdev, u64 size)
{
	struct drm_gem_shmem_object *shmem = drm_gem_shmem_create(&tdev->drm, size);
	struct tern_bo *bo;

	/* For want of an inode shmem says -ENOSPC, which with us is a limit's. */
	if (IS_ERR(shmem))
		return shmem == ERR_PTR(-ENOSPC) ? ERR_PTR(-ENOMEM) : ERR_CAST(shmem);
	bo = to_tern_bo(&shmem->base);
	tern_bo_list(tdev, bo);
	return bo;
}

/**
 * tern_gem_import() - Make a buffer of another driver's memory
 * @drm: Device
 * @attach: The attachment, mapped
 * @sgt: Where the device finds it
 *
 * Return: the object or an error pointer
 */
struct drm_gem_object *tern_gem_import(struct drm_device *drm, struct dma_buf_attachment *attach,
				       struct sg_table *sgt)
{
	struct drm_gem_object *obj = drm_gem_shmem_prime_import_sg_table(drm, attach, sgt);

	if (!IS_ERR(obj))
		tern_bo_list(to_tern_device(drm), to_tern_bo(obj));
	return obj;
}

/**
 * tern_bo_sgt() - Where the device finds a buffer
 * @bo: Buffer; its reservation lock is not held
 *
 * Finds and maps the pages the first time.
 *
 * Return: the scatter list, valid as long as the buffer, or an error pointer
 */
struct sg_table *tern_bo_sgt(struct tern_bo *bo)
{
	if (!tern_bo_is_own(bo))
		return bo->base.sgt ?: ERR_PTR(-ENODEV);
	return drm_gem_shmem_get_pages_sgt(&bo->base);
}

/**
 * tern_bo_detach() - The device leaves: undo its mapping, keep the pages
 * @bo: Buffer
 */
void tern_bo_detach(struct tern_bo *bo)
{
	struct drm_gem_object *obj = &bo->base.base;
	struct sg_table *sgt;

	dma_resv_lock(obj->resv, NULL);
	sgt = bo->base.sgt;
	bo->base.sgt = NULL;
	if (sgt && drm_gem_is_imported(obj)) {
		dma_buf_unmap_attachment(obj->import_attach, sgt, DMA_BIDIRECTIONAL);
	} else if (sgt) {
		dma_unmap_sgtable(obj->dev->dev, sgt, tern_bo_direction(bo), 0);
		sg_free_table(sgt);
		kfree(sgt);
	}
	dma_resv_unlock(obj->resv);
}

/* ---- Words that the kernel looks at ---------------------------------------------- */

/**
 * tern_bo_pin() - Take a buffer of which words can be looked at from now on
 * @file: File
 * @handle: Its handle there
 *
 * Return: the buffer, for tern_bo_unpin(); or -ENOENT, -EINVAL if its pages are not ours, -ENOMEM
 */
struct tern_bo *tern_bo_pin(struct drm_file *file, u32 handle)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(file, handle);
	struct tern_bo *bo;
	int ret;

	if (!obj)
		return ERR_PTR(-ENOENT);
	bo = to_tern_bo(obj);
	ret = tern_bo_is_own(bo) ? drm_gem_shmem_pin(&bo->base) : -EINVAL;
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

/* ---- Save areas ---------------------------------------------------------------- */

/**
 * tern_save_alloc() - Memory for a preempted context, that no VM can map
 * @tdev: Device
 * @bo: Result
 * @node: Result, zeroed before: where the device finds it
 *
 * Return: 0 or a negative errno
 */
int tern_save_alloc(struct tern_device *tdev, struct tern_bo **bo, struct drm_mm_node *node)
{
	size_t size = PAGE_ALIGN(tdev->caps.save_bytes);
	struct tern_bo *area = shmem_create(tdev, size);
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
 *
 * Does not wait: a page of it is looked at through the kernel's own mapping.
 */
void tern_save_clear(struct tern_bo *bo)
{
	struct tern_save_area *area = page_address(bo->base.pages[0]);
	struct device *dev = bo->base.base.dev->dev;
	dma_addr_t dma = sg_dma_address(bo->base.sgt->sgl);

	dma_sync_single_for_cpu(dev, dma, sizeof(area->magic), DMA_BIDIRECTIONAL);
	WRITE_ONCE(area->magic, 0);
	dma_sync_single_for_device(dev, dma, sizeof(area->magic), DMA_BIDIRECTIONAL);
}

/* ---- ioctls --------------------------------------------------------------------- */

static bool take_bytes(struct tern_account *account, u64 bytes)
{
	if (atomic64_add_return(bytes, &account->bytes) <= tern_buffer_bytes_most())
		return true;
	atomic64_sub(bytes, &account->bytes);
	return false;
}

/* Counts the buffer that will be; its freeing uncounts it. */
static int count(struct tern_account *account, u64 bytes)
{
	if (!tern_take(&account->buffers, TERN_FILE_BUFFERS))
		return -EMFILE;
	if (take_bytes(account, bytes)) {
		kref_get(&account->kref);
		return 0;
	}
	atomic_dec(&account->buffers);
	return -EDQUOT;
}

static void count_off(struct tern_account *account, u64 bytes)
{
	atomic_dec(&account->buffers);
	atomic64_sub(bytes, &account->bytes);
	tern_account_put(account);
}

static struct tern_bo *create_counted(struct tern_file *file, u64 size)
{
	struct tern_bo *bo;
	int ret;

	ret = count(file->account, size);
	if (ret)
		return ERR_PTR(ret);
	bo = shmem_create(file->tdev, size);
	if (IS_ERR(bo))
		count_off(file->account, size);
	else
		bo->account = file->account;
	return bo;
}

static void share_lock(struct tern_bo *bo, struct tern_vm *vm)
{
	struct tern_device *tdev = to_tern_device(bo->base.base.dev);

	/* It is listed: whoever detaches all of them must unlock what it has locked. */
	mutex_lock(&tdev->objects.lock);
	bo->vm_root = drm_gpuvm_resv_obj(&vm->base);
	drm_gem_object_get(bo->vm_root);
	bo->base.base.resv = bo->vm_root->resv;
	mutex_unlock(&tdev->objects.lock);
}

static int bo_create(struct drm_file *drm_file, struct drm_tern_bo_create *args,
		     struct tern_vm *vm)
{
	struct tern_file *file = drm_file->driver_priv;
	struct tern_bo *bo;
	int ret;

	args->size = PAGE_ALIGN(args->size);
	bo = create_counted(file, args->size);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	bo->flags = args->flags;
	bo->base.map_wc = !file->tdev->coherent && !(args->flags & DRM_TERN_BO_CACHED);
	if (vm)
		share_lock(bo, vm);
	ret = drm_gem_handle_create(drm_file, &bo->base.base, &args->handle);
	drm_gem_object_put(&bo->base.base);
	return ret;
}

int tern_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct drm_tern_bo_create *args = data;
	struct tern_vm *vm = NULL;
	int ret = tern_check_bo_create(args);

	if (ret)
		return ret;
	if (args->vm_id) {
		vm = tern_vm_lookup(drm_file->driver_priv, args->vm_id);
		if (!vm)
			return -ENOENT;
	}
	ret = bo_create(drm_file, args, vm);
	if (vm)
		tern_vm_put(vm);
	return ret;
}

int tern_ioctl_bo_mmap_offset(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_bo_mmap_offset *args = data;
	struct drm_gem_object *obj;
	int ret = tern_check_mmap_offset(args);

	if (ret)
		return ret;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	if (!tern_bo_is_own(to_tern_bo(obj)))
		ret = -EPERM;
	else
		ret = drm_gem_create_mmap_offset(obj);
	if (!ret)
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);
	return ret;
}

static void sync_run(struct tern_bo *bo, dma_addr_t dma, size_t size, u32 flags)
{
	struct device *dev = bo->base.base.dev->dev;

	if (flags & DRM_TERN_SYNC_TO_DEVICE)
		dma_sync_single_for_device(dev, dma, size, DMA_TO_DEVICE);
	if (flags & DRM_TERN_SYNC_FROM_DEVICE && !bo->read_only)
		dma_sync_single_for_cpu(dev, dma, size, DMA_FROM_DEVICE);
}

static void sync_range(struct tern_bo *bo, u64 offset, u64 size, u32 flags)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(bo->base.sgt, sg, i) {
		u64 bytes = sg_dma_len(sg), step;

		if (offset >= bytes) {
			offset -= bytes;
			continue;
		}
		step = min(bytes - offset, size);
		sync_run(bo, sg_dma_address(sg) + offset, step, flags);
		offset = 0;
		size -= step;
		if (!size)
			break;
	}
}

static int bo_sync(struct tern_bo *bo, const struct drm_tern_bo_sync *args)
{
	struct tern_device *tdev = to_tern_device(bo->base.base.dev);
	int ret;

	ret = tern_check_bo_sync(args, bo->base.base.size);
	if (ret || drm_gem_is_imported(&bo->base.base))
		return ret;
	/* Also where caches are no matter: if memory is bounced this is what copies. */
	ret = dma_resv_lock_interruptible(bo->base.base.resv, NULL);
	if (ret)
		return ret;
	if (bo->base.sgt && tdev->ready)
		sync_range(bo, args->offset, args->size, args->flags);
	dma_resv_unlock(bo->base.base.resv);
	return 0;
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

int tern_ioctl_bo_label(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct tern_device *tdev = to_tern_device(drm);
	struct drm_tern_bo_label *args = data;
	struct drm_gem_object *obj;
	char label[TERN_MAX_LABEL + 1] = {};
	int ret = tern_check_label(args);

	if (ret)
		return ret;
	if (copy_from_user(label, u64_to_user_ptr(args->label), args->size))
		return -EFAULT;
	ret = tern_check_label_text(label, args->size);
	if (ret)
		return ret;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	mutex_lock(&tdev->objects.lock);
	memcpy(to_tern_bo(obj)->label, label, sizeof(label));
	mutex_unlock(&tdev->objects.lock);
	drm_gem_object_put(obj);
	return 0;
}
