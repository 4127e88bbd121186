/* SPDX-License-Identifier: MIT */
/* The two rings of messages. */
#ifndef FIRMWARE_IPC_H
#define FIRMWARE_IPC_H

#include "hal.h"

#define IPC_NEVENTS (TERN_FW_EVENT_NO_PROGRESS + 1)

struct ipc {
	struct tern_fw_ring *to_fw, *to_host;
	uint32_t to_fw_count, to_host_count; /* powers of two */
	uint32_t read, write;		     /* our index in each */
	bool reply_held;		     /* there was no room */
	bool closed;   /* asleep, and all is said: the kernel may turn DMA off, and WINDOW is not
		      * touched until it kicks */
	bool bad_read; /* the host's index of to_host made no sense; it has been told */
	struct tern_fw_message reply;
	/* Events not sent yet, a bit per slot, and what the latest of each has to say. */
	uint64_t held[IPC_NEVENTS];
	uint64_t arg[IPC_NEVENTS][TERN_NSLOTS];
};

struct firmware;

enum ipc_taken {
	IPC_NOTHING,
	IPC_MESSAGE,
	IPC_BAD_SEQ, /* there is one, but with the seq of another; m->seq is what was expected */
};
enum ipc_taken ipc_take(struct firmware *fw, struct tern_fw_message *m);

/* Not while one is held. */
void ipc_reply(struct firmware *fw, uint32_t to, enum tern_fw_status status, uint64_t arg0,
	       uint64_t arg1);

void ipc_event(struct firmware *fw, enum tern_fw_event kind, unsigned int slot, uint64_t arg);

/* An event that has not been sent is not true any more. */
void ipc_revoke(struct firmware *fw, enum tern_fw_event kind);

/* Sends what was held, as far as there is room. */
void ipc_flush(struct firmware *fw);

#endif /* FIRMWARE_IPC_H */
