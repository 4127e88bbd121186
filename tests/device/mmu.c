// SPDX-License-Identifier: GPL-2.0
#include "mmu.h"

#include <string.h>

#include "model.h"

#define LEVELS	   4
#define INDEX_BITS 9
#define TABLE_MASK (TERN_PAGE_SIZE - 1)

void mmu_init(struct model *m)
{
	pthread_mutex_init(&m->mmu.lock, NULL);
}

/* ---- the bus --------------------------------------------------------------------------------- */
static uint32_t fault_info(unsigned int asid, bool write, unsigned int source)
{
	return asid | (uint32_t)write << 8 | source << 16;
}

static unsigned char *bus_at(struct model *m, uint64_t at, unsigned int asid, bool write,
			     unsigned int source)
{
	uint64_t len = TERN_PAGE_SIZE;
	unsigned char *host = NULL;
	bool on = dma_allowed(m);

	if (on && !faults_take(&m->faults, asid ? FAULT_DMA_ERROR : FAULT_DMA_ERROR_KERNEL))
		host = memory_at(&m->memory, at, &len, write);
	if (!host || len < TERN_PAGE_SIZE) {
		model_log(m, "refused %u %c %#llx %u%s\n", asid, write ? 'w' : 'r',
			  (unsigned long long)at, source, on ? "" : " off");
		if (!faults_on(&m->faults, FAULT_GONE))
			irq_bus_fault(m, at, fault_info(asid, write, source));
		return NULL;
	}
	return host;
}

/* ---- walks, under the TLB's lock --------------------------------------------------------------- */
#define PTE_KNOWN \
	(TERN_PTE_VALID | TERN_PTE_LEAF | TERN_PTE_WRITE | TERN_PTE_EXEC | TERN_PTE_ADDR_MASK)

static bool read_entry(struct model *m, uint64_t table, unsigned int index, unsigned int asid,
		       unsigned int source, uint64_t *pte)
{
	unsigned char *host = bus_at(m, table, asid, false, source);

	if (!host)
		return false;
	*pte = __atomic_load_n((uint64_t *)(void *)host + index, __ATOMIC_ACQUIRE);
	return *pte & TERN_PTE_VALID && !(*pte & ~PTE_KNOWN);
}

static unsigned int permissions(uint64_t pte)
{
	return TERN_READ | (pte & TERN_PTE_WRITE ? TERN_WRITE : 0) |
	       (pte & TERN_PTE_EXEC ? TERN_EXEC : 0);
}

/* The leaf for `page`; false where there is none. */
static bool walk(struct model *m, unsigned int asid, uint64_t page, unsigned int source,
		 uint64_t *bus, unsigned int *perm)
{
	uint64_t table = __atomic_load_n(&m->asid_root[asid], __ATOMIC_ACQUIRE), pte;

	m->mmu.walks++;
	if (!(table & 1))
		return false;
	table &= TERN_PTE_ADDR_MASK;
	for (int level = LEVELS - 1; level >= 0; level--) {
		uint64_t below = (1ull << INDEX_BITS * level) - 1;
		unsigned int index = (unsigned int)(page >> INDEX_BITS * level) & 511;

		if (!read_entry(m, table, index, asid, source, &pte))
			return false;
		if (pte & TERN_PTE_LEAF) {
			/* A large leaf is aligned; anything below its size is a reserved bit. */
			if (level > 1 || (pte & TERN_PTE_ADDR_MASK) >> TERN_PAGE_SHIFT & below)
				return false;
			*bus = ((pte & TERN_PTE_ADDR_MASK) >> TERN_PAGE_SHIFT) + (page & below);
			*perm = permissions(pte);
			return true;
		}
		/* What only leaves have is reserved elsewhere. */
		if (!level || pte & (TERN_PTE_WRITE | TERN_PTE_EXEC))
			return false;
		table = pte & TERN_PTE_ADDR_MASK;
	}
	return false;
}

static struct tlb_entry *place(struct mmu *u, unsigned int asid, uint64_t page)
{
	return &u->tlb[(page ^ page >> 12 ^ (uint64_t)asid * 0x9e5u) % TLB_ENTRIES];
}

static void log_touch(struct model *m, struct tlb_entry *e, unsigned int access)
{
	static const char *const name[] = {
		[TERN_READ] = "r", [TERN_WRITE] = "w", [TERN_EXEC] = "x"};

	if (e->logged & access)
		return;
	e->logged |= (uint8_t)access;
	model_log(m, "touch %u %s %#llx %#llx\n", e->asid, name[access],
		  (unsigned long long)e->page << TERN_PAGE_SHIFT,
		  (unsigned long long)e->bus << TERN_PAGE_SHIFT);
}

void mmu_log_again(struct model *m)
{
	pthread_mutex_lock(&m->mmu.lock);
	for (unsigned int i = 0; i < TLB_ENTRIES; i++)
		m->mmu.tlb[i].logged = 0;
	pthread_mutex_unlock(&m->mmu.lock);
}

static struct tlb_entry *lookup(struct model *m, unsigned int asid, uint64_t page,
				unsigned int access, unsigned int source)
{
	struct tlb_entry *e = place(&m->mmu, asid, page);
	struct tlb_entry fresh = {.valid = 1, .asid = (uint8_t)asid, .page = page};
	unsigned int perm;

	if (!e->valid || e->asid != asid || e->page != page) {
		if (!walk(m, asid, page, source, &fresh.bus, &perm))
			return NULL;
		fresh.perm = (uint8_t)perm;
		*e = fresh;
	}
	if (!(e->perm & access))
		return NULL;
	/* The bus is asked once per entry, and once more for the first write. */
	if (!e->host || (access == TERN_WRITE && !(e->logged & TERN_WRITE)))
		e->host = bus_at(m, e->bus << TERN_PAGE_SHIFT, asid, access == TERN_WRITE, source);
	if (!e->host) {
		e->valid = 0;
		return NULL;
	}
	log_touch(m, e, access);
	return e;
}

void *mmu_at(struct model *m, unsigned int asid, uint64_t va, uint64_t *len, unsigned int access,
	     unsigned int source)
{
	uint64_t offset = va & TABLE_MASK, have;
	unsigned char *host = NULL;
	struct tlb_entry *e;

	if (va >> TERN_VA_BITS)
		return NULL;
	pthread_mutex_lock(&m->mmu.lock);
	e = lookup(m, asid, va >> TERN_PAGE_SHIFT, access, source);
	if (e) {
		host = e->host + offset;
		/* Pages that follow in host memory make one piece. */
		for (have = TERN_PAGE_SIZE - offset; have < *len; have += TERN_PAGE_SIZE) {
			if ((va + have) >> TERN_VA_BITS)
				break;
			e = lookup(m, asid, (va + have) >> TERN_PAGE_SHIFT, access, source);
			if (!e || e->host != host + have)
				break;
		}
		if (have < *len)
			*len = have;
	}
	pthread_mutex_unlock(&m->mmu.lock);
	return host;
}

/* ---- accesses of the device itself ---------------------------------------------------------------- */
bool mmu_read(struct model *m, unsigned int asid, uint64_t va, void *dst, uint64_t len)
{
	for (uint64_t done = 0, got; done < len; done += got) {
		const void *host;

		got = len - done;
		host = mmu_at(m, asid, va + done, &got, TERN_READ, TERN_Q_CP);
		if (!host)
			return false;
		memcpy((unsigned char *)dst + done, host, got);
	}
	return true;
}

bool mmu_write(struct model *m, unsigned int asid, uint64_t va, const void *src, uint64_t len)
{
	for (uint64_t done = 0, got; done < len; done += got) {
		void *host;

		got = len - done;
		host = mmu_at(m, asid, va + done, &got, TERN_WRITE, TERN_Q_CP);
		if (!host)
			return false;
		memcpy(host, (const unsigned char *)src + done, got);
	}
	return true;
}

bool mmu_store(struct model *m, unsigned int asid, uint64_t va, uint64_t value)
{
	uint64_t len = sizeof(value);
	uint64_t *host = mmu_at(m, asid, va, &len, TERN_WRITE, TERN_Q_CP);

	if (!host)
		return false;
	__atomic_store_n(host, value, __ATOMIC_RELEASE);
	return true;
}

bool mmu_load(struct model *m, unsigned int asid, uint64_t va, uint64_t *value)
{
	uint64_t len = sizeof(*value);
	const uint64_t *host = mmu_at(m, asid, va, &len, TERN_READ, TERN_Q_CP);

	if (!host)
		return false;
	*value = __atomic_load_n(host, __ATOMIC_ACQUIRE);
	return true;
}
