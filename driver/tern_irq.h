/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_IRQ_H
#define TERN_IRQ_H

#include <linux/types.h>

struct tern_device;

/* One for what memory says the rest of, one for what registers do. */
#define TERN_IRQ_VECTORS 2

/**
 * struct tern_interrupts - Interrupts
 */
struct tern_interrupts {
	/** @line: Linux's numbers of the vectors */
	int line[TERN_IRQ_VECTORS];
	/** @count: How many there are: with one, all causes share it */
	int count;
	/** @automatic: Causes that clear themselves */
	u32 automatic;
	/** @bus_errors: Refused accesses seen; for the log */
	u32 bus_errors;
};

int tern_irq_init(struct tern_device *tdev);
void tern_irq_start(struct tern_device *tdev);
void tern_irq_stop(struct tern_device *tdev);
void tern_irq_fini(struct tern_device *tdev);
void tern_irq_look(struct tern_device *tdev);

#endif /* TERN_IRQ_H */
