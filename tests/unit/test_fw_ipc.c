// SPDX-License-Identifier: MIT
/* Messages between kernel and firmware: sound ones and hostile ones. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/fw_fake.h"

#define MS 1000ull

static struct tern_fw_message ping(uint64_t value)
{
	return (struct tern_fw_message){.type = TERN_FW_PING, .arg = {value}};
}

/* What is said to a message as it is. */
static enum tern_fw_status said(struct fake *f, struct tern_fw_message m)
{
	fake_post(f, m);
	fake_for(f, 20 * MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].reply_to, f->sent - 1);
	return (enum tern_fw_status)f->last[TERN_FW_EVENT_REPLY].status;
}

/* ---- Good ones ---------------------------------------------------------------------------- */

START_TEST(ping_tells_the_time)
{
	struct fake *f = fake_booted();
	struct tern_fw_message m;
	uint32_t irqs;

	fake_until(f, 4 * MS);
	irqs = f->irqs;
	m = fake_ask(f, TERN_FW_PING, 0, 0xdeadbeefcafeull, 0);
	ck_assert_uint_eq(m.status, TERN_FW_STATUS_OK);
	ck_assert_uint_eq(m.arg[0], 0xdeadbeefcafeull);
	ck_assert_uint_eq(m.arg[1], FAKE_TIMESTAMP(4 * MS));
	for (size_t i = 2; i < 6; i++)
		ck_assert_uint_eq(m.arg[i], 0);
	ck_assert_uint_eq(m.slot, 0);
	ck_assert_uint_eq(f->irqs, irqs + 1);
	fake_free(f);
}
END_TEST

/* Many times around rings of all sizes, from indices that are about to wrap. */
START_TEST(rings_go_round)
{
	static const uint32_t counts[] = {8, 16, 1024};
	struct fake *f = fake_new();

	f->boot->to_fw_count = f->boot->to_host_count = counts[_i];
	f->boot->to_fw = 0x10000;
	f->boot->to_host = 0x21000;
	ck_assert_uint_eq(fake_boot(f), TERN_FW_STAGE_READY);
	f->fw.ipc.read = f->fw.ipc.write = f->sent = f->taken = UINT32_MAX - 20;
	fake_to_fw(f)->read = fake_to_fw(f)->write = f->sent;
	fake_to_host(f)->read = fake_to_host(f)->write = f->sent;
	for (unsigned int i = 0; i < 3000; i++) {
		struct tern_fw_message m = fake_ask(f, TERN_FW_PING, 0, i, 0);

		ck_assert_uint_eq(m.arg[0], i);
		ck_assert_uint_eq(fake_to_fw(f)->read, f->sent);
	}
	fake_free(f);
}
END_TEST

START_TEST(many_are_answered_in_order)
{
	struct fake *f = fake_booted();
	struct tern_fw_message m;

	for (unsigned int i = 0; i < 16; i++)
		fake_post(f, ping(i));
	fake_for(f, 1);
	for (unsigned int i = 0; i < 16; i++) {
		ck_assert(fake_take(f, &m));
		ck_assert_uint_eq(m.reply_to, i);
		ck_assert_uint_eq(m.arg[0], i);
	}
	ck_assert(!fake_take(f, &m));
	fake_free(f);
}
END_TEST

START_TEST(parameters_are_set_and_told)
{
	struct fake *f = fake_booted();
	struct tern_fw_message m = fake_ask(f, TERN_FW_SET_PARAM, 0, TERN_FW_PARAM_SLICE_US, 777);

	ck_assert_uint_eq(m.status, TERN_FW_STATUS_OK);
	ck_assert_uint_eq(m.arg[0], 2000);
	m = fake_ask(f, TERN_FW_SET_PARAM, 0, TERN_FW_PARAM_SLICE_US, 99);
	ck_assert_uint_eq(m.status, TERN_FW_STATUS_INVALID);
	m = fake_ask(f, TERN_FW_SET_PARAM, 0, TERN_FW_PARAM_SLICE_US, 1ull << 32 | 777);
	ck_assert_uint_eq(m.status, TERN_FW_STATUS_INVALID);
	m = fake_ask(f, TERN_FW_SET_PARAM, 0, TERN_FW_NPARAMS, 5);
	ck_assert_uint_eq(m.status, TERN_FW_STATUS_INVALID);
	m = fake_ask(f, TERN_FW_SET_PARAM, 0, 1ull << 32, 777);
	ck_assert_uint_eq(m.status, TERN_FW_STATUS_INVALID);
	m = fake_ask(f, TERN_FW_SET_PARAM, 0, TERN_FW_PARAM_SLICE_US, 1000);
	ck_assert_uint_eq(m.arg[0], 777);
	fake_free(f);
}
END_TEST

/* ---- Bad ones -------------------------------------------------------------------------------- */

START_TEST(unknown_requests_are_said_to_be_so)
{
	struct fake *f = fake_booted();
	struct tern_fw_message m = {0};

	for (unsigned int type = 0; type < 65536; type = type < 16 ? type + 1 : 2 * type + 1) {
		if (type >= TERN_FW_PING && type <= TERN_FW_SET_PARAM)
			continue;
		m.type = (__le16)type;
		ck_assert_uint_eq(said(f, m), TERN_FW_STATUS_UNKNOWN);
	}
	fake_free(f);
}
END_TEST

START_TEST(requests_of_features_not_taken_are_unknown)
{
	struct fake *f = fake_new();

	f->boot->features = TERN_FW_FEATURE_PREEMPT;
	fake_boot(f);
	ck_assert_uint_eq(fake_ask(f, TERN_FW_SUSPEND, 0, 0, 0).status, TERN_FW_STATUS_UNKNOWN);
	ck_assert_uint_eq(fake_ask(f, TERN_FW_RESUME, 0, 0, 0).status, TERN_FW_STATUS_UNKNOWN);
	fake_for(f, 1000 * MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_IDLE], 0);
	ck_assert_uint_eq(fake_trace(f)->write, 0);
	fake_free(f);
}
END_TEST

/* How many arguments each has, and whether it names a slot: from the texts of fw.h. */
static const struct {
	enum tern_fw_request type;
	unsigned int args;
	bool slot;
} shapes[] = {
	{TERN_FW_PING, 1, false},    {TERN_FW_SLOT_START, 0, true}, {TERN_FW_SLOT_STOP, 1, true},
	{TERN_FW_SUSPEND, 1, false}, {TERN_FW_RESUME, 0, false},    {TERN_FW_SET_PARAM, 2, false},
};

START_TEST(what_a_request_does_not_name_is_zero)
{
	struct fake *f = fake_booted();
	struct tern_fw_message m;

	for (unsigned int i = shapes[_i].args; i < 6; i++) {
		m = (struct tern_fw_message){.type = (__le16)shapes[_i].type};
		m.arg[i] = 1ull << (8 * i);
		ck_assert_uint_eq(said(f, m), TERN_FW_STATUS_INVALID);
	}
	m = (struct tern_fw_message){.type = (__le16)shapes[_i].type, .status = 1};
	ck_assert_uint_eq(said(f, m), TERN_FW_STATUS_INVALID);
	m = (struct tern_fw_message){.type = (__le16)shapes[_i].type, .reply_to = 1};
	ck_assert_uint_eq(said(f, m), TERN_FW_STATUS_INVALID);
	m = (struct tern_fw_message){.type = (__le16)shapes[_i].type};
	m.slot = shapes[_i].slot ? TERN_NSLOTS : 1;
	ck_assert_uint_eq(said(f, m), TERN_FW_STATUS_INVALID);
	m.slot = ~0u;
	ck_assert_uint_eq(said(f, m), TERN_FW_STATUS_INVALID);
	fake_free(f);
}
END_TEST

START_TEST(a_message_with_another_seq_is_invalid)
{
	static const uint32_t wrong[] = {1, ~0u, 16, 1u << 31};
	struct fake *f = fake_booted();

	fake_to_fw(f)->message[0] = ping(3);
	fake_to_fw(f)->message[0].seq = wrong[_i];
	fake_to_fw(f)->write = f->sent = 1;
	fake_kick(f);
	fake_for(f, MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].status, TERN_FW_STATUS_INVALID);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].reply_to, 0);
	ck_assert(fake_logged(f, "message 0"));
	ck_assert_uint_eq(fake_ask(f, TERN_FW_PING, 0, 5, 0).arg[0], 5);
	fake_free(f);
}
END_TEST

/* One that was taken, written again in its old place: a replay. */
START_TEST(a_replayed_message_is_invalid)
{
	struct fake *f = fake_booted();

	for (unsigned int i = 0; i < 16; i++)
		fake_ask(f, TERN_FW_PING, 0, i, 0);
	fake_to_fw(f)->write = ++f->sent; /* without a message: that of 16 before lies there */
	fake_kick(f);
	fake_for(f, MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].status, TERN_FW_STATUS_INVALID);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].reply_to, 16);
	fake_free(f);
}
END_TEST

START_TEST(a_write_index_out_of_range_is_survived)
{
	static const uint32_t jumps[] = {17, 1u << 31, ~0u, 1000};
	struct fake *f = fake_booted();

	fake_ask(f, TERN_FW_PING, 0, 1, 0);
	f->sent += jumps[_i];
	fake_to_fw(f)->write = f->sent;
	fake_kick(f);
	fake_for(f, MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_REPLY], 1);
	ck_assert(fake_logged(f, "write index"));
	ck_assert_uint_eq(fake_ask(f, TERN_FW_PING, 0, 5, 0).arg[0], 5);
	fake_free(f);
}
END_TEST

/* A kernel that goes on writing once it has been told that the place is free again. */
static void overwrite(struct fake *f)
{
	struct tern_fw_ring *r = fake_to_fw(f);

	if (r->read == f->sent)
		memset(&r->message[0], 0xff, sizeof(r->message[0]));
}

START_TEST(a_message_is_copied_before_it_is_judged)
{
	struct fake *f = fake_booted();

	f->at_fence = overwrite;
	fake_bind(f, 3, 0);
	fake_post(f, (struct tern_fw_message){.type = TERN_FW_SLOT_START, .slot = 3});
	fake_for(f, MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].status, TERN_FW_STATUS_OK);
	ck_assert_uint_eq(f->fw.slots.started, SLOT_BIT(3));
	ck_assert_uint_eq(fake_to_fw(f)->message[0].slot, ~0u);
	fake_free(f);
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	Suite *s = suite_create("fw_ipc");
	TCase *t = tcase_create("messages");
	SRunner *r;
	int failed;

	tcase_add_test(t, ping_tells_the_time);
	tcase_add_loop_test(t, rings_go_round, 0, 3);
	tcase_add_test(t, many_are_answered_in_order);
	tcase_add_test(t, parameters_are_set_and_told);
	tcase_add_test(t, unknown_requests_are_said_to_be_so);
	tcase_add_test(t, requests_of_features_not_taken_are_unknown);
	tcase_add_loop_test(t, what_a_request_does_not_name_is_zero, 0, COUNT(shapes));
	tcase_add_loop_test(t, a_message_with_another_seq_is_invalid, 0, 4);
	tcase_add_test(t, a_replayed_message_is_invalid);
	tcase_add_loop_test(t, a_write_index_out_of_range_is_survived, 0, 4);
	tcase_add_test(t, a_message_is_copied_before_it_is_judged);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
