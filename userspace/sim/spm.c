// SPDX-License-Identifier: MIT
/* Accesses to SPM are announced here: deferred LOADs settle, and the next job knows what
 * to clear. */
#include "sim/internal.h"

void sim_spm_reads(struct tern_sim *s, const struct sim_range *r)
{
	if (s->defer)
		sim_defer_read(s, r->lo, r->hi);
}

void sim_spm_writes(struct tern_sim *s, const struct tern_rtile *t, const struct sim_range *r,
		    bool covers)
{
	if (s->defer)
		sim_defer_write(s, t, r, covers);
	if (r->lo < s->spm_dirty.lo)
		s->spm_dirty.lo = r->lo;
	if (r->hi > s->spm_dirty.hi)
		s->spm_dirty.hi = r->hi;
}
