/* SPDX-License-Identifier: MIT */
/* The operators that are row kernels: their solvers and lowerings, for the table. */
#ifndef TERN_LOWERINGS_H
#define TERN_LOWERINGS_H

#include "compiler/rows.h"

#define ROW_OPERATORS(X)                                                                          \
	X(map)                                                                                    \
	X(binary)                                                                                 \
	X(glu)                                                                                    \
	X(norm) X(rope) X(get_rows) X(set_rows) X(soft_max) X(copy) X(concat) X(repeat) X(reduce) \
		X(argmax) X(top_k) X(argsort)

#define X(name)                                                                      \
	int name##_solve(const struct tern_target *t, const struct tern_op_desc *op, \
			 const struct tern_tensor_desc *tensors);                    \
	void name##_lower(struct tern_lower *l, uint32_t op);
ROW_OPERATORS(X)
#undef X

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
