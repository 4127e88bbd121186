// SPDX-License-Identifier: GPL-2.0
/* What the firmware commands of slots, and how a slot faults. */
#include "model.h"

void slot_fault(struct model *m, unsigned int slot, const struct tern_fault *f)
{
	struct slot *s = &m->slot[slot];
	struct tern_fault told = *f;

	lies_record(m, &told, sizeof(told));
	if (!mmu_write(m, 0, s->fault, &told, sizeof(told)))
		model_log(m, "fault record of slot %u lost\n", slot);
	model_log(m, "fault %u %u %u %#llx %#llx\n", slot, f->code, f->word,
		  (unsigned long long)f->addr, (unsigned long long)f->info);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	s->state = TERN_SLOT_FAULTED;
	irq_raise(m, TERN_IRQ_FAULT);
}

static void done(struct model *m)
{
	mcu_event(m, TERN_EVENT_COMMAND);
}

static void query(struct model *m, unsigned int slot)
{
	m->mcu.pending = 0;
	if (slot_valid(m, slot) && m->slot[slot].state != TERN_SLOT_FAULTED &&
	    !ring_look(m, slot, &m->mcu.pending))
		m->mcu.pending = 0;
	/* A saved job is there, whatever the ring of a user says. */
	if (slot_valid(m, slot) && m->slot[slot].state == TERN_SLOT_SAVED && !m->mcu.pending)
		m->mcu.pending = 1;
	done(m);
}

static void run(struct model *m, unsigned int slot)
{
	struct slot *s = &m->slot[slot];
	struct tern_job job;
	bool idle = !m->engine.running && m->engine.power == TERN_POWER_ON && !m->reset;

	if (slot_valid(m, slot) && idle) {
		if (s->state == TERN_SLOT_SAVED)
			engine_resume(m, slot);
		else if (s->state == TERN_SLOT_IDLE && ring_fetch(m, slot, &job))
			engine_start(m, slot, &job);
	}
	done(m);
}

/* The engine tells when it has ended. */
static void preempt(struct model *m, unsigned int slot)
{
	if (slot_valid(m, slot) && m->slot[slot].state == TERN_SLOT_RUNNING)
		engine_preempt(m);
	else
		done(m);
}

static void abort_job(struct model *m, unsigned int slot)
{
	if (slot_valid(m, slot) && m->slot[slot].state == TERN_SLOT_RUNNING)
		engine_abort(m);
	else
		done(m);
}

void slot_command(struct model *m, unsigned int slot, uint32_t command)
{
	static void (*const commands[])(struct model *, unsigned int) = {
		[TERN_SLOT_QUERY] = query,
		[TERN_SLOT_RUN] = run,
		[TERN_SLOT_PREEMPT] = preempt,
		[TERN_SLOT_ABORT] = abort_job,
	};

	if (m->engine.command || slot >= TERN_NSLOTS)
		return;
	if (command < sizeof(commands) / sizeof(commands[0]) && commands[command])
		commands[command](m, slot);
}
