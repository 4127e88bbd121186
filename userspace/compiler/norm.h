/* SPDX-License-Identifier: MIT */
/* Norms: steps for row kernels, alone or behind an addition, before a rotation. */
#ifndef TERN_NORM_H
#define TERN_NORM_H

#include "compiler/rows.h"

/* Where a norm finds its operands, as tile numbers of the step; TERN_NONE: absent. */
struct norm_tiles {
	uint8_t x, y, scale, bias;
	bool quantise; /* y is an ACT tile */
};
enum { NORM_STATES = 2 };
/* State registers: sums of the row. Norms of rows that fit and of streamed rows differ only in
 * where these live between steps. */
void norm_sum(struct vprog *p, const struct tern_op_desc *op, unsigned int x);
/* NORM alone: sum of squared differences from the mean. */
void norm_spread(struct vprog *p, const struct row_kernel *k, unsigned int x);
void norm_apply(struct vprog *p, const struct row_kernel *k, const struct tern_op_desc *op,
		const struct norm_tiles *t);

/*
 * BINARY ADD whose result the norm reads: sum and norm of it in one pass over memory. The sum
 * is stored too if `keep`.
 */
int add_norm_solve(const struct tern_target *target, const struct tern_graph *g, uint32_t add,
		   uint32_t norm, bool keep);
void add_norm_lower(struct tern_lower *l, uint32_t add, uint32_t norm, bool keep);

#endif
