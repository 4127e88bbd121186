// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <linux/dma-buf.h>

#include "selftest.h"
#include "selftest_vgem.h"

/* Of <drm/vgem_drm.h>, which is not installed everywhere. */
struct vgem_fence_attach {
	uint32_t handle, flags, out_fence, pad;
};
#define VGEM_FENCE_WRITE	    1u
#define DRM_IOCTL_VGEM_FENCE_ATTACH DRM_IOWR(DRM_COMMAND_BASE + 1, struct vgem_fence_attach)

uint32_t fence_of_vgem(int fd)
{
	struct drm_mode_create_dumb dumb = {.width = 64, .height = 16, .bpp = 32};
	struct drm_prime_handle prime = {.flags = DRM_CLOEXEC | DRM_RDWR};
	struct dma_buf_export_sync_file sync = {.flags = DMA_BUF_SYNC_RW};
	struct drm_syncobj_handle import = {
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE};
	struct vgem_fence_attach attach = {.flags = VGEM_FENCE_WRITE};
	int vgem = other_driver("vgem");

	do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	attach.handle = prime.handle = dumb.handle;
	do_ioctl(vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	do_ioctl(vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach);
	do_ioctl(prime.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &sync);
	import.handle = make_syncobj(fd);
	import.fd = sync.fd;
	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import);
	return import.handle;
}
