// SPDX-License-Identifier: MIT
/*
 * LOADs that nobody has read yet.
 *
 * Most of what LOAD brings is weights that MATRIX reads once. Decoding them into a
 * simulated SPM and reading them back would cost more than the product itself, so such a
 * LOAD is only noted: SPM bytes [lo, hi) stand for those rows of memory. MATRIX then reads
 * the rows where they are (the gemm decodes as it goes, with the same bits).
 *
 * What is noted settles, that is, is really decoded into SPM, when anything else reads it
 * or its source is about to change; what is overwritten in SPM is forgotten. A LOAD whose
 * data settled because of a reader is executed at once from then on.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

#define MAX_PARTS 256
/* Less than this is cheaper to copy than to keep books about. */
#define MIN_BYTES    1024
#define SETTLE_PIECE 256 /* elements; the largest block */

/* A noted LOAD, shared by the parts of it that are not overwritten. */
struct source {
	struct tern_rtile dst, src;
	const unsigned char *host; /* of element 0 */
	uintptr_t lo, hi;	   /* host bytes it may read */
	struct sim_slot *slot;
	unsigned int refs;
};

struct part {
	uint32_t lo, hi; /* SPM bytes */
	uint16_t source;
};

struct sim_defer {
	unsigned int n, nfree, victim;
	uintptr_t lo, hi;	     /* all sources lie in between */
	struct part part[MAX_PARTS]; /* ascending, disjoint */
	uint16_t free[MAX_PARTS];
	struct source source[MAX_PARTS];
};

struct sim_defer *sim_defer_create(void)
{
	return calloc(1, sizeof(struct sim_defer));
}

void sim_defer_destroy(struct sim_defer *d)
{
	free(d);
}

void sim_defer_reset(struct tern_sim *s)
{
	struct sim_defer *d = s->defer;

	d->n = 0;
	d->lo = UINTPTR_MAX;
	d->hi = 0;
	for (d->nfree = 0; d->nfree < MAX_PARTS; d->nfree++)
		d->free[d->nfree] = (uint16_t)d->nfree;
}

/* ---- the sorted array ------------------------------------------------------------- */
/* The first part that ends above `at`. */
static unsigned int find(const struct sim_defer *d, uint64_t at)
{
	unsigned int lo = 0, hi = d->n;

	while (lo < hi) {
		unsigned int mid = (lo + hi) / 2;

		if (d->part[mid].hi > at)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static void insert(struct sim_defer *d, unsigned int i, uint64_t lo, uint64_t hi,
		   unsigned int source)
{
	memmove(d->part + i + 1, d->part + i, (d->n - i) * sizeof(d->part[0]));
	d->part[i] = (struct part){(uint32_t)lo, (uint32_t)hi, (uint16_t)source};
	d->source[source].refs++;
	d->n++;
}

static void drop(struct sim_defer *d, unsigned int i)
{
	struct source *q = &d->source[d->part[i].source];

	if (!--q->refs)
		d->free[d->nfree++] = d->part[i].source;
	d->n--;
	memmove(d->part + i, d->part + i + 1, (d->n - i) * sizeof(d->part[0]));
}

/* ---- settling --------------------------------------------------------------------------- */
static bool is_plain(unsigned int type)
{
	return sim_types[type].kind == TERN_KIND_PLAIN;
}

static void span_of(const struct source *q, int64_t i1, int64_t i2, int64_t i3, struct sim_span *p)
{
	const struct tern_rtile *t = &q->src;

	*p = (struct sim_span){.from = t->type,
			       .to = q->dst.type,
			       .host = q->host + i1 * t->stride[1] + i2 * t->stride[2] +
				       i3 * t->stride[3],
			       .from_step = sim_types[t->type].bytes,
			       .to_step = sim_types[q->dst.type].bytes,
			       .n = q->dst.size[0]};
}

/* Those bytes of the row at SPM address `at` that lie in [lo, hi). */
static void settle_row(struct tern_sim *s, const struct source *q, struct sim_span *p, uint64_t at,
		       uint64_t lo, uint64_t hi)
{
	unsigned char tmp[SETTLE_PIECE * 4] __attribute__((aligned(64)));
	uint64_t row = (uint64_t)sim_row_bytes(q->dst.type, p->n);
	int64_t n = p->n;

	if (at >= lo && at + row <= hi) {
		p->dst = s->spm + at;
		sim_span_load(s, p);
		return;
	}
	for (int64_t k = 0; k < n; k += p->n) {
		uint64_t len, from, to;

		p->n = n - k < SETTLE_PIECE ? n - k : SETTLE_PIECE;
		len = (uint64_t)sim_row_bytes(q->dst.type, p->n);
		from = at > lo ? at : lo;
		to = at + len < hi ? at + len : hi;
		if (from < to) {
			p->dst = tmp;
			sim_span_load(s, p);
			memcpy(s->spm + from, tmp + (from - at), to - from);
		}
		p->host += sim_row_bytes(q->src.type, p->n);
		at += len;
	}
}

static void settle_plane(struct tern_sim *s, const struct source *q, int64_t i2, int64_t i3,
			 uint64_t lo, uint64_t hi)
{
	const struct tern_rtile *t = &q->dst;
	uint64_t base = t->addr + (uint64_t)(i2 * t->stride[2] + i3 * t->stride[3]);
	uint64_t row = (uint64_t)sim_row_bytes(t->type, t->size[0]);
	int64_t first = 0;
	struct sim_span p;

	if (t->size[1] > 1 && lo > base + row)
		first = (int64_t)((lo - base - row) / (uint64_t)t->stride[1]);
	for (int64_t i1 = first; i1 < t->size[1]; i1++) {
		uint64_t at = base + (uint64_t)(i1 * t->stride[1]);

		if (at >= hi)
			break;
		if (at + row <= lo)
			continue;
		span_of(q, i1, i2, i3, &p);
		settle_row(s, q, &p, at, lo, hi);
	}
}

static void settle_bytes(struct tern_sim *s, const struct source *q, uint64_t lo, uint64_t hi)
{
	if (lo < s->spm_dirty.lo)
		s->spm_dirty.lo = lo;
	if (hi > s->spm_dirty.hi)
		s->spm_dirty.hi = hi;
	for (int64_t i3 = 0; i3 < q->dst.size[3]; i3++) {
		for (int64_t i2 = 0; i2 < q->dst.size[2]; i2++)
			settle_plane(s, q, i2, i3, lo, hi);
	}
}

static void settle(struct tern_sim *s, unsigned int i)
{
	struct part p = s->defer->part[i];

	settle_bytes(s, &s->defer->source[p.source], p.lo, p.hi);
	drop(s->defer, i);
}

/* ---- what others do -------------------------------------------------------------------------- */
void sim_defer_read(struct tern_sim *s, uint64_t lo, uint64_t hi)
{
	struct sim_defer *d = s->defer;
	unsigned int i = find(d, lo);

	while (i < d->n && d->part[i].lo < hi) {
		d->source[d->part[i].source].slot->eager = 1;
		settle(s, i);
	}
}

void sim_defer_settle(struct tern_sim *s)
{
	while (s->defer->n)
		settle(s, s->defer->n - 1);
}

void sim_defer_source(struct tern_sim *s, const unsigned char *p, uint64_t len)
{
	struct sim_defer *d = s->defer;
	uintptr_t lo = (uintptr_t)p, hi = lo + len;
	unsigned int i = 0;

	if (!d->n || hi <= d->lo || lo >= d->hi)
		return;
	while (i < d->n) {
		const struct source *q = &d->source[d->part[i].source];

		if (q->lo < hi && lo < q->hi)
			settle(s, i);
		else
			i++;
	}
}

/* Rows of w lie exactly on rows of q and are no shorter: a ring slot used again. */
static bool same_lattice(const struct tern_rtile *w, const struct tern_rtile *q)
{
	int64_t step = w->stride[1];
	int64_t off = (int64_t)w->addr - (int64_t)q->addr;

	if (w->size[2] * w->size[3] != 1 || q->size[2] * q->size[3] != 1 || w->size[1] < 2 ||
	    step != q->stride[1] || step <= 0)
		return false;
	if (is_plain(w->type) && w->stride[0] != sim_types[w->type].bytes)
		return false;
	return off % step == 0 &&
	       sim_row_bytes(w->type, w->size[0]) >= sim_row_bytes(q->type, q->size[0]);
}

/* Take [lo, hi) out of part i; returns the index of the next one. */
static unsigned int trim(struct tern_sim *s, unsigned int i, uint64_t lo, uint64_t hi)
{
	struct sim_defer *d = s->defer;
	struct part *p = &d->part[i];

	if (lo <= p->lo && hi >= p->hi) {
		drop(d, i);
		return i;
	}
	if (lo <= p->lo) {
		p->lo = (uint32_t)hi;
		return i + 1;
	}
	if (hi < p->hi) {
		if (d->n < MAX_PARTS)
			insert(d, i + 1, hi, p->hi, p->source);
		else
			settle_bytes(s, &d->source[p->source], hi, p->hi);
	}
	p->hi = (uint32_t)lo;
	return i + 1;
}

void sim_defer_write(struct tern_sim *s, const struct tern_rtile *t, const struct sim_range *r,
		     bool covers)
{
	struct sim_defer *d = s->defer;
	unsigned int i = find(d, r->lo);
	bool dense;

	if (i == d->n || d->part[i].lo >= r->hi)
		return;
	dense = covers && sim_tile_dense(t, r);
	while (i < d->n && d->part[i].lo < r->hi) {
		struct part p = d->part[i];
		const struct source *q = &d->source[p.source];

		if (!dense && !(covers && same_lattice(t, &q->dst)))
			settle_bytes(s, q, p.lo > r->lo ? p.lo : r->lo,
				     p.hi < r->hi ? p.hi : r->hi);
		i = trim(s, i, r->lo, r->hi);
	}
}

/* ---- noting a LOAD ------------------------------------------------------------------------------ */
static bool rows_nested(const struct tern_rtile *t)
{
	int64_t span = sim_row_bytes(t->type, t->size[0]);

	for (unsigned int d = 1; d < TERN_NDIMS; d++) {
		if (t->size[d] == 1)
			continue;
		if (t->stride[d] < span)
			return false;
		span = (t->size[d] - 1) * t->stride[d] + span;
	}
	return true;
}

static bool packed(const struct tern_rtile *t)
{
	return !is_plain(t->type) || t->size[0] == 1 || t->stride[0] == sim_types[t->type].bytes;
}

static bool worth_it(const struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct sim_dma *p = &s->cur->dma;
	unsigned int from = c->t[1].type, to = c->t[0].type;

	if (!p->whole || p->rows || !p->host || c->spm_bytes < MIN_BYTES)
		return false;
	if (is_plain(from) &&
	    (from != to || (from != TERN_T_F32 && from != TERN_T_F16 && from != TERN_T_BF16)))
		return false;
	/* The gemm reads plain rows as they are: they must be aligned for it. */
	if (is_plain(from) && (uintptr_t)p->host % (uintptr_t)sim_types[from].bytes)
		return false;
	return packed(&c->t[0]) && packed(&c->t[1]) && rows_nested(&c->t[0]);
}

static void clear_unused_strides(struct tern_rtile *t)
{
	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		if (t->size[d] == 1)
			t->stride[d] = 0;
	}
}

static void note(struct tern_sim *s, const struct tern_rcmd *c, struct sim_slot *slot,
		 struct source *q)
{
	const struct sim_range *mem = &s->cur->range[1];
	const struct sim_dma *p = &s->cur->dma;
	uint64_t at = c->t[1].addr + (uint64_t)sim_elem_offset(&c->t[1], c->origin[0]);

	for (unsigned int d = 1; d < TERN_NDIMS; d++)
		at += (uint64_t)c->origin[d] * (uint64_t)c->t[1].stride[d];
	q->dst = c->t[0];
	q->src = c->t[1];
	memcpy(q->src.size, c->t[0].size, sizeof(q->src.size));
	clear_unused_strides(&q->dst);
	clear_unused_strides(&q->src);
	q->host = p->host + (at - mem->lo);
	q->lo = (uintptr_t)p->host;
	q->hi = q->lo + (mem->hi - mem->lo);
	q->slot = slot;
	q->refs = 0;
	if (q->lo < s->defer->lo)
		s->defer->lo = q->lo;
	if (q->hi > s->defer->hi)
		s->defer->hi = q->hi;
}

bool sim_defer_load(struct tern_sim *s, const struct tern_rcmd *c, struct sim_slot *slot)
{
	struct sim_defer *d = s->defer;
	const struct sim_range *r = &s->cur->range[0];
	unsigned int source;

	if (slot->eager || !worth_it(s, c))
		return false;
	sim_defer_write(s, &c->t[0], r, true);
	if (d->n == MAX_PARTS)
		settle(s, d->victim++ % MAX_PARTS);
	source = d->free[--d->nfree];
	note(s, c, slot, &d->source[source]);
	insert(d, find(d, r->lo), r->lo, r->hi, source);
	return true;
}

/* ---- reading in place ------------------------------------------------------------------------------ */
/* Which of n steps of `stride` leads to *off; what remains stays in *off. */
static int64_t step_to(int64_t *off, int64_t n, int64_t stride)
{
	int64_t i;

	if (n == 1)
		return 0;
	i = *off / stride;
	if (i >= n)
		i = n - 1;
	*off -= i * stride;
	return i;
}

static bool in_place(const struct source *q, const struct tern_rtile *t, uint64_t addr,
		     bool blocks_ok, struct sim_view *v)
{
	const struct sim_type *mem = &sim_types[q->src.type], *spm = &sim_types[q->dst.type];
	int64_t off = (int64_t)(addr - q->dst.addr);
	int64_t i3 = step_to(&off, q->dst.size[3], q->dst.stride[3]);
	int64_t i2 = step_to(&off, q->dst.size[2], q->dst.stride[2]);
	int64_t i1 = step_to(&off, q->dst.size[1], q->dst.stride[1]);
	int64_t k0 = off / spm->bytes << spm->shift;

	if (t->type != q->dst.type || off % spm->bytes || k0 & ((1 << mem->shift) - 1) ||
	    k0 + t->size[0] > q->dst.size[0] || i1 + t->size[1] > q->dst.size[1])
		return false;
	if (t->size[1] > 1 && t->stride[1] != q->dst.stride[1])
		return false;
	if (mem->kind == TERN_KIND_BLOCK && !blocks_ok)
		return false;
	v->ptr = q->host + i1 * q->src.stride[1] + i2 * q->src.stride[2] + i3 * q->src.stride[3];
	v->stride = q->src.stride[1];
	v->type = q->src.type;
	v->k0 = k0;
	if (mem->kind == TERN_KIND_PLAIN) {
		v->ptr += k0 * mem->bytes;
		v->k0 = 0;
	}
	return true;
}

void sim_defer_view(struct tern_sim *s, const struct tern_rtile *t, uint64_t addr, bool blocks_ok,
		    struct sim_view *v)
{
	struct sim_defer *d = s->defer;
	int64_t rows = t->size[1] > 1 ? (t->size[1] - 1) * t->stride[1] : 0;
	uint64_t lo = rows < 0 ? addr - (uint64_t)-rows : addr;
	uint64_t hi = lo + (uint64_t)(rows < 0 ? -rows : rows) +
		      (uint64_t)sim_row_bytes(t->type, t->size[0]);
	unsigned int i = find(d, lo);

	*v = (struct sim_view){s->spm + addr, t->size[1] > 1 ? t->stride[1] : 0, t->type, 0};
	if (i == d->n || d->part[i].lo >= hi)
		return;
	if (d->part[i].lo <= lo && hi <= d->part[i].hi && rows >= 0 &&
	    in_place(&d->source[d->part[i].source], t, addr, blocks_ok, v))
		return;
	sim_defer_read(s, lo, hi);
}
