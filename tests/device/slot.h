/* SPDX-License-Identifier: GPL-2.0 */
/* Slots: what binds them, their rings, and what the firmware may command. All under the
 * model's lock. */
#ifndef DEVICE_SLOT_H
#define DEVICE_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <tern/mcu.h>

struct model;

struct slot {
	uint32_t control;
	enum tern_slot_state state;
	uint64_t ring, save, fault;
	uint64_t cycles;
	bool looked;   /* `done` is known */
	uint64_t done; /* jobs that ended, as the device counts them */
};

uint32_t slot_reg_read(struct model *m, unsigned int slot, uint32_t reg);
void slot_reg_write(struct model *m, unsigned int slot, uint32_t reg, uint32_t value);
bool slot_valid(const struct model *m, unsigned int slot);
unsigned int slot_asid(const struct slot *s);
unsigned int slot_priority(const struct slot *s);

/* ---- command.c ------------------------------------------------------------------------------- */
void slot_command(struct model *m, unsigned int slot, uint32_t command);
/* Record, state, interrupt. */
void slot_fault(struct model *m, unsigned int slot, const struct tern_fault *f);

/* ---- ring.c ------------------------------------------------------------------------------------ */
/* How many jobs wait; false: the ring was refused and the slot has faulted. */
bool ring_look(struct model *m, unsigned int slot, uint64_t *pending);
/* The job at `done`; counts it in `fetched`. */
bool ring_fetch(struct model *m, unsigned int slot, struct tern_job *job);
bool ring_complete(struct model *m, unsigned int slot);

#endif
