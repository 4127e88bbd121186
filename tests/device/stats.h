/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DEVICE_STATS_H
#define DEVICE_STATS_H

#include <stdio.h>

struct model;

/* What the device has done, a line per number: "name value". */
void stats_print(struct model *m, FILE *out);

#endif
