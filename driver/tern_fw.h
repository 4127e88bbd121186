/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_FW_DRIVER_H
#define TERN_FW_DRIVER_H

#include <linux/types.h>

#include <tern/fw.h>

#include "tern_fw_log.h"
#include "tern_mmu.h"

struct tern_device;

/**
 * struct tern_fw - The firmware's file, and what it said when it booted
 */
struct tern_fw {
	/** @file: Copy of the file: a reset boots it again and must not allocate */
	void *file;
	/** @bytes: Its size */
	size_t bytes;
	/** @area: Memory shared with it, struct tern_fw_boot first */
	struct tern_kmem area;
	/** @minor: Lower one of both sides' minor versions */
	u16 minor;
	/** @features: enum tern_fw_feature, in use */
	u64 features;
	/** @slots: It can schedule */
	u32 slots;
	/** @version: For people, zero-terminated */
	char version[32];
	/** @build: Likewise */
	char build[32];
	/** @log: How far the kernel has read its log */
	struct tern_stream_reader log;
	/** @telling: Bit 0: somebody reads it */
	unsigned long telling;
	/** @param: enum tern_fw_param, as last told */
	u32 param[TERN_FW_NPARAMS];
};

int tern_fw_init(struct tern_device *tdev);
void tern_fw_fini(struct tern_device *tdev);
int tern_fw_boot(struct tern_device *tdev);
void tern_fw_tell_log(struct tern_device *tdev);
void tern_fw_print_log(struct tern_device *tdev, struct drm_printer *p);
void tern_fw_crash(struct tern_device *tdev, struct tern_fw_crash *crash);
void tern_fw_tell_crash(struct tern_device *tdev);

/* Records the streams hold. */
#define TERN_FW_LOG_COUNT 256
#define TERN_FW_TRACE_COUNT 1024

struct tern_fw_stream *tern_fw_log(struct tern_device *tdev);
struct tern_fw_stream *tern_fw_trace(struct tern_device *tdev);

#endif /* TERN_FW_DRIVER_H */
