// SPDX-License-Identifier: MIT
/* Running predecoded micro-programs over batches of rows, strip by strip. */
#include <string.h>

#include "blocks.h"
#include "vector_run.h"

enum { ROWS = TERN_VRUN_ROWS, LANES = TERN_VRUN_LANES };

struct exec {
	const struct tern_vprogram *p;
	const struct tern_vrun *run;
	const struct tern_vkernels *k;
	uint64_t *bad;

	/* The batch. */
	int64_t nrows;
	int64_t row_step[TERN_VECTOR_TILES][TERN_NDIMS]; /* bytes; 0 where broadcast */
	int64_t coord[ROWS][TERN_NDIMS];
	unsigned char *row[TERN_VECTOR_TILES][ROWS];
	int64_t row_pitch[TERN_VECTOR_TILES]; /* between rows of the batch; -1: not constant */

	/* The strip: nrows segments of `seg` places, `count` of which are elements. */
	int64_t length; /* of the loop */
	int64_t i0;	/* element of the row where the strip begins */
	int64_t count, seg, total;
	uint32_t *ptr[TERN_VRUN_MAX_BUFS]; /* where a buffer's content is: home, or a tile */

	struct tern_vred carry[TERN_VECTOR_MAX_INSTRS];
	/* One lane per row; immediates follow the registers. */
	uint32_t s[TERN_SCALAR_REGS + TERN_VECTOR_MAX_INSTRS][LANES] __attribute__((aligned(64)));
	uint32_t pool[TERN_VRUN_MAX_BUFS * TERN_VRUN_STRIP_MIN] __attribute__((aligned(64)));
};
TERN_ASSERT(TERN_VRUN_MAX_BUFS *TERN_VRUN_STRIP_MIN >= TERN_VRUN_HOT_WORDS);
TERN_ASSERT(TERN_VRUN_ROWS <= TERN_VRUN_LANES);

static void fill(uint32_t *d, uint32_t v, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		d[i] = v;
}

static uint32_t *home(struct exec *x, uint16_t buf)
{
	return x->pool + (size_t)buf * x->p->strip;
}

/* Where operation o's result goes. */
static uint32_t *result(struct exec *x, const struct tern_vop *o)
{
	return x->ptr[o->d] = home(x, o->d);
}

static const struct tern_vtile *tile(const struct exec *x, unsigned int t)
{
	return &x->run->t[t];
}

/* Address of the strip's first element of a row. */
static unsigned char *at(const struct exec *x, unsigned int t, int64_t r)
{
	return x->row[t][r] + x->i0 * tile(x, t)->stride[0];
}

/* Are the elements of all rows of this strip one run of 32-bit words in tile t? */
static bool contiguous(const struct exec *x, unsigned int t)
{
	return x->count == x->seg && (x->nrows == 1 || x->row_pitch[t] == x->count * 4);
}

/* ---- memory instructions ------------------------------------------------------- */
static void pad(const struct exec *x, uint32_t *d)
{
	if (x->count != x->seg)
		memset(d + x->count, 0, (size_t)(x->seg - x->count) * 4);
}

static int load(struct exec *x, const struct tern_vop *o)
{
	const struct tern_vtile *t = tile(x, o->tile);
	tern_vload_fn *const fn = x->k->load[t->type];
	uint32_t *d = result(x, o), v;

	if (o->direct && contiguous(x, o->tile)) {
		unsigned char *p = at(x, o->tile, 0);

		if ((uintptr_t)p % 4 == 0)
			x->ptr[o->d] = (uint32_t *)(void *)p;
		else
			fn(d, p, 4, x->total);
		return 0;
	}
	for (int64_t r = 0; r < x->nrows; r++, d += x->seg) {
		if (t->size[0] == 1 && x->length != 1) {
			fn(&v, x->row[o->tile][r], 0, 1);
			fill(d, v, x->seg);
		} else {
			fn(d, at(x, o->tile, r), t->stride[0], x->count);
			pad(x, d);
		}
	}
	return 0;
}

static int store(struct exec *x, const struct tern_vop *o)
{
	const struct tern_vtile *t = tile(x, o->tile);
	const uint32_t *a = x->ptr[o->a];

	for (int64_t r = 0; r < x->nrows; r++, a += x->seg) {
		unsigned char *p = at(x, o->tile, r);

		if (p != (const unsigned char *)a) /* a direct load of this very tile */
			x->k->store[t->type](p, t->stride[0], a, x->count);
	}
	return 0;
}

static int store_quantised(struct exec *x, const struct tern_vop *o)
{
	const uint32_t *a = x->ptr[o->a];

	for (int64_t r = 0; r < x->nrows; r++, a += x->seg)
		x->k->quantise((const float *)(const void *)a,
			       x->row[o->tile][r] +
				       x->i0 / TERN_GROUP * (int64_t)sizeof(struct tern_block_act),
			       x->count);
	return 0;
}

static uint32_t load_one(const struct exec *x, unsigned int t, int64_t r, int64_t i)
{
	uint32_t v;

	x->k->load[tile(x, t)->type](&v, x->row[t][r] + i * tile(x, t)->stride[0], 0, 1);
	return v;
}

static int load_indexed(struct exec *x, const struct tern_vop *o)
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

static int load_shifted(struct exec *x, const struct tern_vop *o)
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

static int load_scalar(struct exec *x, const struct tern_vop *o)
{
	for (int64_t r = 0; r < x->nrows; r++)
		x->s[o->sreg][r] = load_one(x, o->tile, r, o->imm);
	return 0;
}

static int store_scalar(struct exec *x, const struct tern_vop *o)
{
	const struct tern_vtile *t = tile(x, o->tile);

	for (int64_t r = 0; r < x->nrows; r++)
		x->k->store[t->type](x->row[o->tile][r] + o->imm * t->stride[0], 0,
				     &x->s[o->sreg][r], 1);
	return 0;
}

/* ---- indices, reductions, steps of sort and compaction ----------------------------- */
static int lane(struct exec *x, const struct tern_vop *o)
{
	uint32_t *d = result(x, o);

	for (int64_t r = 0; r < x->nrows; r++, d += x->seg)
		for (int64_t i = 0; i < x->seg; i++)
			d[i] = (uint32_t)(x->i0 + i);
	return 0;
}

static int row(struct exec *x, const struct tern_vop *o)
{
	for (int64_t r = 0; r < x->nrows; r++)
		x->s[o->sreg][r] = (uint32_t)x->coord[r][o->imm];
	return 0;
}

static int reduce(struct exec *x, const struct tern_vop *o)
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

static int scan(struct exec *x, const struct tern_vop *o)
{
	struct tern_vred *st = &x->carry[o->carry];
	const float *a = (const float *)(const void *)x->ptr[o->a];
	float *d = (float *)(void *)result(x, o);

	for (int64_t r = 0; r < x->nrows; r++, a += x->seg, d += x->seg) {
		float sum = x->i0 ? st->part.f[0] : 0.0f;

		for (int64_t i = 0; i < x->seg; i++) {
			sum += a[i];
			d[i] = sum == sum ? sum : tern_bits_f32(0x7fc00000u);
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

static void compare_exchange_row(struct exec *x, const struct tern_vop *o, int64_t r)
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

static int compare_exchange(struct exec *x, const struct tern_vop *o)
{
	for (int64_t r = 0; r < x->nrows; r++)
		compare_exchange_row(x, o, r);
	return 0;
}

static int pack(struct exec *x, const struct tern_vop *o)
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

/* ---- loops ----------------------------------------------------------------------- */
typedef int op_fn(struct exec *x, const struct tern_vop *o);

/* Whatever is not here is elementwise. */
static op_fn *const special[TERN_VRUN_OPS] = {
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

static bool apart(const struct exec *x, uint16_t buf, const unsigned char *p)
{
	const unsigned char *q = (const unsigned char *)x->ptr[buf];
	const int64_t bytes = x->total * 4;

	return q + bytes <= p || p + bytes <= q;
}

/* The tile itself as destination of an elementwise operation, if that is possible. */
static void *tile_dest(struct exec *x, const struct tern_vop *o)
{
	unsigned char *p;

	if (!o->to_tile || !contiguous(x, o[1].tile))
		return NULL;
	p = at(x, o[1].tile, 0);
	if ((uintptr_t)p % 4 || !apart(x, o->a, p) || !apart(x, o->b, p) || !apart(x, o->c, p))
		return NULL;
	return p;
}

static int run_strip(struct exec *x, const struct tern_vpart *part)
{
	const struct tern_vop *o = x->p->ops + part->first, *end = o + part->count;

	for (; o < end; o++) {
		if (o->fn) {
			void *d = tile_dest(x, o);
			const struct tern_vop *alu = o;

			if (d)
				o++; /* the ST is done */
			else
				d = result(x, o);
			alu->fn(d, x->ptr[alu->a], x->ptr[alu->b], x->ptr[alu->c], x->total);
		} else {
			const int err = special[o->op](x, o);

			if (err)
				return err;
		}
	}
	return 0;
}

static void expand_scalars(struct exec *x, uint32_t mask)
{
	for (; mask; mask &= mask - 1) {
		const int s = __builtin_ctz(mask);
		uint32_t *d = x->ptr[x->p->s_buf[s]] = home(x, x->p->s_buf[s]);

		for (int64_t r = 0; r < x->nrows; r++)
			fill(d + r * x->seg, x->s[s][r], x->seg);
	}
}

static int run_loop(struct exec *x, const struct tern_vpart *part)
{
	int err = 0;

	x->length = part->length;
	x->i0 = 0;
	do {
		const int64_t left = x->length - x->i0, strip = x->p->strip;

		x->count = left < strip ? left : strip;
		x->seg = tern_vrun_pad(x->count);
		x->total = x->seg * x->nrows;
		if (x->i0 == 0)
			expand_scalars(x, part->expand);
		err = run_strip(x, part);
		x->i0 += x->count;
	} while (!err && x->i0 < x->length);
	return err;
}

static int run_scalar(struct exec *x, const struct tern_vpart *part)
{
	const struct tern_vop *o = x->p->ops + part->first, *end = o + part->count;
	int err = 0;

	for (; !err && o < end; o++) {
		if (o->fn)
			o->fn(x->s[o->d], x->s[o->a], x->s[o->b], x->s[o->c], LANES);
		else
			err = special[o->op](x, o);
	}
	return err;
}

/* ---- rows ------------------------------------------------------------------------ */
static void find_row(struct exec *x, int64_t linear, int64_t r)
{
	const int64_t *size = x->run->t[0].size;

	x->coord[r][1] = linear % size[1];
	linear /= size[1];
	x->coord[r][2] = linear % size[2];
	x->coord[r][3] = linear / size[2];
}

static void next_row(struct exec *x, const int64_t *from, int64_t *to)
{
	const int64_t *size = x->run->t[0].size;

	memmove(to, from, sizeof(int64_t[TERN_NDIMS]));
	if (++to[1] < size[1])
		return;
	to[1] = 0;
	if (++to[2] < size[2])
		return;
	to[2] = 0;
	to[3]++;
}

static void find_tile_rows(struct exec *x, unsigned int t)
{
	const int64_t *step = x->row_step[t];
	unsigned char **row = x->row[t];

	for (int64_t r = 0; r < x->nrows; r++)
		row[r] = tile(x, t)->base + x->coord[r][1] * step[1] + x->coord[r][2] * step[2] +
			 x->coord[r][3] * step[3];
	x->row_pitch[t] = x->nrows > 1 ? row[1] - row[0] : 0;
	for (int64_t r = 2; r < x->nrows; r++)
		if (row[r] - row[r - 1] != x->row_pitch[t])
			x->row_pitch[t] = -1;
}

static void begin_batch(struct exec *x, int64_t row0, int64_t nrows, bool first)
{
	const int64_t last = x->nrows - 1;

	if (first)
		find_row(x, row0, 0);
	else
		next_row(x, x->coord[last], x->coord[0]);
	x->nrows = nrows;
	for (int64_t r = 1; r < nrows; r++)
		next_row(x, x->coord[r - 1], x->coord[r]);
	for (unsigned int t = 0; t < TERN_VECTOR_TILES; t++)
		if (x->p->tiles >> t & 1)
			find_tile_rows(x, t);
	for (int s = 0; s < 8; s++)
		fill(x->s[s], x->run->s[s], LANES);
	memset(x->s[8], 0, sizeof(x->s[0]) * (TERN_SCALAR_REGS - 8));
}

static int run_batch(struct exec *x)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < x->p->nparts; i++) {
		const struct tern_vpart *part = &x->p->parts[i];

		err = part->length < 0 ? run_scalar(x, part) : run_loop(x, part);
	}
	return err;
}

static void begin_run(struct exec *x)
{
	const struct tern_vprogram *p = x->p;

	for (unsigned int t = 0; t < TERN_VECTOR_TILES; t++)
		for (int d = 1; d < TERN_NDIMS; d++)
			x->row_step[t][d] = tile(x, t)->size[d] == 1 ? 0 : tile(x, t)->stride[d];
	for (unsigned int i = 0; i < p->nimm; i++) {
		fill(x->s[TERN_SCALAR_REGS + i], p->imm[i], LANES);
		if (p->imm_buf[i] < p->nbufs) {
			x->ptr[p->imm_buf[i]] = home(x, p->imm_buf[i]);
			fill(home(x, p->imm_buf[i]), p->imm[i], p->strip);
		}
	}
}

int tern_vprogram_run(const struct tern_vrun *run, const struct tern_vkernels *k, uint64_t *bad)
{
	struct tern_vprogram p;
	struct exec x;
	uint64_t ignored;
	int err;

	if (run->row0 >= run->row1)
		return 0;
	x.p = &p;
	x.run = run;
	x.k = k;
	x.bad = bad ? bad : &ignored;
	err = tern_vprogram_build(&p, run, k, x.bad);
	if (err)
		return err;
	begin_run(&x);
	x.nrows = 0;
	for (int64_t r = run->row0; !err && r < run->row1; r += x.nrows) {
		const int64_t left = run->row1 - r;

		begin_batch(&x, r, left < p.rows ? left : p.rows, r == run->row0);
		err = run_batch(&x);
	}
	return err;
}
