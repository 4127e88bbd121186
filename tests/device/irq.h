/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupt causes and MSI-X. A lock of its own, so that whoever meets an error may raise a
 * cause whatever else he holds. */
#ifndef DEVICE_IRQ_H
#define DEVICE_IRQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <tern/hw.h>

struct model;

struct irq {
	pthread_mutex_t lock;
	uint32_t status, enable, vector, automatic;
	bool table;			    /* the table is here, not in the virtual machine */
	uint32_t msix[TERN_MAX_VECTORS][4]; /* table: address, data, control */
	uint32_t pending;		    /* by vector: masked when it was raised */
	uint64_t bus_fault;
	uint32_t bus_fault_info;
	uint64_t raised[32], delivered;
};

void irq_init(struct model *m);
void irq_raise(struct model *m, uint32_t causes);
void irq_bus_fault(struct model *m, uint64_t at, uint32_t info);
void irq_reset(struct model *m);
uint32_t irq_reg_read(struct model *m, uint32_t reg);
void irq_reg_write(struct model *m, uint32_t reg, uint32_t value);
/* MSI-X table and pending bits, by offset from TERN_REGS_MSIX. */
uint32_t irq_msix_read(struct model *m, uint32_t offset);
void irq_msix_write(struct model *m, uint32_t offset, uint32_t value);
void irq_reset_table(struct model *m);
void irq_unmask(struct model *m); /* what kept interrupts back may be gone */
/* What the table says a vector writes, and where. Called by the door's interrupt(). */
uint32_t irq_message(const struct model *m, unsigned int vector, uint64_t *address);
void irq_close_door(struct model *m);

#endif
