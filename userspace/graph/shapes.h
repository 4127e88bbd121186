/* SPDX-License-Identifier: MIT */
/* Shape rules of the operators, one function per row of ops.c. */
#ifndef TERN_GRAPH_SHAPES_H
#define TERN_GRAPH_SHAPES_H

#include "graph/priv.h"

#define TERN_SHAPE(name)                                                                    \
	const char *tern_shape_##name(const struct tern_op_desc *op,                        \
				      const struct tern_tensor_desc *const s[TERN_MAX_SRC], \
				      const struct tern_tensor_desc *d)
TERN_SHAPE(matmul);
TERN_SHAPE(get_rows);
TERN_SHAPE(set_rows);
TERN_SHAPE(norm);
TERN_SHAPE(rope);
TERN_SHAPE(soft_max);
TERN_SHAPE(attention);
TERN_SHAPE(glu);
TERN_SHAPE(unary);
TERN_SHAPE(binary);
TERN_SHAPE(map);
TERN_SHAPE(clamp);
TERN_SHAPE(copy);
TERN_SHAPE(concat);
TERN_SHAPE(repeat);
TERN_SHAPE(reduce);
TERN_SHAPE(argmax);
TERN_SHAPE(top_k);
TERN_SHAPE(argsort);
TERN_SHAPE(matmul_id);
TERN_SHAPE(add_id);

#endif
