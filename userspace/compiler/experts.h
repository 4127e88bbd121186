/* SPDX-License-Identifier: MIT */
/*
 * MATMUL_ID: each row of activations times the matrix of the expert that its number names.
 * The numbers are data, so the command processor reads them, in one of two forms: pair by
 * pair (experts.c), or all rows of an expert together (experts_lists.c).
 */
#ifndef TERN_EXPERTS_H
#define TERN_EXPERTS_H

#include "compiler/linear_emit.h"

int experts_solve(const struct tern_target *t, const struct tern_op_desc *op,
		  const struct tern_tensor_desc *tensors);
void experts_lower(struct tern_lower *l, uint32_t op);

/* ---- between experts.c and experts_lists.c ------------------------------------------ */
/* Token t's row for its u-th expert is row t * step + u, or t * step if there is but one. */
struct experts_rows {
	int64_t stride; /* bytes from row to row */
	int64_t step;
	int64_t n;
};

struct experts_shape {
	int64_t used, tokens, experts; /* at their bounds */
	struct experts_rows a, d;
	bool shared; /* one row of activations for all experts of a token */
};

/* Tokens that are sorted at a time, and what their lists take of the scratchpad. */
struct experts_chunk {
	int64_t tokens;
	uint32_t row;	/* bytes of a number per pair, to a boundary of 64 */
	uint64_t bytes; /* of all lists */
};
/* Of at most so many tokens. false: the pairs of one do not fit. */
bool experts_chunk(const struct tern_caps *caps, const struct experts_shape *s, int64_t most,
		   struct experts_chunk *out);

struct experts {
	struct linear x;
	struct linear_plan plan;
	struct experts_shape s;
	struct experts_chunk chunk;
	const struct tern_tensor_desc *w, *ids;
	struct tern_tensor_desc a; /* activations, one row below the other */
	unsigned int ids_base;	   /* argument registers */
	struct tern_dim tokens;
};

/* Experts' numbers of `tokens` tokens to SPM, one after another; offs: bytes of the first. */
void experts_load_ids(struct experts *e, struct tern_val to, unsigned int offs,
		      struct tern_val tokens, const struct tern_sync *sync);
void experts_lists(struct experts *e);

#endif
