/* SPDX-License-Identifier: MIT */
/* Between the files that make operators. Each picks what it works on, and makes the rest fit its
 * rules. */
#ifndef TEST_RANDOM_GRAPH_OPS_H
#define TEST_RANDOM_GRAPH_OPS_H

#include "support/random_graph.h"

typedef bool (*make_fn)(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_matmul(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_matmul_id(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_add_id(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_attention(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_get_rows(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_set_rows(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_norm(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_rope(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);
bool make_soft_max(struct rg_maker *m, struct tern_op_desc *op, uint32_t x);

static const float scales[] = {1.0f, 0.5f, 2.0f, 0.125f, -1.0f, 0.0f, 1e-3f, 8.0f};

static inline float one_of(struct rg_maker *m, const float *list, unsigned int n)
{
	return list[rg_take(&m->in, n)];
}
#define ONE_OF(m, list) one_of(m, list, sizeof(list) / sizeof((list)[0]))

static inline const struct tern_tensor_desc *tensor(const struct rg_maker *m, uint32_t t)
{
	return &m->g->tensors[t];
}

/* Sizes of a source that repeats to s: per bit of `which` that dimension is 1, or a divisor. */
static inline struct rg_shape divided(struct rg_shape s, unsigned int which)
{
	for (int d = 0; d < 4; d++) {
		if (which >> d & 1) {
			s.ne[d] = 1;
			s.sym[d] = 0;
		} else if (which >> (4 + d) & 1 && !s.sym[d]) {
			s.ne[d] = s.ne[d] % 3 == 0 ? s.ne[d] / 3
				  : s.ne[d] % 2	   ? s.ne[d]
						   : s.ne[d] / 2;
		}
	}
	return s;
}

static inline struct rg_shape row_of(struct rg_shape s)
{
	return divided(s, 14);
}

static inline bool done(const struct rg_maker *m, struct tern_op_desc *op, uint32_t dst,
			uint32_t s0, uint32_t s1, uint32_t s2)
{
	(void)m;
	op->dst = dst;
	op->src[0] = s0;
	op->src[1] = s1;
	op->src[2] = s2;
	return dst != TERN_NO_TENSOR && s0 != TERN_NO_TENSOR;
}

#define NONE TERN_NO_TENSOR

#endif
