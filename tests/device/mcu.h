/* SPDX-License-Identifier: GPL-2.0 */
/* The microcontroller: an emulated RV32IMC hart in a thread of its own, and its registers'
 * state. Where no program is loaded, the control socket can play its part. */
#ifndef DEVICE_MCU_H
#define DEVICE_MCU_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <tern/mcu.h>

struct model;
struct uc_struct;

struct mcu {
	pthread_t thread;
	unsigned char *tcm;
	bool quit;
	bool run;		/* MCU_CONTROL */
	bool running;		/* the thread executes; the TCM is locked */
	bool halted;		/* stopped by itself: HALT or the watchdog, until its reset */
	bool flush;		/* no access is under way: mmu_waited() follows */
	volatile int attention; /* look up at the next block */
	uint32_t entry;

	/* Registers. */
	uint64_t boot_args;
	uint32_t boot_status, heartbeat, kick, events, command_slot;
	uint32_t low; /* half of a 64-bit write */
	uint64_t timer, doorbells, pending;
	uint64_t watchdog; /* CLOCK at which it stops the MCU; 0: off */

	/* The thread's own. */
	struct uc_struct *uc;
	unsigned int blocks; /* since it looked at the clock */
	int cause;	     /* of the exception that ended the emulation; -1: none */
	uint32_t tval;
	bool asked; /* the emulation was told to stop: it is not WFI */
};

int mcu_create(struct model *m);
void mcu_destroy(struct model *m);

/* ---- under the model's lock ------------------------------------------------------------------ */
void mcu_control(struct model *m, bool run); /* false returns when it has stopped */
void mcu_halt(struct model *m);
void mcu_event(struct model *m, uint32_t events);
void mcu_kick(struct model *m);
void mcu_doorbell(struct model *m, unsigned int slot);
void mcu_wake(struct model *m);	      /* the line or the clock may have changed */
bool mcu_line(const struct model *m); /* of its interrupt */
bool mcu_uses_memory(const struct model *m);
void mcu_flush(struct model *m);
void mcu_reset_registers(struct model *m);
/* TIMER and WATCHDOG at their times; returns the next CLOCK that matters. */
uint64_t mcu_clock(struct model *m);

/* ---- hart.c: the emulated core, on the MCU's thread --------------------------------------------- */
/* Runs from entry until told to stop. */
void hart_run(struct model *m, uint32_t entry);

#endif
