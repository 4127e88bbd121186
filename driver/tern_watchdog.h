/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_WATCHDOG_H
#define TERN_WATCHDOG_H

#include <linux/workqueue.h>

struct tern_device;

/**
 * struct tern_watchdog - Looks at what should have happened by now
 */
struct tern_watchdog {
	/** @work: Runs on struct tern_device.wq while jobs are under way */
	struct delayed_work work;
	/** @heartbeat: Register HEARTBEAT, last time */
	u32 heartbeat;
	/** @beat_at: When it last was another, in jiffies */
	unsigned long beat_at;
};

void tern_watchdog_init(struct tern_device *tdev);
void tern_watchdog_arm(struct tern_device *tdev);
void tern_watchdog_restart(struct tern_device *tdev);

#endif /* TERN_WATCHDOG_H */
