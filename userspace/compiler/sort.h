/* SPDX-License-Identifier: MIT */
/*
 * Sorting: between sort.c (rows that fit the scratchpad) and sort_long.c (those that do not).
 * Private.
 *
 * Both are bitonic networks (Batcher, "Sorting networks and their applications", 1968) over the
 * row padded to a power of two. Padding is infinite and must stay behind the row, so infinite
 * keys become the largest finite ones.
 */
#ifndef TERN_SORT_H
#define TERN_SORT_H

#include "compiler/rows.h"

/* Steps of CMPX in one micro-program: each is a loop of its own. */
enum { SORT_STEPS = 80, SORT_PROGRAMS = 3 };

/* row_kernel.extra of the kernels here. */
struct sort_order {
	bool largest_first;
};

bool sort_descends(const struct tern_op_desc *op);
/* What the row is padded with, and the largest or smallest of its keys. */
float sort_end(bool largest_first);
float sort_limit(bool largest_first);
const struct sort_order *sort_order(bool largest_first);
int sort_log2(int64_t n);
/* The steps that sort rows of 2^log2 keys with their payload, in place. */
void sort_add_network(struct row_kernel *k, unsigned int keys, unsigned int payload, int log2);
/* The last log2 of them: a bitonic row is sorted. */
void sort_add_merge(struct row_kernel *k, unsigned int keys, unsigned int payload);

/* ---- long rows ------------------------------------------------------------------------------ */
/* What the passes over a long row share. */
struct sort_long {
	const struct tern_op_desc *op;
	const struct tern_tensor_desc *x, *d;
	int64_t rows;
	int log2, chunk_log2;
	bool down;
	struct tern_lower *l;
	uint32_t mark;
	int64_t keys, payload; /* scratch offsets */
	int32_t *base;	       /* first element of each chunk */
};

/* The kernels of the passes. t[]: tensors they point to, room that lives as long as they do. */
void sort_copy_in(const struct sort_long *s, struct row_kernel *k, struct tern_tensor_desc *t);
void sort_copy_out(const struct sort_long *s, struct row_kernel *k, struct tern_tensor_desc *t);
/* `count` chunks from number `first`, every other one, are sorted; of each the first n elements
 * are keys. */
void sort_chunk_kernel(const struct sort_long *s, struct row_kernel *k,
		       struct tern_tensor_desc t[3], int64_t first, int64_t count, int64_t n);
/* Chunks behind the row are filled. */
void sort_pad_kernel(const struct sort_long *s, struct row_kernel *k, struct tern_tensor_desc t[2],
		     int64_t first, int64_t count);
/* Halves of a block's stretches of 2^(distance + 1) are compared; `odd`: of the blocks that are
 * sorted the other way. */
void sort_exchange_kernel(const struct sort_long *s, struct row_kernel *k,
			  struct tern_tensor_desc t[2], int block, int distance, bool odd);
/* What is left of a block's steps, chunk by chunk. */
void sort_merge_kernel(const struct sort_long *s, struct row_kernel *k,
		       struct tern_tensor_desc t[2], int block, bool odd);

/* Rows of any length, through scratch. -EOPNOTSUPP with the reason. */
int sort_long_solve(const struct tern_target *t, const struct tern_op_desc *op,
		    const struct tern_tensor_desc *tensors);
void sort_long_lower(struct tern_lower *l, uint32_t op);

#endif
