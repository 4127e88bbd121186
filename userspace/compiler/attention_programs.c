// SPDX-License-Identifier: MIT
/* The micro-programs of attention. */
#include <math.h>

#include "compiler/attention_emit.h"

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

void attention_begin(const struct attention *x, struct vprog *p)
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
		if (x->slope.on)
			vp(p, TERN_V_MUL, 1, 1, vS(18), 0);
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

void attention_softmax(const struct attention *x, struct vprog *p, bool hide, bool fresh)
{
	*p = (struct vprog){0};
	if (hide)
		visible_lanes(x, p);
	if (!fresh)
		vp(p, TERN_V_LDS, vS(11), 2, 0, 0);
	if (x->slope.on)
		vp(p, TERN_V_LDS, vS(18), 6, 0, 0);
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

void attention_keep(struct vprog *p)
{
	*p = (struct vprog){0};
	lanes(p, 0);
	vp(p, TERN_V_LD, 0, 1, 0, 0);
	vp(p, TERN_V_ST, 0, 0, 0, 0);
	endl(p);
	vp(p, TERN_V_STOP, 0, 0, 0, 0);
}

void attention_add(struct vprog *p)
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

void attention_end(const struct attention *x, struct vprog *p)
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
