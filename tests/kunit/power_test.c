// SPDX-License-Identifier: GPL-2.0
/* Whether the device may sleep: what firmware and rings say, in that order. */
#include "mock.h"

#include "tern_pm.c"

static void expect_awake(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, mock->tdev.pm.asleep);
	KUNIT_EXPECT_TRUE(test, mock->master);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, 0);
	KUNIT_EXPECT_EQ(test, mock->queue[0].died, 0);
}

static void expect_asleep(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, mock->tdev.pm.asleep);
	KUNIT_EXPECT_FALSE(test, mock->master);
	KUNIT_EXPECT_EQ(test, tern_read(&mock->tdev, TERN_REG_DMA_ENABLE), 0);
	KUNIT_EXPECT_EQ(test, mock_queue(0)->slot, 0);
	KUNIT_EXPECT_EQ(test, mock->resumes, 0);
}

/* Queue 0 has a slot and nothing to do. */
static void hold_idle(void)
{
	mock_hold(0, 0, 0);
	mock->queue[0].work = false;
}

static void without_work_it_sleeps(struct kunit *test)
{
	hold_idle();
	KUNIT_EXPECT_EQ(test, go_to_sleep(&mock->tdev, TERN_SLEEP_IF_IDLE), 0);
	KUNIT_EXPECT_EQ(test, mock->suspends, 1);
	expect_asleep(test);
}

static void who_writes_meanwhile_keeps_it_awake(struct kunit *test)
{
	hold_idle();
	mock->writes_meanwhile = &mock->queue[0];
	KUNIT_EXPECT_EQ(test, go_to_sleep(&mock->tdev, TERN_SLEEP_IF_IDLE), -EBUSY);
	KUNIT_EXPECT_EQ(test, mock->suspends, 1);
	KUNIT_EXPECT_EQ(test, mock->resumes, 1);
	mock_settle();
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->tdev.reset.count), 0);
	expect_awake(test);
}

/* Without a slot no ring is looked at: whoever wants one wakes the device. */
static void who_has_no_slot_does_not(struct kunit *test)
{
	hold_idle();
	mock->writes_meanwhile = &mock->queue[1];
	KUNIT_EXPECT_EQ(test, go_to_sleep(&mock->tdev, TERN_SLEEP_IF_IDLE), 0);
	expect_asleep(test);
}

static void firmware_that_does_not_resume_boots_again(struct kunit *test)
{
	hold_idle();
	mock->writes_meanwhile = &mock->queue[0];
	mock->resume_answer = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, go_to_sleep(&mock->tdev, TERN_SLEEP_IF_IDLE), -EBUSY);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->boots_seen, 1);
	expect_awake(test);
}

/* It may suspend when nobody waits for the answer any more, and nobody would wake it. */
static void firmware_that_does_not_suspend_boots_again(struct kunit *test)
{
	hold_idle();
	mock->answer = -ETIMEDOUT;
	KUNIT_EXPECT_EQ(test, go_to_sleep(&mock->tdev, TERN_SLEEP_IF_IDLE), -ETIMEDOUT);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_EQ(test, mock->boots_seen, 1);
	expect_awake(test);
}

static void busy_firmware_is_not_disturbed(struct kunit *test)
{
	hold_idle();
	mock->busy = true;
	KUNIT_EXPECT_EQ(test, go_to_sleep(&mock->tdev, TERN_SLEEP_IF_IDLE), -EBUSY);
	KUNIT_EXPECT_EQ(test, mock->resumes, 0);
	expect_awake(test);
}

static void the_system_sleeps_with_work_in_rings(struct kunit *test)
{
	mock_hold(0, 0, 0);
	KUNIT_EXPECT_EQ(test, go_to_sleep(&mock->tdev, TERN_SLEEP_SAVING), 0);
	expect_asleep(test);
}

/* What it had begun would end up in memory that was given back meanwhile. */
static void accesses_under_way_do_not_outlast_a_sleep(struct kunit *test)
{
	hold_idle();
	tern_write(&mock->tdev, TERN_REG_DMA_IDLE, 0);
	tern_write(&mock->tdev, TERN_REG_MCU_CONTROL, 1);
	tern_write(&mock->tdev, TERN_FW_REG_BOOT_STATUS, TERN_FW_STAGE_READY);
	KUNIT_EXPECT_EQ(test, go_to_sleep(&mock->tdev, TERN_SLEEP_IF_IDLE), 0);
	KUNIT_EXPECT_EQ(test, mock->halted, 1);
	expect_asleep(test);
	KUNIT_EXPECT_EQ(test, wake_up_device(&mock->tdev), 0);
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_ALL], 1);
	KUNIT_EXPECT_FALSE(test, mock->reset_on_bus);
	expect_awake(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(without_work_it_sleeps),
	KUNIT_CASE(who_writes_meanwhile_keeps_it_awake),
	KUNIT_CASE(who_has_no_slot_does_not),
	KUNIT_CASE(firmware_that_does_not_resume_boots_again),
	KUNIT_CASE(firmware_that_does_not_suspend_boots_again),
	KUNIT_CASE(busy_firmware_is_not_disturbed),
	KUNIT_CASE(the_system_sleeps_with_work_in_rings),
	KUNIT_CASE(accesses_under_way_do_not_outlast_a_sleep),
	{},
};

static struct kunit_suite suite = {
	.name = "tern_power",
	.init = mock_init,
	.exit = mock_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
