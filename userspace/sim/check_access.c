// SPDX-License-Identifier: MIT
/* Checking mode: the accesses that a later one could conflict with. */
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"

/* How far back to look for accesses that the new one makes superfluous. */
#define LOOK_BACK	 256
#define FIRST_COLLECTION 1024

/* ---- races ---------------------------------------------------------------------------- */
static bool ordered(const struct clock *now, const struct access *before)
{
	return now->n[before->queue] >= before->epoch;
}

static int compare(struct tern_sim *s, const struct access_list *l, const struct access *a)
{
	for (size_t i = l->n; i-- > 0;) {
		const struct access *b = &l->v[i];

		if (ordered(&s->check->now, b) || !sim_ranges_meet(&a->range, &b->range))
			continue;
		if (sim_tile_overlap(&a->tile, &b->tile))
			return sim_fault(s, TERN_FAULT_RACE,
					 a->range.lo > b->range.lo ? a->range.lo : b->range.lo,
					 b->word);
	}
	return 0;
}

static bool covers(const struct access *a, bool dense, const struct access *b)
{
	if (dense)
		return a->range.lo <= b->range.lo && b->range.hi <= a->range.hi;
	return a->tile.type == b->tile.type && sim_tile_same(&a->tile, &b->tile, 0);
}

/* An older access of the same queue that the new one covers says nothing more: whatever is
 * not ordered with the older is not ordered with the newer either. A read does not
 * stand in for a write. */
static void drop_covered(struct access_list *l, const struct access *a, bool dense)
{
	size_t first = l->n > LOOK_BACK ? l->n - LOOK_BACK : 0, kept = first;

	for (size_t i = first; i < l->n; i++) {
		if (!covers(a, dense, &l->v[i]))
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
}

/* Accesses ordered before whatever any queue does next. */
static void collect(struct tern_sim *s, struct access_list *l)
{
	const struct sim_check *k = s->check;
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		bool needed = false;

		for (unsigned int q = 0; q < TERN_NQUEUES; q++) {
			needed |= q != l->v[i].queue && !ordered(&k->queue[q], &l->v[i]) &&
				  !ordered(&k->queue[TERN_Q_CP], &l->v[i]);
		}
		if (needed)
			l->v[kept++] = l->v[i];
	}
	l->n = kept;
	l->collect_at = 2 * kept > FIRST_COLLECTION ? 2 * kept : FIRST_COLLECTION;
}

static int append(struct tern_sim *s, struct access_list *l, const struct access *a)
{
	if (l->n >= l->collect_at)
		collect(s, l);
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct access *v = realloc(l->v, cap * sizeof(*v));

		if (!v) {
			s->nomem = true;
			return SIM_DONE;
		}
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = *a;
	return 0;
}

int check_access(struct tern_sim *s, struct access *a)
{
	struct sim_check *k = s->check;
	bool dense = sim_tile_dense(&a->tile, &a->range);
	int err = 0;

	a->epoch = k->now.n[a->queue];
	a->word = s->pc;
	for (unsigned int q = 0; !err && q < TERN_NQUEUES; q++) {
		if (q == a->queue)
			continue;
		err = compare(s, &k->list[a->spm][q][1], a);
		if (!err && a->write)
			err = compare(s, &k->list[a->spm][q][0], a);
	}
	if (err)
		return err;
	drop_covered(&k->list[a->spm][a->queue][0], a, dense);
	if (a->write)
		drop_covered(&k->list[a->spm][a->queue][1], a, dense);
	return append(s, &k->list[a->spm][a->queue][a->write], a);
}

void check_forget_accesses(struct sim_check *k)
{
	struct access_list *l = &k->list[0][0][0];

	for (size_t i = 0; i < 2 * TERN_NQUEUES * 2; i++) {
		l[i].n = 0;
		l[i].collect_at = FIRST_COLLECTION;
	}
}

/* ---- what SPM holds ---------------------------------------------------------------------- */
struct tags {
	struct tern_sim *s;
	uint8_t tag;
	int err;
};

static uint8_t tag_of(const struct tern_rtile *t)
{
	return sim_types[t->type].kind == TERN_KIND_OPERAND ? t->type : TAG_DATA;
}

static void read_run(void *ctx, uint64_t lo, uint64_t hi)
{
	struct tags *g = ctx;
	const uint8_t *spm = g->s->check->spm;

	for (uint64_t i = lo; !g->err && i < hi; i++) {
		const uint8_t tag = spm[i] & (uint8_t)~TAG_FIRST;

		if (tag == g->tag)
			continue;
		g->err = sim_fault(g->s, tag ? TERN_FAULT_OPAQUE : TERN_FAULT_UNINIT, i, tag);
	}
}

static void write_run(void *ctx, uint64_t lo, uint64_t hi)
{
	struct tags *g = ctx;

	memset(g->s->check->spm + lo, g->tag, hi - lo);
}

/* Calls `f` for each group of an operand tile until it returns an error. */
static int each_group(struct tern_sim *s, const struct tern_rtile *t,
		      int (*f)(struct tern_sim *s, uint64_t at, uint64_t bytes))
{
	const uint64_t bytes = sim_types[t->type].bytes;
	const int64_t groups = sim_row_bytes(t->type, t->size[0]) / (int64_t)bytes;
	int64_t x[TERN_NDIMS];
	int err = 0;

	for (x[3] = 0; x[3] < t->size[3]; x[3]++) {
		for (x[2] = 0; x[2] < t->size[2]; x[2]++) {
			for (x[1] = 0; x[1] < t->size[1]; x[1]++) {
				uint64_t at = t->addr;

				for (int d = 1; d < TERN_NDIMS; d++)
					at += (uint64_t)(x[d] * t->stride[d]);
				for (x[0] = 0; !err && x[0] < groups; x[0]++, at += bytes)
					err = f(s, at, bytes);
			}
		}
	}
	return err;
}

/* A group is read as it was written, from its first byte to its last. */
static int read_group(struct tern_sim *s, uint64_t at, uint64_t bytes)
{
	const uint8_t *spm = s->check->spm;

	for (uint64_t i = at; i < at + bytes; i++) {
		if (!(spm[i] & TAG_FIRST) == (i == at))
			return sim_fault(s, TERN_FAULT_OPAQUE, i, spm[i] & (uint8_t)~TAG_FIRST);
	}
	return 0;
}

static int write_group(struct tern_sim *s, uint64_t at, uint64_t bytes)
{
	(void)bytes;
	s->check->spm[at] |= TAG_FIRST;
	return 0;
}

int check_read_tags(struct tern_sim *s, const struct tern_rtile *t)
{
	struct tags g = {s, tag_of(t), 0};

	sim_tile_runs(t, read_run, &g);
	return g.err || g.tag == TAG_DATA ? g.err : each_group(s, t, read_group);
}

void check_write_tags(struct tern_sim *s, const struct tern_rtile *t)
{
	struct tags g = {s, tag_of(t), 0};

	sim_tile_runs(t, write_run, &g);
	if (g.tag != TAG_DATA)
		each_group(s, t, write_group);
}
