// SPDX-License-Identifier: GPL-2.0
/* Configuration space: a type 0 header, power management, PCI Express with function level
 * reset, MSI-X. Bits that software may change are a mask beside the bytes. */
#include "pci.h"
#include <tern/hw.h>

#include <linux/pci_regs.h>
#include <string.h>

#include "model.h"

#define CAP_PM	 0x40u
#define CAP_EXP	 0x50u
#define CAP_MSIX 0x90u

static void set16(uint8_t *p, unsigned int at, uint16_t v)
{
	p[at] = (uint8_t)v;
	p[at + 1] = (uint8_t)(v >> 8);
}

static void set32(uint8_t *p, unsigned int at, uint32_t v)
{
	set16(p, at, (uint16_t)v);
	set16(p, at + 2, (uint16_t)(v >> 16));
}

/* Config space is written by the door's thread and read by all: one word, any recent value. */
static bool bit(const struct model *m, unsigned int at, uint16_t mask)
{
	return (__atomic_load_n(&m->pci.config[at], __ATOMIC_ACQUIRE) |
		__atomic_load_n(&m->pci.config[at + 1], __ATOMIC_ACQUIRE) << 8) &
	       mask;
}

bool pci_powered(const struct model *m)
{
	return !bit(m, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
}

bool pci_decodes(const struct model *m)
{
	return bit(m, PCI_COMMAND, PCI_COMMAND_MEMORY) && pci_powered(m);
}

bool pci_bus_master(const struct model *m)
{
	return bit(m, PCI_COMMAND, PCI_COMMAND_MASTER) && pci_powered(m);
}

bool pci_msix_enabled(const struct model *m)
{
	return bit(m, CAP_MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
}

uint64_t pci_bar_size(const struct model *m, unsigned int bar)
{
	switch (bar) {
	case TERN_BAR_REGS:
		return 0x40000;
	case TERN_BAR_DOORBELL:
		return (uint64_t)TERN_NSLOTS * m->caps.doorbell_stride;
	case TERN_BAR_TCM:
		return TCM_BYTES;
	default:
		return 0; /* the upper half of the one before */
	}
}

/* ---- what it holds after a reset ---------------------------------------------------------------- */
static void header(struct model *m)
{
	uint8_t *c = m->pci.config, *w = m->pci.writable;

	set16(c, PCI_VENDOR_ID, TERN_PCI_VENDOR);
	set16(c, PCI_DEVICE_ID, TERN_PCI_DEVICE);
	set16(c, PCI_SUBSYSTEM_VENDOR_ID, TERN_PCI_VENDOR);
	set16(c, PCI_SUBSYSTEM_ID, TERN_PCI_DEVICE);
	set16(c, PCI_STATUS, PCI_STATUS_CAP_LIST);
	set32(c, PCI_CLASS_REVISION, (uint32_t)TERN_PCI_CLASS << 8 | 1);
	c[PCI_CAPABILITY_LIST] = CAP_PM;
	set16(w, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	w[PCI_CACHE_LINE_SIZE] = w[PCI_INTERRUPT_LINE] = 0xff;
	for (unsigned int bar = 0; bar < 6; bar += 2) {
		uint64_t size = pci_bar_size(m, bar);

		set32(c, PCI_BASE_ADDRESS_0 + 4 * bar, PCI_BASE_ADDRESS_MEM_TYPE_64);
		set32(w, PCI_BASE_ADDRESS_0 + 4 * bar, (uint32_t) ~(size - 1));
		set32(w, PCI_BASE_ADDRESS_0 + 4 * bar + 4, (uint32_t)(~(size - 1) >> 32));
	}
}

static void capabilities(struct model *m)
{
	uint8_t *c = m->pci.config, *w = m->pci.writable;

	/* D3hot keeps everything; a driver that wants a reset asks for one. */
	c[CAP_PM] = PCI_CAP_ID_PM;
	c[CAP_PM + 1] = CAP_EXP;
	set16(c, CAP_PM + PCI_PM_PMC, 3); /* version 1.2 */
	set16(c, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
	set16(w, CAP_PM + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);

	c[CAP_EXP] = PCI_CAP_ID_EXP;
	c[CAP_EXP + 1] = CAP_MSIX;
	set16(c, CAP_EXP + PCI_EXP_FLAGS, 2 | PCI_EXP_TYPE_ENDPOINT << 4);
	set32(c, CAP_EXP + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER);
	set16(w, CAP_EXP + PCI_EXP_DEVCTL, 0x7fff);
	set32(c, CAP_EXP + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_8_0GB | 4 << 4);
	set16(c, CAP_EXP + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_8_0GB | PCI_EXP_LNKSTA_NLW_X4);

	c[CAP_MSIX] = PCI_CAP_ID_MSIX;
	set16(c, CAP_MSIX + PCI_MSIX_FLAGS, TERN_MAX_VECTORS - 1);
	set32(c, CAP_MSIX + PCI_MSIX_TABLE, TERN_REGS_MSIX | TERN_BAR_REGS);
	set32(c, CAP_MSIX + PCI_MSIX_PBA, (TERN_REGS_MSIX + 0x8000) | TERN_BAR_REGS);
	set16(w, CAP_MSIX + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
}

void pci_init(struct model *m)
{
	memset(&m->pci, 0, sizeof(m->pci));
	header(m);
	capabilities(m);
}

/* ---- accesses -------------------------------------------------------------------------------------- */
void pci_read(struct model *m, uint32_t offset, void *data, size_t len)
{
	memset(data, 0xff, len);
	if (faults_on(&m->faults, FAULT_GONE) || offset >= PCI_CONFIG_SIZE)
		return;
	if (len > PCI_CONFIG_SIZE - offset)
		len = PCI_CONFIG_SIZE - offset;
	memcpy(data, m->pci.config + offset, len);
}

/* Everything but what the bus itself needs to find the function again. */
void pci_reset(struct model *m)
{
	reset_function(m);
	pthread_mutex_lock(&m->lock);
	pci_init(m);
	pthread_mutex_unlock(&m->lock);
	irq_reset_table(m);
}

static bool asks_for_reset(uint32_t offset, const uint8_t *from, size_t len)
{
	const uint32_t at = CAP_EXP + PCI_EXP_DEVCTL + 1; /* the byte with the bit */

	return offset <= at && at - offset < len && from[at - offset] & PCI_EXP_DEVCTL_BCR_FLR >> 8;
}

void pci_write(struct model *m, uint32_t offset, const void *data, size_t len)
{
	const uint8_t *from = data;
	bool master = pci_bus_master(m);

	if (faults_on(&m->faults, FAULT_GONE) || offset >= PCI_CONFIG_SIZE)
		return;
	if (len > PCI_CONFIG_SIZE - offset)
		len = PCI_CONFIG_SIZE - offset;
	for (size_t i = 0; i < len; i++) {
		uint8_t mask = m->pci.writable[offset + i], *at = &m->pci.config[offset + i];

		__atomic_store_n(at, (uint8_t)((*at & ~mask) | (from[i] & mask)), __ATOMIC_RELEASE);
	}
	if (asks_for_reset(offset, from, len))
		pci_reset(m);
	else if (master && !pci_bus_master(m))
		gate_close(m); /* nothing reaches memory once this write is done */
	else
		irq_unmask(m);
}
