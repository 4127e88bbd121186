/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DEVICE_SOCKET_H
#define DEVICE_SOCKET_H

int socket_listen(const char *path); /* fd or -errno; replaces a socket of that name */

#endif
