/* SPDX-License-Identifier: MIT */
/* What the kernel asks, answered in order. */
#ifndef FIRMWARE_REQUEST_H
#define FIRMWARE_REQUEST_H

#include "hal.h"

/* The request whose reply waits for the engines; no other is taken before. */
struct request {
	uint32_t type; /* SLOT_STOP, SUSPEND; or 0 */
	uint32_t seq;
	uint32_t slot;
	uint32_t how; /* enum tern_fw_stop, TERN_FW_SUSPEND_* */
};

struct firmware;

/* Answers what can be answered. True if there was anything. */
bool request_pass(struct firmware *fw);

/* Does it want SLOT out of the engines? SCHED_STAY or enum tern_fw_preempt. */
int request_wants_preempt(const struct firmware *fw, unsigned int slot);
bool request_wants_abort(const struct firmware *fw, unsigned int slot);

#endif /* FIRMWARE_REQUEST_H */
