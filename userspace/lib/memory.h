/* SPDX-License-Identifier: MIT */
/*
 * Device addresses: who gets which, and what a context may touch.
 *
 * Both transports use the same allocator and the same rules, so that a program that
 * runs in process also runs on the kernel driver, and one that faults there faults
 * here.
 */
#ifndef TERN_LIB_MEMORY_H
#define TERN_LIB_MEMORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/hw.h>

/* ---- the address space of a device: one address per buffer ----------------- */
struct tern_va_range {
	uint64_t lo, hi; /* whole pages, the guard behind them included */
};
struct tern_va {
	pthread_mutex_t lock;
	struct tern_va_range *r; /* sorted */
	size_t n, cap;
	uint64_t cursor; /* next fit: a freed address is not handed out again soon */
};
void tern_va_init(struct tern_va *va);
void tern_va_fini(struct tern_va *va);
/* An address for `size` bytes whose low bits are those of `host`: within a page, and for
 * what is larger also within 2 MiB, so that large leaves of the page table stay possible.
 * 0 or -ENOMEM. */
int tern_va_alloc(struct tern_va *va, const void *host, uint64_t size, uint64_t *out);
void tern_va_free(struct tern_va *va, uint64_t addr);

/* ---- memory that host and device share --------------------------------------- */
struct tern_mem {
	unsigned char *host;
	uint64_t size;
	uint64_t va; /* 0: the device has no NPU */
	bool owned;  /* allocated here, not wrapped */
	bool read_only;
	/* Of the kernel driver: the buffer it is part of. */
	uint32_t bo;	  /* GEM handle, 0: none */
	uint64_t bo_size; /* mapped at `host`, if owned */
	uint64_t bo_va;	  /* where the buffer's first byte would be */
};
/* Zeroed whole pages; those never touched cost nothing. NULL: no memory. */
void *tern_pages_alloc(uint64_t size);
void tern_pages_free(void *p, uint64_t size);
uint64_t tern_page_align(uint64_t size);

/* ---- what one context may touch ------------------------------------------------- */
struct tern_mapping {
	const struct tern_mem *mem;
	unsigned int access; /* enum tern_access */
};
struct tern_range {
	uint64_t lo, hi;
	unsigned char *host; /* of lo */
	unsigned int access;
};
struct tern_map {
	struct tern_range *r; /* sorted by lo */
	size_t n;
	size_t last; /* the range found last: accesses come in runs */
};
/* Replace the contents. Mappings that overlap are merged: they are of one tern_mem, or parts
 * of one that want the same access. 0 or -ENOMEM. */
int tern_map_set(struct tern_map *map, const struct tern_mapping *list, size_t n);
void tern_map_fini(struct tern_map *map);
/* tern_sim_mem.translate with ctx a struct tern_map. */
void *tern_map_translate(void *map, uint64_t va, uint64_t *len, unsigned int access);

#endif
