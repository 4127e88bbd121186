/* SPDX-License-Identifier: MIT */
/*
 * Layout of the block and operand types in memory, and the half-precision conversions
 * their scales need. All structs are packed: a row may start at any byte.
 *
 * Blocks of 32 keep element j in the low nibble and element j + 16 in the high nibble of
 * qs[j]; a fifth bit is bit j of qh. Super-blocks of 256 are described at each struct.
 */
#ifndef TERN_SIMD_BLOCKS_H
#define TERN_SIMD_BLOCKS_H

#include <stdint.h>
#include <string.h>
#include <tern/isa.h>

#define TERN_BLOCK(name, bytes, ...) \
	struct tern_block_##name {   \
		__VA_ARGS__          \
	} __attribute__((packed));   \
	TERN_ASSERT(sizeof(struct tern_block_##name) == (bytes))

/* clang-format off */
TERN_BLOCK(q4_0, 18, uint16_t d; uint8_t qs[16];);
TERN_BLOCK(q4_1, 20, uint16_t d; uint16_t m; uint8_t qs[16];);
TERN_BLOCK(q5_0, 22, uint16_t d; uint8_t qh[4]; uint8_t qs[16];);
TERN_BLOCK(q5_1, 24, uint16_t d; uint16_t m; uint8_t qh[4]; uint8_t qs[16];);
TERN_BLOCK(q8_0, 34, uint16_t d; int8_t qs[32];);
TERN_BLOCK(iq4_nl, 18, uint16_t d; uint8_t qs[16];);
TERN_BLOCK(mxfp4, 17, uint8_t e; uint8_t qs[16];);

/* Halves of 128; element 32 j + l of half n in bits 2j+1:2j of qs[32 n + l]. Per 16
 * elements: scale in the low nibble, minimum in the high nibble. */
TERN_BLOCK(q2_k, 84, uint8_t scales[16]; uint8_t qs[64]; uint16_t d; uint16_t dmin;);
/* Low bits as in Q2_K; bit 4 n + j of hmask[l] clear subtracts 4. Sixteen 6-bit scales,
 * biased by 32: low nibbles in bytes 0-7 (low, then high), top bits in bytes 8-11. */
TERN_BLOCK(q3_k, 110, uint8_t hmask[32]; uint8_t qs[64]; uint8_t scales[12]; uint16_t d;);
/* Quarters of 64: elements 0-31 in the low, 32-63 in the high nibbles of 32 bytes. Eight
 * 6-bit scales and minima; see tern_k4_scale. */
TERN_BLOCK(q4_k, 144, uint16_t d; uint16_t dmin; uint8_t scales[12]; uint8_t qs[128];);
/* As Q4_K; the fifth bit of element l of group g is bit g of qh[l]. */
TERN_BLOCK(q5_k, 176, uint16_t d; uint16_t dmin; uint8_t scales[12]; uint8_t qh[32]; uint8_t qs[128];);
/* Halves of 128; element 32 j + l: nibble j/2 of ql[64 n + 32 (j & 1) + l], above it
 * bits 2j+1:2j of qh[32 n + l]; biased by 32. A signed scale per 16 elements. */
TERN_BLOCK(q6_k, 210, uint8_t ql[128]; uint8_t qh[64]; int8_t scales[16]; uint16_t d;);

/* Operand groups of 32, as <tern/isa.h> lists them. */
TERN_BLOCK(op32, 36, int8_t q[32]; float s;);
TERN_BLOCK(op32m, 40, int8_t q[32]; float s; float m;);
TERN_BLOCK(op16, 40, int8_t q[32]; float s[2];);
TERN_BLOCK(op16m, 48, int8_t q[32]; float s[2]; float m[2];);
/* As STQ writes it: |q| <= 127 and sums that are true. Only then do all sets agree. */
TERN_BLOCK(act, 40, int8_t q[32]; float s; int16_t sum[2];);
/* clang-format on */

/* ggml's codebooks; MXFP4's are twice the values of E2M1, the exponent half as large. */
extern const int8_t tern_iq4_nl[16];
extern const int8_t tern_mxfp4[16];

static inline float tern_bits_f32(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

static inline uint32_t tern_f32_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

/* Exact; a signalling NaN becomes quiet, as in F16C. */
static inline float tern_half(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000u) << 16, e = (h >> 10) & 31u, m = h & 0x3ffu;
	uint32_t bits;

	if (e == 0)
		bits = tern_f32_bits((float)m * 0x1p-24f);
	else if (e == 31)
		bits = 0x7f800000u | m << 13 | (m ? 0x400000u : 0);
	else
		bits = (e + 112) << 23 | m << 13;
	return tern_bits_f32(sign | bits);
}

/* To nearest even. */
static inline uint16_t tern_to_half(float f)
{
	uint32_t u = tern_f32_bits(f), sign = u >> 16 & 0x8000u, x = u & 0x7fffffffu, h;

	if (x > 0x7f800000u)
		h = 0x7e00u | (x >> 13 & 0x1ffu);
	else if (x >= 0x477ff000u) /* 65520: halfway to 2^16 */
		h = 0x7c00u;
	else if (x < 0x38800000u) /* subnormal: let an addition round at 2^-24 */
		h = tern_f32_bits(tern_bits_f32(x) + 0.5f) - 0x3f000000u;
	else
		h = (x + 0xc8000fffu + (x >> 13 & 1u)) >> 13;
	return (uint16_t)(sign | h);
}

static inline float tern_bf16(uint16_t h)
{
	return tern_bits_f32((uint32_t)h << 16);
}

/* To nearest even; NaNs become quiet. */
static inline uint16_t tern_to_bf16(float f)
{
	uint32_t u = tern_f32_bits(f);

	if ((u & 0x7fffffffu) > 0x7f800000u)
		return (uint16_t)(u >> 16 | 0x40u);
	return (uint16_t)((u + 0x7fffu + (u >> 16 & 1u)) >> 16);
}

/* MXFP4's scale for a codebook of doubled values: 2^(e - 128), subnormal for e < 2. */
static inline float tern_e8m0_half(uint8_t e)
{
	return tern_bits_f32(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

/* Scale and minimum of group g of Q4_K and Q5_K. */
static inline void tern_k4_scale(const uint8_t s[12], unsigned int g, uint8_t *sc, uint8_t *m)
{
	if (g < 4) {
		*sc = s[g] & 63;
		*m = s[g + 4] & 63;
	} else {
		*sc = (uint8_t)((s[g + 4] & 15) | (s[g - 4] >> 6) << 4);
		*m = (uint8_t)((s[g + 4] >> 4) | (s[g] >> 6) << 4);
	}
}

/* Scale i (0..15) of Q3_K, bias removed. */
static inline int tern_q3_scale(const uint8_t s[12], unsigned int i)
{
	unsigned int low = i < 8 ? s[i] & 15u : s[i - 8] >> 4;

	return (int)(low | (s[8 + i % 4] >> 2 * (i / 4) & 3u) << 4) - 32;
}

#endif
