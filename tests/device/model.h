/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device: everything its files share.
 *
 * One lock guards all state. Outside it run only the program of a job (engine.c) and the
 * MCU's instructions (mcu.c); both look up at boundaries, where `attention` calls them. The
 * lock may be held where memory.c's, the TLB's and the interrupts' own locks are taken,
 * never the other way round. Nobody waits for the guest with the lock held.
 */
#ifndef DEVICE_MODEL_H
#define DEVICE_MODEL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <tern/fw.h>

#include "clock.h"
#include "engine.h"
#include "faults.h"
#include "irq.h"
#include "lies.h"
#include "mcu.h"
#include "memory.h"
#include "mmu.h"
#include "pci.h"
#include "sim/sim.h"
#include "slot.h"

#define TCM_BYTES	 (128u << 10)
#define SECURITY_VERSION 1u
#define TIMESTAMP_KHZ	 1000000u /* nanoseconds */
#define OVER_TEMPERATURE 105000	  /* millidegree */

/* How the host reaches the device. */
struct door {
	/* MSI-X vector: tell the guest. Called under the interrupts' lock. */
	void (*interrupt)(void *ctx, unsigned int vector);
	uint32_t (*vectors)(void *ctx); /* how many there are; NULL: the MSI-X table says it */
	void *ctx;
};

struct model {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* anything that somebody waits for */
	struct door door;
	struct tern_caps caps;
	uint64_t epoch; /* CLOCK_MONOTONIC at TIMESTAMP 0 */
	struct clock clock;
	FILE *log; /* of touched pages; or NULL */

	struct pci pci;
	struct memory memory;
	struct mmu mmu;
	struct irq irq;
	struct slot slot[TERN_NSLOTS];
	struct engine engine;
	struct mcu mcu;
	struct faults faults;
	struct lies lies;

	/* Registers that only hold what was written, and what is latched of 64-bit ones. */
	uint32_t host_reg[0x1000 / 4];
	uint32_t latch_host, latch_fw;
	uint64_t asid_root[TERN_NASIDS];
	uint32_t reset; /* level under way */
	uint64_t busy[TERN_NQUEUES];
	uint64_t energy_pj;
	uint32_t clock_khz;
	int32_t temperature; /* millidegree */
	bool over_temperature;
	struct { /* of the host's accesses; by the door's one thread, read by others */
		_Atomic uint64_t reads, writes, bells;
	} traffic;
	uint32_t root_low; /* half of a root being written */
	uint32_t ecc_corrected, ecc_fatal;
};

int model_create(const struct tern_caps *caps, const struct tern_sim_options *opt,
		 struct model **out, char *err, size_t errlen);
void model_destroy(struct model *m);
uint64_t model_now(const struct model *m); /* TIMESTAMP */
void model_log(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- what the doors call, without the lock -------------------------------------------------- */
/* BARs by their PCI number. Any size; registers want aligned 32 or 64 bits. */
void bar_read(struct model *m, unsigned int bar, uint64_t offset, void *data, size_t len);
void bar_write(struct model *m, unsigned int bar, uint64_t offset, const void *data, size_t len);
/* A range is taken away: returns when the device can no longer reach it. */
void model_unmap(struct model *m, uint64_t start, uint64_t size);

/* ---- regs.c, fwregs.c: under the lock --------------------------------------------------------- */
uint32_t host_reg_read(struct model *m, uint32_t offset);
void host_reg_write(struct model *m, uint32_t offset, uint32_t value);
uint32_t fw_reg_read(struct model *m, uint32_t offset, bool mcu);
void fw_reg_write(struct model *m, uint32_t offset, uint32_t value, bool mcu);

/* ---- reset.c: under the lock ------------------------------------------------------------------ */
void reset_request(struct model *m, uint32_t level);
void reset_progress(struct model *m); /* after anything that a reset may wait for */
void reset_function(struct model *m); /* FLR and power: returns when it is done */
/* The gate to memory has been closed or opened: translations are dropped, soon. */
void gate_changed(struct model *m);
void gate_close(struct model *m); /* the same without the lock; returns when it is so */
bool dma_allowed(const struct model *m);

#endif
