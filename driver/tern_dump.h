/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_DUMP_H
#define TERN_DUMP_H

#include <linux/time64.h>
#include <linux/workqueue.h>

#include <drm/tern_accel.h>

#include <tern/fw.h>

struct tern_device;
struct tern_runqueue;

/**
 * struct tern_dump - What was seen when something went wrong, until it is written down
 */
struct tern_dump {
	/** @work: Writes it, where allocating is allowed */
	struct work_struct work;
	/** @busy: Bit 0: somebody fills the rest, or @work has not read it yet */
	unsigned long busy;
	/** @time: When */
	struct timespec64 time;
	/** @why: For people: a string constant */
	const char *why;
	/** @queue: Whose job faulted; a reference. NULL: the device was reset */
	struct tern_runqueue *queue;
	/** @slot: It had */
	int slot;
	/** @fault: Its record */
	struct drm_tern_fault fault;
	/** @regs: Registers, in the order of the table in tern_dump.c */
	u64 regs[16];
	/** @crash: What the firmware left, if its magic is right */
	struct tern_fw_crash crash;
};

void tern_dump_init(struct tern_device *tdev);
void tern_dump_fault(struct tern_runqueue *queue, const struct drm_tern_fault *fault);
void tern_dump_reset(struct tern_device *tdev, const char *why);

#endif /* TERN_DUMP_H */
