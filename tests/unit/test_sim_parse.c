// SPDX-License-Identifier: MIT
/* Device names: what they mean, and how a wrong one is explained. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

static struct tern_caps caps;
static struct tern_sim_options opt;
static char no_ops[64], err[256];

static int parse(const char *text)
{
	memset(&opt, 0, sizeof(opt));
	err[0] = '\0';
	return tern_sim_parse(text, &caps, &opt, no_ops, sizeof(no_ops), err, sizeof(err));
}

static void accept(const char *text)
{
	ck_assert_msg(!parse(text), "%s: %s", text, err);
}

START_TEST(configurations_are_those_of_the_table)
{
	accept("small");
	ck_assert_uint_eq(caps.mac_int8, 512);
	ck_assert_uint_eq(caps.spm_bytes, 256 << 10);
	accept("large");
	ck_assert_uint_eq(caps.vector_lanes, 512);
	accept("ref");
	ck_assert_uint_eq(caps.mac_int8, 4096);
	accept("");
	ck_assert_uint_eq(caps.spm_bytes, 2 << 20);
}
END_TEST

START_TEST(items_change_the_configuration)
{
	accept("mac=1024,spm=512K,dram=25.6,lanes=64,clock_mhz=800,queue_depth=128");
	ck_assert_uint_eq(caps.mac_int8, 1024);
	ck_assert_uint_eq(caps.m0 * caps.n0 * caps.k0, 1024);
	ck_assert_uint_eq(caps.spm_bytes, 524288);
	ck_assert_uint_eq(caps.dram_x256, 6554); /* 25.6 * 256 = 6553.6 */
	ck_assert_uint_eq(caps.vector_lanes, 64);
	ck_assert_uint_eq(caps.clock_khz, 800000);
	ck_assert_uint_eq(caps.queue_depth, 128);
	accept("small,dram=12.8");
	ck_assert_uint_eq(caps.dram_x256, 3277);
	accept("clock_mhz=1.5");
	ck_assert_uint_eq(caps.clock_khz, 1500);
}
END_TEST

START_TEST(mac_rates_of_the_named_configurations_give_their_quantum)
{
	static const struct {
		const char *text;
		uint32_t m0, n0;
	} rows[] = {
		{"mac=512", 4, 4}, {"mac=4096", 16, 8}, {"mac=16384", 32, 16}, {"mac=32", 1, 1}};

	for (int i = 0; i < 4; i++) {
		accept(rows[i].text);
		ck_assert_uint_eq(caps.m0, rows[i].m0);
		ck_assert_uint_eq(caps.n0, rows[i].n0);
	}
	accept("mac=1536,m0=8,n0=6");
}
END_TEST

START_TEST(save_area_grows_with_the_spm)
{
	accept("ref,spm=16M");
	ck_assert_uint_ge(caps.save_bytes, (16 << 20) + 4 * caps.acc + 4096);
	ck_assert_int_eq(parse("ref,spm=16M,save_bytes=2400000"), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "save_bytes"));
}
END_TEST

START_TEST(options_of_the_model)
{
	accept("ref,check,simd=avx2,threads=3,no=softmax+rope");
	ck_assert(opt.check);
	ck_assert_str_eq(opt.simd, "avx2");
	ck_assert_uint_eq(opt.threads, 3);
	ck_assert_str_eq(no_ops, "softmax+rope");
	accept("ref");
	ck_assert(!opt.check);
	ck_assert_ptr_null(opt.simd);
	ck_assert_str_eq(no_ops, "");
}
END_TEST

START_TEST(options_not_named_keep_their_value)
{
	memset(&opt, 0, sizeof(opt));
	opt.threads = 7;
	ck_assert_int_eq(tern_sim_parse("ref,check", &caps, &opt, NULL, 0, NULL, 0), 0);
	ck_assert_uint_eq(opt.threads, 7);
	ck_assert_int_eq(tern_sim_parse("ref,check", &caps, NULL, NULL, 0, NULL, 0), 0);
}
END_TEST

/* Each names the item and what would be right. */
static const struct {
	const char *text, *item, *advice;
} wrong[] = {
	{"mac=0", "mac=0: ", "from 32 to 1M"},
	{"mac=", "mac=: ", "mac=1024"},
	{"mac", "mac: ", "mac=1024"},
	{"mac=1024x", "mac=1024x: ", "from 32 to 1M"},
	{"mac=-5", "mac=-5: ", "from 32 to 1M"},
	{"mac=96", "mac_int8 is 96", "power of two"},
	{"ref,m0=3", "mac_int8", "m0 x n0 x k0"},
	{"mac=99999999999999999999999", "mac=999", "from 32 to 1M"},
	{"spm=17T", "spm=17T: ", "from 64K to 256M"},
	{"spm=1000000", "spm_bytes is 1000000", "multiple of 4096"},
	{"dram=0.1", "dram=0.1: ", "from 0.25 to 16384"},
	{"dram=0", "dram=0: ", "bytes per cycle must be a decimal number"},
	{"dram=1.2.3", "dram=1.2.3: ", "dram=25.6"},
	{"dram=.", "dram=.: ", "dram=25.6"},
	{"clock_mhz=5000", "clock_mhz=5000: ", "from 1 to 4000"},
	{"queue_depth=0", "queue_depth=0: ", "from 1 to 1K"},
	{"dram_burst=32", "dram_burst=32: ", "must be 64"},
	{"k0=48,m0=1,n0=1", "k0 is 48", "multiple of 32"},
	{"doorbell_stride=5000", "doorbell_stride", "power of two"},
	{"mac=1024,ref", "ref: ", "first item"},
	{"ref=3", "ref=3: ", "no value"},
	{"huge", "huge: ", "small, ref or large"},
	{"ref,", "", ""},
	{"ref,,check", ": ", "no such setting"},
	{"check=1", "check=1: ", "write check"},
	{"simd=mmx", "simd=mmx: ", "scalar, avx2, avx512 or neon"},
	{"simd", "simd: ", "scalar"},
	{"threads=0", "threads=0: ", "1 to 1024"},
	{"no=", "no=: ", "no=softmax+rope"},
	{"no=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "no=a", "64"},
};

START_TEST(wrong_item_is_named_with_what_to_write)
{
	int rc = parse(wrong[_i].text);

	if (!*wrong[_i].item) { /* a comma at the end is forgiven */
		ck_assert_int_eq(rc, 0);
		return;
	}
	ck_assert_msg(rc == -EINVAL, "%s accepted", wrong[_i].text);
	ck_assert_msg(strstr(err, wrong[_i].item), "%s: %s", wrong[_i].text, err);
	ck_assert_msg(strstr(err, wrong[_i].advice), "%s: %s", wrong[_i].text, err);
	ck_assert_uint_lt(strlen(err), 255);
}
END_TEST

START_TEST(check_refuses_what_parse_cannot_write)
{
	accept("ref");
	caps.isa_major = 2;
	ck_assert_int_eq(tern_caps_check(&caps, err, sizeof(err)), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err, "isa_major"));
	memset(&caps, 0, sizeof(caps));
	ck_assert_int_eq(tern_caps_check(&caps, NULL, 0), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sim_parse");
	TCase *t = tcase_create("device names");
	SRunner *r;
	int failed;

	tcase_add_test(t, configurations_are_those_of_the_table);
	tcase_add_test(t, items_change_the_configuration);
	tcase_add_test(t, mac_rates_of_the_named_configurations_give_their_quantum);
	tcase_add_test(t, save_area_grows_with_the_spm);
	tcase_add_test(t, options_of_the_model);
	tcase_add_test(t, options_not_named_keep_their_value);
	tcase_add_loop_test(t, wrong_item_is_named_with_what_to_write, 0,
			    (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(t, check_refuses_what_parse_cannot_write);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
