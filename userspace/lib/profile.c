// SPDX-License-Identifier: MIT
#include "lib/profile.h"

#include <string.h>

static uint64_t head_bytes(const struct tern_run *run)
{
	return sizeof(struct tern_profile) + run->nops * sizeof(struct tern_profile_op);
}

uint64_t tern_profile_bytes(const struct tern_run *run, uint64_t nevents)
{
	return head_bytes(run) + nevents * sizeof(struct tern_profile_event);
}

void tern_profile_ask(struct tern_profile *p, uint64_t va, uint64_t nevents, struct tern_run *run)
{
	memset(p, 0, head_bytes(run));
	p->nops = (uint32_t)run->nops;
	p->ops = run->nops ? va + sizeof(*p) : 0;
	p->nevents = (uint32_t)nevents;
	p->events = nevents ? va + head_bytes(run) : 0;
	run->job.profile = va;
}

void tern_profile_counts(const struct tern_profile *p, struct tern_run *run)
{
	const struct tern_profile_op *op = (const void *)(p + 1);
	size_t i;

	run->counters = p->counters;
	for (i = 0; i < run->nops; i++) {
		run->ops[i].cycles = op[i].cycles;
		memcpy(run->ops[i].busy, op[i].busy, sizeof(run->ops[i].busy));
		run->ops[i].dram_bytes = op[i].dram_bytes;
		run->ops[i].macs = op[i].macs;
		run->ops[i].commands = op[i].commands;
	}
}

void tern_profile_events(const struct tern_profile *p, uint64_t nevents, const struct tern_run *run)
{
	const void *at = (const unsigned char *)p + head_bytes(run);
	const struct tern_profile_event *e = at;
	uint64_t i;

	for (i = 0; i < p->event_count && i < nevents; i++) {
		const struct tern_sim_event out = {
			.queue = e[i].queue,
			.word = e[i].word,
			.mark = e[i].mark,
			.dispatch = e[i].dispatch,
			.start = e[i].start,
			.end = e[i].end,
		};

		run->tracer->event(run->tracer->ctx, &out);
	}
}
