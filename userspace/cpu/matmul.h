/* SPDX-License-Identifier: MIT */
/*
 * Matrix products: what the driver (matmul.c) hands to the kernels of an instruction set.
 *
 * Weights in blocks are multiplied as integers: activations are quantised once per
 * operator, in groups of TERN_GROUP with an f32 scale. Few rows of activations go
 * through `rows` kernels, which read weights once from memory as they lie; many through a
 * panel, weights of TERN_STRIP columns unpacked side by side and used by every row.
 */
#ifndef TERN_CPU_MATMUL_H
#define TERN_CPU_MATMUL_H

#include "cpu/cpu.h"
#include "simd/simd.h"
#include "vec.h"

/*
 * Quantised rows. `stride` is k rounded up to TERN_ACT_PAD, and the padding is zero, so that
 * kernels may run over the end of a row. sum and weighted (scale * sum) have `parts` entries
 * per group: of the whole, or of each half, as the weights' scales go.
 */
#define TERN_ACT_PAD 256
struct tern_act {
	int64_t k, stride;
	int parts;    /* 1 or 2 */
	int8_t *q;    /* [row][stride] */
	float *scale; /* [row][stride / 32] */
	int32_t *sum; /* [row][stride / 32 * parts] */
	float *weighted;
};

/* One row of activations against n rows of weights. */
struct tern_mm_row {
	const struct tern_simd *simd;
	unsigned int type; /* of the weights */
	const void *w;
	uint64_t stride; /* bytes between rows of weights */
	int64_t n, k;
	const struct tern_act *act; /* block types: and the row */
	int64_t row;
	const float *x; /* plain types */
	float *y;	/* [n] */
	void *tmp;	/* TERN_MM_TMP(k) bytes */
};
#define TERN_MM_TMP(k) ((size_t)((k) + TERN_ACT_PAD) * 2)

/* Rows [row, row + rows) of activations, groups [g0, g0 + groups), against a panel of
 * unpacked weights: c[rows][TERN_STRIP] (+)=. */
struct tern_mm_panel {
	const struct tern_simd *simd;
	unsigned int type;
	int parts;
	bool min;
	const uint8_t *w; /* first weight of column 0 */
	uint64_t stride;
	int64_t columns; /* <= TERN_STRIP */
	int64_t g0, groups;
	void *panel; /* TERN_MM_PANEL(32 * groups) bytes, aligned to 64 */
	const struct tern_act *act;
	int64_t row, rows;
	float *c;
	bool accumulate;
};
#define TERN_MM_PANEL_K 2048 /* the longest */
/* Weights as u8 or s16, at most two scales and two minima of f32 per group. */
#define TERN_MM_PANEL(k) ((size_t)(k) / TERN_GROUP * TERN_STRIP * (TERN_GROUP * 2 + 16))

typedef void (*tern_mm_row_fn)(const struct tern_mm_row *r);
struct tern_mm {
	int64_t panel_rows[2];	   /* from so many rows on a panel pays: plain weights, blocks */
	tern_mm_row_fn rows_block; /* any block type, through operand groups */
	tern_mm_row_fn rows[TERN_T_COUNT]; /* better ones; plain types */
	void (*pack)(const struct tern_mm_panel *p);
	void (*panel)(const struct tern_mm_panel *p);
};
/* NULL: this instruction set has none; products go through simd->gemm. */
const struct tern_mm *tern_mm_get(const char *level);

extern const struct tern_mm tern_mm_avx2, tern_mm_avx512;

/* ---- the driver ---------------------------------------------------------------------- */
/* Rows of a destination in the order of the matrices that they are products of. */
struct tern_gather {
	int64_t *row;	  /* [rows] */
	int64_t matrices; /* that have any */
	int64_t *matrix;  /* [matrices] */
	int64_t *first;	  /* [matrices + 1], into row[] */
};
/* Sorts indices into memory of so many bytes. -EINVAL: there is no such expert. */
size_t tern_gather_bytes(int64_t rows, int64_t experts);
int tern_gather(const struct tern_cpu_tensor *ids, int64_t experts, void *memory,
		struct tern_gather *out);

struct tern_cpu;
struct tern_cpu_op;
/* d = s0 * s1. ids NULL: batches share matrices as in MATMUL; else they name the matrix, and rows
 * of s1 repeat, as in MATMUL_ID. */
int tern_cpu_product(struct tern_cpu *cpu, const struct tern_cpu_op *op,
		     const struct tern_cpu_tensor *ids);

#endif
