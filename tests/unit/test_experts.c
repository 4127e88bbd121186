// SPDX-License-Identifier: MIT
/* MATMUL_ID on the model, in checking mode: pair by pair, by lists, in chunks of tokens. */
#include "rows_fixture.h"

static const char *const configs[] = {"small", "ref", "large", "ref,spm=64K"};

struct shape {
	enum tern_dtype type;
	int64_t k, n, experts, used, tokens;
	bool shared; /* one row of activations for all experts of a token */
};

/* Expert of pair (u, t): every one, some often, in no order; expert 1 never if there are many. */
static int32_t choice(const struct shape *s, int64_t u, int64_t t)
{
	int32_t e = (int32_t)((t * 5 + u * 3 + t * t / 7) % s->experts);

	return e == 1 && s->experts > 2 ? 2 : e;
}

/* ids is the beginning of longer rows, as of a permutation that sorts all experts. */
static int ids_of(struct fx *f, const struct shape *s)
{
	int all = fx_tensor(f, TERN_I32, s->used + 3, s->tokens, 1, 1), ids = fx_view(f, all);
	int32_t *p = (int32_t *)(void *)f->data[f->tensor[all].storage];

	f->tensor[ids].ne[0] = s->used;
	for (int64_t t = 0; t < s->tokens; t++)
		for (int64_t u = 0; u < s->used; u++)
			p[t * (s->used + 3) + u] = choice(s, u, t);
	return ids;
}

static void build(struct fx *f, const struct shape *s, int *ids)
{
	int w, a, d;

	fx_begin(f);
	f->limit = s->type == TERN_F32 ? 1e-11 : s->type == TERN_F16 ? 1e-6 : 1e-4; /* int8 */
	w = fx_tensor(f, s->type, s->k, s->n, s->experts, 1);
	a = fx_tensor(f, TERN_F32, s->k, s->shared ? 1 : s->used, s->tokens, 1);
	*ids = ids_of(f, s);
	d = fx_tensor(f, TERN_F32, s->n, s->used, s->tokens, 1);
	fx_op(f, TERN_MATMUL_ID, d, w, a, *ids);
}

static void run(const struct shape *s, uint32_t weights)
{
	static const int64_t none[1][FX_SYMBOLS];
	struct fx f;
	int ids;

	build(&f, s, &ids);
	f.storage[0].flags |= weights;
	for (size_t c = 0; c < sizeof(configs) / sizeof(configs[0]); c++)
		fx_run_on(&f, configs[c], none, 1);
	fx_end(&f);
}

static const struct shape shapes[] = {
	{TERN_Q4_0, 256, 40, 8, 2, 1, true}, /* decode */
	{TERN_Q4_0, 256, 40, 8, 2, 1, false},
	{TERN_Q8_0, 64, 33, 64, 8, 1, false},
	{TERN_F32, 33, 17, 4, 4, 3, true},
	{TERN_Q4_0, 256, 300, 8, 2, 33, true}, /* prefill */
	{TERN_Q4_0, 256, 300, 8, 2, 33, false},
	{TERN_Q6_K, 256, 20, 4, 1, 40, true},
	{TERN_F16, 50, 40, 3, 3, 21, false},
	{TERN_Q8_0, 64, 40, 128, 6, 20, false}, /* more experts than some have rows */
	{TERN_Q4_1, 32, 9, 1, 1, 70, true},	/* one expert: a product */
	{TERN_Q8_0, 64, 16, 2, 2, 1300, false}, /* more rows than a tile; chunks */
	{TERN_MXFP4, 64, 16, 5, 4, 400, true},
};

/* A dimension of one element has any stride. */
START_TEST(one_expert_each)
{
	static const struct shape s = {TERN_Q8_0, 64, 24, 4, 1, 90, false};
	static const int64_t none[1][FX_SYMBOLS];
	struct fx f;
	int ids, d;

	build(&f, &s, &ids);
	d = (int)f.op[0].dst;
	f.tensor[d].nb[1] = 8 * 4;
	for (size_t c = 0; c < sizeof(configs) / sizeof(configs[0]); c++)
		fx_run_on(&f, configs[c], none, 1);
	fx_end(&f);
}
END_TEST

START_TEST(constant_weights)
{
	run(&shapes[_i], TERN_STORAGE_CONST);
}
END_TEST

/* Weights that somebody may have written do not come through the ring. */
START_TEST(written_weights)
{
	run(&shapes[_i], 0);
}
END_TEST

/* One program for any number of tokens: by lists, and pair by pair. */
START_TEST(symbolic_tokens)
{
	static const struct {
		struct shape shape;
		int64_t values[5][FX_SYMBOLS];
	} cases[] = {
		{{TERN_Q4_0, 64, 40, 6, 3, 300, false}, {{1}, {2}, {17}, {299}, {300}}},
		{{TERN_Q8_0, 256, 70, 64, 3, 3, false}, {{1}, {2}, {3}, {1}, {3}}},
	};
	const struct shape *s = &cases[_i].shape;
	struct fx f;
	int ids, n;

	build(&f, s, &ids);
	n = fx_symbol(&f, s->tokens);
	fx_sym(&f, (int)f.op[0].src[1], 2, n);
	fx_sym(&f, ids, 1, n);
	fx_sym(&f, (int)f.op[0].dst, 2, n);
	for (size_t c = 0; c < sizeof(configs) / sizeof(configs[0]); c++)
		fx_run_on(&f, configs[c], cases[_i].values, 5);
	fx_end(&f);
}
END_TEST

/* A number of no expert ends the job, whichever way the rows are found; others' results may be
 * there or not, and nothing else is written. */
START_TEST(no_such_expert)
{
	static const int32_t bad[] = {-1, 4, INT32_MIN, INT32_MAX};
	const struct shape s = {TERN_F32, 32, 8, 4, 2, _i % 2 ? 50 : 1, true};
	static const int64_t none[FX_SYMBOLS];
	struct tern_sim_options opt;
	struct tern_npu_code code;
	struct tern_plan *plan;
	struct tern_graph *g;
	struct tern_target t;
	struct fx_memory m;
	struct tern_sim *sim;
	struct fx f;
	char err[256];
	int ids;

	build(&f, &s, &ids);
	((int32_t *)(void *)f.data[f.tensor[ids].storage])[(s.tokens - 1) * 5] = bad[_i / 2];
	fx_target("ref", &t, &opt);
	g = fx_graph(&f);
	ck_assert_int_eq(tern_plan_create(g, &plan), 0);
	ck_assert_int_eq(tern_compile_npu(&t, plan, 0, 1, &code), 0);
	fx_prepare(&f, &code, &m, none);
	struct tern_sim_run run = {
		.job = {.image = FX_VA + m.image, .args = FX_VA + m.args},
		.mem = {fx_translate, &m},
	};
	ck_assert_int_eq(tern_sim_create(&t.caps, &opt, &sim, err, sizeof(err)), 0);
	ck_assert_int_eq(tern_sim_run(sim, &run), 0);
	ck_assert_int_eq(run.fault.code, TERN_FAULT_TRAP);
	ck_assert_uint_eq(run.fault.info, TERN_TRAP_EXPERT);
	for (uint32_t i = 0; i < f.ns; i++)
		if (i != f.tensor[f.op[0].dst].storage)
			ck_assert(!memcmp(m.base + m.at[i], f.data[i], f.storage[i].size));
	tern_sim_destroy(sim);
	free(m.base);
	tern_npu_code_fini(&code);
	tern_plan_destroy(plan);
	tern_graph_destroy(g);
	fx_end(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("experts");
	TCase *t = tcase_create("MATMUL_ID");
	SRunner *r;
	int failed, n = (int)(sizeof(shapes) / sizeof(shapes[0]));

	tcase_add_loop_test(t, constant_weights, 0, n);
	tcase_add_loop_test(t, written_weights, 0, n);
	tcase_add_loop_test(t, symbolic_tokens, 0, 2);
	tcase_add_test(t, one_expert_each);
	tcase_add_loop_test(t, no_such_expert, 0, 8);
	tcase_set_timeout(t, 120);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
