// SPDX-License-Identifier: MIT
/* Element by element: UNARY, BINARY, GLU, SCALE, CLAMP. */
#include "support/conformance.h"

enum { SOURCE_AND_RESULT = 1 | 1 << 5, BOTH_AND_RESULT = 3 | 1 << 5 };

/* Functions whose binary32 result is defined to the bit. */
static bool is_exact(int fn)
{
	static const int exact[] = {TERN_ABS, TERN_SGN,	  TERN_NEG,  TERN_STEP,	 TERN_RELU,
				    TERN_SQR, TERN_FLOOR, TERN_CEIL, TERN_ROUND, TERN_TRUNC};

	for (size_t i = 0; i < CONF_COUNT(exact); i++)
		if (exact[i] == fn)
			return true;
	return false;
}

static void unary_of(enum conf_fill fill, struct conf_case c)
{
	for (int fn = 0; fn < TERN_UNARY_COUNT; fn++) {
		bool positive = fn == TERN_SQRT || fn == TERN_LOG;

		c.i[0] = fn;
		memcpy(c.f, (const float[]){0.8f, 0.7f, 0.5f, -1e-6f}, 4 * sizeof(float));
		c.s[0].fill = positive ? FILL_POSITIVE : fill;
		c.exact = is_exact(fn) && !c.types;
		conf_run_case(&c);
	}
}

#define MAP(o, n, ...)                                                                     \
	{                                                                                  \
		.op = TERN_##o, .s[0].ne = {n, 5, 3, 2}, .d.ne = {n, 5, 3, 2}, __VA_ARGS__ \
	}

/* Both where functions bend and where they saturate. */
static void unary(void)
{
	unary_of(FILL_UNIT, (struct conf_case)MAP(UNARY, 100));
	unary_of(FILL_WIDE, (struct conf_case)MAP(UNARY, 257));
}

static void unary_types(void)
{
	unary_of(FILL_UNIT,
		 (struct conf_case)MAP(UNARY, 33, .types = CONF_FLOATS, .vary = SOURCE_AND_RESULT,
				       .devices = ON_REF | ON_CPU));
}

/* The functions share their loops: one of them will do for shapes. */
static void unary_shapes(void)
{
	static const struct conf_case cases[] = {
		MAP(UNARY, 1, .i = {TERN_SILU}),
		MAP(UNARY, 31, .i = {TERN_SILU}, .in_place = true),
		MAP(UNARY, 64, .i = {TERN_SILU}, .s[0].layout = PADDED),
		MAP(UNARY, 64, .i = {TERN_SILU}, .d.layout = PADDED),
		MAP(UNARY, 64, .i = {TERN_SILU}, .s[0].layout = SWAP12),
		MAP(UNARY, 64, .i = {TERN_SILU}, .s[0].layout = PADDED, .in_place = true),
		MAP(UNARY, 64, .i = {TERN_SILU}, .s[0].layout = SWAP01),
		MAP(UNARY, 64, .i = {TERN_SILU}, .s[0].layout = STEP2),
		MAP(UNARY, 64, .i = {TERN_SILU}, .d.layout = STEP2),
		MAP(UNARY, 5000, .i = {TERN_SILU}),
		{.op = TERN_UNARY, .i = {TERN_SILU}, .s[0].ne = {200000}, .d.ne = {200000}},
		{.op = TERN_UNARY, .i = {TERN_SILU}, .s[0].ne = {3, 5000}, .d.ne = {3, 5000}},
	};

	CONF_RUN(cases);
}

/* ---- BINARY -------------------------------------------------------------------------- */
#define BINARY(...)                            \
	{                                      \
		.op = TERN_BINARY, __VA_ARGS__ \
	}
#define SHAPES(a0, a1, a2, a3, ...) \
	.s[0].ne = {a0, a1, a2, a3}, .d.ne = {a0, a1, a2, a3}, .s[1].ne = {__VA_ARGS__}

/* Sums, differences and products of binary32 are rounded once; quotients need not be. */
static void binary(void)
{
	struct conf_case cases[] = {
		BINARY(SHAPES(100, 5, 3, 2, 100, 5, 3, 2)),
		BINARY(SHAPES(33, 17, 1, 1, 33)),	/* a bias */
		BINARY(SHAPES(33, 17, 3, 2, 33, 1, 3)), /* another for each matrix */
		BINARY(SHAPES(33, 17, 3, 1, 1, 17, 3)), /* a factor for each row */
		BINARY(SHAPES(33, 17, 3, 1, 1)),	/* for all */
		BINARY(SHAPES(32, 6, 4, 2, 16, 3, 2)),	/* repeated */
		BINARY(SHAPES(1, 33, 1, 1, 1, 33)),
		BINARY(SHAPES(2048, 3, 1, 1, 2048, 3)),
		BINARY(SHAPES(40000, 2, 1, 1, 40000)),
		BINARY(SHAPES(64, 5, 3, 1, 64, 5, 3), .in_place = true),
		BINARY(SHAPES(64, 5, 3, 1, 64), .in_place = true, .s[0].layout = PADDED),
		BINARY(SHAPES(64, 5, 3, 1, 64, 5, 3), .s[1].layout = PADDED),
		BINARY(SHAPES(64, 5, 3, 1, 64, 5, 3), .s[1].layout = SWAP12),
		BINARY(SHAPES(64, 5, 3, 1, 64, 5, 3), .d.layout = SWAP12),
		BINARY(SHAPES(64, 5, 3, 1, 64, 5, 3), .s[1].layout = SWAP01),
	};

	for (int fn = 0; fn < TERN_BINARY_COUNT; fn++) {
		for (size_t i = 0; i < CONF_COUNT(cases); i++) {
			cases[i].i[0] = fn;
			cases[i].s[1].fill = fn == TERN_DIV ? FILL_POSITIVE : FILL_AUTO;
			cases[i].exact = fn != TERN_DIV;
			conf_run_case(&cases[i]);
		}
	}
}

static void binary_types(void)
{
	static const struct conf_case cases[] = {
		BINARY(SHAPES(33, 17, 2, 1, 33, 17, 2), .i = {TERN_MUL}, .types = CONF_FLOATS,
		       .vary = BOTH_AND_RESULT),
		BINARY(SHAPES(33, 17, 2, 1, 33), .i = {TERN_ADD}, .types = CONF_FLOATS, .vary = 2),
		BINARY(SHAPES(33, 17, 2, 1, 33), .i = {TERN_ADD}, .types = CONF_FLOATS,
		       .vary = 1 << 5),
	};

	CONF_RUN(cases);
}

/* ---- GLU ----------------------------------------------------------------------------- */
static void glu(void)
{
	struct conf_case cases[] = {
		MAP(GLU, 100, .s[1].ne = {100, 5, 3, 2}),
		MAP(GLU, 31, .s[1].ne = {31, 5, 3, 2}, .in_place = true),
		MAP(GLU, 64, .s[1] = {.ne = {64, 5, 3, 2}, .layout = PADDED}),
		MAP(GLU, 96, .s[1].ne = {96, 5, 3, 2}, .types = CONF_FLOATS,
		    .vary = BOTH_AND_RESULT),
		{.op = TERN_GLU, .s[0].ne = {200, 5, 3}, .d.ne = {100, 5, 3}},
		{.op = TERN_GLU, .s[0].ne = {200, 5, 3}, .d.ne = {100, 5, 3}, .i = {0, 1}},
		{.op = TERN_GLU, .s[0].ne = {66, 17}, .d.ne = {33, 17}},
		{.op = TERN_GLU, .s[0].ne = {67, 17}, .d.ne = {33, 17}},
		{.op = TERN_GLU, .s[0].ne = {67, 17}, .d.ne = {33, 17}, .i = {0, 1}},
		{.op = TERN_GLU, .s[0] = {.ne = {66, 17}, .layout = PADDED}, .d.ne = {33, 17}},
		{.op = TERN_GLU, .s[0].ne = {20000, 2}, .s[1].ne = {20000, 2}, .d.ne = {20000, 2}},
	};

	for (int fn = 0; fn < TERN_GLU_COUNT; fn++) {
		for (size_t i = 0; i < CONF_COUNT(cases); i++) {
			cases[i].i[0] = fn;
			cases[i].f[0] = 1.702f;
			cases[i].f[1] = 0.75f; /* some are clamped, some are not */
			conf_run_case(&cases[i]);
		}
	}
}

/* ---- SCALE, CLAMP --------------------------------------------------------------------- */
static void scale_and_clamp(void)
{
	static const struct conf_case cases[] = {
		MAP(SCALE, 100, .f = {0.3f, 0}),
		MAP(SCALE, 33, .f = {-2.5f, 1.5f}, .in_place = true),
		MAP(SCALE, 64, .f = {3, 1}, .types = CONF_FLOATS, .vary = SOURCE_AND_RESULT),
		MAP(SCALE, 64, .f = {3, 1}, .s[0].layout = PADDED, .d.layout = SWAP12),
		MAP(CLAMP, 100, .f = {-0.5f, 0.25f}, .exact = true),
		MAP(CLAMP, 33, .f = {-0.5f, 0.25f}, .exact = true, .in_place = true),
		MAP(CLAMP, 64, .f = {0, 0.5f}, .types = CONF_FLOATS, .vary = SOURCE_AND_RESULT),
	};

	CONF_RUN(cases);
}

static void instruction_sets(void)
{
	unary_of(FILL_WIDE, (struct conf_case)MAP(UNARY, 77, .devices = ON_FAST | ON_SIMD));
	for (int fn = 0; fn < TERN_GLU_COUNT; fn++)
		conf_run_case(&(struct conf_case)MAP(GLU, 77, .s[1].ne = {77, 5, 3, 2}, .i = {fn},
						     .f = {1.702f, 0.75f},
						     .devices = ON_FAST | ON_SIMD));
	for (int fn = 0; fn < TERN_BINARY_COUNT; fn++)
		conf_run_case(&(struct conf_case)BINARY(SHAPES(77, 5, 3, 1, 77), .i = {fn},
							.devices = ON_FAST | ON_SIMD));
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"unary", unary},
		{"unary types", unary_types},
		{"unary shapes", unary_shapes},
		{"binary", binary},
		{"binary types", binary_types},
		{"GLU", glu},
		{"scale and clamp", scale_and_clamp},
		{"instruction sets", instruction_sets},
	};

	return conf_main("elementwise", tests, CONF_COUNT(tests));
}
