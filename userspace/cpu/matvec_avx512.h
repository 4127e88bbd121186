/* SPDX-License-Identifier: MIT */
#ifndef TERN_CPU_MATVEC_AVX512_H
#define TERN_CPU_MATVEC_AVX512_H

#include "matmul.h"

void tern_rows_block_avx512(const struct tern_mm_row *r);
void tern_rows_f32_avx512(const struct tern_mm_row *r);
void tern_rows_f16_avx512(const struct tern_mm_row *r);
void tern_rows_bf16_avx512(const struct tern_mm_row *r);
void tern_rows_q4_0_avx512(const struct tern_mm_row *r);
void tern_rows_q8_0_avx512(const struct tern_mm_row *r);
void tern_rows_q4_k_avx512(const struct tern_mm_row *r);
void tern_rows_q6_k_avx512(const struct tern_mm_row *r);

#endif
