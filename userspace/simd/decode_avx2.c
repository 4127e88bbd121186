// SPDX-License-Identifier: MIT
#define LEVEL avx2
#include "decode_rows.h"
