// SPDX-License-Identifier: MIT
#include "firmware.h"

enum ipc_taken ipc_take(struct firmware *fw, struct tern_fw_message *m)
{
	struct ipc *ipc = &fw->ipc;
	uint32_t index = ipc->read, write, n;

	if (ipc->closed)
		return IPC_NOTHING;
	write = shared_load(&ipc->to_fw->write);
	n = write - index;
	if (!n)
		return IPC_NOTHING;
	if (n > ipc->to_fw_count) {
		log_text(fw, TERN_FW_LOG_ERROR,
			 "requests: write index %u, read index %u, room for %u: all are dropped",
			 (unsigned int)write, (unsigned int)index, (unsigned int)ipc->to_fw_count);
		ipc->read = write;
		shared_store(&ipc->to_fw->read, write);
		return IPC_NOTHING;
	}
	hal_fence_rr();
	shared_read(m, &ipc->to_fw->message[index & (ipc->to_fw_count - 1)], sizeof(*m));
	hal_fence_rw();
	shared_store(&ipc->to_fw->read, ++ipc->read);
	if (m->seq == index)
		return IPC_MESSAGE;
	log_text(fw, TERN_FW_LOG_ERROR, "requests: message %u says it is %u", (unsigned int)index,
		 (unsigned int)m->seq);
	m->seq = index;
	return IPC_BAD_SEQ;
}

static bool has_room(struct firmware *fw)
{
	struct ipc *ipc = &fw->ipc;
	uint32_t read = shared_load(&ipc->to_host->read), n = ipc->write - read;

	hal_fence_rw(); /* what the host has read may be overwritten only now */
	if (n <= ipc->to_host_count) {
		ipc->bad_read = false;
		return n < ipc->to_host_count;
	}
	if (!ipc->bad_read)
		log_text(fw, TERN_FW_LOG_ERROR,
			 "replies: read index %u, write index %u, room for %u", (unsigned int)read,
			 (unsigned int)ipc->write, (unsigned int)ipc->to_host_count);
	ipc->bad_read = true;
	return false;
}

static bool send(struct firmware *fw, struct tern_fw_message *m)
{
	struct ipc *ipc = &fw->ipc;

	if (ipc->closed || !has_room(fw))
		return false;
	trace(fw, TERN_FW_TRACE_EVENT, m->slot, m->type);
	/* Who has asked for more already leaves memory where it is. */
	if (m == &ipc->reply && fw->power.off)
		ipc->closed = shared_load(&ipc->to_fw->write) == ipc->read;
	m->seq = ipc->write;
	shared_write(&ipc->to_host->message[ipc->write & (ipc->to_host_count - 1)], m, sizeof(*m));
	hal_fence_ww();
	shared_store(&ipc->to_host->write, ++ipc->write);
	hal_fence_wo();
	hal_store(HAL_REG(HOST_IRQ), 1);
	return true;
}

void ipc_reply(struct firmware *fw, uint32_t to, enum tern_fw_status status, uint64_t arg0,
	       uint64_t arg1)
{
	struct ipc *ipc = &fw->ipc;

	ipc->reply = (struct tern_fw_message){
		.type = TERN_FW_EVENT_REPLY,
		.status = (__le16)status,
		.reply_to = to,
		.arg = {arg0, arg1},
	};
	ipc->reply_held = !send(fw, &ipc->reply);
}

/* The lowest slot's event of a kind. */
static bool send_event(struct firmware *fw, unsigned int kind)
{
	struct ipc *ipc = &fw->ipc;
	unsigned int slot = (unsigned int)__builtin_ctzll(ipc->held[kind]);
	struct tern_fw_message m = {
		.type = (__le16)kind,
		.slot = slot,
		.arg = {ipc->arg[kind][slot]},
	};

	if (!send(fw, &m))
		return false;
	ipc->held[kind] &= ~SLOT_BIT(slot);
	return true;
}

void ipc_flush(struct firmware *fw)
{
	struct ipc *ipc = &fw->ipc;

	if (ipc->reply_held)
		ipc->reply_held = !send(fw, &ipc->reply);
	for (unsigned int kind = 0; kind < IPC_NEVENTS; kind++) {
		while (ipc->held[kind]) {
			if (!send_event(fw, kind))
				return;
		}
	}
}

void ipc_event(struct firmware *fw, enum tern_fw_event kind, unsigned int slot, uint64_t arg)
{
	fw->ipc.held[kind] |= SLOT_BIT(slot);
	fw->ipc.arg[kind][slot] = arg;
	ipc_flush(fw);
}

void ipc_revoke(struct firmware *fw, enum tern_fw_event kind)
{
	fw->ipc.held[kind] = 0;
}
