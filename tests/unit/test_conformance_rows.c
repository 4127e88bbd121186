// SPDX-License-Identifier: MIT
/* Operators on rows: norms, rotation, soft-max, sums. Rows of 1 element to more than any SPM. */
#include "support/conformance.h"

/* From a row of the SPM of small (65536 floats) on, rows are streamed. */
#define ROWS(o, n, ...)                                                                         \
	{                                                                                       \
		.op = TERN_##o, .s[0].ne = {n, 3, 2, 2}, .d.ne = {n, 3, 2, 2}, .f = {1e-5f, 0}, \
		__VA_ARGS__                                                                     \
	}
#define LONG(o, n, ...)                                                                      \
	{                                                                                    \
		.op = TERN_##o, .s[0].ne = {n, 2}, .d.ne = {n, 2}, .f = {1e-5f}, __VA_ARGS__ \
	}

enum { SOURCE_AND_RESULT = 1 | 1 << 5 };

static void norms(void)
{
	static const enum tern_opcode ops[] = {TERN_RMS_NORM, TERN_NORM, TERN_L2_NORM};
	struct conf_case cases[] = {
		ROWS(NORM, 31, .types = CONF_FLOATS, .vary = SOURCE_AND_RESULT),
		ROWS(NORM, 33, .s[0].layout = PADDED),
		ROWS(NORM, 100, .d.layout = PADDED),
		ROWS(NORM, 256, .in_place = true),
		ROWS(NORM, 256, .s[0].layout = SWAP12, .d.layout = SWAP12),
		ROWS(NORM, 64, .s[0].layout = PADDED, .in_place = true),
		ROWS(NORM, 2048),
		ROWS(NORM, 48, .s[0].layout = STEP2),
		ROWS(NORM, 48, .s[0].layout = SWAP01),
		LONG(NORM, 8200),
		LONG(NORM, 100000),
	};

	for (size_t o = 0; o < CONF_COUNT(ops); o++) {
		for (size_t i = 0; i < CONF_COUNT(cases); i++) {
			cases[i].op = ops[o];
			conf_run_case(&cases[i]);
		}
	}
}

static void norms_with_weights(void)
{
	static const struct conf_case cases[] = {
		ROWS(RMS_NORM, 100, .s[1].ne = {100}),
		ROWS(RMS_NORM, 2048, .s[1].ne = {2048}),
		ROWS(RMS_NORM, 64, .s[1].ne = {64}, .in_place = true),
		ROWS(RMS_NORM, 64, .s[1].ne = {64}, .s[0].layout = SWAP12, .d.layout = SWAP12),
		ROWS(RMS_NORM, 64, .s[1].ne = {64, 3}),
		ROWS(RMS_NORM, 64, .s[1].ne = {64, 1, 2}),
		ROWS(RMS_NORM, 64, .s[1].ne = {32}, .may_fall_back = true),
		ROWS(RMS_NORM, 96, .s[1].ne = {96}, .types = CONF_FLOATS, .vary = 2),
		LONG(RMS_NORM, 8200, .s[1].ne = {8200}),
		ROWS(NORM, 100, .s[1].ne = {100}, .s[2].ne = {100}),
		ROWS(NORM, 2048, .s[1].ne = {2048}, .s[2].ne = {2048}),
		ROWS(NORM, 33, .s[1].ne = {33}),
		ROWS(NORM, 33, .s[1].ne = {33}, .s[2].ne = {33}, .in_place = true),
		LONG(NORM, 8200, .s[1].ne = {8200}, .s[2].ne = {8200}),
	};

	CONF_RUN(cases);
}

/* A single element: RMS is its sign, the variance is 0. */
static void one_column(void)
{
	static const struct conf_case cases[] = {
		ROWS(RMS_NORM, 1),
		ROWS(NORM, 1),
	};

	CONF_RUN(cases);
}

/* ---- rotation --------------------------------------------------------------------------- */
/* Rows of n elements, h heads, t tokens; positions below 1000: see conf_limit(). */
#define ROPE(n, h, t, mode, dims, ...)                                                    \
	{                                                                                 \
		.op = TERN_ROPE, .s[0].ne = {n, h, t},                                    \
		.s[1] = {.type = TERN_I32, .ne = {t}, .fill = FILL_ROWS, .arg = 1000},    \
		.d.ne = {n, h, t}, .i = {dims, mode, 4096}, .f = {10000, 1, 0, 1, 32, 1}, \
		__VA_ARGS__                                                               \
	}
#define FREQUENCIES(n, ...) .s[2] = {.ne = {n}, .fill = FILL_POSITIVE, __VA_ARGS__}

static void rotation(void)
{
	static const struct conf_case cases[] = {
		ROPE(64, 3, 17, 0, 64),
		ROPE(64, 3, 17, 2, 64),
		ROPE(128, 9, 1, 0, 128),
		ROPE(128, 9, 1, 2, 128),
		ROPE(80, 1, 33, 0, 32), /* the rest is copied */
		ROPE(80, 1, 33, 2, 32),
		ROPE(100, 5, 3, 2, 100),
		ROPE(64, 4, 3, 0, 64, FREQUENCIES(32)),
		ROPE(64, 4, 3, 2, 64, FREQUENCIES(32)),
		ROPE(96, 4, 3, 2, 48, FREQUENCIES(24)),
		ROPE(64, 4, 3, 2, 64, FREQUENCIES(32, .layout = STEP2)),
		ROPE(64, 4, 5, 0, 64, .in_place = true),
		ROPE(64, 4, 5, 2, 64, .in_place = true),
		ROPE(64, 4, 5, 0, 32, .in_place = true),
		ROPE(64, 4, 5, 0, 64, .s[0].layout = PADDED),
		ROPE(64, 4, 5, 2, 64, .d.layout = SWAP12),
		ROPE(64, 32, 40, 2, 64),
	};

	CONF_RUN(cases);
}

static void rotation_scaled(void)
{
	static const float linear[] = {10000, 0.25f, 0, 1, 32, 1};
	static const float yarn[] = {10000, 0.25f, 1, 1, 32, 1};
	static const float long_base[] = {1000000, 1, 0, 1.5f, 32, 1};
	static const float *const sets[] = {linear, yarn, long_base};

	for (size_t i = 0; i < CONF_COUNT(sets); i++) {
		for (int mode = 0; mode <= 2; mode += 2) {
			struct conf_case c = ROPE(128, 2, 9, mode, 128);

			for (int f = 0; f < 6; f++)
				c.f[f] = sets[i][f];
			conf_run_case(&c);
		}
	}
}

/* Positions of four components; sizes of sections in parentheses. */
#define PICK(...) __VA_ARGS__
#define SECTIONS_AT(n, h, t, mode, dims, sizes, yarn, offset, ...)                        \
	{                                                                                 \
		.op = TERN_ROPE, .s[0].ne = {n, h, t},                                    \
		.s[1] = {.type = TERN_I32, .ne = {t, 4}, .fill = FILL_ROWS, .arg = 1000}, \
		.d.ne = {n, h, t}, .i = {dims, mode, 4096, PICK sizes, offset},           \
		.f = {10000, yarn ? 0.25f : 1, yarn, 1, 32, 1}, __VA_ARGS__               \
	}
#define SECTIONS(n, h, t, mode, dims, sizes, ...) \
	SECTIONS_AT(n, h, t, mode, dims, sizes, 0, 0, __VA_ARGS__)

static void rotation_by_sections(void)
{
	static const struct conf_case cases[] = {
		SECTIONS(128, 4, 5, 8, 128, (16, 24, 24, 0)), /* Qwen2-VL's */
		SECTIONS(128, 4, 5, 8, 128, (16, 16, 16, 16)),
		SECTIONS(128, 1, 5, 8, 96, (10, 0, 7, 3)), /* they begin again; a rest is copied */
		SECTIONS(128, 4, 5, 8, 128, (42, 42, 42, 0)),
		SECTIONS(64, 4, 5, 8, 64, (8, 8, 8, 8), FREQUENCIES(32)),
		SECTIONS(64, 4, 5, 8, 64, (8, 8, 8, 8), .s[1].layout = PADDED),
		SECTIONS(128, 4, 5, 40, 128, (24, 20, 20, 0)), /* Qwen3-VL's */
		SECTIONS(128, 3, 7, 40, 128, (20, 10, 12, 22)),
		SECTIONS(80, 3, 7, 40, 40, (5, 10, 2, 3), FREQUENCIES(20)),
		SECTIONS(80, 4, 5, 24, 40, (20, 20, 0, 0)), /* of Qwen2-VL's images */
		SECTIONS(80, 4, 5, 24, 40, (20, 20, 0, 0), FREQUENCIES(40)),
		SECTIONS(80, 1, 5, 24, 40, (9, 8, 7, 6)),
		SECTIONS(96, 2, 5, 24, 40, (20, 20, 0, 0)),
		SECTIONS(128, 4, 5, 8, 128, (16, 24, 24, 0), .in_place = true),
		SECTIONS(128, 4, 5, 40, 128, (24, 20, 20, 0), .types = CONF_FLOATS,
			 .vary = SOURCE_AND_RESULT),
		SECTIONS_AT(128, 4, 5, 8, 128, (16, 24, 24, 0), 1, 0),
		SECTIONS_AT(80, 4, 5, 24, 40, (20, 20, 0, 0), 1, 0),
	};

	CONF_RUN(cases);
}

static void rotation_of_a_stretch(void)
{
	static const struct {
		int64_t heads;
		int32_t mode, dims, offset;
	} stretches[] = {
		{3, 0, 32, 32}, {3, 2, 32, 32}, {32, 2, 32, 96}, {1, 2, 32, 7}, {1, 0, 32, 7},
	};
	static const struct conf_case sections[] = {
		SECTIONS_AT(128, 12, 5, 8, 24, (8, 8, 8, 0), 0, 32),
		SECTIONS_AT(128, 12, 5, 40, 24, (8, 8, 8, 0), 0, 32, FREQUENCIES(12)),
	};

	for (size_t i = 0; i < CONF_COUNT(stretches); i++) {
		struct conf_case c =
			ROPE(128, stretches[i].heads, 5, stretches[i].mode, stretches[i].dims);

		c.i[TERN_ROPE_I_OFFSET] = stretches[i].offset;
		conf_run_case(&c);
		c.in_place = true;
		conf_run_case(&c);
		c.in_place = false;
		c.s[2] = (struct conf_tensor){.ne = {16}, .fill = FILL_POSITIVE};
		conf_run_case(&c);
	}
	CONF_RUN(sections);
}

static void rotation_types(void)
{
	static const struct conf_case cases[] = {
		ROPE(64, 3, 7, 0, 64, .types = CONF_FLOATS, .vary = SOURCE_AND_RESULT),
		ROPE(64, 3, 7, 2, 64, .types = CONF_FLOATS, .vary = 1 << 5),
	};

	CONF_RUN(cases);
}

/* ---- soft-max ------------------------------------------------------------------------------ */
/* Scores of n positions for m tokens of h heads. */
#define SOFT_MAX(n, m, h, scale, bias, ...)                                                     \
	{                                                                                       \
		.op = TERN_SOFT_MAX, .s[0].ne = {n, m, h}, .d.ne = {n, m, h}, .f = {0.125f, 0}, \
		__VA_ARGS__                                                                     \
	}
#define MASK(...) .s[1] = {.ne = {__VA_ARGS__}, .fill = FILL_MASK}

static void soft_max(void)
{
	static const struct conf_case cases[] = {
		SOFT_MAX(1, 3, 2, 1, 0),
		SOFT_MAX(31, 3, 2, 0.125f, 0),
		SOFT_MAX(33, 17, 1, 0.125f, 0),
		SOFT_MAX(256, 3, 3, 0.125f, 0, .in_place = true),
		SOFT_MAX(100, 3, 4, 0.125f, 0, MASK(100, 3)),
		SOFT_MAX(100, 3, 4, 0.125f, 0, MASK(100, 17)), /* more rows than tokens */
		SOFT_MAX(100, 3, 4, 0.125f, 0, MASK(100, 3), .s[1].type = TERN_F16),
		SOFT_MAX(2048, 2, 3, 0.125f, 0, MASK(2048, 2)),
		SOFT_MAX(257, 5, 3, 0.125f, 0, MASK(257, 5), .in_place = true),
		SOFT_MAX(64, 5, 4, 0.125f, 0, MASK(64, 5, 2)),
		SOFT_MAX(64, 5, 4, 1, 8, MASK(64, 5)),
		SOFT_MAX(64, 5, 6, 1, 8, MASK(64, 5)),
		SOFT_MAX(64, 5, 4, 0.125f, 0, .s[2].ne = {4}),
		SOFT_MAX(64, 5, 4, 0.125f, 0, MASK(64, 5), .s[2].ne = {4}),
		SOFT_MAX(64, 5, 4, 0.125f, 0, .types = CONF_FLOATS, .vary = SOURCE_AND_RESULT),
		SOFT_MAX(64, 5, 4, 0.125f, 0, .s[0].layout = PADDED, .d.layout = PADDED),
		SOFT_MAX(64, 5, 4, 0.125f, 0, .s[0].layout = SWAP12, .d.layout = SWAP12),
		SOFT_MAX(100, 2, 1, 4, 0, .s[0].fill = FILL_WIDE), /* exp would overflow */
		SOFT_MAX(10000, 2, 1, 1, 0),
		SOFT_MAX(100000, 2, 1, 1, 0),
		SOFT_MAX(100000, 2, 1, 1, 0, MASK(100000, 2)),
		/* the longest of test-backend-ops */
		SOFT_MAX(643251, 2, 1, 1, 0, .devices = ON_FAST | ON_CPU),
	};

	CONF_RUN(cases);
}

/* ---- sums ------------------------------------------------------------------------------------ */
#define SUM(o, n, ...)                                                               \
	{                                                                            \
		.op = TERN_##o, .s[0].ne = {n, 5, 3, 2}, .s[0].fill = FILL_POSITIVE, \
		.d.ne = {1, 5, 3, 2}, __VA_ARGS__                                    \
	}

static void sums(void)
{
	static const struct conf_case cases[] = {
		SUM(SUM_ROWS, 1),
		SUM(SUM_ROWS, 33),
		SUM(SUM_ROWS, 2048),
		SUM(SUM_ROWS, 100, .types = CONF_FLOATS),
		SUM(SUM_ROWS, 64, .s[0].layout = PADDED, .d.layout = PADDED),
		SUM(SUM_ROWS, 64, .s[0].layout = SWAP12),
		SUM(MEAN, 33),
		SUM(MEAN, 2048),
		SUM(MEAN, 100, .types = CONF_FLOATS, .vary = SOURCE_AND_RESULT),
		{.op = TERN_SUM_ROWS,
		 .s[0] = {.ne = {100000, 2}, .fill = FILL_POSITIVE},
		 .d.ne = {1, 2}},
	};

	CONF_RUN(cases);
}

static void instruction_sets(void)
{
	static const struct conf_case cases[] = {
		ROWS(RMS_NORM, 333, .s[1].ne = {333}, .devices = ON_FAST | ON_SIMD),
		ROWS(NORM, 333, .devices = ON_FAST | ON_SIMD),
		ROPE(100, 5, 9, 0, 100, .devices = ON_FAST | ON_SIMD),
		ROPE(100, 5, 9, 2, 100, .devices = ON_FAST | ON_SIMD),
		SOFT_MAX(333, 5, 4, 0.125f, 0, MASK(333, 5), .devices = ON_FAST | ON_SIMD),
		SUM(MEAN, 333, .devices = ON_FAST | ON_SIMD),
	};

	CONF_RUN(cases);
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"norms", norms},
		{"norms with weights", norms_with_weights},
		{"one column", one_column},
		{"rotation", rotation},
		{"rotation scaled", rotation_scaled},
		{"rotation by sections", rotation_by_sections},
		{"rotation of a stretch", rotation_of_a_stretch},
		{"rotation types", rotation_types},
		{"soft-max", soft_max},
		{"sums", sums},
		{"instruction sets", instruction_sets},
	};

	return conf_main("rows", tests, CONF_COUNT(tests));
}
