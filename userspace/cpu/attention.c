// SPDX-License-Identifier: MIT
/*
 * Fused attention: soft-max in one pass over the cache (Milakov and Gimelshein 2018; Dao et
 * al. 2022).
 *
 * A tile is a few tokens times the heads that share one head of the cache. It walks the
 * cache in blocks: K is converted and transposed once per block and serves all rows of the
 * tile, V likewise; the running maximum of a row rescales what it has summed so far.
 * Blocks that no token of the tile may see are skipped.
 */
#include "kernels.h"
#include "vec.h"

#include <math.h>
#include <string.h>

#define BLOCK 64 /* positions: K and V of a block stay in L1 and L2 */
#define ROWS  48 /* of a tile, about: what shares one conversion */

struct attention {
	struct tern_cpu *cpu;
	const struct tern_cpu_tensor *q, *k, *v, *mask, *sinks, *d;
	const struct tern_op_desc *op;
	int64_t n, nt;		/* positions, tokens */
	int64_t share;		/* heads per head of the cache */
	int64_t batches;	/* per batch of the cache */
	int64_t tokens, blocks; /* of a tile; tiles per head */
	int64_t dk, dv, dv_pad; /* dv_pad: whole strips */
	bool mask_shared;	/* one mask for all heads of a tile */
	struct tern_scratch scratch;
};

/* A worker's memory: row r of a tile is token r / share, head r % share. */
struct tile {
	int64_t b, hk, t0, tokens, rows;
	float *q;    /* [rows][dk], scaled */
	float *s;    /* [rows][BLOCK] */
	float *o;    /* [rows][dv_pad] */
	float *mask; /* [rows or tokens][BLOCK] */
	float *top, *slope;
	double *sum;
	float *k, *panel; /* [BLOCK][dk]; strips of [dk][TERN_STRIP] */
	float *v;	  /* [BLOCK][dv_pad] */
	float *tmp;	  /* [max(dk, dv)] */
};

/* ---- shapes ------------------------------------------------------------------------------- */
int tern_cpu_check_attention(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *q = &op->src[0], *k = &op->src[1], *v = &op->src[2];
	const struct tern_cpu_tensor *m = &op->src[3], *d = op->dst;

	if (q->ne[0] != k->ne[0] || k->ne[1] != v->ne[1] || k->ne[2] != v->ne[2] ||
	    k->ne[3] != v->ne[3])
		return tern_cpu_refuse(op, "keys as long as queries, and a value for each");
	if (q->ne[2] % k->ne[2] || q->ne[3] % k->ne[3])
		return tern_cpu_refuse(op, "heads and batches in multiples of the cache's");
	if (d->ne[0] != v->ne[0] || d->ne[1] != q->ne[2] || d->ne[2] != q->ne[1] ||
	    d->ne[3] != q->ne[3])
		return tern_cpu_refuse(op, "a destination [dv, heads, tokens, batches]");
	if (m->data && (m->ne[0] < k->ne[1] || m->ne[1] < q->ne[1] || q->ne[2] % m->ne[2] ||
			q->ne[3] % m->ne[3]))
		return tern_cpu_refuse(op, "a mask of positions x tokens, that repeats over heads");
	if (op->src[4].data && op->src[4].ne[0] != q->ne[2])
		return tern_cpu_refuse(op, "one sink per head");
	return 0;
}

/* First position token t may see, and the one behind the last. */
static int64_t first_seen(const struct attention *a, int64_t t)
{
	const int32_t window = a->op->i[TERN_ATTENTION_I_WINDOW];
	const int64_t lo = window > 0 ? t + a->n - a->nt - window + 1 : 0;

	return lo < 0 ? 0 : lo;
}

static int64_t end_seen(const struct attention *a, int64_t t)
{
	const int64_t hi = a->op->i[TERN_ATTENTION_I_CAUSAL] ? t + a->n - a->nt + 1 : a->n;

	return hi < 0 ? 0 : hi < a->n ? hi : a->n;
}

/* ---- a tile ---------------------------------------------------------------------------------- */
static int64_t head_of(const struct attention *a, const struct tile *t, int64_t row)
{
	return t->hk * a->share + row % a->share;
}

static void begin(const struct attention *a, struct tile *t)
{
	const struct tern_simd *simd = a->cpu->simd;
	const float scale = a->op->f[TERN_ATTENTION_F_SCALE];

	for (int64_t r = 0; r < t->rows; r++) {
		const int64_t h = head_of(a, t, r), token = t->t0 + r / a->share;
		const float *q =
			tern_load(simd, a->q, tern_row(a->q, token, h, t->b), 0, a->dk, t->tmp);

		a->cpu->vec->scale(q, t->q + r * a->dk, a->dk, scale, 0.0f);
		t->top[r] = -INFINITY;
		t->sum[r] = 0;
		t->slope[r] = tern_cpu_slope(a->op->f[TERN_ATTENTION_F_MAX_BIAS], a->q->ne[2], h);
	}
	memset(t->o, 0, (size_t)(t->rows * a->dv_pad) * sizeof(float));
}

/* Masks of positions [p, p + n); false: nobody sees any of them. */
static bool load_masks(const struct attention *a, const struct tile *t, int64_t p, int64_t n)
{
	const int64_t step = a->mask_shared ? a->share : 1;
	bool any = false;

	if (!a->mask->data)
		return true;
	for (int64_t r = 0; r < t->rows; r += step) {
		const int64_t token = t->t0 + r / a->share;
		const char *row = tern_row_wrap(a->mask, token, head_of(a, t, r), t->b);
		float *out = t->mask + r / step * BLOCK;
		const float *m = tern_load(a->cpu->simd, a->mask, row, p, n, out);

		if (m != out)
			memcpy(out, m, (size_t)n * sizeof(float));
		any = any || a->cpu->vec->max(out, n) > -INFINITY;
	}
	return any;
}

static void scores(const struct attention *a, const struct tile *t, int64_t p, int64_t n)
{
	const int64_t b = t->b / a->batches;

	for (int64_t i = 0; i < n; i++) {
		float *to = t->k + i * a->dk;
		const float *k = tern_load(a->cpu->simd, a->k, tern_row(a->k, p + i, t->hk, b), 0,
					   a->dk, to);

		if (k != to)
			memcpy(to, k, (size_t)a->dk * sizeof(float));
	}
	for (int64_t i = 0; i < n; i += TERN_STRIP) {
		a->cpu->vec->transpose(t->k + i * a->dk, a->dk,
				       n - i < TERN_STRIP ? n - i : TERN_STRIP, t->panel, a->dk);
		a->cpu->vec->panel(t->q, a->dk, t->panel, TERN_STRIP, t->s + i, BLOCK, t->rows,
				   a->dk, false);
	}
}

/* Scores of one row as the mask, window and cap leave them. */
static void restrict_row(const struct attention *a, const struct tile *t, int64_t r, int64_t p,
			 int64_t n)
{
	const int64_t token = t->t0 + r / a->share;
	const int64_t lo = first_seen(a, token) - p, hi = end_seen(a, token) - p;
	const float cap = a->op->f[TERN_ATTENTION_F_SOFTCAP];
	float *s = t->s + r * BLOCK;

	if (cap != 0)
		a->cpu->vec->softcap(s, n, cap);
	if (a->mask->data)
		a->cpu->vec->mask(s, t->mask + (a->mask_shared ? r / a->share : r) * BLOCK, s, n,
				  1.0f, t->slope[r]);
	for (int64_t i = 0; i < lo && i < n; i++)
		s[i] = -INFINITY;
	for (int64_t i = hi < 0 ? 0 : hi; i < n; i++)
		s[i] = -INFINITY;
}

/* Scores become weights; what the row has summed is brought to the new maximum. */
static void weigh_row(const struct attention *a, const struct tile *t, int64_t r, int64_t n)
{
	const struct tern_vec *vec = a->cpu->vec;
	float *s = t->s + r * BLOCK, *o = t->o + r * a->dv_pad;
	const float here = vec->max(s, n), top = here > t->top[r] ? here : t->top[r];
	float factor;

	if (top == -INFINITY) {
		memset(s, 0, (size_t)n * sizeof(float));
		return;
	}
	if (top > t->top[r]) {
		factor = expf(t->top[r] - top);
		vec->scale(o, o, a->dv_pad, factor, 0.0f);
		t->sum[r] *= (double)factor;
		t->top[r] = top;
	}
	t->sum[r] += vec->exp_sum(s, s, n, top);
}

static void add_values(const struct attention *a, const struct tile *t, int64_t p, int64_t n)
{
	const int64_t b = t->b / a->batches;

	for (int64_t i = 0; i < n; i++) {
		float *to = t->v + i * a->dv_pad;
		const float *v = tern_load(a->cpu->simd, a->v, tern_row(a->v, p + i, t->hk, b), 0,
					   a->dv, to);

		if (v != to)
			memcpy(to, v, (size_t)a->dv * sizeof(float));
	}
	for (int64_t c = 0; c < a->dv_pad; c += TERN_STRIP)
		a->cpu->vec->panel(t->s, BLOCK, t->v + c, a->dv_pad, t->o + c, a->dv_pad, t->rows,
				   n, true);
}

/* A sink takes its share of the sum and gives nothing. */
static void finish_row(const struct attention *a, const struct tile *t, int64_t r)
{
	const int64_t h = head_of(a, t, r), token = t->t0 + r / a->share;
	const struct tern_simd *simd = a->cpu->simd;
	float *o = t->o + r * a->dv_pad, sink;
	double sum = t->sum[r], factor = 1;

	if (a->sinks->data) {
		sink = *tern_load(simd, a->sinks, a->sinks->data, h, 1, &sink);
		if (sink > t->top[r]) {
			factor = exp((double)(t->top[r] - sink));
			sum = sum * factor + 1;
		} else {
			sum += exp((double)(sink - t->top[r]));
		}
	}
	a->cpu->vec->scale(o, o, a->dv, sum > 0 ? (float)(factor / sum) : 0.0f, 0.0f);
	tern_store(simd, a->d, tern_row(a->d, h, token, t->b), 0, a->dv, o);
}

static void run_tile(const struct attention *a, struct tile *t)
{
	const int64_t end = end_seen(a, t->t0 + t->tokens - 1);

	begin(a, t);
	for (int64_t p = first_seen(a, t->t0) / BLOCK * BLOCK; p < end; p += BLOCK) {
		const int64_t n = end - p < BLOCK ? end - p : BLOCK;

		if (!load_masks(a, t, p, n))
			continue;
		scores(a, t, p, n);
		for (int64_t r = 0; r < t->rows; r++) {
			restrict_row(a, t, r, p, n);
			weigh_row(a, t, r, n);
		}
		add_values(a, t, p, n);
	}
	for (int64_t r = 0; r < t->rows; r++)
		finish_row(a, t, r);
}

/* ---- the operator ------------------------------------------------------------------------------ */
/* Lays a tile out at base; with NULL only measures. */
static size_t place(const struct attention *a, struct tile *t, char *base)
{
	const size_t rows = (size_t)(a->tokens * a->share), dk = (size_t)a->dk,
		     dv = (size_t)a->dv_pad;
	const struct {
		float **at;
		size_t n;
	} parts[] = {
		{&t->q, rows * dk},  {&t->s, rows * BLOCK},
		{&t->o, rows * dv},  {&t->mask, rows * BLOCK},
		{&t->top, rows},     {&t->slope, rows},
		{&t->k, BLOCK * dk}, {&t->panel, dk * TERN_STRIP},
		{&t->v, BLOCK * dv}, {&t->tmp, dk > dv ? dk : dv},
	};
	size_t at = tern_align64(rows * sizeof(double));

	if (base)
		t->sum = (double *)(void *)base;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (base)
			*parts[i].at = (float *)(void *)(base + at);
		at += tern_align64(parts[i].n * sizeof(float));
	}
	return at;
}

static void piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct attention *a = ctx;
	struct tile t = {0};

	place(a, &t, tern_scratch_of(&a->scratch, worker));
	/* the padding of V is multiplied, its products dropped: they must only be numbers */
	memset(t.v, 0, (size_t)(BLOCK * a->dv_pad) * sizeof(float));
	for (int64_t item = lo; item < hi; item++) {
		/* last tokens first: with a causal mask they have most to do */
		t.t0 = (a->blocks - 1 - item % a->blocks) * a->tokens;
		t.hk = item / a->blocks % a->k->ne[2];
		t.b = item / a->blocks / a->k->ne[2];
		t.tokens = a->nt - t.t0 < a->tokens ? a->nt - t.t0 : a->tokens;
		t.rows = t.tokens * a->share;
		run_tile(a, &t);
	}
}

int tern_cpu_attention(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct attention a = {.cpu = cpu,
			      .op = op->op,
			      .q = &op->src[0],
			      .k = &op->src[1],
			      .v = &op->src[2],
			      .mask = &op->src[3],
			      .sinks = &op->src[4],
			      .d = op->dst,
			      .n = op->src[1].ne[1],
			      .nt = op->src[0].ne[1],
			      .dk = op->src[0].ne[0],
			      .dv = op->src[2].ne[0]};
	struct tile none = {0};
	int rc;

	a.share = a.q->ne[2] / a.k->ne[2];
	a.batches = a.q->ne[3] / a.k->ne[3];
	a.tokens = a.share < ROWS ? ROWS / a.share : 1;
	a.tokens = a.tokens < a.nt ? a.tokens : a.nt;
	a.blocks = (a.nt + a.tokens - 1) / a.tokens;
	a.dv_pad = (a.dv + TERN_STRIP - 1) / TERN_STRIP * TERN_STRIP;
	a.mask_shared = a.mask->data && a.mask->ne[2] == 1;
	rc = tern_cpu_scratch(cpu, 0, place(&a, &none, NULL), &a.scratch);
	if (!rc)
		tern_cpu_for(cpu, a.blocks * a.k->ne[2] * a.q->ne[3], 1, piece, &a);
	return rc;
}
