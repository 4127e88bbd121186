// SPDX-License-Identifier: MIT
/* Choosing: ARGMAX, TOP_K, ARGSORT. Indices are right or wrong; elements of a row differ, so
 * that only one answer is right. */
#include "support/conformance.h"

#define SELECT(o, n, ...)                                                                     \
	{                                                                                     \
		.op = TERN_##o, .s[0] = {.ne = {n, 5, 2}, .fill = FILL_DISTINCT}, __VA_ARGS__ \
	}
#define RESULT(...) .d = {.type = TERN_I32, .ne = {__VA_ARGS__}}
#define ARGMAX(n)   SELECT(ARGMAX, n, RESULT(5, 2))
#define TOP_K(n, k) SELECT(TOP_K, n, RESULT(k, 5, 2))

static void argmax(void)
{
	static const struct conf_case cases[] = {
		ARGMAX(1),
		ARGMAX(31),
		ARGMAX(33),
		ARGMAX(256),
		ARGMAX(2048),
		ARGMAX(33333),
		{.op = TERN_ARGMAX, .s[0] = {.ne = {151936}, .fill = FILL_DISTINCT}, RESULT(1)},
		/* whole numbers below 10: the first of the largest */
		{.op = TERN_ARGMAX,
		 .s[0] = {.ne = {100, 33}, .fill = FILL_ROWS, .arg = 10},
		 RESULT(33)},
		SELECT(ARGMAX, 100, RESULT(5, 2), .types = CONF_BIT(F16) | CONF_BIT(BF16)),
		{.op = TERN_ARGMAX,
		 .s[0] = {.ne = {100, 5}, .fill = FILL_DISTINCT, .layout = PADDED},
		 RESULT(5)},
	};

	CONF_RUN(cases);
}

static void top_k(void)
{
	static const struct conf_case cases[] = {
		TOP_K(1, 1),
		TOP_K(31, 1),
		TOP_K(33, 8),
		TOP_K(64, 64),
		TOP_K(100, 33),
		TOP_K(2048, 40),
		{.op = TERN_TOP_K, .s[0] = {.ne = {151936}, .fill = FILL_DISTINCT}, RESULT(40)},
		{.op = TERN_TOP_K,
		 .s[0] = {.ne = {128, 17}, .fill = FILL_DISTINCT, .layout = PADDED},
		 RESULT(8, 17)},
		SELECT(TOP_K, 100, RESULT(4, 5, 2), .types = CONF_BIT(F16) | CONF_BIT(BF16)),
	};

	CONF_RUN(cases);
}

#define ARGSORT(n, m, order)                                                                     \
	{                                                                                        \
		.op = TERN_ARGSORT, .i = {order}, .s[0] = {.ne = {n, m}, .fill = FILL_DISTINCT}, \
		RESULT(n, m)                                                                     \
	}

static void argsort(void)
{
	static const struct conf_case cases[] = {
		ARGSORT(1, 3, 0),  ARGSORT(31, 3, 0),  ARGSORT(33, 17, 1),  ARGSORT(64, 5, 0),
		ARGSORT(64, 5, 1), ARGSORT(100, 5, 1), ARGSORT(2048, 2, 0), ARGSORT(3000, 2, 1),
	};

	CONF_RUN(cases);
}

/* Longer than the scratchpad: sorted in chunks that are merged in memory. */
static void long_argsort(void)
{
	static const struct conf_case cases[] = {
		ARGSORT(40000, 2, 0),
		ARGSORT(32768, 3, 1),
		ARGSORT(300000, 1, 1),
		ARGSORT(262145, 2, 0), /* more than half of it is padding */
		{.op = TERN_ARGSORT,
		 .s[0] = {.ne = {33333, 3}, .fill = FILL_DISTINCT, .layout = PADDED},
		 .d = {.type = TERN_I32, .ne = {33333, 3}, .layout = PADDED}},
		/* the longest of test-backend-ops */
		{.op = TERN_ARGSORT,
		 .i = {1},
		 .s[0] = {.ne = {1048575}, .fill = FILL_DISTINCT},
		 RESULT(1048575),
		 .devices = ON_FAST | ON_CPU},
		{.op = TERN_TOP_K,
		 .s[0] = {.ne = {262155, 1, 2}, .fill = FILL_DISTINCT},
		 RESULT(1023, 1, 2),
		 .devices = ON_FAST | ON_CPU},
	};

	CONF_RUN(cases);
}

/* Indices may lie in memory like anything else. */
static void result_layouts(void)
{
	struct conf_case cases[] = {ARGMAX(33), TOP_K(33, 8), TOP_K(100, 70), ARGSORT(33, 10, 0)};

	for (size_t i = 0; i < CONF_COUNT(cases); i++) {
		for (int layout = PADDED; layout < CONF_LAYOUTS; layout++) {
			cases[i].d.layout = (enum conf_layout)layout;
			conf_run_case(&cases[i]);
		}
	}
}

static void instruction_sets(void)
{
	struct conf_case cases[] = {ARGMAX(777), TOP_K(777, 20), ARGSORT(777, 3, 0)};

	for (size_t i = 0; i < CONF_COUNT(cases); i++) {
		cases[i].devices = ON_FAST | ON_SIMD;
		conf_run_case(&cases[i]);
	}
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"argmax", argmax},
		{"top k", top_k},
		{"argsort", argsort},
		{"long argsort", long_argsort},
		{"result layouts", result_layouts},
		{"instruction sets", instruction_sets},
	};

	return conf_main("select", tests, CONF_COUNT(tests));
}
