// SPDX-License-Identifier: MIT
/* Conversions in plain C. */
#define TERN_LEVEL(name) name##_scalar

#include "convert_kernels.h"
