/* SPDX-License-Identifier: GPL-2.0 */
/* What the device says it is on the bus. */
#ifndef DEVICE_PCI_H
#define DEVICE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_CONFIG_SIZE 256u

struct model;

struct pci {
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE]; /* bits software may change */
};

void pci_init(struct model *m);
void pci_reset(struct model *m); /* what FLR does */
void pci_read(struct model *m, uint32_t offset, void *data, size_t len);
void pci_write(struct model *m, uint32_t offset, const void *data, size_t len);
uint64_t pci_bar_size(const struct model *m, unsigned int bar);
bool pci_bus_master(const struct model *m);
bool pci_msix_enabled(const struct model *m);
bool pci_powered(const struct model *m); /* D0 */
bool pci_decodes(const struct model *m); /* its BARs answer */

#endif
