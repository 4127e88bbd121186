// SPDX-License-Identifier: MIT
/* The firmware's streams: what a reader that follows fw.h gets to see, whenever it looks. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/fw_fake.h"
#include "format.h"

static struct fake *with_level(unsigned int level)
{
	struct fake *f = fake_new();

	f->boot->param[TERN_FW_PARAM_LOG_LEVEL] = level;
	if (fake_boot(f) != TERN_FW_STAGE_READY)
		abort();
	return f;
}

static struct tern_fw_log_record *record(struct fake *f, uint32_t i)
{
	return (struct tern_fw_log_record *)(fake_log(f) + 1) + i % f->boot->log_count;
}

START_TEST(levels_above_are_not_written)
{
	for (unsigned int level = 0; level < 4; level++) {
		struct fake *f = with_level(level);
		uint32_t before = fake_log(f)->write, irqs = f->irqs;

		for (unsigned int i = 0; i < 4; i++)
			log_text(&f->fw, i, "x");
		ck_assert_uint_eq(fake_log(f)->write - before, level + 1);
		/* ERROR and WARN interrupt. */
		ck_assert_uint_eq(f->irqs - irqs, level == 0 ? 1 : 2);
		fake_free(f);
	}
}
END_TEST

START_TEST(records_say_when_and_what)
{
	struct fake *f = with_level(1);
	const struct tern_fw_log_record *r = record(f, 0);

	f->now = 123456;
	log_text(&f->fw, TERN_FW_LOG_WARN, "slot %u: %s, %x", 63u, "stuck", 0xbeefu);
	ck_assert_uint_eq(r->seq, 1);
	ck_assert_uint_eq(r->level, TERN_FW_LOG_WARN);
	ck_assert_uint_eq(r->timestamp, FAKE_TIMESTAMP(123456));
	ck_assert_uint_eq(r->bytes, strlen("slot 63: stuck, beef"));
	ck_assert_int_eq(memcmp(r->text, "slot 63: stuck, beef", r->bytes), 0);
	ck_assert_uint_eq(r->reserved, 0);
	fake_free(f);
}
END_TEST

START_TEST(long_texts_are_cut)
{
	struct fake *f = with_level(1);
	char text[300];

	memset(text, 'x', sizeof(text));
	text[299] = 0;
	log_text(&f->fw, TERN_FW_LOG_WARN, "%s", text);
	ck_assert_uint_eq(record(f, 0)->bytes, 112);
	ck_assert_int_eq(memcmp(record(f, 0)->text, text, 112), 0);
	fake_free(f);
}
END_TEST

START_TEST(the_oldest_is_lost)
{
	struct fake *f = with_level(1);

	for (unsigned int i = 0; i < 100; i++)
		log_text(&f->fw, TERN_FW_LOG_WARN, "%u", i);
	ck_assert_uint_eq(fake_log(f)->write, 100);
	for (uint32_t i = 100 - f->boot->log_count; i < 100; i++) {
		ck_assert_uint_eq(record(f, i)->seq, i + 1);
		ck_assert_int_eq(atoi(record(f, i)->text), (int)i);
	}
	fake_free(f);
}
END_TEST

/* ---- Torn records ----------------------------------------------------------------------------- */

/* Record i of the test: every byte of it says so. */
static void write_record(struct fake *f, uint32_t i)
{
	f->now = 0x0101010101010101ull * (i % 100);
	log_text(&f->fw, TERN_FW_LOG_WARN, "%u%u%u%u%u%u%u%u%u%u%u%u", 1000 + i, 1000 + i, 1000 + i,
		 1000 + i, 1000 + i, 1000 + i, 1000 + i, 1000 + i, 1000 + i, 1000 + i, 1000 + i,
		 1000 + i);
}

static uint32_t seen, torn;

static bool is_whole(const struct tern_fw_log_record *r, uint32_t i)
{
	char want[113];

	for (unsigned int k = 0; k < 12; k++)
		snprintf(want + 4 * k, 5, "%u", 1000 + i);
	return r->level == TERN_FW_LOG_WARN &&
	       r->timestamp == FAKE_TIMESTAMP(0x0101010101010101ull * (i % 100)) &&
	       r->bytes == 48 && !memcmp(r->text, want, 48);
}

/* The kernel looks at a barrier: all records that fw.h lets it believe must be whole. */
static void look(struct fake *f)
{
	uint32_t write = fake_log(f)->write, from;

	from = write > f->boot->log_count ? write - f->boot->log_count : 0;
	for (uint32_t i = from; i < write; i++) {
		if (record(f, i)->seq != i + 1)
			torn++;
		else if (is_whole(record(f, i), i))
			seen++;
		else
			ck_abort_msg("record %u is torn, and its seq does not say so", i);
	}
}

START_TEST(torn_records_say_so)
{
	struct fake *f = with_level(1);

	seen = torn = 0;
	f->at_fence = look;
	for (uint32_t i = 0; i < 500; i++)
		write_record(f, i);
	ck_assert_uint_gt(seen, 10000);
	ck_assert_uint_gt(torn, 400); /* the one being overwritten is seen, too */
	fake_free(f);
}
END_TEST

/* ---- Trace -------------------------------------------------------------------------------------- */

static const struct tern_fw_trace_record *find(struct fake *f, enum tern_fw_trace kind)
{
	const struct tern_fw_trace_record *r = (const void *)(fake_trace(f) + 1);

	for (uint32_t i = 0; i < fake_trace(f)->write && i < f->boot->trace_count; i++) {
		if (r[i].kind == kind)
			return &r[i];
	}
	ck_abort_msg("no record of kind %u", kind);
}

START_TEST(a_jobs_life_is_traced)
{
	struct fake *f = fake_booted();
	const struct tern_fw_trace_record *r;

	f->drain_ticks = f->save_ticks = 20;
	fake_bind(f, 6, 1);
	fake_start(f, 6);
	fake_submit(f, 6, 3, 3000);
	fake_for(f, 100);
	fake_busy(f, 7, 2);
	fake_for(f, 100);
	fake_ask(f, TERN_FW_SLOT_STOP, 7, TERN_FW_STOP_ABORT, 0);
	fake_for(f, 50000);
	ck_assert_uint_eq(find(f, TERN_FW_TRACE_POWER)->arg, TERN_POWER_ON);
	ck_assert_uint_eq(find(f, TERN_FW_TRACE_REQUEST)->arg, TERN_FW_SLOT_START);
	ck_assert_uint_eq(find(f, TERN_FW_TRACE_REQUEST)->slot, 6);
	ck_assert_uint_eq(find(f, TERN_FW_TRACE_EVENT)->arg, TERN_FW_EVENT_REPLY);
	ck_assert_uint_eq(find(f, TERN_FW_TRACE_DOORBELL)->slot, 6);
	ck_assert_uint_eq(find(f, TERN_FW_TRACE_SAVED)->slot, 6);
	r = find(f, TERN_FW_TRACE_RUN);
	ck_assert_uint_eq(r->slot, 6);
	ck_assert_uint_eq(r->arg, 0);
	do {
		r++;
	} while (r->kind != TERN_FW_TRACE_RUN || r->slot != 6);
	ck_assert_uint_eq(r->arg, 1); /* it goes on */
	do {
		r++;
	} while (r->kind != TERN_FW_TRACE_RUN || r->slot != 6);
	ck_assert_uint_eq(r->arg, 0); /* the next job */
	r = find(f, TERN_FW_TRACE_PREEMPT);
	ck_assert_uint_eq(r->slot, 6);
	ck_assert_uint_eq(r->arg, TERN_FW_PREEMPT_PRIORITY);
	r = (const void *)(fake_trace(f) + 1);
	for (uint32_t i = 0; i < fake_trace(f)->write; i++) {
		ck_assert_uint_eq(r[i].seq, i + 1);
		ck_assert(!i || r[i].timestamp >= r[i - 1].timestamp);
		ck_assert_uint_eq(r[i].reserved, 0);
	}
	fake_free(f);
}
END_TEST

/* ---- Text ------------------------------------------------------------------------------------------ */

static size_t text(char *out, size_t size, const char *format, ...)
{
	va_list args;
	size_t n;

	va_start(args, format);
	n = format_text(out, size, format, args);
	va_end(args);
	return n;
}

START_TEST(text_is_formatted)
{
	char out[40] = "";

	ck_assert_uint_eq(text(out, 39, "%u %u %x %s%%", 0u, 4294967295u, 0xdeadbeefu, "end"), 26);
	out[26] = 0;
	ck_assert_str_eq(out, "0 4294967295 deadbeef end%");
	ck_assert_uint_eq(text(out, 3, "%u", 12345u), 3);
	ck_assert_int_eq(memcmp(out, "1234", 3), 0);
	ck_assert_uint_eq(text(out, 0, "abc"), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fw_log");
	TCase *t = tcase_create("streams");
	SRunner *r;
	int failed;

	tcase_add_test(t, levels_above_are_not_written);
	tcase_add_test(t, records_say_when_and_what);
	tcase_add_test(t, long_texts_are_cut);
	tcase_add_test(t, the_oldest_is_lost);
	tcase_add_test(t, torn_records_say_so);
	tcase_add_test(t, a_jobs_life_is_traced);
	tcase_add_test(t, text_is_formatted);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
