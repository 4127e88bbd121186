// SPDX-License-Identifier: MIT
/* Operators: every rule of every row, broken once. */
#include "graph_samples.h"

START_TEST(each_operator_is_accepted)
{
	struct gb *g = sample_graph(&samples[_i]);

	tern_graph_destroy(gb_create(g));
	free(g);
}
END_TEST

/* Without its last required source, and with one it does not take. */
START_TEST(each_operators_arity_is_checked)
{
	const struct sample *s = &samples[_i];
	struct gb *g = sample_graph(s);
	int k, n = 0;

	g->ops[0].src[0] = NONE;
	gb_refused(g, "it lacks a source");
	g->ops[0].src[0] = 0;
	for (k = 0; k < 5; k++)
		n += s->t[k].ne[0] != 0;
	if (n < 5 && s->op != TERN_RMS_NORM && s->op != TERN_ROPE) {
		g->ops[0].src[n] = 0;
		gb_refused(g, "a source too many");
		gb_refused(g, tern_op_name(s->op));
	}
	g->ops[0].src[4] = 99;
	gb_refused(g, "a source does not exist");
	g->ops[0].src[4] = NONE;
	g->ops[0].dst = NONE;
	gb_refused(g, "its destination does not exist");
	free(g);
}
END_TEST

START_TEST(unknown_operator)
{
	struct gb *g = sample_graph(&samples[0]);

	g->ops[0].op = (enum tern_opcode)77;
	gb_refused(g, "code 77 is unknown");
	free(g);
}
END_TEST

/* clang-format off */
/* What breaks which rule: tensor `slot` gets another size or type or a symbol as dimension `value`,
 * or a parameter changes. */
enum { NE0, NE1, NE2, NE3, TYPE, PARAM_I, PARAM_F, ABSENT, SYMBOL };
static const struct {
	enum tern_opcode op;
	int slot, what;
	double value;
	const char *text;
} breaks[] = {
	{TERN_MATMUL, 1, NE0, 32, "same ne0"},
	{TERN_MATMUL, 0, NE2, 3, "must divide s1's"},
	{TERN_MATMUL, 0, NE3, 3, "must divide s1's"},
	{TERN_MATMUL, 5, NE0, 6, "destination must be"},
	{TERN_MATMUL, 5, NE3, 1, "destination must be"},
	{TERN_MATMUL, 0, TYPE, TERN_I32, "source's type"},
	{TERN_MATMUL, 5, TYPE, TERN_I32, "destination's type"},
	{TERN_GET_ROWS, 1, NE1, 3, "s1 must be [rows"},
	{TERN_GET_ROWS, 1, NE3, 2, "s1 must be [rows"},
	{TERN_GET_ROWS, 1, TYPE, TERN_I64, "source's type"},
	{TERN_GET_ROWS, 5, NE1, 2, "destination must be"},
	{TERN_GET_ROWS, 5, TYPE, TERN_I32, "I32 rows stay I32"},
	{TERN_SET_ROWS, 1, NE0, 4, "an index for each"},
	{TERN_SET_ROWS, 1, NE1, 3, "an index for each"},
	{TERN_SET_ROWS, 5, NE0, 32, "destination must have"},
	{TERN_SET_ROWS, 5, NE2, 1, "destination must have"},
	{TERN_RMS_NORM, 5, NE1, 4, "s0's shape"},
	{TERN_RMS_NORM, 1, NE0, 48, "must repeat"},
	{TERN_RMS_NORM, 0, PARAM_F, -1, "eps"},
	{TERN_NORM, 2, NE1, 2, "must repeat"},
	{TERN_L2_NORM, 5, NE3, 2, "s0's shape"},
	{TERN_ROPE, 1, NE0, 4, "one position for each"},
	{TERN_ROPE, 0, PARAM_I, 63, "rotated elements"},
	{TERN_ROPE, 0, PARAM_I, 66, "rotated elements"},
	{TERN_ROPE, 0, PARAM_I, 0, "rotated elements"},
	{TERN_ROPE, 1, PARAM_I, 1, "the mode"},
	{TERN_ROPE, 1, PARAM_I, 8, "4 rows of them"},
	{TERN_ROPE, 7, PARAM_I, 2, "within ne0"},
	{TERN_ROPE, 7, PARAM_I, -1, "within ne0"},
	{TERN_ROPE, 0, PARAM_F, 0, "the base"},
	{TERN_ROPE, 2, NE0, 31, "a divisor for each"},
	{TERN_ROPE, 5, NE2, 4, "s0's shape"},
	{TERN_SOFT_MAX, 1, NE0, 8, "the mask must have"},
	{TERN_SOFT_MAX, 1, NE1, 2, "the mask must have"},
	{TERN_SOFT_MAX, 1, NE2, 3, "must divide s0's"},
	{TERN_SOFT_MAX, 2, NE0, 3, "one sink for each"},
	{TERN_SOFT_MAX, 1, PARAM_F, -1, "max_bias"},
	{TERN_SOFT_MAX, 1, ABSENT, 0, "needs a mask"},
	{TERN_ATTENTION, 0, NE0, 32, "same ne0"},
	{TERN_ATTENTION, 2, NE1, 15, "same ne1"},
	{TERN_ATTENTION, 0, NE2, 3, "must divide q's"},
	{TERN_ATTENTION, 5, NE1, 3, "destination must be"},
	{TERN_ATTENTION, 3, NE0, 15, "the mask must be"},
	{TERN_ATTENTION, 3, NE1, 2, "the mask must be"},
	{TERN_ATTENTION, 3, NE2, 3, "must divide q's"},
	{TERN_ATTENTION, 4, NE0, 5, "one sink"},
	{TERN_ATTENTION, 0, PARAM_I, 2, "causal"},
	{TERN_ATTENTION, 1, PARAM_I, -1, "window"},
	{TERN_ATTENTION, 1, PARAM_F, -1, "soft cap"},
	{TERN_ATTENTION, 2, PARAM_F, -1, "max_bias"},
	{TERN_GLU, 0, PARAM_I, TERN_GLU_COUNT, "function"},
	{TERN_GLU, 1, PARAM_I, 2, "swapped"},
	{TERN_GLU, 1, NE0, 32, "same shape"},
	{TERN_GLU, 1, ABSENT, 0, "twice the destination's"},
	{TERN_GLU, 5, NE1, 4, "s0's ne1"},
	{TERN_UNARY, 0, PARAM_I, TERN_UNARY_COUNT, "function"},
	{TERN_UNARY, 5, NE0, 32, "s0's shape"},
	{TERN_BINARY, 0, PARAM_I, -1, "function"},
	{TERN_BINARY, 1, NE1, 2, "must repeat"},
	{TERN_BINARY, 5, NE1, 4, "s0's shape"},
	{TERN_SCALE, 5, NE1, 4, "s0's shape"},
	{TERN_CLAMP, 1, PARAM_F, -2, "minimum"},
	{TERN_COPY, 5, NE1, 5, "as many elements"},
	{TERN_COPY, 0, TYPE, TERN_Q4_0, "another"},
	{TERN_COPY, 0, TYPE, TERN_I32, "integers"},
	{TERN_CONCAT, 0, PARAM_I, 4, "dimension (i[0])"},
	{TERN_CONCAT, 1, NE0, 32, "other dimensions"},
	{TERN_CONCAT, 5, NE1, 6, "add up"},
	{TERN_CONCAT, 1, TYPE, TERN_F16, "same type"},
	{TERN_REPEAT, 5, NE0, 6, "must repeat"},
	{TERN_REPEAT, 5, TYPE, TERN_F16, "same type"},
	{TERN_SUM_ROWS, 5, NE0, 2, "destination must be [1"},
	{TERN_MEAN, 5, NE1, 2, "destination must be [1"},
	{TERN_ARGMAX, 5, NE0, 2, "destination must be"},
	{TERN_ARGMAX, 5, TYPE, TERN_F32, "destination's type"},
	{TERN_TOP_K, 5, NE0, 65, "at most s0's ne0"},
	{TERN_TOP_K, 5, NE1, 2, "destination must have"},
	{TERN_ARGSORT, 0, PARAM_I, 2, "order"},
	{TERN_ARGSORT, 5, NE0, 63, "s0's shape"},
	{TERN_MATMUL_ID, 1, NE0, 32, "same ne0"},
	{TERN_MATMUL_ID, 0, NE3, 2, "three dimensions"},
	{TERN_MATMUL_ID, 1, NE3, 2, "three dimensions"},
	{TERN_MATMUL_ID, 2, NE2, 2, "s2 two"},
	{TERN_MATMUL_ID, 2, NE3, 2, "s2 two"},
	{TERN_MATMUL_ID, 1, NE1, 3, "must divide s2's ne0"},
	{TERN_MATMUL_ID, 2, NE1, 2, "the tokens, must be the same"},
	{TERN_MATMUL_ID, 5, NE0, 6, "destination must be"},
	{TERN_MATMUL_ID, 5, NE1, 2, "destination must be"},
	{TERN_MATMUL_ID, 5, NE2, 4, "destination must be"},
	{TERN_MATMUL_ID, 5, NE3, 2, "destination must be"},
	{TERN_MATMUL_ID, 0, SYMBOL, 2, "only the tokens"},
	{TERN_MATMUL_ID, 0, TYPE, TERN_I32, "source's type"},
	{TERN_MATMUL_ID, 1, TYPE, TERN_Q8_0, "source's type"},
	{TERN_MATMUL_ID, 2, TYPE, TERN_I64, "source's type"},
	{TERN_MATMUL_ID, 5, TYPE, TERN_I32, "destination's type"},
	{TERN_ADD_ID, 0, NE1, 3, "s0's shape"},
	{TERN_ADD_ID, 1, NE0, 32, "same ne0"},
	{TERN_ADD_ID, 1, NE2, 2, "two dimensions"},
	{TERN_ADD_ID, 2, NE2, 2, "two dimensions"},
	{TERN_ADD_ID, 2, NE0, 3, "an index for each row"},
	{TERN_ADD_ID, 2, NE1, 2, "an index for each row"},
	{TERN_ADD_ID, 2, TYPE, TERN_I64, "source's type"},
};

/* clang-format on */

static void set_dim(struct gb *g, int slot, int d, int64_t n)
{
	struct tern_tensor_desc *t = &g->tensors[slot];

	t->ne[d] = n;
	g->storages[t->storage].size = tern_contiguous(t->type, t->ne, t->nb);
}

START_TEST(broken_operators_say_which_rule)
{
	struct gb *g = sample_graph(sample_of(breaks[_i].op));
	int slot = breaks[_i].slot;

	switch (breaks[_i].what) {
	case TYPE:
		g->tensors[slot].type = (enum tern_dtype)breaks[_i].value;
		set_dim(g, slot, 3, 1);
		break;
	case PARAM_I:
		g->ops[0].i[slot] = (int32_t)breaks[_i].value;
		break;
	case PARAM_F:
		g->ops[0].f[slot] = (float)breaks[_i].value;
		break;
	case ABSENT:
		g->ops[0].src[slot] = NONE;
		break;
	case SYMBOL:
		gb_symbol(g, "n", g->tensors[slot].ne[(int)breaks[_i].value]);
		g->tensors[slot].ne_sym[(int)breaks[_i].value] = 1;
		break;
	default:
		set_dim(g, slot, breaks[_i].what, (int64_t)breaks[_i].value);
	}
	gb_refused(g, breaks[_i].text);
	gb_refused(g, tern_op_name(breaks[_i].op));
	free(g);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("graph operators");
	TCase *t = tcase_create("operators");

	tcase_add_loop_test(t, each_operator_is_accepted, 0, NSAMPLES);
	tcase_add_loop_test(t, each_operators_arity_is_checked, 0, NSAMPLES);
	tcase_add_test(t, unknown_operator);
	tcase_add_loop_test(t, broken_operators_say_which_rule, 0,
			    (int)(sizeof(breaks) / sizeof(breaks[0])));
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
