// SPDX-License-Identifier: GPL-2.0
#include "pcidev.h"

#include <linux/virtio_pcidev.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define MAX_ACCESS (1u << 20)
/* Answers to writes that a forgetful guest is left with: less than its queue has room for. */
#define MANY_ANSWERS 64

/* ---- commands ---------------------------------------------------------------------------------- */
static size_t read_from(struct pcidev *p, const struct virtio_pcidev_msg *msg,
			const struct virtqueue_chain *c)
{
	unsigned char *data = malloc(msg->size);
	size_t n;

	if (!data)
		return 0;
	if (msg->op == VIRTIO_PCIDEV_OP_CFG_READ)
		pci_read(p->m, (uint32_t)msg->addr, data, msg->size);
	else
		bar_read(p->m, msg->bar, msg->addr, data, msg->size);
	n = virtqueue_write(c, data, msg->size);
	free(data);
	return n;
}

static void write_to(struct pcidev *p, const struct virtio_pcidev_msg *msg,
		     const struct virtqueue_chain *c)
{
	unsigned char *data = calloc(1, msg->size);
	size_t want = msg->op == VIRTIO_PCIDEV_OP_MMIO_MEMSET ? 1 : msg->size;

	if (data && virtqueue_read(c, sizeof(*msg), data, want) == want) {
		if (msg->op == VIRTIO_PCIDEV_OP_MMIO_MEMSET)
			memset(data, data[0], msg->size);
		if (msg->op == VIRTIO_PCIDEV_OP_CFG_WRITE)
			pci_write(p->m, (uint32_t)msg->addr, data, msg->size);
		else
			bar_write(p->m, msg->bar, msg->addr, data, msg->size);
	}
	free(data);
}

static size_t execute(struct pcidev *p, const struct virtqueue_chain *c)
{
	struct virtio_pcidev_msg msg;

	if (virtqueue_read(c, 0, &msg, sizeof(msg)) < sizeof(msg) || !msg.size ||
	    msg.size > MAX_ACCESS || msg.addr > UINT32_MAX)
		return 0;
	switch (msg.op) {
	case VIRTIO_PCIDEV_OP_CFG_READ:
	case VIRTIO_PCIDEV_OP_MMIO_READ:
		return read_from(p, &msg, c);
	case VIRTIO_PCIDEV_OP_CFG_WRITE:
	case VIRTIO_PCIDEV_OP_MMIO_WRITE:
	case VIRTIO_PCIDEV_OP_MMIO_MEMSET:
		write_to(p, &msg, c);
		return 0;
	default:
		return 0;
	}
}

/*
 * Without telling anybody. Whoever wants an answer polls for it, and takes the buffers of those
 * who do not; he that finds none free polls, too. An interrupt between his handing over a request
 * and his marking that he waits would take the answer itself, and he would wait for ever:
 * virtio_pcidev_send_cmd().
 *
 * A forgetful guest (6.12) loses what it writes when the queue is full of answers to earlier
 * writes, so it is told of many: while it waits for its kick to be taken, with interrupts off.
 */
void pcidev_commands(struct pcidev *p)
{
	struct virtqueue *q = &p->queue[PCIDEV_COMMANDS];
	struct virtqueue_chain c;

	while (virtqueue_take(q, &c)) {
		size_t written = execute(p, &c);

		virtqueue_give(q, &c, written);
		p->answers = written ? 0 : p->answers + 1;
	}
	if (p->forgetful && p->answers >= MANY_ANSWERS) {
		p->answers = 0;
		virtqueue_notify(q);
	}
}

/* ---- interrupts ----------------------------------------------------------------------------------- */
/* The 32-bit write that a bus would carry. */
static size_t msi(struct pcidev *p, unsigned int vector, const struct virtqueue_chain *c)
{
	struct {
		struct virtio_pcidev_msg head;
		uint32_t data;
	} msg = {.head = {.op = VIRTIO_PCIDEV_OP_MSI, .size = sizeof(msg.data)}};
	uint64_t address;

	msg.data = irq_message(p->m, vector, &address);
	msg.head.addr = address;
	return virtqueue_write(c, &msg, sizeof(msg));
}

static void send_pending(struct pcidev *p)
{
	struct virtqueue *q = &p->queue[PCIDEV_INTERRUPTS];
	struct virtqueue_chain c;
	bool sent = false;

	while (p->pending && virtqueue_take(q, &c)) {
		unsigned int vector = (unsigned int)__builtin_ctz(p->pending);

		p->pending &= p->pending - 1;
		virtqueue_give(q, &c, msi(p, vector, &c));
		sent = true;
	}
	if (sent)
		virtqueue_notify(q);
}

void pcidev_interrupts(struct pcidev *p)
{
	pthread_mutex_lock(&p->lock);
	send_pending(p);
	pthread_mutex_unlock(&p->lock);
}

void pcidev_raise(void *pcidev, unsigned int vector)
{
	struct pcidev *p = pcidev;

	pthread_mutex_lock(&p->lock);
	p->pending |= 1u << vector;
	send_pending(p);
	pthread_mutex_unlock(&p->lock);
}
