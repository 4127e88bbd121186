/* SPDX-License-Identifier: MIT */
/* Between the files of graph/. */
#ifndef TERN_GRAPH_PRIV_H
#define TERN_GRAPH_PRIV_H

#include "graph/graph.h"

/* Bytes from a tensor's first to past its last element at the symbols' bounds; UINT64_MAX
 * when that overflows. */
uint64_t tern_tensor_extent(const struct tern_tensor_desc *t);
/* Exact range with the symbols known; false: overflow, or below byte 0. */
bool tern_tensor_range_at(const struct tern_tensor_desc *t, const struct tern_symbol_desc *symbols,
			  uint64_t *lo, uint64_t *hi);
/* Do the two provably share no byte, though their ranges may interleave? */
bool tern_tensor_apart(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b);
bool tern_tensor_self_overlap(const struct tern_tensor_desc *t);
/* Storage, symbols, layout and range of tensor i. */
int tern_tensor_check(const struct tern_graph_desc *g, uint32_t i);
/* Of these only what can be said without its graph: layout, and counts that overflow. */
int tern_tensor_check_alone(const struct tern_tensor_desc *tensors, uint32_t i);
#define TERN_MAX_STORAGE ((1ull << 47) - 1) /* bytes */

/* What an operator is, beside its shapes. */
struct tern_op_rule {
	const char *name;
	uint8_t min_src, max_src;	 /* sources [min, max) may be absent */
	bool in_place;			 /* element by element: the destination may be a source */
	uint64_t src[TERN_MAX_SRC], dst; /* types allowed, a bit per enum tern_dtype */
	/* NULL, or the rule that shapes or parameters break */
	const char *(*shape)(const struct tern_op_desc *op,
			     const struct tern_tensor_desc *const s[TERN_MAX_SRC],
			     const struct tern_tensor_desc *d);
};
const struct tern_op_rule *tern_op_rule(enum tern_opcode op); /* NULL: no such operator */

#endif
