// SPDX-License-Identifier: MIT
/*
 * Attribution of time to operators: in stream order each command is charged what it moves
 * the latest completion so far. So a LOAD that runs ahead under another operator costs
 * nothing, and what all operators are charged adds up to the completion of the last.
 */
#include "sim/timing.h"

static void attribute(struct tern_timing *t)
{
	while (t->attributed < t->seq) {
		struct result *r = &t->result[t->attributed % RESULT_SLOTS];

		if (!r->known)
			return;
		t->attributed++;
		if (r->completion <= t->horizon)
			continue;
		if (r->mark < t->run->nops) /* whole cycles, so that the sum has no rounding */
			t->run->ops[r->mark].cycles +=
				(r->completion >> TICK_SHIFT) - (t->horizon >> TICK_SHIFT);
		t->horizon = r->completion;
	}
}

/* A command still unsettled when RESULT_SLOTS later ones are dispatched loses its turn:
 * those after it are charged instead. */
static void make_room(struct tern_timing *t)
{
	if (t->seq - t->attributed < RESULT_SLOTS)
		return;
	t->attributed++;
	attribute(t);
}

void timing_open_result(struct tern_timing *t, uint32_t mark)
{
	make_room(t);
	t->result[t->seq % RESULT_SLOTS] = (struct result){.seq = t->seq, .mark = mark};
	t->seq++;
}

void timing_close_result(struct tern_timing *t, const struct job_cmd *c, uint64_t completion)
{
	struct result *r = &t->result[c->seq % RESULT_SLOTS];

	if (r->seq != c->seq)
		return;
	r->completion = completion;
	r->known = true;
	if (c->seq == t->attributed)
		attribute(t);
}
