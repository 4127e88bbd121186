// SPDX-License-Identifier: MIT
/* Where tensors come from: new storages in many layouts, views, tensors that are there. */
#include "support/random_graph.h"

#include <string.h>

#include "support/ref.h"

enum { MAX_BYTES = 96 << 10, MAX_ELEMS = 24 << 10 };

enum layout { PLAIN, GAPS, SWAP12, SWAP01, STEP2, REPEATED, ODD_OFFSET, LAYOUTS };

static const uint8_t orders[LAYOUTS][4] = {
	{0, 1, 2, 3}, {0, 1, 2, 3}, {0, 2, 1, 3}, {1, 0, 2, 3},
	{0, 1, 2, 3}, {0, 1, 2, 3}, {0, 1, 2, 3},
};

struct rg_shape rg_shape_of(const struct tern_tensor_desc *t)
{
	struct rg_shape s;

	memcpy(s.ne, t->ne, sizeof(s.ne));
	memcpy(s.sym, t->ne_sym, sizeof(s.sym));
	return s;
}

static bool same_shape(const struct tern_tensor_desc *t, const struct rg_shape *s)
{
	return !memcmp(t->ne, s->ne, sizeof(s->ne)) && !memcmp(t->ne_sym, s->sym, sizeof(s->sym));
}

/* ---- types --------------------------------------------------------------------------- */

static const enum tern_dtype weights[] = {
	TERN_F32,  TERN_F16,  TERN_Q8_0, TERN_Q4_0, TERN_F32,  TERN_Q4_1, TERN_Q5_0,   TERN_Q5_1,
	TERN_Q2_K, TERN_Q3_K, TERN_Q4_K, TERN_Q5_K, TERN_Q6_K, TERN_BF16, TERN_IQ4_NL, TERN_MXFP4,
};
static const enum tern_dtype encoded[] = {TERN_F32,  TERN_F16,	TERN_Q8_0, TERN_Q4_0,  TERN_BF16,
					  TERN_Q4_1, TERN_Q5_0, TERN_Q5_1, TERN_IQ4_NL};
static const enum tern_dtype floats[] = {TERN_F32, TERN_F32, TERN_F32,
					 TERN_F32, TERN_F16, TERN_BF16};
static const enum tern_dtype any[] = {TERN_F32,	 TERN_F16, TERN_I32,  TERN_Q8_0,
				      TERN_BF16, TERN_I64, TERN_Q4_0, TERN_Q6_K,
				      TERN_Q5_1, TERN_I8,  TERN_I16};
static const enum tern_dtype halves[] = {TERN_F32, TERN_F16};

static const struct {
	const enum tern_dtype *list;
	unsigned int n;
} type_lists[] = {
#define LIST(a)                               \
	{                                     \
		a, sizeof(a) / sizeof((a)[0]) \
	}
	{floats, 1}, LIST(floats), LIST(halves), LIST(weights), LIST(encoded), LIST(any),
};

static bool takes(unsigned int types, enum tern_dtype type)
{
	unsigned int l = (unsigned int)__builtin_ctz(types);

	for (unsigned int i = 0; i < type_lists[l].n; i++)
		if (type_lists[l].list[i] == type)
			return true;
	return false;
}

static bool fits_blocks(const struct rg_shape *s, enum tern_dtype type)
{
	int elems = ref_type(type)->elems;

	return elems == 1 || (!s->sym[0] && s->ne[0] % elems == 0);
}

static enum tern_dtype take_type(struct rg_maker *m, unsigned int types, const struct rg_shape *s)
{
	unsigned int l = (unsigned int)__builtin_ctz(types);
	enum tern_dtype type = type_lists[l].list[rg_take(&m->in, type_lists[l].n)];

	return fits_blocks(s, type) ? type : TERN_F32;
}

/* ---- layouts ------------------------------------------------------------------------- */

static bool small(const struct rg_shape *s)
{
	int64_t n = 1;

	for (int d = 0; d < 4; d++) {
		if (s->ne[d] < 1 || s->ne[d] > MAX_ELEMS)
			return false;
		n *= s->ne[d];
		if (n > MAX_ELEMS)
			return false;
	}
	return true;
}

/* Strides and offset; returns the bytes the storage needs. */
static uint64_t lay_out(struct tern_tensor_desc *t, enum layout layout, unsigned int which)
{
	const struct ref_type *type = ref_type(t->type);
	uint64_t at = (uint64_t)type->bytes;

	if (type->elems > 1 && (layout == SWAP01 || layout == STEP2))
		layout = GAPS;
	at *= layout == STEP2 ? 2 : 1;
	for (int i = 0; i < 4; i++) {
		int d = orders[layout][i];

		t->nb[d] = at;
		if (layout == REPEATED && d == (int)which && !(d == 0 && type->elems > 1)) {
			t->nb[d] = 0;
			continue;
		}
		at *= (uint64_t)(d ? t->ne[d] : t->ne[d] / type->elems);
		at += layout == GAPS && i < 2 ? (uint64_t)type->bytes : 0;
	}
	if (layout == GAPS || layout == ODD_OFFSET)
		t->offset = layout == GAPS ? t->nb[1] : 3 * (uint64_t)type->bytes;
	return t->offset + at;
}

static uint32_t new_tensor(struct rg_maker *m, const struct rg_shape *s, enum tern_dtype type,
			   uint32_t flags, enum layout layout, struct rg_content content)
{
	struct tern_graph_desc *desc = &m->g->desc;
	struct tern_tensor_desc t = {.storage = desc->nstorages, .type = type};
	uint64_t bytes;

	if (!small(s) || desc->nstorages == RG_STORAGES || desc->ntensors == RG_TENSORS)
		return TERN_NO_TENSOR;
	memcpy(t.ne, s->ne, sizeof(t.ne));
	memcpy(t.ne_sym, s->sym, sizeof(t.ne_sym));
	bytes = lay_out(&t, layout, layout == REPEATED ? rg_take(&m->in, 4) : 0);
	if (bytes > MAX_BYTES)
		return TERN_NO_TENSOR;
	content.type = type;
	m->g->content[desc->nstorages] = content;
	m->g->storages[desc->nstorages++] = (struct tern_storage_desc){bytes, flags, NULL};
	m->g->tensors[desc->ntensors] = t;
	return desc->ntensors++;
}

static const struct rg_content plain_floats = {.fill = RG_FLOATS};

/* A contiguous view somewhere in a storage that exists. */
static uint32_t view_of_storage(struct rg_maker *m, const struct rg_shape *s, enum tern_dtype type)
{
	struct tern_graph_desc *desc = &m->g->desc;
	struct tern_tensor_desc t = {.type = type};
	uint64_t bytes;

	if (!small(s) || !desc->nstorages || desc->ntensors == RG_TENSORS)
		return TERN_NO_TENSOR;
	t.storage = desc->nstorages - 1 - rg_take(&m->in, desc->nstorages);
	memcpy(t.ne, s->ne, sizeof(t.ne));
	memcpy(t.ne_sym, s->sym, sizeof(t.ne_sym));
	bytes = lay_out(&t, rg_take(&m->in, 2) ? GAPS : PLAIN, 0) - t.offset;
	t.offset = (uint64_t)rg_take(&m->in, 128) * (uint64_t)ref_type(type)->bytes;
	if (t.offset + bytes > m->g->storages[t.storage].size ||
	    ref_type(m->g->content[t.storage].type)->elems != ref_type(type)->elems)
		return TERN_NO_TENSOR;
	m->g->tensors[desc->ntensors] = t;
	return desc->ntensors++;
}

/* The k-th last tensor of that shape. */
static uint32_t existing(struct rg_maker *m, const struct rg_shape *s, unsigned int types,
			 unsigned int k)
{
	uint32_t found = TERN_NO_TENSOR;

	for (uint32_t i = m->g->desc.ntensors; i-- > 0;) {
		const struct tern_tensor_desc *t = &m->g->tensors[i];

		if (!same_shape(t, s) || !takes(types, t->type))
			continue;
		found = i;
		if (!k--)
			break;
	}
	return found;
}

/* ---- what operators ask for ----------------------------------------------------------- */

uint32_t rg_pick(struct rg_maker *m)
{
	uint32_t n = m->g->desc.ntensors, found[RG_TENSORS], nfound = 0, t;
	unsigned int which = rg_take(&m->in, 256);

	for (uint32_t i = 0; i < n; i++)
		if (takes(RG_FLOAT, m->g->tensors[i].type))
			found[nfound++] = i;
	if (which == 255 || !nfound)
		t = new_tensor(m, &m->base, TERN_F32, TERN_STORAGE_BOUND,
			       (enum layout)rg_take(&m->in, LAYOUTS), plain_floats);
	else if (which < 2 && m->recent[which] != TERN_NO_TENSOR &&
		 takes(RG_FLOAT, m->g->tensors[m->recent[which]].type))
		t = m->recent[which];
	else
		t = found[nfound - 1 - which % nfound];
	return t == TERN_NO_TENSOR ? t : rg_view(m, t);
}

uint32_t rg_source(struct rg_maker *m, const struct rg_shape *s, unsigned int types)
{
	const uint32_t weight = TERN_STORAGE_BOUND | TERN_STORAGE_CONST;
	unsigned int how = rg_take(&m->in, 24);
	uint32_t t = TERN_NO_TENSOR;
	enum tern_dtype type;

	if (types == RG_WEIGHT ? how >= 20 : how < 6)
		t = existing(m, s, types, how % 4);
	if (t != TERN_NO_TENSOR)
		return t;
	type = take_type(m, types, s);
	if (how == 7)
		t = view_of_storage(m, s, type);
	if (t != TERN_NO_TENSOR)
		return t;
	return new_tensor(m, s, type, how == 6 ? TERN_STORAGE_BOUND : weight,
			  how >= 8 && how < 8 + LAYOUTS ? (enum layout)(how - 8) : PLAIN,
			  plain_floats);
}

uint32_t rg_mask(struct rg_maker *m, const struct rg_shape *s)
{
	enum tern_dtype type = rg_take(&m->in, 2) ? TERN_F16 : TERN_F32;

	return new_tensor(m, s, type, TERN_STORAGE_BOUND, PLAIN,
			  (struct rg_content){.fill = RG_MASK, .limit = s->ne[0]});
}

uint32_t rg_indices(struct rg_maker *m, const struct rg_shape *s, int64_t limit, bool wide)
{
	static const enum layout layouts[] = {PLAIN, PLAIN, PLAIN, GAPS, STEP2};
	enum tern_dtype type = wide && rg_take(&m->in, 2) ? TERN_I64 : TERN_I32;
	enum layout layout = layouts[rg_take(&m->in, 5)];

	return new_tensor(m, s, type, TERN_STORAGE_BOUND, layout,
			  (struct rg_content){.fill = RG_INDICES,
					      .limit = limit,
					      .step = layout == STEP2 ? 2 : 1});
}

uint32_t rg_positions(struct rg_maker *m, int64_t n, uint8_t sym, int64_t components)
{
	struct rg_shape s = {{n, components, 1, 1}, {sym}};

	return new_tensor(m, &s, TERN_I32, TERN_STORAGE_BOUND, PLAIN,
			  (struct rg_content){.fill = RG_POSITIONS, .step = 1});
}

/* One of two halves of the rows of a new storage; the other is there for a later result. */
static uint32_t columns(struct rg_maker *m, const struct rg_shape *s, enum tern_dtype type,
			uint32_t flags)
{
	struct tern_graph_desc *desc = &m->g->desc;
	struct tern_tensor_desc *t;
	struct rg_shape both = *s;
	uint32_t first;

	both.ne[0] *= 2;
	if (s->sym[0] || desc->ntensors + 1 >= RG_TENSORS)
		return TERN_NO_TENSOR;
	first = new_tensor(m, &both, type, flags, PLAIN, plain_floats);
	if (first == TERN_NO_TENSOR)
		return first;
	t = &m->g->tensors[first];
	t->ne[0] = s->ne[0];
	t[1] = t[0];
	t[1].offset += (uint64_t)(s->ne[0] / ref_type(type)->elems) * t->nb[0];
	desc->ntensors++;
	return first;
}

static uint32_t dest(struct rg_maker *m, const struct rg_shape *s, unsigned int types,
		     enum tern_dtype type, uint32_t like, unsigned int how)
{
	static const uint32_t flags[] = {0, 0, 0, TERN_STORAGE_KEEP, TERN_STORAGE_BOUND};
	uint32_t t = TERN_NO_TENSOR;

	if (how >= 5 && how <= 7 && like != TERN_NO_TENSOR && same_shape(&m->g->tensors[like], s))
		return like;
	if (how >= 8 && how <= 10)
		t = existing(m, s, types, how - 8);
	if (how == 11 || how == 12)
		t = view_of_storage(m, s, type);
	if (how >= 18 && how <= 20)
		t = columns(m, s, type, flags[how % 5]);
	if (t != TERN_NO_TENSOR)
		return t;
	return new_tensor(m, s, type, flags[how % 5],
			  how >= 13 && how < 13 + REPEATED ? (enum layout)(how - 13) : PLAIN,
			  plain_floats);
}

uint32_t rg_dest(struct rg_maker *m, const struct rg_shape *s, unsigned int types, uint32_t like)
{
	unsigned int how = rg_take(&m->in, 24);

	return dest(m, s, types, take_type(m, types, s), like, how);
}

uint32_t rg_dest_typed(struct rg_maker *m, const struct rg_shape *s, enum tern_dtype type)
{
	unsigned int how = rg_take(&m->in, 24);
	uint32_t t = fits_blocks(s, type) ? dest(m, s, RG_ANY, type, TERN_NO_TENSOR, how)
					  : TERN_NO_TENSOR;

	return t != TERN_NO_TENSOR && m->g->tensors[t].type == type ? t : TERN_NO_TENSOR;
}
