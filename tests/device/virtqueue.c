// SPDX-License-Identifier: GPL-2.0
#include "virtqueue.h"

#include <string.h>
#include <unistd.h>

#include "memory.h"

bool virtqueue_ready(const struct virtqueue *q)
{
	return q->enabled && q->desc && q->avail && q->used;
}

/* ---- requests ---------------------------------------------------------------------------------- */
static bool add_part(struct virtqueue_chain *c, const struct vring_desc *d, unsigned char *host)
{
	if (d->flags & VRING_DESC_F_WRITE) {
		if (c->nin == 4)
			return false;
		c->in_part[c->nin].data = host;
		c->in_part[c->nin++].len = d->len;
	} else {
		if (c->nout == 4)
			return false;
		c->out_part[c->nout].data = host;
		c->out_part[c->nout++].len = d->len;
	}
	return true;
}

/* Follows the chain; false if it makes no sense. */
static bool walk(struct virtqueue *q, struct virtqueue_chain *c)
{
	uint32_t i = c->head;

	for (uint32_t steps = 0; steps < q->num; steps++) {
		struct vring_desc d;
		uint64_t len;
		unsigned char *host;

		if (i >= q->num)
			return false;
		d = q->desc[i];
		len = d.len;
		host = d.len ? memory_at(q->memory, d.addr, &len, d.flags & VRING_DESC_F_WRITE)
			     : NULL;
		if (d.flags & VRING_DESC_F_INDIRECT || len < d.len || (d.len && !host) ||
		    !add_part(c, &d, host))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		i = d.next;
	}
	return false;
}

bool virtqueue_take(struct virtqueue *q, struct virtqueue_chain *c)
{
	memset(c, 0, sizeof(*c));
	if (!virtqueue_ready(q) || __atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE) == q->next)
		return false;
	c->head = q->avail->ring[q->next++ & (q->num - 1)];
	if (!walk(q, c))
		c->nin = c->nout = 0;
	return true;
}

size_t virtqueue_read(const struct virtqueue_chain *c, size_t offset, void *data, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < c->nout && done < len; i++) {
		size_t have = c->out_part[i].len, n;

		if (offset >= have) {
			offset -= have;
			continue;
		}
		n = have - offset < len - done ? have - offset : len - done;
		memcpy((char *)data + done, c->out_part[i].data + offset, n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t virtqueue_write(const struct virtqueue_chain *c, const void *data, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < c->nin && done < len; i++) {
		size_t n = c->in_part[i].len < len - done ? c->in_part[i].len : len - done;

		memcpy(c->in_part[i].data, (const char *)data + done, n);
		done += n;
	}
	return done;
}

/* ---- answers ------------------------------------------------------------------------------------ */
void virtqueue_give(struct virtqueue *q, const struct virtqueue_chain *c, size_t written)
{
	uint16_t idx = q->used->idx;
	struct vring_used_elem *e = &q->used->ring[idx & (q->num - 1)];

	e->id = c->head;
	e->len = (uint32_t)written;
	__atomic_store_n(&q->used->idx, (uint16_t)(idx + 1), __ATOMIC_RELEASE);
}

void virtqueue_notify(struct virtqueue *q)
{
	/* The driver sets the flag, then looks at idx; we write idx, then look at the flag. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->call < 0 ||
	    __atomic_load_n(&q->avail->flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT)
		return;
	/* A full pipe has told him already. */
	if (write(q->call, q->said, q->nsaid) < 0)
		return;
}
