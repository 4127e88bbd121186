/* SPDX-License-Identifier: MIT OR (GPL-2.0 WITH Linux-syscall-note) */
/*
 * Tern hardware interface: capabilities, faults, counters, address translation.
 * README.md beside this file states what each field means to software.
 */
#ifndef TERN_HW_H
#define TERN_HW_H

#include "isa.h"

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
	X(doorbell_stride, 4096,   4096,    4096, "bytes between doorbells")
struct tern_caps {
#define X(name, small, ref, large, text) __u32 name;
	TERN_HW_CAPS(X)
#undef X
};
TERN_ASSERT(sizeof(struct tern_caps) == 4 * 26);

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
	X(IMAGE,	 18, FAULT,	    "image header refused") \
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

struct tern_fault {
	__u16 code; /* enum tern_fault_code */
	__u8 class; /* enum tern_fault_class */
	__u8 queue; /* enum tern_queue */
	__u32 word; /* image word of the command */
	__u64 addr; /* address, index or value concerned */
	__u64 info; /* second value: RACE the other command's word, TRAP the code, ... */
	__u64 cycle;
};
TERN_ASSERT(sizeof(struct tern_fault) == 32);

/* ---- Counters of a job -------------------------------------------------------- */
struct tern_counters {
	__u64 cycles; /* dispatch of the first command to END */
	__u64 steps; /* CP cycles, what a budget counts */
	__u64 commands[8]; /* per queue, enum tern_queue */
	__u64 busy[8]; /* cycles the engine worked */
	__u64 stall_sem[8]; /* cycles its head waited for a semaphore */
	__u64 stall_dram[8]; /* cycles its head waited for DRAM beyond its own transfer */
	__u64 dram_read, dram_written; /* bytes asked for */
	__u64 dram_bursts; /* bursts touched, 64 bytes each */
	__u64 spm_bytes; /* through all ports */
	__u64 macs[4]; /* int8, fp16, bf16, fp32; edges excluded */
	__u64 vector_ops; /* element operations weighted by cost */
	__u64 energy_pj; /* dynamic and leakage, picojoule */
	__u64 reserved[4];
};

/* ---- A job ------------------------------------------------------------------- */
struct tern_job {
	__u64 image; /* address of the image, 64-byte aligned */
	__u64 args; /* R0 */
	__u64 budget; /* CP and engine cycles; 0: the default */
	__u64 flags; /* zero */
};

/* ---- Address translation -------------------------------------------------------- */
/*
 * 48-bit addresses, 4 KiB granule, 4 levels of 512 64-bit entries (9+9+9+9+12).
 * A level-1 (2 MiB) entry may be a leaf. Physical address in [47:12].
 */
#define TERN_VA_BITS		48
#define TERN_PAGE_SHIFT		12
#define TERN_PAGE_SIZE		4096u
#define TERN_PTE_VALID		(1ull << 0)
#define TERN_PTE_LEAF		(1ull << 1) /* must be set at level 0 */
#define TERN_PTE_WRITE		(1ull << 2)
#define TERN_PTE_EXEC		(1ull << 3) /* commands may be fetched from it */
#define TERN_PTE_ADDR_MASK	0x0000fffffffff000ull
#define TERN_NASIDS		64

/* ---- Save area of a preempted context ---------------------------------------------- */
#define TERN_SAVE_SPM		4096u /* SPM follows the state, then the accumulators */

#endif /* TERN_HW_H */
