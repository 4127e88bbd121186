// SPDX-License-Identifier: MIT
/*
 * MATMUL_ID: rows of the destination put in the order of the experts that they name, so that a
 * product per expert reads its weights once. The products are matmul.c's.
 */
#include "kernels.h"
#include "matmul.h"

#include <errno.h>
#include <string.h>

int tern_cpu_check_matmul_id(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *w = &op->src[0], *x = &op->src[1], *ids = &op->src[2],
				     *d = op->dst;

	if (w->ne[0] != x->ne[0])
		return tern_cpu_refuse(op, "rows of one length in s0 and s1");
	if (w->ne[3] != 1 || x->ne[3] != 1 || ids->ne[2] != 1 || ids->ne[3] != 1)
		return tern_cpu_refuse(op, "three dimensions in s0 and s1, two in s2");
	if (ids->ne[0] % x->ne[1] || ids->ne[1] != x->ne[2])
		return tern_cpu_refuse(op, "an index for each row of s1, or several");
	if (d->ne[0] != w->ne[1] || d->ne[1] != ids->ne[0] || d->ne[2] != ids->ne[1] ||
	    d->ne[3] != 1)
		return tern_cpu_refuse(op, "a destination of rows(s0) x indices(s2)");
	return 0;
}

size_t tern_gather_bytes(int64_t rows, int64_t experts)
{
	return (size_t)(2 * rows + 3 * experts + 1) * sizeof(int64_t);
}

/* Indices as they are at this moment, since whoever shares their memory may change them. */
static int read_ids(const struct tern_cpu_tensor *ids, int64_t experts, int64_t *id, int64_t *count)
{
	for (int64_t t = 0; t < ids->ne[1]; t++) {
		const char *row = tern_row(ids, t, 0, 0);

		for (int64_t u = 0; u < ids->ne[0]; u++, id++) {
			*id = tern_load_index(ids, row, u);
			if (*id < 0 || *id >= experts)
				return tern_fail(-EINVAL, "There is no expert %lld, only %lld.",
						 (long long)*id, (long long)experts);
			count[*id]++;
		}
	}
	return 0;
}

int tern_gather(const struct tern_cpu_tensor *ids, int64_t experts, void *memory,
		struct tern_gather *out)
{
	const int64_t rows = ids->ne[0] * ids->ne[1];
	int64_t *id = memory, *next = id + rows, used = 0, before = 0;
	int rc;

	out->row = next + experts;
	out->matrix = out->row + rows;
	out->first = out->matrix + experts;
	memset(next, 0, (size_t)experts * sizeof(*next));
	rc = read_ids(ids, experts, id, next);
	if (rc)
		return rc;
	for (int64_t e = 0; e < experts; e++) {
		const int64_t count = next[e];

		next[e] = before;
		if (!count)
			continue;
		out->matrix[used] = e;
		out->first[used++] = before;
		before += count;
	}
	out->first[used] = rows;
	out->matrices = used;
	for (int64_t row = 0; row < rows; row++)
		out->row[next[id[row]]++] = row;
	return 0;
}

int tern_cpu_matmul_id(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	return tern_cpu_product(cpu, op, &op->src[2]);
}
