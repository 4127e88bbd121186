// SPDX-License-Identifier: MIT
/* The card is removed while it runs a job, and found again by a scan of the bus. */
#include <errno.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <unistd.h>

#include "selftest_fault.h"

/* A sync_file of the endless job and all behind it: of `a`. */
static int fence_behind(struct context *c)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL, .handle = make_syncobj(c->fd)};
	struct drm_tern_job job = {.image = CODE_VA, .syncs = DRM_TERN_ARRAY(1, &sync)};
	struct drm_tern_submit call = {.queue_id = c->queue, .jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_syncobj_handle file = {.handle = sync.handle,
					  .flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE};

	do_ioctl(c->fd, DRM_IOCTL_TERN_SUBMIT, &call);
	do_ioctl(c->fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &file);
	return file.fd;
}

static int how_it_ended(int fence)
{
	struct pollfd pollfd = {.fd = fence, .events = POLLIN};
	struct sync_file_info info = {0};

	EQUAL(poll(&pollfd, 1, 60000), 1);
	do_ioctl(fence, SYNC_IOC_FILE_INFO, &info);
	return info.status;
}

static void removed_and_found(void)
{
	struct scene s, again;
	int fence;

	scene_open(&s);
	start_endless(&s);
	fence = fence_behind(&s.a);
	card_remove();
	EQUAL(how_it_ended(fence), -ENODEV);
	REFUSED(s.b.fd, VM_CREATE, ENODEV, .flags = 0);
	card_find();
	scene_open(&again); /* while the old one is still held */
	scene_close(&again, 0);
	drop_scene(&s);
	close(fence);
}

static const struct test tests[] = {
	{"removed and found again", removed_and_found},
};

int main(void)
{
	return RUN(tests);
}
