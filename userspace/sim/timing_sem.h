/* SPDX-License-Identifier: MIT */
/* Semaphores over time: signals with the time they are given, taken by waits in order. For the
 * walk alone; inline, because every command passes here twice. */
#ifndef TERN_SIM_TIMING_SEM_H
#define TERN_SIM_TIMING_SEM_H

#include "sim/timing.h"

static inline void timing_signal(struct tern_timing *t, const struct tern_rsync *sync,
				 uint64_t time)
{
	struct semaphore *s = &t->sem[sync->sem & (TERN_NSEMS - 1)];

	if (!sync->n)
		return;
	if (s->count == s->cap && !timing_sem_grow(s)) {
		t->nomem = true;
		return;
	}
	s->ring[(s->head + s->count++) & (s->cap - 1)] = (struct signal){time, sync->n};
	s->available += sync->n;
	t->recheck |= s->wakes;
}

/* Take n from the oldest signals; returns when the last of them is given. */
static inline uint64_t timing_sem_take(struct semaphore *s, uint64_t n)
{
	uint64_t time = 0;

	s->available -= n;
	while (n) {
		struct signal *first = &s->ring[s->head];
		uint64_t part = first->n < n ? first->n : n;

		time = first->time;
		first->n -= part;
		n -= part;
		if (!first->n) {
			s->head = (s->head + 1) & (s->cap - 1);
			s->count--;
		}
	}
	return time;
}

/* If all signals that `wait` needs have known times, take them and tell when the last one is
 * given. */
static inline bool timing_wait(struct tern_timing *t, const struct tern_rsync wait[2],
			       uint64_t *time)
{
	struct semaphore *a = &t->sem[wait[0].sem & (TERN_NSEMS - 1)];
	struct semaphore *b = &t->sem[wait[1].sem & (TERN_NSEMS - 1)];
	uint64_t n0 = wait[0].n, n1 = wait[1].n, when;

	if (a == b) {
		n0 += n1;
		n1 = 0;
	}
	if (a->available < n0 || b->available < n1)
		return false;
	*time = timing_sem_take(a, n0);
	when = timing_sem_take(b, n1);
	if (when > *time)
		*time = when;
	return true;
}

#endif
