// SPDX-License-Identifier: GPL-2.0
/* Who gets a slot, who has to leave one, and what becomes of those. */
#include "mock.h"

#include "tern_fault.c"
#include "tern_report.c"
#include "tern_slot.c"
#include "tern_slot_hw.c"
#include "tern_turn.c"

#define USER_SLOT (MOCK_SLOTS - 1)
#define LONG_MS	  (2 * TERN_TURN_MS)

static int choose(struct tern_runqueue *queue)
{
	int slot;

	mutex_lock(&mock->tdev.slots.lock);
	tern_turns_look_locked(&mock->tdev, tern_queue_is_user(queue));
	slot = tern_turn_choose_locked(queue);
	mutex_unlock(&mock->tdev.slots.lock);
	return slot;
}

static void waits_for(struct tern_runqueue *queue, long ms)
{
	queue->waits_since = jiffies - ms * HZ / 1000;
}

/* Queue I has work and wants a slot; returns when that was looked at once. */
static void wants(unsigned int i)
{
	mock->queue[i].work = true;
	tern_slot_want(mock_queue(i));
	flush_work(&mock->tdev.slots.work);
}

static void a_free_slot_comes_first(struct kunit *test)
{
	mock_hold(0, 0, LONG_MS);
	mock->queue[0].work = false;
	KUNIT_EXPECT_EQ(test, choose(mock_queue(1)), 1);
}

static void slots_of_users_are_theirs(struct kunit *test)
{
	unsigned int i;

	mock_queue(5)->flags = DRM_TERN_QUEUE_USER;
	KUNIT_EXPECT_EQ(test, choose(mock_queue(5)), USER_SLOT);
	for (i = 0; i < USER_SLOT; i++)
		mock_hold(i, i, FRESH);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(4)), -1); /* though one is free */
}

static void the_idle_leave_before_the_busy(struct kunit *test)
{
	mock_hold(0, 0, 10 * LONG_MS);
	mock_hold(1, 1, LONG_MS);
	mock_hold(2, 2, LONG_MS);
	mock->queue[2].work = false;
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 2);
}

static void of_the_busy_who_was_there_longest(struct kunit *test)
{
	mock_hold(0, 0, 2 * LONG_MS);
	mock_hold(1, 1, 3 * LONG_MS);
	mock_hold(2, 2, LONG_MS);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 1);
}

static void nobody_leaves_before_their_turn_is_over(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < USER_SLOT; i++)
		mock_hold(i, i, FRESH);
	waits_for(mock_queue(3), 100 * PATIENCE_MS);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), -1);
}

static void priority_counts_for_a_while(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < USER_SLOT; i++) {
		mock_queue(i)->priority = DRM_TERN_PRIORITY_HIGH;
		mock_hold(i, i, (i + 1) * LONG_MS);
	}
	waits_for(mock_queue(3), FRESH);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), -1);
	waits_for(mock_queue(3), 2 * PATIENCE_MS);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 2);
	waits_for(mock_queue(3), FRESH);
	mock_queue(3)->priority = DRM_TERN_PRIORITY_HIGH;
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 2);
}

/* All slots of the kernel's queues are held, by queues that have not run. */
static void nobody_has_run(void)
{
	unsigned int i;

	for (i = 0; i < USER_SLOT; i++) {
		waits_for(mock_queue(i), FRESH);
		mock_hold(i, i, (i + 1) * LONG_MS);
		mock_queue(i)->ran = false;
	}
	waits_for(mock_queue(3), 2 * PATIENCE_MS);
}

/* The firmware may take longer than a turn to get to those below others. */
static void nobody_leaves_before_they_have_run(struct kunit *test)
{
	nobody_has_run();
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), -1);
	mock_set64(tern_slot_reg(1, TERN_SLOT_REG_CYCLES), 1);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 1);
	mock->queue[0].work = false;
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 0);
}

/* Cycles may be counted when a job leaves the engines. */
static void who_is_found_running_has_a_turn_from_then(struct kunit *test)
{
	nobody_has_run();
	mock_state(1, TERN_SLOT_RUNNING);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), -1);
	mock_queue(1)->turn.at = jiffies - LONG_MS * HZ / 1000;
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 1);
}

/* What a ring says to no purpose keeps a slot for a while only; of the time that the device had. */
static void who_never_runs_leaves_in_the_end(struct kunit *test)
{
	u32 *us = mock->tdev.fw.param, khz = mock->tdev.timestamp_khz;

	nobody_has_run();
	us[TERN_FW_PARAM_STARVATION_US] = 100000;
	us[TERN_FW_PARAM_SLICE_US] = 2000;
	us[TERN_FW_PARAM_PREEMPT_US] = 10000;
	mock_queue(0)->turn.at = jiffies - HZ; /* long enough */
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), -1);
	mock_set64(TERN_FW_REG_CLOCK, khz * (100 + 2 * MOCK_SLOTS * (2 + 10)));
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), -1);
	mock_set64(TERN_FW_REG_CLOCK, khz * (100 + 2 * MOCK_SLOTS * (2 + 10)) + 1);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 0);
}

static void the_higher_wait_only_for_those_who_waited_long(struct kunit *test)
{
	nobody_has_run();
	mock_queue(3)->priority = DRM_TERN_PRIORITY_HIGH;
	mock_queue(2)->waited_long = true;
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 1);
}

/* Else one that missed a STOP could cost everybody their slots before its reset. */
static void nobody_leaves_for_firmware_that_is_about_to_be_reset(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < USER_SLOT; i++)
		mock_hold(i, i, LONG_MS);
	mock->queue[1].work = false;
	set_bit(TERN_RUNG_ENGINES, &mock->tdev.reset.wanted);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), 1);
	set_bit(TERN_RUNG_FIRMWARE, &mock->tdev.reset.wanted);
	KUNIT_EXPECT_EQ(test, choose(mock_queue(3)), -1);
	mock_queue(5)->flags = DRM_TERN_QUEUE_USER;
	KUNIT_EXPECT_EQ(test, choose(mock_queue(5)), USER_SLOT); /* started after it */
}

static struct tern_runqueue *first_waiting(void)
{
	return list_first_entry_or_null(&mock->tdev.slots.waiting, struct tern_runqueue, wait_node);
}

/* In one jiffy, and looked at in vain, an odd and an even number of times. */
static void who_came_first_stays_first(struct kunit *test)
{
	unsigned int i, looks;

	for (i = 0; i < USER_SLOT; i++)
		mock_hold(i, i, FRESH);
	wants(3);
	wants(4);
	mock_queue(4)->waits_since = mock_queue(3)->waits_since;
	for (looks = 0; looks < 3; looks++) {
		tern_slots_kick(&mock->tdev);
		flush_work(&mock->tdev.slots.work);
		KUNIT_EXPECT_PTR_EQ(test, first_waiting(), mock_queue(3));
	}
}

static void who_is_pushed_while_it_is_looked_at_keeps_its_place(struct kunit *test)
{
	struct tern_device *tdev = &mock->tdev;
	unsigned long since;
	unsigned int i;
	LIST_HEAD(list);

	for (i = 0; i < USER_SLOT; i++)
		mock_hold(i, i, FRESH);
	wants(3);
	since = mock_queue(3)->waits_since -= HZ;
	mutex_lock(&tdev->slots.lock);
	take_list(&tdev->slots, &list);
	tern_queue_put(pop(&tdev->slots, &list));
	tern_slot_want(mock_queue(4));
	tern_slot_want(mock_queue(3)); /* its next job */
	KUNIT_EXPECT_EQ(test, mock_queue(3)->waits_since, since);
	KUNIT_EXPECT_PTR_EQ(test, first_waiting(), mock_queue(3));
	serve_waiting(tdev);
	mutex_unlock(&tdev->slots.lock);
	KUNIT_EXPECT_NE(test, mock_queue(3)->ticket, 0);
	KUNIT_EXPECT_EQ(test, mock_queue(4)->ticket, 0); /* it has no work */
}

static void who_leaves_is_saved_and_waits(struct kunit *test)
{
	struct tern_runqueue *old = mock_queue(0);
	unsigned int i;

	for (i = 0; i < USER_SLOT; i++)
		mock_hold(i, i, i ? FRESH : LONG_MS);
	mock_state(0, TERN_SLOT_RUNNING);
	wants(3);
	KUNIT_EXPECT_EQ(test, mock_queue(3)->slot, 0);
	KUNIT_EXPECT_EQ(test, old->slot, -1);
	KUNIT_EXPECT_EQ(test, mock->stopped[0], 1);
	KUNIT_EXPECT_EQ(test, mock->aborted[0], 0);
	KUNIT_EXPECT_TRUE(test, old->restore);
	KUNIT_EXPECT_FALSE(test, list_empty(&old->wait_node));
	KUNIT_EXPECT_EQ(test, mock_queue(3)->ticket, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].skipped, 0);
	/* It goes on where it was, in another slot. */
	mock->queue[1].work = false;
	tern_slots_kick(&mock->tdev);
	flush_work(&mock->tdev.slots.work);
	KUNIT_EXPECT_EQ(test, old->slot, 1);
	KUNIT_EXPECT_TRUE(test, mock_control(1) & TERN_SLOT_RESTORE);
	KUNIT_EXPECT_EQ(test, mock->started[1], 1);
}

/* All slots of the kernel's queues are held, and the turn of the first's holder is over. */
static void only_the_first_may_leave(void)
{
	mock_hold(0, 0, LONG_MS);
	mock_hold(1, 1, FRESH);
	mock_hold(2, 2, FRESH);
	mock_state(0, TERN_SLOT_RUNNING);
}

static void who_does_not_answer_dies_of_it(struct kunit *test)
{
	only_the_first_may_leave();
	mock->stopped_state = TERN_SLOT_RUNNING;
	wants(3);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, mock_queue(3)->slot, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[1].died, 0);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 0);
}

/* The register takes a slot, whatever the firmware does; the job is lost, the queue is not. Who
 * gets the slot then has it from firmware that was reset. */
static void without_firmware_the_register_helps(struct kunit *test)
{
	only_the_first_may_leave();
	mock->answer = -ETIMEDOUT;
	mock_queue(3)->priority = DRM_TERN_PRIORITY_HIGH; /* on a slow machine, too, it stays */
	wants(3);
	mock->answer = 0;
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock_queue(3)->slot, 0); /* it came first */
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].skipped, 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 0);
}

/* Its slot is wanted, nothing gets it out, and the device does not survive that. */
static void who_outlives_the_device_is_let_go_of_once(struct kunit *test)
{
	only_the_first_may_leave();
	mock->sticks = true;
	mock->stopped_state = TERN_SLOT_RUNNING;
	mock->deaf = ~0UL;
	mock->boots = false;
	wants(3);
	mock_settle();
	KUNIT_EXPECT_FALSE(test, mock->tdev.ready);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, -1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_queue(3)->slot, -1);
	KUNIT_EXPECT_EQ(test, mock->queue[3].died, -ENODEV);
}

/* It may reach memory yet: what its state is nobody knows before a reset that tells. */
static void nonsense_is_not_idle(struct kunit *test)
{
	only_the_first_may_leave();
	mock_state(0, TERN_SLOT_FAULTED + 1);
	wants(3);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 1);
	KUNIT_EXPECT_EQ(test, mock_queue(3)->slot, 0);
}

static void a_fault_ends_its_queue_only(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	mock->queue[0].memory.fault.code = cpu_to_le16(TERN_FAULT_BUDGET);
	mock_state(0, TERN_SLOT_FAULTED);
	tern_slots_kick(&mock->tdev);
	flush_work(&mock->tdev.slots.work);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIME);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, -1);
	KUNIT_EXPECT_EQ(test, mock->aborted[0], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[1].died, 0);
	KUNIT_EXPECT_EQ(test, mock_queue(1)->slot, 1);
}

/* Nobody has looked since: its slot is wanted, and then the fault is found. */
static void who_faults_while_leaving_is_told_of_it(struct kunit *test)
{
	only_the_first_may_leave();
	mock->queue[0].memory.fault.code = cpu_to_le16(TERN_FAULT_BUDGET);
	mock->stopped_state = TERN_SLOT_FAULTED;
	wants(3);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIME);
	KUNIT_EXPECT_EQ(test, mock->queue[0].skipped, 0);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, -1);
	KUNIT_EXPECT_EQ(test, mock_queue(3)->slot, 0);
}

static void a_fault_that_makes_no_sense_is_the_devices(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock->queue[0].memory.fault.code = cpu_to_le16(0xffff);
	mock_state(0, TERN_SLOT_FAULTED);
	tern_slots_kick(&mock->tdev);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -EIO);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->fault.code, 0);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 1);
}

/* The firmware was to blame, it was thought. */
static void who_stays_in_the_engines_costs_the_next_rung(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	mock->sticks = true;
	tern_reset_request(&mock->tdev, TERN_RUNG_FIRMWARE, "test");
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].skipped, 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	KUNIT_EXPECT_EQ(test, mock->started[0], 1);
}

/* Destroyed when its slot had been looked at already, but not those who wait. */
static void who_is_destroyed_leaves_before_its_jobs_end(struct kunit *test)
{
	int slot;

	mock_hold(0, 0, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	mutex_lock(&mock->tdev.slots.lock);
	mock_queue(0)->destroyed = true;
	tern_slot_want(mock_queue(0));
	serve_waiting(&mock->tdev);
	slot = mock_queue(0)->slot;
	mutex_unlock(&mock->tdev.slots.lock);
	mock_settle();
	KUNIT_EXPECT_EQ(test, slot, -1);
	KUNIT_EXPECT_EQ(test, mock->aborted[0], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ECANCELED);
}

static void asleep_registers_are_left_alone(struct kunit *test)
{
	u32 control;

	mock_hold(0, 0, 0);
	control = mock_control(0);
	mock->tdev.pm.asleep = true;
	mock_queue(0)->destroyed = true;
	wants(1);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, -1);
	KUNIT_EXPECT_EQ(test, mock_queue(1)->slot, -1);
	KUNIT_EXPECT_EQ(test, mock_control(0), control);
	KUNIT_EXPECT_EQ(test, mock->stopped[0], 0);
	/* Awake, the device must not know that slot any more, nor its firmware. */
	mock->tdev.pm.asleep = false;
	mutex_lock(&mock->tdev.slots.lock);
	tern_slots_clear_stale(&mock->tdev);
	tern_slots_stop_stale(&mock->tdev);
	mutex_unlock(&mock->tdev.slots.lock);
	KUNIT_EXPECT_EQ(test, mock_control(0), 0);
	KUNIT_EXPECT_EQ(test, mock->aborted[0], 1);
	tern_slots_kick(&mock->tdev);
	flush_work(&mock->tdev.slots.work);
	KUNIT_EXPECT_EQ(test, mock_queue(1)->slot, 0);
}

/* It takes seconds to find that out, and the lock is held. */
static void firmware_that_does_not_answer_is_asked_once(struct kunit *test)
{
	mock->answer = -ETIMEDOUT;
	mutex_lock(&mock->tdev.slots.lock);
	__set_bit(0, mock->tdev.slots.stale);
	__set_bit(1, mock->tdev.slots.stale);
	tern_slots_stop_stale(&mock->tdev);
	mutex_unlock(&mock->tdev.slots.lock);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->stopped[0], 1);
	KUNIT_EXPECT_EQ(test, mock->stopped[1], 0);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
}

static void nobody_gets_a_slot_that_the_firmware_may_still_stop(struct kunit *test)
{
	struct tern_device *tdev = &mock->tdev;

	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	mock_hold(2, 2, 0);
	mock->answer = -EPROTO; /* the STOP is in its ring, and it lives */
	mock_queue(0)->destroyed = true;
	mock->queue[3].work = true;
	mutex_lock(&tdev->slots.lock);
	tern_slot_want(mock_queue(3));
	look_at_holders(tdev);
	serve_waiting(tdev);
	KUNIT_EXPECT_EQ(test, mock->aborted[0], 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 0);
	KUNIT_EXPECT_NE(test, tdev->reset.wanted, 0);
	KUNIT_EXPECT_FALSE(test, mock_control(0) & TERN_SLOT_VALID);
	mutex_unlock(&tdev->slots.lock);
	mock->answer = 0;
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock_queue(3)->slot, 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(nobody_leaves_for_firmware_that_is_about_to_be_reset),
	KUNIT_CASE(who_came_first_stays_first),
	KUNIT_CASE(who_is_pushed_while_it_is_looked_at_keeps_its_place),
	KUNIT_CASE(nobody_gets_a_slot_that_the_firmware_may_still_stop),
	KUNIT_CASE(a_free_slot_comes_first),
	KUNIT_CASE(slots_of_users_are_theirs),
	KUNIT_CASE(the_idle_leave_before_the_busy),
	KUNIT_CASE(of_the_busy_who_was_there_longest),
	KUNIT_CASE(nobody_leaves_before_their_turn_is_over),
	KUNIT_CASE(priority_counts_for_a_while),
	KUNIT_CASE(nobody_leaves_before_they_have_run),
	KUNIT_CASE(who_is_found_running_has_a_turn_from_then),
	KUNIT_CASE(who_never_runs_leaves_in_the_end),
	KUNIT_CASE(the_higher_wait_only_for_those_who_waited_long),
	KUNIT_CASE(who_leaves_is_saved_and_waits),
	KUNIT_CASE(who_does_not_answer_dies_of_it),
	KUNIT_CASE(without_firmware_the_register_helps),
	KUNIT_CASE(who_outlives_the_device_is_let_go_of_once),
	KUNIT_CASE(nonsense_is_not_idle),
	KUNIT_CASE(a_fault_ends_its_queue_only),
	KUNIT_CASE(who_faults_while_leaving_is_told_of_it),
	KUNIT_CASE(a_fault_that_makes_no_sense_is_the_devices),
	KUNIT_CASE(who_stays_in_the_engines_costs_the_next_rung),
	KUNIT_CASE(who_is_destroyed_leaves_before_its_jobs_end),
	KUNIT_CASE(asleep_registers_are_left_alone),
	KUNIT_CASE(firmware_that_does_not_answer_is_asked_once),
	{},
};

static struct kunit_suite suite = {
	.name = "tern_slots",
	.init = mock_init,
	.exit = mock_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
