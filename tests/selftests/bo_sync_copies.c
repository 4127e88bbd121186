// SPDX-License-Identifier: MIT
/*
 * Memory that needs BO_SYNC: with it what either side writes arrives. Where the kernel shows the
 * device copies (swiotlb=force) it is also certain what is seen without it: the old.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

#define VA    0x400000ull
#define BYTES (2u << 20) /* more than the kernel copies in one piece */

/* A context, and a buffer of which the CPU's side is cached. */
struct shared {
	struct context c;
	uint32_t handle;
	volatile uint64_t *map;
};

static void shared_open(struct shared *s, bool user)
{
	struct drm_tern_bo_create create = {.size = BYTES, .flags = DRM_TERN_BO_CACHED};
	struct drm_tern_bo_from_userptr wrap = {.size = BYTES};

	context_open(&s->c);
	if (user) {
		s->map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
		CHECK(s->map != MAP_FAILED);
		wrap.address = (uintptr_t)s->map;
		do_ioctl(s->c.fd, DRM_IOCTL_TERN_BO_FROM_USERPTR, &wrap);
		s->handle = wrap.handle;
	} else {
		do_ioctl(s->c.fd, DRM_IOCTL_TERN_BO_CREATE, &create);
		s->handle = create.handle;
		s->map = map_handle(s->c.fd, s->handle, BYTES);
	}
	bind(s->c.fd, s->c.vm, s->handle, VA, BYTES, DRM_TERN_BIND_WRITE);
}

static void shared_close(struct shared *s)
{
	munmap((void *)s->map, BYTES);
	context_close(&s->c);
}

static void move(const struct shared *s, uint32_t flags, uint64_t offset, uint64_t size)
{
	struct drm_tern_bo_sync args = {
		.handle = s->handle, .flags = flags, .offset = offset, .size = size};

	do_ioctl(s->c.fd, DRM_IOCTL_TERN_BO_SYNC, &args);
}

/* The device writes a value to the offset that the first word says. */
static void device_writes(struct shared *s, uint64_t value)
{
	image_begin(&s->c.image);
	image_movi(&s->c.image, 3, VA);
	image_load(&s->c.image, 2, 3, 0);
	image_fence(&s->c.image, 2, 0, value);
	image_end(&s->c.image, s->c.code.map);
	EQUAL(context_wait(&s->c, context_submit(&s->c)), 0);
	EQUAL(queue_state(s->c.fd, s->c.queue).error, 0);
}

static void arrives(bool user)
{
	static const uint64_t offsets[] = {8, PAGE, BYTES / 2, BYTES - 8};
	struct shared s;

	shared_open(&s, user);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		s.map[0] = VA + offsets[i];
		move(&s, DRM_TERN_SYNC_TO_DEVICE, 0, 8);
		device_writes(&s, 1000 + i);
		move(&s, DRM_TERN_SYNC_FROM_DEVICE, offsets[i], 8);
		EQUAL(s.map[offsets[i] / 8], 1000 + i);
	}
	shared_close(&s);
}

static void cached_arrives(void)
{
	arrives(false);
}

static void user_arrives(void)
{
	arrives(true);
}

/* ---- Copies -------------------------------------------------------------------- */

/* Skips the test where nobody says that there are copies; there the device has to say so, too. */
static void need_copies(int fd)
{
	char line[4096] = "";
	int file = open("/proc/cmdline", O_RDONLY);
	const char *word;

	CHECK(file >= 0 && read(file, line, sizeof(line) - 1) > 0);
	close(file);
	word = strstr(line, "swiotlb=");
	if (!word || !memmem(word, strcspn(word, " \n"), "force", 5))
		skip("the device sees memory itself");
	CHECK(!device_coherent(fd));
}

static void stale(bool user)
{
	struct shared s;

	shared_open(&s, user);
	need_copies(s.c.fd);
	s.map[0] = VA + 8;
	s.map[2] = 5;
	move(&s, DRM_TERN_SYNC_TO_DEVICE, 0, PAGE);
	/* Not told, or told of another page: the device goes on with the old word. */
	s.map[0] = VA + 16;
	move(&s, DRM_TERN_SYNC_TO_DEVICE, PAGE, PAGE);
	device_writes(&s, 99);
	EQUAL(s.map[1], 0);
	move(&s, DRM_TERN_SYNC_FROM_DEVICE, PAGE, PAGE);
	EQUAL(s.map[1], 0);
	move(&s, DRM_TERN_SYNC_FROM_DEVICE, 8, 16);
	EQUAL(s.map[1], 99);
	EQUAL(s.map[2], 5);
	/* Only what was asked for has been moved. */
	EQUAL(s.map[0], VA + 16);
	shared_close(&s);
}

static void cached_is_stale(void)
{
	stale(false);
}

static void user_is_stale(void)
{
	stale(true);
}

/* Nobody moves what was not asked for, not even who gives the memory back. */
static void closing_moves_nothing(void)
{
	struct shared s;

	shared_open(&s, true);
	need_copies(s.c.fd);
	s.map[1] = 5;
	move(&s, DRM_TERN_SYNC_TO_DEVICE, 0, PAGE);
	s.map[1] = 6;
	s.map[PAGE / 8] = 7;
	context_close(&s.c);
	for (int i = 0; i < 20; i++) { /* released where waiting is allowed */
		usleep(50000);
		EQUAL(s.map[1], 6);
		EQUAL(s.map[PAGE / 8], 7);
	}
	munmap((void *)s.map, BYTES);
}

/* What the kernel itself looks at now and then cannot be such memory. */
static void kernel_does_not_look(void)
{
	struct shared s;
	struct drm_tern_queue_create queue = {.flags = DRM_TERN_QUEUE_USER, .ring_va = VA};

	shared_open(&s, false);
	need_copies(s.c.fd);
	queue.vm_id = s.c.vm;
	queue.priority = DRM_TERN_PRIORITY_NORMAL;
	queue.ring_bo = s.handle;
	EQUAL(try_ioctl(s.c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &queue), -EINVAL);
	queue.ring_bo = s.c.data.handle;
	queue.ring_va = DATA_VA;
	do_ioctl(s.c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &queue);
	REFUSED(s.c.fd, QUEUE_WAIT, EINVAL, .queue_id = queue.queue_id, .bo_handle = s.handle,
		.value = 1);
	shared_close(&s);
}

static const struct test tests[] = {
	{"cached memory arrives", cached_arrives},
	{"user memory arrives", user_arrives},
	{"cached memory is stale without", cached_is_stale},
	{"user memory is stale without", user_is_stale},
	{"closing moves nothing", closing_moves_nothing},
	{"what the kernel looks at is not cached", kernel_does_not_look},
};

int main(void)
{
	return RUN(tests);
}
