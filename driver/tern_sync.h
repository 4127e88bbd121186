/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_SYNC_H
#define TERN_SYNC_H

#include <linux/list.h>
#include <linux/xarray.h>

struct dma_fence;
struct drm_file;
struct drm_sched_job;
struct drm_tern_array;

/**
 * struct tern_sync_signals - Syncobjs that the jobs of one ioctl signal
 */
struct tern_sync_signals {
	/** @list: Of struct tern_sync_signal that wait for their job's fence, in the given order */
	struct list_head list;
	/** @published: Those that have it */
	struct list_head published;
	/** @last: By handle the last one */
	struct xarray last;
};

void tern_sync_signals_init(struct tern_sync_signals *signals);
void tern_sync_signals_fini(struct tern_sync_signals *signals);
int tern_sync_parse(struct drm_file *file, const struct drm_tern_array *array,
		    struct drm_sched_job *job, struct tern_sync_signals *signals, u32 index);
void tern_sync_publish(struct tern_sync_signals *signals, u32 index, struct dma_fence *fence);

#endif /* TERN_SYNC_H */
