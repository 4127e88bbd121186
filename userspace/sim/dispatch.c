// SPDX-License-Identifier: MIT
/*
 * Engine commands: captured, checked, executed at once, and handed to the timing walk.
 *
 * Executing at dispatch gives the specified result, that of one command at a time;
 * deferral (defer.c) postpones only what cannot be seen.
 */
#include <string.h>

#include "sim/memo.h"

static const struct {
	int (*resolve)(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c);
	int (*execute)(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot);
} engines[] = {
	[TERN_OP_LOAD] = {sim_resolve_dma, sim_load},
	[TERN_OP_STORE] = {sim_resolve_dma, sim_store},
	[TERN_OP_MATRIX] = {sim_resolve_matrix, sim_matrix},
	[TERN_OP_VECTOR] = {sim_resolve_vector, sim_vector},
};

static void clear(struct tern_rcmd *c)
{
	c->empty = false;
	c->vector_cost = c->dram_bytes = c->dram_bursts = c->elems = c->spm_bytes = 0;
	memset(c->origin, 0, sizeof(c->origin));
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++)
		c->t[i].present = false;
}

/* What never changes about a command. */
static void begin(struct tern_sim *s, const struct sim_slot *slot, struct sim_memo *m,
		  uint64_t sync)
{
	struct tern_rcmd *c = &m->r.cmd;

	m->word = s->pc;
	m->known = m->costed = false;
	c->op = slot->op;
	c->queue = slot->op == TERN_OP_SYNC ? slot->a : slot->queue;
	c->flags = slot->flags;
	c->word = s->pc;
	sim_sync_unpack(c, sync);
	clear(c);
}

static int resolve(struct tern_sim *s, struct sim_slot *slot, struct sim_memo *m)
{
	struct tern_rcmd *c = &m->r.cmd;
	uint64_t before = s->steps;
	int err;

	if (sim_recall(s, m))
		return sim_spend(s, m->steps);
	m->known = false; /* also if it faults: the next job may run the same image */
	clear(c);
	err = engines[c->op].resolve(s, slot, c);
	if (!err)
		sim_remember(s, slot, m, s->steps - before);
	return err;
}

static int work(struct tern_sim *s, struct sim_slot *slot, struct sim_memo *m)
{
	struct tern_rcmd *c = &m->r.cmd;
	int err = resolve(s, slot, m);

	if (err || c->empty)
		return err;
	if (s->check) {
		err = sim_check_command(s, c, slot);
		if (err)
			return err;
	}
	return s->opt.time_only ? 0 : engines[c->op].execute(s, c, slot);
}

static void push(struct tern_sim *s, struct sim_memo *m)
{
	const struct tern_rcmd *c = &m->r.cmd;

	if (!s->timing)
		return;
	sim_cp_flush(s);
	if (c->queue == TERN_Q_CP) {
		tern_timing_cp_sync(s->timing, c);
		return;
	}
	if (!m->costed || m->cost_bursts != c->dram_bursts) {
		tern_timing_cost(s->timing, c, &m->cost);
		m->costed = true;
		m->cost_bursts = c->dram_bursts;
	}
	tern_timing_push_at(s->timing, c, &m->cost);
}

static int dispatch(struct tern_sim *s, struct sim_slot *slot, struct sim_memo *m)
{
	struct tern_rcmd *c = &m->r.cmd;
	int err = sim_sync(s, c);

	if (err)
		return err;
	if (s->check)
		sim_check_begin(s, c);
	if (c->op != TERN_OP_SYNC)
		err = work(s, slot, m);
	if (err)
		return err;
	if (s->check)
		sim_check_end(s, c);
	push(s, m);
	return 0;
}

int sim_dispatch(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	struct sim_memo *m = &s->memos[slot->memo];
	int err;

	s->cur = &m->r;
	if (m->word != s->pc)
		begin(s, slot, m, w[1]);
	m->r.cmd.mark = s->mark;
	s->queue = m->r.cmd.queue;
	err = dispatch(s, slot, m);
	s->dispatched++;
	s->queue = TERN_Q_CP;
	return err;
}
