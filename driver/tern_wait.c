// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Waiting
 *
 * QUEUE_WAIT waits for a job's number, or for a word in memory that a user-owned queue's program
 * writes. Whoever waits looks again when the queue's wait queue is woken: by the interrupts for
 * jobs and fences, by the queue's death, by a reset. It takes no lock that fences wait for.
 *
 * With WAIT_EVENT nobody sleeps: the wait is an object with a work item, which looks instead, and
 * sends an event when it is over. It refers to the queue and the buffer; a file that is closed
 * destroys its queues, and that ends their waits.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_compat.h"
#include "tern_device.h"
#include "tern_gem.h"
#include "tern_queue.h"
#include "tern_uapi_check.h"
#include "tern_wait.h"

/* Not yet over: no errno. */
#define GOES_ON 1

/**
 * struct tern_wait - What is waited for
 */
struct tern_wait {
	/** @queue: Queue; a reference */
	struct tern_runqueue *queue;
	/** @bo: Buffer with the word, pinned, a reference; NULL: a job's number */
	struct tern_bo *bo;
	/** @offset: Where in it */
	u64 offset;
	/** @value: To be reached */
	u64 value;
	/** @seen: Last seen */
	u64 seen;
	/** @until: CLOCK_MONOTONIC */
	ktime_t until;
	/** @lost: Jobs a reset had cost the queue when the wait began */
	u32 lost;
};

/* ---- Is it over? --------------------------------------------------------------- */

static bool reached(struct tern_wait *wait)
{
	return (s64)(wait->seen - wait->value) >= 0;
}

/* False: the device has left, and its memory with it. */
static bool look_at_memory(struct tern_wait *wait)
{
	int cookie;

	if (!drm_dev_enter(&wait->queue->tdev->drm, &cookie))
		return false;
	wait->seen = tern_bo_peek(wait->bo, wait->offset);
	drm_dev_exit(cookie);
	return true;
}

static int why_never(struct tern_wait *wait)
{
	struct tern_runqueue *queue = wait->queue;
	/* A dead queue's jobs still end: those it has. */
	bool hopeless = wait->bo || wait->value > READ_ONCE(queue->submitted);
	unsigned long flags;
	int ret = GOES_ON;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->destroyed)
		ret = -ECANCELED;
	else if (queue->lost != wait->lost)
		ret = -ENODATA;
	else if (queue->dead && hopeless)
		ret = queue->tdev->ready ? -EIO : -ENODEV;
	spin_unlock_irqrestore(&queue->lock, flags);
	return ret;
}

/* 0, an errno, or GOES_ON. */
static int look(struct tern_wait *wait)
{
	if (!wait->bo)
		wait->seen = READ_ONCE(wait->queue->reached);
	else if (!look_at_memory(wait))
		return -ENODEV;
	return reached(wait) ? 0 : GOES_ON;
}

/* The same. An errno is that of a value that was not reached before the queue ended, so: again. */
static int state_of(struct tern_wait *wait)
{
	int state = look(wait), never;

	if (state != GOES_ON)
		return state;
	never = why_never(wait);
	if (never != GOES_ON)
		state = look(wait);
	return state == GOES_ON ? never : state;
}

static ktime_t time_left(struct tern_wait *wait)
{
	ktime_t now = ktime_get();

	if (wait->until == KTIME_MAX)
		return KTIME_MAX;
	/* Compared first: what lies far in the past would wrap. */
	return ktime_after(wait->until, now) ? ktime_sub(wait->until, now) : 0;
}

/* Once more, because an interrupt may have been lost. */
static int last_look(struct tern_wait *wait)
{
	int state;

	tern_queue_collect(wait->queue);
	state = state_of(wait);
	return state == GOES_ON ? -ETIMEDOUT : state;
}

/* ---- Beginning and end ------------------------------------------------------------ */

static int take_buffer(struct tern_wait *wait, const struct drm_tern_queue_wait *args,
		       struct drm_file *file)
{
	struct tern_bo *bo = tern_bo_pin(file, args->bo_handle);
	int ret;

	if (IS_ERR(bo))
		return PTR_ERR(bo);
	ret = tern_check_wait_bo(args, bo->base.base.size);
	if (ret) {
		tern_bo_unpin(bo);
		return ret;
	}
	wait->bo = bo;
	return 0;
}

static int wait_init(struct tern_wait *wait, const struct drm_tern_queue_wait *args,
		     struct drm_file *file)
{
	int ret;

	wait->offset = args->offset;
	wait->value = args->value;
	wait->until = args->timeout_ns;
	wait->queue = tern_queue_lookup(file->driver_priv, args->queue_id);
	if (!wait->queue)
		return -ENOENT;
	wait->lost = READ_ONCE(wait->queue->lost);
	ret = tern_check_wait(args, tern_queue_is_user(wait->queue));
	if (!ret && tern_queue_is_user(wait->queue))
		ret = take_buffer(wait, args, file);
	return ret;
}

static void wait_fini(struct tern_wait *wait)
{
	if (wait->bo)
		tern_bo_unpin(wait->bo);
	tern_queue_put(wait->queue);
}

/* ---- Sleeping ------------------------------------------------------------------------ */

static int sleep_until_over(struct tern_wait *wait)
{
	ktime_t left = time_left(wait);
	int state, ret;

	tern_queue_collect(wait->queue);
	state = state_of(wait);
	if (state != GOES_ON || !left)
		return state == GOES_ON ? -ETIMEDOUT : state;
	ret = wait_event_interruptible_hrtimeout(wait->queue->wait,
						 (state = state_of(wait)) != GOES_ON, left);
	if (ret == -ERESTARTSYS)
		return -EINTR;
	return state == GOES_ON ? last_look(wait) : state;
}

/* ---- Events ---------------------------------------------------------------------------- */

/**
 * struct tern_wait_event - A wait that ends with an event
 */
struct tern_wait_event {
	/** @base: What DRM delivers; in memory of its own, as DRM frees it */
	struct drm_pending_event *base;
	/** @event: The event, behind @base */
	struct drm_tern_event *event;
	/** @wait: What is waited for */
	struct tern_wait wait;
	/** @entry: In the queue's wait queue */
	struct wait_queue_entry entry;
	/** @work: Looks, when woken or when time is up */
	struct delayed_work work;
};

/**
 * struct tern_event_memory - What DRM frees once the event is read
 */
struct tern_event_memory {
	/** @base: For DRM */
	struct drm_pending_event base;
	/** @event: For the process */
	struct drm_tern_event event;
};

static int woken(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct tern_wait_event *event = container_of(entry, struct tern_wait_event, entry);

	mod_delayed_work(event->wait.queue->tdev->cleanup_wq, &event->work, 0);
	return 0;
}

static void finish(struct tern_wait_event *event, int error)
{
	event->event->error = error;
	event->event->value = event->wait.seen;
	drm_send_event(&event->wait.queue->tdev->drm, event->base);
	wait_fini(&event->wait);
	kfree(event);
}

/* Sleeps until time is up, at most a while, so that a far future fits into jiffies. */
static void look_later(struct tern_wait_event *event)
{
	ktime_t left = min_t(ktime_t, time_left(&event->wait), 3600 * (ktime_t)NSEC_PER_SEC);

	queue_delayed_work(event->wait.queue->tdev->cleanup_wq, &event->work,
			   nsecs_to_jiffies(left) + 1);
}

static void event_work(struct work_struct *work)
{
	struct tern_wait_event *event = container_of(work, struct tern_wait_event, work.work);
	int state;

	tern_queue_collect(event->wait.queue);
	state = state_of(&event->wait);
	if (state == GOES_ON && !time_left(&event->wait))
		state = last_look(&event->wait);
	if (state == GOES_ON) {
		look_later(event);
		return;
	}
	remove_wait_queue(&event->wait.queue->wait, &event->entry);
	/* Woken since this began to run: to no purpose now. */
	cancel_delayed_work(&event->work);
	finish(event, state);
}

static int reserve(struct tern_wait_event *event, const struct drm_tern_queue_wait *args,
		   struct drm_file *file)
{
	struct tern_event_memory *memory = kzalloc(sizeof(*memory), GFP_KERNEL_ACCOUNT);

	if (!memory)
		return -ENOMEM;
	memory->event.base.type = DRM_TERN_EVENT_WAIT;
	memory->event.base.length = sizeof(memory->event);
	memory->event.queue_id = args->queue_id;
	memory->event.user_data = args->user_data;
	memory->base.event = &memory->event.base;
	event->base = &memory->base;
	event->event = &memory->event;
	if (!drm_event_reserve_init(file->minor->dev, file, &memory->base, &memory->event.base))
		return 0;
	kfree(memory);
	return -ENOSR;
}

static int arm(struct tern_wait *wait, const struct drm_tern_queue_wait *args,
	       struct drm_file *file)
{
	struct tern_wait_event *event = kzalloc(sizeof(*event), GFP_KERNEL_ACCOUNT);
	struct tern_runqueue *queue = wait->queue;
	int ret = event ? reserve(event, args, file) : -ENOMEM;

	if (ret) {
		kfree(event);
		wait_fini(wait);
		return ret;
	}
	event->wait = *wait;
	INIT_DELAYED_WORK(&event->work, event_work);
	init_waitqueue_func_entry(&event->entry, woken);
	/* The work frees event and reference, and takes this lock before it does. */
	spin_lock_irq(&queue->wait.lock);
	__add_wait_queue(&queue->wait, &event->entry);
	queue_delayed_work(queue->tdev->cleanup_wq, &event->work, 0);
	spin_unlock_irq(&queue->wait.lock);
	return 0;
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
	struct tern_wait wait = {};
	int ret = wait_init(&wait, args, file);

	if (!ret && args->flags & DRM_TERN_WAIT_EVENT)
		return arm(&wait, args, file);
	if (!ret)
		ret = sleep_until_over(&wait);
	wait_fini(&wait);
	return ret;
}
