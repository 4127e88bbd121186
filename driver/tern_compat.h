/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between 6.12 LTS and the newest kernel, and nothing else. Code uses the
 * newer kernel's ideas; a name here begins with tern_ where signatures differ. Versions in
 * between are no more than the best that is known of when something changed; compat.mk has what
 * no version says.
 */
#ifndef TERN_COMPAT_H
#define TERN_COMPAT_H

#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/version.h>

#include <drm/drm_gem.h>
#include <drm/drm_gpuvm.h>
#include <drm/gpu_scheduler.h>

#define TERN_OLD_KERNEL (LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0))

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define TERN_IMPORT_NS_DMA_BUF() MODULE_IMPORT_NS(DMA_BUF)
#else
#define TERN_IMPORT_NS_DMA_BUF() MODULE_IMPORT_NS("DMA_BUF")
#endif

/* The feature flag that gpuvm needed once. */
#if TERN_OLD_KERNEL
#define TERN_GPUVA_FEATURE DRIVER_GEM_GPUVA
#else
#define TERN_GPUVA_FEATURE 0
#endif

/* A fence that has signalled is still asked for names and its release: before 541c8f2468b9. */
#define TERN_FENCE_NEEDS_MODULE (LINUX_VERSION_CODE < KERNEL_VERSION(7, 1, 0))

/* What a workqueue without WQ_UNBOUND was anyway. */
#if TERN_OLD_KERNEL
#define TERN_WQ_PERCPU 0
#else
#define TERN_WQ_PERCPU WQ_PERCPU
#endif

/*
 * A process may make many buffers of the same memory, which old kernels' CONFIG_DMA_API_DEBUG warns
 * of: nobody could say that lines are kept apart by BO_SYNC.
 */
#ifdef DMA_ATTR_DEBUGGING_IGNORE_CACHELINES
#define TERN_DMA_ATTR_SHARED DMA_ATTR_DEBUGGING_IGNORE_CACHELINES
#else
#define TERN_DMA_ATTR_SHARED 0
#endif

/**
 * tern_sched_init() - One scheduler of one run queue, without its own timeouts
 * @sched: Scheduler
 * @ops: What it calls
 * @wq: Where it runs
 * @credits: Jobs that may be in the hardware at once
 * @name: For traces
 * @dev: For messages
 *
 * Timeouts are tern_watchdog.c's: the two kernels disagree on what a false alarm is.
 *
 * Return: 0 or a negative errno
 */
static inline int tern_sched_init(struct drm_gpu_scheduler *sched,
				  const struct drm_sched_backend_ops *ops,
				  struct workqueue_struct *wq, u32 credits, const char *name,
				  struct device *dev)
{
#ifndef TERN_SCHED_INIT_ARGS
	return drm_sched_init(sched, ops, wq, 1, credits, 0, MAX_SCHEDULE_TIMEOUT, NULL, NULL,
			      name, dev);
#else
	const struct drm_sched_init_args args = {
		.ops = ops,
		.submit_wq = wq,
		.num_rqs = 1,
		.credit_limit = credits,
		.timeout = MAX_SCHEDULE_TIMEOUT,
		.name = name,
		.dev = dev,
	};

	return drm_sched_init(sched, &args);
#endif
}

/**
 * tern_sched_job_init() - A job of one credit
 * @job: Job
 * @entity: Where it will be pushed
 * @owner: Whose it is, to compare only
 * @client: What DRM calls that
 *
 * The last is an argument since 6.17, and since some 6.12.x, so its version says nothing.
 *
 * Return: 0 or a negative errno
 */
static inline int tern_sched_job_init(struct drm_sched_job *job, struct drm_sched_entity *entity,
				      void *owner, u64 client)
{
	int (*with)(struct drm_sched_job *job, struct drm_sched_entity *entity, u32 credits,
		    void *owner, u64 client) = (void *)drm_sched_job_init;
	int (*without)(struct drm_sched_job *job, struct drm_sched_entity *entity, u32 credits,
		       void *owner) = (void *)drm_sched_job_init;

	return __same_type(drm_sched_job_init, *with) ? with(job, entity, 1, owner, client) :
							without(job, entity, 1, owner);
}

#if TERN_OLD_KERNEL
#define tern_gpuvm_bo_obtain(vm, obj) drm_gpuvm_bo_obtain(vm, obj)
#define tern_gem_vmap(obj, map) drm_gem_vmap_unlocked(obj, map)
#define tern_gem_vunmap(obj, map) drm_gem_vunmap_unlocked(obj, map)
#else
#define tern_gpuvm_bo_obtain(vm, obj) drm_gpuvm_bo_obtain_locked(vm, obj)
#define tern_gem_vmap(obj, map) drm_gem_vmap(obj, map)
#define tern_gem_vunmap(obj, map) drm_gem_vunmap(obj, map)
#endif

static inline struct drm_gpuva_ops *tern_gpuvm_map_ops(struct drm_gpuvm *vm, u64 va, u64 size,
						       struct drm_gem_object *obj, u64 offset)
{
#if TERN_OLD_KERNEL
	return drm_gpuvm_sm_map_ops_create(vm, va, size, obj, offset);
#else
	const struct drm_gpuvm_map_req req = {
		.map.va.addr = va,
		.map.va.range = size,
		.map.gem.obj = obj,
		.map.gem.offset = offset,
	};

	return drm_gpuvm_sm_map_ops_create(vm, &req);
#endif
}

#endif /* TERN_COMPAT_H */
