// SPDX-License-Identifier: MIT
#include "lib/clock.h"

#define LOOK_EVERY_NS 5000000

bool tern_lock_unless(pthread_mutex_t *lock, const volatile int *stop)
{
	struct timespec until;

	if (!pthread_mutex_trylock(lock))
		return true;
	for (;;) {
		if (tern_stopped(stop))
			return false;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LOOK_EVERY_NS;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		if (!pthread_mutex_timedlock(lock, &until))
			return true;
	}
}
