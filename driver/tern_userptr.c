// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: User memory
 *
 * A buffer of pages that a process has, a mapped GGUF file above all. They are pinned until the
 * buffer's last use ends, and the buffer goes on referring to them whatever the process maps
 * there later; so nobody need watch its address space.
 *
 * They are counted as io_uring counts: against RLIMIT_MEMLOCK for all processes of the user, and
 * in the process's VmPin. The mm is held (not its mappings) until they are uncounted.
 *
 * A read-only buffer is so in the device's page tables (tern_bind.c), for the DMA layer, and
 * in that it has no CPU mapping and cannot be exported. Without it the pages must be
 * writable. What cannot be pinned for long, fsdax above all, is refused by the mm.
 */
#include <linux/cred.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/dma-buf.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "tern_compat.h"
#include "tern_device.h"
#include "tern_file.h"
#include "tern_gem.h"
#include "tern_uapi_check.h"

/* Pages pinned between two looks at whether the process is being killed. */
#define PIN_STEP 16384

/**
 * struct tern_user_memory - Where the pages of a buffer are from
 */
struct tern_user_memory {
	/** @mm: Whose pinned_vm counts them; held */
	struct mm_struct *mm;
	/** @user: Whose limit counts them; held. NULL: nobody's, by privilege */
	struct user_struct *user;
	/** @count: Pages asked for */
	unsigned long count;
	/** @pinned: Pages that are pinned */
	unsigned long pinned;
	/** @page: Pages */
	struct page **page;
};

/* ---- Counting -------------------------------------------------------------- */

static bool count_for_user(struct user_struct *user, unsigned long pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long now = atomic_long_read(&user->locked_vm);

	do {
		if (now + pages > limit)
			return false;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &now, now + pages));
	return true;
}

static int count(struct tern_user_memory *memory)
{
	if (!capable(CAP_IPC_LOCK)) {
		struct user_struct *user = get_uid(current_user());

		if (!count_for_user(user, memory->count)) {
			free_uid(user);
			return -ENOBUFS;
		}
		memory->user = user;
	}
	mmgrab(current->mm);
	memory->mm = current->mm;
	atomic64_add(memory->count, &memory->mm->pinned_vm);
	return 0;
}

static void uncount(struct tern_user_memory *memory)
{
	if (memory->user) {
		atomic_long_sub(memory->count, &memory->user->locked_vm);
		free_uid(memory->user);
	}
	if (memory->mm) {
		atomic64_sub(memory->count, &memory->mm->pinned_vm);
		mmdrop(memory->mm);
	}
}

/* ---- Pinning ----------------------------------------------------------------- */

static int pin(struct tern_user_memory *memory, unsigned long address, bool read_only)
{
	unsigned int flags = FOLL_LONGTERM | (read_only ? 0 : FOLL_WRITE);

	while (memory->pinned < memory->count) {
		int step = min(memory->count - memory->pinned, (unsigned long)PIN_STEP);

		if (fatal_signal_pending(current))
			return -EINTR;
		step = pin_user_pages_fast(address + memory->pinned * PAGE_SIZE, step, flags,
					   memory->page + memory->pinned);
		if (step <= 0)
			return step ?: -EFAULT;
		memory->pinned += step;
		cond_resched();
	}
	return 0;
}

static void memory_free(struct tern_user_memory *memory, bool dirty, bool lost)
{
	if (memory->pinned && !lost)
		unpin_user_pages_dirty_lock(memory->page, memory->pinned, dirty);
	uncount(memory);
	kvfree(memory->page);
	kfree(memory);
}

static struct tern_user_memory *memory_alloc(unsigned long address, u64 size, bool read_only)
{
	struct tern_user_memory *memory = kzalloc(sizeof(*memory), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!memory)
		return ERR_PTR(-ENOMEM);
	memory->count = size >> PAGE_SHIFT;
	memory->page = kvmalloc_array(memory->count, sizeof(*memory->page),
				      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	ret = memory->page ? count(memory) : -ENOMEM;
	if (!ret)
		ret = pin(memory, address, read_only);
	if (!ret)
		return memory;
	memory_free(memory, false, false);
	return ERR_PTR(ret);
}

/* ---- The buffer ---------------------------------------------------------------- */

static struct sg_table *map_pages(struct tern_bo *bo)
{
	struct device *dev = bo->base.base.dev->dev;
	struct sg_table *sgt = kzalloc(sizeof(*sgt), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table_from_pages_segment(sgt, bo->user->page, bo->user->count, 0,
						bo->base.base.size, tern_pages_most(dev),
						GFP_KERNEL_ACCOUNT);
	if (ret)
		goto err_free;
	ret = dma_map_sgtable(dev, sgt, tern_bo_direction(bo), TERN_DMA_ATTR_SHARED);
	if (!ret)
		return sgt;
	sg_free_table(sgt);
err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

static void user_bo_free(struct drm_gem_object *obj)
{
	struct tern_bo *bo = to_tern_bo(obj);

	tern_bo_detach(bo);
	tern_bo_unlist(bo);
	memory_free(bo->user, !bo->read_only, tern_bo_lost(bo));
	if (bo->account) {
		atomic_dec(&bo->account->buffers);
		tern_account_put(bo->account);
	}
	drm_gem_object_release(obj);
	kfree(bo);
}

static struct dma_buf *user_bo_export(struct drm_gem_object *obj, int flags)
{
	return ERR_PTR(-EPERM);
}

static int user_bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	return -EPERM;
}

static enum drm_gem_object_status user_bo_status(struct drm_gem_object *obj)
{
	return DRM_GEM_OBJECT_RESIDENT;
}

static const struct drm_gem_object_funcs user_bo_funcs = {
	.free = user_bo_free,
	.export = user_bo_export,
	.mmap = user_bo_mmap,
	.status = user_bo_status,
};

static struct tern_bo *bo_alloc(struct tern_device *tdev, struct tern_user_memory *memory,
				bool read_only)
{
	struct tern_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);

	if (!bo)
		return NULL;
	bo->kind = TERN_BO_USERPTR;
	bo->user = memory;
	bo->read_only = read_only;
	bo->base.base.funcs = &user_bo_funcs;
	drm_gem_private_object_init(&tdev->drm, &bo->base.base, memory->count * PAGE_SIZE);
	tern_bo_list(tdev, bo);
	return bo;
}

/* From here on freeing the object frees everything. */
static int bo_finish(struct tern_bo *bo, struct tern_file *file, struct drm_file *drm_file,
		     u32 *handle)
{
	struct sg_table *sgt;

	if (!tern_take(&file->account->buffers, TERN_FILE_BUFFERS))
		return -EMFILE;
	kref_get(&file->account->kref);
	bo->account = file->account;
	sgt = map_pages(bo);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	bo->base.sgt = sgt;
	return drm_gem_handle_create(drm_file, &bo->base.base, handle);
}

/* The memory is the buffer's, or free again. */
static int create(struct drm_file *drm_file, struct drm_tern_bo_from_userptr *args,
		  struct tern_user_memory *memory)
{
	struct tern_file *file = drm_file->driver_priv;
	struct tern_bo *bo;
	int ret;

	bo = bo_alloc(file->tdev, memory, args->flags & DRM_TERN_USERPTR_READONLY);
	if (!bo) {
		memory_free(memory, false, false);
		return -ENOMEM;
	}
	ret = bo_finish(bo, file, drm_file, &args->handle);
	drm_gem_object_put(&bo->base.base);
	return ret;
}

/**
 * tern_ioctl_bo_from_userptr() - DRM_IOCTL_TERN_BO_FROM_USERPTR
 * @drm: Device
 * @data: struct drm_tern_bo_from_userptr
 * @file: File
 *
 * Return: 0 or a negative errno
 */
int tern_ioctl_bo_from_userptr(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_tern_bo_from_userptr *args = data;
	struct tern_user_memory *memory;
	int cookie, ret = tern_check_userptr(args, PAGE_SIZE);

	if (ret)
		return ret;
	/* No process has more, and the numbers below stay small. */
	if (args->size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	/* How long a page takes is up to processes, and to whoever has the file that it is of. */
	memory = memory_alloc(args->address, args->size, args->flags & DRM_TERN_USERPTR_READONLY);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	if (!tern_device_enter(drm, &cookie)) {
		memory_free(memory, false, false);
		return -ENODEV;
	}
	ret = create(file, args, memory);
	drm_dev_exit(cookie);
	return ret;
}
