/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of the device's gates share: the three ways to keep a device from memory, and
 * whether memory is as it was. */
#ifndef DEVICE_GATES_H
#define DEVICE_GATES_H

#include "host.h"

struct gate {
	const char *name;
	void (*close)(struct host *h), (*open)(struct host *h);
};
#define NGATES 3
extern const struct gate gates[NGATES];

static inline uint32_t slot_reg(unsigned int slot, uint32_t reg)
{
	return TERN_REG_SLOT + slot * TERN_SLOT_STRIDE + reg;
}

void power_state(struct host *h, unsigned int state); /* D0 to D3 */
/* Everything posted before has arrived, in any power state. */
void host_settle(struct host *h);

/* All of memory, and whether it is still so a while later. */
unsigned char *memory_copy(const struct host *h);
bool memory_same(const struct host *h, const unsigned char *copy);

#endif
