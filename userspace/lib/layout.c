// SPDX-License-Identifier: MIT
/*
 * Scratch memory of a session.
 *
 * Storages whose lives do not meet share bytes. Life is counted in ticks: an operator on the CPU
 * is a tick, and so is a group of the NPU's. Engines run ahead of each other, but all that a group
 * does to memory that operators write is ordered behind the groups before it (compiler/README.md,
 * "Order between groups"); inside a group only the compiler knows what overlaps.
 *
 * What is kept for the caller, and what is read before it is written whole, lives for ever.
 */
#include "lib/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN	     64u /* a burst, and what host kernels like */
#define JOB_ALIGN    TERN_PAGE_SIZE
#define SCRATCH_BITS 46u /* a quarter of the addresses there are */
#define NEVER	     UINT32_MAX

struct life {
	uint32_t first, last; /* ticks; first NEVER: not used */
	bool whole;	      /* its first use writes every byte of it */
};

/* A free stretch of the arena; the one that ends it has hi UINT64_MAX. */
struct gap {
	uint64_t lo, hi;
};
struct arena {
	struct gap *gaps; /* sorted, apart */
	size_t n;
	uint64_t top; /* highest byte ever used */
};

static uint64_t align_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

/* ---- lives ------------------------------------------------------------------------ */

static void touch(const struct tern_graph *g, uint32_t tensor, uint32_t tick, bool whole,
		  struct life *lives)
{
	struct life *l = &lives[g->tensors[tensor].storage];

	if (l->first == NEVER) {
		l->first = tick;
		l->whole = whole;
	}
	l->last = tick;
}

/* Does the operator write each byte of its destination's storage? */
static bool writes_whole(const struct tern_graph *g, const struct tern_op_desc *op)
{
	const struct tern_tensor_desc *d = &g->tensors[op->dst];
	struct tern_view v = {.type = d->type};

	memcpy(v.ne, d->ne, sizeof(v.ne));
	return op->op != TERN_SET_ROWS && tern_view_bytes(&v) == g->storages[d->storage].size;
}

/* Is operator `i` of a segment the last one of its group? On the CPU each is on its own. */
static bool ends_group(const struct tern_npu_code *c, uint32_t i, uint32_t n)
{
	return !c->fused || i + 1 == n || c->fused[i] != c->fused[i + 1];
}

static uint32_t find_lives(const struct tern_program *p, struct life *lives)
{
	const struct tern_graph *g = p->graph;
	uint32_t seg, i, tick = 0;
	int s;

	for (i = 0; i < g->nstorages; i++)
		lives[i].first = NEVER;
	for (seg = 0; seg < p->part.nsegs; seg++) {
		const struct tern_segment *sg = &p->part.segs[seg];

		for (i = 0; i < sg->n; i++) {
			const struct tern_op_desc *op = &g->ops[sg->first + i];

			for (s = 0; s < TERN_MAX_SRC; s++) {
				if (op->src[s] != TERN_NO_TENSOR)
					touch(g, op->src[s], tick, false, lives);
			}
			touch(g, op->dst, tick, writes_whole(g, op), lives);
			tick += ends_group(&p->code[seg], i, sg->n);
		}
	}
	return tick;
}

static void extend_lives(const struct tern_graph *g, struct life *lives, uint32_t ticks)
{
	uint32_t i;

	for (i = 0; i < g->nstorages; i++) {
		bool keep = g->storages[i].flags & TERN_STORAGE_KEEP;

		if (keep || (lives[i].first != NEVER && !lives[i].whole))
			lives[i] = (struct life){.first = 0, .last = ticks};
	}
}

/* ---- the arena ---------------------------------------------------------------------- */

/* The smallest gap that fits: large ones stay for large storages. */
static uint64_t arena_take(struct arena *a, uint64_t size)
{
	size_t i, best = a->n - 1;
	uint64_t at;

	for (i = 0; i + 1 < a->n; i++) {
		uint64_t room = a->gaps[i].hi - a->gaps[i].lo;

		if (room >= size && room < a->gaps[best].hi - a->gaps[best].lo)
			best = i;
	}
	at = a->gaps[best].lo;
	a->gaps[best].lo += size;
	if (a->gaps[best].lo == a->gaps[best].hi) {
		memmove(&a->gaps[best], &a->gaps[best + 1], (a->n - best - 1) * sizeof(*a->gaps));
		a->n--;
	}
	if (at + size > a->top)
		a->top = at + size;
	return at;
}

static void arena_give(struct arena *a, uint64_t lo, uint64_t hi)
{
	size_t i = 0;

	while (i < a->n && a->gaps[i].lo < hi)
		i++;
	/* gap i, if any, begins at or behind hi; gap i - 1 ends at or before lo */
	if (i && a->gaps[i - 1].hi == lo) {
		a->gaps[i - 1].hi = hi;
		if (i < a->n && a->gaps[i].lo == hi) {
			a->gaps[i - 1].hi = a->gaps[i].hi;
			memmove(&a->gaps[i], &a->gaps[i + 1], (a->n - i - 1) * sizeof(*a->gaps));
			a->n--;
		}
	} else if (i < a->n && a->gaps[i].lo == hi) {
		a->gaps[i].lo = lo;
	} else {
		memmove(&a->gaps[i + 1], &a->gaps[i], (a->n - i) * sizeof(*a->gaps));
		a->gaps[i] = (struct gap){lo, hi};
		a->n++;
	}
}

/* An end of a life: storages that begin are placed, those that end make room. */
struct edge {
	uint32_t tick, storage;
	bool end;
};

static int by_tick(const void *pa, const void *pb)
{
	const struct edge *a = pa, *b = pb;

	if (a->tick != b->tick)
		return a->tick < b->tick ? -1 : 1;
	if (a->end != b->end)
		return a->end ? 1 : -1; /* whoever ends at a tick is there until it is over */
	return a->storage < b->storage ? -1 : a->storage > b->storage;
}

static size_t list_edges(const struct tern_graph *g, const struct life *lives, struct edge *edges)
{
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < g->nstorages; i++) {
		if ((g->storages[i].flags & TERN_STORAGE_BOUND) || lives[i].first == NEVER)
			continue;
		edges[n++] = (struct edge){lives[i].first, i, false};
		edges[n++] = (struct edge){lives[i].last, i, true};
	}
	qsort(edges, n, sizeof(*edges), by_tick);
	return n;
}

static void place_storages(const struct tern_graph *g, const struct edge *edges, size_t n,
			   struct arena *a, struct tern_layout *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		uint32_t s = edges[i].storage;
		uint64_t size = align_up(g->storages[s].size, ALIGN);

		if (!size)
			out->storage[s] = 0;
		else if (edges[i].end)
			arena_give(a, out->storage[s], out->storage[s] + size);
		else
			out->storage[s] = arena_take(a, size);
	}
}

static bool too_large(const struct tern_graph *g)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < g->nstorages && !(sum >> SCRATCH_BITS); i++) {
		if (!(g->storages[i].flags & TERN_STORAGE_BOUND))
			sum += align_up(g->storages[i].size, ALIGN);
	}
	return sum >> SCRATCH_BITS;
}

static int lay_scratch(const struct tern_program *p, struct tern_layout *out)
{
	const struct tern_graph *g = p->graph;
	struct life *lives = calloc(g->nstorages + 1u, sizeof(*lives));
	struct edge *edges = calloc(2 * (size_t)g->nstorages + 1, sizeof(*edges));
	struct arena a = {.gaps = calloc(g->nstorages + 2u, sizeof(*a.gaps)), .n = 1};
	int ret = -ENOMEM;
	uint32_t i;

	if (lives && edges && a.gaps) {
		for (i = 0; i < g->nstorages; i++)
			out->storage[i] = TERN_NOT_SCRATCH;
		a.gaps[0].hi = UINT64_MAX;
		extend_lives(g, lives, find_lives(p, lives));
		place_storages(g, edges, list_edges(g, lives, edges), &a, out);
		out->scratch_bytes = a.top;
		ret = 0;
	}
	free(lives);
	free(edges);
	free(a.gaps);
	return ret ? tern_fail(ret, "no memory to lay out %u storages", g->nstorages) : 0;
}

/* ---- jobs ---------------------------------------------------------------------------- */

static void lay_jobs(const struct tern_program *p, struct tern_layout *out)
{
	uint64_t job = 0;
	uint32_t i;

	for (i = 0; i < p->part.nsegs; i++) {
		const struct tern_npu_code *c = &p->code[i];

		out->args[i] = out->args_bytes;
		out->args_bytes += align_up(c->nargs * sizeof(uint64_t), ALIGN);
		out->image[i] = out->image_bytes;
		out->image_bytes += align_up(c->words * sizeof(uint64_t), ALIGN);
		if (c->scratch_bytes > job)
			job = c->scratch_bytes; /* below 2^SCRATCH_BITS too: blob.c checks */
	}
	out->job_scratch = align_up(out->scratch_bytes, JOB_ALIGN);
	out->scratch_bytes = out->job_scratch + align_up(job, ALIGN);
}

static int alloc_tables(const struct tern_program *p, struct tern_layout *out)
{
	out->storage = calloc(p->graph->nstorages + 1u, sizeof(*out->storage));
	out->args = calloc(p->part.nsegs + 1u, sizeof(*out->args));
	out->image = calloc(p->part.nsegs + 1u, sizeof(*out->image));
	if (out->storage && out->args && out->image)
		return 0;
	return tern_fail(-ENOMEM, "no memory to lay out %u storages", p->graph->nstorages);
}

int tern_layout_make(const struct tern_program *p, struct tern_layout *out)
{
	int ret;

	memset(out, 0, sizeof(*out));
	if (too_large(p->graph))
		return tern_fail(-E2BIG,
				 "the graph's scratch storages exceed 2^%u bytes in all: bind some "
				 "of them, or divide the graph",
				 SCRATCH_BITS);
	ret = alloc_tables(p, out);
	if (!ret)
		ret = lay_scratch(p, out);
	if (ret)
		tern_layout_fini(out);
	else
		lay_jobs(p, out);
	return ret;
}

void tern_layout_fini(struct tern_layout *l)
{
	free(l->storage);
	free(l->args);
	free(l->image);
	memset(l, 0, sizeof(*l));
}
