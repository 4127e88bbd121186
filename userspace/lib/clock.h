/* SPDX-License-Identifier: MIT */
/* Time, and waiting that ends when somebody says stop. */
#ifndef TERN_LIB_CLOCK_H
#define TERN_LIB_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* CLOCK_MONOTONIC: the clock of fences, statistics and traces. */
static inline uint64_t tern_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Stop flags are set from signal handlers and other threads. */
static inline bool tern_stopped(const volatile int *stop)
{
	return stop && __atomic_load_n(stop, __ATOMIC_RELAXED);
}

/* Take the lock; false: *stop became non-zero first (looked at every 5 ms, because a signal
 * handler can wake nobody). */
bool tern_lock_unless(pthread_mutex_t *lock, const volatile int *stop);

#endif
