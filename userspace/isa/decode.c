// SPDX-License-Identifier: MIT
/* Commands: length, fields, reserved bits. */
#include <string.h>

#include "isa/codec.h"

static bool register_ok(unsigned int r)
{
	return r < TERN_NREGS;
}

static bool register_or_none(unsigned int r)
{
	return r < TERN_NREGS || r == TERN_NONE;
}

static bool field_ok(unsigned int kind, unsigned int v)
{
	switch (kind) {
	case TERN_FIELD_Z:
		return v == 0;
	case TERN_FIELD_R:
		return register_ok(v);
	case TERN_FIELD_RN:
		return register_or_none(v);
	case TERN_FIELD_T:
		return v < TERN_NTILES;
	case TERN_FIELD_TN:
		return v < TERN_NTILES || v == TERN_NONE;
	default:
		return true;
	}
}

/* The length that op and flags ask for; also right for malformed flags. */
static unsigned int words_wanted(const struct tern_cmd_info *info, unsigned int flags)
{
	switch (info->op) {
	case TERN_OP_ALU:
	case TERN_OP_BR:
		return flags & TERN_F_IMM ? info->max_words : info->min_words;
	case TERN_OP_LOAD:
	case TERN_OP_STORE:
		return flags & TERN_DMA_ORIGIN ? info->max_words : info->min_words;
	case TERN_OP_TILE:
		return 1 + (unsigned int)__builtin_popcount(flags & info->flags);
	default:
		return info->min_words;
	}
}

/* ---- per-command rules --------------------------------------------------- */
static bool alu_ok(const struct tern_cmd *c)
{
	bool imm = c->flags & TERN_F_IMM;

	return (c->flags & 0x1f) < TERN_ALU_COUNT && imm == (c->c == TERN_NONE);
}

static bool br_ok(const struct tern_cmd *c)
{
	bool imm = c->flags & TERN_F_IMM;

	return (c->flags & 0x7) < TERN_COND_COUNT && imm == (c->b == TERN_NONE);
}

static bool ldr_ok(const struct tern_cmd *c)
{
	return c->c >= 1 && c->c <= TERN_LDR_MAX && c->a + c->c <= TERN_NREGS;
}

static bool sync_ok(const struct tern_cmd *c)
{
	return c->a < TERN_NQUEUES;
}

static bool tile_ok(const struct tern_cmd *c)
{
	unsigned int regs = c->b | (unsigned int)c->c << 8;
	unsigned int word = 1;

	if (regs & ~(unsigned int)c->flags)
		return false;
	for (unsigned int f = 0; f < TERN_TILE_NFIELDS; f++) {
		if (!(c->flags & 1u << f))
			continue;
		if ((regs & 1u << f) && c->w[word] >= TERN_NREGS)
			return false;
		word++;
	}
	return true;
}

static bool registers_ok(uint64_t bytes, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++, bytes >>= 8) {
		if (!register_or_none(bytes & 0xff))
			return false;
	}
	return bytes == 0;
}

static bool load_ok(const struct tern_cmd *c)
{
	bool rows = c->flags & TERN_DMA_ROWS;

	if (rows != (c->c != TERN_NONE))
		return false;
	return !(c->flags & TERN_DMA_ORIGIN) || registers_ok(c->w[2], 4);
}

/* STORE skips what lies outside, so it has no fill constants. */
static bool store_ok(const struct tern_cmd *c)
{
	if ((c->flags & TERN_DMA_ORIGIN) && (c->w[3] || c->w[4]))
		return false;
	return load_ok(c);
}

static bool matrix_ok(const struct tern_cmd *c)
{
	bool out = c->flags & TERN_MATRIX_OUT;

	return !(c->flags & TERN_MATRIX_RESERVED) && out == (c->c != TERN_NONE);
}

static bool vector_ok(const struct tern_cmd *c)
{
	uint64_t n = c->w[2] >> 32;

	for (unsigned int i = 0; i < 4; i++) {
		if (!field_ok(TERN_FIELD_TN, c->w[2] >> 8 * i & 0xff))
			return false;
	}
	if (n < 1 || n > TERN_VECTOR_MAX_INSTRS)
		return false;
	for (unsigned int i = 0; i < 8; i++) {
		if (!register_or_none(c->w[4] >> 8 * i & 0xff))
			return false;
	}
	return true;
}

static bool rules_ok(const struct tern_cmd *c)
{
	static bool (*const rule[])(const struct tern_cmd *) = {
		[TERN_OP_ALU] = alu_ok,	      [TERN_OP_BR] = br_ok,
		[TERN_OP_LDR] = ldr_ok,	      [TERN_OP_SYNC] = sync_ok,
		[TERN_OP_TILE] = tile_ok,     [TERN_OP_LOAD] = load_ok,
		[TERN_OP_STORE] = store_ok,   [TERN_OP_MATRIX] = matrix_ok,
		[TERN_OP_VECTOR] = vector_ok,
	};

	return c->op >= sizeof(rule) / sizeof(rule[0]) || !rule[c->op] || rule[c->op](c);
}

/* ---- all of a command ------------------------------------------------------ */
static bool has_sync_word(const struct tern_cmd *c)
{
	return c->info->queue != TERN_Q_CP || c->op == TERN_OP_SYNC;
}

static void split_header(uint64_t w, struct tern_cmd *out)
{
	out->op = w & 0xff;
	out->words = w >> 8 & 0xff;
	out->flags = w >> 16 & 0xffff;
	out->a = w >> 32 & 0xff;
	out->b = w >> 40 & 0xff;
	out->c = w >> 48 & 0xff;
	out->d = w >> 56 & 0xff;
}

static bool header_ok(const struct tern_cmd *c)
{
	const struct tern_cmd_info *info = c->info;

	if (c->flags & ~(unsigned int)info->flags)
		return false;
	if (c->words != words_wanted(info, c->flags) || c->words < info->min_words)
		return false;
	return field_ok(info->kind[0], c->a) && field_ok(info->kind[1], c->b) &&
	       field_ok(info->kind[2], c->c) && field_ok(info->kind[3], c->d);
}

int tern_cmd_decode(const uint64_t *words, size_t avail, struct tern_cmd *out)
{
	if (!avail)
		return TERN_FAULT_FETCH;
	split_header(words[0], out);
	out->info = tern_cmd_info(out->op);
	if (!out->info || !header_ok(out))
		return TERN_FAULT_ILLEGAL;
	if (out->words > avail)
		return TERN_FAULT_FETCH;
	memcpy(out->w, words, out->words * sizeof(*words));
	if (has_sync_word(out) && (out->w[1] & ~TERN_SYNC_MASK))
		return TERN_FAULT_ILLEGAL;
	return rules_ok(out) ? 0 : TERN_FAULT_ILLEGAL;
}
