// SPDX-License-Identifier: GPL-2.0
/* Messages: who waits for firmware that breaks the protocol, and who asks it then. */

/* To the other suites mock.c is the firmware: what is tried here has names of its own. */
#define tern_ipc_ask	tried_ipc_ask
#define tern_ipc_send	tried_ipc_send
#define tern_ipc_close	tried_ipc_close
#define tern_ipc_pardon tried_ipc_pardon
#define tern_pm_idle	tried_pm_idle
#include "mock.h"

#include "tern_ipc.c"
#include "tern_ring.c"

static struct tern_fw_ring *to_fw, *to_host;

/* Firmware that says IDLE once more as soon as one was heard, so many times. */
static unsigned int heard, repeats;

static void says_idle(void)
{
	u32 at = le32_to_cpu(to_host->write);

	to_host->message[at % TERN_TO_HOST_COUNT] = (struct tern_fw_message){
		.type = cpu_to_le16(TERN_FW_EVENT_IDLE),
		.seq = cpu_to_le32(at),
	};
	to_host->write = cpu_to_le32(at + 1);
}

void tried_pm_idle(struct tern_device *tdev, bool idle)
{
	if (heard++ < repeats)
		says_idle();
}

static int rings_init(struct kunit *test)
{
	int ret = mock_init(test);

	if (ret)
		return ret;
	to_fw = kunit_kzalloc(test, struct_size(to_fw, message, TERN_TO_FW_COUNT), GFP_KERNEL);
	to_host =
		kunit_kzalloc(test, struct_size(to_host, message, TERN_TO_HOST_COUNT), GFP_KERNEL);
	if (!to_fw || !to_host)
		return -ENOMEM;
	heard = 0;
	tern_ipc_init(&mock->tdev);
	tern_ipc_open(&mock->tdev, to_fw, to_host);
	return 0;
}

/* Asks, and does not wait: request 0 of each test. */
static void asks(struct kunit *test, struct tern_ipc_call *call)
{
	init_completion(&call->done);
	KUNIT_ASSERT_EQ(test, send(&mock->tdev, TERN_FW_SLOT_STOP, 0, 0, 0, call), 0);
}

/* Message AT of the firmware. */
static void says(u32 at, u32 request, enum tern_fw_status status, u64 value)
{
	to_host->message[at] = (struct tern_fw_message){
		.type = cpu_to_le16(TERN_FW_EVENT_REPLY),
		.seq = cpu_to_le32(at),
		.status = cpu_to_le16(status),
		.reply_to = cpu_to_le32(request),
		.arg = {cpu_to_le64(value)},
	};
	to_host->write = cpu_to_le32(at + 1);
	tern_ipc_receive(&mock->tdev);
}

/* The firmware's first message. */
static void replies(u32 request, u64 value)
{
	says(0, request, TERN_FW_STATUS_OK, value);
}

static void expect_broken(struct kunit *test, struct tern_ipc_call *call)
{
	struct tern_message reply;

	KUNIT_EXPECT_TRUE(test, completion_done(&call->done));
	KUNIT_EXPECT_EQ(test, call->error, -EPROTO);
	/* Nor is it asked anything, or believed, before it is restarted. */
	to_fw->read = 0;
	to_host->write = 0;
	KUNIT_EXPECT_EQ(test, tern_ipc_ask(&mock->tdev, TERN_FW_RESUME, 0, 0, 0, &reply), -EPROTO);
	KUNIT_EXPECT_EQ(test, to_fw->write, cpu_to_le32(1));
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
	KUNIT_EXPECT_STREQ(test, mock->tdev.reset.why, "the firmware broke the protocol");
}

static void who_asked_has_the_reply(struct kunit *test)
{
	struct tern_ipc_call call = {};

	asks(test, &call);
	KUNIT_EXPECT_FALSE(test, completion_done(&call.done));
	replies(0, 42);
	KUNIT_EXPECT_TRUE(test, completion_done(&call.done));
	KUNIT_EXPECT_EQ(test, call.error, 0);
	KUNIT_EXPECT_EQ(test, call.reply.arg[0], 42);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 0);
}

static void a_write_index_that_cannot_be_ends_the_wait(struct kunit *test)
{
	struct tern_ipc_call call = {};

	asks(test, &call);
	to_host->write = cpu_to_le32(TERN_TO_HOST_COUNT + 1);
	tern_ipc_receive(&mock->tdev);
	expect_broken(test, &call);
}

static void a_reply_to_nothing_ends_the_wait(struct kunit *test)
{
	struct tern_ipc_call call = {};

	asks(test, &call);
	replies(1, 42);
	expect_broken(test, &call);
}

static void a_read_index_that_cannot_be_ends_the_wait(struct kunit *test)
{
	struct tern_ipc_call call = {};

	asks(test, &call);
	to_fw->read = cpu_to_le32(2);
	KUNIT_EXPECT_EQ(test, tern_ipc_send(&mock->tdev, TERN_FW_SLOT_START, 0, 0, 0), -EPROTO);
	expect_broken(test, &call);
}

static void who_is_up_again_is_asked(struct kunit *test)
{
	to_host->write = cpu_to_le32(TERN_TO_HOST_COUNT + 1);
	tern_ipc_receive(&mock->tdev);
	mock_settle();
	tern_ipc_close(&mock->tdev);
	KUNIT_EXPECT_EQ(test, tern_ipc_send(&mock->tdev, TERN_FW_SLOT_START, 0, 0, 0), -ENODEV);
	to_host->write = 0;
	tern_ipc_open(&mock->tdev, to_fw, to_host);
	KUNIT_EXPECT_EQ(test, tern_ipc_send(&mock->tdev, TERN_FW_SLOT_START, 0, 0, 0), 0);
}

static void a_reset_that_was_forgotten_is_asked_for_again(struct kunit *test)
{
	to_host->write = cpu_to_le32(TERN_TO_HOST_COUNT + 1);
	tern_ipc_receive(&mock->tdev);
	mock_settle(); /* the reset that was under way; it stays broken, as if it was just after */
	KUNIT_EXPECT_EQ(test, tern_ipc_send(&mock->tdev, TERN_FW_SLOT_START, 0, 0, 0), -EPROTO);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 2);
}

/* The engines are reset, and the slot is not VALID when the firmware reads of it. */
static void a_start_may_fail_when_slots_are_taken(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, tern_ipc_send(&mock->tdev, TERN_FW_SLOT_START, 0, 0, 0), 0);
	tern_ipc_pardon(&mock->tdev);
	says(0, 0, TERN_FW_STATUS_STATE, 0);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 0);
	KUNIT_EXPECT_EQ(test, tern_ipc_send(&mock->tdev, TERN_FW_SLOT_START, 0, 0, 0), 0);
	says(1, 1, TERN_FW_STATUS_STATE, 0);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 1);
}

/* Whoever listens has other things to do, and interrupts off. */
static void who_never_ends_is_not_heard_out(struct kunit *test)
{
	repeats = 2 * TERN_TO_HOST_COUNT;
	says_idle();
	tern_ipc_receive(&mock->tdev);
	KUNIT_EXPECT_EQ(test, heard, TERN_TO_HOST_COUNT);
	tern_ipc_receive(&mock->tdev);
	tern_ipc_receive(&mock->tdev);
	KUNIT_EXPECT_EQ(test, heard, 2 * TERN_TO_HOST_COUNT + 1);
	mock_settle();
	KUNIT_EXPECT_EQ(test, mock->resets[TERN_RESET_MCU], 0);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(who_never_ends_is_not_heard_out),
	KUNIT_CASE(a_start_may_fail_when_slots_are_taken),
	KUNIT_CASE(a_reset_that_was_forgotten_is_asked_for_again),
	KUNIT_CASE(who_asked_has_the_reply),
	KUNIT_CASE(a_write_index_that_cannot_be_ends_the_wait),
	KUNIT_CASE(a_reply_to_nothing_ends_the_wait),
	KUNIT_CASE(a_read_index_that_cannot_be_ends_the_wait),
	KUNIT_CASE(who_is_up_again_is_asked),
	{},
};

static struct kunit_suite suite = {
	.name = "tern_ipc",
	.init = rings_init,
	.exit = mock_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);
