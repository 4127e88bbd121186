/* SPDX-License-Identifier: MIT */
/* Attention as one streaming kernel (README.md, "Attention"). */
#ifndef TERN_ATTENTION_H
#define TERN_ATTENTION_H

#include "compiler/lower.h"

int attention_solve(const struct tern_target *t, const struct tern_op_desc *op,
		    const struct tern_tensor_desc *tensors);
void attention_lower(struct tern_lower *l, uint32_t op);

#endif
