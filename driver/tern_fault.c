// SPDX-License-Identifier: GPL-2.0
/* Faults of a context: the device's record of one, and what its queue is told. */
#include "tern_device.h"
#include "tern_queue.h"
#include "tern_report.h"
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

/* The device may write there while we look. */
static bool read_fault(struct tern_runqueue *queue, struct drm_tern_fault *out)
{
	struct tern_fault in;

	dma_rmb(); /* STATE before the record */
	memcpy(&in, &tern_queue_memory(queue)->fault, sizeof(in));
	return tern_report_fault(&in, out);
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
