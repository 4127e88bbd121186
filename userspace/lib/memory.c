// SPDX-License-Identifier: MIT
/* Device addresses and their permissions. */
#include "lib/memory.h"
#include "graph/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Addresses begin above what a NULL plus a large index reaches. */
#define VA_FIRST (1ull << 32)
#define VA_END	 (1ull << TERN_VA_BITS)
/* Unmapped bytes behind each buffer: an overrun of up to this much faults. */
#define GUARD	   (64ull << 10)
#define LARGE_PAGE (2ull << 20)
#define NO_SLOT	   SIZE_MAX

uint64_t tern_page_align(uint64_t size)
{
	return (size + TERN_PAGE_SIZE - 1) & ~(uint64_t)(TERN_PAGE_SIZE - 1);
}

void *tern_pages_alloc(uint64_t size)
{
	void *p;

	if (size > SIZE_MAX - TERN_PAGE_SIZE)
		return NULL;
	p = mmap(NULL, tern_page_align(size), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void tern_pages_free(void *p, uint64_t size)
{
	if (p)
		munmap(p, tern_page_align(size));
}

/* ---- the address space ----------------------------------------------------------- */

void tern_va_init(struct tern_va *va)
{
	memset(va, 0, sizeof(*va));
	pthread_mutex_init(&va->lock, NULL);
	va->cursor = VA_FIRST;
}

void tern_va_fini(struct tern_va *va)
{
	pthread_mutex_destroy(&va->lock);
	free(va->r);
}

static int grow(struct tern_va *va)
{
	size_t cap = va->cap ? 2 * va->cap : 64;
	struct tern_va_range *r;

	if (va->n < va->cap)
		return 0;
	r = realloc(va->r, cap * sizeof(*r));
	if (!r)
		return -ENOMEM;
	va->r = r;
	va->cap = cap;
	return 0;
}

/* The first range that ends above addr. */
static size_t first_above(const struct tern_va *va, uint64_t addr)
{
	size_t lo = 0, hi = va->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (va->r[mid].hi > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* The first address from `from` on that is `low` modulo `align`. */
static uint64_t place(uint64_t from, uint64_t low, uint64_t align)
{
	return from + ((low - from) & (align - 1));
}

/* Finds `bytes` free between from and VA_END; the index they go to, or NO_SLOT. */
static size_t find_gap(const struct tern_va *va, uint64_t from, uint64_t bytes, uint64_t low,
		       uint64_t align, uint64_t *at)
{
	size_t i = first_above(va, from);

	*at = place(from, low, align);
	for (; i<va->n && * at + bytes> va->r[i].lo; i++) {
		if (va->r[i].hi > *at)
			*at = place(va->r[i].hi, low, align);
	}
	return *at <= VA_END - bytes ? i : NO_SLOT;
}

int tern_va_alloc(struct tern_va *va, const void *host, uint64_t size, uint64_t *out)
{
	uint64_t align = size >= LARGE_PAGE ? LARGE_PAGE : TERN_PAGE_SIZE;
	uint64_t low = (uintptr_t)host & (align - 1) & ~(uint64_t)(TERN_PAGE_SIZE - 1);
	uint64_t in_page = (uintptr_t)host & (TERN_PAGE_SIZE - 1);
	uint64_t bytes, at;
	size_t slot = NO_SLOT;

	if (size >= VA_END - VA_FIRST - GUARD - 2 * LARGE_PAGE)
		return tern_fail(-ENOMEM, "%llu bytes do not fit the device's 48-bit addresses",
				 (unsigned long long)size);
	bytes = tern_page_align(in_page + size) + GUARD;
	pthread_mutex_lock(&va->lock);
	if (!grow(va)) {
		slot = find_gap(va, va->cursor, bytes, low, align, &at);
		if (slot == NO_SLOT)
			slot = find_gap(va, VA_FIRST, bytes, low, align, &at);
	}
	if (slot != NO_SLOT) {
		memmove(&va->r[slot + 1], &va->r[slot], (va->n - slot) * sizeof(*va->r));
		va->r[slot] = (struct tern_va_range){at, at + bytes};
		va->n++;
		va->cursor = at + bytes;
		*out = at + in_page;
	}
	pthread_mutex_unlock(&va->lock);
	if (slot == NO_SLOT)
		return tern_fail(-ENOMEM, "no device address left for %llu bytes: destroy buffers",
				 (unsigned long long)size);
	return 0;
}

void tern_va_free(struct tern_va *va, uint64_t addr)
{
	size_t i;

	pthread_mutex_lock(&va->lock);
	i = first_above(va, addr);
	if (i < va->n && va->r[i].lo <= addr) {
		memmove(&va->r[i], &va->r[i + 1], (va->n - i - 1) * sizeof(*va->r));
		va->n--;
	}
	pthread_mutex_unlock(&va->lock);
}

/* ---- a context's map -------------------------------------------------------------- */

static int by_lo(const void *pa, const void *pb)
{
	const struct tern_range *a = pa, *b = pb;

	return a->lo < b->lo ? -1 : a->lo > b->lo;
}

/* What was allocated is mapped in whole pages. Of wrapped memory the model maps the exact
 * bytes, which is stricter than any page table: the neighbours in its first and last page
 * belong to the host program. */
static struct tern_range range_of(const struct tern_mapping *m)
{
	uint64_t size = m->mem->owned ? tern_page_align(m->mem->size) : m->mem->size;

	return (struct tern_range){
		.lo = m->mem->va,
		.hi = m->mem->va + size,
		.host = m->mem->host,
		.access = m->access,
	};
}

int tern_map_set(struct tern_map *map, const struct tern_mapping *list, size_t n)
{
	struct tern_range *r = malloc((n ? n : 1) * sizeof(*r));
	size_t i, kept = 0;

	if (!r)
		return tern_fail(-ENOMEM, "no memory to map %zu buffers", n);
	for (i = 0; i < n; i++)
		r[i] = range_of(&list[i]);
	qsort(r, n, sizeof(*r), by_lo);
	for (i = 0; i < n; i++) {
		struct tern_range *last = kept ? &r[kept - 1] : NULL;

		if (!last || r[i].lo >= last->hi) {
			r[kept++] = r[i];
			continue;
		}
		last->access |= r[i].access;
		if (r[i].hi > last->hi)
			last->hi = r[i].hi;
	}
	free(map->r);
	*map = (struct tern_map){.r = r, .n = kept};
	return 0;
}

void tern_map_fini(struct tern_map *map)
{
	free(map->r);
	memset(map, 0, sizeof(*map));
}

static bool holds(const struct tern_map *map, size_t i, uint64_t va)
{
	return i < map->n && map->r[i].lo <= va && va < map->r[i].hi;
}

static size_t find_range(const struct tern_map *map, uint64_t va)
{
	size_t lo = 0, hi = map->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (map->r[mid].hi > va)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

void *tern_map_translate(void *ctx, uint64_t va, uint64_t *len, unsigned int access)
{
	struct tern_map *map = ctx;
	const struct tern_range *r;

	if (!holds(map, map->last, va)) {
		size_t i = find_range(map, va);

		if (!holds(map, i, va))
			return NULL;
		map->last = i;
	}
	r = &map->r[map->last];
	if ((r->access & access) != access)
		return NULL;
	if (*len > r->hi - va)
		*len = r->hi - va;
	return r->host + (va - r->lo);
}
