/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CLOCK, by which the firmware times everything it waits for. The model takes the host's time for
 * what hardware does in a bounded number of cycles, and on a loaded host for nothing at all; were
 * that counted, firmware would reset engines and the watchdog firmware that have done no wrong.
 * So each part of the model that works holds the clock back to what it could have seen of it:
 *
 *   at work    as far as it has got of the host's processors since it began
 *   asleep     up to what it sleeps for, and no further before it has woken
 *   leaving    not at all: draining is a matter of cycles, and no less bounded for being emulated
 *
 * What is hung is not at work: for that, time goes on. TIMESTAMP always does.
 */
#ifndef DEVICE_CLOCK_H
#define DEVICE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

enum clock_part { CLOCK_ENGINE, CLOCK_MCU, CLOCK_PARTS };

enum clock_hold { CLOCK_FREE, CLOCK_AT_WORK, CLOCK_ASLEEP, CLOCK_LEAVING };

struct clock {
	pthread_mutex_t lock;
	uint64_t now, host; /* CLOCK, and CLOCK_MONOTONIC when it was that; nanoseconds */
	struct {
		clockid_t cpu;
		enum clock_hold hold;
		uint64_t limit; /* as far as CLOCK may go, ... */
		uint64_t since; /* ... and when at work, what its thread gets beyond this */
	} part[CLOCK_PARTS];
};

uint64_t clock_host(void); /* CLOCK_MONOTONIC */

void clock_start(struct clock *c);
/* Whose processor time it is. */
void clock_of(struct clock *c, enum clock_part part, pthread_t thread);
uint64_t clock_now(struct clock *c);

void clock_free(struct clock *c, enum clock_part part);
void clock_work(struct clock *c, enum clock_part part);
void clock_leave(struct clock *c, enum clock_part part);
/* Until CLOCK is `when`, or clock_rouse() that it works again. */
void clock_sleep(struct clock *c, enum clock_part part, uint64_t when);
void clock_rouse(struct clock *c, enum clock_part part);

#endif
