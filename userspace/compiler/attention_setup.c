// SPDX-License-Identifier: MIT
/* Attention before its loops: arguments, scratchpad, registers, tiles. */
#include "compiler/alibi.h"
#include "compiler/attention_emit.h"

static unsigned int slope_table(struct attention *x)
{
	float slope[ALIBI_MAX_HEADS];
	int64_t heads = x->q->ne[2];

	alibi_slopes(slope, heads, x->op->f[TERN_ATTENTION_F_MAX_BIAS]);
	return lower_const(x->l, slope, (size_t)heads * sizeof(float));
}

static void declare_args(struct attention *x)
{
	struct tern_lower *l = x->l;

	x->q_base = lower_base(l, x->op->src[0]);
	x->k_base = lower_base(l, x->op->src[1]);
	x->v_base = lower_base(l, x->op->src[2]);
	x->d_base = lower_base(l, x->op->dst);
	if (x->mask)
		x->m_base = lower_base(l, x->op->src[3]);
	if (x->sink.on)
		x->sink.base = lower_base(l, x->op->src[4]);
	if (x->slope.on)
		x->slope.base = slope_table(x);
	x->nt = lower_dim(l, x->q, 1);
	x->n = lower_dim(l, x->k, 1);
}

static void alloc(struct attention *x)
{
	struct tern_lower *l = x->l;
	const struct attention_fit *f = &x->f;
	int64_t m = f->r * f->tt, dk = x->q->ne[0], dv = x->d->ne[0];
	unsigned int *regs[] = {
		&x->q_off, &x->kh_off,	 &x->vh_off,	&x->d_off,   &x->h_q,	    &x->h_d,
		&x->tleft, &x->tcur,	 &x->rows,	&x->limit,   &x->kv,	    &x->pcur,
		&x->pload, &x->tmp,	 &x->kv_end,	&x->kv_load, &x->k_off,	    &x->v_off,
		&x->m_off, &x->sink.off, &x->slope.off, &x->b_m,     &x->mask_head, &x->mask_batch,
	};

	for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
		*regs[i] = lower_reg(l);
	x->qin = lower_pipe(l, PIPE_IN0, (uint64_t)(m * dk * 4));
	x->act = lower_pipe(l, PIPE_A, (uint64_t)(m * dk * attention_elem(f->kt)));
	x->kp = lower_pipe(l, PIPE_B, (uint64_t)(f->pc * dk * attention_elem(f->kt)));
	x->vp = lower_pipe(l, PIPE_B2, (uint64_t)(f->pc * dv * attention_elem(f->vt)));
	x->s = lower_pipe(l, PIPE_C, (uint64_t)(m * f->pc * 4));
	x->p = lower_pipe(l, PIPE_P, (uint64_t)(m * f->pc * attention_elem(f->vt)));
	x->t = lower_pipe(l, PIPE_C2, (uint64_t)(m * dv * 4));
	x->out = lower_pipe(l, PIPE_OUT, (uint64_t)(m * dv * 4));
	x->o = lower_spm(l, (uint64_t)(m * dv * 4));
	x->state_m = lower_spm(l, (uint64_t)(4 * m));
	x->state_l = lower_spm(l, (uint64_t)(4 * m));
	x->corr = lower_spm(l, (uint64_t)(4 * m));
	if (x->mask)
		x->mp = lower_pipe(
			l, PIPE_IN1,
			(uint64_t)(f->pc * f->tt * f->mr * attention_elem(x->mask->type)));
}

/* Stride of dimension 0 in SPM and of blocks; in memory any, and 0 repeats one element. */
enum { PACKED = -1 };

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
	for (int i = d.stride[0] == PACKED; i < 3; i++)
		s.stride[i] = tern_imm(d.stride[i]);
	lower_set_tile(x->l, t, &s);
	return t;
}

/* [cols, r, tt] rows of a tile in SPM, and the same memory as [cols, M]. */
static struct dims rows3(struct attention *x, struct tern_val cols, int64_t row)
{
	return (struct dims){{cols, imm(x->f.r), reg(x->tcur)}, {PACKED, row, row * x->f.r}};
}

static struct dims rows2(struct attention *x, struct tern_val cols, int64_t row)
{
	return (struct dims){{cols, reg(x->rows), imm(1)}, {PACKED, row, 0}};
}

static void query_tiles(struct attention *x)
{
	const struct attention_fit *f = &x->f;
	int64_t dk = x->q->ne[0], ke = attention_elem(f->kt);
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
				   {i->kind == TERN_KIND_PLAIN ? (int64_t)t->nb[0] : PACKED,
				    (int64_t)t->nb[1], 0}});
}

static void cache_tiles(struct attention *x)
{
	const struct attention_fit *f = &x->f;
	int64_t dk = x->k->ne[0], dv = x->v->ne[0], kr = dk * attention_elem(f->kt),
		vr = dv * attention_elem(f->vt);
	struct tern_val z = imm(0), in = reg(x->pload), cur = reg(x->pcur);

	x->t_k_mem = cache_tile(x, x->k, x->k_base, x->k_off);
	x->t_k_in = tile3(x, f->kt, true, reg(x->kp.prod), z,
			  (struct dims){{imm(dk), in, imm(1)}, {PACKED, kr, 0}});
	x->t_k = tile3(x, f->kt, true, reg(x->kp.cons), z,
		       (struct dims){{imm(dk), in, imm(1)}, {PACKED, kr, 0}});
	x->t_v_mem = cache_tile(x, x->v, x->v_base, x->v_off);
	lower_set_field(x->l, x->t_v_mem, TERN_TILE_SIZE0 + 1, cur);
	x->t_v_in = tile3(x, f->vt, true, reg(x->vp.prod), z,
			  (struct dims){{imm(dv), cur, imm(1)}, {PACKED, vr, 0}});
	x->t_v = tile3(x, f->vt, true, reg(x->vp.cons), z,
		       (struct dims){{imm(dv), cur, imm(1)}, {PACKED, vr, 0}});
}

static void score_tiles(struct attention *x)
{
	const struct attention_fit *f = &x->f;
	int64_t srow = 4 * f->pc, prow = attention_elem(f->vt) * f->pc, dv = x->d->ne[0];
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

/* Rows of a mask are tokens: [positions, heads or 1, tokens]. */
static void mask_tiles(struct attention *x)
{
	int64_t e = attention_elem(x->mask->type), mr = x->f.mr, row = e * x->f.pc;
	struct dims in = {{reg(x->pcur), imm(mr), reg(x->tcur)}, {PACKED, row, row * mr}};
	struct dims mem = {
		{reg(x->pcur), imm(mr), reg(x->tcur)},
		{(int64_t)x->mask->nb[0], (int64_t)x->mask->nb[2], (int64_t)x->mask->nb[1]}};

	x->t_mask_mem = tile3(x, x->mask->type, false, reg(x->m_base), reg(x->m_off), mem);
	x->t_mask_in = tile3(x, x->mask->type, true, reg(x->mp.prod), imm(0), in);
	x->t_mask_v = tile3(x, x->mask->type, true, reg(x->mp.cons), imm(0), in);
}

static void per_head_tiles(struct attention *x, struct per_head *p)
{
	struct dims in = {{imm(1), imm(x->f.r), imm(1)}, {PACKED, 4, 0}}, mem = in;

	if (!p->on)
		return;
	mem.stride[1] = p->stride;
	p->t_mem = tile3(x, TERN_T_F32, false, reg(p->base), reg(p->off), mem);
	p->t = tile3(x, TERN_T_F32, true, imm(lower_spm(x->l, (uint64_t)(4 * x->f.r))), imm(0), in);
}

void attention_set_up(struct attention *x)
{
	declare_args(x);
	lower_args_done(x->l);
	alloc(x);
	query_tiles(x);
	cache_tiles(x);
	score_tiles(x);
	if (x->mask)
		mask_tiles(x);
	per_head_tiles(x, &x->sink);
	per_head_tiles(x, &x->slope);
}
