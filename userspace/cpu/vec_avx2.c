// SPDX-License-Identifier: MIT
#define LEVEL avx2
#include "vec_body.h"
