// SPDX-License-Identifier: GPL-2.0
/*
 * What DRM sees: the driver, files, ioctls.
 */
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>

#include <drm/tern_accel.h>

#include "tern_bind.h"
#include "tern_compat.h"
#include "tern_device.h"
#include "tern_drv.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_info.h"
#include "tern_job.h"
#include "tern_perf.h"
#include "tern_query.h"
#include "tern_queue.h"
#include "tern_user.h"
#include "tern_vm.h"
#include "tern_wait.h"

static unsigned int buffer_percent = 75;
module_param(buffer_percent, uint, 0644);
MODULE_PARM_DESC(buffer_percent, "Share of the memory that the buffers of one open file may have");

/* ---- Limits ------------------------------------------------------------------ */

/**
 * tern_buffer_bytes_most() - Bytes of buffers one file may have
 *
 * Return: bytes
 */
u64 tern_buffer_bytes_most(void)
{
	return (u64)totalram_pages() * PAGE_SIZE / 100 * min(buffer_percent, 100U);
}

/**
 * tern_take() - Count one more of something, if there may be
 * @used: Count
 * @most: Limit
 *
 * Return: false if there may not
 */
bool tern_take(atomic_t *used, int most)
{
	return atomic_add_unless(used, 1, most);
}

static void account_free(struct kref *kref)
{
	struct tern_account *account = container_of(kref, struct tern_account, kref);

	mutex_destroy(&account->log.reader);
	kfree(account);
}

void tern_account_put(struct tern_account *account)
{
	kref_put(&account->kref, account_free);
}

/* ---- Files --------------------------------------------------------------------- */

static int file_open(struct drm_device *drm, struct drm_file *drm_file)
{
	struct tern_file *file = kzalloc(sizeof(*file), GFP_KERNEL_ACCOUNT);

	if (!file)
		return -ENOMEM;
	file->account = kzalloc(sizeof(*file->account), GFP_KERNEL_ACCOUNT);
	if (!file->account) {
		kfree(file);
		return -ENOMEM;
	}
	kref_init(&file->account->kref);
	tern_perf_log_init(&file->account->log);
	file->account->client = drm_file->client_id;
	file->tdev = to_tern_device(drm);
	xa_init_flags(&file->vms, XA_FLAGS_ALLOC1);
	xa_init_flags(&file->queues, XA_FLAGS_ALLOC1);
	drm_file->driver_priv = file;
	return 0;
}

static void file_close(struct drm_device *drm, struct drm_file *drm_file)
{
	struct tern_file *file = drm_file->driver_priv;
	struct tern_runqueue *queue;
	struct tern_vm *vm;
	unsigned long i;

	xa_for_each(&file->queues, i, queue)
		tern_queue_destroy(queue);
	xa_for_each(&file->vms, i, vm)
		tern_vm_put(vm);
	tern_perf_log_stop(file->tdev, &file->account->log);
	xa_destroy(&file->queues);
	xa_destroy(&file->vms);
	tern_account_put(file->account);
	kfree(file);
}

/* ---- ioctls ------------------------------------------------------------------------ */

#define TERN_IOCTL(name, func) DRM_IOCTL_DEF_DRV(TERN_##name, tern_ioctl_##func, 0)

static const struct drm_ioctl_desc ioctls[] = {
	TERN_IOCTL(DEV_QUERY, dev_query),
	TERN_IOCTL(BO_CREATE, bo_create),
	TERN_IOCTL(BO_FROM_USERPTR, bo_from_userptr),
	TERN_IOCTL(BO_MMAP_OFFSET, bo_mmap_offset),
	TERN_IOCTL(BO_SYNC, bo_sync),
	TERN_IOCTL(BO_LABEL, bo_label),
	TERN_IOCTL(VM_CREATE, vm_create),
	TERN_IOCTL(VM_DESTROY, vm_destroy),
	TERN_IOCTL(VM_BIND, vm_bind),
	TERN_IOCTL(VM_STATE, vm_state),
	TERN_IOCTL(QUEUE_CREATE, queue_create),
	TERN_IOCTL(QUEUE_DESTROY, queue_destroy),
	TERN_IOCTL(QUEUE_STATE, queue_state),
	TERN_IOCTL(QUEUE_KICK, queue_kick),
	TERN_IOCTL(QUEUE_WAIT, queue_wait),
	TERN_IOCTL(SUBMIT, submit),
	TERN_IOCTL(PERF, perf),
};

/* DRM drops what a longer structure has beyond ours; here it must be zero. */
static int check_tail(unsigned int cmd, unsigned long arg)
{
	unsigned int nr = DRM_IOCTL_NR(cmd) - DRM_COMMAND_BASE, size = _IOC_SIZE(cmd), known;
	int ret;

	if (nr >= ARRAY_SIZE(ioctls) || !ioctls[nr].func || !(cmd & IOC_IN))
		return 0;
	known = _IOC_SIZE(ioctls[nr].cmd);
	if (size <= known)
		return 0;
	ret = check_zeroed_user((void __user *)arg + known, size - known);
	return ret < 0 ? ret : ret ? 0 : -EINVAL;
}

static bool is_ours(unsigned int cmd)
{
	return DRM_IOCTL_NR(cmd) >= DRM_COMMAND_BASE && DRM_IOCTL_NR(cmd) < DRM_COMMAND_END;
}

static long file_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	int ret = is_ours(cmd) ? check_tail(cmd, arg) : 0;

	return ret ?: drm_ioctl(filp, cmd, arg);
}

#ifdef CONFIG_COMPAT
static long file_compat_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	if (is_ours(cmd))
		return file_ioctl(filp, cmd, (unsigned long)compat_ptr(arg));
	return drm_compat_ioctl(filp, cmd, arg);
}
#else
#define file_compat_ioctl NULL
#endif

/* DRM_ACCEL_FOPS, with our ioctl and with fdinfo. */
static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = accel_open,
	.release = drm_release,
	.unlocked_ioctl = file_ioctl,
	.compat_ioctl = file_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = drm_gem_mmap,
	.show_fdinfo = drm_show_fdinfo,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};

const struct drm_driver tern_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE | TERN_GPUVA_FEATURE,
	.open = file_open,
	.postclose = file_close,
	.show_fdinfo = tern_show_fdinfo,
	.gem_create_object = tern_gem_create_object,
	.gem_prime_import = tern_gem_prime_import,
	.gem_prime_import_sg_table = tern_gem_import,
	.ioctls = ioctls,
	.num_ioctls = ARRAY_SIZE(ioctls),
	.fops = &fops,
	.name = "tern",
	.desc = "Tern NPU",
	.major = TERN_DRIVER_MAJOR,
	.minor = TERN_DRIVER_MINOR,
};

/*
 * The module's and not a device's: a work item that releases something may put the last reference
 * to its device, which could not wait for that same item to end.
 */
static struct workqueue_struct *cleanup_wq;

/**
 * tern_cleanup_wq() - Where what may wait and allocate is done
 *
 * Return: the workqueue
 */
struct workqueue_struct *tern_cleanup_wq(void)
{
	return cleanup_wq;
}

/* Devices that something refers to yet, whether they are there or have left. */
static atomic_t devices = ATOMIC_INIT(0);

static void uncount(struct drm_device *drm, void *unused)
{
	if (atomic_dec_and_test(&devices))
		wake_up_var(&devices);
}

/**
 * tern_drv_count() - The module cannot go before this device has been released
 * @drm: Device
 *
 * Return: 0 or -ENOMEM
 */
int tern_drv_count(struct drm_device *drm)
{
	atomic_inc(&devices);
	return drmm_add_action_or_reset(drm, uncount, NULL);
}

static int __init tern_init(void)
{
	int ret;

	cleanup_wq = alloc_workqueue("tern-cleanup", WQ_UNBOUND, 0);
	if (!cleanup_wq)
		return -ENOMEM;
	ret = tern_pci_register();
	if (ret)
		goto err_wq;
	ret = tern_of_register();
	if (ret)
		goto err_pci;
	return 0;

err_pci:
	tern_pci_unregister();
err_wq:
	destroy_workqueue(cleanup_wq);
	return ret;
}

static void __exit tern_exit(void)
{
	tern_of_unregister();
	tern_pci_unregister();
	/*
	 * Queues and address spaces of processes that are gone may yet be about to be released, the
	 * last of their jobs by their schedulers. None waits for others any more (tern_fence.c),
	 * so it does not take long.
	 */
	wait_var_event(&devices, !atomic_read(&devices));
	destroy_workqueue(cleanup_wq);
	rcu_barrier(); /* fences are freed by callbacks of ours */
}

module_init(tern_init);
module_exit(tern_exit);

TERN_IMPORT_NS_DMA_BUF();
MODULE_DESCRIPTION("Tern NPU");
MODULE_LICENSE("GPL");
