// SPDX-License-Identifier: MIT
/* tern-run as its user meets it: exit statuses, one sentence per failure, what it prints. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json_check.h"

enum { OUT_MAX = 1 << 20, ARGS_MAX = 24 };

struct result {
	int status;
	char out[OUT_MAX], err[1 << 14];
};

static char program[PATH_MAX], data[PATH_MAX], tmp[PATH_MAX];
static struct result r;

/* The tools stand beside the tests: build/tests/test_cli, build/bin/tern-run. */
static void find_paths(void)
{
	const char *dir = getenv("TERN_TEST_DATA");
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 64);
	char *slash;

	if (n <= 0)
		exit(EXIT_FAILURE);
	program[n] = '\0';
	for (int i = 0; i < 2; i++) {
		slash = strrchr(program, '/');
		*slash = '\0';
	}
	strcat(program, "/bin/tern-run");
	snprintf(data, sizeof(data), "%s", dir ? dir : "tests/data");
	snprintf(tmp, sizeof(tmp), "/tmp/tern-cli-%d", getpid());
}

static void slurp(const char *path, char *to, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(to, 1, size - 1, f) : 0;

	to[n] = '\0';
	if (f)
		fclose(f);
	unlink(path);
}

static pid_t start(const char *const *args, const char *out, const char *err)
{
	const char *argv[ARGS_MAX + 2] = {program};
	pid_t pid;

	for (int i = 0; args[i]; i++)
		argv[i + 1] = args[i];
	signal(SIGINT, SIG_DFL); /* of Check's handler nothing is left in the child */
	pid = fork();
	if (pid)
		return pid;
	if (!freopen(out, "w", stdout) || !freopen(err, "w", stderr))
		_exit(99);
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(98);
}

/* Waits until the process catches SIGINT, as long as that may take on a loaded machine. */
static void await_handler(pid_t pid)
{
	unsigned long long caught = 0;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	while (!(caught >> (SIGINT - 1) & 1)) {
		usleep(1000);
		f = fopen(path, "r");
		ck_assert_msg(f != NULL, "no %s", path);
		while (fgets(line, sizeof(line), f))
			sscanf(line, "SigCgt: %llx", &caught);
		fclose(f);
		ck_assert_msg(waitpid(pid, NULL, WNOHANG) == 0, "ended before it was interrupted");
	}
}

/* Runs to the end with standard output to `to` (NULL: to r.out); with SIGINT `interrupt_ms` after
 * that is caught, unless < 0. */
static void run_to(const char *to, int interrupt_ms, const char *const *args)
{
	char out[PATH_MAX + 8], err[PATH_MAX + 8];
	int status;
	pid_t pid;

	snprintf(out, sizeof(out), "%s.out", tmp);
	snprintf(err, sizeof(err), "%s.err", tmp);
	pid = start(args, to ? to : out, err);
	if (interrupt_ms >= 0) {
		await_handler(pid);
		usleep((useconds_t)interrupt_ms * 1000);
		kill(pid, SIGINT);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "died of signal %d", WTERMSIG(status));
	r.status = WEXITSTATUS(status);
	slurp(out, r.out, sizeof(r.out));
	slurp(err, r.err, sizeof(r.err));
}

#define RUN(...) run_to(NULL, -1, (const char *const[]){__VA_ARGS__, NULL})

static const char *model(const char *type)
{
	static char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/kdoc-%s.gguf", data, type);
	return path;
}

/* One sentence that names what is wrong, and a status that says so. */
static void refused(int status, const char *about)
{
	ck_assert_int_eq(r.status, status);
	ck_assert_msg(!strncmp(r.err, "tern-run: ", 10), "%s", r.err);
	ck_assert_msg(strstr(r.err, about) != NULL, "does not name \"%s\": %s", about, r.err);
	ck_assert_msg(strchr(r.err, '\n') == r.err + strlen(r.err) - 1, "more than a line: %s",
		      r.err);
	ck_assert_str_eq(r.out, "");
}

/* The first n bytes of a file; the value of a string key replaced by one as long. */
static void write_part(const char *path, const char *from, size_t n, const char *key,
		       const char *value)
{
	static char buf[1 << 23];
	FILE *f = fopen(from, "rb");
	size_t got;

	ck_assert_ptr_nonnull(f);
	got = fread(buf, 1, n < sizeof(buf) ? n : sizeof(buf), f);
	fclose(f);
	if (key) {
		char *at = memmem(buf, got, key, strlen(key));

		ck_assert_ptr_nonnull(at);
		/* behind the key: u32 type, u64 length */
		memcpy(at + strlen(key) + 12, value, strlen(value));
	}
	f = fopen(path, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(buf, 1, got, f), got);
	fclose(f);
}

/* ---- refusals ------------------------------------------------------------------ */
START_TEST(missing_file)
{
	RUN("no-such-model.gguf", "-p", "x");
	refused(1, "no-such-model.gguf");
}
END_TEST

/* Refused, not waited for. */
START_TEST(no_regular_file)
{
	RUN("/tmp", "-p", "x");
	refused(1, "regular file");
	ck_assert_int_eq(mkfifo(tmp, 0600), 0);
	RUN(tmp, "-p", "x");
	unlink(tmp);
	refused(1, "regular file");
}
END_TEST

START_TEST(truncated_file)
{
	write_part(tmp, model("q8_0"), 5000, NULL, NULL);
	RUN(tmp, "-p", "x");
	unlink(tmp);
	refused(1, "");
}
END_TEST

START_TEST(not_a_gguf)
{
	write_part(tmp, program, 4096, NULL, NULL);
	RUN(tmp, "-p", "x");
	unlink(tmp);
	refused(1, "GGUF");
}
END_TEST

START_TEST(unknown_architecture)
{
	write_part(tmp, model("q8_0"), SIZE_MAX, "general.architecture", "mamba");
	RUN(tmp, "-p", "x");
	unlink(tmp);
	refused(1, "mamba");
}
END_TEST

START_TEST(prompt_longer_than_context)
{
	RUN(model("q8_0"), "-p", "one two three four five six seven eight", "--ctx", "4");
	refused(1, "--ctx");
}
END_TEST

START_TEST(bad_options)
{
	RUN(model("q8_0"), "-p", "x", "--temp", "hot");
	refused(2, "--temp");
	RUN(model("q8_0"), "-p", "x", "-n", "-3");
	refused(2, "--predict");
	RUN(model("q8_0"), "-p", "x", "--top-p", "1.5");
	refused(2, "--top-p");
	RUN(model("q8_0"), "-p", "x", "--seed", "abc");
	refused(2, "--seed");
	RUN(model("q8_0"));
	refused(2, "-p");
	RUN("-p", "x");
	refused(2, "model");
	RUN(model("q8_0"), "--bench", "x1");
	refused(1, "p512");
}
END_TEST

START_TEST(bad_devices)
{
	RUN(model("q8_0"), "-p", "x", "-d", "gpu");
	refused(1, "gpu");
	RUN(model("q8_0"), "-p", "x", "-d", "sim:spm=1K");
	refused(1, "spm");
	RUN(model("q8_0"), "-p", "x", "-d", "sim:ref,no=telepathy");
	refused(1, "telepathy");
}
END_TEST

START_TEST(perplexity_refusals)
{
	RUN(model("q8_0"), "--perplexity", "no-such-text");
	refused(1, "no-such-text");
	write_part(tmp, "Makefile", 200, NULL, NULL);
	RUN(model("q8_0"), "--perplexity", tmp);
	unlink(tmp);
	refused(1, "tokens");
}
END_TEST

/* What could not be written was not done. */
START_TEST(full_disks)
{
	static const char *const ways[][4] = {
		{"--json"}, {"--stats"}, {"--explain"}, {"--bench", "p4,n2", "--json"}};

	if (access("/dev/full", W_OK))
		return;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		run_to("/dev/full", -1,
		       (const char *const[]){model("q8_0"), "-p", "The", "-n", "2", ways[i][0],
					     ways[i][1], ways[i][2], NULL});
		refused(1, "standard output");
	}
	run_to("/dev/full", -1, (const char *const[]){"--help", NULL});
	refused(1, "standard output");
	RUN(model("q8_0"), "-p", "The", "-n", "2", "--json", "--trace", "/dev/full");
	ck_assert(json_ok(r.out));
	r.out[0] = '\0';
	refused(1, "/dev/full");
}
END_TEST

/* ---- what it prints --------------------------------------------------------------- */
static long number_of(const char *key)
{
	const char *at = strstr(r.out, key);

	ck_assert_msg(at != NULL, "no %s in the JSON", key);
	return strtol(at + strlen(key), NULL, 10);
}

/* 200 tokens, each at another past length, and one program for all of them. */
START_TEST(one_program)
{
	RUN(model("q4_0"), "-p", "The", "-n", "200", "--temp", "0.8", "--seed", "7", "--json");
	ck_assert_int_eq(r.status, 0);
	ck_assert(json_ok(r.out));
	ck_assert_int_eq(number_of("\"programs_compiled\": "), 1);
	ck_assert_int_eq(number_of("\"decode\": {\"tokens\": "), 199);
	ck_assert_int_eq(number_of("\"cpu_ops\": "), 0);
}
END_TEST

START_TEST(seed_decides)
{
	static char first[OUT_MAX];

	RUN(model("q4_0"), "-p", "The", "-n", "12", "--seed", "5");
	ck_assert_int_eq(r.status, 0);
	strcpy(first, r.out);
	RUN(model("q4_0"), "-p", "The", "-n", "12", "--seed", "5");
	ck_assert_str_eq(first, r.out);
	RUN(model("q4_0"), "-p", "The", "-n", "12", "--seed", "6");
	ck_assert_str_ne(first, r.out);
}
END_TEST

/* Sequences of UTF-8 as RFC 3629 has them; *c is the character. 0: none. */
static size_t utf8_at(const unsigned char *s, unsigned long *c)
{
	size_t len = *s < 0x80	 ? 1
		     : *s < 0xc2 ? 0
		     : *s < 0xe0 ? 2
		     : *s < 0xf0 ? 3
		     : *s < 0xf5 ? 4
				 : 0;

	*c = len == 1 ? *s : len ? *s & (0x7fu >> len) : 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if ((len == 3 && *c < 0x800) || (*c >= 0xd800 && *c < 0xe000))
		return 0;
	return (len == 4 && *c < 0x10000) || *c > 0x10ffff ? 0 : len;
}

/* At such a temperature tokens are parts of characters as often as not. */
START_TEST(json_is_utf8)
{
	bool replaced = false;
	unsigned long c;

	for (int seed = 0; seed < 6; seed++) {
		char text[8];

		snprintf(text, sizeof(text), "%d", seed);
		RUN(model("q4_0"), "-p", "The", "-n", "60", "--temp", "100", "--top-k", "0",
		    "--top-p", "1", "--seed", text, "--json");
		ck_assert_int_eq(r.status, 0);
		ck_assert(json_ok(r.out));
		for (const char *s = r.out; *s;) {
			size_t len = utf8_at((const unsigned char *)s, &c);

			ck_assert_msg(len > 0, "seed %d: no UTF-8 at byte %td", seed, s - r.out);
			s += len;
		}
		replaced |= strstr(r.out, "\\ufffd") != NULL;
	}
	ck_assert(replaced); /* or this tested nothing */
}
END_TEST

START_TEST(reports)
{
	static char trace[OUT_MAX];
	char path[PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s.json", tmp);
	RUN(model("q8_0"), "-p", "The", "-n", "2", "--temp", "0", "--stats", "--explain", "--trace",
	    path);
	ck_assert_int_eq(r.status, 0);
	ck_assert_ptr_nonnull(strstr(r.out, "share of DRAM bandwidth"));
	ck_assert_ptr_nonnull(strstr(r.out, "ATTENTION"));
	for (const char *line = r.out; *line; line = strchr(line, '\n') + 1)
		ck_assert_msg(strcspn(line, "\n") <= 80, "wider than 80: %.*s",
			      (int)strcspn(line, "\n"), line);
	slurp(path, trace, sizeof(trace));
	ck_assert(strlen(trace) > 1000);
	if (strlen(trace) < OUT_MAX - 1) /* else it was cut here */
		ck_assert(json_ok(trace));
}
END_TEST

/* Without a step of decoding there is the prefill to explain. */
START_TEST(prefill_is_explained)
{
	RUN(model("q8_0"), "-p", "The", "-n", "1", "--temp", "0", "--explain");
	ck_assert_int_eq(r.status, 0);
	ck_assert_ptr_nonnull(strstr(r.out, "\n1 runs: 105 operators on the NPU in "));
	RUN(model("q8_0"), "-p", "The", "-n", "3", "--temp", "0", "--explain");
	ck_assert_ptr_nonnull(strstr(r.out, "\n2 runs: 210 operators on the NPU in "));
}
END_TEST

/* time-only walks the same commands through the same time. */
START_TEST(time_only_is_the_same_time)
{
	static const char *const devices[2] = {"sim:ref", "sim:ref,time-only"};
	long cycles[2];

	for (int i = 0; i < 2; i++) {
		RUN(model("q4_k"), "--bench", "p40,n3,d70,r1", "--json", "-d", devices[i]);
		ck_assert_int_eq(r.status, 0);
		cycles[i] = number_of("\"cycles\": ");
	}
	ck_assert_int_gt(cycles[0], 0);
	ck_assert_int_eq(cycles[0], cycles[1]);
}
END_TEST

/* Whatever it was doing: it begins, it loads, it generates. */
START_TEST(interrupt_ends_cleanly)
{
	static const int after_ms[] = {0, 20, 700};

	run_to(NULL, after_ms[_i],
	       (const char *const[]){model("f16"), "--bench", "p256,n200,r100", NULL});
	ck_assert_int_eq(r.status, 130);
	ck_assert_str_eq(r.err, "");
}
END_TEST

START_TEST(context_beyond_the_trained_is_told)
{
	RUN(model("q8_0"), "-p", "The", "-n", "1", "--ctx", "300");
	ck_assert_int_eq(r.status, 0);
	ck_assert_ptr_nonnull(strstr(r.err, "trained with 256 tokens"));
	RUN(model("q8_0"), "-p", "The", "-n", "1", "--ctx", "256");
	ck_assert_int_eq(r.status, 0);
	ck_assert_str_eq(r.err, "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tern-run");
	TCase *bad = tcase_create("refusals"), *good = tcase_create("output");
	SRunner *sr;
	int failed;

	find_paths();
	tcase_add_test(bad, missing_file);
	tcase_add_test(bad, no_regular_file);
	tcase_add_test(bad, truncated_file);
	tcase_add_test(bad, not_a_gguf);
	tcase_add_test(bad, unknown_architecture);
	tcase_add_test(bad, prompt_longer_than_context);
	tcase_add_test(bad, bad_options);
	tcase_add_test(bad, bad_devices);
	tcase_add_test(bad, perplexity_refusals);
	tcase_add_test(bad, full_disks);
	tcase_add_test(good, one_program);
	tcase_add_test(good, seed_decides);
	tcase_add_test(good, json_is_utf8);
	tcase_add_test(good, reports);
	tcase_add_test(good, prefill_is_explained);
	tcase_add_test(good, time_only_is_the_same_time);
	tcase_add_loop_test(good, interrupt_ends_cleanly, 0, 3);
	tcase_add_test(good, context_beyond_the_trained_is_told);
	suite_add_tcase(s, bad);
	suite_add_tcase(s, good);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
