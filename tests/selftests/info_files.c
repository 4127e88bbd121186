// SPDX-License-Identifier: MIT
/* fdinfo and debugfs: what they tell is what was done, and of whom. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "selftest_fault.h"

#define DEBUGFS "/sys/kernel/debug"

static char text[65536];

static void read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t n;

	if (!file)
		fail(__FILE__, __LINE__, "there is no %s", path);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = 0;
	fclose(file);
}

/* Value of a key of fdinfo; bytes if it is so many KiB or MiB. */
static uint64_t fdinfo(int fd, const char *key)
{
	char path[64], *at, *unit;
	uint64_t value;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	read_file(path);
	at = strstr(text, key);
	if (!at)
		fail(__FILE__, __LINE__, "fdinfo has no %s", key);
	value = strtoull(at + strlen(key), &unit, 10);
	if (!strncmp(unit, " KiB", 4))
		return value << 10;
	return strncmp(unit, " MiB", 4) ? value : value << 20;
}

static void driver_is_named(void)
{
	int fd = device_open();

	fdinfo(fd, "drm-client-id:\t");
	CHECK(strstr(text, "drm-driver:\ttern\n"));
	close(fd);
}

/* Cycles of the file, once they have reached LEAST. While the driver is at work they may be as
 * old as the last time somebody looked, but not for seconds. */
static uint64_t cycles_after(int fd, uint64_t least)
{
	uint64_t cycles = fdinfo(fd, "drm-cycles-npu:\t");

	for (int i = 0; i < 100 && cycles < least; i++) {
		usleep(100000);
		cycles = fdinfo(fd, "drm-cycles-npu:\t");
	}
	return cycles;
}

static void cycles_are_the_files_own(void)
{
	int other = device_open();
	uint64_t before, after;
	struct context c;

	context_open(&c);
	image_loop(&c.image, 2, 10000);
	image_end(&c.image, c.code.map);
	before = fdinfo(c.fd, "drm-cycles-npu:\t");
	EQUAL(before, 0);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	usleep(300000); /* asleep or not */
	after = cycles_after(c.fd, 10000);
	CHECK(after >= 10000);
	EQUAL(fdinfo(c.fd, "drm-cycles-npu:\t"), after);
	CHECK(fdinfo(c.fd, "drm-engine-npu:\t") > 0);
	CHECK(fdinfo(c.fd, "drm-maxfreq-npu:\t") > 0);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	CHECK(cycles_after(c.fd, 2 * after - 1000) >= 2 * after - 1000);
	EQUAL(fdinfo(other, "drm-cycles-npu:\t"), 0);
	close(other);
	context_close(&c);
}

static void memory_is_told(void)
{
	int fd = device_open();
	struct buffer buffer;
	uint64_t before = fdinfo(fd, "drm-total-memory:\t");

	buffer = make_buffer(fd, 256 * PAGE);
	EQUAL(fdinfo(fd, "drm-total-memory:\t"), before + 256 * PAGE);
	bind(fd, make_vm(fd), buffer.handle, DATA_VA, buffer.size, 0);
	EQUAL(fdinfo(fd, "drm-resident-memory:\t"), 256 * PAGE);
	free_buffer(fd, &buffer);
	close(fd);
}

/* A file of the device, whose folder is called after it, or on older kernels by number. */
static const char *path_of(const char *name)
{
	static char path[256];
	char device[128];

	device_link(device, sizeof(device));
	snprintf(path, sizeof(path), DEBUGFS "/accel/%s/%s", device, name);
	if (access(path, F_OK))
		snprintf(path, sizeof(path), DEBUGFS "/accel/%d/%s", device_number(), name);
	return path;
}

static void read_debugfs(const char *name)
{
	read_file(path_of(name));
}

static void open_debugfs(void)
{
	if (access(DEBUGFS "/accel", F_OK))
		mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	if (access(DEBUGFS "/accel", F_OK))
		skip("no debugfs");
}

static void debugfs_tells(void)
{
	struct drm_tern_bo_label label = {.size = 12, .label = (uintptr_t) "find-me-here"};
	struct context c;

	open_debugfs();
	context_open(&c);
	image_trap(&c.image, 1);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	label.handle = c.data.handle;
	do_ioctl(c.fd, DRM_IOCTL_TERN_BO_LABEL, &label);
	read_debugfs("buffers");
	CHECK(strstr(text, "65536 own find-me-here\n"));
	read_debugfs("vms");
	CHECK(strstr(text, "mapped 73728 "));
	read_debugfs("queues");
	CHECK(strstr(text, "submitted 1 ended 1 error -5 "));
	context_close(&c);
}

/* What it usually logs is what should not be: nothing. */
static void firmware_log_tells_of_the_boot(void)
{
	bool told;

	open_debugfs();
	module_param("fw_log_level", "2");
	driver_unbind();
	driver_bind();
	read_debugfs("firmware_log");
	told = strstr(text, "tern firmware ");
	module_param("fw_log_level", "1");
	driver_unbind();
	driver_bind();
	CHECK(told);
	read_debugfs("firmware_log");
	CHECK(!strstr(text, "tern firmware "));
}

static void debugfs_is_roots(void)
{
	const char *path;

	open_debugfs();
	path = path_of("queues");
	CHECK(!access(path, F_OK));
	as_nobody();
	CHECK(!fopen(path, "r"));
	as_root();
}

static const struct test tests[] = {
	{"the driver is named", driver_is_named},
	{"cycles are the file's own", cycles_are_the_files_own},
	{"memory is told", memory_is_told},
	{"debugfs tells", debugfs_tells},
	{"debugfs is root's", debugfs_is_roots},
	{"the firmware's log tells of the boot", firmware_log_tells_of_the_boot},
};

int main(void)
{
	return RUN(tests);
}
