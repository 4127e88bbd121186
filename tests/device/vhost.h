/* SPDX-License-Identifier: GPL-2.0 */
/* The vhost-user door: a User Mode Linux guest is on the other side of a socket. */
#ifndef DEVICE_VHOST_H
#define DEVICE_VHOST_H

struct model;

/* Serves one client on a connected socket until it goes; 0, or -errno. */
int vhost_serve(struct model *m, int fd);

#endif
