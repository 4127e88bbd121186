// SPDX-License-Identifier: MIT
/* The reference: one output at a time, as the contract words it. */
#include <math.h>

#include "blocks.h"
#include "decode.h"
#include "gemm.h"

#define CHUNK 256 /* elements of k decoded at a time; a whole block of every type */

static float canonical(float f)
{
	return f == f ? f : tern_bits_f32(TERN_QNAN_BITS);
}

/* ---- int8 ------------------------------------------------------------------ */
/* One operand group, its scales and minima told apart. */
struct group {
	const int8_t *q;
	float s[2], m[2];
};

static struct group open_group(const struct tern_block_desc *t, const unsigned char *o)
{
	unsigned int parts = 32u / t->group;
	struct group g = {.q = (const int8_t *)o};

	memcpy(g.s, o + 32, parts * sizeof(float));
	if (t->min)
		memcpy(g.m, o + 32 + parts * sizeof(float), parts * sizeof(float));
	return g;
}

static int dot(const int8_t *a, const int8_t *b, int n)
{
	int sum = 0;

	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static float group_mac(const struct tern_block_desc *t, const struct tern_block_act *a,
		       const struct group *b, float acc)
{
	if (t->group == 32) {
		acc = fmaf((float)dot(a->q, b->q, 32), b->s[0] * a->s, acc);
		return t->min ? fmaf((float)(a->sum[0] + a->sum[1]), b->m[0] * a->s, acc) : acc;
	}
	for (int h = 0; h < 2; h++) {
		acc = fmaf((float)dot(a->q + 16 * h, b->q + 16 * h, 16), b->s[h] * a->s, acc);
		if (t->min)
			acc = fmaf((float)a->sum[h], b->m[h] * a->s, acc);
	}
	return acc;
}

/* Column n, elements [k, k + CHUNK) of all rows of A. */
static void act_chunk(const struct tern_gemm *g, const struct tern_block_desc *t, int64_t n,
		      int64_t k)
{
	unsigned char ops[CHUNK / 32 * sizeof(struct tern_block_op16m)];
	const unsigned char *b =
		(const unsigned char *)g->b + n * g->b_stride + (g->k0 + k) / t->elems * t->bytes;
	int64_t left = g->k - k < CHUNK ? g->k - k : CHUNK;
	int64_t whole = (left + t->elems - 1) / t->elems * t->elems;

	tern_decode_operand_scalar(g->b_type, b, ops, whole);
	for (int64_t m = g->m0; m < g->m1; m++) {
		const struct tern_block_act *a =
			(const void *)((const char *)g->a + m * g->a_stride);
		float *c = g->c + m * g->ldc + n, acc = *c;

		for (int64_t i = 0; i < left / 32; i++) {
			struct group w = open_group(t, ops + i * t->group_bytes);

			acc = group_mac(t, &a[k / 32 + i], &w, acc);
		}
		*c = canonical(acc);
	}
}

/* ---- floats ------------------------------------------------------------------ */
static float load_float(unsigned int type, const void *p)
{
	uint32_t w = 0;

	memcpy(&w, p, type == TERN_T_F32 ? 4 : 2);
	if (type == TERN_T_F32)
		return tern_bits_f32(w);
	return type == TERN_T_F16 ? tern_half((uint16_t)w) : tern_bf16((uint16_t)w);
}

static float round_to(unsigned int type, float f)
{
	if (type == TERN_T_F16)
		return tern_half(tern_to_half(f));
	return type == TERN_T_BF16 ? tern_bf16(tern_to_bf16(f)) : f;
}

static int size_of(unsigned int type)
{
	return type == TERN_T_F32 ? 4 : 2;
}

/* b[0..left) = elements k.. of column n, as floats of a_type. */
static void float_column(const struct tern_gemm *g, int64_t n, int64_t k, int64_t left, float *b)
{
	const struct tern_block_desc *t = tern_block_desc(g->b_type);
	const unsigned char *base = g->b;
	int64_t at = g->k0 + k;
	int size = size_of(g->b_type);

	if (t) {
		tern_decode_f32_scalar(g->b_type, base + n * g->b_stride + at / t->elems * t->bytes,
				       b, (left + t->elems - 1) / t->elems * t->elems);
		for (int64_t i = 0; i < left; i++)
			b[i] = round_to(g->a_type, b[i]);
		return;
	}
	for (int64_t i = 0; i < left; i++)
		b[i] = load_float(g->b_type, g->kn ? base + (at + i) * g->b_stride + n * size
						   : base + n * g->b_stride + (at + i) * size);
}

static void float_chunk(const struct tern_gemm *g, int64_t n, int64_t k)
{
	int64_t left = g->k - k < CHUNK ? g->k - k : CHUNK;
	int size = size_of(g->a_type);
	float b[CHUNK];

	float_column(g, n, k, left, b);
	for (int64_t m = g->m0; m < g->m1; m++) {
		const unsigned char *a = (const unsigned char *)g->a + m * g->a_stride + k * size;
		float *c = g->c + m * g->ldc + n, acc = *c;

		for (int64_t i = 0; i < left; i++)
			acc = fmaf(load_float(g->a_type, a + i * size), b[i], acc);
		*c = canonical(acc);
	}
}

void tern_gemm_scalar(const struct tern_gemm *g)
{
	const struct tern_block_desc *t = tern_block_desc(g->b_type);

	for (int64_t n = g->n0; n < g->n1; n++) {
		for (int64_t m = g->m0; m < g->m1 && !g->accumulate; m++)
			g->c[m * g->ldc + n] = 0;
		for (int64_t k = 0; k < g->k; k += CHUNK) {
			if (g->a_type == TERN_T_ACT)
				act_chunk(g, t, n, k);
			else
				float_chunk(g, n, k);
		}
	}
}
