// SPDX-License-Identifier: MIT
/* Every operator and what lowers it: a row each. */
#include "compiler/attention.h"
#include "compiler/experts.h"
#include "compiler/linear.h"
#include "compiler/lowerings.h"

#define ROW(op, name) [TERN_##op] = {name##_solve, name##_lower}

static const struct tern_lowering lowerings[TERN_OP_COUNT] = {
	ROW(MATMUL, linear),   ROW(GET_ROWS, get_rows), ROW(SET_ROWS, set_rows),
	ROW(RMS_NORM, norm),   ROW(NORM, norm),		ROW(L2_NORM, norm),
	ROW(ROPE, rope),       ROW(SOFT_MAX, soft_max), ROW(ATTENTION, attention),
	ROW(GLU, glu),	       ROW(UNARY, map),		ROW(BINARY, binary),
	ROW(SCALE, map),       ROW(CLAMP, map),		ROW(COPY, copy),
	ROW(CONCAT, concat),   ROW(REPEAT, repeat),	ROW(SUM_ROWS, reduce),
	ROW(MEAN, reduce),     ROW(ARGMAX, argmax),	ROW(TOP_K, top_k),
	ROW(ARGSORT, argsort), ROW(MATMUL_ID, experts), ROW(ADD_ID, add_id),
};

const struct tern_lowering *tern_lowering(enum tern_opcode op)
{
	return (unsigned int)op < TERN_OP_COUNT ? &lowerings[op] : NULL;
}
