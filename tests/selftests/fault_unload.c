// SPDX-License-Identifier: MIT
/*
 * The module is asked to go while work of a process that is gone waits for a fence that is
 * another driver's: it stays until that has signalled, and then goes. Run once: tests/vm/reload.py.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "selftest.h"

/* Of debugfs: drivers/dma-buf/sw_sync.c. */
struct sw_sync_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};
#define SW_SYNC_CREATE_FENCE _IOWR('W', 0, struct sw_sync_fence)
#define SW_SYNC_INC	     _IOW('W', 1, uint32_t)

static int timeline;

static void open_timeline(void)
{
	mount("none", "/sys/kernel/debug", "debugfs", 0, NULL);
	timeline = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
	if (timeline < 0)
		skip("the kernel has no sw_sync");
}

static void advance(void)
{
	uint32_t one = 1;

	do_ioctl(timeline, SW_SYNC_INC, &one);
}

/* It signals when the timeline has got there. */
static uint32_t foreign_fence(int fd, uint32_t value)
{
	struct sw_sync_fence fence = {.value = value};
	struct drm_syncobj_handle import = {
		.handle = make_syncobj(fd),
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
	};

	do_ioctl(timeline, SW_SYNC_CREATE_FENCE, &fence);
	import.fd = fence.fence;
	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import);
	return import.handle;
}

static void submits(void)
{
	struct drm_tern_sync wait = {0};
	struct drm_tern_job job = {
		.image = CODE_VA, .args = DATA_VA, .syncs = DRM_TERN_ARRAY(1, &wait)};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct context c;

	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 7);
	image_end(&c.image, c.code.map);
	wait.handle = foreign_fence(c.fd, 1);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
}

static void binds(void)
{
	struct drm_tern_sync wait = {0};
	struct drm_tern_vm_bind_op op = {
		.va = 0x50000000, .size = PAGE, .syncs = DRM_TERN_ARRAY(1, &wait)};
	struct drm_tern_vm_bind call = {.flags = DRM_TERN_VM_BIND_ASYNC,
					.ops = DRM_TERN_ARRAY(1, &op)};
	struct context c;

	context_open(&c);
	wait.handle = foreign_fence(c.fd, 2);
	op.bo_handle = c.data.handle;
	call.vm_id = c.vm;
	do_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &call);
}

static bool unload(void)
{
	return !system("rmmod tern 2>/dev/null");
}

/* What a process had is released soon after it has gone, but by itself. */
static void settle(void)
{
	usleep(500000);
}

static void work_that_waits(void)
{
	int tries = 0;

	open_timeline();
	in_child(submits);
	in_child(binds);
	settle();
	CHECK(!unload());
	advance();
	settle();
	CHECK(!unload()); /* for the second alone */
	advance();
	while (!unload() && tries++ < 600)
		usleep(100000);
	CHECK(tries < 600);
	close(timeline);
}

static const struct test tests[] = {
	{"work that waits keeps the module", work_that_waits},
};

int main(void)
{
	return RUN(tests);
}
