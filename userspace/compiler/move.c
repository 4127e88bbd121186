// SPDX-License-Identifier: MIT
/* GET_ROWS, SET_ROWS, COPY, CONCAT, REPEAT: LOAD and STORE do all the work. */
#include <errno.h>
#include <string.h>

#include "compiler/lowerings.h"

/* ---- rows by index ------------------------------------------------------------------ */
static int get_rows_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			   struct row_kernel *k)
{
	row_init(k, op, &ts[op->dst]);
	row_index(k, row_in(k, &ts[op->src[0]], op->src[0]), &ts[op->src[1]], op->src[1]);
	row_out(k, &ts[op->dst], op->dst);
	row_finish(k);
	return 0;
}

static int set_rows_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			   struct row_kernel *k)
{
	const struct tern_tensor_desc *it = &ts[op->src[1]];
	struct tern_tensor_desc follow = *it; /* as its dimensions lie in the domain */
	int err;

	follow.ne[0] = 1;
	follow.ne_sym[0] = 0;
	for (int d = 1; d < 4; d++) {
		follow.ne[d] = it->ne[d - 1];
		follow.ne_sym[d] = it->ne_sym[d - 1];
	}
	row_init(k, op, &ts[op->src[0]]);
	err = row_repeat(k, &follow);
	if (err)
		return err;
	row_in(k, &ts[op->src[0]], op->src[0]);
	row_index(k, row_out(k, &ts[op->dst], op->dst), it, op->src[1]);
	row_finish(k);
	return 0;
}

ROW_OPERATOR(get_rows)
ROW_OPERATOR(set_rows)

/* ---- bytes as they are -------------------------------------------------------------- */
/* The tensor as elements that LOAD and STORE do not convert: blocks become 16-bit words, or
 * bytes where a block's size is odd. */
static struct tern_tensor_desc raw_view(const struct tern_tensor_desc *t)
{
	const struct tern_type_info *info = tern_type_info(t->type);
	struct tern_tensor_desc v = *t;
	int64_t unit = info->bytes % 2 ? 1 : 2;

	if (info->kind != TERN_KIND_BLOCK)
		return v;
	v.type = (enum tern_dtype)(unit == 2 ? TERN_T_I16 : TERN_T_I8);
	v.ne[0] = t->ne[0] / info->elems * info->bytes / unit;
	v.nb[0] = (uint64_t)unit;
	return v;
}

static unsigned int raw_operand(struct row_kernel *k, bool out, const struct tern_tensor_desc *v,
				const struct tern_tensor_desc *t, uint32_t tensor)
{
	unsigned int b = out ? row_out(k, v, tensor) : row_in(k, v, tensor);

	k->buf[b].t = t;
	k->buf[b].spm_type = k->buf[b].type;
	return b;
}

static int repeat_kernel(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			 struct row_kernel *k)
{
	const struct tern_tensor_desc *s = &ts[op->src[0]], *d = &ts[op->dst];
	int err;

	row_init(k, op, d);
	err = row_repeat(k, s);
	if (err)
		return err;
	raw_operand(k, false, s, s, op->src[0]);
	raw_operand(k, true, d, d, op->dst);
	row_finish(k);
	return 0;
}

ROW_OPERATOR(repeat)

/* ---- CONCAT: two moves -------------------------------------------------------------- */
static void concat_kernels(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
			   struct row_kernel k[2])
{
	const struct tern_tensor_desc *d = &ts[op->dst];
	int dim = op->i[0];
	int64_t at = 0;

	for (int i = 0; i < 2; i++) {
		const struct tern_tensor_desc *s = &ts[op->src[i]];
		struct tern_tensor_desc from = raw_view(s), to = raw_view(d);
		unsigned int out;

		to.ne[dim] = from.ne[dim];
		row_init(&k[i], op, &from);
		raw_operand(&k[i], false, &from, s, op->src[i]);
		out = raw_operand(&k[i], true, &to, d, op->dst);
		k[i].bad |= __builtin_mul_overflow(at, (int64_t)to.nb[dim], &k[i].buf[out].offset);
		at += from.ne[dim];
		row_finish(&k[i]);
	}
}

int concat_solve(const struct tern_target *t, const struct tern_op_desc *op,
		 const struct tern_tensor_desc *tensors)
{
	struct row_kernel k[2];

	for (int i = 0; i < 2; i++)
		if (!row_sizes_ok(&tensors[op->src[i]]) || !row_sizes_ok(&tensors[op->dst]))
			return row_bad_sizes(op);
	concat_kernels(op, tensors, k);
	return row_solve(t, k, 2);
}

void concat_lower(struct tern_lower *l, uint32_t op)
{
	struct row_kernel k[2];

	concat_kernels(&l->g->ops[op], l->g->tensors, k);
	row_lower(l, op, k, 2);
}

/* ---- COPY: conversion --------------------------------------------------------------- */
static bool is_int(enum tern_dtype type)
{
	return type == TERN_I32 || type == TERN_I64;
}

static void convert_body(struct vprog *p, const struct row_kernel *k, bool resident)
{
	bool from_int = is_int((enum tern_dtype)k->buf[0].type);
	bool to_int = is_int((enum tern_dtype)k->buf[1].type);

	(void)resident;
	vp(p, TERN_V_LANES, 0, 0, 0, 0);
	vp(p, TERN_V_LD, 0, 0, 0, 0);
	if (from_int != to_int)
		vp(p, from_int ? TERN_V_I2F : TERN_V_F2I, 0, 0, 0, 0);
	vp(p, TERN_V_ST, 1, 0, 0, 0);
	vp(p, TERN_V_ENDL, 0, 0, 0, 0);
}

/* ---- COPY: shapes ------------------------------------------------------------------- */
/* One side of a copy as runs of elements, outermost last. */
struct run {
	int64_t n, nb; /* elements; bytes between them, of blocks: 0 for the innermost */
	uint8_t sym;
};
struct side {
	struct run run[4];
	unsigned int n, at;
	int64_t left, done; /* elements of run[at] that remain; elements before them */
	const struct tern_type_info *info;
};

static int64_t run_bytes(const struct side *s, const struct run *r, int64_t n)
{
	bool blocks = s->info->kind == TERN_KIND_BLOCK && r == s->run;

	/* strides that nobody checked may wrap around */
	return blocks ? n / s->info->elems * s->info->bytes
		      : (int64_t)((uint64_t)n * (uint64_t)r->nb);
}

/* Runs of a tensor; runs that follow each other in memory are one. */
static void side_init(struct side *s, const struct tern_tensor_desc *t)
{
	s->info = tern_type_info(t->type);
	s->n = s->at = 0;
	s->done = 0;
	for (int d = 0; d < 4; d++) {
		struct run *last = s->n ? &s->run[s->n - 1] : NULL;
		int64_t nb = (int64_t)t->nb[d];

		if (t->ne[d] == 1 && !t->ne_sym[d])
			continue;
		if (last && !last->sym && !t->ne_sym[d] && nb == run_bytes(s, last, last->n)) {
			last->n *= t->ne[d];
			continue;
		}
		s->run[s->n++] = (struct run){t->ne[d], nb, t->ne_sym[d]};
	}
	if (!s->n)
		s->run[s->n++] = (struct run){1, s->info->bytes, 0};
	s->left = s->run[0].n;
}

static void side_advance(struct side *s, int64_t n)
{
	s->left /= n;
	s->done = s->done ? s->done * n : n;
	if (s->left > 1)
		return;
	s->at++;
	s->done = 0;
	s->left = s->at < s->n ? s->run[s->at].n : 1;
}

static int64_t side_stride(const struct side *s)
{
	const struct run *r = &s->run[s->at];

	if (!s->done)
		return s->info->kind == TERN_KIND_BLOCK && !s->at ? 0 : r->nb;
	return run_bytes(s, r, s->done);
}

/* A dimension of the domain may not end inside a block. */
static bool whole_blocks(const struct side *s, int64_t n)
{
	return s->at || s->done || s->info->kind != TERN_KIND_BLOCK || n % s->info->elems == 0;
}

static bool next_dim(struct row_kernel *k, struct side s[2])
{
	const struct run *a = &s[0].run[s[0].at], *b = &s[1].run[s[1].at];
	unsigned int d = k->ndims++;
	int64_t n = s[0].left < s[1].left ? s[0].left : s[1].left;

	if (a->sym != b->sym || s[0].left % n || s[1].left % n || !whole_blocks(&s[0], n) ||
	    !whole_blocks(&s[1], n) || d == ROW_DIMS)
		return false;
	k->dim[d] = (struct row_dim){n, a->sym ? 1 : n, a->sym};
	for (unsigned int i = 0; i < 2; i++) {
		k->buf[i].d[d].on = true;
		k->buf[i].d[d].nb = side_stride(&s[i]);
		side_advance(&s[i], n);
	}
	return true;
}

/* The domain that both shapes are views of, in element order; false: there is none. */
static bool common_domain(struct row_kernel *k, const struct tern_tensor_desc *a,
			  const struct tern_tensor_desc *b)
{
	struct side s[2];

	side_init(&s[0], a);
	side_init(&s[1], b);
	k->ndims = 0;
	memset(k->buf[0].d, 0, sizeof(k->buf[0].d));
	memset(k->buf[1].d, 0, sizeof(k->buf[1].d));
	while (s[0].at < s[0].n && s[1].at < s[1].n)
		if (!next_dim(k, s))
			return false;
	return s[0].at == s[0].n && s[1].at == s[1].n;
}

static bool same_shape(const struct tern_tensor_desc *a, const struct tern_tensor_desc *b)
{
	for (int d = 0; d < 4; d++)
		if (a->ne[d] != b->ne[d] || a->ne_sym[d] != b->ne_sym[d])
			return false;
	return true;
}

/* One pass from `from` to `to`; false: the shapes have no common domain. */
static bool copy_kernel(struct row_kernel *k, const struct tern_op_desc *op,
			const struct tern_tensor_desc *from, const struct tern_tensor_desc *to)
{
	bool raw = from->type == to->type;
	struct tern_tensor_desc a = raw ? raw_view(from) : *from, b = raw ? raw_view(to) : *to;

	row_init(k, op, &b);
	row_in(k, &a, op->src[0]);
	row_out(k, &b, op->dst);
	k->buf[0].t = from;
	k->buf[1].t = to;
	if (raw)
		k->buf[0].spm_type = k->buf[1].spm_type = k->buf[0].type;
	else if (is_int(from->type) || is_int(to->type))
		row_step(k, convert_body);
	if (!same_shape(&a, &b) && !common_domain(k, &a, &b))
		return false;
	row_finish(k);
	return true;
}

/* Contiguous scratch with the source's elements: as they are if nothing is converted. */
struct copy_scratch {
	struct tern_tensor_desc shaped, flat; /* the same bytes */
	uint64_t bytes;
};

static void describe_scratch(struct copy_scratch *s, const struct tern_tensor_desc *from,
			     enum tern_dtype to)
{
	bool block = tern_type_info(from->type)->kind == TERN_KIND_BLOCK;
	enum tern_dtype type = block && from->type != to ? TERN_F32 : from->type;
	const struct tern_type_info *info = tern_type_info(type);

	s->shaped = *from;
	s->shaped.type = type;
	s->shaped.nb[0] = info->bytes;
	s->shaped.nb[1] = (uint64_t)from->ne[0] / info->elems * info->bytes;
	s->shaped.nb[2] = s->shaped.nb[1] * (uint64_t)from->ne[1];
	s->shaped.nb[3] = s->shaped.nb[2] * (uint64_t)from->ne[2];
	s->bytes = s->shaped.nb[3] * (uint64_t)from->ne[3];
	s->flat = s->shaped;
	s->flat.ne[0] = from->ne[0] * tern_nrows(from->ne);
	for (int d = 1; d < 4; d++) {
		s->flat.ne[d] = 1;
		s->flat.nb[d] = s->bytes;
	}
}

static bool symbolic(const struct tern_tensor_desc *t)
{
	return t->ne_sym[0] || t->ne_sym[1] || t->ne_sym[2] || t->ne_sym[3];
}

/* VECTOR's integers have 32 bits: it reads the low half of I64, and saturates at I32's ends. */
static bool loses_half(const struct tern_tensor_desc *from, const struct tern_tensor_desc *to)
{
	return (from->type == TERN_I64 && !is_int(to->type)) ||
	       (to->type == TERN_I64 && !is_int(from->type));
}

/* Kernels of a copy: one, or two through scratch at `at`; 0 with the reason told. */
static unsigned int copy_kernels(const struct tern_op_desc *op, const struct tern_tensor_desc *ts,
				 struct row_kernel k[2], struct copy_scratch *s, uint64_t at)
{
	const struct tern_tensor_desc *from = &ts[op->src[0]], *to = &ts[op->dst];

	s->bytes = 0;
	if (!row_sizes_ok(from) || !row_sizes_ok(to)) {
		row_bad_sizes(op);
		return 0;
	}
	if (loses_half(from, to)) {
		tern_fail(-EOPNOTSUPP, "COPY: VECTOR's integers have 32 bits, not I64's");
		return 0;
	}
	if (copy_kernel(&k[0], op, from, to))
		return 1;
	if (symbolic(from) || symbolic(to)) {
		tern_fail(-EOPNOTSUPP, "COPY: shapes with symbolic sizes that do not nest");
		return 0;
	}
	describe_scratch(s, from, to->type);
	if (!copy_kernel(&k[0], op, from, &s->shaped) || !copy_kernel(&k[1], op, &s->flat, to)) {
		tern_fail(-EOPNOTSUPP, "COPY: the shapes cut blocks");
		return 0;
	}
	k[0].buf[1].source = k[1].buf[0].source = ROW_SCRATCH;
	k[0].buf[1].offset = k[1].buf[0].offset = (int64_t)at;
	k[1].barrier = true;
	return 2;
}

int copy_solve(const struct tern_target *t, const struct tern_op_desc *op,
	       const struct tern_tensor_desc *tensors)
{
	struct row_kernel k[2];
	struct copy_scratch s;
	unsigned int n = copy_kernels(op, tensors, k, &s, 0);

	return n ? row_solve(t, k, n) : -EOPNOTSUPP;
}

void copy_lower(struct tern_lower *l, uint32_t op)
{
	struct row_kernel k[2];
	struct copy_scratch s;
	unsigned int n = copy_kernels(&l->g->ops[op], l->g->tensors, k, &s, l->scratch);

	if (!n) {
		l->err = l->err ? l->err : -EOPNOTSUPP;
		return;
	}
	l->scratch = (l->scratch + s.bytes + TERN_BURST - 1) / TERN_BURST * TERN_BURST;
	row_lower(l, op, k, n);
}
