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
#include <math.h>

#include "compiler/attention.h"

enum { MAX_ROWS = 64, MAX_CHUNK = 512, MIN_CHUNK = 32 };

struct attention_fit {
	unsigned int kt, vt; /* operand types of MATRIX */
	int64_t r, tt, pc;
};

struct attention {
	struct tern_lower *l;
	const struct tern_op_desc *op;
	const struct tern_tensor_desc *q, *k, *v, *mask, *sinks, *d;
	struct attention_fit f;
	bool causal;
	int64_t window;

	unsigned int q_base, k_base, v_base, m_base, s_base, d_base;
	struct tern_dim nt, n;

	struct lower_pipe qin, act, kp, vp, s, p, t, out, mp;
	uint32_t o, state_m, state_l, corr, sink;

	/* registers */
	unsigned int q_off, kh_off, vh_off, m_off, d_off, h_q, h_d, h_s, b_m;
	unsigned int tleft, tcur, rows, limit, kv, kv_end, kv_load, pcur, pload, tmp;
	unsigned int k_off, v_off;

	uint8_t t_q_mem, t_q_in, t_q_v, t_q16, t_q_a;
	uint8_t t_k_mem, t_k_in, t_k, t_v_mem, t_v_in, t_v;
	uint8_t t_s, t_sv, t_p, t_pa, t_t, t_tv, t_o, t_m, t_l, t_c, t_out_v, t_out, t_d;
	uint8_t t_mask_mem, t_mask_in, t_mask_v, t_sink_mem, t_sink;
};

/* ---- what fits --------------------------------------------------------------- */
static unsigned int matrix_type(enum tern_dtype type)
{
	return type == TERN_F32 ? TERN_T_F32 : type == TERN_BF16 ? TERN_T_BF16 : TERN_T_F16;
}

static uint64_t al(uint64_t v)
{
	return (v + 63) / 64 * 64;
}

static int64_t elem(unsigned int type)
{
	return tern_type_info(type)->bytes;
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

static struct tern_val reg(unsigned int r)
{
	return tern_reg(r);
}

static struct tern_val imm(int64_t v)
{
	return tern_imm(v);
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

/* ---- micro-programs ------------------------------------------------------------------ */
static void lanes(struct vprog *p, unsigned int tile)
{
	vp(p, TERN_V_LANES, 0, 0, 0, tile);
}

static void endl(struct vprog *p)
{
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* Can a token see nothing of the first chunk that is visited? */
static bool may_be_empty(const struct attention *x)
{
	return x->window > 0 || x->mask;
}

/* Tiles: 0 Q as operand, 1 Q as loaded, 2 m, 3 l, 4 sinks. */
static void begin_program(const struct attention *x, struct vprog *p)
{
	bool capped = x->op->f[TERN_ATTENTION_F_SOFTCAP] != 0.0f;
	float scale = x->op->f[TERN_ATTENTION_F_SCALE];

	*p = (struct vprog){0};
	if (capped) /* c * tanh(s / c): the division joins the scale */
		scale /= x->op->f[TERN_ATTENTION_F_SOFTCAP];
	lanes(p, 0);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, TERN_V_MUL, 0, 0, V_IMM, f32_bits(scale));
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	endl(p);
	if (x->sinks) { /* a score of its own that adds to the sum and not to the result */
		vp(p, TERN_V_LDS, vS(8), 4, 0, 0);
		vp(p, TERN_V_STS, 2, vS(8), 0, 0);
		vp(p, TERN_V_MOV, vS(8), V_IMM, 0, f32_bits(1.0f));
		vp(p, TERN_V_STS, 3, vS(8), 0, 0);
	}
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/*
 * V0 = score of this element. `hide`: element i counts if S10 < i <= S9; the masked score is
 * written back, so that only the first pass pays for the comparison.
 */
static void score(const struct attention *x, struct vprog *p, bool hide)
{
	float cap = x->op->f[TERN_ATTENTION_F_SOFTCAP];
	bool changed = hide || x->mask || cap != 0.0f;

	vp(p, TERN_V_LD, 0, 0, 0, 0);
	if (cap != 0.0f) {
		vp(p, TERN_V_TANH, 0, 0, 0, 0);
		vp(p, TERN_V_MUL, 0, 0, V_IMM, f32_bits(cap));
	}
	if (x->mask) {
		vp(p, TERN_V_LD, 1, 5, 0, 0);
		vp(p, TERN_V_ADD, 0, 0, 1, 0);
	}
	if (hide)
		vp(p, TERN_V_LANE, 1, 0, 0, 0);
	if (hide && x->causal) {
		vp(p, TERN_V_ILT, 2, vS(9), 1, 0);
		vp(p, TERN_V_SEL, 0, 2, vS(17), 0);
	}
	if (hide && x->window > 0) {
		vp(p, TERN_V_ILT, 2, vS(10), 1, 0);
		vp(p, TERN_V_SEL, 0, 2, 0, vS(17));
	}
	if (changed)
		vp(p, TERN_V_ST, 0, 0, 0, 0);
}

/* S9, S10: last element of this chunk that the row's token sees, and the one before the
 * first. S0: first position of the chunk; S1: last position the tile's first token sees. */
static void visible_lanes(const struct attention *x, struct vprog *p)
{
	vp(p, TERN_V_ROW, vS(8), 0, 0, 2);
	vp(p, TERN_V_IADD, vS(9), vS(8), vS(1), 0);
	vp(p, TERN_V_ISUB, vS(9), vS(9), vS(0), 0);
	vp(p, TERN_V_MOV, vS(17), V_IMM, 0, f32_bits(-INFINITY));
	if (x->window > 0)
		vp(p, TERN_V_ISUB, vS(10), vS(9), V_IMM, (uint32_t)x->window);
}

/* S13 = the reference of the exponentials, from the maximum S12. */
static void reference(const struct attention *x, struct vprog *p)
{
	if (!may_be_empty(x)) {
		vp(p, TERN_V_MOV, vS(13), vS(12), 0, 0);
		return;
	}
	/* a row that has seen nothing yet: any finite reference gives exp(-inf) = 0 */
	vp(p, TERN_V_EQ, vS(13), vS(12), V_IMM, f32_bits(-INFINITY));
	vp(p, TERN_V_MOV, vS(14), V_IMM, 0, 0);
	vp(p, TERN_V_SEL, vS(13), vS(13), vS(14), vS(12));
}

/* Tiles: 0 S, 1 P, 2 m, 3 l, 4 corr, 5 mask. `fresh`: there is no m and l yet. */
static void softmax_program(const struct attention *x, struct vprog *p, bool hide, bool fresh)
{
	*p = (struct vprog){0};
	if (hide)
		visible_lanes(x, p);
	if (!fresh)
		vp(p, TERN_V_LDS, vS(11), 2, 0, 0);
	lanes(p, 0);
	score(x, p, hide);
	vp(p, TERN_V_RMAX, vS(12), 0, 0, 0);
	endl(p);
	if (!fresh)
		vp(p, TERN_V_MAX, vS(12), vS(12), vS(11), 0);
	reference(x, p);
	if (!fresh) {
		vp(p, TERN_V_SUB, vS(14), vS(11), vS(13), 0);
		vp(p, TERN_V_EXP, vS(14), vS(14), 0, 0);
		vp(p, TERN_V_LDS, vS(16), 3, 0, 0);
		vp(p, TERN_V_STS, 4, vS(14), 0, 0);
	}
	lanes(p, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	vp(p, TERN_V_SUB, 0, 0, vS(13), 0);
	vp(p, TERN_V_EXP, 0, 0, 0, 0);
	vp(p, TERN_V_ST, 1, 0, 0, 0);
	vp(p, TERN_V_RSUM, vS(15), 0, 0, 0);
	endl(p);
	if (!fresh)
		vp(p, TERN_V_FMA, vS(15), vS(16), vS(14), vS(15));
	vp(p, TERN_V_STS, 2, vS(12), 0, 0);
	vp(p, TERN_V_STS, 3, vS(15), 0, 0);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/* O = T. Tiles: 0 O, 1 T. */
static void keep_program(struct vprog *p)
{
	*p = (struct vprog){0};
	lanes(p, 0);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	endl(p);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/* O = O * corr + T. Tiles: 0 O, 1 T, 2 corr. */
static void add_program(struct vprog *p)
{
	*p = (struct vprog){0};
	vp(p, TERN_V_LDS, vS(8), 2, 0, 0);
	lanes(p, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 1, 1, 0, 0);
	vp(p, TERN_V_FMA, 0, 0, vS(8), 1);
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	endl(p);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/* Tiles: 0 result, 1 O or T, 2 l. A row that saw nothing gives zeros. */
static void end_program(const struct attention *x, struct vprog *p)
{
	*p = (struct vprog){0};
	vp(p, TERN_V_LDS, vS(8), 2, 0, 0);
	vp(p, TERN_V_RCP, vS(10), vS(8), 0, 0);
	if (may_be_empty(x)) {
		vp(p, TERN_V_EQ, vS(9), vS(8), V_IMM, 0);
		vp(p, TERN_V_SEL, vS(10), vS(9), vS(8), vS(10));
	}
	lanes(p, 0);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, TERN_V_MUL, 0, 0, vS(10), 0);
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	endl(p);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

/* ---- one tile of tokens ------------------------------------------------------------------- */
static void transfer(struct tern_sync *s, enum tern_pipe wait_full, enum tern_pipe wait_free)
{
	sync_wait(s, pipe_full(wait_full), 1);
	sync_signal(s, pipe_free(wait_full), 1);
	sync_wait(s, pipe_free(wait_free), 1);
	sync_signal(s, pipe_full(wait_free), 1);
}

static void load(struct attention *x, const struct lower_pipe *p, uint8_t dst, uint8_t src)
{
	struct tern_sync s = {0};

	sync_wait(&s, pipe_free(p->pipe), 1);
	sync_signal(&s, pipe_full(p->pipe), 1);
	tern_emit_load(&x->l->code, true, dst, src, TERN_NONE, NULL, NULL, &s);
	lower_pipe_step(x->l, p, true);
}

static void begin_tile(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};
	uint8_t tiles[5] = {x->t_q16, x->t_q_v, x->t_m, x->t_l, x->t_sink};
	struct vprog p;

	load(x, &x->qin, x->t_q_in, x->t_q_mem);
	begin_program(x, &p);
	transfer(&s, PIPE_IN0, PIPE_A);
	lower_vector(l, &p, tiles, x->sinks ? 5 : 2, NULL, 0, &s);
	lower_pipe_step(l, &x->qin, false);
	lower_pipe_step(l, &x->act, true);
	s = (struct tern_sync){0};
	sync_wait(&s, pipe_full(PIPE_A), 1);
	tern_emit_sync(&l->code, TERN_Q_MATRIX, &s);
}

/* S = Q K^T of the chunk at kv_load. */
static void emit_scores(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};

	lower_alu(l, TERN_ALU_SUB, x->pload, x->kv_end, reg(x->kv_load));
	lower_alu(l, TERN_ALU_MIN, x->pload, x->pload, imm(x->f.pc));
	lower_alu(l, TERN_ALU_MUL, x->k_off, x->kv_load, imm((int64_t)x->k->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->k_off, x->k_off, reg(x->kh_off));
	load(x, &x->kp, x->t_k_in, x->t_k_mem);
	transfer(&s, PIPE_B, PIPE_C);
	tern_emit_matrix(&l->code, TERN_MATRIX_OUT, x->t_q_a, x->t_k, x->t_s, &s);
	lower_pipe_step(l, &x->kp, false);
	lower_pipe_step(l, &x->s, true);
	lower_alu(l, TERN_ALU_ADD, x->kv_load, x->kv_load, imm(x->f.pc));
}

static void load_mask(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};

	if (!x->mask)
		return;
	lower_alu(l, TERN_ALU_MUL, x->m_off, x->kv, imm((int64_t)x->mask->nb[0]));
	lower_alu(l, TERN_ALU_ADD, x->m_off, x->m_off, reg(x->b_m));
	load(x, &x->mp, x->t_mask_in, x->t_mask_mem);
	sync_wait(&s, pipe_full(PIPE_IN1), 1);
	tern_emit_sync(&l->code, TERN_Q_VECTOR, &s);
}

static void emit_softmax(struct attention *x, bool hide, bool fresh)
{
	uint8_t tiles[6] = {x->t_sv, x->t_p, x->t_m, x->t_l, x->t_c, x->t_mask_v};
	uint8_t sregs[2] = {(uint8_t)x->kv, (uint8_t)x->limit};
	struct tern_sync s = {0};
	struct vprog p;

	softmax_program(x, &p, hide, fresh);
	transfer(&s, PIPE_C, PIPE_P);
	lower_vector(x->l, &p, tiles, x->mask ? 6 : 5, sregs, 2, &s);
}

/* Chunks that every token of the tile sees whole skip the comparison. */
static void softmax_chunk(struct attention *x, bool fresh)
{
	struct tern_lower *l = x->l;
	size_t plain, done;

	if (x->window > 0 || !x->causal) {
		emit_softmax(x, x->window > 0, fresh);
	} else {
		lower_alu(l, TERN_ALU_ADD, x->tmp, x->kv, reg(x->pcur));
		lower_alu(l, TERN_ALU_SUB, x->tmp, x->tmp, imm(1));
		plain = tern_emit_br(&l->code, TERN_COND_LE, x->tmp, reg(x->limit), 0);
		emit_softmax(x, true, fresh);
		done = tern_emit_br(&l->code, TERN_COND_ALWAYS, x->tmp, imm(0), 0);
		tern_code_patch(&l->code, plain, l->code.n);
		emit_softmax(x, false, fresh);
		tern_code_patch(&l->code, done, l->code.n);
	}
	if (x->mask) {
		struct tern_sync s = {0};

		sync_signal(&s, pipe_free(PIPE_IN1), 1);
		tern_emit_sync(&l->code, TERN_Q_VECTOR, &s);
		lower_pipe_step(l, &x->mp, false);
	}
	lower_pipe_step(l, &x->s, false);
	lower_pipe_step(l, &x->p, true);
}

/* T = P V */
static void emit_values(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync mm = {0}, wait = {0};

	lower_alu(l, TERN_ALU_MUL, x->v_off, x->kv, imm((int64_t)x->v->nb[1]));
	lower_alu(l, TERN_ALU_ADD, x->v_off, x->v_off, reg(x->vh_off));
	load(x, &x->vp, x->t_v_in, x->t_v_mem);
	sync_wait(&wait, pipe_full(PIPE_B2), 1);
	tern_emit_sync(&l->code, TERN_Q_MATRIX, &wait);
	transfer(&mm, PIPE_P, PIPE_C2);
	tern_emit_matrix(&l->code, TERN_MATRIX_OUT | TERN_MATRIX_KN, x->t_pa, x->t_v, x->t_t, &mm);
	wait = (struct tern_sync){0};
	sync_signal(&wait, pipe_free(PIPE_B2), 1);
	tern_emit_sync(&l->code, TERN_Q_MATRIX, &wait);
	lower_pipe_step(l, &x->vp, false);
	lower_pipe_step(l, &x->p, false);
	lower_pipe_step(l, &x->t, true);
}

/* T joins O, which holds nothing yet if `fresh`. */
static void emit_add(struct attention *x, bool fresh)
{
	uint8_t tiles[3] = {x->t_o, x->t_tv, x->t_c};
	struct tern_sync v = {0};
	struct vprog p;

	if (fresh)
		keep_program(&p);
	else
		add_program(&p);
	sync_wait(&v, pipe_full(PIPE_C2), 1);
	sync_signal(&v, pipe_free(PIPE_C2), 1);
	lower_vector(x->l, &p, tiles, fresh ? 2 : 3, NULL, 0, &v);
	lower_pipe_step(x->l, &x->t, false);
}

/* The result from O, or straight from T where there was only one chunk. */
static void emit_result(struct attention *x, bool from_t)
{
	struct tern_lower *l = x->l;
	uint8_t tiles[3] = {x->t_out_v, from_t ? x->t_tv : x->t_o, x->t_l};
	struct tern_sync s = {0};
	struct vprog p;

	end_program(x, &p);
	if (from_t)
		transfer(&s, PIPE_C2, PIPE_OUT);
	else {
		sync_wait(&s, pipe_free(PIPE_OUT), 1);
		sync_signal(&s, pipe_full(PIPE_OUT), 1);
	}
	lower_vector(l, &p, tiles, 3, NULL, 0, &s);
	if (from_t)
		lower_pipe_step(l, &x->t, false);
}

static void end_tile(struct attention *x)
{
	struct tern_lower *l = x->l;
	struct tern_sync s = {0};

	sync_signal(&s, pipe_free(PIPE_A), 1);
	tern_emit_sync(&l->code, TERN_Q_MATRIX, &s);
	lower_pipe_step(l, &x->act, false);
	lower_pipe_step(l, &x->out, true);
	s = (struct tern_sync){0};
	sync_wait(&s, pipe_full(PIPE_OUT), 1);
	sync_signal(&s, pipe_free(PIPE_OUT), 1);
	tern_emit_store(&l->code, x->t_out, x->t_d, TERN_NONE, NULL, &s);
	lower_pipe_step(l, &x->out, false);
}

/* First and last position the tile needs: [kv, kv_end). */
static void visible_range(struct attention *x)
{
	struct tern_lower *l = x->l;

	lower_mov(l, x->kv_end, x->n.v);
	lower_mov(l, x->kv, imm(0));
	if (x->causal) {
		lower_alu(l, TERN_ALU_ADD, x->tmp, x->limit, reg(x->tcur));
		lower_alu(l, TERN_ALU_MIN, x->kv_end, x->kv_end, reg(x->tmp));
		lower_alu(l, TERN_ALU_MAX, x->kv_end, x->kv_end, imm(1));
	}
	if (x->window > 0) {
		lower_alu(l, TERN_ALU_SUB, x->kv, x->limit, imm(x->window - 1));
		lower_alu(l, TERN_ALU_MAX, x->kv, x->kv, imm(0));
	}
	lower_mov(l, x->kv_load, reg(x->kv));
}

/* One chunk, with the scores of the next one under way. */
static void emit_chunk(struct attention *x, bool fresh)
{
	struct tern_lower *l = x->l;
	size_t skip;

	lower_alu(l, TERN_ALU_SUB, x->pcur, x->kv_end, reg(x->kv));
	lower_alu(l, TERN_ALU_MIN, x->pcur, x->pcur, imm(x->f.pc));
	load_mask(x);
	skip = tern_emit_br(&l->code, TERN_COND_GE, x->kv_load, reg(x->kv_end), 0);
	emit_scores(x);
	tern_code_patch(&l->code, skip, l->code.n);
	softmax_chunk(x, fresh);
	emit_values(x);
	lower_alu(l, TERN_ALU_ADD, x->kv, x->kv, imm(x->f.pc));
}

static void emit_token_tile(struct attention *x)
{
	struct tern_lower *l = x->l;
	size_t top, one, done;

	begin_tile(x);
	visible_range(x);
	emit_scores(x);
	emit_chunk(x, !x->sinks);
	one = tern_emit_br(&l->code, TERN_COND_GE, x->kv, reg(x->kv_end), 0);
	emit_add(x, true);
	top = l->code.n;
	emit_chunk(x, false);
	emit_add(x, false);
	tern_emit_br(&l->code, TERN_COND_LT, x->kv, reg(x->kv_end), top);
	emit_result(x, false);
	done = tern_emit_br(&l->code, TERN_COND_ALWAYS, x->kv, imm(0), 0);
	tern_code_patch(&l->code, one, l->code.n);
	emit_result(x, true);
	tern_code_patch(&l->code, done, l->code.n);
	end_tile(x);
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
	emit_token_tile(x);
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
