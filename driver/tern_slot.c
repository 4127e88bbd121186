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
#include <linux/delay.h>
#include <linux/dma-fence.h>

#include "tern_device.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_queue.h"
#include "tern_trace.h"
#include "tern_vm.h"

/* From clearing VALID to the slot's being idle: a drain of what is in flight. */
#define TAKE_TIMEOUT_US 500000
/* From stopping the MCU to its standing still: the instruction it is at. */
#define MCU_TIMEOUT_US 100000

static struct tern_runqueue *holder(struct tern_slots *slots, unsigned int slot)
{
	return rcu_dereference_protected(slots->queue[slot], lockdep_is_held(&slots->lock));
}

/**
 * tern_slot_holder() - Who has a slot
 * @tdev: Device; struct tern_slots.lock is held
 * @slot: Slot
 *
 * Return: the queue, or NULL
 */
struct tern_runqueue *tern_slot_holder(struct tern_device *tdev, unsigned int slot)
{
	return holder(&tdev->slots, slot);
}

/* ---- Taking a slot away ------------------------------------------------------ */

static bool in_engines(enum tern_slot_state state)
{
	return state == TERN_SLOT_RUNNING || state == TERN_SLOT_SAVING;
}

/* Nothing of it reaches memory: only what says so is believed, not what says nonsense. */
static bool slot_idle(struct tern_device *tdev, unsigned int slot)
{
	enum tern_slot_state state = tern_slot_state(tdev, slot);

	return !in_engines(state) && state <= TERN_SLOT_FAULTED;
}

static bool await_idle(struct tern_device *tdev, unsigned int slot)
{
	int i;

	for (i = 0; i < TAKE_TIMEOUT_US / 100; i++) {
		if (slot_idle(tdev, slot))
			return true;
		if (tern_device_gone(tdev))
			return false;
		usleep_range(100, 200);
	}
	return slot_idle(tdev, slot);
}

/* By register, whatever the firmware does: after it nothing of the slot reaches memory. */
static void take_slot(struct tern_device *tdev, unsigned int slot)
{
	enum tern_rung rung = TERN_RUNG_ENGINES;

	tern_write(tdev, tern_slot_reg(slot, TERN_SLOT_REG_CONTROL), 0);
	for (; rung <= TERN_RUNG_OFF && tdev->ready; rung++) {
		if (await_idle(tdev, slot))
			return;
		if (tern_device_gone(tdev)) /* less is of no use */
			rung = max(rung, TERN_RUNG_POWER);
		tern_reset_locked(tdev, rung, "a slot did not become idle");
	}
}

/**
 * tern_slot_count_cycles() - Count what a queue has run since the last time
 * @queue: Queue with a slot; struct tern_slots.lock is held, the device is awake
 */
void tern_slot_count_cycles(struct tern_runqueue *queue)
{
	u64 now = tern_read64(queue->tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_CYCLES));

	/* It never goes back while a slot is VALID; a device that is gone says all ones. */
	if (now > queue->counted && now != U64_MAX)
		tern_perf_ran(queue, now - queue->counted);
	queue->counted = now;
}

/* Has it been in the engines since its cycles were counted? They may be when it leaves. */
static bool ran_since(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	bool idle = slot_idle(tdev, queue->slot);

	return tern_read64(tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_CYCLES)) !=
	       queue->counted || !idle;
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

/* Have the firmware let go of a slot. If it does not answer it is reset. */
static int stop_slot(struct tern_device *tdev, unsigned int slot, u64 how)
{
	struct tern_message reply;
	int ret = tern_ipc_ask(tdev, TERN_FW_SLOT_STOP, slot, how, 0, &reply);

	if (ret && ret != -ENODEV)
		tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "the firmware does not answer");
	return ret;
}

/* Firmware that did not answer need not be asked again before it is reset: it costs seconds. */
static bool firmware_given_up(struct tern_device *tdev)
{
	return READ_ONCE(tdev->reset.wanted) & ~BIT(TERN_RUNG_ENGINES);
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
	ret = firmware_given_up(tdev) ? -ETIMEDOUT :
	      stop_slot(tdev, slot, abort ? TERN_FW_STOP_ABORT : TERN_FW_STOP_SAVE);
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
	if (ret && !queue->shut && ran_since(queue))
		queue->restore = false;
	if (!abort && !ret && in_engines(state))
		tern_queue_die(queue, -ETIMEDOUT, NULL);
	else if (!abort && !queue->restore && !queue->dead)
		tern_queue_skip_lost(queue);
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

static u32 control_of(struct tern_runqueue *queue, unsigned int asid)
{
	return TERN_SLOT_VALID | (tern_queue_is_user(queue) ? 0 : TERN_SLOT_KERNEL) |
	       (queue->restore ? TERN_SLOT_RESTORE : 0) |
	       queue->priority << TERN_SLOT_PRIORITY_SHIFT | asid << TERN_SLOT_ASID_SHIFT;
}

static void write_slot(struct tern_runqueue *queue, unsigned int slot)
{
	struct tern_device *tdev = queue->tdev;
	u64 memory = queue->memory.node.start;

	WRITE_ONCE(tern_queue_memory(queue)->fault.code, 0);
	if (!queue->restore)
		tern_save_clear(queue->save);
	tern_write64(tdev, tern_slot_reg(slot, TERN_SLOT_REG_RING),
		     tern_queue_is_user(queue) ? queue->ring_va :
				memory + offsetof(struct tern_queue_memory, kernel));
	tern_write64(tdev, tern_slot_reg(slot, TERN_SLOT_REG_SAVE), queue->save_node.start);
	tern_write64(tdev, tern_slot_reg(slot, TERN_SLOT_REG_FAULT),
		     memory + offsetof(struct tern_queue_memory, fault));
	tern_write(tdev, tern_slot_reg(slot, TERN_SLOT_REG_CONTROL),
		   control_of(queue, queue->vm->space.asid));
	queue->counted = 0;
	queue->shut = false;
	/* A message is memory, and may overtake a posted write: the slot is VALID before it. */
	tern_read(tdev, tern_slot_reg(slot, TERN_SLOT_REG_CONTROL));
	queue->restore = false;
}

static void start_slot(struct tern_device *tdev, unsigned int slot)
{
	int ret = tern_ipc_send(tdev, TERN_FW_SLOT_START, slot, 0, 0);

	/* -ENODEV: it is down, and when it is up again all slots are started. */
	if (ret && ret != -ENODEV)
		tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "the firmware takes no messages");
}

/**
 * tern_slot_bind_locked() - Give a queue a slot
 * @queue: Queue without slot; struct tern_slots.lock is held, the device is awake
 * @slot: A free one
 *
 * Return: 0 or a negative errno
 */
int tern_slot_bind_locked(struct tern_runqueue *queue, unsigned int slot)
{
	struct tern_device *tdev = queue->tdev;
	unsigned long flags;
	int asid = tern_asid_get(tdev, &queue->vm->space);

	if (asid < 0)
		return asid;
	tern_perf_bound(queue, slot);
	trace_tern_slot_bound(queue, slot, queue->restore);
	write_slot(queue, slot);
	spin_lock_irqsave(&queue->lock, flags);
	queue->slot = slot;
	spin_unlock_irqrestore(&queue->lock, flags);
	tern_turn_begin(queue);
	tern_since_now(tdev, &queue->stuck);
	tern_perf_changes_hands(tdev, slot);
	rcu_assign_pointer(tdev->slots.queue[slot], tern_queue_get(queue));
	start_slot(tdev, slot);
	return 0;
}

/* True: it has one now, or needs none. */
static bool give_slot(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	int slot;

	if (queue->slot >= 0 || tern_queue_is_user(queue) || !tern_queue_has_work(queue))
		return true;
	slot = tern_turn_choose_locked(queue);
	if (slot < 0)
		return false;
	if (holder(&tdev->slots, slot)) {
		struct tern_runqueue *other = tern_queue_get(holder(&tdev->slots, slot));

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

/**
 * tern_slot_want() - A queue has work, or is destroyed, and wants to be looked at
 * @queue: Queue
 *
 * May be called in run_job and in interrupts.
 */
void tern_slot_want(struct tern_runqueue *queue)
{
	struct tern_slots *slots = &queue->tdev->slots;
	unsigned long flags;

	spin_lock_irqsave(&slots->wait_lock, flags);
	if (list_empty(&queue->wait_node)) {
		tern_queue_get(queue);
		queue->waits_since = jiffies;
		list_add_tail(&queue->wait_node, &slots->waiting);
	}
	spin_unlock_irqrestore(&slots->wait_lock, flags);
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

static void put_back(struct tern_slots *slots, struct tern_runqueue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&slots->wait_lock, flags);
	if (list_empty(&queue->wait_node)) {
		tern_queue_get(queue);
		list_add_tail(&queue->wait_node, &slots->waiting);
	}
	spin_unlock_irqrestore(&slots->wait_lock, flags);
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
		} else if (tdev->pm.asleep) {
			put_back(slots, queue); /* all are looked at when it wakes */
		} else if (!give_slot(queue)) {
			put_back(slots, queue);
			again = true;
		}
		tern_queue_put(queue);
	}
	if (again)
		mod_delayed_work(tdev->wq, &slots->turn, msecs_to_jiffies(TERN_TURN_MS));
}

static void look_at_holders(struct tern_device *tdev)
{
	struct tern_slots *slots = &tdev->slots;
	unsigned int slot;

	for (slot = 0; slot < slots->count; slot++) {
		struct tern_runqueue *queue = holder(slots, slot);

		if (!queue)
			continue;
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
	unsigned int slot;

	for (slot = 0; slot < tdev->slots.count; slot++) {
		struct tern_runqueue *queue = holder(&tdev->slots, slot);
		unsigned long flags;

		if (!queue)
			continue;
		spin_lock_irqsave(&queue->lock, flags);
		spin_unlock_irqrestore(&queue->lock, flags);
	}
}

/* ---- Resets ------------------------------------------------------------------------ */

/**
 * tern_slots_clear_stale() - The device wakes: it must not know slots that were taken away
 * @tdev: Device that cannot reach memory yet; struct tern_slots.lock is held
 */
void tern_slots_clear_stale(struct tern_device *tdev)
{
	unsigned int slot;

	for_each_set_bit(slot, tdev->slots.stale, TERN_NSLOTS)
		tern_write(tdev, tern_slot_reg(slot, TERN_SLOT_REG_CONTROL), 0);
}

/*
 * Firmware that lives on must have forgotten what it knows of a slot before that is VALID again:
 * else it may run the next binding's job, and then take the stop for it.
 */
static bool firmware_forgets(struct tern_device *tdev, unsigned int slot)
{
	if (!firmware_given_up(tdev))
		stop_slot(tdev, slot, TERN_FW_STOP_ABORT);
	return !firmware_given_up(tdev); /* else it is about to be reset, and forgets all */
}

/**
 * tern_slots_stop_stale() - And neither must its firmware
 * @tdev: Device that is awake; struct tern_slots.lock is held
 */
void tern_slots_stop_stale(struct tern_device *tdev)
{
	unsigned int slot;

	for_each_set_bit(slot, tdev->slots.stale, TERN_NSLOTS)
		firmware_forgets(tdev, slot);
	bitmap_zero(tdev->slots.stale, TERN_NSLOTS);
}

/*
 * Is a slot that did not leave the engines still what keeps them? If it is in them, as long as it
 * is asked to leave; if not, it is a command of it that does not end, and others' commands end.
 */
static bool keeps_engines(struct tern_device *tdev, unsigned int slot)
{
	u32 patience = slot_idle(tdev, slot) ? tdev->fw.param[TERN_FW_PARAM_PREEMPT_US] : 0;

	return tern_poll(tdev, TERN_FW_REG_COMMAND_STATUS, 1, 0, patience) != 0;
}

/* It has left late. The firmware took that for a reset, and leaves its ring alone until told. */
static void start_again(struct tern_device *tdev, unsigned int slot)
{
	if (!stop_slot(tdev, slot, TERN_FW_STOP_SAVE))
		start_slot(tdev, slot);
}

/**
 * tern_slots_stuck() - Must the engines be reset for a slot that was asked to leave them?
 * @tdev: Device that is awake; struct tern_slots.lock is held
 *
 * Meanwhile it may have left, or been taken away, and the reset would cost the job of another.
 *
 * Return: true if so
 */
bool tern_slots_stuck(struct tern_device *tdev)
{
	unsigned int slot;

	for_each_set_bit(slot, tdev->slots.stuck, TERN_NSLOTS) {
		if (keeps_engines(tdev, slot))
			return true;
		clear_bit(slot, tdev->slots.stuck);
		if (holder(&tdev->slots, slot))
			start_again(tdev, slot);
	}
	return false;
}

/* No more of it, and of others as soon as all are: nobody begins what a reset is about to cost. */
static void shut(struct tern_runqueue *queue)
{
	tern_write(queue->tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_CONTROL), 0);
	queue->shut = true;
}

/* What is noted once holds until it is bound again. */
static void note(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	enum tern_slot_state state;

	tern_slot_count_cycles(queue);
	state = tern_slot_state(tdev, queue->slot);
	/* Still so if the reset before this one left it there: its slot was taken then. */
	queue->unanswering |= test_and_clear_bit(queue->slot, tdev->slots.stuck) &&
			      !slot_idle(tdev, queue->slot);
	if (queue->shut || queue->leaving)
		return;
	/* Told now or never: the record goes with the slot, and the job was not lost. */
	tern_fault_look_locked(queue);
	queue->restore = state == TERN_SLOT_SAVED;
	queue->interrupted = state != TERN_SLOT_SAVED && state != TERN_SLOT_IDLE &&
			     !queue->fault.code;
}

static void note_all(struct tern_device *tdev)
{
	unsigned int slot;

	for (slot = 0; slot < tdev->slots.count; slot++)
		if (holder(&tdev->slots, slot))
			note(holder(&tdev->slots, slot));
}

/* It was not in the engines when it was noted: what is saved is of no use if it has been since. */
static void note_if_it_got_in(struct tern_runqueue *queue)
{
	if (queue->interrupted || queue->fault.code || !ran_since(queue))
		return;
	queue->restore = false;
	queue->interrupted = true;
}

/* Who is found in the engines keeps others out, and so is among the last. */
static void shut_all(struct tern_device *tdev, bool interrupted)
{
	unsigned int slot;

	for (slot = 0; slot < tdev->slots.count; slot++) {
		struct tern_runqueue *queue = holder(&tdev->slots, slot);

		if (!queue || queue->leaving)
			continue;
		if (!queue->shut)
			note_if_it_got_in(queue);
		if (queue->interrupted == interrupted)
			shut(queue);
	}
}

static void note_who_got_in(struct tern_device *tdev)
{
	unsigned int slot;

	for (slot = 0; slot < tdev->slots.count; slot++) {
		struct tern_runqueue *queue = holder(&tdev->slots, slot);

		if (queue && !queue->leaving)
			note_if_it_got_in(queue);
	}
}

/* If it is to be reset. What it has said can still be read. */
static void stop_firmware(struct tern_device *tdev)
{
	tern_write(tdev, TERN_REG_MCU_CONTROL, 0);
	tern_poll(tdev, TERN_REG_STATUS, TERN_STATUS_MCU_RUNS, 0, MCU_TIMEOUT_US);
}

/**
 * tern_slots_before_reset() - Note which contexts are saved and who runs, take everybody's slots
 * @tdev: Device; struct tern_slots.lock is held
 * @firmware: The firmware is reset, too
 *
 * Not VALID: neither firmware nor device begin a job that the reset is about to cost. Those in the
 * engines come last: as long as they are there nobody else gets in. Who did not answer is why the
 * engines are reset, and dies of it.
 */
void tern_slots_before_reset(struct tern_device *tdev, bool firmware)
{
	if (firmware)
		stop_firmware(tdev);
	note_all(tdev);
	shut_all(tdev, false);
	shut_all(tdev, true);
	note_who_got_in(tdev);
}

/**
 * tern_slots_before_sleep() - The same when the firmware begins nothing any more
 * @tdev: Device; struct tern_slots.lock is held
 *
 * Those that do not run stay VALID: it wakes sooner.
 */
void tern_slots_before_sleep(struct tern_device *tdev)
{
	note_all(tdev);
	shut_all(tdev, true);
}

/* False: the reset has not brought it out of them, and the next rung is asked for. */
static bool out_of_engines(struct tern_runqueue *queue, bool everything)
{
	struct tern_device *tdev = queue->tdev;

	if (await_idle(tdev, queue->slot))
		return true;
	tern_reset_request(tdev, everything ? TERN_RUNG_OFF : TERN_RUNG_POWER,
			   "a reset leaves a slot in the engines");
	return false;
}

/* Not VALID, so the ring is the kernel's and the job that was lost can be counted. */
static bool rebind(struct tern_runqueue *queue, bool firmware, bool everything)
{
	unsigned int slot = queue->slot;

	if (!firmware && !firmware_forgets(queue->tdev, slot))
		return false;
	if (!out_of_engines(queue, everything))
		return false;
	if (queue->interrupted)
		tern_queue_skip_lost(queue);
	write_slot(queue, slot);
	return true;
}

/**
 * tern_slots_after_reset() - Let everybody go on who can
 * @tdev: Device; struct tern_slots.lock is held
 * @firmware: The firmware has booted again and knows no slots
 * @everything: Slot registers were lost
 */
void tern_slots_after_reset(struct tern_device *tdev, bool firmware, bool everything)
{
	unsigned int slot;

	if (firmware)
		bitmap_zero(tdev->slots.stale, TERN_NSLOTS);
	for (slot = 0; slot < tdev->slots.count; slot++) {
		struct tern_runqueue *queue = holder(&tdev->slots, slot);
		bool anew;

		if (!queue || queue->dead || queue->leaving)
			continue;
		tern_queue_collect(queue);
		if (queue->unanswering) {
			if (out_of_engines(queue, everything))
				tern_queue_die(queue, -ETIMEDOUT, NULL);
			continue; /* its slot is taken when slots are looked at */
		}
		anew = everything || queue->shut;
		if (anew && !rebind(queue, firmware, everything))
			continue; /* it is looked at again after the next rung */
		if (anew || firmware)
			start_slot(tdev, slot);
		queue->restore = false;
		queue->interrupted = false;
		tern_since_now(tdev, &queue->stuck);
	}
	tern_slots_kick(tdev);
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
	for (slot = 0; slot < TERN_NSLOTS; slot++)
		if (holder(&tdev->slots, slot))
			forget_holder(tdev, holder(&tdev->slots, slot));
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
