// SPDX-License-Identifier: MIT
/* VECTOR micro-programs: every instruction set against the reference interpreter. */
#include "vector_ref.h"

enum { TILES = TERN_VECTOR_TILES, ARENA = 1 << 18 };

/* ---- random programs -------------------------------------------------------------- */
/* Tiles 0 read and written in place, 1 2 3 read, 4 5 6 written. */
static unsigned char initial[ARENA * TILES], expected[ARENA * TILES], actual[ARENA * TILES];

static void random_tile(struct tern_vtile *t, unsigned int index, const int64_t *domain)
{
	static const uint8_t types[] = {TERN_T_F32, TERN_T_F16, TERN_T_BF16, TERN_T_I8,
					TERN_T_I16, TERN_T_I32, TERN_T_I64,  TERN_T_F32};
	static const uint8_t bytes[] = {4, 2, 2, 1, 2, 4, 8, 4};
	const unsigned int type = index == 0 ? 0 : below(8);
	const bool narrow = index >= 1 && index <= 3;
	int64_t stride = bytes[type] * (below(2) ? 1 : 1 + below(3));

	*t = (struct tern_vtile){.type = types[type], .present = true};
	for (int d = 0; d < 4; d++) {
		t->size[d] = narrow && below(4) == 0 ? 1 : domain[d];
		t->stride[d] = stride;
		stride *= t->size[d];
		stride += below(2) ? 0 : bytes[type] * below(5);
	}
	ck_assert(stride <= ARENA);
}

static unsigned int random_operand(uint32_t written, bool imm)
{
	const unsigned int v = below(6), kind = below(8);

	if (kind == 0 && imm)
		return TERN_V_IMM;
	if (kind <= 1 || !written)
		return 32 + below(8);
	return written >> v & 1 ? v : (unsigned int)__builtin_ctz(written);
}

static uint64_t random_alu(uint32_t *written, bool inside)
{
	const struct tern_vector_info *info;
	unsigned int d = inside ? below(6) : 40 + below(6), a, b = 0;
	uint32_t imm = 0;

	do
		info = tern_vector_info(TERN_V_MOV + below(TERN_V_F2I + 1 - TERN_V_MOV));
	while (!info || (info->form != TERN_FORM_A1 && info->form != TERN_FORM_A2 &&
			 info->form != TERN_FORM_A3));
	a = random_operand(*written, info->form != TERN_FORM_A3);
	if (info->form != TERN_FORM_A1)
		b = random_operand(*written, info->form != TERN_FORM_A3);
	if (info->form == TERN_FORM_A3)
		imm = random_operand(*written, false);
	else if (a == TERN_V_IMM || b == TERN_V_IMM)
		imm = random_word();
	if (inside)
		*written |= 1u << d;
	return tern_vinstr(info->op, d, a, b, imm);
}

static size_t random_loop(uint64_t *p, unsigned int reductions)
{
	uint32_t written = 0;
	size_t n = 0;

	p[n++] = tern_vinstr(TERN_V_LANES, 0, 0, 0, 0);
	for (unsigned int t = 0; t < 4; t++, written |= 1u << (t - 1))
		p[n++] = tern_vinstr(TERN_V_LD, t, t, 0, 0);
	if (below(2)) {
		p[n++] = tern_vinstr(TERN_V_LANE, 4, 0, 0, 0);
		p[n++] = tern_vinstr(TERN_V_SHIFT, 5, 1, 0, below(7) - 3);
		p[n++] = tern_vinstr(TERN_V_SCAN, 5, 5, 0, 0);
		written |= 0x30;
	}
	for (unsigned int i = below(12); i; i--)
		p[n++] = random_alu(&written, true);
	for (unsigned int i = 0; i < 5 && reductions; i++)
		p[n++] = tern_vinstr(TERN_V_RSUM + i, 40 + i, below(4), 0, 0);
	for (unsigned int t = 4; t < 7; t++) {
		p[n++] = random_alu(&written, true);
		p[n++] = tern_vinstr(TERN_V_ST, t, random_operand(written, false), 0, 0);
	}
	p[n++] = tern_vinstr(TERN_V_ADD, 1, 0, 1, 0);
	p[n++] = tern_vinstr(TERN_V_ST, 0, below(2), 0, 0);
	p[n++] = tern_vinstr(TERN_V_ENDL, 0, 0, 0, 0);
	return n;
}

static size_t random_program(uint64_t *p)
{
	uint32_t none = 0;
	size_t n = 0;

	p[n++] = tern_vinstr(TERN_V_ROW, 33, 0, 0, 1 + below(3));
	p[n++] = tern_vinstr(TERN_V_LDS, 34, 1, 0, 0);
	n += random_loop(p + n, 1);
	for (int i = 0; i < 6; i++)
		p[n++] = random_alu(&none, false);
	p[n++] = tern_vinstr(TERN_V_STS, 6, 40 + below(6), 0, 0);
	p[n++] = tern_vinstr(TERN_V_MOV, 32 + below(8), 40 + below(6), 0, 0);
	n += random_loop(p + n, 0);
	p[n++] = tern_vinstr(TERN_V_STOP, 0, 0, 0, 0);
	return n;
}

static void check_same(const char *what, const char *level)
{
	size_t i = 0;

	if (!memcmp(actual, expected, sizeof(actual)))
		return;
	while (actual[i] == expected[i])
		i++;
	ck_abort_msg("%s: %s: tile %zu byte %zu: %02x, not %02x", what, level, i / ARENA, i % ARENA,
		     actual[i], expected[i]);
}

static void run_all(struct tern_vrun *run, const char *what)
{
	static struct ref r;
	uint64_t bad;

	memcpy(expected, initial, sizeof(initial));
	for (int t = 0; t < TILES; t++)
		run->t[t].base = expected + t * ARENA;
	r.run = run;
	for (int64_t row = run->row0; row < run->row1; row++)
		ref_row(&r, row);
	for (size_t l = 0; l < level_count(); l++) {
		memcpy(actual, initial, sizeof(initial));
		for (int t = 0; t < TILES; t++)
			run->t[t].base = actual + t * ARENA;
		ck_assert_int_eq(levels[l].run(run, &bad), 0);
		check_same(what, levels[l].name);
	}
}

static void fill_initial(void)
{
	for (size_t i = 0; i < sizeof(initial); i += 4) {
		const uint32_t w = random_word();

		memcpy(initial + i, &w, 4);
	}
}

START_TEST(random_programs)
{
	static const int64_t lengths[] = {1, 15, 16, 17, 31, 32, 64, 100, 513, 1000};
	const int64_t length = lengths[_i % 10];
	const bool brief = length <= 100;
	int64_t domain[4] = {length, 1 + below(brief ? 9 : 3), 1 + below(2), brief ? 2 : 1};
	struct tern_vrun run = {.row0 = 0};
	uint64_t prog[128];
	char what[64];
	size_t at;

	rng_state += (uint64_t)_i * 0x9e3779b97f4a7c15ull;
	fill_initial();
	for (int round = 0; round < 6; round++) {
		run.prog = prog;
		run.n = random_program(prog);
		for (unsigned int t = 0; t < 7; t++)
			random_tile(&run.t[t], t, domain);
		for (int s = 0; s < 8; s++)
			run.s[s] = random_word();
		run.row1 = domain[1] * domain[2] * domain[3];
		run.row0 = below((uint32_t)run.row1);
		ck_assert_int_eq(tern_vector_check(prog, run.n, 0x7f, &at), 0);
		snprintf(what, sizeof(what), "seed %d round %d length %d", _i, round, (int)length);
		run_all(&run, what);
	}
}
END_TEST

/* ---- single instructions ------------------------------------------------------------ */
enum { F32_ROWS = 3 };

/* Three rows of `length` adjacent f32 in each of the tiles. */
static struct tern_vrun plain_run(const uint64_t *prog, size_t n, int64_t length)
{
	struct tern_vrun run = {.prog = prog, .n = n, .row1 = F32_ROWS};

	for (int t = 0; t < 7; t++)
		run.t[t] = (struct tern_vtile){
			.base = actual + t * ARENA,
			.size = {length, F32_ROWS, 1, 1},
			.stride = {4, 4 * length, 0, 0},
			.type = TERN_T_F32,
			.present = true,
		};
	return run;
}

static float *f32_of(unsigned int t)
{
	return (float *)(void *)(actual + t * ARENA);
}

static int32_t *i32_of(unsigned int t)
{
	return (int32_t *)(void *)(actual + t * ARENA);
}

#define I(name, d, a, b, imm) tern_vinstr(TERN_V_##name, d, a, b, (uint32_t)(imm))
#define LOOP(...)	      I(LANES, 0, 0, 0, 0), __VA_ARGS__, I(ENDL, 0, 0, 0, 0), I(STOP, 0, 0, 0, 0)
#define COUNT(x)	      (sizeof(x) / sizeof((x)[0]))

START_TEST(gather_follows_the_indices)
{
	const uint64_t prog[] = {LOOP(I(LD, 0, 1, 0, 0), I(LDX, 1, 0, 0, 0), I(ST, 2, 1, 0, 0))};
	struct tern_vrun run = plain_run(prog, COUNT(prog), 1000);
	uint64_t bad;

	fill_initial();
	memcpy(actual, initial, sizeof(actual));
	for (int i = 0; i < 3000; i++)
		i32_of(1)[i] = (int32_t)below(1000);
	ck_assert_int_eq(levels[_i].run(&run, &bad), 0);
	for (int i = 0; i < 3000; i++)
		ck_assert_int_eq(i32_of(2)[i], i32_of(0)[i / 1000 * 1000 + i32_of(1)[i]]);
	i32_of(1)[2999] = 1000;
	i32_of(1)[1500] = -7;
	ck_assert_int_eq(levels[_i].run(&run, &bad), TERN_FAULT_INDEX);
	ck_assert_int_eq((int64_t)bad, -7);
}
END_TEST

START_TEST(pack_appends_in_order_and_counts)
{
	const uint64_t prog[] = {I(LANES, 0, 0, 0, 0),	   I(LD, 0, 0, 0, 0),	I(LD, 1, 1, 0, 0),
				 I(PACK, 2, 0, 1, 32 + 0), I(ENDL, 0, 0, 0, 0), I(STS, 3, 32, 0, 0),
				 I(STOP, 0, 0, 0, 0)};
	struct tern_vrun run = plain_run(prog, COUNT(prog), 700);
	uint64_t bad;

	run.s[0] = 2; /* two are there already */
	for (int i = 0; i < 2100; i++) {
		i32_of(0)[i] = i;
		i32_of(1)[i] = i % 3 == 1;
		i32_of(2)[i] = -1;
	}
	ck_assert_int_eq(levels[_i].run(&run, &bad), 0);
	for (int row = 0; row < 3; row++) {
		int n = 2;

		for (int i = row * 700; i < row * 700 + 700; i++)
			if (i % 3 == 1)
				ck_assert_int_eq(i32_of(2)[row * 700 + n++], i);
		ck_assert_int_eq(i32_of(3)[row * 700], n);
		ck_assert_int_eq(i32_of(2)[row * 700 + 1], -1);
	}
	run.s[0] = 699;
	ck_assert_int_eq(levels[_i].run(&run, &bad), TERN_FAULT_INDEX);
	ck_assert_uint_eq(bad, 700);
}
END_TEST

/* All steps for 2048 keys, each in a loop of its own; tile 1 carries where keys came from. */
START_TEST(compare_exchange_sorts)
{
	uint64_t prog[3 * 66 + 1], bad;
	static float before[3 * 2048];
	struct tern_vrun run;
	size_t n = 0;

	for (unsigned int k = 1; k <= 11; k++)
		for (unsigned int j = k; j-- > 0;) {
			prog[n++] = I(LANES, 0, 0, 0, 0);
			prog[n++] = I(CMPX, 0, 1, 0, k << 8 | j);
			prog[n++] = I(ENDL, 0, 0, 0, 0);
		}
	prog[n++] = I(STOP, 0, 0, 0, 0);
	run = plain_run(prog, n, 2048);
	run.t[1].type = TERN_T_I32;
	for (int i = 0; i < 3 * 2048; i++) {
		before[i] = f32_of(0)[i] = (float)below(5000) - 2500;
		i32_of(1)[i] = i;
	}
	ck_assert_int_eq(levels[_i].run(&run, &bad), 0);
	for (int i = 0; i < 3 * 2048; i++) {
		ck_assert(i % 2048 == 0 || f32_of(0)[i - 1] >= f32_of(0)[i]);
		ck_assert(before[i32_of(1)[i]] == f32_of(0)[i]);
	}
}
END_TEST

START_TEST(ascending_steps_reverse_the_order)
{
	const uint64_t prog[] = {LOOP(I(CMPX, 0, TERN_NONE, 0, 1 << 16 | 1 << 8))};
	struct tern_vrun run = plain_run(prog, COUNT(prog), 3);
	uint64_t bad;

	memcpy(f32_of(0), (float[]){2, 1, 9, 1, 2, 9, 5, NAN, 9}, 36);
	ck_assert_int_eq(levels[_i].run(&run, &bad), 0);
	ck_assert(f32_of(0)[0] == 1 && f32_of(0)[1] == 2 && f32_of(0)[2] == 9); /* no partner */
	ck_assert(f32_of(0)[3] == 1 && f32_of(0)[4] == 2);
	ck_assert(f32_of(0)[6] == 5 && isnan(f32_of(0)[7])); /* a NaN stays where it is */
}
END_TEST

START_TEST(rows_are_quantised_with_their_last_group_padded)
{
	const uint64_t prog[] = {LOOP(I(LD, 0, 0, 0, 0), I(STQ, 4, 0, 0, 0))};
	static const int64_t lengths[] = {1, 31, 64, 100, 1000};

	for (size_t k = 0; k < COUNT(lengths); k++) {
		const int64_t n = lengths[k], bytes = (n + 31) / 32 * 40;
		struct tern_vrun run = plain_run(prog, COUNT(prog), n);
		unsigned char want[40 * 33];
		uint64_t bad;

		run.t[4].type = TERN_T_ACT;
		run.t[4].stride[0] = 0;
		run.t[4].stride[1] = bytes;
		for (int i = 0; i < 3 * n; i++)
			f32_of(0)[i] = (float)below(2000) - 1000;
		ck_assert_int_eq(levels[_i].run(&run, &bad), 0);
		for (int row = 0; row < 3; row++) {
			levels[0].quantise(f32_of(0) + row * n, want, n);
			ck_assert_mem_eq(actual + 4 * ARENA + row * bytes, want, (size_t)bytes);
		}
	}
}
END_TEST

START_TEST(reductions_of_nothing_and_of_nans)
{
	const uint64_t prog[] = {I(LANES, 0, 0, 0, 0),	I(LD, 0, 0, 0, 0),    I(RSUM, 40, 0, 0, 0),
				 I(RMAX, 41, 0, 0, 0),	I(RMIN, 42, 0, 0, 0), I(RAMAX, 43, 0, 0, 0),
				 I(RISUM, 44, 0, 0, 0), I(ENDL, 0, 0, 0, 0),  I(STS, 1, 40, 0, 0),
				 I(STS, 2, 41, 0, 0),	I(STS, 3, 42, 0, 0),  I(STS, 4, 43, 0, 0),
				 I(STOP, 0, 0, 0, 0)};
	struct tern_vrun run = plain_run(prog, COUNT(prog), 20);
	uint64_t bad;

	for (int length = 0; length <= 20; length += 20) {
		run.t[0].size[0] = length;
		for (int i = 0; i < 60; i++)
			f32_of(0)[i] = -NAN;
		ck_assert_int_eq(levels[_i].run(&run, &bad), 0);
		ck_assert_uint_eq(tern_f32_bits(f32_of(1)[0]), length ? 0x7fc00000 : 0);
		ck_assert(f32_of(2)[20] == -INFINITY && f32_of(3)[20] == INFINITY);
		ck_assert_int_eq(i32_of(4)[20], 0);
	}
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------ */
static int refused(const struct tern_vrun *run)
{
	uint64_t bad;

	return levels[0].run(run, &bad);
}

START_TEST(what_does_not_fit_is_refused)
{
	const uint64_t copy[] = {LOOP(I(LD, 0, 1, 0, 0), I(ST, 2, 0, 0, 0))};
	const uint64_t element[] = {I(LDS, 33, 1, 0, 8), I(STOP, 0, 0, 0, 0)};
	const uint64_t open[] = {I(LANES, 0, 0, 0, 0), I(LD, 0, 0, 0, 0)};
	const uint64_t unset[] = {LOOP(I(ST, 2, 5, 0, 0))};
	const uint64_t unknown[] = {I(STOP, 0, 0, 0, 0) | 0x7f};
	struct tern_vrun run = plain_run(copy, COUNT(copy), 8);
	uint64_t bad;

	ck_assert_int_eq(refused(&run), 0);
	run.t[1].size[0] = 7;
	ck_assert_int_eq(refused(&run), TERN_FAULT_SHAPE);
	run.t[1].size[0] = 1; /* broadcast */
	ck_assert_int_eq(refused(&run), 0);
	run.t[2].size[0] = 1;
	ck_assert_int_eq(refused(&run), TERN_FAULT_SHAPE);
	run.t[2].size[0] = 8;
	run.t[1].size[1] = 2;
	ck_assert_int_eq(refused(&run), TERN_FAULT_SHAPE);
	run.t[1].size[1] = 3;
	run.t[1].type = TERN_T_Q8_0;
	ck_assert_int_eq(refused(&run), TERN_FAULT_TYPE);
	run.t[1].present = false;
	ck_assert_int_eq(refused(&run), TERN_FAULT_VECTOR_PROGRAM);
	run = plain_run(element, COUNT(element), 8);
	ck_assert_int_eq(levels[0].run(&run, &bad), TERN_FAULT_INDEX);
	ck_assert_uint_eq(bad, 8);
	run = plain_run(open, COUNT(open), 8);
	ck_assert_int_eq(refused(&run), TERN_FAULT_VECTOR_PROGRAM);
	run = plain_run(unset, COUNT(unset), 8);
	ck_assert_int_eq(refused(&run), TERN_FAULT_VECTOR_PROGRAM);
	run = plain_run(unknown, COUNT(unknown), 8);
	ck_assert_int_eq(refused(&run), TERN_FAULT_VECTOR_PROGRAM);
}
END_TEST

/* Words that no check has seen: a fault or a result, never a wild access. */
START_TEST(random_words_do_no_harm)
{
	uint64_t prog[24], bad;

	rng_state += (uint64_t)_i * 0x9e3779b97f4a7c15ull;
	for (int round = 0; round < 2000; round++) {
		struct tern_vrun run = plain_run(prog, COUNT(prog), 1 + below(70));

		for (size_t i = 0; i < COUNT(prog); i++)
			prog[i] = tern_vinstr(below(10) ? 8 + below(0x60) : below(4), below(70),
					      below(70), below(70), below(3) ? below(8) : rnd());
		prog[0] = I(LANES, 0, 0, 0, 0);
		levels[_i].run(&run, &bad);
	}
}
END_TEST

int main(void)
{
	const int n = (int)level_count();
	Suite *s = suite_create("simd_vector");
	TCase *t = tcase_create("programs");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, random_programs, 0, 100);
	tcase_add_loop_test(t, gather_follows_the_indices, 0, n);
	tcase_add_loop_test(t, pack_appends_in_order_and_counts, 0, n);
	tcase_add_loop_test(t, compare_exchange_sorts, 0, n);
	tcase_add_loop_test(t, ascending_steps_reverse_the_order, 0, n);
	tcase_add_loop_test(t, rows_are_quantised_with_their_last_group_padded, 0, n);
	tcase_add_loop_test(t, reductions_of_nothing_and_of_nans, 0, n);
	tcase_add_test(t, what_does_not_fit_is_refused);
	tcase_add_loop_test(t, random_words_do_no_harm, 0, n);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
