// SPDX-License-Identifier: GPL-2.0
#include "irq.h"

#include <string.h>

#include "model.h"

#define PENDING_BITS 0x8000u
#define MASKED	     1u /* of a table entry's control word */

/* ---- delivery, under irq.lock --------------------------------------------------------------- */
static void deliver(struct model *m, unsigned int vector)
{
	struct irq *q = &m->irq;

	if (q->table && !pci_msix_enabled(m))
		return;
	if (q->table && q->msix[vector][3] & MASKED) {
		q->pending |= 1u << vector;
		return;
	}
	if (faults_take(&m->faults, FAULT_LOST_IRQ))
		return;
	q->delivered++;
	m->door.interrupt(m->door.ctx, vector);
}

/* How many vectors software uses: it fills those of the table, and leaves the others alone.
 * Who keeps the table elsewhere gives a file for each. */
static uint32_t granted(const struct model *m)
{
	uint32_t n = TERN_MAX_VECTORS;

	if (!m->irq.table)
		return m->door.vectors(m->door.ctx);
	while (n > 1 && !m->irq.msix[n - 1][0] && !m->irq.msix[n - 1][2])
		n--;
	return n;
}

/* Causes that became set while enabled, or enabled while set. A message is a write to memory. */
static void fire(struct model *m, uint32_t causes)
{
	struct irq *q = &m->irq;
	uint32_t vectors = 0, n;

	if (!m->door.interrupt || !dma_allowed(m))
		return;
	n = granted(m);
	for (uint32_t left = causes; left; left &= left - 1) {
		unsigned int cause = (unsigned int)__builtin_ctz(left);
		uint32_t to = cause < 16 ? q->vector >> 2 * cause & 3 : 0;

		vectors |= 1u << to % n;
	}
	q->status &= ~(causes & q->automatic);
	for (; vectors; vectors &= vectors - 1)
		deliver(m, (unsigned int)__builtin_ctz(vectors));
}

void irq_raise(struct model *m, uint32_t causes)
{
	struct irq *q = &m->irq;
	uint32_t fresh;

	pthread_mutex_lock(&q->lock);
	for (uint32_t left = causes; left; left &= left - 1)
		q->raised[__builtin_ctz(left)]++;
	fresh = causes & ~q->status;
	q->status |= causes;
	fire(m, fresh & q->enable);
	pthread_mutex_unlock(&q->lock);
}

void irq_bus_fault(struct model *m, uint64_t at, uint32_t info)
{
	pthread_mutex_lock(&m->irq.lock);
	m->irq.bus_fault = at;
	m->irq.bus_fault_info = info;
	pthread_mutex_unlock(&m->irq.lock);
	irq_raise(m, TERN_IRQ_BUS);
}

/* ---- registers --------------------------------------------------------------------------------- */
void irq_init(struct model *m)
{
	pthread_mutex_init(&m->irq.lock, NULL);
	irq_reset(m);
	irq_reset_table(m);
}

void irq_reset(struct model *m)
{
	struct irq *q = &m->irq;

	pthread_mutex_lock(&q->lock);
	q->status = q->enable = q->vector = q->automatic = q->pending = 0;
	q->bus_fault = q->bus_fault_info = 0;
	pthread_mutex_unlock(&q->lock);
}

uint32_t irq_reg_read(struct model *m, uint32_t reg)
{
	struct irq *q = &m->irq;
	uint32_t v = 0;

	pthread_mutex_lock(&q->lock);
	if (reg == TERN_REG_IRQ_STATUS)
		v = q->status;
	else if (reg == TERN_REG_IRQ_ENABLE)
		v = q->enable;
	else if (reg == TERN_REG_IRQ_VECTOR)
		v = q->vector;
	else if (reg == TERN_REG_IRQ_AUTO)
		v = q->automatic;
	else if (reg == TERN_REG_BUS_FAULT)
		v = (uint32_t)q->bus_fault;
	else if (reg == TERN_REG_BUS_FAULT + 4)
		v = (uint32_t)(q->bus_fault >> 32);
	else if (reg == TERN_REG_BUS_FAULT_INFO)
		v = q->bus_fault_info;
	pthread_mutex_unlock(&q->lock);
	return v;
}

void irq_reg_write(struct model *m, uint32_t reg, uint32_t value)
{
	struct irq *q = &m->irq;
	uint32_t fresh;

	pthread_mutex_lock(&q->lock);
	if (reg == TERN_REG_IRQ_STATUS) {
		q->status &= ~value;
	} else if (reg == TERN_REG_IRQ_VECTOR) {
		q->vector = value;
	} else if (reg == TERN_REG_IRQ_AUTO) {
		q->automatic = value;
	} else if (reg == TERN_REG_IRQ_ENABLE) {
		fresh = value & ~q->enable & q->status;
		q->enable = value;
		fire(m, fresh);
	}
	pthread_mutex_unlock(&q->lock);
}

/* ---- MSI-X --------------------------------------------------------------------------------------- */
static void send_pending(struct model *m)
{
	struct irq *q = &m->irq;

	if (!dma_allowed(m))
		return;
	for (unsigned int i = 0; i < TERN_MAX_VECTORS; i++) {
		if (q->pending & 1u << i && !(q->msix[i][3] & MASKED)) {
			q->pending &= ~(1u << i);
			deliver(m, i);
		}
	}
}

uint32_t irq_msix_read(struct model *m, uint32_t offset)
{
	struct irq *q = &m->irq;
	uint32_t v = 0;

	pthread_mutex_lock(&q->lock);
	if (offset < sizeof(q->msix))
		v = q->msix[offset / 16][offset / 4 % 4];
	else if (offset == PENDING_BITS)
		v = q->pending;
	pthread_mutex_unlock(&q->lock);
	return v;
}

void irq_msix_write(struct model *m, uint32_t offset, uint32_t value)
{
	struct irq *q = &m->irq;

	pthread_mutex_lock(&q->lock);
	if (offset < sizeof(q->msix))
		q->msix[offset / 16][offset / 4 % 4] = value;
	send_pending(m);
	pthread_mutex_unlock(&q->lock);
}

void irq_reset_table(struct model *m)
{
	pthread_mutex_lock(&m->irq.lock);
	memset(m->irq.msix, 0, sizeof(m->irq.msix));
	for (unsigned int i = 0; i < TERN_MAX_VECTORS; i++)
		m->irq.msix[i][3] = MASKED;
	pthread_mutex_unlock(&m->irq.lock);
}

void irq_unmask(struct model *m)
{
	pthread_mutex_lock(&m->irq.lock);
	send_pending(m);
	pthread_mutex_unlock(&m->irq.lock);
}

/* Without the lock: its holder asks, or a vector being masked and moved meanwhile. */
uint32_t irq_message(const struct model *m, unsigned int vector, uint64_t *address)
{
	const uint32_t *e = m->irq.msix[vector];

	*address = e[0] | (uint64_t)e[1] << 32;
	return e[2];
}

void irq_close_door(struct model *m)
{
	pthread_mutex_lock(&m->irq.lock);
	m->door.interrupt = NULL;
	pthread_mutex_unlock(&m->irq.lock);
}
