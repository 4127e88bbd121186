// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting for a queue. Left out of the way of fences: a wait takes no lock that they need.
 */
#include <linux/ktime.h>
#include <linux/wait.h>

#include <drm/drm_file.h>

#include "tern_device.h"
#include "tern_queue.h"
#include "tern_uapi_check.h"

/* Over, and with what? 1: not yet. */
static int state_of(struct tern_runqueue *queue, const struct drm_tern_queue_wait *args, u32 lost)
{
	unsigned long flags;
	int ret = 1;

	spin_lock_irqsave(&queue->lock, flags);
	if ((s64)(queue->ended - args->value) >= 0)
		ret = 0;
	else if (queue->destroyed)
		ret = -ECANCELED;
	else if (queue->lost != lost)
		ret = -ENODATA;
	else if (queue->dead && args->value > READ_ONCE(queue->submitted))
		ret = queue->tdev->ready ? -EIO : -ENODEV; /* those it has still end */
	spin_unlock_irqrestore(&queue->lock, flags);
	return ret;
}

static ktime_t time_left(s64 until)
{
	if (until == KTIME_MAX)
		return KTIME_MAX;
	return max_t(ktime_t, ktime_sub(until, ktime_get()), 0);
}

static int wait_for_job(struct tern_runqueue *queue, const struct drm_tern_queue_wait *args)
{
	u32 lost = READ_ONCE(queue->lost);
	ktime_t left = time_left(args->timeout_ns);
	int ret, result = 1;

	tern_queue_collect(queue);
	if (left)
		ret = wait_event_interruptible_hrtimeout(queue->wait,
							 (result = state_of(queue, args, lost)) != 1,
							 left);
	else
		ret = 0;
	if (ret == -ERESTARTSYS)
		return -EINTR;
	/* Once more: the interrupt may have been lost. */
	if (result == 1) {
		tern_queue_collect(queue);
		result = state_of(queue, args, lost);
	}
	return result == 1 ? -ETIMEDOUT : result;
}

/**
 * tern_ioctl_queue_wait() - DRM_IOCTL_TERN_QUEUE_WAIT
 * @drm: Device
 * @data: struct drm_tern_queue_wait
 * @file: File
 *
 * Return: 0 or a negative errno
 */
int tern_ioctl_queue_wait(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_queue_wait *args = data;
	struct tern_runqueue *queue;
	int ret;

	queue = tern_queue_lookup(file->driver_priv, args->queue_id);
	if (!queue)
		return -ENOENT;
	ret = tern_check_wait(args, tern_queue_is_user(queue));
	if (!ret && args->flags & DRM_TERN_WAIT_EVENT)
		ret = -EOPNOTSUPP;
	if (!ret)
		ret = wait_for_job(queue, args);
	tern_queue_put(queue);
	return ret;
}
