/* SPDX-License-Identifier: MIT */
/* The driver is told to let go of the device, and to take it again. */
#ifndef SELFTEST_UNPLUG_H
#define SELFTEST_UNPLUG_H

#include "selftest.h"

/* First of all: which device and driver it is; skips the test if there is none. */
void find_device(void);
void tell_driver(const char *what); /* "bind", "unbind" */
void unbind_driver(void);	    /* no node is left */
void bind_driver(void);		    /* and it works as before */

#endif /* SELFTEST_UNPLUG_H */
