// SPDX-License-Identifier: GPL-2.0
#include "gates.h"

#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define A_WHILE 50000 /* microseconds: a job that runs writes thousands of times */

void host_settle(struct host *h)
{
	config_get(h, PCI_VENDOR_ID, 2);
}

void power_state(struct host *h, unsigned int state)
{
	config_set(h, config_capability(h, PCI_CAP_ID_PM) + PCI_PM_CTRL, 2, state);
	host_settle(h);
}

/* ---- the gates --------------------------------------------------------------------------------- */
static void master_off(struct host *h)
{
	config_set(h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	host_settle(h);
}

static void master_on(struct host *h)
{
	config_set(h, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	host_settle(h);
}

static void sleep_in_d3(struct host *h)
{
	power_state(h, 3);
}

static void wake(struct host *h)
{
	power_state(h, 0);
}

static void dma_off(struct host *h)
{
	reg_set(h, TERN_REG_DMA_ENABLE, 0);
	HOST_ASSERT(reg_becomes(h, TERN_REG_DMA_IDLE, 1, 1), "DMA_IDLE does not come");
}

static void dma_on(struct host *h)
{
	reg_set(h, TERN_REG_DMA_ENABLE, 1);
	host_settle(h);
}

const struct gate gates[NGATES] = {
	{"bus master", master_off, master_on},
	{"D3", sleep_in_d3, wake},
	{"DMA_ENABLE", dma_off, dma_on},
};

/* ---- memory ---------------------------------------------------------------------------------------- */
unsigned char *memory_copy(const struct host *h)
{
	unsigned char *copy = malloc(h->bytes);

	REQUIRE(copy != NULL);
	memcpy(copy, h->mem, h->bytes);
	return copy;
}

bool memory_same(const struct host *h, const unsigned char *copy)
{
	usleep(A_WHILE);
	return memcmp(copy, h->mem, h->bytes) == 0;
}
