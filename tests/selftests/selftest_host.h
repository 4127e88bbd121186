/* SPDX-License-Identifier: MIT */
/*
 * What a test asks of whoever runs its guest: the test prints "# host: COMMAND", the other side
 * gives COMMAND to the device's control socket and answers by a line through the terminal. By
 * hand, in `tests/vm/run --shell`: type "ok" and Enter when it is done.
 */
#ifndef SELFTEST_HOST_H
#define SELFTEST_HOST_H

#include "selftest.h"

/* Returns when it is done; a test where nobody answers is skipped. */
void host_ask(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and what came behind the "ok". */
void host_tell(const char *command, char *answer, size_t size);

/* A line of the kernel's log, so that what the driver says can be told apart by test. */
void log_mark(const char *text);

/* Runs tests like RUN, each after such a mark. */
int run_marked(const char *program, const struct test *tests, size_t count);
#define RUN_MARKED(program, tests) run_marked(program, tests, ARRAY_SIZE(tests))

void module_param(const char *name, const char *value);
void write_file(const char *path, const char *text);
int try_write_file(const char *path, const char *text); /* 0 or -errno */

#endif /* SELFTEST_HOST_H */
