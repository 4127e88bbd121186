// SPDX-License-Identifier: MIT
#define LEVEL scalar
#include <tern/numbers.h>

#include "decode_rows.h"

#define X(code) code,
const int8_t tern_iq4_nl[16] = {TERN_IQ4_NL_CODES(X)};
const int8_t tern_mxfp4[16] = {TERN_MXFP4_CODES(X)};
#undef X

#define OP32_BYTES  sizeof(struct tern_block_op32)
#define OP32M_BYTES sizeof(struct tern_block_op32m)
#define OP16_BYTES  sizeof(struct tern_block_op16)
#define OP16M_BYTES sizeof(struct tern_block_op16m)

/* clang-format off */
static const struct tern_block_desc descs[TERN_T_COUNT] = {
#define ROW(name, elems, bytes, group, min, op) \
	[TERN_T_##name] = {elems, bytes, group, min, TERN_T_##op, op##_BYTES}
	ROW(Q4_0,   32,  18, 32, 0, OP32),  ROW(Q4_1,   32,  20, 32, 1, OP32M),
	ROW(Q5_0,   32,  22, 32, 0, OP32),  ROW(Q5_1,   32,  24, 32, 1, OP32M),
	ROW(Q8_0,   32,  34, 32, 0, OP32),  ROW(Q2_K,  256,  84, 16, 1, OP16M),
	ROW(Q3_K,  256, 110, 16, 0, OP16),  ROW(Q4_K,  256, 144, 32, 1, OP32M),
	ROW(Q5_K,  256, 176, 32, 1, OP32M), ROW(Q6_K,  256, 210, 16, 0, OP16),
	ROW(IQ4_NL, 32,  18, 32, 0, OP32),  ROW(MXFP4,  32,  17, 32, 0, OP32),
	ROW(OP32,   32,  36, 32, 0, OP32),  ROW(OP32M,  32,  40, 32, 1, OP32M),
	ROW(OP16,   32,  40, 16, 0, OP16),  ROW(OP16M,  32,  48, 16, 1, OP16M),
#undef ROW
};
/* clang-format on */

const struct tern_block_desc *tern_block_desc(unsigned int type)
{
	return type < TERN_T_COUNT && descs[type].elems ? &descs[type] : NULL;
}
