// SPDX-License-Identifier: GPL-2.0
/* The host's registers. Those that do something when read or written have a row below;
 * the rest hold what was written if they are RW, and zero otherwise. */
#include "model.h"

/* ---- reads --------------------------------------------------------------------------------------- */
static uint32_t status(struct model *m)
{
	return (m->mcu.run && !m->mcu.halted ? TERN_STATUS_MCU_RUNS : 0) |
	       (m->engine.running ? 0 : TERN_STATUS_ENGINES_IDLE) |
	       (m->over_temperature ? TERN_STATUS_OVER_TEMP : 0) |
	       (m->engine.power == TERN_POWER_ON ? TERN_STATUS_POWERED : 0);
}

static uint32_t dma_idle(struct model *m)
{
	return !m->engine.flush && !m->mcu.flush && (!m->engine.running || !dma_allowed(m));
}

static uint32_t fixed(struct model *m, uint32_t reg)
{
	switch (reg) {
	case TERN_REG_ID:
		return TERN_IMAGE_MAGIC;
	case TERN_REG_INTERFACE:
		return (TERN_INTERFACE_MAJOR << 16 | TERN_INTERFACE_MINOR) -
		       faults_on(&m->faults, FAULT_OLDER);
	case TERN_REG_STATUS:
		return status(m);
	case TERN_REG_MCU_CONTROL:
		return m->mcu.run;
	case TERN_REG_RESET:
		return m->reset;
	case TERN_REG_DMA_IDLE:
		return dma_idle(m) && !faults_on(&m->faults, FAULT_NEVER_IDLE);
	case TERN_REG_SECURITY_VERSION:
		return SECURITY_VERSION;
	case TERN_REG_TCM_BYTES:
		return TCM_BYTES;
	case TERN_REG_TCM_LOCK:
		return m->mcu.run || m->mcu.running;
	case TERN_REG_TIMESTAMP_KHZ:
		return TIMESTAMP_KHZ;
	case TERN_REG_CLOCK_KHZ:
		return m->clock_khz;
	case TERN_REG_TEMPERATURE:
		return (uint32_t)m->temperature;
	case TERN_REG_ECC_CORRECTED:
		return m->ecc_corrected;
	case TERN_REG_ECC_FATAL:
		return m->ecc_fatal;
	case TERN_REG_INV_DONE:
		return m->mmu.done;
	case TERN_REG_INV_SPACE:
		return INV_REQUESTS - m->mmu.n;
	default:
		return m->host_reg[reg / 4];
	}
}

static bool is_irq(uint32_t reg)
{
	return (reg >= TERN_REG_IRQ_STATUS && reg <= TERN_REG_IRQ_AUTO) ||
	       (reg >= TERN_REG_BUS_FAULT && reg <= TERN_REG_BUS_FAULT_INFO);
}

/* Counters of 64 bits: the low half latches the high one. */
static bool counter(struct model *m, uint32_t reg, uint64_t *v)
{
	if (reg == TERN_REG_TIMESTAMP)
		*v = model_now(m);
	else if (reg == TERN_REG_ENERGY_UJ)
		*v = m->energy_pj / 1000000;
	else if (reg >= TERN_REG_BUSY && reg < TERN_REG_BUSY + TERN_NQUEUES * TERN_BUSY_STRIDE &&
		 reg % TERN_BUSY_STRIDE == 0)
		*v = m->busy[(reg - TERN_REG_BUSY) / TERN_BUSY_STRIDE];
	else
		return false;
	return true;
}

static uint32_t read_root(const struct model *m, uint32_t at)
{
	uint64_t v = m->asid_root[at / TERN_ASID_STRIDE];

	return (uint32_t)(at & 4 ? v >> 32 : v);
}

uint32_t host_reg_read(struct model *m, uint32_t reg)
{
	uint64_t v;

	if (reg >= TERN_REG_SLOT && reg < TERN_REG_SLOT + TERN_NSLOTS * TERN_SLOT_STRIDE)
		return slot_reg_read(m, (reg - TERN_REG_SLOT) / TERN_SLOT_STRIDE,
				     (reg - TERN_REG_SLOT) % TERN_SLOT_STRIDE);
	if (reg >= TERN_REG_ASID_ROOT && reg < TERN_REG_ASID_ROOT + TERN_NASIDS * TERN_ASID_STRIDE)
		return read_root(m, reg - TERN_REG_ASID_ROOT);
	if (reg >= TERN_REG_CAPS && reg < TERN_REG_CAPS + sizeof(m->caps))
		return ((const uint32_t *)&m->caps)[(reg - TERN_REG_CAPS) / 4];
	if (is_irq(reg))
		return irq_reg_read(m, reg);
	if (counter(m, reg, &v)) {
		m->latch_host = (uint32_t)(v >> 32);
		return (uint32_t)v;
	}
	if (reg & 4 && counter(m, reg - 4, &v))
		return m->latch_host;
	return reg < sizeof(m->host_reg) ? fixed(m, reg) : 0;
}

/* ---- writes -------------------------------------------------------------------------------------- */
static uint64_t held64(const struct model *m, uint32_t reg)
{
	return m->host_reg[reg / 4] | (uint64_t)m->host_reg[reg / 4 + 1] << 32;
}

static void invalidate(struct model *m, uint32_t seq)
{
	mmu_invalidate(m, seq, m->host_reg[TERN_REG_INV_ASID / 4] % TERN_NASIDS,
		       held64(m, TERN_REG_INV_START), held64(m, TERN_REG_INV_END));
}

/* The high half takes effect, and a root is 64 bits to whoever walks. */
static void write_root(struct model *m, uint32_t at, uint32_t v)
{
	unsigned int asid = at / TERN_ASID_STRIDE;
	uint64_t root = m->asid_root[asid];

	if (!(at & 4)) {
		m->root_low = v;
		return;
	}
	root = (uint64_t)v << 32 | m->root_low;
	__atomic_store_n(&m->asid_root[asid], root, __ATOMIC_RELEASE);
	model_log(m, "root %u %#llx\n", asid, (unsigned long long)root);
}

static void set_dma(struct model *m, uint32_t v)
{
	bool before = dma_allowed(m);

	m->host_reg[TERN_REG_DMA_ENABLE / 4] = v & 1;
	if (dma_allowed(m) == before)
		return;
	gate_changed(m);
	irq_unmask(m);
}

static void do_write(struct model *m, uint32_t reg, uint32_t v)
{
	switch (reg) {
	case TERN_REG_MCU_CONTROL:
		m->mcu.entry = m->host_reg[TERN_REG_MCU_ENTRY / 4] & ~3u;
		mcu_control(m, v & 1);
		break;
	case TERN_REG_RESET:
		reset_request(m, v);
		break;
	case TERN_REG_DMA_ENABLE:
		set_dma(m, v);
		break;
	case TERN_REG_CLOCK_KHZ:
		m->clock_khz = v && v < m->caps.clock_khz ? v : m->caps.clock_khz;
		break;
	case TERN_REG_INV_REQUEST:
		invalidate(m, v);
		break;
	case TERN_REG_MCU_ENTRY:
	case TERN_REG_INV_START:
	case TERN_REG_INV_START + 4:
	case TERN_REG_INV_END:
	case TERN_REG_INV_END + 4:
	case TERN_REG_INV_ASID:
		m->host_reg[reg / 4] = v;
		break;
	default:
		break; /* RO, or nothing */
	}
}

void host_reg_write(struct model *m, uint32_t reg, uint32_t v)
{
	if (reg >= TERN_REG_SLOT && reg < TERN_REG_SLOT + TERN_NSLOTS * TERN_SLOT_STRIDE)
		slot_reg_write(m, (reg - TERN_REG_SLOT) / TERN_SLOT_STRIDE,
			       (reg - TERN_REG_SLOT) % TERN_SLOT_STRIDE, v);
	else if (reg >= TERN_REG_ASID_ROOT &&
		 reg < TERN_REG_ASID_ROOT + TERN_NASIDS * TERN_ASID_STRIDE)
		write_root(m, reg - TERN_REG_ASID_ROOT, v);
	else if (is_irq(reg))
		irq_reg_write(m, reg, v);
	else
		do_write(m, reg, v);
}
