/* SPDX-License-Identifier: MIT */
/*
 * Attribution of time to operators: in stream order each command is charged what it moves
 * the latest completion so far. So a LOAD that runs ahead under another operator costs
 * nothing, and what all operators are charged adds up to the completion of the last.
 *
 * For the walk alone; inline, because every command passes here twice.
 */
#ifndef TERN_SIM_TIMING_RESULTS_H
#define TERN_SIM_TIMING_RESULTS_H

#include "sim/timing.h"

static inline void timing_attribute(struct tern_timing *t)
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

/* The next command is dispatched. One still unsettled when RESULT_SLOTS later ones are
 * dispatched loses its turn: those after it are charged instead. */
static inline void timing_open_result(struct tern_timing *t, uint32_t mark)
{
	if (t->seq - t->attributed >= RESULT_SLOTS) {
		t->attributed++;
		timing_attribute(t);
	}
	t->result[t->seq % RESULT_SLOTS] = (struct result){.mark = mark};
	t->seq++;
}

static inline void timing_close_result(struct tern_timing *t, uint64_t seq, uint64_t completion)
{
	struct result *r = &t->result[seq % RESULT_SLOTS];

	if (seq < t->attributed) /* lost its turn */
		return;
	r->completion = completion;
	r->known = true;
	if (seq == t->attributed)
		timing_attribute(t);
}

#endif
