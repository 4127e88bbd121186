// SPDX-License-Identifier: GPL-2.0
/* Invalidation requests in their order, and what their acknowledgement waits for. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model.h"

/* ---- the fault LATE_DMA: a write that comes after the acknowledgement -------------------------- */
struct late {
	struct model *m;
	struct late_target at;
	uint8_t asid;
};

static void *late_write(void *arg)
{
	struct late *l = arg;
	uint64_t len = sizeof(uint64_t);
	uint64_t *host;

	/* Long enough for the kernel to have released the page, and for who is told of that. */
	usleep(500000);
	host = dma_allowed(l->m) ? memory_at(&l->m->memory, l->at.bus, &len, true) : NULL;
	/* In the log like any other: whoever reads it has to find out by himself. */
	model_log(l->m, "%s %u w %#llx %#llx\n", host ? "touch" : "refused", l->asid,
		  (unsigned long long)l->at.va, (unsigned long long)l->at.bus);
	if (host)
		*host = 0xdeaddeaddeaddeadull;
	else
		irq_bus_fault(l->m, l->at.bus, l->asid | 1u << 8 | TERN_Q_STORE << 16);
	free(l);
	return NULL;
}

static void write_late(struct model *m, const struct inv_request *r)
{
	struct late *l;
	pthread_t thread;

	if (!r->late.bus)
		return;
	l = malloc(sizeof(*l));
	if (!l)
		return;
	*l = (struct late){m, r->late, r->asid};
	if (pthread_create(&thread, NULL, late_write, l))
		free(l);
	else
		pthread_detach(thread);
}

/* ---- the TLB ------------------------------------------------------------------------------------- */
/* Takes entries out; returns where one that was writable led, bus 0 if none was. */
static struct late_target drop(struct model *m, unsigned int asid, uint64_t first, uint64_t last)
{
	struct late_target writable = {0};

	pthread_mutex_lock(&m->mmu.lock);
	for (unsigned int i = 0; i < TLB_ENTRIES; i++) {
		struct tlb_entry *e = &m->mmu.tlb[i];

		if (!e->valid || e->asid != asid || e->page < first || e->page > last)
			continue;
		if (e->perm & TERN_WRITE)
			writable = (struct late_target){e->page << TERN_PAGE_SHIFT,
							e->bus << TERN_PAGE_SHIFT};
		e->valid = 0;
	}
	pthread_mutex_unlock(&m->mmu.lock);
	return writable;
}

void mmu_drop_all(struct model *m)
{
	for (unsigned int asid = 0; asid < TERN_NASIDS; asid++)
		drop(m, asid, 0, UINT64_MAX);
}

void mmu_ask_again(struct model *m)
{
	pthread_mutex_lock(&m->mmu.lock);
	for (unsigned int i = 0; i < TLB_ENTRIES; i++) {
		m->mmu.tlb[i].host = NULL;
		m->mmu.tlb[i].logged = 0;
	}
	pthread_mutex_unlock(&m->mmu.lock);
}

/* ---- requests --------------------------------------------------------------------------------------- */
void mmu_reset(struct model *m)
{
	mmu_drop_all(m);
	m->mmu.head = m->mmu.n = 0;
	m->mmu.done = 0;
}

void mmu_acknowledge(struct model *m)
{
	struct mmu *u = &m->mmu;
	bool moved = false;

	while (u->n && !u->queue[u->head].waits) {
		struct inv_request *r = &u->queue[u->head];

		u->done = r->seq;
		u->head = (u->head + 1) % INV_REQUESTS;
		u->n--;
		moved = true;
		model_log(m, "acknowledged %u\n", r->seq);
		write_late(m, r);
	}
	if (moved)
		irq_raise(m, TERN_IRQ_INVALIDATED);
}

void mmu_waited(struct model *m, unsigned int who)
{
	struct mmu *u = &m->mmu;

	for (unsigned int i = 0; i < u->n; i++)
		u->queue[(u->head + i) % INV_REQUESTS].waits &= (uint8_t)~who;
	mmu_acknowledge(m);
}

void mmu_invalidate(struct model *m, uint32_t seq, unsigned int asid, uint64_t start, uint64_t end)
{
	struct mmu *u = &m->mmu;
	struct inv_request r = {.seq = seq, .asid = (uint8_t)asid};
	struct late_target writable;

	model_log(m, "invalidate %u %#llx %#llx %u\n", asid, (unsigned long long)start,
		  (unsigned long long)end, seq);
	if (u->n == INV_REQUESTS)
		return; /* software looks at INV_SPACE first */
	writable = drop(m, asid, start >> TERN_PAGE_SHIFT, end >> TERN_PAGE_SHIFT);
	if (writable.bus && faults_take(&m->faults, FAULT_LATE_DMA))
		r.late = writable;
	if (engine_uses(m, asid))
		r.waits |= WAIT_ENGINE;
	if (!asid && mcu_uses_memory(m))
		r.waits |= WAIT_MCU;
	if (faults_take(&m->faults, FAULT_ACK_DELAY))
		r.waits |= WAIT_FAULT;
	u->queue[(u->head + u->n++) % INV_REQUESTS] = r;
	if (r.waits & WAIT_ENGINE)
		engine_flush(m);
	if (r.waits & WAIT_MCU)
		mcu_flush(m);
	mmu_acknowledge(m);
}
