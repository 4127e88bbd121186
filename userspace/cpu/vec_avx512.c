// SPDX-License-Identifier: MIT
#define LEVEL avx512
#include "vec_body.h"
