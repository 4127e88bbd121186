/* SPDX-License-Identifier: MIT */
/* The operators that are row kernels: their solvers and lowerings, for the table. */
#ifndef TERN_LOWERINGS_H
#define TERN_LOWERINGS_H

#include "compiler/rows.h"

#define ROW_DECLARE(name)                                                            \
	int name##_solve(const struct tern_target *t, const struct tern_op_desc *op, \
			 const struct tern_tensor_desc *tensors);                    \
	void name##_lower(struct tern_lower *l, uint32_t op)

ROW_DECLARE(map);
ROW_DECLARE(binary);
ROW_DECLARE(add_id);
ROW_DECLARE(glu);
ROW_DECLARE(norm);
ROW_DECLARE(rope);
ROW_DECLARE(get_rows);
ROW_DECLARE(set_rows);
ROW_DECLARE(soft_max);
ROW_DECLARE(copy);
ROW_DECLARE(concat);
ROW_DECLARE(repeat);
ROW_DECLARE(reduce);
ROW_DECLARE(argmax);
ROW_DECLARE(top_k);
ROW_DECLARE(argsort);

/* Solver and lowering of an operator that is one kernel, from
 * int name_kernel(op, tensors, kernel), which describes it. */
#define ROW_OPERATOR(name)                                                           \
	int name##_solve(const struct tern_target *t, const struct tern_op_desc *op, \
			 const struct tern_tensor_desc *tensors)                     \
	{                                                                            \
		struct row_kernel k;                                                 \
		int err = name##_kernel(op, tensors, &k);                            \
                                                                                     \
		return err ? err : row_solve(t, &k, 1);                              \
	}                                                                            \
	void name##_lower(struct tern_lower *l, uint32_t op)                         \
	{                                                                            \
		struct row_kernel k;                                                 \
                                                                                     \
		if (name##_kernel(&l->g->ops[op], l->g->tensors, &k))                \
			l->err = l->err ? l->err : -EOPNOTSUPP;                      \
		else                                                                 \
			row_lower(l, op, &k, 1);                                     \
	}

#endif
