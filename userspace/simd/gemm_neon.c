// SPDX-License-Identifier: MIT
#include "lanes_neon.h"
#include "gemm_impl.h"

void tern_gemm_neon(const struct tern_gemm *g)
{
	gemm_lanes(g);
}
