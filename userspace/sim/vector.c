// SPDX-License-Identifier: MIT
/* VECTOR: rows handed to the interpreter, in pieces that threads can share. */
#include "sim/internal.h"

/* Element operations worth waking a thread for: some 10 us of one core. */
#define PARALLEL_COST 100000
/* ... and after which a stop request is looked at. */
#define STOP_COST  (1ull << 28)
#define MAX_PIECES 256

struct job {
	const struct tern_simd *simd;
	const struct tern_vrun *run;
	int64_t first, rows, piece;
	int err[MAX_PIECES];
	uint64_t bad[MAX_PIECES];
};

static void run_piece(void *ctx, unsigned int i, unsigned int worker)
{
	struct job *j = ctx;
	struct tern_vrun r = *j->run;
	int64_t end = j->first + j->rows;

	(void)worker;
	j->bad[i] = 0; /* few faults tell a value */
	r.row0 = j->first + (int64_t)i * j->piece;
	r.row1 = end - r.row0 < j->piece ? end : r.row0 + j->piece;
	j->err[i] = j->simd->vector(&r, &j->bad[i]);
}

/* The contract forbids a row to read what another writes; a program that does so all the
 * same gets one thread, so that its result does not depend on their number. */
static bool rows_independent(struct tern_sim *s, const struct tern_rcmd *c,
			     const struct sim_vprog *v)
{
	for (unsigned int w = 0; w < TERN_VECTOR_TILES; w++) {
		const struct tern_rtile *t = &c->t[w];

		if (!(v->written >> w & 1))
			continue;
		for (unsigned int d = 1; d < TERN_NDIMS; d++) {
			if (t->size[d] != c->t[0].size[d])
				return false;
		}
		if (!sim_tile_distinct(t, t->size))
			return false;
		for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++) {
			if (i != w && c->t[i].present &&
			    sim_ranges_meet(&s->cur->range[i], &s->cur->range[w]) &&
			    !sim_tile_same(&c->t[i], t, 1))
				return false;
		}
	}
	return true;
}

static int64_t pieces(struct tern_sim *s, const struct tern_rcmd *c, const struct sim_vprog *v,
		      int64_t rows, uint64_t cost)
{
	uint64_t n = cost / PARALLEL_COST;
	unsigned int threads = sim_pool_size(s->pool);

	if (threads == 1 || n < 2 || rows < 2 || !rows_independent(s, c, v))
		return 1;
	n = n < 4 * threads ? n : 4 * threads;
	n = n < MAX_PIECES ? n : MAX_PIECES;
	return (int64_t)n < rows ? (int64_t)n : rows;
}

/* Rows [first, first + rows). */
static int run_rows(struct tern_sim *s, const struct tern_rcmd *c, const struct sim_vprog *v,
		    struct job *j, uint64_t cost)
{
	int64_t n = pieces(s, c, v, j->rows, cost);

	j->piece = (j->rows + n - 1) / n;
	n = (j->rows + j->piece - 1) / j->piece;
	sim_parallel(s->pool, (unsigned int)n, run_piece, j);
	for (int64_t i = 0; i < n; i++) {
		if (j->err[i])
			return sim_fault(s, j->err[i], j->bad[i], 0);
	}
	return 0;
}

static void announce(struct tern_sim *s, const struct tern_rcmd *c, const struct sim_vprog *v)
{
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++) {
		if (v->read >> i & 1)
			sim_spm_reads(s, &s->cur->range[i]);
	}
	/* How much of a row is written only the interpreter knows: count on nothing. */
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++) {
		if (v->written >> i & 1)
			sim_spm_writes(s, &c->t[i], &s->cur->range[i], false);
	}
}

static void describe(struct tern_sim *s, const struct tern_rcmd *c, const struct sim_vprog *v,
		     struct tern_vrun *r)
{
	r->prog = s->image + v->first;
	r->n = v->n;
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++) {
		const struct tern_rtile *t = &c->t[i];

		r->t[i].present = t->present;
		if (!t->present)
			continue;
		r->t[i].base = s->spm + t->addr;
		r->t[i].type = t->type;
		for (unsigned int d = 0; d < TERN_NDIMS; d++) {
			r->t[i].size[d] = t->size[d];
			r->t[i].stride[d] = t->size[d] > 1 ? t->stride[d] : 0;
		}
		r->s[i] = c->s[i];
	}
	for (unsigned int i = 0; i < 8; i++)
		r->s[i] = c->s[i];
}

int sim_vector(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot)
{
	const struct sim_vprog *v = &s->vprogs[slot->vprog];
	int64_t rows = c->t[0].size[1] * c->t[0].size[2] * c->t[0].size[3];
	uint64_t per_row = c->elems / (uint64_t)rows + 1;
	int64_t batch = per_row < STOP_COST ? (int64_t)(STOP_COST / per_row) : 1;
	struct tern_vrun r;
	struct job j;
	int err = 0;

	j.simd = s->simd;
	j.run = &r;
	announce(s, c, v);
	describe(s, c, v, &r);
	for (j.first = 0; !err && j.first < rows; j.first += j.rows) {
		if (sim_stopped_now(s))
			return sim_fault(s, TERN_FAULT_ABORT, 0, 0);
		j.rows = rows - j.first < batch ? rows - j.first : batch;
		err = run_rows(s, c, v, &j, per_row * (uint64_t)j.rows);
	}
	return err;
}
