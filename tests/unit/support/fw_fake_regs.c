// SPDX-License-Identifier: MIT
/* The registers, and all else that hal.h asks for. */
#include <stdlib.h>

#include "fw_fake_internal.h"

static uint64_t slot_mask(const struct fake *f, bool kernel)
{
	uint64_t mask = 0;

	for (unsigned int i = 0; i < TERN_NSLOTS; i++) {
		if (f->slot[i].valid && !(kernel && f->slot[i].user))
			mask |= SLOT_BIT(i);
	}
	return mask;
}

static uint64_t value(struct fake *f, uint32_t reg)
{
	const struct fake_slot *s = &f->slot[f->selected];

	switch (reg) {
	case HAL_REG(BOOT_ARGS):
		return f->boot_args;
	case HAL_REG(BOOT_STATUS):
		return f->boot_status;
	case HAL_REG(HEARTBEAT):
		return f->beats;
	case HAL_REG(HOST_KICK):
		return f->kick;
	case HAL_REG(MCU_EVENTS):
		return f->events;
	case HAL_REG(TIMER):
		return f->timer;
	case HAL_REG(DOORBELLS):
		return f->bells;
	case HAL_REG(VALID_SLOTS):
		return slot_mask(f, false);
	case HAL_REG(KERNEL_SLOTS):
		return slot_mask(f, true);
	case HAL_REG(COMMAND_SLOT):
		return f->selected;
	case HAL_REG(COMMAND_STATUS):
		return f->command != 0;
	case HAL_REG(RUNNING_SLOT):
		return f->running;
	case HAL_REG(PENDING):
		return f->pending;
	case HAL_REG(SLOT_PRIORITY):
		return s->priority;
	case HAL_REG(ENGINE_STATE):
		return f->running == NO_SLOT ? 0 : 0x15;
	case HAL_REG(SLOT_STATE):
		return s->state;
	case HAL_REG(PROGRESS):
		return f->running == NO_SLOT ? 0 : f->slot[f->running].progress;
	case HAL_REG(POWER):
		return f->power;
	case HAL_REG(TIMESTAMP_KHZ):
		return f->khz;
	case HAL_REG(TIMESTAMP):
		return FAKE_TIMESTAMP(f->now);
	case HAL_REG(CLOCK):
		return f->now;
	default:
		fake_violation("load of a register that cannot be read");
	}
}

static bool is_high_half(uint32_t reg)
{
	switch (reg - 4) {
#define X(name, offset, bits, access, text) \
	case offset:                        \
		return (bits) == 64;
		TERN_HW_FW_REGS(X)
#undef X
	default:
		return false;
	}
}

uint32_t hal_load(uint32_t reg)
{
	struct fake *f = fake_now;
	uint64_t v;

	if (is_high_half(reg))
		return f->latch;
	f->now += f->tick;
	fake_settle(f);
	if (f->running != NO_SLOT)
		fake_progress(f);
	v = value(f, reg);
	f->latch = (uint32_t)(v >> 32);
	return (uint32_t)v;
}

static void beat(struct fake *f, uint32_t v)
{
	f->beats = v;
	if (f->now - f->beat > f->longest_beat)
		f->longest_beat = f->now - f->beat;
	f->beat = f->now;
}

static void store(struct fake *f, uint32_t reg, uint64_t v)
{
	switch (reg) {
	case HAL_REG(BOOT_STATUS):
		f->boot_status = (uint32_t)v;
		break;
	case HAL_REG(HEARTBEAT):
		beat(f, (uint32_t)v);
		break;
	case HAL_REG(HOST_KICK):
		f->kick &= ~(uint32_t)v;
		break;
	case HAL_REG(HOST_IRQ):
		f->irqs++;
		break;
	case HAL_REG(WATCHDOG):
		f->watchdog = v ? f->now + v * f->khz / 1000 : NEVER;
		break;
	case HAL_REG(HALT):
		f->halted = true;
		longjmp(f->stop, 1);
	case HAL_REG(MCU_EVENTS):
		f->events &= ~(uint32_t)v;
		break;
	case HAL_REG(TIMER):
		f->timer = v;
		break;
	case HAL_REG(DOORBELLS):
		f->bells &= ~v;
		break;
	case HAL_REG(COMMAND_SLOT):
		fake_require(v < TERN_NSLOTS, "COMMAND_SLOT out of range");
		f->selected = (unsigned int)v;
		break;
	case HAL_REG(COMMAND):
		fake_command(f, (unsigned int)v);
		break;
	case HAL_REG(POWER):
		fake_require(f->running == NO_SLOT && !f->command,
			     "POWER while a slot is in the engines");
		f->power = (uint32_t)v;
		break;
	default:
		fake_violation("store to a register that cannot be written");
	}
}

void hal_store(uint32_t reg, uint32_t v)
{
	struct fake *f = fake_now;

	if (is_high_half(reg)) {
		fake_require(f->half == reg - 4, "a high half written without the low one");
		f->half = 0;
		store(f, reg - 4, f->low | (uint64_t)v << 32);
	} else if (is_high_half(reg + 4)) {
		f->half = reg;
		f->low = v;
	} else {
		store(f, reg, v);
	}
}

void *hal_window(uint32_t address, uint32_t bytes)
{
	struct fake *f = fake_now;

	if (address >= FAKE_AREA &&
	    (uint64_t)address + bytes <= (uint64_t)FAKE_AREA + f->area_bytes)
		return f->area + (address - FAKE_AREA);
	if (f->boot_status != TERN_FW_STAGE_STARTED && address < FAKE_AREA)
		fake_violation("it left the kernel's area");
	/* The access fault that mcu_trap() tells of. */
	f->boot_status = (f->boot_status & 0xffff) | (uint32_t)f->blame << 16;
	f->irqs++;
	f->halted = true;
	longjmp(f->stop, 1);
}

void hal_fence(void)
{
	if (fake_now->at_fence)
		fake_now->at_fence(fake_now);
}

void hal_halt(void)
{
	hal_store(HAL_REG(HALT), 1);
	abort();
}

void hal_blame(enum tern_fw_error error)
{
	fake_now->blame = error;
}
