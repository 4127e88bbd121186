/* SPDX-License-Identifier: MIT */
/*
 * The row kernel: LOAD1 -> VECTOR -> STORE over chunks of a domain.
 *
 * A kernel is a domain of up to ROW_DIMS dimensions (0 innermost, "the row"), operands that
 * follow some of them and are repeated along the others, and steps: micro-programs that run on
 * every chunk. A chunk covers as many leading dimensions as fit the scratchpad; the command
 * processor loops over the rest. Inputs that no loop changes are loaded once.
 *
 * Steps that fold a row (norms, soft-max, arg-max) keep what they know of the row in state
 * registers. While a row fits the scratchpad they are one program; a longer row is streamed,
 * once per step, and the state waits in a small tile between chunks. Steps are written once
 * for both: each begins with the state in its registers and leaves it there.
 *
 * Describing and planning are pure and need no allocation: they are the solver. row_lower()
 * emits what row_plan() decided.
 */
#ifndef TERN_ROWS_H
#define TERN_ROWS_H

#include "compiler/lower.h"

enum {
	ROW_DIMS = 8,
	ROW_TILE_DIMS = TERN_NDIMS,
	ROW_INS = 6,
	ROW_OUTS = 4,
	ROW_TMPS = 3,
	ROW_BUFS = ROW_INS + ROW_OUTS + ROW_TMPS,
	ROW_STEPS = 6,
	ROW_STATES = 4,
	ROW_KERNELS = 3, /* of one group */
};

/* S registers of a step. 0..7 come from the command processor. */
enum {
	ROW_S_LENGTH = 0, /* the row's length, where it is not known now (i32) */
	ROW_S_FIRST = 1,  /* first element of the chunk (i32) */
	ROW_S_STATE = 8,  /* the kernel's state */
	ROW_S_FREE = 12,  /* the step's own, to 31 */
};

/* A size: `max`, or mul times the value of a symbol, at most max. */
struct row_dim {
	int64_t max, mul;
	uint8_t sym; /* symbol number + 1 */
};

enum row_source { ROW_TENSOR, ROW_TABLE, ROW_SCRATCH };

struct row_operand {
	const struct tern_tensor_desc *t;  /* NULL: not in memory (temporary), or a table */
	const struct tern_tensor_desc *it; /* rows: the indices that replace the coordinate of
					    * dimension idim, or NULL */
	uint32_t tensor, index;		   /* their numbers */
	enum row_source source;
	const void *table; /* ROW_TABLE: f32 constants */
	size_t table_bytes;
	int64_t offset;		/* bytes beyond the tensor's */
	int64_t n0;		/* own size of dimension 0, where it is not the domain's; else 0 */
	struct row_dim rows;	/* size of the indexed dimension */
	uint8_t type, spm_type; /* enum tern_type in memory and in SPM */
	uint8_t idim;
	bool merge; /* dimensions 0 and 1 are one row in memory */
	struct {
		int64_t nb, inb; /* byte strides: of the operand, of its indices */
		bool on;	 /* it follows this dimension */
	} d[ROW_DIMS];
};

struct row_kernel;

/* A part of a buffer as a step sees it: elements first, first + step, ... of each row. */
struct row_tile {
	uint8_t buf;
	uint8_t step; /* 0: 1 */
	int32_t first;
	int32_t n;   /* how many; 0: the buffer's row */
	bool joined; /* dimension 1 of the chunk, whole, continues the row: n counts both */
};

struct row_step {
	/* Emit the step. `resident`: the row is whole, and temporaries and outputs that earlier
	 * steps wrote are still there. */
	void (*body)(struct vprog *p, const struct row_kernel *k, bool resident);
	struct row_tile tile[TERN_VECTOR_TILES];
	uint8_t ntiles;	   /* 0: every buffer in order, then the state */
	uint8_t ins, outs; /* masks of inputs read and outputs written (for streaming) */
	bool tail;	   /* once per row, after all chunks: names state and outputs only */
};

struct row_kernel {
	const struct tern_op_desc *op, *op2; /* parameters for the bodies */
	const void *extra;
	struct row_dim dim[ROW_DIMS];
	unsigned int ndims;
	uint8_t from[ROW_DIMS];		  /* dimension of the tensors it comes from ... */
	int64_t unit[ROW_DIMS];		  /* ... and its step there, in elements */
	struct row_operand buf[ROW_BUFS]; /* inputs, outputs, temporaries */
	uint8_t nin, nout, ntmp;
	struct row_step step[ROW_STEPS]; /* none: input 0 is moved to output 0 */
	uint8_t nsteps, nstate;
	float state[ROW_STATES]; /* initial values */
	uint32_t repeat;	 /* more than 1: run the steps that often; the tail of each run sees
			  * output 0 one element further */
	bool rows;		 /* dimension 0 must stay what it is: steps fold or index it */
	uint8_t whole; /* leading dimensions that a chunk must cover; 0: rows can be streamed */
	bool bad;      /* a size or stride that no kernel has; row_solve() refuses it */
	bool barrier;  /* what earlier kernels of the group stored is read */
};

/* ---- describing --------------------------------------------------------------------- */
/* Sizes a kernel can be described for: solvers are asked about descriptors nobody checked. */
bool row_sizes_ok(const struct tern_tensor_desc *t);
/* -EOPNOTSUPP with the reason that the sizes are not. */
int row_bad_sizes(const struct tern_op_desc *op);
/* A kernel whose domain is the shape of t. */
void row_init(struct row_kernel *k, const struct tern_op_desc *op,
	      const struct tern_tensor_desc *t);
/* Split dimensions so that t, repeated ggml's way to the domain, follows some and is
 * broadcast along the others. Before any operand is added. -EOPNOTSUPP, with the reason. */
int row_repeat(struct row_kernel *k, const struct tern_tensor_desc *t);
/* Add an operand: its number in buf[]. Inputs first, then outputs, then temporaries. */
unsigned int row_in(struct row_kernel *k, const struct tern_tensor_desc *t, uint32_t tensor);
unsigned int row_table(struct row_kernel *k, const void *data, size_t bytes);
unsigned int row_out(struct row_kernel *k, const struct tern_tensor_desc *t, uint32_t tensor);
/* Operand b is gathered or scattered: its dimension 1 is replaced by indices `it`, which
 * follow tensor dimensions 1, 2, 3 with their dimensions 0, 1, 2. */
void row_index(struct row_kernel *k, unsigned int b, const struct tern_tensor_desc *it,
	       uint32_t index);
/* Operand b has rows of n elements, whatever the domain's are. */
void row_own_length(struct row_kernel *k, unsigned int b, int64_t n);
/* A temporary with rows of n0 (0: the domain's) that follows dimensions of the mask. */
unsigned int row_tmp(struct row_kernel *k, int64_t n0, unsigned int follows, unsigned int type);
struct row_step *row_step(struct row_kernel *k,
			  void (*body)(struct vprog *, const struct row_kernel *, bool));
/* Can LOAD read every input and STORE write every output? -EOPNOTSUPP with the reason. */
int row_check_types(const struct row_kernel *k);

/* Tiles of a step that uses every buffer in order. */
static inline unsigned int row_tile_out(const struct row_kernel *k, unsigned int i)
{
	return k->nin + i;
}
static inline unsigned int row_tile_tmp(const struct row_kernel *k, unsigned int i)
{
	return (unsigned int)k->nin + k->nout + i;
}
static inline unsigned int row_tile_state(const struct row_kernel *k)
{
	return (unsigned int)k->nin + k->nout + k->ntmp;
}
/* S register s = the row's length as f32 (outside LANES). */
void row_length(struct vprog *p, const struct row_kernel *k, unsigned int s);

/* ---- planning ----------------------------------------------------------------------- */
struct row_plan {
	int64_t t[ROW_DIMS]; /* extent of a chunk */
	bool resident;
	bool once[ROW_BUFS];
	uint32_t bytes[ROW_BUFS];	   /* SPM of a buffer */
	uint32_t in_slot, out_slot, fixed; /* bytes of a slot of inputs and outputs; of the rest */
};
/* Merge and drop dimensions; call once, when all operands are there. */
void row_finish(struct row_kernel *k);
/* Choose the chunk for `spm` bytes. False: even the smallest does not fit. */
bool row_plan(const struct tern_caps *caps, uint32_t spm, const struct row_kernel *k,
	      struct row_plan *p);
/* Do n kernels fit one group? -EOPNOTSUPP with the reason. */
int row_solve(const struct tern_target *target, const struct row_kernel *k, unsigned int n);

/* ---- emitting ----------------------------------------------------------------------- */
/* One group that runs n kernels one after the other; counters go to operator `mark`. */
void row_lower(struct tern_lower *l, uint32_t mark, const struct row_kernel *k, unsigned int n);

#endif
