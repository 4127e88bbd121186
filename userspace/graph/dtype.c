// SPDX-License-Identifier: MIT
/* Data types of tensors: the public part of the contract's table of types. */
#include "graph/graph.h"

#include <tern/isa.h>

/* What <tern.h> names; the contract has more (operand tiles, reserved codes). */
/* clang-format off */
#define DTYPES(X) \
	X(F32) X(F16) X(BF16) X(I8) X(I16) X(I32) X(I64) \
	X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q8_0) \
	X(Q2_K) X(Q3_K) X(Q4_K) X(Q5_K) X(Q6_K) X(IQ4_NL) X(MXFP4)
/* clang-format on */

#define NTYPES 64 /* codes of memory types are below it */

#define X(name) _Static_assert((int)TERN_##name == (int)TERN_T_##name, "numbers are ggml's");
DTYPES(X)
#undef X

static const uint64_t is_public =
#define X(name) 1ull << TERN_##name |
	DTYPES(X)
#undef X
		0;

/* The contract's rule: plain types their size, blocks the 2 bytes of their scales. */
#define ALIGN(bytes, block) ((block) ? 2 - (bytes) % 2 : (bytes))
#define PLAIN		    false
#define BLOCK		    true
#define RESERVED	    true
#define OPERAND		    true
static const struct tern_dtype_info types[TERN_T_COUNT] = {
#define X(name, code, elems, bytes, kind, group, min) \
	[code] = {#name, elems, bytes, kind, ALIGN(bytes, kind)},
	TERN_ISA_TYPES(X)
#undef X
};

const struct tern_dtype_info *tern_dtype_info(enum tern_dtype type)
{
	unsigned int code = (unsigned int)type;

	return code < NTYPES && (is_public >> code & 1) ? &types[code] : NULL;
}

const char *tern_dtype_name(enum tern_dtype type)
{
	const struct tern_dtype_info *info = tern_dtype_info(type);

	return info ? info->name : NULL;
}

uint64_t tern_dtype_row_bytes(enum tern_dtype type, uint64_t n)
{
	const struct tern_dtype_info *info = tern_dtype_info(type);
	uint64_t bytes;

	if (!info || n % info->elems ||
	    __builtin_mul_overflow(n / info->elems, info->bytes, &bytes))
		return 0;
	return bytes;
}

uint64_t tern_contiguous(enum tern_dtype type, const int64_t ne[4], uint64_t nb[4])
{
	const struct tern_dtype_info *info = tern_dtype_info(type);
	uint64_t bytes;
	int d;

	for (d = 0; d < 4; d++) {
		if (ne[d] < 1)
			return 0;
	}
	bytes = tern_dtype_row_bytes(type, (uint64_t)ne[0]);
	if (!bytes)
		return 0;
	nb[0] = info->bytes;
	for (d = 1; d < 4; d++) {
		nb[d] = bytes;
		if (__builtin_mul_overflow(bytes, (uint64_t)ne[d], &bytes))
			return 0;
	}
	return bytes;
}
