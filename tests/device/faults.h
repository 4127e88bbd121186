/* SPDX-License-Identifier: GPL-2.0 */
/* What the control socket makes the device do wrong. */
#ifndef DEVICE_FAULTS_H
#define DEVICE_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

/* What has a number happens so often; what says "until resets" ends with as many of them. */
/*	name		  command	      text */
#define DEVICE_FAULTS(X)                                                                          \
	X(LOST_IRQ, "lost-irq", "interrupts that never arrive")                                   \
	X(GONE, "gone", "all ones everywhere, no access to memory: unplugged")                    \
	X(MCU_SILENT, "fw-silent", "the firmware's instructions stop, until resets")              \
	X(MCU_LOOP, "fw-loop", "it jumps to itself for ever")                                     \
	X(BAD_INDEX, "fw-bad-index",                                                              \
	  "HOST_IRQ first sets the ring's write index far ahead, until resets")                   \
	X(BAD_MESSAGE, "fw-bad-message",                                                          \
	  "HOST_IRQ first spoils the newest message: type, slot, seq; until resets")              \
	X(BAD_SIZE, "fw-bad-size", "HOST_IRQ first logs a text longer than its record")           \
	X(REPLAY, "fw-replay", "HOST_IRQ first sends the newest message once more, until resets") \
	X(HANG, "hang", "the engines stop at a command, until resets")                            \
	X(STUBBORN, "stubborn", "PREEMPTs and ABORTs that only taking the slot or a reset ends")  \
	X(DMA_ERROR, "dma-error", "accesses of a context that the bus refuses")                   \
	X(DMA_ERROR_KERNEL, "dma-error-kernel", "the same of address space 0")                    \
	X(LATE_DMA, "late-dma",                                                                   \
	  "a write under an old translation after its invalidation was acknowledged")             \
	X(ACK_DELAY, "ack-delay", "invalidations whose acknowledgement does not come")            \
	X(NEVER_IDLE, "never-idle", "DMA_IDLE stays 0")                                           \
	X(OLDER, "older", "INTERFACE is of the minor before")                                     \
	X(SLOW, "slow", "microseconds that every register access takes")
enum device_fault {
#define X(name, command, text) FAULT_##name,
	DEVICE_FAULTS(X)
#undef X
		FAULT_COUNT
};

/* How often each still happens; UINT32_MAX: until told otherwise. SLOW holds its value. */
struct faults {
	uint32_t left[FAULT_COUNT];
};

/* Is it on? Counts down, from any thread. */
bool faults_take(struct faults *f, enum device_fault which);
bool faults_on(const struct faults *f, enum device_fault which);
void faults_set(struct faults *f, enum device_fault which, uint32_t times);

#endif
