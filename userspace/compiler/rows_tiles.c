// SPDX-License-Identifier: MIT
/* Row kernels: registers, scratchpad, tiles and loops. See rows_emit.h. */
#include <string.h>

#include "compiler/rows_emit.h"

/* ---- arguments ---------------------------------------------------------------------- */
static struct tern_val dim_value(struct tern_lower *l, const struct row_dim *d)
{
	if (!d->sym)
		return tern_imm(d->max);
	return tern_reg(lower_arg(
		l, (struct tern_arg){.storage = TERN_ARG_CONST, .sym = d->sym, .mul = d->mul}));
}

static unsigned int operand_base(struct tern_lower *l, const struct row_operand *o)
{
	const struct tern_tensor_desc *t = o->t;

	if (o->source == ROW_TABLE)
		return lower_const(l, o->table, o->table_bytes);
	if (o->source == ROW_SCRATCH)
		return lower_arg(
			l, (struct tern_arg){.storage = TERN_ARG_SCRATCH, .offset = o->offset});
	return lower_arg(l, (struct tern_arg){
				    .storage = (int32_t)t->storage,
				    .sym = t->offset_sym,
				    .bias = t->offset_sym ? -1 : 0,
				    .offset = (int64_t)t->offset + o->offset,
				    .mul = t->offset_sym ? t->offset_mul : 0,
			    });
}

void row_declare(struct row_emit *e, struct tern_lower *l, const struct row_kernel *k)
{
	memset(e, 0, sizeof(*e));
	e->l = l;
	e->k = k;
	e->nmem = (unsigned int)k->nin + k->nout;
	e->nbufs = e->nmem + k->ntmp;
	for (unsigned int d = 0; d < k->ndims; d++)
		e->ne[d] = dim_value(l, &k->dim[d]);
	for (unsigned int d = k->ndims; d < ROW_DIMS; d++)
		e->ne[d] = tern_imm(1);
	for (unsigned int b = 0; b < e->nmem; b++) {
		e->base[b] = operand_base(l, &k->buf[b]);
		if (!k->buf[b].it)
			continue;
		e->ibase[b] = lower_base(l, k->buf[b].index);
		e->rows[b] = dim_value(l, &k->buf[b].rows);
	}
}

/* ---- places in the scratchpad ------------------------------------------------------- */
static unsigned int slot_reg(struct row_emit *e, uint32_t slot)
{
	unsigned int r = 0;

	if (slot) {
		r = lower_reg(e->l);
		lower_mov(e->l, r, tern_imm(0));
	}
	return r;
}

static void place(struct row_emit *e)
{
	uint32_t in = lower_spm(e->l, 2ull * e->p.in_slot);
	uint32_t out = lower_spm(e->l, 2ull * e->p.out_slot);
	uint32_t fixed = lower_spm(e->l, e->p.fixed);

	for (unsigned int b = 0; b < e->nbufs; b++) {
		uint32_t *at = e->p.once[b]   ? &fixed
			       : is_in(e, b)  ? &in
			       : is_out(e, b) ? &out
					      : &fixed;

		e->addr[b] = *at;
		*at += e->p.bytes[b];
	}
	if (!e->k->nsteps)
		e->addr[1] = e->addr[0];
	e->state = fixed;
	e->in_slot = slot_reg(e, e->p.in_slot);
	e->out_slot = slot_reg(e, e->p.out_slot);
}

/* ---- tiles -------------------------------------------------------------------------- */
static struct tern_val slot_offset(const struct row_emit *e, unsigned int b)
{
	if (e->p.once[b] || b >= e->nmem)
		return tern_imm(0);
	if (is_in(e, b) || !e->k->nsteps)
		return tern_reg(e->in_slot);
	return tern_reg(e->out_slot);
}

static struct tern_val size_of(const struct row_emit *e, unsigned int b, unsigned int d)
{
	const struct row_operand *o = &e->k->buf[b];

	if (d == 0 && o->n0)
		return tern_imm(o->n0);
	return o->d[d].on ? e->size[d] : tern_imm(1);
}

/* Buffers lie compactly, at the chunk's full extents whatever its size. */
static void spm_strides(const struct row_emit *e, unsigned int b, int64_t stride[ROW_TILE_DIMS])
{
	const struct row_operand *o = &e->k->buf[b];
	int64_t at = tern_type_info(o->spm_type)->bytes;

	for (unsigned int d = 0; d < ROW_TILE_DIMS; d++) {
		bool own = d == 0 && o->n0;

		stride[d] = own || o->d[d].on ? at : 0;
		at *= own ? o->n0 : o->d[d].on ? e->p.t[d] : 1;
	}
}

/* What VECTOR sees. */
static struct lower_tile_spec vector_spec(const struct row_emit *e, unsigned int b)
{
	const struct row_operand *o = &e->k->buf[b];
	struct lower_tile_spec s = tile_spec(o->spm_type, true, tern_imm(e->addr[b]));
	int64_t stride[ROW_TILE_DIMS];

	spm_strides(e, b, stride);
	s.offs = slot_offset(e, b);
	for (unsigned int d = 0; d < ROW_TILE_DIMS; d++) {
		s.size[d] = size_of(e, b, d);
		s.stride[d] = tern_imm(stride[d]);
	}
	return s;
}

/*
 * Order of the domain's dimensions in LOAD and STORE: an indexed dimension must be their
 * dimension 1; where another dimension than 0 is contiguous in memory it comes first, so that
 * bursts are used whole.
 */
static void dma_order(const struct row_emit *e, unsigned int b, unsigned int ord[ROW_TILE_DIMS])
{
	const struct row_operand *o = &e->k->buf[b];
	int64_t unit = tern_type_info(o->type)->bytes;
	unsigned int n = 0;

	ord[n++] = 0;
	if (o->it)
		ord[n++] = o->idim;
	for (unsigned int d = 1; d < ROW_TILE_DIMS; d++)
		if (!(o->it && d == o->idim) && !(o->merge && d == 1))
			ord[n++] = d;
	while (n < ROW_TILE_DIMS)
		ord[n++] = ROW_TILE_DIMS; /* size 1 */
	if (o->it || !o->d[0].on || o->d[0].nb <= unit)
		return;
	for (unsigned int d = 1; d < ROW_TILE_DIMS; d++) {
		if (o->d[d].on && o->d[d].nb == unit) {
			ord[0] = d;
			ord[d] = 0;
			return;
		}
	}
}

/* Both sides of the LOAD or STORE of a buffer. */
static void dma_specs(const struct row_emit *e, unsigned int b, struct lower_tile_spec *mem,
		      struct lower_tile_spec *spm)
{
	const struct row_operand *o = &e->k->buf[b];
	unsigned int place = e->k->nsteps ? b : 0; /* a move has one buffer */
	bool block = tern_type_info(o->type)->kind == TERN_KIND_BLOCK;
	unsigned int ord[ROW_TILE_DIMS];
	int64_t stride[ROW_TILE_DIMS];

	*mem = tile_spec(o->type, false, tern_reg(e->base[b]));
	*spm = tile_spec(e->k->buf[place].spm_type, true, tern_imm(e->addr[b]));
	mem->offs = e->off[b];
	spm->offs = slot_offset(e, b);
	dma_order(e, b, ord);
	spm_strides(e, place, stride);
	for (unsigned int i = 0; i < ROW_TILE_DIMS; i++) {
		unsigned int d = ord[i];

		if (d == ROW_TILE_DIMS)
			continue;
		mem->size[i] = spm->size[i] = size_of(e, b, d);
		spm->stride[i] = tern_imm(stride[d]);
		mem->stride[i] = tern_imm(d == 0 && block ? 0 : o->d[d].nb);
	}
	if (o->merge)
		mem->size[0] = spm->size[0] = tern_imm(e->p.t[0] * e->p.t[1]);
	if (o->it)
		mem->size[1] = e->rows[b];
}

static struct lower_tile_spec index_spec(const struct row_emit *e, unsigned int b)
{
	const struct row_operand *o = &e->k->buf[b];
	struct lower_tile_spec s = tile_spec(o->it->type, false, tern_reg(e->ibase[b]));
	unsigned int ord[ROW_TILE_DIMS];

	s.offs = e->ioff[b];
	dma_order(e, b, ord);
	for (unsigned int i = 1; i < ROW_TILE_DIMS; i++) {
		/* an index per row, though all may be one; else those of a repeated matrix once */
		if (ord[i] == ROW_TILE_DIMS || (i > 1 && !o->d[ord[i]].inb))
			continue;
		s.size[i - 1] = size_of(e, b, ord[i]);
		s.stride[i - 1] = tern_imm(o->d[ord[i]].inb);
	}
	return s;
}

static uint8_t new_tile(struct row_emit *e, const struct lower_tile_spec *s)
{
	unsigned int t = lower_tile(e->l);

	lower_set_tile(e->l, t, s);
	return (uint8_t)t;
}

static bool same_val(struct tern_val a, struct tern_val b)
{
	return a.v == b.v && a.reg == b.reg;
}

static bool same_spec(const struct lower_tile_spec *a, const struct lower_tile_spec *b)
{
	for (unsigned int d = 0; d < ROW_TILE_DIMS; d++)
		if (!same_val(a->size[d], b->size[d]) || !same_val(a->stride[d], b->stride[d]))
			return false;
	return true;
}

static void set_buffer_tiles(struct row_emit *e, unsigned int b)
{
	struct lower_tile_spec v = vector_spec(e, b), mem, spm;

	e->spm[b] = e->k->nsteps ? new_tile(e, &v) : TERN_NONE;
	e->itile[b] = TERN_NONE;
	if (b >= e->nmem)
		return;
	dma_specs(e, b, &mem, &spm);
	e->mem[b] = new_tile(e, &mem);
	e->dma[b] = e->k->nsteps && same_spec(&v, &spm) ? e->spm[b] : new_tile(e, &spm);
	if (e->k->buf[b].it) {
		struct lower_tile_spec it = index_spec(e, b);

		e->itile[b] = new_tile(e, &it);
	}
}

static void set_state_tiles(struct row_emit *e)
{
	struct lower_tile_spec s = tile_spec(TERN_T_F32, true, tern_imm(e->state));
	int64_t at = 4 * e->k->nstate;

	s.size[0] = tern_imm(e->k->nstate);
	for (unsigned int d = 1; d < ROW_TILE_DIMS; d++) {
		s.size[d] = e->size[d];
		s.stride[d] = tern_imm(at);
		at *= e->p.t[d];
	}
	e->state_tile = new_tile(e, &s);
	if (e->k->repeat > 1) {
		s = vector_spec(e, e->k->nin);
		e->rep = lower_reg(e->l);
		s.addr = tern_reg(e->rep);
		s.size[0] = tern_imm(1);
		e->rep_tile = new_tile(e, &s);
	}
}

static uint8_t part_tile(struct row_emit *e, const struct row_tile *t)
{
	struct lower_tile_spec s = vector_spec(e, t->buf);
	int64_t size = tern_type_info(s.type)->bytes;

	if (!t->first && !t->n && !t->joined && t->step < 2)
		return e->spm[t->buf];
	s.addr.v += size * t->first;
	s.stride[0] = tern_imm(size * (t->step ? t->step : 1));
	if (t->n)
		s.size[0] = tern_imm(t->n);
	if (t->joined)
		s.size[1] = tern_imm(1);
	return new_tile(e, &s);
}

static void set_tiles(struct row_emit *e)
{
	for (unsigned int b = 0; b < e->nbufs; b++)
		set_buffer_tiles(e, b);
	if (!e->p.resident || e->k->repeat > 1)
		set_state_tiles(e);
	for (unsigned int s = 0; s < e->k->nsteps; s++)
		for (unsigned int i = 0; i < e->k->step[s].ntiles; i++)
			e->part[s][i] = part_tile(e, &e->k->step[s].tile[i]);
}

/* ---- loops -------------------------------------------------------------------------- */
static bool moves_along(const struct row_emit *e, const int64_t nb, bool on, unsigned int d)
{
	return e->looped[d] && on && (nb || d == 0);
}

static void loop_registers(struct row_emit *e)
{
	const struct row_kernel *k = e->k;

	for (unsigned int d = 0; d < ROW_DIMS; d++) {
		bool whole;

		e->looped[d] = d < k->ndims && e->p.t[d] < k->dim[d].max;
		if (e->looped[d])
			e->idx[d] = lower_reg(e->l);
		if (d >= ROW_TILE_DIMS)
			continue;
		whole = !e->looped[d] || (!e->ne[d].reg && k->dim[d].max % e->p.t[d] == 0);
		e->size[d] = !e->looped[d] ? e->ne[d]
			     : whole	   ? tern_imm(e->p.t[d])
					   : tern_reg(lower_reg(e->l));
	}
	for (unsigned int b = 0; b < e->nmem; b++) {
		bool off = false, ioff = false;

		for (unsigned int d = 0; d < k->ndims; d++) {
			const struct row_operand *o = &k->buf[b];
			bool indexed = o->it && d == o->idim;

			off |= !indexed && moves_along(e, o->d[d].nb, o->d[d].on, d);
			ioff |= e->looped[d] && o->it && o->d[d].inb;
		}
		e->off[b] = off ? tern_reg(lower_reg(e->l)) : tern_imm(0);
		e->ioff[b] = ioff ? tern_reg(lower_reg(e->l)) : tern_imm(0);
	}
	e->tmp = lower_reg(e->l);
	if (!e->p.resident)
		e->first = lower_reg(e->l);
}

struct row_loop row_loop_begin(struct row_emit *e, unsigned int d)
{
	struct row_loop dl = {.on = e->looped[d]};
	struct tern_lower *l = e->l;
	unsigned int r;

	if (!dl.on)
		return dl;
	lower_mov(l, e->idx[d], tern_imm(0));
	dl.loop = lower_loop_begin(l, lower_calc(l, TERN_ALU_CDIV, e->ne[d], tern_imm(e->p.t[d])));
	if (d >= ROW_TILE_DIMS || !e->size[d].reg)
		return dl;
	r = (unsigned int)e->size[d].v;
	lower_alu(l, TERN_ALU_MUL, r, e->idx[d], tern_imm(-e->p.t[d]));
	lower_alu(l, TERN_ALU_ADD, r, r, e->ne[d]);
	lower_alu(l, TERN_ALU_MIN, r, r, tern_imm(e->p.t[d]));
	return dl;
}

void row_loop_end(struct row_emit *e, unsigned int d, struct row_loop *dl)
{
	if (!dl->on)
		return;
	lower_alu(e->l, TERN_ALU_ADD, e->idx[d], e->idx[d], tern_imm(1));
	lower_loop_end(e->l, &dl->loop);
}

/* reg (+)= chunks done along d times the bytes of a chunk */
static void add_offset(struct row_emit *e, struct tern_val reg, unsigned int d, int64_t bytes,
		       bool *begun)
{
	unsigned int r = (unsigned int)reg.v;

	lower_alu(e->l, TERN_ALU_MUL, *begun ? e->tmp : r, e->idx[d], tern_imm(bytes));
	if (*begun)
		lower_alu(e->l, TERN_ALU_ADD, r, r, tern_reg(e->tmp));
	*begun = true;
}

static int64_t chunk_bytes(const struct row_emit *e, const struct row_operand *o, unsigned int d)
{
	const struct tern_type_info *info = tern_type_info(o->type);

	if (d == 0 && info->kind == TERN_KIND_BLOCK)
		return e->p.t[0] / info->elems * info->bytes;
	return e->p.t[d] * o->d[d].nb;
}

void row_offsets(struct row_emit *e, unsigned int mask)
{
	for (unsigned int b = 0; b < e->nmem; b++) {
		const struct row_operand *o = &e->k->buf[b];
		bool begun = false, ibegun = false;

		if (!(mask >> b & 1))
			continue;
		for (unsigned int d = 0; d < e->k->ndims; d++) {
			bool indexed = o->it && d == o->idim;

			if (e->off[b].reg && !indexed && moves_along(e, o->d[d].nb, o->d[d].on, d))
				add_offset(e, e->off[b], d, chunk_bytes(e, o, d), &begun);
			if (e->ioff[b].reg && e->looped[d] && o->d[d].inb)
				add_offset(e, e->ioff[b], d, e->p.t[d] * o->d[d].inb, &ibegun);
		}
	}
}

void row_prepare(struct row_emit *e)
{
	place(e);
	loop_registers(e);
	set_tiles(e);
}
