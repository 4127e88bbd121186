// SPDX-License-Identifier: GPL-2.0
/* A slot's ring in memory. What it says is looked at once, copied, and checked. */
#include <stddef.h>

#include "model.h"

static unsigned int ring_asid(const struct slot *s)
{
	return s->control & TERN_SLOT_KERNEL ? 0 : slot_asid(s);
}

static void refuse(struct model *m, unsigned int slot, uint64_t addr, uint64_t info)
{
	const struct tern_fault f = {.code = TERN_FAULT_RING,
				     .class = TERN_CLASS_FAULT,
				     .queue = TERN_Q_CP,
				     .addr = addr,
				     .info = info};

	slot_fault(m, slot, &f);
}

static bool shape_ok(const struct tern_ring *r)
{
	return r->count && r->count <= TERN_RING_MAX && !(r->count & (r->count - 1)) &&
	       !r->reserved0 && r->entries % sizeof(struct tern_job) == 0;
}

/* `write` first, with acquire order: entries up to it are there. */
static bool read_ring(struct model *m, unsigned int slot, struct tern_ring *r)
{
	struct slot *s = &m->slot[slot];
	unsigned int asid = ring_asid(s);
	uint64_t write;

	if (s->ring % 64 ||
	    !mmu_load(m, asid, s->ring + offsetof(struct tern_ring, write), &write) ||
	    !mmu_read(m, asid, s->ring, r, sizeof(*r)) || !shape_ok(r)) {
		refuse(m, slot, s->ring, 0);
		return false;
	}
	if (!s->looked) {
		s->done = r->done;
		s->looked = true;
	}
	r->write = write;
	if (write - s->done > r->count) {
		refuse(m, slot, write, s->done);
		return false;
	}
	return true;
}

bool ring_look(struct model *m, unsigned int slot, uint64_t *pending)
{
	struct tern_ring r;

	if (!read_ring(m, slot, &r))
		return false;
	*pending = r.write - m->slot[slot].done;
	return true;
}

bool ring_fetch(struct model *m, unsigned int slot, struct tern_job *job)
{
	struct slot *s = &m->slot[slot];
	unsigned int asid = ring_asid(s);
	struct tern_ring r;
	uint64_t at;

	if (!read_ring(m, slot, &r) || r.write == s->done)
		return false;
	at = r.entries + (s->done & (r.count - 1)) * sizeof(*job);
	if (mmu_read(m, asid, at, job, sizeof(*job)) &&
	    mmu_store(m, asid, s->ring + offsetof(struct tern_ring, fetched),
		      lies_word(m, sizeof(s->done), s->done + 1)))
		return true;
	refuse(m, slot, at, 0);
	return false;
}

bool ring_complete(struct model *m, unsigned int slot)
{
	struct slot *s = &m->slot[slot];

	s->done++;
	return mmu_store(m, ring_asid(s), s->ring + offsetof(struct tern_ring, done),
			 lies_word(m, sizeof(s->done), s->done));
}
