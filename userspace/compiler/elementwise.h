/* SPDX-License-Identifier: MIT */
/* Functions of one element as short lists of micro-instructions, for every lowering that
 * applies one. */
#ifndef TERN_ELEMENTWISE_H
#define TERN_ELEMENTWISE_H

#include "compiler/lower.h"

/* Number of V registers, from `v`, and of S registers, from `s`, that a function uses. */
enum { FN_V = 3, FN_S = 2 };

/* Outside LANES: constants into S registers s, s + 1. */
void fn_constants(struct vprog *p, enum tern_unary fn, unsigned int s);
/* Inside LANES: V[v] = fn(V[v]); uses V[v + 1], V[v + 2]. */
void fn_apply(struct vprog *p, enum tern_unary fn, unsigned int v, unsigned int s);
/* Is a gated unit fn(gate) * up, and which function? Others clamp both first. */
bool glu_is_plain(enum tern_glu glu);
enum tern_unary fn_of_glu(enum tern_glu glu);

#endif
