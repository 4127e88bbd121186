// SPDX-License-Identifier: MIT
/* Semaphores over time: signals with the time they are given, taken by waits in order. */
#include <stdlib.h>

#include "sim/timing.h"

#define SEM_SLOTS 16u /* to begin with */

bool timing_sem_alloc(struct tern_timing *t)
{
	for (int s = 0; s < TERN_NSEMS; s++) {
		t->sem[s].ring = calloc(SEM_SLOTS, sizeof(*t->sem[s].ring));
		t->sem[s].cap = SEM_SLOTS;
		if (!t->sem[s].ring)
			return false;
	}
	return true;
}

void timing_sem_free(struct tern_timing *t)
{
	for (int s = 0; s < TERN_NSEMS; s++)
		free(t->sem[s].ring);
}

void timing_sem_reset(struct tern_timing *t, const struct tern_image_sem *sems)
{
	for (int i = 0; i < TERN_NSEMS; i++) {
		struct semaphore *s = &t->sem[i];
		const struct tern_rsync initial = {(uint8_t)i, sems[i].used ? sems[i].initial : 0};

		s->head = s->count = 0;
		s->available = 0;
		s->consumer = sems[i].consumer;
		timing_signal(t, &initial, 0);
	}
}

static bool sem_grow(struct semaphore *s)
{
	uint32_t cap = s->cap * 2;
	struct signal *ring = malloc(cap * sizeof(*ring));

	if (!ring)
		return false;
	for (uint32_t i = 0; i < s->count; i++)
		ring[i] = s->ring[(s->head + i) & (s->cap - 1)];
	free(s->ring);
	s->ring = ring;
	s->cap = cap;
	s->head = 0;
	return true;
}

void timing_signal(struct tern_timing *t, const struct tern_rsync *sync, uint64_t time)
{
	struct semaphore *s = &t->sem[sync->sem & (TERN_NSEMS - 1)];

	if (!sync->n)
		return;
	if (s->count == s->cap && !sem_grow(s)) {
		t->nomem = true;
		return;
	}
	s->ring[(s->head + s->count++) & (s->cap - 1)] = (struct signal){time, sync->n};
	s->available += sync->n;
	if (s->consumer < TERN_NENGINES)
		t->recheck |= 1u << s->consumer;
}

/* Take n from the oldest signals; returns when the last of them is given. */
static uint64_t sem_take(struct semaphore *s, uint64_t n)
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
bool timing_wait(struct tern_timing *t, const struct tern_rsync wait[2], uint64_t *time)
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
	*time = sem_take(a, n0);
	when = sem_take(b, n1);
	if (when > *time)
		*time = when;
	return true;
}
