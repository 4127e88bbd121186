/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_USER_H
#define TERN_USER_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include <tern/hw.h>

struct drm_device;
struct drm_file;
struct drm_tern_queue_create;
struct tern_device;
struct tern_doorbell;
struct tern_runqueue;

/**
 * struct tern_user - Slots of user-owned queues
 */
struct tern_user {
	/**
	 * @lock: Protects all of this, and makes taking a mapping and a slot away one step.
	 * Outside struct tern_slots.lock, inside mmap locks; not in the way of fences
	 */
	struct mutex lock;
	/** @mapped: Whose doorbell leads to slot i; NULL if nobody's does */
	struct tern_doorbell *mapped[TERN_NSLOTS];
	/** @waiting: Queues with work and without slot. With struct tern_slots.wait_lock */
	struct list_head waiting;
	/** @work: Lets them take turns */
	struct delayed_work work;
};

void tern_user_init(struct tern_device *tdev);
void tern_user_fail(struct tern_device *tdev);
void tern_user_stop(struct tern_device *tdev);
int tern_user_queue_init(struct tern_runqueue *queue, struct drm_tern_queue_create *args,
			 struct drm_file *file);
void tern_user_queue_fini(struct tern_runqueue *queue);
void tern_user_queue_destroy(struct tern_runqueue *queue);

bool tern_user_possible(struct tern_device *tdev);
int tern_user_bind(struct tern_runqueue *queue);
void tern_user_mapped(struct tern_runqueue *queue, unsigned int slot);
void tern_user_forget(struct tern_device *tdev, struct tern_doorbell *doorbell);
void tern_user_zap_all(struct tern_device *tdev);
void tern_user_want(struct tern_runqueue *queue);
void tern_user_awake(struct tern_device *tdev);
bool tern_user_has_work(struct tern_runqueue *queue);
bool tern_user_skip_lost(struct tern_runqueue *queue);

int tern_ioctl_queue_kick(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* TERN_USER_H */
