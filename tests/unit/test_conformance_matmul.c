// SPDX-License-Identifier: MIT
/* MATMUL: every format of weights, odd shapes, batches, views, types of activations. */
#include "support/conformance.h"

#define PRODUCT(set, k, n, m, ...)                                                       \
	{                                                                                \
		.op = TERN_MATMUL, .s[0].ne = {k, n}, .s[1].ne = {k, m}, .d.ne = {n, m}, \
		.types = CONF_##set, __VA_ARGS__                                         \
	}
/* s0 [k,n,i0,j0], s1 [k,m,i,j] */
#define BATCHED(set, k, n, m, i0, j0, i, j, ...)                                       \
	{                                                                              \
		.op = TERN_MATMUL, .s[0].ne = {k, n, i0, j0}, .s[1].ne = {k, m, i, j}, \
		.d.ne = {n, m, i, j}, .types = CONF_##set, __VA_ARGS__                 \
	}

static void shapes(void)
{
	static const struct conf_case cases[] = {
		PRODUCT(WEIGHTS, 256, 33, 1),	PRODUCT(WEIGHTS, 256, 17, 3),
		PRODUCT(WEIGHTS, 512, 100, 33), PRODUCT(WEIGHTS, 2048, 33, 17),
		PRODUCT(WEIGHTS, 32, 31, 33),	PRODUCT(WEIGHTS, 96, 100, 5),
	};

	CONF_RUN(cases);
}

/* Columns that are no multiple of anything; block types do not have them. */
static void odd_columns(void)
{
	static const struct conf_case cases[] = {
		PRODUCT(WEIGHTS, 1, 17, 3),   PRODUCT(WEIGHTS, 31, 33, 17),
		PRODUCT(WEIGHTS, 33, 1, 33),  PRODUCT(WEIGHTS, 100, 100, 1),
		PRODUCT(WEIGHTS, 127, 3, 65),
	};

	CONF_RUN(cases);
}

/* Larger than a slot of the weight ring, than the tile of activations, than the SPM of
 * small (256 KiB): cut along k, n and m. */
static void large(void)
{
	static const struct conf_case cases[] = {
		PRODUCT(SAMPLE, 256, 3000, 1),	PRODUCT(SAMPLE, 256, 40, 600),
		PRODUCT(SAMPLE, 8192, 40, 5),	PRODUCT(SAMPLE, 32768, 9, 3),
		PRODUCT(SAMPLE, 2048, 300, 70),
	};

	CONF_RUN(cases);
}

static void batches(void)
{
	static const struct conf_case cases[] = {
		BATCHED(SAMPLE, 256, 17, 5, 1, 1, 3, 1),
		BATCHED(SAMPLE, 256, 17, 5, 2, 1, 6, 1), /* grouped queries */
		BATCHED(SAMPLE, 256, 17, 3, 2, 3, 4, 3),
		BATCHED(SAMPLE, 256, 9, 1, 1, 2, 3, 4),
		BATCHED(SAMPLE, 256, 33, 2, 2, 2, 2, 2),
	};

	CONF_RUN(cases);
}

static void views(void)
{
	static const struct conf_case cases[] = {
		PRODUCT(SAMPLE, 256, 33, 17, .s[0].layout = PADDED),
		PRODUCT(SAMPLE, 256, 33, 17, .s[1].layout = PADDED),
		PRODUCT(SAMPLE, 256, 33, 17, .d.layout = PADDED),
		BATCHED(SAMPLE, 256, 17, 5, 2, 1, 4, 1, .s[0].layout = SWAP12),
		BATCHED(SAMPLE, 256, 17, 5, 2, 1, 4, 1, .s[1].layout = SWAP12),
		BATCHED(SAMPLE, 256, 17, 5, 2, 1, 4, 1, .d.layout = SWAP12),
		BATCHED(SAMPLE, 256, 17, 5, 1, 1, 4, 3, .s[1].layout = PADDED, .d.layout = PADDED),
		PRODUCT(FLOATS, 96, 33, 17, .s[1].layout = SWAP01),
		PRODUCT(FLOATS, 96, 33, 17, .s[0].layout = SWAP01, .may_fall_back = true),
		PRODUCT(FLOATS, 96, 33, 17, .d.layout = SWAP01, .may_fall_back = true),
	};

	CONF_RUN(cases);
}

static void other_types(void)
{
	static const struct conf_case cases[] = {
		PRODUCT(SAMPLE, 256, 33, 17, .s[1].type = TERN_F16, .limit = 5e-4),
		PRODUCT(SAMPLE, 256, 33, 17, .s[1].type = TERN_BF16, .limit = 5e-4),
		PRODUCT(SAMPLE, 256, 33, 17, .d.type = TERN_F16),
		PRODUCT(SAMPLE, 256, 33, 17, .d.type = TERN_BF16),
		/* both the same: exact operands, rounded once */
		PRODUCT(FLOATS, 100, 33, 17, .vary = 3),
		PRODUCT(FLOATS, 100, 33, 17, .vary = 3 | 1 << 5),
	};

	CONF_RUN(cases);
}

/* Weights that an earlier operator may have written: a cache, scores. */
static void dynamic_weights(void)
{
	static const struct conf_case cases[] = {
		PRODUCT(SAMPLE, 256, 33, 17, .s[0].role = ROLE_STATE),
		BATCHED(FLOATS, 64, 50, 3, 2, 1, 8, 1, .s[0].role = ROLE_STATE,
			.s[0].layout = SWAP12),
		BATCHED(FLOATS, 50, 64, 3, 2, 1, 8, 1, .s[0].role = ROLE_STATE,
			.s[0].layout = SWAP01, .may_fall_back = true),
	};

	CONF_RUN(cases);
}

static void instruction_sets(void)
{
	static const struct conf_case cases[] = {
		PRODUCT(WEIGHTS, 512, 33, 3, .devices = ON_FAST | ON_SIMD),
		PRODUCT(WEIGHTS, 512, 33, 21, .devices = ON_FAST | ON_SIMD),
		PRODUCT(WEIGHTS, 77, 33, 21, .devices = ON_FAST | ON_SIMD),
	};

	CONF_RUN(cases);
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"shapes", shapes},
		{"odd columns", odd_columns},
		{"large", large},
		{"batches", batches},
		{"views", views},
		{"other types", other_types},
		{"dynamic weights", dynamic_weights},
		{"instruction sets", instruction_sets},
	};

	return conf_main("MATMUL", tests, CONF_COUNT(tests));
}
