/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_JOB_H
#define TERN_JOB_H

#include <linux/list.h>

#include <drm/gpu_scheduler.h>

#include <tern/hw.h>

#include "tern_fence.h"

struct drm_device;
struct drm_file;
struct tern_runqueue;

/**
 * struct tern_task - One job of a kernel-owned queue, from SUBMIT until its fence has signalled
 */
struct tern_task {
	/** @base: What the scheduler knows of it */
	struct drm_sched_job base;
	/** @queue: Queue; a reference */
	struct tern_runqueue *queue;
	/** @fence: What the submitter gets; a reference */
	struct tern_fence *fence;
	/** @node: In struct tern_runqueue.pending */
	struct list_head node;
	/** @number: In its queue, from 1 */
	u64 number;
	/** @entry: What the ring gets */
	struct tern_job entry;
	/** @restartable: May be begun anew after a reset */
	bool restartable;
	/** @restarts: How often it was */
	u8 restarts;
	/** @awake: It holds the device awake */
	bool awake;
	/** @inited: @base has been, and needs cleaning up */
	bool inited;
};

extern const struct drm_sched_backend_ops tern_sched_ops;

int tern_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_JOB_H */
