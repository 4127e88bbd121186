/* SPDX-License-Identifier: GPL-2.0 */
/* Saved contexts: between the engines and the area in the kernel's memory. Under the lock. */
#ifndef DEVICE_SAVE_H
#define DEVICE_SAVE_H

#include <stdbool.h>

struct model;

bool save_write(struct model *m); /* what the engines have just left, into their slot's area */
/* The slot's area into engine.save; false: there is no save. */
bool save_read(struct model *m, unsigned int slot);

#endif
