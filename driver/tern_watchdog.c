// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Watchdog
 *
 * Makes every fence finite, whatever interrupts, firmware and device do. While jobs are under way
 * it looks, twice a second: first whether they have ended, since an interrupt may be lost;
 * then whether the firmware counts its heartbeat, else it is restarted; then, for each
 * queue that has a slot and work, whether a job ended or the one that runs got on. A queue
 * that stood still for job_timeout_ms dies, and its job ends with -ETIMEDOUT.
 *
 * A job that does get on but never ends uses up its step budget. One that waits its turn stands
 * still, but not for long: the firmware gives every started slot a slice at least each
 * STARVATION_US, and 64 of those are below the limit.
 *
 * Times are of the register CLOCK: a device that is throttled, or emulated by a host that is busy
 * with something else, is late without having stopped. Should CLOCK itself stand still, they
 * are PATIENCE times as long by the wall.
 */
#include <linux/dma-fence.h>
#include <linux/moduleparam.h>

#include "tern_device.h"
#include "tern_queue.h"

static unsigned int job_timeout_ms = 10000;
module_param(job_timeout_ms, uint, 0644);
MODULE_PARM_DESC(job_timeout_ms, "Longest time a job may make no progress at all");

static unsigned int heartbeat_timeout_ms = 3000;
module_param(heartbeat_timeout_ms, uint, 0644);
MODULE_PARM_DESC(heartbeat_timeout_ms, "Longest time between two heartbeats of the firmware");

#define PERIOD_MS 500
/* How much slower than the wall's CLOCK may be for being held up; beyond that it has stopped. */
#define PATIENCE 10

/**
 * tern_since_now() - It has just moved
 * @tdev: Device that is awake
 * @since: Result
 */
void tern_since_now(struct tern_device *tdev, struct tern_since *since)
{
	since->clock = tern_read64(tdev, TERN_FW_REG_CLOCK);
	since->at = jiffies;
}

/**
 * tern_longer_than() - Has it stood still for too long?
 * @tdev: Device that is awake
 * @since: When it last moved
 * @ms: How long it may, of CLOCK
 *
 * Return: true if so
 */
bool tern_longer_than(struct tern_device *tdev, struct tern_since *since, unsigned int ms)
{
	u64 clock = tern_read64(tdev, TERN_FW_REG_CLOCK);

	if (clock < since->clock) /* it began anew with a reset */
		since->clock = clock;
	return clock - since->clock > (u64)ms * tdev->timestamp_khz ||
	       time_after(jiffies, since->at + msecs_to_jiffies(ms) * PATIENCE);
}

static void check_heartbeat(struct tern_device *tdev)
{
	struct tern_watchdog *watchdog = &tdev->watchdog;
	u32 beat = tern_read(tdev, TERN_FW_REG_HEARTBEAT);

	if (beat != watchdog->heartbeat) {
		watchdog->heartbeat = beat;
		tern_since_now(tdev, &watchdog->beat);
	} else if (tern_longer_than(tdev, &watchdog->beat, heartbeat_timeout_ms)) {
		tern_reset_locked(tdev, TERN_RUNG_FIRMWARE, "its firmware stands still");
	}
}

/*
 * Grows while a slot gets on: cycles, which a device may count as late as when the job leaves the
 * engines, and what the job that is in them has completed. The firmware can write neither.
 */
static u64 progress(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	u64 sum = tern_read64(tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_CYCLES));

	if (tern_read(tdev, TERN_FW_REG_RUNNING_SLOT) == queue->slot)
		sum += tern_read64(tdev, TERN_FW_REG_PROGRESS);
	return sum;
}

/* True: it has work, and nothing has moved since the last time. */
static bool stands_still(struct tern_runqueue *queue)
{
	u64 ended = READ_ONCE(queue->ended), now = progress(queue);

	if (tern_queue_has_work(queue) && ended == queue->seen_done &&
	    now == queue->seen_progress)
		return true;
	queue->seen_done = ended;
	queue->seen_progress = now;
	tern_since_now(queue->tdev, &queue->stuck);
	return false;
}

/* What one would ask next about a queue that stands still. */
static void tell(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	struct tern_ring *ring = tern_queue_ring(queue);

	drm_warn(&tdev->drm, "a job made no progress for %u ms: its queue ends\n", job_timeout_ms);
	drm_warn(&tdev->drm,
		 "slot %d in state %u, control %#x; ring: write %llu, fetched %llu, done %llu; MCU: runs slot %u, doorbells %#llx, boot status %#x\n",
		 queue->slot, tern_read(tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_STATE)),
		 tern_read(tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_CONTROL)),
		 le64_to_cpu(ring->write), le64_to_cpu(ring->fetched), le64_to_cpu(ring->done),
		 tern_read(tdev, TERN_FW_REG_RUNNING_SLOT),
		 tern_read64(tdev, TERN_FW_REG_DOORBELLS),
		 tern_read(tdev, TERN_FW_REG_BOOT_STATUS));
}

/* True: it has work. */
static bool check_queue(struct tern_runqueue *queue)
{
	if (tern_queue_is_user(queue))
		return false;
	tern_queue_collect(queue);
	if (stands_still(queue) &&
	    tern_longer_than(queue->tdev, &queue->stuck, job_timeout_ms)) {
		tell(queue);
		tern_slot_end_locked(queue, -ETIMEDOUT);
	}
	return tern_queue_has_work(queue);
}

static bool check_queues(struct tern_device *tdev)
{
	struct tern_runqueue *queue;
	bool work = false;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue) {
		tern_queue_get(queue);
		work |= check_queue(queue);
		tern_queue_put(queue);
	}
	return work || !list_empty(&tdev->slots.waiting);
}

static void watchdog_fn(struct work_struct *work)
{
	struct tern_device *tdev = container_of(work, struct tern_device, watchdog.work.work);
	bool cookie = dma_fence_begin_signalling();
	bool busy = false;

	mutex_lock(&tdev->slots.lock);
	if (tdev->ready && !tdev->pm.asleep) {
		tern_irq_look(tdev);
		busy = check_queues(tdev);
		if (busy)
			check_heartbeat(tdev);
	}
	mutex_unlock(&tdev->slots.lock);
	tern_slots_kick(tdev); /* faults, and queues that died */
	if (busy)
		tern_watchdog_arm(tdev);
	dma_fence_end_signalling(cookie);
}

/**
 * tern_watchdog_arm() - There is work: look in a while
 * @tdev: Device
 *
 * In any context; cheap if it is armed. Once the device has left nothing happens.
 */
void tern_watchdog_arm(struct tern_device *tdev)
{
	if (!delayed_work_pending(&tdev->watchdog.work))
		queue_delayed_work(tdev->wq, &tdev->watchdog.work, msecs_to_jiffies(PERIOD_MS));
}

/**
 * tern_watchdog_restart() - The firmware has just booted
 * @tdev: Device
 */
void tern_watchdog_restart(struct tern_device *tdev)
{
	tdev->watchdog.heartbeat = 0;
	tern_since_now(tdev, &tdev->watchdog.beat);
}

/**
 * tern_watchdog_init() - Before anything else of this file
 * @tdev: Device
 */
void tern_watchdog_init(struct tern_device *tdev)
{
	INIT_DELAYED_WORK(&tdev->watchdog.work, watchdog_fn);
}
