// SPDX-License-Identifier: MIT
#include "selftest_sysfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

#define CLASSES	 "/sys/class"
#define PATIENCE 100 /* tenths of a second: until a dump is written */

static bool links_to(const char *path, const char *name)
{
	char target[256];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n <= 0)
		return false;
	target[n] = 0;
	return !strcmp(strrchr(target, '/') ? strrchr(target, '/') + 1 : target, name);
}

const char *sibling(const char *class_, const char *back_link)
{
	static char name[256];
	char path[600], device[128];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	device_link(device, sizeof(device));
	snprintf(path, sizeof(path), CLASSES "/%s", class_);
	dir = opendir(path);
	if (!dir)
		return NULL;
	while (!found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), CLASSES "/%s/%s/%s", class_, entry->d_name, back_link);
		found = links_to(path, device);
		if (found)
			snprintf(name, sizeof(name), "%s", entry->d_name);
	}
	closedir(dir);
	return found ? name : NULL;
}

/* ---- Dumps ---- */

static const char *dump_path(void)
{
	static char path[320];
	const char *name = sibling("devcoredump", "failing_device");

	if (!name)
		return NULL;
	snprintf(path, sizeof(path), CLASSES "/devcoredump/%s/data", name);
	return path;
}

static bool dump_awaited(void)
{
	for (int i = 0; i < PATIENCE && !dump_path(); i++)
		usleep(100000);
	return dump_path();
}

/* The device's link to it goes last, and until then the kernel minds another. */
static bool dump_left(const char *path, const char *link, const char *name)
{
	return !access(path, F_OK) || links_to(link, name);
}

/* That one; another may follow at once. */
static void dump_remove(void)
{
	char path[320], device[PATH_MAX], link[PATH_MAX + 16], name[256];
	FILE *file;

	snprintf(name, sizeof(name), "%s", sibling("devcoredump", "failing_device"));
	snprintf(path, sizeof(path), CLASSES "/devcoredump/%s/failing_device", name);
	CHECK(realpath(path, device));
	snprintf(link, sizeof(link), "%s/devcoredump", device);
	snprintf(path, sizeof(path), "%s", dump_path());
	file = fopen(path, "w");
	CHECK(file && fputs("0", file) >= 0 && !fclose(file));
	for (int i = 0; i < PATIENCE && dump_left(path, link, name); i++)
		usleep(100000);
	CHECK(!dump_left(path, link, name));
}

static const char *dump_read(void)
{
	static char text[1 << 18];
	FILE *file = fopen(dump_path(), "r");

	CHECK(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	return text;
}

static void trap(uint64_t code)
{
	struct context c;

	context_open(&c);
	image_trap(&c.image, code);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	context_close(&c);
}

static bool is_of_trap(const char *text, uint64_t code)
{
	char line[32];

	snprintf(line, sizeof(line), "\ninfo: %#llx\n", (unsigned long long)code);
	return strstr(text, line);
}

/*
 * What has gone wrong before may not be written down yet, and there is room for one dump only. So
 * something goes wrong here: nothing is behind it once it is the one that was written.
 */
void dump_clear(void)
{
	static uint64_t code = 0xdc0000;
	bool last = access(CLASSES "/devcoredump", F_OK);

	for (int i = 0; i < 20 && !last; i++) {
		trap(++code);
		if (!dump_awaited())
			continue;
		last = is_of_trap(dump_read(), code);
		dump_remove();
	}
	CHECK(last);
}

const char *dump_text(void)
{
	if (access(CLASSES "/devcoredump", F_OK))
		skip("the kernel keeps no dumps");
	CHECK(dump_awaited());
	return dump_read();
}

/* ---- Sensors ---- */

const char *sensor_path(const char *name)
{
	static char path[320];
	const char *chip = sibling("hwmon", "device");

	if (!chip)
		skip("the kernel shows no sensors");
	snprintf(path, sizeof(path), CLASSES "/hwmon/%s/%s", chip, name);
	return path;
}

long sensor(const char *name)
{
	FILE *file = fopen(sensor_path(name), "r");
	long value;

	CHECK(file);
	EQUAL(fscanf(file, "%ld", &value), 1);
	fclose(file);
	return value;
}

/* ---- Sleep ---- */

static FILE *open_power(const char *name, const char *mode)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/accel/accel%d/device/power/%s", device_number(),
		 name);
	file = fopen(path, mode);
	CHECK(file);
	return file;
}

static void read_power(const char *name, char *value, int size)
{
	FILE *file = open_power(name, "r");

	CHECK(fgets(value, size, file));
	fclose(file);
}

void device_may_sleep(bool may)
{
	FILE *file = open_power("control", "w");

	CHECK(fputs(may ? "auto" : "on", file) >= 0);
	CHECK(!fclose(file));
}

bool device_asleep(void)
{
	char status[32];

	read_power("runtime_status", status, sizeof(status));
	return !strcmp(status, "suspended\n");
}

void await_sleep(void)
{
	for (int i = 0; i < 600 && !device_asleep(); i++)
		usleep(100000);
	CHECK(device_asleep());
}

long awake_ms(void)
{
	char value[32];

	read_power("runtime_active_time", value, sizeof(value));
	return strtol(value, NULL, 10);
}

/* ---- The bus ---- */
void reset_by_bus(void)
{
	char path[256], device[128];
	int fd;

	device_link(device, sizeof(device));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", device);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		skip("its bus has no reset");
	EQUAL(write(fd, "1", 1), 1);
	close(fd);
}
