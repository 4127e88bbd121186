// SPDX-License-Identifier: MIT
#include "firmware.h"

/* Looks for progress per PROGRESS_US: a stalled job is found at most a quarter late. */
#define LOOKS 4

void engine_init(struct engine *e)
{
	*e = (struct engine){.running = NO_SLOT, .selected = NO_SLOT, .look_at = NEVER};
}

static void select_slot(struct firmware *fw, unsigned int slot)
{
	if (fw->engine.selected == slot)
		return;
	hal_store(HAL_REG(COMMAND_SLOT), slot);
	fw->engine.selected = (uint8_t)slot;
}

void engine_issue(struct firmware *fw, enum tern_slot_command command, unsigned int slot)
{
	struct engine *e = &fw->engine;

	select_slot(fw, slot);
	hal_store(HAL_REG(COMMAND), command);
	e->command = (uint8_t)command;
	e->slot = (uint8_t)slot;
	e->issued = fw->now;
	if (command != TERN_SLOT_PREEMPT && command != TERN_SLOT_ABORT)
		return;
	e->asked = true;
	e->asked_at = fw->now;
	e->stuck = false;
}

bool engine_done(struct firmware *fw)
{
	if (hal_load(HAL_REG(COMMAND_STATUS)) & 1)
		return false;
	fw->engine.command = 0;
	if (!fw->engine.asked)
		fw->engine.stuck = false;
	return true;
}

uint32_t engine_state(struct firmware *fw, unsigned int slot)
{
	select_slot(fw, slot);
	return hal_load(HAL_REG(SLOT_STATE));
}

uint32_t engine_pending(struct firmware *fw, unsigned int slot)
{
	select_slot(fw, slot);
	return hal_load(HAL_REG(PENDING));
}

uint32_t engine_priority(struct firmware *fw, unsigned int slot)
{
	select_slot(fw, slot);
	return hal_load(HAL_REG(SLOT_PRIORITY));
}

/* Only jobs of the kernel have to get on: a program's own queue may wait for its memory. */
static bool must_progress(unsigned int slot)
{
	return hal_load64(HAL_REG(KERNEL_SLOTS)) & SLOT_BIT(slot);
}

/* PROGRESS counts on over a preemption; so does the time a job goes without. */
static void look(struct firmware *fw)
{
	struct engine *e = &fw->engine;
	uint64_t limit = fw->params.ticks[TERN_FW_PARAM_PROGRESS_US], stalled;
	uint64_t value = hal_load64(HAL_REG(PROGRESS));

	if (value != e->progress[e->running].value) {
		e->progress[e->running].value = value;
		e->progress[e->running].stalled = 0;
		e->progress_at = fw->now;
	}
	stalled = e->progress[e->running].stalled;
	e->look_at = fw->now + limit / LOOKS;
	/* In many short turns, too, the time comes. */
	if (e->progress_at + limit < e->look_at + stalled)
		e->look_at = e->progress_at + (stalled < limit ? limit - stalled : 0);
}

void engine_took(struct firmware *fw, unsigned int slot)
{
	struct engine *e = &fw->engine;

	e->running = (uint8_t)slot;
	e->asked = false;
	e->stuck = false;
	e->progress_at = fw->now;
	e->look_at = NEVER;
	if (must_progress(slot))
		look(fw);
}

void engine_forget(struct firmware *fw, unsigned int slot)
{
	fw->engine.progress[slot].value = UINT64_MAX;
	fw->engine.progress[slot].stalled = 0;
}

void engine_left(struct firmware *fw, bool job_over)
{
	struct engine *e = &fw->engine;

	if (job_over)
		engine_forget(fw, e->running);
	else
		e->progress[e->running].stalled += fw->now - e->progress_at;
	e->running = NO_SLOT;
	e->asked = false;
	e->stuck = false;
	e->look_at = NEVER;
}

bool engine_stalled(struct firmware *fw)
{
	struct engine *e = &fw->engine;

	if (e->running == NO_SLOT || e->asked || fw->now < e->look_at)
		return false;
	look(fw);
	return e->progress[e->running].stalled + (fw->now - e->progress_at) >=
	       fw->params.ticks[TERN_FW_PARAM_PROGRESS_US];
}

/* By when all must have come to its end. QUERY and RUN read a ring and a saved context, and may
 * take longer than a drain. */
static uint64_t due(const struct firmware *fw)
{
	const struct engine *e = &fw->engine;

	if (e->stuck)
		return NEVER;
	if (e->asked)
		return e->asked_at + fw->params.ticks[TERN_FW_PARAM_PREEMPT_US];
	if (e->command)
		return e->issued + fw->params.ticks[TERN_FW_PARAM_PROGRESS_US];
	return NEVER;
}

void engine_watch(struct firmware *fw)
{
	struct engine *e = &fw->engine;
	unsigned int slot = e->asked ? e->running : e->slot;

	if (fw->now < due(fw))
		return;
	e->stuck = true;
	log_text(fw, TERN_FW_LOG_WARN, "slot %u does not leave the engines; their queues are %x",
		 slot, (unsigned int)hal_load(HAL_REG(ENGINE_STATE)));
	ipc_event(fw, TERN_FW_EVENT_PREEMPT_STUCK, slot,
		  params_us(&fw->params, fw->now - (e->asked ? e->asked_at : e->issued)));
}

uint64_t engine_deadline(const struct firmware *fw)
{
	uint64_t at = due(fw);

	/* Nothing can be done about it while a command is under way. */
	if (!fw->engine.asked && !fw->engine.command && fw->engine.look_at < at)
		at = fw->engine.look_at;
	return at;
}
