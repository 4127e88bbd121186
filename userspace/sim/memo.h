/* SPDX-License-Identifier: MIT */
/*
 * Commands that resolve as they did the last time.
 *
 * In a loop the same command meets the same shapes again and only addresses move. So each
 * engine command of the image keeps what it was resolved to, together with everything that
 * depended on: the shapes of its tiles (all fields but ADDR and OFFS), the registers these
 * name, and the addresses at which nothing but the addresses changes. When all that holds,
 * only addresses, ranges and bursts are found anew. When it does not, and in checking mode
 * always, the command is resolved from scratch: faults are told there only, and tests/fuzz compares
 * the two ways.
 *
 * The image is the model's own copy, so a memo is good for as long as the decoded commands.
 */
#ifndef TERN_SIM_MEMO_H
#define TERN_SIM_MEMO_H

#include "sim/internal.h"

/* Commands that have one at a time; longer programs take turns. */
#define SIM_MEMOS 1024
/* Registers that shapes depend on; with more, nothing is kept. */
#define MEMO_REGS 12

/* One tile of a command. */
struct memo_tile {
	const struct sim_tile *d;
	struct tern_rtile *t;	 /* in r.cmd */
	struct sim_range *range; /* in r */
	uint64_t shape;		 /* of d */
	uint64_t first, span;	 /* addresses in [first, first + span] need no other check */
	uint64_t lo, hi;	 /* of the range, from the address; modulo 2^64 */
	uint64_t align;		 /* address bits that must be clear */
	uint64_t in_burst;	 /* address bits that bursts depend on */
};

struct memo_reg {
	int64_t value;
	uint8_t reg;
};

/* Fields of a descriptor that a shape stands for. */
struct memo_fields {
	int64_t v[TERN_TILE_NFIELDS - TERN_TILE_SIZE0];
	uint32_t regs;
};

struct sim_memo {
	uint32_t word; /* of the image; 0: nobody's */
	bool known;    /* what follows is valid */
	bool costed;
	uint8_t ntiles, nregs;
	uint64_t steps; /* of the budget */
	struct tern_rcost cost;
	uint64_t cost_bursts; /* what cost was found for */
	struct memo_reg reg[MEMO_REGS];
	struct memo_tile tile[TERN_VECTOR_TILES];
	struct sim_resolved r;
	struct memo_fields fields[TERN_VECTOR_TILES]; /* of tile[] */
};

/* Bring m->r up to date; false: it must be resolved from scratch. */
bool sim_recall(struct tern_sim *s, struct sim_memo *m);
/* m->r has been resolved from scratch, and that used up `steps`. */
void sim_remember(struct tern_sim *s, const struct sim_slot *slot, struct sim_memo *m,
		  uint64_t steps);

#endif
