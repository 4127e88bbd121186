/* SPDX-License-Identifier: MIT */
/*
 * Jobs that keep something alive in every engine until they are told to end. What they compute is
 * compared with the same sum done by the CPU, bit by bit: any loss of SPM, accumulators, registers,
 * call stack, semaphores or of a transfer shows.
 */
#ifndef SELFTEST_WORK_H
#define SELFTEST_WORK_H

#include "selftest.h"

#define WORK_JOBS 3 /* at a time, each with memory of its own */

struct work {
	struct context c; /* its file has a trace */
	struct buffer memory;
};

void work_open(struct work *work);
void work_close(struct work *work);
void work_set_up(const struct work *work, unsigned int job); /* again, after its end */
uint32_t work_queue(const struct work *work, uint32_t priority);

/* Its number in the queue. */
uint64_t work_start(const struct work *work, uint32_t queue, unsigned int job, uint32_t flags);
void work_await_begin(const struct work *work, unsigned int job);
bool work_has_begun(const struct work *work, unsigned int job);
void work_forget_begin(const struct work *work, unsigned int job);
/* How often the firmware has saved this queue's job since it was asked last. */
unsigned int work_saves(const struct work *work, uint32_t queue);
void work_stop(const struct work *work, unsigned int job);
/* Without an error, and with the right result. */
void work_await_end(const struct work *work, uint32_t queue, uint64_t number, unsigned int job);

#endif /* SELFTEST_WORK_H */
