// SPDX-License-Identifier: MIT
/* MATMUL_ID: products whose weights an index chooses, alone and behind a router. */
#include "support/conformance.h"

/* u experts of e for each of t tokens; u1 rows of activations a token. */
#define EXPERTS(set, how, k, n, e, u1, u, t, ...)                                                 \
	{                                                                                         \
		.op = TERN_MATMUL_ID, .s[0].ne = {k, n, e}, .s[1].ne = {k, u1, t},                \
		.s[2].type = TERN_I32, .s[2].ne = {u, t}, .s[2].fill = FILL_##how, .s[2].arg = e, \
		.d.ne = {n, u, t}, .types = CONF_##set, __VA_ARGS__                               \
	}
/* No expert twice for a token, as routers choose. */
#define ROUTED(set, ...) EXPERTS(set, SCATTER, __VA_ARGS__)

static void shapes(void)
{
	static const struct conf_case cases[] = {
		ROUTED(WEIGHTS, 256, 33, 8, 1, 2, 1),	ROUTED(WEIGHTS, 256, 17, 8, 2, 2, 1),
		ROUTED(WEIGHTS, 512, 100, 16, 1, 4, 3), ROUTED(WEIGHTS, 256, 17, 4, 2, 2, 33),
		ROUTED(WEIGHTS, 2048, 33, 8, 1, 8, 1),	ROUTED(WEIGHTS, 96, 31, 3, 1, 1, 5),
		ROUTED(WEIGHTS, 32, 3, 2, 1, 1, 1),
	};

	CONF_RUN(cases);
}

/* A bias of each of u experts of e for t tokens. */
#define BIASED(set, how, n, e, u, t, ...)                                                          \
	{                                                                                          \
		.op = TERN_ADD_ID, .s[0].ne = {n, u, t}, .s[1].ne = {n, e}, .s[2].type = TERN_I32, \
		.s[2].ne = {u, t}, .s[2].fill = FILL_##how, .s[2].arg = e, .d.ne = {n, u, t},      \
		.types = CONF_##set, __VA_ARGS__                                                   \
	}

static void biases(void)
{
	static const struct conf_case cases[] = {
		BIASED(FLOATS, SCATTER, 64, 8, 2, 1),
		BIASED(FLOATS, SCATTER, 33, 8, 4, 17),
		BIASED(FLOATS, SCATTER, 2880, 32, 4, 40),
		BIASED(FLOATS, ROWS, 1, 3, 5, 9),
		BIASED(FLOATS, ROWS, 70000, 2, 1, 3),
		BIASED(FLOATS, ROWS, 100, 1, 1, 300),
		BIASED(FLOATS, ROWS, 64, 8, 2, 7, .s[0].layout = PADDED, .d.layout = PADDED),
		BIASED(FLOATS, ROWS, 64, 8, 2, 7, .s[1].layout = PADDED, .s[2].layout = PADDED),
		BIASED(FLOATS, ROWS, 64, 8, 3, 7, .s[0].layout = SWAP12),
	};

	CONF_RUN(cases);
}

/* Columns that are no multiple of anything; block types do not have them. */
static void odd_columns(void)
{
	static const struct conf_case cases[] = {
		ROUTED(WEIGHTS, 1, 17, 4, 1, 2, 3),
		ROUTED(WEIGHTS, 31, 33, 4, 2, 2, 17),
		ROUTED(WEIGHTS, 100, 1, 5, 1, 5, 1),
		ROUTED(WEIGHTS, 127, 3, 4, 1, 3, 20),
	};

	CONF_RUN(cases);
}

/* Indices as nobody routes: an expert twice, all tokens to one, more indices than experts. */
static void choices(void)
{
	static const struct conf_case cases[] = {
		EXPERTS(SAMPLE, ROWS, 256, 33, 3, 1, 2, 9),
		EXPERTS(SAMPLE, ROWS, 256, 17, 1, 1, 4, 2),
		EXPERTS(SAMPLE, ROWS, 256, 17, 1, 1, 1, 70),
		EXPERTS(SAMPLE, ROWS, 256, 17, 64, 1, 1, 1),
		/* rows of activations for some of a token's experts: no model has that */
		EXPERTS(SAMPLE, ROWS, 256, 33, 3, 3, 6, 9, .may_fall_back = true),
		EXPERTS(SAMPLE, ROWS, 256, 17, 2, 2, 8, 5, .may_fall_back = true),
	};

	CONF_RUN(cases);
}

/* Larger than a slot of the weight ring, than the tile of activations, than the SPM of
 * small (256 KiB): cut along n and rows. Of plain weights the last row does not fit there, for
 * experts have no slices of k. */
static void large(void)
{
	static const struct conf_case cases[] = {
		ROUTED(SAMPLE, 256, 1500, 4, 1, 2, 1),
		ROUTED(SAMPLE, 8192, 40, 4, 1, 2, 3),
		ROUTED(SAMPLE, 256, 40, 2, 1, 2, 300),
		ROUTED(SAMPLE, 2048, 100, 4, 4, 4, 40),
		ROUTED(SAMPLE, 256, 24, 128, 1, 8, 17),
		ROUTED(SAMPLE & CONF_BLOCKS, 32768, 9, 2, 2, 2, 1),
		ROUTED(FLOATS, 32768, 9, 2, 2, 2, 1, .may_fall_back = true),
	};

	CONF_RUN(cases);
}

static void views(void)
{
	static const enum conf_layout of_floats[] = {PADDED, SWAP12};
	static const enum conf_layout of_indices[] = {PADDED, STEP2, SWAP01};
	struct conf_case c = ROUTED(SAMPLE, 256, 33, 8, 1, 3, 17), each = c;

	each.s[1].ne[1] = 3;
	for (size_t i = 0; i < CONF_COUNT(of_floats); i++) {
		struct conf_case w = c, x = each, d = c;

		w.s[0].layout = of_floats[i];
		x.s[1].layout = of_floats[i];
		/* experts further apart than tokens, as nobody lays them out */
		x.may_fall_back = d.may_fall_back = of_floats[i] == SWAP12;
		d.d.layout = of_floats[i];
		conf_run_case(&w);
		conf_run_case(&x);
		conf_run_case(&d);
	}
	for (size_t i = 0; i < CONF_COUNT(of_indices); i++) {
		each.s[2].layout = of_indices[i];
		conf_run_case(&each);
	}
}

/* Elements that do not lie beside each other: no engine has to take them. */
static void transposed(void)
{
	static const struct conf_case cases[] = {
		ROUTED(FLOATS, 96, 33, 4, 1, 2, 17, .s[1].layout = SWAP01, .may_fall_back = true),
		ROUTED(FLOATS, 96, 33, 4, 1, 2, 17, .s[0].layout = SWAP01, .may_fall_back = true),
		ROUTED(FLOATS, 96, 33, 4, 1, 2, 17, .d.layout = SWAP01, .may_fall_back = true),
	};

	CONF_RUN(cases);
}

static void other_types(void)
{
	static const struct conf_case cases[] = {
		ROUTED(SAMPLE, 256, 33, 4, 1, 2, 17, .s[1].type = TERN_F16, .limit = 5e-4),
		ROUTED(SAMPLE, 256, 33, 4, 2, 2, 17, .s[1].type = TERN_BF16, .limit = 5e-4),
		ROUTED(SAMPLE, 256, 33, 4, 1, 2, 17, .d.type = TERN_F16),
		ROUTED(SAMPLE, 256, 33, 4, 1, 2, 17, .d.type = TERN_BF16),
		ROUTED(FLOATS, 100, 33, 4, 1, 2, 17, .vary = 3),
		ROUTED(FLOATS, 100, 33, 4, 1, 2, 17, .vary = 3 | 1 << 5),
	};

	CONF_RUN(cases);
}

/* One program for every number of tokens. */
static void tokens(void)
{
	static const struct conf_case cases[] = {
		ROUTED(SAMPLE, 256, 33, 8, 1, 2, 40, .s[1].sym[2] = 1, .s[2].sym[1] = 1,
		       .d.sym[2] = 1, .bound = {40}),
		ROUTED(SAMPLE, 256, 33, 8, 4, 4, 40, .s[1].sym[2] = 1, .s[2].sym[1] = 1,
		       .d.sym[2] = 1, .bound = {40}, .s[2].layout = PADDED),
	};

	CONF_RUN(cases);
}

/* Weights that an earlier operator may have written. */
static void dynamic_weights(void)
{
	static const struct conf_case cases[] = {
		ROUTED(SAMPLE, 256, 33, 4, 1, 2, 17, .s[0].role = ROLE_STATE,
		       .may_fall_back = true),
	};

	CONF_RUN(cases);
}

/* ---- a mixture --------------------------------------------------------------------------- */
enum { WIDTH = 256, INNER = 512, CHOSEN = 4, OF = CHOSEN + 1 };

static struct conf_tensor by_token(struct conf_tensor t, int dim, int64_t n, bool symbolic)
{
	t.ne[dim] = n;
	t.sym[dim] = symbolic;
	return t;
}

static unsigned int experts(struct conf_graph *g, enum tern_dtype type, int64_t k, int64_t n)
{
	return conf_tensor(
		g, (struct conf_tensor){
			   .type = type, .ne = {k, n, OF}, .fill = FILL_UNIT, .role = ROLE_WEIGHT});
}

static unsigned int product(struct conf_graph *g, unsigned int w, unsigned int x, unsigned int ids,
			    int64_t t, bool symbolic)
{
	struct conf_tensor d = {.ne = {g->t[w].ne[1], CHOSEN}, .fill = FILL_CANARY};
	unsigned int y = conf_tensor(g, by_token(d, 2, t, symbolic));

	conf_op(g, TERN_MATMUL_ID, y, CONF_SRC((int)w, (int)x, (int)ids));
	return y;
}

/* Scores sorted, the first of each row as indices: a view with the stride of all of them. */
static unsigned int router(struct conf_graph *g, int64_t t, bool symbolic)
{
	struct conf_tensor s = {.ne = {OF}, .fill = FILL_DISTINCT};
	struct conf_tensor p = {.type = TERN_I32, .ne = {OF}, .fill = FILL_CANARY};
	struct conf_tensor ids = {.type = TERN_I32, .ne = {CHOSEN}, .layout = PADDED};
	unsigned int scores = conf_tensor(g, by_token(s, 1, t, symbolic));
	unsigned int sorted = conf_tensor(g, by_token(p, 1, t, symbolic));

	conf_op(g, TERN_ARGSORT, sorted, CONF_SRC((int)scores))->i[0] = 1;
	ids.in = sorted + 1;
	return conf_tensor(g, by_token(ids, 1, t, symbolic));
}

/* Router, gate and up of one activation a token, unit, down of one for each expert. */
static void build_mixture(struct conf_graph *g, enum tern_dtype type, int64_t t, bool symbolic)
{
	struct conf_tensor x = {.ne = {WIDTH, 1}, .fill = FILL_UNIT};
	struct conf_tensor h = {.ne = {INNER, CHOSEN}, .fill = FILL_CANARY};
	unsigned int in = conf_tensor(g, by_token(x, 2, t, symbolic));
	unsigned int ids = router(g, t, symbolic), gate, up, y;

	gate = product(g, experts(g, type, WIDTH, INNER), in, ids, t, symbolic);
	up = product(g, experts(g, type, WIDTH, INNER), in, ids, t, symbolic);
	y = conf_tensor(g, by_token(h, 2, t, symbolic));
	conf_op(g, TERN_GLU, y, CONF_SRC((int)gate, (int)up))->i[0] = TERN_GLU_SWIGLU;
	product(g, experts(g, type, INNER, WIDTH), y, ids, t, symbolic);
}

static void mixture(void)
{
	/* Activations become int8 or their weights' type twice, and a product of two errs twice. */
	static const struct {
		enum tern_dtype type;
		double limit;
	} weights[] = {{TERN_F32, 1e-9}, {TERN_F16, 4e-6}, {TERN_Q8_0, 2e-3}, {TERN_Q4_K, 2e-3}};
	static const int64_t many[] = {1, 3, 33};
	static struct conf_graph g;

	for (size_t w = 0; w < CONF_COUNT(weights); w++) {
		for (size_t i = 0; i < CONF_COUNT(many); i++) {
			g = (struct conf_graph){.name = "mixture", .limit = weights[w].limit};
			build_mixture(&g, weights[w].type, many[i], false);
			conf_run(&g, NULL);
		}
		g = (struct conf_graph){.name = "mixture, any tokens",
					.limit = weights[w].limit,
					.bound = {33},
					.runs = {{1}, {2}, {17}, {33}},
					.nruns = 4};
		build_mixture(&g, weights[w].type, 33, true);
		conf_run(&g, NULL);
	}
}

static void instruction_sets(void)
{
	static const struct conf_case cases[] = {
		ROUTED(WEIGHTS, 512, 33, 4, 1, 2, 1, .devices = ON_FAST | ON_SIMD),
		ROUTED(WEIGHTS, 512, 33, 4, 2, 2, 21, .devices = ON_FAST | ON_SIMD),
	};

	CONF_RUN(cases);
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"shapes", shapes},	    {"odd columns", odd_columns},
		{"biases", biases},	    {"choices", choices},
		{"large", large},	    {"views", views},
		{"transposed", transposed}, {"other types", other_types},
		{"tokens", tokens},	    {"dynamic weights", dynamic_weights},
		{"mixture", mixture},	    {"instruction sets", instruction_sets},
	};

	return conf_main("MATMUL_ID", tests, CONF_COUNT(tests));
}
