// SPDX-License-Identifier: MIT
/* Micro-programs of VECTOR: what each field holds, and the static check. */
#include "isa/rules.h"

/* What a form says about the fields. */
static const struct tern_vrule form_rules[] = {
	[TERN_FORM_CTL] = {TERN_PLACE_OUT, TERN_VK_ZERO, TERN_VK_ZERO, TERN_VK_ZERO,
			   TERN_VI_OPERAND},
	[TERN_FORM_A0] = {TERN_PLACE_IN, TERN_VK_V, TERN_VK_ZERO, TERN_VK_ZERO, TERN_VI_OPERAND},
	[TERN_FORM_A1] = {TERN_PLACE_ANY, TERN_VK_DST, TERN_VK_OPERAND, TERN_VK_ZERO,
			  TERN_VI_OPERAND},
	[TERN_FORM_A2] = {TERN_PLACE_ANY, TERN_VK_DST, TERN_VK_OPERAND, TERN_VK_OPERAND,
			  TERN_VI_OPERAND},
	[TERN_FORM_A3] = {TERN_PLACE_ANY, TERN_VK_DST, TERN_VK_REGISTER, TERN_VK_REGISTER,
			  TERN_VI_THIRD},
	[TERN_FORM_LD] = {TERN_PLACE_IN, TERN_VK_V, TERN_VK_TILE, TERN_VK_ZERO, TERN_VI_OPERAND},
	[TERN_FORM_ST] = {TERN_PLACE_IN, TERN_VK_TILE, TERN_VK_OPERAND, TERN_VK_ZERO,
			  TERN_VI_OPERAND},
	[TERN_FORM_RED] = {TERN_PLACE_IN, TERN_VK_S, TERN_VK_V, TERN_VK_ZERO, TERN_VI_OPERAND},
};

/* Instructions that use the fields in their own way. */
static const struct {
	uint8_t op;
	struct tern_vrule rule;
} own_rules[] = {
	{TERN_V_LANES, {TERN_PLACE_OUT, TERN_VK_ZERO, TERN_VK_ZERO, TERN_VK_ZERO, TERN_VI_TILE}},
	{TERN_V_ENDL, {TERN_PLACE_IN, TERN_VK_ZERO, TERN_VK_ZERO, TERN_VK_ZERO, TERN_VI_OPERAND}},
	{TERN_V_ROW, {TERN_PLACE_OUT, TERN_VK_S, TERN_VK_ZERO, TERN_VK_ZERO, TERN_VI_DIM}},
	{TERN_V_STQ, {TERN_PLACE_IN, TERN_VK_TILE, TERN_VK_V, TERN_VK_ZERO, TERN_VI_OPERAND}},
	{TERN_V_LDS, {TERN_PLACE_OUT, TERN_VK_S, TERN_VK_TILE, TERN_VK_ZERO, TERN_VI_ELEMENT}},
	{TERN_V_STS, {TERN_PLACE_OUT, TERN_VK_TILE, TERN_VK_S, TERN_VK_ZERO, TERN_VI_ELEMENT}},
	{TERN_V_LDX, {TERN_PLACE_IN, TERN_VK_V, TERN_VK_TILE, TERN_VK_V, TERN_VI_OPERAND}},
	{TERN_V_SHIFT, {TERN_PLACE_IN, TERN_VK_V, TERN_VK_TILE, TERN_VK_ZERO, TERN_VI_OFFSET}},
	{TERN_V_SCAN, {TERN_PLACE_IN, TERN_VK_V, TERN_VK_V, TERN_VK_ZERO, TERN_VI_OPERAND}},
	{TERN_V_CMPX, {TERN_PLACE_IN, TERN_VK_TILE, TERN_VK_TILE_OPT, TERN_VK_ZERO, TERN_VI_SORT}},
	{TERN_V_PACK, {TERN_PLACE_IN, TERN_VK_TILE, TERN_VK_REGISTER, TERN_VK_V, TERN_VI_COUNT}},
};

const struct tern_vrule *tern_vector_rule(const struct tern_vector_info *info)
{
	for (size_t i = 0; i < sizeof(own_rules) / sizeof(own_rules[0]); i++) {
		if (own_rules[i].op == info->op)
			return &own_rules[i].rule;
	}
	return &form_rules[info->form];
}

void tern_vinstr_decode(uint64_t word, struct tern_vinstr *out)
{
	out->op = word & 0xff;
	out->d = word >> 8 & 0xff;
	out->a = word >> 16 & 0xff;
	out->b = word >> 24 & 0xff;
	out->imm = word >> 32;
	out->info = tern_vector_info(out->op);
}

/* ---- the check ------------------------------------------------------------ */
struct check {
	unsigned int tiles; /* mask of those the command names */
	bool inside;	    /* LANES..ENDL */
	uint32_t v_written; /* in this loop */
	uint64_t s_reduced; /* operand numbers that a reduction of this loop writes */
};

static bool is_v(unsigned int operand)
{
	return operand < TERN_V_S0;
}

static bool is_s(unsigned int operand)
{
	return operand >= TERN_V_S0 && operand < TERN_V_IMM;
}

static bool tile_named(const struct check *k, uint32_t tile)
{
	return tile < TERN_VECTOR_TILES && (k->tiles & 1u << tile);
}

static bool can_read(const struct check *k, unsigned int operand, bool imm_ok)
{
	if (is_v(operand))
		return k->inside && (k->v_written & 1u << operand);
	if (is_s(operand))
		return !(k->s_reduced & 1ull << operand);
	return imm_ok && operand == TERN_V_IMM;
}

static bool source_ok(const struct check *k, unsigned int kind, unsigned int x)
{
	switch (kind) {
	case TERN_VK_ZERO:
		return x == 0;
	case TERN_VK_V:
		return is_v(x) && can_read(k, x, false);
	case TERN_VK_S:
		return is_s(x) && can_read(k, x, false);
	case TERN_VK_OPERAND:
		return can_read(k, x, true);
	case TERN_VK_REGISTER:
		return can_read(k, x, false);
	case TERN_VK_TILE:
		return tile_named(k, x);
	case TERN_VK_TILE_OPT:
		return x == TERN_NONE || tile_named(k, x);
	default:
		return false;
	}
}

static bool dest_ok(const struct check *k, unsigned int kind, unsigned int x)
{
	switch (kind) {
	case TERN_VK_ZERO:
		return x == 0;
	case TERN_VK_DST:
		return k->inside ? is_v(x) : is_s(x);
	case TERN_VK_V:
		return is_v(x);
	case TERN_VK_S:
		return is_s(x);
	case TERN_VK_TILE:
		return tile_named(k, x);
	default:
		return false;
	}
}

static bool names_immediate(const struct tern_vrule *r, const struct tern_vinstr *in)
{
	return (r->a == TERN_VK_OPERAND && in->a == TERN_V_IMM) ||
	       (r->b == TERN_VK_OPERAND && in->b == TERN_V_IMM);
}

static bool imm_ok(const struct check *k, const struct tern_vrule *r, const struct tern_vinstr *in)
{
	switch (r->imm) {
	case TERN_VI_OPERAND:
		return in->imm == 0 || names_immediate(r, in);
	case TERN_VI_TILE:
		return tile_named(k, in->imm);
	case TERN_VI_DIM:
		return in->imm >= 1 && in->imm < TERN_NDIMS;
	case TERN_VI_THIRD:
		return in->imm < TERN_V_IMM && can_read(k, in->imm, false);
	case TERN_VI_SORT: /* log2 of block and distance, direction */
		return !(in->imm & ~0x11f1fu);
	case TERN_VI_COUNT:
		return in->imm < TERN_V_IMM && is_s(in->imm);
	default:
		return true;
	}
}

/* The S register this instruction writes at ENDL, as an operand number; 0 for none. */
static unsigned int late_result(const struct tern_vinstr *in)
{
	if (in->info->form == TERN_FORM_RED)
		return in->d;
	return in->op == TERN_V_PACK ? in->imm : 0;
}

/* Results of reductions exist only after ENDL: collect them when the loop begins, so that
 * reading one inside it, before or after, is refused. */
static bool collect_reductions(struct check *k, const uint64_t *prog, size_t n)
{
	k->s_reduced = 0;
	for (size_t i = 0; i < n; i++) {
		struct tern_vinstr in;
		unsigned int s;

		tern_vinstr_decode(prog[i], &in);
		if (!in.info || in.op == TERN_V_ENDL)
			break;
		s = late_result(&in);
		if (!is_s(s))
			continue;
		if (k->s_reduced & 1ull << s)
			return false;
		k->s_reduced |= 1ull << s;
	}
	return true;
}

static bool instr_ok(struct check *k, const struct tern_vinstr *in)
{
	const struct tern_vrule *r;

	if (!in->info)
		return false;
	r = tern_vector_rule(in->info);
	if (!(r->place & (k->inside ? TERN_PLACE_IN : TERN_PLACE_OUT)))
		return false;
	if (!source_ok(k, r->a, in->a) || !source_ok(k, r->b, in->b) || !imm_ok(k, r, in) ||
	    !dest_ok(k, r->d, in->d))
		return false;
	if ((r->d == TERN_VK_V || r->d == TERN_VK_DST) && is_v(in->d))
		k->v_written |= 1u << in->d;
	return true;
}

static bool enter_leave(struct check *k, const uint64_t *prog, size_t n, size_t at, unsigned int op)
{
	if (op == TERN_V_LANES) {
		k->inside = true;
		k->v_written = 0;
		return collect_reductions(k, prog + at + 1, n - at - 1);
	}
	if (op == TERN_V_ENDL) {
		k->inside = false;
		k->s_reduced = 0;
	}
	return true;
}

int tern_vector_check(const uint64_t *prog, size_t n, unsigned int tile_mask, size_t *bad)
{
	struct check k = {.tiles = tile_mask};
	struct tern_vinstr in;
	size_t i;

	for (i = 0; i < n && i < TERN_VECTOR_MAX_INSTRS; i++) {
		tern_vinstr_decode(prog[i], &in);
		if (!instr_ok(&k, &in) || !enter_leave(&k, prog, n, i, in.op))
			break;
		if (in.op == TERN_V_STOP) {
			if (i + 1 == n)
				return 0;
			i++; /* nothing can follow */
			break;
		}
	}
	if (bad)
		*bad = i;
	return TERN_FAULT_VECTOR_PROGRAM;
}
