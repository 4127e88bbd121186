// SPDX-License-Identifier: MIT
/* Conversions in plain C. */
#include "vector_flags.h"

#define TERN_LEVEL(name) name##_scalar

#include "convert_kernels.h"
