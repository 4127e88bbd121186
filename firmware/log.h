/* SPDX-License-Identifier: MIT */
/* The log ring and the trace ring: written without waiting, the oldest record is lost. */
#ifndef FIRMWARE_LOG_H
#define FIRMWARE_LOG_H

#include "hal.h"

struct stream {
	struct tern_fw_stream *head; /* NULL: not written */
	uint32_t count;		     /* of records, a power of two */
	uint32_t written;
};

struct firmware;

__attribute__((format(printf, 3, 4))) void
log_text(struct firmware *fw, enum tern_fw_log_level level, const char *format, ...);

void trace(struct firmware *fw, enum tern_fw_trace kind, unsigned int slot, uint64_t arg);

#endif /* FIRMWARE_LOG_H */
