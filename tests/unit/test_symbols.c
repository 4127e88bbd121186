// SPDX-License-Identifier: MIT
/*
 * One program, many sizes: every value of its symbols gives what a program compiled for that
 * value alone gives, bit by bit, and what the reference says.
 */
#include "support/conformance_layer.h"

#include <string.h>

/* Tokens and positions, in an order that leaves much behind for little to trip over. */
static const int64_t values[][CONF_SYMBOLS] = {
	{40, 80}, {1, 1}, {1, 80}, {33, 33}, {2, 3}, {31, 64}, {1, 41}, {17, 18}, {40, 40}, {3, 79},
};

typedef void (*pattern)(struct conf_graph *g, const struct conf_layer *l);

static void check(const char *name, pattern build, struct conf_layer l, double limit)
{
	uint64_t one[CONF_COUNT(values)], alone;
	static struct conf_graph g;
	char title[100];

	snprintf(title, sizeof(title), "%s %s", name, tern_dtype_name(l.weights));
	l.symbols = true;
	g = (struct conf_graph){.name = title, .bound = {l.t, l.n}, .limit = limit};
	g.nruns = CONF_COUNT(values);
	memcpy(g.runs, values, sizeof(values));
	build(&g, &l);
	conf_run(&g, one);
	g.constant = true;
	g.nruns = 1;
	g.devices = ON_REF;
	for (size_t i = 0; i < CONF_COUNT(values); i++) {
		memcpy(g.runs[0], values[i], sizeof(values[i]));
		conf_run(&g, &alone);
		if (alone != one[i])
			conf_fail(title, "sim:ref", "t=%d n=%d: other bits than compiled for them",
				  (int)values[i][0], (int)values[i][1]);
	}
}

static const struct conf_layer sizes = {
	.cache = TERN_F16,
	.d = 256,
	.ff = 512,
	.hd = 64,
	.h = 4,
	.hk = 2,
	.t = 40,
	.n = 80,
	.max = 80,
};

static void build_layer(struct conf_graph *g, const struct conf_layer *l)
{
	conf_decoder_layer(g, l, conf_input(g, l));
}

static void build_feed_forward(struct conf_graph *g, const struct conf_layer *l)
{
	conf_feed_forward(g, l, conf_input(g, l));
}

/* The last token's row alone goes on: its offset depends on the symbol. */
static void build_last(struct conf_graph *g, const struct conf_layer *l)
{
	unsigned int n = conf_norm(g, l, conf_input(g, l)), last;
	struct conf_layer one = *l;

	last = conf_tensor(g,
			   (struct conf_tensor){
				   .ne = {l->d}, .in = n + 1, .last_sym = 1, .last_mul = 4 * l->d});
	one.t = 1;
	one.symbols = false;
	conf_product(g, &one, last, 300, -1);
}

/* Limits as in test_conformance_fused.c. */
static void layers(void)
{
	static const enum tern_dtype types[] = {TERN_F32, TERN_F16, TERN_Q8_0, TERN_Q4_K};
	static const double limits[] = {1e-5, 1e-5, 5e-3, 5e-2};
	struct conf_layer l = sizes;

	for (size_t i = 0; i < CONF_COUNT(types); i++) {
		l.weights = types[i];
		check("layer", build_layer, l, limits[i]);
	}
}

static void parts(void)
{
	struct conf_layer l = sizes;

	l.weights = TERN_Q4_0;
	check("feed-forward", build_feed_forward, l, 5e-3);
	check("last token", build_last, l, 5e-4);
	l.weights = TERN_F16;
	check("last token", build_last, l, 1e-6);
	l.layer_norm = l.bias = true;
	check("feed-forward", build_feed_forward, l, 1e-5);
}

/* ---- operators by themselves ------------------------------------------------------------ */
/* Tokens are dimension 1 of s0 and d. */
#define TOKENS(o, n, ...)                                                       \
	{                                                                       \
		.op = TERN_##o, .s[0] = {.ne = {n, 70}, .sym = {0, 1}},         \
		.d = {.ne = {n, 70}, .sym = {0, 1}}, .bound = {70}, __VA_ARGS__ \
	}
#define MANY(n)                                \
	{                                      \
		.ne = {n, 70}, .sym = { 0, 1 } \
	}
#define INDEX(t, r, f)                                                 \
	{                                                              \
		.type = t, .ne = {70}, .sym = {1}, .fill = f, .arg = r \
	}
/* Tokens t, positions p, heads h. */
#define SCORES(h)                                   \
	{                                           \
		.ne = {200, 70, h}, .sym = { 2, 1 } \
	}

static void operators(void)
{
	static const struct conf_case cases[] = {
		TOKENS(RMS_NORM, 100, .s[1].ne = {100}),
		TOKENS(NORM, 256, .s[1].ne = {256}, .s[2].ne = {256}),
		TOKENS(L2_NORM, 33),
		TOKENS(UNARY, 100, .i = {TERN_SILU}),
		TOKENS(BINARY, 100, .i = {TERN_MUL}, .s[1].ne = {100}),
		TOKENS(BINARY, 100, .i = {TERN_ADD}, .s[1] = MANY(100)),
		TOKENS(GLU, 96, .i = {TERN_GLU_SWIGLU}, .s[1] = MANY(96)),
		TOKENS(SCALE, 77, .f = {2, 0}),
		TOKENS(COPY, 64, .types = CONF_FLOATS | CONF_BIT(Q8_0), .vary = 1 << 5),
		{.op = TERN_MATMUL,
		 .s = {{.ne = {256, 50}}, MANY(256)},
		 .d = MANY(50),
		 .types = CONF_SAMPLE,
		 .bound = {70}},
		{.op = TERN_GET_ROWS,
		 .s = {{.ne = {256, 50}}, INDEX(TERN_I32, 50, FILL_ROWS)},
		 .d = MANY(256),
		 .types = CONF_SAMPLE,
		 .bound = {70}},
		{.op = TERN_SET_ROWS,
		 .s = {MANY(64), INDEX(TERN_I64, 90, FILL_SCATTER)},
		 .d.ne = {64, 90},
		 .types = CONF_FLOATS | CONF_BIT(Q8_0),
		 .vary = 1 << 5,
		 .bound = {70}},
		{.op = TERN_ROPE,
		 .i = {64, 2},
		 .f = {10000, 1, 0, 1},
		 .s = {{.ne = {64, 3, 70}, .sym = {0, 0, 1}}, INDEX(TERN_I32, 900, FILL_ROWS)},
		 .d = {.ne = {64, 3, 70}, .sym = {0, 0, 1}},
		 .bound = {70}},
		{.op = TERN_SOFT_MAX,
		 .f = {0.5f},
		 .s = {SCORES(3), {.ne = {200, 70}, .sym = {2, 1}, .fill = FILL_MASK}},
		 .d = SCORES(3),
		 .bound = {70, 200}},
		{.op = TERN_SOFT_MAX,
		 .f = {0.5f},
		 .s = {SCORES(2)},
		 .in_place = true,
		 .bound = {70, 200}},
		/* positions as columns: of keys, of scores */
		{.op = TERN_MATMUL,
		 .s = {{.ne = {64, 200, 2}, .sym = {0, 2}, .role = ROLE_STATE},
		       {.ne = {64, 70, 4}, .sym = {0, 1}}},
		 .d = {.ne = {200, 70, 4}, .sym = {2, 1}},
		 .types = CONF_FLOATS,
		 .bound = {70, 200}},
	};

	CONF_RUN(cases);
}

static void attention(void)
{
	struct conf_case c = {
		.op = TERN_ATTENTION,
		.f = {0.25f},
		.s = {{.ne = {64, 70, 4}, .sym = {0, 1}, .layout = SWAP12, .fill = FILL_UNIT},
		      {.type = TERN_F16,
		       .ne = {64, 600, 2},
		       .sym = {0, 2},
		       .layout = SWAP12,
		       .fill = FILL_UNIT},
		      {.type = TERN_F16,
		       .ne = {64, 600, 2},
		       .sym = {0, 2},
		       .layout = SWAP12,
		       .fill = FILL_UNIT}},
		.d = {.ne = {64, 4, 70}, .sym = {0, 0, 1}},
		.bound = {70, 600},
	};

	conf_run_case(&c);
	c.i[TERN_ATTENTION_I_CAUSAL] = 1;
	conf_run_case(&c);
	c.i[TERN_ATTENTION_I_WINDOW] = 20;
	conf_run_case(&c);
	c.i[TERN_ATTENTION_I_WINDOW] = 0;
	c.s[3] = (struct conf_tensor){.ne = {600, 70}, .sym = {2, 1}, .fill = FILL_MASK};
	conf_run_case(&c);
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"layers", layers},
		{"parts", parts},
		{"operators", operators},
		{"attention", attention},
	};

	return conf_main("symbols", tests, CONF_COUNT(tests));
}
