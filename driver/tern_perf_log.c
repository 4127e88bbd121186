// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Events
 *
 * A file may record what happens to its queues: what the kernel does, stamped as it does it, and
 * what the firmware says it did, from a ring that it overwrites (uapi/tern/fw.h). That ring
 * names slots and not queues, so it is read before a slot changes hands, under the same lock;
 * besides that at every reading, and after interrupts while somebody listens. What comes later is
 * of the last holder until the firmware says that it was told of the next one.
 *
 * What the firmware says is told only to whom the slot belonged; that it may be wrong harms
 * nobody. Its times are converted by a pair of clocks read together, and cut off at now. The
 * tracepoint tern_firmware tells all of it to root.
 */
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "tern_device.h"
#include "tern_file.h"
#include "tern_perf.h"
#include "tern_queue.h"
#include "tern_trace.h"

/* How old a pair of clocks may be: it has drifted by up to 10 us then, at 100 ppm. */
#define CLOCK_MS 100
/* Tries to read device and host clock together; the best one counts. */
#define CLOCK_TRIES 5
/* Events copied at once: on the stack. */
#define BATCH 16

/* ---- Time ---------------------------------------------------------------------- */

/**
 * tern_perf_clocks() - Read the device's clock and ours together
 * @tdev: Device that is awake
 * @pair: Result: the device's time lies between two readings of ours, the closer the better
 */
void tern_perf_clocks(struct tern_device *tdev, struct tern_clock_pair *pair)
{
	int i;

	pair->error_ns = U64_MAX;
	for (i = 0; i < CLOCK_TRIES; i++) {
		u64 before = ktime_get_ns();
		u64 timestamp = tern_read64(tdev, TERN_REG_TIMESTAMP);
		u64 after = ktime_get_ns(), error = (after - before + 1) / 2;

		if (error >= pair->error_ns)
			continue;
		pair->timestamp = timestamp;
		pair->monotonic_ns = before + (after - before) / 2;
		pair->error_ns = error;
	}
}

/* The best pair there is, considering that an older one has drifted by up to 100 ppm. */
static void refresh_clock(struct tern_device *tdev)
{
	struct tern_clock_pair *pair = &tdev->perf.clock, now;

	/* With a trace on, each interrupt leads here, and a register costs a round trip. */
	if (pair->monotonic_ns &&
	    time_before(jiffies, tdev->perf.clock_read + msecs_to_jiffies(CLOCK_MS)))
		return;
	tdev->perf.clock_read = jiffies;
	tern_perf_clocks(tdev, &now);
	if (!pair->monotonic_ns ||
	    now.error_ns <= pair->error_ns + (now.monotonic_ns - pair->monotonic_ns) / 10000)
		*pair = now;
}

/*
 * Of a time the firmware gave: not after now, whatever it was, and not before the record before
 * it, though another pair may have been in use then.
 */
static u64 to_monotonic(struct tern_device *tdev, u64 timestamp)
{
	struct tern_perf *perf = &tdev->perf;
	const struct tern_clock_pair *pair = &perf->clock;
	bool before = (s64)(timestamp - pair->timestamp) < 0;
	u64 ticks = before ? pair->timestamp - timestamp : timestamp - pair->timestamp;
	u64 ns = tern_ticks_to_ns(ticks, tdev->timestamp_khz ?: 1);

	ns = before ? pair->monotonic_ns - min(ns, pair->monotonic_ns) : pair->monotonic_ns + ns;
	perf->fw_time = max(perf->fw_time, min(ns, ktime_get_ns()));
	return perf->fw_time;
}

/* ---- Recording ----------------------------------------------------------------- */

static void add_locked(struct tern_perf_log *log, const struct drm_tern_perf_event *event)
{
	if (!log->event)
		return;
	if (log->count == log->size)
		log->lost++;
	else
		log->event[(log->first + log->count++) % log->size] = *event;
}

/* Events of the firmware have their time; that of others is now, read when their order is sure. */
static void add(struct tern_runqueue *queue, struct drm_tern_perf_event event)
{
	struct tern_perf_log *log = &queue->account->log;
	unsigned long flags;

	event.queue_id = queue->id;
	spin_lock_irqsave(&log->lock, flags);
	if (event.kind != DRM_TERN_PERF_FW)
		event.time_ns = ktime_get_ns();
	add_locked(log, &event);
	spin_unlock_irqrestore(&log->lock, flags);
}

/**
 * tern_perf_event() - Something happened to a queue now
 * @queue: Queue
 * @kind: What
 * @job: To which of its jobs; 0: to none
 * @arg: As the kind says
 *
 * In any context.
 */
void tern_perf_event(struct tern_runqueue *queue, enum drm_tern_perf_kind kind, u64 job, u64 arg)
{
	if (READ_ONCE(queue->account->log.event))
		add(queue, (struct drm_tern_perf_event) {
			.job = job,
			.kind = kind,
			.arg = arg,
		});
}

/* ---- What the firmware says -------------------------------------------------------- */

/**
 * tern_perf_listens() - Does anybody want to know what the firmware does?
 * @tdev: Device
 *
 * Return: true if so
 */
bool tern_perf_listens(struct tern_device *tdev)
{
	return atomic_read(&tdev->perf.logs) || trace_tern_firmware_enabled();
}

/* Kinds that are about the slot they name. */
static bool is_of_slot(u32 kind)
{
	return kind >= TERN_FW_TRACE_DOORBELL && kind <= TERN_FW_TRACE_END;
}

static void take_record(struct tern_device *tdev, const struct tern_fw_trace_record *record)
{
	u64 time_ns = to_monotonic(tdev, le64_to_cpu(record->timestamp));
	u32 slot = le16_to_cpu(record->slot), kind = le16_to_cpu(record->kind);
	struct tern_runqueue *queue = NULL;

	trace_tern_firmware(tdev, slot, kind, le64_to_cpu(record->arg), time_ns);
	if (slot >= TERN_NSLOTS)
		return;
	if (kind == TERN_FW_TRACE_REQUEST && le64_to_cpu(record->arg) == TERN_FW_SLOT_START)
		clear_bit(slot, tdev->perf.unstarted);
	if (is_of_slot(kind) && !test_bit(slot, tdev->perf.unstarted))
		queue = tern_slot_holder(tdev, slot);
	if (queue)
		add(queue, (struct drm_tern_perf_event) {
			.time_ns = time_ns,
			.kind = DRM_TERN_PERF_FW,
			.arg = kind,
		});
}

/**
 * tern_perf_drain() - Tell whoever listens what the firmware has done since the last time
 * @tdev: Device; struct tern_slots.lock is held
 *
 * At most as many records as its ring holds.
 */
void tern_perf_drain(struct tern_device *tdev)
{
	struct tern_fw_stream *stream = tern_fw_trace(tdev);
	struct tern_perf *perf = &tdev->perf;
	struct tern_fw_trace_record record;
	u32 lost = perf->fw.lost;
	int i;

	lockdep_assert_held(&tdev->slots.lock);
	if (!tdev->ready)
		return; /* its memory may be gone */
	if (!tern_perf_listens(tdev)) {
		perf->fw.next = le32_to_cpu(READ_ONCE(stream->write));
		bitmap_zero(perf->unstarted, TERN_NSLOTS);
		return;
	}
	if (!tdev->pm.asleep)
		refresh_clock(tdev);
	for (i = 0; i < TERN_FW_TRACE_COUNT; i++) {
		if (!tern_stream_next(stream, TERN_FW_TRACE_COUNT, sizeof(record), &perf->fw,
				      &record))
			break;
		take_record(tdev, &record);
	}
	/* What is waited for may have been among them. */
	if (perf->fw.lost != lost)
		bitmap_zero(perf->unstarted, TERN_NSLOTS);
}

/**
 * tern_perf_changes_hands() - A slot's next holder is about to be told to the firmware
 * @tdev: Device; struct tern_slots.lock is held
 * @slot: Slot, free yet
 */
void tern_perf_changes_hands(struct tern_device *tdev, unsigned int slot)
{
	tern_perf_drain(tdev);
	/* Before that it did not say of which slot it took a message. */
	if (tern_perf_listens(tdev) && tdev->fw.minor >= 1)
		set_bit(slot, tdev->perf.unstarted);
}

/**
 * tern_perf_log_refresh() - Have in the logs what the firmware has said so far
 * @tdev: Device
 *
 * Return: 0 or a negative errno
 */
int tern_perf_log_refresh(struct tern_device *tdev)
{
	int ret = mutex_lock_interruptible(&tdev->slots.lock);

	if (ret)
		return ret;
	tern_perf_drain(tdev);
	mutex_unlock(&tdev->slots.lock);
	return 0;
}

/* ---- For the file ------------------------------------------------------------------ */

void tern_perf_log_init(struct tern_perf_log *log)
{
	mutex_init(&log->reader);
	spin_lock_init(&log->lock);
}

static void set_room(struct tern_perf_log *log, struct drm_tern_perf_event *event, u32 size)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	WRITE_ONCE(log->event, event);
	log->size = size;
	log->first = 0;
	log->count = 0;
	log->lost = 0;
	spin_unlock_irqrestore(&log->lock, flags);
}

static int start_locked(struct tern_device *tdev, struct tern_perf_log *log, u32 size)
{
	struct drm_tern_perf_event *event;

	if (log->event)
		return -EBUSY;
	event = kvcalloc(size, sizeof(*event), GFP_KERNEL_ACCOUNT);
	if (!event)
		return -ENOMEM;
	set_room(log, event, size);
	atomic_inc(&tdev->perf.logs);
	return 0;
}

/**
 * tern_perf_log_start() - Record what happens to a file's queues
 * @tdev: Device
 * @log: The file's
 * @size: Events to keep
 *
 * After tern_perf_log_refresh(), so that what was before is none of the log's.
 *
 * Return: 0, -EBUSY if it does, or a negative errno
 */
int tern_perf_log_start(struct tern_device *tdev, struct tern_perf_log *log, u32 size)
{
	int ret = mutex_lock_interruptible(&log->reader);

	if (ret)
		return ret;
	ret = start_locked(tdev, log, size);
	mutex_unlock(&log->reader);
	return ret;
}

/**
 * tern_perf_log_stop() - Forget what was recorded, and record no more
 * @tdev: Device
 * @log: The file's
 *
 * Return: 0, or -ENODATA if it did not
 */
int tern_perf_log_stop(struct tern_device *tdev, struct tern_perf_log *log)
{
	struct drm_tern_perf_event *event;

	mutex_lock(&log->reader);
	event = log->event;
	set_room(log, NULL, 0);
	mutex_unlock(&log->reader);
	if (!event)
		return -ENODATA;
	atomic_dec(&tdev->perf.logs);
	kvfree(event);
	return 0;
}

/* Up to @count events from the @skip'th on; the number copied. */
static u32 peek(struct tern_perf_log *log, struct drm_tern_perf_event *to, u32 skip, u32 count)
{
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&log->lock, flags);
	count = min(count, log->count - skip);
	for (i = 0; i < count; i++)
		to[i] = log->event[(log->first + skip + i) % log->size];
	spin_unlock_irqrestore(&log->lock, flags);
	return count;
}

static void consume(struct tern_perf_log *log, u32 count, u64 *lost)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	log->first = (log->first + count) % log->size;
	log->count -= count;
	*lost = log->lost;
	log->lost = 0;
	spin_unlock_irqrestore(&log->lock, flags);
}

static int give_event(void __user *to, u32 stride, const struct drm_tern_perf_event *event)
{
	if (copy_to_user(to, event, sizeof(*event)) ||
	    clear_user(to + sizeof(*event), stride - sizeof(*event)))
		return -EFAULT;
	return 0;
}

static int read_locked(struct tern_perf_log *log, struct drm_tern_perf *args)
{
	void __user *to = u64_to_user_ptr(args->pointer);
	u32 room = args->size / args->stride, done = 0, n, i;
	struct drm_tern_perf_event batch[BATCH];
	int ret = 0;

	if (!log->event)
		return -ENODATA;
	do {
		n = peek(log, batch, done, min_t(u32, BATCH, room - done));
		for (i = 0; i < n && !ret; i++, done++)
			ret = give_event(to + (size_t)done * args->stride, args->stride, &batch[i]);
	} while (n && !ret);
	if (ret)
		return ret;
	consume(log, done, &args->lost);
	args->size = done * args->stride;
	return 0;
}

/**
 * tern_perf_log_read() - Give events to user space, oldest first
 * @log: The file's
 * @args: TRACE_READ, which has been checked
 *
 * Return: 0, -ENODATA if none are recorded, or a negative errno; then all of them are still there
 */
int tern_perf_log_read(struct tern_perf_log *log, struct drm_tern_perf *args)
{
	int ret = mutex_lock_interruptible(&log->reader);

	if (ret)
		return ret;
	ret = read_locked(log, args);
	mutex_unlock(&log->reader);
	return ret;
}
