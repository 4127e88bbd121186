// SPDX-License-Identifier: MIT
/* The tables of <tern/isa.h> and <tern/hw.h> as arrays indexed by code. */
#include "isa/codec.h"

/* clang-format off */
static const struct tern_cmd_info cmds[256] = {
#define X(n, o, q, lo, hi, ka, kb, kc, kd, f, t) \
	[o] = { .name = #n, .text = t, .op = o, .queue = TERN_Q_##q, .min_words = lo, \
		.max_words = hi, .flags = f, \
		.kind = { TERN_FIELD_##ka, TERN_FIELD_##kb, TERN_FIELD_##kc, TERN_FIELD_##kd } },
	TERN_ISA_COMMANDS(X)
#undef X
};

static const struct tern_type_info types[TERN_T_COUNT] = {
#define X(n, code, e, b, k, g, m) \
	[code] = { .name = #n, .elems = e, .bytes = b, .kind = TERN_KIND_##k, .group = g, \
		   .has_min = m },
	TERN_ISA_TYPES(X)
#undef X
};

static const struct tern_vector_info vectors[256] = {
#define X(n, o, f, c, t) \
	[o] = { .name = #n, .text = t, .op = o, .form = TERN_FORM_##f, .cost = c },
	TERN_ISA_VECTOR(X)
#undef X
};

static const char *const queues[TERN_NQUEUES] = {
#define X(n, code, t) [code] = #n,
	TERN_ISA_QUEUES(X)
#undef X
};

static const char *const alus[TERN_ALU_COUNT] = {
#define X(n, code, t) [code] = #n,
	TERN_ISA_ALU(X)
#undef X
};

static const char *const conds[TERN_COND_COUNT] = {
#define X(n, code) [code] = #n,
	TERN_ISA_CONDS(X)
#undef X
};

static const struct {
	const char *name, *text;
	uint8_t class;
} faults[] = {
#define X(n, code, cl, t) [code] = { #n, t, TERN_CLASS_##cl },
	TERN_HW_FAULTS(X)
#undef X
};
/* clang-format on */

static const char *const classes[] = {
	[TERN_CLASS_NONE] = "NONE",	      [TERN_CLASS_FAULT] = "FAULT",
	[TERN_CLASS_UNDEFINED] = "UNDEFINED", [TERN_CLASS_UNIMPLEMENTED] = "UNIMPLEMENTED",
	[TERN_CLASS_BUDGET] = "BUDGET",	      [TERN_CLASS_ABORT] = "ABORT",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *name_in(const char *const *table, size_t n, unsigned int code)
{
	return code < n && table[code] ? table[code] : "?";
}

const struct tern_cmd_info *tern_cmd_info(unsigned int op)
{
	return op < COUNT(cmds) && cmds[op].name ? &cmds[op] : NULL;
}

const struct tern_type_info *tern_type_info(unsigned int type)
{
	return type < COUNT(types) && types[type].name ? &types[type] : NULL;
}

const struct tern_vector_info *tern_vector_info(unsigned int op)
{
	return op < COUNT(vectors) && vectors[op].name ? &vectors[op] : NULL;
}

uint64_t tern_type_row_bytes(unsigned int type, uint64_t n)
{
	const struct tern_type_info *t = tern_type_info(type);
	uint64_t blocks, bytes;

	if (!t)
		return 0;
	blocks = n / t->elems + (n % t->elems != 0);
	if (__builtin_mul_overflow(blocks, (uint64_t)t->bytes, &bytes))
		return UINT64_MAX;
	return bytes;
}

unsigned int tern_type_operand(unsigned int type)
{
	const struct tern_type_info *t = tern_type_info(type);

	if (!t || t->kind != TERN_KIND_BLOCK)
		return TERN_T_COUNT;
	if (t->group == 16)
		return t->has_min ? TERN_T_OP16M : TERN_T_OP16;
	return t->has_min ? TERN_T_OP32M : TERN_T_OP32;
}

const char *tern_queue_name(unsigned int queue)
{
	return name_in(queues, COUNT(queues), queue);
}

const char *tern_alu_name(unsigned int op)
{
	return name_in(alus, COUNT(alus), op);
}

const char *tern_cond_name(unsigned int cond)
{
	return name_in(conds, COUNT(conds), cond);
}

const char *tern_class_name(unsigned int class)
{
	return name_in(classes, COUNT(classes), class);
}

const char *tern_fault_name(unsigned int code)
{
	return code < COUNT(faults) && faults[code].name ? faults[code].name : "?";
}

const char *tern_fault_text(unsigned int code)
{
	return code < COUNT(faults) && faults[code].text ? faults[code].text : "unknown fault code";
}

unsigned int tern_fault_class_of(unsigned int code)
{
	return code < COUNT(faults) && faults[code].name ? faults[code].class : TERN_CLASS_FAULT;
}
