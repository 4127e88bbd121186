// SPDX-License-Identifier: MIT
/*
 * Geometry of tiles. Registers can hold anything, so every sum and product of addresses,
 * sizes and strides is checked here; elsewhere they are known not to overflow.
 */
#include <string.h>

#include "sim/internal.h"

/* clang-format off */
#define ALIGN_PLAIN(code, bytes)    (bytes)
#define ALIGN_OPERAND(code, bytes)  4
#define ALIGN_BLOCK(code, bytes)    ((code) == TERN_T_MXFP4 ? 1 : 2)
#define ALIGN_RESERVED(code, bytes) 1
const struct sim_type sim_types[256] = {
#define X(name, code, elems, b, k, g, min) \
	[code] = { .bytes = b, .shift = __builtin_ctz(elems), .kind = TERN_KIND_##k, \
		   .align = ALIGN_##k(code, b), .group = g },
	TERN_ISA_TYPES(X)
#undef X
};
/* clang-format on */

/* Move one end of [*lo, *hi] by (n - 1) strides. */
static bool stretch(int64_t *lo, int64_t *hi, int64_t n, int64_t stride)
{
	int64_t d;

	if (n <= 1)
		return true;
	if (__builtin_mul_overflow(n - 1, stride, &d))
		return false;
	return d < 0 ? !__builtin_add_overflow(*lo, d, lo) : !__builtin_add_overflow(*hi, d, hi);
}

bool sim_tile_range(const struct tern_rtile *t, const int64_t *size, struct sim_range *out)
{
	const struct sim_type *info = &sim_types[t->type];
	int64_t lo = (int64_t)t->addr, hi = (int64_t)t->addr;
	int64_t unit = info->bytes;

	if (lo < 0)
		return false;
	if (info->kind != TERN_KIND_PLAIN)
		unit = sim_row_bytes(t->type, size[0]);
	else if (!stretch(&lo, &hi, size[0], t->stride[0]))
		return false;
	for (unsigned int d = 1; d < TERN_NDIMS; d++) {
		if (!stretch(&lo, &hi, size[d], t->stride[d]))
			return false;
	}
	if (lo < 0 || __builtin_add_overflow(hi, unit, &hi))
		return false;
	out->lo = (uint64_t)lo;
	out->hi = (uint64_t)hi;
	return true;
}

/* ---- a tile as nested runs ---------------------------------------------------- */
/*
 * The set of bytes of a tile: `unit` bytes repeated at dims of ascending stride, all
 * positive (a negative stride covers the same bytes from the other end), neighbours merged.
 */
struct nest {
	uint64_t lo; /* first byte */
	int64_t unit;
	unsigned int n;
	int64_t size[TERN_NDIMS], stride[TERN_NDIMS];
	int64_t span[TERN_NDIMS + 1]; /* span[i]: from first to last byte below dim i */
	bool nested;		      /* copies of a dimension do not interleave */
};

/* Runs worth walking; above, a question about them is answered on the safe side. */
#define MAX_RUNS (1 << 16)

static void insert_dim(struct nest *s, int64_t size, int64_t stride)
{
	unsigned int i = s->n++;

	if (stride < 0) {
		s->lo -= (uint64_t)(size - 1) * (uint64_t)-stride;
		stride = -stride;
	}
	for (; i && s->stride[i - 1] > stride; i--) {
		s->stride[i] = s->stride[i - 1];
		s->size[i] = s->size[i - 1];
	}
	s->stride[i] = stride;
	s->size[i] = size;
}

/* Dimensions that continue the unit without a gap become part of it. */
static void merge_units(struct nest *s)
{
	unsigned int i = 0;

	while (i < s->n && s->stride[i] <= s->unit) {
		s->unit += (s->size[i] - 1) * s->stride[i];
		i++;
	}
	s->n -= i;
	memmove(s->size, s->size + i, s->n * sizeof(s->size[0]));
	memmove(s->stride, s->stride + i, s->n * sizeof(s->stride[0]));
}

static void make_nest(const struct tern_rtile *t, struct nest *s)
{
	const struct sim_type *info = &sim_types[t->type];
	bool plain = info->kind == TERN_KIND_PLAIN;

	s->lo = t->addr;
	s->n = 0;
	s->unit = plain ? info->bytes : sim_row_bytes(t->type, t->size[0]);
	for (unsigned int d = plain ? 0 : 1; d < TERN_NDIMS; d++) {
		if (t->size[d] > 1)
			insert_dim(s, t->size[d], t->stride[d]);
	}
	merge_units(s);
	s->span[0] = s->unit;
	s->nested = true;
	for (unsigned int d = 0; d < s->n; d++) {
		s->nested &= s->stride[d] >= s->span[d];
		s->span[d + 1] = s->span[d] + (s->size[d] - 1) * s->stride[d];
	}
}

/* The usual case: each stride is at least the span of the dimensions below. */
static bool ascending(const struct tern_rtile *t, const int64_t *size, unsigned int first,
		      int64_t span)
{
	for (unsigned int d = first; d < TERN_NDIMS; d++) {
		if (size[d] == 1)
			continue;
		if (t->stride[d] < span)
			return false;
		span += (size[d] - 1) * t->stride[d];
	}
	return true;
}

/* The same after sorting: a transposed tile. */
static bool nested(const struct tern_rtile *t, const int64_t *size, unsigned int first,
		   int64_t span)
{
	struct nest s;

	s.lo = 0;
	s.n = 0;
	for (unsigned int d = first; d < TERN_NDIMS; d++) {
		if (size[d] > 1)
			insert_dim(&s, size[d], t->stride[d]);
	}
	for (unsigned int d = 0; d < s.n; d++) {
		if (s.stride[d] < span)
			return false;
		span += (s.size[d] - 1) * s.stride[d];
	}
	return true;
}

bool sim_tile_distinct(const struct tern_rtile *t, const int64_t *size)
{
	const struct sim_type *info = &sim_types[t->type];
	bool plain = info->kind == TERN_KIND_PLAIN;
	int64_t unit = plain ? info->bytes : sim_row_bytes(t->type, size[0]);

	return ascending(t, size, !plain, unit) || nested(t, size, !plain, unit);
}

bool sim_tile_dense(const struct tern_rtile *t, const struct sim_range *range)
{
	struct nest s;

	make_nest(t, &s);
	return s.n == 0 && (uint64_t)s.unit == range->hi - range->lo;
}

/* Does [lo, hi), relative to the nest's first byte, meet the part below dim d? */
static bool nest_meets(const struct nest *s, unsigned int d, int64_t lo, int64_t hi)
{
	int64_t first, last;

	if (lo < 0)
		lo = 0;
	if (hi > s->span[d])
		hi = s->span[d];
	if (lo >= hi)
		return false;
	if (d == 0 || (lo == 0 && hi == s->span[d]))
		return true;
	d--;
	/* Copies whose span could reach the interval. */
	first = lo < s->span[d] ? 0 : (lo - s->span[d]) / s->stride[d] + 1;
	last = (hi - 1) / s->stride[d];
	if (last >= s->size[d])
		last = s->size[d] - 1;
	for (int64_t i = first; i <= last; i++) {
		if (nest_meets(s, d, lo - i * s->stride[d], hi - i * s->stride[d]))
			return true;
	}
	return false;
}

struct overlap {
	const struct nest *with;
	bool found;
};

static void nest_runs(const struct nest *s, void (*fn)(void *, uint64_t, uint64_t), void *ctx)
{
	int64_t x[TERN_NDIMS] = {0};
	uint64_t at = s->lo;
	unsigned int d;

	do {
		fn(ctx, at, at + (uint64_t)s->unit);
		for (d = 0; d < s->n; d++) {
			at += (uint64_t)s->stride[d];
			if (++x[d] < s->size[d])
				break;
			at -= (uint64_t)s->size[d] * (uint64_t)s->stride[d];
			x[d] = 0;
		}
	} while (d < s->n);
}

static void overlap_run(void *ctx, uint64_t lo, uint64_t hi)
{
	struct overlap *o = ctx;
	int64_t at = (int64_t)lo - (int64_t)o->with->lo;

	if (!o->found)
		o->found = nest_meets(o->with, o->with->n, at, at + (int64_t)(hi - lo));
}

static int64_t nest_count(const struct nest *s)
{
	int64_t n = 1;

	for (unsigned int d = 0; d < s->n; d++) {
		if (__builtin_mul_overflow(n, s->size[d], &n))
			return INT64_MAX;
	}
	return n;
}

bool sim_tile_same(const struct tern_rtile *a, const struct tern_rtile *b, unsigned int first)
{
	if (a->addr != b->addr)
		return false;
	for (unsigned int d = first; d < TERN_NDIMS; d++) {
		if (a->size[d] != b->size[d] || (a->size[d] > 1 && a->stride[d] != b->stride[d]))
			return false;
	}
	return true;
}

bool sim_tile_overlap(const struct tern_rtile *a, const struct tern_rtile *b)
{
	struct nest na, nb;
	struct overlap o = {.with = &nb};
	bool swap;

	make_nest(a, &na);
	make_nest(b, &nb);
	swap = nest_count(&na) > nest_count(&nb);
	if (!na.nested || !nb.nested || nest_count(swap ? &nb : &na) > MAX_RUNS)
		return true;
	o.with = swap ? &na : &nb;
	nest_runs(swap ? &nb : &na, overlap_run, &o);
	return o.found;
}

void sim_tile_runs(const struct tern_rtile *t, void (*fn)(void *, uint64_t lo, uint64_t hi),
		   void *ctx)
{
	struct nest s;

	make_nest(t, &s);
	if (s.nested || nest_count(&s) <= MAX_RUNS)
		nest_runs(&s, fn, ctx);
	else
		fn(ctx, s.lo, s.lo + (uint64_t)s.span[s.n]);
}
