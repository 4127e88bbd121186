// SPDX-License-Identifier: GPL-2.0
/*
 * Messages to the firmware and from it. Nothing it says is believed: indices and fields are
 * validated by tern_ring.c, replies must come in the order of the requests. Firmware that
 * breaks the protocol is restarted; until then it is neither heard nor asked, and whoever waits
 * for it is told at once.
 *
 * Barriers, each with its partner in the firmware: dma_wmb() between message and index here,
 * FENCE r, r there; FENCE w, w there, dma_rmb() in tern_ring_next() here; mb() between the copy
 * and our read index.
 */
#include "tern_device.h"

/* From request to reply, of CLOCK. The firmware answers in microseconds; a model may be slow. */
#define REPLY_TIMEOUT_MS 2000
/* How often one looks meanwhile: an interrupt may be lost. */
#define LOOK_MS 500

static struct tern_fw_message *slot_of(struct tern_ipc *ipc, u32 index)
{
	return &ipc->to_fw->message[index & (TERN_TO_FW_COUNT - 1)];
}

static void write_message(struct tern_fw_message *out, u32 seq, enum tern_fw_request type,
			  u32 slot, u64 arg0, u64 arg1)
{
	*out = (struct tern_fw_message) {
		.seq = cpu_to_le32(seq),
		.type = cpu_to_le16(type),
		.slot = cpu_to_le32(slot),
		.arg = { cpu_to_le64(arg0), cpu_to_le64(arg1) },
	};
}

/* With the lock held. Whoever waits for a reply, or asks from now on, is told ERROR. */
static void end_calls(struct tern_ipc *ipc, int error)
{
	int i;

	ipc->error = error;
	for (i = 0; i < TERN_TO_FW_COUNT; i++) {
		if (!ipc->call[i])
			continue;
		ipc->call[i]->error = error;
		complete(&ipc->call[i]->done);
		ipc->call[i] = NULL;
	}
}

/* With the lock held. Nothing it says is worth waiting for, and what it said before is enough. */
static void broken(struct tern_device *tdev)
{
	end_calls(&tdev->ipc, -EPROTO);
	tern_reset_request(tdev, TERN_RUNG_FIRMWARE, "the firmware broke the protocol");
}

/* Room for another request: in the ring, and in the list of those who wait. */
static int check_room(struct tern_device *tdev)
{
	struct tern_ipc *ipc = &tdev->ipc;
	u32 read = le32_to_cpu(READ_ONCE(ipc->to_fw->read));

	if (!tern_ring_read_valid(ipc->write, read, TERN_TO_FW_COUNT)) {
		broken(tdev);
		return -EPROTO;
	}
	if (tern_ring_full(ipc->write, read, TERN_TO_FW_COUNT) ||
	    tern_ring_full(ipc->write, ipc->answered, TERN_TO_FW_COUNT))
		return -EBUSY;
	return 0;
}

static int send(struct tern_device *tdev, enum tern_fw_request type, u32 slot, u64 arg0, u64 arg1,
		struct tern_ipc_call *call)
{
	struct tern_ipc *ipc = &tdev->ipc;
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&ipc->lock, flags);
	/* A reset that ended just when it was asked for, or could not begin, has forgotten it. */
	if (ipc->error == -EPROTO)
		broken(tdev);
	ret = ipc->error ?: check_room(tdev);
	if (!ret) {
		write_message(slot_of(ipc, ipc->write), ipc->write, type, slot, arg0, arg1);
		ipc->call[ipc->write & (TERN_TO_FW_COUNT - 1)] = call;
		/* Stopping what is not started: whoever stops to be sure is content. */
		__assign_bit(ipc->write & (TERN_TO_FW_COUNT - 1), ipc->may_fail,
			     type == TERN_FW_SLOT_STOP);
		ipc->write++;
		dma_wmb(); /* the message before the index */
		WRITE_ONCE(ipc->to_fw->write, cpu_to_le32(ipc->write));
		tern_write(tdev, TERN_FW_REG_HOST_KICK, 1);
	}
	spin_unlock_irqrestore(&ipc->lock, flags);
	return ret;
}

/**
 * tern_ipc_send() - Send a request whose reply nobody waits for
 * @tdev: Device
 * @type: Request
 * @slot: Slot, or 0
 * @arg0: As the request says
 * @arg1: As the request says
 *
 * A reply that is not OK restarts the firmware, except to SLOT_STOP, and to what was under way at a
 * tern_ipc_pardon().
 *
 * Return: 0 or a negative errno
 */
int tern_ipc_send(struct tern_device *tdev, enum tern_fw_request type, u32 slot, u64 arg0,
		  u64 arg1)
{
	return send(tdev, type, slot, arg0, arg1, NULL);
}

/**
 * tern_ipc_pardon() - Slots are taken that the firmware has yet to read about: it may say so
 * @tdev: Device
 *
 * None of the requests that are under way need be answered by OK.
 */
void tern_ipc_pardon(struct tern_device *tdev)
{
	struct tern_ipc *ipc = &tdev->ipc;
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&ipc->lock, flags);
	for (i = ipc->answered; i != ipc->write; i++)
		__set_bit(i & (TERN_TO_FW_COUNT - 1), ipc->may_fail);
	spin_unlock_irqrestore(&ipc->lock, flags);
}

static bool forget_call(struct tern_ipc *ipc, struct tern_ipc_call *call)
{
	bool found = false;
	unsigned long flags;
	int i;

	spin_lock_irqsave(&ipc->lock, flags);
	for (i = 0; i < TERN_TO_FW_COUNT; i++) {
		if (ipc->call[i] != call)
			continue;
		ipc->call[i] = NULL;
		found = true;
	}
	spin_unlock_irqrestore(&ipc->lock, flags);
	return found;
}

/* Lost interrupts are not the firmware's fault, nor is a host that gives a model no time. */
static int await_reply(struct tern_device *tdev, struct tern_ipc_call *call)
{
	struct tern_since since;

	if (wait_for_completion_timeout(&call->done, msecs_to_jiffies(LOOK_MS)))
		return call->error;
	tern_since_now(tdev, &since);
	do {
		bool gone = tern_device_gone(tdev); /* and its clock with it */

		tern_ipc_receive(tdev);
		if ((gone || tern_longer_than(tdev, &since, REPLY_TIMEOUT_MS)) &&
		    forget_call(&tdev->ipc, call))
			return -ETIMEDOUT;
	} while (!wait_for_completion_timeout(&call->done, msecs_to_jiffies(LOOK_MS)));
	return call->error;
}

/**
 * tern_ipc_ask() - Send a request and wait for the reply
 * @tdev: Device
 * @type: Request
 * @slot: Slot, or 0
 * @arg0: As the request says
 * @arg1: As the request says
 * @reply: What the firmware answered; its status is for the caller to look at
 *
 * Return: 0, -ETIMEDOUT, -EPROTO, -EBUSY, or -ENODEV if the firmware is not up. On -EPROTO it is
 * about to be reset
 */
int tern_ipc_ask(struct tern_device *tdev, enum tern_fw_request type, u32 slot, u64 arg0,
		 u64 arg1, struct tern_message *reply)
{
	struct tern_ipc_call call = {};
	int ret;

	init_completion(&call.done);
	ret = send(tdev, type, slot, arg0, arg1, &call);
	if (!ret)
		ret = await_reply(tdev, &call);
	if (!ret)
		*reply = call.reply;
	return ret;
}

/* With the lock held. False: a reply to nothing. */
static bool take_reply(struct tern_ipc *ipc, const struct tern_message *message)
{
	u32 i = ipc->answered & (TERN_TO_FW_COUNT - 1);
	struct tern_ipc_call **call = &ipc->call[i];

	if (ipc->answered == ipc->write || message->reply_to != ipc->answered)
		return false;
	ipc->answered++;
	if (*call) {
		(*call)->reply = *message;
		complete(&(*call)->done);
		*call = NULL;
		return true;
	}
	/* Nobody waited, or not any more: then it must at least have worked. */
	return message->status == TERN_FW_STATUS_OK || test_bit(i, ipc->may_fail);
}

/* With the lock held. False: the firmware breaks the protocol. */
static bool handle(struct tern_device *tdev, const struct tern_message *message)
{
	switch (message->type) {
	case TERN_FW_EVENT_REPLY:
		return take_reply(&tdev->ipc, message);
	case TERN_FW_EVENT_PREEMPT_STUCK:
		set_bit(message->slot, tdev->slots.stuck);
		tern_reset_request(tdev, TERN_RUNG_ENGINES, "a context did not answer preemption");
		return true;
	case TERN_FW_EVENT_IDLE:
		tern_pm_idle(tdev, true);
		return true;
	case TERN_FW_EVENT_ACTIVE:
		tern_pm_idle(tdev, false);
		return true;
	case TERN_FW_EVENT_NO_PROGRESS:
		tern_slots_kick(tdev); /* the fault record is on its way, and says the same */
		return true;
	default:
		return true;
	}
}

/**
 * tern_ipc_receive() - Take all messages that are there
 * @tdev: Device
 *
 * Those that the ring had when it was called: others come with an interrupt of their own, and
 * firmware that never ends must not keep this processor. Allocates nothing and waits for nothing:
 * the interrupt thread calls it.
 */
void tern_ipc_receive(struct tern_device *tdev)
{
	struct tern_ipc *ipc = &tdev->ipc;
	enum tern_ring_result result = TERN_RING_EMPTY;
	struct tern_message message;
	bool good = true, full = false;
	unsigned int left = TERN_TO_HOST_COUNT;
	unsigned long flags;

	spin_lock_irqsave(&ipc->lock, flags);
	while (!ipc->error && good && left--) {
		result = tern_ring_next(ipc->to_host, TERN_TO_HOST_COUNT, ipc->read, &message);
		if (result != TERN_RING_MESSAGE)
			break;
		full |= tern_ring_full(le32_to_cpu(READ_ONCE(ipc->to_host->write)), ipc->read,
				       TERN_TO_HOST_COUNT);
		mb(); /* the copy before the index that gives its place away */
		WRITE_ONCE(ipc->to_host->read, cpu_to_le32(++ipc->read));
		good = handle(tdev, &message);
	}
	/* The firmware keeps messages back while the ring is full, until it is told. */
	if (full && !ipc->error)
		tern_write(tdev, TERN_FW_REG_HOST_KICK, 1);
	if (result == TERN_RING_BROKEN || !good)
		broken(tdev);
	spin_unlock_irqrestore(&ipc->lock, flags);
}

/**
 * tern_ipc_open() - The firmware is up
 * @tdev: Device
 * @to_fw: Ring to the firmware, zeroed before it booted
 * @to_host: Ring from it
 */
void tern_ipc_open(struct tern_device *tdev, struct tern_fw_ring *to_fw,
		   struct tern_fw_ring *to_host)
{
	struct tern_ipc *ipc = &tdev->ipc;
	unsigned long flags;

	spin_lock_irqsave(&ipc->lock, flags);
	ipc->to_fw = to_fw;
	ipc->to_host = to_host;
	ipc->write = 0;
	ipc->answered = 0;
	ipc->read = 0;
	ipc->error = 0;
	spin_unlock_irqrestore(&ipc->lock, flags);
}

/**
 * tern_ipc_close() - The firmware is no more: nobody need wait for a reply
 * @tdev: Device
 */
void tern_ipc_close(struct tern_device *tdev)
{
	struct tern_ipc *ipc = &tdev->ipc;
	unsigned long flags;

	spin_lock_irqsave(&ipc->lock, flags);
	end_calls(ipc, -ENODEV);
	spin_unlock_irqrestore(&ipc->lock, flags);
}

/**
 * tern_ipc_init() - Before anything else of this file
 * @tdev: Device
 */
void tern_ipc_init(struct tern_device *tdev)
{
	spin_lock_init(&tdev->ipc.lock);
	tdev->ipc.error = -ENODEV;
}
