// SPDX-License-Identifier: MIT
#include "table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(x) ((unsigned int)(sizeof(x) / sizeof((x)[0])))
#define F(type, field, kind, arg)                                                              \
	{                                                                                      \
#field, offsetof(struct type, field), sizeof(((struct type *)0)->field), kind, \
			arg, NULL                                                              \
	}
#define ARRAY(type, field, usual, layout)                                                \
	{                                                                                \
#field, offsetof(struct type, field), sizeof(((struct type *)0)->field), \
			KIND_ARRAY, usual, &(layout)                                     \
	}
#define LAYOUT(type) \
	static const struct layout type##_layout = {#type, sizeof(struct type), type, COUNT(type)}

static const struct field drm_tern_dev_query[] = {
	F(drm_tern_dev_query, type, KIND_ENUM, 4),
	F(drm_tern_dev_query, size, KIND_BYTES, 256),
	F(drm_tern_dev_query, pointer, KIND_USER, 0),
};
LAYOUT(drm_tern_dev_query);

static const struct field drm_tern_bo_create[] = {
	F(drm_tern_bo_create, size, KIND_SIZE, 0),
	F(drm_tern_bo_create, flags, KIND_FLAGS, DRM_TERN_BO_CACHED),
	F(drm_tern_bo_create, vm_id, KIND_VM, 0),
	F(drm_tern_bo_create, handle, KIND_BO, 1),
	F(drm_tern_bo_create, pad, KIND_ZERO, 0),
};
LAYOUT(drm_tern_bo_create);

static const struct field drm_tern_bo_from_userptr[] = {
	F(drm_tern_bo_from_userptr, address, KIND_USER, 0),
	F(drm_tern_bo_from_userptr, size, KIND_SIZE, 0),
	F(drm_tern_bo_from_userptr, flags, KIND_FLAGS, DRM_TERN_USERPTR_READONLY),
	F(drm_tern_bo_from_userptr, handle, KIND_BO, 1),
};
LAYOUT(drm_tern_bo_from_userptr);

static const struct field drm_tern_bo_mmap_offset[] = {
	F(drm_tern_bo_mmap_offset, handle, KIND_BO, 0),
	F(drm_tern_bo_mmap_offset, flags, KIND_ZERO, 0),
	F(drm_tern_bo_mmap_offset, offset, KIND_OUT, 0),
};
LAYOUT(drm_tern_bo_mmap_offset);

static const struct field drm_tern_bo_sync[] = {
	F(drm_tern_bo_sync, handle, KIND_BO, 0),
	F(drm_tern_bo_sync, flags, KIND_FLAGS, DRM_TERN_SYNC_TO_DEVICE | DRM_TERN_SYNC_FROM_DEVICE),
	F(drm_tern_bo_sync, offset, KIND_OFFSET, 0),
	F(drm_tern_bo_sync, size, KIND_SIZE, 0),
};
LAYOUT(drm_tern_bo_sync);

static const struct field drm_tern_bo_label[] = {
	F(drm_tern_bo_label, handle, KIND_BO, 0),
	F(drm_tern_bo_label, size, KIND_BYTES, 64),
	F(drm_tern_bo_label, label, KIND_USER, 0),
};
LAYOUT(drm_tern_bo_label);

static const struct field drm_tern_vm_create[] = {
	F(drm_tern_vm_create, flags, KIND_ZERO, 0),
	F(drm_tern_vm_create, vm_id, KIND_VM, 1),
};
LAYOUT(drm_tern_vm_create);

static const struct field drm_tern_vm_destroy[] = {
	F(drm_tern_vm_destroy, vm_id, KIND_VM, 0),
	F(drm_tern_vm_destroy, pad, KIND_ZERO, 0),
};
LAYOUT(drm_tern_vm_destroy);

static const struct field drm_tern_sync[] = {
	F(drm_tern_sync, flags, KIND_FLAGS, DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE),
	F(drm_tern_sync, handle, KIND_SYNCOBJ, 0),
	F(drm_tern_sync, point, KIND_NUMBER, 0),
};
LAYOUT(drm_tern_sync);

static const struct field drm_tern_vm_bind_op[] = {
	F(drm_tern_vm_bind_op, type, KIND_ENUM, 3),
	F(drm_tern_vm_bind_op, flags, KIND_FLAGS, DRM_TERN_BIND_WRITE | DRM_TERN_BIND_EXEC),
	F(drm_tern_vm_bind_op, bo_handle, KIND_BO, 0),
	F(drm_tern_vm_bind_op, pad, KIND_ZERO, 0),
	F(drm_tern_vm_bind_op, bo_offset, KIND_OFFSET, 0),
	F(drm_tern_vm_bind_op, va, KIND_VA, ADDRESS_FREE),
	F(drm_tern_vm_bind_op, size, KIND_SIZE, 0),
	ARRAY(drm_tern_vm_bind_op, syncs, 0, drm_tern_sync_layout),
};
LAYOUT(drm_tern_vm_bind_op);

static const struct field drm_tern_vm_bind[] = {
	F(drm_tern_vm_bind, vm_id, KIND_VM, 0),
	F(drm_tern_vm_bind, flags, KIND_FLAGS, DRM_TERN_VM_BIND_ASYNC),
	ARRAY(drm_tern_vm_bind, ops, 1, drm_tern_vm_bind_op_layout),
	F(drm_tern_vm_bind, done, KIND_OUT, 0),
	F(drm_tern_vm_bind, pad, KIND_ZERO, 0),
};
LAYOUT(drm_tern_vm_bind);

static const struct field drm_tern_vm_state[] = {
	F(drm_tern_vm_state, vm_id, KIND_VM, 0),
	F(drm_tern_vm_state, error, KIND_OUT, 0),
	F(drm_tern_vm_state, mapped_bytes, KIND_OUT, 0),
	F(drm_tern_vm_state, table_bytes, KIND_OUT, 0),
};
LAYOUT(drm_tern_vm_state);

static const struct field drm_tern_queue_create[] = {
	F(drm_tern_queue_create, vm_id, KIND_VM, 0),
	F(drm_tern_queue_create, flags, KIND_FLAGS, DRM_TERN_QUEUE_USER),
	F(drm_tern_queue_create, priority, KIND_ENUM, 4),
	F(drm_tern_queue_create, queue_id, KIND_QUEUE, 1),
	F(drm_tern_queue_create, ring_bo, KIND_BO, 0),
	F(drm_tern_queue_create, pad, KIND_ZERO, 0),
	F(drm_tern_queue_create, ring_offset, KIND_OFFSET, 0),
	F(drm_tern_queue_create, ring_va, KIND_VA, ADDRESS_RING),
	F(drm_tern_queue_create, doorbell_offset, KIND_OUT, 0),
};
LAYOUT(drm_tern_queue_create);

static const struct field drm_tern_queue_destroy[] = {
	F(drm_tern_queue_destroy, queue_id, KIND_QUEUE, 0),
	F(drm_tern_queue_destroy, pad, KIND_ZERO, 0),
};
LAYOUT(drm_tern_queue_destroy);

static const struct field drm_tern_queue_state[] = {
	F(drm_tern_queue_state, queue_id, KIND_QUEUE, 0),
	F(drm_tern_queue_state, state, KIND_OUT, 0),
	F(drm_tern_queue_state, submitted, KIND_OUT, 0),
	F(drm_tern_queue_state, done, KIND_OUT, 0),
	F(drm_tern_queue_state, error_job, KIND_OUT, 0),
	F(drm_tern_queue_state, error, KIND_OUT, 0),
	F(drm_tern_queue_state, lost, KIND_OUT, 0),
	F(drm_tern_queue_state, fault, KIND_OUT, 0),
};
LAYOUT(drm_tern_queue_state);

static const struct field drm_tern_queue_kick[] = {
	F(drm_tern_queue_kick, queue_id, KIND_QUEUE, 0),
	F(drm_tern_queue_kick, pad, KIND_ZERO, 0),
};
LAYOUT(drm_tern_queue_kick);

static const struct field drm_tern_queue_wait[] = {
	F(drm_tern_queue_wait, queue_id, KIND_QUEUE, 0),
	F(drm_tern_queue_wait, flags, KIND_FLAGS, DRM_TERN_WAIT_EVENT),
	F(drm_tern_queue_wait, bo_handle, KIND_BO, 0),
	F(drm_tern_queue_wait, pad, KIND_ZERO, 0),
	F(drm_tern_queue_wait, offset, KIND_OFFSET, 0),
	F(drm_tern_queue_wait, value, KIND_NUMBER, 0),
	F(drm_tern_queue_wait, timeout_ns, KIND_TIME, 0),
	F(drm_tern_queue_wait, user_data, KIND_NUMBER, 0),
};
LAYOUT(drm_tern_queue_wait);

static const struct field drm_tern_job[] = {
	F(drm_tern_job, image, KIND_VA, ADDRESS_CODE),
	F(drm_tern_job, args, KIND_VA, ADDRESS_DATA),
	F(drm_tern_job, budget, KIND_NUMBER, 0),
	F(drm_tern_job, profile, KIND_VA, ADDRESS_NONE),
	F(drm_tern_job, flags, KIND_FLAGS, DRM_TERN_JOB_RESTARTABLE),
	F(drm_tern_job, pad, KIND_ZERO, 0),
	ARRAY(drm_tern_job, syncs, 0, drm_tern_sync_layout),
};
LAYOUT(drm_tern_job);

static const struct field drm_tern_submit[] = {
	F(drm_tern_submit, queue_id, KIND_QUEUE, 0),
	F(drm_tern_submit, flags, KIND_ZERO, 0),
	ARRAY(drm_tern_submit, jobs, 1, drm_tern_job_layout),
	F(drm_tern_submit, last_job, KIND_OUT, 0),
};
LAYOUT(drm_tern_submit);

static const struct field drm_tern_perf[] = {
	F(drm_tern_perf, op, KIND_ENUM, 6),	 F(drm_tern_perf, id, KIND_QUEUE, 0),
	F(drm_tern_perf, size, KIND_BYTES, 256), F(drm_tern_perf, stride, KIND_BYTES, 0),
	F(drm_tern_perf, pointer, KIND_USER, 0), F(drm_tern_perf, lost, KIND_OUT, 0),
};
LAYOUT(drm_tern_perf);

/* What DRM has for the same objects. */
static const struct field drm_gem_close[] = {
	F(drm_gem_close, handle, KIND_BO, 0),
	F(drm_gem_close, pad, KIND_ZERO, 0),
};
LAYOUT(drm_gem_close);

static const struct field drm_prime_handle[] = {
	F(drm_prime_handle, handle, KIND_BO, 0),
	F(drm_prime_handle, flags, KIND_FLAGS, DRM_CLOEXEC | DRM_RDWR),
	F(drm_prime_handle, fd, KIND_FD, 1),
};
LAYOUT(drm_prime_handle);

static const struct field drm_prime_fd[] = {
	F(drm_prime_handle, handle, KIND_BO, 1),
	F(drm_prime_handle, flags, KIND_ZERO, 0),
	F(drm_prime_handle, fd, KIND_FD, 0),
};
static const struct layout drm_prime_fd_layout = {"drm_prime_fd", sizeof(struct drm_prime_handle),
						  drm_prime_fd, COUNT(drm_prime_fd)};

static const struct field drm_syncobj_create[] = {
	F(drm_syncobj_create, handle, KIND_SYNCOBJ, 1),
	F(drm_syncobj_create, flags, KIND_FLAGS, DRM_SYNCOBJ_CREATE_SIGNALED),
};
LAYOUT(drm_syncobj_create);

static const struct field drm_syncobj_destroy[] = {
	F(drm_syncobj_destroy, handle, KIND_SYNCOBJ, 0),
	F(drm_syncobj_destroy, pad, KIND_ZERO, 0),
};
LAYOUT(drm_syncobj_destroy);

#define CALL(name, layout)                                \
	{                                                 \
#name, DRM_IOCTL_##name, &layout##_layout \
	}
const struct call calls[] = {
	CALL(TERN_DEV_QUERY, drm_tern_dev_query),
	CALL(TERN_BO_CREATE, drm_tern_bo_create),
	CALL(TERN_BO_FROM_USERPTR, drm_tern_bo_from_userptr),
	CALL(TERN_BO_MMAP_OFFSET, drm_tern_bo_mmap_offset),
	CALL(TERN_BO_SYNC, drm_tern_bo_sync),
	CALL(TERN_BO_LABEL, drm_tern_bo_label),
	CALL(TERN_VM_CREATE, drm_tern_vm_create),
	CALL(TERN_VM_DESTROY, drm_tern_vm_destroy),
	CALL(TERN_VM_BIND, drm_tern_vm_bind),
	CALL(TERN_VM_STATE, drm_tern_vm_state),
	CALL(TERN_QUEUE_CREATE, drm_tern_queue_create),
	CALL(TERN_QUEUE_DESTROY, drm_tern_queue_destroy),
	CALL(TERN_QUEUE_STATE, drm_tern_queue_state),
	CALL(TERN_QUEUE_KICK, drm_tern_queue_kick),
	CALL(TERN_QUEUE_WAIT, drm_tern_queue_wait),
	CALL(TERN_SUBMIT, drm_tern_submit),
	CALL(TERN_PERF, drm_tern_perf),
	CALL(GEM_CLOSE, drm_gem_close),
	CALL(PRIME_HANDLE_TO_FD, drm_prime_handle),
	CALL(PRIME_FD_TO_HANDLE, drm_prime_fd),
	CALL(SYNCOBJ_CREATE, drm_syncobj_create),
	CALL(SYNCOBJ_DESTROY, drm_syncobj_destroy),
};
const unsigned int call_count = COUNT(calls);

static void check_layout(const struct layout *layout)
{
	size_t at = 0;

	for (unsigned int i = 0; i < layout->fields; i++) {
		const struct field *field = &layout->field[i];

		if (field->at != at) {
			fprintf(stderr, "table.c: struct %s has something before %s\n",
				layout->name, field->name);
			exit(2);
		}
		at += field->size;
		if (field->of)
			check_layout(field->of);
	}
	if (at != layout->size) {
		fprintf(stderr, "table.c: struct %s has something behind\n", layout->name);
		exit(2);
	}
}

void table_check(void)
{
	for (unsigned int i = 0; i < call_count; i++) {
		check_layout(calls[i].args);
		if (_IOC_SIZE(calls[i].request) != calls[i].args->size ||
		    (i < DRIVER_CALLS && _IOC_NR(calls[i].request) != DRM_COMMAND_BASE + i)) {
			fprintf(stderr, "table.c: %s is not what the header says\n", calls[i].name);
			exit(2);
		}
	}
}
