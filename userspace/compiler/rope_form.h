/* SPDX-License-Identifier: MIT */
/*
 * Ways to rotate, and what each needs. Between rope.c (operators), rope_form.c (tables and the
 * choice) and rope_steps.c (micro-programs). Private.
 *
 * A VECTOR row costs a few cycles whatever its length, and a head is often shorter than the
 * lanes. So where heads lie side by side, all heads of a token are one row, and cosines and
 * sines, computed once per token, are gathered by tables of element numbers:
 *
 *	HEADS	a row per head; x_0 and x_1 of the pairs are tiles of their own
 *	PAIRS	a row per token, over pairs: neighbours that fill the head
 *	ROWS	a row per token, over elements: y = x * c[i] + x[partner] * s[i], or y = x where
 *		nothing is rotated
 */
#ifndef TERN_ROPE_FORM_H
#define TERN_ROPE_FORM_H

#include "compiler/rows.h"
#include "graph/rope.h"

enum rope_form { ROPE_HEADS, ROPE_PAIRS, ROPE_ROWS, ROPE_FORMS };
enum { ROPE_MAX_PAIRS = 512 };

/* Rows of the table of constants, each as long as a token's row of angles. */
enum rope_constant {
	ROPE_INV,	/* angle per position */
	ROPE_SECTION,	/* which component of the position (i32 bits); modes with sections */
	ROPE_COS_SCALE, /* ROWS alone, from here */
	ROPE_SIN_SCALE,
	ROPE_PAIR, /* number of the pair, for divisors (i32 bits) */
	ROPE_CONSTANTS,
};
/* Rows of the table of element numbers, each as long as a token's joined row. */
enum rope_index {
	ROPE_ANGLE,   /* which of the token's angles */
	ROPE_PARTNER, /* ROWS alone, from here */
	ROPE_TURNS,   /* is it rotated? Only if some are not */
	ROPE_INDICES,
};

/* Buffers of a chain [norm] [rope] [set]; 0 is x. */
struct rope_chain {
	const struct tern_op_desc *norm, *rope, *set; /* or NULL */
	const struct tern_tensor_desc *ts;
	enum rope_form form;
	int64_t head, heads; /* elements, number; heads 0: symbolic */
	unsigned int pos, constants, index, divisor, scale, out, cos, sin, normed;
};

struct rope_tables {
	float *constants, *index; /* NULL in solvers */
};

/* rope_form.c */
enum rope_form rope_best_form(const struct tern_caps *caps, const struct rope_chain *c);
int64_t rope_angles(const struct rope_chain *c);	 /* of a token */
int64_t rope_row(const struct rope_chain *c);		 /* elements of a rotated row */
unsigned int rope_constants(const struct rope_chain *c); /* rows of the table */
unsigned int rope_indices(const struct rope_chain *c);
bool rope_has_rest(const struct rope_chain *c); /* elements of a head that are not rotated */
int rope_tables_init(struct rope_tables *t, const struct rope_chain *c); /* 0 or -ENOMEM */
void rope_tables_fini(struct rope_tables *t);
/* rope_steps.c */
void rope_add_steps(struct row_kernel *k, const struct rope_chain *c);

#endif
