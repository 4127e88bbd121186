// SPDX-License-Identifier: MIT
/*
 * DRAM: one server of a sustained rate, shared max-min fairly by the transfers under way,
 * each of which is also bound by a limit of its own. Between events (a transfer begins or
 * ends) every transfer moves at a constant rate, so the time at which it would end is found
 * anew only when its share changes.
 */
#include "sim/timing.h"

void timing_dram_start(struct dram *d, unsigned int i, uint64_t start, const struct job_cmd *c)
{
	struct transfer *x = &d->t[i];

	x->start = start;
	x->limit = c->rate;
	x->left = c->work;
	x->share = 0;
	if (start > d->now) {
		d->starting |= 1u << i;
		return;
	}
	d->moving |= 1u << i;
	d->changed = true;
}

static void set_share(const struct dram *d, struct transfer *x, uint64_t share)
{
	if (share == x->share)
		return;
	if (x->share)
		x->left -= x->share * (d->now - x->since);
	x->share = share;
	x->since = d->now;
	x->end = d->now + (x->left + share - 1) / share;
}

/* Max-min: whoever is bound by his own limit below the fair share gets that limit, and
 * the others divide what he leaves. */
static void share(struct dram *d)
{
	unsigned int open = d->moving, n = (open & 1) + (open >> 1 & 1) + (open >> 2);
	uint64_t rate = d->rate, fair = 0;

	for (unsigned int before = 0; n && before != n;) {
		fair = n == 1 ? rate : rate / n;
		before = n;
		for (unsigned int i = 0; i < N_DRAM; i++) {
			struct transfer *x = &d->t[i];

			if (!(open & 1u << i) || x->limit > fair)
				continue;
			set_share(d, x, x->limit);
			rate -= x->limit;
			open &= ~(1u << i);
			n--;
		}
	}
	for (unsigned int i = 0; i < N_DRAM; i++) {
		if (open & 1u << i)
			set_share(d, &d->t[i], fair ? fair : 1);
	}
	d->changed = false;
}

static uint64_t next_event(const struct dram *d)
{
	uint64_t at = UINT64_MAX;

	for (unsigned int i = 0; i < N_DRAM; i++) {
		const struct transfer *x = &d->t[i];

		if (d->starting & 1u << i && x->start < at)
			at = x->start;
		else if (d->moving & 1u << i && x->end < at)
			at = x->end;
	}
	return at;
}

bool timing_dram_step(struct dram *d, unsigned int *ended)
{
	unsigned int started = 0;
	uint64_t at;

	if (!(d->starting | d->moving))
		return false;
	if (d->changed)
		share(d);
	at = next_event(d);
	d->now = at;
	*ended = 0;
	for (unsigned int i = 0; i < N_DRAM; i++) {
		const struct transfer *x = &d->t[i];

		if (d->moving & 1u << i && x->end <= at)
			*ended |= 1u << i;
		else if (d->starting & 1u << i && x->start <= at)
			started |= 1u << i;
	}
	d->moving = (d->moving & ~*ended) | started;
	d->starting &= ~started;
	d->changed |= (*ended | started) != 0;
	return true;
}
