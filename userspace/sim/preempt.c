// SPDX-License-Identifier: MIT
/*
 * What the world outside wants of a running job: attention at a command boundary. There
 * every command before it has taken effect in memory, except that noted LOADs have not
 * read their source yet; whoever is told that the job stands still must not be surprised
 * by that.
 */
#include <string.h>

#include "sim/internal.h"

int sim_attend(struct tern_sim *s)
{
	enum tern_sim_attend want = TERN_SIM_ABORT;

	if (s->run->attend)
		want = s->run->attend(s->run->host_ctx);
	return want == TERN_SIM_ABORT ? sim_fault(s, TERN_FAULT_ABORT, 0, 0) : 0;
}

void tern_sim_forget(struct tern_sim *s)
{
	if (s->defer)
		sim_defer_settle(s);
	memset(s->tlb, 0, sizeof(s->tlb));
}

/* Read while the job's thread writes them: any recent value will do. */
void tern_sim_progress(const struct tern_sim *s, uint64_t *commands, uint64_t *steps)
{
	*commands = __atomic_load_n(&s->dispatched, __ATOMIC_RELAXED);
	*steps = __atomic_load_n(&s->steps, __ATOMIC_RELAXED);
}
