/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_DEVICE_H
#define TERN_DEVICE_H

#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/drm_print.h>

#include <tern/fw.h>
#include <tern/hw.h>
#include <tern/mcu.h>

#include "tern_dump.h"
#include "tern_fw.h"
#include "tern_hwmon.h"
#include "tern_ipc.h"
#include "tern_irq.h"
#include "tern_mmu.h"
#include "tern_perf.h"
#include "tern_pm.h"
#include "tern_reset.h"
#include "tern_slot.h"
#include "tern_user.h"
#include "tern_watchdog.h"

struct tern_device;

/**
 * struct tern_door - What differs between PCI and device tree
 */
struct tern_door {
	/** @name: For messages */
	const char *name;
	/** @irq_auto: Each cause is a message of its own, so IRQ_AUTO loses none */
	bool irq_auto;
	/** @master: Let the device master the bus, or not: beside DMA_ENABLE */
	void (*master)(struct tern_device *tdev, bool on);
	/**
	 * @halt: The device may not master the bus, and does not say that it is done: make sure of
	 * it; 0 or a negative errno. In the way of fences
	 */
	int (*halt)(struct tern_device *tdev);
	/** @reset: The bus's own reset, before the device is started; 0 or a negative errno */
	int (*reset)(struct tern_device *tdev);
	/** @power: Hand runtime power management to the device, or take it back */
	void (*power)(struct tern_device *tdev, bool on);
};

/**
 * struct tern_device - One NPU
 *
 * Locks, outermost first:
 *
 * - struct tern_vm.lock: the tree of a VM. struct tern_runqueue.submit_lock: the order of a queue's
 *   jobs. Not in the signalling path, as all of these up to reservation locks.
 * - objects.lock: who has memory. A device that leaves takes the next two under it, and
 *   reservation locks.
 * - struct tern_kernel_space.lock: address space 0, its page tables included.
 * - Reservation locks of buffers and VMs; none is held when objects.lock or one before is taken.
 * - struct tern_user.lock: doorbells. Inside mmap locks, not in the signalling path.
 * - struct tern_slots.lock: who holds which slot, requests to the firmware, reset. In the
 *   signalling path: nothing is allocated under it, no reservation lock taken.
 * - struct tern_vm.table_lock: a VM's page tables. In the signalling path.
 * - spin locks: struct tern_runqueue.lock, struct tern_mmu.lock, struct tern_ipc.lock; inside the
 *   first struct tern_perf_log.lock.
 */
struct tern_device {
	/** @drm: What DRM knows of it */
	struct drm_device drm;
	/** @door: PCI or device tree */
	const struct tern_door *door;
	/** @regs: Region REGS */
	void __iomem *regs;
	/** @doorbell: Region DOORBELL, as the kernel rings it */
	void __iomem *doorbell;
	/** @doorbell_phys: The same for user space's mappings; 0 if there can be none */
	phys_addr_t doorbell_phys;
	/** @tcm: Region TCM; all ones while the MCU may run */
	void __iomem *tcm;
	/** @bar_size: Of each region, enum tern_bar's order */
	resource_size_t bar_size[3];
	/** @caps: Capability registers, which never change */
	struct tern_caps caps;
	/** @interface: Register INTERFACE */
	u32 interface;
	/** @timestamp_khz: Register TIMESTAMP_KHZ */
	u32 timestamp_khz;
	/** @model: It is no silicon: its times are not the wall's */
	bool model;
	/** @coherent: The device sees CPU caches, and no copies: BO_SYNC has nothing to do */
	bool coherent;
	/** @bounces: The DMA layer may have it look at copies (tern_pages.c) */
	bool bounces;
	/** @loose: Nothing keeps it from memory: what it could ever reach is not given back */
	bool loose;
	/** @ready: Cleared for good when the last rung of the ladder fails, or the device leaves */
	bool ready;

	/** @wq: Recovery: slots, faults, resets; one at a time and in order */
	struct workqueue_struct *wq;
	/** @sched_wq: Where schedulers run jobs and bind operations */
	struct workqueue_struct *sched_wq;
	/** @cleanup_wq: What may wait and allocate: releasing queues, VMs, buffers. The module's */
	struct workqueue_struct *cleanup_wq;

	/** @irq: Interrupts */
	struct tern_interrupts irq;
	/** @mmu: Address space numbers and invalidations */
	struct tern_mmu mmu;
	/** @kernel: Address space 0 */
	struct tern_kernel_space kernel;
	/** @fw: Firmware */
	struct tern_fw fw;
	/** @ipc: Messages */
	struct tern_ipc ipc;
	/** @slots: Slots and who holds them */
	struct tern_slots slots;
	/** @reset: The ladder */
	struct tern_reset reset;
	/** @pm: Power */
	struct tern_pm pm;
	/** @user: Slots of user-owned queues */
	struct tern_user user;
	/** @watchdog: Looks after jobs that do not end */
	struct tern_watchdog watchdog;

	/** @dump: Of what went wrong */
	struct tern_dump dump;
	/** @hwmon: Sensors */
	struct tern_hwmon hwmon;
	/** @perf: What it has done */
	struct tern_perf perf;

	/** @objects: What holds DMA mappings and must let go of them when the device leaves */
	struct {
		/** @objects.lock: Protects the lists */
		struct mutex lock;
		/** @objects.bos: All struct tern_bo */
		struct list_head bos;
		/** @objects.vms: All struct tern_vm */
		struct list_head vms;
		/** @objects.queues: All struct tern_runqueue. Changed with slots.lock, too */
		struct list_head queues;
	} objects;
};

#define to_tern_device(drm_) container_of(drm_, struct tern_device, drm)

int tern_device_add(struct tern_device *tdev);
void tern_device_remove(struct tern_device *tdev);
void tern_device_fail(struct tern_device *tdev);
bool tern_device_enter(struct drm_device *drm, int *cookie);

static inline u32 tern_read(struct tern_device *tdev, u32 reg)
{
	return readl(tdev->regs + reg);
}

static inline void tern_write(struct tern_device *tdev, u32 reg, u32 value)
{
	writel(value, tdev->regs + reg);
}

/* Registers of 64 bits are two of 32: low half first, the high half takes effect. */
static inline void tern_write64(struct tern_device *tdev, u32 reg, u64 value)
{
	lo_hi_writeq(value, tdev->regs + reg);
}

u64 tern_read64(struct tern_device *tdev, u32 reg);
int tern_poll(struct tern_device *tdev, u32 reg, u32 mask, u32 value, unsigned int timeout_us);
bool tern_device_gone(struct tern_device *tdev);

static inline u32 tern_slot_reg(unsigned int slot, enum tern_slot_reg reg)
{
	return TERN_REG_SLOT + slot * TERN_SLOT_STRIDE + reg;
}

static inline enum tern_slot_state tern_slot_state(struct tern_device *tdev, unsigned int slot)
{
	return tern_read(tdev, tern_slot_reg(slot, TERN_SLOT_REG_STATE));
}

static inline void tern_ring_doorbell(struct tern_device *tdev, unsigned int slot)
{
	writel(1, tdev->doorbell + (size_t)slot * tdev->caps.doorbell_stride + TERN_DOORBELL_RING);
}

#endif /* TERN_DEVICE_H */
