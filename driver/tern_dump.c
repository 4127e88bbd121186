// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: Dumps
 *
 * When a context faults or the device is reset, what was seen is kept for root as text in
 * /sys/class/devcoredump/devcd<n>/data: what happened, registers, the queue and what
 * its address space maps, the firmware's crash record and log. No contents of buffers. The core
 * keeps the first one until it is written to or five minutes old; those in between are lost.
 *
 * It is seen in the way of fences, into memory that is there, and written down in a work.
 */
#include <linux/devcoredump.h>
#include <linux/timekeeping.h>
#include <linux/utsname.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "tern_device.h"
#include "tern_dump.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_queue.h"
#include "tern_vm.h"

/* Enough for the log and the mappings; what does not fit is cut off at the end. */
#define DUMP_BYTES SZ_128K
#define BINDINGS_TOLD 1000

#define REG(name, bits) { #name, TERN_REG_##name, bits }

/* Those whose reading changes nothing. */
static const struct {
	const char *name;
	u32 offset;
	u32 bits;
} regs[] = {
	REG(INTERFACE, 32), REG(STATUS, 32), REG(MCU_CONTROL, 32), REG(DMA_ENABLE, 32),
	REG(DMA_IDLE, 32), REG(TIMESTAMP, 64), REG(CLOCK_KHZ, 32), REG(IRQ_STATUS, 32),
	REG(TEMPERATURE, 32), REG(ECC_CORRECTED, 32), REG(ECC_FATAL, 32), REG(INV_DONE, 32),
	REG(BUS_FAULT, 64), REG(BUS_FAULT_INFO, 32),
};

static_assert(ARRAY_SIZE(regs) <= ARRAY_SIZE(((struct tern_dump *)0)->regs));

/* ---- Seeing -------------------------------------------------------------------- */

static void see(struct tern_device *tdev, const char *why)
{
	struct tern_dump *dump = &tdev->dump;
	unsigned int i;

	ktime_get_real_ts64(&dump->time);
	dump->why = why;
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		dump->regs[i] = regs[i].bits == 64 ? tern_read64(tdev, regs[i].offset) :
						     tern_read(tdev, regs[i].offset);
	tern_fw_crash(tdev, &dump->crash);
	drm_dev_get(&tdev->drm);
	queue_work(tdev->cleanup_wq, &dump->work);
}

/**
 * tern_dump_fault() - Keep what is known of a fault
 * @queue: Whose job it was, with a slot; struct tern_slots.lock is held
 * @fault: Record
 */
void tern_dump_fault(struct tern_runqueue *queue, const struct drm_tern_fault *fault)
{
	struct tern_dump *dump = &queue->tdev->dump;

	if (test_and_set_bit_lock(0, &dump->busy))
		return;
	dump->queue = tern_queue_get(queue);
	dump->slot = queue->slot;
	dump->fault = *fault;
	see(queue->tdev, "a job faulted");
}

/**
 * tern_dump_reset() - Keep what is known of a device that is about to be reset
 * @tdev: Device that is awake; struct tern_slots.lock is held
 * @why: As the log tells: a string constant
 */
void tern_dump_reset(struct tern_device *tdev, const char *why)
{
	if (test_and_set_bit_lock(0, &tdev->dump.busy))
		return;
	tdev->dump.queue = NULL;
	see(tdev, why);
}

/* ---- Writing down -------------------------------------------------------------- */

static void print_head(struct drm_printer *p, struct tern_device *tdev)
{
	const struct tern_dump *dump = &tdev->dump;
	unsigned int i;

	drm_printf(p, "tern dump 1\n");
	drm_printf(p, "kernel: %s\n", init_utsname()->release);
	drm_printf(p, "device: %s\n", dev_name(tdev->drm.dev));
	drm_printf(p, "time: %lld.%09ld\n", (s64)dump->time.tv_sec, dump->time.tv_nsec);
	drm_printf(p, "why: %s\n", dump->why);
	drm_printf(p, "resets: %d\n", atomic_read(&tdev->reset.count));
	drm_printf(p, "\nregisters\n");
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		drm_printf(p, "%s: %#llx\n", regs[i].name, dump->regs[i]);
}

static void print_fault(struct drm_printer *p, const struct tern_dump *dump)
{
	const struct drm_tern_fault *fault = &dump->fault;

	drm_printf(p, "\nfault\ncode: %u\nclass: %u\nengine: %u\nword: %#x\naddr: %#llx\n",
		   fault->code, fault->class_, fault->queue, fault->word, fault->addr);
	drm_printf(p, "info: %#llx\ncycle: %llu\nmark: %u\n", fault->info, fault->cycle,
		   fault->mark);
}

static void print_queue(struct drm_printer *p, struct tern_runqueue *queue, int slot)
{
	drm_printf(p, "\nqueue\nclient: %llu\nqueue: %u %s\nslot: %d\npriority: %u\nvm: %u\n",
		   queue->account->client, queue->id, tern_queue_is_user(queue) ? "user" : "kernel",
		   slot, queue->priority, queue->vm->id);
	drm_printf(p, "submitted: %llu\nended: %llu\nlost: %u\n", READ_ONCE(queue->submitted),
		   READ_ONCE(queue->ended), READ_ONCE(queue->lost));
}

static void print_bindings(struct drm_printer *p, struct tern_vm *vm)
{
	struct tern_device *tdev = to_tern_device(vm->base.drm);
	unsigned int left = BINDINGS_TOLD;
	struct drm_gpuva *va;

	drm_printf(p, "\nbindings\n");
	mutex_lock(&vm->lock);
	mutex_lock(&tdev->objects.lock); /* labels */
	drm_gpuvm_for_each_va(va, &vm->base) {
		if (va == &vm->base.kernel_alloc_node)
			continue;
		if (!left--) {
			drm_printf(p, "and more\n");
			break;
		}
		drm_printf(p, "%#llx-%#llx +%#llx %s\n", va->va.addr, va->va.addr + va->va.range,
			   va->gem.offset, va->gem.obj ? to_tern_bo(va->gem.obj)->label : "");
	}
	mutex_unlock(&tdev->objects.lock);
	mutex_unlock(&vm->lock);
}

static void print_crash(struct drm_printer *p, const struct tern_fw_crash *crash)
{
	char text[sizeof(crash->message) + 1];
	unsigned int i;

	if (le32_to_cpu(crash->magic) != TERN_FW_CRASH_MAGIC)
		return;
	tern_text_clean(text, sizeof(text), crash->message, sizeof(crash->message));
	drm_printf(p, "\nfirmware crash\nmcause: %#x\nmepc: %#x\nmtval: %#x\nslot: %u\ntext: %s\n",
		   le32_to_cpu(crash->mcause), le32_to_cpu(crash->mepc), le32_to_cpu(crash->mtval),
		   le32_to_cpu(crash->running_slot), text);
	for (i = 1; i < ARRAY_SIZE(crash->x); i++)
		drm_printf(p, "x%u: %#x\n", i, le32_to_cpu(crash->x[i]));
	for (i = 0; i < min_t(u32, le32_to_cpu(crash->stack_words), ARRAY_SIZE(crash->stack)); i++)
		drm_printf(p, "stack+%u: %#x\n", i * 4, le32_to_cpu(crash->stack[i]));
}

static void print_log(struct drm_printer *p, struct tern_device *tdev)
{
	int cookie;

	if (!drm_dev_enter(&tdev->drm, &cookie))
		return;
	drm_printf(p, "\nfirmware log\n");
	tern_fw_print_log(tdev, p);
	drm_dev_exit(cookie);
}

static void print_dump(struct drm_printer *p, struct tern_device *tdev)
{
	struct tern_dump *dump = &tdev->dump;

	print_head(p, tdev);
	if (dump->queue) {
		print_fault(p, dump);
		print_queue(p, dump->queue, dump->slot);
	}
	print_crash(p, &dump->crash);
	print_log(p, tdev);
	if (dump->queue)
		print_bindings(p, dump->queue->vm);
}

static void write_down(struct tern_device *tdev, void *text)
{
	struct drm_print_iterator iterator = { .data = text, .remain = DUMP_BYTES };
	struct drm_printer p = drm_coredump_printer(&iterator);
	int cookie;

	print_dump(&p, tdev);
	if (!drm_dev_enter(&tdev->drm, &cookie)) {
		vfree(text); /* no device it could be of */
		return;
	}
	dev_coredumpv(tdev->drm.dev, text, DUMP_BYTES - iterator.remain, GFP_KERNEL);
	drm_dev_exit(cookie);
}

static void dump_work(struct work_struct *work)
{
	struct tern_device *tdev = container_of(work, struct tern_device, dump.work);
	void *text = vmalloc(DUMP_BYTES);

	if (text)
		write_down(tdev, text);
	if (tdev->dump.queue)
		tern_queue_put(tdev->dump.queue);
	clear_bit_unlock(0, &tdev->dump.busy);
	drm_dev_put(&tdev->drm);
}

/**
 * tern_dump_init() - Before anything can go wrong
 * @tdev: Device
 */
void tern_dump_init(struct tern_device *tdev)
{
	INIT_WORK(&tdev->dump.work, dump_work);
}
