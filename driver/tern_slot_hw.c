// SPDX-License-Identifier: GPL-2.0
/*
 * A slot as the device and its firmware know it: the registers of it, and what the firmware is
 * asked to do with it. Who has one, and for how long, is tern_slot.c's.
 */
#include <linux/delay.h>

#include "tern_device.h"
#include "tern_gem.h"
#include "tern_queue.h"
#include "tern_vm.h"

/* From clearing VALID to the slot's being idle: a drain of what is in flight. */
#define TAKE_TIMEOUT_US 500000

/* ---- Its registers ------------------------------------------------------------ */

/**
 * tern_slot_idle() - Does nothing of a slot reach memory?
 * @tdev: Device that is awake
 * @slot: Slot
 *
 * Only what says so is believed, not what says nonsense.
 *
 * Return: true if so
 */
bool tern_slot_idle(struct tern_device *tdev, unsigned int slot)
{
	enum tern_slot_state state = tern_slot_state(tdev, slot);

	return !tern_slot_in_engines(state) && state <= TERN_SLOT_FAULTED;
}

/**
 * tern_slot_await_idle() - Wait until nothing of a slot that is not VALID reaches memory
 * @tdev: Device that is awake
 * @slot: Slot
 *
 * Return: false if it does not come to that
 */
bool tern_slot_await_idle(struct tern_device *tdev, unsigned int slot)
{
	int i;

	for (i = 0; i < TAKE_TIMEOUT_US / 100; i++) {
		if (tern_slot_idle(tdev, slot))
			return true;
		if (tern_device_gone(tdev))
			return false;
		usleep_range(100, 200);
	}
	return tern_slot_idle(tdev, slot);
}

/**
 * tern_slot_count_cycles() - Count what a queue has run since the last time
 * @queue: Queue with a slot; struct tern_slots.lock is held, the device is awake
 */
void tern_slot_count_cycles(struct tern_runqueue *queue)
{
	u64 now = tern_read64(queue->tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_CYCLES));

	/* It never goes back while a slot is VALID; a device that is gone says all ones. */
	if (now > queue->counted && now != U64_MAX) {
		tern_perf_ran(queue, now - queue->counted);
		tern_patience_got_on(queue);
	}
	queue->counted = now;
}

/**
 * tern_slot_ran_since() - Has a queue been in the engines since its cycles were counted?
 * @queue: Queue with a slot; struct tern_slots.lock is held, the device is awake
 *
 * They may be when it leaves.
 *
 * Return: true if so
 */
bool tern_slot_ran_since(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	bool idle = tern_slot_idle(tdev, queue->slot);

	return tern_read64(tdev, tern_slot_reg(queue->slot, TERN_SLOT_REG_CYCLES)) !=
	       queue->counted || !idle;
}

static u32 control_of(struct tern_runqueue *queue, unsigned int asid)
{
	return TERN_SLOT_VALID | (tern_queue_is_user(queue) ? 0 : TERN_SLOT_KERNEL) |
	       (queue->restore ? TERN_SLOT_RESTORE : 0) |
	       queue->priority << TERN_SLOT_PRIORITY_SHIFT | asid << TERN_SLOT_ASID_SHIFT;
}

/**
 * tern_slot_program() - Tell the device whose a slot is
 * @queue: Queue whose address space has an ASID; struct tern_slots.lock is held
 * @slot: Slot that is not VALID
 */
void tern_slot_program(struct tern_runqueue *queue, unsigned int slot)
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
	queue->patience.progress = 0; /* CYCLES begins anew */
	queue->shut = false;
	/* A message is memory, and may overtake a posted write: the slot is VALID before it. */
	tern_read(tdev, tern_slot_reg(slot, TERN_SLOT_REG_CONTROL));
	queue->restore = false;
}

/* ---- The firmware ------------------------------------------------------------- */

/**
 * tern_slot_start() - Have the firmware give a slot its turns
 * @tdev: Device that is awake
 * @slot: Slot that is VALID
 */
void tern_slot_start(struct tern_device *tdev, unsigned int slot)
{
	int ret = tern_ipc_send(tdev, TERN_FW_SLOT_START, slot, 0, 0);

	/* -ENODEV: it is down, and when it is up again all slots are started. */
	if (ret && ret != -ENODEV)
		tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "the firmware takes no messages");
}

static int ask_to_stop(struct tern_device *tdev, unsigned int slot, u64 how)
{
	struct tern_message reply;
	int ret;

	/* Firmware that did not answer need not be asked again: it costs seconds. */
	if (tern_reset_ahead(tdev))
		return -ETIMEDOUT;
	ret = tern_ipc_ask(tdev, TERN_FW_SLOT_STOP, slot, how, 0, &reply);
	if (ret && ret != -ENODEV)
		tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "the firmware does not answer");
	return ret;
}

/**
 * tern_slot_stop() - Have the firmware let go of a slot
 * @tdev: Device that is awake; struct tern_slots.lock is held
 * @slot: Slot
 * @how: TERN_FW_STOP_*
 *
 * If it does not answer it is reset, and forgets all slots; nobody gets this one before that.
 *
 * Return: 0 or a negative errno
 */
int tern_slot_stop(struct tern_device *tdev, unsigned int slot, u64 how)
{
	int ret = ask_to_stop(tdev, slot, how);

	if (ret)
		__set_bit(slot, tdev->slots.unstopped);
	return ret;
}
