/* SPDX-License-Identifier: MIT */
/* struct tern_profile, in which a device counts for a job: written before it, read after it. */
#ifndef TERN_LIB_PROFILE_H
#define TERN_LIB_PROFILE_H

#include "lib/transport.h"

/* Bytes of the profile of a run, with room for `nevents` of its events. */
uint64_t tern_profile_bytes(const struct tern_run *run, uint64_t nevents);
/* Fills the profile that the job finds at `va`, and names it in the job. */
void tern_profile_ask(struct tern_profile *p, uint64_t va, uint64_t nevents, struct tern_run *run);
/* What the device counted goes to the run, the events it had room for to its tracer if it has one. */
void tern_profile_counts(const struct tern_profile *p, struct tern_run *run);
void tern_profile_events(const struct tern_profile *p, uint64_t nevents,
			 const struct tern_run *run);

#endif
