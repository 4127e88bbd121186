// SPDX-License-Identifier: GPL-2.0
#include "stats.h"

#include <inttypes.h>

#include "model.h"

static const char *const queues[TERN_NQUEUES] = {
	[TERN_Q_LOAD0] = "load0",   [TERN_Q_LOAD1] = "load1", [TERN_Q_MATRIX] = "matrix",
	[TERN_Q_VECTOR] = "vector", [TERN_Q_STORE] = "store", [TERN_Q_CP] = "cp",
};

static void print(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

void stats_print(struct model *m, FILE *out)
{
	const struct engine *e = &m->engine;
	const struct tern_counters *c = &e->total;

	pthread_mutex_lock(&m->lock);
	print(out, "jobs", e->jobs);
	print(out, "faults", e->faults);
	print(out, "saves", e->saves);
	print(out, "restores", e->restores);
	for (unsigned int i = 0; i < TERN_NQUEUES; i++)
		fprintf(out, "commands.%s %" PRIu64 "\n", queues[i], (uint64_t)c->commands[i]);
	print(out, "steps", c->steps);
	print(out, "cycles", c->cycles);
	print(out, "dram_read", c->dram_read);
	print(out, "dram_written", c->dram_written);
	print(out, "macs", c->macs[0] + c->macs[1] + c->macs[2] + c->macs[3]);
	print(out, "hung", e->hung);
	print(out, "walks", m->mmu.walks);
	print(out, "interrupts", m->irq.delivered);
	/* What it could still do: whoever leaves the machine to another kernel sees to it. */
	print(out, "reaches_memory", dma_allowed(m));
	print(out, "mcu_runs", m->mcu.running);
	print(out, "engines_run", m->engine.running);
	pthread_mutex_unlock(&m->lock);
}
