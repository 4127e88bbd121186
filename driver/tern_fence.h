/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_FENCE_H
#define TERN_FENCE_H

#include <linux/dma-fence.h>
#include <linux/spinlock.h>

/**
 * struct tern_fence - What user space and other drivers see of a job or a bind operation
 */
struct tern_fence {
	/** @base: Fence */
	struct dma_fence base;
	/** @lock: Its lock: its own, so that it may outlive its queue */
	spinlock_t lock;
};

struct tern_fence *tern_fence_alloc(void);
void tern_fence_init(struct tern_fence *fence, u64 context, u64 seqno);
void tern_fence_free(struct tern_fence *fence);
void tern_fence_runs(struct tern_fence *fence);
void tern_fence_end(struct tern_fence *fence, int error);

#endif /* TERN_FENCE_H */
