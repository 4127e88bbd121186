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
 * Where the DMA layer has the device look at copies, buffers that are not cached are not shmem's
 * (tern_pages.c).
 *
 * Accounting: shmem pages are charged to the memory cgroup of whoever touches them first,
 * structures are GFP_KERNEL_ACCOUNT. Bytes and numbers are limited per open file, but of imports:
 * those of another driver are its own.
 */
#include <linux/dma-buf.h>
#include <linux/dma-map-ops.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_prime.h>

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

static void uncount(struct tern_account *account, bool save, u64 bytes)
{
	if (!save)
		atomic_dec(&account->buffers);
	atomic64_sub(bytes, &account->bytes);
	tern_account_put(account);
}

/**
 * tern_bo_free() - The last reference is gone, of a buffer that is the kernel's or imported
 * @obj: Buffer
 */
void tern_bo_free(struct drm_gem_object *obj)
{
	struct tern_bo *bo = to_tern_bo(obj);
	struct drm_gem_object *root = bo->vm_root;

	/* As long as it has a mapping, whoever ends those when the device leaves has to find it. */
	tern_bo_detach(bo);
	tern_bo_unlist(bo);
	if (bo->account)
		uncount(bo->account, bo->save, obj->size);
	if (tern_bo_lost(bo))
		drm_gem_object_release(obj); /* pages hold references of their own */
	else if (bo->kind == TERN_BO_PAGES)
		tern_pages_free(bo);
	else
		drm_gem_shmem_free(&bo->base);
	/* It locked with the VM's lock until here. */
	if (root)
		drm_gem_object_put(root);
}

/**
 * tern_bo_export() - Show a buffer to other drivers
 * @obj: Buffer
 * @flags: Of the file
 *
 * Return: a dma_buf, or -EPERM: only one VM may know of it; or another error pointer
 */
struct dma_buf *tern_bo_export(struct drm_gem_object *obj, int flags)
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
	.free = tern_bo_free,
	.export = tern_bo_export,
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

/* Of the kernel's own memory, and nobody counts it yet. */
static struct tern_bo *bo_alloc(struct tern_device *tdev, u64 size, u32 flags)
{
	bool cached = flags & DRM_TERN_BO_CACHED;
	struct tern_bo *bo = tdev->bounces && !cached ? tern_pages_create(tdev, size) :
							shmem_create(tdev, size);

	if (IS_ERR(bo))
		return bo;
	bo->flags = flags;
	bo->base.map_wc = !dev_is_dma_coherent(tdev->drm.dev) && !cached;
	return bo;
}

/**
 * tern_gem_prime_import() - Look at memory of another driver
 * @drm: Device
 * @dma_buf: The memory
 *
 * It is mapped before there is a buffer that could be found when the device leaves, which
 * therefore waits.
 *
 * Return: the object or an error pointer
 */
struct drm_gem_object *tern_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj;
	int cookie;

	if (!tern_device_enter(drm, &cookie))
		return ERR_PTR(-ENODEV);
	obj = drm_gem_prime_import(drm, dma_buf);
	drm_dev_exit(cookie);
	return obj;
}

/**
 * tern_gem_import() - Make a buffer of another driver's memory
 * @drm: Device
 * @attach: The attachment, mapped
 * @sgt: Where the device finds it
 *
 * Return: the object or an error pointer: -EINVAL if it is not made of whole pages
 */
struct drm_gem_object *tern_gem_import(struct drm_device *drm, struct dma_buf_attachment *attach,
				       struct sg_table *sgt)
{
	struct drm_gem_object *obj;

	if (!tern_sgt_holds(sgt, PAGE_ALIGN(attach->dmabuf->size)))
		return ERR_PTR(-EINVAL);
	obj = drm_gem_shmem_prime_import_sg_table(drm, attach, sgt);
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
	if (!tern_bo_is_own(bo) || bo->kind == TERN_BO_PAGES)
		return bo->base.sgt ?: ERR_PTR(-ENODEV);
	return drm_gem_shmem_get_pages_sgt(&bo->base);
}

/**
 * tern_bo_lost() - Is it memory that the device may write to for ever?
 * @bo: Buffer
 *
 * Then it stays mapped, and its pages are nobody else's before the machine restarts.
 *
 * Return: true if so
 */
bool tern_bo_lost(struct tern_bo *bo)
{
	return bo->base.sgt && to_tern_device(bo->base.base.dev)->loose;
}

/**
 * tern_bo_detach() - The device leaves: undo its mapping, keep the pages
 * @bo: Buffer
 */
void tern_bo_detach(struct tern_bo *bo)
{
	struct drm_gem_object *obj = &bo->base.base;
	struct sg_table *sgt;

	if (tern_bo_lost(bo))
		return;
	dma_resv_lock(obj->resv, NULL);
	sgt = bo->base.sgt;
	bo->base.sgt = NULL;
	if (sgt && drm_gem_is_imported(obj)) {
		dma_buf_unmap_attachment(obj->import_attach, sgt, DMA_BIDIRECTIONAL);
	} else if (sgt && bo->kind != TERN_BO_PAGES) {
		/* Only BO_SYNC moves what it holds: its pages may be a process's, which goes on. */
		dma_unmap_sgtable(obj->dev->dev, sgt, tern_bo_direction(bo),
				  DMA_ATTR_SKIP_CPU_SYNC);
		sg_free_table(sgt);
		kfree(sgt);
	}
	dma_resv_unlock(obj->resv);
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
static int count(struct tern_account *account, bool save, u64 bytes)
{
	if (!save && !tern_take(&account->buffers, TERN_FILE_BUFFERS))
		return -EMFILE;
	if (take_bytes(account, bytes)) {
		kref_get(&account->kref);
		return 0;
	}
	if (!save)
		atomic_dec(&account->buffers);
	return -EDQUOT;
}

/**
 * tern_bo_create() - A buffer that counts for a file's limits until it is freed
 * @tdev: Device
 * @account: The file's
 * @save: It is a save area, and counts by its bytes only
 * @size: Bytes, whole pages
 * @flags: DRM_TERN_BO_*
 *
 * Return: the buffer or an error pointer: -EMFILE, -EDQUOT, -ENOMEM
 */
struct tern_bo *tern_bo_create(struct tern_device *tdev, struct tern_account *account, bool save,
			       u64 size, u32 flags)
{
	struct tern_bo *bo;
	int ret;

	ret = count(account, save, size);
	if (ret)
		return ERR_PTR(ret);
	bo = bo_alloc(tdev, size, flags);
	if (IS_ERR(bo)) {
		uncount(account, save, size);
	} else {
		bo->save = save;
		bo->account = account;
	}
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

/**
 * tern_bo_check_vm() - May a VM use a buffer?
 * @bo: Buffer
 * @vm: VM
 *
 * Return: 0, or -EXDEV: it is another VM's own
 */
int tern_bo_check_vm(const struct tern_bo *bo, struct tern_vm *vm)
{
	return bo->vm_root && bo->vm_root != drm_gpuvm_resv_obj(&vm->base) ? -EXDEV : 0;
}

static int bo_create(struct drm_file *drm_file, struct drm_tern_bo_create *args,
		     struct tern_vm *vm)
{
	struct tern_file *file = drm_file->driver_priv;
	struct tern_bo *bo;
	int ret = 0;

	args->size = PAGE_ALIGN(args->size);
	bo = tern_bo_create(file->tdev, file->account, false, args->size, args->flags);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	if (vm)
		share_lock(bo, vm);
	/* Its zeros have to reach memory before anybody looks past the caches, or writes there. */
	if (bo->base.map_wc)
		ret = PTR_ERR_OR_ZERO(tern_bo_sgt(bo));
	if (!ret)
		ret = drm_gem_handle_create(drm_file, &bo->base.base, &args->handle);
	drm_gem_object_put(&bo->base.base);
	return ret;
}

int tern_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct drm_tern_bo_create *args = data;
	struct tern_vm *vm = NULL;
	int cookie, ret = tern_check_bo_create(args);

	if (ret)
		return ret;
	if (args->vm_id) {
		vm = tern_vm_lookup(drm_file->driver_priv, args->vm_id);
		if (!vm)
			return -ENOENT;
	}
	ret = -ENODEV;
	if (tern_device_enter(drm, &cookie)) {
		ret = bo_create(drm_file, args, vm);
		drm_dev_exit(cookie);
	}
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
