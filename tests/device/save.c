// SPDX-License-Identifier: GPL-2.0
#include "save.h"

#include <stddef.h>

#include "model.h"

static uint64_t bytes(const struct model *m, uint32_t flags)
{
	if (!(flags & TERN_SAVE_ENGINES))
		return sizeof(struct tern_save_area);
	return TERN_SAVE_SPM + m->caps.spm_bytes + 4ull * m->caps.acc;
}

/* Magic goes first and comes last: whoever looks in between finds no save. */
static bool write_magic(struct model *m, uint64_t at, uint32_t magic)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (!mmu_write(m, 0, at + offsetof(struct tern_save_area, magic), &magic, sizeof(magic)))
		return false;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return true;
}

bool save_write(struct model *m)
{
	struct engine *e = &m->engine;
	struct tern_save_area *a = (struct tern_save_area *)e->save;
	uint64_t at = m->slot[e->slot].save;

	a->magic = 0;
	a->job = e->job;
	a->ring_index = m->slot[e->slot].done;
	a->begin = e->begin;
	a->preemptions = e->preemptions + 1;
	e->saves++;
	return write_magic(m, at, 0) && mmu_write(m, 0, at, a, bytes(m, a->flags)) &&
	       write_magic(m, at, TERN_SAVE_MAGIC);
}

bool save_read(struct model *m, unsigned int slot)
{
	struct engine *e = &m->engine;
	struct tern_save_area *a = (struct tern_save_area *)e->save;
	uint64_t at = m->slot[slot].save;

	if (!mmu_read(m, 0, at, a, sizeof(*a)) || a->magic != TERN_SAVE_MAGIC)
		return false;
	if (a->flags & TERN_SAVE_ENGINES &&
	    !mmu_read(m, 0, at + TERN_SAVE_SPM, e->save + TERN_SAVE_SPM,
		      bytes(m, a->flags) - TERN_SAVE_SPM))
		return false;
	e->restores++;
	return true;
}
