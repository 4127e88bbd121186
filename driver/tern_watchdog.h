/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_WATCHDOG_H
#define TERN_WATCHDOG_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct tern_device;

/**
 * struct tern_since - Since when something has not moved
 */
struct tern_since {
	/** @clock: Register CLOCK then */
	u64 clock;
	/** @at: In jiffies */
	unsigned long at;
};

/**
 * struct tern_watchdog - Looks at what should have happened by now
 */
struct tern_watchdog {
	/** @work: Runs on struct tern_device.wq while jobs are under way */
	struct delayed_work work;
	/** @heartbeat: Register HEARTBEAT, last time */
	u32 heartbeat;
	/** @beat: When it last was another */
	struct tern_since beat;
};

void tern_watchdog_init(struct tern_device *tdev);
void tern_watchdog_arm(struct tern_device *tdev);
void tern_watchdog_restart(struct tern_device *tdev);
void tern_since_now(struct tern_device *tdev, struct tern_since *since);
bool tern_longer_than(struct tern_device *tdev, struct tern_since *since, unsigned int ms);

#endif /* TERN_WATCHDOG_H */
