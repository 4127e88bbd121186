// SPDX-License-Identifier: GPL-2.0
/* Causes of interrupts that are set again while they are cleared. */

/* To the other suites mock.c is the interrupts: what is tried here has names of its own. */
#define tern_irq_look	  tried_irq_look
#define tern_irq_start	  tried_irq_start
#define tern_irq_stop	  tried_irq_stop
#define tern_irq_init	  tried_irq_init
#define tern_irq_fini	  tried_irq_fini
#define tern_ipc_receive  tried_receive
#define tern_fw_tell_log  tried_tell_log
#define tern_hwmon_alarm  tried_alarm
#define tern_perf_listens tried_listens
#include "mock.h"

#include "tern_fw.h"
#include "tern_hwmon.h"
#include "tern_perf.h"

/* What IRQ_STATUS reads as: always this, and once, after so many reads, that too. */
static u32 always, once;
static unsigned int once_at, reads, heard;

static u32 tried_read(struct tern_device *tdev, u32 reg)
{
	if (reg != TERN_REG_IRQ_STATUS)
		return tern_read(tdev, reg);
	return always | (reads++ == once_at ? once : 0);
}

void tried_receive(struct tern_device *tdev)
{
	heard++;
}

void tried_tell_log(struct tern_device *tdev)
{
}

void tried_alarm(struct tern_device *tdev)
{
}

bool tried_listens(struct tern_device *tdev)
{
	return false;
}

#define tern_read tried_read
#include "tern_irq.c"

static int irq_init(struct kunit *test)
{
	int ret = mock_init(test);

	if (!ret)
		init_waitqueue_head(&mock->tdev.mmu.wait);
	return ret;
}

static void look(u32 status)
{
	always = status;
	reads = 0;
	heard = 0;
	tern_irq_look(&mock->tdev);
	mock_settle();
}

/* A program may set FENCE as often as it likes, and a message may come at any time. */
static void fences_do_not_make_messages_implausible(struct kunit *test)
{
	once = TERN_IRQ_MESSAGE;
	for (once_at = 0; once_at <= STATUS_READS; once_at++) {
		look(TERN_IRQ_FENCE);
		KUNIT_EXPECT_EQ(test, heard, 1);
		KUNIT_EXPECT_LE(test, reads, 2 * STATUS_READS);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->tdev.reset.count), 0);
}

static void a_cause_that_does_not_go_is_a_broken_device(struct kunit *test)
{
	look(TERN_IRQ_MESSAGE);
	KUNIT_EXPECT_LE(test, reads, 2 * STATUS_READS);
	KUNIT_EXPECT_EQ(test, atomic_read(&mock->tdev.reset.count), 1);
	KUNIT_EXPECT_STREQ(test, mock->tdev.reset.why, "IRQ_STATUS is not plausible");
}

static struct kunit_case cases[] = {
	KUNIT_CASE(fences_do_not_make_messages_implausible),
	KUNIT_CASE(a_cause_that_does_not_go_is_a_broken_device),
	{},
};

static struct kunit_suite suite = {
	.name = "tern_irq",
	.init = irq_init,
	.exit = mock_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
