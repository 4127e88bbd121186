// SPDX-License-Identifier: MIT
#include "lanes_avx2.h"
#include "gemm_impl.h"

void tern_gemm_avx2(const struct tern_gemm *g)
{
	gemm_lanes(g);
}
