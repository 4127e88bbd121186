// SPDX-License-Identifier: MIT
/* VECTOR for AVX-512 (F, BW, VL, DQ). */
#include "vector_flags.h"

#include <immintrin.h>

#define TERN_LEVEL(name) name##_avx512

#include "vector_kernels.h"
