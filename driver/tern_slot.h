/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_SLOT_H
#define TERN_SLOT_H

#include <linux/bitops.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/drm_util.h>

#include <tern/hw.h>

#include "tern_reset.h"

struct tern_device;
struct tern_runqueue;

/* How long a queue with work keeps its slot while others wait, at least. */
#define TERN_TURN_MS 20

/**
 * struct tern_slots - The device's slots and who holds them
 */
struct tern_slots {
	/** @lock: Protects bindings; held while the firmware is asked, and through a reset */
	struct mutex lock;
	/** @queue: Who holds slot i; a reference. Read under RCU by interrupts */
	struct tern_runqueue __rcu *queue[TERN_NSLOTS];
	/** @count: Slots that may be used */
	unsigned int count;
	/** @user_first: The first of those that are for user-owned queues */
	unsigned int user_first;
	/** @tenures: The last struct tern_runqueue.tenure */
	u64 tenures;
	/** @wait_lock: Protects @waiting, and struct tern_user.waiting */
	spinlock_t wait_lock;
	/** @tickets: Given so far to queues that want a slot */
	u64 tickets;
	/** @waiting: Queues that have work and no slot, in the order they came */
	struct list_head waiting;
	/** @work: Faults, departures, and giving slots to those who wait */
	struct work_struct work;
	/** @turn: Looks again when a slot's holder has had its turn */
	struct delayed_work turn;
	/** @stuck: Slots of which the firmware says that they do not leave the engines */
	DECLARE_BITMAP(stuck, TERN_NSLOTS);
	/** @unstopped: Slots that the firmware did not let go of when asked: it is reset first */
	DECLARE_BITMAP(unstopped, TERN_NSLOTS);
	/** @stale: Slots that were taken away while the device slept, and does not know of it */
	DECLARE_BITMAP(stale, TERN_NSLOTS);
};

/**
 * tern_for_each_holder() - Those who have slots, by slot
 * @tdev: Device; struct tern_slots.lock is held
 * @slot: unsigned int, whose slot
 * @queue: struct tern_runqueue *; without a reference
 */
#define tern_for_each_holder(tdev, slot, queue) \
	for ((slot) = 0; (slot) < (tdev)->slots.count; (slot)++) \
		for_each_if(((queue) = tern_slot_holder(tdev, slot)))

/* tern_slot.c */
void tern_slots_init(struct tern_device *tdev);
void tern_slots_kick(struct tern_device *tdev);
void tern_slots_collect(struct tern_device *tdev);
void tern_slots_barrier(struct tern_device *tdev);
void tern_slot_enqueue(struct tern_runqueue *queue, struct list_head *list);
void tern_slot_served(struct tern_runqueue *queue);
void tern_slot_want(struct tern_runqueue *queue);
void tern_slots_fail(struct tern_device *tdev);
struct tern_runqueue *tern_slot_holder(struct tern_device *tdev, unsigned int slot);
int tern_slot_bind_locked(struct tern_runqueue *queue, unsigned int slot);
void tern_slot_leave_locked(struct tern_runqueue *queue, bool abort);
void tern_slot_end_locked(struct tern_runqueue *queue, int error);

/* tern_slot_hw.c */
bool tern_slot_idle(struct tern_device *tdev, unsigned int slot);
bool tern_slot_await_idle(struct tern_device *tdev, unsigned int slot);
void tern_slot_count_cycles(struct tern_runqueue *queue);
bool tern_slot_ran_since(struct tern_runqueue *queue);
void tern_slot_program(struct tern_runqueue *queue, unsigned int slot);
void tern_slot_start(struct tern_device *tdev, unsigned int slot);
int tern_slot_stop(struct tern_device *tdev, unsigned int slot, u64 how);

static inline bool tern_slot_in_engines(enum tern_slot_state state)
{
	return state == TERN_SLOT_RUNNING || state == TERN_SLOT_SAVING;
}

/* tern_slot_reset.c */
bool tern_slots_stuck(struct tern_device *tdev);
void tern_slots_before_reset(struct tern_device *tdev, enum tern_rung rung);
void tern_slots_before_sleep(struct tern_device *tdev);
void tern_slots_after_reset(struct tern_device *tdev, enum tern_rung rung);
void tern_slots_clear_stale(struct tern_device *tdev);
void tern_slots_stop_stale(struct tern_device *tdev);

/* tern_fault.c */
void tern_fault_look_locked(struct tern_runqueue *queue);

/* tern_turn.c */
void tern_turn_begin(struct tern_runqueue *queue);
bool tern_turn_patience_over(struct tern_runqueue *queue);
void tern_turns_anew_locked(struct tern_device *tdev);
void tern_turns_look_locked(struct tern_device *tdev, bool user);
int tern_turn_choose_locked(struct tern_runqueue *queue);

#endif /* TERN_SLOT_H */
