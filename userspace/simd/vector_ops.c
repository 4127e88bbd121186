// SPDX-License-Identifier: MIT
/* The instructions of micro-programs that are not elementwise. */
#include <string.h>
#include <tern/numbers.h>

#include "vector_exec.h"

/* ---- memory instructions ------------------------------------------------------- */
static void pad(const struct tern_vexec *x, uint32_t *d)
{
	if (x->count != x->seg)
		memset(d + x->count, 0, (size_t)(x->seg - x->count) * 4);
}

static struct tern_vspan span(const struct tern_vexec *x, unsigned int t)
{
	const int64_t stride = tile(x, t)->stride[0];

	return (struct tern_vspan){
		.row = x->row[t],
		.nrows = x->nrows,
		.offset = x->i0 * stride,
		.stride = stride,
		.count = x->count,
		.seg = x->seg,
	};
}

static void load_broadcast(struct tern_vexec *x, const struct tern_vop *o)
{
	tern_vload_fn *const fn = x->k->load[tile(x, o->tile)->type];
	uint32_t v[ROWS];

	for (int64_t r = 0; r < x->nrows; r++)
		fn(v + r, x->row[o->tile][r], 0, 1);
	x->k->expand(result(x, o), v, x->nrows, x->seg);
}

static int load(struct tern_vexec *x, const struct tern_vop *o)
{
	const struct tern_vtile *t = tile(x, o->tile);
	const struct tern_vspan m = span(x, o->tile);

	if (o->direct && contiguous(x, o->tile)) {
		unsigned char *p = m.row[0] + m.offset;

		if ((uintptr_t)p % 4 == 0) {
			x->ptr[o->d] = (uint32_t *)(void *)p;
			return 0;
		}
	}
	if (t->size[0] == 1 && x->length != 1)
		load_broadcast(x, o);
	else
		x->k->load_rows[t->type](result(x, o), &m);
	return 0;
}

static int store(struct tern_vexec *x, const struct tern_vop *o)
{
	const struct tern_vspan m = span(x, o->tile);
	const uint32_t *a = x->ptr[o->a];

	/* A direct load of this very place needs no store. */
	if ((const unsigned char *)a != m.row[0] + m.offset)
		x->k->store_rows[tile(x, o->tile)->type](&m, a);
	return 0;
}

static int store_quantised(struct tern_vexec *x, const struct tern_vop *o)
{
	const uint32_t *a = x->ptr[o->a];

	for (int64_t r = 0; r < x->nrows; r++, a += x->seg)
		x->k->quantise((const float *)(const void *)a,
			       x->row[o->tile][r] +
				       x->i0 / TERN_GROUP * (int64_t)sizeof(struct tern_block_act),
			       x->count);
	return 0;
}

static uint32_t load_one(const struct tern_vexec *x, unsigned int t, int64_t r, int64_t i)
{
	uint32_t v;

	x->k->load[tile(x, t)->type](&v, x->row[t][r] + i * tile(x, t)->stride[0], 0, 1);
	return v;
}

static int load_indexed(struct tern_vexec *x, const struct tern_vop *o)
{
	const int64_t size = tile(x, o->tile)->size[0];
	const uint32_t *index = x->ptr[o->b];
	uint32_t *d = result(x, o);

	for (int64_t i = 0; i < x->count; i++) {
		const int64_t j = (int32_t)index[i];

		if (j < 0 || j >= size) {
			*x->bad = (uint64_t)j;
			return TERN_FAULT_INDEX;
		}
		d[i] = load_one(x, o->tile, 0, j);
	}
	pad(x, d);
	return 0;
}

static int load_shifted(struct tern_vexec *x, const struct tern_vop *o)
{
	const struct tern_vtile *t = tile(x, o->tile);
	const int64_t from = x->i0 + (int32_t)o->imm;
	int64_t lo = from < 0 ? -from : 0, hi = t->size[0] - from;
	uint32_t *d = result(x, o);

	hi = hi > x->count ? x->count : hi;
	for (int64_t r = 0; r < x->nrows; r++, d += x->seg) {
		memset(d, 0, (size_t)x->seg * 4);
		if (lo < hi)
			x->k->load[t->type](d + lo, x->row[o->tile][r] + (from + lo) * t->stride[0],
					    t->stride[0], hi - lo);
	}
	return 0;
}

static int load_scalar(struct tern_vexec *x, const struct tern_vop *o)
{
	for (int64_t r = 0; r < x->nrows; r++)
		x->s[o->sreg][r] = load_one(x, o->tile, r, o->imm);
	return 0;
}

static int store_scalar(struct tern_vexec *x, const struct tern_vop *o)
{
	const struct tern_vtile *t = tile(x, o->tile);

	for (int64_t r = 0; r < x->nrows; r++)
		x->k->store[t->type](x->row[o->tile][r] + o->imm * t->stride[0], 0,
				     &x->s[o->sreg][r], 1);
	return 0;
}

/* ---- indices, reductions, steps of sort and compaction ----------------------------- */
static int lane(struct tern_vexec *x, const struct tern_vop *o)
{
	uint32_t *d = result(x, o);

	for (int64_t r = 0; r < x->nrows; r++, d += x->seg)
		for (int64_t i = 0; i < x->seg; i++)
			d[i] = (uint32_t)(x->i0 + i);
	return 0;
}

static int row(struct tern_vexec *x, const struct tern_vop *o)
{
	for (int64_t r = 0; r < x->nrows; r++)
		x->s[o->sreg][r] = (uint32_t)x->coord[r][o->imm];
	return 0;
}

static int reduce(struct tern_vexec *x, const struct tern_vop *o)
{
	tern_vred_fn *const fn = x->k->reduce[o->op - TERN_V_RSUM];
	struct tern_vred *st = &x->carry[o->carry];
	const uint32_t *a = x->ptr[o->a];
	const bool last = x->i0 + x->count == x->length;

	for (int64_t r = 0; r < x->nrows; r++, a += x->seg) {
		fn(st, a, x->i0, x->count, last);
		if (last)
			x->s[o->sreg][r] = st->result;
	}
	return 0;
}

static int scan(struct tern_vexec *x, const struct tern_vop *o)
{
	struct tern_vred *st = &x->carry[o->carry];
	const float *a = (const float *)(const void *)x->ptr[o->a];
	float *d = (float *)(void *)result(x, o);

	for (int64_t r = 0; r < x->nrows; r++, a += x->seg, d += x->seg) {
		float sum = x->i0 ? st->part.f[0] : 0.0f;

		for (int64_t i = 0; i < x->seg; i++) {
			sum += a[i];
			d[i] = sum == sum ? sum : tern_bits_f32(TERN_QNAN_BITS);
		}
		st->part.f[0] = sum;
	}
	return 0;
}

static void exchange(unsigned char *p, unsigned char *q)
{
	unsigned char t[4];

	memcpy(t, p, 4);
	memcpy(p, q, 4);
	memcpy(q, t, 4);
}

static void compare_exchange_row(struct tern_vexec *x, const struct tern_vop *o, int64_t r)
{
	const int64_t bit = 1ll << (o->imm & 31), block = 1ll << (o->imm >> 8 & 31);
	const int64_t ks = tile(x, o->tile)->stride[0];
	const int64_t end = x->i0 + x->count;
	unsigned char *keys = x->row[o->tile][r];

	for (int64_t i = x->i0; i < end; i++) {
		const int64_t partner = i + bit;
		const bool ascending = !(i & block) != !(o->imm >> 16 & 1);
		float a, b;

		if (i & bit || partner >= x->length)
			continue;
		memcpy(&a, keys + i * ks, 4);
		memcpy(&b, keys + partner * ks, 4);
		if (ascending ? !(a > b) : !(b > a))
			continue;
		exchange(keys + i * ks, keys + partner * ks);
		if (o->tile2 != TERN_NONE) {
			const int64_t ps = tile(x, o->tile2)->stride[0];
			unsigned char *payload = x->row[o->tile2][r];

			exchange(payload + i * ps, payload + partner * ps);
		}
	}
}

static int compare_exchange(struct tern_vexec *x, const struct tern_vop *o)
{
	for (int64_t r = 0; r < x->nrows; r++)
		compare_exchange_row(x, o, r);
	return 0;
}

static int pack(struct tern_vexec *x, const struct tern_vop *o)
{
	const struct tern_vtile *t = tile(x, o->tile);
	const uint32_t *a = x->ptr[o->a], *mask = x->ptr[o->b];
	struct tern_vred *st = &x->carry[o->carry];

	if (x->i0 == 0)
		st->index = (int32_t)x->s[o->sreg][0];
	for (int64_t i = 0; i < x->count; i++) {
		if (!mask[i])
			continue;
		if (st->index < 0 || st->index >= t->size[0]) {
			*x->bad = (uint64_t)st->index;
			return TERN_FAULT_INDEX;
		}
		x->k->store[t->type](x->row[o->tile][0] + st->index++ * t->stride[0], 0, a + i, 1);
	}
	if (x->i0 + x->count == x->length)
		x->s[o->sreg][0] = (uint32_t)st->index;
	return 0;
}

/* ---- the table ------------------------------------------------------------------- */
tern_vspecial_fn *const tern_vspecial[TERN_VRUN_OPS] = {
	[TERN_V_LD] = load,
	[TERN_V_ST] = store,
	[TERN_V_STQ] = store_quantised,
	[TERN_V_LDS] = load_scalar,
	[TERN_V_STS] = store_scalar,
	[TERN_V_LDX] = load_indexed,
	[TERN_V_LANE] = lane,
	[TERN_V_ROW] = row,
	[TERN_V_RSUM] = reduce,
	[TERN_V_RMAX] = reduce,
	[TERN_V_RMIN] = reduce,
	[TERN_V_RAMAX] = reduce,
	[TERN_V_RISUM] = reduce,
	[TERN_V_SHIFT] = load_shifted,
	[TERN_V_SCAN] = scan,
	[TERN_V_CMPX] = compare_exchange,
	[TERN_V_PACK] = pack,
};
