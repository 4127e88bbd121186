/* SPDX-License-Identifier: MIT */
/*
 * VECTOR micro-programs and the conversions between f32 and storage types: one set of
 * functions per instruction set, all with the same bits.
 *
 * What <tern/isa.h> leaves to be said about micro-programs:
 *
 * Rows. A row is one coordinate of dimensions 1..3 of tile 0. Every other tile has, in
 * each of these dimensions, tile 0's size or 1 (broadcast), else SHAPE. Rows are
 * independent: what one writes, no other may read. S8..S31 are zero when a row begins.
 *
 * Loops. Inside LANES a tile named by LD has size 0 >= the loop's length, or 1: then its
 * element 0 is every element; one named by ST >= the length. Otherwise SHAPE. Except
 * where the same element is loaded and stored, a loop may not read elements that it
 * writes. A loop of length 0 runs its reductions and nothing else.
 *
 * Registers hold 32 bits without a type. LD: F16 and BF16 become f32 exactly, I8 and
 * I16 are sign-extended, I64 keeps its low half; F32 and I32 are taken as they are. ST:
 * f32 to F16 and BF16 to nearest even, the low bits to I8 and I16, sign-extended to
 * I64; F32 and I32 as they are. Other types: TYPE.
 *
 * NaN. ADD SUB MUL DIV FMA, FLOOR to RNDA, EXP to RCP, RSUM and SCAN produce 0x7fc00000
 * for any NaN. MOV SEL MIN MAX NEG ABS and the memory instructions move bits. F16 NaNs
 * become quiet and keep payload and sign in both directions (stores: its 9 highest
 * bits); a BF16 store keeps the 6 highest bits and becomes quiet. LT LE EQ with a NaN are false.
 *
 * Reductions write their S register at ENDL. With p[0..15] starting at the identity
 * (+0.0, -inf, +inf), element i goes to p[i % 16], i ascending: p = p + e;
 * p = MAX(e, p); p = MIN(e, p). Then for h = 8, 4, 2, 1 and j < h: p[j] = p[j] + p[j + h],
 * MAX(p[j + h], p[j]), MIN(p[j + h], p[j]). MAX(a, b) is a > b ? a : b, hence a NaN
 * element never wins. RAMAX: best = -inf, index 0; element i replaces it if greater.
 *
 * SCAN: sum = +0.0; d[i] = sum = sum + a[i]. SHIFT: outside [0, size 0) bits 0. LDX:
 * the index is compared with size 0; INDEX fault, its value the index. LDS, STS: imm is
 * below size 0, else INDEX. RND is roundTiesToEven, RNDA roundTiesToAway.
 *
 * STQ: tern_quantise_act; the row's last group is padded with zeros. The tile's size 0,
 * rounded up to whole groups, is at least the length.
 *
 * CMPX: tile d F32 keys, tile a I32 payload (TERN_NONE: none), imm[4:0] = j,
 * imm[12:8] = k, imm[16] = ascending. For every i below the length with bit j clear and
 * partner i + 2^j below it too: descending if bit k of i equals bit 16, else ascending;
 * keys and payload are exchanged if key[partner] > key[i] (descending) or key[i] >
 * key[partner] (ascending). Steps k = 1 .. log2 n, each with j = k - 1 .. 0, sort n keys,
 * largest first; the program pads rows to a power of two with -inf.
 *
 * PACK: elements with mask b != 0, i ascending, are stored as ST does at S imm, S imm + 1,
 * ... (the S register as it was at LANES; it is written at ENDL). Outside
 * [0, size 0): INDEX, its value the position.
 *
 * Of several INDEX faults in one call the one in the lowest row is reported; what rows
 * before and after it wrote is then unspecified.
 */
#ifndef TERN_SIMD_VECTOR_H
#define TERN_SIMD_VECTOR_H

#include "simd.h"

/*
 * Float to block conversions are those of ggml's reference quantisers (no operation
 * fused) wherever these are defined. Elsewhere: a quantised value is clamped to its
 * range, NaN gives the value 0 would after truncation (the lowest code); in searches for
 * the largest or smallest value a NaN never wins. n that is not a multiple of the block
 * is padded with zeros. Other types: nothing is written.
 *
 * quantise_act, per 32 elements: amax = largest |x| with NaN above everything; scale =
 * amax / 127 with the 13 low bits of its encoding rounded off, ties to even; inverse =
 * amax == 0 ? 0 : 127 / amax (may overflow to infinity); q = roundTiesToEven(x * inverse)
 * clamped to [-127, 127], NaN gives 0. So a group with an infinity has scale inf and
 * q = 0, a group with a NaN has scale 0x7fc00000 and q = 0: neither is lost in a product.
 */
#define TERN_VECTOR_DECLARE(s)                                                                 \
	int tern_vector_run_##s(const struct tern_vrun *run, uint64_t *bad);                   \
	void tern_to_f32_plain_##s(unsigned int type, const void *src, float *dst, int64_t n); \
	void tern_from_f32_##s(unsigned int type, const float *src, void *dst, int64_t n);     \
	void tern_quantise_act_##s(const float *src, void *dst, int64_t n)

TERN_VECTOR_DECLARE(scalar);
TERN_VECTOR_DECLARE(avx2);
TERN_VECTOR_DECLARE(avx512);

#endif
