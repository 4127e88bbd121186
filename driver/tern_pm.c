// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Power
 *
 * The device is awake while kernel-owned jobs are under way, and while somebody rings for a
 * user-owned queue; the firmware says when those have nothing to do. That is a hint: before
 * the device sleeps its doorbells are taken away, the firmware is asked, and then each ring's
 * write index is read once more, because a process may have written it between the firmware's
 * look and the end of its mapping. Barrier: mb() between taking the mappings away and reading.
 *
 * While asleep no register is touched. Whoever loses a slot then is noted (struct
 * tern_slots.stale), and the slot is cleared before the device may reach memory again.
 *
 * System sleep saves what runs; contexts and rings are in memory and go on afterwards. Processes
 * are frozen then, but schedulers and works are not: jobs whose waits end are written into
 * their rings, which the firmware looks at when it resumes, and who wants a slot waits for it.
 */
#include <linux/delay.h>
#include <linux/pm_runtime.h>
#include <linux/sched/signal.h>

#include <drm/drm_drv.h>

#include "tern_device.h"
#include "tern_pm.h"
#include "tern_queue.h"
#include "tern_user.h"

/* About three tokens of a small model: between two of them the device stays awake. */
#define AUTOSUSPEND_MS 100

/* Why it is to sleep. */
enum tern_sleep {
	TERN_SLEEP_IF_IDLE,
	TERN_SLEEP_SAVING, /* what runs is saved */
	TERN_SLEEP_ANYHOW, /* and if it is lost */
};

/* ---- To sleep ---------------------------------------------------------------- */

static int ask_suspend(struct tern_device *tdev, bool force)
{
	struct tern_message reply;
	int ret = tern_ipc_ask(tdev, TERN_FW_SUSPEND, 0, force ? TERN_FW_SUSPEND_FORCE : 0, 0,
			       &reply);

	if (ret)
		return ret;
	return reply.status == TERN_FW_STATUS_OK ? 0 : -EBUSY;
}

static int ask_resume(struct tern_device *tdev)
{
	struct tern_message reply;
	int ret = tern_ipc_ask(tdev, TERN_FW_RESUME, 0, 0, 0, &reply);

	if (ret)
		return ret;
	return reply.status == TERN_FW_STATUS_OK ? 0 : -EPROTO;
}

/* Has a process written into a ring since the firmware looked? */
static bool somebody_has_work(struct tern_device *tdev)
{
	struct tern_runqueue *queue;
	unsigned int slot;

	tern_for_each_holder(tdev, slot, queue)
		if (tern_queue_has_work(queue))
			return true;
	return false;
}

/* Nobody who has looked before is still about to ring, or to write what is not looked at. */
static void set_asleep(struct tern_device *tdev, bool asleep)
{
	WRITE_ONCE(tdev->pm.asleep, asleep);
	tern_slots_barrier(tdev);
}

static int fall_asleep(struct tern_device *tdev, enum tern_sleep how)
{
	int ret = ask_suspend(tdev, how != TERN_SLEEP_IF_IDLE);

	if (ret && how != TERN_SLEEP_ANYHOW) {
		if (ret == -ETIMEDOUT) /* it may do so yet, and nobody would wake it */
			tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "it does not suspend");
		return ret;
	}
	mb(); /* mappings are gone, then indices are read */
	if (how == TERN_SLEEP_IF_IDLE && somebody_has_work(tdev)) {
		if (ask_resume(tdev))
			tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "it does not resume");
		return -EBUSY;
	}
	/* Firmware that does not sleep goes on giving slots their turns. */
	if (ret) {
		tern_slots_before_reset(tdev, TERN_RUNG_FIRMWARE);
	} else {
		tern_slots_before_sleep(tdev);
		tdev->reset.helped = true; /* if there was one: it does what it is told */
	}
	/* What a sleep may cost: the clocks to tell its times by, and its counters. */
	tern_perf_drain(tdev);
	tern_perf_note_busy(tdev);
	tern_irq_stop(tdev);
	if (tern_bus_off(tdev))
		tern_device_fail(tdev);
	set_asleep(tdev, true);
	return 0;
}

static int sleep_locked(struct tern_device *tdev, enum tern_sleep how)
{
	int ret = 0;

	tern_user_zap_all(tdev);
	mutex_lock(&tdev->slots.lock);
	if (tdev->ready && !tdev->pm.asleep)
		ret = fall_asleep(tdev, how);
	mutex_unlock(&tdev->slots.lock);
	return ret;
}

static int go_to_sleep(struct tern_device *tdev, enum tern_sleep how)
{
	int ret;

	mutex_lock(&tdev->user.lock);
	ret = sleep_locked(tdev, how);
	mutex_unlock(&tdev->user.lock);
	return ret;
}

/* ---- And back ------------------------------------------------------------------- */

static bool firmware_lost(struct tern_device *tdev)
{
	return !(tern_read(tdev, TERN_REG_MCU_CONTROL) & 1) ||
	       tern_read(tdev, TERN_FW_REG_BOOT_STATUS) != TERN_FW_STAGE_READY;
}

/* If it fails jobs may have begun already. */
static int go_on(struct tern_device *tdev)
{
	int ret;

	tern_slots_clear_stale(tdev);
	ret = tern_bus_on(tdev);
	if (ret)
		return ret;
	ret = tern_mmu_forget_all(tdev);
	if (!ret)
		ret = ask_resume(tdev);
	if (ret)
		return ret;
	tern_slots_stop_stale(tdev);
	tern_turns_anew_locked(tdev);
	tern_slots_after_reset(tdev, TERN_RUNG_ENGINES);
	return 0;
}

/* Whoever heard the firmware, or waited for the device, may have asked for a reset, and knows. */
static const char *why_not(struct tern_device *tdev)
{
	return READ_ONCE(tdev->reset.wanted) ? READ_ONCE(tdev->reset.why) : "it does not resume";
}

static int wake_locked(struct tern_device *tdev)
{
	int ret = -EIO;
	bool lost;

	if (!tdev->ready)
		return -ENODEV;
	set_asleep(tdev, false);
	lost = tdev->pm.unsettled || firmware_lost(tdev);
	if (!lost)
		ret = go_on(tdev);
	/* A sleep may cost everything. Not to come back from it is a reset like any other. */
	if (ret && tdev->ready)
		ret = lost ? tern_restart_locked(tdev) :
			     tern_reset_locked(tdev, TERN_RUNG_POWER, why_not(tdev));
	tern_watchdog_arm(tdev);
	tern_user_awake(tdev);
	if (READ_ONCE(tdev->reset.wanted))
		queue_work(tdev->wq, &tdev->reset.work); /* asked for before the sleep */
	return ret;
}

static int wake_up_device(struct tern_device *tdev)
{
	int ret = 0;

	mutex_lock(&tdev->slots.lock);
	if (tdev->pm.asleep)
		ret = wake_locked(tdev);
	mutex_unlock(&tdev->slots.lock);
	return ret;
}

/* ---- Callbacks --------------------------------------------------------------------- */

static struct tern_device *device_of(struct device *dev)
{
	return dev_get_drvdata(dev);
}

static int runtime_suspend(struct device *dev)
{
	struct tern_device *tdev = device_of(dev);
	int ret;

	if (tdev->ready && !READ_ONCE(tdev->pm.idle))
		return -EBUSY; /* tern_pm_idle() will ask again */
	ret = go_to_sleep(tdev, TERN_SLEEP_IF_IDLE);
	return ret ? -EBUSY : 0;
}

static int runtime_resume(struct device *dev)
{
	return wake_up_device(device_of(dev));
}

static int system_suspend(struct device *dev)
{
	return go_to_sleep(device_of(dev), TERN_SLEEP_SAVING);
}

static int system_resume(struct device *dev)
{
	struct tern_device *tdev = device_of(dev);

	/* What slept before goes on sleeping, as far as the runtime core knows. */
	return pm_runtime_suspended(dev) ? 0 : wake_up_device(tdev);
}

/**
 * tern_pm_before_reset() - The bus is about to reset the device: what runs is saved
 * @tdev: Device that is awake
 *
 * Of one that does not answer what runs is lost: it is taken off the bus all the same.
 */
void tern_pm_before_reset(struct tern_device *tdev)
{
	go_to_sleep(tdev, TERN_SLEEP_ANYHOW);
}

/**
 * tern_pm_after_reset() - The bus has reset the device: as after a sleep that cost everything
 * @tdev: Device
 */
void tern_pm_after_reset(struct tern_device *tdev)
{
	wake_up_device(tdev);
}

const struct dev_pm_ops tern_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(system_suspend, system_resume)
	RUNTIME_PM_OPS(runtime_suspend, runtime_resume, NULL)
};

/* ---- For the rest of the driver ----------------------------------------------------- */

/**
 * tern_pm_get() - The device is awake until tern_pm_put()
 * @tdev: Device
 *
 * May wait; not in the way of fences.
 *
 * Return: 0 or -ENODEV
 */
int tern_pm_get(struct tern_device *tdev)
{
	if (!tdev->ready)
		return -ENODEV;
	return pm_runtime_resume_and_get(tdev->drm.dev) < 0 ? -ENODEV : 0;
}

/**
 * tern_pm_lock() - Nobody takes the device off its bus until tern_pm_unlock()
 * @tdev: Device, on which the caller has a tern_pm_get()
 *
 * That keeps it awake, except while the bus resets it: then its registers are not there, and this
 * waits. Takes struct tern_slots.lock.
 *
 * Return: 0, -ENODEV if the device has failed, or -ERESTARTSYS
 */
int tern_pm_lock(struct tern_device *tdev)
{
	do {
		if (mutex_lock_interruptible(&tdev->slots.lock))
			break;
		if (tdev->ready && !tdev->pm.asleep)
			return 0;
		mutex_unlock(&tdev->slots.lock);
		if (!tdev->ready)
			return -ENODEV;
		msleep_interruptible(TERN_BUS_RESET_LOOK_MS);
	} while (!signal_pending(current));
	return -ERESTARTSYS;
}

/**
 * tern_pm_unlock() - Undo tern_pm_lock()
 * @tdev: Device
 */
void tern_pm_unlock(struct tern_device *tdev)
{
	mutex_unlock(&tdev->slots.lock);
}

/**
 * tern_pm_hold() - One user more of a device that is awake
 * @tdev: Device, on which the caller has a tern_pm_get()
 */
void tern_pm_hold(struct tern_device *tdev)
{
	pm_runtime_get_noresume(tdev->drm.dev);
}

/**
 * tern_pm_put() - One user less
 * @tdev: Device
 *
 * In any context.
 */
void tern_pm_put(struct tern_device *tdev)
{
	pm_runtime_mark_last_busy(tdev->drm.dev);
	pm_runtime_put_autosuspend(tdev->drm.dev);
}

/**
 * tern_pm_idle() - The firmware says whether there is work
 * @tdev: Device
 * @idle: There is none
 *
 * In any context.
 */
void tern_pm_idle(struct tern_device *tdev, bool idle)
{
	WRITE_ONCE(tdev->pm.idle, idle);
	if (!idle)
		return;
	pm_runtime_mark_last_busy(tdev->drm.dev);
	pm_request_autosuspend(tdev->drm.dev);
}

/**
 * tern_pm_init() - From now on the device may sleep
 * @tdev: Device, awake
 */
void tern_pm_init(struct tern_device *tdev)
{
	struct device *dev = tdev->drm.dev;

	tdev->pm.idle = true;
	pm_runtime_use_autosuspend(dev);
	pm_runtime_set_autosuspend_delay(dev, AUTOSUSPEND_MS);
	pm_runtime_mark_last_busy(dev);
	tdev->door->power(tdev, true);
	/* Firmware that is started again may say otherwise: what is let go here is taken once. */
	tdev->pm.sleeps = tdev->fw.features & TERN_FW_FEATURE_POWER;
	if (tdev->pm.sleeps)
		tern_pm_put(tdev);
}

/**
 * tern_pm_fini() - Undo it: the device is awake and stays so
 * @tdev: Device
 */
void tern_pm_fini(struct tern_device *tdev)
{
	struct device *dev = tdev->drm.dev;

	if (tdev->pm.sleeps)
		pm_runtime_get_sync(dev);
	tdev->door->power(tdev, false);
	pm_runtime_dont_use_autosuspend(dev);
}
