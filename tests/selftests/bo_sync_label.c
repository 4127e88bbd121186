// SPDX-License-Identifier: MIT
/* BO_SYNC and BO_LABEL: both ways, every range; and what they refuse. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

#define BOTH (DRM_TERN_SYNC_TO_DEVICE | DRM_TERN_SYNC_FROM_DEVICE)

static void move(int fd, uint32_t handle, uint32_t flags, uint64_t offset, uint64_t size)
{
	struct drm_tern_bo_sync args = {
		.handle = handle, .flags = flags, .offset = offset, .size = size};

	do_ioctl(fd, DRM_IOCTL_TERN_BO_SYNC, &args);
}

/* Also before the device has seen the buffer, when there is nothing to move. */
static void ranges_are_moved(void)
{
	int fd = device_open();
	uint32_t vm = make_vm(fd);
	struct buffer buffer = make_buffer(fd, 8 * PAGE);
	volatile unsigned char *map = buffer.map;

	for (int mapped = 0; mapped < 2; mapped++) {
		map[5 * PAGE] = 7;
		for (uint32_t flags = 1; flags <= BOTH; flags++) {
			move(fd, buffer.handle, flags, 0, buffer.size);
			move(fd, buffer.handle, flags, PAGE - 1, 2);
			move(fd, buffer.handle, flags, 8 * PAGE - 1, 1);
		}
		EQUAL(map[5 * PAGE], 7);
		if (!mapped)
			bind(fd, vm, buffer.handle, DATA_VA, buffer.size, DRM_TERN_BIND_WRITE);
	}
	free_buffer(fd, &buffer);
	close(fd);
}

/* Memory the CPU caches, whether or not the device sees caches: what either side writes arrives. */
static void cached_memory_arrives(void)
{
	struct context c;
	struct drm_tern_bo_create create = {.size = PAGE, .flags = DRM_TERN_BO_CACHED};
	volatile uint64_t *map;

	context_open(&c);
	do_ioctl(c.fd, DRM_IOCTL_TERN_BO_CREATE, &create);
	map = map_handle(c.fd, create.handle, PAGE);
	bind(c.fd, c.vm, create.handle, 0x400000, PAGE, DRM_TERN_BIND_WRITE);
	/* [256] = 99, at the address that [0] says */
	image_movi(&c.image, 3, 0x400000);
	image_load(&c.image, 2, 3, 0);
	image_fence(&c.image, 2, 0, 99);
	image_end(&c.image, c.code.map);
	map[0] = 0x400000 + 2048;
	move(c.fd, create.handle, DRM_TERN_SYNC_TO_DEVICE, 0, PAGE);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	move(c.fd, create.handle, DRM_TERN_SYNC_FROM_DEVICE, 0, PAGE);
	EQUAL(map[256], 99);
	context_close(&c);
}

static void sync_refusals(void)
{
	int fd = device_open();
	struct buffer buffer = make_buffer(fd, 2 * PAGE);

#define SYNC(error, ...) REFUSED(fd, BO_SYNC, error, .handle = buffer.handle, __VA_ARGS__)
	SYNC(EINVAL, .size = 1);
	SYNC(EINVAL, .flags = 4 | BOTH, .size = 1);
	SYNC(EINVAL, .flags = BOTH, .size = 0);
	SYNC(EINVAL, .flags = BOTH, .size = 2 * PAGE + 1);
	SYNC(EINVAL, .flags = BOTH, .offset = 2 * PAGE, .size = 1);
	SYNC(EINVAL, .flags = BOTH, .offset = ~0ull, .size = 2);
	SYNC(EINVAL, .flags = BOTH, .offset = 1, .size = ~0ull);
	REFUSED(fd, BO_SYNC, ENOENT, .handle = buffer.handle + 1, .flags = BOTH, .size = 1);
	REFUSED(fd, BO_SYNC, ENOENT, .flags = BOTH, .size = 1);
	close(fd);
}

static int label(int fd, uint32_t handle, const void *text, uint32_t size)
{
	struct drm_tern_bo_label args = {.handle = handle, .size = size, .label = (uintptr_t)text};

	return try_ioctl(fd, DRM_IOCTL_TERN_BO_LABEL, &args);
}

static void labels_are_taken(void)
{
	int fd = device_open();
	struct buffer buffer = make_buffer(fd, PAGE);
	char longest[64];

	memset(longest, '~', sizeof(longest));
	EQUAL(label(fd, buffer.handle, "weights", 7), 0);
	EQUAL(label(fd, buffer.handle, "weights", 8), 0);
	EQUAL(label(fd, buffer.handle, "x\0\0\0", 4), 0);
	EQUAL(label(fd, buffer.handle, longest, sizeof(longest)), 0);
	EQUAL(label(fd, buffer.handle, NULL, 0), 0);
	close(fd);
}

static void label_refusals(void)
{
	int fd = device_open();
	struct buffer buffer = make_buffer(fd, PAGE);
	char text[65] = "";

	memset(text, 'a', sizeof(text));
	EQUAL(label(fd, buffer.handle, text, 65), -E2BIG);
	EQUAL(label(fd, buffer.handle, text, ~0u), -E2BIG);
	EQUAL(label(fd, buffer.handle, text, 0), -EINVAL);
	EQUAL(label(fd, buffer.handle, "a\nb", 3), -EINVAL);
	EQUAL(label(fd, buffer.handle, "a\x7f", 2), -EINVAL);
	EQUAL(label(fd, buffer.handle, "a\xc3\xa4", 3), -EINVAL);
	EQUAL(label(fd, buffer.handle, "a\0b", 3), -EINVAL);
	EQUAL(label(fd, buffer.handle, (void *)NOWHERE, 4), -EFAULT);
	EQUAL(label(fd, buffer.handle + 1, "a", 1), -ENOENT);
	EQUAL(label(fd, 0, "a", 1), -ENOENT);
	close(fd);
}

static const struct test tests[] = {
	{"every range can be moved", ranges_are_moved},
	{"cached memory arrives on either side", cached_memory_arrives},
	{"refusals of BO_SYNC", sync_refusals},
	{"labels are taken", labels_are_taken},
	{"refusals of BO_LABEL", label_refusals},
};

int main(void)
{
	return RUN(tests);
}
