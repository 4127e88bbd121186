// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Slots
 *
 * A queue is not a slot: the device knows 64 slots, and any number of queues take turns in them.
 * A queue that has work and no slot waits in struct tern_slots.waiting; one that has a slot keeps
 * it, with or without work, until another needs it and its turn is over (tern_turn.c). Between
 * queues that have slots the firmware schedules, not the kernel.
 *
 * Everything that changes a binding runs with struct tern_slots.lock held, almost all of it in
 * one work item on the recovery workqueue: giving slots, taking them after a fault or a
 * destroy, and resets. The interrupt thread must not wait for that lock, because under it
 * the firmware is asked, and the interrupt thread is who delivers the answer.
 *
 * What is here is in the way of fences: nothing is allocated and no reservation lock is taken.
 */
#include <linux/dma-fence.h>

#include "tern_device.h"
#include "tern_queue.h"
#include "tern_trace.h"
#include "tern_vm.h"

/**
 * tern_slot_holder() - Who has a slot
 * @tdev: Device; struct tern_slots.lock is held
 * @slot: Slot
 *
 * Return: the queue, or NULL
 */
struct tern_runqueue *tern_slot_holder(struct tern_device *tdev, unsigned int slot)
{
	struct tern_slots *slots = &tdev->slots;

	return rcu_dereference_protected(slots->queue[slot], lockdep_is_held(&slots->lock));
}

/* ---- Taking a slot away ------------------------------------------------------ */

/* By register, whatever the firmware does: after it nothing of the slot reaches memory. */
static void take_slot(struct tern_device *tdev, unsigned int slot)
{
	enum tern_rung rung = TERN_RUNG_ENGINES;

	tern_write(tdev, tern_slot_reg(slot, TERN_SLOT_REG_CONTROL), 0);
	for (; rung <= TERN_RUNG_OFF && tdev->ready; rung++) {
		if (tern_slot_await_idle(tdev, slot))
			return;
		if (tern_device_gone(tdev)) /* less is of no use */
			rung = max(rung, TERN_RUNG_POWER);
		tern_reset_locked(tdev, rung, "a slot did not become idle");
	}
}

static void forget_holder(struct tern_device *tdev, struct tern_runqueue *queue)
{
	unsigned long flags;
	unsigned int slot = queue->slot;

	tern_perf_drain(tdev); /* what the firmware did was for this queue */
	tern_perf_event(queue, DRM_TERN_PERF_UNBOUND, 0, slot);
	trace_tern_slot_unbound(queue, slot);
	if (tdev->pm.asleep)
		__set_bit(slot, tdev->slots.stale);
	clear_bit(slot, tdev->slots.stuck);
	queue->unanswering = false;
	queue->shut = false;
	rcu_assign_pointer(tdev->slots.queue[slot], NULL);
	spin_lock_irqsave(&queue->lock, flags);
	queue->slot = -1;
	spin_unlock_irqrestore(&queue->lock, flags);
	/* Interrupts look at holders only: who waits looks for what it did last. */
	wake_up_all(&queue->wait);
	tern_asid_put(tdev, &queue->vm->space);
	tern_queue_put(queue);
}

/**
 * tern_slot_leave_locked() - Take a queue's slot away
 * @queue: Queue that has one; struct tern_slots.lock is held, and the caller has a reference
 * @abort: Its job is not to go on
 *
 * The firmware is asked first; if it does not answer the slot is taken all the same. If it does
 * and the context is still in the engines, that dies of it, as of any preemption.
 */
void tern_slot_leave_locked(struct tern_runqueue *queue, bool abort)
{
	struct tern_device *tdev = queue->tdev;
	unsigned int slot = queue->slot;
	enum tern_slot_state state;
	int ret;

	lockdep_assert_held(&tdev->slots.lock);
	if (tdev->pm.asleep) {
		forget_holder(tdev, queue);
		return;
	}
	queue->leaving = true; /* a reset on the way does not start it again */
	tern_patience_pause(queue);
	ret = tern_slot_stop(tdev, slot, abort ? TERN_FW_STOP_ABORT : TERN_FW_STOP_SAVE);
	tern_slot_count_cycles(queue);
	state = tern_slot_state(tdev, slot);
	queue->restore = !abort && (queue->shut ? queue->restore : state == TERN_SLOT_SAVED);
	if (!abort)
		tern_fault_look_locked(queue); /* it may have come since they were looked at */
	take_slot(tdev, slot);
	queue->leaving = false;
	if (queue->slot < 0)
		return; /* nothing helped: the device is off, and nobody has a slot any more */
	/* Firmware that was not asked, or did not hear, may have taken it up meanwhile. */
	if (ret && !queue->shut && tern_slot_ran_since(queue))
		queue->restore = false;
	if (!abort && !ret && tern_slot_in_engines(state))
		tern_queue_die(queue, -ETIMEDOUT, NULL);
	else if (!abort && !queue->restore && !queue->dead)
		tern_queue_skip_lost(queue);
	tern_queue_collect(queue); /* the interrupt of what it did last finds it no more */
	forget_holder(tdev, queue);
}

/**
 * tern_slot_end_locked() - A queue ends: its slot goes before its fences signal
 * @queue: Queue; struct tern_slots.lock is held, and the caller has a reference
 * @error: How the job that runs ends; those behind it are cancelled
 *
 * While it has a slot its job may still write what those who wait for the fence look at next.
 */
void tern_slot_end_locked(struct tern_runqueue *queue, int error)
{
	if (queue->slot >= 0)
		tern_slot_leave_locked(queue, true);
	tern_queue_die(queue, error, NULL);
}

/* ---- Giving a slot ------------------------------------------------------------ */

/**
 * tern_slot_bind_locked() - Give a queue a slot
 * @queue: Queue without slot; struct tern_slots.lock is held, the device is awake
 * @slot: A free one
 *
 * Return: 0; -EAGAIN if the firmware is reset first: it may yet take the STOP of who had the slot
 * for one of who has it; or another negative errno
 */
int tern_slot_bind_locked(struct tern_runqueue *queue, unsigned int slot)
{
	struct tern_device *tdev = queue->tdev;
	unsigned long flags;
	int asid;

	if (test_bit(slot, tdev->slots.unstopped))
		return -EAGAIN;
	asid = tern_asid_get(tdev, &queue->vm->space);
	if (asid < 0)
		return asid;
	tern_perf_bound(queue, slot);
	trace_tern_slot_bound(queue, slot, queue->restore);
	tern_slot_program(queue, slot);
	spin_lock_irqsave(&queue->lock, flags);
	queue->slot = slot;
	spin_unlock_irqrestore(&queue->lock, flags);
	queue->tenure = ++tdev->slots.tenures;
	tern_turn_begin(queue);
	tern_patience_begin(queue);
	tern_perf_changes_hands(tdev, slot);
	rcu_assign_pointer(tdev->slots.queue[slot], tern_queue_get(queue));
	tern_slot_start(tdev, slot);
	return 0;
}

/* True: it has one now, or needs none. */
static bool give_slot(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	struct tern_runqueue *other;
	int slot;

	if (queue->slot >= 0 || tern_queue_is_user(queue) || !tern_queue_has_work(queue))
		return true;
	slot = tern_turn_choose_locked(queue);
	if (slot < 0)
		return false;
	other = tern_slot_holder(tdev, slot);
	if (other) {
		tern_queue_get(other);
		tern_slot_leave_locked(other, false);
		tern_slot_want(other);
		tern_queue_put(other);
	}
	if (!tdev->ready) { /* it did not survive that */
		tern_queue_die(queue, -ENODEV, NULL);
		return true;
	}
	return !tern_slot_bind_locked(queue, slot);
}

/* ---- Who waits ----------------------------------------------------------------- */

/* Behind which entry: almost always the last one, and that of the list if none came before. */
static struct list_head *place_of(struct list_head *list, u64 ticket)
{
	struct tern_runqueue *queue;

	list_for_each_entry_reverse(queue, list, wait_node)
		if (queue->ticket < ticket)
			return &queue->wait_node;
	return list;
}

/**
 * tern_slot_enqueue() - A queue waits for a slot, and is not behind those who came since it does
 * @queue: Queue; struct tern_slots.wait_lock is held
 * @list: Of those who wait, by their tickets
 */
void tern_slot_enqueue(struct tern_runqueue *queue, struct list_head *list)
{
	lockdep_assert_held(&queue->tdev->slots.wait_lock);
	if (!queue->ticket) {
		queue->ticket = ++queue->tdev->slots.tickets;
		queue->waits_since = jiffies;
	}
	if (list_empty(&queue->wait_node)) {
		tern_queue_get(queue);
		list_add(&queue->wait_node, place_of(list, queue->ticket));
	}
}

/**
 * tern_slot_served() - A queue that was taken out of its list has a slot, or needs none
 * @queue: Queue; it goes on waiting if it has been put there again meanwhile
 */
void tern_slot_served(struct tern_runqueue *queue)
{
	struct tern_slots *slots = &queue->tdev->slots;
	unsigned long flags;

	spin_lock_irqsave(&slots->wait_lock, flags);
	if (list_empty(&queue->wait_node))
		queue->ticket = 0;
	spin_unlock_irqrestore(&slots->wait_lock, flags);
}

static void add_waiting(struct tern_runqueue *queue)
{
	struct tern_slots *slots = &queue->tdev->slots;
	unsigned long flags;

	spin_lock_irqsave(&slots->wait_lock, flags);
	tern_slot_enqueue(queue, &slots->waiting);
	spin_unlock_irqrestore(&slots->wait_lock, flags);
}

/**
 * tern_slot_want() - A queue has work, or is destroyed, and wants to be looked at
 * @queue: Queue
 *
 * May be called in run_job and in interrupts.
 */
void tern_slot_want(struct tern_runqueue *queue)
{
	add_waiting(queue);
	tern_slots_kick(queue->tdev);
}

static void take_list(struct tern_slots *slots, struct list_head *to)
{
	unsigned long flags;

	spin_lock_irqsave(&slots->wait_lock, flags);
	list_splice_init(&slots->waiting, to);
	spin_unlock_irqrestore(&slots->wait_lock, flags);
}

static struct tern_runqueue *pop(struct tern_slots *slots, struct list_head *list)
{
	struct tern_runqueue *queue;
	unsigned long flags;

	spin_lock_irqsave(&slots->wait_lock, flags);
	queue = list_first_entry_or_null(list, struct tern_runqueue, wait_node);
	if (queue)
		list_del_init(&queue->wait_node);
	spin_unlock_irqrestore(&slots->wait_lock, flags);
	return queue;
}

static void serve_waiting(struct tern_device *tdev)
{
	struct tern_slots *slots = &tdev->slots;
	struct tern_runqueue *queue;
	bool again = false;
	LIST_HEAD(list);

	take_list(slots, &list);
	if (!list_empty(&list) && tdev->ready && !tdev->pm.asleep)
		tern_turns_look_locked(tdev, false);
	while ((queue = pop(slots, &list))) {
		if (queue->destroyed || !tdev->ready) {
			tern_slot_end_locked(queue, tdev->ready ? -ECANCELED : -ENODEV);
			tern_slot_served(queue);
		} else if (tdev->pm.asleep) {
			add_waiting(queue); /* until it wakes */
		} else if (give_slot(queue)) {
			tern_slot_served(queue);
		} else {
			add_waiting(queue);
			again = true;
		}
		tern_queue_put(queue);
	}
	if (again)
		mod_delayed_work(tdev->wq, &slots->turn, msecs_to_jiffies(TERN_TURN_MS));
}

static void look_at_holders(struct tern_device *tdev)
{
	struct tern_runqueue *queue;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue) {
		tern_queue_get(queue);
		tern_queue_collect(queue);
		tern_fault_look_locked(queue);
		if (queue->dead || queue->destroyed)
			tern_slot_end_locked(queue, -ECANCELED);
		tern_queue_put(queue);
	}
}

static void slots_work(struct tern_device *tdev)
{
	bool cookie = dma_fence_begin_signalling();

	mutex_lock(&tdev->slots.lock);
	if (tdev->ready)
		look_at_holders(tdev);
	tern_perf_drain(tdev);
	serve_waiting(tdev);
	mutex_unlock(&tdev->slots.lock);
	dma_fence_end_signalling(cookie);
}

static void work_fn(struct work_struct *work)
{
	slots_work(container_of(work, struct tern_device, slots.work));
}

static void turn_fn(struct work_struct *work)
{
	slots_work(container_of(work, struct tern_device, slots.turn.work));
}

/**
 * tern_slots_kick() - Something happened: look at slots and at those who wait
 * @tdev: Device
 */
void tern_slots_kick(struct tern_device *tdev)
{
	queue_work(tdev->wq, &tdev->slots.work);
}

/**
 * tern_slots_collect() - See which jobs are done
 * @tdev: Device
 *
 * In hard interrupts, too: it touches memory only.
 */
void tern_slots_collect(struct tern_device *tdev)
{
	unsigned int slot;

	rcu_read_lock();
	for (slot = 0; slot < tdev->slots.count; slot++) {
		struct tern_runqueue *queue = rcu_dereference(tdev->slots.queue[slot]);

		if (queue && !tern_queue_is_user(queue))
			tern_queue_collect(queue);
		else if (queue && wq_has_sleeper(&queue->wait))
			wake_up_all(&queue->wait);
	}
	rcu_read_unlock();
}

/**
 * tern_slots_barrier() - Whoever is pushing a job into a slot's ring sees what was written before
 * @tdev: Device; struct tern_slots.lock is held
 *
 * And what those have written who did not see it yet is visible when this returns.
 */
void tern_slots_barrier(struct tern_device *tdev)
{
	struct tern_runqueue *queue;
	unsigned long flags;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue) {
		spin_lock_irqsave(&queue->lock, flags);
		spin_unlock_irqrestore(&queue->lock, flags);
	}
}

/**
 * tern_slots_fail() - The device is off the bus: nobody has a slot any more, and no queue lives
 * @tdev: Device, not ready any more; struct tern_slots.lock is held
 *
 * Those without a slot are told as well: who waits for one of them waits for nothing.
 */
void tern_slots_fail(struct tern_device *tdev)
{
	struct tern_runqueue *queue;
	unsigned int slot;

	list_for_each_entry(queue, &tdev->objects.queues, node)
		tern_queue_die(queue, -ENODEV, NULL);
	tern_for_each_holder(tdev, slot, queue)
		forget_holder(tdev, queue);
	tern_slots_kick(tdev);
}

/**
 * tern_slots_init() - Before anything else of this file
 * @tdev: Device
 */
void tern_slots_init(struct tern_device *tdev)
{
	struct tern_slots *slots = &tdev->slots;

	mutex_init(&slots->lock);
	spin_lock_init(&slots->wait_lock);
	INIT_LIST_HEAD(&slots->waiting);
	INIT_WORK(&slots->work, work_fn);
	INIT_DELAYED_WORK(&slots->turn, turn_fn);
}
