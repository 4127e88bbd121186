/* SPDX-License-Identifier: GPL-2.0 */
/* The guest's memory, as far as the guest lets the device see it: bus addresses to host
 * memory. Whoever passes a file passes it again for every range of it, so each file is
 * mapped once, and for good: host pointers outlive the ranges they came from. */
#ifndef DEVICE_MEMORY_H
#define DEVICE_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct memory_file {
	dev_t dev;
	ino_t ino;
	unsigned char *host;
	uint64_t bytes;
	bool writable;
};

struct memory_range {
	uint64_t start, last; /* inclusive: a range may end at 2^64 */
	unsigned char *host;  /* NULL: announced without a file; nothing there can be reached */
	bool write;
};

struct memory {
	pthread_rwlock_t lock;
	struct memory_range *range; /* ascending, disjoint */
	size_t n, cap;
	struct memory_file *file;
	size_t nfiles;
};

void memory_init(struct memory *mem);
void memory_destroy(struct memory *mem);
/* fd < 0: without a file; it stays the caller's. 0 or -errno. */
int memory_map(struct memory *mem, uint64_t start, uint64_t size, int fd, uint64_t offset,
	       bool write);
/* Everything in [start, start + size); size 0 with start 0: everything. Bytes taken away. */
uint64_t memory_unmap(struct memory *mem, uint64_t start, uint64_t size);
/* Host address of `at`, and how much follows it in one piece, at most *len. */
void *memory_at(struct memory *mem, uint64_t at, uint64_t *len, bool write);

#endif
