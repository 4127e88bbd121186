/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_HWMON_H
#define TERN_HWMON_H

#include <linux/workqueue.h>

struct device;
struct tern_device;

/**
 * struct tern_hwmon - Sensors
 */
struct tern_hwmon {
	/** @dev: What hwmon made for us; NULL if there is none */
	struct device *dev;
	/** @work: Tells user space of an alarm, where allocating is allowed */
	struct work_struct work;
};

void tern_hwmon_init(struct tern_device *tdev);
void tern_hwmon_fini(struct tern_device *tdev);
void tern_hwmon_alarm(struct tern_device *tdev);

#endif /* TERN_HWMON_H */
