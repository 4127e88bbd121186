/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_WAIT_H
#define TERN_WAIT_H

struct drm_device;
struct drm_file;

int tern_ioctl_queue_wait(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_WAIT_H */
