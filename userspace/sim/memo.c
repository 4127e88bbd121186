// SPDX-License-Identifier: MIT
/* Commands that resolve as they did the last time: what that depends on (memo.h). */
#include <string.h>

#include "sim/memo.h"

/* ---- as before? ------------------------------------------------------------------- */
static bool same_fields(const struct sim_tile *t, const struct memo_fields *f)
{
	return (t->regs & ~SIM_TILE_PLACE) == f->regs &&
	       !memcmp(f->v, t->v + TERN_TILE_SIZE0, sizeof(f->v));
}

/* The same shape under another number? */
static bool reshaped(struct sim_memo *m, struct memo_tile *k)
{
	if (!same_fields(k->d, &m->fields[k - m->tile]))
		return false;
	k->shape = k->d->shape;
	return true;
}

static bool same_regs(const struct tern_sim *s, const struct sim_memo *m)
{
	for (unsigned int i = 0; i < m->nregs; i++) {
		if (s->regs[m->reg[i].reg] != m->reg[i].value)
			return false;
	}
	return true;
}

/* Shapes compared, addresses and ranges found. *moved: address bits that changed and that
 * bursts depend on. */
static bool same_tiles(struct sim_memo *m, uint64_t *moved)
{
	bool empty = m->r.cmd.empty;

	*moved = 0;
	for (struct memo_tile *k = m->tile, *end = k + m->ntiles; k < end; k++) {
		uint64_t addr = (uint64_t)*k->d->addr + (uint64_t)*k->d->offs;

		if (k->d->shape != k->shape && !reshaped(m, k))
			return false;
		if (empty)
			continue;
		if (addr - k->first > k->span || addr & k->align)
			return false;
		*moved |= (k->t->addr ^ addr) & k->in_burst;
		k->t->addr = addr;
		*k->range = (struct sim_range){addr + k->lo, addr + k->hi};
	}
	return true;
}

/* ---- what else an engine needs ------------------------------------------------------- */
/* What sim_resolve_matrix() finds when it looks no further than at the ranges. */
static bool result_apart(const struct sim_resolved *r)
{
	return !r->cmd.t[2].present || (!sim_ranges_meet(&r->range[2], &r->range[0]) &&
					!sim_ranges_meet(&r->range[2], &r->range[1]));
}

bool sim_recall(struct tern_sim *s, struct sim_memo *m)
{
	struct sim_resolved *r = &m->r;
	uint64_t moved;

	if (!m->known || !same_regs(s, m) || !same_tiles(m, &moved))
		return false;
	if (r->cmd.empty)
		return true;
	if (r->cmd.op == TERN_OP_MATRIX)
		return result_apart(r);
	if (r->cmd.op == TERN_OP_VECTOR) {
		sim_vector_scalars(s, s->image + s->pc, &r->cmd);
		return true;
	}
	r->dma.host = NULL;
	/* Bursts of ROWS are added up while the command runs. */
	if (moved || r->dma.rows)
		sim_dma_bursts(s, &r->cmd);
	return true;
}

/* ---- taking note ------------------------------------------------------------------------ */
static bool depend(struct tern_sim *s, struct sim_memo *m, unsigned int reg)
{
	for (unsigned int i = 0; i < m->nregs; i++) {
		if (m->reg[i].reg == reg)
			return true;
	}
	if (m->nregs == MEMO_REGS)
		return false;
	m->reg[m->nregs++] = (struct memo_reg){s->regs[reg], (uint8_t)reg};
	return true;
}

static bool depend_on_fields(struct tern_sim *s, struct sim_memo *m, const struct memo_tile *k)
{
	struct memo_fields *f = &m->fields[k - m->tile];

	f->regs = k->d->regs & ~SIM_TILE_PLACE;
	memcpy(f->v, k->d->v + TERN_TILE_SIZE0, sizeof(f->v));
	for (uint32_t mask = f->regs; mask; mask &= mask - 1) {
		if (!depend(s, m, (unsigned int)k->d->v[__builtin_ctz(mask)]))
			return false;
	}
	return true;
}

/* Where the tile may lie: what sim_check_place() asks, for all addresses at once. `all`: what
 * must lie there, of which the range may be a part. */
static bool bounds(const struct tern_sim *s, struct memo_tile *k, const struct sim_range *all)
{
	const struct sim_range *r = k->range;
	bool none = r->lo == r->hi;
	uint64_t addr = k->t->addr, limit = k->t->spm ? s->hdr.spm_bytes : INT64_MAX;

	k->align = sim_types[k->t->type].align - 1;
	/* How many bursts a row touches depends on where in a burst it begins. */
	k->in_burst = k->t->spm ? 0 : TERN_BURST - 1;
	k->lo = none ? 0 : r->lo - addr;
	k->hi = none ? 0 : r->hi - addr;
	k->first = addr - all->lo;
	k->span = limit - (all->hi - addr) - k->first;
	return all->lo <= addr && addr <= all->hi && all->hi <= limit &&
	       (none || (all->lo <= r->lo && r->hi <= all->hi));
}

static bool note_tile(struct tern_sim *s, struct sim_memo *m, unsigned int i, unsigned int name)
{
	struct memo_tile *k = &m->tile[m->ntiles++];
	bool dma = m->r.cmd.op == TERN_OP_LOAD || m->r.cmd.op == TERN_OP_STORE;
	struct sim_range all;

	k->d = &s->tiles[name];
	k->t = &m->r.cmd.t[i];
	k->range = &m->r.range[i];
	k->shape = k->d->shape;
	if (!depend_on_fields(s, m, k))
		return false;
	if (m->r.cmd.empty)
		return true;
	all = *k->range;
	/* place_box() of resolve_dma.c: then all of the tile was checked too */
	if (dma && i == 1 && m->r.cmd.flags & (TERN_DMA_ORIGIN | TERN_DMA_ROWS) &&
	    !sim_tile_range(k->t, k->t->size, &all))
		return false;
	return bounds(s, k, &all);
}

static bool note_tiles(struct tern_sim *s, struct sim_memo *m, uint64_t names)
{
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++) {
		if (m->r.cmd.t[i].present && !note_tile(s, m, i, names >> 8 * i & 0xff))
			return false;
	}
	return true;
}

static bool note_origin(struct tern_sim *s, struct sim_memo *m, uint64_t word)
{
	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		unsigned int r = word >> 8 * d & 0xff;

		if (r != TERN_NONE && !depend(s, m, r))
			return false;
	}
	return true;
}

void sim_remember(struct tern_sim *s, const struct sim_slot *slot, struct sim_memo *m,
		  uint64_t steps)
{
	const uint64_t *w = s->image + s->pc;
	uint64_t names = slot->a | (uint64_t)slot->b << 8 | (uint64_t)slot->c << 16;
	bool vector = slot->op == TERN_OP_VECTOR, matrix = slot->op == TERN_OP_MATRIX;

	m->ntiles = m->nregs = 0;
	m->costed = false;
	m->steps = steps;
	/* at the end of its scale `steps` is no difference any more */
	m->known = !s->check && s->steps != UINT64_MAX &&
		   note_tiles(s, m, vector ? sim_vector_tiles(w) : names);
	if (m->known && !vector && !matrix && slot->flags & TERN_DMA_ORIGIN)
		m->known = note_origin(s, m, w[2]);
}
