// SPDX-License-Identifier: GPL-2.0
/*
 * Sensors: temperature, whether it is too high, and energy, which tells of what others do and so
 * is root's. Who reads them wakes the device.
 */
#include <linux/hwmon.h>

#include "tern_device.h"
#include "tern_hwmon.h"

#if IS_REACHABLE(CONFIG_HWMON)

static umode_t is_visible(const void *data, enum hwmon_sensor_types type, u32 attr, int channel)
{
	return type == hwmon_energy ? 0400 : 0444;
}

static long read_sensor(struct tern_device *tdev, enum hwmon_sensor_types type, u32 attr)
{
	if (type == hwmon_energy)
		return min_t(u64, tern_read64(tdev, TERN_REG_ENERGY_UJ), LONG_MAX);
	if (attr == hwmon_temp_input)
		return (s32)tern_read(tdev, TERN_REG_TEMPERATURE);
	return !!(tern_read(tdev, TERN_REG_STATUS) & TERN_STATUS_OVER_TEMP);
}

/* hwmon's own lock keeps tern_hwmon_fini() waiting: the registers are there. */
static int read_value(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel,
		      long *value)
{
	struct tern_device *tdev = dev_get_drvdata(dev);
	int ret = tern_pm_get(tdev);

	if (ret)
		return ret;
	ret = tern_pm_lock(tdev);
	if (!ret) {
		*value = read_sensor(tdev, type, attr);
		if (tern_device_gone(tdev))
			ret = -ENODEV;
		tern_pm_unlock(tdev);
	}
	tern_pm_put(tdev);
	return ret;
}

static const struct hwmon_ops ops = {
	.is_visible = is_visible,
	.read = read_value,
};

static const struct hwmon_channel_info *const channels[] = {
	HWMON_CHANNEL_INFO(temp, HWMON_T_INPUT | HWMON_T_CRIT_ALARM),
	HWMON_CHANNEL_INFO(energy, HWMON_E_INPUT),
	NULL
};

static const struct hwmon_chip_info chip = {
	.ops = &ops,
	.info = channels,
};

static void alarm_work(struct work_struct *work)
{
	struct tern_hwmon *hwmon = container_of(work, struct tern_hwmon, work);

	hwmon_notify_event(hwmon->dev, hwmon_temp, hwmon_temp_crit_alarm, 0);
}

/**
 * tern_hwmon_init() - Show the sensors
 * @tdev: Device that works
 *
 * Without them it works as well.
 */
void tern_hwmon_init(struct tern_device *tdev)
{
	struct device *dev = hwmon_device_register_with_info(tdev->drm.dev, "tern", tdev, &chip,
							     NULL);

	if (IS_ERR(dev)) {
		drm_warn(&tdev->drm, "no sensors: error %ld\n", PTR_ERR(dev));
		return;
	}
	INIT_WORK(&tdev->hwmon.work, alarm_work);
	smp_store_release(&tdev->hwmon.dev, dev); /* with its work: see tern_hwmon_alarm() */
}

/**
 * tern_hwmon_fini() - Nobody reads sensors any more
 * @tdev: Device that does not interrupt any more
 */
void tern_hwmon_fini(struct tern_device *tdev)
{
	if (!tdev->hwmon.dev)
		return;
	cancel_work_sync(&tdev->hwmon.work);
	hwmon_device_unregister(tdev->hwmon.dev);
	tdev->hwmon.dev = NULL;
}

/**
 * tern_hwmon_alarm() - OVER_TEMP changed
 * @tdev: Device
 *
 * In the way of fences.
 */
void tern_hwmon_alarm(struct tern_device *tdev)
{
	/* Pairs with smp_store_release() in tern_hwmon_init(). */
	if (smp_load_acquire(&tdev->hwmon.dev))
		queue_work(tdev->cleanup_wq, &tdev->hwmon.work);
}

#else

void tern_hwmon_init(struct tern_device *tdev)
{
}

void tern_hwmon_fini(struct tern_device *tdev)
{
}

void tern_hwmon_alarm(struct tern_device *tdev)
{
}

#endif
