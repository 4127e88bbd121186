// SPDX-License-Identifier: MIT
/*
 * LOAD and STORE, resolved: which part of the SPM tile has a counterpart in memory, where
 * that lies, and how many bytes and bursts it is.
 *
 * Of the contract's rules: with ROWS the origin of dimension 1 must be 0, since
 * the index is the coordinate; a written tile must not overlap itself; origins along a
 * dimension of blocks are whole blocks.
 */
#include <string.h>

#include "sim/internal.h"

/* Beyond this many rows their bursts are taken to be alike. */
#define MAX_ROWS 65536

/* Beyond this an origin only says "all outside": keeps sums of coordinates small. */
#define FAR (1ll << 33)

static int64_t clamp_origin(int64_t o)
{
	return o > FAR ? FAR : o < -FAR ? -FAR : o;
}

static void read_origin(const struct tern_sim *s, uint64_t word, struct tern_rcmd *c)
{
	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		unsigned int r = word >> 8 * d & 0xff;

		c->origin[d] = r == TERN_NONE ? 0 : clamp_origin(s->regs[r]);
	}
}

/* ---- types ------------------------------------------------------------------------ */
static bool is_float(unsigned int type)
{
	return type == TERN_T_F32 || type == TERN_T_F16 || type == TERN_T_BF16;
}

static bool load_types_ok(unsigned int spm, unsigned int mem)
{
	if (sim_types[mem].kind == TERN_KIND_BLOCK)
		return is_float(spm) || spm == tern_type_operand(mem);
	return spm == mem || (is_float(spm) && is_float(mem));
}

static bool store_types_ok(unsigned int spm, unsigned int mem)
{
	static const uint8_t encoded[] = {TERN_T_Q8_0, TERN_T_Q4_0, TERN_T_Q4_1,
					  TERN_T_Q5_0, TERN_T_Q5_1, TERN_T_IQ4_NL};

	if (sim_types[spm].kind != TERN_KIND_PLAIN)
		return false;
	if (spm == mem || !is_float(spm))
		return spm == mem;
	return is_float(mem) || memchr(encoded, (int)mem, sizeof(encoded));
}

/* ---- the part inside memory ---------------------------------------------------------- */
static int shape_fault(struct tern_sim *s, int64_t value, unsigned int which, unsigned int d)
{
	return sim_fault(s, TERN_FAULT_SHAPE, (uint64_t)value, which << 8 | (TERN_TILE_SIZE0 + d));
}

/* Without ORIGIN all of the SPM tile must have a counterpart. */
static int whole_box(struct tern_sim *s, const struct tern_rcmd *c)
{
	struct sim_dma *p = &s->cur->dma;

	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		if (c->t[1].size[d] < c->t[0].size[d] && !(p->rows && d == 1))
			return shape_fault(s, c->t[1].size[d], 1, d);
		p->lo[d] = 0;
		p->hi[d] = c->t[0].size[d];
	}
	p->whole = true;
	return 0;
}

static int shifted_box(struct tern_sim *s, const struct tern_rcmd *c)
{
	struct sim_dma *p = &s->cur->dma;

	if (c->origin[0] & ((1 << sim_types[c->t[1].type].shift) - 1))
		return shape_fault(s, c->origin[0], 1, 0);
	if (p->rows && c->origin[1])
		return shape_fault(s, c->origin[1], 1, 1);
	p->whole = true;
	for (unsigned int d = 0; d < TERN_NDIMS; d++) {
		int64_t o = c->origin[d], n = c->t[0].size[d];
		bool index = p->rows && d == 1;

		p->lo[d] = !index && o < 0 ? (-o < n ? -o : n) : 0;
		p->hi[d] = !index && c->t[1].size[d] - o < n ? c->t[1].size[d] - o : n;
		if (p->hi[d] < p->lo[d])
			p->hi[d] = p->lo[d];
		p->whole &= p->lo[d] == 0 && p->hi[d] == n;
	}
	return 0;
}

static bool box_empty(const struct sim_dma *p)
{
	return p->lo[0] == p->hi[0] || p->lo[1] == p->hi[1] || p->lo[2] == p->hi[2] ||
	       p->lo[3] == p->hi[3];
}

/* Where the counterpart lies. Coordinates are small, and where they are not those of the SPM
 * tile strides are checked over all of the memory tile, so products do not wrap unnoticed. */
static int place_box(struct tern_sim *s, struct tern_rcmd *c)
{
	struct sim_dma *p = &s->cur->dma;
	struct sim_range all, *mem = &s->cur->range[1];
	struct tern_rtile inner = c->t[1];
	int err = 0;

	if (c->flags & (TERN_DMA_ORIGIN | TERN_DMA_ROWS))
		err = sim_check_place(s, &c->t[1], c->t[1].size, &all);
	p->host = NULL;
	*mem = (struct sim_range){0, 0};
	if (err || box_empty(p))
		return err;
	inner.addr += (uint64_t)sim_elem_offset(&inner, p->lo[0] + c->origin[0]);
	inner.size[0] = p->hi[0] - p->lo[0];
	for (unsigned int d = 1; d < TERN_NDIMS; d++) {
		if (p->rows && d == 1)
			continue;
		inner.addr += (uint64_t)(p->lo[d] + c->origin[d]) * (uint64_t)inner.stride[d];
		inner.size[d] = p->hi[d] - p->lo[d];
	}
	return sim_check_place(s, &inner, inner.size, mem);
}

/* ---- the index tile ---------------------------------------------------------------------- */
static int resolve_index(struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct tern_rtile *t = &c->t[2];
	const int64_t *size = c->t[0].size;
	int err;

	if (t->type != TERN_T_I32 && t->type != TERN_T_I64)
		return sim_fault(s, TERN_FAULT_TYPE, t->type, 2 << 8 | TERN_TILE_TYPE);
	err = sim_check_shape(s, 2, t, t->spm);
	if (err)
		return err;
	if (t->size[0] < size[1])
		return shape_fault(s, t->size[0], 2, 0);
	for (unsigned int d = 1; d < 3; d++) {
		if (t->size[d] != 1 && t->size[d] < size[d + 1])
			return shape_fault(s, t->size[d], 2, d);
	}
	return sim_check_place(s, t, t->size, &s->cur->range[2]);
}

/* ---- what it moves ---------------------------------------------------------------------------- */
static uint64_t bursts(uint64_t lo, uint64_t hi)
{
	return (hi + TERN_BURST - 1) / TERN_BURST - lo / TERN_BURST;
}

/* Bursts of one row; elements further apart than a burst cost one each. */
static uint64_t row_bursts(const struct tern_rtile *t, uint64_t at, int64_t n)
{
	const struct sim_type *info = &sim_types[t->type];
	int64_t step = t->stride[0] < 0 ? -t->stride[0] : t->stride[0];

	if (info->kind == TERN_KIND_PLAIN && n > 1) {
		uint64_t span = (uint64_t)(n - 1) * (uint64_t)step;

		if (step >= TERN_BURST)
			return (uint64_t)n;
		at -= t->stride[0] < 0 ? span : 0;
		return bursts(at, at + span + info->bytes);
	}
	return bursts(at, at + (uint64_t)sim_row_bytes(t->type, n));
}

uint64_t sim_row_bursts(const struct tern_rtile *t, uint64_t at, int64_t n)
{
	return row_bursts(t, at, n);
}

/* Do the elements of a row follow each other, and does the next row follow it? */
static bool rows_adjacent(const struct tern_rtile *t, int64_t n, int64_t row)
{
	const struct sim_type *info = &sim_types[t->type];
	bool dense = info->kind != TERN_KIND_PLAIN || n == 1 || t->stride[0] == info->bytes ||
		     t->stride[0] == -(int64_t)info->bytes;

	return dense && t->stride[1] == row;
}

static bool rows_alike(const struct tern_rtile *t, const struct sim_dma *p)
{
	for (unsigned int d = 1; d < TERN_NDIMS; d++) {
		if (p->hi[d] - p->lo[d] > 1 && t->stride[d] % TERN_BURST)
			return false;
	}
	return true;
}

/* Bursts of the box. Rows that follow each other share the bursts at their ends. */
static uint64_t box_bursts(const struct tern_sim *s, const struct tern_rcmd *c, uint64_t rows)
{
	const struct sim_range *mem = &s->cur->range[1];
	const struct sim_dma *p = &s->cur->dma;
	const struct tern_rtile *t = &c->t[1];
	int64_t n = p->hi[0] - p->lo[0], inner = 1, x2, x3;
	uint64_t row = (uint64_t)sim_row_bytes(t->type, n), base, sum = 0;

	base = t->addr + (uint64_t)sim_elem_offset(t, p->lo[0] + c->origin[0]);
	for (unsigned int d = 1; d < TERN_NDIMS; d++)
		base += (uint64_t)(p->lo[d] + c->origin[d]) * (uint64_t)t->stride[d];
	if (mem->hi - mem->lo == rows * row)
		return bursts(mem->lo, mem->hi);
	if (rows > MAX_ROWS || rows_alike(t, p))
		return rows * row_bursts(t, base, n);
	if (rows_adjacent(t, n, (int64_t)row)) {
		inner = p->hi[1] - p->lo[1];
		if (inner > 1 && t->stride[0] < 0) /* element 0 lies last in its row */
			base -= row - sim_types[t->type].bytes;
		row *= (uint64_t)inner;
	}
	for (x3 = 0; x3 < p->hi[3] - p->lo[3]; x3++) {
		for (x2 = 0; x2 < p->hi[2] - p->lo[2]; x2++) {
			uint64_t at = base + (uint64_t)x3 * (uint64_t)t->stride[3] +
				      (uint64_t)x2 * (uint64_t)t->stride[2];

			if (inner > 1) {
				sum += bursts(at, at + row);
				continue;
			}
			for (int64_t x1 = 0; x1 < p->hi[1] - p->lo[1]; x1++)
				sum += row_bursts(t, at + (uint64_t)x1 * (uint64_t)t->stride[1], n);
		}
	}
	return sum;
}

static uint64_t product(const int64_t *lo, const int64_t *hi, unsigned int first)
{
	uint64_t n = 1;

	for (unsigned int d = first; d < TERN_NDIMS; d++) {
		if (__builtin_mul_overflow(n, (uint64_t)(hi[d] - lo[d]), &n))
			return UINT64_MAX;
	}
	return n;
}

/* Rows found by an index are counted when they are met; if nobody will look, all as the
 * first. */
static uint64_t rows_bursts(const struct tern_sim *s, const struct tern_rcmd *c, uint64_t rows)
{
	const struct sim_dma *p = &s->cur->dma;

	return s->opt.time_only
		       ? rows * row_bursts(&c->t[1], s->cur->range[1].lo, p->hi[0] - p->lo[0])
		       : 0;
}

void sim_dma_bursts(const struct tern_sim *s, struct tern_rcmd *c)
{
	const struct sim_dma *p = &s->cur->dma;
	uint64_t rows = product(p->lo, p->hi, 1), index = s->cur->range[2].lo;

	if (!c->elems)
		return;
	c->dram_bursts = p->rows ? rows_bursts(s, c, rows) : box_bursts(s, c, rows);
	if (p->rows && !c->t[2].spm)
		c->dram_bursts += bursts(index, index + rows * sim_types[c->t[2].type].bytes);
}

static int count(struct tern_sim *s, struct tern_rcmd *c)
{
	static const int64_t zero[TERN_NDIMS];
	const struct sim_dma *p = &s->cur->dma;
	const struct sim_type *mem = &sim_types[c->t[1].type], *spm = &sim_types[c->t[0].type];
	uint64_t all = product(zero, c->t[0].size, 0);
	bool store = c->op == TERN_OP_STORE;
	int err;

	/* Before anything that takes time in proportion to it. */
	err = sim_spend(s, 1 + all / (store ? s->caps.store_encode : s->caps.load_decode));
	if (err)
		return err;
	c->elems = product(p->lo, p->hi, 0);
	c->dram_bytes = (c->elems >> mem->shift) * mem->bytes;
	c->spm_bytes = ((store ? c->elems : all) >> spm->shift) * spm->bytes;
	if (p->rows && !c->t[2].spm)
		c->dram_bytes +=
			c->elems ? product(p->lo, p->hi, 1) * sim_types[c->t[2].type].bytes : 0;
	sim_dma_bursts(s, c);
	return 0;
}

/* ---- all of it --------------------------------------------------------------------------------- */
static int capture_all(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c)
{
	int err = sim_capture(s, 0, slot->a, &c->t[0], &c->empty);

	if (!err)
		err = sim_capture(s, 1, slot->b, &c->t[1], &c->empty);
	if (!err && s->cur->dma.rows)
		err = sim_capture(s, 2, slot->c, &c->t[2], &c->empty);
	return err;
}

static int check_tiles(struct tern_sim *s, struct tern_rcmd *c)
{
	bool store = c->op == TERN_OP_STORE;
	int err = sim_check_tile(s, 0, true);

	if (!err)
		err = sim_check_shape(s, 1, &c->t[1], false);
	if (err)
		return err;
	if (store ? !store_types_ok(c->t[0].type, c->t[1].type)
		  : !load_types_ok(c->t[0].type, c->t[1].type))
		return sim_fault(s, TERN_FAULT_TYPE, c->t[1].type, 1 << 8 | TERN_TILE_TYPE);
	/* Blocks in memory are read or written whole. */
	if (c->t[0].size[0] & ((1 << sim_types[c->t[1].type].shift) - 1))
		return shape_fault(s, c->t[0].size[0], 0, 0);
	return s->cur->dma.rows ? resolve_index(s, c) : 0;
}

static int check_target(struct tern_sim *s, const struct tern_rcmd *c)
{
	const struct sim_dma *p = &s->cur->dma;
	const struct tern_rtile *t = &c->t[c->op == TERN_OP_STORE];
	int64_t size[TERN_NDIMS];

	for (unsigned int d = 0; d < TERN_NDIMS; d++)
		size[d] = t == &c->t[1] && !(p->rows && d == 1) ? p->hi[d] - p->lo[d] : t->size[d];
	if (!sim_tile_distinct(t, size))
		return sim_fault(s, TERN_FAULT_SHAPE, t->addr,
				 (unsigned int)(t - c->t) << 8 | TERN_TILE_STRIDE0);
	return 0;
}

int sim_resolve_dma(struct tern_sim *s, const struct sim_slot *slot, struct tern_rcmd *c)
{
	const uint64_t *w = s->image + s->pc;
	struct sim_dma *p = &s->cur->dma;
	int err;

	p->rows = c->flags & TERN_DMA_ROWS;
	memset(c->origin, 0, sizeof(c->origin));
	err = capture_all(s, slot, c);
	if (err || c->empty)
		return err;
	err = check_tiles(s, c);
	if (err)
		return err;
	if (c->flags & TERN_DMA_ORIGIN) {
		read_origin(s, w[2], c);
		memcpy(c->fill, w + 3, sizeof(c->fill));
		err = shifted_box(s, c);
	} else {
		err = whole_box(s, c);
	}
	if (!err)
		err = place_box(s, c);
	if (!err)
		err = check_target(s, c);
	return err ? err : count(s, c);
}
