/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_RING_H
#define TERN_RING_H

#include "tern_pure.h"
#include <tern/fw.h>

/**
 * enum tern_ring_result - What tern_ring_next() found
 * @TERN_RING_EMPTY: There is no message
 * @TERN_RING_MESSAGE: There is one, copied and validated
 * @TERN_RING_BROKEN: The other side breaks the protocol: reset it
 */
enum tern_ring_result {
	TERN_RING_EMPTY,
	TERN_RING_MESSAGE,
	TERN_RING_BROKEN,
};

/**
 * struct tern_message - A message from the firmware in the CPU's byte order, in range
 */
struct tern_message {
	/** @type: enum tern_fw_event */
	__u16 type;
	/** @status: Of a REPLY, enum tern_fw_status; else 0 */
	__u16 status;
	/** @slot: Below TERN_NSLOTS; 0 if the type names none */
	__u32 slot;
	/** @reply_to: Of a REPLY: seq of the request */
	__u32 reply_to;
	/** @arg: As the type says, not validated */
	__u64 arg[6];
};

enum tern_ring_result tern_ring_next(const struct tern_fw_ring *ring, __u32 count, __u32 read,
				     struct tern_message *out);
bool tern_ring_full(__u32 write, __u32 read, __u32 count);
bool tern_ring_read_valid(__u32 write, __u32 read, __u32 count);

#endif /* TERN_RING_H */
