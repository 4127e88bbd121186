/* SPDX-License-Identifier: GPL-2.0 */
/* The vhost-user door: a User Mode Linux guest is on the other side of a socket. */
#ifndef DEVICE_VHOST_H
#define DEVICE_VHOST_H

struct model;

/* Serves one client on a connected socket until it goes; 0, or -errno. */
int vhost_serve(struct model *m, int fd);
/*
 * The same for a guest of Linux 6.12: it kicks and is called by messages, and waits until a kick
 * has been served. In the other way it asks for the timer's interrupt, and gets none.
 */
int vhost_serve_in_band(struct model *m, int fd);

#endif
