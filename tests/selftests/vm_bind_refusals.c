// SPDX-License-Identifier: MIT
/* VM_BIND: what it refuses, and that what is refused changes nothing. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest.h"

#define VA     0x10000000ull
#define VA_END (1ull << TERN_VA_BITS)

static int fd;
static uint32_t vm;
static struct buffer buffer;

static void begin(void)
{
	fd = device_open();
	vm = make_vm(fd);
	buffer = make_buffer(fd, 4 * PAGE);
}

static void end(void)
{
	struct drm_tern_vm_state state = {.vm_id = vm};

	do_ioctl(fd, DRM_IOCTL_TERN_VM_STATE, &state);
	EQUAL(state.mapped_bytes, 0);
	free_buffer(fd, &buffer);
	close(fd);
}

/* A good operation but for one field. */
#define OP(error, field, wrong)                                              \
	do {                                                                 \
		struct drm_tern_vm_bind_op op_ = {                           \
			.bo_handle = buffer.handle, .va = VA, .size = PAGE}; \
		op_.field = (wrong);                                         \
		EQUAL(try_bind(fd, vm, &op_), -(error));                     \
	} while (0)

static void fields(void)
{
	begin();
	OP(EINVAL, type, 3);
	OP(EINVAL, type, ~0u);
	OP(EINVAL, flags, 4);
	OP(EINVAL, flags, 1u << 31);
	OP(EINVAL, pad, 1);
	OP(ENOENT, bo_handle, 0);
	OP(ENOENT, bo_handle, buffer.handle + 1);
	OP(EINVAL, bo_offset, 1);
	OP(EINVAL, bo_offset, 2048);
	OP(EINVAL, bo_offset, 4 * PAGE);
	OP(EINVAL, bo_offset, ~0ull - PAGE + 1);
	OP(EINVAL, va, VA + 1);
	OP(ERANGE, va, 0);
	OP(ERANGE, va, VA_END);
	OP(ERANGE, va, 1ull << 63);
	OP(EINVAL, size, 0);
	OP(EINVAL, size, 1);
	OP(EINVAL, size, PAGE + 1);
	OP(EINVAL, size, 5 * PAGE);
	OP(EINVAL, size, ~0ull - PAGE + 1);
	OP(ERANGE, size, VA_END - VA + PAGE);
	end();
}

static void edges(void)
{
	struct drm_tern_vm_bind_op op = {.va = VA_END - PAGE, .size = PAGE};

	begin();
	op.bo_handle = buffer.handle;
	EQUAL(try_bind(fd, vm, &op), 0);
	op.va = 0x1000;
	EQUAL(try_bind(fd, vm, &op), 0);
	op.va = VA_END - PAGE;
	op.size = 2 * PAGE;
	EQUAL(try_bind(fd, vm, &op), -ERANGE);
	unbind(fd, vm, 0x1000, VA_END - 0x1000); /* all there is */
	end();
}

static void unmap_names_no_buffer(void)
{
	struct drm_tern_vm_bind_op good = {.type = DRM_TERN_BIND_UNMAP, .va = VA, .size = PAGE}, op;

	begin();
	op = good;
	op.bo_handle = buffer.handle;
	EQUAL(try_bind(fd, vm, &op), -EINVAL);
	op = good;
	op.bo_offset = PAGE;
	EQUAL(try_bind(fd, vm, &op), -EINVAL);
	op = good;
	op.flags = DRM_TERN_BIND_WRITE;
	EQUAL(try_bind(fd, vm, &op), -EINVAL);
	EQUAL(try_bind(fd, vm, &good), 0);
	end();
}

static void call(void)
{
	struct drm_tern_vm_bind_op op = {0};

	begin();
	op = (struct drm_tern_vm_bind_op){.bo_handle = buffer.handle, .va = VA, .size = PAGE};
#define ARRAY(s, n, p) {.stride = (s), .count = (n), .pointer = (uintptr_t)(p)}
	REFUSED(fd, VM_BIND, ENOENT, .vm_id = 0, .ops = DRM_TERN_ARRAY(1, &op));
	REFUSED(fd, VM_BIND, ENOENT, .vm_id = vm + 1, .ops = DRM_TERN_ARRAY(1, &op));
	REFUSED(fd, VM_BIND, EINVAL, .vm_id = vm, .flags = 2, .ops = DRM_TERN_ARRAY(1, &op));
	REFUSED(fd, VM_BIND, EINVAL, .vm_id = vm, .pad = 1, .ops = DRM_TERN_ARRAY(1, &op));
	REFUSED(fd, VM_BIND, EINVAL, .vm_id = vm);
	REFUSED(fd, VM_BIND, EINVAL, .vm_id = vm, .ops = ARRAY(sizeof(op), 0, &op));
	REFUSED(fd, VM_BIND, E2BIG, .vm_id = vm, .ops = ARRAY(sizeof(op), 1025, &op));
	REFUSED(fd, VM_BIND, E2BIG, .vm_id = vm, .ops = ARRAY(sizeof(op), ~0u, &op));
	REFUSED(fd, VM_BIND, E2BIG, .vm_id = vm, .ops = ARRAY(sizeof(op) - 8, 1, &op));
	REFUSED(fd, VM_BIND, E2BIG, .vm_id = vm, .ops = ARRAY(sizeof(op) + 4, 1, &op));
	REFUSED(fd, VM_BIND, E2BIG, .vm_id = vm, .ops = ARRAY(4104, 1, &op));
	REFUSED(fd, VM_BIND, E2BIG, .vm_id = vm, .ops = ARRAY(0, 1, &op));
	REFUSED(fd, VM_BIND, EFAULT, .vm_id = vm, .ops = ARRAY(sizeof(op), 1, NOWHERE));
	/* Syncs are for asynchronous calls. */
	op.syncs = (struct drm_tern_array)ARRAY(sizeof(struct drm_tern_sync), 1, &op);
	EQUAL(try_bind(fd, vm, &op), -EINVAL);
	op.syncs = (struct drm_tern_array)ARRAY(sizeof(struct drm_tern_sync), 0, NULL);
	EQUAL(try_bind(fd, vm, &op), -EINVAL);
	end();
}

/* Elements longer than the kernel's: what it does not know must be zero. */
static void longer_elements(void)
{
	struct {
		struct drm_tern_vm_bind_op op;
		uint64_t more[3];
	} ops[2];
	struct drm_tern_vm_bind args = {.ops = DRM_TERN_ARRAY(2, ops)};

	begin();
	memset(ops, 0, sizeof(ops));
	for (int i = 0; i < 2; i++) {
		ops[i].op.bo_handle = buffer.handle;
		ops[i].op.va = VA + (uint64_t)i * PAGE;
		ops[i].op.size = PAGE;
	}
	args.vm_id = vm;
	ops[1].more[2] = 1;
	EQUAL(try_ioctl(fd, DRM_IOCTL_TERN_VM_BIND, &args), -E2BIG);
	EQUAL(args.done, 0);
	ops[1].more[2] = 0;
	EQUAL(try_ioctl(fd, DRM_IOCTL_TERN_VM_BIND, &args), 0);
	EQUAL(args.done, 2);
	unbind(fd, vm, VA, 2 * PAGE);
	end();
}

/* Those before the one that fails stay done, and the call says how many. */
static void stops_where_it_fails(void)
{
	struct drm_tern_vm_bind_op ops[5];
	struct drm_tern_vm_bind args = {.ops = DRM_TERN_ARRAY(5, ops)};
	struct drm_tern_vm_state state;

	begin();
	memset(ops, 0, sizeof(ops));
	for (int i = 0; i < 5; i++) {
		ops[i].bo_handle = buffer.handle;
		ops[i].va = VA + (uint64_t)i * PAGE;
		ops[i].size = PAGE;
	}
	args.vm_id = state.vm_id = vm;
	ops[3].va = VA; /* there is something */
	EQUAL(try_ioctl(fd, DRM_IOCTL_TERN_VM_BIND, &args), -EEXIST);
	EQUAL(args.done, 3);
	do_ioctl(fd, DRM_IOCTL_TERN_VM_STATE, &state);
	EQUAL(state.mapped_bytes, 3 * PAGE);
	unbind(fd, vm, VA, 5 * PAGE);
	ops[3].va = VA + 3 * PAGE;
	ops[2].pad = 1;
	EQUAL(try_ioctl(fd, DRM_IOCTL_TERN_VM_BIND, &args), -EINVAL);
	EQUAL(args.done, 2);
	unbind(fd, vm, VA, 5 * PAGE);
	end();
}

static void private_buffers_are_one_vms(void)
{
	struct drm_tern_bo_create create = {.size = PAGE};
	struct drm_tern_vm_bind_op op = {.va = VA, .size = PAGE};

	begin();
	create.vm_id = vm;
	do_ioctl(fd, DRM_IOCTL_TERN_BO_CREATE, &create);
	op.bo_handle = create.handle;
	EQUAL(try_bind(fd, make_vm(fd), &op), -EXDEV);
	EQUAL(try_bind(fd, vm, &op), 0);
	EQUAL(try_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD,
			&(struct drm_prime_handle){.handle = create.handle}),
	      -EPERM);
	unbind(fd, vm, VA, PAGE);
	end();
}

static void other_files_are_others(void)
{
	struct drm_tern_vm_bind_op op = {.va = VA, .size = PAGE};
	int other;

	begin();
	other = device_open();
	op.bo_handle = buffer.handle;
	EQUAL(try_bind(other, vm, &op), -ENOENT);
	EQUAL(try_bind(other, make_vm(other), &op), -ENOENT);
	close(other);
	end();
}

static const struct test tests[] = {
	{"fields of an operation", fields},
	{"first and last address", edges},
	{"unmap names no buffer", unmap_names_no_buffer},
	{"the call and its array", call},
	{"elements longer than the kernel's", longer_elements},
	{"it stops where it fails", stops_where_it_fails},
	{"private buffers are of one address space", private_buffers_are_one_vms},
	{"other files' objects are not found", other_files_are_others},
};

int main(void)
{
	return RUN(tests);
}
