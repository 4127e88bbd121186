// SPDX-License-Identifier: GPL-2.0
/* Queues: rings, slots, and the life of a job. */
#include <linux/pci_regs.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

void host_enable(struct host *h)
{
	config_set(h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	reg_set(h, TERN_REG_DMA_ENABLE, 1);
	reg_set(h, TERN_REG_IRQ_ENABLE, UINT32_MAX);
}

static uint32_t slot_reg(const struct host_queue *q, uint32_t reg)
{
	return TERN_REG_SLOT + q->slot * TERN_SLOT_STRIDE + reg;
}

void queue_create(struct host *h, struct host_queue *q, unsigned int slot, struct host_space *s,
		  uint64_t user_va, unsigned int count)
{
	uint64_t bytes = sizeof(struct tern_ring) + count * sizeof(struct tern_job), bus, va;

	*q = (struct host_queue){.slot = slot, .space = s, .kernel = !user_va};
	if (q->kernel) {
		bus = kernel_alloc(h, bytes, &q->ring_va);
	} else {
		bytes = (bytes + TERN_PAGE_SIZE - 1) / TERN_PAGE_SIZE * TERN_PAGE_SIZE;
		bus = host_alloc(h, bytes, TERN_PAGE_SIZE);
		q->ring_va = user_va;
		space_map(h, s, user_va, bus, bytes, TERN_PTE_WRITE);
	}
	q->ring = host_at(h, bus);
	q->jobs = (struct tern_job *)(q->ring + 1);
	q->ring->entries = q->ring_va + sizeof(struct tern_ring);
	q->ring->count = count;
	q->save = host_at(h, kernel_alloc(h, h->caps.save_bytes, &va));
	q->save_va = va;
	q->fault = host_at(h, kernel_alloc(h, sizeof(struct tern_fault), &va));
	q->fault_va = va;
}

void queue_bind(struct host *h, struct host_queue *q, uint32_t flags)
{
	reg_set64(h, slot_reg(q, TERN_SLOT_REG_RING), q->ring_va);
	reg_set64(h, slot_reg(q, TERN_SLOT_REG_SAVE), q->save_va);
	reg_set64(h, slot_reg(q, TERN_SLOT_REG_FAULT), q->fault_va);
	reg_set(h, slot_reg(q, TERN_SLOT_REG_CONTROL),
		TERN_SLOT_VALID | (q->kernel ? TERN_SLOT_KERNEL : 0) | flags |
			q->space->asid << TERN_SLOT_ASID_SHIFT);
	/* A message is memory, and may overtake a posted write: the slot is VALID before it. */
	reg_get(h, slot_reg(q, TERN_SLOT_REG_CONTROL));
}

uint32_t queue_state(struct host *h, struct host_queue *q)
{
	return reg_get(h, slot_reg(q, TERN_SLOT_REG_STATE));
}

void queue_unbind(struct host *h, struct host_queue *q)
{
	uint32_t state;

	reg_set(h, slot_reg(q, TERN_SLOT_REG_CONTROL), 0);
	for (int tries = 0;; tries++) {
		state = queue_state(h, q);
		if (state != TERN_SLOT_RUNNING && state != TERN_SLOT_SAVING)
			return;
		HOST_ASSERT(tries < HOST_WAIT, "slot %u does not come back", q->slot);
		usleep(1000);
	}
}

void queue_push(struct host *h, struct host_queue *q, const struct tern_job *job)
{
	q->jobs[q->ring->write & (q->ring->count - 1)] = *job;
	__atomic_store_n(&q->ring->write, q->ring->write + 1, __ATOMIC_RELEASE);
	host_bell(h, q->slot);
}

bool queue_done(struct host *h, struct host_queue *q, uint64_t n)
{
	(void)h;
	for (int tries = 0; tries < HOST_WAIT * 5; tries++) {
		if (__atomic_load_n(&q->ring->done, __ATOMIC_ACQUIRE) >= n)
			return true;
		usleep(200);
	}
	return false;
}

unsigned int queue_run(struct host *h, struct host_queue *q, const struct tern_job *job)
{
	queue_push(h, q, job);
	mcu_set(h, TERN_FW_REG_POWER, TERN_POWER_ON);
	mcu_command(h, q->slot, TERN_SLOT_RUN);
	mcu_events(h, TERN_EVENT_COMMAND | TERN_EVENT_JOB);
	return queue_state(h, q) == TERN_SLOT_FAULTED ? q->fault->code : 0;
}
