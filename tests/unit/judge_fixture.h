/* SPDX-License-Identifier: MIT */
/* An operator, its sources and its result for tests of the judge. */
#ifndef JUDGE_FIXTURE_H
#define JUDGE_FIXTURE_H

#include "graph_samples.h"
#include "support/judge.h"

struct trial {
	struct tern_op_desc op;
	struct ref_tensor src[TERN_MAX_SRC];
	struct judge_case c;
};

/* Sources of a sample: numbers around 1; as indices and positions 0, 1, ... */
static inline void prepare(struct trial *t, const struct sample *s)
{
	uint64_t seed = 7;

	memset(t, 0, sizeof(*t));
	t->op.op = s->op;
	memcpy(t->op.i, s->i, sizeof(s->i));
	memcpy(t->op.f, s->f, sizeof(s->f));
	for (int k = 0; k < TERN_MAX_SRC; k++) {
		t->c.type[k] = s->t[k].type;
		if (!s->t[k].ne[0])
			continue;
		t->src[k] = ref_alloc(s->t[k].ne);
		for (int64_t i = 0; i < ref_count(s->t[k].ne); i++)
			t->src[k].v[i] = s->t[k].type == TERN_I32 || s->t[k].type == TERN_I64
						 ? (double)(i % s->t[k].ne[0])
						 : (double)(float)ref_uniform(&seed, 0.5, 2);
	}
	t->c.op = &t->op;
	t->c.src = t->src;
	t->c.dtype = s->t[5].type;
	t->c.want = ref_alloc(s->t[5].ne);
	judge_prepare(&t->c);
}

static inline void fini(struct trial *t)
{
	judge_free(&t->c);
	for (int k = 0; k < TERN_MAX_SRC; k++)
		ref_free(&t->src[k]);
}

/* What the destination holds of the reference's result. SET_ROWS keeps what it does not write:
 * blocks are not encoded twice. */
static inline struct ref_tensor result(const struct trial *t)
{
	struct ref_tensor got = ref_alloc(t->c.want.ne);

	memcpy(got.v, t->c.want.v, (size_t)ref_count(got.ne) * sizeof(double));
	if (ref_type(t->c.dtype)->elems == 1)
		ref_round(&got, t->c.dtype);
	return got;
}

/* The sources are others now. */
static inline void prepare_again(struct trial *t, const int64_t *ne)
{
	judge_free(&t->c);
	t->c.want = ref_alloc(ne);
	judge_prepare(&t->c);
}

#endif
