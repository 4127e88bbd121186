/* SPDX-License-Identifier: MIT */
/* The state of a running micro-program. Private to vector_exec.c and vector_ops.c. */
#ifndef TERN_SIMD_VECTOR_EXEC_H
#define TERN_SIMD_VECTOR_EXEC_H

#include "blocks.h"
#include "vector_run.h"

enum { ROWS = TERN_VRUN_ROWS, LANES = TERN_VRUN_LANES };

struct tern_vexec {
	const struct tern_vprogram *p;
	const struct tern_vrun *run;
	const struct tern_vkernels *k;
	uint64_t *bad;

	/* The batch. */
	int64_t nrows;
	int64_t row_step[TERN_VECTOR_TILES][TERN_NDIMS]; /* bytes; 0 where broadcast */
	int64_t coord[ROWS][TERN_NDIMS];
	unsigned char *row[TERN_VECTOR_TILES][ROWS];
	int64_t row_pitch[TERN_VECTOR_TILES]; /* between rows of the batch; -1: not constant */

	/* The strip: nrows segments of `seg` places, `count` of which are elements. */
	int64_t length; /* of the loop */
	int64_t i0;	/* element of the row where the strip begins */
	int64_t count, seg, total;
	uint32_t *ptr[TERN_VRUN_MAX_BUFS]; /* where a buffer's content is: home, or a tile */

	struct tern_vred carry[TERN_VECTOR_MAX_INSTRS];
	/* One lane per row; immediates follow the registers. */
	uint32_t s[TERN_SCALAR_REGS + TERN_VECTOR_MAX_INSTRS][LANES] __attribute__((aligned(64)));
	uint32_t pool[TERN_VRUN_MAX_BUFS * TERN_VRUN_STRIP_MIN] __attribute__((aligned(64)));
};
TERN_ASSERT(TERN_VRUN_MAX_BUFS *TERN_VRUN_STRIP_MIN >= TERN_VRUN_HOT_WORDS);
TERN_ASSERT(TERN_VRUN_ROWS <= TERN_VRUN_LANES);

static inline uint32_t *home(struct tern_vexec *x, uint16_t buf)
{
	return x->pool + (size_t)buf * x->p->strip;
}

/* Where operation o's result goes. */
static inline uint32_t *result(struct tern_vexec *x, const struct tern_vop *o)
{
	return x->ptr[o->d] = home(x, o->d);
}

static inline const struct tern_vtile *tile(const struct tern_vexec *x, unsigned int t)
{
	return &x->run->t[t];
}

/* Address of the strip's first element of a row. */
static inline unsigned char *at(const struct tern_vexec *x, unsigned int t, int64_t r)
{
	return x->row[t][r] + x->i0 * tile(x, t)->stride[0];
}

/* Are the elements of all rows of this strip one run of 32-bit words in tile t? */
static inline bool contiguous(const struct tern_vexec *x, unsigned int t)
{
	return x->count == x->seg && (x->nrows == 1 || x->row_pitch[t] == x->count * 4);
}

/* What is not elementwise. 0 or a fault code. */
typedef int tern_vspecial_fn(struct tern_vexec *x, const struct tern_vop *o);
extern tern_vspecial_fn *const tern_vspecial[TERN_VRUN_OPS];

#endif
