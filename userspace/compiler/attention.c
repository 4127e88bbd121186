// SPDX-License-Identifier: MIT
/*
 * Streaming soft-max attention (online soft-max of Milakov and Gimelshein, arXiv:1805.02867,
 * tiled as in FlashAttention, arXiv:2205.14135).
 *
 * The heads that share a key head are rows of one matrix: a tile is `tt` tokens of r heads,
 * M = r * tt rows. For each chunk of `pc` cached positions:
 *
 *	MATRIX S = Q K^T;  VECTOR m, l, corr and P = exp(S - m);  MATRIX T = P V;
 *	VECTOR O = O * corr + T
 *
 * and O / l at the end; the first chunk has no O to add to, and if it is the only one, O is never
 * made. S of the next chunk is issued before P V of this one, so that
 * MATRIX works while VECTOR does the soft-max. Chunks that the causal mask or the window
 * hides altogether are not visited.
 */
#include <errno.h>

#include "compiler/alibi.h"
#include "compiler/attention_emit.h"
#include "compiler/rows.h"

enum { MAX_ROWS = 64, MAX_CHUNK = 512, MIN_CHUNK = 32 };

/* ---- what fits --------------------------------------------------------------- */
/* What a cache's type is multiplied as. BF16 holds all that MXFP4 can say; most of its scales are
 * beyond F16, which would make 0 or infinity of them. */
static unsigned int matrix_type(enum tern_dtype type)
{
	if (type == TERN_F32)
		return TERN_T_F32;
	return type == TERN_BF16 || type == TERN_MXFP4 ? TERN_T_BF16 : TERN_T_F16;
}

static uint64_t al(uint64_t v)
{
	return (v + 63) / 64 * 64;
}

static uint64_t need(const struct tern_op_desc *op, const struct tern_tensor_desc *tensors,
		     const struct attention_fit *f)
{
	int64_t dk = tensors[op->src[0]].ne[0], dv = tensors[op->dst].ne[0], m = f->r * f->tt;
	uint64_t n = 0;

	n += 2 * al((uint64_t)(m * dk * 4)) + 2 * al((uint64_t)(m * dk * attention_elem(f->kt)));
	n += 2 * al((uint64_t)(f->pc * dk * attention_elem(f->kt))) +
	     2 * al((uint64_t)(f->pc * dv * attention_elem(f->vt)));
	n += 2 * al((uint64_t)(m * f->pc * 4)) +
	     2 * al((uint64_t)(m * f->pc * attention_elem(f->vt)));
	n += 5 * al((uint64_t)(m * dv * 4)) + 3 * al((uint64_t)(4 * m)) +
	     2 * al((uint64_t)(4 * f->r));
	if (op->src[3] != TERN_NO_TENSOR)
		n += 2 * al((uint64_t)(f->pc * f->tt * f->mr *
				       attention_elem(tensors[op->src[3]].type)));
	return n;
}

static bool fit(const struct tern_caps *caps, const struct tern_op_desc *op,
		const struct tern_tensor_desc *tensors, struct attention_fit *f)
{
	const struct tern_tensor_desc *q = &tensors[op->src[0]], *k = &tensors[op->src[1]];

	f->kt = matrix_type(k->type);
	f->vt = matrix_type(tensors[op->src[2]].type);
	f->r = q->ne[2] / k->ne[2];
	f->mr = op->src[3] != TERN_NO_TENSOR && tensors[op->src[3]].ne[2] > 1 ? f->r : 1;
	f->tt = MAX_ROWS / f->r > 0 ? MAX_ROWS / f->r : 1;
	if (f->tt > q->ne[1])
		f->tt = q->ne[1];
	f->pc = MAX_CHUNK;
	while (need(op, tensors, f) > lower_spm_local(caps)) {
		if (f->pc > MIN_CHUNK && f->pc * 2 > f->r * f->tt)
			f->pc /= 2;
		else if (f->tt > 1)
			f->tt /= 2;
		else if (f->pc > 1)
			f->pc /= 2;
		else
			return false;
	}
	return true;
}

static bool loadable(enum tern_dtype type)
{
	const struct tern_type_info *i = tern_type_info(type);

	return i && (i->kind == TERN_KIND_BLOCK || type == TERN_F32 || type == TERN_F16 ||
		     type == TERN_BF16);
}

/* The heads that share a key head see either one mask or masks that follow each other. */
static bool mask_ok(const struct tern_tensor_desc *mask, const struct tern_tensor_desc *q,
		    const struct tern_tensor_desc *k)
{
	if (!row_sizes_ok(mask) || (mask->type != TERN_F16 && mask->type != TERN_F32))
		return false;
	if (mask->ne_sym[2] || mask->ne_sym[3] || q->ne[3] % mask->ne[3])
		return false;
	return mask->ne[2] == 1 || mask->ne[2] % (q->ne[2] / k->ne[2]) == 0;
}

int attention_solve(const struct tern_target *t, const struct tern_op_desc *op,
		    const struct tern_tensor_desc *ts)
{
	const struct tern_tensor_desc *q = &ts[op->src[0]], *k = &ts[op->src[1]],
				      *v = &ts[op->src[2]], *d = &ts[op->dst];
	struct attention_fit f;

	if (!row_sizes_ok(q) || !row_sizes_ok(k) || !row_sizes_ok(v) || !row_sizes_ok(d))
		return row_bad_sizes(op);
	if (!loadable(k->type) || !loadable(v->type) || q->type != TERN_F32 || d->type != TERN_F32)
		return tern_fail(-EOPNOTSUPP, "ATTENTION: q and the result must be F32, k and v a "
					      "type LOAD decodes");
	if (q->ne_sym[0] || q->ne_sym[2] || q->ne_sym[3] || k->ne_sym[2] || k->ne_sym[3])
		return tern_fail(-EOPNOTSUPP,
				 "ATTENTION: only tokens and positions may be symbolic");
	if (q->ne[3] != k->ne[3] || q->ne[3] != v->ne[3] || q->ne[2] % k->ne[2] ||
	    v->ne[2] != k->ne[2])
		return tern_fail(-EOPNOTSUPP, "ATTENTION: heads and batches of k and v must match");
	if (op->f[TERN_ATTENTION_F_MAX_BIAS] != 0.0f && q->ne[2] > ALIBI_MAX_HEADS)
		return tern_fail(-EOPNOTSUPP, "ATTENTION: ALiBi with more than %d heads",
				 ALIBI_MAX_HEADS);
	if (op->src[3] != TERN_NO_TENSOR && !mask_ok(&ts[op->src[3]], q, k))
		return tern_fail(-EOPNOTSUPP,
				 "ATTENTION: the mask must be F16 or F32, of fixed heads and "
				 "batches, and as many heads as share a key head, or one");
	if (!fit(&t->caps, op, ts, &f))
		return tern_fail(-EOPNOTSUPP, "ATTENTION: heads of %lld do not fit the scratchpad",
				 (long long)q->ne[0]);
	if (tern_tensor_overlap(d, q) || tern_tensor_overlap(d, k) || tern_tensor_overlap(d, v))
		return tern_fail(-EOPNOTSUPP, "ATTENTION: the result overlaps a source");
	return 0;
}

/* ---- loops over batches, key heads and tokens ------------------------------------------------ */
static void emit_tokens(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_val count = lower_calc(l, TERN_ALU_CDIV, x->nt.v, imm(x->f.tt));
	struct lower_loop loop;

	lower_mov(l, x->tleft, x->nt.v);
	lower_mov(l, x->q_off, reg(x->h_q));
	lower_mov(l, x->d_off, reg(x->h_d));
	lower_mov(l, x->limit, x->n.v);
	lower_alu(l, TERN_ALU_SUB, x->limit, x->limit, x->nt.v);
	if (x->mask) {
		lower_mov(l, x->b_m, reg(x->mask_head));
		lower_alu(l, TERN_ALU_ADD, x->b_m, x->b_m, reg(x->mask_batch));
	}
	loop = lower_loop_begin(l, count);
	lower_alu(l, TERN_ALU_MIN, x->tcur, x->tleft, imm(x->f.tt));
	lower_alu(l, TERN_ALU_MUL, x->rows, x->tcur, imm(x->f.r));
	attention_token_tile(x);
	lower_alu(l, TERN_ALU_SUB, x->tleft, x->tleft, imm(x->f.tt));
	lower_alu(l, TERN_ALU_ADD, x->limit, x->limit, imm(x->f.tt));
	lower_alu(l, TERN_ALU_ADD, x->q_off, x->q_off, imm(x->f.tt * (int64_t)x->q->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->d_off, x->d_off, imm(x->f.tt * (int64_t)x->d->nb[2]));
	if (x->mask)
		lower_alu(l, TERN_ALU_ADD, x->b_m, x->b_m, imm(x->f.tt * (int64_t)x->mask->nb[1]));
	lower_loop_end(l, &loop);
}

/* What this key head's heads have a value each of: sinks, slopes. */
static void load_per_head(struct attention *x)
{
	const struct per_head *in[] = {&x->sink, &x->slope};
	struct tern_sync s = {0}, wait = {0};
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		if (!in[i]->on)
			continue;
		/* all credits: there is one slot, and the head before must be done with it */
		s = (struct tern_sync){0};
		if (!n++)
			sync_wait(&s, pipe_free(PIPE_ONCE), 2);
		sync_signal(&s, pipe_full(PIPE_ONCE), 1);
		tern_emit_load(&x->l->code, true, in[i]->t, in[i]->t_mem, TERN_NONE, NULL, NULL,
			       &s);
	}
	if (!n)
		return;
	sync_wait(&wait, pipe_full(PIPE_ONCE), n);
	tern_emit_sync(&x->l->code, TERN_Q_VECTOR, &wait);
}

static void free_per_head(struct attention *x)
{
	struct tern_sync s = {0};

	if (!x->sink.on && !x->slope.on)
		return;
	sync_signal(&s, pipe_free(PIPE_ONCE), 2);
	tern_emit_sync(&x->l->code, TERN_Q_VECTOR, &s);
}

/* The next of a mask's heads or batches, from the first again after the last. */
static void next_mask(struct attention *x, unsigned int off, int dim, int64_t step)
{
	if (!x->mask || x->mask->ne[dim] == 1)
		return;
	tern_emit_ring(&x->l->code, off, step * (int64_t)x->mask->nb[dim], 0,
		       x->mask->ne[dim] * (int64_t)x->mask->nb[dim]);
}

static void emit_heads(struct attention *x)
{
	struct tern_lower *l = x->l;
	int64_t r = x->f.r;
	struct lower_loop batch, head;

	for (int i = 0; i < 5; i++)
		lower_mov(
			l,
			((unsigned int[]){x->h_q, x->kh_off, x->vh_off, x->h_d, x->mask_batch})[i],
			imm(0));
	batch = lower_loop_begin(l, imm(x->q->ne[3]));
	lower_mov(l, x->sink.off, imm(0));
	lower_mov(l, x->slope.off, imm(0));
	lower_mov(l, x->mask_head, imm(0));
	head = lower_loop_begin(l, imm(x->k->ne[2]));
	load_per_head(x);
	emit_tokens(x);
	free_per_head(x);
	lower_alu(l, TERN_ALU_ADD, x->h_q, x->h_q, imm(r * (int64_t)x->q->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->kh_off, x->kh_off, imm((int64_t)x->k->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->vh_off, x->vh_off, imm((int64_t)x->v->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->h_d, x->h_d, imm(r * (int64_t)x->d->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->sink.off, x->sink.off, imm(r * x->sink.stride));
	lower_alu(l, TERN_ALU_ADD, x->slope.off, x->slope.off, imm(r * x->slope.stride));
	next_mask(x, x->mask_head, 2, r);
	lower_loop_end(l, &head);
	/* from the end of this batch's heads to the next batch */
	lower_alu(l, TERN_ALU_ADD, x->h_q, x->h_q,
		  imm((int64_t)x->q->nb[3] - x->q->ne[2] * (int64_t)x->q->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->kh_off, x->kh_off,
		  imm((int64_t)x->k->nb[3] - x->k->ne[2] * (int64_t)x->k->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->vh_off, x->vh_off,
		  imm((int64_t)x->v->nb[3] - x->v->ne[2] * (int64_t)x->v->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->h_d, x->h_d,
		  imm((int64_t)x->d->nb[3] - x->d->ne[1] * (int64_t)x->d->nb[1]));
	next_mask(x, x->mask_batch, 3, 1);
	lower_loop_end(l, &batch);
}

void attention_lower(struct tern_lower *l, uint32_t op)
{
	const struct tern_op_desc *o = &l->g->ops[op];
	const struct tern_tensor_desc *ts = l->g->tensors;
	struct attention x = {
		.l = l,
		.op = o,
		.q = &ts[o->src[0]],
		.k = &ts[o->src[1]],
		.v = &ts[o->src[2]],
		.mask = o->src[3] == TERN_NO_TENSOR ? NULL : &ts[o->src[3]],
		.sinks = o->src[4] == TERN_NO_TENSOR ? NULL : &ts[o->src[4]],
		.d = &ts[o->dst],
		.causal = o->i[TERN_ATTENTION_I_CAUSAL],
		.window = o->i[TERN_ATTENTION_I_WINDOW],
	};

	if (!fit(l->caps, o, ts, &x.f)) {
		l->err = -ENOSPC;
		return;
	}
	x.sink.on = x.sinks;
	x.sink.stride = x.sinks ? (int64_t)x.sinks->nb[0] : 0;
	x.slope.stride = sizeof(float);
	x.slope.on = o->f[TERN_ATTENTION_F_MAX_BIAS] > 0.0f;
	lower_group_begin(l, op);
	attention_set_up(&x);
	emit_heads(&x);
	lower_group_end(l);
}
