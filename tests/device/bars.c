// SPDX-License-Identifier: GPL-2.0
/* What lies behind the three BARs. */
#include <string.h>
#include <unistd.h>

#include "model.h"

/* ---- registers -------------------------------------------------------------------------------- */
static uint32_t reg_read(struct model *m, uint32_t offset)
{
	uint32_t v = 0;

	if (offset >= TERN_REGS_MSIX)
		return irq_msix_read(m, offset - TERN_REGS_MSIX);
	pthread_mutex_lock(&m->lock);
	v = offset < TERN_REGS_FW ? host_reg_read(m, offset) : fw_reg_read(m, offset, false);
	v = lies_register(m, offset, v);
	pthread_mutex_unlock(&m->lock);
	return v;
}

static void reg_write(struct model *m, uint32_t offset, uint32_t v)
{
	if (offset >= TERN_REGS_MSIX) {
		irq_msix_write(m, offset - TERN_REGS_MSIX, v);
		return;
	}
	pthread_mutex_lock(&m->lock);
	if (offset < TERN_REGS_FW)
		host_reg_write(m, offset, v);
	else
		fw_reg_write(m, offset, v, false);
	pthread_mutex_unlock(&m->lock);
}

/* Aligned words; 64-bit accesses are two of them, low half first. */
static bool words(uint64_t offset, size_t len)
{
	return (len == 4 || len == 8) && offset % len == 0;
}

static void read_regs(struct model *m, uint64_t offset, unsigned char *data, size_t len)
{
	if (!words(offset, len)) {
		memset(data, 0xff, len);
		return;
	}
	for (size_t i = 0; i < len; i += 4) {
		uint32_t v = reg_read(m, (uint32_t)(offset + i));

		memcpy(data + i, &v, sizeof(v));
	}
}

static void write_regs(struct model *m, uint64_t offset, const unsigned char *data, size_t len)
{
	if (!words(offset, len))
		return;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t v;

		memcpy(&v, data + i, sizeof(v));
		reg_write(m, (uint32_t)(offset + i), v);
	}
}

/* ---- doorbells ----------------------------------------------------------------------------------- */
static void ring(struct model *m, uint64_t offset, size_t len)
{
	if (len != 4 || offset % 4)
		return;
	pthread_mutex_lock(&m->lock);
	mcu_doorbell(m, (unsigned int)(offset / m->caps.doorbell_stride));
	pthread_mutex_unlock(&m->lock);
}

/* ---- TCM ------------------------------------------------------------------------------------------- */
static bool locked(const struct model *m)
{
	return m->mcu.run || m->mcu.running;
}

static void read_tcm(struct model *m, uint64_t offset, unsigned char *data, size_t len)
{
	pthread_mutex_lock(&m->lock);
	if (locked(m))
		memset(data, 0xff, len);
	else
		memcpy(data, m->mcu.tcm + offset, len);
	pthread_mutex_unlock(&m->lock);
}

static void write_tcm(struct model *m, uint64_t offset, const unsigned char *data, size_t len)
{
	pthread_mutex_lock(&m->lock);
	if (!locked(m))
		memcpy(m->mcu.tcm + offset, data, len);
	pthread_mutex_unlock(&m->lock);
}

/* ---- all three --------------------------------------------------------------------------------------- */
static void slow_down(struct model *m)
{
	if (faults_on(&m->faults, FAULT_SLOW))
		usleep(m->faults.left[FAULT_SLOW]);
}

static bool answers(struct model *m, unsigned int bar, uint64_t offset, size_t len)
{
	uint64_t size = pci_bar_size(m, bar);

	slow_down(m);
	return pci_decodes(m) && !faults_on(&m->faults, FAULT_GONE) && len <= size &&
	       offset <= size - len;
}

void bar_read(struct model *m, unsigned int bar, uint64_t offset, void *data, size_t len)
{
	memset(data, 0, len);
	m->traffic.reads++;
	if (!answers(m, bar, offset, len))
		memset(data, 0xff, len);
	else if (bar == TERN_BAR_REGS)
		read_regs(m, offset, data, len);
	else if (bar == TERN_BAR_TCM)
		read_tcm(m, offset, data, len);
	/* Doorbells read zero. */
}

void bar_write(struct model *m, unsigned int bar, uint64_t offset, const void *data, size_t len)
{
	if (bar == TERN_BAR_DOORBELL)
		m->traffic.bells++;
	else
		m->traffic.writes++;
	if (!answers(m, bar, offset, len))
		return;
	if (bar == TERN_BAR_REGS)
		write_regs(m, offset, data, len);
	else if (bar == TERN_BAR_DOORBELL)
		ring(m, offset, len);
	else if (bar == TERN_BAR_TCM)
		write_tcm(m, offset, data, len);
}
