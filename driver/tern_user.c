// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: User-owned queues
 *
 * The process writes the ring and rings the doorbell; the kernel gives the queue a slot, takes it
 * away, and tells of faults. It never makes, waits for or attaches a fence for such a queue, and
 * believes nothing in the ring: `write` and `done` only say whether a slot would be of use.
 *
 * They have slots of their own, the last ones. Taking one away means taking a mapping away first,
 * which must not happen where fences wait; and kernel-owned work need never do that. When there
 * are more queues with work than slots they take turns (user_work), by priority until one has
 * waited for too long. Who rings meanwhile rings nowhere, and is looked at in its turn.
 *
 * Queues that do not answer preemption die: the firmware says PREEMPT_STUCK, and the engines are
 * reset.
 */
#include <linux/mm.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_compat.h"
#include "tern_device.h"
#include "tern_doorbell.h"
#include "tern_gem.h"
#include "tern_pm.h"
#include "tern_queue.h"
#include "tern_uapi_check.h"
#include "tern_user.h"

/* ---- What the ring says ------------------------------------------------------ */

static u64 peek(struct tern_runqueue *queue, size_t field)
{
	return tern_bo_peek(queue->ring_bo, queue->ring_offset + field);
}

/**
 * tern_user_has_work() - Would a slot be of use?
 * @queue: User-owned queue; the device does not leave meanwhile
 *
 * Return: true if so
 */
bool tern_user_has_work(struct tern_runqueue *queue)
{
	return !queue->dead && (queue->restore || peek(queue, offsetof(struct tern_ring, write)) !=
						  peek(queue, offsetof(struct tern_ring, done)));
}

/**
 * tern_user_skip_lost() - The device forgot the job it ran: it is not run again
 * @queue: User-owned queue whose slot is not VALID
 *
 * Return: true if there was one
 */
bool tern_user_skip_lost(struct tern_runqueue *queue)
{
	u64 fetched = peek(queue, offsetof(struct tern_ring, fetched));

	if (fetched == peek(queue, offsetof(struct tern_ring, done)))
		return false;
	tern_bo_poke(queue->ring_bo, queue->ring_offset + offsetof(struct tern_ring, done),
		     fetched);
	return true;
}

/* ---- Mappings ------------------------------------------------------------------ */

/**
 * tern_user_mapped() - A queue's doorbell leads to its slot from now on
 * @queue: User-owned queue; struct tern_user.lock is held
 * @slot: What tern_user_bind() has just returned
 */
void tern_user_mapped(struct tern_runqueue *queue, unsigned int slot)
{
	queue->tdev->user.mapped[slot] = queue->doorbell;
}

/**
 * tern_user_forget() - A doorbell leads nowhere any more
 * @tdev: Device; struct tern_user.lock is held
 * @doorbell: Doorbell
 */
void tern_user_forget(struct tern_device *tdev, struct tern_doorbell *doorbell)
{
	int slot;

	for (slot = 0; slot < TERN_NSLOTS; slot++)
		if (tdev->user.mapped[slot] == doorbell)
			tdev->user.mapped[slot] = NULL;
}

static void zap_slot(struct tern_device *tdev, unsigned int slot)
{
	if (tdev->user.mapped[slot])
		tern_doorbell_zap(tdev->user.mapped[slot]);
	tdev->user.mapped[slot] = NULL;
}

/**
 * tern_user_zap_all() - Every ring faults from now on
 * @tdev: Device; struct tern_user.lock is held
 */
void tern_user_zap_all(struct tern_device *tdev)
{
	int slot;

	for (slot = 0; slot < TERN_NSLOTS; slot++)
		zap_slot(tdev, slot);
}

/* ---- Slots ------------------------------------------------------------------------ */

/**
 * tern_user_want() - A queue has lost its slot and still has work, or was rung for
 * @queue: User-owned queue
 *
 * In any context.
 */
void tern_user_want(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	unsigned long flags;

	spin_lock_irqsave(&tdev->slots.wait_lock, flags);
	/* Of a device that has failed nobody looks at the list any more. */
	if (tdev->ready)
		tern_slot_enqueue(queue, &tdev->user.waiting);
	spin_unlock_irqrestore(&tdev->slots.wait_lock, flags);
	queue_delayed_work(tdev->cleanup_wq, &tdev->user.work, msecs_to_jiffies(TERN_TURN_MS));
}

/*
 * With struct tern_user.lock. The holder's mapping goes before its slot does; and that of who
 * waited, which led nowhere, before the ring is looked at: later rings find the slot.
 */
static int take_and_bind(struct tern_runqueue *queue, unsigned int slot)
{
	struct tern_device *tdev = queue->tdev;
	struct tern_runqueue *other;
	int ret;

	zap_slot(tdev, slot);
	if (queue->doorbell)
		tern_doorbell_zap(queue->doorbell);
	mutex_lock(&tdev->slots.lock);
	other = tern_slot_holder(tdev, slot);
	if (other) {
		tern_queue_get(other);
		tern_slot_leave_locked(other, false);
		if (tern_user_has_work(other))
			tern_user_want(other);
		tern_queue_put(other);
	}
	ret = tdev->ready && !queue->dead ? tern_slot_bind_locked(queue, slot) : -EIO;
	mutex_unlock(&tdev->slots.lock);
	if (!ret)
		queue->rung = false;
	return ret;
}

static int choose(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	int slot;

	mutex_lock(&tdev->slots.lock);
	slot = tern_turn_choose_locked(queue);
	mutex_unlock(&tdev->slots.lock);
	return slot;
}

static void look(struct tern_device *tdev)
{
	mutex_lock(&tdev->slots.lock);
	if (tdev->ready)
		tern_turns_look_locked(tdev, true);
	mutex_unlock(&tdev->slots.lock);
}

/* Who lost patience first; among the others the highest priority; of equals who came first. */
static bool comes_before(struct tern_runqueue *a, struct tern_runqueue *b)
{
	bool a_late = tern_turn_patience_over(a), b_late = tern_turn_patience_over(b);

	if (a_late || b_late)
		return a_late && (!b_late || time_before(a->waits_since, b->waits_since));
	return a->priority > b->priority;
}

static struct tern_runqueue *pop_waiting(struct tern_device *tdev)
{
	struct tern_runqueue *queue, *best = NULL;
	unsigned long flags;

	spin_lock_irqsave(&tdev->slots.wait_lock, flags);
	list_for_each_entry(queue, &tdev->user.waiting, wait_node)
		if (!best || comes_before(queue, best))
			best = queue;
	if (best)
		list_del_init(&best->wait_node);
	spin_unlock_irqrestore(&tdev->slots.wait_lock, flags);
	return best;
}

/* False: nobody's turn is over yet, or it failed and is to be tried again. */
static bool give_turn(struct tern_runqueue *queue)
{
	int slot;

	if (queue->dead || queue->destroyed || queue->slot >= 0 ||
	    !(queue->rung || tern_user_has_work(queue)))
		return true;
	slot = choose(queue);
	return slot >= 0 && (!take_and_bind(queue, slot) || queue->dead);
}

static unsigned int count_waiting(struct tern_device *tdev)
{
	unsigned long flags;
	size_t count;

	spin_lock_irqsave(&tdev->slots.wait_lock, flags);
	count = list_count_nodes(&tdev->user.waiting);
	spin_unlock_irqrestore(&tdev->slots.wait_lock, flags);
	return count;
}

/*
 * With struct tern_user.lock. Who loses a slot by this waits for the next time: else those who
 * never end would be moved around for ever.
 */
static void serve(struct tern_device *tdev)
{
	unsigned int left = count_waiting(tdev);
	struct tern_runqueue *queue;
	bool goes_on = true;

	/* The system may sleep: under this lock it does not fall asleep. */
	if (left && !READ_ONCE(tdev->pm.asleep))
		look(tdev);
	while (goes_on && left-- && !READ_ONCE(tdev->pm.asleep) && (queue = pop_waiting(tdev))) {
		goes_on = !tdev->ready || give_turn(queue);
		if (goes_on)
			tern_slot_served(queue);
		else
			tern_user_want(queue);
		tern_queue_put(queue);
	}
}

/**
 * tern_user_bind() - Get a queue a slot, another's if it is its turn
 * @queue: User-owned queue; struct tern_user.lock is held, the device is awake
 *
 * Return: the slot, which nobody else gets while struct tern_user.lock is held, though the queue
 * may lose it at once by dying; -EBUSY if it has to wait for its turn, and its doorbell's mapping
 * is taken away before that; or -EIO if it is dead
 */
int tern_user_bind(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	int slot;

	lockdep_assert_held(&tdev->user.lock);
	if (queue->dead || queue->destroyed)
		return -EIO;
	if (READ_ONCE(queue->slot) < 0) {
		queue->rung = true;
		tern_user_want(queue);
		serve(tdev);
	}
	slot = READ_ONCE(queue->slot);
	/* While the bus resets it no register is touched. After that the rings are looked at. */
	if (slot >= 0 && !READ_ONCE(tdev->pm.asleep))
		return slot;
	return queue->dead ? -EIO : -EBUSY;
}

static void user_work(struct work_struct *work)
{
	struct tern_device *tdev = container_of(work, struct tern_device, user.work.work);
	int cookie;

	if (!drm_dev_enter(&tdev->drm, &cookie))
		return;
	if (!tern_pm_get(tdev)) {
		mutex_lock(&tdev->user.lock);
		serve(tdev);
		mutex_unlock(&tdev->user.lock);
		tern_pm_put(tdev);
	}
	drm_dev_exit(cookie);
}

/**
 * tern_user_awake() - The device is: whoever waited for a turn meanwhile gets one
 * @tdev: Device
 */
void tern_user_awake(struct tern_device *tdev)
{
	if (!list_empty_careful(&tdev->user.waiting))
		queue_delayed_work(tdev->cleanup_wq, &tdev->user.work, 0);
}

/* ---- QUEUE_KICK ------------------------------------------------------------------- */

static int kick_awake(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	int slot;

	mutex_lock(&tdev->user.lock);
	slot = tern_user_bind(queue);
	if (slot >= 0)
		tern_ring_doorbell(tdev, slot);
	mutex_unlock(&tdev->user.lock);
	/* -EBUSY: when it is its turn its ring is looked at. */
	return slot == -EBUSY ? 0 : min(slot, 0);
}

static int kick(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	int ret;

	if (!tern_queue_is_user(queue))
		return -EPERM;
	ret = tern_pm_get(tdev);
	if (ret)
		return ret;
	ret = kick_awake(queue);
	tern_pm_put(tdev);
	return ret;
}

int tern_ioctl_queue_kick(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_queue_kick *args = data;
	struct tern_runqueue *queue;
	int cookie, ret;

	if (args->pad)
		return -EINVAL;
	if (!drm_dev_enter(drm, &cookie))
		return -ENODEV;
	queue = tern_queue_lookup(file->driver_priv, args->queue_id);
	ret = queue ? kick(queue) : -ENOENT;
	tern_queue_put(queue);
	drm_dev_exit(cookie);
	return ret;
}

/**
 * tern_user_possible() - May there be user-owned queues?
 * @tdev: Device whose firmware has told of itself
 *
 * Return: true if the firmware preempts, and has slots for them
 */
bool tern_user_possible(struct tern_device *tdev)
{
	return tdev->fw.features & TERN_FW_FEATURE_PREEMPT &&
	       tdev->slots.user_first < tdev->slots.count;
}

/* ---- Life -------------------------------------------------------------------------- */

static int take_ring(struct tern_runqueue *queue, const struct drm_tern_queue_create *args,
		     struct drm_file *file)
{
	struct tern_bo *bo = tern_bo_pin(file, args->ring_bo);
	int ret;

	if (IS_ERR(bo))
		return PTR_ERR(bo);
	ret = tern_bo_check_vm(bo, queue->vm);
	if (!ret)
		ret = tern_check_ring_bo(args, bo->base.base.size);
	if (ret) {
		tern_bo_unpin(bo);
		return ret;
	}
	queue->ring_bo = bo;
	queue->ring_offset = args->ring_offset;
	queue->ring_va = args->ring_va;
	return 0;
}

static void put_ring(struct tern_runqueue *queue)
{
	tern_bo_unpin(queue->ring_bo);
	queue->ring_bo = NULL;
}

/**
 * tern_user_queue_init() - The part of QUEUE_CREATE that is only for user-owned queues
 * @queue: Queue
 * @args: Arguments; the doorbell's offset is a result
 * @file: File
 *
 * Return: 0 or a negative errno
 */
int tern_user_queue_init(struct tern_runqueue *queue, struct drm_tern_queue_create *args,
			 struct drm_file *file)
{
	struct tern_doorbell *doorbell;
	int ret = take_ring(queue, args, file);

	if (ret)
		return ret;
	doorbell = tern_doorbell_create(queue, file, &args->doorbell_offset);
	if (IS_ERR(doorbell)) {
		put_ring(queue);
		return PTR_ERR(doorbell);
	}
	queue->doorbell = doorbell;
	return 0;
}

/**
 * tern_user_queue_destroy() - No program rings for it any more
 * @queue: Queue
 */
void tern_user_queue_destroy(struct tern_runqueue *queue)
{
	tern_doorbell_revoke(queue->doorbell);
}

/**
 * tern_user_queue_fini() - Release what tern_user_queue_init() took
 * @queue: Queue without slot
 */
void tern_user_queue_fini(struct tern_runqueue *queue)
{
	if (queue->doorbell)
		tern_user_queue_destroy(queue);
	if (queue->ring_bo)
		put_ring(queue);
}

/**
 * tern_user_init() - Before anything else of this file
 * @tdev: Device
 */
void tern_user_init(struct tern_device *tdev)
{
	mutex_init(&tdev->user.lock);
	INIT_LIST_HEAD(&tdev->user.waiting);
	INIT_DELAYED_WORK(&tdev->user.work, user_work);
}

/**
 * tern_user_fail() - Nobody gets a turn any more
 * @tdev: Device, not ready any more; struct tern_slots.lock is held
 */
void tern_user_fail(struct tern_device *tdev)
{
	struct tern_runqueue *queue;

	while ((queue = pop_waiting(tdev)))
		tern_queue_put(queue);
}

/**
 * tern_user_stop() - The device leaves
 * @tdev: Device, which is not ready any more
 */
void tern_user_stop(struct tern_device *tdev)
{
	cancel_delayed_work_sync(&tdev->user.work);
}
