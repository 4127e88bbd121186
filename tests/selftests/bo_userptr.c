// SPDX-License-Identifier: MIT
/* BO_FROM_USERPTR: anonymous memory and files, for reading and writing; limits; refusals. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "selftest_userptr.h"

#define HUGE (2u << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static void anonymous_memory_is_read_and_written(void)
{
	struct context c;
	volatile uint64_t *map = anonymous(8 * PAGE, PROT_READ | PROT_WRITE);
	struct drm_tern_bo_sync sync = {.flags = DRM_TERN_SYNC_FROM_DEVICE, .size = 8 * PAGE};
	uint32_t handle;

	context_open(&c);
	map[0] = USER_VA + 7 * PAGE + 8;
	EQUAL(try_user(c.fd, (void *)map, 8 * PAGE, 0, &handle), 0);
	sync.handle = handle;
	bind(c.fd, c.vm, handle, USER_VA, 8 * PAGE, DRM_TERN_BIND_WRITE);
	run_writer(&c);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	do_ioctl(c.fd, DRM_IOCTL_TERN_BO_SYNC, &sync);
	EQUAL(map[7 * PAGE / 8 + 1], 7);
	munmap((void *)map, 8 * PAGE);
	context_close(&c);
}

/* The buffer is the pages, not the addresses. */
static void pages_outlive_their_mapping(void)
{
	struct context c;
	uint64_t *map = anonymous(2 * PAGE, PROT_READ | PROT_WRITE);
	uint32_t handle;

	context_open(&c);
	map[0] = DATA_VA + 64;
	EQUAL(try_user(c.fd, map, 2 * PAGE, DRM_TERN_USERPTR_READONLY, &handle), 0);
	munmap(map, 2 * PAGE);
	bind(c.fd, c.vm, handle, USER_VA, 2 * PAGE, 0);
	close_handle(c.fd, handle);
	run_writer(&c);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	EQUAL(((volatile uint64_t *)c.data.map)[8], 7);
	context_close(&c);
}

static void read_only_stays_so(void)
{
	struct context c;
	struct drm_tern_vm_bind_op op = {
		.flags = DRM_TERN_BIND_WRITE, .va = USER_VA, .size = 2 * PAGE};
	volatile uint64_t *map = anonymous(2 * PAGE, PROT_READ | PROT_WRITE);
	struct drm_tern_queue_state state;
	uint32_t handle;

	context_open(&c);
	map[0] = USER_VA + 64;
	EQUAL(try_user(c.fd, (void *)map, 2 * PAGE, DRM_TERN_USERPTR_READONLY, &handle), 0);
	op.bo_handle = handle;
	EQUAL(try_bind(c.fd, c.vm, &op), -EACCES);
	op.flags = 0;
	EQUAL(try_bind(c.fd, c.vm, &op), 0);
	run_writer(&c);
	state = queue_state(c.fd, c.queue);
	EQUAL(state.error, -EIO);
	EQUAL(state.fault.code, TERN_FAULT_TRANSLATION);
	EQUAL(state.fault.addr, USER_VA + 64);
	EQUAL(map[8], 0);
	context_close(&c);
}

/* As a GGUF file is: MAP_SHARED, and the file only readable. */
static void file_is_read(void)
{
	struct context c;
	int file = open("/tmp/tern-selftest", O_RDWR | O_CREAT | O_TRUNC, 0600);
	uint64_t word = DATA_VA + 128;
	uint32_t handle;
	void *map;

	context_open(&c);
	EQUAL(pwrite(file, &word, 8, 0), 8);
	EQUAL(ftruncate(file, 3 * PAGE), 0);
	close(file);
	file = open("/tmp/tern-selftest", O_RDONLY);
	map = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, file, 0);
	CHECK(map != MAP_FAILED);
	EQUAL(try_user(c.fd, map, 3 * PAGE, 0, &handle), -EFAULT);
	EQUAL(try_user(c.fd, map, 3 * PAGE, DRM_TERN_USERPTR_READONLY, &handle), 0);
	bind(c.fd, c.vm, handle, USER_VA, 3 * PAGE, 0);
	run_writer(&c);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	EQUAL(((volatile uint64_t *)c.data.map)[16], 7);
	/* Beyond the file's end there are no pages. */
	EQUAL(try_user(c.fd, mmap(NULL, 8 * PAGE, PROT_READ, MAP_SHARED, file, 0), 8 * PAGE,
		       DRM_TERN_USERPTR_READONLY, &handle),
	      -EFAULT);
	close(file);
	unlink("/tmp/tern-selftest");
	context_close(&c);
}

/* Memory of large pages, bound so that the device can use large ones too, and so that it cannot. */
static void large_pages_are_read(void)
{
	static const uint64_t places[] = {0x40000000, 0x60000000 + PAGE};
	unsigned char *room = anonymous(3 * HUGE, PROT_READ | PROT_WRITE);
	uint64_t *map = (void *)(((uintptr_t)room + HUGE - 1) / HUGE * HUGE);
	volatile uint64_t *data;
	struct context c;
	uint32_t handle;

	context_open(&c);
	data = c.data.map;
	madvise(map, 2 * HUGE, MADV_HUGEPAGE);
	for (size_t i = 0; i < 2 * HUGE / 8; i += PAGE / 8)
		map[i] = DATA_VA + 8 * (i / (PAGE / 8) % 1000);
	EQUAL(try_user(c.fd, map, 2 * HUGE, 0, &handle), 0);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		bind(c.fd, c.vm, handle, places[i], 2 * HUGE, 0);
		for (uint64_t page = 3; page < 1000; page += 498) {
			image_begin(&c.image);
			image_movi(&c.image, 3, (int64_t)(places[i] + page * PAGE));
			image_load(&c.image, 2, 3, 0);
			image_fence(&c.image, 2, 0, 1000 * i + page);
			image_end(&c.image, c.code.map);
			EQUAL(context_wait(&c, context_submit(&c)), 0);
			EQUAL(queue_state(c.fd, c.queue).error, 0);
			EQUAL(data[page], 1000 * i + page);
		}
	}
	context_close(&c);
	munmap(room, 3 * HUGE);
}

static uint64_t table_pages(const struct context *c)
{
	struct drm_tern_vm_state state = {.vm_id = c->vm};

	do_ioctl(c->fd, DRM_IOCTL_TERN_VM_STATE, &state);
	return state.table_bytes / PAGE;
}

/* The first word at VA, which says where. */
static void expect_read(struct context *c, uint64_t va, uint64_t value)
{
	image_begin(&c->image);
	image_movi(&c->image, 3, (int64_t)va);
	image_load(&c->image, 2, 3, 0);
	image_fence(&c->image, 2, 0, value);
	image_end(&c->image, c->code.map);
	EQUAL(context_wait(c, context_submit(c)), 0);
	EQUAL(queue_state(c->fd, c->queue).error, 0);
	EQUAL(*(volatile uint64_t *)c->data.map, value);
}

/* Free memory in small pieces becomes large ones, if the kernel does that. */
static void compact_memory(void)
{
	int file = open("/proc/sys/vm/compact_memory", O_WRONLY);

	if (file < 0)
		return;
	dprintf(file, "1");
	close(file);
}

/* Whatever else looks at the memory just then is in the way, and there may be no large piece of it
 * yet: only one refusal is for ever. */
static int collapse(void *map, size_t size)
{
	int error = 0;

	for (int i = 0; i < 300; i++) {
		if (!madvise(map, size, MADV_COLLAPSE))
			return 0;
		error = errno;
		if (error == EINVAL)
			skip("the kernel has no large pages");
		compact_memory();
		usleep(100000);
	}
	return -error;
}

/* An entry of 2 MiB needs no table of entries of 4 KiB: what tables there are tells of it. */
static void large_pages_are_entries(void)
{
	const uint64_t va = 0x4000000000, beside = va + (1ull << 30) + PAGE;
	unsigned char *room = anonymous(3 * HUGE, PROT_READ | PROT_WRITE);
	uint64_t *map = (void *)(((uintptr_t)room + HUGE - 1) / HUGE * HUGE), before;
	struct context c;
	uint32_t handle;

	context_open(&c);
	if (!device_coherent(c.fd))
		skip("the device sees copies, in small pieces");
	for (size_t i = 0; i < 2 * HUGE / 8; i += PAGE / 8)
		map[i] = DATA_VA;
	EQUAL(collapse(map, 2 * HUGE), 0);
	EQUAL(try_user(c.fd, map, 2 * HUGE, 0, &handle), 0);
	before = table_pages(&c);
	bind(c.fd, c.vm, handle, va, 2 * HUGE, 0);
	EQUAL(table_pages(&c), before + 1); /* of 1 GiB */
	expect_read(&c, va + HUGE + 7 * PAGE, 1);
	/* A hole needs the smaller entries, of that page only. */
	unbind(c.fd, c.vm, va + HUGE + 3 * PAGE, PAGE);
	EQUAL(table_pages(&c), before + 2);
	expect_read(&c, va + HUGE + 2 * PAGE, 2);
	expect_read(&c, va + HUGE + 4 * PAGE, 3);
	expect_read(&c, va + 5 * PAGE, 4);
	/* Where addresses are not aligned as the memory is: three of 2 MiB, and one of 1 GiB. */
	bind(c.fd, c.vm, handle, beside, 2 * HUGE, 0);
	EQUAL(table_pages(&c), before + 2 + 4);
	context_close(&c);
	munmap(room, 3 * HUGE);
}

/* Of a process that may lock 64 KiB, and has no privilege to have more. */
static void lock_little(void)
{
	struct rlimit little = {16 * PAGE, 16 * PAGE};
	char *map = anonymous(32 * PAGE, PROT_READ | PROT_WRITE);
	int fd = device_open();
	uint32_t one, two;

	setrlimit(RLIMIT_MEMLOCK, &little);
	CHECK(!setresuid(65533, 65533, 65533));
	EQUAL(limits(fd).pinned_bytes.most, 16 * PAGE);
	EQUAL(try_user(fd, map, 17 * PAGE, 0, &one), -ENOBUFS);
	EQUAL(try_user(fd, map, 10 * PAGE, 0, &one), 0);
	EQUAL(limits(fd).pinned_bytes.used, 10 * PAGE);
	EQUAL(try_user(fd, map + 16 * PAGE, 7 * PAGE, 0, &two), -ENOBUFS);
	EQUAL(try_user(fd, map + 16 * PAGE, 6 * PAGE, 0, &two), 0);
	close_handle(fd, one);
	EQUAL(limits(fd).pinned_bytes.used, 6 * PAGE);
	EQUAL(try_user(fd, NULL, PAGE, 0, &one), -EFAULT);
	EQUAL(limits(fd).pinned_bytes.used, 6 * PAGE);
}

static void locked_memory_is_limited(void)
{
	in_child(lock_little);
}

static void refusals(void)
{
	int fd = device_open();
	char *map = anonymous(4 * PAGE, PROT_READ | PROT_WRITE);
	uint32_t handle, ok;

	EQUAL(try_user(fd, map, 0, 0, &handle), -EINVAL);
	EQUAL(try_user(fd, map + 1, PAGE, 0, &handle), -EINVAL);
	EQUAL(try_user(fd, map, PAGE + 1, 0, &handle), -EINVAL);
	EQUAL(try_user(fd, map, PAGE, 2, &handle), -EINVAL);
	EQUAL(try_user(fd, map, PAGE, 1u << 31, &handle), -EINVAL);
	/* The end of what a 32-bit process can say is no end to the kernel: only not mapped. */
	EQUAL(try_user(fd, (void *)-(uintptr_t)PAGE, 2 * PAGE, 0, &handle),
	      sizeof(void *) == 8 ? -EINVAL : -EFAULT);
	EQUAL(try_user(fd, map, ~0ull - PAGE + 1, 0, &handle), -EINVAL);
	EQUAL(try_user(fd, NULL, PAGE, 0, &handle), -EFAULT);
	munmap(map + 2 * PAGE, PAGE);
	EQUAL(try_user(fd, map, 4 * PAGE, 0, &handle), -EFAULT);
	EQUAL(try_user(fd, anonymous(PAGE, PROT_READ), PAGE, 0, &handle), -EFAULT);
	EQUAL(try_user(fd, anonymous(PAGE, PROT_NONE), PAGE, DRM_TERN_USERPTR_READONLY, &handle),
	      -EFAULT);
	EQUAL(limits(fd).buffers.used, 0);
	EQUAL(try_user(fd, map, PAGE, 0, &ok), 0);
	REFUSED(fd, BO_MMAP_OFFSET, EPERM, .handle = ok);
	EQUAL(try_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD,
			&(struct drm_prime_handle){.handle = ok, .flags = DRM_CLOEXEC}),
	      -EPERM);
	close(fd);
}

/* What has no offset is at none: not beside those that others have. */
static void it_is_at_no_offset(void)
{
	int fd = device_open();
	void *memory = anonymous(PAGE, PROT_READ | PROT_WRITE);
	struct buffer before = make_buffer(fd, PAGE), after;
	struct drm_tern_bo_mmap_offset from = {.handle = before.handle}, to = {0};
	uint32_t handle;

	EQUAL(try_user(fd, memory, PAGE, 0, &handle), 0);
	after = make_buffer(fd, PAGE);
	to.handle = after.handle;
	do_ioctl(fd, DRM_IOCTL_TERN_BO_MMAP_OFFSET, &from);
	do_ioctl(fd, DRM_IOCTL_TERN_BO_MMAP_OFFSET, &to);
	for (uint64_t at = 0; at <= from.offset + 64 * PAGE; at += PAGE) {
		if (at == 16 * PAGE)
			at = from.offset > 64 * PAGE ? from.offset - 64 * PAGE : at;
		if (at == from.offset || at == to.offset)
			continue;
		CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)at) == MAP_FAILED);
	}
	close(fd);
}

static const struct test tests[] = {
	{"anonymous memory is read and written", anonymous_memory_is_read_and_written},
	{"pages outlive their mapping", pages_outlive_their_mapping},
	{"read-only stays so", read_only_stays_so},
	{"a file that is only readable is read", file_is_read},
	{"large pages are read", large_pages_are_read},
	{"large pages are entries of their own", large_pages_are_entries},
	{"locked memory is limited", locked_memory_is_limited},
	{"it is at no offset", it_is_at_no_offset},
	{"refusals", refusals},
};

int main(void)
{
	return RUN(tests);
}
