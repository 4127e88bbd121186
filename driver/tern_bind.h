/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_BIND_H
#define TERN_BIND_H

struct drm_device;
struct drm_file;
struct drm_sched_backend_ops;
struct tern_vm;

extern const struct drm_sched_backend_ops tern_bind_sched_ops;

void tern_vm_unbind_all(struct tern_vm *vm);
int tern_ioctl_vm_bind(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_BIND_H */
