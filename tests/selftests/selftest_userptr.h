/* SPDX-License-Identifier: MIT */
/* Buffers of memory that the process has. */
#ifndef SELFTEST_USERPTR_H
#define SELFTEST_USERPTR_H

#include "selftest.h"

#define USER_VA 0x10000000ull

int try_user(int fd, const void *address, uint64_t size, uint32_t flags, uint32_t *handle);
void *anonymous(uint64_t size, int access);
/* A job writes 7 where the first word at USER_VA says. */
void run_writer(struct context *c);

#endif /* SELFTEST_USERPTR_H */
