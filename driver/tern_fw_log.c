// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the firmware's streams, which it overwrites while we look. Pure: also compiled in
 * user space.
 */
#include "tern_fw_log.h"

#ifdef __KERNEL__
#include <asm/barrier.h>
#else
#define dma_rmb() __sync_synchronize()
#endif

static __u32 seq_of(const void *record)
{
	return le32_to_cpu(READ_ONCE(*(const __le32 *)record));
}

/* Of what was not seen at most the last @count records are still there. */
static void skip_overwritten(struct tern_stream_reader *reader, __u32 write, __u32 count)
{
	__u32 behind = write - reader->next;

	if (behind <= count)
		return;
	reader->lost += behind - count;
	reader->next = write - count;
}

/**
 * tern_stream_next() - Take the next whole record
 * @stream: In memory that the firmware writes
 * @count: Records it holds, a power of two
 * @bytes: Of one
 * @reader: How far we are
 * @record: Copy of it; its first field, seq, is right
 *
 * Return: false if there is none
 */
bool tern_stream_next(const struct tern_fw_stream *stream, __u32 count, __u32 bytes,
		      struct tern_stream_reader *reader, void *record)
{
	__u32 write = le32_to_cpu(READ_ONCE(stream->write));

	dma_rmb(); /* `write` before the records */
	skip_overwritten(reader, write, count);
	while (reader->next != write) {
		__u32 want = reader->next + 1;
		const void *at = (const char *)(stream + 1) +
				 (size_t)(reader->next & (count - 1)) * bytes;
		bool before = seq_of(at) == want;

		dma_rmb(); /* seq before the rest */
		memcpy(record, at, bytes);
		dma_rmb(); /* and the rest before seq */
		reader->next++;
		if (before && seq_of(at) == want)
			return true;
		reader->lost++;
	}
	return false;
}

/**
 * tern_text_clean() - Copy text that somebody else wrote so that it can be printed
 * @out: Zero-terminated copy
 * @room: Bytes there, not 0
 * @text: Text, which may be anything
 * @bytes: Its longest length; it also ends at a zero byte
 *
 * Return: length of the copy
 */
unsigned int tern_text_clean(char *out, unsigned int room, const char *text, unsigned int bytes)
{
	unsigned int i;

	for (i = 0; i < bytes && i + 1 < room && text[i]; i++)
		out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	out[i] = 0;
	return i;
}
