// SPDX-License-Identifier: MIT
/* Conversions for AVX2 with F16C. */
#include "vector_flags.h"

#include <immintrin.h>

#define TERN_LEVEL(name) name##_avx2

#include "convert_kernels.h"
