// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Turns
 *
 * Whose slot is taken when there are more queues with work than slots. The idle leave first; then
 * who had it for longest, if its turn is over. Priority counts among those who wait until one of
 * them has waited for PATIENCE_MS.
 *
 * A slot is not the engines: those that have one share them as the firmware says, and who is below
 * others gets there after STARVATION_US only. Were its slot taken before that, it would begin to
 * wait again, and never run. So a turn is not over before its queue has been in the engines.
 *
 * Times of the firmware are of CLOCK, which a busy host holds back; those here are the wall's. No
 * number of milliseconds here is long enough for one of its slices.
 */
#include "tern_device.h"
#include "tern_queue.h"

/* How long priority counts among those who wait. */
#define PATIENCE_MS 1000

/**
 * tern_turn_patience_over() - Has a queue waited for so long that its priority no longer counts?
 * @queue: Queue that waits
 *
 * Return: true if so
 */
bool tern_turn_patience_over(struct tern_runqueue *queue)
{
	return time_after(jiffies, queue->waits_since + msecs_to_jiffies(PATIENCE_MS));
}

/**
 * tern_turn_begin() - A queue gets a slot
 * @queue: Queue that waited for one; struct tern_slots.lock is held
 */
void tern_turn_begin(struct tern_runqueue *queue)
{
	tern_since_now(queue->tdev, &queue->turn);
	queue->ran = false;
	queue->waited_long = tern_turn_patience_over(queue);
}

static bool older_than(struct tern_runqueue *queue, unsigned int ms)
{
	return time_after_eq(jiffies, queue->turn.at + msecs_to_jiffies(ms));
}

/*
 * Of CLOCK: who has not been in the engines by then is not going to be, whatever its ring says.
 * The firmware's word, see its README: STARVATION + 2 n (SLICE + time of a preemption). Under two
 * seconds, unless somebody sets preempt_us.
 */
static unsigned int unused_ms(struct tern_device *tdev)
{
	const u32 *us = tdev->fw.param;

	return (us[TERN_FW_PARAM_STARVATION_US] + 2 * tdev->slots.count *
		(us[TERN_FW_PARAM_SLICE_US] + us[TERN_FW_PARAM_PREEMPT_US])) / USEC_PER_MSEC;
}

/* A device may count cycles as late as when a job leaves the engines: who is in them begins now. */
static void look(struct tern_runqueue *queue)
{
	unsigned int unused = unused_ms(queue->tdev);

	tern_slot_count_cycles(queue);
	if (queue->counted) {
		queue->ran = true;
	} else if (tern_slot_state(queue->tdev, queue->slot) == TERN_SLOT_RUNNING) {
		queue->ran = true;
		tern_since_now(queue->tdev, &queue->turn);
	} else if (older_than(queue, unused)) { /* by the wall; CLOCK is no faster */
		queue->ran = tern_longer_than(queue->tdev, &queue->turn, unused);
	}
}

/**
 * tern_turns_anew_locked() - The device was away: turns of those who have not run begin now
 * @tdev: Device whose firmware has booted, or is awake again; struct tern_slots.lock is held
 */
void tern_turns_anew_locked(struct tern_device *tdev)
{
	struct tern_runqueue *queue;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue)
		if (!queue->ran)
			tern_since_now(tdev, &queue->turn);
}

/* Slots for queues that are user-owned or are not: [first_slot(), end_slot()) */
static unsigned int first_slot(struct tern_slots *slots, bool user)
{
	return user ? slots->user_first : 0;
}

static unsigned int end_slot(struct tern_slots *slots, bool user)
{
	return user ? slots->count : slots->user_first;
}

/**
 * tern_turns_look_locked() - See who of those that have slots has run, before any has to leave
 * @tdev: Device that is awake; struct tern_slots.lock is held
 * @user: Of user-owned queues, or of the others
 */
void tern_turns_look_locked(struct tern_device *tdev, bool user)
{
	struct tern_slots *slots = &tdev->slots;
	unsigned int slot;

	for (slot = first_slot(slots, user); slot < end_slot(slots, user); slot++) {
		struct tern_runqueue *queue = tern_slot_holder(tdev, slot);

		if (queue && !queue->ran && older_than(queue, TERN_TURN_MS))
			look(queue);
	}
}

/*
 * May @queue take the slot of @other, which has work? Higher priority need not wait for those
 * who have not run, unless they have waited for long before.
 */
static bool turn_is_over(struct tern_runqueue *queue, struct tern_runqueue *other)
{
	if (!older_than(other, TERN_TURN_MS))
		return false;
	if (!other->ran && (other->waited_long || other->priority >= queue->priority))
		return false;
	return other->priority <= queue->priority || tern_turn_patience_over(queue);
}

/**
 * tern_turn_choose_locked() - Find a slot for a queue
 * @queue: Queue that waits; struct tern_slots.lock is held, and tern_turns_look_locked() was called
 *
 * None of which living firmware may have a STOP yet: it would take that for the new holder's. And
 * nobody's, when the firmware is about to be reset: who got it would not be started before that.
 *
 * Return: a free slot, one whose holder is idle, or the one that was held for longest; or -1
 */
int tern_turn_choose_locked(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	struct tern_slots *slots = &tdev->slots;
	bool user = tern_queue_is_user(queue), best_works = true;
	unsigned int slot;
	int best = -1;

	for (slot = first_slot(slots, user); slot < end_slot(slots, user); slot++) {
		struct tern_runqueue *other = tern_slot_holder(tdev, slot);
		bool works;

		if (test_bit(slot, slots->unstopped))
			continue;
		if (!other)
			return slot;
		if (tern_reset_ahead(tdev))
			continue;
		works = tern_queue_has_work(other);
		if (works && (!best_works || !turn_is_over(queue, other)))
			continue;
		if (best < 0 || (best_works && !works) ||
		    time_before(other->turn.at, tern_slot_holder(tdev, best)->turn.at)) {
			best = slot;
			best_works = works;
		}
	}
	return best;
}
