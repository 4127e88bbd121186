// SPDX-License-Identifier: GPL-2.0
/* A program for the MCU that tries accesses one by one and notes how each went, assembled here:
 * RV32I, The RISC-V Instruction Set Manual, volume I, chapter 24. */
#include <string.h>
#include <unistd.h>

#include "gates.h"

enum { ZERO, T0 = 5, S0 = 8, S1 = 9, A1 = 11, A2 = 12 }; /* numbers of registers */
enum { MTVEC = 0x305, MCAUSE = 0x342, MTVAL = 0x343 };

#define TRAP	0x0u	 /* TCM: where traps go */
#define NOTES	0x10000u /* a struct note each */
#define NO_TRAP UINT32_MAX

struct note {
	uint32_t got, cause, tval;
};

struct code {
	struct host *h;
	uint32_t at;
};

static void emit(struct code *c, uint32_t insn)
{
	host_write(c->h, TERN_BAR_TCM, c->at, &insn, sizeof(insn));
	c->at += sizeof(insn);
}

static uint32_t type_i(uint32_t imm, uint32_t rs1, uint32_t funct, uint32_t rd, uint32_t op)
{
	return imm << 20 | rs1 << 15 | funct << 12 | rd << 7 | op;
}

static uint32_t type_s(uint32_t imm, uint32_t rs2, uint32_t rs1, uint32_t funct)
{
	return imm >> 5 << 25 | rs2 << 20 | rs1 << 15 | funct << 12 | (imm & 31) << 7 | 0x23;
}

static void emit_li(struct code *c, uint32_t rd, uint32_t v)
{
	emit(c, (v + 0x800) >> 12 << 12 | rd << 7 | 0x37); /* LUI */
	emit(c, type_i(v & 0xfff, rd, 0, rd, 0x13));	   /* ADDI */
}

/* The cause and its address go where S0 points, and it goes on where S1 does. */
static void emit_trap(struct code *c)
{
	static const uint32_t csr[] = {MCAUSE, MTVAL};

	for (uint32_t i = 0; i < 2; i++) {
		emit(c, type_i(csr[i], ZERO, 2, T0, 0x73)); /* CSRRS */
		emit(c, type_s(4 + 4 * i, T0, S0, 2));
	}
	emit(c, type_i(0, S1, 0, ZERO, 0x67)); /* JALR */
	HOST_ASSERT(c->at <= HART_ENTRY, "the trap's code is too long");
}

static uint32_t access_insn(enum hart_kind kind)
{
	static const uint32_t funct[] = {[HART_LOAD] = 2,
					 [HART_STORE] = 2,
					 [HART_LOAD_HALF] = 1,
					 [HART_STORE_BYTE] = 0,
					 [HART_FETCH] = 0};

	switch (kind) {
	case HART_STORE:
	case HART_STORE_BYTE:
		return type_s(0, A2, A1, funct[kind]);
	case HART_FETCH:
		return type_i(0, A1, 0, ZERO, 0x67);
	default:
		return type_i(0, A1, funct[kind], A2, 0x03);
	}
}

static void emit_access(struct code *c, const struct hart_access *a, uint32_t note)
{
	const struct note none = {.cause = NO_TRAP};
	uint32_t fixed = c->at + 10 * 4; /* where the next begins */

	host_write(c->h, TERN_BAR_TCM, note, &none, sizeof(none));
	emit_li(c, S0, note);
	emit_li(c, S1, fixed);
	emit_li(c, A1, a->at);
	emit_li(c, A2, a->value);
	emit(c, access_insn(a->kind));
	emit(c, type_s(0, A2, S0, 2));
	REQUIRE(c->at == fixed);
}

static void emit_halt(struct code *c)
{
	emit_li(c, T0, TERN_MCU_REG(HALT));
	emit(c, type_s(0, T0, T0, 2));
	emit(c, 0x6f); /* J to itself */
}

void hart_start(struct host *h)
{
	reg_set(h, TERN_REG_MCU_ENTRY, HART_ENTRY);
	reg_set(h, TERN_REG_MCU_CONTROL, 1);
}

void hart_spin(struct host *h)
{
	struct code c = {h, HART_ENTRY};

	emit(&c, 0x6f);
	hart_start(h);
}

void hart_program(struct host *h, const struct hart_access *a, unsigned int n)
{
	struct code trap = {h, TRAP}, c = {h, HART_ENTRY};

	emit_trap(&trap);
	emit_li(&c, T0, TRAP);
	emit(&c, type_i(MTVEC, T0, 1, ZERO, 0x73)); /* CSRRW */
	for (unsigned int i = 0; i < n; i++)
		emit_access(&c, &a[i], NOTES + i * sizeof(struct note));
	emit_halt(&c);
	REQUIRE(c.at <= NOTES);
}

void hart_halted(struct host *h)
{
	HOST_ASSERT(reg_becomes(h, TERN_REG_STATUS, TERN_STATUS_MCU_RUNS, 0),
		    "the MCU's program does not end");
}

void hart_results(struct host *h, struct hart_access *a, unsigned int n)
{
	struct note note;

	hart_halted(h);
	reg_set(h, TERN_REG_MCU_CONTROL, 0);
	for (unsigned int i = 0; i < n; i++) {
		host_read(h, TERN_BAR_TCM, NOTES + i * sizeof(note), &note, sizeof(note));
		a[i].got = note.got;
		a[i].cause = note.cause == NO_TRAP ? 0 : note.cause;
		a[i].tval = note.tval;
	}
}

void hart_try(struct host *h, struct hart_access *a, unsigned int n)
{
	hart_program(h, a, n);
	hart_start(h);
	hart_results(h, a, n);
}

void hart_scribble(struct host *h, uint32_t from, uint32_t to, uint32_t value)
{
	struct code c = {h, HART_ENTRY};

	emit_li(&c, A1, from);
	emit_li(&c, S1, to);
	emit_li(&c, A2, value);
	emit(&c, type_s(0, A2, A1, 2));
	emit(&c, type_i(4, A1, 0, A1, 0x13));
	emit(&c, 0xfeb49ce3); /* BNE S1, A1, two back */
	emit_halt(&c);
	hart_start(h);
	hart_halted(h);
	reg_set(h, TERN_REG_MCU_CONTROL, 0);
}
