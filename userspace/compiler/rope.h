/* SPDX-License-Identifier: MIT */
/*
 * [RMS_NORM] [ROPE] [SET_ROWS] as one group: normalise each head, rotate it, scatter it into
 * a cache with conversion, and keep nothing of it in memory on the way. Operators that are
 * absent are UINT32_MAX; at least one of the three is there. Each reads what the one before
 * writes, as the same view or (SET_ROWS) with heads joined into rows or permuted.
 */
#ifndef TERN_ROPE_H
#define TERN_ROPE_H

#include "compiler/lower.h"

int rope_store_solve(const struct tern_target *target, const struct tern_graph *g, uint32_t norm,
		     uint32_t rope, uint32_t set_rows);
void rope_store_lower(struct tern_lower *l, uint32_t norm, uint32_t rope, uint32_t set_rows);

#endif
