// SPDX-License-Identifier: MIT
#include "selftest_userptr.h"

#include <sys/mman.h>

int try_user(int fd, const void *address, uint64_t size, uint32_t flags, uint32_t *handle)
{
	struct drm_tern_bo_from_userptr args = {
		.address = (uintptr_t)address, .size = size, .flags = flags};
	int ret = try_ioctl(fd, DRM_IOCTL_TERN_BO_FROM_USERPTR, &args);

	*handle = args.handle;
	return ret;
}

void *anonymous(uint64_t size, int access)
{
	void *map = mmap(NULL, size, access, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(map != MAP_FAILED);
	return map;
}

void run_writer(struct context *c)
{
	image_begin(&c->image);
	image_movi(&c->image, 3, USER_VA);
	image_load(&c->image, 2, 3, 0);
	image_fence(&c->image, 2, 0, 7);
	image_end(&c->image, c->code.map);
	EQUAL(context_wait(c, context_submit(c)), 0);
}
