// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the message ring of a firmware that may lie. Pure: also compiled in user
 * space.
 *
 * The other side may change the ring at any moment, so each message is copied once and
 * only the copy is looked at.
 */
#include "tern_ring.h"

#ifdef __KERNEL__
#include <asm/barrier.h>
#define acquire_message() dma_rmb()
#else
#define acquire_message() __sync_synchronize()
#endif

/* Which events there are and which of them name a slot, from the table of fw.h. */
static bool event_known(__u16 type, bool *names_slot)
{
	static const __u8 events[] = {
#define X(name, code, slot, text) [code] = 1 + (slot),
		TERN_FW_EVENTS(X)
#undef X
	};

	if (type >= sizeof(events) || !events[type])
		return false;
	*names_slot = events[type] == 2;
	return true;
}

static bool status_known(__u16 status)
{
	switch (status) {
#define X(name, code, text) case TERN_FW_STATUS_##name:
	TERN_FW_STATUSES(X)
#undef X
		return true;
	default:
		return false;
	}
}

static bool message_valid(const struct tern_message *message)
{
	bool names_slot;

	if (!event_known(message->type, &names_slot))
		return false;
	if (message->slot >= TERN_NSLOTS)
		return false;
	if (message->type == TERN_FW_EVENT_REPLY)
		return status_known(message->status);
	return !message->status && !message->reply_to && (names_slot || !message->slot);
}

static void copy_in(struct tern_message *out, const struct tern_fw_message *in)
{
	int i;

	out->type = le16_to_cpu(in->type);
	out->status = le16_to_cpu(in->status);
	out->slot = le32_to_cpu(in->slot);
	out->reply_to = le32_to_cpu(in->reply_to);
	for (i = 0; i < 6; i++)
		out->arg[i] = le64_to_cpu(in->arg[i]);
}

/**
 * tern_ring_next() - Take the next message
 * @ring: In memory that the firmware writes
 * @count: Messages it holds, a power of two; ours, not read from @ring
 * @read: Index of the message
 * @out: The message, if there is one
 *
 * The caller counts @read and then tells the firmware.
 *
 * Return: enum tern_ring_result
 */
enum tern_ring_result tern_ring_next(const struct tern_fw_ring *ring, __u32 count, __u32 read,
				     struct tern_message *out)
{
	struct tern_fw_message copy;
	__u32 write = le32_to_cpu(READ_ONCE(ring->write));

	if (write == read)
		return TERN_RING_EMPTY;
	if (write - read > count)
		return TERN_RING_BROKEN;
	acquire_message();
	memcpy(&copy, &ring->message[read & (count - 1)], sizeof(copy));
	if (le32_to_cpu(copy.seq) != read)
		return TERN_RING_BROKEN;
	copy_in(out, &copy);
	return message_valid(out) ? TERN_RING_MESSAGE : TERN_RING_BROKEN;
}

/**
 * tern_ring_read_valid() - May the other side's read index be believed?
 * @write: Our index
 * @read: What the other side says it has read
 * @count: Messages the ring holds
 *
 * Return: true if so
 */
bool tern_ring_read_valid(__u32 write, __u32 read, __u32 count)
{
	return write - read <= count;
}

/**
 * tern_ring_full() - Is there no room for another message?
 * @write: Our index
 * @read: The other side's, validated
 * @count: Messages the ring holds
 *
 * Return: true if so
 */
bool tern_ring_full(__u32 write, __u32 read, __u32 count)
{
	return write - read >= count;
}
