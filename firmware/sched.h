/* SPDX-License-Identifier: MIT */
/*
 * Whose turn it is. Nothing but arithmetic: slots, times, the turn; no registers.
 *
 * A slot is ready while it has work. Of the ready ones the highest priority runs; those of equal
 * priority take turns of one slice, in the order in which they came. Who is preempted by a
 * higher priority keeps its place and the rest of its slice.
 *
 * A slot that waited `starvation` behind higher priorities gets a slice that none of them ends.
 * They are then owed as much time, before the next slot gets such a slice: so however many
 * starve, priorities keep half of the device, and nobody waits longer than
 *
 *	starvation + 2 * (those that wait) * (slice + time to preempt)
 */
#ifndef FIRMWARE_SCHED_H
#define FIRMWARE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tern/fw.h>

#define NO_SLOT	       TERN_NSLOTS
#define NEVER	       UINT64_MAX
#define SLOT_BIT(slot) (1ull << (slot))

struct sched_slot {
	uint64_t ticket; /* the lower goes first */
	uint64_t since;	 /* waiting */
	uint64_t used;	 /* of its slice, when it was preempted */
	uint8_t priority;
};

struct sched {
	struct sched_slot slot[TERN_NSLOTS];
	uint64_t ready;	  /* have work, the one whose turn it is included */
	uint64_t tickets; /* handed out */
	uint64_t slice, starvation;
	uint64_t owed;	/* to priorities, for the last slice given against them */
	uint64_t began; /* the turn */
	uint64_t start; /* of its slice: earlier than began by what was used of it */
	uint8_t turn;	/* whose; NO_SLOT */
	bool boosted;	/* the turn is a slice against priorities */
};

enum sched_verdict {
	SCHED_STAY = -1,
	/* The others are reasons: enum tern_fw_preempt. */
};

void sched_init(struct sched *s);

/* The slot has work, or has none. */
void sched_add(struct sched *s, unsigned int slot, uint64_t now);
void sched_drop(struct sched *s, unsigned int slot);

/* Begins the turn of who is next; NO_SLOT if nobody is ready. There must be no turn. */
unsigned int sched_begin(struct sched *s, uint64_t now);

/* Ends the turn: its slot has nothing in the engines. */
void sched_end(struct sched *s, uint64_t now);

/* Should the turn end, though its slot has work? SCHED_STAY or enum tern_fw_preempt. */
int sched_over(struct sched *s, uint64_t now);

/* When sched_over() may next change its mind, if nothing else happens; or NEVER. */
uint64_t sched_deadline(const struct sched *s);

#endif /* FIRMWARE_SCHED_H */
