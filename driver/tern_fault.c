// SPDX-License-Identifier: GPL-2.0
/* Faults of a context: the device's record of one, and what its queue is told. */
#include "tern_device.h"
#include "tern_queue.h"
#include "tern_trace.h"

static int error_of(const struct drm_tern_fault *fault)
{
	switch (fault->class_) {
	case TERN_CLASS_BUDGET:
		return -ETIME;
	case TERN_CLASS_ABORT:
		return -ETIMEDOUT; /* the firmware's: no progress. Ours are cancelled before */
	default:
		return -EIO;
	}
}

/* Copied once, and only what the table knows is passed on. */
static bool read_fault(struct tern_runqueue *queue, struct drm_tern_fault *out)
{
	static const u8 class_of[] = {
#define X(name, code, class, text) [code] = TERN_CLASS_##class,
		TERN_HW_FAULTS(X)
#undef X
	};
	struct tern_fault in;

	dma_rmb(); /* STATE before the record */
	memcpy(&in, &tern_queue_memory(queue)->fault, sizeof(in));
	*out = (struct drm_tern_fault) {
		.code = le16_to_cpu(in.code),
		.queue = in.queue,
		.word = le32_to_cpu(in.word),
		.addr = le64_to_cpu(in.addr),
		.info = le64_to_cpu(in.info),
		.cycle = le64_to_cpu(in.cycle),
		.mark = le32_to_cpu(in.mark),
	};
	if (out->code >= ARRAY_SIZE(class_of) || !class_of[out->code] || out->queue >= 8)
		return false;
	out->class_ = class_of[out->code];
	return true;
}

/**
 * tern_fault_look_locked() - A queue whose job has faulted dies of it
 * @queue: Queue that has a slot; struct tern_slots.lock is held
 */
void tern_fault_look_locked(struct tern_runqueue *queue)
{
	struct tern_device *tdev = queue->tdev;
	struct drm_tern_fault fault = {};

	if (tdev->pm.asleep || !READ_ONCE(tern_queue_memory(queue)->fault.code) ||
	    tern_slot_state(tdev, queue->slot) != TERN_SLOT_FAULTED)
		return;
	if (!read_fault(queue, &fault)) {
		tern_reset_request(tdev, TERN_RUNG_POWER, "a fault record makes no sense");
		fault = (struct drm_tern_fault) {};
	}
	trace_tern_fault(queue, queue->slot, &fault);
	tern_dump_fault(queue, &fault);
	tern_queue_die(queue, queue->destroyed ? -ECANCELED : error_of(&fault), &fault);
}
