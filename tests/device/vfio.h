/* SPDX-License-Identifier: GPL-2.0 */
/* The vfio-user door: QEMU's device is on the other side of a socket. */
#ifndef DEVICE_VFIO_H
#define DEVICE_VFIO_H

struct model;

/* Serves one client on a connected socket until it goes; 0, or -errno. */
int vfio_serve(struct model *m, int fd);

#endif
