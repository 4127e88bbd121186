// SPDX-License-Identifier: MIT
/* Row kernels: emitting what row_plan() decided. See rows.h. */
#include <errno.h>
#include <string.h>

#include "compiler/rows.h"

struct emit {
	struct tern_lower *l;
	const struct row_kernel *k;
	struct row_plan p;
	unsigned int nbufs, nmem; /* all buffers; those with a place in memory */

	/* from the argument block */
	struct tern_val ne[ROW_DIMS], rows[ROW_BUFS];
	unsigned int base[ROW_BUFS], ibase[ROW_BUFS];

	/* registers of the loops */
	bool looped[ROW_DIMS];
	unsigned int idx[ROW_DIMS];		       /* chunks done along a dimension */
	struct tern_val size[ROW_TILE_DIMS];	       /* of this chunk */
	struct tern_val off[ROW_BUFS], ioff[ROW_BUFS]; /* bytes from the base */
	unsigned int in_slot, out_slot, tmp, first, rep;

	uint32_t addr[ROW_BUFS], state;
	uint8_t mem[ROW_BUFS], dma[ROW_BUFS], itile[ROW_BUFS]; /* of LOAD and STORE */
	uint8_t spm[ROW_BUFS], state_tile, rep_tile;	       /* of VECTOR */
	uint8_t part[ROW_STEPS][TERN_VECTOR_TILES];
};

static bool is_in(const struct emit *e, unsigned int b)
{
	return b < e->k->nin;
}

static bool is_out(const struct emit *e, unsigned int b)
{
	return b >= e->k->nin && b < e->nmem;
}

/* ---- arguments ------------------------------------------------------------------------- */
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

static void declare(struct emit *e, struct tern_lower *l, const struct row_kernel *k)
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

/* ---- places in the scratchpad --------------------------------------------------------------- */
static unsigned int slot_reg(struct emit *e, uint32_t slot)
{
	unsigned int r = 0;

	if (slot) {
		r = lower_reg(e->l);
		lower_mov(e->l, r, tern_imm(0));
	}
	return r;
}

static void place(struct emit *e)
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

/* ---- tiles ------------------------------------------------------------------------------------ */
static struct tern_val slot_offset(const struct emit *e, unsigned int b)
{
	if (e->p.once[b] || b >= e->nmem)
		return tern_imm(0);
	if (is_in(e, b) || !e->k->nsteps)
		return tern_reg(e->in_slot);
	return tern_reg(e->out_slot);
}

static struct tern_val size_of(const struct emit *e, unsigned int b, unsigned int d)
{
	const struct row_operand *o = &e->k->buf[b];

	if (d == 0 && o->n0)
		return tern_imm(o->n0);
	return o->d[d].on ? e->size[d] : tern_imm(1);
}

/* Buffers lie compactly, at the chunk's full extents whatever its size. */
static void spm_strides(const struct emit *e, unsigned int b, int64_t stride[ROW_TILE_DIMS])
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
static struct lower_tile_spec vector_spec(const struct emit *e, unsigned int b)
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
static void dma_order(const struct emit *e, unsigned int b, unsigned int ord[ROW_TILE_DIMS])
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
static void dma_specs(const struct emit *e, unsigned int b, struct lower_tile_spec *mem,
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

static struct lower_tile_spec index_spec(const struct emit *e, unsigned int b)
{
	const struct row_operand *o = &e->k->buf[b];
	struct lower_tile_spec s = tile_spec(o->it->type, false, tern_reg(e->ibase[b]));
	unsigned int ord[ROW_TILE_DIMS];

	s.offs = e->ioff[b];
	dma_order(e, b, ord);
	for (unsigned int i = 1; i < ROW_TILE_DIMS; i++) {
		if (ord[i] == ROW_TILE_DIMS || !o->d[ord[i]].inb)
			continue;
		s.size[i - 1] = size_of(e, b, ord[i]);
		s.stride[i - 1] = tern_imm(o->d[ord[i]].inb);
	}
	return s;
}

static uint8_t new_tile(struct emit *e, const struct lower_tile_spec *s)
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

static void set_buffer_tiles(struct emit *e, unsigned int b)
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

static void set_state_tiles(struct emit *e)
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

static uint8_t part_tile(struct emit *e, const struct row_tile *t)
{
	struct lower_tile_spec s = vector_spec(e, t->buf);
	int64_t size = tern_type_info(s.type)->bytes;

	if (!t->first && !t->n && t->step < 2)
		return e->spm[t->buf];
	s.addr.v += size * t->first;
	s.stride[0] = tern_imm(size * (t->step ? t->step : 1));
	if (t->n)
		s.size[0] = tern_imm(t->n);
	return new_tile(e, &s);
}

static void set_tiles(struct emit *e)
{
	for (unsigned int b = 0; b < e->nbufs; b++)
		set_buffer_tiles(e, b);
	if (!e->p.resident || e->k->repeat > 1)
		set_state_tiles(e);
	for (unsigned int s = 0; s < e->k->nsteps; s++)
		for (unsigned int i = 0; i < e->k->step[s].ntiles; i++)
			e->part[s][i] = part_tile(e, &e->k->step[s].tile[i]);
}

/* ---- loops ---------------------------------------------------------------------------------- */
static bool moves_along(const struct emit *e, const int64_t nb, bool on, unsigned int d)
{
	return e->looped[d] && on && (nb || d == 0);
}

static void loop_registers(struct emit *e)
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

struct dim_loop {
	struct lower_loop loop;
	bool on;
};

static struct dim_loop dim_begin(struct emit *e, unsigned int d)
{
	struct dim_loop dl = {.on = e->looped[d]};
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

static void dim_end(struct emit *e, unsigned int d, struct dim_loop *dl)
{
	if (!dl->on)
		return;
	lower_alu(e->l, TERN_ALU_ADD, e->idx[d], e->idx[d], tern_imm(1));
	lower_loop_end(e->l, &dl->loop);
}

/* reg (+)= chunks done along d times the bytes of a chunk */
static void add_offset(struct emit *e, struct tern_val reg, unsigned int d, int64_t bytes,
		       bool *begun)
{
	unsigned int r = (unsigned int)reg.v;

	lower_alu(e->l, TERN_ALU_MUL, *begun ? e->tmp : r, e->idx[d], tern_imm(bytes));
	if (*begun)
		lower_alu(e->l, TERN_ALU_ADD, r, r, tern_reg(e->tmp));
	*begun = true;
}

static int64_t chunk_bytes(const struct emit *e, const struct row_operand *o, unsigned int d)
{
	const struct tern_type_info *info = tern_type_info(o->type);

	if (d == 0 && info->kind == TERN_KIND_BLOCK)
		return e->p.t[0] / info->elems * info->bytes;
	return e->p.t[d] * o->d[d].nb;
}

static void set_offsets(struct emit *e, unsigned int mask)
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

/* ---- commands --------------------------------------------------------------------------------- */
static unsigned int in_mask(const struct emit *e, unsigned int ins)
{
	for (unsigned int b = 0; b < e->k->nin; b++)
		if (e->p.once[b])
			ins &= ~(1u << b);
	return ins;
}

static unsigned int out_mask(const struct emit *e, unsigned int outs)
{
	return outs << e->k->nin;
}

/* LOAD of every input of the mask into this slot; how many there were. */
static unsigned int emit_loads(struct emit *e, unsigned int mask, enum tern_pipe pipe)
{
	unsigned int n = 0;

	for (unsigned int b = 0; b < e->k->nin; b++) {
		struct tern_sync s = {0};

		if (!(mask >> b & 1))
			continue;
		if (!n++)
			sync_wait(&s, pipe_free(pipe), 1);
		sync_signal(&s, pipe_full(pipe), 1);
		tern_emit_load(&e->l->code, true, e->dma[b], e->mem[b], e->itile[b], NULL, NULL,
			       &s);
	}
	return n;
}

static void step_slot(struct emit *e, unsigned int reg, uint32_t slot)
{
	if (slot)
		tern_emit_ring(&e->l->code, reg, slot, 0, 2 * (int64_t)slot);
}

static void emit_stores(struct emit *e, unsigned int outs, enum tern_pipe pipe)
{
	unsigned int last = 31 - (unsigned int)__builtin_clz(outs);
	bool first = true;

	for (unsigned int i = 0; i <= last; i++) {
		unsigned int b = e->k->nin + i;
		struct tern_sync s = {0};

		if (!(outs >> i & 1))
			continue;
		if (first)
			sync_wait(&s, pipe_full(pipe), 1);
		if (i == last)
			sync_signal(&s, pipe_free(pipe), 1);
		tern_emit_store(&e->l->code, e->dma[b], e->mem[b], e->itile[b], NULL, &s);
		first = false;
	}
}

static void run(struct emit *e, const struct vprog *p, const uint8_t *tiles, unsigned int n,
		const struct tern_sync *s)
{
	const uint8_t sregs[2] = {
		e->ne[0].reg ? (uint8_t)e->ne[0].v : TERN_NONE,
		e->p.resident ? TERN_NONE : (uint8_t)e->first,
	};

	lower_vector(e->l, p, tiles, n, sregs, 2, s);
}

/* Tiles of a step that uses every buffer in order. */
static unsigned int plain_tiles(const struct emit *e, const struct row_step *s, bool state,
				uint8_t tiles[TERN_VECTOR_TILES])
{
	unsigned int ins = s ? s->ins : 0xff, outs = s ? s->outs : 0xff;

	for (unsigned int b = 0; b < e->nbufs && b < TERN_VECTOR_TILES; b++) {
		bool used = is_in(e, b)	   ? ins >> b & 1
			    : is_out(e, b) ? outs >> (b - e->k->nin) & 1
					   : true;

		tiles[b] = used ? e->spm[b] : TERN_NONE;
	}
	if (!state)
		return e->nbufs;
	tiles[e->nbufs] = e->state_tile;
	if (s && s->tail)
		tiles[0] = e->state_tile; /* the domain's rows; the inputs are gone */
	if (s && s->tail && e->k->repeat > 1)
		tiles[e->k->nin] = e->rep_tile;
	return e->nbufs + 1;
}

static void state_begin(struct vprog *p, const struct row_kernel *k, bool load)
{
	for (unsigned int i = 0; i < k->nstate; i++) {
		if (load)
			vp(p, TERN_V_LDS, vS(ROW_S_STATE + i), row_tile_state(k), 0, i);
		else
			vp(p, TERN_V_MOV, vS(ROW_S_STATE + i), V_IMM, 0, f32_bits(k->state[i]));
	}
}

static void state_end(struct vprog *p, const struct row_kernel *k)
{
	for (unsigned int i = 0; i < k->nstate; i++)
		vp(p, TERN_V_STS, row_tile_state(k), vS(ROW_S_STATE + i), 0, i);
}

/* One step with its state in the tile. */
static void run_step(struct emit *e, const struct row_step *s, const struct tern_sync *sync)
{
	struct vprog p = {.n = 0};
	uint8_t tiles[TERN_VECTOR_TILES];
	unsigned int n = plain_tiles(e, s, true, tiles);

	state_begin(&p, e->k, true);
	s->body(&p, e->k, e->p.resident);
	state_end(&p, e->k);
	vp(&p, TERN_V_STOP, 0, 0, 0, 0);
	run(e, &p, tiles, n, sync);
}

static void run_state_init(struct emit *e)
{
	struct vprog p = {.n = 0};
	uint8_t tiles[TERN_VECTOR_TILES];
	const struct row_step none = {.tail = true};
	unsigned int n = plain_tiles(e, &none, true, tiles);

	tiles[e->k->nin] = TERN_NONE;
	state_begin(&p, e->k, false);
	state_end(&p, e->k);
	vp(&p, TERN_V_STOP, 0, 0, 0, 0);
	run(e, &p, tiles, n, NULL);
}

/* Every step in one program. */
static void run_joined(struct emit *e, const struct tern_sync *sync)
{
	struct vprog p = {.n = 0};
	uint8_t tiles[TERN_VECTOR_TILES];
	unsigned int n = plain_tiles(e, NULL, false, tiles);

	state_begin(&p, e->k, false);
	for (unsigned int i = 0; i < e->k->nsteps; i++)
		e->k->step[i].body(&p, e->k, true);
	vp(&p, TERN_V_STOP, 0, 0, 0, 0);
	run(e, &p, tiles, n, sync);
}

/* Steps with tiles of their own: a program each, in order on one queue. */
static void run_separate(struct emit *e, unsigned int loads)
{
	for (unsigned int i = 0; i < e->k->nsteps; i++) {
		const struct row_step *st = &e->k->step[i];
		struct vprog p = {.n = 0};
		struct tern_sync s = {0};

		if (i == 0) {
			sync_wait(&s, pipe_full(PIPE_IN0), loads);
			sync_wait(&s, pipe_free(PIPE_OUT), 1);
		}
		if (i + 1 == e->k->nsteps) {
			sync_signal(&s, pipe_free(PIPE_IN0), 1);
			sync_signal(&s, pipe_full(PIPE_OUT), 1);
		}
		st->body(&p, e->k, true);
		vp(&p, TERN_V_STOP, 0, 0, 0, 0);
		run(e, &p, e->part[i], st->ntiles, &s);
	}
}

/* ---- a chunk that holds whole rows --------------------------------------------------------------- */
static void emit_move(struct emit *e)
{
	set_offsets(e, 3);
	emit_loads(e, 1, PIPE_COPY);
	emit_stores(e, 1, PIPE_COPY);
	step_slot(e, e->in_slot, e->p.in_slot);
}

static void sync_vector(struct emit *e, bool begin, unsigned int loads)
{
	struct tern_sync s = {0};

	if (begin) {
		sync_wait(&s, pipe_full(PIPE_IN0), loads);
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
	} else {
		sync_signal(&s, pipe_free(PIPE_IN0), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
	}
	tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &s);
}

static struct lower_loop repeat_begin(struct emit *e)
{
	lower_mov(e->l, e->rep, tern_imm(e->addr[e->k->nin]));
	return lower_loop_begin(e->l, tern_imm(e->k->repeat));
}

static void repeat_end(struct emit *e, struct lower_loop *loop)
{
	int64_t size = tern_type_info(e->k->buf[e->k->nin].spm_type)->bytes;

	lower_alu(e->l, TERN_ALU_ADD, e->rep, e->rep, tern_imm(size));
	lower_loop_end(e->l, loop);
}

static void run_repeated(struct emit *e, unsigned int loads)
{
	struct lower_loop loop;

	sync_vector(e, true, loads);
	run_state_init(e);
	loop = repeat_begin(e);
	for (unsigned int i = 0; i < e->k->nsteps; i++)
		run_step(e, &e->k->step[i], NULL);
	repeat_end(e, &loop);
	sync_vector(e, false, 0);
}

static void emit_resident(struct emit *e)
{
	unsigned int ins = in_mask(e, (1u << e->k->nin) - 1), outs = (1u << e->k->nout) - 1, n;
	struct tern_sync s = {0};

	set_offsets(e, ins | out_mask(e, outs));
	n = emit_loads(e, ins, PIPE_IN0);
	if (e->k->repeat > 1) {
		run_repeated(e, n);
	} else if (e->k->step[0].ntiles) {
		run_separate(e, n);
	} else {
		sync_wait(&s, pipe_full(PIPE_IN0), n);
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
		sync_signal(&s, pipe_free(PIPE_IN0), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
		run_joined(e, &s);
	}
	emit_stores(e, outs, PIPE_OUT);
	step_slot(e, e->in_slot, e->p.in_slot);
	step_slot(e, e->out_slot, e->p.out_slot);
}

/* ---- rows that are streamed ------------------------------------------------------------------------ */
static void emit_pass(struct emit *e, const struct row_step *st)
{
	struct dim_loop loop = dim_begin(e, 0);
	unsigned int ins = in_mask(e, st->ins);
	struct tern_sync s = {0};

	set_offsets(e, ins | out_mask(e, st->outs));
	lower_alu(e->l, TERN_ALU_MUL, e->first, e->idx[0], tern_imm(e->p.t[0]));
	sync_wait(&s, pipe_full(PIPE_IN0), emit_loads(e, ins, PIPE_IN0));
	sync_signal(&s, pipe_free(PIPE_IN0), 1);
	if (st->outs) {
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
	}
	run_step(e, st, &s);
	step_slot(e, e->in_slot, e->p.in_slot);
	if (st->outs) {
		emit_stores(e, st->outs, PIPE_OUT);
		step_slot(e, e->out_slot, e->p.out_slot);
	}
	dim_end(e, 0, &loop);
}

/* What is left to do when all chunks have passed: outputs of one element. */
static void emit_tail(struct emit *e, const struct row_step *st, bool store)
{
	struct tern_sync s = {0};

	if (store) {
		set_offsets(e, out_mask(e, st->outs));
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
	}
	run_step(e, st, &s);
	if (store) {
		emit_stores(e, st->outs, PIPE_OUT);
		step_slot(e, e->out_slot, e->p.out_slot);
	}
}

static void emit_steps(struct emit *e, bool store)
{
	for (unsigned int i = 0; i < e->k->nsteps; i++) {
		const struct row_step *st = &e->k->step[i];

		if (st->tail)
			emit_tail(e, st, store);
		else
			emit_pass(e, st);
	}
}

static void emit_streamed_repeat(struct emit *e)
{
	struct tern_sync begin = {0}, end = {0};
	struct lower_loop loop;

	set_offsets(e, out_mask(e, 1));
	sync_wait(&begin, pipe_free(PIPE_OUT), 1);
	tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &begin);
	loop = repeat_begin(e);
	emit_steps(e, false);
	repeat_end(e, &loop);
	sync_signal(&end, pipe_full(PIPE_OUT), 1);
	tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &end);
	emit_stores(e, 1, PIPE_OUT);
	step_slot(e, e->out_slot, e->p.out_slot);
}

static void emit_streamed(struct emit *e)
{
	run_state_init(e);
	if (e->k->repeat > 1)
		emit_streamed_repeat(e);
	else
		emit_steps(e, true);
}

/* ---- a kernel ------------------------------------------------------------------------------------------ */
static unsigned int once_mask(const struct emit *e)
{
	unsigned int mask = 0;

	for (unsigned int b = 0; b < e->k->nin; b++)
		mask |= (unsigned int)e->p.once[b] << b;
	return mask;
}

static void emit_loops(struct emit *e)
{
	struct dim_loop loop[ROW_DIMS];
	unsigned int inner = e->p.resident ? 0 : 1;

	for (unsigned int d = e->k->ndims; d-- > inner;)
		loop[d] = dim_begin(e, d);
	if (!e->k->nsteps)
		emit_move(e);
	else if (e->p.resident)
		emit_resident(e);
	else
		emit_streamed(e);
	for (unsigned int d = inner; d < e->k->ndims; d++)
		dim_end(e, d, &loop[d]);
}

static void emit_barrier(struct tern_lower *l)
{
	struct tern_sync done = {0}, go = {0};

	sync_signal(&done, TERN_SEM_GROUP, 1);
	tern_emit_sync(&l->code, TERN_Q_STORE, &done);
	sync_wait(&go, TERN_SEM_GROUP, 1);
	tern_emit_sync(&l->code, TERN_Q_LOAD1, &go);
}

static void emit_kernel(struct emit *e)
{
	/* Registers and tiles are captured at dispatch: the next kernel may use them again. */
	unsigned int reg = e->l->next_reg, tile = e->l->next_tile, once, n;
	struct tern_sync s = {0}, free = {0};

	if (e->k->barrier)
		emit_barrier(e->l);
	place(e);
	loop_registers(e);
	set_tiles(e);
	once = once_mask(e);
	n = emit_loads(e, once, PIPE_ONCE);
	if (n) {
		sync_wait(&s, pipe_full(PIPE_ONCE), n);
		tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &s);
	}
	emit_loops(e);
	if (n) {
		sync_signal(&free, pipe_free(PIPE_ONCE), 1);
		tern_emit_sync(&e->l->code, TERN_Q_VECTOR, &free);
	}
	e->l->next_reg = reg;
	e->l->next_tile = tile;
}

void row_lower(struct tern_lower *l, uint32_t mark, const struct row_kernel *k, unsigned int n)
{
	uint32_t spm = lower_spm_local(l->caps) / n;
	struct emit e[ROW_KERNELS];

	lower_group_begin(l, mark);
	for (unsigned int i = 0; i < n; i++) {
		declare(&e[i], l, &k[i]);
		if (!row_plan(l->caps, spm, &k[i], &e[i].p) && !l->err)
			l->err = -ENOSPC;
	}
	lower_args_done(l);
	for (unsigned int i = 0; i < n && !l->err; i++)
		emit_kernel(&e[i]);
	lower_group_end(l);
}
