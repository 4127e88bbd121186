// SPDX-License-Identifier: MIT
#include "firmware.h"

void firmware_stage(enum tern_fw_stage stage, enum tern_fw_error error)
{
	hal_fence_wo();
	hal_store(HAL_REG(BOOT_STATUS), (uint32_t)stage | (uint32_t)error << 16);
}

void firmware_params_changed(struct firmware *fw)
{
	fw->sched.slice = fw->params.ticks[TERN_FW_PARAM_SLICE_US];
	fw->sched.starvation = fw->params.ticks[TERN_FW_PARAM_STARVATION_US];
	if (fw->engine.look_at != NEVER)
		fw->engine.look_at = fw->now;
	fw->power.beat_at = fw->now;
}

void firmware_take_events(struct firmware *fw)
{
	uint32_t events = hal_load(HAL_REG(MCU_EVENTS));

	if (events)
		hal_store(HAL_REG(MCU_EVENTS), events);
	fw->events |= events;
}

/* Clears all that interrupts, then lets everybody look. Returns the doorbells that rang. */
static uint64_t take_interrupts(struct firmware *fw)
{
	uint32_t kick = hal_load(HAL_REG(HOST_KICK));
	uint64_t bells = hal_load64(HAL_REG(DOORBELLS));

	if (kick) {
		hal_store(HAL_REG(HOST_KICK), kick);
		fw->ipc.closed = false;
	}
	if (bells)
		hal_store64(HAL_REG(DOORBELLS), bells);
	firmware_take_events(fw);
	hal_fence_oi();
	return bells;
}

static uint64_t next_deadline(const struct firmware *fw)
{
	uint64_t at = power_deadline(fw), t = engine_deadline(fw);

	if (fw->power.off)
		return NEVER;
	at = t < at ? t : at;
	if (fw->engine.running == NO_SLOT || fw->engine.asked || fw->engine.command ||
	    !(fw->features & TERN_FW_FEATURE_PREEMPT))
		return at;
	t = sched_deadline(&fw->sched);
	return t < at ? t : at;
}

/* The event is an edge or a level, whichever: after one the register is always written. */
static void set_timer(struct firmware *fw)
{
	uint64_t at = next_deadline(fw);

	if (at <= fw->now)
		fw->again = true;
	if (at == fw->power.timer && !(fw->events & TERN_EVENT_TIMER))
		return;
	hal_store64(HAL_REG(TIMER), at);
	fw->power.timer = at;
}

bool firmware_pass(struct firmware *fw)
{
	uint64_t bells;

	fw->now = hal_load64(HAL_REG(CLOCK));
	fw->again = false;
	bells = take_interrupts(fw);
	slots_bells(fw, bells);
	power_tick(fw);
	ipc_flush(fw);
	do {
		slots_pass(fw);
	} while (request_pass(fw) && !fw->again);
	power_idle(fw);
	set_timer(fw);
	fw->events = 0;
	return fw->again;
}
