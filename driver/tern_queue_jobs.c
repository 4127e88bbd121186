// SPDX-License-Identifier: GPL-2.0
/*
 * A queue's jobs: they are put into its ring, and counted out of it.
 *
 * A job is done when the ring's `done` counts it. Who looks: the interrupt, the watchdog, whoever
 * is about to take the queue's slot away; all through tern_queue_collect(), under
 * struct tern_runqueue.lock, so fences signal in order. Barrier: `done`, dma_rmb(), fences.
 */
#include <linux/dma-mapping.h>

#include "tern_device.h"
#include "tern_job.h"
#include "tern_queue.h"
#include "tern_report.h"
#include "tern_trace.h"
#include "tern_user.h"

#define MAX_RESTARTS 8 /* DRM_TERN_JOB_RESTARTABLE says so */

/* ---- They end ------------------------------------------------------------------ */

/* With the lock held. */
static void end_task(struct tern_runqueue *queue, struct tern_task *task, int error)
{
	lockdep_assert_held(&queue->lock);
	list_del_init(&task->node);
	queue->ended = task->number;
	if (!queue->destroyed)
		queue->reached = task->number;
	if (error == -ENODATA)
		queue->lost++;
	trace_tern_job_ended(queue, task->number, error);
	tern_perf_ended(queue, task->number, error);
	tern_fence_end(task->fence, error);
	wake_up_all(&queue->wait);
}

static struct tern_task *first_pending(struct tern_runqueue *queue)
{
	return list_first_entry_or_null(&queue->pending, struct tern_task, node);
}

/* With the lock held. False: the device says what cannot be. */
static bool collect_locked(struct tern_runqueue *queue)
{
	u64 done = le64_to_cpu(READ_ONCE(tern_queue_ring(queue)->done));
	struct tern_task *task;

	if (!tern_report_done(done, queue->collected, queue->write))
		return false;
	dma_rmb(); /* `done` before what the job wrote */
	for (; queue->collected < done; queue->collected++) {
		task = first_pending(queue);
		if (!task)
			return false;
		end_task(queue, task, 0);
	}
	return true;
}

/**
 * tern_queue_collect() - End the jobs that are done
 * @queue: Kernel-owned queue
 *
 * In any context.
 */
void tern_queue_collect(struct tern_runqueue *queue)
{
	unsigned long flags;
	bool sane = true;

	if (tern_queue_is_user(queue))
		return;
	spin_lock_irqsave(&queue->lock, flags);
	if (!queue->dead)
		sane = collect_locked(queue);
	spin_unlock_irqrestore(&queue->lock, flags);
	if (!sane)
		tern_reset_request(queue->tdev, TERN_RUNG_POWER, "a ring's indices make no sense");
}

/* With the lock held, before any job ends of it. */
static void note_death(struct tern_runqueue *queue, int error, const struct drm_tern_fault *fault)
{
	struct tern_task *task = first_pending(queue);

	queue->error = error;
	queue->error_job = task ? task->number : 0;
	if (fault)
		queue->fault = *fault;
}

/**
 * tern_queue_die() - No job of it runs any more, and none will
 * @queue: Queue
 * @error: How the job that ran ends; those behind it are cancelled
 * @fault: What the hardware says, or NULL
 *
 * The first death counts.
 */
void tern_queue_die(struct tern_runqueue *queue, int error, const struct drm_tern_fault *fault)
{
	struct tern_task *task;
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	if (!queue->dead && !tern_queue_is_user(queue))
		collect_locked(queue);
	if (!queue->dead)
		note_death(queue, error, fault);
	queue->dead = true;
	while ((task = first_pending(queue))) {
		end_task(queue, task, error);
		error = error == -ENODEV ? error : -ECANCELED;
	}
	wake_up_all(&queue->wait);
	spin_unlock_irqrestore(&queue->lock, flags);
}

static void skip_user_job(struct tern_runqueue *queue)
{
	unsigned long flags;

	if (!tern_user_skip_lost(queue))
		return;
	spin_lock_irqsave(&queue->lock, flags);
	queue->lost++;
	wake_up_all(&queue->wait);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/**
 * tern_queue_has_begun() - Has the device fetched a job that is not done?
 * @queue: Queue whose slot is not VALID, so that the ring is the kernel's
 *
 * Return: true if so
 */
bool tern_queue_has_begun(struct tern_runqueue *queue)
{
	struct tern_ring *ring = tern_queue_ring(queue);

	if (tern_queue_is_user(queue))
		return true; /* it says what it likes, and nobody waits for a fence of it */
	return le64_to_cpu(READ_ONCE(ring->fetched)) > queue->collected;
}

/**
 * tern_queue_skip_lost() - The device forgot the job it ran: count it, so that it goes on behind it
 * @queue: Queue whose slot is not VALID, so that the ring is the kernel's
 *
 * A job that may be restarted stays where it is, unless it was so often that it may be what brings
 * the resets about.
 */
void tern_queue_skip_lost(struct tern_runqueue *queue)
{
	struct tern_ring *ring = tern_queue_ring(queue);
	struct tern_task *task;
	unsigned long flags;

	if (tern_queue_is_user(queue)) {
		skip_user_job(queue);
		return;
	}
	spin_lock_irqsave(&queue->lock, flags);
	task = first_pending(queue);
	if (task && !queue->dead && collect_locked(queue)) {
		task = first_pending(queue);
		if (task && tern_queue_has_begun(queue) &&
		    (!task->restartable || task->restarts++ == MAX_RESTARTS)) {
			queue->collected++;
			end_task(queue, task, -ENODATA);
		}
		WRITE_ONCE(ring->done, cpu_to_le64(queue->collected));
		WRITE_ONCE(ring->fetched, cpu_to_le64(queue->collected));
	}
	spin_unlock_irqrestore(&queue->lock, flags);
}

/**
 * tern_queue_has_work() - Are there jobs in the ring that are not done?
 * @queue: Queue
 *
 * Return: true if so
 */
bool tern_queue_has_work(struct tern_runqueue *queue)
{
	unsigned long flags;
	bool work;

	if (tern_queue_is_user(queue))
		return tern_user_has_work(queue);
	spin_lock_irqsave(&queue->lock, flags);
	work = queue->write != queue->collected && !queue->dead;
	spin_unlock_irqrestore(&queue->lock, flags);
	return work;
}

/* ---- They begin ---------------------------------------------------------------- */

/* With the lock held. The scheduler's credits see to it that there is room. */
static void write_entry(struct tern_runqueue *queue, struct tern_task *task)
{
	struct tern_kernel_ring *ring = &tern_queue_memory(queue)->kernel;

	ring->job[queue->write % TERN_RING_COUNT] = task->entry;
	list_add_tail(&task->node, &queue->pending);
	queue->write++;
	dma_wmb(); /* the entry before the index */
	WRITE_ONCE(ring->ring.write, cpu_to_le64(queue->write));
}

/**
 * tern_queue_push() - A job's waits are over
 * @queue: Queue
 * @task: Job; a dead queue cancels it
 *
 * In run_job: it does not wait and does not allocate.
 */
void tern_queue_push(struct tern_runqueue *queue, struct tern_task *task)
{
	struct tern_device *tdev = queue->tdev;
	unsigned long flags;
	bool wants_slot = false;

	spin_lock_irqsave(&queue->lock, flags);
	if (queue->dead || queue->destroyed) {
		list_add_tail(&task->node, &queue->pending);
		if (queue->dead)
			end_task(queue, task, tdev->ready ? -ECANCELED : -ENODEV);
	} else {
		trace_tern_job_pushed(queue, task->number);
		tern_perf_event(queue, DRM_TERN_PERF_READY, task->number, 0);
		write_entry(queue, task);
		wants_slot = queue->slot < 0;
		/* Asleep, the ring is looked at on waking up. */
		if (!wants_slot && !READ_ONCE(tdev->pm.asleep))
			tern_ring_doorbell(tdev, queue->slot);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	if (wants_slot)
		tern_slot_want(queue);
	tern_watchdog_arm(tdev);
}
