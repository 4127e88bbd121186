// SPDX-License-Identifier: MIT
/* The driver's tracepoints: a job's life in its order, and fields as driver/README.md has them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftest.h"

#define TRACEFS	 "/sys/kernel/tracing"
#define INSTANCE TRACEFS "/instances/tern-selftest"

static char text[1 << 20]; /* what was traced */
static const char *at;	   /* how far it has been looked at */
static uint64_t client;	   /* whose events count */

static void write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	close(fd);
}

static void read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t n;

	if (!file)
		fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = 0;
	fclose(file);
}

static void find_tracefs(void)
{
	if (access(TRACEFS "/events", F_OK))
		mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	if (access(TRACEFS "/events", F_OK))
		skip("no tracefs");
}

static void trace_off(void)
{
	rmdir(INSTANCE);
}

/* A buffer of our own: nobody else's trace is disturbed. */
static void trace_on(void)
{
	find_tracefs();
	rmdir(INSTANCE); /* a test that failed may have left it */
	if (mkdir(INSTANCE, 0700))
		fail(__FILE__, __LINE__, "%s: %s", INSTANCE, strerror(errno));
	write_file(INSTANCE "/buffer_size_kb", "512");
	write_file(INSTANCE "/events/tern/enable", "1");
}

static uint64_t client_of(int fd)
{
	static const char key[] = "drm-client-id:\t";
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(path);
	at = strstr(text, key);
	CHECK(at);
	return strtoull(at + strlen(key), NULL, 10);
}

static void look(void)
{
	read_file(INSTANCE "/trace");
	at = text;
}

/* The number behind "KEY=" in the line that `at` begins with. */
static long long field(const char *key)
{
	char want[32];
	const char *end = strchr(at, '\n'), *found;

	snprintf(want, sizeof(want), " %s=", key);
	found = strstr(at, want);
	if (!found || !end || found > end)
		fail(__FILE__, __LINE__, "no %s in %.200s", key, at);
	return strtoll(found + strlen(want), NULL, 0);
}

/* The next event of that name, and of our file if it says whose it is; or false. */
static bool next(const char *event)
{
	char want[64];

	snprintf(want, sizeof(want), ": %s: ", event);
	while ((at = strstr(at, want))) {
		const char *line_end = strchr(at, '\n'), *whose = strstr(at, " client=");

		if (!whose || whose > line_end || strtoull(whose + 8, NULL, 10) == client)
			return true;
		at++;
	}
	at = "";
	return false;
}

/* What comes after the job's end may come later. */
static bool comes(const char *event)
{
	for (int i = 0; i < 100; i++) {
		look();
		if (next(event))
			return true;
		usleep(50000);
	}
	return false;
}

static void jobs_events_are_in_order(void)
{
	struct context c;

	trace_on();
	context_open(&c);
	client = client_of(c.fd);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	look();
	CHECK(next("tern_vm_bind"));
	EQUAL(field("va"), CODE_VA);
	EQUAL(field("error"), 0);
	for (int job = 1; job <= 2; job++) {
		CHECK(next("tern_job_queued"));
		EQUAL(field("queue"), c.queue);
		EQUAL(field("job"), job);
		CHECK(next("tern_job_pushed"));
		EQUAL(field("job"), job);
		if (job == 1) {
			EQUAL(field("slot"), -1);
			CHECK(next("tern_slot_bound"));
			EQUAL(field("queue"), c.queue);
			EQUAL(field("vm"), c.vm);
			CHECK(field("asid") > 0);
			EQUAL(field("restore"), 0);
		}
		CHECK(next("tern_job_ended"));
		EQUAL(field("job"), job);
		EQUAL(field("error"), 0);
	}
	CHECK(!next("tern_job_"));
	context_close(&c);
	trace_off();
}

static void faults_are_told(void)
{
	struct context c;

	trace_on();
	context_open(&c);
	client = client_of(c.fd);
	image_trap(&c.image, 77);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	CHECK(comes("tern_slot_unbound"));
	look();
	CHECK(next("tern_slot_bound"));
	CHECK(next("tern_fault"));
	EQUAL(field("queue"), c.queue);
	EQUAL(field("code"), TERN_FAULT_TRAP);
	EQUAL(field("info"), 77);
	CHECK(next("tern_job_ended"));
	EQUAL(field("error"), -EIO);
	CHECK(next("tern_slot_unbound"));
	context_close(&c);
	trace_off();
}

static void unmapping_invalidates(void)
{
	struct context c;
	long long seq;

	trace_on();
	context_open(&c);
	client = client_of(c.fd);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	unbind(c.fd, c.vm, DATA_VA, PAGE);
	look();
	CHECK(next("tern_job_ended"));
	while (next("tern_invalidate") && !(field("start") <= (long long)DATA_VA &&
					    field("end") >= (long long)(DATA_VA + PAGE - 1)))
		at++;
	seq = field("seq");
	CHECK(next("tern_invalidated"));
	EQUAL(field("seq"), seq);
	EQUAL(field("error"), 0);
	CHECK(next("tern_vm_bind"));
	EQUAL(field("va"), DATA_VA);
	EQUAL(field("size"), PAGE);
	context_close(&c);
	trace_off();
}

/* Names that programs rely on; there may be more. */
static void fields_are_as_documented(void)
{
	static const struct {
		const char *event, *fields;
	} documented[] = {
		{"tern_job_queued", "dev client queue job context"},
		{"tern_job_pushed", "dev client queue job slot"},
		{"tern_job_ended", "dev client queue job error"},
		{"tern_slot_bound", "dev client queue slot vm asid priority restore"},
		{"tern_slot_unbound", "dev client queue slot saved"},
		{"tern_fault", "dev client queue slot code class engine word addr info cycle mark"},
		{"tern_firmware", "dev slot kind arg time_ns"},
		{"tern_reset", "dev rung why"},
		{"tern_vm_bind", "dev client vm type va size async error"},
		{"tern_invalidate", "dev asid start end seq"},
		{"tern_invalidated", "dev seq error"},
	};

	find_tracefs();
	for (size_t i = 0; i < ARRAY_SIZE(documented); i++) {
		char path[128], fields[128], want[40], *name;

		snprintf(path, sizeof(path), TRACEFS "/events/tern/%s/format", documented[i].event);
		read_file(path);
		snprintf(fields, sizeof(fields), "%s", documented[i].fields);
		for (name = strtok(fields, " "); name; name = strtok(NULL, " ")) {
			snprintf(want, sizeof(want), " %s;", name);
			if (!strstr(text, want))
				fail(__FILE__, __LINE__, "%s has no field %s", documented[i].event,
				     name);
		}
	}
}

static const struct test tests[] = {
	{"a job's events are in order", jobs_events_are_in_order},
	{"faults are told", faults_are_told},
	{"unmapping invalidates", unmapping_invalidates},
	{"fields are as documented", fields_are_as_documented},
};

int main(void)
{
	return RUN(tests);
}
