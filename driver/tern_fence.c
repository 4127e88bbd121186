// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Fences
 *
 * Programs get this fence and never the scheduler's own: on 6.12 a sync_file asks a scheduler's
 * fence for the name of a scheduler that may be long gone, and a job that is cancelled
 * there gets an error that our interface does not know. The scheduler sees it as the hardware's
 * fence, so both end together.
 *
 * It refers to nothing of the queue, so it may outlive it. It may outlive the module, too: newer
 * kernels forget a fence's operations once it has signalled. On older ones a fence keeps the
 * module loaded; the reference is put in an RCU callback, which unloading waits for.
 *
 * What it stands for may wait for fences of other drivers, as long as those like, and unloading the
 * module could only wait with it, unkillably. So that keeps the module loaded, and rmmod says that
 * it is in use. Once it runs it ends when the device leaves.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "tern_compat.h"
#include "tern_fence.h"

static const char *driver_name(struct dma_fence *fence)
{
	return "tern";
}

static const char *timeline_name(struct dma_fence *fence)
{
	return "tern-queue";
}

static void free_rcu_callback(struct rcu_head *rcu)
{
	struct dma_fence *base = container_of(rcu, struct dma_fence, rcu);

	kfree(container_of(base, struct tern_fence, base));
	module_put(THIS_MODULE);
}

static void release(struct dma_fence *base)
{
	call_rcu(&base->rcu, free_rcu_callback);
}

static_assert(!offsetof(struct tern_fence, base)); /* newer kernels free what it begins with */

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = driver_name,
	.get_timeline_name = timeline_name,
	.release = TERN_FENCE_NEEDS_MODULE ? release : NULL,
};

/**
 * tern_fence_alloc() - Memory for a fence, where it may still be had
 *
 * Return: the fence, for tern_fence_init() or tern_fence_free(); or NULL
 */
struct tern_fence *tern_fence_alloc(void)
{
	return kzalloc(sizeof(struct tern_fence), GFP_KERNEL_ACCOUNT);
}

/**
 * tern_fence_free() - Undo tern_fence_alloc()
 * @fence: Fence that was not initialised, or NULL
 */
void tern_fence_free(struct tern_fence *fence)
{
	kfree(fence);
}

/**
 * tern_fence_init() - From now on it has to be ended, and is put with dma_fence_put()
 * @fence: Fence
 * @context: Queue
 * @seqno: Number in it
 */
void tern_fence_init(struct tern_fence *fence, u64 context, u64 seqno)
{
	__module_get(THIS_MODULE); /* a file of ours is open */
	if (TERN_FENCE_NEEDS_MODULE)
		__module_get(THIS_MODULE);
	spin_lock_init(&fence->lock);
	dma_fence_init(&fence->base, &fence_ops, &fence->lock, context, seqno);
}

/**
 * tern_fence_runs() - What it stands for waits for nobody else any more
 * @fence: Fence
 *
 * The module may go as soon as no device is referred to, which the caller still does.
 */
void tern_fence_runs(struct tern_fence *fence)
{
	module_put(THIS_MODULE);
}

/**
 * tern_fence_end() - Signal it
 * @fence: Fence
 * @error: 0, or the errno that whoever waits is told
 */
void tern_fence_end(struct tern_fence *fence, int error)
{
	if (error)
		dma_fence_set_error(&fence->base, error);
	dma_fence_signal(&fence->base);
}
