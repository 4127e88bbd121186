// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: VM_BIND
 *
 * An operation has three parts, because page tables are written where fences wait and nothing may
 * be allocated:
 *
 * 1. describe, in the ioctl, where user space may be waited for and an unplug need not wait: what
 *    is asked for, syncs. Then prepare: buffer, pages, as many tables as can be needed.
 * 2. commit, in the ioctl, under the reservation locks (drm_exec): the tree of gpuvm, which so is
 *    ahead of the page tables (tern_bind_tree.c). After it nothing fails.
 * 3. apply: entries are written, then the device is asked to forget what they replaced. Now, or
 *    by the scheduler when the waits of an asynchronous operation are over.
 *
 * Then tables and buffers that are used no more are released, where that may wait. Operations of
 * a VM are applied one at a time in the order of their commit: asynchronous ones by the
 * scheduler, synchronous ones after all of those.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_array.h"
#include "tern_bind.h"
#include "tern_compat.h"
#include "tern_device.h"
#include "tern_fence.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_sync.h"
#include "tern_trace.h"
#include "tern_uapi_check.h"
#include "tern_vm.h"

/**
 * struct bind_call - One call of VM_BIND
 */
struct bind_call {
	/** @vm: Address space; a reference */
	struct tern_vm *vm;
	/** @ops: As user space gave them */
	struct drm_tern_vm_bind_op *ops;
	/** @bind: Operations made of them */
	struct tern_bind **bind;
	/** @count: How many were asked for */
	u32 count;
	/** @described: How many of them: nothing of the device's is in those beyond @ready */
	u32 described;
	/** @ready: How many could be prepared */
	u32 ready;
	/** @place: Of the last one's buffer: the next often goes on there */
	struct tern_sgt_place place;
	/** @done: How many are done, or queued */
	u32 done;
	/** @refused: Why the one behind @described could not be */
	int refused;
	/** @async: Queue them */
	bool async;
	/** @signals: What they signal */
	struct tern_sync_signals signals;
};

/* ---- Release ----------------------------------------------------------------- */

static void free_tables(struct tern_bind *bind)
{
	struct tern_device *tdev = to_tern_device(bind->vm->base.drm);

	tern_tables_free(tdev, bind->freed);
	bind->freed = NULL;
	tern_stock_empty(tdev, &bind->stock);
}

/**
 * tern_binds_detach() - The device has left: so do the tables of operations that are queued
 * @vm: Address space; struct tern_vm.table_lock is held
 *
 * One may wait for whatever a process likes, and longer than the device is there.
 */
void tern_binds_detach(struct tern_vm *vm)
{
	struct tern_bind *bind;

	lockdep_assert_held(&vm->table_lock);
	list_for_each_entry(bind, &vm->binds, node)
		free_tables(bind);
}

/* Of one that was queued in one step: a device that leaves meanwhile finds all of it or nothing. */
static void drop_tables(struct tern_bind *bind)
{
	bool queued = !list_empty(&bind->node);

	if (queued)
		mutex_lock(&bind->vm->table_lock);
	list_del_init(&bind->node);
	free_tables(bind);
	if (queued)
		mutex_unlock(&bind->vm->table_lock);
}

static void bind_free(struct tern_bind *bind)
{
	if (bind->inited)
		drm_sched_job_cleanup(&bind->base);
	if (bind->seqno)
		dma_fence_put(&bind->fence->base);
	else
		tern_fence_free(bind->fence);
	tern_bind_forget(bind);
	drop_tables(bind);
	if (bind->bo)
		drm_gem_object_put(&bind->bo->base.base);
	tern_vm_put(bind->vm);
	kfree(bind);
}

static void cleanup_fn(struct work_struct *work)
{
	bind_free(container_of(work, struct tern_bind, cleanup));
}

/* ---- Apply --------------------------------------------------------------------- */

static void write_tables(struct tern_bind *bind, struct tern_pt_update *update)
{
	if (bind->type == DRM_TERN_BIND_UNMAP)
		tern_pt_unmap(update, bind->va, bind->size);
	else
		tern_map_sgt(update, bind->va, &bind->place, bind->offset, bind->size, bind->flags);
}

/*
 * The device is there, or gone for good: then there are no tables. Large pages that were
 * split or joined are invalidated as wholes.
 */
static int apply(struct tern_bind *bind)
{
	struct tern_vm *vm = bind->vm;
	struct tern_pt_update update = { .root = vm->space.root, .stock = &bind->stock };
	u64 first = ALIGN_DOWN(bind->va, TERN_HUGE_SIZE);
	u64 end = ALIGN(bind->va + bind->size, TERN_HUGE_SIZE);
	int ret;

	mutex_lock(&vm->table_lock);
	if (vm->space.root)
		write_tables(bind, &update);
	vm->space.tables += update.tables;
	mutex_unlock(&vm->table_lock);
	bind->freed = update.freed;
	if (!update.dirty)
		return 0;
	ret = tern_space_invalidate(to_tern_device(vm->base.drm), &vm->space, first, end - first);
	if (ret)
		WRITE_ONCE(vm->error, ret);
	return ret;
}

static struct tern_bind *to_bind(struct drm_sched_job *job)
{
	return container_of(job, struct tern_bind, base);
}

static struct dma_fence *run_bind(struct drm_sched_job *job)
{
	struct tern_bind *bind = to_bind(job);
	struct tern_vm *vm = bind->vm;
	int cookie, ret = -ENODEV;
	bool signalling = dma_fence_begin_signalling();

	tern_fence_runs(bind->fence);
	if (drm_dev_enter(vm->base.drm, &cookie)) {
		ret = apply(bind);
		drm_dev_exit(cookie);
	}
	trace_tern_vm_bind(vm, bind->type, bind->va, bind->size, true, ret);
	tern_fence_end(bind->fence, ret);
	atomic64_inc(&vm->done);
	wake_up_all(&vm->wait);
	dma_fence_end_signalling(signalling);
	return dma_fence_get(&bind->fence->base);
}

static void free_bind(struct drm_sched_job *job)
{
	struct tern_bind *bind = to_bind(job);

	queue_work(to_tern_device(bind->vm->base.drm)->cleanup_wq, &bind->cleanup);
}

const struct drm_sched_backend_ops tern_bind_sched_ops = {
	.run_job = run_bind,
	.free_job = free_bind,
};

/* ---- Prepare ----------------------------------------------------------------------- */

static int check_bo(struct tern_bind *bind, const struct drm_tern_vm_bind_op *op)
{
	int ret = tern_bo_check_vm(bind->bo, bind->vm);

	if (ret)
		return ret;
	if (bind->bo->read_only && op->flags & DRM_TERN_BIND_WRITE)
		return -EACCES;
	return tern_check_bind_bo(op, bind->bo->base.base.size);
}

static int prepare_bo(struct bind_call *call, struct tern_bind *bind,
		      const struct drm_tern_vm_bind_op *op, struct drm_file *file)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(file, op->bo_handle);
	struct sg_table *sgt;
	int ret;

	if (!obj)
		return -ENOENT;
	bind->bo = to_tern_bo(obj);
	ret = check_bo(bind, op);
	if (ret)
		return ret;
	sgt = tern_bo_sgt(bind->bo);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	tern_sgt_seek(&call->place, sgt, bind->offset);
	bind->place = call->place;
	return 0;
}

static int prepare_tables(struct tern_bind *bind)
{
	struct tern_pt_need need = {};

	if (bind->type == DRM_TERN_BIND_UNMAP)
		tern_pt_need_unmap(&need, bind->va, bind->size);
	else
		tern_need_sgt(&need, bind->va, &bind->place, bind->offset, bind->size);
	return tern_stock_fill(to_tern_device(bind->vm->base.drm), &bind->stock, &need);
}

static int describe_async(struct tern_bind *bind, const struct drm_tern_vm_bind_op *op,
			  struct drm_file *file, struct bind_call *call)
{
	int ret;

	bind->fence = tern_fence_alloc();
	if (!bind->fence)
		return -ENOMEM;
	ret = tern_sched_job_init(&bind->base, &bind->vm->entity, file->driver_priv,
				  file->client_id);
	if (ret)
		return ret;
	bind->inited = true;
	return tern_sync_parse(file, &op->syncs, &bind->base, &call->signals, call->described);
}

static struct tern_bind *bind_alloc(struct tern_vm *vm, const struct drm_tern_vm_bind_op *op)
{
	struct tern_bind *bind = kzalloc(sizeof(*bind), GFP_KERNEL_ACCOUNT);

	if (!bind)
		return NULL;
	bind->vm = tern_vm_get(vm);
	bind->type = op->type;
	bind->va = op->va;
	bind->size = op->size;
	bind->offset = op->bo_offset;
	bind->flags = (op->flags & DRM_TERN_BIND_WRITE ? TERN_PTE_WRITE : 0) |
		      (op->flags & DRM_TERN_BIND_EXEC ? TERN_PTE_EXEC : 0);
	INIT_LIST_HEAD(&bind->node);
	INIT_LIST_HEAD(&bind->spare);
	INIT_LIST_HEAD(&bind->dead);
	INIT_WORK(&bind->cleanup, cleanup_fn);
	return bind;
}

static int describe_one(struct bind_call *call, struct drm_file *file)
{
	const struct drm_tern_vm_bind_op *op = &call->ops[call->described];
	struct tern_bind *bind;
	int ret = tern_check_bind_op(op, call->async);

	if (ret)
		return ret;
	bind = bind_alloc(call->vm, op);
	if (!bind)
		return -ENOMEM;
	if (call->async)
		ret = describe_async(bind, op, file, call);
	if (ret)
		bind_free(bind);
	else
		call->bind[call->described++] = bind;
	return ret;
}

static int describe_all(struct bind_call *call, struct drm_file *file)
{
	int ret = 0;

	while (call->described < call->count && !ret)
		ret = describe_one(call, file);
	return ret;
}

static int prepare_one(struct bind_call *call, struct drm_file *file)
{
	struct tern_bind *bind = call->bind[call->ready];
	int ret = 0;

	if (bind->type != DRM_TERN_BIND_UNMAP)
		ret = prepare_bo(call, bind, &call->ops[call->ready], file);
	if (!ret)
		ret = prepare_tables(bind);
	if (!ret)
		call->ready++;
	return ret;
}

static int prepare_all(struct bind_call *call, struct drm_file *file)
{
	int ret = 0;

	/* Each may have to go through a list of as many entries as its buffer has pages. */
	while (call->ready < call->described && !ret) {
		cond_resched();
		ret = fatal_signal_pending(current) ? -EINTR : prepare_one(call, file);
	}
	return ret;
}

/* ---- The call --------------------------------------------------------------------- */

static bool all_applied(struct tern_vm *vm)
{
	return atomic64_read(&vm->done) == READ_ONCE(vm->queued);
}

/*
 * Enters the device and takes the VM's lock when no asynchronous operation is left; nothing is done
 * if a signal comes. An operation may wait for as long as a process likes, so that is waited for
 * outside: an unplug waits for whoever is inside.
 */
static int enter_idle(struct tern_vm *vm, int *cookie)
{
	for (;;) {
		if (wait_event_interruptible(vm->wait, all_applied(vm)))
			return -EINTR;
		if (!drm_dev_enter(vm->base.drm, cookie))
			return -ENODEV;
		if (mutex_lock_interruptible(&vm->lock)) {
			drm_dev_exit(*cookie);
			return -EINTR;
		}
		if (all_applied(vm))
			return 0;
		mutex_unlock(&vm->lock);
		drm_dev_exit(*cookie);
	}
}

static int run_sync(struct bind_call *call)
{
	int ret = 0;

	while (call->done < call->ready && !ret) {
		struct tern_bind *bind = call->bind[call->done];

		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
		ret = tern_bind_commit(bind) ?: apply(bind);
		trace_tern_vm_bind(bind->vm, bind->type, bind->va, bind->size, false, ret);
		if (!ret)
			call->done++;
	}
	return ret;
}

static void push(struct bind_call *call, struct tern_bind *bind)
{
	struct tern_vm *vm = call->vm;

	mutex_lock(&vm->table_lock);
	list_add_tail(&bind->node, &vm->binds);
	mutex_unlock(&vm->table_lock);
	bind->seqno = ++vm->queued;
	tern_fence_init(bind->fence, vm->fence_context, bind->seqno);
	drm_sched_job_arm(&bind->base);
	tern_sync_publish(&call->signals, call->done, &bind->fence->base);
	drm_sched_entity_push_job(&bind->base);
}

static int run_async(struct bind_call *call)
{
	struct tern_vm *vm = call->vm;
	int ret = 0;

	if (vm->queued - atomic64_read(&vm->done) + call->count > TERN_VM_BINDS)
		return -EAGAIN;
	while (call->done < call->ready && !ret) {
		struct tern_bind *bind = call->bind[call->done];

		ret = tern_bind_commit(bind);
		if (ret)
			break;
		push(call, bind);
		call->bind[call->done++] = NULL; /* the scheduler's now */
	}
	return ret;
}

static int call_init(struct bind_call *call, struct drm_tern_vm_bind *args, struct drm_file *file)
{
	int ret;

	tern_sync_signals_init(&call->signals);
	call->vm = tern_vm_lookup(file->driver_priv, args->vm_id);
	if (!call->vm)
		return -ENOENT;
	ret = TERN_ARRAY_COPY(call->ops, &args->ops);
	if (ret)
		return ret;
	call->bind = kvcalloc(call->count, sizeof(*call->bind), GFP_KERNEL_ACCOUNT);
	if (!call->bind)
		return -ENOMEM;
	call->refused = describe_all(call, file);
	return 0;
}

/* Tables are the device's memory. */
static void free_binds(struct bind_call *call)
{
	while (call->described--)
		if (call->bind[call->described])
			bind_free(call->bind[call->described]);
	call->described = 0;
}

static int prepare_and_push(struct bind_call *call, struct drm_file *file)
{
	struct tern_vm *vm = call->vm;
	int ret = prepare_all(call, file) ?: call->refused;

	if (ret)
		return ret;
	ret = mutex_lock_interruptible(&vm->lock);
	if (ret)
		return ret;
	ret = READ_ONCE(vm->error) ? -ENOTRECOVERABLE : run_async(call);
	mutex_unlock(&vm->lock);
	return ret;
}

static int call_async(struct bind_call *call, struct drm_file *file)
{
	int cookie, ret = -ENODEV;

	if (drm_dev_enter(call->vm->base.drm, &cookie)) {
		ret = tern_vm_check(call->vm) ?: prepare_and_push(call, file);
		free_binds(call);
		drm_dev_exit(cookie);
	}
	return ret;
}

/* With the VM's lock. Those before the one that is refused are done. */
static int prepare_and_run(struct bind_call *call, struct drm_file *file)
{
	int refused = prepare_all(call, file) ?: call->refused;

	if (refused == -EINTR || refused == -ERESTARTSYS)
		return refused;
	return run_sync(call) ?: refused;
}

static int call_sync(struct bind_call *call, struct drm_file *file)
{
	int cookie, ret = enter_idle(call->vm, &cookie);

	if (ret)
		return ret;
	ret = tern_vm_check(call->vm) ?: prepare_and_run(call, file);
	mutex_unlock(&call->vm->lock);
	free_binds(call);
	drm_dev_exit(cookie);
	return ret;
}

static void call_fini(struct bind_call *call)
{
	free_binds(call); /* of a device that has left: nothing of it is in them */
	tern_sync_signals_fini(&call->signals);
	kvfree(call->bind);
	kvfree(call->ops);
	if (call->vm)
		tern_vm_put(call->vm);
}

/**
 * tern_ioctl_vm_bind() - DRM_IOCTL_TERN_VM_BIND
 * @drm: Device
 * @data: struct drm_tern_vm_bind
 * @file: File
 *
 * Return: 0 or a negative errno
 */
int tern_ioctl_vm_bind(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_vm_bind *args = data;
	struct bind_call call = {
		.count = args->ops.count,
		.async = args->flags & DRM_TERN_VM_BIND_ASYNC,
	};
	int ret = tern_check_bind(args);

	args->done = 0;
	if (ret)
		return ret;
	ret = call_init(&call, args, file);
	if (!ret)
		ret = call.async ? call_async(&call, file) : call_sync(&call, file);
	args->done = call.done;
	call_fini(&call);
	return ret;
}
