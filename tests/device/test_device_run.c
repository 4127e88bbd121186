// SPDX-License-Identifier: GPL-2.0
/* A whole model: tern-run on the device behind its bus prints what it prints in process, counts
 * of cycles, bytes and operators included. Only times of the host may differ. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODEL	"tests/data/kdoc-q8_0.gguf"
#define OPTIONS "-p 'Memory is allocated by' -n 12 --temp 0 --stats"

static char bin[256]; /* beside build/tests */

static void find_bin(void)
{
	ssize_t n = readlink("/proc/self/exe", bin, sizeof(bin) - 16);

	ck_assert_int_gt(n, 0);
	bin[n] = '\0';
	strcpy(strrchr(bin, '/'), "/../bin");
}

/* What the command prints, without the lines that tell of the host's time. */
static void run(const char *program, const char *device, char *out, size_t len)
{
	char command[600], line[512];
	FILE *f;

	snprintf(command, sizeof(command), "%s/%s " MODEL " --device %s " OPTIONS, bin, program,
		 device);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	out[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "host") || strstr(line, "compiled"))
			continue;
		ck_assert_uint_lt(strlen(out) + strlen(line), len);
		strcat(out, line);
	}
	ck_assert_msg(pclose(f) == 0, "%s failed", command);
}

static const char *const devices[] = {"sim:small", "sim:ref", "sim:large"};

START_TEST(same_text_and_counts)
{
	static char here[8192], there[8192];

	find_bin();
	run("tern-run", devices[_i], here, sizeof(here));
	run("tern-run-device", devices[_i], there, sizeof(there));
	ck_assert_ptr_nonnull(strstr(here, "operators run on the NPU"));
	ck_assert_str_eq(there, here);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("device_run");
	TCase *c = tcase_create("run");
	SRunner *runner;
	int failed;

	tcase_set_timeout(c, 300);
	tcase_add_loop_test(c, same_text_and_counts, 0, sizeof(devices) / sizeof(devices[0]));
	suite_add_tcase(suite, c);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
