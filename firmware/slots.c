// SPDX-License-Identifier: MIT
#include "firmware.h"

#define MAX_STEPS 32 /* commands in one pass */

bool slots_start(struct firmware *fw, unsigned int slot)
{
	struct slots *s = &fw->slots;

	if (s->started & SLOT_BIT(slot))
		return false;
	s->started |= SLOT_BIT(slot);
	s->query |= SLOT_BIT(slot);
	s->known &= ~SLOT_BIT(slot);
	s->saved &= ~SLOT_BIT(slot);
	s->barren &= ~SLOT_BIT(slot);
	s->lost &= ~SLOT_BIT(slot);
	s->pending[slot] = 0;
	s->order[slot] = ++s->starts;
	engine_forget(fw, slot);
	return true;
}

static void set_pending(struct firmware *fw, unsigned int slot, uint32_t jobs)
{
	fw->slots.pending[slot] = jobs;
	if (jobs)
		sched_add(&fw->sched, slot, fw->now);
	else
		sched_drop(&fw->sched, slot);
}

void slots_stop(struct firmware *fw, unsigned int slot)
{
	fw->slots.started &= ~SLOT_BIT(slot);
	fw->slots.rung &= ~SLOT_BIT(slot);
	fw->slots.query &= ~SLOT_BIT(slot);
	set_pending(fw, slot, 0);
}

void slots_rescan(struct firmware *fw)
{
	fw->slots.rung = 0;
	fw->slots.query = fw->slots.started;
}

/* The ring of a slot that is known to have work is looked at when that is used up. */
void slots_bells(struct firmware *fw, uint64_t bells)
{
	uint64_t mask = bells &= fw->slots.started;

	fw->slots.barren &= ~bells;
	fw->slots.rung |= bells & ~fw->sched.ready;
	while (fw->trace.head && mask) {
		trace(fw, TERN_FW_TRACE_DOORBELL, (unsigned int)__builtin_ctzll(mask), 0);
		mask &= mask - 1;
	}
}

bool slots_engaged(const struct firmware *fw, unsigned int slot)
{
	const struct engine *e = &fw->engine;

	return e->running == slot || (e->command && e->slot == slot);
}

bool slots_work(const struct firmware *fw)
{
	return fw->sched.ready || fw->engine.running != NO_SLOT;
}

/* ---- Commands and what becomes of them ------------------------------------------------ */

static bool is_valid(unsigned int slot)
{
	return hal_load64(HAL_REG(VALID_SLOTS)) & SLOT_BIT(slot);
}

static unsigned int first_started(const struct slots *s, uint64_t mask)
{
	unsigned int best = (unsigned int)__builtin_ctzll(mask);

	while (mask &= mask - 1) {
		unsigned int slot = (unsigned int)__builtin_ctzll(mask);

		if (s->order[slot] < s->order[best])
			best = slot;
	}
	return best;
}

/* First the slot whose turn goes on, then in the order of their starts. */
static unsigned int next_query(const struct firmware *fw)
{
	const struct slots *s = &fw->slots;

	if (fw->sched.turn != NO_SLOT && s->query & SLOT_BIT(fw->sched.turn))
		return fw->sched.turn;
	return first_started(s, s->query);
}

static void issue_query(struct firmware *fw)
{
	struct slots *s = &fw->slots;
	unsigned int slot = next_query(fw);

	s->query &= ~SLOT_BIT(slot);
	/* One the kernel took away would show what was pending before. */
	if (!is_valid(slot) || s->lost & SLOT_BIT(slot)) {
		set_pending(fw, slot, 0);
		return;
	}
	if (!(s->known & SLOT_BIT(slot))) {
		fw->sched.slot[slot].priority = engine_priority(fw, slot) & 3;
		s->known |= SLOT_BIT(slot);
	}
	engine_issue(fw, TERN_SLOT_QUERY, slot);
}

static void query_done(struct firmware *fw, unsigned int slot)
{
	struct slots *s = &fw->slots;
	uint32_t pending = engine_pending(fw, slot), state;

	if (!(s->started & SLOT_BIT(slot)))
		return;
	state = engine_state(fw, slot);
	s->saved &= ~SLOT_BIT(slot);
	if (state == TERN_SLOT_SAVED)
		s->saved |= SLOT_BIT(slot);
	set_pending(fw, slot, state == TERN_SLOT_FAULTED ? 0 : pending);
}

static void job_ended(struct firmware *fw, unsigned int slot, uint32_t state)
{
	struct slots *s = &fw->slots;
	uint32_t left = s->pending[slot] ? s->pending[slot] - 1 : 0;

	s->job_end = fw->now;
	s->job_end_timestamp = hal_load64(HAL_REG(TIMESTAMP));
	s->saved &= ~SLOT_BIT(slot);
	trace(fw, TERN_FW_TRACE_END, slot, left);
	if (state == TERN_SLOT_FAULTED || s->lost & SLOT_BIT(slot))
		left = 0;
	else if (!left)
		s->query |= SLOT_BIT(slot) & s->started;
	set_pending(fw, slot, left);
}

/* The slot that ran is out of the engines. */
static void slot_left(struct firmware *fw)
{
	unsigned int slot = fw->engine.running;
	uint32_t state = engine_state(fw, slot);

	if (state == TERN_SLOT_SAVED) {
		fw->slots.saved |= SLOT_BIT(slot);
		trace(fw, TERN_FW_TRACE_SAVED, slot, 0);
	} else {
		/* Out of stuck engines without a save: somebody reset them. Whether such a job
		 * may begin anew is the kernel's to say. */
		if (fw->engine.stuck && state != TERN_SLOT_FAULTED)
			fw->slots.lost |= SLOT_BIT(slot);
		job_ended(fw, slot, state);
	}
	engine_left(fw, state != TERN_SLOT_SAVED);
}

/* It runs; or has run already, and JOB says so; or there was nothing to run. */
static void run_done(struct firmware *fw, unsigned int slot)
{
	struct slots *s = &fw->slots;

	if (hal_load(HAL_REG(RUNNING_SLOT)) == slot) {
		s->barren &= ~SLOT_BIT(slot);
		engine_took(fw, slot);
		return;
	}
	firmware_take_events(fw);
	if (fw->events & TERN_EVENT_JOB) {
		fw->engine.running = (uint8_t)slot;
		slot_left(fw);
		return;
	}
	/* Look once more; a ring that still says one thing and does another waits for its bell. */
	if (!(s->barren & SLOT_BIT(slot)))
		s->query |= SLOT_BIT(slot) & s->started;
	s->barren |= SLOT_BIT(slot);
	set_pending(fw, slot, 0);
}

/* Asked to leave: it has, unless it was never there to be asked. */
static void leave_done(struct firmware *fw)
{
	if (fw->engine.running != NO_SLOT && hal_load(HAL_REG(RUNNING_SLOT)) != fw->engine.running)
		slot_left(fw);
}

void slots_settle(struct firmware *fw)
{
	leave_done(fw);
}

static void command_done(struct firmware *fw, unsigned int command, unsigned int slot)
{
	switch (command) {
	case TERN_SLOT_QUERY:
		query_done(fw, slot);
		break;
	case TERN_SLOT_RUN:
		run_done(fw, slot);
		break;
	default:
		leave_done(fw);
	}
}

/* ---- What to do next --------------------------------------------------------------------- */

static void preempt(struct firmware *fw, enum tern_fw_preempt why)
{
	trace(fw, TERN_FW_TRACE_PREEMPT, fw->engine.running, why);
	engine_issue(fw, TERN_SLOT_PREEMPT, fw->engine.running);
}

static void abort_stalled(struct firmware *fw)
{
	unsigned int slot = fw->engine.running;
	uint64_t progress = fw->engine.progress[slot].value;

	log_text(fw, TERN_FW_LOG_WARN, "slot %u: no progress for %u ms, its job is aborted", slot,
		 (unsigned int)(fw->params.value[TERN_FW_PARAM_PROGRESS_US] / 1000));
	ipc_event(fw, TERN_FW_EVENT_NO_PROGRESS, slot, progress);
	engine_issue(fw, TERN_SLOT_ABORT, slot);
}

/* Takes back the slot that runs, if there is a reason. */
static void consider_running(struct firmware *fw)
{
	int why;

	if (fw->engine.asked)
		return;
	if (request_wants_abort(fw, fw->engine.running)) {
		engine_issue(fw, TERN_SLOT_ABORT, fw->engine.running);
		return;
	}
	if (engine_stalled(fw)) {
		abort_stalled(fw);
		return;
	}
	why = request_wants_preempt(fw, fw->engine.running);
	if (why == SCHED_STAY && fw->features & TERN_FW_FEATURE_PREEMPT)
		why = sched_over(&fw->sched, fw->now);
	if (why != SCHED_STAY)
		preempt(fw, (enum tern_fw_preempt)why);
}

/* Whose job goes into the engines now; NO_SLOT. */
static unsigned int next_run(struct firmware *fw)
{
	struct sched *s = &fw->sched;

	if (s->turn != NO_SLOT && s->ready & SLOT_BIT(s->turn) && !power_held(fw) &&
	    sched_over(s, fw->now) == SCHED_STAY)
		return s->turn;
	sched_end(s, fw->now);
	return power_held(fw) ? NO_SLOT : sched_begin(s, fw->now);
}

static void run_next(struct firmware *fw)
{
	unsigned int slot = next_run(fw);

	if (slot == NO_SLOT)
		return;
	trace(fw, TERN_FW_TRACE_RUN, slot, !!(fw->slots.saved & SLOT_BIT(slot)));
	engine_issue(fw, TERN_SLOT_RUN, slot);
}

/* False: nothing can be done now. */
static bool step(struct firmware *fw)
{
	struct slots *s = &fw->slots;

	if (power_off(fw))
		return false;
	/* Between two looks at a ring something may begin: a bell that rings without pause
	 * must not keep jobs from running. */
	if (!s->query && s->began) {
		s->query = s->rung;
		s->rung = 0;
		s->began = false;
	}
	if (s->query) {
		issue_query(fw);
		return true;
	}
	s->began = true;
	if (fw->engine.running != NO_SLOT)
		consider_running(fw);
	else
		run_next(fw);
	return fw->engine.command || s->rung;
}

/* Has the device ended what it was doing? False: a command is still under way. */
static bool catch_up(struct firmware *fw)
{
	struct engine *e = &fw->engine;
	unsigned int command = e->command;

	if (command) {
		if (!engine_done(fw))
			return false;
		command_done(fw, command, e->slot);
	}
	if (e->running != NO_SLOT && fw->events & TERN_EVENT_JOB &&
	    hal_load(HAL_REG(RUNNING_SLOT)) != e->running)
		slot_left(fw);
	fw->events &= ~TERN_EVENT_JOB;
	return true;
}

void slots_pass(struct firmware *fw)
{
	unsigned int steps = 0;

	/* Jobs as short as this loop must not keep it from everything else. */
	while (catch_up(fw) && step(fw)) {
		if (++steps == MAX_STEPS) {
			fw->again = true;
			break;
		}
	}
	engine_watch(fw);
}
