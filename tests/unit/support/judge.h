/* SPDX-License-Identifier: MIT */
/*
 * Is this the result of that operator, given these sources? For data of which nobody knows
 * beforehand how large it is or how it cancels: each element of a result has a bound of its
 * own that follows from the operands, the roundings that the types allow, and nothing else.
 * conformance_limits.c is stricter, for data that is known.
 */
#ifndef TEST_JUDGE_H
#define TEST_JUDGE_H

#include "support/ref.h"

struct judge_case {
	const struct tern_op_desc *op;
	enum tern_dtype type[TERN_MAX_SRC], dtype;
	const struct ref_tensor *src; /* TERN_MAX_SRC of them; v NULL: absent */
	/* what the destination is to hold; SET_ROWS keeps what was there */
	struct ref_tensor want;
	double *off; /* per element: how far a result may be; INFINITY: anything goes */
	bool *ends;  /* per element: binary32 may end before the result is there; it then is
		      * infinite or NaN */
};

/* want (which holds what was there) becomes the result, and off what is allowed. */
void judge_prepare(struct judge_case *c);
void judge_free(struct judge_case *c);

/* The first element that is wrong; -1: none. */
int64_t judge_result(const struct judge_case *c, const struct ref_tensor *got);

/* ---- between its files ------------------------------------------------------------------ */
typedef void (*judge_fn)(struct judge_case *c);
void judge_matmul(struct judge_case *c);
void judge_matmul_id(struct judge_case *c);
void judge_attention(struct judge_case *c);
void judge_norm(struct judge_case *c);
void judge_sum(struct judge_case *c);
void judge_soft_max(struct judge_case *c);
void judge_rope(struct judge_case *c);

/* A few roundings of binary32, or a function that is off by some units in the last place. */
#define JUDGE_FEW 0x1p-21
/* Sums of up to some ten thousand terms in any order, exp of some tens. */
#define JUDGE_MANY 0x1p-17
/* A few roundings of what is subnormal, of 2^-150 each. */
#define JUDGE_STEP 0x1p-147

bool judge_is_block(enum tern_dtype type);
/* Finite in binary32, to which blocks are decoded: the largest of MXFP4 is 6 * 2^127. */
bool judge_finite(double v);
/* Magnitude to take a part of as a bound: of infinities, and of what is as good as infinite, one
 * that is finite, and yet far beyond what any type holds when that part is taken off. */
double judge_size(double v);
/* Largest magnitude; INFINITY if one is not finite. */
double judge_peak(const struct ref_tensor *t);

#endif
