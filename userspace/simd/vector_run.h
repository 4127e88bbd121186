/* SPDX-License-Identifier: MIT */
/*
 * Running micro-programs. Private to vector*.c.
 *
 * A call predecodes its program once (vector_program.c, vector_direct.c), then runs it
 * over batches of rows (vector_exec.c, vector_ops.c). Each V register is a buffer of one *strip*: a part of one long
 * row, or several short rows side by side, each padded to 16 elements. So what an
 * instruction costs to dispatch is shared by a few hundred elements even where rows are
 * short. Only the kernels (vector_kernels.h) are compiled per instruction set.
 *
 * S registers are vectors too, one lane per row of the batch, and use the same kernels.
 * Inside LANES an S register or immediate is a buffer filled before the loop.
 */
#ifndef TERN_SIMD_VECTOR_RUN_H
#define TERN_SIMD_VECTOR_RUN_H

#include <tern/hw.h>

#include "vector.h"

#define TERN_VRUN_LANES	    16	 /* rows and strips are padded to this */
#define TERN_VRUN_ROWS	    16	 /* rows of a batch at most */
#define TERN_VRUN_STRIP	    512	 /* elements at most */
#define TERN_VRUN_STRIP_MIN 64	 /* elements at least, a multiple of TERN_GROUP */
#define TERN_VRUN_HOT_WORDS 4096 /* all strips together: half of a 32 KiB L1 */

#define TERN_VRUN_OPS	      0x80 /* above every opcode */
#define TERN_VRUN_PLAIN_TYPES (TERN_T_BF16 + 1)

/* V registers, one spare (see rename_dest), S registers used in loops, immediates. */
#define TERN_VRUN_MAX_BUFS (TERN_VECTOR_REGS + 1 + TERN_SCALAR_REGS + TERN_VECTOR_MAX_INSTRS)

static inline int64_t tern_vrun_pad(int64_t n)
{
	return (n + TERN_VRUN_LANES - 1) & ~(int64_t)(TERN_VRUN_LANES - 1);
}

/* Are its elements what a buffer holds? */
static inline bool tern_vrun_word(const struct tern_vtile *t)
{
	return t->type == TERN_T_F32 || t->type == TERN_T_I32;
}

/* Reduction in progress over one row. */
struct tern_vred {
	union {
		float f[TERN_VRUN_LANES];
		uint32_t u[TERN_VRUN_LANES];
	} part;
	int64_t index;	 /* RAMAX */
	uint32_t result; /* after the last strip */
};

/* n is a multiple of 16; d overlaps no source. */
typedef void tern_valu_fn(void *d, const void *a, const void *b, const void *c, int64_t n);
/* n elements between a buffer and memory, `stride` bytes apart. */
typedef void tern_vload_fn(void *d, const unsigned char *p, int64_t stride, int64_t n);
typedef void tern_vstore_fn(unsigned char *p, int64_t stride, const void *a, int64_t n);

/* The part of a tile that one strip covers, and how a buffer holds it. */
struct tern_vspan {
	unsigned char *const *row; /* element 0 of each row */
	int64_t nrows;
	int64_t offset, stride; /* of the first element; between elements, bytes */
	int64_t count;		/* elements of each row */
	int64_t seg;		/* words of the buffer per row, at least count */
};
/* The same for all rows of a span; loads pad with zeros. */
typedef void tern_vload_rows_fn(uint32_t *d, const struct tern_vspan *m);
typedef void tern_vstore_rows_fn(const struct tern_vspan *m, const uint32_t *a);
/* Elements i0 .. i0 + n of a row; i0 = 0 begins, `last` completes. */
typedef void tern_vred_fn(struct tern_vred *st, const void *a, int64_t i0, int64_t n, bool last);

struct tern_vkernels {
	tern_valu_fn *alu[TERN_VRUN_OPS];
	tern_vload_fn *load[TERN_VRUN_PLAIN_TYPES];
	tern_vstore_fn *store[TERN_VRUN_PLAIN_TYPES];
	tern_vload_rows_fn *load_rows[TERN_VRUN_PLAIN_TYPES];
	tern_vstore_rows_fn *store_rows[TERN_VRUN_PLAIN_TYPES];
	/* seg (a multiple of 16) copies of each of n values */
	void (*expand)(uint32_t *d, const uint32_t *values, int64_t n, int64_t seg);
	tern_vred_fn *reduce[5]; /* from TERN_V_RSUM */
	void (*quantise)(const float *src, void *dst, int64_t n);
};

/* One predecoded instruction. Inside LANES operands are buffers, outside rows of
 * tern_vexec.s. */
struct tern_vop {
	uint8_t op;
	uint8_t tile, tile2; /* tile2: CMPX's payload or TERN_NONE */
	uint8_t sreg;	     /* RED, PACK, LDS, ROW: S register; STS: source */
	bool direct;	     /* LD may leave a pointer into the tile instead of a copy */
	bool to_tile;	     /* the next operation is an ST of this result, its only use */
	uint16_t d, a, b, c;
	uint16_t carry; /* RED, SCAN, PACK: slot of its state */
	uint32_t imm;
	tern_valu_fn *fn;
};

/* A LANES loop, or a stretch of instructions outside (length < 0). */
struct tern_vpart {
	uint16_t first, count; /* operations */
	uint16_t ncarry;
	uint32_t expand; /* S registers that need a buffer filled */
	int64_t length;
};

struct tern_vprogram {
	unsigned int nops, nparts, nbufs, nimm;
	unsigned int strip, rows; /* elements of a buffer; rows of a batch */
	unsigned int tiles;	  /* mask of those used */
	int64_t max_length;
	uint16_t s_buf[TERN_SCALAR_REGS]; /* buffer of an S register used in loops */
	uint32_t s_used;		  /* inside loops */
	uint32_t s_named;		  /* anywhere */
	uint16_t imm_buf[TERN_VECTOR_MAX_INSTRS];
	uint32_t imm[TERN_VECTOR_MAX_INSTRS];
	struct tern_vop ops[TERN_VECTOR_MAX_INSTRS];
	struct tern_vpart parts[TERN_VECTOR_MAX_INSTRS];
};

/* Predecode and check against the tiles. 0 or a fault code. */
int tern_vprogram_build(struct tern_vprogram *p, const struct tern_vrun *run,
			const struct tern_vkernels *k, uint64_t *bad);
/* Mark the operations of one loop that can work in their tiles (vector_direct.c). */
void tern_vprogram_direct(struct tern_vop *ops, unsigned int n, const struct tern_vrun *run);
int tern_vprogram_run(const struct tern_vrun *run, const struct tern_vkernels *k, uint64_t *bad);

#endif
