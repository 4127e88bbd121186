// SPDX-License-Identifier: MIT
/* ATTENTION: cached types, groups of heads, masks of every kind, sizes up to thousands. */
#include "support/conformance.h"

enum { KEYS = 1 << 1, VALUES = 1 << 2, KEYS_AND_VALUES = KEYS | VALUES };

/*
 * nt tokens of h heads look at n positions of hk heads; elements per head dk (queries, keys)
 * and dv (values). The scale makes scores of FILL_UNIT queries and keys as wide as a trained
 * model's: some units.
 */
#define BATCHES(b, dk, dv, nt, n, h, hk, ...)                                           \
	{                                                                               \
		.op = TERN_ATTENTION,                                                   \
		.s = {{.ne = {dk, nt, h, b}, .fill = FILL_UNIT, .layout = SWAP12},      \
		      {.ne = {dk, n, hk, b}, .fill = FILL_UNIT, .type = TERN_F16},      \
		      {.ne = {dv, n, hk, b}, .fill = FILL_UNIT, .type = TERN_F16}},     \
		.d.ne = {dv, h, nt, b}, .f[TERN_ATTENTION_F_SCALE] = 0.25f, __VA_ARGS__ \
	}
#define ATTENTION(dk, dv, nt, n, h, hk, ...) BATCHES(1, dk, dv, nt, n, h, hk, __VA_ARGS__)
#define CAUSAL				     .i[TERN_ATTENTION_I_CAUSAL] = 1
#define WINDOW(w)			     .i[TERN_ATTENTION_I_WINDOW] = (w)
#define SOFTCAP(c)			     .f[TERN_ATTENTION_F_SOFTCAP] = (c)
#define ALIBI(b)			     .f[TERN_ATTENTION_F_MAX_BIAS] = (b)
#define MASK(...)			     .s[3] = {.ne = {__VA_ARGS__}, .fill = FILL_MASK}
#define SINKS(h)			     .s[4].ne = {h}
/* As a cache holds them: the heads of a token beside each other. */
#define CACHED .s[1].layout = SWAP12, .s[2].layout = SWAP12

static void shapes(void)
{
	static const struct conf_case cases[] = {
		ATTENTION(64, 64, 1, 1, 1, 1),
		ATTENTION(64, 64, 1, 33, 8, 2),
		ATTENTION(64, 64, 3, 100, 8, 8, CACHED),
		ATTENTION(128, 128, 17, 31, 4, 2),
		ATTENTION(128, 128, 1, 700, 32, 8, CACHED),
		ATTENTION(80, 80, 5, 65, 3, 3),
		ATTENTION(96, 64, 5, 65, 6, 2, CACHED),
		ATTENTION(40, 40, 33, 33, 2, 1),
		ATTENTION(256, 256, 3, 129, 4, 1, CACHED),
		ATTENTION(64, 64, 1, 4099, 2, 1, CACHED),
		ATTENTION(64, 64, 130, 260, 3, 1, CACHED),
		ATTENTION(64, 64, 2, 33, 71, 1), /* more heads in a group than rows in a tile */
	};

	CONF_RUN(cases);
}

static void masks(void)
{
	static const struct conf_case cases[] = {
		ATTENTION(64, 64, 17, 17, 4, 2, CAUSAL),
		ATTENTION(64, 64, 33, 100, 4, 2, CAUSAL, CACHED),
		ATTENTION(64, 64, 1, 100, 4, 2, CAUSAL, CACHED),
		ATTENTION(64, 64, 70, 600, 2, 1, CAUSAL),
		ATTENTION(64, 64, 17, 50, 4, 2, CAUSAL, WINDOW(8)),
		ATTENTION(64, 64, 40, 900, 2, 1, CAUSAL, WINDOW(300), CACHED),
		ATTENTION(64, 64, 1, 900, 2, 1, CAUSAL, WINDOW(1)),
		ATTENTION(64, 64, 17, 50, 4, 2, WINDOW(8)),
		ATTENTION(64, 64, 17, 50, 4, 2, MASK(50, 17)),
		ATTENTION(64, 64, 17, 50, 4, 2, MASK(50, 64), .s[3].type = TERN_F16),
		ATTENTION(64, 64, 5, 700, 4, 2, MASK(700, 5), CACHED),
		ATTENTION(64, 64, 17, 50, 4, 2, CAUSAL, MASK(50, 17)),
		ATTENTION(64, 64, 5, 50, 4, 2, MASK(50, 5, 4)),
		ATTENTION(64, 64, 40, 700, 8, 2, MASK(700, 40, 4), .s[3].type = TERN_F16, CACHED),
		ATTENTION(64, 64, 5, 50, 4, 4, MASK(50, 5, 2)),
		ATTENTION(64, 64, 5, 50, 4, 4, MASK(50, 5, 2), .s[3].layout = SWAP12),
		ATTENTION(64, 64, 5, 50, 8, 2, MASK(50, 5, 2), .may_fall_back = true),
	};

	CONF_RUN(cases);
}

static void parameters(void)
{
	static const struct conf_case cases[] = {
		ATTENTION(64, 64, 5, 50, 4, 2, SOFTCAP(2)),
		ATTENTION(64, 64, 17, 100, 4, 2, SOFTCAP(20), CAUSAL, CACHED),
		ATTENTION(64, 64, 5, 50, 4, 2, SOFTCAP(5), CAUSAL, WINDOW(20)),
		ATTENTION(64, 64, 5, 50, 4, 2, SINKS(4)),
		ATTENTION(64, 64, 5, 700, 4, 2, SINKS(4), CAUSAL),
		ATTENTION(64, 64, 5, 50, 4, 2, ALIBI(8), MASK(50, 5)),
		ATTENTION(64, 64, 5, 50, 6, 6, ALIBI(8), MASK(50, 5)),
		ATTENTION(64, 64, 17, 700, 12, 2, ALIBI(2), MASK(700, 20), SINKS(12), CACHED),
		ATTENTION(64, 64, 5, 700, 4, 2, ALIBI(8), SOFTCAP(5), MASK(700, 5, 4)),
	};

	CONF_RUN(cases);
}

static void cached_types(void)
{
	static const struct conf_case cases[] = {
		ATTENTION(256, 256, 5, 50, 4, 2, CAUSAL, .types = CONF_WEIGHTS,
			  .vary = KEYS_AND_VALUES),
		ATTENTION(128, 128, 1, 300, 8, 2, CAUSAL, CACHED, .types = CONF_SAMPLE,
			  .vary = KEYS_AND_VALUES),
		ATTENTION(64, 64, 5, 50, 4, 2, .types = CONF_SAMPLE, .vary = KEYS),
		ATTENTION(64, 64, 5, 50, 4, 2, .types = CONF_SAMPLE, .vary = VALUES),
	};

	CONF_RUN(cases);
}

static void views_and_batches(void)
{
	static const struct conf_case cases[] = {
		ATTENTION(64, 64, 5, 50, 4, 2, .d.layout = PADDED),
		ATTENTION(64, 64, 5, 50, 4, 2, .s[1].layout = PADDED, .s[2].layout = PADDED),
		ATTENTION(64, 64, 5, 50, 4, 2, .types = CONF_FLOATS, .vary = 1,
			  .may_fall_back = true),
		ATTENTION(64, 64, 5, 50, 4, 2, .types = CONF_FLOATS, .vary = 1 << 5,
			  .may_fall_back = true),
		{.op = TERN_ATTENTION,
		 .s = {{.ne = {64, 3, 4, 2}, .fill = FILL_UNIT},
		       {.ne = {64, 20, 2, 2}, .fill = FILL_UNIT, .type = TERN_F16},
		       {.ne = {64, 20, 2, 2}, .fill = FILL_UNIT, .type = TERN_F16}},
		 .d.ne = {64, 4, 3, 2},
		 CAUSAL,
		 .f = {0.125f}},
		BATCHES(6, 64, 64, 3, 40, 4, 2, MASK(40, 3, 1, 3)),
		BATCHES(6, 64, 64, 3, 40, 4, 2, MASK(40, 5, 4, 3)),
		BATCHES(2, 64, 64, 3, 40, 4, 4, MASK(40, 3, 2, 1)),
		BATCHES(2, 64, 64, 3, 40, 4, 2, MASK(40, 3, 1, 2), ALIBI(8), SINKS(4)),
	};

	CONF_RUN(cases);
}

/* A stride of 0 in any source. */
static void repeated_elements(void)
{
	for (int source = 0; source < TERN_MAX_SRC; source++) {
		struct conf_case c = ATTENTION(64, 64, 5, 50, 4, 2, MASK(50, 5), SINKS(4));

		c.s[source].layout = SAME;
		conf_run_case(&c);
	}
}

static void instruction_sets(void)
{
	static const struct conf_case cases[] = {
		ATTENTION(64, 64, 17, 333, 4, 2, CAUSAL, CACHED, .devices = ON_FAST | ON_SIMD),
		ATTENTION(80, 80, 1, 333, 8, 2, SOFTCAP(5), .devices = ON_FAST | ON_SIMD),
		ATTENTION(64, 64, 5, 77, 4, 2, MASK(77, 5), .types = CONF_FLOATS | CONF_BIT(Q8_0),
			  .vary = KEYS_AND_VALUES, .devices = ON_FAST | ON_SIMD),
	};

	CONF_RUN(cases);
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"shapes", shapes},
		{"masks", masks},
		{"parameters", parameters},
		{"cached types", cached_types},
		{"views and batches", views_and_batches},
		{"repeated elements", repeated_elements},
		{"instruction sets", instruction_sets},
	};

	return conf_main("ATTENTION", tests, CONF_COUNT(tests));
}
