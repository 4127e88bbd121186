/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_FW_LOG_H
#define TERN_FW_LOG_H

#include "tern_pure.h"
#include <tern/fw.h>

/**
 * struct tern_stream_reader - How far a stream of the firmware has been read
 */
struct tern_stream_reader {
	/** @next: Index of the next record */
	__u32 next;
	/** @lost: Records that were overwritten before they were read */
	__u32 lost;
};

bool tern_stream_next(const struct tern_fw_stream *stream, __u32 count, __u32 bytes,
		      struct tern_stream_reader *reader, void *record);
unsigned int tern_text_clean(char *out, unsigned int room, const char *text, unsigned int bytes);

#endif /* TERN_FW_LOG_H */
