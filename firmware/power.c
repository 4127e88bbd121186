// SPDX-License-Identifier: MIT
#include "firmware.h"

static void set_power(struct firmware *fw, enum tern_power power)
{
	hal_store(HAL_REG(POWER), power);
	trace(fw, TERN_FW_TRACE_POWER, NO_SLOT, power);
}

void power_init(struct firmware *fw)
{
	fw->power.idle_since = NEVER;
	fw->power.beat_at = fw->now;
	fw->power.timer = NEVER;
	hal_store64(HAL_REG(TIMER), NEVER);
	set_power(fw, TERN_POWER_ON);
}

bool power_off(const struct firmware *fw)
{
	return fw->power.off;
}

bool power_held(const struct firmware *fw)
{
	return fw->power.off || fw->request.type == TERN_FW_SUSPEND;
}

void power_suspend(struct firmware *fw)
{
	fw->power.off = true;
	/* Asleep, the MCU neither counts nor is watched. */
	hal_store(HAL_REG(WATCHDOG), 0);
	set_power(fw, TERN_POWER_RETENTION);
}

void power_resume(struct firmware *fw)
{
	fw->power.off = false;
	fw->power.idle_told = false;
	fw->power.idle_since = NEVER;
	set_power(fw, TERN_POWER_ON);
	fw->power.beat_at = fw->now;
	power_tick(fw);
	slots_rescan(fw);
}

void power_halt(void)
{
	firmware_stage(TERN_FW_STAGE_STOPPED, TERN_FW_ERROR_NONE);
	hal_store(HAL_REG(HOST_IRQ), 1);
	hal_halt();
}

/* Twice as often as was promised, and soon enough for the watchdog by a wide margin. */
static uint64_t beat_ticks(const struct firmware *fw)
{
	uint64_t beat = fw->params.ticks[TERN_FW_PARAM_HEARTBEAT_US] / 2;
	uint64_t watchdog = fw->params.ticks[TERN_FW_PARAM_WATCHDOG_US] / 4;

	return watchdog < beat ? watchdog : beat;
}

void power_tick(struct firmware *fw)
{
	if (fw->power.off || fw->now < fw->power.beat_at)
		return;
	fw->power.beat_at = fw->now + beat_ticks(fw);
	hal_store(HAL_REG(HEARTBEAT), ++fw->power.beats);
	hal_store(HAL_REG(WATCHDOG), fw->params.value[TERN_FW_PARAM_WATCHDOG_US]);
	/* A chance to find out that a job has ended, should its event be lost. */
	fw->events |= TERN_EVENT_JOB;
}

static void work_came(struct firmware *fw)
{
	fw->power.idle_since = NEVER;
	if (!fw->power.idle_told)
		return;
	fw->power.idle_told = false;
	ipc_revoke(fw, TERN_FW_EVENT_IDLE);
	ipc_event(fw, TERN_FW_EVENT_ACTIVE, 0, 0);
}

void power_idle(struct firmware *fw)
{
	struct power *p = &fw->power;

	if (!(fw->features & TERN_FW_FEATURE_POWER) || p->off)
		return;
	/* A job may also have come and gone since the last look. */
	if (slots_work(fw) || (p->idle_since != NEVER && fw->slots.job_end > p->idle_since))
		work_came(fw);
	if (slots_work(fw))
		return;
	if (p->idle_since == NEVER)
		p->idle_since = fw->now;
	if (p->idle_told || fw->now - p->idle_since < fw->params.ticks[TERN_FW_PARAM_IDLE_US])
		return;
	p->idle_told = true;
	ipc_revoke(fw, TERN_FW_EVENT_ACTIVE);
	ipc_event(fw, TERN_FW_EVENT_IDLE, 0, fw->slots.job_end_timestamp);
}

uint64_t power_deadline(const struct firmware *fw)
{
	const struct power *p = &fw->power;
	uint64_t idle = NEVER;

	if (p->idle_since != NEVER && !p->idle_told)
		idle = p->idle_since + fw->params.ticks[TERN_FW_PARAM_IDLE_US];
	return idle < p->beat_at ? idle : p->beat_at;
}
