// SPDX-License-Identifier: MIT
/*
 * The command processor: fetches commands and executes the scalar ones.
 *
 * A command costs a CP cycle per word. Arithmetic wraps through unsigned types, because
 * registers hold whatever the program put there.
 */
#include "sim/alu.h"
#include "sim/internal.h"

typedef int handler(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w);

uint64_t sim_now(struct tern_sim *s)
{
	if (!s->timing)
		return 0;
	sim_cp_flush(s);
	return tern_timing_now(s->timing);
}

void sim_cp_flush(struct tern_sim *s)
{
	if (s->timing) {
		tern_timing_cp(s->timing, s->cp_cycles);
		tern_timing_cp_jumps(s->timing, s->cp_jumps);
	}
	s->cp_cycles = s->cp_jumps = 0;
}

int sim_overspend(struct tern_sim *s, uint64_t cycles)
{
	if (__builtin_add_overflow(s->steps, cycles, &s->steps))
		s->steps = UINT64_MAX;
	if (s->steps > s->budget)
		return sim_fault(s, TERN_FAULT_BUDGET, s->steps, s->budget);
	return 0;
}

static int64_t reg_or_zero(const struct tern_sim *s, unsigned int r)
{
	return r == TERN_NONE ? 0 : s->regs[r];
}

static uint64_t address(const struct tern_sim *s, unsigned int r, uint64_t offset)
{
	return (uint64_t)reg_or_zero(s, r) + offset;
}

/* ---- arithmetic -------------------------------------------------------------------- */
static int do_alu(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	int64_t b = s->regs[slot->b];
	int64_t c = slot->flags & TERN_F_IMM ? (int64_t)w[1] : s->regs[slot->c];

	if (!sim_alu(slot->flags & 0x1f, b, c, &s->regs[slot->a]))
		return sim_fault(s, TERN_FAULT_ARITH, (uint64_t)b, (uint64_t)c);
	return 0;
}

static int do_movi(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	s->regs[slot->a] = (int64_t)w[1];
	return 0;
}

static int do_ring(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	int64_t *r = &s->regs[slot->a];

	*r = (int64_t)((uint64_t)*r + w[1]);
	if (*r >= (int64_t)w[3])
		*r = (int64_t)w[2];
	return 0;
}

/* ---- where to go next ---------------------------------------------------------------- */
static int go(struct tern_sim *s, uint64_t word)
{
	if (word < TERN_IMAGE_HEADER_WORDS || word >= s->hdr.code_words)
		return sim_fault(s, TERN_FAULT_FETCH, word, 0);
	s->next = (uint32_t)word;
	s->cp_jumps++;
	return 0;
}

static int do_br(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	int64_t b = slot->flags & TERN_F_IMM ? (int64_t)w[2] : reg_or_zero(s, slot->b);

	return sim_holds(slot->flags & 7, s->regs[slot->a], b) ? go(s, s->pc + w[1]) : 0;
}

static int do_loop(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	int64_t *r = &s->regs[slot->a];

	*r = (int64_t)((uint64_t)*r - 1);
	return *r > 0 ? go(s, s->pc + w[1]) : 0;
}

static int do_call(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	(void)slot;
	if (s->depth == TERN_CALL_DEPTH)
		return sim_fault(s, TERN_FAULT_STACK, s->depth, w[1]);
	s->stack[s->depth++] = s->next;
	return go(s, w[1]);
}

static int do_ret(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	(void)slot;
	(void)w;
	if (!s->depth)
		return sim_fault(s, TERN_FAULT_STACK, 0, 0);
	s->next = s->stack[--s->depth];
	s->cp_jumps++;
	return 0;
}

/* ---- memory ------------------------------------------------------------------------------ */
static int64_t extend(const unsigned char *p, unsigned int log2, bool is_signed)
{
	uint64_t v = 0;
	unsigned int shift = 64 - (8u << log2);

	for (unsigned int i = 0; i < 1u << log2; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return is_signed ? (int64_t)(v << shift) >> shift : (int64_t)v;
}

static const unsigned char *ldr_source(struct tern_sim *s, uint64_t at, uint64_t len, bool spm,
				       unsigned char *tmp)
{
	struct sim_range r = {at, at + len};

	if (!spm)
		return sim_mem_read(s, at, tmp, len);
	if (at > s->hdr.spm_bytes || len > s->hdr.spm_bytes - at) {
		sim_fault(s, TERN_FAULT_SPM_RANGE, at, s->hdr.spm_bytes);
		return NULL;
	}
	sim_spm_reads(s, &r);
	return s->spm + at;
}

static void time_read(struct tern_sim *s, uint64_t len, bool spm)
{
	if (!s->timing)
		return;
	sim_cp_flush(s);
	if (spm)
		tern_timing_cp_read_spm(s->timing);
	else
		tern_timing_cp_read(s->timing, len);
}

static int do_ldr(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	unsigned int log2 = slot->flags & 3;
	bool spm = slot->flags & TERN_LDR_SPM;
	uint64_t at = address(s, slot->b, w[1]);
	uint64_t len = (uint64_t)slot->c << log2;
	unsigned char tmp[8 * TERN_LDR_MAX];
	const unsigned char *p;
	int err;

	if (at & ((1u << log2) - 1))
		return sim_fault(s, TERN_FAULT_ALIGN, at, 0);
	p = ldr_source(s, at, len, spm, tmp);
	if (!p)
		return s->run->fault.code;
	err = s->check ? sim_check_cp(s, at, len, spm, false) : 0;
	for (unsigned int i = 0; i < slot->c; i++)
		s->regs[slot->a + i] =
			extend(p + ((size_t)i << log2), log2, slot->flags & TERN_LDR_SIGNED);
	time_read(s, len, spm);
	return err;
}

static int write_word(struct tern_sim *s, uint64_t at, uint64_t value)
{
	uint64_t len = sizeof(value);
	uint64_t *host;
	int err;

	if (at % sizeof(value))
		return sim_fault(s, TERN_FAULT_ALIGN, at, 0);
	err = s->check ? sim_check_cp(s, at, sizeof(value), false, true) : 0;
	host = sim_mem_whole(s, at, len, TERN_WRITE);
	/* Others may be polling this word: what was stored before must be visible first. */
	if (err || !host || (uintptr_t)host % sizeof(value))
		return err ? err : sim_mem_write(s, at, &value, sizeof(value));
	if (s->defer)
		sim_defer_source(s, (unsigned char *)host, len);
	__atomic_store_n(host, value, __ATOMIC_RELEASE);
	return 0;
}

void sim_drain(struct tern_sim *s)
{
	sim_cp_flush(s);
	if (s->timing)
		tern_timing_drain(s->timing);
	if (s->check)
		sim_check_drain(s);
}

/* Who sees the value may change what was loaded before it. */
static int do_fence(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	int err;

	sim_drain(s);
	if (s->defer)
		sim_defer_settle(s);
	err = write_word(s, address(s, slot->a, w[1]), w[2]);
	if (!err && slot->flags & TERN_FENCE_IRQ && s->run->interrupt)
		s->run->interrupt(s->run->host_ctx);
	return err;
}

static int do_stamp(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	return write_word(s, address(s, slot->a, w[1]), sim_now(s));
}

/* ---- the rest ------------------------------------------------------------------------------ */
static int do_nop(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	(void)s;
	(void)slot;
	(void)w;
	return 0;
}

static int do_end(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	int err;

	(void)slot;
	(void)w;
	sim_drain(s);
	err = sim_sync_end(s);
	return err ? err : SIM_DONE;
}

/* Queues go on: preempt.c stops here if it is to. */
static int do_yield(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	(void)slot;
	(void)w;
	s->yields = true;
	if (s->check)
		sim_check_forget(s);
	return 0;
}

/* Fields that are set to what they were do not make another shape. */
static int do_tile(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	struct sim_tile *t = &s->tiles[slot->a];
	uint32_t set = slot->flags, regs = slot->b | (uint32_t)slot->c << 8;
	uint64_t other = (t->regs ^ regs) & set & ~SIM_TILE_PLACE;

	t->regs = (t->regs & ~set) | regs;
	if (set & 1u << TERN_TILE_ADDR) {
		t->v[TERN_TILE_ADDR] = (int64_t) * ++w;
		t->addr = sim_tile_field(s, t, TERN_TILE_ADDR);
	}
	if (set & 1u << TERN_TILE_OFFS) {
		t->v[TERN_TILE_OFFS] = (int64_t) * ++w;
		t->offs = sim_tile_field(s, t, TERN_TILE_OFFS);
	}
	for (set &= ~SIM_TILE_PLACE; set; set &= set - 1) {
		int64_t *field = &t->v[__builtin_ctz(set)];

		other |= (uint64_t)*field ^ *++w;
		*field = (int64_t)*w;
	}
	if (other)
		t->shape = ++s->shapes;
	return 0;
}

static int do_trap(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	(void)slot;
	return sim_fault(s, TERN_FAULT_TRAP, s->pc, w[1]);
}

static int do_mark(struct tern_sim *s, struct sim_slot *slot, const uint64_t *w)
{
	(void)slot;
	s->mark = w[1] > UINT32_MAX ? UINT32_MAX : (uint32_t)w[1];
	return 0;
}

static handler *const handlers[] = {
	/* scalar */
	[TERN_OP_NOP] = do_nop,
	[TERN_OP_END] = do_end,
	[TERN_OP_MOVI] = do_movi,
	[TERN_OP_ALU] = do_alu,
	[TERN_OP_BR] = do_br,
	[TERN_OP_LOOP] = do_loop,
	[TERN_OP_CALL] = do_call,
	[TERN_OP_RET] = do_ret,
	[TERN_OP_LDR] = do_ldr,
	[TERN_OP_FENCE] = do_fence,
	[TERN_OP_STAMP] = do_stamp,
	[TERN_OP_YIELD] = do_yield,
	[TERN_OP_TILE] = do_tile,
	[TERN_OP_RING] = do_ring,
	[TERN_OP_TRAP] = do_trap,
	[TERN_OP_MARK] = do_mark,
	/* of queues */
	[TERN_OP_SYNC] = sim_dispatch,
	[TERN_OP_LOAD] = sim_dispatch,
	[TERN_OP_STORE] = sim_dispatch,
	[TERN_OP_MATRIX] = sim_dispatch,
	[TERN_OP_VECTOR] = sim_dispatch,
};

static const volatile int never; /* stops */

int sim_cp_run(struct tern_sim *s)
{
	/* None of these moves during a job. */
	const volatile int *stop = s->run->stop ? s->run->stop : &never;
	struct sim_slot *slots = s->slots;
	const uint64_t *image = s->image;
	int err = 0;

	for (; !err; s->pc = s->next) {
		uint32_t pc = s->pc;
		struct sim_slot *slot;

		if ((pc >= s->hdr.code_words || !slots[pc].ready) && !sim_fetch(s, pc))
			return s->nomem ? SIM_DONE : s->run->fault.code;
		slot = &slots[pc];
		if (__atomic_load_n(stop, __ATOMIC_RELAXED))
			err = sim_attend(s, slot);
		if (err)
			return err;
		s->cp_cycles += slot->words;
		s->next = pc + slot->words;
		err = sim_spend(s, slot->words);
		if (err)
			return err;
		err = handlers[slot->op](s, slot, image + pc);
	}
	return err;
}
