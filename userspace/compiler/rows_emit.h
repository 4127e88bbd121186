/* SPDX-License-Identifier: MIT */
/*
 * Emitting row kernels, between its files: rows_tiles.c (registers, scratchpad, tiles, loops),
 * rows_run.c (commands on one chunk), rows_emit.c (chunks in order). Private.
 */
#ifndef TERN_ROWS_EMIT_H
#define TERN_ROWS_EMIT_H

#include "compiler/rows.h"

struct row_emit {
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

static inline bool is_in(const struct row_emit *e, unsigned int b)
{
	return b < e->k->nin;
}

static inline bool is_out(const struct row_emit *e, unsigned int b)
{
	return b >= e->k->nin && b < e->nmem;
}

/* ---- rows_tiles.c ------------------------------------------------------------------- */
/* Arguments, before lower_args_done(). */
void row_declare(struct row_emit *e, struct tern_lower *l, const struct row_kernel *k);
/* Scratchpad, registers and tiles of a planned kernel. */
void row_prepare(struct row_emit *e);
struct row_loop {
	struct lower_loop loop;
	bool on;
};
/* Loop over the chunks along a dimension. */
struct row_loop row_loop_begin(struct row_emit *e, unsigned int d);
void row_loop_end(struct row_emit *e, unsigned int d, struct row_loop *loop);
/* Offsets of the buffers of the mask at this chunk. */
void row_offsets(struct row_emit *e, unsigned int mask);

/* ---- rows_run.c --------------------------------------------------------------------- */
/* Inputs of the mask that are not loaded once; outputs as a mask of buffers. */
unsigned int row_in_mask(const struct row_emit *e, unsigned int ins);
unsigned int row_out_mask(const struct row_emit *e, unsigned int outs);
/* LOAD every input of the mask; how many there were. */
unsigned int row_loads(struct row_emit *e, unsigned int mask, enum tern_pipe pipe);
void row_stores(struct row_emit *e, unsigned int outs, enum tern_pipe pipe);
void row_next_slot(struct row_emit *e, unsigned int reg, uint32_t slot);
/* One step, its state in the tile. */
void row_run_step(struct row_emit *e, const struct row_step *s, const struct tern_sync *sync);
void row_run_init(struct row_emit *e);
/* All steps: one program, or one each where they have tiles of their own. */
void row_run_joined(struct row_emit *e, const struct tern_sync *sync);
void row_run_separate(struct row_emit *e, unsigned int loads);

#endif
