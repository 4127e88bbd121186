/* SPDX-License-Identifier: MIT */
/* A linear group while it is emitted: shared by linear.c, linear_fill.c, linear_step.c, experts*.c. */
#ifndef TERN_LINEAR_EMIT_H
#define TERN_LINEAR_EMIT_H

#include "compiler/linear_fit.h"

struct batch_level {
	struct tern_val count;
	int64_t step[3]; /* bytes added to the offsets of a, w, d by one turn */
};

enum { OFF_A, OFF_W, OFF_D, NOFFS };

/* Rows that do not follow each other: lists in SPM say which row of the activations each row of
 * the product is made of, and which row of the result it is. */
struct row_list {
	bool on;
	unsigned int slot;	    /* register: the lists of the product under way */
	uint32_t src, dst;	    /* where in a slot they begin */
	int64_t src_rows, dst_rows; /* what they count: rows in memory, from the offsets on */
	unsigned int fill, store;   /* registers: place in the lists, from the slot on */
	uint8_t t_src, t_dst;
};

struct linear {
	struct tern_lower *l;
	const struct linear_plan *p;
	struct linear_fit f;
	const struct tern_op_desc *norm, *glu;
	const struct tern_tensor_desc *a, *d; /* activations as loaded, first result */
	int64_t k;			      /* columns of activations and weights */
	struct tern_dim m;
	struct batch_level batch[4];
	struct row_list list;
	unsigned int off[NOFFS]; /* registers: byte offsets of the current batch */
	bool batched;

	/* argument registers */
	unsigned int a_base, norm_w, norm_b;
	int64_t d_stride[LINEAR_MAX]; /* bytes from row to row of a result */
	unsigned int w_base[LINEAR_MAX], d_base[LINEAR_MAX], bias[LINEAR_MAX], res[LINEAR_MAX];
	struct tern_dim n[LINEAR_MAX];

	struct lower_pipe in, act, c, out, bias_pipe, res_pipe;
	uint32_t once;
	bool const_w;		  /* weights nothing writes: LOAD0 and the ring */
	struct lower_pipe w_pipe; /* otherwise */

	/* fill state */
	unsigned int fill_left, fill_off, fill_dst, fill_rows;
	/* step state */
	unsigned int rows, mleft, d_row, nleft, ncur, w_off, d_off, b_off, part_reg;
	uint8_t t_in_mem, t_in, t_in_v, t_act_w, t_norm_w, t_norm_b;
	uint8_t t_act, t_w_mem, t_w_spm, t_w, t_c, t_cv[2], t_out_v, t_out, t_d, t_bias_mem, t_bias,
		t_bias_v, t_res_mem, t_res, t_res_v;
	uint8_t t_c_store;
};

static inline const struct tern_tensor_desc *tensor(const struct linear *x, uint32_t t)
{
	return &x->l->g->tensors[t];
}

static inline const struct tern_op_desc *op_of(const struct tern_lower *l, uint32_t op)
{
	return op == TERN_NO_OP ? NULL : &l->g->ops[op];
}

/* The tensor that output j of the plan ends in. */
static inline uint32_t result_tensor(const struct tern_graph *g, const struct linear_plan *p,
				     uint32_t j)
{
	const struct linear_out *o = &p->out[j];

	if (p->glu != TERN_NO_OP)
		return g->ops[p->glu].dst;
	if (o->residual != TERN_NO_OP)
		return g->ops[o->residual].dst;
	if (o->bias != TERN_NO_OP)
		return g->ops[o->bias].dst;
	return g->ops[o->matmul].dst;
}

static inline uint32_t steps_of(const struct linear_plan *p)
{
	return p->glu != TERN_NO_OP ? 1 : p->nout;
}

static inline bool has_epilogue(const struct linear_plan *p)
{
	bool any = p->glu != TERN_NO_OP || p->k0 > 0;

	for (uint32_t j = 0; j < p->nout; j++)
		any |= p->out[j].bias != TERN_NO_OP || p->out[j].residual != TERN_NO_OP;
	return any;
}

/* The bias of product j, which the first slice of k adds. */
static inline uint32_t bias_of(const struct linear_plan *p, uint32_t j)
{
	return p->k0 > 0 ? TERN_NO_OP : p->out[j].bias;
}

/* The tensor that is added to product j, or TERN_NO_TENSOR: a residual, or the slices of k before. */
static inline uint32_t addend(const struct tern_graph *g, const struct linear_plan *p, uint32_t j)
{
	if (p->k0 > 0)
		return result_tensor(g, p, j);
	return p->out[j].residual == TERN_NO_OP ? TERN_NO_TENSOR
						: g->ops[p->out[j].residual].src[1];
}

static inline struct tern_val reg(unsigned int r)
{
	return tern_reg(r);
}

/* The resources of a group whose fit and dimensions are known; then its tiles. */
void linear_args(struct linear *x);
void linear_begin(struct linear *x);
/* All tiles of x->m rows, from the offsets on. */
void linear_row_tiles(struct linear *x);

/* A 2-D tile: `cols` x `rows`. */
uint8_t linear_tile(struct linear *x, unsigned int type, bool spm, struct tern_val addr,
		    struct tern_val offs, struct tern_val cols, struct tern_val rows,
		    int64_t stride1);

/* linear_fill.c: activations. fill_begin takes the register that holds the rows left. */
void linear_fill_tiles(struct linear *x);
void linear_load_norm(struct linear *x);
void linear_release_norm(struct linear *x);
void linear_fill_begin(struct linear *x, unsigned int rows_left);
void linear_fill_some(struct linear *x);
void linear_fill_finish(struct linear *x);

/* linear_step.c: all weight tiles of product j against the current activations. */
void linear_step_tiles(struct linear *x);
void linear_columns(struct linear *x, uint32_t j);

#endif
