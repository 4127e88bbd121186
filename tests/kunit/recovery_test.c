// SPDX-License-Identifier: GPL-2.0
/* What the watchdog takes for a stop, how far up the ladder a reset goes, and whom it costs what. */
#include "mock.h"

#include "tern_reset.c"
#include "tern_slot_reset.c"
#include "tern_watchdog.c"

/* The watchdog looks, MS of the device's time and SECONDS of the wall's after it looked last. */
static void look_after(unsigned int ms, unsigned int seconds)
{
	struct tern_device *tdev = &mock->tdev;
	u64 now = tern_read64(tdev, TERN_FW_REG_CLOCK) + (u64)ms * tdev->timestamp_khz;
	unsigned int i;

	mock_set64(TERN_FW_REG_CLOCK, now);
	tdev->watchdog.beat.at -= seconds * HZ;
	for (i = 0; i < MOCK_QUEUES; i++)
		mock_queue(i)->patience.at.at -= seconds * HZ;
	watchdog_fn(&tdev->watchdog.work.work);
	mock_settle();
}

static void beat(void)
{
	tern_write(&mock->tdev, TERN_FW_REG_HEARTBEAT,
		   tern_read(&mock->tdev, TERN_FW_REG_HEARTBEAT) + 1);
}

static void cycles(unsigned int slot, u64 value)
{
	mock_set64(tern_slot_reg(slot, TERN_SLOT_REG_CYCLES), value);
}

static void reset_from(enum tern_rung rung)
{
	mutex_lock(&mock->tdev.slots.lock);
	tern_reset_locked(&mock->tdev, rung, "a test asks for it");
	mutex_unlock(&mock->tdev.slots.lock);
	mock_settle();
}

/* ---- Watchdog ------------------------------------------------------------------- */

static void a_job_that_stands_still_dies(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	beat();
	look_after(1, 0);
	beat();
	cycles(1, 1);
	look_after(job_timeout_ms - 1, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	beat();
	cycles(1, 2);
	look_after(2, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, -1);
	KUNIT_EXPECT_EQ(test, mock->aborted[0], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[1].died, 0);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 0);
}

static void a_job_that_gets_on_lives(struct kunit *test)
{
	unsigned int i;

	mock_hold(0, 0, 0);
	for (i = 1; i < 100; i++) {
		beat();
		cycles(0, i);
		look_after(job_timeout_ms, 0);
	}
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
}

/* Of one in the engines the cycles may be counted late. */
static void progress_counts_only_where_it_is_made(struct kunit *test)
{
	unsigned int i;

	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	tern_write(&mock->tdev, TERN_FW_REG_RUNNING_SLOT, 1);
	for (i = 1; i < 4; i++) {
		beat();
		mock_set64(TERN_FW_REG_PROGRESS, i);
		look_after(job_timeout_ms + 1, 0);
	}
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, mock->queue[1].died, 0);
}

static void without_work_nothing_stands_still(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock->queue[0].work = false;
	look_after(1, 0);
	look_after(100 * job_timeout_ms, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->tdev.reset.count), 0);
}

/* A slow device has the wall's patience, but not for ever. */
static void a_clock_that_stands_still_is_no_excuse(struct kunit *test)
{
	unsigned int limit = job_timeout_ms / 1000 * PATIENCE;

	mock_hold(0, 0, 0);
	beat();
	look_after(0, 0);
	beat();
	look_after(0, limit / 2);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	beat();
	look_after(0, limit);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
}

static void firmware_that_stands_still_boots_again(struct kunit *test)
{
	mock_hold(0, 0, 0);
	beat();
	look_after(1, 0);
	cycles(0, 1);
	look_after(heartbeat_timeout_ms, 0);
	KUNIT_EXPECT_EQ(test, mock->boots_seen, 0);
	cycles(0, 2);
	look_after(2, 0);
	KUNIT_EXPECT_EQ(test, mock->boots_seen, 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	KUNIT_EXPECT_EQ(test, mock->started[0], 1); /* it knew no slots */
}

/* ---- The ladder ------------------------------------------------------------------ */

static void a_reset_costs_the_job_that_ran(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	mock_hold(2, 2, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	mock_state(1, TERN_SLOT_SAVED);
	reset_from(TERN_RUNG_ENGINES);
	KUNIT_EXPECT_EQ(test, mock->queue[0].skipped, 1);
	KUNIT_EXPECT_EQ(test, mock->queue[1].skipped, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[2].skipped, 0);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, 0); /* its next jobs run */
	KUNIT_EXPECT_TRUE(test, mock_control(0) & TERN_SLOT_VALID);
	KUNIT_EXPECT_FALSE(test, mock_control(0) & TERN_SLOT_RESTORE);
	KUNIT_EXPECT_EQ(test, mock->started[0], 1);
	KUNIT_EXPECT_TRUE(test, mock_control(1) & TERN_SLOT_RESTORE);
	KUNIT_EXPECT_EQ(test, mock->started[1], 1);
	KUNIT_EXPECT_EQ(test, mock->boots_seen, 0);
}

static void saved_contexts_survive_a_power_cycle(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	mock_state(1, TERN_SLOT_SAVED);
	reset_from(TERN_RUNG_POWER);
	KUNIT_EXPECT_EQ(test, mock->queue[0].skipped, 1);
	KUNIT_EXPECT_EQ(test, mock->queue[1].skipped, 0);
	KUNIT_EXPECT_FALSE(test, mock_control(0) & TERN_SLOT_RESTORE);
	KUNIT_EXPECT_TRUE(test, mock_control(1) & TERN_SLOT_RESTORE);
	KUNIT_EXPECT_EQ(test, mock->started[0] + mock->started[1], 2);
	KUNIT_EXPECT_TRUE(test, mock->master);
}

static void who_kept_the_engines_dies_of_the_reset(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	__set_bit(0, mock->tdev.slots.stuck);
	tern_write(&mock->tdev, TERN_FW_REG_COMMAND_STATUS, 1);
	tern_reset_request(&mock->tdev, TERN_RUNG_ENGINES, "a slot does not leave the engines");
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, -1);
	KUNIT_EXPECT_EQ(test, mock->queue[1].died, 0);
}

/* Slot 0 does not leave the engines; 1 and 2 have work, and the second was saved. NEXT waits. */
static void engines_are_reset_for_the_first(unsigned int next)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		mock_hold(i, i, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	mock_state(2, TERN_SLOT_SAVED);
	mock->next = next;
	__set_bit(0, mock->tdev.slots.stuck);
	tern_write(&mock->tdev, TERN_FW_REG_COMMAND_STATUS, 1);
	tern_reset_request(&mock->tdev, TERN_RUNG_ENGINES, "a slot does not leave the engines");
	mock_settle();
}

static void nobody_gets_into_engines_that_are_about_to_be_reset(struct kunit *test)
{
	engines_are_reset_for_the_first(1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, mock->queue[1].skipped, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[2].skipped, 0);
	KUNIT_EXPECT_EQ(test, mock->started[1], 1);
	KUNIT_EXPECT_EQ(test, mock->started[2], 1);
	KUNIT_EXPECT_TRUE(test, mock_control(2) & TERN_SLOT_RESTORE);
}

/* The first leaves when slot 1 is taken, and slot 2 is not yet. */
static void who_gets_in_before_a_reset_is_lost(struct kunit *test)
{
	mock->leaves = 1;
	engines_are_reset_for_the_first(2);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[1].skipped, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[2].skipped, 1);
	KUNIT_EXPECT_TRUE(test, mock_control(2) & TERN_SLOT_VALID);
	KUNIT_EXPECT_FALSE(test, mock_control(2) & TERN_SLOT_RESTORE);
}

/* The firmware was restarted for another reason, and that one keeps the engines yet. */
static void who_keeps_the_engines_after_a_reset_dies_of_the_next(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	mock->sticks = true;
	__set_bit(0, mock->tdev.slots.stuck);
	reset_from(TERN_RUNG_FIRMWARE);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
	KUNIT_EXPECT_EQ(test, mock->queue[0].skipped, 0);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, -1);
}

static void who_has_left_late_costs_nobody(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	mock_state(0, TERN_SLOT_SAVED);
	mock_state(1, TERN_SLOT_RUNNING);
	__set_bit(0, mock->tdev.slots.stuck);
	tern_reset_request(&mock->tdev, TERN_RUNG_ENGINES, "a slot does not leave the engines");
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	KUNIT_EXPECT_EQ(test, mock->started[0], 1); /* its ring was left alone */
	KUNIT_EXPECT_EQ(test, mock->queue[1].skipped, 0);
}

static void each_rung_follows_one_that_failed(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock->deaf = BIT(TERN_RESET_ENGINES) | BIT(TERN_RESET_MCU);
	reset_from(TERN_RUNG_ENGINES);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 1);
	KUNIT_EXPECT_EQ(test, mock->boots_seen, 1);
	KUNIT_EXPECT_TRUE(test, mock->tdev.ready);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
}

/* The last rung: off the bus first, then everybody is let go of (mock_exit looks). */
static void a_device_that_no_reset_helps_is_off(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock->queue[1].work = true;
	mock->boots = false;
	reset_from(TERN_RUNG_FIRMWARE);
	KUNIT_EXPECT_EQ(test, mock->boots_seen, 2);
	KUNIT_EXPECT_FALSE(test, mock->tdev.ready);
	KUNIT_EXPECT_FALSE(test, mock->master);
	KUNIT_EXPECT_EQ(test, tern_read(&mock->tdev, TERN_REG_DMA_ENABLE), 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, -1);
	/* Also those without a slot, whether they have work or not. */
	KUNIT_EXPECT_EQ(test, mock->queue[1].died, -ENODEV);
	KUNIT_EXPECT_EQ(test, mock->queue[2].died, -ENODEV);
	tern_slot_want(mock_queue(1));
	mock_settle();
}

/* DMA_IDLE stays 0: what the device had begun may yet reach memory. */
static void reset_while_it_writes(int halts, unsigned long deaf)
{
	mock_hold(0, 0, 0);
	tern_write(&mock->tdev, TERN_REG_DMA_IDLE, 0);
	mock->halts = halts;
	mock->deaf = deaf;
	reset_from(TERN_RUNG_POWER);
}

static void its_door_halts_a_device_that_is_never_idle(struct kunit *test)
{
	reset_while_it_writes(0, 0);
	KUNIT_EXPECT_EQ(test, mock->halted, 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 1);
	KUNIT_EXPECT_EQ(test, mock->stops, 1);
	KUNIT_EXPECT_TRUE(test, mock->tdev.ready);
	KUNIT_EXPECT_FALSE(test, mock->tdev.loose);
}

static void where_the_door_cannot_a_reset_does(struct kunit *test)
{
	reset_while_it_writes(-ENODEV, 0);
	KUNIT_EXPECT_EQ(test, mock->halted, 1);
	KUNIT_EXPECT_EQ(test, mock->stops, 1);
	KUNIT_EXPECT_TRUE(test, mock->tdev.ready);
	KUNIT_EXPECT_FALSE(test, mock->tdev.loose);
}

/* Nobody waits for it, but no page goes back (mock.c looks at each time). */
static void what_nothing_halts_keeps_its_memory(struct kunit *test)
{
	reset_while_it_writes(-ENODEV, BIT(TERN_RESET_ALL));
	KUNIT_EXPECT_FALSE(test, mock->tdev.ready);
	KUNIT_EXPECT_TRUE(test, mock->tdev.loose);
	KUNIT_EXPECT_EQ(test, mock->stops, 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ENODEV);
}

static void asleep_a_reset_stays_wanted(struct kunit *test)
{
	mock->tdev.pm.asleep = true;
	tern_reset_request(&mock->tdev, TERN_RUNG_POWER, "a test asks for it");
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 0);
	mock->tdev.pm.asleep = false;
	tern_reset_request(&mock->tdev, TERN_RUNG_ENGINES, "another");
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 1); /* one for both, the higher */
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 0);
}

/* A slot that is taken away may need one of the engines while the firmware's is due. */
static void a_smaller_reset_is_not_the_greater(struct kunit *test)
{
	mutex_lock(&mock->tdev.slots.lock);
	tern_reset_request(&mock->tdev, TERN_RUNG_FIRMWARE, "a test asks for it");
	tern_reset_locked(&mock->tdev, TERN_RUNG_ENGINES, "another");
	mutex_unlock(&mock->tdev.slots.lock);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ENGINES], 1);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
}

static void what_came_first_is_told(struct kunit *test)
{
	struct tern_device *tdev = &mock->tdev;

	tdev->pm.asleep = true;
	tern_reset_request(tdev, TERN_RUNG_ENGINES, "a slot");
	tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "the cause");
	tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "what follows");
	tern_reset_request(tdev, TERN_RUNG_ENGINES, "another slot");
	KUNIT_EXPECT_STREQ(test, tdev->reset.why, "the cause");
}

/* Whatever the firmware does, with a reset after the other, a job has its limit. */
static void look_until_it_dies(void)
{
	unsigned int i;

	for (i = 0; i < 100 && !mock->queue[0].died; i++)
		look_after(500, 1);
}

static void firmware_that_stands_still_costs_the_job(struct kunit *test)
{
	mock_hold(0, 0, 0);
	look_until_it_dies();
	KUNIT_EXPECT_GT(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
}

static void firmware_that_breaks_at_each_start_costs_the_job(struct kunit *test)
{
	mock_hold(0, 0, 0);
	beat();
	mock->breaks = true;
	reset_from(TERN_RUNG_FIRMWARE);
	look_until_it_dies();
	mock->breaks = false;
	KUNIT_EXPECT_GT(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
}

static void take_away(unsigned int i)
{
	mutex_lock(&mock->tdev.slots.lock);
	tern_slot_leave_locked(mock_queue(i), false);
	mutex_unlock(&mock->tdev.slots.lock);
}

static void time_passes(unsigned int ms)
{
	u64 now = tern_read64(&mock->tdev, TERN_FW_REG_CLOCK);

	mock_set64(TERN_FW_REG_CLOCK, now + (u64)ms * mock->tdev.timestamp_khz);
}

/* What others have the engines reset for, however often, does not make a job live for ever. */
static void resets_of_engines_do_not_keep_a_job(struct kunit *test)
{
	unsigned int i;

	mock_hold(0, 0, 0);
	for (i = 0; i < 100 && !mock->queue[0].died; i++) {
		beat();
		time_passes(400);
		reset_from(TERN_RUNG_ENGINES);
		look_after(0, 0);
	}
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
	KUNIT_EXPECT_GE(test, i, job_timeout_ms / 400);
}

static void who_was_there_first_begins_first(struct kunit *test)
{
	mock_hold(0, 2, 0);
	mock_hold(1, 0, 0);
	mock_hold(2, 1, 0);
	reset_from(TERN_RUNG_ENGINES);
	KUNIT_EXPECT_LT(test, mock->started_as[2], mock->started_as[0]);
	KUNIT_EXPECT_LT(test, mock->started_as[0], mock->started_as[1]);
	/* What the firmware has yet to read is of slots that it finds not VALID. */
	KUNIT_EXPECT_EQ(test, mock->pardons, 1);
	reset_from(TERN_RUNG_FIRMWARE);
	KUNIT_EXPECT_EQ(test, mock->pardons, 1);
}

/* What it runs may be why its firmware is reset each time. */
static void who_was_in_the_engines_begins_last(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock_hold(1, 1, 0);
	mock_hold(2, 2, 0);
	mock_state(0, TERN_SLOT_RUNNING);
	mock_state(1, TERN_SLOT_SAVED);
	reset_from(TERN_RUNG_FIRMWARE);
	KUNIT_EXPECT_LT(test, mock->started_as[1], mock->started_as[2]);
	KUNIT_EXPECT_LT(test, mock->started_as[2], mock->started_as[0]);
}

/* Nobody has looked while it had a slot. */
static void slots_that_are_soon_lost_count_too(struct kunit *test)
{
	unsigned int turns;

	for (turns = 0; turns < job_timeout_ms / 100; turns++) {
		mock_hold(0, 0, 0);
		time_passes(100);
		take_away(0);
	}
	mock_hold(0, 0, 0);
	beat();
	look_after(0, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	look_after(1, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
}

/* Taking turns with others it never has a slot for as long as a job may take. */
static void slots_that_are_of_no_use_are_not_taken_for_ever(struct kunit *test)
{
	unsigned int turns;

	for (turns = 0; turns < 100 && !mock->queue[0].died; turns++) {
		mock_hold(0, 0, 0);
		look_after(1, 0);
		beat();
		look_after(1000, 0);
		beat();
		if (mock_queue(0)->slot >= 0)
			take_away(0);
	}
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
	KUNIT_EXPECT_GE(test, turns, job_timeout_ms / 1000);
}

static void who_runs_in_its_turns_lives(struct kunit *test)
{
	unsigned int turns;

	for (turns = 0; turns < 100; turns++) {
		mock_hold(0, 0, 0);
		look_after(1, 0);
		beat();
		look_after(1000, 0);
		beat();
		cycles(0, 1); /* nobody looks before it leaves */
		take_away(0);
		cycles(0, 0);
	}
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
}

static void what_a_reset_takes_is_not_the_jobs_time(struct kunit *test)
{
	mock_hold(0, 0, 0);
	beat();
	look_after(1, 0);
	beat();
	look_after(job_timeout_ms - 100, 0);
	mock->boot_takes = 100ull * job_timeout_ms * mock->tdev.timestamp_khz;
	reset_from(TERN_RUNG_FIRMWARE);
	beat();
	look_after(50, 1);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	beat();
	look_after(50, 0); /* what it took before is */
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
}

static void time_without_work_is_not_the_jobs(struct kunit *test)
{
	mock_hold(0, 0, 0);
	mock->queue[0].work = false;
	beat();
	look_after(1, 0);
	mock->queue[0].work = true;
	beat();
	look_after(10 * job_timeout_ms, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
	beat();
	look_after(job_timeout_ms + 1, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, -ETIMEDOUT);
}

/* One that holds a slot and has no work is started all the same, and that breaks the firmware. */
static void who_comes_to_broken_firmware_does_not_wait_for_ever(struct kunit *test)
{
	unsigned int i;

	mock_hold(0, 0, 0);
	mock->queue[0].work = false;
	mock->breaks = true;
	mock->queue[3].work = true;
	tern_slot_want(mock_queue(3));
	reset_from(TERN_RUNG_FIRMWARE);
	for (i = 0; i < 10 * VAIN_MOST; i++)
		mock_settle();
	KUNIT_EXPECT_EQ(test, mock->queue[3].died, -ETIMEDOUT);
	KUNIT_EXPECT_LE(test, mock->resets[TERN_RESET_MCU], VAIN_MOST);
	KUNIT_EXPECT_LE(test, mock->resets[TERN_RESET_ALL], VAIN_MOST);
	KUNIT_EXPECT_FALSE(test, mock->tdev.ready);
}

static void resets_that_help_nobody_end(struct kunit *test)
{
	unsigned int i;

	for (i = 0; i < VAIN_MOST; i++)
		reset_from(TERN_RUNG_FIRMWARE);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], VAIN_MOST);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 0);
	for (i = 0; i < VAIN_MOST; i++)
		reset_from(TERN_RUNG_FIRMWARE);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], VAIN_MOST);
	KUNIT_EXPECT_TRUE(test, mock->tdev.ready);
	reset_from(TERN_RUNG_FIRMWARE);
	KUNIT_EXPECT_FALSE(test, mock->tdev.ready);
}

/* SELDOM: with more than a minute in between; else somebody gets on. */
static void resets_now_and_then(bool seldom)
{
	unsigned int i;

	if (!seldom)
		mock_hold(0, 0, 0);
	for (i = 0; i < 4 * VAIN_MOST; i++) {
		if (seldom)
			mock->tdev.reset.ended -= 2 * msecs_to_jiffies(SOON_MS);
		else
			cycles(0, 1);
		reset_from(TERN_RUNG_FIRMWARE);
	}
}

static void resets_that_help_go_on(struct kunit *test)
{
	resets_now_and_then(false);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 4 * VAIN_MOST);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
}

static void rare_resets_go_on(struct kunit *test)
{
	resets_now_and_then(true);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 4 * VAIN_MOST);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(resets_of_engines_do_not_keep_a_job),
	KUNIT_CASE(who_was_there_first_begins_first),
	KUNIT_CASE(who_was_in_the_engines_begins_last),
	KUNIT_CASE(slots_that_are_soon_lost_count_too),
	KUNIT_CASE(slots_that_are_of_no_use_are_not_taken_for_ever),
	KUNIT_CASE(who_runs_in_its_turns_lives),
	KUNIT_CASE(what_a_reset_takes_is_not_the_jobs_time),
	KUNIT_CASE(time_without_work_is_not_the_jobs),
	KUNIT_CASE(who_comes_to_broken_firmware_does_not_wait_for_ever),
	KUNIT_CASE(resets_that_help_nobody_end),
	KUNIT_CASE(resets_that_help_go_on),
	KUNIT_CASE(rare_resets_go_on),
	KUNIT_CASE(firmware_that_stands_still_costs_the_job),
	KUNIT_CASE(firmware_that_breaks_at_each_start_costs_the_job),
	KUNIT_CASE(a_job_that_stands_still_dies),
	KUNIT_CASE(a_job_that_gets_on_lives),
	KUNIT_CASE(progress_counts_only_where_it_is_made),
	KUNIT_CASE(without_work_nothing_stands_still),
	KUNIT_CASE(a_clock_that_stands_still_is_no_excuse),
	KUNIT_CASE(firmware_that_stands_still_boots_again),
	KUNIT_CASE(a_reset_costs_the_job_that_ran),
	KUNIT_CASE(saved_contexts_survive_a_power_cycle),
	KUNIT_CASE(who_kept_the_engines_dies_of_the_reset),
	KUNIT_CASE(nobody_gets_into_engines_that_are_about_to_be_reset),
	KUNIT_CASE(who_gets_in_before_a_reset_is_lost),
	KUNIT_CASE(who_keeps_the_engines_after_a_reset_dies_of_the_next),
	KUNIT_CASE(who_has_left_late_costs_nobody),
	KUNIT_CASE(each_rung_follows_one_that_failed),
	KUNIT_CASE(a_device_that_no_reset_helps_is_off),
	KUNIT_CASE(its_door_halts_a_device_that_is_never_idle),
	KUNIT_CASE(where_the_door_cannot_a_reset_does),
	KUNIT_CASE(what_nothing_halts_keeps_its_memory),
	KUNIT_CASE(asleep_a_reset_stays_wanted),
	KUNIT_CASE(a_smaller_reset_is_not_the_greater),
	KUNIT_CASE(what_came_first_is_told),
	{},
};

static struct kunit_suite suite = {
	.name = "tern_recovery",
	.init = mock_init,
	.exit = mock_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
