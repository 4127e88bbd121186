// SPDX-License-Identifier: GPL-2.0
/* Resets, and the gate between the device and memory. */
#include <string.h>

#include "model.h"

bool dma_allowed(const struct model *m)
{
	return pci_bus_master(m) && m->host_reg[TERN_REG_DMA_ENABLE / 4] & 1 &&
	       !faults_on(&m->faults, FAULT_GONE);
}

/* Whoever has been let through asks again, soon: software polls DMA_IDLE. */
void gate_changed(struct model *m)
{
	mmu_ask_again(m);
	if (m->engine.running)
		engine_flush(m);
	if (mcu_uses_memory(m))
		mcu_flush(m);
}

/* The same; returns when all have. */
static void wait_for_accesses(struct model *m)
{
	gate_changed(m);
	while (m->engine.flush || m->mcu.flush)
		pthread_cond_wait(&m->changed, &m->lock);
}

void model_unmap(struct model *m, uint64_t start, uint64_t size)
{
	pthread_mutex_lock(&m->lock);
	if (memory_unmap(&m->memory, start, size))
		wait_for_accesses(m);
	pthread_mutex_unlock(&m->lock);
}

void gate_close(struct model *m)
{
	pthread_mutex_lock(&m->lock);
	wait_for_accesses(m);
	pthread_mutex_unlock(&m->lock);
}

/* ---- RESET -------------------------------------------------------------------------------------------- */
static void reset_all(struct model *m)
{
	memset(m->host_reg, 0, sizeof(m->host_reg));
	memset(m->asid_root, 0, sizeof(m->asid_root));
	for (unsigned int i = 0; i < TERN_NSLOTS; i++)
		m->slot[i] = (struct slot){0};
	memset(m->busy, 0, sizeof(m->busy));
	m->mcu.boot_args = 0;
	memset(m->mcu.tcm, 0, TCM_BYTES); /* whoever comes next must not read it */
	m->clock_khz = m->caps.clock_khz;
	mmu_reset(m);
	irq_reset(m);
}

void reset_request(struct model *m, uint32_t level)
{
	if (!level || level > TERN_RESET_ALL)
		return;
	if (level > m->reset)
		m->reset = level;
	model_log(m, "reset %u\n", level);
	engine_reset(m);
	if (m->reset >= TERN_RESET_MCU) {
		m->mcu.run = false;
		mcu_wake(m);
	}
	reset_progress(m);
}

/* Those that last until a reset, or so many of them. */
static void end_faults(struct model *m, uint32_t level)
{
	static const enum device_fault of_mcu[] = {FAULT_MCU_SILENT, FAULT_BAD_INDEX,
						   FAULT_BAD_MESSAGE, FAULT_REPLAY};

	faults_take(&m->faults, FAULT_HANG);
	for (size_t i = 0; level >= TERN_RESET_MCU && i < sizeof(of_mcu) / sizeof(of_mcu[0]); i++)
		faults_take(&m->faults, of_mcu[i]);
}

void reset_progress(struct model *m)
{
	uint32_t level = m->reset;

	if (!level || m->engine.running || (level >= TERN_RESET_MCU && m->mcu.running))
		return;
	m->reset = 0;
	end_faults(m, level);
	mmu_drop_all(m);
	if (level >= TERN_RESET_MCU)
		mcu_reset_registers(m);
	if (level == TERN_RESET_ALL)
		reset_all(m);
	pthread_cond_broadcast(&m->changed);
	irq_raise(m, TERN_IRQ_RESET);
}

void reset_function(struct model *m)
{
	pthread_mutex_lock(&m->lock);
	reset_request(m, TERN_RESET_ALL);
	while (m->reset)
		pthread_cond_wait(&m->changed, &m->lock);
	irq_reset(m);
	pthread_mutex_unlock(&m->lock);
}
