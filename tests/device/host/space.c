// SPDX-License-Identifier: GPL-2.0
/* Address spaces: page tables as hw.h says, written by a driver that knows nothing else. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

#define LARGE (2ull << 20)

static uint64_t new_table(struct host *h)
{
	uint64_t at = host_alloc(h, TERN_PAGE_SIZE, TERN_PAGE_SIZE);

	memset(host_at(h, at), 0, TERN_PAGE_SIZE);
	return at;
}

struct host_space *space_create(struct host *h, unsigned int asid)
{
	struct host_space *s = calloc(1, sizeof(*s));

	s->asid = asid;
	s->root = new_table(h);
	reg_set64(h, TERN_REG_ASID_ROOT + asid * TERN_ASID_STRIDE, s->root | 1);
	REQUIRE(space_invalidate(h, s, 0, UINT64_MAX) == 0);
	return s;
}

/* The entry of `level` for va; tables above it are made if `make`. */
static uint64_t *entry(struct host *h, struct host_space *s, uint64_t va, int level, bool make)
{
	uint64_t table = s->root;

	for (int l = 3; l > level; l--) {
		uint64_t *pte = (uint64_t *)host_at(h, table) + (va >> (12 + 9 * l) & 511);

		if (!(*pte & TERN_PTE_VALID)) {
			if (!make)
				return NULL;
			*pte = new_table(h) | TERN_PTE_VALID;
		}
		table = *pte & TERN_PTE_ADDR_MASK;
	}
	return (uint64_t *)host_at(h, table) + (va >> (12 + 9 * level) & 511);
}

/* Is there a table of small pages, perhaps an empty one? */
static bool has_table(struct host *h, struct host_space *s, uint64_t va)
{
	uint64_t *pte = entry(h, s, va, 1, false);

	return pte && *pte & TERN_PTE_VALID && !(*pte & TERN_PTE_LEAF);
}

/* Large leaves wherever both addresses allow. */
void space_map(struct host *h, struct host_space *s, uint64_t va, uint64_t bus, uint64_t bytes,
	       uint64_t flags)
{
	REQUIRE((va | bus | bytes) % TERN_PAGE_SIZE == 0);
	while (bytes) {
		bool large = !((va | bus) % LARGE) && bytes >= LARGE && !has_table(h, s, va);
		uint64_t step = large ? LARGE : TERN_PAGE_SIZE;
		uint64_t *pte = entry(h, s, va, large, true);

		HOST_ASSERT(!(*pte & TERN_PTE_VALID), "mapped twice");
		__atomic_store_n(pte, bus | flags | TERN_PTE_VALID | TERN_PTE_LEAF,
				 __ATOMIC_RELEASE);
		va += step;
		bus += step;
		bytes -= step;
	}
}

void space_allow(struct host *h, struct host_space *s, uint64_t va, uint64_t bus, uint64_t bytes,
		 uint64_t flags)
{
	for (uint64_t end = va + bytes, step; va < end; va += step, bus += step) {
		uint64_t *pte = entry(h, s, va, 1, false);

		step = TERN_PAGE_SIZE;
		if (pte && *pte & TERN_PTE_LEAF) {
			*pte |= flags;
			continue;
		}
		pte = entry(h, s, va, 0, false);
		if (pte && *pte & TERN_PTE_VALID) {
			*pte |= flags;
			continue;
		}
		if (!((va | bus) % LARGE) && end - va >= LARGE && !has_table(h, s, va))
			step = LARGE;
		space_map(h, s, va, bus, step, flags);
	}
}

static void clear_table(struct host *h, uint64_t table)
{
	uint64_t *pte = host_at(h, table);

	for (int i = 0; i < 512; i++) {
		if (!(pte[i] & TERN_PTE_VALID))
			continue;
		if (pte[i] & TERN_PTE_LEAF)
			__atomic_store_n(&pte[i], 0, __ATOMIC_RELEASE);
		else
			clear_table(h, pte[i] & TERN_PTE_ADDR_MASK);
	}
}

void space_clear(struct host *h, struct host_space *s)
{
	clear_table(h, s->root);
}

void space_unmap(struct host *h, struct host_space *s, uint64_t va, uint64_t bytes)
{
	uint64_t end = va + bytes;

	for (uint64_t at = va; at < end;) {
		uint64_t *pte = entry(h, s, at, 1, false);

		if (pte && *pte & TERN_PTE_LEAF) {
			__atomic_store_n(pte, 0, __ATOMIC_RELEASE);
			at += LARGE;
			continue;
		}
		pte = entry(h, s, at, 0, false);
		if (pte)
			__atomic_store_n(pte, 0, __ATOMIC_RELEASE);
		at += TERN_PAGE_SIZE;
	}
}

int space_invalidate(struct host *h, struct host_space *s, uint64_t start, uint64_t end)
{
	reg_set64(h, TERN_REG_INV_START, start);
	reg_set64(h, TERN_REG_INV_END, end);
	reg_set(h, TERN_REG_INV_ASID, s->asid);
	reg_set(h, TERN_REG_INV_REQUEST, ++h->inv_seq);
	return reg_becomes(h, TERN_REG_INV_DONE, UINT32_MAX, h->inv_seq) ? 0 : -1;
}

uint64_t kernel_alloc(struct host *h, uint64_t bytes, uint64_t *va)
{
	uint64_t size = (bytes + TERN_PAGE_SIZE - 1) / TERN_PAGE_SIZE * TERN_PAGE_SIZE;
	uint64_t bus = host_alloc(h, size, TERN_PAGE_SIZE);

	if (!h->kernel) {
		h->kernel = space_create(h, 0);
		h->kernel_va = KERNEL_RING_VA;
	}
	*va = h->kernel_va;
	h->kernel_va += size + TERN_PAGE_SIZE; /* a page nobody may touch */
	space_map(h, h->kernel, *va, bus, size, TERN_PTE_WRITE);
	memset(host_at(h, bus), 0, size);
	return bus;
}
