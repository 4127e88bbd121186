// SPDX-License-Identifier: GPL-2.0
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void take_fds(struct message_fds *fds, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (fds->n < MESSAGE_MAX_FDS)
				fds->fd[fds->n++] = fd;
			else
				close(fd);
		}
	}
}

int message_receive(int socket, void *data, size_t len, struct message_fds *fds)
{
	char control[CMSG_SPACE(MESSAGE_MAX_FDS * sizeof(int))];
	size_t done = 0;

	while (done < len) {
		struct iovec io = {(char *)data + done, len - done};
		struct msghdr msg = {.msg_iov = &io,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno != ECONNRESET ? -errno : 0;
		take_fds(fds, &msg);
		done += (size_t)n;
	}
	return 1;
}

int message_send(int socket, const void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = send(socket, (const char *)data + done, len - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

void message_close(struct message_fds *fds)
{
	while (fds->n) {
		if (fds->fd[--fds->n] >= 0)
			close(fds->fd[fds->n]);
	}
}
