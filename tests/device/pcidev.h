/* SPDX-License-Identifier: GPL-2.0 */
/* What <linux/virtio_pcidev.h> says over two virtqueues: accesses one way, interrupts the
 * other. */
#ifndef DEVICE_PCIDEV_H
#define DEVICE_PCIDEV_H

#include <pthread.h>

#include "virtqueue.h"

struct model;

enum { PCIDEV_COMMANDS, PCIDEV_INTERRUPTS, PCIDEV_QUEUES };

struct pcidev {
	struct model *m;
	struct virtqueue queue[PCIDEV_QUEUES];
	pthread_mutex_t lock; /* of the interrupt queue and pending */
	uint32_t pending;     /* vectors that found no buffer */
	bool forgetful;	      /* the guest takes answers to writes only if told */
	uint32_t answers;     /* to writes, since it last took any */
};

void pcidev_commands(struct pcidev *p);		      /* all there are */
void pcidev_interrupts(struct pcidev *p);	      /* what is pending, into buffers there are */
void pcidev_raise(void *pcidev, unsigned int vector); /* struct door */

#endif
