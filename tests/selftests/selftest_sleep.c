// SPDX-License-Identifier: MIT
#include "selftest_sleep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), error;

	if (fd < 0)
		return -errno;
	error = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
	close(fd);
	return error;
}

static bool is_mounted(const char *type)
{
	FILE *file = fopen("/proc/mounts", "r");
	char line[512], word[32] = "";
	bool found = false;

	CHECK(file);
	while (fgets(line, sizeof(line), file))
		found |= sscanf(line, "%*s %*s %31s", word) == 1 && !strcmp(word, type);
	fclose(file);
	return found;
}

int system_sleeps(const char *seconds)
{
	int error;

	/* Linux's virtio 9p does not wake up again, and with it whoever reads from there. */
	if (is_mounted("9p"))
		skip("a file system here does not survive it");
	if (write_to("/sys/module/suspend/parameters/pm_test_delay", seconds) ||
	    write_to("/sys/power/pm_test", "devices"))
		skip("this kernel cannot try to sleep");
	error = write_to("/sys/power/state", "freeze");
	write_to("/sys/power/pm_test", "none");
	return error;
}
