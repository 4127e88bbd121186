/* SPDX-License-Identifier: MIT */
#ifndef TERN_CPU_MATVEC_AVX2_H
#define TERN_CPU_MATVEC_AVX2_H

#include "matmul.h"

void tern_rows_block_avx2(const struct tern_mm_row *r);
void tern_rows_f32_avx2(const struct tern_mm_row *r);
void tern_rows_f16_avx2(const struct tern_mm_row *r);
void tern_rows_bf16_avx2(const struct tern_mm_row *r);
void tern_rows_q4_0_avx2(const struct tern_mm_row *r);
void tern_rows_q8_0_avx2(const struct tern_mm_row *r);
void tern_rows_q4_k_avx2(const struct tern_mm_row *r);
void tern_rows_q6_k_avx2(const struct tern_mm_row *r);

#endif
