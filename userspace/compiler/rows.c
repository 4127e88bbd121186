// SPDX-License-Identifier: MIT
/* Row kernels: describing. Pure; see rows.h. */
#include <errno.h>
#include <string.h>

#include "compiler/rows.h"

/* More elements than any address space has. */
#define ROW_MAX_ELEMS (1ll << 47)

bool row_sizes_ok(const struct tern_tensor_desc *t)
{
	int64_t n = 1;

	for (int d = 0; d < 4; d++)
		if (t->ne[d] < 1 || __builtin_mul_overflow(n, t->ne[d], &n) || n > ROW_MAX_ELEMS)
			return false;
	return true;
}

int row_bad_sizes(const struct tern_op_desc *op)
{
	return tern_fail(-EOPNOTSUPP,
			 "%s: sizes must be at least 1, their product at most %lld, and strides "
			 "must not overflow",
			 tern_op_name(op->op), ROW_MAX_ELEMS);
}

/* a * b; where that overflows, 0, and the kernel is bad. */
static int64_t times(struct row_kernel *k, int64_t a, int64_t b)
{
	int64_t n;

	if (!__builtin_mul_overflow(a, b, &n))
		return n;
	k->bad = true;
	return 0;
}

/* ---- the domain --------------------------------------------------------------------- */
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
	k->bad = !row_sizes_ok(t);
	for (int d = 0; d < 4; d++) {
		k->dim[d] = k->bad ? (struct row_dim){1, 1, 0} : dim_of(t, d);
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
	if (k->bad || !row_sizes_ok(t))
		return row_bad_sizes(k->op);
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

/* ---- operands ----------------------------------------------------------------------- */
static int64_t block_step(unsigned int type, int64_t n)
{
	const struct tern_type_info *info = tern_type_info(type);

	return n / info->elems * info->bytes;
}

/* Integers are moved as they are; everything else is computed with as f32. */
static unsigned int spm_type(enum tern_dtype type)
{
	bool integer = type == TERN_I8 || type == TERN_I16 || type == TERN_I32 || type == TERN_I64;

	return integer ? (unsigned int)type : (unsigned int)TERN_T_F32;
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
	k->bad |= !row_sizes_ok(t);
	for (unsigned int d = 0; d < k->ndims; d++) {
		unsigned int from = k->from[d];

		o->d[d].on = (t->ne[from] > 1 || t->ne_sym[from]) && k->unit[d] < t->ne[from];
		if (!o->d[d].on)
			continue;
		if (!from && tern_type_info(t->type)->kind == TERN_KIND_BLOCK)
			o->d[d].nb = block_step(t->type, k->unit[d]); /* 0 inside a block */
		else
			o->d[d].nb = times(k, (int64_t)t->nb[from], k->unit[d]);
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

static void index_dim(struct row_kernel *k, struct row_operand *o, unsigned int d)
{
	const struct tern_tensor_desc *it = o->it;
	unsigned int from = k->from[d];

	if (from == 1) {
		o->idim = (uint8_t)d;
		o->d[d].on = true;
		o->d[d].nb = (int64_t)o->t->nb[1];
		o->d[d].inb = (int64_t)it->nb[0];
	} else if (from > 1 && (it->ne[from - 1] > k->unit[d] || it->ne_sym[from - 1])) {
		o->d[d].on = true; /* other indices, other rows, even of the same matrix */
		o->d[d].inb = times(k, (int64_t)it->nb[from - 1], k->unit[d]);
	}
}

void row_index(struct row_kernel *k, unsigned int b, const struct tern_tensor_desc *it,
	       uint32_t index)
{
	struct row_operand *o = &k->buf[b];

	o->it = it;
	o->index = index;
	k->bad |= !row_sizes_ok(it);
	o->rows = dim_of(o->t, 1);
	for (unsigned int d = 0; d < k->ndims; d++)
		index_dim(k, o, d);
}

void row_own_length(struct row_kernel *k, unsigned int b, int64_t n)
{
	struct row_operand *o = &k->buf[b];

	o->n0 = n;
	o->d[0].on = false;
	o->d[0].nb = o->t ? (int64_t)o->t->nb[0] : tern_type_info(o->type)->bytes;
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

/* ---- fewer dimensions --------------------------------------------------------------- */
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
	int64_t span, ispan;

	if (__builtin_mul_overflow(o->d[d].nb, n, &span) ||
	    __builtin_mul_overflow(o->d[d].inb, n, &ispan))
		return false;
	if (block)
		span = block_step(o->type, n);
	if (o->it && o->d[d + 1].inb != ispan)
		return false;
	return (!o->t && o->source != ROW_TABLE) || o->d[d + 1].nb == span;
}

/* Can dimensions d and d + 1 become one? */
static bool mergeable(const struct row_kernel *k, unsigned int d)
{
	if (k->dim[d].sym || needs_dim(k, d) || needs_dim(k, d + 1))
		return false;
	if (d + 1 == k->whole) /* steps count on what the dimensions of a whole chunk are */
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
	k->dim[d].max = times(k, k->dim[d].max, lo.max);
	k->dim[d].mul = times(k, k->dim[d].mul, lo.max);
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
