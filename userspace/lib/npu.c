// SPDX-License-Identifier: MIT
/* An NPU segment of a run: arguments, the job, what it counted or how it failed. */
#include "lib/clock.h"
#include "lib/session.h"
#include "isa/codec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- arguments ------------------------------------------------------------------------ */

/* Wraps where a hostile program makes it: an address that is wrong faults. */
static uint64_t arg_value(const struct tern_session *s, uint32_t seg, const struct tern_arg *a)
{
	uint64_t v = (uint64_t)a->offset;

	if (a->storage >= 0)
		v += tern_session_va(s, (uint32_t)a->storage);
	else if (a->storage == TERN_ARG_SCRATCH)
		v += s->scratch.va + s->prog->layout.job_scratch;
	else if (a->storage == TERN_ARG_IMAGE)
		v += s->prog->images.va + s->prog->layout.image[seg];
	if (a->sym)
		v += ((uint64_t)s->symbols[a->sym - 1] + (uint64_t)(int64_t)a->bias) *
		     (uint64_t)a->mul;
	return v;
}

static void fill_args(const struct tern_session *s, uint32_t seg)
{
	const struct tern_npu_code *c = &s->prog->code[seg];
	unsigned char *at = s->args.host + s->prog->layout.args[seg];
	size_t i;

	for (i = 0; i < c->nargs; i++) {
		uint64_t v = arg_value(s, seg, &c->args[i]);

		memcpy(at + i * sizeof(v), &v, sizeof(v));
	}
}

/* ---- faults ------------------------------------------------------------------------------ */

static const char *advice(const struct tern_fault *f)
{
	if (f->code == TERN_FAULT_BUDGET)
		return "; give it less work at once, as by smaller batches";
	if (f->code == TERN_FAULT_TRAP && f->info == TERN_TRAP_EXPERT)
		return "; an index names an expert that does not exist";
	return "";
}

static int fault_error(const struct tern_session *s, uint32_t seg, const struct tern_fault *f)
{
	const struct tern_graph *g = s->prog->graph;
	const char *queue = tern_queue_name(f->queue);
	uint32_t op = f->mark;
	char label[160], other[64] = "";

	if (op >= g->nops)
		snprintf(label, sizeof(label), "%u and following", s->prog->part.segs[seg].first);
	else
		tern_op_label(g, op, label, sizeof(label));
	if (f->code == TERN_FAULT_RACE)
		snprintf(other, sizeof(other), " with the command at image word %llu",
			 (unsigned long long)f->info);
	return tern_fail(
		-EIO,
		"the NPU faulted at operator %s, queue %s, command at image word %u: %s%s (%s), "
		"address or value 0x%llx, info 0x%llx, cycle %llu%s",
		label, queue ? queue : "?", f->word, tern_fault_name(f->code), other,
		tern_fault_text(f->code), (unsigned long long)f->addr, (unsigned long long)f->info,
		(unsigned long long)f->cycle, advice(f));
}

/* ---- counters ------------------------------------------------------------------------------ */

static void count_job(struct tern_stats *t, const struct tern_counters *c)
{
	int i;

	t->cycles += c->cycles;
	for (i = 0; i < TERN_NENGINES; i++)
		t->busy[i] += c->busy[i];
	for (i = 0; i < TERN_NQUEUES; i++)
		t->commands += c->commands[i];
	t->dram_read += c->dram_read;
	t->dram_written += c->dram_written;
	for (i = 0; i < 4; i++)
		t->macs[i] += c->macs[i];
	t->energy_pj += c->energy_pj;
}

static void count_ops(struct tern_session *s)
{
	uint32_t i;
	int q;

	for (i = 0; i < s->prog->graph->nops; i++) {
		const struct tern_sim_op *from = &s->job_ops[i];
		struct tern_sim_op *to = &s->run_ops[i].npu;

		to->cycles += from->cycles;
		for (q = 0; q < TERN_NENGINES; q++)
			to->busy[q] += from->busy[q];
		to->dram_bytes += from->dram_bytes;
		to->macs += from->macs;
		to->commands += from->commands;
	}
}

int tern_session_run_npu(struct tern_session *s, uint32_t seg)
{
	const struct tern_layout *l = &s->prog->layout;
	struct tern_run run = {
		.job =
			{
				.image = s->prog->images.va + l->image[seg],
				.args = s->args.va + l->args[seg],
			},
		.ops = s->job_ops,
		.nops = s->prog->graph->nops,
		.stop = &s->stop,
	};
	int ret;

	fill_args(s, seg);
	memset(s->job_ops, 0, run.nops * sizeof(*s->job_ops));
	if (s->trace) {
		run.tracer = &s->trace->tracer;
		tern_trace_job(s->trace, tern_now_ns());
	}
	ret = s->prog->dev->transport->ops->run(s->ctx, &run);
	if (ret)
		return ret;
	if (s->trace)
		tern_trace_job_end(s->trace, seg, run.counters.cycles);
	count_job(&s->run_stats, &run.counters);
	count_ops(s);
	s->run_stats.npu_ops += s->prog->part.segs[seg].n;
	if (run.fault.code == TERN_FAULT_ABORT && tern_stopped(&s->stop))
		return -EINTR;
	return run.fault.code ? fault_error(s, seg, &run.fault) : 0;
}
