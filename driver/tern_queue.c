// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Queues
 *
 * A queue has a ring and a fault record in coherent memory of address space 0, a save area that
 * nobody else can map, and a scheduler of its own, because between queues the firmware
 * schedules. It may or may not have a slot (tern_slot.c). Its jobs: tern_queue_jobs.c.
 *
 * Destroying a queue returns at once: it is marked, tern_slot.c takes the slot away and cancels
 * what waits, and when the last task is freed the rest is released in a work item that may
 * wait.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_compat.h"
#include "tern_device.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_job.h"
#include "tern_queue.h"
#include "tern_uapi_check.h"
#include "tern_user.h"
#include "tern_vm.h"

/* ---- Life -------------------------------------------------------------------- */

struct tern_runqueue *tern_queue_get(struct tern_runqueue *queue)
{
	kref_get(&queue->kref);
	return queue;
}

/* With struct tern_device.objects.lock; buffers are put later, because that takes it. */
static void detach_memory(struct tern_runqueue *queue)
{
	tern_kmem_free(queue->tdev, &queue->memory);
	tern_save_unmap(queue->tdev, &queue->save_node);
}

/**
 * tern_queues_detach() - The device has left: its memory for queues goes, too
 * @tdev: Device, off the bus
 *
 * Queues that had a slot or waited for one are dead. So is each from here on: nobody looks at the
 * ring of a dead one.
 */
void tern_queues_detach(struct tern_device *tdev)
{
	struct tern_runqueue *queue;

	mutex_lock(&tdev->objects.lock);
	list_for_each_entry(queue, &tdev->objects.queues, node) {
		tern_queue_die(queue, -ENODEV, NULL);
		detach_memory(queue);
	}
	mutex_unlock(&tdev->objects.lock);
}

static void queue_release(struct work_struct *work)
{
	struct tern_runqueue *queue = container_of(work, struct tern_runqueue, release);
	struct tern_device *tdev = queue->tdev;

	if (tern_queue_is_user(queue))
		tern_user_queue_fini(queue);
	drm_sched_entity_destroy(&queue->entity);
	drm_sched_fini(&queue->sched);
	synchronize_rcu(); /* the interrupt may still look at the ring */
	/* One step, so that a device that leaves meanwhile finds all of it or nothing. */
	mutex_lock(&tdev->objects.lock);
	mutex_lock(&tdev->slots.lock);
	list_del(&queue->node); /* a device that fails looks at the rings of all that are listed */
	mutex_unlock(&tdev->slots.lock);
	detach_memory(queue);
	mutex_unlock(&tdev->objects.lock);
	tern_save_free(tdev, &queue->save, &queue->save_node);
	tern_vm_put(queue->vm);
	tern_account_put(queue->account);
	mutex_destroy(&queue->submit_lock);
	kfree(queue);
	drm_dev_put(&tdev->drm);
}

static void queue_last_put(struct kref *kref)
{
	struct tern_runqueue *queue = container_of(kref, struct tern_runqueue, kref);

	queue_work(queue->tdev->cleanup_wq, &queue->release);
}

/**
 * tern_queue_put() - Give a reference back
 * @queue: Queue, or NULL
 *
 * In any context: what may wait is done elsewhere.
 */
void tern_queue_put(struct tern_runqueue *queue)
{
	if (queue)
		kref_put(&queue->kref, queue_last_put);
}

/**
 * tern_queue_lookup() - Find a file's queue
 * @file: File
 * @id: Number
 *
 * Return: the queue with a reference, or NULL
 */
struct tern_runqueue *tern_queue_lookup(struct tern_file *file, u32 id)
{
	struct tern_runqueue *queue;

	xa_lock(&file->queues);
	queue = xa_load(&file->queues, id);
	if (queue)
		tern_queue_get(queue);
	xa_unlock(&file->queues);
	return queue;
}

/**
 * tern_queue_destroy() - The file lets go of a queue
 * @queue: Queue; the file's reference is given back
 */
void tern_queue_destroy(struct tern_runqueue *queue)
{
	unsigned long flags;

	if (tern_queue_is_user(queue))
		tern_user_queue_destroy(queue);
	spin_lock_irqsave(&queue->lock, flags);
	queue->destroyed = true;
	wake_up_all(&queue->wait);
	spin_unlock_irqrestore(&queue->lock, flags);
	tern_slot_want(queue);
	tern_queue_put(queue);
}

static void queue_init_ring(struct tern_runqueue *queue)
{
	struct tern_ring *ring = tern_queue_ring(queue);

	ring->entries = cpu_to_le64(queue->memory.node.start +
				    offsetof(struct tern_queue_memory, kernel.job));
	ring->count = cpu_to_le32(TERN_RING_COUNT);
}

static struct tern_runqueue *queue_alloc(struct tern_vm *vm,
					 const struct drm_tern_queue_create *args)
{
	struct tern_runqueue *queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);

	if (!queue)
		return NULL;
	kref_init(&queue->kref);
	queue->tdev = to_tern_device(vm->base.drm);
	queue->flags = args->flags;
	queue->priority = args->priority;
	queue->slot = -1;
	queue->fence_context = dma_fence_context_alloc(1);
	mutex_init(&queue->submit_lock);
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->pending);
	INIT_LIST_HEAD(&queue->wait_node);
	init_waitqueue_head(&queue->wait);
	INIT_WORK(&queue->release, queue_release);
	return queue;
}

static int queue_init_sched(struct tern_runqueue *queue)
{
	struct drm_gpu_scheduler *sched = &queue->sched;
	int ret;

	ret = tern_sched_init(sched, &tern_sched_ops, queue->tdev->sched_wq, TERN_RING_COUNT,
			      "tern-queue", queue->tdev->drm.dev);
	if (ret)
		return ret;
	ret = drm_sched_entity_init(&queue->entity, 0, &sched, 1, NULL);
	if (ret)
		drm_sched_fini(sched);
	return ret;
}

static int queue_init(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	bool user = tern_queue_is_user(queue);
	int ret;

	ret = tern_kmem_alloc(tdev, &tdev->kernel.above,
			      user ? offsetof(struct tern_queue_memory, kernel) :
				     sizeof(struct tern_queue_memory), &queue->memory);
	if (ret)
		return ret;
	if (!user)
		queue_init_ring(queue);
	ret = tern_save_alloc(tdev, queue->account, &queue->save, &queue->save_node);
	if (ret)
		goto err_memory;
	ret = queue_init_sched(queue);
	if (ret)
		goto err_save;
	return 0;

err_save:
	tern_save_free(tdev, &queue->save, &queue->save_node);
err_memory:
	tern_kmem_free(tdev, &queue->memory);
	return ret;
}

/* From now on it is told when the device fails. */
static void queue_list(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;

	mutex_lock(&tdev->objects.lock);
	mutex_lock(&tdev->slots.lock);
	list_add_tail(&queue->node, &tdev->objects.queues);
	if (!tdev->ready)
		tern_queue_die(queue, -ENODEV, NULL);
	mutex_unlock(&tdev->slots.lock);
	mutex_unlock(&tdev->objects.lock);
}

static struct tern_runqueue *queue_create(struct tern_file *file, struct tern_vm *vm,
					  const struct drm_tern_queue_create *args)
{
	struct tern_runqueue *queue = queue_alloc(vm, args);
	int ret;

	if (!queue)
		return ERR_PTR(-ENOMEM);
	queue->account = file->account; /* its save area counts there */
	ret = queue_init(queue);
	if (ret) {
		kfree(queue);
		return ERR_PTR(ret);
	}
	queue->vm = tern_vm_get(vm);
	kref_get(&queue->account->kref);
	drm_dev_get(&queue->tdev->drm);
	queue_list(queue);
	return queue;
}

/* ---- ioctls ------------------------------------------------------------------- */

static int check_rights(struct tern_device *tdev, const struct drm_tern_queue_create *args)
{
	if (args->priority > DRM_TERN_PRIORITY_NORMAL && !capable(CAP_SYS_NICE))
		return -EACCES;
	if (args->flags & DRM_TERN_QUEUE_USER && !tern_user_possible(tdev))
		return -EOPNOTSUPP;
	return 0;
}

/* Counts a queue that is to be; queue_gone() uncounts it. */
static int take_queue(struct tern_file *file, u32 flags)
{
	if (!tern_take(&file->queue_count, TERN_FILE_QUEUES))
		return -ENOSPC;
	if (!(flags & DRM_TERN_QUEUE_USER) ||
	    tern_take(&file->user_queue_count, TERN_FILE_USER_QUEUES))
		return 0;
	atomic_dec(&file->queue_count);
	return -EXFULL;
}

static void queue_gone(struct tern_file *file, u32 flags)
{
	atomic_dec(&file->queue_count);
	if (flags & DRM_TERN_QUEUE_USER)
		atomic_dec(&file->user_queue_count);
}

static int add_queue(struct drm_file *drm_file, struct tern_vm *vm,
		     struct drm_tern_queue_create *args)
{
	struct tern_file *file = drm_file->driver_priv;
	struct tern_runqueue *queue;
	int ret = tern_vm_check(vm);

	if (ret)
		return ret;
	queue = queue_create(file, vm, args);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	if (tern_queue_is_user(queue))
		ret = tern_user_queue_init(queue, args, drm_file);
	/* Who guesses the number may destroy the queue at once. */
	tern_queue_get(queue);
	if (!ret)
		ret = xa_alloc(&file->queues, &queue->id, queue, xa_limit_31b, GFP_KERNEL_ACCOUNT);
	if (ret)
		tern_queue_put(queue);
	else
		args->queue_id = queue->id;
	tern_queue_put(queue);
	return ret;
}

int tern_ioctl_queue_create(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct tern_file *file = drm_file->driver_priv;
	struct drm_tern_queue_create *args = data;
	struct tern_vm *vm;
	int cookie, ret;

	ret = tern_check_queue_create(args) ?: check_rights(file->tdev, args);
	if (ret)
		return ret;
	if (!drm_dev_enter(drm, &cookie))
		return -ENODEV;
	vm = tern_vm_lookup(file, args->vm_id);
	ret = vm ? 0 : -ENOENT;
	if (!ret)
		ret = take_queue(file, args->flags);
	if (!ret) {
		ret = add_queue(drm_file, vm, args);
		if (ret)
			queue_gone(file, args->flags);
	}
	if (vm)
		tern_vm_put(vm);
	drm_dev_exit(cookie);
	return ret;
}

int tern_ioctl_queue_destroy(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct tern_file *file = drm_file->driver_priv;
	struct drm_tern_queue_destroy *args = data;
	struct tern_runqueue *queue;

	if (args->pad)
		return -EINVAL;
	queue = xa_erase(&file->queues, args->queue_id);
	if (!queue)
		return -ENOENT;
	queue_gone(file, queue->flags);
	tern_queue_destroy(queue);
	return 0;
}

static void fill_state(struct tern_runqueue *queue, struct drm_tern_queue_state *args)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	args->state = (queue->dead ? DRM_TERN_QUEUE_DEAD : 0) |
		      (queue->ended != READ_ONCE(queue->submitted) ? DRM_TERN_QUEUE_BUSY : 0);
	args->submitted = READ_ONCE(queue->submitted);
	args->done = queue->ended;
	args->error_job = queue->error_job;
	args->error = queue->error;
	args->lost = queue->lost;
	args->fault = queue->fault;
	spin_unlock_irqrestore(&queue->lock, flags);
}

int tern_ioctl_queue_state(struct drm_device *drm, void *data, struct drm_file *drm_file)
{
	struct drm_tern_queue_state *args = data;
	struct tern_runqueue *queue;

	queue = tern_queue_lookup(drm_file->driver_priv, args->queue_id);
	if (!queue)
		return -ENOENT;
	tern_queue_collect(queue);
	fill_state(queue, args);
	tern_queue_put(queue);
	return 0;
}
