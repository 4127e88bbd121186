// SPDX-License-Identifier: MIT
/*
 * Semaphores as the command processor sees them: shadow counts of signals minus waits
 * dispatched. A wait above the count could never be met, because what would signal it
 * comes later in the stream.
 */
#include <string.h>

#include "sim/internal.h"

void sim_sync_start(struct tern_sim *s)
{
	for (unsigned int i = 0; i < TERN_NSEMS; i++) {
		const struct tern_image_sem *h = &s->hdr.sem[i];

		s->sem[i] = (struct sim_sem){h->initial, h->used ? h->producer : TERN_NONE,
					     h->used ? h->consumer : TERN_NONE};
	}
}

static int wait(struct tern_sim *s, unsigned int queue, const struct tern_rsync *r)
{
	struct sim_sem *sem = &s->sem[r->sem];

	if (sem->consumer != queue)
		return sim_fault(s, TERN_FAULT_SEM_ROLE, r->sem, s->hdr.sem[r->sem].consumer);
	if (sem->shadow < r->n)
		return sim_fault(s, TERN_FAULT_DEADLOCK, r->sem, (uint64_t)sem->shadow);
	sem->shadow -= r->n;
	return 0;
}

static int signal(struct tern_sim *s, unsigned int queue, const struct tern_rsync *r)
{
	struct sim_sem *sem = &s->sem[r->sem];

	if (sem->producer != queue)
		return sim_fault(s, TERN_FAULT_SEM_ROLE, r->sem, s->hdr.sem[r->sem].producer);
	if (sem->shadow + r->n > TERN_SEM_MAX)
		return sim_fault(s, TERN_FAULT_SEM_OVERFLOW, r->sem, (uint64_t)sem->shadow);
	sem->shadow += r->n;
	return 0;
}

static void unpack(struct tern_rsync *r, uint64_t word, unsigned int shift)
{
	uint32_t f = (uint32_t)(word >> shift) & 0x3fff;

	r->sem = (uint8_t)TERN_SYNC_SEM(f);
	r->n = (uint8_t)TERN_SYNC_COUNT(f);
}

void sim_sync_unpack(struct tern_rcmd *cmd, uint64_t word)
{
	unpack(&cmd->wait[0], word, TERN_SYNC_WAIT0_SHIFT);
	unpack(&cmd->wait[1], word, TERN_SYNC_WAIT1_SHIFT);
	unpack(&cmd->signal[0], word, TERN_SYNC_SIGNAL0_SHIFT);
	unpack(&cmd->signal[1], word, TERN_SYNC_SIGNAL1_SHIFT);
}

int sim_sync(struct tern_sim *s, const struct tern_rcmd *cmd)
{
	int err = 0;

	for (unsigned int i = 0; !err && i < 2; i++)
		err = cmd->wait[i].n ? wait(s, cmd->queue, &cmd->wait[i]) : 0;
	for (unsigned int i = 0; !err && i < 2; i++)
		err = cmd->signal[i].n ? signal(s, cmd->queue, &cmd->signal[i]) : 0;
	return err;
}

int sim_sync_end(struct tern_sim *s)
{
	for (unsigned int i = 0; i < TERN_NSEMS; i++) {
		if (s->sem[i].shadow != s->hdr.sem[i].initial)
			return sim_fault(s, TERN_FAULT_SEM_END, i, (uint64_t)s->sem[i].shadow);
	}
	return 0;
}
