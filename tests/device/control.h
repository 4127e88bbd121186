/* SPDX-License-Identifier: GPL-2.0 */
/* The control socket: lines of text, each answered by a line. For tests. */
#ifndef DEVICE_CONTROL_H
#define DEVICE_CONTROL_H

struct model;

/* Serves `path` from a thread of its own until the process ends. 0 or -errno. */
int control_start(struct model *m, const char *path);

#endif
