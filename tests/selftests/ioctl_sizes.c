// SPDX-License-Identifier: MIT
/* Every ioctl with arguments shorter and longer than the kernel's, as older and newer programs have
 * them; numbers that there are none of; and pointers that lead nowhere. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

#define WITH_SIZE(request, size) _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request), size)

/* What a call of zeros and nothing else is told; INFO has type 0. */
static const struct {
	const char *name;
	unsigned long request;
	int error;
} ioctls[] = {
	{"DEV_QUERY", DRM_IOCTL_TERN_DEV_QUERY, 0},
	{"BO_CREATE", DRM_IOCTL_TERN_BO_CREATE, -EINVAL},
	{"BO_FROM_USERPTR", DRM_IOCTL_TERN_BO_FROM_USERPTR, -EINVAL},
	{"BO_MMAP_OFFSET", DRM_IOCTL_TERN_BO_MMAP_OFFSET, -ENOENT},
	{"BO_SYNC", DRM_IOCTL_TERN_BO_SYNC, -ENOENT},
	{"BO_LABEL", DRM_IOCTL_TERN_BO_LABEL, -ENOENT},
	{"VM_CREATE", DRM_IOCTL_TERN_VM_CREATE, 0},
	{"VM_DESTROY", DRM_IOCTL_TERN_VM_DESTROY, -ENOENT},
	{"VM_BIND", DRM_IOCTL_TERN_VM_BIND, -EINVAL},
	{"VM_STATE", DRM_IOCTL_TERN_VM_STATE, -ENOENT},
	{"QUEUE_CREATE", DRM_IOCTL_TERN_QUEUE_CREATE, -ENOENT},
	{"QUEUE_DESTROY", DRM_IOCTL_TERN_QUEUE_DESTROY, -ENOENT},
	{"QUEUE_STATE", DRM_IOCTL_TERN_QUEUE_STATE, -ENOENT},
	{"QUEUE_KICK", DRM_IOCTL_TERN_QUEUE_KICK, -ENOENT},
	{"QUEUE_WAIT", DRM_IOCTL_TERN_QUEUE_WAIT, -ENOENT},
	{"SUBMIT", DRM_IOCTL_TERN_SUBMIT, -EINVAL},
	{"PERF", DRM_IOCTL_TERN_PERF, -ENOENT},
};

static void expect(size_t i, int got, int want, const char *what)
{
	if (got != want)
		fail(__FILE__, __LINE__, "%s, %s: %d, not %d", ioctls[i].name, what, got, want);
}

/* Missing fields are zero. What the kernel would write beyond the caller's end stays. */
static void shorter_ones(void)
{
	int fd = device_open();

	for (size_t i = 0; i < ARRAY_SIZE(ioctls); i++) {
		unsigned char args[256];

		memset(args, 0, sizeof(args));
		memset(args + 4, 0x5a, sizeof(args) - 4);
		expect(i, try_ioctl(fd, WITH_SIZE(ioctls[i].request, 4), args), ioctls[i].error,
		       "4 bytes");
		for (size_t k = 4; k < sizeof(args); k++)
			EQUAL(args[k], 0x5a);
	}
	close(fd);
}

static void longer_ones(void)
{
	int fd = device_open();

	for (size_t i = 0; i < ARRAY_SIZE(ioctls); i++) {
		size_t size = _IOC_SIZE(ioctls[i].request);
		unsigned char args[512] = {0};

		expect(i, try_ioctl(fd, WITH_SIZE(ioctls[i].request, size + 24), args),
		       ioctls[i].error, "zeros behind");
		memset(args, 0, sizeof(args));
		args[size + 23] = 1;
		expect(i, try_ioctl(fd, WITH_SIZE(ioctls[i].request, size + 24), args), -EINVAL,
		       "a one behind");
	}
	close(fd);
}

/* Results are written as a whole: nothing of the kernel's memory, nothing beyond the end. */
static void nothing_beyond_the_end(void)
{
	int fd = device_open();
	unsigned char *two =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(two != MAP_FAILED);
	mprotect(two + PAGE, PAGE, PROT_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(ioctls); i++) {
		size_t size = _IOC_SIZE(ioctls[i].request);
		unsigned char *args = two + PAGE - size;

		memset(args, 0, size);
		expect(i, try_ioctl(fd, ioctls[i].request, args), ioctls[i].error,
		       "at a page's end");
		expect(i, try_ioctl(fd, ioctls[i].request, args + 4), -EFAULT,
		       "across a page's end");
	}
	munmap(two, 2 * PAGE);
	close(fd);
}

static void bad_pointers(void)
{
	int fd = device_open();

	for (size_t i = 0; i < ARRAY_SIZE(ioctls); i++) {
		expect(i, try_ioctl(fd, ioctls[i].request, (void *)NOWHERE), -EFAULT, "nowhere");
		expect(i, try_ioctl(fd, ioctls[i].request, (void *)(1ull << 63)), -EFAULT,
		       "the kernel's");
	}
	close(fd);
}

static void no_such_number(void)
{
	int fd = device_open();
	unsigned char args[64] = {0};

	for (unsigned int nr = DRM_TERN_PERF + 1; nr < 0x60; nr++)
		EQUAL(try_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + nr, args), args), -EINVAL);
	EQUAL(try_ioctl(fd, _IOWR('T', DRM_COMMAND_BASE, args), args), -ENOTTY);
	close(fd);
}

static const struct test tests[] = {
	{"shorter arguments", shorter_ones},
	{"longer arguments", longer_ones},
	{"nothing beyond the end", nothing_beyond_the_end},
	{"bad pointers", bad_pointers},
	{"no such number", no_such_number},
};

int main(void)
{
	return RUN(tests);
}
