/* SPDX-License-Identifier: MIT OR (GPL-2.0 WITH Linux-syscall-note) */
/*
 * What the MCU works with: its memory map, its registers, its way to wait. The firmware
 * needs hw.h, this and fw.h; the driver reads the same registers at TERN_REGS_FW of BAR REGS.
 */
#ifndef TERN_MCU_H
#define TERN_MCU_H

#include "hw.h"

/* clang-format off */

/* ---- The core ------------------------------------------------------------------ */
/*
 * One RV32IMC hart, little-endian, machine mode only. A reset starts it at MCU_ENTRY in TCM;
 * its registers hold nothing of use. Loads, stores and fetches by physical address: */
#define TERN_MCU_TCM		0x00000000u /* TCM_BYTES of memory */
#define TERN_MCU_TCM_MAX	0x00100000u
#define TERN_MCU_REGS		0x40000000u /* TERN_HW_FW_REGS; aligned 32-bit loads and stores only */
#define TERN_MCU_WINDOW		0x80000000u /* to the end: the same addresses of ASID 0; no fetches */
#define TERN_MCU_REG(name)	(TERN_MCU_REGS + TERN_FW_REG_##name - TERN_REGS_FW)
/*
 * All else is an access fault of the hart, and so is an address of WINDOW that ASID 0 does not
 * map or a store to one without WRITE; a misaligned load may be done as two aligned ones instead.
 * The window is all the MCU reaches of memory. The kernel places there what it shares with the
 * firmware, and nothing else: kernel rings, save areas and fault records lie in ASID 0 at
 * TERN_KERNEL_VA and above, where no MCU can forge a completion or read what a context left.
 */
#define TERN_KERNEL_VA		0x100000000ull

/*
 * Waiting. The interrupt line (mip.MEIP) is high while HOST_KICK, DOORBELLS or MCU_EVENTS is
 * not zero; WFI returns at once while it is, with mie.MEIE set and whatever mstatus.MIE says.
 * So no event is lost between looking and sleeping. There is no other interrupt.
 *
 * Order. FENCE orders memory of WINDOW (r, w) and registers (i, o) as RISC-V says. Stores
 * to WINDOW are visible to the host before a later HOST_IRQ interrupts it, if FENCE w, o lies
 * between them.
 */

/*
 * Time. TIMESTAMP is the world's and never stops. CLOCK is for whoever gives others a time to do
 * something in: it counts as fast, but stands still as long as the engines have work and are not
 * clocked, throttled for their heat or emulated by a host that is busy with something else. It
 * does go on while they are clocked and do nothing.
 */

/* ---- Registers ------------------------------------------------------------------ */
/*
 * 64-bit ones are two words: written low half first, the high half takes effect; reading the
 * low half latches the high one. Commands act on COMMAND_SLOT. The MCU's reset clears all but
 * BOOT_ARGS and what counts time; TIMER then says never. What the kernel may not write it may
 * read; the MCU reaches none of the kernel's registers.
 *
 *	name		offset bits access text (access is the MCU's; H: the kernel may write) */
#define TERN_HW_FW_REGS(X) \
	X(BOOT_ARGS,	 0x0000, 64, RO,  "H: address in WINDOW of struct tern_fw_boot") \
	X(BOOT_STATUS,	 0x0008, 32, RW,  "enum tern_fw_stage in 15:0, enum tern_fw_error in 31:16") \
	X(HEARTBEAT,	 0x000c, 32, RW,  "the firmware counts") \
	X(HOST_KICK,	 0x0010, 32, W1C, "H: writing a 1 sets it, and interrupts the MCU: a message is there") \
	X(HOST_IRQ,	 0x0014, 32, WO,  "a 1 raises IRQ MESSAGE") \
	X(WATCHDOG,	 0x0018, 32, RW,  "microseconds until the MCU stops, unless written again; 0: off") \
	X(HALT,		 0x001c, 32, WO,  "any write stops the MCU until its reset; IRQ MCU") \
	X(MCU_EVENTS,	 0x0020, 32, W1C, "TERN_EVENT_*") \
	X(TIMER,	 0x0028, 64, RW,  "CLOCK at which the timer event comes; all ones: never") \
	X(DOORBELLS,	 0x0030, 64, W1C, "slots whose doorbell rang") \
	X(VALID_SLOTS,	 0x0038, 64, RO,  "slots the kernel has bound") \
	X(KERNEL_SLOTS,	 0x0040, 64, RO,  "those of them with a kernel ring") \
	X(COMMAND_SLOT,	 0x0048, 32, RW,  "slot") \
	X(COMMAND,	 0x004c, 32, WO,  "enum tern_slot_command; ignored while one is under way") \
	X(COMMAND_STATUS, 0x0050, 32, RO, "1 while a command is under way") \
	X(RUNNING_SLOT,	 0x0054, 32, RO,  "slot in the engines, or TERN_NSLOTS") \
	X(PENDING,	 0x0058, 32, RO,  "jobs in COMMAND_SLOT's ring, a saved one included, as of the last QUERY") \
	X(SLOT_PRIORITY, 0x005c, 32, RO,  "COMMAND_SLOT's priority") \
	X(ENGINE_STATE,	 0x0060, 32, RO,  "bit per enum tern_queue: it holds commands") \
	X(SLOT_STATE,	 0x0064, 32, RO,  "COMMAND_SLOT's enum tern_slot_state") \
	X(PROGRESS,	 0x0068, 64, RO,  "engine commands completed by the running job") \
	X(BUDGET_LEFT,	 0x0070, 64, RO,  "steps the running job has left") \
	X(POWER,	 0x0078, 32, RW,  "enum tern_power: engines and SPM") \
	X(TIMESTAMP_KHZ, 0x007c, 32, RO,  "rate of TIMESTAMP and CLOCK") \
	X(TIMESTAMP,	 0x0080, 64, RO,  "the time, for logs and traces") \
	X(CLOCK,	 0x0088, 64, RO,  "what TIMER and WATCHDOG count: see above")
enum tern_fw_reg {
#define X(name, offset, bits, access, text) TERN_FW_REG_##name = TERN_REGS_FW + offset,
	TERN_HW_FW_REGS(X)
#undef X
};
#define X(name, offset, bits, access, text) TERN_REG_CHECK(0, offset, bits, TERN_REGS_BLOCK);
TERN_HW_FW_REGS(X)
#undef X

#define TERN_EVENT_COMMAND	(1u << 0) /* the command is done */
#define TERN_EVENT_JOB		(1u << 1) /* the running job ended, or the kernel took its slot */
#define TERN_EVENT_TIMER	(1u << 2)

enum tern_slot_command {
	TERN_SLOT_QUERY = 1, /* read the ring's indices into PENDING */
	TERN_SLOT_RUN, /* fetch the next job, or go on with a saved one */
	TERN_SLOT_PREEMPT, /* drain, save, stop: at YIELD only CP state is saved */
	TERN_SLOT_ABORT, /* the running job faults with ABORT */
};
/*
 * QUERY and RUN of a slot that is not VALID, RUN without work or while another slot runs, and
 * PREEMPT and ABORT of a slot that is not RUNNING end at once and do nothing. A ring that
 * cannot be read, or says nonsense, faults its slot. RUN ends when the job is in the
 * engines; TERN_EVENT_JOB comes when it has left them. A job that ends while PREEMPT drains
 * it has ended: nothing is saved, and both events come. PREEMPT lets a job carry out one command
 * since its RUN: what is in the engines gets on, and its budget ends, however often it is asked.
 */
enum tern_power {
	TERN_POWER_OFF, /* SPM is lost; only while no slot is RUNNING */
	TERN_POWER_RETENTION,
	TERN_POWER_ON,
};

#endif /* TERN_MCU_H */
