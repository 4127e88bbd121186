/* SPDX-License-Identifier: MIT */
/*
 * Matrix products against weights: [norm] -> quantise -> one or more products that share
 * their activations -> [bias, residual, gated unit] -> store. One group.
 */
#ifndef TERN_LINEAR_H
#define TERN_LINEAR_H

#include "compiler/lower.h"

#define LINEAR_MAX 4 /* products that share activations */
#define TERN_NO_OP UINT32_MAX

struct linear_out {
	uint32_t matmul;   /* operator */
	uint32_t bias;	   /* BINARY ADD with a row of N, or TERN_NO_OP */
	uint32_t residual; /* BINARY ADD with a tensor of the result's shape, or TERN_NO_OP */
};

struct linear_plan {
	uint32_t norm; /* RMS_NORM or NORM whose result only these products read, or TERN_NO_OP */
	uint32_t glu;  /* GLU over out[0] (gate) and out[1] (up), or TERN_NO_OP */
	uint32_t nout;
	struct linear_out out[LINEAR_MAX];
	/* Columns [k0, k0 + klen) of the activations and weights; klen 0: all. With k0 > 0 the
	 * products are added to the result. */
	int64_t k0, klen;
};

/* Why no product has tensors of these types and strides; NULL: it may. */
const char *linear_refused(const struct tern_tensor_desc *w, const struct tern_tensor_desc *a,
			   const struct tern_tensor_desc *d);

/* MATMUL alone. */
int linear_solve(const struct tern_target *t, const struct tern_op_desc *op,
		 const struct tern_tensor_desc *tensors);
void linear_lower(struct tern_lower *l, uint32_t op);

/* Would the fused plan fit? Its operators were accepted one by one. */
bool linear_plan_fits(const struct tern_target *t, const struct tern_graph *g,
		      const struct linear_plan *p);
void linear_plan_lower(struct tern_lower *l, const struct linear_plan *p);

#endif
