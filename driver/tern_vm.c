// SPDX-License-Identifier: GPL-2.0
/*
 * Life of address spaces. What is bound in them: tern_bind.c.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/drm_file.h>

#include "tern_bind.h"
#include "tern_compat.h"
#include "tern_device.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_uapi_check.h"
#include "tern_vm.h"

/* ---- Release -------------------------------------------------------------- */

static void drop_number(struct tern_device *tdev, struct tern_vm *vm)
{
	mutex_lock(&tdev->slots.lock);
	tern_asid_drop(tdev, &vm->space);
	mutex_unlock(&tdev->slots.lock);
}

static void free_tables(struct tern_device *tdev, struct tern_vm *vm)
{
	mutex_lock(&vm->table_lock);
	tern_binds_detach(vm);
	tern_space_fini(tdev, &vm->space);
	mutex_unlock(&vm->table_lock);
}

/* The device cannot reach it any more: first its number, then tables, then buffers. */
static void vm_release(struct work_struct *work)
{
	struct tern_vm *vm = container_of(work, struct tern_vm, release);
	struct tern_device *tdev = to_tern_device(vm->base.drm);

	drm_sched_entity_destroy(&vm->entity);
	drm_sched_fini(&vm->sched);
	/* One step, so that a device that leaves meanwhile finds all of it or nothing. */
	mutex_lock(&tdev->objects.lock);
	tern_vm_detach(vm);
	list_del(&vm->node);
	mutex_unlock(&tdev->objects.lock);
	tern_vm_unbind_all(vm);
	drm_gpuvm_put(&vm->base);
}

static void vm_free(struct drm_gpuvm *base)
{
	struct tern_vm *vm = to_tern_vm(base);
	struct drm_device *drm = base->drm;

	mutex_destroy(&vm->lock);
	mutex_destroy(&vm->table_lock);
	kfree(vm);
	drm_dev_put(drm);
}

static const struct drm_gpuvm_ops vm_ops = {
	.vm_free = vm_free,
};

struct tern_vm *tern_vm_get(struct tern_vm *vm)
{
	kref_get(&vm->kref);
	return vm;
}

static void vm_last_put(struct kref *kref)
{
	struct tern_vm *vm = container_of(kref, struct tern_vm, kref);

	queue_work(to_tern_device(vm->base.drm)->cleanup_wq, &vm->release);
}

/**
 * tern_vm_put() - Give a reference back
 * @vm: Address space
 *
 * In any context.
 */
void tern_vm_put(struct tern_vm *vm)
{
	kref_put(&vm->kref, vm_last_put);
}

/**
 * tern_vm_lookup() - Find a file's address space
 * @file: File
 * @id: Number
 *
 * Return: the address space with a reference, or NULL
 */
struct tern_vm *tern_vm_lookup(struct tern_file *file, u32 id)
{
	struct tern_vm *vm;

	xa_lock(&file->vms);
	vm = xa_load(&file->vms, id);
	if (vm)
		tern_vm_get(vm);
	xa_unlock(&file->vms);
	return vm;
}

/**
 * tern_vm_detach() - The device has left: nothing of its memory may stay mapped for it
 * @vm: Address space
 */
void tern_vm_detach(struct tern_vm *vm)
{
	struct tern_device *tdev = to_tern_device(vm->base.drm);

	drop_number(tdev, vm);
	free_tables(tdev, vm);
}

/* ---- Fences ------------------------------------------------------------------ */

/**
 * tern_vm_add_fence() - A job may use whatever the address space maps
 * @vm: Address space
 * @exec: Holds the locks of all that is mapped, with room for a fence
 * @fence: The job's
 *
 * Others see the fence of buffers they have, too, and wait for it; ours are only kept.
 */
void tern_vm_add_fence(struct tern_vm *vm, struct drm_exec *exec, struct dma_fence *fence)
{
	struct drm_gem_object *obj;

	drm_exec_for_each_locked_object(exec, obj) {
		bool shared = obj->dma_buf || drm_gem_is_imported(obj);

		dma_resv_add_fence(obj->resv, fence,
				   shared ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_BOOKKEEP);
	}
}

/* ---- Creation ------------------------------------------------------------------ */

static int vm_init_sched(struct tern_vm *vm, struct tern_device *tdev)
{
	struct drm_gpu_scheduler *sched = &vm->sched;
	int ret;

	ret = tern_sched_init(sched, &tern_bind_sched_ops, tdev->sched_wq, 1, "tern-vm",
			      tdev->drm.dev);
	if (ret)
		return ret;
	ret = drm_sched_entity_init(&vm->entity, 0, &sched, 1, NULL);
	if (ret)
		drm_sched_fini(sched);
	return ret;
}

static struct tern_vm *vm_alloc(void)
{
	struct tern_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);

	if (!vm)
		return NULL;
	kref_init(&vm->kref);
	INIT_WORK(&vm->release, vm_release);
	mutex_init(&vm->lock);
	mutex_init(&vm->table_lock);
	INIT_LIST_HEAD(&vm->binds);
	init_waitqueue_head(&vm->wait);
	vm->fence_context = dma_fence_context_alloc(1);
	return vm;
}

static int vm_init_tree(struct tern_vm *vm, struct tern_device *tdev)
{
	struct drm_gem_object *root = drm_gpuvm_resv_object_alloc(&tdev->drm);

	if (!root)
		return -ENOMEM;
	drm_dev_get(&tdev->drm); /* newer kernels do it, too */
	drm_gpuvm_init(&vm->base, "tern", DRM_GPUVM_RESV_PROTECTED, &tdev->drm, root, TERN_VA_START,
		       TERN_VA_END - TERN_VA_START, 0, 0, &vm_ops);
	drm_gem_object_put(root);
	return 0;
}

static int vm_init(struct tern_vm *vm, struct tern_device *tdev)
{
	int ret;

	ret = tern_space_init(tdev, &vm->space);
	if (ret)
		return ret;
	ret = vm_init_sched(vm, tdev);
	if (ret)
		goto err_space;
	ret = vm_init_tree(vm, tdev);
	if (ret)
		goto err_sched;
	return 0;

err_sched:
	drm_sched_entity_destroy(&vm->entity);
	drm_sched_fini(&vm->sched);
err_space:
	tern_space_fini(tdev, &vm->space);
	return ret;
}

static struct tern_vm *vm_create(struct tern_device *tdev)
{
	struct tern_vm *vm = vm_alloc();
	int ret;

	if (!vm)
		return ERR_PTR(-ENOMEM);
	ret = vm_init(vm, tdev);
	if (ret) {
		kfree(vm);
		return ERR_PTR(ret);
	}
	mutex_lock(&tdev->objects.lock);
	list_add_tail(&vm->node, &tdev->objects.vms);
	mutex_unlock(&tdev->objects.lock);
	return vm;
}

/**
 * tern_vm_check() - May anything new be made of it?
 * @vm: VM
 *
 * Return: 0, -ENOTRECOVERABLE: it is unusable, for which a device that has failed is not the first
 * reason; or -ENODEV: the device has failed
 */
int tern_vm_check(struct tern_vm *vm)
{
	if (READ_ONCE(vm->error))
		return -ENOTRECOVERABLE;
	return READ_ONCE(to_tern_device(vm->base.drm)->ready) ? 0 : -ENODEV;
}

/* ---- ioctls -------------------------------------------------------------------- */

static int add_vm(struct tern_file *file, struct drm_tern_vm_create *args)
{
	struct tern_vm *vm;
	int ret;

	if (!tern_take(&file->vm_count, TERN_FILE_VMS))
		return -EUSERS;
	vm = vm_create(file->tdev);
	ret = PTR_ERR_OR_ZERO(vm);
	if (!ret) {
		vm->client = file->account->client;
		tern_vm_get(vm); /* who guesses the number may destroy it at once */
		ret = xa_alloc(&file->vms, &vm->id, vm, xa_limit_31b, GFP_KERNEL_ACCOUNT);
		if (ret)
			tern_vm_put(vm);
		else
			args->vm_id = vm->id;
		tern_vm_put(vm);
	}
	if (ret)
		atomic_dec(&file->vm_count);
	return ret;
}

int tern_ioctl_vm_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_vm_create *args = data;
	int cookie, ret;

	if (args->flags)
		return -EINVAL;
	if (!tern_device_enter(drm, &cookie))
		return -ENODEV;
	ret = add_vm(file->driver_priv, args);
	drm_dev_exit(cookie);
	return ret;
}

int tern_ioctl_vm_destroy(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct tern_file *file = drm_file->driver_priv;
	struct drm_tern_vm_destroy *args = data;
	struct tern_vm *vm;

	if (args->pad)
		return -EINVAL;
	vm = xa_erase(&file->vms, args->vm_id);
	if (!vm)
		return -ENOENT;
	atomic_dec(&file->vm_count);
	tern_vm_put(vm);
	return 0;
}

int tern_ioctl_vm_state(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_vm_state *args = data;
	struct tern_vm *vm = tern_vm_lookup(file->driver_priv, args->vm_id);

	if (!vm)
		return -ENOENT;
	args->error = READ_ONCE(vm->error);
	args->mapped_bytes = READ_ONCE(vm->mapped);
	args->table_bytes = (u64)READ_ONCE(vm->space.tables) * TERN_PAGE_SIZE;
	tern_vm_put(vm);
	return 0;
}
