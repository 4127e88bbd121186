// SPDX-License-Identifier: MIT
/* The static check of micro-programs: each instruction in its place, each rule broken once. */
#include <check.h>
#include <stdlib.h>

#include "isa/codec.h"

#define N    TERN_NONE
#define S(n) (TERN_V_S0 + (n))
#define I    TERN_V_IMM
#define ONE  0x3f800000u
#define V(op, d, a, b, imm)                                                                       \
	((uint64_t)TERN_V_##op | (uint64_t)(d) << 8 | (uint64_t)(a) << 16 | (uint64_t)(b) << 24 | \
	 (uint64_t)(imm) << 32)

static int vcheck(const uint64_t *p, size_t n, size_t *bad)
{
	return tern_vector_check(p, n, 0x7 /* tiles 0..2 */, bad);
}

START_TEST(rms_norm_is_a_valid_program)
{
	const uint64_t p[] = {
		V(LANES, 0, 0, 0, 0),	    V(LD, 0, 0, 0, 0),	   V(MUL, 1, 0, 0, 0),
		V(RSUM, S(8), 1, 0, 0),	    V(ENDL, 0, 0, 0, 0),   V(FMA, S(9), S(8), S(0), S(1)),
		V(RSQRT, S(9), S(9), 0, 0), V(LANES, 0, 0, 0, 0),  V(LD, 0, 0, 0, 0),
		V(LD, 1, 1, 0, 0),	    V(MUL, 0, 0, S(9), 0), V(MUL, 0, 0, 1, 0),
		V(ST, 2, 0, 0, 0),	    V(ENDL, 0, 0, 0, 0),   V(STOP, 0, 0, 0, 0),
	};
	size_t bad = 99;

	ck_assert_int_eq(vcheck(p, 15, &bad), 0);
}
END_TEST

#define IN   V(LANES, 0, 0, 0, 0)
#define OUT  V(ENDL, 0, 0, 0, 0)
#define STOP V(STOP, 0, 0, 0, 0)
#define LD0  V(LD, 0, 0, 0, 0)

/* One use of every instruction, between LANES, LD v0 and ENDL unless it belongs outside. */
static const struct {
	uint64_t w;
	bool outside;
} uses[] = {
	{V(LD, 1, 1, 0, 0), false},	  {V(ST, 1, 0, 0, 0), false},
	{V(STQ, 1, 0, 0, 0), false},	  {V(LDS, S(4), 1, 0, 9), true},
	{V(STS, 1, S(4), 0, 9), true},	  {V(LDX, 1, 1, 0, 0), false},
	{V(LANE, 1, 0, 0, 0), false},	  {V(ROW, S(4), 0, 0, 3), true},
	{V(MOV, 1, I, 0, ONE), false},	  {V(MOV, S(1), I, 0, ONE), true},
	{V(ADD, 1, 0, I, ONE), false},	  {V(SUB, 1, I, 0, ONE), false},
	{V(MUL, 1, 0, S(3), 0), false},	  {V(DIV, 1, 0, 0, 0), false},
	{V(FMA, 1, 0, 0, S(31)), false},  {V(MIN, 1, 0, 0, 0), false},
	{V(MAX, 1, 0, 0, 0), false},	  {V(NEG, 1, 0, 0, 0), false},
	{V(ABS, 1, 0, 0, 0), false},	  {V(FLOOR, 1, 0, 0, 0), false},
	{V(CEIL, 1, 0, 0, 0), false},	  {V(RND, 1, 0, 0, 0), false},
	{V(TRUNC, 1, 0, 0, 0), false},	  {V(RNDA, 1, 0, 0, 0), false},
	{V(EXP, 1, 0, 0, 0), false},	  {V(LOG, 1, 0, 0, 0), false},
	{V(SIN, 1, 0, 0, 0), false},	  {V(COS, 1, 0, 0, 0), false},
	{V(TANH, 1, 0, 0, 0), false},	  {V(ERF, 1, 0, 0, 0), false},
	{V(SQRT, 1, 0, 0, 0), false},	  {V(RSQRT, S(1), S(1), 0, 0), true},
	{V(RCP, 1, 0, 0, 0), false},	  {V(LT, 1, 0, 0, 0), false},
	{V(LE, 1, 0, 0, 0), false},	  {V(EQ, 1, 0, 0, 0), false},
	{V(SEL, 1, 0, S(1), 0), false},	  {V(IADD, 1, 0, 0, 0), false},
	{V(ISUB, 1, 0, 0, 0), false},	  {V(IMUL, 1, 0, 0, 0), false},
	{V(IMIN, 1, 0, 0, 0), false},	  {V(IMAX, 1, 0, 0, 0), false},
	{V(ILT, 1, 0, 0, 0), false},	  {V(IEQ, 1, 0, 0, 0), false},
	{V(AND, 1, 0, 0, 0), false},	  {V(OR, 1, 0, 0, 0), false},
	{V(XOR, 1, 0, 0, 0), false},	  {V(SHL, 1, 0, I, 3), false},
	{V(SHR, 1, 0, I, 3), false},	  {V(SAR, 1, 0, I, 3), false},
	{V(I2F, 1, 0, 0, 0), false},	  {V(F2I, 1, 0, 0, 0), false},
	{V(RSUM, S(9), 0, 0, 0), false},  {V(RMAX, S(9), 0, 0, 0), false},
	{V(RMIN, S(9), 0, 0, 0), false},  {V(RAMAX, S(9), 0, 0, 0), false},
	{V(RISUM, S(9), 0, 0, 0), false}, {V(SHIFT, 1, 1, 0, 0xffffffffu), false},
	{V(SCAN, 1, 0, 0, 0), false},	  {V(CMPX, 1, N, 0, 0x10203), false},
	{V(PACK, 1, 0, 0, S(9)), false},
};
#define NUSES ((int)(sizeof(uses) / sizeof(uses[0])))

static size_t around(uint64_t w, bool outside, uint64_t p[5])
{
	size_t n = 0;

	if (!outside) {
		p[n++] = IN;
		p[n++] = LD0;
	}
	p[n++] = w;
	if (!outside)
		p[n++] = OUT;
	p[n++] = STOP;
	return n;
}

START_TEST(instruction_is_accepted_in_its_place_only)
{
	uint64_t p[5];
	size_t bad = 0, n = around(uses[_i].w, uses[_i].outside, p);

	ck_assert_msg(!vcheck(p, n, &bad), "%s at %zu", tern_vector_info(uses[_i].w & 0xff)->name,
		      bad);
	/* Neither V registers nor tiles may be named on the other side. */
	n = around(uses[_i].w, !uses[_i].outside, p);
	ck_assert_int_eq(vcheck(p, n, &bad), TERN_FAULT_VECTOR_PROGRAM);
	ck_assert_uint_eq(bad, uses[_i].outside ? 2 : 0);
}
END_TEST

START_TEST(instruction_round_trips)
{
	const uint64_t w = uses[_i].w;
	struct tern_vinstr in;

	tern_vinstr_decode(w, &in);
	ck_assert_ptr_nonnull(in.info);
	ck_assert_uint_eq(tern_vinstr(in.op, in.d, in.a, in.b, in.imm), w);
}
END_TEST

START_TEST(every_instruction_has_a_use)
{
	for (unsigned int op = 0; op < 256; op++) {
		bool found = op <= TERN_V_ENDL;

		for (int i = 0; i < NUSES; i++)
			found |= (uses[i].w & 0xff) == op;
		ck_assert_msg(found == !!tern_vector_info(op), "micro-op %#x", op);
	}
}
END_TEST

static const struct {
	const char *why;
	uint64_t p[6];
	unsigned int n, bad;
} vrefusals[] = {
	{"empty", {0}, 0, 0},
	{"no STOP", {IN, LD0, OUT}, 3, 3},
	{"STOP before the end", {STOP, STOP}, 2, 1},
	{"STOP inside LANES", {IN, STOP}, 2, 1},
	{"LANES inside LANES", {IN, IN, OUT, OUT, STOP}, 5, 1},
	{"ENDL alone", {OUT, STOP}, 2, 0},
	{"unknown instruction", {0x7f, STOP}, 2, 0},
	{"LANES over an absent tile", {V(LANES, 0, 0, 0, 3), OUT, STOP}, 3, 0},
	{"LANES over tile 8", {V(LANES, 0, 0, 0, 8), OUT, STOP}, 3, 0},
	{"LD of an absent tile", {IN, V(LD, 0, 7, 0, 0), OUT, STOP}, 4, 1},
	{"LD with immediate", {IN, V(LD, 0, 0, 0, 1), OUT, STOP}, 4, 1},
	{"LD with a second operand", {IN, V(LD, 0, 0, 1, 0), OUT, STOP}, 4, 1},
	{"LD into S", {IN, V(LD, S(0), 0, 0, 0), OUT, STOP}, 4, 1},
	{"ST to an absent tile", {IN, LD0, V(ST, 5, 0, 0, 0), OUT, STOP}, 5, 2},
	{"V read before write", {IN, LD0, V(ADD, 2, 0, 1, 0), OUT, STOP}, 5, 2},
	{"V of an earlier loop", {IN, LD0, OUT, IN, V(MOV, 1, 0, 0, 0), OUT}, 6, 4},
	{"V read outside", {IN, LD0, OUT, V(MOV, S(0), 0, 0, 0), STOP}, 5, 3},
	{"S written inside", {IN, LD0, V(MOV, S(0), 0, 0, 0), OUT, STOP}, 5, 2},
	{"V written outside", {V(MOV, 0, S(0), 0, 0), STOP}, 2, 0},
	{"reduction read inside",
	 {IN, LD0, V(RSUM, S(9), 0, 0, 0), V(MUL, 1, 0, S(9), 0), OUT},
	 5,
	 3},
	{"reduction read before", {IN, V(MOV, 0, S(9), 0, 0), V(RSUM, S(9), 0, 0, 0), OUT}, 4, 1},
	{"two reductions into one",
	 {IN, LD0, V(RSUM, S(9), 0, 0, 0), V(RMAX, S(9), 0, 0, 0), OUT},
	 5,
	 0},
	{"reduction into V", {IN, LD0, V(RSUM, 1, 0, 0, 0), OUT, STOP}, 5, 2},
	{"operand 65", {V(MOV, S(0), 65, 0, 0), STOP}, 2, 0},
	{"immediate nobody names", {V(MOV, S(0), S(1), 0, 1), STOP}, 2, 0},
	{"FMA with immediate", {V(FMA, S(0), I, S(1), S(2)), STOP}, 2, 0},
	{"FMA third operand 64", {V(FMA, S(0), S(0), S(1), 64), STOP}, 2, 0},
	{"FMA reserved bits", {V(FMA, S(0), S(0), S(1), 0x100 | S(2)), STOP}, 2, 0},
	{"FMA third V outside", {V(FMA, S(0), S(0), S(1), 0), STOP}, 2, 0},
	{"ROW of dimension 0", {V(ROW, S(0), 0, 0, 0), STOP}, 2, 0},
	{"ROW of dimension 4", {V(ROW, S(0), 0, 0, 4), STOP}, 2, 0},
	{"PACK count in V", {IN, LD0, V(PACK, 1, 0, 0, 3), OUT, STOP}, 5, 2},
	{"CMPX reserved step bits", {IN, V(CMPX, 1, N, 0, 0x20), OUT, STOP}, 4, 1},
	{"A1 with a second operand", {V(MOV, S(0), S(1), 1, 0), STOP}, 2, 0},
};
#define NVREFUSALS ((int)(sizeof(vrefusals) / sizeof(vrefusals[0])))

START_TEST(malformed_program_is_refused)
{
	size_t bad = 99;
	int err = vcheck(vrefusals[_i].p, vrefusals[_i].n, &bad);

	ck_assert_msg(err == TERN_FAULT_VECTOR_PROGRAM && bad == vrefusals[_i].bad, "%s: %s at %zu",
		      vrefusals[_i].why, tern_fault_name((unsigned int)err), bad);
}
END_TEST

START_TEST(program_of_257_instructions_is_refused)
{
	uint64_t p[257];

	for (int i = 0; i < 257; i++)
		p[i] = i == 256 ? STOP : V(MOV, S(0), S(1), 0, 0);
	ck_assert_int_eq(vcheck(p, 257, NULL), TERN_FAULT_VECTOR_PROGRAM);
	ck_assert_int_eq(vcheck(p + 1, 256, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("isa_vector");
	TCase *t = tcase_create("micro-programs");
	SRunner *r;
	int failed;

	tcase_add_test(t, rms_norm_is_a_valid_program);
	tcase_add_loop_test(t, instruction_is_accepted_in_its_place_only, 0, NUSES);
	tcase_add_loop_test(t, instruction_round_trips, 0, NUSES);
	tcase_add_test(t, every_instruction_has_a_use);
	tcase_add_loop_test(t, malformed_program_is_refused, 0, NVREFUSALS);
	tcase_add_test(t, program_of_257_instructions_is_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
