/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_UAPI_CHECK_H
#define TERN_UAPI_CHECK_H

#include "tern_pure.h"
#include <drm/tern_accel.h>
#include <tern/hw.h>

/* Addresses that may be bound: page 0 is never, so that a null pointer faults. */
#define TERN_VA_START 0x1000ull
#define TERN_VA_END (1ull << TERN_VA_BITS)

/* What one call may name, and how much of it may wait: struct drm_tern_limits. */
#define TERN_MAX_JOBS 256
#define TERN_MAX_OPS 1024
#define TERN_MAX_SYNCS 64
#define TERN_MAX_STRIDE 4096
#define TERN_MAX_LABEL 64
#define TERN_MAX_TRACE 65536
/*
 * Bytes that elements of arrays had when they were new, which no later kernel may ask more than: a
 * program that was built then still works when the structure has grown.
 */
#define TERN_FIRST_SYNC 16
#define TERN_FIRST_BIND_OP 56
#define TERN_FIRST_JOB 56
#define TERN_FIRST_PERF_EVENT 32
#define TERN_BUDGET_USUAL TERN_DEFAULT_BUDGET
#define TERN_BUDGET_MOST (1ull << 44)

int tern_check_array(const struct drm_tern_array *array, __u32 most, __u32 least_stride);
int tern_check_query(const struct drm_tern_dev_query *args);
int tern_check_bo_create(const struct drm_tern_bo_create *args);
int tern_check_userptr(const struct drm_tern_bo_from_userptr *args, __u64 page_size);
int tern_check_mmap_offset(const struct drm_tern_bo_mmap_offset *args);
int tern_check_bo_sync(const struct drm_tern_bo_sync *args, __u64 bo_size);
int tern_check_label(const struct drm_tern_bo_label *args);
int tern_check_label_text(const char *text, __u32 size);
int tern_check_sync(const struct drm_tern_sync *sync);
int tern_check_bind(const struct drm_tern_vm_bind *args);
int tern_check_bind_op(const struct drm_tern_vm_bind_op *op, bool async);
int tern_check_bind_bo(const struct drm_tern_vm_bind_op *op, __u64 bo_size);
int tern_check_queue_create(const struct drm_tern_queue_create *args);
int tern_check_ring_bo(const struct drm_tern_queue_create *args, __u64 bo_size);
int tern_check_wait(const struct drm_tern_queue_wait *args, bool user_queue);
int tern_check_wait_bo(const struct drm_tern_queue_wait *args, __u64 bo_size);
int tern_check_submit(const struct drm_tern_submit *args);
int tern_check_job(const struct drm_tern_job *job);
int tern_check_perf(const struct drm_tern_perf *args);

#endif /* TERN_UAPI_CHECK_H */
