// SPDX-License-Identifier: MIT
/* Semaphores over time: their rings. */
#include <stdlib.h>

#include "sim/timing_sem.h"

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
		s->wakes = sems[i].consumer < TERN_NENGINES ? 1u << sems[i].consumer : 0;
		timing_signal(t, &initial, 0);
	}
}

bool timing_sem_grow(struct semaphore *s)
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
