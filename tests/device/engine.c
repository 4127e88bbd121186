// SPDX-License-Identifier: GPL-2.0
#include "engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "save.h"

/* ---- what the program's thread asks at a boundary ----------------------------------------------- */
static void forget(struct model *m)
{
	struct engine *e = &m->engine;

	if (!e->flush)
		return;
	tern_sim_forget(e->sim);
	e->flush = false;
	mmu_waited(m, WAIT_ENGINE);
	pthread_cond_broadcast(&m->changed);
}

/* What runs is at work; what has been asked to leave is on its way out. */
static void hold_clock(struct model *m)
{
	struct engine *e = &m->engine;

	if (!e->running || e->hung)
		return;
	if (e->reset || e->take || e->abort || e->command == TERN_SLOT_PREEMPT)
		clock_leave(&m->clock, CLOCK_ENGINE);
	else
		clock_work(&m->clock, CLOCK_ENGINE);
}

static bool is_hung(const struct model *m)
{
	const struct engine *e = &m->engine;

	if (e->reset || e->quit)
		return false;
	return faults_on(&m->faults, FAULT_HANG) ||
	       (faults_on(&m->faults, FAULT_STUBBORN) && e->command && !e->take);
}

static enum tern_sim_attend attend(void *ctx)
{
	struct model *m = ctx;
	struct engine *e = &m->engine;
	enum tern_sim_attend want = TERN_SIM_GO_ON;

	pthread_mutex_lock(&m->lock);
	forget(m);
	/* Hung engines do no more, but the MMU beside them answers. */
	e->hung = true;
	while (is_hung(m)) {
		clock_free(&m->clock, CLOCK_ENGINE);
		pthread_cond_wait(&m->changed, &m->lock);
		forget(m);
	}
	e->hung = false;
	if (e->command)
		faults_take(&m->faults, FAULT_STUBBORN);
	hold_clock(m);
	if (e->reset || e->take || e->abort || e->quit)
		want = TERN_SIM_ABORT;
	else if (e->command == TERN_SLOT_PREEMPT)
		want = TERN_SIM_PREEMPT;
	e->attention = want != TERN_SIM_GO_ON;
	pthread_mutex_unlock(&m->lock);
	return want;
}

static void fence_interrupt(void *ctx)
{
	irq_raise(ctx, TERN_IRQ_FENCE);
}

static void *translate(void *ctx, uint64_t va, uint64_t *len, unsigned int access)
{
	struct model *m = ctx;

	return mmu_at(m, m->engine.asid, va, len, access, tern_sim_queue(m->engine.sim));
}

/* ---- a job ends ------------------------------------------------------------------------------------ */
static void count(struct model *m)
{
	struct engine *e = &m->engine;
	struct tern_counters more = e->run.counters;
	uint64_t *total = (uint64_t *)&e->total, *part = (uint64_t *)&more;
	const uint64_t *before = (const uint64_t *)&e->before;

	for (size_t i = 0; i < sizeof(more) / sizeof(*part); i++) {
		part[i] -= before[i];
		total[i] += part[i];
	}
	for (unsigned int i = 0; i < TERN_NQUEUES; i++)
		m->busy[i] += more.busy[i];
	m->energy_pj += more.energy_pj;
	m->slot[e->slot].cycles += more.cycles;
}

static void complete(struct model *m)
{
	struct engine *e = &m->engine;
	struct slot *s = &m->slot[e->slot];
	uint32_t causes = s->control & TERN_SLOT_KERNEL ? TERN_IRQ_JOB : 0;

	if (e->run.job.flags & TERN_JOB_IRQ)
		causes |= TERN_IRQ_FENCE;
	e->jobs++;
	s->state = TERN_SLOT_IDLE;
	if (!ring_complete(m, e->slot))
		model_log(m, "done of slot %u lost\n", e->slot);
	if (causes)
		irq_raise(m, causes);
}

static void preempted(struct model *m)
{
	struct engine *e = &m->engine;

	if (save_write(m)) {
		m->slot[e->slot].state = TERN_SLOT_SAVED;
		return;
	}
	e->faults++;
	slot_fault(m, e->slot,
		   &(struct tern_fault){.code = TERN_FAULT_TRANSLATION,
					.class = TERN_CLASS_FAULT,
					.queue = TERN_Q_CP,
					.addr = m->slot[e->slot].save,
					.info = TERN_WRITE});
}

static void end(struct model *m, int rc)
{
	struct engine *e = &m->engine;
	struct slot *s = &m->slot[e->slot];
	struct tern_fault *f = &e->run.fault;

	count(m);
	if (rc && !f->code) { /* the host's memory ran out: nobody's fault in there */
		fprintf(stderr, "tern-device: out of memory in a job\n");
		*f = (struct tern_fault){.code = TERN_FAULT_ABORT, .class = TERN_CLASS_ABORT};
	}
	if (e->reset || e->take || e->quit) {
		s->state = TERN_SLOT_IDLE;
	} else if (f->code) {
		e->faults++;
		slot_fault(m, e->slot, f);
	} else if (e->run.preempted) {
		preempted(m);
	} else {
		complete(m);
	}
}

/* A job that PREEMPT has saved has not ended. */
static void tell(struct model *m)
{
	struct engine *e = &m->engine;
	uint32_t events = m->slot[e->slot].state == TERN_SLOT_SAVED ? 0 : TERN_EVENT_JOB;

	if (e->command)
		events |= TERN_EVENT_COMMAND;
	e->command = 0;
	e->flush = e->take = e->abort = e->reset = false;
	e->attention = 0;
	mmu_waited(m, WAIT_ENGINE);
	mcu_event(m, events);
	reset_progress(m);
	pthread_cond_broadcast(&m->changed);
}

static void run_job(struct model *m)
{
	struct engine *e = &m->engine;
	int rc = 0;

	if (!profile_open(m)) {
		pthread_mutex_unlock(&m->lock);
		rc = tern_sim_run(e->sim, &e->run);
		pthread_mutex_lock(&m->lock);
	}
	/* From here on nothing is translated but under the lock. */
	e->running = false;
	profile_close(m, !e->reset && !e->take);
	end(m, rc);
	tell(m);
	/* Not before the save is written and the MCU told: that is of the drain, too. */
	clock_free(&m->clock, CLOCK_ENGINE);
}

static void *engine_thread(void *arg)
{
	struct model *m = arg;
	struct engine *e = &m->engine;

	pthread_mutex_lock(&m->lock);
	while (!e->quit) {
		if (e->started) {
			e->started = false;
			run_job(m);
		} else {
			pthread_cond_wait(&m->changed, &m->lock);
		}
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

/* ---- what others ask ---------------------------------------------------------------------------------- */
static void start(struct model *m, unsigned int slot)
{
	struct engine *e = &m->engine;
	bool kernel = m->slot[slot].control & TERN_SLOT_KERNEL;

	e->slot = slot;
	e->asid = slot_asid(&m->slot[slot]);
	e->run = (struct tern_sim_run){
		.job = e->job,
		.mem = {translate, m},
		.stop = &e->attention,
		.attend = attend,
		.interrupt = fence_interrupt,
		.host_ctx = m,
		.exact = true,
		.save = e->save,
	};
	/* A user's queue answers preemption, and nothing else bounds it. */
	if (!e->job.budget && !kernel)
		e->run.job.budget = UINT64_MAX;
	e->running = e->started = true;
	e->attention = faults_on(&m->faults, FAULT_HANG);
	m->slot[slot].state = TERN_SLOT_RUNNING;
	hold_clock(m);
	pthread_cond_broadcast(&m->changed);
}

void engine_start(struct model *m, unsigned int slot, const struct tern_job *job)
{
	struct engine *e = &m->engine;

	e->job = *job;
	e->begin = model_now(m);
	e->preemptions = 0;
	memset(&e->before, 0, sizeof(e->before));
	start(m, slot);
}

void engine_resume(struct model *m, unsigned int slot)
{
	struct engine *e = &m->engine;
	const struct tern_save_area *a = (const struct tern_save_area *)e->save;
	const struct tern_fault none = {.code = TERN_FAULT_IMAGE,
					.class = TERN_CLASS_FAULT,
					.queue = TERN_Q_CP,
					.addr = m->slot[slot].save};

	if (!save_read(m, slot)) {
		slot_fault(m, slot, &none);
		return;
	}
	m->slot[slot].done = a->ring_index;
	m->slot[slot].looked = true;
	e->job = a->job;
	e->begin = a->begin;
	e->preemptions = a->preemptions;
	e->before = a->counters;
	start(m, slot);
	e->run.resume = true;
}

void engine_attend(struct model *m)
{
	m->engine.attention = 1;
	pthread_cond_broadcast(&m->changed);
}

static void leave(struct model *m)
{
	hold_clock(m);
	engine_attend(m);
}

void engine_preempt(struct model *m)
{
	m->engine.command = TERN_SLOT_PREEMPT;
	m->slot[m->engine.slot].state = TERN_SLOT_SAVING;
	leave(m);
}

void engine_abort(struct model *m)
{
	m->engine.abort = true;
	m->engine.command = TERN_SLOT_ABORT;
	leave(m);
}

void engine_take(struct model *m)
{
	m->engine.take = true;
	leave(m);
}

void engine_reset(struct model *m)
{
	if (!m->engine.running)
		return;
	m->engine.reset = true;
	leave(m);
}

void engine_flush(struct model *m)
{
	m->engine.flush = true;
	engine_attend(m);
}

bool engine_runs(const struct model *m, unsigned int slot)
{
	return m->engine.running && m->engine.slot == slot;
}

bool engine_uses(const struct model *m, unsigned int asid)
{
	return m->engine.running && m->engine.asid == asid;
}

/* ---- life ----------------------------------------------------------------------------------------------- */
int engine_create(struct model *m, const struct tern_sim_options *opt, char *err, size_t errlen)
{
	struct engine *e = &m->engine;
	int rc = tern_sim_create(&m->caps, opt, &e->sim, err, errlen);

	if (rc)
		return rc;
	e->power = TERN_POWER_ON;
	e->save = malloc(m->caps.save_bytes);
	if (!e->save || pthread_create(&e->thread, NULL, engine_thread, m)) {
		snprintf(err, errlen, "no memory or no thread for the engines");
		tern_sim_destroy(e->sim);
		free(e->save);
		return -1;
	}
	pthread_setname_np(e->thread, "engines");
	clock_of(&m->clock, CLOCK_ENGINE, e->thread);
	return 0;
}

void engine_destroy(struct model *m)
{
	pthread_mutex_lock(&m->lock);
	m->engine.quit = true;
	engine_attend(m);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->engine.thread, NULL);
	tern_sim_destroy(m->engine.sim);
	free(m->engine.save);
}
