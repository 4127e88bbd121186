/* SPDX-License-Identifier: MIT */
/*
 * A transport like the in-process one, whose jobs are preempted at command boundaries, with
 * another context's job in between that leaves its traces in all of SPM and the accumulators.
 * A program linked with -Wl,--wrap=tern_transport_sim opens it as sim:... by any name.
 */
#ifndef TEST_PREEMPT_H
#define TEST_PREEMPT_H

#include "sim/sim.h"

/* At every nth boundary; 0: never. */
extern unsigned int preempt_every;
extern uint64_t preempt_count; /* how often it happened, */
extern uint64_t preempt_light; /* and how often of that CP state was all there was to save */

/* Run to the end on `sim`, preempted so; `save` is caps.save_bytes. */
int preempt_run(struct tern_sim *sim, struct tern_sim_run *run, void *save);

#endif
