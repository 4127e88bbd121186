// SPDX-License-Identifier: MIT
/* The device: commands, jobs, time. */
#include "fw_fake.h"

#include <stdio.h>
#include <stdlib.h>

#include "fw_fake_internal.h"

struct fake *fake_now;

void fake_violation(const char *what)
{
	fprintf(stderr, "the firmware did what mcu.h does not allow: %s\n", what);
	abort();
}

void fake_require(bool ok, const char *what)
{
	if (!ok)
		fake_violation(what);
}

/* ---- Commands and jobs ------------------------------------------------------------- */

uint64_t fake_waited(const struct fake *f, unsigned int slot)
{
	const struct fake_slot *s = &f->slot[slot];
	uint64_t now = s->jobs && f->running != slot ? f->now - s->waits : 0;

	return now > s->waited ? now : s->waited;
}

/* What runs has run until now. */
void fake_progress(struct fake *f)
{
	struct fake_slot *s = &f->slot[f->running];
	uint64_t ran = f->now - f->run_since;

	f->run_since = f->now;
	s->ran += ran;
	s->left -= ran < s->left ? ran : s->left;
	if (!s->idles)
		s->progress += ran;
}

static void leave(struct fake *f, uint32_t state)
{
	struct fake_slot *s = &f->slot[f->running];

	fake_progress(f);
	s->state = state;
	if (state != TERN_SLOT_SAVED)
		s->left = 0;
	if (state == TERN_SLOT_IDLE) {
		s->jobs--;
		s->done++;
	}
	f->running = NO_SLOT;
	s->waits = f->now;
	if (state != TERN_SLOT_SAVED && !f->deaf)
		f->events |= TERN_EVENT_JOB;
}

static void end_run(struct fake *f, struct fake_slot *s, unsigned int slot)
{
	s->asked++;
	if (s->lies) {
		s->lies--;
		return;
	}
	if (!s->valid || !s->jobs || f->running != NO_SLOT || s->state == TERN_SLOT_FAULTED)
		return;
	s->taken++;
	s->waited = fake_waited(f, slot);
	if (s->state != TERN_SLOT_SAVED) {
		s->left = s->length;
		s->progress = 0;
	}
	s->state = TERN_SLOT_RUNNING;
	f->running = slot;
	f->run_since = f->now;
}

static void end_command(struct fake *f)
{
	unsigned int command = f->command, slot = f->command_slot;
	struct fake_slot *s = &f->slot[slot];

	f->command = 0;
	f->command_end = NEVER;
	f->events |= TERN_EVENT_COMMAND;
	switch (command) {
	case TERN_SLOT_QUERY:
		if (s->valid)
			f->pending = s->lies ? 7 : s->jobs;
		break;
	case TERN_SLOT_RUN:
		end_run(f, s, slot);
		break;
	case TERN_SLOT_PREEMPT:
		if (f->running == slot)
			leave(f, TERN_SLOT_SAVED);
		break;
	case TERN_SLOT_ABORT:
		if (f->running == slot)
			leave(f, TERN_SLOT_FAULTED);
		break;
	default:
		fake_violation("no such command");
	}
}

/* How long the command takes; 0: it is over before anybody can look. */
static uint64_t duration(const struct fake *f, unsigned int command)
{
	bool there = f->running == f->command_slot;

	switch (command) {
	case TERN_SLOT_QUERY:
		return f->query_ticks;
	case TERN_SLOT_RUN:
		return f->run_ticks;
	case TERN_SLOT_PREEMPT:
		return !there			   ? 0
		       : f->slot[f->running].hangs ? NEVER
						   : f->drain_ticks + f->save_ticks;
	default:
		return !there ? 0 : f->slot[f->running].hangs ? NEVER : f->abort_ticks;
	}
}

void fake_command(struct fake *f, unsigned int command)
{
	uint64_t t;

	fake_require(!f->command, "COMMAND while one is under way");
	fake_require(f->power == TERN_POWER_ON, "COMMAND while the engines are off");
	fake_require(command != TERN_SLOT_RUN || f->running == NO_SLOT,
		     "RUN while another slot runs");
	f->command = command;
	f->command_slot = f->selected;
	t = duration(f, command);
	if (command == TERN_SLOT_PREEMPT && f->running == f->command_slot)
		f->slot[f->running].state = TERN_SLOT_SAVING;
	f->command_end = t == NEVER ? NEVER : f->now + t;
	if (!t)
		end_command(f);
}

/* When the running job ends; one that is being saved executes only while it drains. */
static uint64_t job_end(const struct fake *f)
{
	const struct fake_slot *s;
	uint64_t end;

	if (f->running == NO_SLOT)
		return NEVER;
	s = &f->slot[f->running];
	end = f->run_since + s->left;
	if (s->hangs)
		return NEVER;
	if (s->state == TERN_SLOT_SAVING && f->command_end != NEVER &&
	    end > f->command_end - f->save_ticks)
		return NEVER;
	return end;
}

uint64_t fake_next_event(const struct fake *f)
{
	uint64_t at = job_end(f);

	at = f->command_end < at ? f->command_end : at;
	at = f->watchdog < at ? f->watchdog : at;
	if (!(f->events & TERN_EVENT_TIMER) && f->timer < at)
		at = f->timer;
	return at;
}

/* All that is due. */
void fake_settle(struct fake *f)
{
	if (job_end(f) <= f->now)
		leave(f, f->slot[f->running].faults ? TERN_SLOT_FAULTED : TERN_SLOT_IDLE);
	if (f->command_end <= f->now)
		end_command(f);
	if (f->timer <= f->now) {
		f->events |= TERN_EVENT_TIMER;
		f->timer = NEVER;
	}
	if (f->watchdog <= f->now) {
		f->barked = f->halted = true;
		f->watchdog = NEVER;
	}
}

void fake_reset_engines(struct fake *f)
{
	if (f->running != NO_SLOT) {
		f->slot[f->running].hangs = false;
		f->slot[f->running].state = TERN_SLOT_IDLE;
		f->slot[f->running].left = 0;
		f->running = NO_SLOT;
		f->events |= TERN_EVENT_JOB;
	}
	if (f->command)
		f->events |= TERN_EVENT_COMMAND;
	f->command = 0;
	f->command_end = NEVER;
}

void fake_unbind(struct fake *f, unsigned int slot)
{
	struct fake_slot *s = &f->slot[slot];

	s->valid = false;
	s->jobs = 0;
	if (f->running == slot && !s->hangs) {
		f->running = NO_SLOT;
		f->events |= TERN_EVENT_JOB;
	}
	if (f->running != slot)
		s->state = TERN_SLOT_IDLE;
}
