// SPDX-License-Identifier: GPL-2.0
/*
 * What people ask of a device that works: fdinfo, for whoever may see the process; debugfs, for
 * root. Neither wakes the device, nor waits for it or for another client's work; so a figure may
 * be as old as the last time somebody looked.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_device.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_info.h"
#include "tern_queue.h"
#include "tern_vm.h"

/* ---- fdinfo ------------------------------------------------------------------- */

/* Held through resets: then last time's figures will do. */
static void refresh_cycles(struct tern_device *tdev, struct tern_file *file)
{
	if (!mutex_trylock(&tdev->slots.lock))
		return;
	tern_perf_refresh_locked(tdev, file->account);
	mutex_unlock(&tdev->slots.lock);
}

static u64 cycles_of(struct drm_file *drm_file)
{
	struct tern_file *file = drm_file->driver_priv;
	int cookie;

	if (drm_dev_enter(&file->tdev->drm, &cookie)) {
		refresh_cycles(file->tdev, file);
		drm_dev_exit(cookie);
	}
	return atomic64_read(&file->account->sums.cycles);
}

/**
 * tern_show_fdinfo() - Keys of Documentation/gpu/drm-usage-stats.rst
 * @p: Where to
 * @drm_file: File
 *
 * Time is that of the NPU's clock at its highest: a model's times are not the wall's.
 */
void tern_show_fdinfo(struct drm_printer *p, struct drm_file *drm_file)
{
	struct tern_file *file = drm_file->driver_priv;
	u64 cycles = cycles_of(drm_file);
	u32 khz = file->tdev->caps.clock_khz ?: 1;

	drm_printf(p, "drm-engine-npu:\t%llu ns\n", tern_ticks_to_ns(cycles, khz));
	drm_printf(p, "drm-cycles-npu:\t%llu\n", cycles);
	drm_printf(p, "drm-maxfreq-npu:\t%llu Hz\n", khz * 1000ULL);
	drm_show_memory_stats(p, drm_file);
}

/* ---- debugfs -------------------------------------------------------------------- */

#if IS_ENABLED(CONFIG_DEBUG_FS)

static struct tern_device *device_of(struct seq_file *m)
{
	struct drm_debugfs_entry *entry = m->private;

	return to_tern_device(entry->dev);
}

static void show_queue(struct seq_file *m, struct tern_runqueue *queue)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	seq_printf(m, "%u %s priority %u slot %d submitted %llu ended %llu error %d lost %u%s%s\n",
		   queue->id, tern_queue_is_user(queue) ? "user" : "kernel", queue->priority,
		   queue->slot, queue->submitted, queue->ended, queue->error, queue->lost,
		   queue->dead ? " dead" : "", queue->destroyed ? " destroyed" : "");
	spin_unlock_irqrestore(&queue->lock, flags);
}

static int show_queues(struct seq_file *m, void *unused)
{
	struct tern_device *tdev = device_of(m);
	struct tern_runqueue *queue;

	mutex_lock(&tdev->objects.lock);
	list_for_each_entry(queue, &tdev->objects.queues, node)
		show_queue(m, queue);
	mutex_unlock(&tdev->objects.lock);
	return 0;
}

static int show_vms(struct seq_file *m, void *unused)
{
	struct tern_device *tdev = device_of(m);
	struct tern_vm *vm;

	mutex_lock(&tdev->objects.lock);
	list_for_each_entry(vm, &tdev->objects.vms, node)
		seq_printf(m, "%u asid %u mapped %llu tables %u error %d\n", vm->id,
			   READ_ONCE(vm->space.asid), READ_ONCE(vm->mapped),
			   READ_ONCE(vm->space.tables), READ_ONCE(vm->error));
	mutex_unlock(&tdev->objects.lock);
	return 0;
}

static const char *kind_of(const struct tern_bo *bo)
{
	if (bo->save)
		return "save";
	if (bo->kind == TERN_BO_USERPTR)
		return bo->read_only ? "user-ro" : "user";
	return drm_gem_is_imported(&bo->base.base) ? "import" : "own";
}

static int show_buffers(struct seq_file *m, void *unused)
{
	struct tern_device *tdev = device_of(m);
	struct tern_bo *bo;

	mutex_lock(&tdev->objects.lock);
	list_for_each_entry(bo, &tdev->objects.bos, node)
		seq_printf(m, "%zu %s %s\n", bo->base.base.size, kind_of(bo), bo->label);
	mutex_unlock(&tdev->objects.lock);
	return 0;
}

static int show_log(struct seq_file *m, void *unused)
{
	struct tern_device *tdev = device_of(m);
	struct drm_printer p = drm_seq_file_printer(m);
	int cookie;

	if (!drm_dev_enter(&tdev->drm, &cookie))
		return -ENODEV;
	tern_fw_print_log(tdev, &p);
	drm_dev_exit(cookie);
	return 0;
}

static const struct drm_debugfs_info files[] = {
	{ "buffers", show_buffers },
	{ "firmware_log", show_log },
	{ "queues", show_queues },
	{ "vms", show_vms },
};

/**
 * tern_debugfs_init() - Before the device is registered
 * @tdev: Device
 */
void tern_debugfs_init(struct tern_device *tdev)
{
	drm_debugfs_add_files(&tdev->drm, files, ARRAY_SIZE(files));
}

#else

void tern_debugfs_init(struct tern_device *tdev)
{
}

#endif
