// SPDX-License-Identifier: GPL-2.0
/*
 * The emulated core. Its memory: TCM is the host's own array, registers and window are
 * callbacks. The window is not mapped page by page, as the emulator loses its way when pages
 * go: libunicorn 2.0.1 then takes other memory for the registers. Traps are entered by hand, because the emulator leaves
 * them to its user; RISC-V privileged architecture 1.12, sections 3.1.6 to 3.1.9 and 3.1.15.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unicorn/unicorn.h>

#include "model.h"

#define CAUSE_FETCH    1
#define CAUSE_ILLEGAL  2
#define CAUSE_BREAK    3
#define CAUSE_LOAD     5
#define CAUSE_STORE    7
#define CAUSE_EXTERNAL 0x8000000bu
#define MSTATUS_MIE    (1u << 3)
#define MSTATUS_MPIE   (1u << 7)
#define MSTATUS_MPP    (3u << 11)
#define MIE_MEIE       (1u << 11)
#define NOWHERE	       0xfffffffeull /* where no program ends */
#define WINDOW_BYTES   0x80000000u
#define LOOK_EVERY     256u    /* blocks between two looks at the clock */
#define NAP	       100000u /* nanoseconds: the shortest sleep */

static uint32_t get(struct mcu *c, int reg)
{
	uint32_t v = 0;

	uc_reg_read(c->uc, reg, &v);
	return v;
}

static void set(struct mcu *c, int reg, uint32_t v)
{
	uc_reg_write(c->uc, reg, &v);
}

static void stop(struct mcu *c)
{
	c->asked = true;
	uc_emu_stop(c->uc);
}

static void trap(struct mcu *c, uint32_t cause, uint32_t tval)
{
	uint32_t status = get(c, UC_RISCV_REG_MSTATUS), vector = get(c, UC_RISCV_REG_MTVEC);
	uint32_t base = vector & ~3u;

	set(c, UC_RISCV_REG_MEPC, get(c, UC_RISCV_REG_PC));
	set(c, UC_RISCV_REG_MCAUSE, cause);
	set(c, UC_RISCV_REG_MTVAL, tval);
	status = (status & ~(MSTATUS_MIE | MSTATUS_MPIE)) | MSTATUS_MPP |
		 (status & MSTATUS_MIE ? MSTATUS_MPIE : 0);
	set(c, UC_RISCV_REG_MSTATUS, status);
	if (vector & 1 && cause & 0x80000000u)
		base += 4 * (cause & 0x7fffffffu);
	set(c, UC_RISCV_REG_PC, base);
}

/* ---- callbacks: registers ---------------------------------------------------------------------- */
static uint64_t reg_read(uc_engine *uc, uint64_t offset, unsigned int size, void *ctx)
{
	struct model *m = ctx;
	uint32_t v = 0;

	(void)uc;
	if (size != 4 || offset % 4) {
		m->mcu.cause = CAUSE_LOAD;
		m->mcu.tval = (uint32_t)(TERN_MCU_REGS + offset);
		stop(&m->mcu);
		return 0;
	}
	pthread_mutex_lock(&m->lock);
	v = fw_reg_read(m, TERN_REGS_FW + (uint32_t)offset, true);
	pthread_mutex_unlock(&m->lock);
	return v;
}

static void reg_write(uc_engine *uc, uint64_t offset, unsigned int size, uint64_t v, void *ctx)
{
	struct model *m = ctx;

	(void)uc;
	if (size != 4 || offset % 4) {
		m->mcu.cause = CAUSE_STORE;
		m->mcu.tval = (uint32_t)(TERN_MCU_REGS + offset);
		stop(&m->mcu);
		return;
	}
	pthread_mutex_lock(&m->lock);
	fw_reg_write(m, TERN_REGS_FW + (uint32_t)offset, (uint32_t)v, true);
	if (m->mcu.halted)
		stop(&m->mcu);
	pthread_mutex_unlock(&m->lock);
}

/* ---- callbacks: the window ------------------------------------------------------------------------ */
static void window_fault(struct mcu *c, uint32_t va, int cause)
{
	c->cause = cause;
	c->tval = va;
	stop(c);
}

/* Guest memory at va for one access, which may be one word that others poll. */
static void *window_at(struct model *m, uint64_t offset, unsigned int size, unsigned int access)
{
	uint64_t len = size;
	void *host = mmu_at(m, 0, TERN_MCU_WINDOW + offset, &len, access, MMU_BY_MCU);

	return len == size ? host : NULL;
}

static uint64_t window_read(uc_engine *uc, uint64_t offset, unsigned int size, void *ctx)
{
	struct model *m = ctx;
	uint64_t v = 0;
	void *host;

	(void)uc;
	pthread_mutex_lock(&m->lock);
	host = window_at(m, offset, size, TERN_READ);
	if (!host)
		window_fault(&m->mcu, (uint32_t)(TERN_MCU_WINDOW + offset), CAUSE_LOAD);
	else if (size == 4 && offset % 4 == 0)
		v = __atomic_load_n((uint32_t *)host, __ATOMIC_ACQUIRE);
	else
		memcpy(&v, host, size);
	pthread_mutex_unlock(&m->lock);
	return v;
}

static void window_write(uc_engine *uc, uint64_t offset, unsigned int size, uint64_t v, void *ctx)
{
	struct model *m = ctx;
	void *host;

	(void)uc;
	pthread_mutex_lock(&m->lock);
	host = window_at(m, offset, size, TERN_WRITE);
	if (!host)
		window_fault(&m->mcu, (uint32_t)(TERN_MCU_WINDOW + offset), CAUSE_STORE);
	else if (size == 4 && offset % 4 == 0)
		__atomic_store_n((uint32_t *)host, (uint32_t)lies_word(m, size, v),
				 __ATOMIC_RELEASE);
	else
		memcpy(host, &v, size);
	pthread_mutex_unlock(&m->lock);
}

static bool missing(uc_engine *uc, uc_mem_type type, uint64_t at, int size, int64_t value,
		    void *ctx)
{
	struct model *m = ctx;
	struct mcu *c = &m->mcu;
	bool write = type == UC_MEM_WRITE_UNMAPPED || type == UC_MEM_WRITE_PROT;
	bool fetch = type == UC_MEM_FETCH_UNMAPPED || type == UC_MEM_FETCH_PROT;
	uint32_t va = (uint32_t)at;

	(void)uc;
	(void)size;
	(void)value;
	c->cause = fetch ? CAUSE_FETCH : write ? CAUSE_STORE : CAUSE_LOAD;
	c->tval = va;
	return false;
}

/* ---- callbacks: exceptions, boundaries --------------------------------------------------------------- */
static void exception(uc_engine *uc, uint32_t number, void *ctx)
{
	struct model *m = ctx;

	(void)uc;
	m->mcu.cause = (int)number;
	m->mcu.tval = 0;
	stop(&m->mcu);
}

/* The emulator keeps EBREAK to itself and reports it as no instruction. */
static bool invalid(uc_engine *uc, void *ctx)
{
	struct model *m = ctx;
	uint32_t pc = get(&m->mcu, UC_RISCV_REG_PC), insn = 0;

	(void)uc;
	if (pc <= TCM_BYTES - 4)
		memcpy(&insn, m->mcu.tcm + pc, sizeof(insn));
	m->mcu.cause =
		(insn & 0xffff) == 0x9002 || insn == 0x00100073 ? CAUSE_BREAK : CAUSE_ILLEGAL;
	m->mcu.tval = 0;
	return false;
}

static void block(uc_engine *uc, uint64_t at, uint32_t size, void *ctx)
{
	struct model *m = ctx;
	struct mcu *c = &m->mcu;

	(void)uc;
	(void)at;
	(void)size;
	if (c->attention || ++c->blocks == LOOK_EVERY) {
		c->blocks = 0;
		stop(c);
	}
}

/* ---- between two pieces of emulation ------------------------------------------------------------------ */
static bool wants_interrupt(struct model *m)
{
	struct mcu *c = &m->mcu;

	return mcu_line(m) && get(c, UC_RISCV_REG_MIE) & MIE_MEIE &&
	       get(c, UC_RISCV_REG_MSTATUS) & MSTATUS_MIE;
}

static void flush_window(struct model *m)
{
	struct mcu *c = &m->mcu;

	if (!c->flush)
		return;
	c->flush = false;
	mmu_waited(m, WAIT_MCU);
	pthread_cond_broadcast(&m->changed);
}

/* CLOCK may come to it later than the host's. */
static void wait_for_clock(struct model *m, uint64_t when)
{
	uint64_t now = clock_now(&m->clock), host = clock_host();
	struct timespec t;

	host += when > now + NAP ? when - now : NAP;
	t.tv_sec = (time_t)(host / 1000000000u);
	t.tv_nsec = (long)(host % 1000000000u);
	pthread_cond_timedwait(&m->changed, &m->lock, &t);
}

static void sleep_until(struct model *m, uint64_t when)
{
	clock_sleep(&m->clock, CLOCK_MCU, when);
	if (when == UINT64_MAX)
		pthread_cond_wait(&m->changed, &m->lock);
	else
		wait_for_clock(m, when);
	clock_work(&m->clock, CLOCK_MCU);
}

static bool goes_on(const struct model *m)
{
	return m->mcu.run && !m->mcu.halted && !m->mcu.quit;
}

/* Everything that may happen between two instructions. False: stop. */
static bool boundary(struct model *m, bool waiting)
{
	struct mcu *c = &m->mcu;
	uint64_t next;
	bool on;

	pthread_mutex_lock(&m->lock);
	c->attention = 0;
	for (;;) {
		next = mcu_clock(m);
		flush_window(m);
		on = goes_on(m);
		if (!on)
			break;
		if (faults_on(&m->faults, FAULT_MCU_SILENT) ||
		    (waiting && !(mcu_line(m) && get(c, UC_RISCV_REG_MIE) & MIE_MEIE)))
			sleep_until(m, next);
		else
			break;
	}
	c->attention = 0;
	pthread_mutex_unlock(&m->lock);
	return on;
}

static void take(struct model *m)
{
	struct mcu *c = &m->mcu;
	bool wanted;

	pthread_mutex_lock(&m->lock);
	wanted = wants_interrupt(m);
	pthread_mutex_unlock(&m->lock);
	if (wanted)
		trap(c, CAUSE_EXTERNAL, 0);
}

/* The fault MCU_LOOP: a jump to itself, with interrupts off. */
static void loop(struct mcu *c)
{
	static const uint16_t jump = 0xa001;
	uint32_t at = TCM_BYTES - sizeof(jump);

	uc_mem_write(c->uc, at, &jump, sizeof(jump));
	set(c, UC_RISCV_REG_PC, at);
	set(c, UC_RISCV_REG_MSTATUS, get(c, UC_RISCV_REG_MSTATUS) & ~MSTATUS_MIE);
}

static bool emulate(struct model *m)
{
	struct mcu *c = &m->mcu;
	uc_err err;
	bool waits;

	c->cause = -1;
	c->asked = false;
	err = uc_emu_start(c->uc, get(c, UC_RISCV_REG_PC), NOWHERE, 0, 0);
	if (c->cause >= 0)
		trap(c, (uint32_t)c->cause, c->tval);
	else if (err)
		trap(c, CAUSE_ILLEGAL, 0);
	waits = !err && !c->asked && c->cause < 0;
	if (!boundary(m, waits))
		return false;
	if (faults_take(&m->faults, FAULT_MCU_LOOP))
		loop(c);
	take(m);
	return true;
}

static bool prepare(struct model *m)
{
	struct mcu *c = &m->mcu;
	uc_hook h;

	if (uc_open(UC_ARCH_RISCV, UC_MODE_RISCV32, &c->uc)) {
		c->uc = NULL;
		return false;
	}
	c->blocks = 0;
	return !uc_mem_map_ptr(c->uc, TERN_MCU_TCM, TCM_BYTES, UC_PROT_ALL, c->tcm) &&
	       !uc_mmio_map(c->uc, TERN_MCU_REGS, TERN_REGS_BLOCK, reg_read, m, reg_write, m) &&
	       !uc_mmio_map(c->uc, TERN_MCU_WINDOW, WINDOW_BYTES, window_read, m, window_write,
			    m) &&
	       !uc_hook_add(c->uc, &h, UC_HOOK_INTR, (void *)exception, m, 1, 0) &&
	       !uc_hook_add(c->uc, &h, UC_HOOK_INSN_INVALID, (void *)invalid, m, 1, 0) &&
	       !uc_hook_add(c->uc, &h, UC_HOOK_MEM_INVALID, (void *)missing, m, 1, 0) &&
	       !uc_hook_add(c->uc, &h, UC_HOOK_BLOCK, (void *)block, m, 1, 0);
}

void hart_run(struct model *m, uint32_t entry)
{
	struct mcu *c = &m->mcu;

	if (prepare(m)) {
		/* Nothing of use: not zeros, which a program might come to count on. */
		for (int i = 1; i < 32; i++)
			set(c, UC_RISCV_REG_X0 + i, 0xdead0000u + (uint32_t)i);
		set(c, UC_RISCV_REG_PC, entry);
		while (emulate(m))
			;
	} else {
		fprintf(stderr, "tern-device: no RISC-V emulator\n");
		pthread_mutex_lock(&m->lock);
		mcu_halt(m);
		pthread_mutex_unlock(&m->lock);
	}
	if (c->uc)
		uc_close(c->uc);
	c->uc = NULL;
}
