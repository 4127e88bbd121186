// SPDX-License-Identifier: GPL-2.0
/*
 * The vfio-user door. One thread reads message after message and answers in order; nothing
 * here waits for the client. What a client sends is checked: a length that does not fit its
 * command is an error reply, a broken header ends the connection.
 */
#include "vfio.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "model.h"
#include "vfio_user.h"

#define VERSION_TEXT                                                           \
	"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576," \
	"\"pgsizes\":4096,\"max_dma_maps\":65535}}"

struct vfio {
	struct model *m;
	int fd;
	pthread_mutex_t lock; /* of eventfd[] */
	int eventfd[TERN_MAX_VECTORS];

	/* The message in hand. */
	struct vfio_user_header head;
	unsigned char *in;
	struct {
		struct vfio_user_header head;
		unsigned char data[];
	} * out;
	size_t in_bytes, out_bytes;
	struct message_fds fds;
};

/* ---- interrupts --------------------------------------------------------------------------------- */
static void interrupt(void *ctx, unsigned int vector)
{
	struct vfio *v = ctx;
	uint64_t one = 1;
	int fd;

	pthread_mutex_lock(&v->lock);
	fd = v->eventfd[vector];
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		perror("tern-device: eventfd");
	pthread_mutex_unlock(&v->lock);
}

static uint32_t vectors(void *ctx)
{
	struct vfio *v = ctx;
	uint32_t n = TERN_MAX_VECTORS;

	pthread_mutex_lock(&v->lock);
	while (n > 1 && v->eventfd[n - 1] < 0)
		n--;
	pthread_mutex_unlock(&v->lock);
	return n;
}

static void set_vector(struct vfio *v, unsigned int vector, int fd)
{
	pthread_mutex_lock(&v->lock);
	if (v->eventfd[vector] >= 0)
		close(v->eventfd[vector]);
	v->eventfd[vector] = fd;
	pthread_mutex_unlock(&v->lock);
}

/* ---- commands: 0 or -errno; the reply is in v->out ------------------------------------------------ */
static void *want(struct vfio *v, size_t bytes)
{
	return v->in_bytes >= bytes ? v->in : NULL;
}

static void *reply(struct vfio *v, size_t bytes)
{
	v->out_bytes = bytes;
	memset(v->out->data, 0, bytes);
	return v->out->data;
}

static int version(struct vfio *v)
{
	const uint16_t *theirs = want(v, 4);
	uint16_t *ours;

	if (!theirs || theirs[0] != 0)
		return -EINVAL;
	ours = reply(v, 4 + sizeof(VERSION_TEXT));
	ours[0] = 0;
	ours[1] = theirs[1] < 1 ? theirs[1] : 1;
	memcpy(ours + 2, VERSION_TEXT, sizeof(VERSION_TEXT));
	return 0;
}

static int dma_map(struct vfio *v)
{
	const struct vfio_user_dma_map *a = want(v, sizeof(*a));

	if (!a)
		return -EINVAL;
	return memory_map(&v->m->memory, a->address, a->size, v->fds.n ? v->fds.fd[0] : -1,
			  a->offset, a->flags & 2);
}

static int dma_unmap(struct vfio *v)
{
	struct vfio_user_dma_unmap *a = want(v, sizeof(*a)), *r;

	if (!a)
		return -EINVAL;
	if (a->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		model_unmap(v->m, 0, 0);
	else
		model_unmap(v->m, a->address, a->size);
	r = reply(v, sizeof(*r));
	*r = *a;
	return 0;
}

static int get_info(struct vfio *v)
{
	struct vfio_device_info *r = reply(v, offsetof(struct vfio_device_info, cap_offset));

	r->argsz = (uint32_t)v->out_bytes;
	r->flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	r->num_regions = VFIO_PCI_NUM_REGIONS;
	r->num_irqs = VFIO_PCI_NUM_IRQS;
	return 0;
}

static uint64_t region_size(const struct model *m, uint32_t region)
{
	if (region == VFIO_PCI_CONFIG_REGION_INDEX)
		return PCI_CONFIG_SIZE;
	return region <= VFIO_PCI_BAR5_REGION_INDEX ? pci_bar_size(m, region) : 0;
}

static int region_info(struct vfio *v)
{
	const struct vfio_region_info *a = want(v, sizeof(*a));
	struct vfio_region_info *r;
	uint32_t index;

	if (!a || a->index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	index = a->index;
	r = reply(v, sizeof(*r));
	r->argsz = sizeof(*r);
	r->index = index;
	r->size = region_size(v->m, index);
	r->flags = r->size ? VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE : 0;
	return 0;
}

static int irq_info(struct vfio *v)
{
	const struct vfio_irq_info *a = want(v, sizeof(*a));
	struct vfio_irq_info *r;
	uint32_t index;

	if (!a || a->index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	index = a->index;
	r = reply(v, sizeof(*r));
	r->argsz = sizeof(*r);
	r->index = index;
	r->count = index == VFIO_PCI_MSIX_IRQ_INDEX ? TERN_MAX_VECTORS : 0;
	r->flags = r->count ? VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE : 0;
	return 0;
}

static int set_irqs(struct vfio *v)
{
	const struct vfio_irq_set *a = want(v, sizeof(*a));
	bool fds;

	if (!a || a->index != VFIO_PCI_MSIX_IRQ_INDEX || a->start > TERN_MAX_VECTORS ||
	    a->count > TERN_MAX_VECTORS - a->start)
		return a && !a->count ? 0 : -EINVAL;
	if ((a->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK) != VFIO_IRQ_SET_ACTION_TRIGGER)
		return 0; /* the client masks by itself */
	if (!a->count) {
		for (unsigned int i = 0; i < TERN_MAX_VECTORS; i++)
			set_vector(v, i, -1);
		return 0;
	}
	fds = a->flags & VFIO_IRQ_SET_DATA_EVENTFD;
	for (unsigned int i = 0; i < a->count; i++) {
		int fd = fds && i < v->fds.n ? v->fds.fd[i] : -1;

		set_vector(v, a->start + i, fd);
		if (fd >= 0)
			v->fds.fd[i] = -1; /* kept */
	}
	irq_unmask(v->m);
	return 0;
}

static int region_read(struct vfio *v)
{
	const struct vfio_user_region_access *a = want(v, sizeof(*a));
	struct vfio_user_region_access ask, *r;

	if (!a || a->count > VFIO_USER_MAX_DATA || a->region >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	ask = *a;
	r = reply(v, sizeof(*r) + ask.count);
	*r = ask;
	if (ask.region == VFIO_PCI_CONFIG_REGION_INDEX)
		pci_read(v->m,
			 ask.offset < PCI_CONFIG_SIZE ? (uint32_t)ask.offset : PCI_CONFIG_SIZE,
			 r + 1, ask.count);
	else
		bar_read(v->m, ask.region, ask.offset, r + 1, ask.count);
	return 0;
}

static int region_write(struct vfio *v)
{
	const struct vfio_user_region_access *a = want(v, sizeof(*a));
	struct vfio_user_region_access *r;

	if (!a || a->region >= VFIO_PCI_NUM_REGIONS || a->count > v->in_bytes - sizeof(*a))
		return -EINVAL;
	if (a->region == VFIO_PCI_CONFIG_REGION_INDEX)
		pci_write(v->m, a->offset < PCI_CONFIG_SIZE ? (uint32_t)a->offset : PCI_CONFIG_SIZE,
			  a + 1, a->count);
	else
		bar_write(v->m, a->region, a->offset, a + 1, a->count);
	r = reply(v, sizeof(*r));
	*r = *a;
	return 0;
}

static int device_reset(struct vfio *v)
{
	pci_reset(v->m);
	return 0;
}

static int unsupported(struct vfio *v)
{
	(void)v;
	return -EOPNOTSUPP;
}

static int (*const commands[VFIO_USER_COMMANDS])(struct vfio *) = {
	[0] = unsupported,
	[VFIO_USER_VERSION] = version,
	[VFIO_USER_DMA_MAP] = dma_map,
	[VFIO_USER_DMA_UNMAP] = dma_unmap,
	[VFIO_USER_GET_INFO] = get_info,
	[VFIO_USER_GET_REGION_INFO] = region_info,
	[VFIO_USER_GET_REGION_IO_FDS] = unsupported,
	[VFIO_USER_GET_IRQ_INFO] = irq_info,
	[VFIO_USER_SET_IRQS] = set_irqs,
	[VFIO_USER_REGION_READ] = region_read,
	[VFIO_USER_REGION_WRITE] = region_write,
	[VFIO_USER_DMA_READ] = unsupported,
	[VFIO_USER_DMA_WRITE] = unsupported,
	[VFIO_USER_DEVICE_RESET] = device_reset,
};

/* ---- messages --------------------------------------------------------------------------------------- */
static int answer(struct vfio *v, int err)
{
	struct vfio_user_header *h = &v->out->head;

	*h = (struct vfio_user_header){
		.id = v->head.id,
		.command = v->head.command,
		.size = (uint32_t)(sizeof(*h) + (err ? 0 : v->out_bytes)),
		.flags = VFIO_USER_REPLY | (err ? VFIO_USER_ERROR : 0),
		.error = (uint32_t)-err,
	};
	return message_send(v->fd, v->out, h->size);
}

/* 1: served, 0: the client is gone, -errno */
static int serve_one(struct vfio *v)
{
	int rc = message_receive(v->fd, &v->head, sizeof(v->head), &v->fds), err;

	if (rc <= 0)
		return rc;
	v->in_bytes = v->head.size - sizeof(v->head);
	if (v->head.size < sizeof(v->head) || v->in_bytes > VFIO_USER_MAX_DATA + 64)
		return -EPROTO;
	rc = v->in_bytes ? message_receive(v->fd, v->in, v->in_bytes, &v->fds) : 1;
	if (rc <= 0)
		return rc;
	v->out_bytes = 0;
	err = v->head.command < VFIO_USER_COMMANDS ? commands[v->head.command](v) : -EOPNOTSUPP;
	message_close(&v->fds);
	if (v->head.flags & VFIO_USER_NO_REPLY)
		return 1;
	err = answer(v, err);
	return err == -EPIPE || err == -ECONNRESET ? 0 : err ? err : 1;
}

int vfio_serve(struct model *m, int fd)
{
	struct vfio v = {.m = m, .fd = fd};
	int rc;

	v.in = malloc(VFIO_USER_MAX_DATA + 64);
	v.out = malloc(VFIO_USER_MAX_DATA + 64);
	pthread_mutex_init(&v.lock, NULL);
	for (unsigned int i = 0; i < TERN_MAX_VECTORS; i++)
		v.eventfd[i] = -1;
	if (v.in && v.out) {
		m->door = (struct door){interrupt, vectors, &v};
		do
			rc = serve_one(&v);
		while (rc > 0);
		irq_close_door(m);
	} else {
		rc = -ENOMEM;
	}
	for (unsigned int i = 0; i < TERN_MAX_VECTORS; i++)
		set_vector(&v, i, -1);
	free(v.in);
	free(v.out);
	return rc;
}
