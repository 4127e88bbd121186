/* SPDX-License-Identifier: GPL-2.0 */
/* The device's side of a split virtqueue, virtio 1.2 section 2.7. */
#ifndef DEVICE_VIRTQUEUE_H
#define DEVICE_VIRTQUEUE_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory;

#define VIRTQUEUE_MAX 1024u /* descriptors */

struct virtqueue {
	struct memory *memory; /* where descriptors point */
	uint32_t num;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next; /* of avail */
	bool enabled;
	int kick, call;		/* files, or -1 */
	unsigned char said[24]; /* what is written to call: of these bytes so many */
	uint32_t nsaid;
};

/* A request: what the driver says, and where the answer goes. */
struct virtqueue_chain {
	uint16_t head;
	struct {
		const unsigned char *data;
		size_t len;
	} out_part[4];
	struct {
		unsigned char *data;
		size_t len;
	} in_part[4];
	unsigned int nout, nin;
};

bool virtqueue_ready(const struct virtqueue *q);
/* The next request; false: none. A chain that makes no sense is answered with nothing. */
bool virtqueue_take(struct virtqueue *q, struct virtqueue_chain *c);
/* Bytes of what was said, from `offset` on; how many there were. */
size_t virtqueue_read(const struct virtqueue_chain *c, size_t offset, void *data, size_t len);
size_t virtqueue_write(const struct virtqueue_chain *c, const void *data, size_t len);
void virtqueue_give(struct virtqueue *q, const struct virtqueue_chain *c, size_t written);
void virtqueue_notify(struct virtqueue *q); /* tell the driver, unless it does not care */

#endif
