/* SPDX-License-Identifier: MIT */
/*
 * Decoding of rows: BLOCK types to operand groups, and to f32.
 *
 * An element's value is v = q * scale, rounded to f32, and then, in types that have
 * one, v + min, rounded again; never fused. These are ggml's dequantised floats, because
 * its "q * d - m" is "q * d + (-m)".
 */
#ifndef TERN_SIMD_DECODE_H
#define TERN_SIMD_DECODE_H

#include <stdbool.h>
#include <stdint.h>

/* What the decoders need of a type. */
struct tern_block_desc {
	uint16_t elems, bytes; /* of a block */
	uint8_t group;	       /* elements per scale */
	bool min;
	unsigned int operand;	  /* type of the operand groups */
	unsigned int group_bytes; /* of the operand type, per 32 elements */
};
/* NULL unless type is a BLOCK or an OP* type (which is its own operand type). */
const struct tern_block_desc *tern_block_desc(unsigned int type);

#define TERN_DECODE_DECLARE(level)                                                               \
	void tern_decode_operand_##level(unsigned int type, const void *src, void *dst,          \
					 int64_t n);                                             \
	void tern_decode_f32_##level(unsigned int type, const void *src, float *dst, int64_t n); \
	void tern_to_f32_##level(unsigned int type, const void *src, float *dst, int64_t n)

TERN_DECODE_DECLARE(scalar);
TERN_DECODE_DECLARE(avx2);
TERN_DECODE_DECLARE(avx512);

#endif
