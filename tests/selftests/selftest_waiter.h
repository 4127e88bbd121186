/* SPDX-License-Identifier: MIT */
/* A thread blocked in QUEUE_WAIT, while the test does what should end the wait. */
#ifndef SELFTEST_WAITER_H
#define SELFTEST_WAITER_H

#include <pthread.h>

#include "selftest.h"

struct waiter {
	int fd;
	struct drm_tern_queue_wait args;
	pthread_t thread;
	volatile pid_t id;
	volatile int result;
};

/* For ever, and sleeping when this returns. */
void waiter_start(struct waiter *waiter, int fd, const struct drm_tern_queue_wait *args);
void waiter_signal(struct waiter *waiter);
int waiter_result(struct waiter *waiter);

#endif /* SELFTEST_WAITER_H */
