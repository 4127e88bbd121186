/* SPDX-License-Identifier: MIT */
/* What the parameters of ROPE say of a pair: for whoever computes angles. */
#ifndef TERN_GRAPH_ROPE_H
#define TERN_GRAPH_ROPE_H

#include "graph/graph.h"

enum {
	TERN_ROPE_NORMAL = 0,
	TERN_ROPE_NEOX = 2,
	TERN_ROPE_SECTIONS = 8,
	TERN_ROPE_VISION = 24,
	TERN_ROPE_INTERLEAVED = 40,
	TERN_ROPE_POSITIONS = 4, /* of a token, in the modes with sections */
};

bool tern_rope_mode_known(int32_t mode);
/* Has a token's position a component per section? */
bool tern_rope_sections(const struct tern_op_desc *op);
/* Are a pair's elements as far apart as there are pairs, instead of neighbours? */
bool tern_rope_halves(const struct tern_op_desc *op);
int64_t tern_rope_pairs(const struct tern_op_desc *op);
/* Component of the position that turns the pair. */
unsigned int tern_rope_section(const struct tern_op_desc *op, int64_t pair);
/* Radians per position, YaRN's mixture included, divisors not. */
double tern_rope_rate(const struct tern_op_desc *op, int64_t pair);
/* Cosines and sines are multiplied by this. */
double tern_rope_magnitude(const struct tern_op_desc *op);

#endif
