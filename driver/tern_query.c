// SPDX-License-Identifier: GPL-2.0
/*
 * DEV_QUERY: what there is, how much of it, and what time it is.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_device.h"
#include "tern_drv.h"
#include "tern_file.h"
#include "tern_query.h"
#include "tern_uapi_check.h"

/**
 * tern_query_give() - Give a structure to user space, which may know another size of it
 * @pointer: Where to; 0: only the size is told
 * @size: In: bytes there. Out: @bytes
 * @from: Structure
 * @bytes: Its size
 *
 * The smaller of both sizes is written, and what the caller has more is zeroed.
 *
 * Return: 0 or -EFAULT
 */
int tern_query_give(u64 pointer, u32 *size, const void *from, u32 bytes)
{
	void __user *to = u64_to_user_ptr(pointer);
	u32 room = *size, both = min(room, bytes);

	*size = bytes;
	if (!pointer)
		return 0;
	if (copy_to_user(to, from, both))
		return -EFAULT;
	return clear_user(to + both, room - both) ? -EFAULT : 0;
}

static int give(struct drm_tern_dev_query *args, const void *from, u32 size)
{
	return tern_query_give(args->pointer, &args->size, from, size);
}

static u64 info_flags(struct tern_device *tdev)
{
	return (tdev->coherent ? DRM_TERN_INFO_COHERENT : 0) |
	       (tdev->doorbell_phys ? DRM_TERN_INFO_DOORBELL : 0) |
	       (tern_user_possible(tdev) ? DRM_TERN_INFO_USER_QUEUES : 0) |
	       (tdev->model ? DRM_TERN_INFO_MODEL : 0);
}

static int query_info(struct tern_device *tdev, struct drm_tern_dev_query *args)
{
	struct drm_tern_info info = {
		.driver_major = TERN_DRIVER_MAJOR,
		.driver_minor = TERN_DRIVER_MINOR,
		.hw_interface = tdev->interface,
		.fw_interface = TERN_FW_MAJOR << 16 | tdev->fw.minor,
		.fw_features = tdev->fw.features,
		.flags = info_flags(tdev),
		.va_start = TERN_VA_START,
		.va_end = TERN_VA_END,
		.page_sizes = TERN_PAGE_SIZE | TERN_HUGE_SIZE,
		.doorbell_bytes = PAGE_SIZE,
	};

	memcpy(info.fw_version, tdev->fw.version, sizeof(info.fw_version));
	memcpy(info.fw_build, tdev->fw.build, sizeof(info.fw_build));
	return give(args, &info, sizeof(info));
}

static struct drm_tern_limit of_count(int most, atomic_t *used)
{
	return (struct drm_tern_limit) { .most = most, .used = atomic_read(used) };
}

static struct drm_tern_limit pinned_limit(void)
{
	u64 pages = atomic_long_read(&current_user()->locked_vm);

	return (struct drm_tern_limit) {
		.most = capable(CAP_IPC_LOCK) ? U64_MAX : rlimit(RLIMIT_MEMLOCK),
		.used = pages << PAGE_SHIFT,
	};
}

static u32 priorities(void)
{
	u32 mask = BIT(DRM_TERN_PRIORITY_LOW) | BIT(DRM_TERN_PRIORITY_NORMAL);

	if (capable(CAP_SYS_NICE))
		mask |= BIT(DRM_TERN_PRIORITY_HIGH) | BIT(DRM_TERN_PRIORITY_REALTIME);
	return mask;
}

static struct drm_tern_limit event_limit(struct drm_file *drm_file)
{
	int space = READ_ONCE(drm_file->event_space);

	return (struct drm_tern_limit) {
		.most = TERN_FILE_EVENT_SPACE / sizeof(struct drm_tern_event),
		.used = (TERN_FILE_EVENT_SPACE - space) / sizeof(struct drm_tern_event),
	};
}

static int query_limits(struct drm_file *drm_file, struct drm_tern_dev_query *args)
{
	struct tern_file *file = drm_file->driver_priv;
	struct drm_tern_limits limits = {
		.buffers = of_count(TERN_FILE_BUFFERS, &file->account->buffers),
		.buffer_bytes = {
			.most = tern_buffer_bytes_most(),
			.used = atomic64_read(&file->account->bytes),
		},
		.pinned_bytes = pinned_limit(),
		.vms = of_count(TERN_FILE_VMS, &file->vm_count),
		.queues = of_count(TERN_FILE_QUEUES, &file->queue_count),
		.user_queues = of_count(TERN_FILE_USER_QUEUES, &file->user_queue_count),
		.events = event_limit(drm_file),
		.queue_jobs = TERN_QUEUE_JOBS,
		.vm_binds = TERN_VM_BINDS,
		.budget_usual = TERN_BUDGET_USUAL,
		.budget_most = TERN_BUDGET_MOST,
		.submit_jobs = TERN_MAX_JOBS,
		.bind_ops = TERN_MAX_OPS,
		.syncs = TERN_MAX_SYNCS,
		.priorities = priorities(),
	};

	return give(args, &limits, sizeof(limits));
}

static int read_clocks(struct tern_device *tdev, struct drm_tern_clocks *clocks)
{
	struct tern_clock_pair pair;
	int ret = tern_pm_lock(tdev);

	if (ret)
		return ret;
	clocks->clock_khz = tern_read(tdev, TERN_REG_CLOCK_KHZ);
	tern_perf_clocks(tdev, &pair);
	clocks->timestamp = pair.timestamp;
	clocks->monotonic_ns = pair.monotonic_ns;
	clocks->error_ns = pair.error_ns;
	if (tern_device_gone(tdev))
		ret = -ENODEV; /* what it said may be all ones */
	tern_pm_unlock(tdev);
	return ret;
}

static int query_clocks(struct tern_device *tdev, struct drm_tern_dev_query *args)
{
	struct drm_tern_clocks clocks = {
		.timestamp_khz = tdev->timestamp_khz,
		.clock_khz_most = tdev->caps.clock_khz,
		.resets = atomic_read(&tdev->reset.count),
	};
	int cookie, ret;

	if (!args->pointer)
		return give(args, &clocks, sizeof(clocks));
	if (!drm_dev_enter(&tdev->drm, &cookie))
		return -ENODEV;
	ret = tern_pm_get(tdev);
	if (!ret) {
		ret = read_clocks(tdev, &clocks);
		tern_pm_put(tdev);
	}
	drm_dev_exit(cookie);
	return ret ?: give(args, &clocks, sizeof(clocks));
}

/**
 * tern_ioctl_dev_query() - DRM_IOCTL_TERN_DEV_QUERY
 * @drm: Device
 * @data: struct drm_tern_dev_query
 * @file: File
 *
 * Return: 0 or a negative errno
 */
int tern_ioctl_dev_query(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct tern_device *tdev = to_tern_device(drm);
	struct drm_tern_dev_query *args = data;
	int ret = tern_check_query(args);

	if (ret)
		return ret;
	switch (args->type) {
	case DRM_TERN_QUERY_INFO:
		return query_info(tdev, args);
	case DRM_TERN_QUERY_CAPS:
		return give(args, &tdev->caps, sizeof(tdev->caps));
	case DRM_TERN_QUERY_LIMITS:
		return query_limits(file, args);
	default:
		return query_clocks(tdev, args);
	}
}
