/* SPDX-License-Identifier: MIT */
/*
 * The products on panels, for any instruction set with lanes. Included by gemm_*.c
 * after the lanes_*.h of the instruction set.
 *
 * Loops: panel of LANES columns, chunk of k (decoded once), block of rows of A. The same
 * path serves one row and many: decoding into a panel that stays in L1 costs less than
 * the memory traffic of the packed rows, so a single row runs at memory speed too.
 */
#ifndef TERN_SIMD_GEMM_IMPL_H
#define TERN_SIMD_GEMM_IMPL_H

#include "gemm.h"
#include "gemm_panel.h"

#define FCHUNK 256 /* elements of k in a panel of floats; a whole block of every type */

static vf32 load_c(const float *p)
{
	vf32 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void store_c(float *p, vf32 v)
{
	v = select_nan(v, tern_bits_f32(TERN_QNAN_BITS));
	memcpy(p, &v, sizeof(v));
}

/* A place for sums: rows of C, or a copy of the valid part of them. */
struct c_at {
	float *p;
	int64_t ld;
};

/* ---- int8 -------------------------------------------------------------------- */
struct act_job {
	const struct panel *b;
	const uint8_t *a; /* at the chunk */
	int64_t a_stride, groups;
	struct c_at c;
	bool zero; /* start from zero instead of c */
};

/* What a kernel is compiled for. */
struct act_kind {
	int parts; /* scales per 32: 1 or 2 */
	int min, bias, run, wide;
};

/* Part h of one group of mr rows of A against the panel. */
SPECIALISED void act_part(int mr, struct act_kind t, int h, const struct tern_block_act *const *a,
			  const vu32 *q, vf32 s, vf32 m, vf32 *acc)
{
	int lo = t.parts == 1 || h == 0, hi = t.parts == 1 || h == 1, steps = 8 / t.parts;
	const int8_t *aq[MROWS];
	vi32 d[MROWS];

#pragma GCC unroll 8
	for (int i = 0; i < mr; i++) {
		aq[i] = a[i]->q + 16 * h;
		d[i] = t.bias ? sums((const uint8_t *)a[i] + OFFSET(act, sum), -t.bias * lo,
				     -t.bias * hi)
			      : (vi32){0};
	}
	dots(mr, steps, t.run < steps ? t.run : steps, t.wide, q, aq, d);
#pragma GCC unroll 8
	for (int i = 0; i < mr; i++) {
		vf32 sa = splat(a[i]->s);

		acc[i] = fma_lanes(__builtin_convertvector(d[i], vf32), s * sa, acc[i]);
		if (t.min)
			acc[i] = fma_lanes(
				__builtin_convertvector(
					sums((const uint8_t *)a[i] + OFFSET(act, sum), lo, hi),
					vf32),
				m * sa, acc[i]);
	}
}

SPECIALISED void act_rows(int mr, struct act_kind t, const struct act_job *j)
{
	const struct tern_block_act *a[MROWS];
	const struct panel *b = j->b;
	vf32 acc[MROWS];

#pragma GCC unroll 8
	for (int i = 0; i < mr; i++) {
		a[i] = (const void *)(j->a + i * j->a_stride);
		acc[i] = j->zero ? (vf32){0} : load_c(j->c.p + i * j->c.ld);
	}
	for (int64_t g = 0; g < j->groups; g++) {
#pragma GCC unroll 2
		for (int h = 0; h < t.parts; h++)
			act_part(mr, t, h, a, b->q + 8 * g + 4 * h, b->s[g * t.parts + h],
				 b->m[g * t.parts + h], acc);
#pragma GCC unroll 8
		for (int i = 0; i < mr; i++)
			a[i]++;
	}
#pragma GCC unroll 8
	for (int i = 0; i < mr; i++)
		store_c(j->c.p + i * j->c.ld, acc[i]);
}

typedef void (*act_fn)(const struct act_job *j);
typedef void (*decode_fn)(const uint8_t *p, ptrdiff_t s, int64_t blocks, struct fetch fetch,
			  struct panel *o);

/*	suffix, rows of A */
#define ROW_COUNTS(X, ...)   \
	X(1, 1, __VA_ARGS__) \
	X(2, 2, __VA_ARGS__) \
	X(3, 3, __VA_ARGS__) \
	X(4, 4, __VA_ARGS__) \
	X(max, MROWS, __VA_ARGS__)

#define ROWS_FN(suffix, mr, name, parts, min, bias, run, wide)                   \
	static void act_##name##_##suffix(const struct act_job *j)               \
	{                                                                        \
		act_rows(mr, (struct act_kind){parts, min, bias, run, wide}, j); \
	}
#define TYPE_FNS(code, name, elems, parts, min, bias, run, wide) \
	ROW_COUNTS(ROWS_FN, name, parts, min, bias, run, wide)
PANEL_TYPES(TYPE_FNS)

static const struct act_type {
	decode_fn decode;
	act_fn rows[5]; /* 1..4 rows, MROWS rows */
	int bias, wide;
} act_types[TERN_T_COUNT] = {
#define TYPE_ROW(code, name, elems, parts, min, bias, run, wide)                            \
	[TERN_T_##code] = {decode_##name,                                                   \
			   {act_##name##_1, act_##name##_2, act_##name##_3, act_##name##_4, \
			    act_##name##_max},                                              \
			   bias,                                                            \
			   wide},
	PANEL_TYPES(TYPE_ROW)
#undef TYPE_ROW
};

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How many rows of A to take next, and which of the five functions takes them. */
static int64_t row_count(int64_t left, int *fn)
{
	int64_t n = left >= MROWS ? MROWS : min64(left, 4);

	*fn = left >= MROWS ? 4 : (int)n - 1;
	return n;
}

/* ---- columns [n, n + nr) of B, nr <= LANES ----------------------------------------- */
struct columns {
	const struct tern_gemm *g;
	int64_t n, nr;
};

/* C of rows m.. of the columns: in place, or when narrow, copied to and from `copy`. */
static struct c_at open_c(const struct columns *o, int64_t m, int64_t mr, float *copy)
{
	float *c = o->g->c + m * o->g->ldc + o->n;

	if (o->nr == LANES)
		return (struct c_at){c, o->g->ldc};
	for (int64_t i = 0; i < mr; i++)
		memcpy(copy + i * LANES, c + i * o->g->ldc, (size_t)o->nr * sizeof(float));
	return (struct c_at){copy, LANES};
}

static void close_c(const struct columns *o, int64_t m, int64_t mr, const float *copy)
{
	float *c = o->g->c + m * o->g->ldc + o->n;

	if (o->nr == LANES)
		return;
	for (int64_t i = 0; i < mr; i++)
		memcpy(c + i * o->g->ldc, copy + i * LANES, (size_t)o->nr * sizeof(float));
}

/* Packed bytes of LANES rows; those beyond nr are zero. */
struct packed_rows {
	const uint8_t *p;
	ptrdiff_t stride;
};

#define PACKED_MAX (CHUNK / 32 * sizeof(struct tern_block_op16m))

static struct packed_rows all_lanes(const struct columns *o, const uint8_t *p, int64_t bytes,
				    uint8_t *copy)
{
	if (o->nr == LANES)
		return (struct packed_rows){p, o->g->b_stride};
	memset(copy, 0, LANES * (size_t)bytes);
	for (int64_t r = 0; r < o->nr; r++)
		memcpy(copy + r * bytes, p + r * o->g->b_stride, (size_t)bytes);
	return (struct packed_rows){copy, bytes};
}

/* The part at p of the rows after these: far enough ahead for DRAM, near enough for L2. */
static struct fetch next_rows(const struct columns *o, const uint8_t *p, int64_t bytes)
{
	int64_t s = o->g->b_stride, left = min64(o->g->n1 - o->n - LANES, LANES);

	return (struct fetch){p + LANES * s, s, bytes, (int)left};
}

/* Elements [k, k + left) of the columns, in whole blocks, to a panel. */
static void decode_chunk(const struct columns *o, const struct tern_block_desc *t, int64_t k,
			 int64_t left, struct panel *panel)
{
	const struct tern_gemm *g = o->g;
	uint8_t copy[LANES * PACKED_MAX];
	int64_t blocks = (left + t->elems - 1) / t->elems, bytes = blocks * t->bytes;
	const uint8_t *row0 = (const uint8_t *)g->b + o->n * g->b_stride;
	const uint8_t *p = row0 + (g->k0 + k) / t->elems * t->bytes;
	struct packed_rows rows = all_lanes(o, p, bytes, copy);

	act_types[g->b_type].decode(rows.p, rows.stride, blocks, next_rows(o, p, bytes), panel);
}

static void act_columns(const struct columns *o, const struct tern_block_desc *t)
{
	const struct tern_gemm *g = o->g;
	const struct act_type *type = &act_types[g->b_type];
	struct panel panel;
	float copy[MROWS * LANES] = {0};
	int fn;

	for (int64_t k = 0; k < g->k; k += CHUNK) {
		int64_t left = min64(g->k - k, CHUNK), mr;

		decode_chunk(o, t, k, left, &panel);
		for (int64_t m = g->m0; m < g->m1; m += mr) {
			struct act_job j = {
				.b = &panel, .a_stride = g->a_stride, .groups = left / 32};

			mr = row_count(g->m1 - m, &fn);
			j.a = (const uint8_t *)g->a + m * g->a_stride +
			      k / 32 * (int64_t)sizeof(struct tern_block_act);
			j.zero = k == 0 && !g->accumulate;
			j.c = open_c(o, m, mr, copy);
			type->rows[fn](&j);
			close_c(o, m, mr, copy);
		}
	}
}

#include "gemm_float.h"

static void gemm_acts(const struct tern_gemm *g, const struct tern_block_desc *t)
{
	for (int64_t n = g->n0; n < g->n1; n += LANES) {
		struct columns o = {g, n, min64(g->n1 - n, LANES)};

		act_columns(&o, t);
	}
}

static void gemm_lanes(const struct tern_gemm *g)
{
	const struct tern_block_desc *t = tern_block_desc(g->b_type);

	if (g->k <= 0)
		tern_gemm_scalar(g); /* zeros, or nothing */
	else if (g->a_type == TERN_T_ACT)
		gemm_acts(g, t);
	else
		gemm_floats(g, t);
}

#endif
