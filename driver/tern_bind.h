/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_BIND_H
#define TERN_BIND_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include "tern_mmu.h"
#include "tern_pt.h"

struct drm_device;
struct drm_file;
struct tern_bo;
struct tern_fence;
struct tern_vm;

/**
 * struct tern_bind - One operation
 */
struct tern_bind {
	/** @base: What the scheduler knows of it; asynchronous ones only */
	struct drm_sched_job base;
	/** @inited: @base is */
	bool inited;
	/** @vm: Address space; a reference */
	struct tern_vm *vm;
	/** @type: enum drm_tern_bind_type */
	u32 type;
	/** @va: First address */
	u64 va;
	/** @size: Bytes */
	u64 size;
	/** @offset: Where in the buffer */
	u64 offset;
	/** @flags: Of its entries, TERN_PTE_* */
	u64 flags;
	/** @node: In struct tern_vm.binds, once it is queued */
	struct list_head node;
	/** @bo: Buffer; a reference, or NULL */
	struct tern_bo *bo;
	/** @place: Where the device finds @offset of it */
	struct tern_sgt_place place;
	/** @stock: Tables it may need */
	struct tern_pt_stock stock;
	/** @freed: Tables that are used no more */
	struct tern_pt *freed;
	/** @spare: struct tern_va it will need */
	struct list_head spare;
	/** @dead: struct tern_va that left the tree; each holds its buffer */
	struct list_head dead;
	/** @fence: Signals when it is done; asynchronous ones only */
	struct tern_fence *fence;
	/** @seqno: Of @fence; 0 while it is not initialised */
	u64 seqno;
	/** @cleanup: Frees all this where waiting is allowed */
	struct work_struct cleanup;
};

extern const struct drm_sched_backend_ops tern_bind_sched_ops;

int tern_bind_commit(struct tern_bind *bind);
void tern_bind_forget(struct tern_bind *bind);
void tern_binds_detach(struct tern_vm *vm);
void tern_vm_unbind_all(struct tern_vm *vm);
int tern_ioctl_vm_bind(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_BIND_H */
