// SPDX-License-Identifier: MIT
/*
 * DRAM: one server of a sustained rate, shared max-min fairly by the transfers under way,
 * each of which is also bound by a limit of its own. Between events (a transfer begins or
 * ends) every transfer moves at a constant rate.
 */
#include "sim/timing.h"

int timing_dram_index(unsigned int queue)
{
	static const int8_t index[TERN_NENGINES] = {
		[TERN_Q_LOAD0] = 0,   [TERN_Q_LOAD1] = 1, [TERN_Q_MATRIX] = -1,
		[TERN_Q_VECTOR] = -1, [TERN_Q_STORE] = 2,
	};

	return index[queue];
}

void timing_dram_start(struct dram *d, int i, uint64_t start, const struct job_cmd *c)
{
	struct transfer *x = &d->t[i];

	x->state = start > d->now ? STARTING : MOVING;
	x->start = start;
	x->left = c->work;
	d->changed |= x->state == MOVING;
}

/* Max-min: whoever is bound by his own limit below the fair share gets that limit, and
 * the others divide what he leaves. */
static void share(struct dram *d, const uint64_t limit[N_DRAM])
{
	uint64_t rate = d->rate;
	unsigned int open = 0, n = 0;

	for (int i = 0; i < N_DRAM; i++) {
		if (d->t[i].state == MOVING) {
			open |= 1u << i;
			n++;
		}
	}
	for (unsigned int before = 0; n && before != n;) {
		uint64_t fair = rate / n;

		before = n;
		for (int i = 0; i < N_DRAM; i++) {
			if (!(open & 1u << i) || limit[i] > fair)
				continue;
			d->t[i].share = limit[i];
			rate -= limit[i];
			open &= ~(1u << i);
			n--;
		}
	}
	for (int i = 0; i < N_DRAM; i++) {
		if (open & 1u << i)
			d->t[i].share = rate / n ? rate / n : 1;
	}
	d->changed = false;
}

static uint64_t next_event(const struct dram *d)
{
	uint64_t at = UINT64_MAX;

	for (int i = 0; i < N_DRAM; i++) {
		const struct transfer *x = &d->t[i];
		uint64_t when = UINT64_MAX;

		if (x->state == STARTING)
			when = x->start;
		else if (x->state == MOVING)
			when = d->now + (x->left + x->share - 1) / x->share;
		if (when < at)
			at = when;
	}
	return at;
}

static void move(struct dram *d, uint64_t until)
{
	for (int i = 0; i < N_DRAM; i++) {
		struct transfer *x = &d->t[i];
		uint64_t amount;

		if (x->state != MOVING)
			continue;
		amount = x->share * (until - d->now);
		x->left = amount < x->left ? x->left - amount : 0;
	}
	d->now = until;
}

bool timing_dram_step(struct dram *d, const uint64_t rate[N_DRAM], unsigned int *ended)
{
	uint64_t at;

	if (d->changed)
		share(d, rate);
	at = next_event(d);
	if (at == UINT64_MAX)
		return false;
	move(d, at);
	*ended = 0;
	for (int i = 0; i < N_DRAM; i++) {
		struct transfer *x = &d->t[i];

		if (x->state == STARTING && x->start <= at) {
			x->state = MOVING;
			d->changed = true;
		} else if (x->state == MOVING && !x->left) {
			x->state = IDLE;
			*ended |= 1u << i;
			d->changed = true;
		}
	}
	return true;
}
