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
 * Time counts while a queue has a slot and had work when it was looked at last, and stands still in
 * resets and sleeps: nobody pays for those, or for waiting. It adds up over all slots that a queue
 * has until it gets on, so that taking turns keeps no job for ever. Nor do resets: a queue whose
 * work gets on in none of MAX_RESETS lives of the firmware dies of the next, and a device on which
 * nothing gets on is off in the end (tern_reset.c).
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
/* Lives of the firmware in which a queue may have work and not get on. */
#define MAX_RESETS 8
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
 * engines, and what the job that is in them has completed. The firmware can write neither, nor have
 * a job in the engines that carries out nothing there: PREEMPT lets it do one command.
 */
static u64 progress(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	u64 sum = tern_read64(tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_CYCLES));

	if (tern_read(tdev, TERN_FW_REG_RUNNING_SLOT) == queue->slot)
		sum += tern_read64(tdev, TERN_FW_REG_PROGRESS);
	return sum;
}

/* ---- Patience ------------------------------------------------------------------ */

/**
 * tern_patience_begin() - Its time counts from now on, if it has work
 * @queue: Queue that has a slot, on a device that is awake; struct tern_slots.lock is held
 */
void tern_patience_begin(struct tern_runqueue *queue)
{
	tern_since_now(queue->tdev, &queue->patience.at);
	queue->patience.watched = tern_queue_has_work(queue);
}

/**
 * tern_patience_pause() - Its time has counted until now, and goes on with tern_patience_begin()
 * @queue: Queue that has a slot, on a device that is awake; struct tern_slots.lock is held
 *
 * A device whose CLOCK goes back is late, and no more; and one that is gone says all ones.
 */
void tern_patience_pause(struct tern_runqueue *queue)
{
	struct tern_patience *patience = &queue->patience;
	struct tern_since now;

	if (!patience->watched)
		return;
	patience->watched = false;
	tern_since_now(queue->tdev, &now);
	patience->stood.at += now.at - patience->at.at;
	if (now.clock > patience->at.clock && now.clock != U64_MAX)
		patience->stood.clock += now.clock - patience->at.clock;
}

/**
 * tern_patience_got_on() - It has been in the engines, or a job of it has ended
 * @queue: Queue; struct tern_slots.lock is held
 */
void tern_patience_got_on(struct tern_runqueue *queue)
{
	queue->patience.stood = (struct tern_since) {};
	queue->patience.resets = 0;
	queue->tdev->reset.helped = true;
}

static void see_done(struct tern_runqueue *queue)
{
	u64 done = READ_ONCE(queue->ended);

	if (done != queue->patience.done)
		tern_patience_got_on(queue);
	queue->patience.done = done;
}

static void see_progress(struct tern_runqueue *queue)
{
	u64 now = progress(queue);

	if (now != queue->patience.progress && now != U64_MAX) /* a device that is gone */
		tern_patience_got_on(queue);
	queue->patience.progress = now;
}

/* True: it has stood still for too long. */
static bool is_stuck(struct tern_runqueue *queue)
{
	struct tern_patience *patience = &queue->patience;

	if (tern_queue_has_work(queue))
		tern_patience_pause(queue);
	else
		patience->stood = (struct tern_since) {};
	see_done(queue);
	see_progress(queue);
	tern_patience_begin(queue);
	return patience->stood.clock > (u64)job_timeout_ms * queue->tdev->timestamp_khz ||
	       patience->stood.at > msecs_to_jiffies(job_timeout_ms) * PATIENCE;
}

/**
 * tern_patience_reset() - The firmware is about to be reset
 * @queue: Queue with a slot, whose cycles were counted and which was noted to run, or not; struct
 *	tern_slots.lock is held
 */
void tern_patience_reset(struct tern_runqueue *queue)
{
	struct tern_patience *patience = &queue->patience;

	tern_queue_collect(queue);
	see_done(queue);
	if (queue->interrupted && tern_queue_has_begun(queue))
		tern_patience_got_on(queue); /* its cycles may be counted later */
	if (!tern_queue_has_work(queue))
		patience->resets = 0;
	else if (patience->resets <= MAX_RESETS)
		patience->resets++;
}

/**
 * tern_patience_over() - Is one more life of the firmware of no use to it?
 * @queue: Queue with a slot; struct tern_slots.lock is held
 *
 * Return: true if it is to die
 */
bool tern_patience_over(struct tern_runqueue *queue)
{
	see_done(queue);
	return queue->patience.resets > MAX_RESETS && tern_queue_has_work(queue);
}

/* ---- Looking ------------------------------------------------------------------- */

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
	if (is_stuck(queue)) {
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
