// SPDX-License-Identifier: MIT
/* Plain C: the reference, and what other machines (NEON) vectorise. */
#include "vector_flags.h"

#if defined(__SSE__)
#include <immintrin.h>
#endif

#define TERN_LEVEL(name) name##_scalar

#include "vector_kernels.h"
