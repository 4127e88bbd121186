// SPDX-License-Identifier: MIT
/*
 * Matrix products: shapes, batches, threads. The arithmetic is behind matmul.h.
 *
 * Activations are brought into one form first, [batch][head][row][k]: quantised, or f32. The
 * rows that share a matrix of weights (heads of a group) then lie together, and an item of
 * work is a range of columns of one matrix against all of them. MATMUL_ID puts its rows into
 * the order of their matrices for that.
 */
#include "matmul.h"
#include "kernels.h"
#include "simd/blocks.h"
#include "simd/decode.h"

#include <string.h>

#define ROW_BLOCK  512 /* rows of activations per visit of a panel: their sums stay in L2 */
#define PANEL_K	   512 /* of a panel: it stays in L1 while rows pass by */
#define FEW_ROWS   64  /* below, a longer panel: unpacking reads weights in longer runs */
#define FEW_K	   TERN_MM_PANEL_K
#define ROWS_TILE  32 /* columns of an item when rows are few */
#define ROWS_INNER 8  /* columns that stay in L1 from one row of activations to the next */

struct matmul {
	struct tern_cpu *cpu;
	const struct tern_cpu_op *op;
	int64_t k, n;
	int64_t rows;			  /* of activations, one for each of the destination */
	int64_t group, r3;		  /* rows of heads, and batches, that share weights */
	int64_t tiles;			  /* per matrix */
	const struct tern_gather *gather; /* NULL: rows are in order, and groups of one size */
	unsigned int type;		  /* the kernels': F32 when weights are converted first */
	bool convert, blocks, fallback;
	struct tern_act act;
	float *x;		     /* [rows][k], plain weights */
	struct tern_block_act *acts; /* [rows][k / 32], for simd->gemm */
	struct tern_scratch scratch;
	size_t at_panel, at_c, at_load; /* in a worker's scratch */
};

/* A range of columns of one matrix, and the rows that want it. */
struct tile {
	const struct tern_cpu_tensor *w;
	const char *base; /* row 0 of the matrix */
	int64_t n0, columns;
	int64_t row0, rows; /* of all activation rows */
	char *scratch;
};

int tern_cpu_check_matmul(const struct tern_cpu_op *op)
{
	const struct tern_cpu_tensor *w = &op->src[0], *x = &op->src[1], *d = op->dst;

	if (w->ne[0] != x->ne[0])
		return tern_cpu_refuse(op, "rows of one length in both sources");
	if (x->ne[2] % w->ne[2] || x->ne[3] % w->ne[3])
		return tern_cpu_refuse(op, "activations batched in multiples of the weights");
	if (d->ne[0] != w->ne[1] || d->ne[1] != x->ne[1] || d->ne[2] != x->ne[2] ||
	    d->ne[3] != x->ne[3])
		return tern_cpu_refuse(op, "a destination of rows(s0) x rows(s1) x batches(s1)");
	return 0;
}

/* ---- activations ----------------------------------------------------------------------- */
/* Where in the destination the product of this row of activations goes. */
static void place_of(const struct matmul *mm, int64_t row, int64_t i[3])
{
	tern_split(mm->op->dst->ne, mm->gather ? mm->gather->row[row] : row, i);
}

static const float *activation_row(const struct matmul *mm, int64_t row, float *tmp)
{
	const struct tern_cpu_tensor *x = &mm->op->src[1];
	int64_t i[3];

	place_of(mm, row, i);
	return tern_load(mm->cpu->simd, x, tern_row_wrap(x, i[0], i[1], i[2]), 0, mm->k, tmp);
}

/* ACT groups into the separate arrays that kernels stream through. */
static void split_act(const struct tern_act *a, int64_t row, const struct tern_block_act *from)
{
	const int64_t groups = a->stride / TERN_GROUP, used = a->k / TERN_GROUP;
	int8_t *q = a->q + row * a->stride;
	float *scale = a->scale + row * groups, *weighted = a->weighted + row * groups * a->parts;
	int32_t *sum = a->sum + row * groups * a->parts;

	for (int64_t g = 0; g < groups; g++) {
		static const struct tern_block_act zero;
		const struct tern_block_act *b = g < used ? &from[g] : &zero;

		memcpy(q + g * TERN_GROUP, b->q, TERN_GROUP);
		scale[g] = b->s;
		if (a->parts == 1) {
			sum[g] = b->sum[0] + b->sum[1];
			weighted[g] = (float)sum[g] * b->s;
			continue;
		}
		for (int h = 0; h < 2; h++) {
			sum[2 * g + h] = b->sum[h];
			weighted[2 * g + h] = (float)b->sum[h] * b->s;
		}
	}
}

static void prepare_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct matmul *mm = ctx;
	char *scratch = tern_scratch_of(&mm->scratch, worker);
	float *tmp = (float *)(void *)scratch;
	struct tern_block_act *acts =
		(void *)(scratch + tern_align64((size_t)mm->k * sizeof(float)));

	for (int64_t row = lo; row < hi; row++) {
		if (mm->fallback && mm->blocks) {
			mm->cpu->simd->quantise_act(activation_row(mm, row, tmp),
						    mm->acts + row * (mm->k / TERN_GROUP), mm->k);
		} else if (mm->blocks) {
			mm->cpu->simd->quantise_act(activation_row(mm, row, tmp), acts, mm->k);
			split_act(&mm->act, row, acts);
		} else {
			float *to = mm->x + row * mm->k;
			const float *from = activation_row(mm, row, to);

			if (from != to)
				memcpy(to, from, (size_t)mm->k * sizeof(float));
		}
	}
}

/* ---- one tile ---------------------------------------------------------------------------- */
static void store_tile(const struct matmul *mm, const struct tile *t, int64_t row0, int64_t rows,
		       const float *c, int64_t ldc)
{
	const struct tern_cpu_tensor *d = mm->op->dst;

	for (int64_t r = 0; r < rows; r++) {
		int64_t i[3];

		place_of(mm, row0 + r, i);
		tern_store(mm->cpu->simd, d, tern_row(d, i[0], i[1], i[2]), t->n0, t->columns,
			   c + r * ldc);
	}
}

/* `columns` rows of weights from n0, elements [k0, k0 + k), as contiguous f32 rows. */
static const float *load_weights(const struct matmul *mm, const struct tile *t, int64_t n0,
				 int64_t columns, int64_t k0, int64_t k, float *tmp)
{
	for (int64_t c = 0; c < columns; c++) {
		const char *row = t->base + (uint64_t)(n0 + c) * t->w->nb[1];
		const float *v = tern_load(mm->cpu->simd, t->w, row, k0, k, tmp + c * k);

		if (v != tmp + c * k)
			memcpy(tmp + c * k, v, (size_t)k * sizeof(float));
	}
	return tmp;
}

static void run_row(const struct matmul *mm, const struct tile *t, int64_t n, int64_t columns,
		    int64_t row, float *y)
{
	struct tern_mm_row r = {.simd = mm->cpu->simd,
				.type = mm->type,
				.w = t->base + (uint64_t)(t->n0 + n) * t->w->nb[1],
				.stride = t->w->nb[1],
				.n = columns,
				.k = mm->k,
				.act = &mm->act,
				.row = row,
				.x = mm->blocks ? NULL : mm->x + row * mm->k,
				.y = y,
				.tmp = t->scratch};

	if (mm->convert) {
		r.w = t->scratch + mm->at_load;
		r.stride = (uint64_t)mm->k * sizeof(float);
	}
	mm->cpu->mm->rows[mm->type](&r);
}

/* Few rows: a few columns at a time, for every row. */
static void tile_by_rows(const struct matmul *mm, const struct tile *t)
{
	float *c = (float *)(void *)(t->scratch + mm->at_c);

	for (int64_t n = 0, columns; n < t->columns; n += columns) {
		columns = t->rows == 1 ? t->columns : ROWS_INNER;
		columns = t->columns - n < columns ? t->columns - n : columns;
		if (mm->convert) {
			columns = columns < ROWS_INNER ? columns : ROWS_INNER;
			load_weights(mm, t, t->n0 + n, columns, 0, mm->k,
				     (float *)(void *)(t->scratch + mm->at_load));
		}
		for (int64_t r = 0; r < t->rows; r++)
			run_row(mm, t, n, columns, t->row0 + r, c + r * TERN_STRIP + n);
	}
	store_tile(mm, t, t->row0, t->rows, c, TERN_STRIP);
}

static void block_panel(const struct matmul *mm, const struct tile *t, int64_t row, int64_t rows,
			int64_t step)
{
	const struct tern_block_desc *desc = tern_block_desc(mm->type);
	struct tern_mm_panel p = {.simd = mm->cpu->simd,
				  .type = mm->type,
				  .parts = mm->act.parts,
				  .min = desc->min,
				  .stride = t->w->nb[1],
				  .columns = t->columns,
				  .panel = t->scratch + mm->at_panel,
				  .act = &mm->act,
				  .row = row,
				  .rows = rows,
				  .c = (float *)(void *)(t->scratch + mm->at_c)};

	for (int64_t k = 0; k < mm->k; k += step) {
		const int64_t left = mm->k - k < step ? mm->k - k : step;

		p.w = (const uint8_t *)t->base + (uint64_t)t->n0 * p.stride +
		      (uint64_t)(k / desc->elems) * desc->bytes;
		p.g0 = k / TERN_GROUP;
		p.groups = left / TERN_GROUP;
		p.accumulate = k > 0;
		mm->cpu->mm->pack(&p);
		mm->cpu->mm->panel(&p);
	}
}

static void float_panel(const struct matmul *mm, const struct tile *t, int64_t row, int64_t rows,
			int64_t step)
{
	float *panel = (float *)(void *)(t->scratch + mm->at_panel);
	float *load = (float *)(void *)(t->scratch + mm->at_load);
	float *c = (float *)(void *)(t->scratch + mm->at_c);

	for (int64_t k = 0; k < mm->k; k += step) {
		const int64_t left = mm->k - k < step ? mm->k - k : step;

		load_weights(mm, t, t->n0, t->columns, k, left, load);
		mm->cpu->vec->transpose(load, left, t->columns, panel, left);
		mm->cpu->vec->panel(mm->x + row * mm->k + k, mm->k, panel, TERN_STRIP, c,
				    TERN_STRIP, rows, left, k > 0);
	}
}

static void gemm_panel(const struct matmul *mm, const struct tile *t, int64_t row, int64_t rows)
{
	struct tern_gemm g = {.a_type = TERN_T_ACT,
			      .b_type = mm->type,
			      .k = mm->k,
			      .m1 = rows,
			      .n1 = t->columns,
			      .a = mm->acts + row * (mm->k / TERN_GROUP),
			      .a_stride =
				      mm->k / TERN_GROUP * (int64_t)sizeof(struct tern_block_act),
			      .b = t->base + (uint64_t)t->n0 * t->w->nb[1],
			      .b_stride = (int64_t)t->w->nb[1],
			      .c = (float *)(void *)(t->scratch + mm->at_c),
			      .ldc = TERN_STRIP};

	mm->cpu->simd->gemm(&g);
}

static int64_t panel_k(int64_t rows)
{
	return rows < FEW_ROWS ? FEW_K : PANEL_K;
}

static void tile_by_panel(const struct matmul *mm, const struct tile *t)
{
	for (int64_t r = 0; r < t->rows; r += ROW_BLOCK) {
		const int64_t rows = t->rows - r < ROW_BLOCK ? t->rows - r : ROW_BLOCK;

		if (mm->fallback && mm->blocks)
			gemm_panel(mm, t, t->row0 + r, rows);
		else if (mm->blocks)
			block_panel(mm, t, t->row0 + r, rows, panel_k(t->rows));
		else
			float_panel(mm, t, t->row0 + r, rows, panel_k(t->rows) / 4);
		store_tile(mm, t, t->row0 + r, rows, (float *)(void *)(t->scratch + mm->at_c),
			   TERN_STRIP);
	}
}

static bool by_rows(const struct matmul *mm, int64_t rows)
{
	const struct tern_mm *k = mm->cpu->mm;

	return k && k->rows[mm->type] && rows < k->panel_rows[mm->blocks];
}

/* The matrix, and the j-th of the groups of rows that it multiplies. */
static void set_rows(const struct matmul *mm, int64_t matrix, int64_t j, struct tile *t)
{
	const struct tern_gather *g = mm->gather;
	const int64_t w2 = matrix % t->w->ne[2], w3 = matrix / t->w->ne[2];

	if (g) {
		t->base = tern_row(t->w, 0, g->matrix[matrix], 0);
		t->row0 = g->first[matrix];
		t->rows = g->first[matrix + 1] - t->row0;
	} else {
		t->base = tern_row(t->w, 0, w2, w3);
		t->row0 = ((w3 * mm->r3 + j) * t->w->ne[2] + w2) * mm->group;
		t->rows = mm->group;
	}
}

static void tile_piece(void *ctx, int64_t lo, int64_t hi, unsigned int worker)
{
	const struct matmul *mm = ctx;

	for (int64_t item = lo; item < hi; item++) {
		struct tile t = {.w = &mm->op->src[0]};

		t.n0 = item % mm->tiles * TERN_STRIP;
		t.columns = mm->n - t.n0 < TERN_STRIP ? mm->n - t.n0 : TERN_STRIP;
		t.scratch = tern_scratch_of(&mm->scratch, worker);
		for (int64_t j = 0; j < mm->r3; j++) {
			set_rows(mm, item / mm->tiles, j, &t);
			if (by_rows(mm, t.rows))
				tile_by_rows(mm, &t);
			else
				tile_by_panel(mm, &t);
		}
	}
}

/* ---- the operator ------------------------------------------------------------------------ */
static void choose(struct matmul *mm)
{
	const struct tern_cpu_tensor *w = &mm->op->src[0];
	const struct tern_block_desc *desc = tern_block_desc(w->type);

	mm->blocks = desc != NULL;
	mm->fallback = !mm->cpu->mm;
	mm->type = w->type;
	mm->convert = !mm->blocks && w->nb[0] != (uint64_t)tern_layout_of(w->type).bytes;
	if (mm->convert)
		mm->type = TERN_T_F32;
	mm->act.k = mm->k;
	mm->act.stride = (mm->k + TERN_ACT_PAD - 1) / TERN_ACT_PAD * TERN_ACT_PAD;
	mm->act.parts = mm->blocks && desc->group == 16 ? 2 : 1;
}

/* Lays out shared scratch; with base 0 only measures it. */
static size_t place_activations(struct matmul *mm, int64_t rows, char *base)
{
	const size_t groups = (size_t)(mm->act.stride / TERN_GROUP * rows),
		     parts = (size_t)mm->act.parts;
	const size_t q = tern_align64((size_t)(mm->act.stride * rows)),
		     f = tern_align64(groups * 4);

	if (!mm->blocks) {
		mm->x = (float *)(void *)base;
		return (size_t)(rows * mm->k) * sizeof(float);
	}
	if (mm->fallback) {
		mm->acts = (struct tern_block_act *)(void *)base;
		return (size_t)(rows * (mm->k / TERN_GROUP)) * sizeof(struct tern_block_act);
	}
	if (base) {
		mm->act.q = (int8_t *)base;
		mm->act.scale = (float *)(void *)(base + q);
		mm->act.sum = (int32_t *)(void *)(base + q + f);
		mm->act.weighted = (float *)(void *)(base + q + f + f * parts);
	}
	return q + f + 2 * f * parts;
}

/* For groups of `least` to `most` rows. */
static size_t worker_bytes(struct matmul *mm, int64_t least, int64_t most)
{
	const int64_t rows = most < ROW_BLOCK ? most : ROW_BLOCK;
	const int64_t step = panel_k(least) / (mm->blocks ? 1 : 4);
	const int64_t k = mm->k < step ? mm->k : step;
	const size_t panel = mm->blocks ? TERN_MM_PANEL(k) : TERN_STRIP * (size_t)k * sizeof(float);
	const size_t few = by_rows(mm, least) ? ROWS_INNER * (size_t)mm->k * sizeof(float) : 0;
	const size_t many = by_rows(mm, most) ? 0 : TERN_STRIP * (size_t)k * sizeof(float);
	const size_t load = mm->blocks ? 0 : few > many ? few : many;
	const size_t tmp = tern_align64(TERN_MM_TMP(mm->k));
	const size_t prepare = (size_t)mm->k * (sizeof(float) + 2) + 128;
	size_t all;

	mm->at_panel = tmp;
	mm->at_c = mm->at_panel + tern_align64(panel);
	mm->at_load = mm->at_c + tern_align64((size_t)rows * TERN_STRIP * sizeof(float));
	all = mm->at_load + load;
	return all > prepare ? all : prepare;
}

/* Tiles a thread takes at a time: many when they are small. */
static int64_t tile_grain(const struct matmul *mm, int64_t matrices)
{
	const int64_t work = mm->k * TERN_STRIP * (mm->rows / matrices + 4);

	return work < 65536 ? 65536 / work : 1;
}

int tern_cpu_product(struct tern_cpu *cpu, const struct tern_cpu_op *op,
		     const struct tern_cpu_tensor *ids)
{
	const struct tern_cpu_tensor *w = &op->src[0], *x = &op->src[1];
	const int64_t rows = tern_nrows(op->dst->ne);
	const size_t lists = ids ? tern_align64(tern_gather_bytes(rows, w->ne[2])) : 0;
	struct matmul mm = {
		.cpu = cpu, .op = op, .k = w->ne[0], .n = w->ne[1], .rows = rows, .r3 = 1};
	int64_t matrices = w->ne[2] * w->ne[3];
	struct tern_gather gather;
	int rc;

	if (!ids) {
		mm.r3 = x->ne[3] / w->ne[3];
		mm.group = rows / (matrices * mm.r3);
	}
	choose(&mm);
	rc = tern_cpu_scratch(cpu, lists + place_activations(&mm, rows, NULL),
			      worker_bytes(&mm, ids ? 1 : mm.group, ids ? rows : mm.group),
			      &mm.scratch);
	if (!rc && ids) {
		rc = tern_gather(ids, w->ne[2], mm.scratch.shared, &gather);
		mm.gather = &gather;
		matrices = gather.matrices;
	}
	if (rc)
		return rc;
	place_activations(&mm, rows, mm.scratch.shared + lists);
	mm.tiles = (mm.n + TERN_STRIP - 1) / TERN_STRIP;
	tern_cpu_for(cpu, rows, 8192 / mm.k + 1, prepare_piece, &mm);
	tern_cpu_for(cpu, mm.tiles * matrices, tile_grain(&mm, matrices), tile_piece, &mm);
	return 0;
}

int tern_cpu_matmul(struct tern_cpu *cpu, const struct tern_cpu_op *op)
{
	return tern_cpu_product(cpu, op, NULL);
}
