// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Recovery
 *
 * A ladder, with a bound on each rung: a job (the firmware aborts it), its context (its slot is
 * taken away), the engines, the firmware, power; and off, when not even that helps. A rung that
 * fails is followed by the next at once; one that succeeds again and again and helps nobody, by the
 * next in the end. All of it runs with struct tern_slots.lock held, in the way of fences: nothing
 * is allocated.
 *
 * After a reset jobs that had not begun are still in their rings and run; saved contexts go on;
 * the one that ran without a valid save ends with -ENODATA, unless it may be restarted
 * (tern_slot_reset.c, tern_queue_jobs.c). The queue goes on, unless it has not got on in so many
 * resets that none will help it (tern_watchdog.c).
 */
#include <linux/delay.h>
#include <linux/dma-fence.h>

#include "tern_device.h"
#include "tern_trace.h"

#define RESET_TIMEOUT_US 1000000
#define IDLE_TIMEOUT_US 1000000

/* Resets in vain, one soon after the other, before the next begin at a higher rung. */
#define VAIN_MOST 8
#define SOON_MS 60000

static int reset_register(struct tern_device *tdev, u32 what)
{
	tern_write(tdev, TERN_REG_RESET, what);
	return tern_poll(tdev, TERN_REG_RESET, ~0U, 0, RESET_TIMEOUT_US);
}

/**
 * tern_bus_off() - The device reaches memory no more
 * @tdev: Device, which may be gone
 *
 * If it does not say so, what is behind its door, or a reset, has to see to it.
 *
 * Return: 0, or -EIO if it may write yet what it has begun: then nobody is told that it does not
 */
int tern_bus_off(struct tern_device *tdev)
{
	bool idle;

	tern_write(tdev, TERN_REG_DMA_ENABLE, 0);
	idle = !tern_poll(tdev, TERN_REG_DMA_IDLE, 1, 1, IDLE_TIMEOUT_US);
	tdev->door->master(tdev, false);
	tdev->pm.unsettled = !idle;
	if (!idle && tdev->door->halt(tdev) && reset_register(tdev, TERN_RESET_ALL))
		return -EIO;
	tern_mmu_stop(tdev);
	return 0;
}

/**
 * tern_bus_on() - The device may reach memory, and interrupt
 * @tdev: Device, reset or back from sleep
 *
 * Return: 0 or -ENODEV if it does not answer
 */
int tern_bus_on(struct tern_device *tdev)
{
	if (tern_device_gone(tdev))
		return -ENODEV;
	tdev->door->master(tdev, true);
	tern_mmu_start(tdev);
	tern_write(tdev, TERN_REG_DMA_ENABLE, 1);
	tern_irq_start(tdev);
	return 0;
}

static int boot(struct tern_device *tdev)
{
	int ret = tern_fw_boot(tdev);

	tern_watchdog_restart(tdev);
	return ret;
}

static int restart_firmware(struct tern_device *tdev)
{
	tern_ipc_close(tdev);
	tern_fw_tell_crash(tdev);
	return reset_register(tdev, TERN_RESET_MCU) ?: boot(tdev);
}

/*
 * Everything anew, by its own register. Not by the bus: the core restores interrupts under a lock
 * that it also allocates under, and fences must not wait for that. See tern_device_start().
 */
static int power_cycle(struct tern_device *tdev)
{
	int ret;

	tern_ipc_close(tdev);
	tern_irq_stop(tdev);
	ret = tern_bus_off(tdev);
	tern_perf_note_busy(tdev);
	if (!ret)
		ret = reset_register(tdev, TERN_RESET_ALL);
	if (ret)
		return ret;
	return tern_bus_on(tdev) ?: boot(tdev);
}

static int climb(struct tern_device *tdev, enum tern_rung rung)
{
	switch (rung) {
	case TERN_RUNG_ENGINES:
		return reset_register(tdev, TERN_RESET_ENGINES);
	case TERN_RUNG_FIRMWARE:
		return restart_firmware(tdev);
	case TERN_RUNG_POWER:
		return power_cycle(tdev);
	default:
		return -ENODEV;
	}
}

/* The firmware first: what still runs would be refused by the bus, and the log full of it. */
static void stop(struct tern_device *tdev)
{
	tern_write(tdev, TERN_REG_IRQ_ENABLE, 0);
	tern_write(tdev, TERN_REG_MCU_CONTROL, 0);
	if (!tern_bus_off(tdev))
		return;
	drm_err(&tdev->drm, "nothing keeps the device from memory: what it could reach is not given back until the machine restarts\n");
	WRITE_ONCE(tdev->loose, true);
	tern_mmu_stop(tdev); /* nobody need wait for it */
}

/**
 * tern_device_fail() - The device is of no use any more: take it off the bus, end all waiting
 * @tdev: Device; struct tern_slots.lock is held
 */
void tern_device_fail(struct tern_device *tdev)
{
	if (!tdev->ready)
		return;
	tdev->ready = false;
	tern_ipc_close(tdev);
	stop(tdev);
	tern_slots_fail(tdev);
	tern_user_fail(tdev);
}

static int climb_from(struct tern_device *tdev, enum tern_rung rung, const char *why, bool routine)
{
	static const char *const names[] = { "engines", "firmware", "everything" };
	enum tern_rung done;

	for (; rung < TERN_RUNG_OFF; rung++) {
		trace_tern_reset(tdev, rung, why);
		if (!routine)
			drm_warn(&tdev->drm, "reset of %s: %s\n", names[rung], why);
		if (!climb(tdev, rung))
			break;
	}
	if (rung == TERN_RUNG_OFF) {
		trace_tern_reset(tdev, rung, why);
		drm_err(&tdev->drm, "%s, and no reset helps: the device is switched off\n", why);
		tern_device_fail(tdev);
		return -ENODEV;
	}
	/* What was asked for meanwhile, up to here, has been done, or was about what is no more. */
	for (done = TERN_RUNG_ENGINES; done <= rung; done++)
		clear_bit(done, &tdev->reset.wanted);
	if (rung >= TERN_RUNG_FIRMWARE)
		tern_turns_anew_locked(tdev);
	tern_slots_after_reset(tdev, rung);
	return 0;
}

/*
 * Where to begin: higher when what was tried so far helped nobody. Engines are reset for a queue
 * that dies of it, so that ends by itself.
 */
static enum tern_rung first_rung(struct tern_reset *reset, enum tern_rung asked)
{
	if (asked < TERN_RUNG_FIRMWARE)
		return asked;
	if (reset->helped || time_after(jiffies, reset->ended + msecs_to_jiffies(SOON_MS)))
		reset->vain = 0;
	reset->helped = false;
	reset->vain++;
	if (reset->vain > 2 * VAIN_MOST)
		return TERN_RUNG_OFF;
	return reset->vain > VAIN_MOST ? max(asked, TERN_RUNG_POWER) : asked;
}

/**
 * tern_reset_locked() - Climb the ladder
 * @tdev: Device; struct tern_slots.lock is held
 * @rung: Where to begin
 * @why: For the log
 *
 * Return: 0, or -ENODEV if the device is off now
 */
int tern_reset_locked(struct tern_device *tdev, enum tern_rung rung, const char *why)
{
	int ret;

	lockdep_assert_held(&tdev->slots.lock);
	if (!tdev->ready)
		return -ENODEV;
	if (tdev->pm.asleep)
		return 0; /* it will be looked at when it wakes */
	rung = first_rung(&tdev->reset, rung);
	atomic_inc(&tdev->reset.count);
	tern_dump_reset(tdev, why);
	tern_perf_drain(tdev);
	tern_slots_before_reset(tdev, rung);
	ret = climb_from(tdev, rung, why, false);
	if (rung >= TERN_RUNG_FIRMWARE)
		tdev->reset.ended = jiffies;
	return ret;
}

/**
 * tern_restart_locked() - Begin anew after a sleep that cost everything
 * @tdev: Device; struct tern_slots.lock is held, slots were noted before the sleep
 *
 * Return: 0, or -ENODEV if the device is off now
 */
int tern_restart_locked(struct tern_device *tdev)
{
	return climb_from(tdev, TERN_RUNG_POWER, "power was lost", true);
}

static void reset_work(struct work_struct *work)
{
	struct tern_device *tdev = container_of(work, struct tern_device, reset.work);
	bool cookie = dma_fence_begin_signalling();
	unsigned long wanted;

	mutex_lock(&tdev->slots.lock);
	/* While it sleeps it stays wanted. */
	wanted = tdev->pm.asleep ? 0 : xchg(&tdev->reset.wanted, 0);
	/* That of the engines is for a slot that does not leave them, and for nothing else. */
	if (wanted == BIT(TERN_RUNG_ENGINES) && tdev->ready && !tern_slots_stuck(tdev))
		wanted = 0;
	if (wanted)
		tern_reset_locked(tdev, __fls(wanted), READ_ONCE(tdev->reset.why));
	mutex_unlock(&tdev->slots.lock);
	dma_fence_end_signalling(cookie);
}

/**
 * tern_reset_request() - Have the device reset soon
 * @tdev: Device
 * @rung: Where to begin
 * @why: For the log: a string constant
 *
 * In any context.
 */
void tern_reset_request(struct tern_device *tdev, enum tern_rung rung, const char *why)
{
	/* What follows from something says less than what it follows from. */
	if (!(READ_ONCE(tdev->reset.wanted) >> rung))
		WRITE_ONCE(tdev->reset.why, why);
	set_bit(rung, &tdev->reset.wanted);
	queue_work(tdev->wq, &tdev->reset.work);
}

/**
 * tern_reset_ahead() - Is the firmware about to be reset, or more?
 * @tdev: Device
 *
 * Return: true if so
 */
bool tern_reset_ahead(struct tern_device *tdev)
{
	return READ_ONCE(tdev->reset.wanted) & ~BIT(TERN_RUNG_ENGINES);
}

/**
 * tern_device_start() - First start of a device that was found
 * @tdev: Device; the bus core's lock of it is held, as in a probe
 *
 * One that does not come out of its own reset gets the bus's: nobody waits for it yet.
 *
 * Return: 0 or a negative errno, and then the log says why
 */
int tern_device_start(struct tern_device *tdev)
{
	int ret;

	if (reset_register(tdev, TERN_RESET_ALL) && tdev->door->reset(tdev)) {
		drm_err(&tdev->drm, "the device does not come out of its reset\n");
		return -EIO;
	}
	ret = tern_bus_on(tdev);
	if (!ret)
		ret = boot(tdev);
	if (ret) {
		stop(tdev);
		return ret;
	}
	tdev->ready = true;
	return 0;
}

/**
 * tern_reset_init() - Before anything else of this file
 * @tdev: Device
 */
void tern_reset_init(struct tern_device *tdev)
{
	INIT_WORK(&tdev->reset.work, reset_work);
}
