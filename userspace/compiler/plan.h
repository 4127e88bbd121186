/* SPDX-License-Identifier: MIT */
/* Which operators are lowered together. */
#ifndef TERN_PLAN_H
#define TERN_PLAN_H

#include "compiler/lower.h"

const struct tern_graph *plan_graph(const struct tern_plan *plan);

/*
 * Lower the group that begins at operator `op`, taking as many of the operators before `end` as
 * one group can hold. Returns how many; fused[i] for each of them is set to the operator
 * that carries the counters.
 */
uint32_t plan_lower(const struct tern_plan *plan, struct tern_lower *l, uint32_t op, uint32_t end,
		    uint32_t *fused);

#endif
