/* SPDX-License-Identifier: MIT */
/*
 * What is bound, noted in the device's log for tests/device/check-touched: before it is bound, and
 * after it is unbound. With each note the device forgets what it has logged, so that whatever
 * is still touched is logged again.
 */
#ifndef SELFTEST_NOTES_H
#define SELFTEST_NOTES_H

#include "selftest_host.h"

/* A context that context_open() has made, by a number of its own: it signs with a job. */
void note_context(struct context *context, unsigned int vm);
void noted_bind(struct context *context, unsigned int vm, uint64_t va, uint64_t offset,
		uint64_t size, uint32_t flags);
void noted_unbind(struct context *context, unsigned int vm, uint64_t va, uint64_t size);

#endif /* SELFTEST_NOTES_H */
