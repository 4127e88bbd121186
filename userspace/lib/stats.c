// SPDX-License-Identifier: MIT
/* Totals of a session. */
#include "lib/session.h"

#include <string.h>

static void add_totals(struct tern_stats *to, const struct tern_stats *from)
{
	int i;

	to->runs += from->runs;
	to->cycles += from->cycles;
	for (i = 0; i < TERN_NENGINES; i++)
		to->busy[i] += from->busy[i];
	to->commands += from->commands;
	to->dram_read += from->dram_read;
	to->dram_written += from->dram_written;
	for (i = 0; i < 4; i++)
		to->macs[i] += from->macs[i];
	to->energy_pj += from->energy_pj;
	to->host_ns += from->host_ns;
	to->cpu_ns += from->cpu_ns;
	to->npu_ops += from->npu_ops;
	to->cpu_ops += from->cpu_ops;
	to->graph_mac_cycles += from->graph_mac_cycles;
	to->graph_bytes += from->graph_bytes;
	to->graph_bound_cycles += from->graph_bound_cycles;
}

static void add_op(struct tern_op_stat *to, const struct tern_op_stat *from)
{
	int i;

	to->npu.cycles += from->npu.cycles;
	for (i = 0; i < TERN_NENGINES; i++)
		to->npu.busy[i] += from->npu.busy[i];
	to->npu.dram_bytes += from->npu.dram_bytes;
	to->npu.macs += from->npu.macs;
	to->npu.commands += from->npu.commands;
	to->cpu_ns += from->cpu_ns;
	to->cpu_bytes += from->cpu_bytes;
}

void tern_stats_merge(struct tern_session *s)
{
	uint32_t i;

	add_totals(&s->stats, &s->run_stats);
	for (i = 0; i < s->prog->graph->nops; i++)
		add_op(&s->ops[i], &s->run_ops[i]);
}

void tern_session_stats(const struct tern_session *s, struct tern_stats *out)
{
	struct tern_stats now = {0};
	pthread_mutex_t *lock;

	if (!out || out->size < sizeof(out->size))
		return;
	if (s) {
		lock = (pthread_mutex_t *)&s->lock; /* the session is const to its user */
		pthread_mutex_lock(lock);
		now = s->stats;
		pthread_mutex_unlock(lock);
	}
	/* A caller newer than this library finds what it lacks to be 0. */
	now.size = out->size;
	if (out->size > sizeof(now))
		memset((char *)out + sizeof(now), 0, out->size - sizeof(now));
	memcpy(out, &now, out->size < sizeof(now) ? out->size : sizeof(now));
}

void tern_session_reset_stats(struct tern_session *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	memset(&s->stats, 0, sizeof(s->stats));
	memset(s->ops, 0, s->prog->graph->nops * sizeof(*s->ops));
	pthread_mutex_unlock(&s->lock);
}
