/* SPDX-License-Identifier: MIT */
/* Which operators run where, and why. */
#ifndef TERN_GRAPH_PARTITION_H
#define TERN_GRAPH_PARTITION_H

#include "compiler/compiler.h"

/* Operators [first, first + n) run as one NPU job or one after the other on the CPU. */

struct tern_segment {
	bool npu;
	uint32_t first, n;
};
struct tern_partition {
	struct tern_segment *segs;
	uint32_t nsegs;
	/* per operator: NULL on the NPU, else the reason it is not; strings below */
	const char **why;
	char **reasons;
	uint32_t nreasons;
};

/* Maximal runs of operators the solver accepts; what neither it nor the CPU kernels take is
 * -EOPNOTSUPP with both reasons. */
int tern_partition(const struct tern_target *target, const struct tern_graph *g,
		   struct tern_partition *out);
void tern_partition_fini(struct tern_partition *p);

/* For loading a saved partition: an empty one for g's operators; reasons and segments are
 * then added in order. 0 or -ENOMEM. */
int tern_partition_init(struct tern_partition *p, const struct tern_graph *g);
/* `why` NULL: the NPU. */
int tern_partition_add(struct tern_partition *p, uint32_t op, const char *why);

#endif
