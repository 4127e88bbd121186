// SPDX-License-Identifier: MIT
/*
 * Engine commands: captured, checked, executed at once, and handed to the timing walk.
 *
 * Executing at dispatch gives the specified result, that of one command at a time;
 * deferral (defer.c) postpones only what cannot be seen.
 */
#include <string.h>

#include "sim/internal.h"

static const struct {
	int (*resolve)(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c);
	int (*execute)(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot);
} engines[] = {
	[TERN_OP_LOAD] = {sim_resolve_dma, sim_load},
	[TERN_OP_STORE] = {sim_resolve_dma, sim_store},
	[TERN_OP_MATRIX] = {sim_resolve_matrix, sim_matrix},
	[TERN_OP_VECTOR] = {sim_resolve_vector, sim_vector},
};

static void begin(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c)
{
	c->op = slot->op;
	c->queue = slot->op == TERN_OP_SYNC ? slot->a : slot->queue;
	c->flags = slot->flags;
	c->word = s->pc;
	c->mark = s->mark;
	c->empty = false;
	c->vector_cost = c->dram_bytes = c->dram_bursts = c->elems = c->spm_bytes = 0;
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++)
		c->t[i].present = false;
	s->queue = c->queue;
}

static void push(struct tern_sim *s, const struct tern_rcmd *c)
{
	if (!s->timing)
		return;
	sim_cp_flush(s);
	if (c->queue == TERN_Q_CP)
		tern_timing_cp_sync(s->timing, c);
	else
		tern_timing_push(s->timing, c);
}

static int work(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot)
{
	int err = engines[c->op].resolve(s, slot, c);

	if (err || c->empty)
		return err;
	if (s->check) {
		err = sim_check_command(s, c, slot);
		if (err)
			return err;
	}
	return s->opt.time_only ? 0 : engines[c->op].execute(s, c, slot);
}

int sim_dispatch(struct tern_sim *s, struct sim_slot *slot)
{
	struct tern_rcmd *c = &s->cmd;
	int err;

	begin(s, slot, c);
	err = sim_sync(s, c, s->image[s->pc + 1]);
	if (err)
		return err;
	if (s->check)
		sim_check_begin(s, c);
	if (c->op != TERN_OP_SYNC) {
		err = work(s, c, slot);
		if (err)
			return err;
	}
	if (s->check)
		sim_check_end(s, c);
	push(s, c);
	return 0;
}
