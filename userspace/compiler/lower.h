/* SPDX-License-Identifier: MIT */
/*
 * What every lowering stands on: one group of fused operators becomes one subroutine.
 *
 * A program is: main, which for each group sets R2 to the group's record in the argument
 * block and CALLs its subroutine; groups whose code is equal share one subroutine, so
 * that a layer is compiled once whatever the number of layers.
 *
 * Scratchpad: [0, ring) is the weight ring, shared by the whole program, so that LOAD0
 * runs ahead across operators; the rest belongs to the running group.
 *
 * Order between groups: LOAD1 waits for PIPE_GROUP, which the last STORE of the group
 * before signals. Everything a group does depends on one of its LOAD1 commands, so
 * only weight LOADs (LOAD0: storages that nothing writes) cross the line.
 */
#ifndef TERN_LOWER_H
#define TERN_LOWER_H

#include "compiler/compiler.h"
#include "compiler/intern.h"
#include "isa/codec.h"

/* Fixed registers; a group's own begin at TERN_REG_LOCAL. */
enum { TERN_REG_RECORD = 2, TERN_REG_RING = 3, TERN_REG_LOCAL = 4 };

/*
 * Pipes: a full and a free semaphore each. Free starts at the depth; both are back at their
 * initial value when a group ends. Semaphore numbers are 2 * pipe (full), 2 * pipe + 1 (free).
 *	name	producer consumer depth
 */
/* clang-format off */
#define TERN_PIPES(X) \
	X(W,	 LOAD0,	 MATRIX, 0) /* the weight ring; depth: lower.ring_slots */ \
	X(IN0,	 LOAD1,	 VECTOR, 2) \
	X(IN1,	 LOAD1,	 VECTOR, 2) \
	X(IN2,	 LOAD1,	 VECTOR, 2) \
	X(ONCE,	 LOAD1,	 VECTOR, 2) /* per-group constants: norm weights, biases, tables */ \
	X(A,	 VECTOR, MATRIX, 2) /* activation operands */ \
	X(P,	 VECTOR, MATRIX, 2) /* probabilities */ \
	X(C,	 MATRIX, VECTOR, 2) /* results with an epilogue */ \
	X(C2,	 MATRIX, VECTOR, 2) \
	X(OUT,	 VECTOR, STORE,	 2) \
	X(CS,	 MATRIX, STORE,	 2) /* results without one */ \
	X(B,	 LOAD1,	 MATRIX, 2) /* matrix operands that are not constant: keys */ \
	X(B2,	 LOAD1,	 MATRIX, 2) /* values */ \
	X(COPY,	 LOAD1,	 STORE,	 2) \
	X(IDS,	 LOAD1,	 CP,	 2) /* numbers that the CP reads in SPM */ \
	X(LENGTH, VECTOR, CP,	 4) /* ... that VECTOR has counted */ \
	X(LIST,	 VECTOR, STORE,	 4) /* lists of rows */
enum tern_pipe {
#define X(name, prod, cons, depth) PIPE_##name,
	TERN_PIPES(X)
#undef X
	PIPE_COUNT
};
/* clang-format on */
#define TERN_SEM_GROUP (2 * PIPE_COUNT) /* STORE -> LOAD1, initial 1 */

/* A size known at compile time or held in a register. */
struct tern_dim {
	struct tern_val v;
	int64_t max; /* upper bound; the value itself if v is immediate */
};

struct tern_lower {
	const struct tern_target *target;
	const struct tern_caps *caps;
	const struct tern_graph *g;
	int err; /* sticky: -ENOMEM, -E2BIG (registers, tiles, args), -ENOSPC (scratchpad) */

	struct tern_code code; /* subroutines, image words from TERN_IMAGE_HEADER_WORDS on */
	struct tern_code main;
	struct tern_code vprog; /* micro-programs, each once */
	struct tern_code consts;
	struct intern vprog_index, const_index, sub_index; /* what is there already */
	size_t *fixups, nfixups; /* words of `code` that hold an offset into vprog */

	struct tern_arg *args;
	size_t nargs, cap_args;
	uint64_t scratch; /* bytes of private DRAM scratch so far */

	uint32_t ring_bytes, slot_bytes, ring_slots;

	/* the group being lowered */
	size_t rec;	    /* its first arg */
	size_t group_start; /* in code */
	size_t group_fixups;
	uint32_t next_reg, next_tile, next_spm;
	bool args_done;
};

/* ---- groups -------------------------------------------------------------- */
/* `mark`: graph operator that counters of this group go to. */
void lower_group_begin(struct tern_lower *l, uint32_t mark);
/* Declare arguments; each gets a register. All of a group's come first, then lower_args_done()
 * emits their loads and the wait for the group before. */
unsigned int lower_arg(struct tern_lower *l, struct tern_arg arg);
unsigned int lower_base(struct tern_lower *l, uint32_t tensor); /* its device address */
unsigned int lower_const(struct tern_lower *l, const void *data, size_t bytes); /* in the image */
/* Size of a dimension; the same symbol in one group shares a register. */
struct tern_dim lower_dim(struct tern_lower *l, const struct tern_tensor_desc *t, int dim);
struct tern_dim lower_dim_imm(int64_t v);
void lower_args_done(struct tern_lower *l);
/* Signals PIPE_GROUP behind the last STORE, returns, shares equal code. */
void lower_group_end(struct tern_lower *l);

/* ---- resources of a group ------------------------------------------------ */
unsigned int lower_reg(struct tern_lower *l);
unsigned int lower_tile(struct tern_lower *l);
uint32_t lower_spm(struct tern_lower *l, uint64_t bytes); /* 64-byte aligned address */
uint32_t lower_spm_left(const struct tern_lower *l);
/* Local scratchpad of a target, before a group takes any: for solvers. */
uint32_t lower_spm_local(const struct tern_caps *caps);
uint32_t lower_slot_bytes(const struct tern_caps *caps);

/* ---- emission helpers ------------------------------------------------------ */
void lower_mov(struct tern_lower *l, unsigned int rd, struct tern_val v);
void lower_alu(struct tern_lower *l, unsigned int op, unsigned int rd, unsigned int ra,
	       struct tern_val b);
/* rd = a op b with a immediate or register; folds immediates. Returns the value (allocates a
 * register only if needed). */
struct tern_val lower_calc(struct tern_lower *l, unsigned int op, struct tern_val a,
			   struct tern_val b);
/* Counted loop: `count` >= 1 at run time (emitted without a loop if it is immediate 1). */
struct lower_loop {
	size_t start;
	unsigned int reg;
	bool once;
};
struct lower_loop lower_loop_begin(struct tern_lower *l, struct tern_val count);
void lower_loop_end(struct tern_lower *l, struct lower_loop *loop);

/* A circular buffer of depth 2 in SPM with its pipe; producer and consumer each have a slot
 * register, advanced by lower_pipe_step. */
struct lower_pipe {
	enum tern_pipe pipe;
	uint32_t base, slot;
	unsigned int prod, cons; /* registers */
};
struct lower_pipe lower_pipe(struct tern_lower *l, enum tern_pipe pipe, uint64_t slot_bytes);
void lower_pipe_step(struct tern_lower *l, const struct lower_pipe *p, bool producer);
/* Add to a sync word: producer waits free and signals full; consumer waits full and signals free. */
void sync_wait(struct tern_sync *s, unsigned int sem, unsigned int n);
void sync_signal(struct tern_sync *s, unsigned int sem, unsigned int n);
static inline unsigned int pipe_full(enum tern_pipe p)
{
	return 2u * p;
}
static inline unsigned int pipe_free(enum tern_pipe p)
{
	return 2u * p + 1u;
}

/* A tile descriptor's fields, all of them, in one command. Unset sizes are 1, strides 0. */
struct lower_tile_spec {
	struct tern_val addr, offs;
	struct tern_val size[4];
	struct tern_val stride[4];
	unsigned int type;
	bool spm;
};
struct lower_tile_spec tile_spec(unsigned int type, bool spm, struct tern_val addr);
void lower_set_tile(struct tern_lower *l, unsigned int tile, const struct lower_tile_spec *s);
/* Set some fields of a tile again: mask of 1 << enum tern_tile_field. */
void lower_set_field(struct tern_lower *l, unsigned int tile, enum tern_tile_field f,
		     struct tern_val v);

/* ---- micro-programs -------------------------------------------------------- */
struct vprog {
	uint64_t w[TERN_VECTOR_MAX_INSTRS];
	unsigned int n;
	bool overflow;
};
static inline unsigned int vS(unsigned int i)
{
	return TERN_V_S0 + i;
}
#define V_IMM TERN_V_IMM
uint32_t f32_bits(float f);
void vp(struct vprog *p, unsigned int op, unsigned int d, unsigned int a, unsigned int b,
	uint32_t imm);
/* Emit a VECTOR command that runs p (stored once per distinct program). tiles: TERN_NONE pads. */
void lower_vector(struct tern_lower *l, const struct vprog *p, const uint8_t *tiles,
		  unsigned int ntiles, const uint8_t *sregs, unsigned int nsregs,
		  const struct tern_sync *s);

/* ---- lowerings ---------------------------------------------------------------- */
/*
 * One row per operator in lowerings.c: `solve` decides from shapes and target alone and is what
 * tern_solve() calls; `lower` emits a group for the operator on its own. Fused groups are
 * found by plan.c, which asks the same solvers.
 */
struct tern_lowering {
	int (*solve)(const struct tern_target *t, const struct tern_op_desc *op,
		     const struct tern_tensor_desc *tensors);
	void (*lower)(struct tern_lower *l, uint32_t op);
};
const struct tern_lowering *tern_lowering(enum tern_opcode op);

#endif
