// SPDX-License-Identifier: MIT
/* The firmware's boot: what it takes, and what it refuses, each with its error. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "support/fw_fake.h"

#define FAILED(stage, error) (TERN_FW_STAGE_##stage | (uint32_t)TERN_FW_ERROR_##error << 16)

/* Boots with what CHANGE did to struct tern_fw_boot. */
static void expect(void (*change)(struct fake *f), uint32_t status)
{
	struct fake *f = fake_new();

	change(f);
	ck_assert_uint_eq(fake_boot(f), status);
	ck_assert_uint_eq(f->halted, status != TERN_FW_STAGE_READY);
	ck_assert_uint_eq(f->irqs, 1); /* at READY and at every error */
	fake_free(f);
}

static void nothing(struct fake *f)
{
	(void)f;
}

START_TEST(ready_says_who_it_is)
{
	struct fake *f = fake_new();
	const struct tern_fw_info *info = (const void *)(f->area + f->boot->info);

	ck_assert_uint_eq(fake_boot(f), TERN_FW_STAGE_READY);
	ck_assert_uint_eq(info->major, TERN_FW_MAJOR);
	ck_assert_uint_eq(info->minor, TERN_FW_MINOR);
	ck_assert_uint_eq(info->features, 7);
	ck_assert_uint_eq(info->slots, TERN_NSLOTS);
	ck_assert_str_eq(info->version, TERN_VERSION);
	ck_assert_uint_eq(info->security_version, TERN_FW_SECURITY);
	ck_assert_uint_eq(f->power, TERN_POWER_ON);
	for (size_t i = 0; i < 11; i++)
		ck_assert_uint_eq(info->reserved[i], 0);
	fake_free(f);
	expect(nothing, TERN_FW_STAGE_READY);
}
END_TEST

START_TEST(log_tells_of_the_boot_if_it_may)
{
	struct fake *f = fake_new();

	f->boot->param[TERN_FW_PARAM_LOG_LEVEL] = TERN_FW_LOG_INFO;
	fake_boot(f);
	ck_assert(fake_logged(f, TERN_VERSION));
	fake_free(f);
	f = fake_booted();
	ck_assert_uint_eq(fake_log(f)->write, 0);
	fake_free(f);
}
END_TEST

/* ---- Addresses ----------------------------------------------------------------------- */

static const uint64_t bad_args[] = {
	0,
	64,
	TERN_MCU_WINDOW - 64,
	0xffffffffull,
	0x100000000ull | FAKE_AREA,
	FAKE_AREA + 4,
	0xffffffc0,
	FAKE_AREA - 64, /* not mapped */
	FAKE_AREA + 64, /* no magic */
	UINT64_MAX,
};

START_TEST(args_that_lead_nowhere)
{
	struct fake *f = fake_new();

	f->boot_args = bad_args[_i];
	ck_assert_uint_eq(fake_boot(f), FAILED(STARTED, MAGIC));
	fake_free(f);
}
END_TEST

/* As sound as any, but so far into the area. */
static uint32_t moved(uint32_t by)
{
	struct fake *f = fake_new();
	struct tern_fw_boot b = *f->boot;
	uint32_t status;

	b.area_bytes -= 64;
	memset(f->area, 0, sizeof(b));
	memcpy(f->area + by, &b, sizeof(b));
	f->boot_args = FAKE_AREA + by;
	status = fake_boot(f);
	fake_free(f);
	return status;
}

START_TEST(args_are_aligned)
{
	ck_assert_uint_eq(moved(4), FAILED(STARTED, MAGIC));
	ck_assert_uint_eq(moved(8), TERN_FW_STAGE_READY);
}
END_TEST

static void magic(struct fake *f)
{
	f->boot->magic ^= 1;
}

static void older(struct fake *f)
{
	f->boot->major = TERN_FW_MAJOR - 1;
}

static void newer(struct fake *f)
{
	f->boot->major = TERN_FW_MAJOR + 1;
}

START_TEST(another_major_is_refused)
{
	expect(magic, FAILED(STARTED, MAGIC));
	expect(older, FAILED(HANDSHAKE, MAJOR));
	expect(newer, FAILED(HANDSHAKE, MAJOR));
}
END_TEST

/* ---- Features -------------------------------------------------------------------------- */

static uint64_t offered, required;

static void features(struct fake *f)
{
	f->boot->features = offered;
	f->boot->required = required;
}

static void expect_features(uint64_t offer, uint64_t require, uint64_t take)
{
	struct fake *f = fake_new();

	offered = offer;
	required = require;
	features(f);
	fake_boot(f);
	ck_assert_uint_eq(f->boot_status, TERN_FW_STAGE_READY);
	ck_assert_uint_eq(f->fw.features, take);
	ck_assert_uint_eq(((struct tern_fw_info *)(f->area + f->boot->info))->features, take);
	fake_free(f);
}

START_TEST(features_are_negotiated)
{
	expect_features(0, 0, 0);
	expect_features(~0ull, 7, 7);
	expect_features(2, 2, 2);
	offered = ~0ull;
	required = 8;
	expect(features, FAILED(HANDSHAKE, FEATURES));
	required = 1ull << 63;
	expect(features, FAILED(HANDSHAKE, FEATURES));
	offered = 1; /* required, but not offered */
	required = 2;
	expect(features, FAILED(HANDSHAKE, FEATURES));
}
END_TEST

static void no_trace(struct fake *f)
{
	f->boot->trace_count = 0;
	f->boot->trace = 3; /* means nothing */
}

static void trace_required(struct fake *f)
{
	no_trace(f);
	f->boot->required = TERN_FW_FEATURE_TRACE;
}

START_TEST(no_trace_ring_no_trace)
{
	struct fake *f = fake_new();

	no_trace(f);
	ck_assert_uint_eq(fake_boot(f), TERN_FW_STAGE_READY);
	ck_assert_uint_eq(f->fw.features, 3);
	fake_free(f);
	expect(trace_required, FAILED(HANDSHAKE, FEATURES));
}
END_TEST

/* ---- Layout ------------------------------------------------------------------------------ */

static size_t field;
static uint32_t changed;

static void set_field(struct fake *f)
{
	*(__le32 *)((char *)f->boot + field) = changed;
}

static const struct {
	size_t field;
	uint32_t value;
} misfits[] = {
#define AT(f) offsetof(struct tern_fw_boot, f)
	{AT(to_fw_count), 0},
	{AT(to_fw_count), 4},
	{AT(to_fw_count), 12},
	{AT(to_fw_count), 2048},
	{AT(to_fw_count), 1u << 31},
	{AT(to_host_count), 0},
	{AT(to_host_count), 7},
	{AT(to_host_count), 2048},
	{AT(log_count), 0},
	{AT(log_count), 8192},
	{AT(log_count), 9},
	{AT(trace_count), 4},
	{AT(trace_count), 131072},
	{AT(trace_count), ~0u},
	/* Not a multiple of 64; beyond the area; wrapping around; over something else. */
	{AT(to_fw), 0x1020},
	{AT(to_fw), FAKE_BYTES},
	{AT(to_fw), FAKE_BYTES - 1024},
	{AT(to_fw), 0xffffffc0},
	{AT(to_fw), 0},
	{AT(to_fw), 0x2000},
	{AT(to_fw), 0x1c00},
	{AT(to_host), 0x1040},
	{AT(to_host), 0x80},
	{AT(log), 0x3001},
	{AT(log), FAKE_BYTES - 64},
	{AT(log), 0x1000},
	{AT(trace), 0xffffffc0},
	{AT(trace), 0x3040},
	{AT(crash), 0x4000},
	{AT(crash), FAKE_BYTES},
	{AT(crash), 0x80000000},
	{AT(info), 0x8200},
	{AT(info), 0x9010},
	{AT(info), FAKE_BYTES - 64},
	{AT(info), 0x80},
	{AT(area_bytes), 0},
	{AT(area_bytes), 0x9040},
	{AT(area_bytes), ~0u},
	{AT(area_bytes), 0x7fff0001}, /* the window ends before */
	{AT(reserved0), 1},
	{AT(reserved1), 1},
	{AT(reserved1) + 52, 1u << 31},
};

START_TEST(what_does_not_fit_is_refused)
{
	field = misfits[_i].field;
	changed = misfits[_i].value;
	expect(set_field, FAILED(HANDSHAKE, LAYOUT));
}
END_TEST

START_TEST(an_area_may_end_where_the_window_ends)
{
	field = AT(area_bytes);
	changed = 0x7fff0000; /* from FAKE_AREA to 4 GiB */
	expect(set_field, TERN_FW_STAGE_READY);
}
END_TEST

static void half_mapped(struct fake *f)
{
	f->area_bytes = 0x8100; /* the crash record is not */
}

static void later_minor(struct fake *f)
{
	f->boot->minor = TERN_FW_MINOR + 1;
	f->boot->reserved0 = 1;
	f->boot->reserved1[3] = 1;
	f->boot->param[TERN_FW_NPARAMS] = 1;
}

START_TEST(what_is_not_mapped_is_found_at_once)
{
	expect(half_mapped, FAILED(HANDSHAKE, LAYOUT));
}
END_TEST

START_TEST(a_later_minor_may_use_what_is_reserved)
{
	expect(later_minor, TERN_FW_STAGE_READY);
}
END_TEST

/* ---- Parameters --------------------------------------------------------------------------- */

static const struct {
	uint32_t low, high;
} limits[] = {
#define X(name, code, low, high, usual, text) {low, high},
	TERN_FW_PARAMS(X)
#undef X
};

START_TEST(parameters_have_limits)
{
	field = AT(param) + 4 * (size_t)_i;
	changed = limits[_i].low;
	expect(set_field, TERN_FW_STAGE_READY);
	changed = limits[_i].high;
	expect(set_field, TERN_FW_STAGE_READY);
	changed = limits[_i].high + 1;
	expect(set_field, FAILED(HANDSHAKE, CONFIG));
	changed = ~0u;
	expect(set_field, FAILED(HANDSHAKE, CONFIG));
	if (limits[_i].low) {
		changed = limits[_i].low - 1;
		expect(set_field, FAILED(HANDSHAKE, CONFIG));
	}
}
END_TEST

START_TEST(parameters_that_do_not_exist_are_zero)
{
	field = AT(param) + 4 * TERN_FW_NPARAMS;
	changed = 1;
	expect(set_field, FAILED(HANDSHAKE, CONFIG));
	field = AT(param) + 60;
	expect(set_field, FAILED(HANDSHAKE, CONFIG));
}
END_TEST

static void no_clock(struct fake *f)
{
	f->khz = 0;
}

START_TEST(a_clock_that_stands_fails_the_self_test)
{
	expect(no_clock, FAILED(STARTED, SELFTEST));
}
END_TEST

/* Ticks of any clock: 333 kHz, 19.2 MHz, 1 GHz. */
START_TEST(times_are_microseconds_whatever_the_clock)
{
	static const uint32_t clocks[] = {333, 19200, 1000000};

	for (size_t i = 0; i < 3; i++) {
		struct fake *f = fake_new();
		const struct params *p = &f->fw.params;

		f->khz = clocks[i];
		fake_boot(f);
		ck_assert_uint_eq(p->ticks[TERN_FW_PARAM_SLICE_US], 2ull * clocks[i]);
		ck_assert_uint_eq(p->ticks[TERN_FW_PARAM_PROGRESS_US], 2000ull * clocks[i]);
		ck_assert_uint_eq(params_us(p, 5000ull * clocks[i]), 5000000);
		ck_assert_uint_eq(params_us(p, UINT64_MAX / 1001),
				  (uint64_t)((__uint128_t)(UINT64_MAX / 1001) * 1000 / clocks[i]));
		fake_free(f);
	}
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

int main(void)
{
	Suite *s = suite_create("fw_boot");
	TCase *t = tcase_create("handshake");
	SRunner *r;
	int failed;

	tcase_add_test(t, ready_says_who_it_is);
	tcase_add_test(t, log_tells_of_the_boot_if_it_may);
	tcase_add_loop_test(t, args_that_lead_nowhere, 0, COUNT(bad_args));
	tcase_add_test(t, args_are_aligned);
	tcase_add_test(t, another_major_is_refused);
	tcase_add_test(t, features_are_negotiated);
	tcase_add_test(t, no_trace_ring_no_trace);
	tcase_add_loop_test(t, what_does_not_fit_is_refused, 0, COUNT(misfits));
	tcase_add_test(t, an_area_may_end_where_the_window_ends);
	tcase_add_test(t, what_is_not_mapped_is_found_at_once);
	tcase_add_test(t, a_later_minor_may_use_what_is_reserved);
	tcase_add_loop_test(t, parameters_have_limits, 0, COUNT(limits));
	tcase_add_test(t, parameters_that_do_not_exist_are_zero);
	tcase_add_test(t, a_clock_that_stands_fails_the_self_test);
	tcase_add_test(t, times_are_microseconds_whatever_the_clock);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
