/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_INFO_H
#define TERN_INFO_H

struct drm_file;
struct drm_printer;
struct tern_device;

void tern_show_fdinfo(struct drm_printer *p, struct drm_file *drm_file);
void tern_debugfs_init(struct tern_device *tdev);

#endif /* TERN_INFO_H */
