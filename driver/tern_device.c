// SPDX-License-Identifier: GPL-2.0
/*
 * The device as such: what both doors lead to.
 */
#include <linux/delay.h>
#include <linux/dma-map-ops.h>
#include <linux/ktime.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "tern_compat.h"
#include "tern_device.h"
#include "tern_drv.h"
#include "tern_gem.h"
#include "tern_info.h"
#include "tern_queue.h"
#include "tern_report.h"
#include "tern_vm.h"

/**
 * tern_read64() - Read a register that counts, in two halves that belong together
 * @tdev: Device
 * @reg: Register
 *
 * Return: its value
 */
u64 tern_read64(struct tern_device *tdev, u32 reg)
{
	u32 high, low, again = tern_read(tdev, reg + 4);
	int tries = 4; /* a counter needs two; a device that needs more lies */

	do {
		high = again;
		low = tern_read(tdev, reg);
		again = tern_read(tdev, reg + 4);
	} while (again != high && --tries);
	return (u64)again << 32 | low;
}

/**
 * tern_poll() - Wait for a register
 * @tdev: Device
 * @reg: Register
 * @mask: Bits to look at
 * @value: What they are to be
 * @timeout_us: For how long
 *
 * Return: 0, -ETIMEDOUT, or -ENODEV if the device is gone
 */
int tern_poll(struct tern_device *tdev, u32 reg, u32 mask, u32 value, unsigned int timeout_us)
{
	ktime_t until = ktime_add_us(ktime_get(), timeout_us);
	bool late;
	u32 seen;

	do {
		late = ktime_after(ktime_get(), until);
		seen = tern_read(tdev, reg);
		if ((seen & mask) == value)
			return 0;
		if (seen == ~0U && tern_device_gone(tdev))
			return -ENODEV;
		usleep_range(20, 100);
	} while (!late);
	return -ETIMEDOUT;
}

/**
 * tern_device_gone() - Does it answer at all?
 * @tdev: Device
 *
 * Return: true if not
 */
bool tern_device_gone(struct tern_device *tdev)
{
	return tern_read(tdev, TERN_REG_ID) != TERN_IMAGE_MAGIC;
}

/* ---- Finding out what it is ---------------------------------------------- */

static void read_caps(struct tern_device *tdev)
{
	u32 *cap = (u32 *)&tdev->caps;
	unsigned int i;

	for (i = 0; i < sizeof(tdev->caps) / 4; i++)
		cap[i] = tern_read(tdev, TERN_REG_CAPS + 4 * i);
}

static int check_caps(struct tern_device *tdev)
{
	u32 stride = tdev->caps.doorbell_stride;

	if (!tern_report_doorbells(stride, PAGE_SIZE, tdev->bar_size[TERN_REGION_DOORBELL])) {
		drm_err(&tdev->drm, "doorbells %u bytes apart do not fit pages of %lu and a region of %pa\n",
			stride, PAGE_SIZE, &tdev->bar_size[TERN_REGION_DOORBELL]);
		return -EINVAL;
	}
	if (!tern_report_caps(&tdev->caps) || !tdev->timestamp_khz) {
		drm_err(&tdev->drm, "capabilities make no sense\n");
		return -EINVAL;
	}
	return 0;
}

static int check_interface(struct tern_device *tdev)
{
	u32 major = tdev->interface >> 16, minor = tdev->interface & 0xffff;

	if (major == TERN_INTERFACE_MAJOR && minor >= TERN_INTERFACE_MINOR)
		return 0;
	drm_err(&tdev->drm, "the device has interface %u.%u, this driver needs %u.%u or a later %u.x: use the driver for it\n",
		major, minor, TERN_INTERFACE_MAJOR, TERN_INTERFACE_MINOR, TERN_INTERFACE_MAJOR);
	return -ENODEV;
}

static int identify(struct tern_device *tdev)
{
	int ret;

	if (tern_device_gone(tdev)) {
		drm_err(&tdev->drm, "this is no Tern device, or it does not answer\n");
		return -ENODEV;
	}
	tdev->interface = tern_read(tdev, TERN_REG_INTERFACE);
	ret = check_interface(tdev);
	if (ret)
		return ret;
	tdev->timestamp_khz = tern_read(tdev, TERN_REG_TIMESTAMP_KHZ);
	read_caps(tdev);
	return check_caps(tdev);
}

/* ---- Life ------------------------------------------------------------------- */

static void destroy_wq(struct drm_device *drm, void *wq)
{
	destroy_workqueue(wq);
}

static struct workqueue_struct *make_wq(struct tern_device *tdev, const char *name,
					unsigned int flags, int most)
{
	struct workqueue_struct *wq = alloc_workqueue("%s", flags, most, name);

	if (!wq)
		return NULL;
	return drmm_add_action_or_reset(&tdev->drm, destroy_wq, wq) ? NULL : wq;
}

static int init_software(struct tern_device *tdev)
{
	int ret = tern_drv_count(&tdev->drm);

	if (ret)
		return ret;
	mutex_init(&tdev->objects.lock);
	INIT_LIST_HEAD(&tdev->objects.bos);
	INIT_LIST_HEAD(&tdev->objects.vms);
	INIT_LIST_HEAD(&tdev->objects.queues);
	tern_mmu_init(tdev);
	tern_ipc_init(tdev);
	tern_slots_init(tdev);
	tern_reset_init(tdev);
	tern_watchdog_init(tdev);
	tern_dump_init(tdev);
	tern_user_init(tdev);
	/* Fences wait for the first two, so memory reclaim may. */
	tdev->wq = make_wq(tdev, "tern-recovery", WQ_MEM_RECLAIM | WQ_UNBOUND, 1);
	/*
	 * Of the CPU that queues: a scheduler queues itself again from its own work, job after
	 * job, for which an unbound workqueue wakes another worker in vain each time. A bind that
	 * waits for an invalidation lets another worker begin.
	 */
	tdev->sched_wq = make_wq(tdev, "tern-sched",
				 WQ_MEM_RECLAIM | WQ_HIGHPRI | TERN_WQ_PERCPU, 0);
	tdev->cleanup_wq = tern_cleanup_wq();
	return tdev->wq && tdev->sched_wq ? 0 : -ENOMEM;
}

static void detach_objects(struct tern_device *tdev)
{
	struct tern_vm *vm;
	struct tern_bo *bo;

	mutex_lock(&tdev->objects.lock);
	list_for_each_entry(vm, &tdev->objects.vms, node)
		tern_vm_detach(vm);
	list_for_each_entry(bo, &tdev->objects.bos, node)
		tern_bo_detach(bo);
	mutex_unlock(&tdev->objects.lock);
}

/*
 * A quarter of the slots is for user-owned queues. There are not more than numbers for programs'
 * address spaces: each slot may need one of its own, and who holds it may be idle for ever.
 */
static void share_slots(struct tern_device *tdev)
{
	tdev->slots.count = min(tdev->fw.slots, TERN_NASIDS - 1U);
	tdev->slots.user_first = tdev->slots.count - tdev->slots.count / 4;
}

static int bring_up(struct tern_device *tdev)
{
	int ret;

	ret = init_software(tdev);
	if (ret)
		return ret;
	ret = identify(tdev);
	if (ret)
		return ret;
	ret = dma_set_mask_and_coherent(tdev->drm.dev, DMA_BIT_MASK(TERN_VA_BITS));
	if (ret)
		return ret;
	dma_set_max_seg_size(tdev->drm.dev, UINT_MAX);
	tdev->bounces = tern_device_bounces(tdev->drm.dev);
	tdev->coherent = dev_is_dma_coherent(tdev->drm.dev) && !tdev->bounces;
	ret = tern_kernel_init(tdev);
	if (ret)
		return ret;
	ret = tern_fw_init(tdev);
	if (ret)
		goto err_kernel;
	ret = tern_irq_init(tdev);
	if (ret)
		goto err_fw;
	ret = tern_device_start(tdev);
	if (ret)
		goto err_irq;
	share_slots(tdev);
	tern_pm_init(tdev);
	return 0;

err_irq:
	tern_irq_fini(tdev);
err_fw:
	tern_fw_fini(tdev);
err_kernel:
	tern_kernel_fini(tdev);
	return ret;
}

/**
 * tern_device_enter() - drm_dev_enter() for who wants something new of the device
 * @drm: Device
 * @cookie: For drm_dev_exit()
 *
 * When it has failed nothing new is of use, and maybe no memory is given back any more. Who only
 * asks for something or lets go of it calls drm_dev_enter().
 *
 * Return: false if the device has left, or failed for good
 */
bool tern_device_enter(struct drm_device *drm, int *cookie)
{
	if (!drm_dev_enter(drm, cookie))
		return false;
	if (READ_ONCE(to_tern_device(drm)->ready))
		return true;
	drm_dev_exit(*cookie);
	return false;
}

/* Nobody is in an ioctl that needs it: DRM has unplugged it, or knows nothing of it yet. */
static void shut_down(struct tern_device *tdev)
{
	tern_pm_fini(tdev);
	mutex_lock(&tdev->slots.lock);
	tern_device_fail(tdev);
	mutex_unlock(&tdev->slots.lock);
	tern_user_stop(tdev);
	tern_irq_fini(tdev);
	tern_hwmon_fini(tdev);
	/* Queues that wait are cancelled, and nobody is in the way of the works that do it. */
	flush_workqueue(tdev->wq);
	flush_work(&tdev->dump.work); /* it reads the firmware's log */
	/* For good: a job that is pushed yet would set the timer again, and that would be freed. */
	disable_delayed_work_sync(&tdev->watchdog.work);
	cancel_delayed_work_sync(&tdev->slots.turn);
	detach_objects(tdev);
	tern_queues_detach(tdev);
	tern_fw_fini(tdev);
	tern_kernel_fini(tdev);
}

/**
 * tern_device_add() - Bring up a device whose regions and interrupts a door has found
 * @tdev: Device
 *
 * Return: 0 or a negative errno, and then the log says why
 */
int tern_device_add(struct tern_device *tdev)
{
	int ret = bring_up(tdev);

	if (ret)
		return ret;
	tern_debugfs_init(tdev);
	ret = drm_dev_register(&tdev->drm, 0);
	if (ret)
		shut_down(tdev);
	else
		tern_hwmon_init(tdev);
	return ret;
}

/**
 * tern_device_remove() - The device leaves, while programs may still hold what they like
 * @tdev: Device
 *
 * It reaches no memory when this returns, and no DMA mapping is left.
 */
void tern_device_remove(struct tern_device *tdev)
{
	drm_dev_unplug(&tdev->drm);
	shut_down(tdev);
}
