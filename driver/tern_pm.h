/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_PM_H
#define TERN_PM_H

#include <linux/pm.h>
#include <linux/types.h>

struct tern_device;

/* How often who finds that the bus resets the device looks again: that takes 100 ms and more. */
#define TERN_BUS_RESET_LOOK_MS 10

/**
 * struct tern_pm - Power
 */
struct tern_pm {
	/**
	 * @asleep: Registers must not be touched. Written with struct tern_slots.lock, and read
	 * with that or with the lock of a queue that has a slot
	 */
	bool asleep;
	/**
	 * @unsettled: It had accesses under way when it was taken off the bus, which wait for it
	 * to come back: it is reset first
	 */
	bool unsettled;
	/** @idle: What the firmware said last; only a hint */
	bool idle;
	/** @sleeps: It may, as its firmware said when it was found, and not what it says later */
	bool sleeps;
};

extern const struct dev_pm_ops tern_pm_ops;

void tern_pm_init(struct tern_device *tdev);
void tern_pm_fini(struct tern_device *tdev);
void tern_pm_before_reset(struct tern_device *tdev);
void tern_pm_after_reset(struct tern_device *tdev);
int tern_pm_get(struct tern_device *tdev);
int tern_pm_lock(struct tern_device *tdev);
void tern_pm_unlock(struct tern_device *tdev);
void tern_pm_hold(struct tern_device *tdev);
void tern_pm_put(struct tern_device *tdev);
void tern_pm_idle(struct tern_device *tdev, bool idle);

#endif /* TERN_PM_H */
