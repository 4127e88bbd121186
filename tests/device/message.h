/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes and files over a stream socket. */
#ifndef DEVICE_MESSAGE_H
#define DEVICE_MESSAGE_H

#include <stddef.h>

#define MESSAGE_MAX_FDS 8

struct message_fds {
	int fd[MESSAGE_MAX_FDS]; /* -1: somebody has kept it */
	unsigned int n;
};

/* All of len bytes: 1; the other side is gone: 0; or -errno. Files that come are added. */
int message_receive(int socket, void *data, size_t len, struct message_fds *fds);
int message_send(int socket, const void *data, size_t len); /* 0 or -errno */
void message_close(struct message_fds *fds);

#endif
