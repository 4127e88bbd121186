// SPDX-License-Identifier: MIT
/*
 * What LOAD and STORE do, row by row. Conversions go through f32 in pieces small enough
 * for the stack; a piece is a multiple of every block.
 */
#include <string.h>

#include "sim/internal.h"

#define PIECE 1024

static int64_t unit_bytes(unsigned int type)
{
	return sim_types[type].bytes;
}

static bool is_plain(unsigned int type)
{
	return sim_types[type].kind == TERN_KIND_PLAIN;
}

/* Bytes from element 0 to element n. */
static int64_t advance(unsigned int type, int64_t step, int64_t n)
{
	return is_plain(type) ? n * step : sim_row_bytes(type, n);
}

static bool packed(unsigned int type, int64_t step)
{
	return !is_plain(type) || step == unit_bytes(type);
}

/* n elements `step` apart to or from a packed buffer. */
static void gather(const unsigned char *src, int64_t step, unsigned char *dst, int64_t size,
		   int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		memcpy(dst + i * size, src + i * step, (size_t)size);
}

static void scatter(const unsigned char *src, int64_t size, unsigned char *dst, int64_t step,
		    int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		memcpy(dst + i * step, src + i * size, (size_t)size);
}

/* ---- memory to SPM -------------------------------------------------------------------- */
/* Elements [at, at + n) of the span, packed: in place where possible. */
static const unsigned char *fetch(struct tern_sim *s, const struct sim_span *p, int64_t at,
				  int64_t n, unsigned char *tmp)
{
	int64_t off = advance(p->from, p->from_step, at), size = unit_bytes(p->from);

	if (packed(p->from, p->from_step)) {
		if (p->host)
			return p->host + off;
		return sim_mem_read(s, p->va + (uint64_t)off, tmp,
				    (uint64_t)advance(p->from, size, n));
	}
	if (p->host) {
		gather(p->host + off, p->from_step, tmp, size, n);
		return tmp;
	}
	for (int64_t i = 0; i < n; i++) {
		uint64_t va = p->va + (uint64_t)off + (uint64_t)i * (uint64_t)p->from_step;
		unsigned char one[8];
		const void *src = sim_mem_read(s, va, one, (uint64_t)size);

		if (!src)
			return NULL;
		memcpy(tmp + i * size, src, (size_t)size);
	}
	return tmp;
}

/* n packed elements of type `from` as packed elements of type `to`. */
static void convert(const struct tern_simd *simd, unsigned int from, unsigned int to,
		    const void *src, void *dst, int64_t n)
{
	float f[PIECE];

	if (from == to) {
		memcpy(dst, src, (size_t)sim_row_bytes(from, n));
	} else if (!is_plain(to) && !is_plain(from)) {
		simd->decode_operand(from, src, dst, n);
	} else if (to == TERN_T_F32 && (uintptr_t)dst % sizeof(float) == 0) {
		simd->to_f32(from, src, dst, n);
	} else {
		simd->to_f32(from, src, f, n);
		simd->from_f32(to, f, dst, n);
	}
}

static int64_t shorter(int64_t n)
{
	return n < PIECE ? n : PIECE;
}

int sim_span_load(struct tern_sim *s, const struct sim_span *p)
{
	unsigned char in[PIECE * 8] __attribute__((aligned(64)));
	unsigned char out[PIECE * 8] __attribute__((aligned(64)));
	bool direct = packed(p->to, p->to_step);

	if (direct && p->host && p->from == p->to && packed(p->from, p->from_step)) {
		memcpy(p->dst, p->host, (size_t)sim_row_bytes(p->to, p->n));
		return 0;
	}
	for (int64_t at = 0, n; at < p->n; at += n) {
		unsigned char *dst = p->dst + advance(p->to, p->to_step, at);
		const unsigned char *src;

		n = shorter(p->n - at);
		src = fetch(s, p, at, n, in);
		if (!src)
			return s->run->fault.code;
		convert(s->simd, p->from, p->to, src, direct ? dst : out, n);
		if (!direct)
			scatter(out, unit_bytes(p->to), dst, p->to_step, n);
	}
	return 0;
}

/* ---- rows ---------------------------------------------------------------------------------- */
int sim_dma_index(struct tern_sim *s, const struct tern_rcmd *c, const int64_t *x, int64_t *out)
{
	const struct tern_rtile *t = &c->t[2];
	uint64_t at = t->addr + (uint64_t)x[1] * (uint64_t)t->stride[0];
	unsigned char tmp[8];
	const void *p;
	int32_t narrow;

	for (unsigned int d = 1; d < 3; d++)
		at += t->size[d] > 1 ? (uint64_t)x[d + 1] * (uint64_t)t->stride[d] : 0;
	p = t->spm ? s->spm + at : sim_mem_read(s, at, tmp, (uint64_t)unit_bytes(t->type));
	if (!p)
		return s->run->fault.code;
	if (t->type == TERN_T_I64) {
		memcpy(out, p, sizeof(*out));
	} else {
		memcpy(&narrow, p, sizeof(narrow));
		*out = narrow;
	}
	if (*out < 0 || *out >= c->t[1].size[1])
		return sim_fault(s, TERN_FAULT_INDEX, (uint64_t)*out, (uint64_t)c->t[1].size[1]);
	return 0;
}

/* Address in memory of element lo[0] of the row at x. */
static int row_address(struct tern_sim *s, struct tern_rcmd *c, const int64_t *x, uint64_t *va)
{
	const struct tern_rtile *t = &c->t[1];
	const struct sim_dma *p = &s->cur->dma;
	int64_t y = x[1] + c->origin[1];
	int err = p->rows ? sim_dma_index(s, c, x, &y) : 0;

	if (err)
		return err;
	*va = t->addr + (uint64_t)sim_elem_offset(t, p->lo[0] + c->origin[0]) +
	      (uint64_t)y * (uint64_t)t->stride[1] +
	      (uint64_t)(x[2] + c->origin[2]) * (uint64_t)t->stride[2] +
	      (uint64_t)(x[3] + c->origin[3]) * (uint64_t)t->stride[3];
	if (p->rows)
		c->dram_bursts += sim_row_bursts(t, *va, p->hi[0] - p->lo[0]);
	return 0;
}

static unsigned char *spm_row(struct tern_sim *s, const struct tern_rtile *t, const int64_t *x)
{
	return s->spm + t->addr + x[1] * t->stride[1] + x[2] * t->stride[2] + x[3] * t->stride[3];
}

/* The lowest of dimensions 1..3 in which x is outside; 0: none. */
static unsigned int outside(const struct sim_dma *p, const int64_t *x)
{
	for (unsigned int d = 1; d < TERN_NDIMS; d++) {
		if (x[d] < p->lo[d] || x[d] >= p->hi[d])
			return d;
	}
	return 0;
}

/* `rows` rows from x on, as one: more than one only if they follow each other (together()). */
static int load_rows(struct tern_sim *s, struct tern_rcmd *c, const int64_t *x, int64_t rows)
{
	const struct tern_rtile *t = &c->t[0];
	const struct sim_dma *p = &s->cur->dma;
	unsigned char *row = spm_row(s, t, x);
	unsigned int out = outside(p, x);
	struct sim_span span = {c->t[1].type,
				t->type,
				0,
				NULL,
				c->t[1].stride[0],
				row + sim_elem_offset(t, p->lo[0]),
				t->stride[0],
				(p->hi[0] - p->lo[0]) * rows};
	int err;

	if (!p->whole) {
		sim_fill(s->simd, t, row, 0, p->lo[0], c->fill[0]);
		sim_fill(s->simd, t, row, p->hi[0], t->size[0], c->fill[0]);
	}
	if (out)
		sim_fill(s->simd, t, row, p->lo[0], p->hi[0], c->fill[out]);
	if (out || !span.n)
		return 0;
	err = row_address(s, c, x, &span.va);
	if (err)
		return err;
	if (p->host)
		span.host = p->host + (span.va - s->cur->range[1].lo);
	return sim_span_load(s, &span);
}

/* ---- SPM to memory ---------------------------------------------------------------------------- */
static int put(struct tern_sim *s, const struct tern_rtile *t, uint64_t va,
	       const unsigned char *src, int64_t n)
{
	int64_t size = unit_bytes(t->type);
	int err = 0;

	if (packed(t->type, t->stride[0]))
		return sim_mem_write(s, va, src, (uint64_t)sim_row_bytes(t->type, n));
	for (int64_t i = 0; !err && i < n; i++)
		err = sim_mem_write(s, va + (uint64_t)i * (uint64_t)t->stride[0], src + i * size,
				    (uint64_t)size);
	return err;
}

static int store_rows(struct tern_sim *s, struct tern_rcmd *c, const int64_t *x, int64_t rows)
{
	unsigned char in[PIECE * 8] __attribute__((aligned(64)));
	unsigned char out[PIECE * 8] __attribute__((aligned(64)));
	const struct tern_rtile *from = &c->t[0], *to = &c->t[1];
	const struct sim_dma *p = &s->cur->dma;
	const unsigned char *row = spm_row(s, from, x);
	int64_t end = p->lo[0] + (p->hi[0] - p->lo[0]) * rows;
	uint64_t va;
	int err;

	if (outside(p, x) || p->lo[0] == p->hi[0])
		return 0;
	err = row_address(s, c, x, &va);
	for (int64_t at = p->lo[0], n; !err && at < end; at += n) {
		const unsigned char *src = row + sim_elem_offset(from, at);

		n = shorter(end - at);
		if (!packed(from->type, from->stride[0])) {
			gather(src, from->stride[0], in, unit_bytes(from->type), n);
			src = in;
		}
		if (from->type != to->type) {
			convert(s->simd, from->type, to->type, src, out, n);
			src = out;
		}
		err = put(s, to, va + (uint64_t)advance(to->type, to->stride[0], at - p->lo[0]),
			  src, n);
	}
	return err;
}

/* ---- all rows -------------------------------------------------------------------------------------- */
static int stopped(struct tern_sim *s)
{
	return sim_stopped_now(s) ? sim_fault(s, TERN_FAULT_ABORT, 0, 0) : 0;
}

/* How many rows of dimension 1 can be moved as one: all, if they lie end to end on both sides. */
static int64_t together(const struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct sim_dma *p = &s->cur->dma;

	if (!p->whole || p->rows)
		return 1;
	for (unsigned int i = 0; i < 2; i++) {
		const struct tern_rtile *t = &c->t[i];

		if (!packed(t->type, t->stride[0]) ||
		    t->stride[1] != sim_row_bytes(t->type, c->t[0].size[0]))
			return 1;
	}
	return c->t[0].size[1];
}

static int each_row(struct tern_sim *s, struct tern_rcmd *c,
		    int (*fn)(struct tern_sim *s, struct tern_rcmd *c, const int64_t *x,
			      int64_t rows))
{
	const int64_t *n = c->t[0].size;
	int64_t x[TERN_NDIMS] = {0}, rows = together(s, c);
	int err = 0;

	for (x[3] = 0; x[3] < n[3]; x[3]++) {
		for (x[2] = 0; x[2] < n[2]; x[2]++) {
			err = stopped(s);
			for (x[1] = 0; !err && x[1] < n[1]; x[1] += rows)
				err = fn(s, c, x, rows);
			if (err)
				return err;
		}
	}
	return 0;
}

/* All indices are checked before anything moves: a bad one leaves memory as it was. */
static int check_indices(struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct sim_dma *p = &s->cur->dma;
	int64_t x[TERN_NDIMS], y;
	int err = 0;

	if (!p->rows || p->lo[0] == p->hi[0])
		return 0;
	if (c->t[2].spm)
		sim_spm_reads(s, &s->cur->range[2]);
	for (x[3] = p->lo[3]; x[3] < p->hi[3]; x[3]++) {
		for (x[2] = p->lo[2]; x[2] < p->hi[2]; x[2]++) {
			err = stopped(s);
			for (x[1] = 0; !err && x[1] < p->hi[1]; x[1]++)
				err = sim_dma_index(s, c, x, &y);
			if (err)
				return err;
		}
	}
	return 0;
}

int sim_load(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot)
{
	const struct sim_range *mem = &s->cur->range[1];
	struct sim_dma *p = &s->cur->dma;
	int err = check_indices(s, c);

	if (err)
		return err;
	if (mem->lo < mem->hi && !p->rows)
		p->host = sim_mem_whole(s, mem->lo, mem->hi - mem->lo, TERN_READ);
	if (s->defer && sim_defer_load(s, c, slot))
		return 0;
	sim_spm_writes(s, &c->t[0], &s->cur->range[0], true);
	return each_row(s, c, load_rows);
}

int sim_store(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot)
{
	int err = check_indices(s, c);

	(void)slot;
	if (err)
		return err;
	sim_spm_reads(s, &s->cur->range[0]);
	return each_row(s, c, store_rows);
}
