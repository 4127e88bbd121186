/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_RESET_H
#define TERN_RESET_H

#include <linux/atomic.h>
#include <linux/workqueue.h>

struct tern_device;

/**
 * enum tern_rung - The ladder: each costs more than the one before, and does all it does
 * @TERN_RUNG_ENGINES: What runs is lost; bindings and the firmware stay
 * @TERN_RUNG_FIRMWARE: The MCU boots again
 * @TERN_RUNG_POWER: Everything begins anew, as after power-on
 * @TERN_RUNG_OFF: The device is off the bus for good; whatever waits for it ends with -ENODEV
 *
 * Below them are the job (the firmware aborts it) and the context (its slot is taken away):
 * tern_slot.c.
 */
enum tern_rung {
	TERN_RUNG_ENGINES,
	TERN_RUNG_FIRMWARE,
	TERN_RUNG_POWER,
	TERN_RUNG_OFF,
};

/**
 * struct tern_reset - State of the ladder
 */
struct tern_reset {
	/** @work: Runs on struct tern_device.wq what tern_reset_request() asked for */
	struct work_struct work;
	/** @wanted: Bit per rung that was asked for */
	unsigned long wanted;
	/** @why: For the log, of the first request of the highest rung: a string constant */
	const char *why;
	/** @helped: Since the last but one some queue got on, or the device slept as it should */
	bool helped;
	/**
	 * @vain: Resets of the firmware or more, one soon after the other, that did not help. Like
	 * @helped with struct tern_slots.lock
	 */
	unsigned int vain;
	/** @ended: When the last of these was over, in jiffies */
	unsigned long ended;
	/** @count: Resets since the module was loaded; for DEV_QUERY */
	atomic_t count;
};

void tern_reset_init(struct tern_device *tdev);
void tern_reset_request(struct tern_device *tdev, enum tern_rung rung, const char *why);
bool tern_reset_ahead(struct tern_device *tdev);
int tern_device_start(struct tern_device *tdev);
int tern_bus_off(struct tern_device *tdev);
int tern_bus_on(struct tern_device *tdev);
int tern_restart_locked(struct tern_device *tdev);
int tern_reset_locked(struct tern_device *tdev, enum tern_rung rung, const char *why);

#endif /* TERN_RESET_H */
