// SPDX-License-Identifier: MIT
#define LEVEL avx512
#include "decode_rows.h"
