/* SPDX-License-Identifier: MIT */
/* User-owned queues: a ring in a page of its own, and its doorbell if one can be mapped. */
#ifndef SELFTEST_USER_H
#define SELFTEST_USER_H

#include "selftest.h"

#define USER_JOBS 8u /* entries of the ring */

struct user {
	int fd;
	uint32_t queue;
	struct buffer memory;
	struct tern_ring *ring;
	volatile uint32_t *doorbell;
	uint64_t written;
};

void need_user_queues(int fd); /* or skips the test */
void user_open_as(const struct context *context, struct user *user, uint64_t ring_va,
		  uint32_t priority);
void user_destroy(struct user *user);
void user_unmap(struct user *user); /* mapped doorbells keep a file open */
void user_put(struct user *user, uint64_t image, uint64_t args);
void user_ring(struct user *user);
int user_kick(struct user *user);
int user_wait(struct user *user, uint64_t jobs, int64_t milliseconds);

/* Of all queues of its file from now on; no other may have jobs. */
void user_trace(const struct user *user);
/* However often its turn was over: it was given no slot in vain. All its jobs have ended. */
void user_ran_in_each_slot(const struct user *user);

#endif /* SELFTEST_USER_H */
