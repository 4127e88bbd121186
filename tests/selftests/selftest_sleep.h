/* SPDX-License-Identifier: MIT */
#ifndef SELFTEST_SLEEP_H
#define SELFTEST_SLEEP_H

#include "selftest.h"

/*
 * The system's devices sleep for so many seconds and wake again: 0, or a negative errno if one
 * did not want to. Where it cannot be tried the test is skipped.
 */
int system_sleeps(const char *seconds);

#endif /* SELFTEST_SLEEP_H */
