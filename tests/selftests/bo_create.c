// SPDX-License-Identifier: MIT
/* BO_CREATE and BO_MMAP_OFFSET: zeroed memory, limits, who may map what; and what is refused. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

static uint64_t offset_of(int fd, uint32_t handle)
{
	struct drm_tern_bo_mmap_offset args = {.handle = handle};

	do_ioctl(fd, DRM_IOCTL_TERN_BO_MMAP_OFFSET, &args);
	return args.offset;
}

static void *try_map(int fd, uint64_t offset, uint64_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
}

static void sizes_are_rounded(void)
{
	int fd = device_open();

	for (uint64_t size = 1; size < 5 * PAGE; size += 1021) {
		struct drm_tern_bo_create args = {.size = size};

		do_ioctl(fd, DRM_IOCTL_TERN_BO_CREATE, &args);
		EQUAL(args.size, (size + PAGE - 1) / PAGE * PAGE);
		CHECK(args.handle);
		close_handle(fd, args.handle);
	}
	close(fd);
}

/* Dirty and give back as much as there is, so that the next ones get used pages. */
static void memory_is_zeroed(void)
{
	int fd = device_open();

	for (int round = 0; round < 4; round++) {
		struct buffer buffer = make_buffer(fd, 256 * PAGE);
		const unsigned char *map = buffer.map;

		for (size_t i = 0; i < buffer.size; i++)
			EQUAL(map[i], 0);
		memset(buffer.map, 0x5a, buffer.size);
		free_buffer(fd, &buffer);
	}
	close(fd);
}

static void mappings_share_memory(void)
{
	int fd = device_open();
	struct buffer buffer = make_buffer(fd, 2 * PAGE);
	volatile uint32_t *one = buffer.map, *two;

	two = try_map(fd, offset_of(fd, buffer.handle), 2 * PAGE);
	CHECK(two != MAP_FAILED);
	one[PAGE / 4] = 4711;
	EQUAL(two[PAGE / 4], 4711);
	close_handle(fd, buffer.handle);
	one[0] = 42; /* the mapping keeps the memory */
	EQUAL(two[0], 42);
	munmap((void *)one, 2 * PAGE);
	munmap((void *)two, 2 * PAGE);
	close(fd);
}

static void offsets_are_the_files_own(void)
{
	int fd = device_open(), other = device_open();
	struct buffer buffer = make_buffer(fd, PAGE);
	uint64_t offset = offset_of(fd, buffer.handle);

	CHECK(offset >> 12 <= UINT32_MAX); /* what a 32-bit mmap2() can name */
	EQUAL(offset_of(fd, buffer.handle), offset);
	CHECK(try_map(other, offset, PAGE) == MAP_FAILED);
	EQUAL(errno, EACCES);
	CHECK(try_map(fd, offset, 2 * PAGE) == MAP_FAILED);
	EQUAL(errno, EINVAL);
	close(other);
	free_buffer(fd, &buffer);
	CHECK(try_map(fd, offset, PAGE) == MAP_FAILED);
	close(fd);
}

static void handles_are_the_files_own(void)
{
	int fd = device_open(), other = device_open();
	struct buffer buffer = make_buffer(fd, PAGE);

	REFUSED(other, BO_MMAP_OFFSET, ENOENT, .handle = buffer.handle);
	free_buffer(fd, &buffer);
	REFUSED(fd, BO_MMAP_OFFSET, ENOENT, .handle = buffer.handle);
	close(other);
	close(fd);
}

static void bytes_are_limited(void)
{
	int fd = device_open();
	struct drm_tern_limit bytes = limits(fd).buffer_bytes;
	struct drm_tern_bo_create args = {.size = bytes.most / PAGE * PAGE};

	REFUSED(fd, BO_CREATE, EDQUOT, .size = bytes.most + 1);
	do_ioctl(fd, DRM_IOCTL_TERN_BO_CREATE, &args); /* pages come when they are touched */
	EQUAL(limits(fd).buffer_bytes.used, args.size);
	REFUSED(fd, BO_CREATE, EDQUOT, .size = PAGE);
	REFUSED(fd, QUEUE_CREATE, EDQUOT, .vm_id = make_vm(fd)); /* its save area */
	close_handle(fd, args.handle);
	EQUAL(limits(fd).buffer_bytes.used, 0);
	args.size = PAGE;
	do_ioctl(fd, DRM_IOCTL_TERN_BO_CREATE, &args);
	close(fd);
}

/* All that a file may have; none are left behind when it is closed. */
static void numbers_are_limited(void)
{
	int fd = device_open();
	uint64_t most = limits(fd).buffers.most;
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	for (uint64_t i = 0; i < most; i++) {
		struct drm_tern_bo_create args = {.size = PAGE};

		do_ioctl(fd, DRM_IOCTL_TERN_BO_CREATE, &args);
	}
	REFUSED(fd, BO_CREATE, EMFILE, .size = PAGE);
	REFUSED(fd, BO_FROM_USERPTR, EMFILE, .address = (uintptr_t)page, .size = PAGE);
	EQUAL(limits(fd).buffers.used, most);
	close(fd);
	fd = device_open();
	EQUAL(limits(fd).buffers.used, 0);
	close(fd);
	munmap(page, PAGE);
}

static void refusals(void)
{
	int fd = device_open();
	uint32_t vm = make_vm(fd);
	struct buffer buffer = make_buffer(fd, PAGE);

	REFUSED(fd, BO_CREATE, EINVAL, .size = 0);
	REFUSED(fd, BO_CREATE, EINVAL, .size = ~0ull);
	REFUSED(fd, BO_CREATE, EINVAL, .size = (1ull << TERN_VA_BITS) + 1);
	REFUSED(fd, BO_CREATE, EINVAL, .size = PAGE, .flags = 2);
	REFUSED(fd, BO_CREATE, EINVAL, .size = PAGE, .flags = 1u << 31);
	REFUSED(fd, BO_CREATE, EINVAL, .size = PAGE, .pad = 1);
	REFUSED(fd, BO_CREATE, ENOENT, .size = PAGE, .vm_id = vm + 1);
	REFUSED(fd, BO_CREATE, ENOENT, .size = PAGE, .vm_id = ~0u);
	REFUSED(fd, BO_MMAP_OFFSET, ENOENT, .handle = 0);
	REFUSED(fd, BO_MMAP_OFFSET, EINVAL, .handle = buffer.handle, .flags = 1);
	EQUAL(limits(fd).buffers.used, 1);
	free_buffer(fd, &buffer);
	close(fd);
}

static const struct test tests[] = {
	{"sizes are rounded up to pages", sizes_are_rounded},
	{"memory is zeroed", memory_is_zeroed},
	{"mappings share memory, and keep it", mappings_share_memory},
	{"offsets are the file's own", offsets_are_the_files_own},
	{"handles are the file's own", handles_are_the_files_own},
	{"bytes are limited", bytes_are_limited},
	{"numbers are limited", numbers_are_limited},
	{"refusals", refusals},
};

int main(void)
{
	return RUN(tests);
}
