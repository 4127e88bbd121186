// SPDX-License-Identifier: MIT
/* Row kernels: what one chunk covers. Pure; see rows.h. */
#include <errno.h>
#include <string.h>

#include "compiler/rows.h"

/*
 * A chunk of this many elements per lane keeps start-up costs below a few percent and still
 * leaves several chunks in flight where an operator is large.
 */
enum { CHUNK_PER_LANE = 128, GRANULE = 64, TRANSPOSE_EDGE = 64, SPM_LINE = 64 };

/* ---- the chunk ---------------------------------------------------------------------- */
static uint64_t buf_bytes(const struct row_operand *o, const int64_t *t)
{
	uint64_t n = tern_type_info(o->spm_type)->bytes;

	if (o->n0 || o->d[0].on)
		n *= (uint64_t)(o->n0 ? o->n0 : t[0]);
	for (unsigned int d = 1; d < ROW_TILE_DIMS; d++)
		if (o->d[d].on)
			n *= (uint64_t)t[d];
	return (n + SPM_LINE - 1) / SPM_LINE * SPM_LINE;
}

static bool changes(const struct row_kernel *k, const struct row_operand *o, const int64_t *t,
		    bool *loops)
{
	bool moves = false;

	for (unsigned int d = 0; d < k->ndims; d++) {
		bool looped = t[d] < k->dim[d].max;

		*loops |= looped;
		moves |= looped && o->d[d].on;
	}
	return moves;
}

static bool is_map(const struct row_kernel *k)
{
	return k->nsteps <= 1 && !k->nstate && !k->whole;
}

/* Sizes of all buffers for chunk p->t; total scratchpad. */
static uint64_t measure(const struct row_kernel *k, struct row_plan *p)
{
	uint64_t in = 0, out = 0, fixed = 0;

	p->resident = p->t[0] == k->dim[0].max || is_map(k);
	for (unsigned int b = 0; b < (unsigned int)k->nin + k->nout + k->ntmp; b++) {
		bool loops = false, moves = changes(k, &k->buf[b], p->t, &loops);
		uint64_t n = buf_bytes(&k->buf[b], p->t);

		p->once[b] = b < k->nin && k->nsteps && loops && !moves;
		if (!k->nsteps && b == 1)
			n = 0;		   /* a move stores what it loaded */
		p->bytes[b] = (uint32_t)n; /* as is all that fits */
		if (p->once[b] || b >= (unsigned int)k->nin + k->nout)
			fixed += n;
		else if (b < k->nin)
			in += n;
		else
			out += n;
	}
	if (!p->resident || k->repeat > 1)
		fixed += (uint64_t)(k->nstate * 4 * p->t[1] * p->t[2] * p->t[3] + SPM_LINE);
	p->in_slot = (uint32_t)in;
	p->out_slot = (uint32_t)out;
	p->fixed = (uint32_t)fixed;
	return 2 * in + 2 * out + fixed;
}

static bool fits(const struct row_kernel *k, struct row_plan *p, uint32_t spm)
{
	return measure(k, p) <= spm;
}

/* Largest extent of dimension d, a multiple of `step`, that fits; at most n; 0: none. The
 * need is linear but for rounding, so that one division nearly answers. */
static int64_t grow(const struct row_kernel *k, struct row_plan *p, uint32_t spm, unsigned int d,
		    int64_t n, int64_t step)
{
	uint64_t all, one, slope;
	int64_t t;

	p->t[d] = n;
	all = measure(k, p);
	if (all <= spm)
		return n;
	p->t[d] = step;
	one = measure(k, p);
	if (one > spm || step >= n)
		return 0;
	slope = (all - one) / (uint64_t)(n - step) + 1;
	t = ((int64_t)((spm - one) / slope) + step) / step * step;
	for (p->t[d] = t; t > step && !fits(k, p, spm); p->t[d] = t)
		t -= (t / step / 64 + 1) * step;
	return t;
}

/* Chunks of a dimension should be alike. */
static int64_t even(int64_t n, int64_t t, int64_t step)
{
	int64_t chunks = (n + t - 1) / t;
	int64_t each = (n + chunks - 1) / chunks;

	return (each + step - 1) / step * step;
}

/* Elements that keep whole blocks of every operand together. */
static int64_t granule(const struct row_kernel *k)
{
	int64_t g = GRANULE;

	for (unsigned int b = 0; b < (unsigned int)k->nin + k->nout; b++)
		if (k->buf[b].t && tern_type_info(k->buf[b].type)->elems > g)
			g = tern_type_info(k->buf[b].type)->elems;
	return g;
}

/* The dimension along which an operand is contiguous when it is not 0; else 0. */
static unsigned int transposed(const struct row_kernel *k)
{
	for (unsigned int b = 0; b < (unsigned int)k->nin + k->nout; b++) {
		const struct row_operand *o = &k->buf[b];
		int64_t size = o->t ? tern_type_info(o->type)->bytes : 0;

		if (!o->t || o->it || !o->d[0].on || o->d[0].nb <= size)
			continue;
		for (unsigned int d = 1; d < ROW_TILE_DIMS && d < k->ndims; d++)
			if (o->d[d].on && o->d[d].nb == size)
				return d;
	}
	return 0;
}

/* `u`: a dimension that shares the chunk with the row from the start, or 0. */
static bool plan_row(const struct row_kernel *k, uint32_t spm, int64_t cap, unsigned int u,
		     struct row_plan *p)
{
	int64_t n = k->dim[0].max, g = granule(k), limit = n, t;
	if (u) {
		limit = g > TRANSPOSE_EDGE ? g : TRANSPOSE_EDGE; /* whole blocks */
		p->t[u] = k->dim[u].max < TRANSPOSE_EDGE ? k->dim[u].max : TRANSPOSE_EDGE;
	} else if (is_map(k)) {
		limit = (cap + g - 1) / g * g;
	}
	if (limit > n)
		limit = n;
	t = grow(k, p, spm, 0, limit, g);
	if (t < 1 || (k->whole && t < n))
		return false;
	p->t[0] = t < n ? even(n, t, g) : n;
	if (p->t[0] > t)
		p->t[0] = t;
	return true;
}

bool row_plan(const struct tern_caps *caps, uint32_t spm, const struct row_kernel *k,
	      struct row_plan *p)
{
	int64_t cap = (int64_t)caps->vector_lanes * CHUNK_PER_LANE, elems;
	unsigned int u = is_map(k) ? transposed(k) : 0;

	if (k->bad)
		return false;
	memset(p, 0, sizeof(*p));
	for (unsigned int d = 0; d < ROW_DIMS; d++)
		p->t[d] = 1;
	if (!u || !plan_row(k, spm, cap, u, p)) {
		p->t[u] = 1;
		if (!plan_row(k, spm, cap, 0, p))
			return false;
	}
	elems = p->t[0];
	for (unsigned int d = 1; d < ROW_TILE_DIMS && d < k->ndims; d++) {
		int64_t n = k->dim[d].max, limit = cap / elems;

		if (p->t[d] == 1 && (p->t[d - 1] == k->dim[d - 1].max || d < k->whole)) {
			if (d < k->whole || limit > n)
				limit = n;
			p->t[d] = grow(k, p, spm, d, limit < 1 ? 1 : limit, 1);
			if (p->t[d] < 1 || (d < k->whole && p->t[d] < n))
				return false;
			p->t[d] = even(n, p->t[d], 1);
		}
		elems *= p->t[d];
	}
	return fits(k, p, spm);
}

int row_solve(const struct tern_target *target, const struct row_kernel *k, unsigned int n)
{
	uint32_t spm = lower_spm_local(&target->caps) / n;
	struct row_plan p;

	for (unsigned int i = 0; i < n; i++) {
		int err = k[i].bad ? row_bad_sizes(k[i].op) : row_check_types(&k[i]);

		if (err)
			return err;
		if (!row_plan(&target->caps, spm, &k[i], &p))
			return tern_fail(-EOPNOTSUPP,
					 "%s: rows of %lld elements need more than the %u bytes of "
					 "scratchpad this target has for them",
					 tern_op_name(k[i].op->op), (long long)k[i].dim[0].max,
					 spm);
	}
	return 0;
}
