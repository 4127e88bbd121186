/* SPDX-License-Identifier: MIT */
/*
 * Matrix products, one entry per instruction set; all give the same bits:
 *
 *   ACT x groups of 32:  acc = fmaf((float)dot, sw * sa, acc), then, with minima,
 *                        acc = fmaf((float)sum, mw * sa, acc); groups in ascending k.
 *   ACT x groups of 16:  the same for each half group, half 0 first.
 *   floats:              acc = fmaf(a, b, acc) in ascending k, a and b exactly in f32.
 *                        A BLOCK b is first rounded to a_type.
 *
 * dot is the exact integer sum of products, sum that of the activations, both of a group
 * (or half); sw * sa is one f32 rounding. k0 skips elements along k, also with kn. A NaN
 * result is stored as TERN_QNAN_BITS, so that no bit depends on which NaN an
 * instruction prefers.
 */
#ifndef TERN_SIMD_GEMM_H
#define TERN_SIMD_GEMM_H

#include <tern/numbers.h>

#include "simd.h"

void tern_gemm_scalar(const struct tern_gemm *g);
void tern_gemm_avx2(const struct tern_gemm *g);
void tern_gemm_avx512(const struct tern_gemm *g);
void tern_gemm_neon(const struct tern_gemm *g);

#endif
