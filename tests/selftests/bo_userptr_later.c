// SPDX-License-Identifier: MIT
/*
 * What a process does with memory after it has made a buffer of it: the buffer keeps referring to
 * the pages it was made of, and nothing else may come to share them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest_userptr.h"

static struct context c;
static uint32_t handle; /* of what was given, until a job has run */
static bool writable;

/* Of a page; a job writes the word behind the first. */
static void give(void *map, uint32_t flags)
{
	writable = !flags;
	EQUAL(try_user(c.fd, map, PAGE, flags, &handle), 0);
	bind(c.fd, c.vm, handle, USER_VA, PAGE, writable ? DRM_TERN_BIND_WRITE : 0);
}

static volatile uint64_t *given(void)
{
	volatile uint64_t *map = anonymous(PAGE, PROT_READ | PROT_WRITE);

	context_open(&c);
	map[0] = USER_VA + 8;
	give((void *)map, 0);
	return map;
}

/* Where the device sees a copy, what it wrote is fetched from there. */
static void write_runs(void)
{
	struct drm_tern_bo_sync sync = {
		.handle = handle, .flags = DRM_TERN_SYNC_FROM_DEVICE, .size = PAGE};

	run_writer(&c);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	if (writable)
		do_ioctl(c.fd, DRM_IOCTL_TERN_BO_SYNC, &sync);
	close_handle(c.fd, handle);
}

/* The copies are the child's. */
static void fork_leaves_them_to_the_parent(void)
{
	volatile uint64_t *map = given();
	int to_child[2], status;
	char go = 0;
	pid_t child;

	EQUAL(pipe(to_child), 0);
	child = fork();
	CHECK(child >= 0);
	if (!child) {
		close(to_child[1]);
		map[0] = 0; /* the device would write nowhere */
		_exit(read(to_child[0], &go, 1) != 1 || map[1] != 0);
	}
	map[2] = 1; /* who writes first after a fork gets the copy, if anybody does */
	write_runs();
	EQUAL(map[1], 7);
	EQUAL(write(to_child[1], &go, 1), 1);
	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
	context_close(&c);
}

static void moved_with_them(void)
{
	void *there = anonymous(PAGE, PROT_NONE), *map = (void *)given();
	volatile uint64_t *moved = mremap(map, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there);

	CHECK(moved == there);
	write_runs();
	EQUAL(moved[1], 7);
	context_close(&c);
}

/* What is there now are other pages, of which the device knows nothing. */
static void dropped_without_them(void)
{
	volatile uint64_t *map = given();

	EQUAL(madvise((void *)map, PAGE, MADV_DONTNEED), 0);
	EQUAL(map[0], 0);
	write_runs();
	EQUAL(map[1], 0);
	context_close(&c);
}

static int memory_file(uint64_t first)
{
	int file = memfd_create("tern-selftest", MFD_ALLOW_SEALING);

	CHECK(file >= 0);
	EQUAL(ftruncate(file, PAGE), 0);
	EQUAL(pwrite(file, &first, sizeof(first), 0), sizeof(first));
	return file;
}

static void *map_file(int file, int access, int how)
{
	void *map = mmap(NULL, PAGE, access, how, file, 0);

	CHECK(map != MAP_FAILED);
	return map;
}

/* The file has lost them, the buffer has not. */
static void truncated_without_them(void)
{
	int file = memory_file(DATA_VA + 8);

	context_open(&c);
	give(map_file(file, PROT_READ, MAP_SHARED), DRM_TERN_USERPTR_READONLY);
	EQUAL(ftruncate(file, 0), 0);
	write_runs();
	EQUAL(((volatile uint64_t *)c.data.map)[1], 7);
	close(file);
	context_close(&c);
}

/* A private mapping is the process's own: the file stays as it is. */
static void private_ones_are_copies(void)
{
	int file = memory_file(USER_VA + 8);
	volatile uint64_t *map = map_file(file, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	uint64_t word = 1;

	context_open(&c);
	give((void *)map, 0);
	write_runs();
	EQUAL(map[1], 7);
	EQUAL(pread(file, &word, sizeof(word), 8), sizeof(word));
	EQUAL(word, 0);
	close(file);
	context_close(&c);
}

/* Nobody may promise that a file stays as it is while the device may write it, nor the reverse. */
static void seals_hold(void)
{
	int file = memory_file(DATA_VA + 8), other = memory_file(USER_VA + 8);
	void *map;

	context_open(&c);
	EQUAL(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
	map = map_file(file, PROT_READ, MAP_SHARED);
	EQUAL(try_user(c.fd, map, PAGE, 0, &handle), -EFAULT);
	EQUAL(try_user(c.fd, map, PAGE, DRM_TERN_USERPTR_READONLY, &handle), 0);
	close_handle(c.fd, handle);

	map = map_file(other, PROT_READ | PROT_WRITE, MAP_SHARED);
	give(map, 0);
	EQUAL(munmap(map, PAGE), 0);
	EQUAL(fcntl(other, F_ADD_SEALS, F_SEAL_WRITE), -1);
	EQUAL(errno, EBUSY);
	write_runs();
	unbind(c.fd, c.vm, USER_VA, PAGE);
	close(file);
	close(other);
	context_close(&c);
}

static const struct test tests[] = {
	{"fork leaves them to the parent", fork_leaves_them_to_the_parent},
	{"moved with them", moved_with_them},
	{"dropped without them", dropped_without_them},
	{"truncated without them", truncated_without_them},
	{"private ones are copies", private_ones_are_copies},
	{"seals hold", seals_hold},
};

int main(void)
{
	return RUN(tests);
}
