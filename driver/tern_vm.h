/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_VM_H
#define TERN_VM_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include <drm/drm_gpuvm.h>
#include <drm/gpu_scheduler.h>

#include "tern_mmu.h"

struct drm_exec;
struct tern_device;
struct tern_file;

/**
 * struct tern_vm - An address space that programs bind buffers into
 */
struct tern_vm {
	/** @base: The tree of what is mapped where, ahead of the page tables */
	struct drm_gpuvm base;
	/**
	 * @kref: Held by the file's table, queues, bind operations. Not gpuvm's own, which
	 * mappings hold too: what is mapped must not keep it alive
	 */
	struct kref kref;
	/** @node: In struct tern_device.objects.vms */
	struct list_head node;
	/** @id: Number in its file */
	u32 id;
	/** @client: What DRM calls the file */
	u64 client;
	/** @release: Runs where waiting is allowed, once nobody has a reference */
	struct work_struct release;

	/** @lock: Orders changes of @base, and makes one of them the next into the scheduler */
	struct mutex lock;
	/** @table_lock: Protects the page tables, and @binds; in the way of fences */
	struct mutex table_lock;
	/** @space: Page tables */
	struct tern_space space;
	/** @binds: Asynchronous operations that have tables in stock, or yet to be freed */
	struct list_head binds;
	/** @error: Why it can be used no more; 0 if it can */
	int error;
	/** @mapped: Bytes in @base; with @lock */
	u64 mapped;

	/** @sched: Scheduler of its asynchronous operations */
	struct drm_gpu_scheduler sched;
	/** @entity: Its only entity */
	struct drm_sched_entity entity;
	/** @fence_context: Of its operations' fences */
	u64 fence_context;
	/** @queued: Asynchronous operations so far; with @lock */
	u64 queued;
	/** @done: Of them, done */
	atomic64_t done;
	/** @wait: Woken when @done grows */
	wait_queue_head_t wait;
};

static inline struct tern_vm *to_tern_vm(struct drm_gpuvm *base)
{
	return container_of(base, struct tern_vm, base);
}

struct tern_vm *tern_vm_get(struct tern_vm *vm);
void tern_vm_put(struct tern_vm *vm);
int tern_vm_check(struct tern_vm *vm);
struct tern_vm *tern_vm_lookup(struct tern_file *file, u32 id);
void tern_vm_add_fence(struct tern_vm *vm, struct drm_exec *exec, struct dma_fence *fence);
void tern_vm_detach(struct tern_vm *vm);

int tern_ioctl_vm_create(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_vm_destroy(struct drm_device *drm, void *data, struct drm_file *file);
int tern_ioctl_vm_state(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_VM_H */
