// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts. Two vectors: causes that memory tells the rest of (a job's end, a fence, an
 * acknowledged invalidation) are handled in the hard handler without touching a register, since
 * they clear themselves; all others go to a thread that reads IRQ_STATUS.
 *
 * With one vector, or where a line instead of a message interrupts, the thread does both.
 */
#include <linux/dma-fence.h>
#include <linux/interrupt.h>

#include "tern_device.h"

#define MEMORY_CAUSES (TERN_IRQ_JOB | TERN_IRQ_FENCE | TERN_IRQ_INVALIDATED)
#define REGISTER_CAUSES                                                                   \
	(TERN_IRQ_MESSAGE | TERN_IRQ_FAULT | TERN_IRQ_MCU | TERN_IRQ_BUS | TERN_IRQ_ECC | \
	 TERN_IRQ_THERMAL)

/* A cause may be set again while it is cleared, but not for ever. */
#define STATUS_READS 100
/* What a bus error costs in the log: the first few tell the story. */
#define BUS_ERRORS_TOLD 8

static void look_at_memory(struct tern_device *tdev)
{
	tern_slots_collect(tdev);
	if (tern_perf_listens(tdev))
		tern_slots_kick(tdev); /* before the firmware's trace runs over */
	if (wq_has_sleeper(&tdev->mmu.wait))
		wake_up_all(&tdev->mmu.wait);
}

static irqreturn_t memory_irq(int irq, void *data)
{
	struct tern_device *tdev = data;
	bool cookie = dma_fence_begin_signalling();

	look_at_memory(tdev);
	dma_fence_end_signalling(cookie);
	return IRQ_HANDLED;
}

static void tell_bus_error(struct tern_device *tdev)
{
	u64 addr = tern_read64(tdev, TERN_REG_BUS_FAULT);
	u32 info = tern_read(tdev, TERN_REG_BUS_FAULT_INFO);

	if (tdev->irq.bus_errors++ < BUS_ERRORS_TOLD)
		drm_err(&tdev->drm, "the bus refused to %s %#llx for source %u, address space %u\n",
			info & BIT(8) ? "write" : "read", addr, info >> 16 & 15, info & 255);
}

static void handle_causes(struct tern_device *tdev, u32 causes)
{
	if (causes & MEMORY_CAUSES)
		look_at_memory(tdev);
	if (causes & TERN_IRQ_MESSAGE) {
		tern_ipc_receive(tdev);
		tern_fw_tell_log(tdev);
	}
	if (causes & TERN_IRQ_FAULT)
		tern_slots_kick(tdev);
	if (causes & TERN_IRQ_MCU)
		tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "the firmware stopped");
	if (causes & TERN_IRQ_ECC)
		tern_reset_request(tdev, TERN_RUNG_POWER, "its memory could not correct an error");
	if (causes & TERN_IRQ_BUS)
		tell_bus_error(tdev);
	if (causes & TERN_IRQ_THERMAL) {
		drm_warn(&tdev->drm, "temperature %d m°C\n",
			 (s32)tern_read(tdev, TERN_REG_TEMPERATURE));
		tern_hwmon_alarm(tdev);
	}
}

/**
 * tern_irq_look() - Handle what register and memory announce, interrupt or not
 * @tdev: Device
 *
 * The last read of IRQ_STATUS orders looking after clearing.
 */
void tern_irq_look(struct tern_device *tdev)
{
	u32 causes, seen = 0;
	int reads = 0, others = 0;

	while ((causes = tern_read(tdev, TERN_REG_IRQ_STATUS))) {
		bool other = causes & ~MEMORY_CAUSES;

		others += other;
		if (causes == ~0U || others > STATUS_READS) {
			tern_reset_request(tdev, TERN_RUNG_POWER, "IRQ_STATUS is not plausible");
			return;
		}
		tern_write(tdev, TERN_REG_IRQ_STATUS, causes);
		seen |= causes;
		/* Jobs may set those of memory at will. What is cleared interrupts anew. */
		if (++reads > STATUS_READS && !other) {
			tern_read(tdev, TERN_REG_IRQ_STATUS);
			break;
		}
	}
	handle_causes(tdev, seen);
}

static irqreturn_t register_irq(int irq, void *data)
{
	struct tern_device *tdev = data;
	bool cookie = dma_fence_begin_signalling();

	tern_irq_look(tdev);
	if (tdev->irq.count == 1)
		look_at_memory(tdev);
	dma_fence_end_signalling(cookie);
	return IRQ_HANDLED;
}

/* Two bits per cause: vector 0 for those of memory, 1 for the others if there is one. */
static u32 routes(struct tern_device *tdev)
{
	u32 value = 0;
	int cause;

	if (tdev->irq.count == 1)
		return 0;
	for (cause = 0; cause < 16; cause++)
		if (BIT(cause) & REGISTER_CAUSES)
			value |= 1u << (2 * cause);
	return value;
}

/**
 * tern_irq_start() - Let the device interrupt, after each reset
 * @tdev: Device
 */
void tern_irq_start(struct tern_device *tdev)
{
	tdev->irq.automatic = tdev->door->irq_auto && tdev->irq.count > 1 ? MEMORY_CAUSES : 0;
	tern_write(tdev, TERN_REG_IRQ_STATUS, ~0U);
	tern_write(tdev, TERN_REG_IRQ_VECTOR, routes(tdev));
	tern_write(tdev, TERN_REG_IRQ_AUTO, tdev->irq.automatic);
	tern_write(tdev, TERN_REG_IRQ_ENABLE, MEMORY_CAUSES | REGISTER_CAUSES);
}

/**
 * tern_irq_stop() - No interrupt any more, and none is being handled
 * @tdev: Device
 */
void tern_irq_stop(struct tern_device *tdev)
{
	int i;

	tern_write(tdev, TERN_REG_IRQ_ENABLE, 0);
	/* Now it has arrived, and so has every interrupt that was on its way. */
	tern_read(tdev, TERN_REG_IRQ_ENABLE);
	for (i = 0; i < tdev->irq.count; i++)
		synchronize_irq(tdev->irq.line[i]);
}

static int request_one(struct tern_device *tdev, int i)
{
	bool memory = !i && tdev->irq.count > 1 && tdev->door->irq_auto;

	return request_threaded_irq(tdev->irq.line[i], memory ? memory_irq : NULL,
				    memory ? NULL : register_irq, memory ? 0 : IRQF_ONESHOT,
				    "tern", tdev);
}

/**
 * tern_irq_fini() - Give the interrupts back
 * @tdev: Device
 */
void tern_irq_fini(struct tern_device *tdev)
{
	int i;

	for (i = 0; i < tdev->irq.count; i++)
		free_irq(tdev->irq.line[i], tdev);
	tdev->irq.count = 0;
}

/**
 * tern_irq_init() - Request the interrupts that a door has found
 * @tdev: Device
 *
 * Return: 0 or a negative errno
 */
int tern_irq_init(struct tern_device *tdev)
{
	int i, ret;

	/* A line may be active since whoever was here before: nobody could serve it yet. */
	tern_write(tdev, TERN_REG_IRQ_ENABLE, 0);
	tern_read(tdev, TERN_REG_IRQ_ENABLE);
	for (i = 0; i < tdev->irq.count; i++) {
		ret = request_one(tdev, i);
		if (ret) {
			tdev->irq.count = i;
			tern_irq_fini(tdev);
			return ret;
		}
	}
	return 0;
}
