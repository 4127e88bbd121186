/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_DOORBELL_H
#define TERN_DOORBELL_H

#include <linux/types.h>

struct drm_file;
struct tern_device;
struct tern_doorbell;
struct tern_runqueue;

struct tern_doorbell *tern_doorbell_create(struct tern_runqueue *queue, struct drm_file *file,
					   u64 *offset);
void tern_doorbell_revoke(struct tern_doorbell *doorbell);
void tern_doorbell_zap(struct tern_doorbell *doorbell);

#endif /* TERN_DOORBELL_H */
