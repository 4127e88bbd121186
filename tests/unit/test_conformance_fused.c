// SPDX-License-Identifier: MIT
/*
 * What the compiler fuses: against the reference; against the same graph whose results are all
 * KEEP, which leaves nothing to fuse, bit by bit (results between operators are F32, so fusing
 * changes no rounding); and with operators masked off, so that NPU and CPU take turns.
 */
#include "support/conformance_layer.h"

/* Errors of one product add up over those in a row, and their scale is that of outliers, which
 * a residual connection carries on: a multiple of conf_limit's. */
enum { SEVERAL_PRODUCTS = 10 };

static const struct {
	enum tern_dtype type;
	double limit; /* of a product */
	double layer; /* of a layer: see there */
} weights[] = {
	{TERN_F32, 1e-10, 1e-5}, {TERN_F16, 1e-6, 1e-5},  {TERN_BF16, 5e-5, 5e-4},
	{TERN_Q8_0, 5e-4, 5e-3}, {TERN_Q4_0, 5e-4, 5e-3}, {TERN_Q4_K, 5e-4, 5e-2},
	{TERN_Q6_K, 5e-4, 5e-3},
};
static const int64_t tokens[] = {1, 5, 33};

typedef void (*pattern)(struct conf_graph *g, const struct conf_layer *l);

/* Fused and not. The CPU kernels need not be run twice. */
static void both(const char *name, pattern build, const struct conf_layer *l, double limit)
{
	static struct conf_graph g;
	uint64_t fused, kept;
	char title[100];

	snprintf(title, sizeof(title), "%s %s t=%d", name, tern_dtype_name(l->weights), (int)l->t);
	g = (struct conf_graph){.name = title, .limit = limit};
	build(&g, l);
	conf_run(&g, &fused);
	g.keep = true;
	g.devices = ON_REF | ON_SMALL;
	conf_run(&g, &kept);
	if (fused != kept)
		conf_fail(title, "sim:ref", "fused and not fused, results have other bits");
}

static void each(const char *name, pattern build, struct conf_layer l, double factor)
{
	for (size_t w = 0; w < CONF_COUNT(weights); w++) {
		for (size_t t = 0; t < CONF_COUNT(tokens); t++) {
			l.weights = weights[w].type;
			l.t = tokens[t];
			l.n = l.t + 40;
			both(name, build, &l, factor * weights[w].limit);
		}
	}
}

static const struct conf_layer sizes = {
	.cache = TERN_F16,
	.d = 256,
	.ff = 512,
	.hd = 64,
	.h = 4,
	.hk = 2,
	.max = 80,
};

/* ---- patterns --------------------------------------------------------------------------- */
static void build_norm_qkv(struct conf_graph *g, const struct conf_layer *l)
{
	unsigned int n = conf_norm(g, l, conf_input(g, l));

	conf_product(g, l, n, l->hd * l->h, -1);
	conf_product(g, l, n, l->hd * l->hk, -1);
	conf_product(g, l, n, l->hd * l->hk, -1);
}

static void norm_qkv(void)
{
	struct conf_layer l = sizes;

	each("norm+QKV", build_norm_qkv, l, 1);
	l.layer_norm = l.bias = true;
	each("layer norm+QKV+bias", build_norm_qkv, l, 1);
}

static void build_feed_forward(struct conf_graph *g, const struct conf_layer *l)
{
	conf_feed_forward(g, l, conf_input(g, l));
}

static void feed_forward(void)
{
	struct conf_layer l = sizes;

	each("gate/up+SwiGLU+down", build_feed_forward, l, SEVERAL_PRODUCTS);
	l.layer_norm = l.bias = true;
	each("gate/up+GEGLU+down", build_feed_forward, l, SEVERAL_PRODUCTS);
}

static void build_residual(struct conf_graph *g, const struct conf_layer *l)
{
	unsigned int x = conf_input(g, l);

	conf_product(g, l, conf_input(g, l), l->d, (int)x);
}

static void residual(void)
{
	struct conf_layer l = sizes;

	each("product+residual", build_residual, l, 1);
	l.bias = true;
	each("product+bias+residual", build_residual, l, 1);
}

static void build_keys(struct conf_graph *g, const struct conf_layer *l)
{
	unsigned int x = conf_input(g, l), positions = conf_positions(g, l);

	conf_cache_keys(g, l, x, positions, conf_rows(g, l));
}

/* Rotated in binary32 and rounded to the cache's type: now and then to the other neighbour. */
static void keys(void)
{
	static const struct {
		enum tern_dtype type;
		double limit;
	} caches[] = {{TERN_F32, 1e-8}, {TERN_F16, 1e-6}, {TERN_BF16, 5e-5}, {TERN_Q8_0, 1e-4}};
	struct conf_layer l = sizes;

	l.d = l.hd * l.hk;
	for (size_t c = 0; c < CONF_COUNT(caches); c++) {
		for (size_t t = 0; t < CONF_COUNT(tokens); t++) {
			l.cache = caches[c].type;
			l.t = tokens[t];
			l.neox = t % 2;
			both("norm+rope+set rows", build_keys, &l, caches[c].limit);
		}
	}
}

static void build_layer(struct conf_graph *g, const struct conf_layer *l)
{
	conf_decoder_layer(g, l, conf_input(g, l));
}

/* Ten products' errors, at least those of the cache's F16. Random Q4_K weights are not 0 on
 * average, so that tokens come to differ in size; the norm before gate and up brings the errors
 * of small ones up, GLU multiplies them: ten times more. That all of it is made of operators
 * that are right alone is what the comparison with KEEP says, bit by bit. */
static void layer(void)
{
	struct conf_layer l = sizes;

	for (size_t w = 0; w < CONF_COUNT(weights); w++) {
		for (size_t t = 0; t < CONF_COUNT(tokens); t++) {
			l.weights = weights[w].type;
			l.t = tokens[t];
			l.n = l.t + 40;
			l.neox = w % 2;
			both("layer", build_layer, &l, weights[w].layer);
		}
	}
}

/* Three of one kind share their code. */
static void build_stack(struct conf_graph *g, const struct conf_layer *l)
{
	unsigned int x = conf_input(g, l);

	for (int i = 0; i < 3; i++)
		x = conf_feed_forward(g, l, x);
}

static void stack(void)
{
	each("three feed-forwards", build_stack, sizes, 3 * SEVERAL_PRODUCTS);
}

/* Norm and rotation of l->t tokens' heads, with a scale of l->d elements for each of l->hk
 * heads, repeated. */
static void build_repeated_scale(struct conf_graph *g, const struct conf_layer *l)
{
	unsigned int x = conf_tensor(g, (struct conf_tensor){.ne = {l->hd, l->h, l->t}});
	unsigned int w =
		conf_tensor(g, (struct conf_tensor){.ne = {l->d, l->hk}, .role = ROLE_WEIGHT});
	unsigned int a = conf_tensor(
		g, (struct conf_tensor){.ne = {l->hd, l->h, l->t}, .fill = FILL_CANARY});
	unsigned int d = conf_tensor(g, (struct conf_tensor){.ne = {l->hd, l->h, l->t}});
	struct tern_op_desc *op;

	conf_op(g, TERN_RMS_NORM, a, CONF_SRC((int)x, (int)w))->f[0] = 1e-5f;
	op = conf_op(g, TERN_ROPE, d, CONF_SRC((int)a, (int)conf_positions(g, l)));
	op->i[TERN_ROPE_I_DIMS] = (int32_t)l->hd;
	op->i[TERN_ROPE_I_MODE] = l->neox ? 2 : 0;
	op->f[TERN_ROPE_F_BASE] = 10000;
	op->f[TERN_ROPE_F_SCALE] = op->f[TERN_ROPE_F_ATTN] = 1;
	g->may_fall_back = true;
}

static void repeated_scale(void)
{
	static const int64_t scales[][2] = {{64, 1}, {64, 8}, {64, 4}, {1, 4}, {1, 1}, {32, 1}};
	struct conf_layer l = {.hd = 64, .h = 8, .t = 5};

	for (size_t i = 0; i < CONF_COUNT(scales); i++) {
		for (int neox = 0; neox < 2; neox++) {
			l.d = scales[i][0];
			l.hk = scales[i][1];
			l.neox = neox;
			both("norm, scale repeated, and rope", build_repeated_scale, &l, 1e-8);
		}
	}
}

/* ---- what must not be fused ------------------------------------------------------------- */
static unsigned int between(struct conf_graph *g, enum tern_dtype type, int64_t n0, int64_t n1,
			    int64_t n2)
{
	return conf_tensor(
		g, (struct conf_tensor){.type = type, .ne = {n0, n1, n2}, .fill = FILL_CANARY});
}

/* Norm, rotation and rows of a cache, with results between them of l->weights. */
static void build_narrow_keys(struct conf_graph *g, const struct conf_layer *l)
{
	const int64_t hd = l->hd, h = l->h, t = l->t;
	unsigned int x = conf_tensor(g, (struct conf_tensor){.ne = {hd, h, t}});
	unsigned int a = between(g, l->weights, hd, h, t), b = between(g, l->weights, hd, h, t);
	unsigned int c = conf_tensor(g, (struct conf_tensor){.ne = {hd, 2 * h, t}});
	unsigned int rows = conf_tensor(
		g, (struct conf_tensor){
			   .type = TERN_I64, .ne = {h}, .fill = FILL_SCATTER, .arg = 2 * h});
	struct tern_op_desc *op;

	conf_op(g, TERN_RMS_NORM, a, CONF_SRC((int)x))->f[0] = 1e-5f;
	op = conf_op(g, TERN_ROPE, b, CONF_SRC((int)a, (int)conf_positions(g, l)));
	op->i[TERN_ROPE_I_DIMS] = (int32_t)hd;
	op->f[TERN_ROPE_F_BASE] = 10000;
	op->f[TERN_ROPE_F_SCALE] = op->f[TERN_ROPE_F_ATTN] = 1;
	conf_op(g, TERN_SET_ROWS, c, CONF_SRC((int)b, (int)rows));
}

/* Norm, with a result of l->cache, and products of it. */
static void build_narrow_norm(struct conf_graph *g, const struct conf_layer *l)
{
	unsigned int x = conf_input(g, l), a = between(g, l->cache, l->d, l->t, 1);

	conf_op(g, TERN_RMS_NORM, a, CONF_SRC((int)x))->f[0] = 1e-5f;
	conf_product(g, l, a, l->d, -1);
	conf_product(g, l, a, l->d, -1);
}

/* A narrow result is rounded even where it stays on the NPU. */
static void narrow_results(void)
{
	static const enum tern_dtype types[] = {TERN_F16, TERN_BF16};
	struct conf_layer l = sizes;

	for (size_t i = 0; i < CONF_COUNT(types); i++) {
		l.weights = types[i];
		l.t = 5;
		both("norm+rope+set rows, narrow", build_narrow_keys, &l, 1e-4);
		l.weights = TERN_F32;
		l.cache = types[i];
		both("norm+products, narrow", build_narrow_norm, &l, 1e-4);
	}
}

/* Products of one tensor, of weights with and without gaps between rows. */
static void build_other_strides(struct conf_graph *g, const struct conf_layer *l)
{
	static const enum conf_layout layouts[] = {PADDED, PLAIN, PADDED};
	unsigned int x = conf_input(g, l);

	for (size_t i = 0; i < CONF_COUNT(layouts); i++) {
		unsigned int w = conf_tensor(g, (struct conf_tensor){.type = l->weights,
								     .ne = {l->d, 33},
								     .layout = layouts[i],
								     .fill = FILL_UNIT,
								     .role = ROLE_WEIGHT});
		unsigned int y = conf_tensor(g, (struct conf_tensor){.ne = {33, l->t}});

		conf_op(g, TERN_MATMUL, y, CONF_SRC((int)w, (int)x));
	}
}

/* A norm with a bias alone, and a product of it. */
static void build_bias_alone(struct conf_graph *g, const struct conf_layer *l)
{
	unsigned int b = conf_tensor(g, (struct conf_tensor){.ne = {l->d}, .role = ROLE_WEIGHT});
	unsigned int y = between(g, TERN_F32, l->d, l->t, 1);

	conf_op(g, TERN_NORM, y, CONF_SRC((int)conf_input(g, l), CONF_ABSENT, (int)b))->f[0] =
		1e-5f;
	conf_product(g, l, y, l->d, -1);
}

static void odd_operands(void)
{
	for (size_t w = 0; w < CONF_COUNT(weights); w++) {
		struct conf_layer l = sizes;

		l.weights = weights[w].type;
		l.t = 5;
		both("products, other strides", build_other_strides, &l, weights[w].limit);
		both("norm with a bias alone", build_bias_alone, &l, 2 * weights[w].limit);
	}
}

/* ---- masked operators --------------------------------------------------------------------- */
static void masked(void)
{
	static const char *const devices[] = {
		"sim:ref,check,no=softmax+rope",
		"sim:ref,check,no=attention",
		"sim:ref,check,no=RMS_NORM+set-rows",
		"sim:ref,check,no=matmul",
		"sim:ref,no=glu+binary",
		"sim:small,check,no=rope+glu",
		"sim:ref,check,no=matmul+rms_norm+rope+set_rows+attention+binary+glu",
	};
	static struct conf_graph g;
	struct conf_layer l = sizes;

	l.weights = TERN_F16;
	l.t = 5;
	l.n = 45;
	for (size_t i = 0; i < CONF_COUNT(devices); i++) {
		g = (struct conf_graph){.name = "masked layer",
					.limit = SEVERAL_PRODUCTS * 1e-6,
					.devices = ON_MASKED,
					.masked = devices[i]};
		conf_decoder_layer(&g, &l, conf_decoder_layer(&g, &l, conf_input(&g, &l)));
		conf_run(&g, NULL);
	}
}

static void instruction_sets(void)
{
	static struct conf_graph g;
	struct conf_layer l = sizes;

	for (size_t w = 0; w < CONF_COUNT(weights); w++) {
		l.weights = weights[w].type;
		l.t = 5;
		l.n = 45;
		g = (struct conf_graph){.name = "layer by instruction set",
					.limit = weights[w].layer,
					.devices = ON_FAST | ON_SIMD};
		build_layer(&g, &l);
		conf_run(&g, NULL);
	}
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"norm+QKV", norm_qkv},
		{"feed-forward", feed_forward},
		{"residual", residual},
		{"keys", keys},
		{"layer", layer},
		{"stack", stack},
		{"masked", masked},
		{"instruction sets", instruction_sets},
		{"repeated scale", repeated_scale},
		{"narrow results", narrow_results},
		{"odd operands", odd_operands},
	};

	return conf_main("fused", tests, CONF_COUNT(tests));
}
