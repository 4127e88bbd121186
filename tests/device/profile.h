/* SPDX-License-Identifier: GPL-2.0 */
/* struct tern_profile: what a job leaves for who profiles it. Under the model's lock. */
#ifndef DEVICE_PROFILE_H
#define DEVICE_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/hw.h>

#include "sim/sim.h"

struct model;

/* What is kept while a job runs. Operators and events beyond this many are left out. */
#define PROFILE_MAX (1u << 20)

struct profile {
	struct tern_profile head; /* as the job names it; its counters are not looked at */
	struct tern_sim_op *ops;
	struct tern_sim_event *event;
	size_t nevents, cap;
	uint64_t events_before; /* those of a resumed job that have been written */
};

/* Prepare engine.run; not 0: it has a fault, the job does not start. */
int profile_open(struct model *m);
/* Write what the run counted, which may turn success into a fault; or only forget it. */
void profile_close(struct model *m, bool write);

#endif
