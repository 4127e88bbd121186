/* SPDX-License-Identifier: MIT OR (GPL-2.0 WITH Linux-syscall-note) */
/*
 * Tern hardware interface: capabilities, faults, counters, address translation, the host's
 * registers, what the device reads and writes in memory. mcu.h has the MCU's side. README.md
 * beside this file states what each field means to software.
 *
 * Structures in memory are little-endian (__le); registers have the CPU's byte order once
 * read by 32-bit accesses.
 */
#ifndef TERN_HW_H
#define TERN_HW_H

#include "isa.h"

/* clang-format off */

/*
 * What the register INTERFACE holds. A minor only adds; software refuses another major, and a
 * minor below that of what it needs. 1.1: CLOCK (mcu.h), which TIMER and WATCHDOG count.
 */
#define TERN_INTERFACE_MAJOR	1
#define TERN_INTERFACE_MINOR	1

/* ---- Capabilities ---------------------------------------------------------- */
/*
 * One 32-bit register each, in this order from TERN_REG_CAPS. The same struct
 * configures the model and is the compiler's target.
 *
 *	name		small	 ref	  large	   text */
#define TERN_HW_CAPS(X) \
	X(isa_major,	     1,	      1,       1, "ISA version") \
	X(isa_minor,	     0,	      0,       0, "ISA version") \
	X(clock_khz,   1000000, 1000000, 1000000, "NPU clock") \
	X(mac_int8,	   512,	   4096,   16384, "int8 multiply-accumulates per cycle, groups of 32") \
	X(mac_div_min,	     1,	      1,       1, "rate divisor with a minimum, groups of 32") \
	X(mac_div_g16,	     1,	      1,       1, "rate divisor, groups of 16") \
	X(mac_div_g16min,    2,	      2,       2, "rate divisor, groups of 16 with a minimum") \
	X(mac_div_f16,	     2,	      2,       2, "rate divisor, fp16 and bf16") \
	X(mac_div_f32,	     8,	      8,       8, "rate divisor, fp32") \
	X(m0,		     4,	     16,      32, "matrix quantum, rows of A") \
	X(n0,		     4,	      8,      16, "matrix quantum, columns") \
	X(k0,		    32,	     32,      32, "matrix quantum, depth (int8)") \
	X(acc,		  4096,	  16384,   65536, "accumulators, fp32, each double buffered") \
	X(spm_bytes,	262144, 2097152, 8388608, "scratchpad memory") \
	X(spm_vector,	   256,	   2048,    8192, "SPM bytes per cycle, VECTOR port") \
	X(spm_matrix_out,   64,	    512,    2048, "SPM bytes per cycle, MATRIX result port") \
	X(spm_dma,	    64,	    512,    2048, "SPM bytes per cycle, each LOAD and STORE port") \
	X(vector_lanes,	    16,	    128,     512, "fp32 lanes") \
	X(load_decode,	    32,	    256,    1024, "elements decoded per cycle, each LOAD queue") \
	X(store_encode,	    16,	    128,     512, "elements encoded per cycle") \
	X(dram_x256,	  3277,	  13107,   34816, "sustained DRAM bytes per cycle, times 256") \
	X(dram_burst,	    64,	     64,      64, "bytes") \
	X(dram_outstanding, 128,    512,    1024, "bursts in flight") \
	X(queue_depth,	    64,	     64,      64, "resolved commands per queue") \
	X(save_bytes,	300000, 2400000, 9000000, "save area of a preempted context") \
	X(doorbell_stride, 65536, 65536,  65536, "bytes between doorbells: the largest page of any host")
struct tern_caps {
#define X(name, small, ref, large, text) __u32 name;
	TERN_HW_CAPS(X)
#undef X
};
TERN_ASSERT(sizeof(struct tern_caps) == 4 * 26);

/*
 * What an implementation may have. Besides: mac_int8 = m0 * n0 * k0; k0 is a multiple of
 * TERN_GROUP, spm_bytes of 4096; doorbell_stride is a power of two; save_bytes is at least
 * TERN_SAVE_SPM + spm_bytes + 4 * acc.
 *
 *	name		   low		   high */
#define TERN_HW_CAP_LIMITS(X) \
	X(isa_major,	   TERN_ISA_MAJOR, TERN_ISA_MAJOR) \
	X(isa_minor,	   0,		   TERN_ISA_MINOR) \
	X(clock_khz,	   1000,	   4000000) \
	X(mac_int8,	   32,		   1 << 20) \
	X(mac_div_min,	   1,		   64) \
	X(mac_div_g16,	   1,		   64) \
	X(mac_div_g16min,  1,		   64) \
	X(mac_div_f16,	   1,		   64) \
	X(mac_div_f32,	   1,		   64) \
	X(m0,		   1,		   256) \
	X(n0,		   1,		   256) \
	X(k0,		   32,		   1024) \
	X(acc,		   1024,	   1 << 22) \
	X(spm_bytes,	   64 << 10,	   256 << 20) \
	X(spm_vector,	   4,		   1 << 16) \
	X(spm_matrix_out,  4,		   1 << 16) \
	X(spm_dma,	   4,		   1 << 16) \
	X(vector_lanes,	   1,		   4096) \
	X(load_decode,	   1,		   1 << 16) \
	X(store_encode,	   1,		   1 << 16) \
	X(dram_x256,	   64,		   1 << 22) \
	X(dram_burst,	   TERN_BURST,	   TERN_BURST) \
	X(dram_outstanding, 1,		   1 << 16) \
	X(queue_depth,	   1,		   1024) \
	X(save_bytes,	   64 << 10,	   1 << 30) \
	X(doorbell_stride, 4096,	   65536)

/* ---- Faults ----------------------------------------------------------------- */
/* What a job ends with. Classes: FAULT the program or its data is wrong;
 * UNDEFINED checking mode found undefined behaviour; UNIMPLEMENTED specified, but
 * this implementation does not execute it; BUDGET and ABORT come from outside. */
#define TERN_HW_FAULTS(X) \
	X(NONE,		  0, NONE,	    "no fault") \
	X(ILLEGAL,	  1, FAULT,	    "unknown command, bad length, reserved bit or field") \
	X(FETCH,	  2, FAULT,	    "command or micro-program outside the image") \
	X(TRANSLATION,	  3, FAULT,	    "address not mapped, or not for this access") \
	X(SPM_RANGE,	  4, FAULT,	    "tile outside SPM") \
	X(TYPE,		  5, FAULT,	    "data type not allowed here") \
	X(SHAPE,	  6, FAULT,	    "negative or mismatched size, or bad stride") \
	X(ALIGN,	  7, FAULT,	    "misaligned address or stride") \
	X(INDEX,	  8, FAULT,	    "row index outside the tile") \
	X(SEM_ROLE,	  9, FAULT,	    "queue is not this semaphore's producer or consumer") \
	X(SEM_OVERFLOW,	 10, FAULT,	    "semaphore above 255") \
	X(DEADLOCK,	 11, FAULT,	    "wait that no dispatched signal can meet") \
	X(SEM_END,	 12, FAULT,	    "semaphore not at its initial value at END") \
	X(STACK,	 13, FAULT,	    "CALL too deep or RET without CALL") \
	X(ARITH,	 14, FAULT,	    "division by zero or overflow") \
	X(ACC_RANGE,	 15, FAULT,	    "more outputs than accumulators") \
	X(VECTOR_PROGRAM, 16, FAULT,	    "malformed micro-program") \
	X(TRAP,		 17, FAULT,	    "TRAP executed; info is its code") \
	X(IMAGE,	 18, FAULT,	    "image header or job refused") \
	X(RING,		 19, FAULT,	    "ring refused: its address, count or indices") \
	X(RACE,		 32, UNDEFINED,	    "conflicting accesses that no semaphore orders") \
	X(UNINIT,	 33, UNDEFINED,	    "read of SPM or accumulators nothing has written") \
	X(OPAQUE,	 34, UNDEFINED,	    "operand tile read as data, or as another operand type") \
	X(UNIMPLEMENTED, 48, UNIMPLEMENTED, "specified but not executed by this implementation") \
	X(BUDGET,	 64, BUDGET,	    "step budget used up") \
	X(ABORT,	 65, ABORT,	    "stopped by software")
enum tern_fault_code {
#define X(name, code, class, text) TERN_FAULT_##name = code,
	TERN_HW_FAULTS(X)
#undef X
};
enum tern_fault_class {
	TERN_CLASS_NONE,
	TERN_CLASS_FAULT,
	TERN_CLASS_UNDEFINED,
	TERN_CLASS_UNIMPLEMENTED,
	TERN_CLASS_BUDGET,
	TERN_CLASS_ABORT,
};

/* Kinds of access to memory, as a TRANSLATION fault tells them. */
enum tern_access { TERN_READ = 1, TERN_WRITE = 2, TERN_EXEC = 4 };

struct tern_fault { /* addr and info: README.md, "Faults" */
	__le16 code; /* enum tern_fault_code */
	__u8 class; /* enum tern_fault_class */
	__u8 queue; /* enum tern_queue */
	__le32 word; /* image word of the command */
	__le64 addr; /* address, index or value concerned */
	__le64 info; /* second value */
	__le64 cycle; /* the CP's clock */
	__le32 mark; /* operand of the last MARK before it */
	__le32 reserved;
};
TERN_ASSERT(sizeof(struct tern_fault) == 40);

/* ---- Counters of a job -------------------------------------------------------- */
struct tern_counters { /* exactly: README.md, "Time" */
	__le64 cycles; /* from the job's begin until END has drained the queues */
	__le64 steps; /* what a budget counts */
	__le64 commands[8]; /* per enum tern_queue; of the CP only SYNC */
	__le64 busy[8]; /* cycles the engine worked; the CP: did not wait */
	__le64 stall_sem[8]; /* cycles its head waited for a semaphore */
	__le64 stall_dram[8]; /* cycles its head waited for DRAM beyond its own transfer */
	__le64 dram_read, dram_written; /* bytes asked for */
	__le64 dram_bursts; /* bursts touched, 64 bytes each */
	__le64 spm_bytes; /* through the engines' ports */
	__le64 macs[4]; /* int8, fp16, bf16, fp32; edges excluded */
	__le64 vector_ops; /* element operations weighted by cost */
	__le64 energy_pj; /* dynamic and leakage, picojoule */
	__le64 reserved[4];
};
TERN_ASSERT(sizeof(struct tern_counters) == 384);

/* ---- A job ------------------------------------------------------------------- */
/* Addresses are the context's, also in a KERNEL ring. */
struct tern_job {
	__le64 image; /* struct tern_image_header, 64-byte aligned, EXEC */
	__le64 args; /* R0; the device never looks at what it names */
	__le64 budget; /* steps. 0: KERNEL rings the implementation's default, user rings none */
	__le64 flags; /* TERN_JOB_*; another bit, or a reserved field, is an IMAGE fault */
	__le64 profile; /* struct tern_profile, 64-byte aligned, WRITE; or 0 */
	__le64 reserved[3]; /* zero */
};
TERN_ASSERT(sizeof(struct tern_job) == 64);
#define TERN_JOB_IRQ		(1ull << 0) /* raise IRQ FENCE when `done` counts this job */
#define TERN_JOB_FLAGS		TERN_JOB_IRQ
#define TERN_DEFAULT_BUDGET	(1ull << 40) /* of a job that names none */

/*
 * What a job leaves for who profiles it. The device adds to `op` at the job's MARKs (what is
 * at or beyond nops is left out), and writes the rest once, before `done` counts the job.
 */
struct tern_profile_op { /* one operator: what its commands cost */
	__le64 cycles; /* by which they moved the latest completion so far */
	__le64 busy[8]; /* per enum tern_queue */
	__le64 dram_bytes, macs, commands;
};
struct tern_profile_event { /* one engine command, in stream order */
	__u8 queue;
	__u8 reserved0[3];
	__le32 word, mark;
	__le32 reserved1;
	__le64 dispatch, start, end; /* cycles since the job's begin */
};
struct tern_profile {
	__le64 ops, events; /* addresses of the two arrays, 8-byte aligned, WRITE; or 0 */
	__le32 nops, nevents; /* their lengths */
	__le64 reserved0[5]; /* zero; so far the host's, from here on the device's */
	__le64 begin, end; /* TIMESTAMP */
	__le64 event_count; /* events there were; those beyond nevents are not written */
	__le32 clock_khz; /* of the cycles, when the job ended */
	__le32 preemptions; /* how often begin to end was interrupted */
	__le64 reserved1[4];
	struct tern_counters counters;
};
TERN_ASSERT(sizeof(struct tern_profile_op) == 96 && sizeof(struct tern_profile_event) == 40);
TERN_ASSERT(sizeof(struct tern_profile) == 512);

/* ---- Address translation -------------------------------------------------------- */
/*
 * 48-bit addresses, 4 KiB granule, 4 levels of 512 little-endian 64-bit entries
 * (9+9+9+9+12). A level-1 (2 MiB) entry may be a leaf. Physical address in [47:12]. What is
 * VALID may be read. An entry is written with one 64-bit store; making one that was not VALID
 * valid needs no invalidation, every other change does.
 */
#define TERN_VA_BITS		48
#define TERN_PAGE_SHIFT		12
#define TERN_PAGE_SIZE		4096u
#define TERN_PTE_VALID		(1ull << 0)
#define TERN_PTE_LEAF		(1ull << 1) /* must be set at level 0, may be at level 1 */
#define TERN_PTE_WRITE		(1ull << 2)
#define TERN_PTE_EXEC		(1ull << 3) /* commands may be fetched from it */
#define TERN_PTE_ADDR_MASK	0x0000fffffffff000ull
#define TERN_NASIDS		64 /* ASID 0 is the kernel's: no program ever runs in it */

/* ---- Host window ----------------------------------------------------------------- */
/*
 * PCI: three 64-bit BARs; a platform device has the same three regions in its `reg`, in
 * this order. Only doorbell pages are ever mapped to user space. MSI-X table and pending
 * bits lie in the register BAR, so that nothing else shares their pages.
 */
/*	name	  BAR region  size (0: a register says it)  text */
#define TERN_HW_BARS(X) \
	X(REGS,	    0,	0,    0x40000, "host and firmware registers, MSI-X") \
	X(DOORBELL, 2,	1,	    0, "one page-sized doorbell per slot, doorbell_stride apart") \
	X(TCM,	    4,	2,	    0, "the MCU's memory, TCM_BYTES; all ones while locked")
enum tern_bar {
#define X(name, bar, region, size, text) TERN_BAR_##name = bar, TERN_REGION_##name = region,
	TERN_HW_BARS(X)
#undef X
};
/*
 * How the model shows itself on PCI: no silicon, so no vendor of its own; 0x1234 is the number
 * that emulators use. A vendor's silicon has its own pair, and a line in the driver's table.
 */
#define TERN_PCI_VENDOR		0x1234
#define TERN_PCI_DEVICE		0x7e41
#define TERN_PCI_CLASS		0x120000 /* processing accelerator */
#define TERN_REGS_HOST		0x00000u /* kernel only; the MCU cannot reach it */
#define TERN_REGS_FW		0x10000u /* the MCU's; the kernel reads it, and writes where said */
#define TERN_REGS_MSIX		0x20000u /* table, then pending bits at + 0x8000 */
#define TERN_REGS_BLOCK		0x10000u
#define TERN_NSLOTS		64
#define TERN_MAX_VECTORS	4
#define TERN_DOORBELL_RING	0 /* offset in a doorbell page: any 32-bit write rings */

/*
 * Registers are 32 bits wide, or 64 and then written low half first; the high half takes
 * effect. Access: RO read only, RW, WO reads zero, W1C writing a 1 clears. Reserved bits
 * and offsets read zero, except that a device that is gone reads all ones everywhere. Accesses
 * of another size or alignment, or beyond a BAR's end, read all ones, and write nothing; so do
 * all on PCI in D3 and without memory decoding.
 *
 *	name		 offset	bits access text */
#define TERN_HW_HOST_REGS(X) \
	X(ID,		 0x0000, 32, RO,  "TERN_IMAGE_MAGIC") \
	X(INTERFACE,	 0x0004, 32, RO,  "of these registers: major << 16 | minor") \
	X(STATUS,	 0x0008, 32, RO,  "TERN_STATUS_*") \
	X(MCU_CONTROL,	 0x000c, 32, RW,  "bit 0: the MCU runs, from MCU_ENTRY; clearing it is the MCU's reset") \
	X(RESET,	 0x0010, 32, RW,  "write TERN_RESET_*; reads 0 when it is done") \
	X(DMA_ENABLE,	 0x0014, 32, RW,  "bit 0: may master the bus (PCI: together with the command register)") \
	X(DMA_IDLE,	 0x0018, 32, RO,  "1: no access of the device to memory is outstanding") \
	X(SECURITY_VERSION, 0x001c, 32, RO, "fuse: firmware of a lower security version must not be loaded") \
	X(TCM_BYTES,	 0x0020, 32, RO,  "size of the TCM window") \
	X(TCM_LOCK,	 0x0024, 32, RO,  "1: locked. Set when the MCU starts, cleared by its reset only") \
	X(MCU_ENTRY,	 0x0028, 32, RW,  "TCM offset of the MCU's first instruction, 4-byte aligned") \
	X(TIMESTAMP,	 0x0030, 64, RO,  "counts at TIMESTAMP_KHZ, also through reset and idle") \
	X(TIMESTAMP_KHZ, 0x0038, 32, RO,  "rate of TIMESTAMP") \
	X(CLOCK_KHZ,	 0x003c, 32, RW,  "NPU clock now; writing asks for one up to caps.clock_khz") \
	X(IRQ_STATUS,	 0x0040, 32, W1C, "causes, TERN_IRQ_*") \
	X(IRQ_ENABLE,	 0x0044, 32, RW,  "causes that interrupt, when they become set") \
	X(IRQ_VECTOR,	 0x0048, 32, RW,  "2 bits per cause: its vector or wire, taken modulo those granted") \
	X(IRQ_AUTO,	 0x004c, 32, RW,  "causes that clear themselves by their message: memory says the rest") \
	X(TEMPERATURE,	 0x0050, 32, RO,  "millidegree Celsius, signed") \
	X(ENERGY_UJ,	 0x0058, 64, RO,  "microjoule since power-on") \
	X(ECC_CORRECTED, 0x0060, 32, RO,  "errors corrected since power-on") \
	X(ECC_FATAL,	 0x0064, 32, RO,  "errors not corrected; each also raises IRQ ECC") \
	X(INV_START,	 0x0080, 64, RW,  "invalidation: first address") \
	X(INV_END,	 0x0088, 64, RW,  "and the last; 0 and all ones: everything") \
	X(INV_ASID,	 0x0090, 32, RW,  "of this address space") \
	X(INV_REQUEST,	 0x0094, 32, WO,  "a sequence number, one more than the last: begin") \
	X(INV_DONE,	 0x0098, 32, RO,  "last sequence number acknowledged; they are in order") \
	X(INV_SPACE,	 0x009c, 32, RO,  "requests that may be made now; at least 16 when idle") \
	X(BUS_FAULT,	 0x00a0, 64, RO,  "page of the last access the bus refused, with IRQ BUS") \
	X(BUS_FAULT_INFO, 0x00a8, 32, RO, "ASID in 7:0, write in bit 8, source in 19:16: enum tern_queue, 15 the MCU") \
	X(CAPS,		 0x0100, 32, RO,  "struct tern_caps, a register each") \
	X(BUSY,		 0x0200, 64, RO,  "cycles each engine worked, per enum tern_queue, 8 apart") \
	X(SLOT,		 0x1000, 32, RW,  "TERN_NSLOTS blocks of TERN_HW_SLOT_REGS") \
	X(ASID_ROOT,	 0x2000, 64, RW,  "TERN_NASIDS page-table roots: physical address in 47:12, valid in bit 0")
#define TERN_SLOT_STRIDE	0x40u
#define TERN_ASID_STRIDE	8u
#define TERN_BUSY_STRIDE	8u

/*
 * What binds slots to contexts: the kernel writes it while the slot is not VALID; the firmware
 * names slots only. RING is fetched through ASID 0 if the slot is KERNEL, else through the
 * slot's own ASID; image, arguments and profile always through its own; SAVE and FAULT always
 * lie in ASID 0. Becoming VALID the slot goes on at the ring's `done`, with RESTORE in the job
 * that is saved. Clearing VALID takes the slot from firmware and engines as ABORT does, but
 * without a record: once STATE is neither RUNNING nor SAVING nothing of it can reach memory. */
#define TERN_HW_SLOT_REGS(X) \
	X(CONTROL,	   0x00, 32, RW,  "TERN_SLOT_*") \
	X(STATE,	   0x04, 32, RO,  "enum tern_slot_state") \
	X(RING,		   0x08, 64, RW,  "address of struct tern_ring, 64-byte aligned") \
	X(SAVE,		   0x10, 64, RW,  "save area, page aligned, caps.save_bytes") \
	X(FAULT,	   0x18, 64, RW,  "where struct tern_fault of this slot is written, 64-byte aligned") \
	X(CYCLES,	   0x20, 64, RO,  "cycles its jobs have run since it became VALID")
#define TERN_SLOT_VALID		(1u << 0)
#define TERN_SLOT_KERNEL	(1u << 1) /* ring in ASID 0: the kernel's queue */
#define TERN_SLOT_RESTORE	(1u << 2) /* with VALID: SAVE holds a context that goes on */
#define TERN_SLOT_PRIORITY_SHIFT 4 /* 2 bits, 3 is the highest */
#define TERN_SLOT_ASID_SHIFT	8 /* 6 bits, not 0 */
enum tern_slot_state {
	TERN_SLOT_IDLE, /* nothing of it in the engines, no valid save */
	TERN_SLOT_RUNNING,
	TERN_SLOT_SAVING,
	TERN_SLOT_SAVED, /* its save area holds a context that can go on */
	TERN_SLOT_FAULTED, /* its fault record is written; a new binding clears it */
};

#define TERN_STATUS_MCU_RUNS	(1u << 0)
#define TERN_STATUS_ENGINES_IDLE (1u << 1)
#define TERN_STATUS_OVER_TEMP	(1u << 2)
#define TERN_STATUS_POWERED	(1u << 3) /* engines and SPM have power */

/* Each includes those above it. Registers that bind slots and roots survive ENGINES and
 * MCU. After any of them no access begun before reaches memory. */
#define TERN_RESET_ENGINES	1u /* what runs is lost; slots RUNNING or SAVING become IDLE */
#define TERN_RESET_MCU		2u /* the MCU stops, the TCM opens */
#define TERN_RESET_ALL		3u /* everything, TCM too, but fuses and what counts since power-on */

/*	name	     bit text */
#define TERN_HW_IRQS(X) \
	X(MESSAGE,    0, "the firmware wrote a message or a log record, or BOOT_STATUS") \
	X(JOB,	      1, "a job of a KERNEL slot ended") \
	X(FENCE,      2, "a FENCE or a job (TERN_JOB_IRQ) asked for it; coalesced") \
	X(FAULT,      3, "a slot became FAULTED") \
	X(INVALIDATED, 4, "INV_DONE moved") \
	X(RESET,      5, "a reset is done") \
	X(MCU,	      7, "the MCU stopped by itself: HALT or watchdog") \
	X(BUS,	      8, "the bus refused an access") \
	X(ECC,	      9, "memory error that could not be corrected") \
	X(THERMAL,   10, "OVER_TEMP changed")
enum tern_irq {
#define X(name, bit, text) TERN_IRQ_##name = 1 << bit,
	TERN_HW_IRQS(X)
#undef X
};

/* Offsets are checked against their block and alignment. */
#define TERN_REG_CHECK(at, offset, bits, limit) \
	TERN_ASSERT((offset) % ((bits) / 8) == 0 && (at) + (offset) + (bits) / 8 <= (limit))
enum tern_host_reg {
#define X(name, offset, bits, access, text) TERN_REG_##name = TERN_REGS_HOST + offset,
	TERN_HW_HOST_REGS(X)
#undef X
};
enum tern_slot_reg {
#define X(name, offset, bits, access, text) TERN_SLOT_REG_##name = offset,
	TERN_HW_SLOT_REGS(X)
#undef X
};
#define X(name, offset, bits, access, text) \
	TERN_REG_CHECK(0, offset, bits, TERN_REGS_BLOCK);
TERN_HW_HOST_REGS(X)
#undef X
#define X(name, offset, bits, access, text) TERN_REG_CHECK(0, offset, bits, TERN_SLOT_STRIDE);
TERN_HW_SLOT_REGS(X)
#undef X
TERN_ASSERT(TERN_REG_CAPS + sizeof(struct tern_caps) <= TERN_REG_BUSY);
TERN_ASSERT(TERN_REG_BUSY + 8 * TERN_BUSY_STRIDE <= TERN_REG_SLOT);
TERN_ASSERT(TERN_REG_SLOT + TERN_NSLOTS * TERN_SLOT_STRIDE <= TERN_REG_ASID_ROOT);

/* ---- Rings ------------------------------------------------------------------------- */
/*
 * A queue in memory. The producer writes the entry, then (release) `write`, then the
 * doorbell; the device reads `write` (acquire), then the entry. It writes `done` after
 * everything the job wrote is visible. Indices run freely from 0; entry = index modulo count.
 * At most `count` jobs lie between `done` and `write`: a ring that says otherwise, or whose
 * count or addresses are not as below, faults its slot with RING. In a user ring `done` is a
 * courtesy; in a KERNEL ring it is the job's completion, and nobody else can write there.
 */
struct tern_ring {
	__le64 entries; /* address of struct tern_job[count], where the ring is; 64-byte aligned */
	__le32 count; /* power of two, 1 to TERN_RING_MAX */
	__le32 reserved0; /* zero */
	__le64 write; /* producer: entries written */
	__le64 reserved1[5];
	__le64 fetched; /* device: entries taken */
	__le64 done; /* device: entries completed; stops at a fault */
	__le64 reserved2[6];
};
TERN_ASSERT(sizeof(struct tern_ring) == 128); /* what either side writes: a line of its own */
#define TERN_RING_MAX		65536u

/* ---- Save area of a preempted context ------------------------------------------------ */
#define TERN_SAVE_MAGIC		0x56415354u /* "TSAV" */
#define TERN_SAVE_ENGINES	(1u << 0) /* SPM and accumulators are saved too */
#define TERN_SAVE_SPM		8192u /* offset of SPM; the accumulators follow it */
struct tern_save_tile {
	__le64 field[TERN_TILE_NFIELDS]; /* value or register number */
	__le64 registers; /* mask of those that are registers */
};
/* Written by the device, (release) magic last: a torn save is no save. The kernel clears magic
 * before it gives the area to a slot, and looks at nothing else in it. */
struct tern_save_area {
	__le32 magic;
	__le32 flags;
	struct tern_job job;
	__le64 ring_index; /* of the job */
	__le64 steps_left;
	__le64 begin; /* TIMESTAMP, see struct tern_profile */
	__le32 pc; /* image word of the next command */
	__le32 mark;
	__le32 depth; /* of the call stack */
	__le32 preemptions;
	__le32 stack[TERN_CALL_DEPTH];
	__le64 regs[TERN_NREGS];
	struct tern_save_tile tile[TERN_NTILES];
	__u8 sem[TERN_NSEMS]; /* the queues are empty, so counts are the shadow counts */
	struct tern_counters counters;
};
TERN_ASSERT(sizeof(struct tern_save_area) <= TERN_SAVE_SPM);

#endif /* TERN_HW_H */
