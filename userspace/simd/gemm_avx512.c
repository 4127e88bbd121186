// SPDX-License-Identifier: MIT
#include "lanes_avx512.h"
#include "gemm_impl.h"

void tern_gemm_avx512(const struct tern_gemm *g)
{
	gemm_lanes(g);
}
