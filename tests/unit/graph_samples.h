/* SPDX-License-Identifier: MIT */
/* A valid operator of each kind, to be broken in one place at a time. */
#ifndef TEST_GRAPH_SAMPLES_H
#define TEST_GRAPH_SAMPLES_H

#include "graph_fixture.h"

/* One valid use of each operator. */
struct sample {
	enum tern_opcode op;
	struct {
		enum tern_dtype type;
		int64_t ne[4];
	} t[6]; /* sources, and t[5] the destination; ne[0] 0: absent */
	int32_t i[8];
	float f[6];
};
/* clang-format off */
#define F TERN_F32
#define H TERN_F16
#define I TERN_I32
static const struct sample samples[] = {
	{TERN_MATMUL, {{TERN_Q4_0, {64, 5, 2, 1}}, {F, {64, 3, 4, 2}}, [5] = {F, {5, 3, 4, 2}}}, {0}, {0}},
	{TERN_GET_ROWS, {{TERN_Q8_0, {64, 9, 2, 1}}, {I, {3, 2, 1, 1}}, [5] = {F, {64, 3, 2, 1}}}, {0}, {0}},
	{TERN_SET_ROWS, {{F, {64, 3, 2, 1}}, {TERN_I64, {3, 1, 1, 1}}, [5] = {H, {64, 100, 2, 1}}}, {0}, {0}},
	{TERN_RMS_NORM, {{F, {64, 3, 2, 1}}, {F, {64, 1, 1, 1}}, [5] = {F, {64, 3, 2, 1}}}, {0}, {1e-5f}},
	{TERN_NORM, {{F, {64, 3, 2, 1}}, {F, {64, 1, 1, 1}}, {F, {64, 1, 1, 1}}, [5] = {F, {64, 3, 2, 1}}}, {0}, {1e-5f}},
	{TERN_L2_NORM, {{F, {64, 3, 2, 1}}, [5] = {F, {64, 3, 2, 1}}}, {0}, {1e-5f}},
	{TERN_ROPE, {{F, {64, 4, 3, 1}}, {I, {3, 1, 1, 1}}, {F, {32, 1, 1, 1}}, [5] = {F, {64, 4, 3, 1}}}, {64, 2}, {10000.0f, 1.0f}},
	{TERN_SOFT_MAX, {{F, {16, 3, 4, 1}}, {H, {16, 3, 1, 1}}, {F, {4, 1, 1, 1}}, [5] = {F, {16, 3, 4, 1}}}, {0}, {1.0f, 8.0f}},
	{TERN_ATTENTION, {{F, {64, 3, 4, 1}}, {H, {64, 16, 2, 1}}, {H, {32, 16, 2, 1}}, {H, {16, 3, 1, 1}}, {F, {4, 1, 1, 1}}, {F, {32, 4, 3, 1}}}, {1, 5}, {0.125f, 30.0f}},
	{TERN_GLU, {{F, {64, 3, 1, 1}}, {F, {64, 3, 1, 1}}, [5] = {F, {64, 3, 1, 1}}}, {TERN_GLU_SWIGLU}, {0}},
	{TERN_UNARY, {{F, {64, 3, 1, 1}}, [5] = {H, {64, 3, 1, 1}}}, {TERN_SILU}, {0}},
	{TERN_BINARY, {{F, {64, 3, 2, 1}}, {F, {64, 1, 1, 1}}, [5] = {F, {64, 3, 2, 1}}}, {TERN_MUL}, {0}},
	{TERN_SCALE, {{F, {64, 3, 1, 1}}, [5] = {F, {64, 3, 1, 1}}}, {0}, {2.0f}},
	{TERN_CLAMP, {{F, {64, 3, 1, 1}}, [5] = {F, {64, 3, 1, 1}}}, {0}, {-1.0f, 1.0f}},
	{TERN_COPY, {{F, {64, 3, 1, 1}}, [5] = {TERN_Q8_0, {32, 6, 1, 1}}}, {0}, {0}},
	{TERN_CONCAT, {{F, {64, 3, 1, 1}}, {F, {64, 2, 1, 1}}, [5] = {F, {64, 5, 1, 1}}}, {1}, {0}},
	{TERN_REPEAT, {{F, {4, 3, 1, 1}}, [5] = {F, {8, 3, 5, 1}}}, {0}, {0}},
	{TERN_SUM_ROWS, {{F, {64, 3, 2, 1}}, [5] = {F, {1, 3, 2, 1}}}, {0}, {0}},
	{TERN_MEAN, {{F, {64, 3, 2, 1}}, [5] = {F, {1, 3, 2, 1}}}, {0}, {0}},
	{TERN_ARGMAX, {{F, {64, 3, 1, 1}}, [5] = {I, {3, 1, 1, 1}}}, {0}, {0}},
	{TERN_TOP_K, {{F, {64, 3, 1, 1}}, [5] = {I, {8, 3, 1, 1}}}, {0}, {0}},
	{TERN_ARGSORT, {{F, {64, 3, 1, 1}}, [5] = {I, {64, 3, 1, 1}}}, {1}, {0}},
	{TERN_MATMUL_ID, {{TERN_Q4_0, {64, 5, 6, 1}}, {F, {64, 2, 3, 1}}, {I, {4, 3, 1, 1}}, [5] = {F, {5, 4, 3, 1}}}, {0}, {0}},
	{TERN_ADD_ID, {{F, {64, 4, 3, 1}}, {F, {64, 6, 1, 1}}, {I, {4, 3, 1, 1}}, [5] = {F, {64, 4, 3, 1}}}, {0}, {0}},
};
/* clang-format on */
#define NSAMPLES ((int)(sizeof(samples) / sizeof(samples[0])))
_Static_assert(sizeof(samples) / sizeof(samples[0]) == TERN_OP_COUNT, "a sample per operator");

/* Tensor k of the graph is slot k of the sample, 5 the destination. */
static inline struct gb *sample_graph(const struct sample *s)
{
	struct gb *g = gb_new();
	struct tern_op_desc *op = gb_op(g, s->op, 5, NONE, NONE, NONE);
	int k;

	for (k = 0; k < 6; k++) {
		const int64_t *ne = s->t[k].ne;
		bool there = ne[0];

		gb_tensor(g, there ? s->t[k].type : F, TERN_STORAGE_BOUND, NULL, there ? ne[0] : 1,
			  there ? ne[1] : 1, there ? ne[2] : 1, there ? ne[3] : 1);
		if (k < 5 && there)
			op->src[k] = (uint32_t)k;
	}
	memcpy(op->i, s->i, sizeof(op->i));
	memcpy(op->f, s->f, sizeof(op->f));
	return g;
}

static inline const struct sample *sample_of(enum tern_opcode op)
{
	int i;

	for (i = 0; i < NSAMPLES; i++) {
		if (samples[i].op == op)
			return &samples[i];
	}
	return NULL;
}

#endif
