// SPDX-License-Identifier: MIT
/* Row kernels: commands on one chunk. See rows_emit.h. */
#include "compiler/rows_emit.h"

/* ---- commands ----------------------------------------------------------------------- */
unsigned int row_in_mask(const struct row_emit *e, unsigned int ins)
{
	for (unsigned int b = 0; b < e->k->nin; b++)
		if (e->p.once[b])
			ins &= ~(1u << b);
	return ins;
}

unsigned int row_out_mask(const struct row_emit *e, unsigned int outs)
{
	return outs << e->k->nin;
}

/* LOAD of every input of the mask into this slot; how many there were. */
unsigned int row_loads(struct row_emit *e, unsigned int mask, enum tern_pipe pipe)
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

void row_next_slot(struct row_emit *e, unsigned int reg, uint32_t slot)
{
	if (slot)
		tern_emit_ring(&e->l->code, reg, slot, 0, 2 * (int64_t)slot);
}

void row_stores(struct row_emit *e, unsigned int outs, enum tern_pipe pipe)
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

static void run(struct row_emit *e, const struct vprog *p, const uint8_t *tiles, unsigned int n,
		const struct tern_sync *s)
{
	const uint8_t sregs[2] = {
		e->ne[0].reg ? (uint8_t)e->ne[0].v : TERN_NONE,
		e->p.resident ? TERN_NONE : (uint8_t)e->first,
	};

	lower_vector(e->l, p, tiles, n, sregs, 2, s);
}

/* Tiles of a step that uses every buffer in order. */
static unsigned int plain_tiles(const struct row_emit *e, const struct row_step *s, bool state,
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
void row_run_step(struct row_emit *e, const struct row_step *s, const struct tern_sync *sync)
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

void row_run_init(struct row_emit *e)
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
void row_run_joined(struct row_emit *e, const struct tern_sync *sync)
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
void row_run_separate(struct row_emit *e, unsigned int loads)
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
