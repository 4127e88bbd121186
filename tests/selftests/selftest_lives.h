/* SPDX-License-Identifier: MIT */
/*
 * Short lives of programs that use the device, each a process. Where the device lies anything may
 * fail in them: they end at the first error. What they must not do is never end, or wait for a
 * fence that does not signal.
 */
#ifndef SELFTEST_LIVES_H
#define SELFTEST_LIVES_H

#include "selftest.h"

#define LIFE_UNSIGNALLED 77 /* exit status: a fence did not signal */
/* The longest a fence may take, whatever device and firmware do: the watchdog's patience by the
 * wall with a job, and once more for each reset on the way. */
#define LIFE_PATIENCE_MS 240000

extern void (*const lives[])(void);
extern const unsigned int nlives;

#endif /* SELFTEST_LIVES_H */
