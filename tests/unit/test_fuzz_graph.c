// SPDX-License-Identifier: MIT
/* What fuzz_graph found once, in every build: an input of its corpus per test. */
#include <check.h>
#include <dirent.h>

#include "../fuzz/fuzz_graph.c"

static const char corpus[] = "tests/fuzz/corpus/graph";
static struct dirent **files;

static int is_input(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

START_TEST(input)
{
	uint8_t data[RG_HEADER + RG_OPS * RG_RECORD];
	char path[512];
	size_t size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", corpus, files[_i]->d_name);
	f = fopen(path, "rb");
	ck_assert_msg(f, "%s cannot be read", path);
	size = fread(data, 1, sizeof(data), f);
	ck_assert_msg(fgetc(f) == EOF, "%s is longer than any graph", path);
	fclose(f);
	LLVMFuzzerInitialize(NULL, NULL);
	LLVMFuzzerTestOneInput(data, size);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("graphs that were found");
	TCase *tc = tcase_create("corpus");
	SRunner *sr = srunner_create(s);
	int n = scandir(corpus, &files, is_input, alphasort), failed;

	if (n < 1) {
		fprintf(stderr, "%s is not there or empty\n", corpus);
		return 1;
	}
	tcase_add_loop_test(tc, input, 0, n);
	suite_add_tcase(s, tc);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
