// SPDX-License-Identifier: GPL-2.0
#include "profile.h"

#include <stdlib.h>
#include <string.h>

#include "model.h"

#define HEAD_BYTES 64u /* of struct tern_profile, the host's part */

static int fault(struct model *m, unsigned int code, uint64_t addr, unsigned int access)
{
	struct tern_fault *f = &m->engine.run.fault;

	*f = (struct tern_fault){.code = (uint16_t)code,
				 .class = TERN_CLASS_FAULT,
				 .queue = TERN_Q_CP,
				 .addr = addr,
				 .info = access};
	return (int)code;
}

/* ---- before ------------------------------------------------------------------------------------ */
static void event(void *ctx, const struct tern_sim_event *e)
{
	struct profile *p = ctx;

	if (p->nevents == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 1024;
		struct tern_sim_event *more = realloc(p->event, cap * sizeof(*more));

		if (!more)
			return; /* left out, as beyond PROFILE_MAX */
		p->event = more;
		p->cap = cap;
	}
	if (p->nevents < PROFILE_MAX)
		p->event[p->nevents++] = *e;
}

/* Engine commands so far: each was an event. */
static uint64_t commands(const struct tern_counters *c)
{
	uint64_t n = 0;

	for (unsigned int q = 0; q < TERN_NENGINES; q++)
		n += c->commands[q];
	return n;
}

int profile_open(struct model *m)
{
	struct engine *e = &m->engine;
	struct profile *p = &e->profile;
	uint64_t at = e->run.job.profile;
	size_t n;

	*p = (struct profile){0};
	if (!at || at % TERN_BURST)
		return 0; /* a misaligned one is refused with the job's other fields */
	if (!mmu_read(m, e->asid, at, &p->head, HEAD_BYTES))
		return fault(m, TERN_FAULT_TRANSLATION, at, TERN_READ);
	if ((p->head.ops | p->head.events) % 8)
		return fault(m, TERN_FAULT_ALIGN, p->head.ops % 8 ? p->head.ops : p->head.events,
			     0);
	n = p->head.ops ? p->head.nops : 0;
	p->ops = calloc(n < PROFILE_MAX ? n : PROFILE_MAX, sizeof(*p->ops));
	e->run.ops = p->ops;
	e->run.nops = p->ops ? (n < PROFILE_MAX ? n : PROFILE_MAX) : 0;
	if (p->head.events && p->head.nevents) {
		e->run.event = event;
		e->run.event_ctx = p;
	}
	p->events_before = e->run.resume ? commands(&e->before) : 0;
	return 0;
}

/* ---- after ---------------------------------------------------------------------------------------- */
static bool used(const struct tern_sim_op *op)
{
	return op->commands || op->cycles || op->dram_bytes || op->macs;
}

static int add_op(struct model *m, uint64_t at, const struct tern_sim_op *op)
{
	unsigned int asid = m->engine.asid;
	struct tern_profile_op v;

	if (!mmu_read(m, asid, at, &v, sizeof(v)))
		return fault(m, TERN_FAULT_TRANSLATION, at, TERN_READ);
	v.cycles += op->cycles;
	for (unsigned int q = 0; q < TERN_NENGINES; q++)
		v.busy[q] += op->busy[q];
	v.dram_bytes += op->dram_bytes;
	v.macs += op->macs;
	v.commands += op->commands;
	if (!mmu_write(m, asid, at, &v, sizeof(v)))
		return fault(m, TERN_FAULT_TRANSLATION, at, TERN_WRITE);
	return 0;
}

static int write_ops(struct model *m)
{
	const struct engine *e = &m->engine;
	int err = 0;

	for (size_t i = 0; !err && i < e->run.nops; i++) {
		if (used(&e->profile.ops[i]))
			err = add_op(m, e->profile.head.ops + i * sizeof(struct tern_profile_op),
				     &e->profile.ops[i]);
	}
	return err;
}

/* The walk tells of completions; stream order is that of dispatch. */
static int by_dispatch(const void *a, const void *b)
{
	uint64_t x = ((const struct tern_sim_event *)a)->dispatch;
	uint64_t y = ((const struct tern_sim_event *)b)->dispatch;

	return (x > y) - (x < y);
}

static int write_events(struct model *m)
{
	struct profile *p = &m->engine.profile;
	uint64_t index = p->events_before;

	if (p->nevents)
		qsort(p->event, p->nevents, sizeof(*p->event), by_dispatch);
	for (size_t i = 0; i < p->nevents && index < p->head.nevents; i++, index++) {
		const struct tern_sim_event *e = &p->event[i];
		const struct tern_profile_event v = {.queue = e->queue,
						     .word = e->word,
						     .mark = e->mark,
						     .dispatch = e->dispatch,
						     .start = e->start,
						     .end = e->end};
		uint64_t at = p->head.events + index * sizeof(v);

		if (!mmu_write(m, m->engine.asid, at, &v, sizeof(v)))
			return fault(m, TERN_FAULT_TRANSLATION, at, TERN_WRITE);
	}
	return 0;
}

static int write_summary(struct model *m)
{
	const struct engine *e = &m->engine;
	struct tern_profile v = {.begin = e->begin,
				 .end = model_now(m),
				 .event_count = commands(&e->run.counters),
				 .clock_khz = m->clock_khz,
				 .preemptions = e->preemptions,
				 .counters = e->run.counters};
	uint64_t at = e->run.job.profile;

	if (!mmu_write(m, e->asid, at + HEAD_BYTES, (unsigned char *)&v + HEAD_BYTES,
		       sizeof(v) - HEAD_BYTES))
		return fault(m, TERN_FAULT_TRANSLATION, at, TERN_WRITE);
	return 0;
}

static void write_all(struct model *m)
{
	if (!write_ops(m) && !write_events(m) && !m->engine.run.preempted)
		write_summary(m);
}

void profile_close(struct model *m, bool write)
{
	struct engine *e = &m->engine;

	if (write && e->run.job.profile && !e->run.fault.code)
		write_all(m);
	free(e->profile.ops);
	free(e->profile.event);
	e->profile = (struct profile){0};
}
