/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TERN_IPC_H
#define TERN_IPC_H

#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/spinlock.h>

#include <tern/fw.h>

#include "tern_ring.h"

struct tern_device;

/* Messages each ring holds. To the firmware: one per slot and some. To the host: more. */
#define TERN_TO_FW_COUNT 128
#define TERN_TO_HOST_COUNT 256

/**
 * struct tern_ipc_call - Somebody who waits for a reply
 */
struct tern_ipc_call {
	/** @done: Completed when the reply is there, or never will be */
	struct completion done;
	/** @reply: The firmware's, valid if @error is 0 */
	struct tern_message reply;
	/** @error: Why there is none */
	int error;
};

/**
 * struct tern_ipc - Messages to and from the firmware
 */
struct tern_ipc {
	/** @lock: Protects all of this, and writing into the ring to the firmware */
	spinlock_t lock;
	/** @to_fw: Ring that the kernel writes; NULL before the first boot */
	struct tern_fw_ring *to_fw;
	/** @to_host: Ring that the firmware writes */
	struct tern_fw_ring *to_host;
	/** @write: Index of the next request */
	u32 write;
	/** @answered: Index of the request whose reply is next */
	u32 answered;
	/** @read: Index of the next message from the firmware */
	u32 read;
	/** @error: Why it is asked nothing: it is not up, or broke the protocol; 0: it is asked */
	int error;
	/** @call: Who waits for the reply to request i, at i modulo count */
	struct tern_ipc_call *call[TERN_TO_FW_COUNT];
	/** @may_fail: If nobody waits for reply i, it need not say OK */
	DECLARE_BITMAP(may_fail, TERN_TO_FW_COUNT);
};

void tern_ipc_init(struct tern_device *tdev);
void tern_ipc_open(struct tern_device *tdev, struct tern_fw_ring *to_fw,
		   struct tern_fw_ring *to_host);
void tern_ipc_close(struct tern_device *tdev);
int tern_ipc_send(struct tern_device *tdev, enum tern_fw_request type, u32 slot, u64 arg0,
		  u64 arg1);
int tern_ipc_ask(struct tern_device *tdev, enum tern_fw_request type, u32 slot, u64 arg0,
		 u64 arg1, struct tern_message *reply);
void tern_ipc_pardon(struct tern_device *tdev);
void tern_ipc_receive(struct tern_device *tdev);

#endif /* TERN_IPC_H */
