// SPDX-License-Identifier: MIT
/*
 * Operators that move elements: copy and cast, concat, repeat, rows by index.
 *
 * What keeps its type is moved as bytes, in units of elements or blocks: a block that is encoded
 * again is another. A cast goes through a buffer of f32 (or i64), chunk by chunk of the
 * destination.
 */
#include "kernels.h"

#include <string.h>

#define CHUNK 2048  /* elements; a multiple of every block */
#define SHARE 16384 /* elements one thread takes at a time */

/* ---- bytes --------------------------------------------------------------------------- */
struct bytes {
	struct tern_cpu_tensor t[2]; /* destination, source; ne[0] counts units */
	size_t unit;
	int64_t chunks; /* per row */
};

#define STRIDED(type)                                        \
	for (int64_t i = 0; i < n; i++) {                    \
		type v;                                      \
		memcpy(&v, s + (uint64_t)i * sb, sizeof(v)); \
		memcpy(d + (uint64_t)i * db, &v, sizeof(v)); \
	}

static void copy_units(char *d, uint64_t db, const char *s, uint64_t sb, int64_t n, size_t unit)
{
	if (db == unit && sb == unit) {
		memmove(d, s, (size_t)n * unit);
	} else if (unit == 2) {
		STRIDED(uint16_t)
	} else if (unit == 4) {
		STRIDED(uint32_t)
	} else {
		for (int64_t i = 0; i < n; i++)
			memmove(d + (uint64_t)i * db, s + (uint64_t)i * sb, unit);
	}
}

static void bytes_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct bytes *b = ctx;
	const struct tern_cpu_tensor *d = &b->t[0], *s = &b->t[1];

	(void)worker;
	for (int64_t item = lo; item < hi; item++) {
		const int64_t at = item % b->chunks * CHUNK;
		const int64_t n = d->ne[0] - at < CHUNK ? d->ne[0] - at : CHUNK;
		int64_t i[3];

		tern_split(d->ne, item / b->chunks, i);
		copy_units(tern_row(d, i[0], i[1], i[2]) + (uint64_t)at * d->nb[0], d->nb[0],
			   tern_row(s, i[0], i[1], i[2]) + (uint64_t)at * s->nb[0], s->nb[0], n,
			   b->unit);
	}
}

/* A unit is an element now: of a type that tern_collapse does not divide. */
static struct bytes in_units(const struct tern_cpu_tensor *d, const struct tern_cpu_tensor *s)
{
	const struct tern_layout l = tern_layout_of(d->type);
	struct bytes b = {.t = {*d, *s}, .unit = (size_t)l.bytes};

	for (int i = 0; i < 2; i++) {
		b.t[i].ne[0] /= l.elems;
		b.t[i].type = TERN_F32;
	}
	return b;
}

static void run_bytes(struct tern_cpu *cpu, struct bytes *b, tern_pool_fn piece)
{
	int64_t row = b->t[0].ne[0];

	b->chunks = (row + CHUNK - 1) / CHUNK;
	row = row < CHUNK ? row : CHUNK;
	tern_cpu_for(cpu, b->chunks * tern_nrows(b->t[0].ne), (SHARE + row - 1) / row, piece, b);
}

/* d = s of the same type and shape; strides of s may be 0. */
static void copy_bytes(struct tern_cpu *cpu, const struct tern_cpu_tensor *d,
		       const struct tern_cpu_tensor *s)
{
	struct bytes b = in_units(d, s);

	tern_collapse(b.t, 2);
	run_bytes(cpu, &b, bytes_piece);
}

/* Runs of the source's rows, wherever in a row of the destination they begin. */
static void reshape_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct bytes *b = ctx;
	const struct tern_cpu_tensor *d = &b->t[0], *s = &b->t[1];

	(void)worker;
	for (int64_t item = lo; item < hi; item++) {
		const int64_t number = item / b->chunks, first = item % b->chunks * CHUNK;
		const int64_t end = d->ne[0] - first < CHUNK ? d->ne[0] : first + CHUNK;
		int64_t i[3], j[3];
		char *to;

		tern_split(d->ne, number, i);
		to = tern_row(d, i[0], i[1], i[2]);
		for (int64_t at = first, n; at < end; at += n) {
			const int64_t u = number * d->ne[0] + at, from = u % s->ne[0];

			n = s->ne[0] - from < end - at ? s->ne[0] - from : end - at;
			tern_split(s->ne, u / s->ne[0], j);
			copy_units(to + (uint64_t)at * d->nb[0], d->nb[0],
				   tern_row(s, j[0], j[1], j[2]) + (uint64_t)from * s->nb[0],
				   s->nb[0], n, b->unit);
		}
	}
}

/* d = s of the same type, in element order. */
static void reshape_bytes(struct tern_cpu *cpu, const struct tern_cpu_tensor *d,
			  const struct tern_cpu_tensor *s)
{
	struct bytes b = in_units(d, s);

	run_bytes(cpu, &b, reshape_piece);
}

/* ---- concat, repeat -------------------------------------------------------------------- */
int tern_cpu_check_concat(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *a = &op->src[0], *b = &op->src[1], *d = op->dst;
	const int32_t dim = op->op->i[0];

	if (dim < 0 || dim > 3)
		return tern_cpu_refuse(op, "a dimension of 0 to 3");
	if (a->type != d->type || b->type != d->type)
		return tern_cpu_refuse(op, "sources of the destination's type");
	for (int i = 0; i < 4; i++)
		if (i == dim ? a->ne[i] + b->ne[i] != d->ne[i]
			     : a->ne[i] != d->ne[i] || b->ne[i] != d->ne[i])
			return tern_cpu_refuse(op,
					       "sizes that add up along one dimension and agree "
					       "along the others");
	return 0;
}

int tern_cpu_concat(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	const int32_t dim = op->op->i[0];
	uint64_t offset = 0;

	for (int i = 0; i < 2; i++) {
		const struct tern_cpu_tensor *s = &op->src[i];
		const int64_t elems = dim ? 1 : tern_layout_of(s->type).elems;
		struct tern_cpu_tensor part = *op->dst;

		part.data = (char *)part.data + offset;
		part.ne[dim] = s->ne[dim];
		offset += (uint64_t)(s->ne[dim] / elems) * part.nb[dim];
		copy_bytes(cpu, &part, s);
	}
	return 0;
}

int tern_cpu_check_repeat(const struct tern_cpu_op *op)
{
	if (op->src[0].type != op->dst->type)
		return tern_cpu_refuse(op, "a source of the destination's type");
	return tern_repeats(&op->src[0], op->dst)
		       ? 0
		       : tern_cpu_refuse(op,
					 "destination sizes that are multiples of the source's");
}

int tern_cpu_repeat(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct tern_cpu_tensor s = op->src[0], tile = *op->dst;
	const struct tern_layout l = tern_layout_of(s.type);
	int64_t times[4];

	/* one element stands still instead of being copied as so many tiles */
	for (int d = 0; d < 4; d++) {
		times[d] = op->dst->ne[d] / s.ne[d];
		if (s.ne[d] == 1) {
			s.nb[d] = 0;
			s.ne[d] = op->dst->ne[d];
			times[d] = 1;
		}
		tile.ne[d] = s.ne[d];
	}
	for (int64_t t = 0; t < times[0] * times[1] * times[2] * times[3]; t++) {
		int64_t left = t;

		tile.data = op->dst->data;
		for (int d = 0; d < 4; left /= times[d++])
			tile.data = (char *)tile.data +
				    (uint64_t)(left % times[d] * s.ne[d] / (d ? 1 : l.elems)) *
					    tile.nb[d];
		copy_bytes(cpu, &tile, &s);
	}
	return 0;
}

/* ---- copy and cast --------------------------------------------------------------------- */
struct cast {
	struct tern_cpu *cpu;
	const struct tern_cpu_tensor *d, *s;
	int64_t chunks; /* per row of the destination */
	struct tern_scratch scratch;
};

static bool is_integer(const struct tern_cpu_tensor *t)
{
	return tern_is(t->type, TERN_INTEGERS);
}

int tern_cpu_check_copy(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *s = &op->src[0], *d = op->dst;

	if (s->ne[0] * tern_nrows(s->ne) != d->ne[0] * tern_nrows(d->ne))
		return tern_cpu_refuse(op, "as many elements in the destination as in the source");
	if (s->type == d->type)
		return 0;
	if (!tern_is(d->type, TERN_FLOATS | TERN_INTEGERS | TERN_ENCODED))
		return tern_cpu_refuse(op, "a destination in a format it can write");
	if (is_integer(s) != is_integer(d) && !(tern_is(s->type, TERN_BIT(F32) | TERN_INTEGERS) &&
						tern_is(d->type, TERN_BIT(F32) | TERN_INTEGERS)))
		return tern_cpu_refuse(op, "F32 or integers on the other side of integers");
	return 0;
}

/* A run of elements within one row, starting anywhere in a block. */
static void load_run(const struct cast *c, const char *row, int64_t at, int64_t n, float *out)
{
	const int64_t elems = tern_layout_of(c->s->type).elems, skip = at % elems;
	const int64_t whole = (skip + n + elems - 1) / elems * elems;
	float *tmp = out + CHUNK;
	const float *v;

	if (!skip && whole == n) {
		v = tern_load(c->cpu->simd, c->s, row, at, n, out);
	} else {
		v = tern_load(c->cpu->simd, c->s, row, at - skip, whole, tmp) + skip;
	}
	if (v != out)
		memcpy(out, v, (size_t)n * sizeof(float));
}

static void load_integers(const struct tern_cpu_tensor *s, const char *row, int64_t at, int64_t n,
			  int64_t *out)
{
	for (int64_t i = 0; i < n; i++) {
		float f;

		if (is_integer(s)) {
			out[i] = tern_load_index(s, row, at + i);
			continue;
		}
		memcpy(&f, row + (uint64_t)(at + i) * s->nb[0], sizeof(f));
		/* what C leaves undefined becomes the nearest number, NaN 0 */
		out[i] = f >= 0x1p63f	? INT64_MAX
			 : f < -0x1p63f ? INT64_MIN
			 : f == f	? (int64_t)f
					: 0;
	}
}

static void store_integers(const struct tern_cpu_tensor *d, char *row, int64_t at, int64_t n,
			   const int64_t *v)
{
	for (int64_t i = 0; i < n; i++) {
		char *p = row + (uint64_t)(at + i) * d->nb[0];
		const float f = (float)v[i];

		/* little-endian: the low bytes of an integer come first */
		memcpy(p, is_integer(d) ? (const void *)&v[i] : (const void *)&f,
		       (size_t)tern_layout_of(d->type).bytes);
	}
}

/* Elements [first, first + n) of the source in element order. */
static void load_linear(const struct cast *c, int64_t first, int64_t n, void *tmp)
{
	const bool integers = is_integer(c->s) || is_integer(c->d);

	for (int64_t done = 0, run; done < n; done += run) {
		const int64_t e = first + done, at = e % c->s->ne[0];
		const char *row;
		int64_t i[3];

		run = c->s->ne[0] - at < n - done ? c->s->ne[0] - at : n - done;
		tern_split(c->s->ne, e / c->s->ne[0], i);
		row = tern_row(c->s, i[0], i[1], i[2]);
		if (integers)
			load_integers(c->s, row, at, run, (int64_t *)tmp + done);
		else
			load_run(c, row, at, run, (float *)tmp + done);
	}
}

static void cast_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct cast *c = ctx;
	const struct tern_cpu_tensor *d = c->d;
	void *tmp = tern_scratch_of(&c->scratch, worker);

	for (int64_t item = lo; item < hi; item++) {
		const int64_t number = item / c->chunks, at = item % c->chunks * CHUNK;
		const int64_t n = d->ne[0] - at < CHUNK ? d->ne[0] - at : CHUNK;
		int64_t i[3];
		char *row;

		tern_split(d->ne, number, i);
		row = tern_row(d, i[0], i[1], i[2]);
		load_linear(c, number * d->ne[0] + at, n, tmp);
		if (is_integer(c->s) || is_integer(d))
			store_integers(d, row, at, n, tmp);
		else
			tern_store(c->cpu->simd, d, row, at, n, tmp);
	}
}

int tern_cpu_copy(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct tern_cpu_tensor t[2] = {*op->dst, op->src[0]};
	struct cast c = {.cpu = cpu, .d = &t[0], .s = &t[1]};
	int64_t row;
	int rc;

	if (t[0].type == t[1].type && !tern_same_shape(&t[0], &t[1])) {
		tern_collapse(&t[0], 1); /* a reshape of contiguous tensors is none */
		tern_collapse(&t[1], 1);
	}
	if (t[0].type == t[1].type) {
		if (tern_same_shape(&t[0], &t[1]))
			copy_bytes(cpu, &t[0], &t[1]);
		else
			reshape_bytes(cpu, &t[0], &t[1]);
		return 0;
	}
	/* runs of the source, then whole blocks around one of them */
	rc = tern_cpu_scratch(cpu, 0, (3 * CHUNK) * sizeof(float), &c.scratch);
	if (rc)
		return rc;
	if (tern_same_shape(&t[0], &t[1]) && tern_layout_of(t[0].type).elems == 1 &&
	    tern_layout_of(t[1].type).elems == 1)
		tern_collapse(t, 2);
	row = t[0].ne[0] < CHUNK ? t[0].ne[0] : CHUNK;
	c.chunks = (t[0].ne[0] + CHUNK - 1) / CHUNK;
	tern_cpu_for(cpu, c.chunks * tern_nrows(t[0].ne), (SHARE + row - 1) / row, cast_piece, &c);
	return 0;
}

/* ---- rows by index ----------------------------------------------------------------------- */
struct gather {
	struct tern_cpu *cpu;
	const struct tern_cpu_op *op;
	struct tern_scratch scratch;
};

int tern_cpu_check_get_rows(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *s = &op->src[0], *index = &op->src[1], *d = op->dst;

	if ((s->type == TERN_I32) != (d->type == TERN_I32))
		return tern_cpu_refuse(op, "integers on both sides or on neither");
	if (d->ne[0] != s->ne[0] || d->ne[1] != index->ne[0] || d->ne[2] != index->ne[1] ||
	    d->ne[3] != index->ne[2] || index->ne[3] != 1 || s->ne[2] != index->ne[1] ||
	    s->ne[3] != index->ne[2])
		return tern_cpu_refuse(op, "one row of the destination per index");
	return 0;
}

static int64_t index_at(const struct tern_cpu_tensor *t, int64_t i, int64_t j, int64_t k)
{
	return tern_load_index(t, tern_row(t, j, k, 0), i);
}

static void get_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct gather *g = ctx;
	const struct tern_cpu_tensor *s = &g->op->src[0], *d = g->op->dst;
	const int64_t n = d->ne[0];

	for (int64_t item = lo; item < hi; item++) {
		const char *from;
		int64_t i[3];
		char *to;

		tern_split(d->ne, item, i);
		from = tern_row(s, index_at(&g->op->src[1], i[0], i[1], i[2]), i[1], i[2]);
		to = tern_row(d, i[0], i[1], i[2]);
		if (s->type == TERN_I32) {
			copy_units(to, d->nb[0], from, s->nb[0], n, 4);
		} else {
			float *tmp = tern_scratch_of(&g->scratch, worker);
			float *y = tern_target(d, to, 0, tmp);

			tern_store(g->cpu->simd, d, to, 0, n,
				   tern_load(g->cpu->simd, s, from, 0, n, y));
		}
	}
}

static int run_gather(struct gather *g, int64_t limit, int64_t rows, int64_t n, tern_pool_fn piece)
{
	int rc = tern_check_indices(&g->op->src[1], limit);

	if (!rc)
		rc = tern_cpu_scratch(g->cpu, 0, (size_t)n * sizeof(float), &g->scratch);
	if (!rc)
		tern_cpu_for(g->cpu, rows, (SHARE + n - 1) / n, piece, g);
	return rc;
}

int tern_cpu_get_rows(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct gather g = {.cpu = cpu, .op = op};

	return run_gather(&g, op->src[0].ne[1], tern_nrows(op->dst->ne), op->dst->ne[0], get_piece);
}

int tern_cpu_check_set_rows(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *s = &op->src[0], *index = &op->src[1], *d = op->dst;

	if (s->ne[0] != d->ne[0] || s->ne[2] != d->ne[2] || s->ne[3] != d->ne[3] ||
	    s->ne[1] != index->ne[0] || s->ne[2] % index->ne[1] || s->ne[3] % index->ne[2] ||
	    index->ne[3] != 1)
		return tern_cpu_refuse(op, "one index per row of the source");
	return 0;
}

static void set_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct gather *g = ctx;
	const struct tern_cpu_tensor *s = &g->op->src[0], *d = g->op->dst, *index = &g->op->src[1];
	float *tmp = tern_scratch_of(&g->scratch, worker);

	for (int64_t item = lo; item < hi; item++) {
		const float *v;
		int64_t i[3], row;

		tern_split(s->ne, item, i);
		row = index_at(index, i[0], i[1] % index->ne[1], i[2] % index->ne[2]);
		v = tern_load(g->cpu->simd, s, tern_row(s, i[0], i[1], i[2]), 0, s->ne[0], tmp);
		tern_store(g->cpu->simd, d, tern_row(d, row, i[1], i[2]), 0, s->ne[0], v);
	}
}

/* Two indices may name one row: then the last counts, which only one thread can promise. */
static bool distinct(const struct tern_cpu_tensor *index)
{
	for (int64_t row = 0; row < tern_nrows(index->ne); row++) {
		int64_t i[3];
		const char *p;

		tern_split(index->ne, row, i);
		p = tern_row(index, i[0], i[1], i[2]);
		for (int64_t k = 1; k < index->ne[0]; k++)
			if (tern_load_index(index, p, k) <= tern_load_index(index, p, k - 1))
				return false;
	}
	return true;
}

int tern_cpu_set_rows(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	struct gather g = {.cpu = cpu, .op = op};
	const int64_t rows = tern_nrows(op->src[0].ne);
	int rc = tern_check_indices(&op->src[1], op->dst->ne[1]);

	if (!rc)
		rc = tern_cpu_scratch(cpu, 0, (size_t)op->dst->ne[0] * sizeof(float), &g.scratch);
	if (rc)
		return rc;
	if (distinct(&op->src[1]))
		tern_cpu_for(cpu, rows, (SHARE + op->dst->ne[0] - 1) / op->dst->ne[0], set_piece,
			     &g);
	else
		set_piece(&g, 0, rows, 0);
	return 0;
}
