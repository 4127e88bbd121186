// SPDX-License-Identifier: MIT
/*
 * Checking mode: finds what the contract calls undefined. Clocks of queues and semaphores,
 * and what each command touches.
 *
 * Two things are stricter here than what the model would do without it: after a MATRIX
 * with OUT the accumulators hold nothing, and YIELD empties SPM and accumulators, because
 * hardware may use the one and lose the other. Commands are looked at in stream order, so
 * what is lost is what commands before the YIELD wrote, in flight or not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/check.h"

/* Rows found by an index are remembered one by one up to here, then as one tile. */
#define MAX_INDEXED 1024

int sim_check_create(struct tern_sim *s)
{
	struct sim_check *k = calloc(1, sizeof(*k));

	s->check = k;
	if (!k)
		return -ENOMEM;
	k->spm = calloc(s->caps.spm_bytes + 1u, 1);
	k->acc = calloc(s->caps.acc + 1u, 1);
	return k->spm && k->acc ? 0 : -ENOMEM;
}

void sim_check_destroy(struct sim_check *k)
{
	struct access_list *l;

	if (!k)
		return;
	l = &k->list[0][0][0];
	for (size_t i = 0; i < 2 * TERN_NQUEUES * 2; i++)
		free(l[i].v);
	free(k->spm);
	free(k->acc);
	free(k);
}

void sim_check_start(struct tern_sim *s)
{
	struct sim_check *k = s->check;

	memset(k->queue, 0, sizeof(k->queue));
	for (unsigned int i = 0; i < TERN_NSEMS; i++) {
		k->sem[i].signalled = k->sem[i].waited = 0;
		k->sem[i].head = k->sem[i].count = 0;
	}
	check_forget_accesses(k);
	sim_check_forget(s);
}

void sim_check_forget(struct tern_sim *s)
{
	memset(s->check->spm, 0, s->caps.spm_bytes);
	memset(s->check->acc, 0, s->caps.acc);
}

/* ---- clocks ------------------------------------------------------------------------- */
static void join(struct clock *to, const struct clock *from)
{
	for (unsigned int q = 0; q < TERN_NQUEUES; q++) {
		if (from->n[q] > to->n[q])
			to->n[q] = from->n[q];
	}
}

/* The wait is met by the first signal that brings the total to what it needs; the initial
 * value comes from nobody. */
static void wait(struct tern_sim *s, const struct tern_rsync *r)
{
	struct sem_clocks *c = &s->check->sem[r->sem];
	uint64_t initial = s->hdr.sem[r->sem].initial;

	c->waited += r->n;
	if (c->waited <= initial)
		return;
	while (c->count && c->ring[c->head].total < c->waited - initial) {
		c->head = (c->head + 1) % SIGNALS;
		c->count--;
	}
	if (c->count)
		join(&s->check->now, &c->ring[c->head].at);
}

static void signal(struct tern_sim *s, const struct tern_rsync *r)
{
	struct sem_clocks *c = &s->check->sem[r->sem];
	unsigned int at = (c->head + c->count) % SIGNALS;

	c->signalled += r->n;
	c->ring[at].total = c->signalled;
	c->ring[at].at = s->check->now;
	c->count++;
}

void sim_check_begin(struct tern_sim *s, const struct tern_rcmd *c)
{
	struct sim_check *k = s->check;

	k->now = k->queue[c->queue];
	join(&k->now, &k->queue[TERN_Q_CP]);
	k->now.n[c->queue]++;
	for (unsigned int i = 0; i < 2; i++) {
		if (c->wait[i].n)
			wait(s, &c->wait[i]);
	}
}

void sim_check_end(struct tern_sim *s, const struct tern_rcmd *c)
{
	struct sim_check *k = s->check;

	k->queue[c->queue] = k->now;
	for (unsigned int i = 0; i < 2; i++) {
		if (c->signal[i].n)
			signal(s, &c->signal[i]);
	}
}

void sim_check_drain(struct tern_sim *s)
{
	struct clock *cp = &s->check->queue[TERN_Q_CP];

	for (unsigned int q = 0; q < TERN_NENGINES; q++)
		join(cp, &s->check->queue[q]);
}

/* ---- accesses ------------------------------------------------------------------------- */
static int touch(struct tern_sim *s, const struct tern_rtile *t, bool write)
{
	struct access a = {.tile = *t, .queue = s->queue, .spm = t->spm, .write = write};

	if (!sim_tile_range(t, t->size, &a.range))
		return 0; /* resolved tiles have a range */
	return check_access(s, &a);
}

static int reads(struct tern_sim *s, const struct tern_rtile *t)
{
	int err = t->spm ? check_read_tags(s, t) : 0;

	return err ? err : touch(s, t, false);
}

static int writes(struct tern_sim *s, const struct tern_rtile *t)
{
	int err = touch(s, t, true);

	if (!err && t->spm)
		check_write_tags(s, t);
	return err;
}

int sim_check_cp(struct tern_sim *s, uint64_t addr, uint64_t len, bool spm, bool write)
{
	struct sim_check *k = s->check;
	struct tern_rtile t = {.addr = addr,
			       .size = {(int64_t)len, 1, 1, 1},
			       .stride = {1, 0, 0, 0},
			       .type = TERN_T_I8,
			       .spm = spm};

	k->queue[TERN_Q_CP].n[TERN_Q_CP]++;
	k->now = k->queue[TERN_Q_CP];
	return write ? writes(s, &t) : reads(s, &t);
}

/* ---- LOAD and STORE ---------------------------------------------------------------------- */
/* The rows an index names, each as a tile. */
static int indexed(struct tern_sim *s, const struct tern_rcmd *c, struct tern_rtile *row,
		   bool write)
{
	const struct sim_dma *p = &s->cur->dma;
	uint64_t base = row->addr;
	int64_t x[TERN_NDIMS], y;
	int err = 0;

	row->size[1] = row->size[2] = row->size[3] = 1;
	for (x[3] = p->lo[3]; x[3] < p->hi[3]; x[3]++) {
		for (x[2] = p->lo[2]; x[2] < p->hi[2]; x[2]++) {
			for (x[1] = 0; !err && x[1] < p->hi[1]; x[1]++) {
				err = sim_dma_index(s, c, x, &y);
				if (err)
					return err;
				row->addr = base + (uint64_t)y * (uint64_t)row->stride[1] +
					    (uint64_t)(x[2] - p->lo[2]) * (uint64_t)row->stride[2] +
					    (uint64_t)(x[3] - p->lo[3]) * (uint64_t)row->stride[3];
				err = touch(s, row, write);
			}
		}
	}
	return err;
}

static int memory_side(struct tern_sim *s, const struct tern_rcmd *c, bool write)
{
	const struct sim_dma *p = &s->cur->dma;
	struct tern_rtile t = c->t[1];
	int64_t rows = 1;

	if (s->cur->range[1].lo == s->cur->range[1].hi)
		return 0;
	t.addr += (uint64_t)sim_elem_offset(&t, p->lo[0] + c->origin[0]);
	t.size[0] = p->hi[0] - p->lo[0];
	for (unsigned int d = 1; d < TERN_NDIMS; d++) {
		int64_t n = p->hi[d] - p->lo[d];

		rows = rows > MAX_INDEXED || n > MAX_INDEXED ? MAX_INDEXED + 1 : rows * n;
		if (p->rows && d == 1)
			continue;
		t.addr += (uint64_t)(p->lo[d] + c->origin[d]) * (uint64_t)t.stride[d];
		t.size[d] = n;
	}
	if (p->rows && rows <= MAX_INDEXED)
		return indexed(s, c, &t, write);
	return touch(s, &t, write);
}

static int check_dma(struct tern_sim *s, const struct tern_rcmd *c)
{
	bool store = c->op == TERN_OP_STORE;
	int err = s->cur->dma.rows ? reads(s, &c->t[2]) : 0;

	if (!err && store)
		err = reads(s, &c->t[0]);
	if (!err)
		err = memory_side(s, c, store);
	if (!err && !store)
		err = writes(s, &c->t[0]);
	return err;
}

/* ---- MATRIX -------------------------------------------------------------------------------- */
static int accumulators(struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct tern_rtile *a = &c->t[0], *b = &c->t[1];
	uint8_t *tags = s->check->acc;
	int64_t n = b->size[!(c->flags & TERN_MATRIX_KN)];

	if (c->flags & TERN_MATRIX_ACC) {
		n *= a->size[1] * a->size[2] * a->size[3];
		for (int64_t i = 0; i < n; i++) {
			if (!tags[i])
				return sim_fault(s, TERN_FAULT_UNINIT, (uint64_t)i, 0);
		}
	}
	if (c->flags & TERN_MATRIX_OUT) {
		memset(tags, 0, s->caps.acc);
	} else if (!(c->flags & TERN_MATRIX_ACC)) {
		n *= a->size[1] * a->size[2] * a->size[3];
		memset(tags, TAG_DATA, (size_t)n);
	}
	return 0;
}

static int check_matrix(struct tern_sim *s, const struct tern_rcmd *c)
{
	int err = reads(s, &c->t[0]);

	if (!err)
		err = reads(s, &c->t[1]);
	if (!err)
		err = accumulators(s, c);
	if (!err && c->t[2].present)
		err = writes(s, &c->t[2]);
	return err;
}

/* ---- VECTOR -------------------------------------------------------------------------------- */
/* The part of tile i's rows that the micro-program can reach. */
static struct tern_rtile reached(const struct tern_rcmd *c, const struct sim_vprog *v,
				 unsigned int i)
{
	struct tern_rtile t = c->t[i];
	int64_t n = v->single >> i & 1 ? (int64_t)v->last[i] + 1 : 0;

	if (v->whole >> i & 1)
		return t;
	for (unsigned int loop = 0; loop < TERN_VECTOR_TILES; loop++) {
		if ((v->loads | v->stores) >> (8 * loop + i) & 1 && c->t[loop].size[0] > n)
			n = c->t[loop].size[0];
	}
	if (t.type == TERN_T_ACT)
		n = (n + TERN_GROUP - 1) / TERN_GROUP * TERN_GROUP;
	if (n && n < t.size[0])
		t.size[0] = n;
	return t;
}

static int check_vector(struct tern_sim *s, const struct tern_rcmd *c, const struct sim_vprog *v)
{
	struct tern_rtile t[TERN_VECTOR_TILES];
	int err = 0;

	for (unsigned int i = 0; !err && i < TERN_VECTOR_TILES; i++) {
		if (!((v->read | v->written) >> i & 1))
			continue;
		t[i] = reached(c, v, i);
		if (!(v->read >> i & 1))
			continue;
		/* What the program itself wrote before may be read. */
		err = v->fresh >> i & 1 ? touch(s, &t[i], false) : reads(s, &t[i]);
	}
	for (unsigned int i = 0; !err && i < TERN_VECTOR_TILES; i++) {
		if (v->written >> i & 1)
			err = writes(s, &t[i]);
	}
	return err;
}

int sim_check_command(struct tern_sim *s, const struct tern_rcmd *c, const struct sim_slot *slot)
{
	if (c->op == TERN_OP_MATRIX)
		return check_matrix(s, c);
	if (c->op == TERN_OP_VECTOR)
		return check_vector(s, c, &s->vprogs[slot->vprog]);
	return check_dma(s, c);
}
