// SPDX-License-Identifier: MIT
/*
 * Results over the bytes of earlier tensors, where an allocator puts them once nobody else reads
 * those: over the operator's own sources, too, and over what the operators before it read, which a
 * fused group may still be reading.
 */
#include "support/random_graph.h"

#include <string.h>

static const uint64_t shifts[] = {0, 0, 64, 4096};

static bool names(const struct random_graph *g, const struct tern_op_desc *op, uint32_t storage)
{
	bool found = g->tensors[op->dst].storage == storage;

	for (int s = 0; s < TERN_MAX_SRC; s++)
		found |= op->src[s] != TERN_NO_TENSOR && g->tensors[op->src[s]].storage == storage;
	return found;
}

static bool named_in(const struct random_graph *g, uint32_t first, uint32_t end, uint32_t storage)
{
	for (uint32_t i = first; i < end; i++)
		if (names(g, &g->ops[i], storage))
			return true;
	return false;
}

/* May what operator `op` writes into storage `from` lie in `to`? With `read_on` also if floats
 * there are read again, which are then others. */
static bool free_for(const struct random_graph *g, uint32_t op, uint32_t from, uint32_t to,
		     bool read_on)
{
	const struct rg_content *old = &g->content[to];

	if (to == from || !named_in(g, 0, op + 1, to))
		return false;
	if (!named_in(g, op + 1, g->desc.nops, to))
		return true;
	return read_on && old->fill == RG_FLOATS && old->type == g->content[from].type;
}

static void move_storage(struct random_graph *g, uint32_t from, uint32_t to, uint64_t by)
{
	struct tern_storage_desc *s = &g->storages[to];

	for (uint32_t t = 0; t < g->desc.ntensors; t++) {
		if (g->tensors[t].storage != from)
			continue;
		g->tensors[t].storage = to;
		g->tensors[t].offset += by;
	}
	s->flags = (s->flags | g->storages[from].flags) & ~(uint32_t)TERN_STORAGE_CONST;
	if (s->size < g->storages[from].size + by)
		s->size = g->storages[from].size + by;
}

static void place(struct random_graph *g, uint32_t op, unsigned int where)
{
	const uint32_t from = g->tensors[g->ops[op].dst].storage;
	uint32_t found[RG_STORAGES], n = 0;
	struct random_graph before = *g;
	struct tern_graph *graph;

	for (uint32_t s = 0; s < g->desc.nstorages; s++)
		if (free_for(g, op, from, s, where & 128))
			found[n++] = s;
	if (!n || named_in(g, 0, op, from))
		return;
	move_storage(g, from, found[n - 1 - where / 4 % n], shifts[where % 4]);
	if (tern_graph_create(&g->desc, &graph)) {
		*g = before;
		return;
	}
	tern_graph_destroy(graph);
}

void rg_place(struct random_graph *g, struct rg_bytes *in)
{
	const unsigned int which = rg_take(in, 256), where = rg_take(in, 256);

	for (uint32_t op = 0; op < g->desc.nops; op++)
		if (which >> op & 1)
			place(g, op, where + 28 * op);
}
