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

int main(void)
{
	Suite *s = suite_create("simd_vector");
	TCase *t = tcase_create("programs");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, random_programs, 0, 100);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
