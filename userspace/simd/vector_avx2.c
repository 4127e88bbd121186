// SPDX-License-Identifier: MIT
/* VECTOR for AVX2 with fma and F16C. */
#include "vector_flags.h"

#include <immintrin.h>

#define TERN_LEVEL(name) name##_avx2

#include "vector_kernels.h"
