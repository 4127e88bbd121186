// SPDX-License-Identifier: MIT
/* Messages when there is no room for them, when there are too many, and half written ones. */
#include <check.h>
#include <stdlib.h>

#include "support/fw_fake.h"

#define MS 1000ull

static struct tern_fw_message ping(uint64_t value)
{
	return (struct tern_fw_message){.type = TERN_FW_PING, .arg = {value}};
}

/* ---- No room ------------------------------------------------------------------------------------ */

START_TEST(a_full_ring_keeps_replies_back)
{
	struct fake *f = fake_booted();
	struct tern_fw_message m;
	unsigned int got = 0;

	for (unsigned int i = 0; i < 16; i++)
		fake_post(f, ping(i));
	fake_for(f, MS);
	for (unsigned int i = 16; i < 32; i++) /* the host takes nothing */
		fake_post(f, ping(i));
	fake_for(f, 500 * MS);
	ck_assert_uint_eq(fake_to_host(f)->write, 16);
	/* One is taken, whose reply waits; no further message. */
	ck_assert_uint_eq(fake_to_fw(f)->read, 17);
	while (fake_take(f, &m)) {
		if (m.type == TERN_FW_EVENT_REPLY)
			ck_assert_uint_eq(m.reply_to, got++);
		fake_for(f, 0);
	}
	ck_assert_uint_eq(got, 32);
	fake_free(f);
}
END_TEST

START_TEST(a_full_ring_keeps_events_as_bits)
{
	struct fake *f = fake_booted();
	struct tern_fw_message m;
	uint64_t seen = 0;

	for (unsigned int i = 0; i < 16; i++)
		fake_post(f, ping(i));
	fake_for(f, MS);
	for (unsigned int slot = 0; slot < 20; slot++) {
		ipc_event(&f->fw, TERN_FW_EVENT_NO_PROGRESS, slot, slot);
		ipc_event(&f->fw, TERN_FW_EVENT_NO_PROGRESS, slot, slot + 100);
	}
	while (fake_take(f, &m)) {
		fake_for(f, 0);
		if (m.type != TERN_FW_EVENT_NO_PROGRESS)
			continue;
		ck_assert(!(seen & SLOT_BIT(m.slot)));
		ck_assert_uint_eq(m.arg[0], m.slot + 100); /* the latest */
		seen |= SLOT_BIT(m.slot);
	}
	ck_assert_uint_eq(seen, 0xfffff);
	fake_free(f);
}
END_TEST

START_TEST(a_read_index_out_of_range_is_survived)
{
	static const uint32_t reads[] = {1, 100, 1u << 31, ~0u - 20};
	struct fake *f = fake_booted();
	uint32_t irqs;

	fake_to_host(f)->read = reads[_i];
	fake_post(f, ping(1));
	fake_for(f, MS);
	ck_assert(fake_logged(f, "read index"));
	irqs = f->irqs;
	for (unsigned int i = 0; i < 50; i++) {
		fake_kick(f);
		fake_for(f, MS);
	}
	ck_assert_uint_eq(f->irqs, irqs); /* it is told once */
	ck_assert_uint_eq(fake_to_host(f)->write, 0);
	fake_to_host(f)->read = 0;
	fake_kick(f);
	fake_for(f, MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_REPLY], 1);
	ck_assert_uint_eq(f->last[TERN_FW_EVENT_REPLY].arg[0], 1);
	fake_free(f);
}
END_TEST

/* A kernel that never stops asking. */
static void flood(struct fake *f)
{
	fake_take_all(f);
	if (f->sent < 50000 && f->sent - fake_to_fw(f)->read < f->boot->to_fw_count)
		fake_post(f, ping(f->sent));
}

START_TEST(a_flood_does_not_stop_the_heart)
{
	struct fake *f = fake_booted();

	f->tick = 10;
	f->at_fence = flood;
	fake_for(f, 0);
	fake_kick(f);
	while (f->sent < 50000)
		fake_for(f, 10 * MS);
	ck_assert_uint_le(f->longest_beat, 100 * MS);
	ck_assert(!f->barked);
	f->at_fence = NULL;
	fake_for(f, MS);
	fake_take_all(f);
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_REPLY], 50000);
	fake_free(f);
}
END_TEST

/* The host sees a message only when it is whole: it looks at every barrier. */
static void no_torn_message(struct fake *f)
{
	const struct tern_fw_ring *r = fake_to_host(f);

	for (uint32_t i = f->taken; i != r->write; i++) {
		const struct tern_fw_message *m = &r->message[i % f->boot->to_host_count];

		ck_assert_uint_eq(m->seq, i);
		ck_assert_uint_eq(m->type, TERN_FW_EVENT_REPLY);
		ck_assert_uint_eq(m->arg[0], 0x1111111111111111ull * (m->reply_to % 16));
	}
}

START_TEST(messages_are_published_whole)
{
	struct fake *f = fake_booted();

	f->at_fence = no_torn_message;
	for (unsigned int i = 0; i < 100; i++) {
		fake_post(f, ping(0x1111111111111111ull * (i % 16)));
		fake_post(f, ping(0x1111111111111111ull * ((i + 1) % 16)));
		f->sent -= 1; /* the second one only lies there, with the seq of the next */
		fake_to_fw(f)->write = f->sent;
		fake_for(f, 1);
		fake_take_all(f);
	}
	ck_assert_uint_eq(f->count[TERN_FW_EVENT_REPLY], 100);
	fake_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fw_room");
	TCase *t = tcase_create("messages");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_full_ring_keeps_replies_back);
	tcase_add_test(t, a_full_ring_keeps_events_as_bits);
	tcase_add_loop_test(t, a_read_index_out_of_range_is_survived, 0, 4);
	tcase_add_test(t, a_flood_does_not_stop_the_heart);
	tcase_add_test(t, messages_are_published_whole);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
