// SPDX-License-Identifier: MIT
#include "firmware.h"
#include "handshake.h"

static bool holds(uint32_t reg, uint32_t value)
{
	hal_store(reg, value);
	return hal_load(reg) == value;
}

static bool holds64(uint32_t reg, uint64_t value)
{
	hal_store64(reg, value);
	return hal_load64(reg) == value;
}

bool selftest(void)
{
	static const uint64_t patterns[] = {0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0};

	for (unsigned int i = 0; i < 3; i++) {
		if (!holds64(HAL_REG(TIMER), patterns[i] | 1ull << 63) ||
		    !holds(HAL_REG(HEARTBEAT), (uint32_t)patterns[i]) ||
		    !holds(HAL_REG(COMMAND_SLOT), patterns[i] % TERN_NSLOTS))
			return false;
	}
	return hal_load(HAL_REG(TIMESTAMP_KHZ));
}

static _Noreturn void fail(enum tern_fw_stage stage, enum tern_fw_error error)
{
	firmware_stage(stage, error);
	hal_store(HAL_REG(HOST_IRQ), 1);
	hal_halt();
}

void firmware_boot(struct firmware *fw)
{
	enum tern_fw_error error;

	firmware_stage(TERN_FW_STAGE_STARTED, TERN_FW_ERROR_NONE);
	hal_blame(TERN_FW_ERROR_SELFTEST);
	if (!selftest())
		fail(TERN_FW_STAGE_STARTED, TERN_FW_ERROR_SELFTEST);
	sched_init(&fw->sched);
	engine_init(&fw->engine);
	fw->now = hal_load64(HAL_REG(CLOCK));
	error = handshake(fw);
	if (error)
		fail(TERN_FW_STATUS_STAGE(hal_load(HAL_REG(BOOT_STATUS))), error);
	power_init(fw);
	log_text(fw, TERN_FW_LOG_INFO, "tern firmware %s, build %s, features %x", fw_version,
		 fw_build, (unsigned int)fw->features);
	hal_blame(TERN_FW_ERROR_PANIC);
	firmware_stage(TERN_FW_STAGE_READY, TERN_FW_ERROR_NONE);
	hal_store(HAL_REG(HOST_IRQ), 1);
}
