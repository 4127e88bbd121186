// SPDX-License-Identifier: GPL-2.0
/*
 * The tree of what is mapped where, ahead of the page tables: the second part of a VM_BIND
 * (tern_bind.c), and the end of an address space.
 */
#include <linux/slab.h>

#include <drm/drm_exec.h>
#include <drm/drm_print.h>

#include <drm/tern_accel.h>

#include "tern_bind.h"
#include "tern_compat.h"
#include "tern_gem.h"
#include "tern_vm.h"

/**
 * struct tern_va - What is mapped at one place
 */
struct tern_va {
	/** @base: In the tree */
	struct drm_gpuva base;
	/** @node: In struct tern_bind.spare before, in @dead after its time in the tree */
	struct list_head node;
};

/* ---- Commit ---------------------------------------------------------------------- */

static int add_spare(struct tern_bind *bind)
{
	struct tern_va *va = kzalloc(sizeof(*va), GFP_KERNEL_ACCOUNT);

	if (!va)
		return -ENOMEM;
	list_add_tail(&va->node, &bind->spare);
	return 0;
}

static struct tern_va *take_spare(struct tern_bind *bind)
{
	struct tern_va *va = list_first_entry(&bind->spare, struct tern_va, node);

	list_del_init(&va->node);
	return va;
}

static int fill_spare(struct tern_bind *bind, struct drm_gpuva_ops *ops)
{
	struct drm_gpuva_op *op;
	int ret = 0;

	drm_gpuva_for_each_op(op, ops) {
		int n = op->op == DRM_GPUVA_OP_MAP;

		if (op->op == DRM_GPUVA_OP_REMAP)
			n = !!op->remap.prev + !!op->remap.next;
		while (n-- && !ret)
			ret = add_spare(bind);
	}
	return ret;
}

/* It has left the tree, but the device may still look: its buffer stays until it does not. */
static void bury(struct tern_bind *bind, struct drm_gpuva *base)
{
	struct tern_va *va = container_of(base, struct tern_va, base);

	bind->vm->mapped -= base->va.range;
	drm_gem_object_get(base->gem.obj);
	drm_gpuva_unlink(base);
	list_add_tail(&va->node, &bind->dead);
}

static void link_va(struct tern_bind *bind, struct tern_va *va, struct drm_gpuvm_bo *vm_bo)
{
	drm_gpuva_link(&va->base, vm_bo);
	bind->vm->mapped += va->base.va.range;
}

static void commit_remap(struct tern_bind *bind, struct drm_gpuva_op_remap *op)
{
	struct drm_gpuva *old = op->unmap->va;
	struct tern_va *prev = op->prev ? take_spare(bind) : NULL;
	struct tern_va *next = op->next ? take_spare(bind) : NULL;

	drm_gpuva_remap(prev ? &prev->base : NULL, next ? &next->base : NULL, op);
	if (prev)
		link_va(bind, prev, old->vm_bo);
	if (next)
		link_va(bind, next, old->vm_bo);
	bury(bind, old);
}

static void commit_op(struct tern_bind *bind, struct drm_gpuva_op *op, struct drm_gpuvm_bo *vm_bo)
{
	struct tern_va *va;

	switch (op->op) {
	case DRM_GPUVA_OP_MAP:
		va = take_spare(bind);
		drm_gpuva_map(&bind->vm->base, &va->base, &op->map);
		link_va(bind, va, vm_bo);
		break;
	case DRM_GPUVA_OP_REMAP:
		commit_remap(bind, &op->remap);
		break;
	case DRM_GPUVA_OP_UNMAP:
		drm_gpuva_unmap(&op->unmap);
		bury(bind, op->unmap.va);
		break;
	default:
		break;
	}
}

static int commit_ops(struct tern_bind *bind, struct drm_gpuva_ops *ops,
		      struct drm_gpuvm_bo *vm_bo)
{
	struct drm_gpuva_op *op;
	int ret = fill_spare(bind, ops);

	if (ret)
		return ret;
	drm_gpuva_for_each_op(op, ops)
		commit_op(bind, op, vm_bo);
	return 0;
}

static struct drm_gpuva_ops *make_ops(struct tern_bind *bind)
{
	struct drm_gpuvm *vm = &bind->vm->base;

	if (bind->type == DRM_TERN_BIND_UNMAP)
		return drm_gpuvm_sm_unmap_ops_create(vm, bind->va, bind->size);
	return tern_gpuvm_map_ops(vm, bind->va, bind->size, &bind->bo->base.base, bind->offset);
}

/* With all reservation locks held. */
static int commit_locked(struct tern_bind *bind)
{
	struct drm_gpuvm *vm = &bind->vm->base;
	struct drm_gpuvm_bo *vm_bo = NULL;
	struct drm_gpuva_ops *ops;
	int ret;

	if (bind->bo) {
		vm_bo = tern_gpuvm_bo_obtain(vm, &bind->bo->base.base);
		if (IS_ERR(vm_bo))
			return PTR_ERR(vm_bo);
		drm_gpuvm_bo_extobj_add(vm_bo);
	}
	ops = make_ops(bind);
	ret = PTR_ERR_OR_ZERO(ops);
	if (!ret) {
		ret = commit_ops(bind, ops, vm_bo);
		drm_gpuva_ops_free(vm, ops);
	}
	drm_gpuvm_bo_put(vm_bo);
	return ret;
}

static int lock_all(struct tern_bind *bind, struct drm_exec *exec)
{
	struct drm_gpuvm *vm = &bind->vm->base;
	int ret = 0;

	drm_exec_until_all_locked(exec) {
		ret = drm_gpuvm_prepare_vm(vm, exec, 0);
		drm_exec_retry_on_contention(exec);
		if (!ret && bind->bo)
			ret = drm_exec_lock_obj(exec, &bind->bo->base.base);
		drm_exec_retry_on_contention(exec);
		if (!ret)
			ret = drm_gpuvm_prepare_range(vm, exec, bind->va, bind->size, 0);
		drm_exec_retry_on_contention(exec);
		if (ret)
			break;
	}
	return ret;
}

/**
 * tern_bind_commit() - Change the tree
 * @bind: Operation; struct tern_vm.lock is held
 *
 * Return: 0, or a negative errno and the tree is as before
 */
int tern_bind_commit(struct tern_bind *bind)
{
	struct drm_exec exec;
	int ret;

	if (bind->type == DRM_TERN_BIND_MAP &&
	    drm_gpuva_find_first(&bind->vm->base, bind->va, bind->size))
		return -EEXIST;
	drm_exec_init(&exec, DRM_EXEC_IGNORE_DUPLICATES, 0);
	ret = lock_all(bind, &exec);
	if (!ret)
		ret = commit_locked(bind);
	drm_exec_fini(&exec);
	return ret;
}

/* ---- Release ------------------------------------------------------------------------ */

static void free_vas(struct list_head *list, bool dead)
{
	struct tern_va *va, *next;

	list_for_each_entry_safe(va, next, list, node) {
		if (dead)
			drm_gem_object_put(va->base.gem.obj);
		kfree(va);
	}
	INIT_LIST_HEAD(list);
}

/**
 * tern_bind_forget() - Release what left the tree, and what was to come and did not
 * @bind: Operation that is done: the device no longer looks at what it buried
 */
void tern_bind_forget(struct tern_bind *bind)
{
	free_vas(&bind->spare, false);
	free_vas(&bind->dead, true);
}

/* ---- The end of an address space ------------------------------------------------ */

static void unbind_one(struct tern_vm *vm, struct drm_gpuva *base)
{
	struct drm_gem_object *objs[] = { vm->base.r_obj, base->gem.obj };
	int count = objs[0]->resv == objs[1]->resv ? 1 : 2;
	struct drm_gem_object *obj = base->gem.obj;
	struct ww_acquire_ctx ctx;

	drm_gem_object_get(obj);
	/* Not drm_exec, which allocates: this must not fail. No signals here, in a worker. */
	if (!drm_WARN_ON(vm->base.drm, drm_gem_lock_reservations(objs, count, &ctx))) {
		drm_gpuva_remove(base);
		drm_gpuva_unlink(base);
		drm_gem_unlock_reservations(objs, count, &ctx);
		kfree(container_of(base, struct tern_va, base));
	}
	drm_gem_object_put(obj);
}

/**
 * tern_vm_unbind_all() - Let go of all buffers
 * @vm: Address space that nobody uses, without page tables
 */
void tern_vm_unbind_all(struct tern_vm *vm)
{
	struct drm_gpuva *va, *next;

	drm_gpuvm_for_each_va_safe(va, next, &vm->base)
		unbind_one(vm, va);
	vm->mapped = 0;
}
