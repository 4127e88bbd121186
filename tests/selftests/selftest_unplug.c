// SPDX-License-Identifier: MIT
#include "selftest_unplug.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char device[64];	      /* 0000:00:03.0 */
static char driver[PATH_MAX]; /* /sys/bus/pci/drivers/tern */

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		skip("the device cannot be taken away here");
	n = write(fd, text, strlen(text));
	close(fd);
	EQUAL(n, strlen(text));
}

/* Which bus it is on is the door's business. */
void find_device(void)
{
	char path[64];

	device_link(device, sizeof(device));
	snprintf(path, sizeof(path), "/sys/class/accel/accel%d/device/driver", device_number());
	CHECK(realpath(path, driver));
}

void tell_driver(const char *what)
{
	char path[sizeof(driver) + 8];

	snprintf(path, sizeof(path), "%s/%s", driver, what);
	write_to(path, device);
}

void unbind_driver(void)
{
	tell_driver("unbind");
	EQUAL(device_number(), -1);
}

void bind_driver(void)
{
	struct context c;

	tell_driver("bind");
	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 42);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(((volatile uint64_t *)c.data.map)[1], 42);
	context_close(&c);
}
