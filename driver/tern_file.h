/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_FILE_H
#define TERN_FILE_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/xarray.h>

#include "tern_perf.h"

struct tern_device;

/* What one open file may have: struct drm_tern_limits. */
#define TERN_FILE_BUFFERS 16384
#define TERN_FILE_VMS 64
#define TERN_FILE_QUEUES 256
#define TERN_FILE_USER_QUEUES 16
/* Bytes of events that DRM keeps for a file, which it has no name for. */
#define TERN_FILE_EVENT_SPACE 4096
#define TERN_QUEUE_JOBS 4096
#define TERN_VM_BINDS 4096

/**
 * struct tern_account - What a file has used of its limits, and of the device; buffers and queues
 * may outlive the file
 */
struct tern_account {
	/** @kref: Held by the file, each buffer and each queue */
	struct kref kref;
	/** @client: What DRM calls the file: drm-client-id of fdinfo */
	u64 client;
	/** @buffers: Buffers */
	atomic_t buffers;
	/** @bytes: Of buffers but user memory and imports */
	atomic64_t bytes;
	/** @sums: What the file's queues have done */
	struct tern_sums sums;
	/** @log: What happens to them, if it is recorded */
	struct tern_perf_log log;
};

/**
 * struct tern_file - One open file
 */
struct tern_file {
	/** @tdev: Device */
	struct tern_device *tdev;
	/** @account: Of its buffers */
	struct tern_account *account;
	/** @vms: struct tern_vm by id, from 1 */
	struct xarray vms;
	/** @queues: struct tern_runqueue by id, from 1 */
	struct xarray queues;
	/** @vm_count: In @vms */
	atomic_t vm_count;
	/** @queue_count: In @queues */
	atomic_t queue_count;
	/** @user_queue_count: Of them, user-owned */
	atomic_t user_queue_count;
};

u64 tern_buffer_bytes_most(void);
bool tern_take(atomic_t *used, int most);
void tern_account_put(struct tern_account *account);

#endif /* TERN_FILE_H */
