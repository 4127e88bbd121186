// SPDX-License-Identifier: MIT
/* Commands and micro-instructions in words: the content of both disassembly forms. */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "isa/print.h"
#include "isa/rules.h"

static void mnemonic(struct tern_items *out, const char *name, const char *suffix)
{
	snprintf(out->mnemonic, sizeof(out->mnemonic), "%s%s", name, suffix);
	for (char *p = out->mnemonic; *p; p++)
		*p = (char)tolower((unsigned char)*p);
}

static __attribute__((format(printf, 4, 5))) void
add(struct tern_items *out, enum tern_item_style style, const char *key, const char *fmt, ...)
{
	struct tern_item *it;
	va_list ap;

	if (out->n == TERN_MAX_ITEMS)
		return;
	it = &out->item[out->n++];
	it->key = key;
	it->style = (uint8_t)style;
	it->number = false;
	va_start(ap, fmt);
	vsnprintf(it->value, sizeof(it->value), fmt, ap);
	va_end(ap);
}

static void add_number(struct tern_items *out, enum tern_item_style style, const char *key,
		       uint64_t v)
{
	add(out, style, key, "%" PRId64, (int64_t)v);
	if (out->n)
		out->item[out->n - 1].number = true;
}

static void add_flag(struct tern_items *out, const char *key, bool set)
{
	if (set)
		add(out, TERN_ITEM_FLAG, key, "%s", key);
}

static void add_reg(struct tern_items *out, const char *key, unsigned int r)
{
	add(out, TERN_ITEM_BARE, key, "r%u", r);
}

static void add_tile(struct tern_items *out, enum tern_item_style style, const char *key,
		     unsigned int t)
{
	if (t == TERN_NONE)
		add(out, style, key, "-");
	else
		add(out, style, key, "t%u", t);
}

/* [r3 + 16] */
static void add_address(struct tern_items *out, unsigned int base, uint64_t offset)
{
	if (base == TERN_NONE)
		add(out, TERN_ITEM_BARE, "at", "[%#" PRIx64 "]", offset);
	else
		add(out, TERN_ITEM_BARE, "at", "[r%u%+" PRId64 "]", base, (int64_t)offset);
}

static void add_registers(struct tern_items *out, const char *key, uint64_t bytes, unsigned int n)
{
	char text[48];
	size_t len = 0;

	for (unsigned int i = 0; i < n; i++, bytes >>= 8) {
		const char *sep = i ? "," : "";

		if ((bytes & 0xff) == TERN_NONE)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s-", sep);
		else
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%sr%u", sep,
						(unsigned int)(bytes & 0xff));
	}
	add(out, TERN_ITEM_NAMED, key, "%s", text);
}

/* "wait s3:1,s5:2": both counts of a direction in one item. */
static void add_counts(struct tern_items *out, const char *key, uint32_t f0, uint32_t f1)
{
	unsigned int n0 = TERN_SYNC_COUNT(f0), n1 = TERN_SYNC_COUNT(f1);
	unsigned int s0 = TERN_SYNC_SEM(f0), s1 = TERN_SYNC_SEM(f1);

	if (n0 && n1)
		add(out, TERN_ITEM_SPACED, key, "s%u:%u,s%u:%u", s0, n0, s1, n1);
	else if (n0 || n1)
		add(out, TERN_ITEM_SPACED, key, "s%u:%u", n0 ? s0 : s1, n0 ? n0 : n1);
}

static void add_sync(struct tern_items *out, uint64_t w)
{
	add_counts(out, "wait", (uint32_t)(w >> TERN_SYNC_WAIT0_SHIFT),
		   (uint32_t)(w >> TERN_SYNC_WAIT1_SHIFT));
	add_counts(out, "signal", (uint32_t)(w >> TERN_SYNC_SIGNAL0_SHIFT),
		   (uint32_t)(w >> TERN_SYNC_SIGNAL1_SHIFT));
}

/* ---- commands ---------------------------------------------------------------- */
static void describe_movi(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	add_reg(out, "rd", c->a);
	add_number(out, TERN_ITEM_BARE, "imm", c->w[1]);
}

static void describe_alu(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	mnemonic(out, tern_alu_name(c->flags & 0x1f), "");
	add_reg(out, "rd", c->a);
	add_reg(out, "ra", c->b);
	if (c->flags & TERN_F_IMM)
		add_number(out, TERN_ITEM_BARE, "imm", c->w[1]);
	else
		add_reg(out, "rb", c->c);
}

static void add_target(struct tern_items *out, uint64_t word)
{
	add(out, TERN_ITEM_BARE, "target", "L%" PRIu64, word);
}

static void describe_br(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	char cond[8];

	snprintf(cond, sizeof(cond), ".%s", tern_cond_name(c->flags & 7));
	mnemonic(out, "br", (c->flags & 7) == TERN_COND_ALWAYS ? "" : cond);
	if ((c->flags & 7) != TERN_COND_ALWAYS || (c->flags & TERN_F_IMM) || c->a || c->b) {
		add_reg(out, "ra", c->a);
		if (c->flags & TERN_F_IMM)
			add_number(out, TERN_ITEM_BARE, "imm", c->w[2]);
		else
			add_reg(out, "rb", c->b);
	}
	add_target(out, at + c->w[1]);
}

static void describe_loop(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	add_reg(out, "rd", c->a);
	add_target(out, at + c->w[1]);
}

static void describe_call(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	add_target(out, c->w[1]);
}

static void describe_ldr(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	char suffix[8];

	(void)at;
	snprintf(suffix, sizeof(suffix), ".%s%u", c->flags & TERN_LDR_SIGNED ? "s" : "u",
		 8u << (c->flags & 3));
	mnemonic(out, "ldr", suffix);
	if (c->c > 1)
		add(out, TERN_ITEM_BARE, "rd", "r%u..r%u", c->a, c->a + c->c - 1);
	else
		add_reg(out, "rd", c->a);
	add_flag(out, "spm", c->flags & TERN_LDR_SPM);
	add_address(out, c->b, c->w[1]);
}

static void describe_sync(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	add(out, TERN_ITEM_BARE, "queue", "%s", tern_queue_name(c->a));
	add_sync(out, c->w[1]);
}

static void describe_fence(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	add_address(out, c->a, c->w[1]);
	add_number(out, TERN_ITEM_NAMED, "value", c->w[2]);
	add_flag(out, "irq", c->flags & TERN_FENCE_IRQ);
}

static void describe_stamp(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	add_address(out, c->a, c->w[1]);
}

static void add_type(struct tern_items *out, uint64_t v)
{
	const struct tern_type_info *t = tern_type_info((unsigned int)(v & TERN_TILE_TYPE_MASK));

	if (!t || (v & ~(uint64_t)(TERN_TILE_TYPE_MASK | TERN_TILE_SPM)))
		add(out, TERN_ITEM_NAMED, "type", "%#" PRIx64, v);
	else
		add(out, TERN_ITEM_NAMED, "type", "%s%s", v & TERN_TILE_SPM ? "spm." : "", t->name);
}

static void describe_tile(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	static const char *const field[TERN_TILE_NFIELDS] = {
		"addr",	   "offs",    "size0",	 "size1",   "size2", "size3",
		"stride0", "stride1", "stride2", "stride3", "type"};
	unsigned int regs = c->b | (unsigned int)c->c << 8, word = 1;

	(void)at;
	add_tile(out, TERN_ITEM_BARE, "tile", c->a);
	for (unsigned int f = 0; f < TERN_TILE_NFIELDS; f++) {
		uint64_t v;

		if (!(c->flags & 1u << f))
			continue;
		v = c->w[word++];
		if (regs & 1u << f)
			add(out, TERN_ITEM_NAMED, field[f], "r%u", (unsigned int)v);
		else if (f == TERN_TILE_TYPE)
			add_type(out, v);
		else
			add_number(out, TERN_ITEM_NAMED, field[f], v);
	}
}

static void describe_ring(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	add_reg(out, "rd", c->a);
	add_number(out, TERN_ITEM_NAMED, "step", c->w[1]);
	add_number(out, TERN_ITEM_NAMED, "base", c->w[2]);
	add_number(out, TERN_ITEM_NAMED, "end", c->w[3]);
}

static void describe_number(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	add_number(out, TERN_ITEM_BARE, "value", c->w[1]);
}

static void add_fill(struct tern_items *out, const uint64_t w[2])
{
	float f[4];

	if (!w[0] && !w[1])
		return;
	memcpy(f, w, sizeof(f));
	add(out, TERN_ITEM_NAMED, "fill", "%.9g,%.9g,%.9g,%.9g", (double)f[0], (double)f[1],
	    (double)f[2], (double)f[3]);
}

static void describe_dma(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	if (c->op == TERN_OP_LOAD)
		mnemonic(out, "load", c->flags & TERN_LOAD_DEP ? "1" : "0");
	add_tile(out, TERN_ITEM_BARE, c->op == TERN_OP_LOAD ? "dst" : "src", c->a);
	add_tile(out, TERN_ITEM_BARE, c->op == TERN_OP_LOAD ? "src" : "dst", c->b);
	if (c->flags & TERN_DMA_ROWS)
		add_tile(out, TERN_ITEM_NAMED, "rows", c->c);
	if (c->flags & TERN_DMA_ORIGIN) {
		add_registers(out, "origin", c->w[2], 4);
		add_fill(out, c->w + 3);
	}
	add_sync(out, c->w[1]);
}

static void describe_matrix(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	(void)at;
	add_tile(out, TERN_ITEM_BARE, "a", c->a);
	add_tile(out, TERN_ITEM_BARE, "b", c->b);
	add_tile(out, TERN_ITEM_NAMED, "out", c->c);
	add_flag(out, "acc", c->flags & TERN_MATRIX_ACC);
	add_flag(out, "kn", c->flags & TERN_MATRIX_KN);
	add_sync(out, c->w[1]);
}

static void describe_vector(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	static const char *const key[] = {"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"};
	uint64_t tiles = c->w[0] >> 32 | c->w[2] << 32;

	(void)at;
	add(out, TERN_ITEM_BARE, "program", "V%" PRIu64, c->w[3]);
	for (unsigned int i = 0; i < TERN_VECTOR_TILES; i++, tiles >>= 8) {
		if ((tiles & 0xff) != TERN_NONE)
			add_tile(out, TERN_ITEM_NAMED, key[i], tiles & 0xff);
	}
	add_number(out, TERN_ITEM_NAMED, "n", c->w[2] >> 32);
	if (c->w[4] != UINT64_MAX)
		add_registers(out, "s", c->w[4], 8);
	add_sync(out, c->w[1]);
}

void tern_describe_cmd(const struct tern_cmd *c, size_t at, struct tern_items *out)
{
	static void (*const how[])(const struct tern_cmd *, size_t, struct tern_items *) = {
		[TERN_OP_MOVI] = describe_movi,	    [TERN_OP_ALU] = describe_alu,
		[TERN_OP_BR] = describe_br,	    [TERN_OP_LOOP] = describe_loop,
		[TERN_OP_CALL] = describe_call,	    [TERN_OP_LDR] = describe_ldr,
		[TERN_OP_SYNC] = describe_sync,	    [TERN_OP_FENCE] = describe_fence,
		[TERN_OP_STAMP] = describe_stamp,   [TERN_OP_TILE] = describe_tile,
		[TERN_OP_RING] = describe_ring,	    [TERN_OP_TRAP] = describe_number,
		[TERN_OP_MARK] = describe_number,   [TERN_OP_LOAD] = describe_dma,
		[TERN_OP_STORE] = describe_dma,	    [TERN_OP_MATRIX] = describe_matrix,
		[TERN_OP_VECTOR] = describe_vector,
	};

	out->n = 0;
	mnemonic(out, c->info->name, "");
	if (c->op < sizeof(how) / sizeof(how[0]) && how[c->op])
		how[c->op](c, at, out);
}

/* ---- micro-instructions -------------------------------------------------------- */
static void add_imm_operand(struct tern_items *out, const char *key, uint32_t imm)
{
	float f;

	memcpy(&f, &imm, sizeof(f));
	add(out, TERN_ITEM_BARE, key, "#%#x(%.9g)", imm, (double)f);
}

static void add_operand(struct tern_items *out, const char *key, unsigned int x, uint32_t imm)
{
	if (x < TERN_V_S0)
		add(out, TERN_ITEM_BARE, key, "v%u", x);
	else if (x < TERN_V_IMM)
		add(out, TERN_ITEM_BARE, key, "s%u", x - TERN_V_S0);
	else if (x == TERN_V_IMM)
		add_imm_operand(out, key, imm);
	else
		add(out, TERN_ITEM_BARE, key, "?%u", x);
}

static void add_vfield(struct tern_items *out, const char *key, unsigned int kind, unsigned int x,
		       uint32_t imm)
{
	if (kind == TERN_VK_TILE || kind == TERN_VK_TILE_OPT)
		add_tile(out, TERN_ITEM_BARE, key, x);
	else if (kind != TERN_VK_ZERO)
		add_operand(out, key, x, imm);
}

static void add_vimm(struct tern_items *out, unsigned int kind, uint32_t imm)
{
	switch (kind) {
	case TERN_VI_TILE:
		add_tile(out, TERN_ITEM_BARE, "length", imm);
		break;
	case TERN_VI_THIRD:
	case TERN_VI_COUNT:
		add_operand(out, kind == TERN_VI_THIRD ? "c" : "count", imm, 0);
		break;
	case TERN_VI_DIM:
		add_number(out, TERN_ITEM_NAMED, "dim", imm);
		break;
	case TERN_VI_ELEMENT:
		add_number(out, TERN_ITEM_NAMED, "element", imm);
		break;
	case TERN_VI_OFFSET:
		add_number(out, TERN_ITEM_NAMED, "offset", (uint64_t)(int32_t)imm);
		break;
	case TERN_VI_SORT:
		add(out, TERN_ITEM_NAMED, "step", "%#x", imm);
		break;
	default: /* printed where the operand names it */
		break;
	}
}

void tern_describe_vinstr(const struct tern_vinstr *in, struct tern_items *out)
{
	const struct tern_vrule *r = tern_vector_rule(in->info);

	out->n = 0;
	mnemonic(out, in->info->name, "");
	add_vfield(out, "d", r->d, in->d, in->imm);
	add_vfield(out, "a", r->a, in->a, in->imm);
	add_vfield(out, "b", r->b, in->b, in->imm);
	add_vimm(out, r->imm, in->imm);
}
