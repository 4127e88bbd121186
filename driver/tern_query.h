/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_QUERY_H
#define TERN_QUERY_H

#include <linux/types.h>

struct drm_device;
struct drm_file;

int tern_query_give(u64 pointer, u32 *size, const void *from, u32 bytes);
int tern_ioctl_dev_query(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_QUERY_H */
