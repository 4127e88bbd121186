// SPDX-License-Identifier: MIT
/*
 * Loaded before a program in a guest (LD_PRELOAD), it makes the driver say that it is of the
 * version OTHER_DRIVER, "MAJOR.MINOR": what a library meets that is not of one release with the
 * module. Minor 0 knows no PERF and a shorter drm_tern_info, a minor above ours a longer one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <drm/tern_accel.h>

#define SHORT offsetof(struct drm_tern_info, fw_build)
#define LONG  (sizeof(struct drm_tern_info) + 64)

static void version(unsigned int *major, unsigned int *minor)
{
	const char *text = getenv("OTHER_DRIVER");

	if (text && sscanf(text, "%u.%u", major, minor) == 2)
		return;
	fprintf(stderr, "other_driver: OTHER_DRIVER is not MAJOR.MINOR\n");
	abort();
}

/* As tern_query_give(): what the caller has more is zeroed, the size is the kernel's. */
static void change_info(struct drm_tern_dev_query *q, uint32_t room)
{
	struct drm_tern_info info = {0};
	void *to = (void *)(uintptr_t)q->pointer;
	unsigned int major, minor;

	version(&major, &minor);
	q->size = minor ? LONG : SHORT;
	if (!to)
		return;
	memcpy(&info, to, room < sizeof(info) ? room : sizeof(info));
	info.driver_major = major;
	info.driver_minor = minor;
	if (!minor)
		memset((char *)&info + SHORT, 0, sizeof(info) - SHORT);
	memcpy(to, &info, room < sizeof(info) ? room : sizeof(info));
}

static int change_query(int (*real)(int, unsigned long, ...), int fd, struct drm_tern_dev_query *q)
{
	uint32_t room = q->size;
	int ret = real(fd, DRM_IOCTL_TERN_DEV_QUERY, q);

	if (!ret && q->type == DRM_TERN_QUERY_INFO)
		change_info(q, room);
	return ret;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...);
	unsigned int major, minor;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	*(void **)&real = dlsym(RTLD_NEXT, "ioctl");
	version(&major, &minor);
	if (request == DRM_IOCTL_TERN_DEV_QUERY)
		return change_query(real, fd, arg);
	if (request == DRM_IOCTL_TERN_PERF && !minor) {
		errno = EINVAL; /* as DRM of a number that the driver has not */
		return -1;
	}
	return real(fd, request, arg);
}
