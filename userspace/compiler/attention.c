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

#include "compiler/attention_emit.h"
#include "compiler/rows.h"

enum { MAX_ROWS = 64, MAX_CHUNK = 512, MIN_CHUNK = 32 };

static int64_t elem(unsigned int type)
{
	return tern_type_info(type)->bytes;
}

/* ---- what fits --------------------------------------------------------------- */
static unsigned int matrix_type(enum tern_dtype type)
{
	return type == TERN_F32 ? TERN_T_F32 : type == TERN_BF16 ? TERN_T_BF16 : TERN_T_F16;
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

	n += 2 * al((uint64_t)(m * dk * 4)) + 2 * al((uint64_t)(m * dk * elem(f->kt)));
	n += 2 * al((uint64_t)(f->pc * dk * elem(f->kt))) +
	     2 * al((uint64_t)(f->pc * dv * elem(f->vt)));
	n += 2 * al((uint64_t)(m * f->pc * 4)) + 2 * al((uint64_t)(m * f->pc * elem(f->vt)));
	n += 5 * al((uint64_t)(m * dv * 4)) + 3 * al((uint64_t)(4 * m)) +
	     2 * al((uint64_t)(4 * f->r));
	if (op->src[3] != TERN_NO_TENSOR)
		n += 2 * al((uint64_t)(f->pc * f->tt * elem(tensors[op->src[3]].type)));
	return n;
}

static bool fit(const struct tern_caps *caps, const struct tern_op_desc *op,
		const struct tern_tensor_desc *tensors, struct attention_fit *f)
{
	const struct tern_tensor_desc *q = &tensors[op->src[0]], *k = &tensors[op->src[1]];

	f->kt = matrix_type(k->type);
	f->vt = matrix_type(tensors[op->src[2]].type);
	f->r = q->ne[2] / k->ne[2];
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
	if (op->f[TERN_ATTENTION_F_MAX_BIAS] != 0.0f)
		return tern_fail(-EOPNOTSUPP, "ATTENTION: ALiBi (max_bias %g) is not lowered",
				 (double)op->f[TERN_ATTENTION_F_MAX_BIAS]);
	if (op->src[3] != TERN_NO_TENSOR &&
	    (ts[op->src[3]].ne[2] != 1 || ts[op->src[3]].ne[3] != 1 ||
	     (ts[op->src[3]].type != TERN_F16 && ts[op->src[3]].type != TERN_F32)))
		return tern_fail(-EOPNOTSUPP,
				 "ATTENTION: the mask must be F16 or F32 and shared by "
				 "heads and batches");
	if (!fit(&t->caps, op, ts, &f))
		return tern_fail(-EOPNOTSUPP, "ATTENTION: heads of %lld do not fit the scratchpad",
				 (long long)q->ne[0]);
	if (tern_tensor_overlap(d, q) || tern_tensor_overlap(d, k) || tern_tensor_overlap(d, v))
		return tern_fail(-EOPNOTSUPP, "ATTENTION: the result overlaps a source");
	return 0;
}

/* ---- set-up --------------------------------------------------------------------- */
static void declare_args(struct attention *x)
{
	struct tern_lower *l = x->l;

	x->q_base = lower_base(l, x->op->src[0]);
	x->k_base = lower_base(l, x->op->src[1]);
	x->v_base = lower_base(l, x->op->src[2]);
	x->d_base = lower_base(l, x->op->dst);
	if (x->mask)
		x->m_base = lower_base(l, x->op->src[3]);
	if (x->sinks)
		x->s_base = lower_base(l, x->op->src[4]);
	x->nt = lower_dim(l, x->q, 1);
	x->n = lower_dim(l, x->k, 1);
}

static void alloc(struct attention *x)
{
	struct tern_lower *l = x->l;
	const struct attention_fit *f = &x->f;
	int64_t m = f->r * f->tt, dk = x->q->ne[0], dv = x->d->ne[0];
	unsigned int *regs[] = {
		&x->q_off,  &x->kh_off,	 &x->vh_off, &x->d_off, &x->h_q,   &x->h_d,   &x->tleft,
		&x->tcur,   &x->rows,	 &x->limit,  &x->kv,	&x->pcur,  &x->pload, &x->tmp,
		&x->kv_end, &x->kv_load, &x->k_off,  &x->v_off, &x->m_off, &x->h_s,
	};

	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		*regs[i] = lower_reg(l);
	x->qin = lower_pipe(l, PIPE_IN0, (uint64_t)(m * dk * 4));
	x->act = lower_pipe(l, PIPE_A, (uint64_t)(m * dk * elem(f->kt)));
	x->kp = lower_pipe(l, PIPE_B, (uint64_t)(f->pc * dk * elem(f->kt)));
	x->vp = lower_pipe(l, PIPE_B2, (uint64_t)(f->pc * dv * elem(f->vt)));
	x->s = lower_pipe(l, PIPE_C, (uint64_t)(m * f->pc * 4));
	x->p = lower_pipe(l, PIPE_P, (uint64_t)(m * f->pc * elem(f->vt)));
	x->t = lower_pipe(l, PIPE_C2, (uint64_t)(m * dv * 4));
	x->out = lower_pipe(l, PIPE_OUT, (uint64_t)(m * dv * 4));
	x->o = lower_spm(l, (uint64_t)(m * dv * 4));
	x->state_m = lower_spm(l, (uint64_t)(4 * m));
	x->state_l = lower_spm(l, (uint64_t)(4 * m));
	x->corr = lower_spm(l, (uint64_t)(4 * m));
	if (x->mask)
		x->mp = lower_pipe(l, PIPE_IN1, (uint64_t)(f->pc * f->tt * elem(x->mask->type)));
	if (x->sinks)
		x->sink = lower_spm(l, (uint64_t)(4 * f->r));
}

struct dims {
	struct tern_val size[3];
	int64_t stride[3];
};

static uint8_t tile3(struct attention *x, unsigned int type, bool spm, struct tern_val addr,
		     struct tern_val offs, struct dims d)
{
	struct lower_tile_spec s = tile_spec(type, spm, addr);
	uint8_t t = (uint8_t)lower_tile(x->l);

	s.offs = offs;
	for (int i = 0; i < 3; i++)
		s.size[i] = d.size[i];
	for (int i = d.stride[0] ? 0 : 1; i < 3; i++)
		s.stride[i] = tern_imm(d.stride[i]);
	lower_set_tile(x->l, t, &s);
	return t;
}

/* [cols, r, tt] rows of a tile in SPM, and the same memory as [cols, M]. */
static struct dims rows3(struct attention *x, struct tern_val cols, int64_t row)
{
	return (struct dims){{cols, imm(x->f.r), reg(x->tcur)}, {0, row, row * x->f.r}};
}

static struct dims rows2(struct attention *x, struct tern_val cols, int64_t row)
{
	return (struct dims){{cols, reg(x->rows), imm(1)}, {0, row, 0}};
}

static void query_tiles(struct attention *x)
{
	const struct attention_fit *f = &x->f;
	int64_t dk = x->q->ne[0], ke = elem(f->kt);
	struct tern_val c = imm(dk), z = imm(0);

	x->t_q_mem = tile3(
		x, x->q->type, false, reg(x->q_base), reg(x->q_off),
		(struct dims){{c, imm(f->r), reg(x->tcur)},
			      {(int64_t)x->q->nb[0], (int64_t)x->q->nb[2], (int64_t)x->q->nb[1]}});
	x->t_q_in = tile3(x, TERN_T_F32, true, reg(x->qin.prod), z, rows3(x, c, 4 * dk));
	x->t_q_v = tile3(x, TERN_T_F32, true, reg(x->qin.cons), z, rows3(x, c, 4 * dk));
	x->t_q16 = tile3(x, f->kt, true, reg(x->act.prod), z, rows3(x, c, ke * dk));
	x->t_q_a = tile3(x, f->kt, true, reg(x->act.cons), z, rows2(x, c, ke * dk));
}

static uint8_t cache_tile(struct attention *x, const struct tern_tensor_desc *t, unsigned int base,
			  unsigned int off)
{
	const struct tern_type_info *i = tern_type_info(t->type);

	return tile3(x, t->type, false, reg(base), reg(off),
		     (struct dims){{imm(t->ne[0]), reg(x->pload), imm(1)},
				   {i->kind == TERN_KIND_PLAIN ? (int64_t)t->nb[0] : 0,
				    (int64_t)t->nb[1], 0}});
}

static void cache_tiles(struct attention *x)
{
	const struct attention_fit *f = &x->f;
	int64_t dk = x->k->ne[0], dv = x->v->ne[0], kr = dk * elem(f->kt), vr = dv * elem(f->vt);
	struct tern_val z = imm(0), in = reg(x->pload), cur = reg(x->pcur);

	x->t_k_mem = cache_tile(x, x->k, x->k_base, x->k_off);
	x->t_k_in = tile3(x, f->kt, true, reg(x->kp.prod), z,
			  (struct dims){{imm(dk), in, imm(1)}, {0, kr, 0}});
	x->t_k = tile3(x, f->kt, true, reg(x->kp.cons), z,
		       (struct dims){{imm(dk), in, imm(1)}, {0, kr, 0}});
	x->t_v_mem = cache_tile(x, x->v, x->v_base, x->v_off);
	lower_set_field(x->l, x->t_v_mem, TERN_TILE_SIZE0 + 1, cur);
	x->t_v_in = tile3(x, f->vt, true, reg(x->vp.prod), z,
			  (struct dims){{imm(dv), cur, imm(1)}, {0, vr, 0}});
	x->t_v = tile3(x, f->vt, true, reg(x->vp.cons), z,
		       (struct dims){{imm(dv), cur, imm(1)}, {0, vr, 0}});
}

static void score_tiles(struct attention *x)
{
	const struct attention_fit *f = &x->f;
	int64_t srow = 4 * f->pc, prow = elem(f->vt) * f->pc, dv = x->d->ne[0];
	struct tern_val z = imm(0), cur = reg(x->pcur), c = imm(dv), one = imm(1);

	x->t_s = tile3(x, TERN_T_F32, true, reg(x->s.prod), z, rows2(x, reg(x->pload), srow));
	x->t_sv = tile3(x, TERN_T_F32, true, reg(x->s.cons), z, rows3(x, cur, srow));
	x->t_p = tile3(x, f->vt, true, reg(x->p.prod), z, rows3(x, cur, prow));
	x->t_pa = tile3(x, f->vt, true, reg(x->p.cons), z, rows2(x, cur, prow));
	x->t_t = tile3(x, TERN_T_F32, true, reg(x->t.prod), z, rows2(x, c, 4 * dv));
	x->t_tv = tile3(x, TERN_T_F32, true, reg(x->t.cons), z, rows3(x, c, 4 * dv));
	x->t_o = tile3(x, TERN_T_F32, true, imm(x->o), z, rows3(x, c, 4 * dv));
	x->t_m = tile3(x, TERN_T_F32, true, imm(x->state_m), z, rows3(x, one, 4));
	x->t_l = tile3(x, TERN_T_F32, true, imm(x->state_l), z, rows3(x, one, 4));
	x->t_c = tile3(x, TERN_T_F32, true, imm(x->corr), z, rows3(x, one, 4));
	x->t_out_v = tile3(x, TERN_T_F32, true, reg(x->out.prod), z, rows3(x, c, 4 * dv));
	x->t_out = tile3(x, TERN_T_F32, true, reg(x->out.cons), z, rows3(x, c, 4 * dv));
	x->t_d = tile3(
		x, x->d->type, false, reg(x->d_base), reg(x->d_off),
		(struct dims){{c, imm(f->r), reg(x->tcur)},
			      {(int64_t)x->d->nb[0], (int64_t)x->d->nb[1], (int64_t)x->d->nb[2]}});
}

/* Mask rows are tokens: [positions, 1, tokens], broadcast over the heads. */
static void extra_tiles(struct attention *x)
{
	const struct attention_fit *f = &x->f;
	struct tern_val z = imm(0), one = imm(1);

	if (x->mask) {
		int64_t e = elem(x->mask->type);
		struct dims in = {{reg(x->pcur), one, reg(x->tcur)}, {0, 0, e * f->pc}};
		struct dims mem = {{reg(x->pcur), one, reg(x->tcur)},
				   {(int64_t)x->mask->nb[0], 0, (int64_t)x->mask->nb[1]}};

		x->t_mask_mem = tile3(x, x->mask->type, false, reg(x->m_base), reg(x->m_off), mem);
		x->t_mask_in = tile3(x, x->mask->type, true, reg(x->mp.prod), z, in);
		x->t_mask_v = tile3(x, x->mask->type, true, reg(x->mp.cons), z, in);
	}
	if (x->sinks) {
		struct dims s = {{one, imm(f->r), one}, {0, 4, 0}};

		x->t_sink_mem = tile3(x, TERN_T_F32, false, reg(x->s_base), reg(x->h_s), s);
		x->t_sink = tile3(x, TERN_T_F32, true, imm(x->sink), z, s);
	}
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
	if (x->mask)
		lower_mov(l, x->b_m, imm(0));
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

static void load_sinks(struct attention *x)
{
	struct tern_sync s = {0};

	if (!x->sinks)
		return;
	/* both credits: there is one slot, and the head before must be done with it */
	sync_wait(&s, pipe_free(PIPE_ONCE), 2);
	sync_signal(&s, pipe_full(PIPE_ONCE), 1);
	tern_emit_load(&x->l->code, true, x->t_sink, x->t_sink_mem, TERN_NONE, NULL, NULL, &s);
	s = (struct tern_sync){0};
	sync_wait(&s, pipe_full(PIPE_ONCE), 1);
	tern_emit_sync(&x->l->code, TERN_Q_VECTOR, &s);
}

static void free_sinks(struct attention *x)
{
	struct tern_sync s = {0};

	if (!x->sinks)
		return;
	sync_signal(&s, pipe_free(PIPE_ONCE), 2);
	tern_emit_sync(&x->l->code, TERN_Q_VECTOR, &s);
}

static void emit_heads(struct attention *x)
{
	struct tern_lower *l = x->l;
	int64_t r = x->f.r;
	struct lower_loop batch, head;

	for (int i = 0; i < 4; i++)
		lower_mov(l, ((unsigned int[]){x->h_q, x->kh_off, x->vh_off, x->h_d})[i], imm(0));
	batch = lower_loop_begin(l, imm(x->q->ne[3]));
	lower_mov(l, x->h_s, imm(0));
	head = lower_loop_begin(l, imm(x->k->ne[2]));
	load_sinks(x);
	emit_tokens(x);
	free_sinks(x);
	lower_alu(l, TERN_ALU_ADD, x->h_q, x->h_q, imm(r * (int64_t)x->q->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->kh_off, x->kh_off, imm((int64_t)x->k->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->vh_off, x->vh_off, imm((int64_t)x->v->nb[2]));
	lower_alu(l, TERN_ALU_ADD, x->h_d, x->h_d, imm(r * (int64_t)x->d->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->h_s, x->h_s, imm(4 * r));
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
	lower_group_begin(l, op);
	declare_args(&x);
	lower_args_done(l);
	alloc(&x);
	if (x.mask)
		x.b_m = lower_reg(l);
	query_tiles(&x);
	cache_tiles(&x);
	score_tiles(&x);
	extra_tiles(&x);
	emit_heads(&x);
	lower_group_end(l);
}
