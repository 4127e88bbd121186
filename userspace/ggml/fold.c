// SPDX-License-Identifier: MIT
/*
 * ggml multiplies and adds after a norm where Tern's norm has a scale and a bias: the second node
 * goes into the first if nobody else reads what lies between.
 */
#include "ggml/capture.h"

/* Which source of the norm does the operator that follows it become? 0: none. */
static int source_of(const struct tern_op_desc *norm, const struct tern_op_desc *next)
{
	bool scales = norm->op == TERN_RMS_NORM || norm->op == TERN_NORM;

	if (next->op != TERN_BINARY || !scales || next->src[0] != norm->dst ||
	    norm->src[2] != TERN_NO_TENSOR)
		return 0;
	if (next->i[0] == TERN_MUL && norm->src[1] == TERN_NO_TENSOR)
		return 1;
	return next->i[0] == TERN_ADD && norm->op == TERN_NORM ? 2 : 0;
}

void capture_fold(struct capture *c, const struct graph_access *access)
{
	struct tern_op_desc *norm, *next, folded;
	const struct ggml_tensor *between;
	const struct inner_entry *inner;
	int source;

	if (c->nops < 2)
		return;
	norm = &c->ops[c->nops - 2];
	next = &c->ops[c->nops - 1];
	source = source_of(norm, next);
	between = c->nodes[c->nops - 2];
	if (!source || between->view_src)
		return;
	inner = inner_look_up(&c->inner, access, between);
	if (!inner || inner->seen != 1)
		return;
	folded = *norm;
	folded.src[source] = next->src[1];
	folded.dst = next->dst;
	if (tern_op_supported(c->dev, &folded, c->tensors))
		return;
	*norm = folded;
	c->nodes[c->nops - 2] = c->nodes[c->nops - 1];
	c->nops--;
}
