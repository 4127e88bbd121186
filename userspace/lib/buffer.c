// SPDX-License-Identifier: MIT
/* Buffers: memory that host and device share, allocated or wrapped. */
#include "lib/device.h"

#include <errno.h>
#include <stdlib.h>

static struct tern_buffer *buffer_new(struct tern_device *dev)
{
	struct tern_buffer *buf = calloc(1, sizeof(*buf));

	if (!buf)
		return NULL;
	atomic_init(&buf->refs, 1);
	buf->dev = tern_device_ref(dev);
	return buf;
}

/* Hands the buffer out, or drops it when `ret` says that its memory failed. */
static int buffer_done(struct tern_buffer *buf, int ret, struct tern_buffer **out)
{
	if (ret) {
		tern_device_unref(buf->dev);
		free(buf);
		return ret;
	}
	*out = buf;
	return 0;
}

int tern_buffer_create(struct tern_device *dev, uint64_t size, struct tern_buffer **out)
{
	struct tern_buffer *buf;

	if (!dev || !out)
		return tern_fail(-EINVAL, "tern_buffer_create: dev and out must not be NULL");
	*out = NULL;
	if (!size)
		return tern_fail(-EINVAL, "a buffer must have at least one byte");
	if (size >> 47)
		return tern_fail(-ENOMEM, "%llu bytes do not fit the device's 48-bit addresses",
				 (unsigned long long)size);
	buf = buffer_new(dev);
	if (!buf)
		return tern_fail(-ENOMEM, "no memory for a buffer");
	return buffer_done(buf, dev->transport->ops->alloc(dev->transport, size, &buf->mem), out);
}

int tern_buffer_wrap(struct tern_device *dev, void *mem, uint64_t size, unsigned int flags,
		     struct tern_buffer **out)
{
	struct tern_buffer *buf;

	if (!dev || !out)
		return tern_fail(-EINVAL, "tern_buffer_wrap: dev and out must not be NULL");
	*out = NULL;
	if (!mem || !size)
		return tern_fail(-EINVAL, "tern_buffer_wrap: there is no memory to wrap");
	if (flags & ~(unsigned int)TERN_WRAP_READ_ONLY)
		return tern_fail(-EINVAL, "tern_buffer_wrap: flags 0x%x hold an unknown one",
				 flags);
	if (size > UINTPTR_MAX - (uintptr_t)mem)
		return tern_fail(-EINVAL,
				 "tern_buffer_wrap: %llu bytes at %p pass the end of memory",
				 (unsigned long long)size, mem);
	buf = buffer_new(dev);
	if (!buf)
		return tern_fail(-ENOMEM, "no memory for a buffer");
	return buffer_done(buf,
			   dev->transport->ops->wrap(dev->transport, mem, size,
						     flags & TERN_WRAP_READ_ONLY, &buf->mem),
			   out);
}

struct tern_buffer *tern_buffer_ref(struct tern_buffer *buf)
{
	atomic_fetch_add_explicit(&buf->refs, 1, memory_order_relaxed);
	return buf;
}

void tern_buffer_unref(struct tern_buffer *buf)
{
	if (atomic_fetch_sub_explicit(&buf->refs, 1, memory_order_acq_rel) != 1)
		return;
	buf->dev->transport->ops->free(buf->dev->transport, &buf->mem);
	tern_device_unref(buf->dev);
	free(buf);
}

void tern_buffer_destroy(struct tern_buffer *buf)
{
	if (buf)
		tern_buffer_unref(buf);
}

void *tern_buffer_data(struct tern_buffer *buf)
{
	return buf ? buf->mem.host : NULL;
}

uint64_t tern_buffer_size(const struct tern_buffer *buf)
{
	return buf ? buf->mem.size : 0;
}
