// SPDX-License-Identifier: GPL-2.0
/*
 * PERF: what a queue, a file or the device has done so far; the record of what happens to a
 * file's queues is in tern_perf_log.c.
 *
 * Cycles are the device's: it counts them per slot, and the driver adds up what has come since
 * it looked last. A job of a user-owned queue passes the kernel by, so only its cycles are known.
 */
#include <linux/capability.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_device.h"
#include "tern_file.h"
#include "tern_perf.h"
#include "tern_query.h"
#include "tern_queue.h"
#include "tern_uapi_check.h"

/* ---- Counting -------------------------------------------------------------------- */

static void add_to_all(struct tern_runqueue *queue, size_t field, u64 value)
{
	struct tern_sums *sums[] = { &queue->sums, &queue->account->sums, &queue->tdev->perf.sums };
	int i;

	for (i = 0; i < ARRAY_SIZE(sums); i++)
		atomic64_add(value, (atomic64_t *)((char *)sums[i] + field));
}

/**
 * tern_perf_ended() - A job has ended
 * @queue: Kernel-owned queue
 * @job: Its number
 * @error: How
 *
 * In any context.
 */
void tern_perf_ended(struct tern_runqueue *queue, u64 job, int error)
{
	add_to_all(queue, error ? offsetof(struct tern_sums, errors) :
				  offsetof(struct tern_sums, jobs), 1);
	tern_perf_event(queue, DRM_TERN_PERF_ENDED, job, (s64)error);
}

/**
 * tern_perf_bound() - A queue has a slot
 * @queue: Queue
 * @slot: Which
 */
void tern_perf_bound(struct tern_runqueue *queue, unsigned int slot)
{
	add_to_all(queue, offsetof(struct tern_sums, bound), 1);
	tern_perf_event(queue, DRM_TERN_PERF_BOUND, 0, slot);
}

/**
 * tern_perf_ran() - A queue has run for some time
 * @queue: Queue
 * @cycles: Of the NPU, since the last time
 */
void tern_perf_ran(struct tern_runqueue *queue, u64 cycles)
{
	add_to_all(queue, offsetof(struct tern_sums, cycles), cycles);
}

/**
 * tern_perf_refresh_locked() - Count what queues that have slots have run since the last time
 * @tdev: Device; struct tern_slots.lock is held
 * @account: Of one file, or NULL: of all
 */
void tern_perf_refresh_locked(struct tern_device *tdev, struct tern_account *account)
{
	struct tern_runqueue *queue;
	unsigned int slot;

	if (!tdev->ready || tdev->pm.asleep)
		return;
	tern_for_each_holder(tdev, slot, queue)
		if (!account || queue->account == account)
			tern_slot_count_cycles(queue);
}

/**
 * tern_perf_note_busy() - Read the engines' counters before they may begin anew, or to tell them
 * @tdev: Device that is awake; struct tern_slots.lock is held
 */
void tern_perf_note_busy(struct tern_device *tdev)
{
	struct tern_perf *perf = &tdev->perf;
	int i;

	for (i = 0; i < TERN_NQUEUES; i++) {
		u64 now = tern_read64(tdev, TERN_REG_BUSY + i * TERN_BUSY_STRIDE);

		if (now == U64_MAX)
			continue; /* the device is gone */
		if (now < perf->busy_seen[i])
			perf->busy[i] += perf->busy_seen[i];
		perf->busy_seen[i] = now;
	}
}

/* ---- Telling ------------------------------------------------------------------------ */

static void fill(struct drm_tern_perf_counters *counters, struct tern_sums *sums)
{
	counters->jobs = atomic64_read(&sums->jobs);
	counters->errors = atomic64_read(&sums->errors);
	counters->cycles = atomic64_read(&sums->cycles);
	counters->bound = atomic64_read(&sums->bound);
}

static int refresh(struct tern_device *tdev, struct tern_account *account)
{
	int ret = mutex_lock_interruptible(&tdev->slots.lock);

	if (ret)
		return ret;
	tern_perf_refresh_locked(tdev, account);
	mutex_unlock(&tdev->slots.lock);
	return 0;
}

static int read_queue(struct tern_device *tdev, struct tern_file *file, u32 id,
		      struct drm_tern_perf_counters *counters)
{
	struct tern_runqueue *queue = tern_queue_lookup(file, id);
	int ret;

	if (!queue)
		return -ENOENT;
	ret = refresh(tdev, file->account);
	fill(counters, &queue->sums);
	tern_queue_put(queue);
	return ret;
}

static int read_file(struct tern_device *tdev, struct tern_file *file,
		     struct drm_tern_perf_counters *counters)
{
	int ret = refresh(tdev, file->account);

	fill(counters, &file->account->sums);
	return ret;
}

static void fill_device(struct tern_device *tdev, struct drm_tern_perf_counters *counters)
{
	int i;

	tern_perf_refresh_locked(tdev, NULL);
	tern_perf_note_busy(tdev);
	for (i = 0; i < TERN_NQUEUES; i++)
		counters->busy[i] = tdev->perf.busy[i] + tdev->perf.busy_seen[i];
	counters->energy_uj = tern_read64(tdev, TERN_REG_ENERGY_UJ);
	fill(counters, &tdev->perf.sums);
}

/* What a device says that fails meanwhile is all ones, or a part of it is. */
static int read_locked(struct tern_device *tdev, struct drm_tern_perf_counters *counters)
{
	int ret = tern_pm_lock(tdev);

	if (ret)
		return ret;
	fill_device(tdev, counters);
	if (tern_device_gone(tdev))
		ret = -ENODEV;
	tern_pm_unlock(tdev);
	return ret;
}

static int read_device(struct tern_device *tdev, struct drm_tern_perf_counters *counters)
{
	int ret;

	if (!perfmon_capable())
		return -EACCES;
	ret = tern_pm_get(tdev);
	if (ret)
		return ret;
	ret = read_locked(tdev, counters);
	tern_pm_put(tdev);
	return ret;
}

/* The part that needs the device. */
static int perf(struct tern_device *tdev, struct tern_file *file, struct drm_tern_perf *args,
		struct drm_tern_perf_counters *counters)
{
	switch (args->op) {
	case DRM_TERN_PERF_QUEUE:
		return read_queue(tdev, file, args->id, counters);
	case DRM_TERN_PERF_FILE:
		return read_file(tdev, file, counters);
	case DRM_TERN_PERF_DEVICE:
		return read_device(tdev, counters);
	case DRM_TERN_PERF_TRACE_START: /* what was before is none of its */
	case DRM_TERN_PERF_TRACE_READ:
		return tern_perf_log_refresh(tdev);
	default:
		return 0;
	}
}

/*
 * And the one that may wait for user space, or for somebody who does, as long as that likes: an
 * unplug does not.
 */
static int give(struct tern_file *file, struct drm_tern_perf *args,
		const struct drm_tern_perf_counters *counters)
{
	struct tern_perf_log *log = &file->account->log;

	switch (args->op) {
	case DRM_TERN_PERF_QUEUE:
	case DRM_TERN_PERF_FILE:
	case DRM_TERN_PERF_DEVICE:
		return tern_query_give(args->pointer, &args->size, counters, sizeof(*counters));
	case DRM_TERN_PERF_TRACE_READ:
		return tern_perf_log_read(log, args);
	case DRM_TERN_PERF_TRACE_START:
		return tern_perf_log_start(file->tdev, log, args->size);
	default:
		return tern_perf_log_stop(file->tdev, log);
	}
}

/**
 * tern_ioctl_perf() - DRM_IOCTL_TERN_PERF
 * @drm: Device
 * @data: struct drm_tern_perf
 * @file: File
 *
 * Return: 0 or a negative errno
 */
int tern_ioctl_perf(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_perf_counters counters = {};
	struct drm_tern_perf *args = data;
	int cookie, ret = tern_check_perf(args);

	if (ret)
		return ret;
	if (!drm_dev_enter(drm, &cookie))
		return -ENODEV;
	ret = perf(to_tern_device(drm), file->driver_priv, args, &counters);
	drm_dev_exit(cookie);
	return ret ?: give(file->driver_priv, args, &counters);
}
