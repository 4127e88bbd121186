// SPDX-License-Identifier: MIT
/* What moves and converts: COPY, CONCAT, REPEAT, GET_ROWS, SET_ROWS. Exact, but where a block
 * is rounded on its way into a narrower float. */
#include "support/conformance.h"

enum { RESULT = 1 << 5, SOURCE_AND_RESULT = 1 | RESULT, BOTH_AND_RESULT = 3 | RESULT };

#define COPY(...)                            \
	{                                    \
		.op = TERN_COPY, __VA_ARGS__ \
	}

/* ---- COPY ------------------------------------------------------------------------------ */
static void convert_floats(void)
{
	static const enum tern_dtype from[] = {TERN_F32, TERN_F16, TERN_BF16};

	for (size_t i = 0; i < CONF_COUNT(from); i++) {
		struct conf_case c =
			COPY(.s[0] = {.type = from[i], .ne = {33, 17, 2}}, .d.ne = {33, 17, 2},
			     .types = CONF_FLOATS, .vary = RESULT);

		conf_run_case(&c);
	}
}

static void convert_blocks(void)
{
	static const struct conf_case cases[] = {
		COPY(.s[0].ne = {512, 5, 3}, .d.ne = {512, 5, 3}, .types = CONF_BLOCKS),
		COPY(.s[0].ne = {96, 3}, .d.ne = {96, 3}, .types = CONF_BLOCKS),
		/* rounded to binary32 first or not */
		COPY(.s[0].ne = {512, 5}, .d = {.type = TERN_F16, .ne = {512, 5}},
		     .types = CONF_BLOCKS),
		COPY(.s[0].ne = {512, 5}, .d.ne = {512, 5}, .types = CONF_BLOCKS,
		     .vary = SOURCE_AND_RESULT),
	};

	CONF_RUN(cases);
}

static void quantise(void)
{
	static const struct conf_case cases[] = {
		COPY(.s[0].ne = {512, 5, 3}, .d.ne = {512, 5, 3}, .types = CONF_ENCODED,
		     .vary = RESULT),
		COPY(.s[0].ne = {32, 33}, .d.ne = {32, 33}, .types = CONF_ENCODED, .vary = RESULT),
		COPY(.s[0] = {.type = TERN_F16, .ne = {64, 17}}, .d.ne = {64, 17},
		     .types = CONF_ENCODED, .vary = RESULT),
		COPY(.s[0] = {.ne = {64, 3, 4}, .layout = SWAP12}, .d.ne = {64, 3, 4},
		     .types = CONF_ENCODED, .vary = RESULT),
	};

	CONF_RUN(cases);
}

static void convert_integers(void)
{
	static const struct conf_case cases[] = {
		COPY(.s[0] = {.type = TERN_I32, .ne = {33, 5}, .fill = FILL_ROWS, .arg = 100000},
		     .d.ne = {33, 5}, .types = CONF_BIT(I32) | CONF_BIT(I64) | CONF_BIT(F32),
		     .vary = RESULT),
		COPY(.s[0] = {.ne = {33, 5}, .fill = FILL_WIDE},
		     .d = {.type = TERN_I32, .ne = {33, 5}}),
	};

	CONF_RUN(cases);
}

static void layouts(void)
{
	for (int from = 0; from < CONF_LAYOUTS; from++) {
		for (int to = 0; to < CONF_LAYOUTS; to++) {
			struct conf_case c =
				COPY(.s[0] = {.ne = {64, 5, 3, 2},
					      .layout = (enum conf_layout)from},
				     .d = {.ne = {64, 5, 3, 2}, .layout = (enum conf_layout)to},
				     .types = CONF_FLOATS | CONF_BIT(Q4_0),
				     .vary = SOURCE_AND_RESULT);

			conf_run_case(&c);
		}
	}
}

/* Blocks longer than the edge of a transposed piece. */
static void transposed_blocks(void)
{
	static const struct conf_case c =
		COPY(.s[0].ne = {1024, 3}, .d = {.ne = {1024, 3}, .layout = SWAP01},
		     .types = CONF_BLOCKS);

	conf_run_case(&c);
}

/* Permuted, and made contiguous under another shape: as merged heads are. */
static void reshape(void)
{
	static const struct conf_case cases[] = {
		COPY(.s[0].ne = {100, 6}, .d.ne = {300, 2}),
		COPY(.s[0] = {.ne = {33, 6}, .fill = FILL_ROWS, .arg = 100}, .d.ne = {66, 3},
		     .types = CONF_SMALL, .vary = SOURCE_AND_RESULT),
		COPY(.s[0] = {.ne = {30, 6, 5}, .layout = SWAP12, .fill = FILL_ROWS, .arg = 100},
		     .d.ne = {30, 6, 5}, .types = CONF_SMALL, .vary = SOURCE_AND_RESULT),
		COPY(.s[0] = {.ne = {31, 6}, .layout = SWAP01, .fill = FILL_ROWS, .arg = 100},
		     .d.ne = {31, 6}, .types = CONF_SMALL, .vary = SOURCE_AND_RESULT),
		COPY(.s[0] = {.ne = {12, 5}, .layout = SWAP01, .fill = FILL_ROWS, .arg = 100},
		     .d.ne = {20, 3}, .types = CONF_SMALL, .vary = SOURCE_AND_RESULT),
		COPY(.s[0] = {.ne = {64, 4, 7}, .layout = SWAP12}, .d.ne = {256, 7}),
		COPY(.s[0].ne = {256, 7}, .d = {.ne = {64, 4, 7}, .layout = SWAP12}),
		COPY(.s[0].ne = {7, 11, 3}, .d.ne = {231}),
		COPY(.s[0].ne = {12, 5}, .d.ne = {10, 6}),
		COPY(.s[0] = {.ne = {12, 5}, .layout = SWAP01}, .d.ne = {60}),
		COPY(.s[0].ne = {100000, 2}, .d.ne = {100000, 2}),
		COPY(.s[0].ne = {3, 5000}, .d = {.type = TERN_F16, .ne = {3, 5000}}),
		COPY(.s[0] = {.ne = {300, 200}, .layout = SWAP01}, .d.ne = {300, 200},
		     .types = CONF_FLOATS, .vary = SOURCE_AND_RESULT),
	};

	CONF_RUN(cases);
}

/* ---- CONCAT, REPEAT ----------------------------------------------------------------------- */
static void concat(void)
{
	for (int dim = 0; dim < 4; dim++) {
		struct conf_case c = {
			.op = TERN_CONCAT,
			.i = {dim},
			.s = {{.ne = {64, 3, 2, 2}}, {.ne = {64, 3, 2, 2}}},
			.d.ne = {64, 3, 2, 2},
			.types = CONF_FLOATS | CONF_BIT(Q8_0),
			.vary = BOTH_AND_RESULT,
		};

		c.s[1].ne[dim] += dim ? 5 : 32;
		c.d.ne[dim] += c.s[1].ne[dim];
		conf_run_case(&c);
		c.s[0].layout = PADDED;
		c.d.layout = SWAP12;
		conf_run_case(&c);
		for (int i = 0; i < 2; i++) {
			c.s[i].fill = FILL_ROWS;
			c.s[i].arg = 100;
		}
		c.types = CONF_SMALL;
		conf_run_case(&c);
	}
}

#define REPEAT(...)                            \
	{                                      \
		.op = TERN_REPEAT, __VA_ARGS__ \
	}

static void repeat(void)
{
	static const struct conf_case cases[] = {
		REPEAT(.s[0].ne = {33, 2}, .d.ne = {33, 6, 3, 2}, .types = CONF_FLOATS,
		       .vary = SOURCE_AND_RESULT),
		REPEAT(.s[0].ne = {16, 3}, .d.ne = {64, 3}),
		REPEAT(.s[0].ne = {1, 17}, .d.ne = {33, 17}),
		REPEAT(.s[0].ne = {1}, .d.ne = {100, 3}),
		REPEAT(.s[0] = {.ne = {33, 2}, .fill = FILL_ROWS, .arg = 100}, .d.ne = {33, 6, 2},
		       .types = CONF_SMALL, .vary = SOURCE_AND_RESULT),
		REPEAT(.s[0] = {.type = TERN_I32, .ne = {33, 2}, .fill = FILL_ROWS, .arg = 1000},
		       .d = {.type = TERN_I32, .ne = {33, 4}}),
		REPEAT(.s[0] = {.ne = {64, 3, 2}, .layout = PADDED}, .d.ne = {64, 3, 8}),
	};

	CONF_RUN(cases);
}

/* ---- rows by index --------------------------------------------------------------------------- */
#define INDEX(of, ...)                                                                \
	{                                                                             \
		.type = TERN_I32, .fill = FILL_ROWS, .arg = of, .ne = { __VA_ARGS__ } \
	}
#define GET_ROWS(...)                            \
	{                                        \
		.op = TERN_GET_ROWS, __VA_ARGS__ \
	}

static void get_rows(void)
{
	static const struct conf_case cases[] = {
		GET_ROWS(.s = {{.ne = {256, 100}}, INDEX(100, 17)}, .d.ne = {256, 17},
			 .types = CONF_WEIGHTS),
		GET_ROWS(.s = {{.ne = {2048, 9}}, INDEX(9, 1)}, .d.ne = {2048},
			 .types = CONF_WEIGHTS),
		GET_ROWS(.s = {{.ne = {33, 100}}, INDEX(100, 65)}, .d.ne = {33, 65},
			 .types = CONF_FLOATS),
		GET_ROWS(.s = {{.ne = {1, 300}}, INDEX(300, 33)}, .d.ne = {1, 33}),
		GET_ROWS(.s = {{.ne = {64, 10}, .layout = PADDED}, INDEX(10, 7)}, .d.ne = {64, 7},
			 .types = CONF_SAMPLE),
		GET_ROWS(.s = {{.ne = {64, 10}}, INDEX(10, 7)},
			 .d = {.ne = {64, 7}, .layout = PADDED}, .types = CONF_SAMPLE),
		/* blocks that are no part of a transposed row */
		GET_ROWS(.s = {{.ne = {768, 10}}, INDEX(10, 3)},
			 .d = {.ne = {768, 3}, .layout = SWAP01}, .types = CONF_BLOCKS),
		/* one index for all rows */
		GET_ROWS(.s = {{.ne = {64, 10, 3}},
			       {.type = TERN_I32,
				.ne = {7, 3},
				.fill = FILL_ROWS,
				.arg = 10,
				.layout = SAME}},
			 .d.ne = {64, 7, 3}),
		/* a matrix and a list of rows of its own for each i, j */
		GET_ROWS(.s = {{.ne = {64, 10, 3, 2}}, INDEX(10, 5, 3, 2)}, .d.ne = {64, 5, 3, 2},
			 .types = CONF_SAMPLE),
		GET_ROWS(.s = {{.ne = {96, 10}}, INDEX(10, 7)},
			 .d = {.type = TERN_F16, .ne = {96, 7}}, .types = CONF_SAMPLE),
		GET_ROWS(.s = {{.type = TERN_I32, .ne = {33, 9}, .fill = FILL_ROWS, .arg = 7000},
			       INDEX(9, 5)},
			 .d = {.type = TERN_I32, .ne = {33, 5}}),
		GET_ROWS(.s = {{.ne = {30000, 5}}, INDEX(5, 3)}, .d.ne = {30000, 3}),
	};

	CONF_RUN(cases);
}

#define SCATTER(of, ...)                                               \
	{                                                              \
		.fill = FILL_SCATTER, .arg = of, .ne = { __VA_ARGS__ } \
	}
#define SET_ROWS(...)                            \
	{                                        \
		.op = TERN_SET_ROWS, __VA_ARGS__ \
	}
#define WRITTEN (CONF_FLOATS | CONF_ENCODED)

static void set_rows(void)
{
	struct conf_case cases[] = {
		SET_ROWS(.s = {{.ne = {256, 5}}, SCATTER(40, 5)}, .d.ne = {256, 40},
			 .types = WRITTEN, .vary = RESULT),
		SET_ROWS(.s = {{.ne = {64, 17}}, SCATTER(33, 17)}, .d.ne = {64, 33},
			 .types = WRITTEN, .vary = RESULT),
		SET_ROWS(.s = {{.ne = {33, 1}}, SCATTER(40, 1)}, .d.ne = {33, 40},
			 .types = CONF_FLOATS, .vary = RESULT),
		/* the same rows in each head, rows of their own */
		SET_ROWS(.s = {{.ne = {64, 5, 4}}, SCATTER(20, 5)}, .d.ne = {64, 20, 4},
			 .types = WRITTEN, .vary = RESULT),
		SET_ROWS(.s = {{.ne = {64, 5, 4, 2}}, SCATTER(20, 5, 4)}, .d.ne = {64, 20, 4, 2},
			 .types = CONF_FLOATS, .vary = RESULT),
		SET_ROWS(.s = {{.ne = {64, 5, 4}, .layout = SWAP12}, SCATTER(20, 5)},
			 .d = {.ne = {64, 20, 4}, .layout = SWAP12}, .types = CONF_FLOATS,
			 .vary = RESULT),
		SET_ROWS(.s = {{.ne = {64, 5}, .layout = PADDED}, SCATTER(20, 5)},
			 .d = {.ne = {64, 20}, .layout = PADDED}, .types = WRITTEN, .vary = RESULT),
		SET_ROWS(.s = {{.type = TERN_F16, .ne = {64, 5}}, SCATTER(20, 5)}, .d.ne = {64, 20},
			 .types = WRITTEN, .vary = RESULT),
	};
	static const enum tern_dtype index[] = {TERN_I32, TERN_I64};

	for (size_t t = 0; t < CONF_COUNT(index); t++) {
		for (size_t i = 0; i < CONF_COUNT(cases); i++) {
			cases[i].s[1].type = index[t];
			conf_run_case(&cases[i]);
		}
	}
}

static void instruction_sets(void)
{
	static const struct conf_case cases[] = {
		COPY(.s[0].ne = {512, 5}, .d.ne = {512, 5}, .types = CONF_BLOCKS,
		     .devices = ON_FAST | ON_SIMD),
		COPY(.s[0].ne = {512, 5}, .d.ne = {512, 5}, .types = CONF_ENCODED, .vary = RESULT,
		     .devices = ON_FAST | ON_SIMD),
	};

	CONF_RUN(cases);
}

int main(void)
{
	static const struct conf_test tests[] = {
		{"convert floats", convert_floats},
		{"convert blocks", convert_blocks},
		{"quantise", quantise},
		{"convert integers", convert_integers},
		{"layouts", layouts},
		{"transposed blocks", transposed_blocks},
		{"reshape", reshape},
		{"concat", concat},
		{"repeat", repeat},
		{"get rows", get_rows},
		{"set rows", set_rows},
		{"instruction sets", instruction_sets},
	};

	return conf_main("move", tests, CONF_COUNT(tests));
}
