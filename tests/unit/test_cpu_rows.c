// SPDX-License-Identifier: MIT
/* Operators of the CPU kernels that look at whole rows: norms, soft-max, rotation, attention. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "support/cpu_case.h"

static const enum tern_dtype plain[] = {TERN_F32, TERN_F16, TERN_BF16};
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define NE(...)	     ((const int64_t[]){__VA_ARGS__})

static const int64_t shapes[][4] = {{1, 1, 1, 1},  {7, 1, 1, 1},    {33, 5, 1, 1},
				    {64, 3, 4, 2}, {5000, 3, 1, 1}, {17, 2, 3, 5}};

static uint64_t seed;

static void setup(void)
{
	seed = 2;
	cpu_case_setup();
}

static struct ref_memory tensor(enum tern_dtype type, enum ref_layout layout, const int64_t ne[4])
{
	return ref_memory(type, ne, layout, &seed, 0);
}

/* ---- rows ------------------------------------------------------------------------------------ */
START_TEST(norms)
{
	const enum tern_opcode ops[] = {TERN_RMS_NORM, TERN_NORM, TERN_L2_NORM};
	const enum tern_opcode op = ops[_i];

	for (int s = 0; s < COUNT(shapes); s++) {
		for (int f = 0; f < 4; f++) {
			const int64_t *ne = shapes[s];
			const enum tern_dtype type = plain[f % 3];
			struct cpu_case c = {.op = {.op = op, .f = {1e-3f}},
					     .src = {tensor(type, (enum ref_layout)f, ne)},
					     .in_place = s % 2,
					     .nmse = cpu_case_allowed(type) * 10};

			cpu_case_stretch(&c.src[0], 3, 0.5);
			if (f && op != TERN_L2_NORM)
				c.src[1] = tensor(plain[(f + 1) % 3], (enum ref_layout)f,
						  f == 2 ? ne : NE(ne[0], 1, 1, 1));
			if (f == 3 && op == TERN_NORM)
				c.src[2] = tensor(TERN_F32, REF_CONTIGUOUS, NE(ne[0], 1, 1, 1));
			if (!c.in_place)
				c.dst = tensor(type, (enum ref_layout)f, ne);
			cpu_case_check(&c);
		}
	}
}
END_TEST

START_TEST(soft_max)
{
	const int64_t ne[] = {45, 6, 5, 2};
	const int64_t masks[][4] = {{45, 6, 1, 1}, {45, 8, 1, 2}, {45, 6, 5, 1}};

	for (int l = 0; l < REF_LAYOUTS; l++) {
		for (int m = 0; m <= COUNT(masks); m++) {
			for (int t = 0; t < COUNT(plain); t++) {
				struct cpu_case c = {
					.op = {.op = TERN_SOFT_MAX, .f = {0.7f, t ? 8.0f : 0}},
					.src = {tensor(plain[t], (enum ref_layout)l, ne)},
					.in_place = m & 1,
					.nmse = cpu_case_allowed(plain[t]) * 10};

				cpu_case_stretch(&c.src[0], 8, 0);
				if (m)
					c.src[1] =
						tensor(plain[t], (enum ref_layout)l, masks[m - 1]);
				if (l & 1)
					c.src[2] = tensor(TERN_F32, REF_CONTIGUOUS, NE(5, 1, 1, 1));
				if (!c.in_place)
					c.dst = tensor(plain[t], (enum ref_layout)l, ne);
				cpu_case_check(&c);
			}
		}
	}
}
END_TEST

/* A row of the size that ggml's own tests use. */
START_TEST(soft_max_long)
{
	struct cpu_case c = {.op = {.op = TERN_SOFT_MAX, .f = {1, 0}},
			     .src = {tensor(TERN_F32, REF_CONTIGUOUS, NE(643251, 3, 1, 1))},
			     .dst = tensor(TERN_F32, REF_CONTIGUOUS, NE(643251, 3, 1, 1)),
			     .nmse = 1e-11};

	cpu_case_stretch(&c.src[0], 10, 0);
	cpu_case_check(&c);
}
END_TEST

struct rope {
	int32_t dims, mode;
	float scale, ext, attn;
	bool divisors, far;
};

static const struct rope ropes[] = {
	{64, 0, 1, 0, 1, false, false},
	{64, 2, 1, 0, 1, false, false},
	{40, 0, 0.5f, 0, 1, true, false},
	{40, 2, 0.25f, 1, 1.2f, true, false},
	{64, 0, 0.1f, 0.7f, 1, false, false},
	{2, 2, 1, 0, 1, false, false},
	/* angles far beyond 2^53 that the reference has, too: they are exact */
	{2, 2, 0x1p60f, 0, 1, false, false},
	{2, 8, 0x1p60f, 0, 1, false, false},
	{8, 0, 0x1p60f, 0, 1.2f, true, true},
	{8, 8, 0x1p60f, 0, 1.2f, true, true},
	{8, 40, 0x1p60f, 0, 1.2f, true, true},
};

/*
 * Rates of 1, -2^29, -2^58 and -2^87, positions of both signs, the first component 0 and the last in
 * some tokens: near and far in one token, exact in both.
 */
static void make_far(struct cpu_case *c)
{
	struct ref_tensor pos = ref_memory_get(&c->src[1]), div = ref_memory_get(&c->src[2]);

	for (int64_t i = 0; i < ref_count(pos.ne); i++) {
		int64_t token = i % pos.ne[0], component = i / pos.ne[0];
		bool none = pos.ne[1] > 1 && (!component || (component == 3 && token % 4 > 1));

		pos.v[i] *= none ? 0 : token % 2 ? -1 : 1;
	}
	for (int p = 0; p < 4; p++)
		div.v[p] = ldexp(p ? -1 : 1, 60 - 29 * p);
	c->op.f[TERN_ROPE_F_BASE] = 1;
	ref_memory_set(&c->src[1], &pos);
	ref_memory_set(&c->src[2], &div);
	ref_free(&pos);
	ref_free(&div);
}

static void rope_case(const struct rope *r, enum tern_dtype type, enum ref_layout layout,
		      int64_t limit)
{
	const int64_t ne[] = {64, 6, 9, 2}, components = r->mode < 8 ? 1 : 4;
	struct cpu_case c = {
		.op = {.op = TERN_ROPE,
		       .i = {r->dims, r->mode, 2048, 1, 1, 1, 1},
		       .f = {10000, r->scale, r->ext, r->attn, 32, 1}},
		.src = {tensor(type, layout, ne), ref_memory(TERN_I32, NE(9, components, 1, 1),
							     REF_CONTIGUOUS, &seed, limit)},
		.in_place = layout & 1,
		.nmse = cpu_case_allowed(type) * 10};

	if (r->divisors) {
		c.src[2] = tensor(TERN_F32, REF_CONTIGUOUS, NE(r->dims / 2, 1, 1, 1));
		cpu_case_stretch(&c.src[2], 0.4, 1.5);
	}
	if (r->far)
		make_far(&c);
	if (!c.in_place)
		c.dst = tensor(type, layout, ne);
	cpu_case_check(&c);
}

START_TEST(rope)
{
	for (int l = 0; l < REF_LAYOUTS; l++)
		for (int t = 0; t < COUNT(plain); t++)
			rope_case(&ropes[_i], plain[t], (enum ref_layout)l,
				  t == 1 ? 1000000 : 3000);
}
END_TEST

/* ---- attention --------------------------------------------------------------------------------- */
struct shape {
	int64_t dk, dv, heads, heads_kv, tokens, n, batch, batch_kv;
};

static const struct shape attentions[] = {
	{64, 64, 8, 2, 1, 200, 1, 1}, {64, 64, 8, 2, 70, 133, 1, 1},
	{32, 96, 4, 4, 5, 64, 2, 1},  {128, 128, 3, 1, 17, 65, 2, 2},
	{96, 32, 50, 1, 3, 10, 1, 1}, {256, 256, 2, 1, 2, 300, 1, 1},
};

struct variant {
	int causal, window, mask; /* mask: 0 none, 1 random, 2 per head, 3 with -inf */
	float cap, bias;
	bool sinks;
};

static const struct variant variants[] = {
	{0, 0, 0, 0, 0, false},	 {1, 0, 0, 0, 0, false}, {1, 7, 0, 0, 0, true},
	{0, 40, 1, 0, 0, false}, {0, 0, 1, 0, 8, false}, {1, 0, 2, 0, 0, true},
	{0, 0, 3, 5, 0, false},	 {0, 0, 3, 0, 0, true},
};

static struct ref_memory mask_of(const struct shape *s, const struct variant *v)
{
	struct ref_memory m = tensor(TERN_F16, REF_CONTIGUOUS,
				     NE(s->n, s->tokens + 3, v->mask == 2 ? s->heads : 1, 1));
	struct ref_tensor t = ref_memory_get(&m);

	for (int64_t i = 0; i < ref_count(t.ne) && v->mask == 3; i++)
		if (i % s->n > 60 || ref_random(&seed) % 3 == 0)
			t.v[i] = -INFINITY;
	ref_memory_set(&m, &t);
	ref_free(&t);
	return m;
}

static void attention_case(const struct shape *s, const struct variant *v, enum tern_dtype kv,
			   enum tern_dtype q, enum ref_layout layout)
{
	struct cpu_case c = {.op = {.op = TERN_ATTENTION,
				    .i = {v->causal, v->window},
				    .f = {1 / sqrtf((float)s->dk), v->cap, v->bias}},
			     .src = {tensor(q, layout, NE(s->dk, s->tokens, s->heads, s->batch)),
				     tensor(kv, layout, NE(s->dk, s->n, s->heads_kv, s->batch_kv)),
				     tensor(kv, layout, NE(s->dv, s->n, s->heads_kv, s->batch_kv))},
			     .dst = tensor(q, layout, NE(s->dv, s->heads, s->tokens, s->batch)),
			     .nmse = cpu_case_allowed(q) * 10};

	cpu_case_stretch(&c.src[0], 6, 0);
	if (v->mask)
		c.src[3] = mask_of(s, v);
	if (v->sinks)
		c.src[4] = tensor(TERN_F32, REF_CONTIGUOUS, NE(s->heads, 1, 1, 1));
	cpu_case_check(&c);
}

START_TEST(attention)
{
	const enum tern_dtype kv[] = {TERN_F16, TERN_F32, TERN_BF16, TERN_Q8_0, TERN_Q4_0};

	for (int v = 0; v < COUNT(variants); v++) {
		const int l = (v + _i) % REF_LAYOUTS;

		attention_case(&attentions[_i], &variants[v], kv[v % COUNT(kv)],
			       v == 3 ? TERN_F16 : TERN_F32, (enum ref_layout)l);
		attention_case(&attentions[_i], &variants[v], TERN_F16, TERN_F32, REF_PERMUTED);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cpu-rows");
	TCase *t = tcase_create("rows");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, cpu_case_teardown);
	tcase_add_loop_test(t, norms, 0, 3);
	tcase_add_test(t, soft_max);
	tcase_add_test(t, soft_max_long);
	tcase_add_loop_test(t, rope, 0, COUNT(ropes));
	tcase_add_loop_test(t, attention, 0, COUNT(attentions));
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(suite());
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
