// SPDX-License-Identifier: GPL-2.0
/*
 * Everything about an ioctl's arguments that can be said without looking at the
 * kernel's objects. Pure: also compiled in user space.
 *
 * Each function returns 0 or the errno that tern_accel.h names for what is wrong. Fields
 * that are only results are not looked at: a call that is restarted finds there what
 * the first try left.
 */
#include "tern_uapi_check.h"

static bool aligned(__u64 value, __u64 to)
{
	return !(value & (to - 1));
}

/* Is [start, start + size) a range inside [0, limit)? */
static bool inside(__u64 start, __u64 size, __u64 limit)
{
	__u64 end;

	return size && !check_add_overflow(start, size, &end) && end <= limit;
}

int tern_check_array(const struct drm_tern_array *array, __u32 most, __u32 least_stride)
{
	if (!array->count)
		return array->stride || array->pointer ? -EINVAL : 0;
	if (array->count > most)
		return -E2BIG;
	if (!aligned(array->stride, 8) || array->stride < least_stride ||
	    array->stride > TERN_MAX_STRIDE)
		return -E2BIG;
	return 0;
}

int tern_check_query(const struct drm_tern_dev_query *args)
{
	if (args->type > DRM_TERN_QUERY_CLOCKS)
		return -EINVAL;
	/* All that the kernel does not know is zeroed, in one go. */
	return args->size > TERN_MAX_STRIDE ? -E2BIG : 0;
}

int tern_check_bo_create(const struct drm_tern_bo_create *args)
{
	if (args->flags & ~DRM_TERN_BO_CACHED || args->pad)
		return -EINVAL;
	/* Above that, rounding up to pages could wrap, and no VM could map it. */
	if (!args->size || args->size > TERN_VA_END)
		return -EINVAL;
	return 0;
}

int tern_check_userptr(const struct drm_tern_bo_from_userptr *args, __u64 page_size)
{
	if (args->flags & ~DRM_TERN_USERPTR_READONLY)
		return -EINVAL;
	if (!aligned(args->address | args->size, page_size))
		return -EINVAL;
	return inside(args->address, args->size, ~0ull) && args->size <= TERN_VA_END ? 0 : -EINVAL;
}

int tern_check_mmap_offset(const struct drm_tern_bo_mmap_offset *args)
{
	return args->flags ? -EINVAL : 0;
}

int tern_check_bo_sync(const struct drm_tern_bo_sync *args, __u64 bo_size)
{
	if (!args->flags ||
	    args->flags & ~(DRM_TERN_SYNC_TO_DEVICE | DRM_TERN_SYNC_FROM_DEVICE))
		return -EINVAL;
	return inside(args->offset, args->size, bo_size) ? 0 : -EINVAL;
}

int tern_check_label(const struct drm_tern_bo_label *args)
{
	if (!args->size)
		return args->label ? -EINVAL : 0;
	return args->size > TERN_MAX_LABEL ? -E2BIG : 0;
}

int tern_check_label_text(const char *text, __u32 size)
{
	__u32 i;

	for (i = 0; i < size && text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			return -EINVAL;
	/* What follows a zero byte must be zero: it may mean something one day. */
	for (; i < size; i++)
		if (text[i])
			return -EINVAL;
	return 0;
}

int tern_check_sync(const struct drm_tern_sync *sync)
{
	bool timeline = sync->flags & DRM_TERN_SYNC_TIMELINE;

	if (sync->flags & ~(DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE))
		return -EINVAL;
	return timeline == !!sync->point ? 0 : -EINVAL;
}

int tern_check_bind(const struct drm_tern_vm_bind *args)
{
	if (args->flags & ~DRM_TERN_VM_BIND_ASYNC || args->pad)
		return -EINVAL;
	if (!args->ops.count)
		return -EINVAL;
	return tern_check_array(&args->ops, TERN_MAX_OPS, TERN_FIRST_BIND_OP);
}

static int check_bind_type(const struct drm_tern_vm_bind_op *op)
{
	switch (op->type) {
	case DRM_TERN_BIND_MAP:
	case DRM_TERN_BIND_REPLACE:
		return op->flags & ~(DRM_TERN_BIND_WRITE | DRM_TERN_BIND_EXEC) ? -EINVAL : 0;
	case DRM_TERN_BIND_UNMAP:
		return op->flags || op->bo_handle || op->bo_offset ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

int tern_check_bind_op(const struct drm_tern_vm_bind_op *op, bool async)
{
	int ret = check_bind_type(op);

	if (ret || op->pad)
		return ret ?: -EINVAL;
	if (!aligned(op->va | op->size | op->bo_offset, TERN_PAGE_SIZE) || !op->size)
		return -EINVAL;
	if (op->va + op->size < op->va)
		return -EINVAL;
	if (op->va < TERN_VA_START || !inside(op->va, op->size, TERN_VA_END))
		return -ERANGE;
	if (op->syncs.count && !async)
		return -EINVAL;
	return tern_check_array(&op->syncs, TERN_MAX_SYNCS, TERN_FIRST_SYNC);
}

int tern_check_bind_bo(const struct drm_tern_vm_bind_op *op, __u64 bo_size)
{
	return inside(op->bo_offset, op->size, bo_size) ? 0 : -EINVAL;
}

int tern_check_queue_create(const struct drm_tern_queue_create *args)
{
	bool user = args->flags & DRM_TERN_QUEUE_USER;

	if (args->flags & ~DRM_TERN_QUEUE_USER || args->pad ||
	    args->priority > DRM_TERN_PRIORITY_REALTIME)
		return -EINVAL;
	if (!user)
		return args->ring_bo || args->ring_offset || args->ring_va ? -EINVAL : 0;
	if (!aligned(args->ring_offset | args->ring_va, 64))
		return -EINVAL;
	return args->ring_va && inside(args->ring_va, sizeof(struct tern_ring), TERN_VA_END) ?
		0 : -EINVAL;
}

int tern_check_ring_bo(const struct drm_tern_queue_create *args, __u64 bo_size)
{
	return inside(args->ring_offset, sizeof(struct tern_ring), bo_size) ? 0 : -EINVAL;
}

int tern_check_wait(const struct drm_tern_queue_wait *args, bool user_queue)
{
	if (args->flags & ~DRM_TERN_WAIT_EVENT || args->pad)
		return -EINVAL;
	if (!(args->flags & DRM_TERN_WAIT_EVENT) && args->user_data)
		return -EINVAL;
	if (!user_queue)
		return args->bo_handle || args->offset ? -EINVAL : 0;
	return aligned(args->offset, 8) ? 0 : -EINVAL;
}

int tern_check_wait_bo(const struct drm_tern_queue_wait *args, __u64 bo_size)
{
	return inside(args->offset, sizeof(__u64), bo_size) ? 0 : -EINVAL;
}

int tern_check_submit(const struct drm_tern_submit *args)
{
	if (args->flags || !args->jobs.count)
		return -EINVAL;
	return tern_check_array(&args->jobs, TERN_MAX_JOBS, TERN_FIRST_JOB);
}

int tern_check_job(const struct drm_tern_job *job)
{
	if (job->flags & ~DRM_TERN_JOB_RESTARTABLE || job->pad)
		return -EINVAL;
	if (!aligned(job->image | job->profile, 64) || job->budget > TERN_BUDGET_MOST)
		return -EINVAL;
	return tern_check_array(&job->syncs, TERN_MAX_SYNCS, TERN_FIRST_SYNC);
}

static int check_trace_start(const struct drm_tern_perf *args)
{
	if (args->pointer || args->stride || !args->size)
		return -EINVAL;
	return args->size > TERN_MAX_TRACE ? -E2BIG : 0;
}

static int check_trace_read(const struct drm_tern_perf *args)
{
	if (args->stride < TERN_FIRST_PERF_EVENT || !aligned(args->stride, 8) ||
	    args->stride > TERN_MAX_STRIDE)
		return -E2BIG;
	return args->pointer ? 0 : -EINVAL;
}

static int check_counters(const struct drm_tern_perf *args)
{
	if (args->stride)
		return -EINVAL;
	return args->size > TERN_MAX_STRIDE ? -E2BIG : 0;
}

int tern_check_perf(const struct drm_tern_perf *args)
{
	if ((args->id && args->op != DRM_TERN_PERF_QUEUE) ||
	    (args->lost && args->op != DRM_TERN_PERF_TRACE_READ))
		return -EINVAL;
	switch (args->op) {
	case DRM_TERN_PERF_QUEUE:
	case DRM_TERN_PERF_FILE:
	case DRM_TERN_PERF_DEVICE:
		return check_counters(args);
	case DRM_TERN_PERF_TRACE_START:
		return check_trace_start(args);
	case DRM_TERN_PERF_TRACE_READ:
		return check_trace_read(args);
	case DRM_TERN_PERF_TRACE_STOP:
		return args->pointer || args->stride || args->size ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}
