/* SPDX-License-Identifier: MIT */
/* Tile sizes of a linear group. */
#ifndef TERN_LINEAR_FIT_H
#define TERN_LINEAR_FIT_H

#include "compiler/linear.h"

#define LINEAR_MAX_KSTEPS 64
#define LINEAR_MAX_PARTS  32

struct linear_fit {
	unsigned int a_type, b_type; /* operand types in SPM */
	uint32_t a_row, b_row;	     /* bytes of one row of K in SPM */
	int64_t k;		     /* columns, padded to a group for ACT */
	int64_t mt;		     /* rows per tile */
	int64_t nt;		     /* columns of the result per weight tile */
	int64_t kc, ksteps;	     /* depth of a weight tile; ksteps = ceil(k / kc) */
	int64_t rc;		     /* rows per fill step */
	int64_t kq, parts;	     /* columns per fill step; parts = ceil(k / kq) */
	uint32_t in_elem;	     /* bytes of an activation as loaded */
};

/* What the fit depends on: shapes and which epilogue tiles exist. */
struct linear_need {
	unsigned int a_dtype, w_dtype;
	int64_t k, m, n;      /* bounds */
	bool norm, norm_bias; /* weights kept in SPM */
	unsigned int ncols;   /* result tiles per step: 2 for a gated pair */
	bool epilogue, bias, residual;
	bool w_written; /* weights may be: they take a pipe of their own, behind their writer */
	uint64_t other; /* bytes of the scratchpad that something else takes */
};
/* false: does not fit this scratchpad */
bool linear_fit(const struct tern_caps *caps, const struct linear_need *need, struct linear_fit *f);

/*
 * Columns of one pass over the result: all of them, or fewer if later passes may add to it
 * (`may_add`) and either a row of activations does not fit, or narrower slices, whose tiles are
 * taller, read the weights so much less often that they pay for the additions. 0: does not fit.
 */
int64_t linear_slice(const struct tern_caps *caps, const struct linear_need *need, bool may_add);
/* Is there any way? The solver's question, which must not take long. */
bool linear_feasible(const struct tern_caps *caps, const struct linear_need *need, bool may_add);

#endif
