/* SPDX-License-Identifier: GPL-2.0 */
/* A device and its host's side, anew for each test. Included once by each program. */
#ifndef DEVICE_GATES_HOST_H
#define DEVICE_GATES_HOST_H

#include <check.h>

#include "gates.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct host h;

static void setup(void)
{
	host_open(&h, &(struct host_options){.bytes = 16u << 20});
}

static void teardown(void)
{
	ck_assert_int_eq(host_close(&h), 0);
}

#endif
