// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Slots around a reset, or a sleep
 *
 * Before it is noted of each slot how its queue goes on; after it everybody goes on who can. All
 * of it runs with struct tern_slots.lock held, and in the way of fences, as what is in tern_slot.c.
 */
#include "tern_device.h"
#include "tern_queue.h"

/* From stopping the MCU to its standing still: the instruction it is at. */
#define MCU_TIMEOUT_US 100000

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

/**
 * tern_slots_stop_stale() - And neither must its firmware
 * @tdev: Device that is awake; struct tern_slots.lock is held
 */
void tern_slots_stop_stale(struct tern_device *tdev)
{
	unsigned int slot;

	for_each_set_bit(slot, tdev->slots.stale, TERN_NSLOTS)
		tern_slot_stop(tdev, slot, TERN_FW_STOP_ABORT);
	bitmap_zero(tdev->slots.stale, TERN_NSLOTS);
}

/*
 * Is a slot that did not leave the engines still what keeps them? If it is in them, as long as it
 * is asked to leave; if not, it is a command of it that does not end, and others' commands end.
 */
static bool keeps_engines(struct tern_device *tdev, unsigned int slot)
{
	u32 patience = tern_slot_idle(tdev, slot) ? tdev->fw.param[TERN_FW_PARAM_PREEMPT_US] : 0;

	return tern_poll(tdev, TERN_FW_REG_COMMAND_STATUS, 1, 0, patience) != 0;
}

/* It has left late. The firmware took that for a reset, and leaves its ring alone until told. */
static void start_again(struct tern_device *tdev, unsigned int slot)
{
	if (!tern_slot_stop(tdev, slot, TERN_FW_STOP_SAVE))
		tern_slot_start(tdev, slot);
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
		if (tern_slot_holder(tdev, slot))
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

	tern_patience_pause(queue);
	tern_slot_count_cycles(queue);
	state = tern_slot_state(tdev, queue->slot);
	/* Still so if the reset before this one left it there: its slot was taken then. */
	queue->unanswering |= test_and_clear_bit(queue->slot, tdev->slots.stuck) &&
			      !tern_slot_idle(tdev, queue->slot);
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
	struct tern_runqueue *queue;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue)
		note(queue);
}

/* It was not in the engines when it was noted: what is saved is of no use if it has been since. */
static void note_if_it_got_in(struct tern_runqueue *queue)
{
	if (queue->interrupted || queue->fault.code || !tern_slot_ran_since(queue))
		return;
	queue->restore = false;
	queue->interrupted = true;
}

/* Who is found in the engines keeps others out, and so is among the last. */
static void shut_all(struct tern_device *tdev, bool interrupted)
{
	struct tern_runqueue *queue;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue) {
		if (queue->leaving)
			continue;
		if (!queue->shut)
			note_if_it_got_in(queue);
		if (queue->interrupted == interrupted)
			shut(queue);
	}
}

static void note_who_got_in(struct tern_device *tdev)
{
	struct tern_runqueue *queue;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue)
		if (!queue->leaving)
			note_if_it_got_in(queue);
}

/* Whom the firmware has served in its life, and whom not; who was in the engines is behind all. */
static void count_all(struct tern_device *tdev)
{
	struct tern_runqueue *queue;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue) {
		tern_patience_reset(queue);
		if (queue->interrupted)
			queue->tenure = ++tdev->slots.tenures;
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
 * @rung: Where the reset begins
 *
 * Not VALID: neither firmware nor device begin a job that the reset is about to cost. Those in the
 * engines come last: as long as they are there nobody else gets in. Who did not answer is why the
 * engines are reset, and dies of it.
 */
void tern_slots_before_reset(struct tern_device *tdev, enum tern_rung rung)
{
	if (rung >= TERN_RUNG_FIRMWARE)
		stop_firmware(tdev);
	else
		tern_ipc_pardon(tdev);
	note_all(tdev);
	shut_all(tdev, false);
	shut_all(tdev, true);
	note_who_got_in(tdev);
	if (rung >= TERN_RUNG_FIRMWARE)
		count_all(tdev);
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
static bool out_of_engines(struct tern_runqueue *queue, enum tern_rung rung)
{
	struct tern_device *tdev = queue->tdev;

	if (tern_slot_await_idle(tdev, queue->slot))
		return true;
	tern_reset_request(tdev, rung < TERN_RUNG_POWER ? TERN_RUNG_POWER : TERN_RUNG_OFF,
			   "a reset leaves a slot in the engines");
	return false;
}

/*
 * Not VALID, so the ring is the kernel's and the job that was lost can be counted. Firmware that
 * lives on must have forgotten what it knows of a slot before that is VALID again: else it may run
 * the next binding's job, and then take the stop for it.
 */
static bool rebind(struct tern_runqueue *queue, enum tern_rung rung)
{
	unsigned int slot = queue->slot;

	if (rung < TERN_RUNG_FIRMWARE && tern_slot_stop(queue->tdev, slot, TERN_FW_STOP_ABORT))
		return false;
	if (!out_of_engines(queue, rung))
		return false;
	if (queue->interrupted)
		tern_queue_skip_lost(queue);
	tern_slot_program(queue, slot);
	return true;
}

/* False: it is to be looked at again, after the next rung or when slots are. */
static bool goes_on(struct tern_runqueue *queue, enum tern_rung rung)
{
	bool anew = rung >= TERN_RUNG_POWER || queue->shut;

	tern_queue_collect(queue);
	if (queue->unanswering || (rung >= TERN_RUNG_FIRMWARE && tern_patience_over(queue))) {
		if (out_of_engines(queue, rung))
			tern_queue_die(queue, -ETIMEDOUT, NULL);
		return false;
	}
	if (anew && !rebind(queue, rung))
		return false;
	if (anew || rung >= TERN_RUNG_FIRMWARE)
		tern_slot_start(queue->tdev, queue->slot);
	return true;
}

static void go_on(struct tern_runqueue *queue, enum tern_rung rung)
{
	if (queue->dead || queue->leaving)
		return;
	if (goes_on(queue, rung)) {
		queue->restore = false;
		queue->interrupted = false;
	}
	tern_patience_begin(queue);
}

/* Of those who have slots since after AFTER, who got it first. */
static struct tern_runqueue *next_by_tenure(struct tern_device *tdev, u64 after)
{
	struct tern_runqueue *queue, *next = NULL;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue)
		if (queue->tenure > after && (!next || queue->tenure < next->tenure))
			next = queue;
	return next;
}

/**
 * tern_slots_after_reset() - Let everybody go on who can
 * @tdev: Device; struct tern_slots.lock is held
 * @rung: Of the reset: from TERN_RUNG_FIRMWARE on the firmware has booted again and knows no slots,
 *	from TERN_RUNG_POWER on slot registers were lost
 *
 * In the order in which they got their slots, and last who was in the engines when the firmware was
 * reset: among equals it begins with who is started first, and whoever costs one reset after the
 * other is not always before those who have not run yet.
 */
void tern_slots_after_reset(struct tern_device *tdev, enum tern_rung rung)
{
	struct tern_runqueue *queue;
	u64 tenure = 0;

	if (rung >= TERN_RUNG_FIRMWARE) {
		bitmap_zero(tdev->slots.stale, TERN_NSLOTS);
		bitmap_zero(tdev->slots.unstopped, TERN_NSLOTS);
	}
	while ((queue = next_by_tenure(tdev, tenure))) {
		tenure = queue->tenure;
		go_on(queue, rung);
	}
	tern_slots_kick(tdev);
}
