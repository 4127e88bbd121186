// SPDX-License-Identifier: MIT
/* Numbers of objects that another file has, or that are gone, are nobody's in every ioctl. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest_user.h"

#define RING_VA 0x300000ull

/* Who has objects, and who names them. */
static struct context mine, theirs;
static struct user user, their_user;
static uint32_t bo, syncobj;

/* Of each kind more than they have, so that the last one's number is none of theirs. */
static void begin(void)
{
	context_open(&mine);
	context_open(&theirs);
	for (int i = 0; i < 4; i++) {
		bo = make_buffer(mine.fd, PAGE).handle;
		mine.vm = make_vm(mine.fd);
		mine.queue = make_queue(mine.fd, mine.vm);
		syncobj = make_syncobj(mine.fd);
	}
}

static void end(void)
{
	context_close(&theirs);
	close(mine.fd);
}

static void begin_user(void)
{
	context_open(&theirs);
	need_user_queues(theirs.fd);
	user_open_as(&theirs, &their_user, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	context_open(&mine);
	for (uint64_t i = 1; i < 3; i++)
		user_open_as(&mine, &user, RING_VA + i * PAGE, DRM_TERN_PRIORITY_NORMAL);
}

static void buffers(void)
{
	struct drm_tern_vm_bind_op op = {.bo_handle = 0, .va = 0x500000, .size = PAGE};

	begin();
	op.bo_handle = bo;
	REFUSED(theirs.fd, BO_SYNC, ENOENT, .handle = bo, .flags = DRM_TERN_SYNC_TO_DEVICE,
		.size = PAGE);
	REFUSED(theirs.fd, BO_LABEL, ENOENT, .handle = bo, .size = 1, .label = (uintptr_t) "x");
	REFUSED(theirs.fd, BO_LABEL, ENOENT, .handle = bo);
	REFUSED(theirs.fd, BO_MMAP_OFFSET, ENOENT, .handle = bo);
	REFUSED(theirs.fd, VM_BIND, ENOENT, .vm_id = theirs.vm, .ops = DRM_TERN_ARRAY(1, &op));
	REFUSED(theirs.fd, QUEUE_CREATE, ENOENT, .vm_id = theirs.vm, .flags = DRM_TERN_QUEUE_USER,
		.priority = DRM_TERN_PRIORITY_NORMAL, .ring_bo = bo, .ring_va = RING_VA);
	end();
}

static void address_spaces(void)
{
	struct drm_tern_vm_bind_op op = {.type = DRM_TERN_BIND_UNMAP, .va = 0x500000, .size = PAGE};

	begin();
	REFUSED(theirs.fd, BO_CREATE, ENOENT, .size = PAGE, .vm_id = mine.vm);
	REFUSED(theirs.fd, VM_BIND, ENOENT, .vm_id = mine.vm, .ops = DRM_TERN_ARRAY(1, &op));
	REFUSED(theirs.fd, VM_STATE, ENOENT, .vm_id = mine.vm);
	REFUSED(theirs.fd, VM_DESTROY, ENOENT, .vm_id = mine.vm);
	REFUSED(theirs.fd, QUEUE_CREATE, ENOENT, .vm_id = mine.vm,
		.priority = DRM_TERN_PRIORITY_NORMAL);
	end();
}

static void queues(void)
{
	struct drm_tern_job job = {.image = CODE_VA};
	struct drm_tern_perf_counters counters;

	begin();
	REFUSED(theirs.fd, QUEUE_STATE, ENOENT, .queue_id = mine.queue);
	REFUSED(theirs.fd, QUEUE_KICK, ENOENT, .queue_id = mine.queue);
	REFUSED(theirs.fd, QUEUE_WAIT, ENOENT, .queue_id = mine.queue);
	REFUSED(theirs.fd, QUEUE_WAIT, ENOENT, .queue_id = mine.queue,
		.flags = DRM_TERN_WAIT_EVENT);
	REFUSED(theirs.fd, SUBMIT, ENOENT, .queue_id = mine.queue, .jobs = DRM_TERN_ARRAY(1, &job));
	REFUSED(theirs.fd, PERF, ENOENT, .op = DRM_TERN_PERF_QUEUE, .id = mine.queue,
		.size = sizeof(counters), .pointer = (uintptr_t)&counters);
	REFUSED(theirs.fd, QUEUE_DESTROY, ENOENT, .queue_id = mine.queue);
	EQUAL(queue_state(mine.fd, mine.queue).submitted, 0);
	end();
}

static void syncobjs(void)
{
	struct drm_tern_sync sync[2] = {{.flags = DRM_TERN_SYNC_SIGNAL}, {.flags = 0}};
	struct drm_tern_job job = {.image = CODE_VA};
	struct drm_tern_vm_bind_op op = {.type = DRM_TERN_BIND_UNMAP, .va = 0x500000, .size = PAGE};

	begin();
	for (int i = 0; i < 2; i++) {
		sync[i].handle = syncobj;
		job.syncs = op.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &sync[i]);
		REFUSED(theirs.fd, SUBMIT, ENOENT, .queue_id = theirs.queue,
			.jobs = DRM_TERN_ARRAY(1, &job));
		REFUSED(theirs.fd, VM_BIND, ENOENT, .vm_id = theirs.vm,
			.flags = DRM_TERN_VM_BIND_ASYNC, .ops = DRM_TERN_ARRAY(1, &op));
	}
	EQUAL(queue_state(theirs.fd, theirs.queue).submitted, 0);
	end();
}

static void user_owned_queues(void)
{
	begin_user();
	REFUSED(theirs.fd, QUEUE_KICK, ENOENT, .queue_id = user.queue);
	REFUSED(theirs.fd, QUEUE_WAIT, ENOENT, .queue_id = their_user.queue,
		.bo_handle = user.memory.handle);
	REFUSED(theirs.fd, QUEUE_WAIT, ENOENT, .queue_id = user.queue,
		.bo_handle = their_user.memory.handle);
	context_close(&mine);
	context_close(&theirs);
}

/* What runs on in a VM whose number is gone is no way back to it. */
static void destroyed_address_spaces(void)
{
	struct drm_tern_vm_bind_op op = {.type = DRM_TERN_BIND_UNMAP, .va = 0x500000, .size = PAGE};
	struct drm_tern_vm_destroy destroy = {0};

	context_open(&mine);
	image_fence(&mine.image, TERN_REG_ARGS, 8, 7);
	image_end(&mine.image, mine.code.map);
	destroy.vm_id = mine.vm;
	do_ioctl(mine.fd, DRM_IOCTL_TERN_VM_DESTROY, &destroy);
	REFUSED(mine.fd, QUEUE_CREATE, ENOENT, .vm_id = mine.vm,
		.priority = DRM_TERN_PRIORITY_NORMAL);
	REFUSED(mine.fd, BO_CREATE, ENOENT, .size = PAGE, .vm_id = mine.vm);
	REFUSED(mine.fd, VM_BIND, ENOENT, .vm_id = mine.vm, .ops = DRM_TERN_ARRAY(1, &op));
	REFUSED(mine.fd, VM_DESTROY, ENOENT, .vm_id = mine.vm);
	EQUAL(context_wait(&mine, context_submit(&mine)), 0);
	EQUAL(((volatile uint64_t *)mine.data.map)[1], 7);
	context_close(&mine);
}

static void destroyed_queues(void)
{
	struct drm_tern_job job = {.image = CODE_VA};
	struct drm_tern_queue_destroy destroy = {0};
	struct drm_tern_perf_counters counters;

	context_open(&mine);
	destroy.queue_id = mine.queue;
	do_ioctl(mine.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	REFUSED(mine.fd, SUBMIT, ENOENT, .queue_id = mine.queue, .jobs = DRM_TERN_ARRAY(1, &job));
	REFUSED(mine.fd, QUEUE_STATE, ENOENT, .queue_id = mine.queue);
	REFUSED(mine.fd, QUEUE_WAIT, ENOENT, .queue_id = mine.queue);
	REFUSED(mine.fd, QUEUE_KICK, ENOENT, .queue_id = mine.queue);
	REFUSED(mine.fd, PERF, ENOENT, .op = DRM_TERN_PERF_QUEUE, .id = mine.queue,
		.size = sizeof(counters), .pointer = (uintptr_t)&counters);
	REFUSED(mine.fd, QUEUE_DESTROY, ENOENT, .queue_id = mine.queue);
	context_close(&mine);
}

/* Arrays that begin in the address space and end beyond it. */
static void arrays_that_wrap(void)
{
	struct drm_tern_array end = {.stride = 4096, .count = 64, .pointer = ~0ull - 4095};

	context_open(&mine);
	REFUSED(mine.fd, SUBMIT, EFAULT, .queue_id = mine.queue, .jobs = end);
	REFUSED(mine.fd, VM_BIND, EFAULT, .vm_id = mine.vm, .ops = end);
	EQUAL(queue_state(mine.fd, mine.queue).submitted, 0);
	context_close(&mine);
}

static const struct test tests[] = {
	{"buffers", buffers},
	{"address spaces", address_spaces},
	{"queues", queues},
	{"syncobjs", syncobjs},
	{"user-owned queues", user_owned_queues},
	{"destroyed address spaces", destroyed_address_spaces},
	{"destroyed queues", destroyed_queues},
	{"arrays that wrap", arrays_that_wrap},
};

int main(void)
{
	return RUN(tests);
}
