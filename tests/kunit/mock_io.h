/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Comes before a source of the driver that is tested without a device: its registers are those of
 * mock.c, its tracepoints nothing.
 */
#ifndef MOCK_IO_H
#define MOCK_IO_H

#include <linux/io.h>

u32 mock_read(const volatile void __iomem *address);
void mock_write(u32 value, volatile void __iomem *address);

#undef readl
#undef writel
#define readl(address)	       mock_read(address)
#define writel(value, address) mock_write(value, address)

#define TERN_TRACE_H
#define trace_tern_slot_bound(...) \
	do {                       \
	} while (0)
#define trace_tern_slot_unbound(...) \
	do {                         \
	} while (0)
#define trace_tern_fault(...) \
	do {                  \
	} while (0)
#define trace_tern_reset(...) \
	do {                  \
	} while (0)

#endif /* MOCK_IO_H */
