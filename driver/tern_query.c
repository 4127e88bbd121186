// SPDX-License-Identifier: GPL-2.0
/*
 * DEV_QUERY: what there is, how much of it, and what time it is.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/ktime.h>
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

/* Tries to read device and host clock together; the best one counts. */
#define CLOCK_TRIES 5

/* Writes the smaller of both sizes, zeroes what the caller has more, tells ours. */
static int give(struct drm_tern_dev_query *args, const void *from, u32 size)
{
	void __user *to = u64_to_user_ptr(args->pointer);
	u32 room = args->size, both = min(room, size);

	args->size = size;
	if (!args->pointer)
		return 0;
	if (copy_to_user(to, from, both))
		return -EFAULT;
	return clear_user(to + both, room - both) ? -EFAULT : 0;
}

static u64 info_flags(struct tern_device *tdev)
{
	return (tdev->coherent ? DRM_TERN_INFO_COHERENT : 0) |
	       (tdev->doorbell_phys ? DRM_TERN_INFO_DOORBELL : 0) |
	       (tdev->fw.features & TERN_FW_FEATURE_PREEMPT ? DRM_TERN_INFO_USER_QUEUES : 0) |
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

/* The device's time lies between two readings of ours: the closer the better. */
static void read_clocks(struct tern_device *tdev, struct drm_tern_clocks *clocks)
{
	int i;

	clocks->error_ns = U64_MAX;
	for (i = 0; i < CLOCK_TRIES; i++) {
		u64 before = ktime_get_ns();
		u64 timestamp = tern_read64(tdev, TERN_REG_TIMESTAMP);
		u64 after = ktime_get_ns(), error = (after - before + 1) / 2;

		if (error >= clocks->error_ns)
			continue;
		clocks->timestamp = timestamp;
		clocks->monotonic_ns = before + (after - before) / 2;
		clocks->error_ns = error;
	}
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
		clocks.clock_khz = tern_read(tdev, TERN_REG_CLOCK_KHZ);
		read_clocks(tdev, &clocks);
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

	switch (args->type) {
	case DRM_TERN_QUERY_INFO:
		return query_info(tdev, args);
	case DRM_TERN_QUERY_CAPS:
		return give(args, &tdev->caps, sizeof(tdev->caps));
	case DRM_TERN_QUERY_LIMITS:
		return query_limits(file, args);
	case DRM_TERN_QUERY_CLOCKS:
		return query_clocks(tdev, args);
	default:
		return tern_check_query(args);
	}
}
