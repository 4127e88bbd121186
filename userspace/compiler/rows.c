// SPDX-License-Identifier: MIT
/* Row kernels: describing and planning. Pure; see rows.h. */
#include <errno.h>
#include <string.h>

#include "compiler/rows.h"

/*
 * A chunk of this many elements per lane keeps start-up costs below a few percent and still
 * leaves several chunks in flight where an operator is large.
 */
enum { CHUNK_PER_LANE = 128, GRANULE = 64, TRANSPOSE_EDGE = 64, SPM_LINE = 64 };

/* ---- the domain ------------------------------------------------------------------------ */
static struct row_dim dim_of(const struct tern_tensor_desc *t, int d)
{
	if (t->ne_sym[d])
		return (struct row_dim){t->ne[d], 1, t->ne_sym[d]};
	return (struct row_dim){t->ne[d], t->ne[d], 0};
}

void row_init(struct row_kernel *k, const struct tern_op_desc *op, const struct tern_tensor_desc *t)
{
	memset(k, 0, sizeof(*k));
	k->op = op;
	k->ndims = 4;
	for (int d = 0; d < 4; d++) {
		k->dim[d] = dim_of(t, d);
		k->from[d] = (uint8_t)d;
		k->unit[d] = 1;
	}
}

static void split_dim(struct row_kernel *k, unsigned int d, int64_t n)
{
	unsigned int tail = k->ndims - d;

	memmove(&k->dim[d + 1], &k->dim[d], tail * sizeof(k->dim[0]));
	memmove(&k->from[d + 1], &k->from[d], tail * sizeof(k->from[0]));
	memmove(&k->unit[d + 1], &k->unit[d], tail * sizeof(k->unit[0]));
	k->ndims++;
	k->dim[d] = (struct row_dim){n, n, 0};
	k->dim[d + 1].max /= n;
	k->dim[d + 1].mul /= n;
	k->unit[d + 1] *= n;
}

/* Make n elements of tensor dimension o end where a dimension of the domain ends. */
static bool split_at(struct row_kernel *k, unsigned int o, int64_t n)
{
	for (unsigned int d = 0; d < k->ndims; d++) {
		int64_t end = k->unit[d] * k->dim[d].max;

		if (k->from[d] != o || n > end)
			continue;
		if (n == end)
			return true;
		if (k->dim[d].sym || n % k->unit[d] || end % n || k->ndims == ROW_DIMS)
			return false;
		split_dim(k, d, n / k->unit[d]);
		return true;
	}
	return false;
}

static bool follows_sym(const struct row_kernel *k, unsigned int o, uint8_t sym)
{
	for (unsigned int d = 0; d < k->ndims; d++)
		if (k->from[d] == o && k->dim[d].sym == sym)
			return true;
	return false;
}

int row_repeat(struct row_kernel *k, const struct tern_tensor_desc *t)
{
	for (unsigned int o = 0; o < 4; o++) {
		bool ok;

		if (t->ne[o] == 1 && !t->ne_sym[o])
			continue;
		ok = t->ne_sym[o] ? follows_sym(k, o, t->ne_sym[o]) : split_at(k, o, t->ne[o]);
		if (!ok)
			return tern_fail(-EOPNOTSUPP,
					 "%s: a source of size %lld along dimension %u cannot be "
					 "repeated to a size that is not a fixed multiple of it",
					 tern_op_name(k->op->op), (long long)t->ne[o], o);
	}
	return 0;
}

/* ---- operands ------------------------------------------------------------------------------ */
static int64_t block_step(unsigned int type, int64_t n)
{
	const struct tern_type_info *info = tern_type_info(type);

	return n / info->elems * info->bytes;
}

/* Integers are moved as they are; everything else is computed with as f32. */
static unsigned int spm_type(enum tern_dtype type)
{
	return type == TERN_I32 || type == TERN_I64 ? (unsigned int)type : (unsigned int)TERN_T_F32;
}

static unsigned int next_buf(const struct row_kernel *k)
{
	return (unsigned int)k->nin + k->nout + k->ntmp;
}

static unsigned int add_operand(struct row_kernel *k, const struct tern_tensor_desc *t,
				uint32_t tensor)
{
	unsigned int n = next_buf(k);
	struct row_operand *o = &k->buf[n];

	o->t = t;
	o->tensor = tensor;
	o->type = (uint8_t)t->type;
	o->spm_type = (uint8_t)spm_type(t->type);
	for (unsigned int d = 0; d < k->ndims; d++) {
		unsigned int from = k->from[d];

		o->d[d].on = (t->ne[from] > 1 || t->ne_sym[from]) && k->unit[d] < t->ne[from];
		if (!o->d[d].on)
			continue;
		if (!from && tern_type_info(t->type)->kind == TERN_KIND_BLOCK)
			o->d[d].nb = block_step(t->type, k->unit[d]); /* 0 inside a block */
		else
			o->d[d].nb = (int64_t)t->nb[from] * k->unit[d];
	}
	return n;
}

unsigned int row_in(struct row_kernel *k, const struct tern_tensor_desc *t, uint32_t tensor)
{
	unsigned int n = add_operand(k, t, tensor);

	k->nin++;
	return n;
}

unsigned int row_out(struct row_kernel *k, const struct tern_tensor_desc *t, uint32_t tensor)
{
	unsigned int n = add_operand(k, t, tensor);

	k->nout++;
	return n;
}

unsigned int row_table(struct row_kernel *k, const void *data, size_t bytes)
{
	unsigned int n = next_buf(k);
	struct row_operand *o = &k->buf[n];

	o->source = ROW_TABLE;
	o->table = data;
	o->table_bytes = bytes;
	o->type = o->spm_type = TERN_T_F32;
	k->nin++;
	return n;
}

static void index_dim(struct row_operand *o, unsigned int d, unsigned int from, int64_t unit)
{
	const struct tern_tensor_desc *it = o->it;

	if (from == 1) {
		o->idim = (uint8_t)d;
		o->d[d].on = true;
		o->d[d].nb = (int64_t)o->t->nb[1];
		o->d[d].inb = (int64_t)it->nb[0];
	} else if (from > 1 && (it->ne[from - 1] > unit || it->ne_sym[from - 1])) {
		o->d[d].inb = (int64_t)it->nb[from - 1] * unit;
	}
}

void row_index(struct row_kernel *k, unsigned int b, const struct tern_tensor_desc *it,
	       uint32_t index)
{
	struct row_operand *o = &k->buf[b];

	o->it = it;
	o->index = index;
	o->rows = dim_of(o->t, 1);
	for (unsigned int d = 0; d < k->ndims; d++)
		index_dim(o, d, k->from[d], k->unit[d]);
}

void row_own_length(struct row_kernel *k, unsigned int b, int64_t n)
{
	struct row_operand *o = &k->buf[b];

	o->n0 = n;
	o->d[0].on = false;
	o->d[0].nb = tern_type_info(o->type)->bytes;
}

unsigned int row_tmp(struct row_kernel *k, int64_t n0, unsigned int follows, unsigned int type)
{
	unsigned int n = next_buf(k);
	struct row_operand *o = &k->buf[n];

	o->spm_type = (uint8_t)type;
	o->n0 = n0;
	for (unsigned int d = 0; d < k->ndims; d++)
		o->d[d].on = follows >> k->from[d] & 1;
	k->ntmp++;
	return n;
}

struct row_step *row_step(struct row_kernel *k,
			  void (*body)(struct vprog *, const struct row_kernel *, bool))
{
	struct row_step *s = &k->step[k->nsteps++];

	s->body = body;
	s->ins = (uint8_t)((1u << k->nin) - 1);
	s->outs = (uint8_t)((1u << k->nout) - 1);
	return s;
}

static bool encodes(unsigned int type)
{
	static const uint8_t types[] = {TERN_T_F32,  TERN_T_F16,  TERN_T_BF16,
					TERN_T_Q8_0, TERN_T_Q4_0, TERN_T_Q4_1,
					TERN_T_Q5_0, TERN_T_Q5_1, TERN_T_IQ4_NL};

	return memchr(types, (int)type, sizeof(types));
}

int row_check_types(const struct row_kernel *k)
{
	for (unsigned int b = 0; b < (unsigned int)k->nin + k->nout; b++) {
		const struct row_operand *o = &k->buf[b];
		const struct tern_type_info *info = tern_type_info(o->type);

		if (!info || info->kind == TERN_KIND_RESERVED)
			return tern_fail(-EOPNOTSUPP, "%s: the NPU has no type %u",
					 tern_op_name(k->op->op), o->type);
		if (b >= k->nin && o->type != o->spm_type && !encodes(o->type))
			return tern_fail(-EOPNOTSUPP, "%s: STORE cannot encode %s",
					 tern_op_name(k->op->op), info->name);
	}
	return 0;
}

void row_length(struct vprog *p, const struct row_kernel *k, unsigned int s)
{
	if (k->dim[0].sym)
		vp(p, TERN_V_I2F, vS(s), vS(ROW_S_LENGTH), 0, 0);
	else
		vp(p, TERN_V_MOV, vS(s), V_IMM, 0, f32_bits((float)k->dim[0].max));
}

/* ---- fewer dimensions ----------------------------------------------------------------------- */
static void remove_dim(struct row_kernel *k, unsigned int d)
{
	unsigned int tail = --k->ndims - d;

	memmove(&k->dim[d], &k->dim[d + 1], tail * sizeof(k->dim[0]));
	memmove(&k->from[d], &k->from[d + 1], tail * sizeof(k->from[0]));
	memmove(&k->unit[d], &k->unit[d + 1], tail * sizeof(k->unit[0]));
	if (d < k->whole)
		k->whole--;
	for (unsigned int b = 0; b < next_buf(k); b++) {
		struct row_operand *o = &k->buf[b];

		memmove(&o->d[d], &o->d[d + 1], tail * sizeof(o->d[0]));
		memset(&o->d[k->ndims], 0, sizeof(o->d[0]));
		if (o->it && o->idim > d)
			o->idim--;
		if (d == 1)
			o->merge = false;
	}
}

static bool needs_dim(const struct row_kernel *k, unsigned int d)
{
	if (d == 0 && k->rows)
		return true;
	for (unsigned int b = 0; b < next_buf(k); b++) {
		const struct row_operand *o = &k->buf[b];

		if ((o->it && (o->idim == d || d == 0)) || (d == 0 && o->n0))
			return true;
	}
	return false;
}

static bool contiguous(const struct row_operand *o, unsigned int d, int64_t n)
{
	bool block = d == 0 && o->source == ROW_TENSOR && o->t &&
		     tern_type_info(o->type)->kind == TERN_KIND_BLOCK;
	int64_t span = block ? block_step(o->type, n) : o->d[d].nb * n;

	if (o->it && o->d[d + 1].inb != o->d[d].inb * n)
		return false;
	return !o->t || o->d[d + 1].nb == span;
}

/* Can dimensions d and d + 1 become one? */
static bool mergeable(const struct row_kernel *k, unsigned int d)
{
	if (k->dim[d].sym || needs_dim(k, d) || needs_dim(k, d + 1))
		return false;
	for (unsigned int b = 0; b < next_buf(k); b++) {
		const struct row_operand *o = &k->buf[b];

		if (o->d[d].on != o->d[d + 1].on || (o->merge && d < 2))
			return false;
		if (o->d[d].on && !contiguous(o, d, k->dim[d].max))
			return false;
	}
	return true;
}

static void merge_dims(struct row_kernel *k, unsigned int d)
{
	struct row_dim lo = k->dim[d];

	k->dim[d] = k->dim[d + 1];
	k->dim[d].max *= lo.max;
	k->dim[d].mul *= lo.max;
	k->dim[d + 1] = (struct row_dim){1, 1, 0};
	remove_dim(k, d + 1);
}

void row_finish(struct row_kernel *k)
{
	for (unsigned int d = 0; d < k->ndims && k->ndims > 1;) {
		if (k->dim[d].max == 1 && !k->dim[d].sym && !needs_dim(k, d))
			remove_dim(k, d);
		else
			d++;
	}
	for (unsigned int d = 0; d + 1 < k->ndims;) {
		if (mergeable(k, d))
			merge_dims(k, d);
		else
			d++;
	}
}

/* ---- the chunk ----------------------------------------------------------------------------- */
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
	for (unsigned int b = 0; b < next_buf(k); b++) {
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
		limit = TRANSPOSE_EDGE;
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
		int err = row_check_types(&k[i]);

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
