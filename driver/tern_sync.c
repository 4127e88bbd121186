// SPDX-License-Identifier: GPL-2.0
/*
 * Syncobjs in and out. Everything that can fail is done before a job exists for anybody else;
 * publishing its fence cannot fail.
 */
#include <linux/dma-fence-chain.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <drm/drm_syncobj.h>
#include <drm/gpu_scheduler.h>

#include "tern_array.h"
#include "tern_sync.h"
#include "tern_uapi_check.h"

/**
 * struct tern_sync_signal - One syncobj that one job signals
 */
struct tern_sync_signal {
	/** @node: In struct tern_sync_signals.list */
	struct list_head node;
	/** @index: Job of the ioctl */
	u32 index;
	/** @handle: As given: later waits of the ioctl name it so */
	u32 handle;
	/** @point: Of a timeline, or 0 */
	u64 point;
	/** @syncobj: A reference */
	struct drm_syncobj *syncobj;
	/** @chain: Link of the timeline, until it is published; NULL if binary */
	struct dma_fence_chain *chain;
};

void tern_sync_signals_init(struct tern_sync_signals *signals)
{
	INIT_LIST_HEAD(&signals->list);
	INIT_LIST_HEAD(&signals->published);
	xa_init(&signals->last);
}

static void signal_free(struct tern_sync_signal *signal)
{
	drm_syncobj_put(signal->syncobj);
	dma_fence_chain_free(signal->chain);
	kfree(signal);
}

void tern_sync_signals_fini(struct tern_sync_signals *signals)
{
	struct tern_sync_signal *signal, *next;

	list_splice_init(&signals->published, &signals->list);
	list_for_each_entry_safe(signal, next, &signals->list, node)
		signal_free(signal);
	INIT_LIST_HEAD(&signals->list);
	xa_destroy(&signals->last);
}

/* The last signal of this ioctl to the same syncobj, or NULL. */
static struct tern_sync_signal *find(struct tern_sync_signals *signals, u32 handle)
{
	return xa_load(&signals->last, handle);
}

/* A point must lie beyond the timeline's last. */
static int check_point(struct tern_sync_signals *signals, struct drm_syncobj *syncobj,
		       const struct drm_tern_sync *sync)
{
	struct tern_sync_signal *before = find(signals, sync->handle);
	struct dma_fence *fence;
	u64 last = 0;

	if (before)
		return sync->point > before->point ? 0 : -EINVAL;
	fence = drm_syncobj_fence_get(syncobj);
	if (fence && to_dma_fence_chain(fence))
		last = fence->seqno;
	dma_fence_put(fence);
	return sync->point > last ? 0 : -EINVAL;
}

static int fill_signal(struct tern_sync_signals *signals, struct tern_sync_signal *signal,
		       struct drm_file *file, const struct drm_tern_sync *sync)
{
	signal->syncobj = drm_syncobj_find(file, sync->handle);
	if (!signal->syncobj)
		return -ENOENT;
	if (!sync->point)
		return 0;
	signal->chain = dma_fence_chain_alloc();
	if (!signal->chain)
		return -ENOMEM;
	return check_point(signals, signal->syncobj, sync);
}

static int add_signal(struct tern_sync_signals *signals, struct drm_file *file,
		      const struct drm_tern_sync *sync, u32 index)
{
	struct tern_sync_signal *signal = kzalloc(sizeof(*signal), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!signal)
		return -ENOMEM;
	signal->index = index;
	signal->handle = sync->handle;
	signal->point = sync->point;
	ret = fill_signal(signals, signal, file, sync);
	if (!ret)
		ret = xa_err(xa_store(&signals->last, sync->handle, signal, GFP_KERNEL_ACCOUNT));
	if (ret) {
		if (signal->syncobj)
			drm_syncobj_put(signal->syncobj);
		dma_fence_chain_free(signal->chain);
		kfree(signal);
		return ret;
	}
	list_add_tail(&signal->node, &signals->list);
	return 0;
}

/*
 * What earlier jobs of the same ioctl signal needs no waiting: they run in order. But a point of a
 * timeline comes after those that were there before it, of which the fence is still to be had.
 */
static int add_wait(struct drm_file *file, const struct drm_tern_sync *sync,
		    struct drm_sched_job *job, struct tern_sync_signals *signals)
{
	struct tern_sync_signal *signal = find(signals, sync->handle);
	bool ordered = signal && signal->point >= sync->point;
	struct dma_fence *fence;
	int ret;

	if (ordered && !signal->point)
		return 0;
	ret = drm_syncobj_find_fence(file, sync->handle, sync->point, 0, &fence);
	if (ret && ordered && drm_syncobj_find_fence(file, sync->handle, 0, 0, &fence))
		return 0; /* the timeline begins with this ioctl */
	if (ret && !ordered)
		return ret;
	return drm_sched_job_add_dependency(job, fence);
}

static int parse(struct drm_file *file, const struct drm_tern_sync *syncs, u32 count,
		 struct drm_sched_job *job, struct tern_sync_signals *signals, u32 index)
{
	int ret = 0;
	u32 i;

	for (i = 0; i < count && !ret; i++)
		ret = tern_check_sync(&syncs[i]);
	/* The waits first: a job does not wait for itself, wherever it names what. */
	for (i = 0; i < count && !ret; i++)
		if (!(syncs[i].flags & DRM_TERN_SYNC_SIGNAL))
			ret = add_wait(file, &syncs[i], job, signals);
	for (i = 0; i < count && !ret; i++)
		if (syncs[i].flags & DRM_TERN_SYNC_SIGNAL)
			ret = add_signal(signals, file, &syncs[i], index);
	return ret;
}

/**
 * tern_sync_parse() - Look up what a job waits for and signals
 * @file: File
 * @array: Checked array of struct drm_tern_sync
 * @job: Gets the waits as dependencies
 * @signals: Gets the signals
 * @index: Number of the job in its ioctl
 *
 * Return: 0 or a negative errno; what was added is for the caller to clean up
 */
int tern_sync_parse(struct drm_file *file, const struct drm_tern_array *array,
		    struct drm_sched_job *job, struct tern_sync_signals *signals, u32 index)
{
	struct drm_tern_sync *syncs;
	int ret;

	/* A call may name 65536 syncobjs: who is killed meanwhile need not see it out. */
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	ret = TERN_ARRAY_COPY(syncs, array);
	if (!ret)
		ret = parse(file, syncs, array->count, job, signals, index);
	kvfree(syncs);
	return ret;
}

/**
 * tern_sync_publish() - Give a job's fence to what it signals
 * @signals: Of the ioctl
 * @index: Number of the job in it
 * @fence: Its fence
 *
 * Jobs publish in the order of their numbers, as their signals are listed.
 */
void tern_sync_publish(struct tern_sync_signals *signals, u32 index, struct dma_fence *fence)
{
	struct tern_sync_signal *signal, *next;

	list_for_each_entry_safe(signal, next, &signals->list, node) {
		if (signal->index != index)
			break;
		list_move_tail(&signal->node, &signals->published);
		if (signal->chain)
			drm_syncobj_add_point(signal->syncobj, signal->chain, fence,
					      signal->point);
		else
			drm_syncobj_replace_fence(signal->syncobj, fence);
		signal->chain = NULL; /* the timeline's now */
	}
}
