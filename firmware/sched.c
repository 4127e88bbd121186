// SPDX-License-Identifier: MIT
#include "sched.h"

void sched_init(struct sched *s)
{
	*s = (struct sched){.turn = NO_SLOT};
}

/* Takes the lowest slot out of *mask. */
static unsigned int next_bit(uint64_t *mask)
{
	unsigned int slot = (unsigned int)__builtin_ctzll(*mask);

	*mask &= *mask - 1;
	return slot;
}

static void to_the_end(struct sched *s, unsigned int slot)
{
	s->slot[slot].ticket = ++s->tickets;
	s->slot[slot].used = 0;
}

void sched_add(struct sched *s, unsigned int slot, uint64_t now)
{
	if (s->ready & SLOT_BIT(slot))
		return;
	s->ready |= SLOT_BIT(slot);
	if (slot == s->turn)
		return;
	to_the_end(s, slot);
	s->slot[slot].since = now;
}

void sched_drop(struct sched *s, unsigned int slot)
{
	s->ready &= ~SLOT_BIT(slot);
}

static uint64_t others(const struct sched *s)
{
	return s->turn == NO_SLOT ? s->ready : s->ready & ~SLOT_BIT(s->turn);
}

/* Of the highest priority the one that came first. */
static unsigned int first(const struct sched *s, uint64_t mask)
{
	const struct sched_slot *best = NULL;

	while (mask) {
		const struct sched_slot *c = &s->slot[next_bit(&mask)];

		if (!best || c->priority > best->priority ||
		    (c->priority == best->priority && c->ticket < best->ticket))
			best = c;
	}
	return best ? (unsigned int)(best - s->slot) : NO_SLOT;
}

/* Of those below PRIORITY that waited too long the one that waited longest. */
static unsigned int starving(const struct sched *s, uint64_t mask, unsigned int priority,
			     uint64_t now)
{
	const struct sched_slot *worst = NULL;

	while (mask) {
		const struct sched_slot *c = &s->slot[next_bit(&mask)];

		if (c->priority < priority && now - c->since >= s->starvation &&
		    (!worst || c->since < worst->since))
			worst = c;
	}
	return worst ? (unsigned int)(worst - s->slot) : NO_SLOT;
}

unsigned int sched_begin(struct sched *s, uint64_t now)
{
	unsigned int slot = first(s, s->ready), starved;

	if (slot == NO_SLOT)
		return NO_SLOT;
	starved = s->owed ? NO_SLOT : starving(s, s->ready, s->slot[slot].priority, now);
	s->boosted = starved != NO_SLOT;
	if (s->boosted)
		slot = starved;
	s->turn = (uint8_t)slot;
	s->began = now;
	s->start = now - (s->boosted ? 0 : s->slot[slot].used);
	return slot;
}

static void account(struct sched *s, uint64_t ran)
{
	if (s->boosted)
		s->owed = ran < s->slice ? ran : s->slice;
	else
		s->owed -= ran < s->owed ? ran : s->owed;
}

void sched_end(struct sched *s, uint64_t now)
{
	struct sched_slot *slot;

	if (s->turn == NO_SLOT)
		return;
	slot = &s->slot[s->turn];
	account(s, now - s->began);
	slot->since = now;
	slot->used = now - s->start;
	if (slot->used >= s->slice)
		to_the_end(s, s->turn);
	s->turn = NO_SLOT;
	s->boosted = false;
}

int sched_over(struct sched *s, uint64_t now)
{
	uint64_t rest = others(s);
	unsigned int mine, best;
	bool expired;

	if (s->turn == NO_SLOT || !rest)
		return SCHED_STAY;
	mine = s->slot[s->turn].priority;
	best = s->slot[first(s, rest)].priority;
	expired = now - s->start >= s->slice;
	if (s->boosted) {
		if (!expired)
			return SCHED_STAY;
		if (best >= mine)
			return TERN_FW_PREEMPT_SLICE;
		/* Those it ran against have gone: from here on a turn like any other. */
		s->boosted = false;
		s->owed = 0;
	}
	if (best > mine)
		return TERN_FW_PREEMPT_PRIORITY;
	if (expired && best == mine)
		return TERN_FW_PREEMPT_SLICE;
	if (now - s->began >= s->owed && starving(s, rest, mine, now) != NO_SLOT)
		return TERN_FW_PREEMPT_STARVED;
	return SCHED_STAY;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* When the turn may end because of C, that waits. */
static uint64_t patience(const struct sched *s, const struct sched_slot *c)
{
	unsigned int mine = s->slot[s->turn].priority;

	if (s->boosted || c->priority == mine)
		return s->start + s->slice;
	if (c->priority > mine)
		return s->began; /* at once */
	return later(c->since + s->starvation, s->began + s->owed);
}

uint64_t sched_deadline(const struct sched *s)
{
	uint64_t rest = others(s), at = NEVER;

	if (s->turn == NO_SLOT)
		return NEVER;
	while (rest) {
		uint64_t t = patience(s, &s->slot[next_bit(&rest)]);

		at = t < at ? t : at;
	}
	return at;
}
