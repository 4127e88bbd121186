/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_WATCHDOG_H
#define TERN_WATCHDOG_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct tern_device;
struct tern_runqueue;

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
 * struct tern_patience - How a queue has got on, as far as was seen. With struct tern_slots.lock
 */
struct tern_patience {
	/** @done: Jobs ended when it was looked at last */
	u64 done;
	/** @progress: How far its slot had got then */
	u64 progress;
	/** @at: From when on time counts */
	struct tern_since at;
	/** @watched: It does */
	bool watched;
	/**
	 * @resets: Of the firmware that it had work in, one after the other, without getting on;
	 * but for those that followed from one of the engines
	 */
	u8 resets;
	/** @stood: What has counted since it got on: ticks of CLOCK, jiffies */
	struct tern_since stood;
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
void tern_patience_begin(struct tern_runqueue *queue);
void tern_patience_pause(struct tern_runqueue *queue);
void tern_patience_got_on(struct tern_runqueue *queue);
void tern_patience_reset(struct tern_runqueue *queue);
bool tern_patience_over(struct tern_runqueue *queue);
void tern_since_now(struct tern_device *tdev, struct tern_since *since);
bool tern_longer_than(struct tern_device *tdev, struct tern_since *since, unsigned int ms);

#endif /* TERN_WATCHDOG_H */
