// SPDX-License-Identifier: MIT
/* Running predecoded micro-programs over batches of rows, strip by strip. */
#include "vector_exec.h"

/* ---- loops ----------------------------------------------------------------------- */
static bool apart(const struct tern_vexec *x, uint16_t buf, const unsigned char *p)
{
	const unsigned char *q = (const unsigned char *)x->ptr[buf];
	const int64_t bytes = x->total * 4;

	return q + bytes <= p || p + bytes <= q;
}

/* The tile itself as destination of an elementwise operation, if that is possible. */
static void *tile_dest(struct tern_vexec *x, const struct tern_vop *o)
{
	unsigned char *p;

	if (!o->to_tile || !contiguous(x, o[1].tile))
		return NULL;
	p = at(x, o[1].tile, 0);
	if ((uintptr_t)p % 4 || !apart(x, o->a, p) || !apart(x, o->b, p) || !apart(x, o->c, p))
		return NULL;
	return p;
}

static int run_strip(struct tern_vexec *x, const struct tern_vpart *part)
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
			const int err = tern_vspecial[o->op](x, o);

			if (err)
				return err;
		}
	}
	return 0;
}

static void expand_scalars(struct tern_vexec *x, uint32_t mask)
{
	for (; mask; mask &= mask - 1) {
		const int s = __builtin_ctz(mask);
		uint32_t *d = x->ptr[x->p->s_buf[s]] = home(x, x->p->s_buf[s]);

		x->k->expand(d, x->s[s], x->nrows, x->seg);
	}
}

static int run_loop(struct tern_vexec *x, const struct tern_vpart *part)
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

static int run_scalar(struct tern_vexec *x, const struct tern_vpart *part)
{
	const struct tern_vop *o = x->p->ops + part->first, *end = o + part->count;
	int err = 0;

	for (; !err && o < end; o++) {
		if (o->fn)
			o->fn(x->s[o->d], x->s[o->a], x->s[o->b], x->s[o->c], LANES);
		else
			err = tern_vspecial[o->op](x, o);
	}
	return err;
}

/* ---- rows ------------------------------------------------------------------------ */
static void find_row(struct tern_vexec *x, int64_t linear, int64_t r)
{
	const int64_t *size = x->run->t[0].size;

	x->coord[r][1] = linear % size[1];
	linear /= size[1];
	x->coord[r][2] = linear % size[2];
	x->coord[r][3] = linear / size[2];
}

static void next_row(struct tern_vexec *x, const int64_t *from, int64_t *to)
{
	const int64_t *size = x->run->t[0].size;
	const int64_t c1 = from[1] + 1, c2 = from[2] + (c1 == size[1]), c3 = from[3];

	to[1] = c1 == size[1] ? 0 : c1;
	to[2] = c2 == size[2] ? 0 : c2;
	to[3] = c3 + (c2 == size[2]);
}

static void find_tile_rows(struct tern_vexec *x, unsigned int t)
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

static void begin_batch(struct tern_vexec *x, int64_t row0, int64_t nrows, bool first)
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
	for (uint32_t named = x->p->s_named; named; named &= named - 1) {
		const int s = __builtin_ctz(named);
		const uint32_t v = s < 8 ? x->run->s[s] : 0;

		x->k->expand(x->s[s], &v, 1, LANES);
	}
}

static int run_batch(struct tern_vexec *x)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < x->p->nparts; i++) {
		const struct tern_vpart *part = &x->p->parts[i];

		err = part->length < 0 ? run_scalar(x, part) : run_loop(x, part);
	}
	return err;
}

static void begin_run(struct tern_vexec *x)
{
	const struct tern_vprogram *p = x->p;

	for (unsigned int t = 0; t < TERN_VECTOR_TILES; t++)
		for (int d = 1; d < TERN_NDIMS; d++)
			x->row_step[t][d] = tile(x, t)->size[d] == 1 ? 0 : tile(x, t)->stride[d];
	for (unsigned int i = 0; i < p->nimm; i++) {
		x->k->expand(x->s[TERN_SCALAR_REGS + i], &p->imm[i], 1, LANES);
		if (p->imm_buf[i] < p->nbufs) {
			x->ptr[p->imm_buf[i]] = home(x, p->imm_buf[i]);
			x->k->expand(x->ptr[p->imm_buf[i]], &p->imm[i], 1, p->strip);
		}
	}
}

int tern_vprogram_run(const struct tern_vrun *run, const struct tern_vkernels *k, uint64_t *bad)
{
	struct tern_vprogram p;
	struct tern_vexec x;
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
