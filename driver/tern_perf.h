/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_PERF_H
#define TERN_PERF_H

#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/time64.h>
#include <linux/types.h>

#include <drm/tern_accel.h>

#include <tern/hw.h>

#include "tern_fw_log.h"

struct drm_device;
struct drm_file;
struct tern_account;
struct tern_device;
struct tern_runqueue;

/**
 * struct tern_sums - What a queue, a file or the device has done: struct drm_tern_perf_counters
 */
struct tern_sums {
	/** @jobs: That ended well */
	atomic64_t jobs;
	/** @errors: That ended otherwise */
	atomic64_t errors;
	/** @cycles: They ran, as far as known */
	atomic64_t cycles;
	/** @bound: Times a queue was given a slot */
	atomic64_t bound;
};

/**
 * struct tern_perf_log - Events of a file's queues, until somebody reads them
 *
 * When it is full new ones are lost and not the oldest: a reader that copies to user space
 * without @lock finds what it looked at still there.
 */
struct tern_perf_log {
	/** @reader: Orders START, READ and STOP */
	struct mutex reader;
	/** @lock: Protects what follows; innermost, in interrupts */
	spinlock_t lock;
	/** @event: Room for @size events; NULL: off */
	struct drm_tern_perf_event *event;
	/** @size: Events there is room for */
	u32 size;
	/** @first: Index of the oldest */
	u32 first;
	/** @count: Events in it */
	u32 count;
	/** @lost: Events that found no room since the last read */
	u64 lost;
};

/**
 * struct tern_clock_pair - The device's clock and ours, read together
 */
struct tern_clock_pair {
	/** @timestamp: Register TIMESTAMP */
	u64 timestamp;
	/** @monotonic_ns: CLOCK_MONOTONIC */
	u64 monotonic_ns;
	/** @error_ns: By which the two may be apart */
	u64 error_ns;
};

/**
 * struct tern_perf - Counts of the device, and the firmware's trace
 */
struct tern_perf {
	/** @sums: Of all files */
	struct tern_sums sums;
	/** @logs: Files that record events */
	atomic_t logs;
	/** @fw: How far the firmware's trace has been read. With struct tern_slots.lock */
	struct tern_stream_reader fw;
	/**
	 * @unstarted: Slots whose holder the firmware does not know yet: what it says of them is
	 * of the one before. With struct tern_slots.lock
	 */
	DECLARE_BITMAP(unstarted, TERN_NSLOTS);
	/** @fw_time: CLOCK_MONOTONIC of its last record. With struct tern_slots.lock */
	u64 fw_time;
	/** @clock: To tell when that was. With struct tern_slots.lock */
	struct tern_clock_pair clock;
	/** @clock_read: When they were last read, in jiffies; the better of two pairs stays */
	unsigned long clock_read;
	/** @busy: Cycles each queue worked before its counter last began anew */
	u64 busy[TERN_NQUEUES];
	/** @busy_seen: The counters when they were read last. Both with struct tern_slots.lock */
	u64 busy_seen[TERN_NQUEUES];
};

void tern_perf_clocks(struct tern_device *tdev, struct tern_clock_pair *pair);
void tern_perf_event(struct tern_runqueue *queue, enum drm_tern_perf_kind kind, u64 job, u64 arg);
void tern_perf_ended(struct tern_runqueue *queue, u64 job, int error);
void tern_perf_bound(struct tern_runqueue *queue, unsigned int slot);
void tern_perf_ran(struct tern_runqueue *queue, u64 cycles);
void tern_perf_refresh_locked(struct tern_device *tdev, struct tern_account *account);
void tern_perf_note_busy(struct tern_device *tdev);
bool tern_perf_listens(struct tern_device *tdev);
void tern_perf_drain(struct tern_device *tdev);
void tern_perf_changes_hands(struct tern_device *tdev, unsigned int slot);
void tern_perf_log_init(struct tern_perf_log *log);
int tern_perf_log_start(struct tern_device *tdev, struct tern_perf_log *log, u32 size);
int tern_perf_log_stop(struct tern_device *tdev, struct tern_perf_log *log);
int tern_perf_log_refresh(struct tern_device *tdev);
int tern_perf_log_read(struct tern_perf_log *log, struct drm_tern_perf *args);

/* Any number may come from the device: it may wrap, but not trap as 128-bit divisions do. */
static inline u64 tern_ticks_to_ns(u64 ticks, u32 khz)
{
	u32 rest;
	u64 ms = div_u64_rem(ticks, khz, &rest);

	return ms * NSEC_PER_MSEC + div_u64((u64)rest * NSEC_PER_MSEC, khz);
}

int tern_ioctl_perf(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_PERF_H */
