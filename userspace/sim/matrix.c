// SPDX-License-Identifier: MIT
/*
 * MATRIX: one gemm per batch, cut into blocks of outputs that threads share. A block's
 * sums never depend on how the rest was cut.
 */
#include <string.h>

#include "sim/internal.h"

/* Multiply-accumulates worth waking a thread for: some 10 us of one core. */
#define PARALLEL_MACS 500000
/* Outputs of a block that is converted on its way out: f32 sums stay in the L2 cache. */
#define SCRATCH	    32768
#define MAX_BATCHES 32

enum out_mode {
	TO_ACC,	 /* sums stay */
	TO_SPM,	 /* f32, written in place */
	VIA_ACC, /* continue the accumulators, then write out */
	VIA_SCRATCH,
};

struct batch {
	struct tern_gemm g;
	unsigned char *out;
};

struct job {
	const struct tern_simd *simd;
	enum out_mode mode;
	unsigned int out_type;
	int64_t out_stride;
	int64_t mblock, nblock, mblocks, nblocks;
	struct batch batch[MAX_BATCHES];
};

static void write_out(const struct job *j, const struct tern_gemm *g, unsigned char *out,
		      const float *from)
{
	int64_t size = sim_types[j->out_type].bytes;

	for (int64_t m = g->m0; m < g->m1; m++) {
		unsigned char *row = out + m * j->out_stride + g->n0 * size;
		const float *sums = from + (m - g->m0) * g->ldc;

		if (j->out_type == TERN_T_F32)
			memcpy(row, sums, (size_t)(g->n1 - g->n0) * sizeof(float));
		else
			j->simd->from_f32(j->out_type, sums, row, g->n1 - g->n0);
	}
}

/* Columns of a KN operand follow each other; rows of the other kind are b_stride apart. */
static const unsigned char *b_from(const struct tern_gemm *g, int64_t n)
{
	const unsigned char *b = g->b;

	return b + n * (g->kn ? sim_types[g->b_type].bytes : g->b_stride);
}

/* gemm counts c from output [0][0]; scratch holds the block alone, so shift the operands. */
static void via_scratch(const struct job *j, const struct batch *b, const struct tern_gemm *g)
{
	float sums[SCRATCH] __attribute__((aligned(64)));
	struct tern_gemm h = *g;

	h.a = (const unsigned char *)g->a + g->m0 * g->a_stride;
	h.b = b_from(g, g->n0);
	h.m0 = h.n0 = 0;
	h.m1 = g->m1 - g->m0;
	h.n1 = g->n1 - g->n0;
	h.c = sums;
	h.ldc = h.n1;
	j->simd->gemm(&h);
	h.m0 = g->m0;
	h.m1 = g->m1;
	h.n0 = g->n0;
	h.n1 = g->n1;
	write_out(j, &h, b->out, sums);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void run_block(void *ctx, unsigned int i, unsigned int worker)
{
	const struct job *j = ctx;
	unsigned int per_batch = (unsigned int)(j->mblocks * j->nblocks);
	unsigned int inner = per_batch > 1 ? i % per_batch : 0;
	const struct batch *b = &j->batch[per_batch > 1 ? i / per_batch : i];
	struct tern_gemm g = b->g;
	int64_t mi = inner ? inner % j->mblocks : 0, ni = inner ? inner / j->mblocks : 0;

	(void)worker;
	g.m0 = mi * j->mblock;
	g.m1 = least(g.m0 + j->mblock, b->g.m1);
	g.n0 = ni * j->nblock;
	g.n1 = least(g.n0 + j->nblock, b->g.n1);
	if (j->mode == VIA_SCRATCH) {
		via_scratch(j, b, &g);
		return;
	}
	j->simd->gemm(&g);
	if (j->mode == VIA_ACC)
		write_out(j, &g, b->out, g.c + g.m0 * g.ldc + g.n0);
}

/* ---- cutting ------------------------------------------------------------------------------ */
static int64_t round_up(int64_t n, int64_t to)
{
	return (n + to - 1) / to * to;
}

/* How many blocks a batch should be cut into to occupy the threads. */
static int64_t wanted_blocks(const struct tern_sim *s, int64_t m, int64_t n, int64_t k,
			     int64_t batches)
{
	double macs = (double)m * (double)n * (double)k;
	int64_t threads = sim_pool_size(s->pool);
	int64_t most = macs < 1e15 ? (int64_t)(macs / PARALLEL_MACS) : INT32_MAX;

	if (threads == 1 || most < 2 || batches >= 4 * threads)
		return 1;
	return least(most, (4 * threads + batches - 1) / batches);
}

static void cut(const struct tern_sim *s, struct job *j, int64_t m, int64_t n, int64_t k,
		int64_t batches)
{
	int64_t want = wanted_blocks(s, m, n, k, batches);

	/* Cutting N decodes and packs each weight once; cutting M reuses them better when few. */
	j->mblock = m;
	j->nblock = n;
	if (want > 1 && n >= m)
		j->nblock = round_up((n + want - 1) / want, 16);
	else if (want > 1)
		j->mblock = round_up((m + want - 1) / want, 16);
	if (j->mode == VIA_SCRATCH) {
		j->nblock = least(j->nblock, SCRATCH);
		j->mblock = least(j->mblock, SCRATCH / least(j->nblock, n));
	}
	j->mblocks = m > j->mblock ? (m + j->mblock - 1) / j->mblock : 1;
	j->nblocks = n > j->nblock ? (n + j->nblock - 1) / j->nblock : 1;
}

/* ---- a command --------------------------------------------------------------------------------- */
static enum out_mode mode_of(const struct tern_rcmd *c)
{
	const struct tern_rtile *o = &c->t[2];

	if (!(c->flags & TERN_MATRIX_OUT))
		return TO_ACC;
	if (c->flags & TERN_MATRIX_ACC)
		return VIA_ACC;
	if (o->type == TERN_T_F32 && (o->size[1] == 1 || o->stride[1] > 0))
		return TO_SPM;
	return VIA_SCRATCH;
}

static uint64_t plane(const struct tern_rtile *t, int64_t i2, int64_t i3)
{
	return t->addr + (t->size[2] > 1 ? (uint64_t)i2 * (uint64_t)t->stride[2] : 0) +
	       (t->size[3] > 1 ? (uint64_t)i3 * (uint64_t)t->stride[3] : 0);
}

static void view(struct tern_sim *s, const struct tern_rtile *t, uint64_t addr, bool blocks_ok,
		 struct sim_view *v)
{
	if (s->defer) {
		sim_defer_view(s, t, addr, blocks_ok, v);
		return;
	}
	*v = (struct sim_view){s->spm + addr, t->size[1] > 1 ? t->stride[1] : 0, t->type, 0};
}

static void set_batch(struct tern_sim *s, const struct tern_rcmd *c, const struct job *j,
		      struct batch *b, int64_t index)
{
	const struct tern_rtile *ta = &c->t[0], *tb = &c->t[1], *o = &c->t[2];
	bool kn = c->flags & TERN_MATRIX_KN;
	int64_t m = ta->size[1], n = tb->size[!kn];
	int64_t i2 = index ? index % ta->size[2] : 0, i3 = index ? index / ta->size[2] : 0;
	int64_t j2 = i2 ? i2 / (ta->size[2] / tb->size[2]) : 0;
	int64_t j3 = i3 ? i3 / (ta->size[3] / tb->size[3]) : 0;
	struct sim_view va, vb;

	view(s, ta, plane(ta, i2, i3), false, &va);
	view(s, tb, plane(tb, j2, j3), !kn, &vb);
	b->g = (struct tern_gemm){
		.a_type = ta->type,
		.b_type = vb.type,
		.kn = kn,
		.accumulate = c->flags & TERN_MATRIX_ACC,
		.k = ta->size[0],
		.m1 = m,
		.n1 = n,
		.a = va.ptr,
		.a_stride = va.stride,
		.b = vb.ptr,
		.b_stride = vb.stride,
		.k0 = vb.k0,
	};
	b->out = o->present ? s->spm + plane(o, i2, i3) : NULL;
	if (j->mode == TO_SPM) {
		b->g.c = (float *)(void *)b->out;
		b->g.ldc = o->size[1] > 1 ? o->stride[1] / (int64_t)sizeof(float) : n;
	} else if (j->mode != VIA_SCRATCH) {
		b->g.c = s->acc + index * m * n;
		b->g.ldc = n;
	}
}

static void settle(struct tern_sim *s, const struct tern_rcmd *c, const struct job *j,
		   int64_t outputs)
{
	if (c->t[2].present)
		sim_spm_writes(s, &c->t[2], &s->cur->range[2], true);
	if ((j->mode == TO_ACC || j->mode == VIA_ACC) && (uint64_t)outputs > s->acc_dirty)
		s->acc_dirty = (uint64_t)outputs;
}

int sim_matrix(struct tern_sim *s, struct tern_rcmd *c, struct sim_slot *slot)
{
	const struct tern_rtile *a = &c->t[0], *b = &c->t[1];
	int64_t m = a->size[1], n = b->size[!(c->flags & TERN_MATRIX_KN)];
	int64_t batches = a->size[2] * a->size[3];
	struct job j; /* 5 KB that need no clearing */

	(void)slot;
	j.simd = s->simd;
	j.mode = mode_of(c);
	j.out_type = c->t[2].type;
	j.out_stride = c->t[2].present && m > 1 ? c->t[2].stride[1] : 0;
	cut(s, &j, m, n, a->size[0], batches);
	settle(s, c, &j, batches * m * n);
	for (int64_t first = 0; first < batches; first += MAX_BATCHES) {
		int64_t some = least(batches - first, MAX_BATCHES);

		if (sim_stopped_now(s))
			return sim_fault(s, TERN_FAULT_ABORT, 0, 0);
		for (int64_t i = 0; i < some; i++)
			set_batch(s, c, &j, &j.batch[i], first + i);
		sim_parallel(s->pool, (unsigned int)(some * j.mblocks * j.nblocks), run_block, &j);
	}
	return 0;
}
