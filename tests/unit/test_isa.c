// SPDX-License-Identifier: MIT
/* The codec: what one side writes the other reads, what breaks a rule is refused, and
 * nothing that bytes can say makes it read out of bounds. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "isa_image.h"

/* ---- helpers ------------------------------------------------------------------- */
static struct tern_cmd decoded(const struct tern_code *c, size_t at)
{
	struct tern_cmd out;
	int err = tern_cmd_decode(c->w + at, c->n - at, &out);

	ck_assert_msg(!err, "word %zu: %s", at, tern_fault_name((unsigned int)err));
	return out;
}

static int decode_words(const uint64_t *w, size_t n)
{
	struct tern_cmd out;

	return tern_cmd_decode(w, n, &out);
}

#define HEAD(op, words, flags, a, b, c, d)                                                         \
	((uint64_t)(op) | (uint64_t)(words) << 8 | (uint64_t)(flags) << 16 | (uint64_t)(a) << 32 | \
	 (uint64_t)(b) << 40 | (uint64_t)(c) << 48 | (uint64_t)(d) << 56)
#define N TERN_NONE

/* One valid command per row of the table, written out by hand after isa.h's text. */
static const struct sample {
	unsigned int op, words, flags, a, b, c, d;
	uint64_t w[4];
	const char *text; /* part of the disassembly */
} samples[] = {
	{TERN_OP_NOP, 1, 0, 0, 0, 0, 0, {0}, "nop"},
	{TERN_OP_END, 1, 0, 0, 0, 0, 0, {0}, "end"},
	{TERN_OP_MOVI, 2, 0, 63, 0, 0, 0, {(uint64_t)-5}, "movi     r63 -5"},
	{TERN_OP_ALU, 1, TERN_ALU_SUB, 1, 2, 3, 0, {0}, "sub      r1 r2 r3"},
	{TERN_OP_ALU, 2, 0x8000 | TERN_ALU_CDIV, 1, 2, N, 0, {32}, "cdiv     r1 r2 32"},
	{TERN_OP_BR, 2, TERN_COND_LT, 1, 2, 0, 0, {0}, "br.lt    r1 r2 L"},
	{TERN_OP_BR, 3, 0x8000 | TERN_COND_GE, 1, N, 0, 0, {0, 9}, "br.ge    r1 9 L"},
	{TERN_OP_LOOP, 2, 0, 7, 0, 0, 0, {0}, "loop     r7 L"},
	{TERN_OP_CALL, 2, 0, 0, 0, 0, 0, {36}, "call     L36"},
	{TERN_OP_RET, 1, 0, 0, 0, 0, 0, {0}, "ret"},
	{TERN_OP_LDR, 2, 2 | TERN_LDR_SIGNED, 8, 0, 4, 0, {16}, "ldr.s32  r8..r11 [r0+16]"},
	{TERN_OP_LDR, 2, 3 | TERN_LDR_SPM, 8, N, 1, 0, {64}, "ldr.u64  r8 spm [0x40]"},
	{TERN_OP_SYNC, 2, 0, TERN_Q_CP, 0, 0, 0, {0}, "sync     CP"},
	{TERN_OP_FENCE, 3, 1, 4, 0, 0, 0, {8, 77}, "fence    [r4+8] value=77 irq"},
	{TERN_OP_STAMP, 2, 0, 4, 0, 0, 0, {(uint64_t)-8}, "stamp    [r4-8]"},
	{TERN_OP_YIELD, 1, 0, 0, 0, 0, 0, {0}, "yield"},
	{TERN_OP_TILE,
	 4,
	 0x405,
	 31,
	 0x01,
	 0,
	 0,
	 {9, 64, 0x101},
	 "tile     t31 addr=r9 size0=64 type=spm.F16"},
	{TERN_OP_RING, 4, 0, 5, 0, 0, 0, {64, 0, 512}, "ring     r5 step=64 base=0 end=512"},
	{TERN_OP_TRAP, 2, 0, 0, 0, 0, 0, {3}, "trap     3"},
	{TERN_OP_MARK, 2, 0, 0, 0, 0, 0, {12}, "mark     12"},
	{TERN_OP_LOAD, 2, 0, 1, 2, N, 0, {0}, "load0    t1 t2"},
	{TERN_OP_LOAD,
	 5,
	 7,
	 1,
	 2,
	 3,
	 0,
	 {0, 0xff03ffff, 0, 0},
	 "load1    t1 t2 rows=t3 origin=-,-,r3,-"},
	{TERN_OP_STORE, 2, 2, 1, 2, 3, 0, {0}, "store    t1 t2 rows=t3"},
	{TERN_OP_STORE, 5, 4, 1, 2, N, 0, {0, 0xff030201, 0, 0}, "origin=r1,r2,r3,-"},
	{TERN_OP_MATRIX, 2, 3, 1, 2, 3, 0, {0}, "matrix   t1 t2 out=t3 acc"},
	{TERN_OP_MATRIX, 2, 4, 1, 2, N, 0, {0}, "matrix   t1 t2 out=- kn"},
	{TERN_OP_VECTOR, 5, 0, 1, N, N, N, {0, 0x1ffffffffull, 0, ~0ull}, "vector   V"},
};
#define NSAMPLES ((int)(sizeof(samples) / sizeof(samples[0])))

static void sample_words(const struct sample *s, uint64_t w[TERN_CMD_MAX_WORDS])
{
	memset(w, 0, TERN_CMD_MAX_WORDS * sizeof(*w));
	w[0] = HEAD(s->op, s->words, s->flags, s->a, s->b, s->c, s->d);
	memcpy(w + 1, s->w, sizeof(s->w));
}

/* ---- tables ---------------------------------------------------------------------- */
START_TEST(every_row_has_a_sample)
{
	for (unsigned int op = 0; op < 256; op++) {
		bool found = false;

		for (int i = 0; i < NSAMPLES; i++)
			found |= samples[i].op == op;
		ck_assert_msg(found == !!tern_cmd_info(op), "opcode %#x", op);
	}
}
END_TEST

START_TEST(types_have_the_sizes_of_their_blocks)
{
	/* scale and quants added up by hand from ggml's block structs */
	ck_assert_uint_eq(tern_type_info(TERN_T_Q4_0)->bytes, 2 + 16);
	ck_assert_uint_eq(tern_type_info(TERN_T_Q5_1)->bytes, 2 + 2 + 4 + 16);
	ck_assert_uint_eq(tern_type_info(TERN_T_Q2_K)->bytes, 16 + 64 + 2 + 2);
	ck_assert_uint_eq(tern_type_info(TERN_T_Q3_K)->bytes, 32 + 64 + 12 + 2);
	ck_assert_uint_eq(tern_type_info(TERN_T_Q4_K)->bytes, 2 + 2 + 12 + 128);
	ck_assert_uint_eq(tern_type_info(TERN_T_Q5_K)->bytes, 2 + 2 + 12 + 32 + 128);
	ck_assert_uint_eq(tern_type_info(TERN_T_Q6_K)->bytes, 128 + 64 + 16 + 2);
	ck_assert_ptr_null(tern_type_info(4));
	ck_assert_ptr_null(tern_type_info(TERN_T_COUNT));
}
END_TEST

START_TEST(operand_type_follows_group_and_minimum)
{
	ck_assert_uint_eq(tern_type_operand(TERN_T_Q4_0), TERN_T_OP32);
	ck_assert_uint_eq(tern_type_operand(TERN_T_Q4_K), TERN_T_OP32M);
	ck_assert_uint_eq(tern_type_operand(TERN_T_Q6_K), TERN_T_OP16);
	ck_assert_uint_eq(tern_type_operand(TERN_T_Q2_K), TERN_T_OP16M);
	ck_assert_uint_eq(tern_type_operand(TERN_T_F16), TERN_T_COUNT);
	ck_assert_uint_eq(tern_type_operand(TERN_T_IQ1_S), TERN_T_COUNT);
	ck_assert_uint_eq(tern_type_operand(1000), TERN_T_COUNT);
}
END_TEST

START_TEST(row_bytes_round_up_and_saturate)
{
	ck_assert_uint_eq(tern_type_row_bytes(TERN_T_Q4_0, 33), 36);
	ck_assert_uint_eq(tern_type_row_bytes(TERN_T_F16, 3), 6);
	ck_assert_uint_eq(tern_type_row_bytes(TERN_T_ACT, 1), 40);
	ck_assert_uint_eq(tern_type_row_bytes(4, 100), 0);
	ck_assert_uint_eq(tern_type_row_bytes(TERN_T_I64, UINT64_MAX / 2), UINT64_MAX);
}
END_TEST

START_TEST(names_of_unknown_codes_are_harmless)
{
	ck_assert_str_eq(tern_fault_name(TERN_FAULT_DEADLOCK), "DEADLOCK");
	ck_assert_uint_eq(tern_fault_class_of(TERN_FAULT_RACE), TERN_CLASS_UNDEFINED);
	ck_assert_str_eq(tern_fault_name(20), "?");
	ck_assert_ptr_nonnull(tern_fault_text(9999));
	ck_assert_str_eq(tern_queue_name(6), "?");
	ck_assert_str_eq(tern_class_name(99), "?");
	ck_assert_str_eq(tern_alu_name(99), "?");
	ck_assert_str_eq(tern_cond_name(99), "?");
}
END_TEST

/* ---- commands ---------------------------------------------------------------------- */
START_TEST(sample_decodes_to_its_fields)
{
	const struct sample *s = &samples[_i];
	uint64_t w[TERN_CMD_MAX_WORDS];
	struct tern_cmd c;

	sample_words(s, w);
	ck_assert_int_eq(tern_cmd_decode(w, s->words, &c), 0);
	ck_assert_uint_eq(c.op, s->op);
	ck_assert_uint_eq(c.words, s->words);
	ck_assert_uint_eq(c.flags, s->flags);
	ck_assert_uint_eq(c.a, s->a);
	ck_assert_uint_eq(c.b, s->b);
	ck_assert_uint_eq(c.c, s->c);
	ck_assert_uint_eq(c.d, s->d);
	ck_assert_mem_eq(c.w, w, s->words * sizeof(*w));
}
END_TEST

START_TEST(sample_cut_short_is_a_fetch_fault)
{
	const struct sample *s = &samples[_i];
	uint64_t w[TERN_CMD_MAX_WORDS];

	sample_words(s, w);
	for (size_t n = 0; n < s->words; n++)
		ck_assert_int_eq(decode_words(w, n), TERN_FAULT_FETCH);
}
END_TEST

START_TEST(sample_with_wrong_length_is_illegal)
{
	const struct sample *s = &samples[_i];
	uint64_t w[TERN_CMD_MAX_WORDS];

	sample_words(s, w);
	for (unsigned int n = 0; n < 256; n++) {
		w[0] = (w[0] & ~0xff00ull) | (uint64_t)n << 8;
		if (n != s->words)
			ck_assert_int_eq(decode_words(w, 12), TERN_FAULT_ILLEGAL);
	}
}
END_TEST

/* Every header bit that the row does not define: flags outside the mask, fields of kind Z. */
START_TEST(sample_with_reserved_bit_is_illegal)
{
	const struct sample *s = &samples[_i];
	const struct tern_cmd_info *info = tern_cmd_info(s->op);
	uint64_t w[TERN_CMD_MAX_WORDS], reserved;

	sample_words(s, w);
	reserved = (uint64_t)(uint16_t)~info->flags << 16;
	for (unsigned int i = 0; i < 4; i++) {
		if (info->kind[i] == TERN_FIELD_Z)
			reserved |= 0xffull << (32 + 8 * i);
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t x[TERN_CMD_MAX_WORDS];

		if (!(reserved >> bit & 1))
			continue;
		memcpy(x, w, sizeof(x));
		x[0] ^= 1ull << bit;
		ck_assert_msg(decode_words(x, 12) == TERN_FAULT_ILLEGAL, "%s bit %u", info->name,
			      bit);
	}
}
END_TEST

START_TEST(sample_with_number_out_of_range_is_illegal)
{
	const struct sample *s = &samples[_i];
	const struct tern_cmd_info *info = tern_cmd_info(s->op);
	uint64_t w[TERN_CMD_MAX_WORDS];

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int kind = info->kind[i];
		unsigned int limit = kind == TERN_FIELD_T || kind == TERN_FIELD_TN ? 32 : 64;

		if (kind == TERN_FIELD_Z || kind == TERN_FIELD_N)
			continue;
		for (unsigned int v = limit; v < 255; v++) {
			sample_words(s, w);
			w[0] &= ~(0xffull << (32 + 8 * i));
			w[0] |= (uint64_t)v << (32 + 8 * i);
			ck_assert_int_eq(decode_words(w, 12), TERN_FAULT_ILLEGAL);
		}
	}
}
END_TEST

START_TEST(sync_word_reserved_byte_is_illegal)
{
	const struct sample *s = &samples[_i];
	const struct tern_cmd_info *info = tern_cmd_info(s->op);
	uint64_t w[TERN_CMD_MAX_WORDS];

	if (info->queue == TERN_Q_CP && s->op != TERN_OP_SYNC)
		return;
	for (unsigned int bit = 56; bit < 64; bit++) {
		sample_words(s, w);
		w[1] = 1ull << bit;
		ck_assert_int_eq(decode_words(w, 12), TERN_FAULT_ILLEGAL);
	}
}
END_TEST

START_TEST(sample_prints_readably)
{
	const struct sample *s = &samples[_i];
	uint64_t w[TERN_CMD_MAX_WORDS];
	struct tern_code c;
	char *text;

	sample_words(s, w);
	begin_image(&c);
	for (unsigned int i = 0; i < s->words; i++)
		tern_code_word(&c, w[i]);
	end_image(&c, c.n);
	text = disasm(c.w, c.n, false, NULL);
	ck_assert_msg(strstr(text, s->text), "no \"%s\" in\n%s", s->text, text);
	free(text);
	text = disasm(c.w, c.n, true, NULL);
	ck_assert_ptr_nonnull(strstr(text, "\"word\": 36, \"op\": "));
	free(text);
	tern_code_fini(&c);
}
END_TEST

/* What no header bit shows: contradictions and ranges inside the following words. */
static const struct {
	const char *why;
	uint64_t w[5];
} refusals[] = {
	{"unknown opcode", {HEAD(0x11, 1, 0, 0, 0, 0, 0)}},
	{"opcode beyond the last", {HEAD(0xff, 1, 0, 0, 0, 0, 0)}},
	{"ALU operation 14", {HEAD(TERN_OP_ALU, 1, 14, 1, 2, 3, 0)}},
	{"ALU without second operand", {HEAD(TERN_OP_ALU, 1, 0, 1, 2, N, 0)}},
	{"ALU with two second operands", {HEAD(TERN_OP_ALU, 2, 0x8000, 1, 2, 3, 0)}},
	{"BR condition 7", {HEAD(TERN_OP_BR, 2, 7, 1, 2, 0, 0)}},
	{"BR with two second operands", {HEAD(TERN_OP_BR, 3, 0x8000, 1, 2, 0, 0)}},
	{"LDR of nothing", {HEAD(TERN_OP_LDR, 2, 0, 1, 2, 0, 0)}},
	{"LDR of nine", {HEAD(TERN_OP_LDR, 2, 0, 1, 2, 9, 0)}},
	{"LDR past R63", {HEAD(TERN_OP_LDR, 2, 0, 60, 2, 5, 0)}},
	{"SYNC on queue 6", {HEAD(TERN_OP_SYNC, 2, 0, 6, 0, 0, 0)}},
	{"TILE that sets nothing", {HEAD(TERN_OP_TILE, 1, 0, 1, 0, 0, 0)}},
	{"TILE register for an absent field", {HEAD(TERN_OP_TILE, 2, 1, 1, 2, 0, 0)}},
	{"TILE register 64", {HEAD(TERN_OP_TILE, 2, 1, 1, 1, 0, 0), 64}},
	{"TILE register with high bits", {HEAD(TERN_OP_TILE, 2, 1, 1, 1, 0, 0), 1ull << 32}},
	{"LOAD ROWS without index tile", {HEAD(TERN_OP_LOAD, 2, 2, 1, 2, N, 0)}},
	{"LOAD index tile without ROWS", {HEAD(TERN_OP_LOAD, 2, 0, 1, 2, 3, 0)}},
	{"LOAD origin register 64", {HEAD(TERN_OP_LOAD, 5, 4, 1, 2, N, 0), 0, 0x40ffffff}},
	{"LOAD origin reserved half", {HEAD(TERN_OP_LOAD, 5, 4, 1, 2, N, 0), 0, 1ull << 32}},
	{"STORE with fill", {HEAD(TERN_OP_STORE, 5, 4, 1, 2, N, 0), 0, 0, 1}},
	{"STORE with fill of dimension 3", {HEAD(TERN_OP_STORE, 5, 4, 1, 2, N, 0), 0, 0, 0, 1}},
	{"MATRIX OUT without tile", {HEAD(TERN_OP_MATRIX, 2, 2, 1, 2, N, 0)}},
	{"MATRIX tile without OUT", {HEAD(TERN_OP_MATRIX, 2, 0, 1, 2, 3, 0)}},
	{"MATRIX reserved flag", {HEAD(TERN_OP_MATRIX, 2, 8, 1, 2, N, 0)}},
	{"VECTOR of no instructions", {HEAD(TERN_OP_VECTOR, 5, 0, 1, N, N, N), 0, 0xffffffff}},
	{"VECTOR of 257 instructions",
	 {HEAD(TERN_OP_VECTOR, 5, 0, 1, N, N, N), 0, 257ull << 32 | 0xffffffff}},
	{"VECTOR reserved bits",
	 {HEAD(TERN_OP_VECTOR, 5, 0, 1, N, N, N), 0, 1ull << 48 | 1ull << 32}},
	{"VECTOR tile 32", {HEAD(TERN_OP_VECTOR, 5, 0, 1, N, N, N), 0, 1ull << 32 | 0x20ffffff}},
	{"VECTOR S register 64", {HEAD(TERN_OP_VECTOR, 5, 0, 1, N, N, N), 0, 1ull << 32, 0, 64}},
};

#define NREFUSALS ((int)(sizeof(refusals) / sizeof(refusals[0])))

START_TEST(contradiction_is_illegal)
{
	uint64_t w[TERN_CMD_MAX_WORDS] = {0};

	memcpy(w, refusals[_i].w, sizeof(refusals[_i].w));
	ck_assert_msg(decode_words(w, 12) == TERN_FAULT_ILLEGAL, "%s", refusals[_i].why);
}
END_TEST

/* ---- encoder -------------------------------------------------------------------------- */
START_TEST(encoder_writes_what_the_decoder_reads)
{
	struct tern_val tile[TERN_TILE_NFIELDS] = {
		[TERN_TILE_ADDR] = tern_reg(9),
		[TERN_TILE_SIZE0] = tern_imm(64),
		[TERN_TILE_STRIDE0 + 3] = tern_reg(11),
		[TERN_TILE_TYPE] = tern_imm(TERN_T_Q4_K),
	};
	struct tern_code c = {0};
	struct tern_cmd d;

	tern_emit_tile(&c, 3, 0x605, tile);
	d = decoded(&c, 0);
	ck_assert_uint_eq(d.words, 5);
	ck_assert_uint_eq(d.b, 0x01); /* ADDR is a register */
	ck_assert_uint_eq(d.c, 0x02); /* so is STRIDE3, bit 9 */
	ck_assert_uint_eq(d.w[1], 9);
	ck_assert_uint_eq(d.w[2], 64);
	ck_assert_uint_eq(d.w[3], 11);
	ck_assert_uint_eq(d.w[4], TERN_T_Q4_K);
	tern_code_fini(&c);
}
END_TEST

START_TEST(branches_are_relative_and_patchable)
{
	struct tern_code c = {0};
	size_t br, loop, jump;

	tern_emit_movi(&c, 1, 5);
	br = tern_emit_br(&c, TERN_COND_EQ, 1, tern_imm(0), 0);
	loop = tern_emit_loop(&c, 1, 0);
	jump = tern_emit_br(&c, TERN_COND_ALWAYS, 0, tern_imm(0), 0);
	tern_code_patch(&c, br, 7);
	ck_assert_uint_eq(br, 2);
	ck_assert_uint_eq(decoded(&c, br).w[1], 5);
	ck_assert_uint_eq(decoded(&c, br).w[2], 0);
	ck_assert_int_eq((int64_t)decoded(&c, loop).w[1], -5);
	ck_assert_int_eq((int64_t)decoded(&c, jump).w[1], -7);
	tern_code_fini(&c);
}
END_TEST

START_TEST(absolute_words_are_patchable)
{
	const uint8_t tiles[8] = {0, 1, N, N, N, N, N, 7};
	struct tern_code c = {0};
	size_t v;

	tern_emit_call(&c, 0);
	v = tern_emit_vector(&c, tiles, NULL, 0, 12, NULL);
	tern_code_patch_abs(&c, 0, 99);
	tern_code_patch_abs(&c, v, 123);
	ck_assert_uint_eq(decoded(&c, 0).w[1], 99);
	ck_assert_uint_eq(decoded(&c, v).w[3], 123);
	ck_assert_uint_eq(decoded(&c, v).w[2], 12ull << 32 | 0x07ffffff);
	tern_code_fini(&c);
}
END_TEST

START_TEST(every_emitter_gives_a_valid_command)
{
	const struct tern_sync s = {.wait = {{3, 1}, {63, 255}}, .signal = {{4, 2}, {0, 1}}};
	const uint8_t origin[4] = {N, 5, N, 6}, tiles[8] = {0, 1, 2, 3, 4, 5, 6, 7};
	const float fill[4] = {0, -1, 2, 3};
	struct tern_code c = {0};
	size_t n = 0;

	tern_emit_op(&c, TERN_OP_YIELD);
	tern_emit_alu(&c, TERN_ALU_MUL, 1, 2, tern_reg(3));
	tern_emit_alu(&c, TERN_ALU_MUL, 1, 2, tern_imm(-3));
	tern_emit_br(&c, TERN_COND_GT, 1, tern_reg(2), 0);
	tern_emit_ldr(&c, 1, 8, N, 64, 3);
	tern_emit_sync(&c, TERN_Q_CP, &s);
	tern_emit_ring(&c, 5, 64, 0, 512);
	tern_emit_mark(&c, 7);
	tern_emit_load(&c, true, 1, 2, N, origin, fill, &s);
	tern_emit_load(&c, false, 1, 2, 3, NULL, fill, NULL);
	tern_emit_store(&c, 1, 2, 3, origin, &s);
	tern_emit_matrix(&c, TERN_MATRIX_ACC, 1, 2, 3, &s);
	tern_emit_matrix(&c, TERN_MATRIX_KN, 1, 2, N, NULL);
	tern_emit_vector(&c, tiles, tiles, 50, 3, &s);
	for (size_t at = 0; at < c.n; at += decoded(&c, at).words)
		n++;
	ck_assert_uint_eq(n, 14);
	tern_code_fini(&c);
}
END_TEST

START_TEST(sync_word_has_the_documented_fields)
{
	const struct tern_sync s = {.wait = {{3, 1}, {63, 255}}, .signal = {{4, 2}, {5, 7}}};
	uint64_t w = tern_sync_word(&s);

	/* sem + 64 * n, 14 bits each */
	ck_assert_uint_eq(w & 0x3fff, 3 + 64 * 1);
	ck_assert_uint_eq(w >> 14 & 0x3fff, 63 + 64 * 255);
	ck_assert_uint_eq(w >> 28 & 0x3fff, 4 + 64 * 2);
	ck_assert_uint_eq(w >> 42, 5 + 64 * 7);
	ck_assert_uint_eq(tern_sync_word(NULL), 0);
}
END_TEST

START_TEST(after_an_error_the_encoder_does_nothing)
{
	struct tern_code c = {.err = -12};

	tern_emit_movi(&c, 1, 1);
	tern_code_patch(&c, 0, 5);
	tern_code_patch_abs(&c, 0, 5);
	ck_assert_uint_eq(c.n, 0);
	ck_assert_ptr_null(c.w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("isa");
	TCase *t = tcase_create("commands");
	SRunner *r;
	int failed;

	tcase_add_test(t, every_row_has_a_sample);
	tcase_add_test(t, types_have_the_sizes_of_their_blocks);
	tcase_add_test(t, operand_type_follows_group_and_minimum);
	tcase_add_test(t, row_bytes_round_up_and_saturate);
	tcase_add_test(t, names_of_unknown_codes_are_harmless);
	tcase_add_loop_test(t, sample_decodes_to_its_fields, 0, NSAMPLES);
	tcase_add_loop_test(t, sample_cut_short_is_a_fetch_fault, 0, NSAMPLES);
	tcase_add_loop_test(t, sample_with_wrong_length_is_illegal, 0, NSAMPLES);
	tcase_add_loop_test(t, sample_with_reserved_bit_is_illegal, 0, NSAMPLES);
	tcase_add_loop_test(t, sample_with_number_out_of_range_is_illegal, 0, NSAMPLES);
	tcase_add_loop_test(t, sync_word_reserved_byte_is_illegal, 0, NSAMPLES);
	tcase_add_loop_test(t, sample_prints_readably, 0, NSAMPLES);
	tcase_add_loop_test(t, contradiction_is_illegal, 0, NREFUSALS);
	tcase_add_test(t, encoder_writes_what_the_decoder_reads);
	tcase_add_test(t, branches_are_relative_and_patchable);
	tcase_add_test(t, absolute_words_are_patchable);
	tcase_add_test(t, every_emitter_gives_a_valid_command);
	tcase_add_test(t, sync_word_has_the_documented_fields);
	tcase_add_test(t, after_an_error_the_encoder_does_nothing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
