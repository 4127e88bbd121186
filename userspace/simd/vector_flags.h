/* SPDX-License-Identifier: MIT */
/*
 * Comes first in each file of kernels. Nobody reads floating-point exception flags here,
 * and unless gcc knows that, it keeps rounding and selection out of vectors. Values do
 * not depend on it. clang has no such scruple.
 */
#ifndef TERN_SIMD_VECTOR_FLAGS_H
#define TERN_SIMD_VECTOR_FLAGS_H

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math")
#endif

#endif
