// SPDX-License-Identifier: MIT
/* Splitting a graph between NPU and CPU. */
#include "graph/partition.h"
#include "cpu/cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Operators of one kind fail for one reason: looking at the last few finds it. */
#define REASONS_SEARCHED 16

int tern_partition_init(struct tern_partition *p, const struct tern_graph *g)
{
	size_t n = g->nops ? g->nops : 1;

	memset(p, 0, sizeof(*p));
	p->segs = calloc(n, sizeof(*p->segs));
	p->why = calloc(n, sizeof(*p->why));
	p->reasons = calloc(n, sizeof(*p->reasons));
	if (p->segs && p->why && p->reasons)
		return 0;
	tern_partition_fini(p);
	return tern_fail(-ENOMEM, "no memory to partition %u operators", g->nops);
}

void tern_partition_fini(struct tern_partition *p)
{
	uint32_t i;

	for (i = 0; i < p->nreasons; i++)
		free(p->reasons[i]);
	free(p->reasons);
	free(p->why);
	free(p->segs);
	memset(p, 0, sizeof(*p));
}

/* The kept copy of a reason; NULL: no memory. */
static const char *keep_reason(struct tern_partition *p, const char *why)
{
	uint32_t i, back = p->nreasons < REASONS_SEARCHED ? p->nreasons : REASONS_SEARCHED;

	for (i = p->nreasons - back; i < p->nreasons; i++) {
		if (!strcmp(p->reasons[i], why))
			return p->reasons[i];
	}
	p->reasons[p->nreasons] = strdup(why);
	return p->reasons[p->nreasons] ? p->reasons[p->nreasons++] : NULL;
}

int tern_partition_add(struct tern_partition *p, uint32_t op, const char *why)
{
	struct tern_segment *last = p->nsegs ? &p->segs[p->nsegs - 1] : NULL;

	if (why) {
		p->why[op] = keep_reason(p, why);
		if (!p->why[op])
			return tern_fail(-ENOMEM,
					 "no memory to keep why an operator is not on the NPU");
	}
	if (!last || last->npu != !why) {
		last = &p->segs[p->nsegs++];
		*last = (struct tern_segment){.npu = !why, .first = op};
	}
	last->n++;
	return 0;
}

static int place(const struct tern_target *target, const struct tern_graph *g, uint32_t op,
		 struct tern_partition *p)
{
	const struct tern_op_desc *o = &g->ops[op];
	char why[512], label[160];

	if (!tern_solve(target, o, g->tensors))
		return tern_partition_add(p, op, NULL);
	snprintf(why, sizeof(why), "%s", tern_last_error());
	if (!tern_cpu_supported(o, g->tensors))
		return tern_partition_add(p, op, why);
	return tern_fail(-EOPNOTSUPP, "operator %s runs nowhere. NPU: %s. CPU: %s",
			 tern_op_label(g, op, label, sizeof(label)), why, tern_last_error());
}

int tern_partition(const struct tern_target *target, const struct tern_graph *g,
		   struct tern_partition *out)
{
	uint32_t i;
	int ret = tern_partition_init(out, g);

	for (i = 0; i < g->nops && !ret; i++)
		ret = place(target, g, i, out);
	if (ret)
		tern_partition_fini(out);
	return ret;
}
