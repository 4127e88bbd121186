// SPDX-License-Identifier: MIT
/* What a fault leaves for root in devcoredump, and what sensors tell. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"
#include "selftest_sysfs.h"

/* Lines of a part of the dump: a name and a number. */
static unsigned long long number(const char *text, const char *part, const char *key)
{
	char name[64];
	const char *at;

	snprintf(name, sizeof(name), "\n\n%s\n", part);
	at = strstr(text, name);
	if (!at)
		fail(__FILE__, __LINE__, "the dump has no part \"%s\"", part);
	snprintf(name, sizeof(name), "\n%s: ", key);
	at = strstr(at, name);
	if (!at)
		fail(__FILE__, __LINE__, "\"%s\" has no \"%s\"", part, key);
	return strtoull(at + strlen(name), NULL, 0);
}

static void bound(const char *text, uint64_t va, uint64_t size, const char *label)
{
	char line[128];

	snprintf(line, sizeof(line), "\n%#llx-%#llx +0x0 %s\n", (unsigned long long)va,
		 (unsigned long long)(va + size), label);
	if (!strstr(text, line))
		fail(__FILE__, __LINE__, "no binding%s", line);
}

static void a_fault_leaves_one(void)
{
	struct drm_tern_bo_label label = {.size = 11, .label = (uintptr_t) "the program"};
	struct drm_tern_queue_state state;
	const char *text;
	struct context c;

	dump_clear();
	context_open(&c);
	label.handle = c.code.handle;
	do_ioctl(c.fd, DRM_IOCTL_TERN_BO_LABEL, &label);
	image_movi(&c.image, 3, 0);
	image_trap(&c.image, 77);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	state = queue_state(c.fd, c.queue);
	CHECK(state.fault.code);
	text = dump_text();
	EQUAL(strncmp(text, "tern dump 1\n", 12), 0);
	CHECK(strstr(text, "\nwhy: a job faulted\n"));
	EQUAL(number(text, "fault", "code"), state.fault.code);
	EQUAL(number(text, "fault", "word"), state.fault.word);
	EQUAL(number(text, "fault", "info"), state.fault.info);
	EQUAL(number(text, "queue", "queue"), c.queue);
	EQUAL(number(text, "queue", "submitted"), 1);
	CHECK(number(text, "registers", "INTERFACE"));
	bound(text, CODE_VA, c.code.size, "the program");
	bound(text, DATA_VA, c.data.size, "");
	context_close(&c);
	dump_clear();
}

static void dumps_are_roots(void)
{
	char path[320];
	struct context c;

	dump_clear();
	context_open(&c);
	image_trap(&c.image, 1);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	dump_text();
	snprintf(path, sizeof(path), "/sys/class/devcoredump/%s/data",
		 sibling("devcoredump", "failing_device"));
	as_nobody();
	CHECK(!fopen(path, "r"));
	EQUAL(errno, EACCES);
	as_root();
	context_close(&c);
	dump_clear();
}

static void sensors_tell(void)
{
	long energy = sensor("energy1_input"), degrees = sensor("temp1_input");
	struct context c;

	CHECK(degrees > 0 && degrees < 105000);
	EQUAL(sensor("temp1_crit_alarm"), 0);
	context_open(&c);
	image_loop(&c.image, 2, 1000000); /* at least a microjoule */
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	CHECK(sensor("energy1_input") > energy);
	context_close(&c);
}

static void energy_is_roots(void)
{
	char path[320];

	snprintf(path, sizeof(path), "%s", sensor_path("energy1_input"));
	as_nobody();
	CHECK(!fopen(path, "r"));
	EQUAL(errno, EACCES);
	CHECK(sensor("temp1_input") > 0);
	as_root();
}

static const struct test tests[] = {
	{"a fault leaves one", a_fault_leaves_one},
	{"dumps are root's", dumps_are_roots},
	{"sensors tell", sensors_tell},
	{"energy is root's", energy_is_roots},
};

int main(void)
{
	return RUN(tests);
}
