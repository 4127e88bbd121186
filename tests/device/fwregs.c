// SPDX-License-Identifier: GPL-2.0
/* The firmware's registers, as the MCU and the host see them. */
#include "faults_fw.h"
#include "model.h"

static uint64_t slots(const struct model *m, uint32_t bits)
{
	uint64_t mask = 0;

	for (unsigned int i = 0; i < TERN_NSLOTS; i++)
		mask |= (uint64_t)((m->slot[i].control & bits) == bits) << i;
	return mask;
}

static uint32_t engine_state(const struct model *m)
{
	/* Which queues hold commands is known at the boundary only; the CP always works. */
	return m->engine.running ? 1u << TERN_Q_CP : 0;
}

static uint64_t progress(const struct model *m, bool budget)
{
	uint64_t commands = 0, steps = 0, all = m->engine.run.job.budget;

	if (!m->engine.running)
		return 0;
	tern_sim_progress(m->engine.sim, &commands, &steps);
	if (!budget)
		return commands;
	if (!all)
		all = TERN_DEFAULT_BUDGET;
	return all > steps ? all - steps : 0;
}

/* Registers of 64 bits; false: it is none. */
static bool wide(struct model *m, uint32_t reg, uint64_t *v)
{
	switch (reg) {
	case TERN_FW_REG_BOOT_ARGS:
		*v = m->mcu.boot_args;
		return true;
	case TERN_FW_REG_TIMER:
		*v = m->mcu.timer;
		return true;
	case TERN_FW_REG_DOORBELLS:
		*v = m->mcu.doorbells;
		return true;
	case TERN_FW_REG_VALID_SLOTS:
		*v = slots(m, TERN_SLOT_VALID);
		return true;
	case TERN_FW_REG_KERNEL_SLOTS:
		*v = slots(m, TERN_SLOT_VALID | TERN_SLOT_KERNEL);
		return true;
	case TERN_FW_REG_PROGRESS:
		*v = progress(m, false);
		return true;
	case TERN_FW_REG_BUDGET_LEFT:
		*v = progress(m, true);
		return true;
	case TERN_FW_REG_TIMESTAMP:
		*v = model_now(m);
		return true;
	case TERN_FW_REG_CLOCK:
		*v = clock_now(&m->clock);
		return true;
	default:
		return false;
	}
}

static uint32_t narrow(struct model *m, uint32_t reg)
{
	const struct mcu *c = &m->mcu;
	const struct slot *s = &m->slot[c->command_slot % TERN_NSLOTS];

	switch (reg) {
	case TERN_FW_REG_BOOT_STATUS:
		return c->boot_status;
	case TERN_FW_REG_HEARTBEAT:
		return c->heartbeat;
	case TERN_FW_REG_HOST_KICK:
		return c->kick;
	case TERN_FW_REG_WATCHDOG:
		return c->watchdog ? (uint32_t)((c->watchdog - clock_now(&m->clock)) / 1000) : 0;
	case TERN_FW_REG_MCU_EVENTS:
		return c->events;
	case TERN_FW_REG_COMMAND_SLOT:
		return c->command_slot;
	case TERN_FW_REG_COMMAND_STATUS:
		return m->engine.command != 0;
	case TERN_FW_REG_RUNNING_SLOT:
		return m->engine.running ? m->engine.slot : TERN_NSLOTS;
	case TERN_FW_REG_PENDING:
		return (uint32_t)c->pending;
	case TERN_FW_REG_SLOT_PRIORITY:
		return slot_priority(s);
	case TERN_FW_REG_ENGINE_STATE:
		return engine_state(m);
	case TERN_FW_REG_SLOT_STATE:
		return s->state;
	case TERN_FW_REG_POWER:
		return m->engine.power;
	case TERN_FW_REG_TIMESTAMP_KHZ:
		return TIMESTAMP_KHZ;
	default:
		return 0;
	}
}

/* Reading the low half latches the high one, for each reader by itself. */
uint32_t fw_reg_read(struct model *m, uint32_t offset, bool mcu)
{
	uint32_t *latch = mcu ? &m->latch_fw : &m->latch_host;
	uint64_t v;

	if (wide(m, offset, &v)) {
		*latch = (uint32_t)(v >> 32);
		return (uint32_t)v;
	}
	if (offset & 4 && wide(m, offset - 4, &v))
		return *latch;
	return narrow(m, offset);
}

/* ---- writes ------------------------------------------------------------------------------------------ */
static void power(struct model *m, uint32_t value)
{
	if (value > TERN_POWER_ON || m->engine.running)
		return;
	m->engine.power = (enum tern_power)value;
}

static void write_by_mcu(struct model *m, uint32_t offset, uint32_t v)
{
	struct mcu *c = &m->mcu;

	switch (offset) {
	case TERN_FW_REG_BOOT_STATUS:
		c->boot_status = v;
		break;
	case TERN_FW_REG_HEARTBEAT:
		c->heartbeat = v;
		break;
	case TERN_FW_REG_HOST_KICK:
		c->kick &= ~v;
		break;
	case TERN_FW_REG_HOST_IRQ:
		if (v & 1) {
			faults_tamper(m);
			irq_raise(m, TERN_IRQ_MESSAGE);
		}
		break;
	case TERN_FW_REG_WATCHDOG:
		c->watchdog = v ? clock_now(&m->clock) + 1000ull * v : 0;
		break;
	case TERN_FW_REG_HALT:
		mcu_halt(m);
		break;
	case TERN_FW_REG_MCU_EVENTS:
		c->events &= ~v;
		break;
	case TERN_FW_REG_TIMER: /* low halves wait for the high one */
	case TERN_FW_REG_DOORBELLS:
		c->low = v;
		break;
	case TERN_FW_REG_TIMER + 4:
		c->timer = (uint64_t)v << 32 | c->low;
		mcu_wake(m);
		break;
	case TERN_FW_REG_DOORBELLS + 4:
		c->doorbells &= ~((uint64_t)v << 32 | c->low);
		break;
	case TERN_FW_REG_COMMAND_SLOT:
		c->command_slot = v;
		break;
	case TERN_FW_REG_COMMAND:
		slot_command(m, c->command_slot, v);
		break;
	case TERN_FW_REG_POWER:
		power(m, v);
		break;
	default:
		break;
	}
}

static void write_by_host(struct model *m, uint32_t offset, uint32_t v)
{
	uint64_t *args = &m->mcu.boot_args;

	if (offset == TERN_FW_REG_HOST_KICK && v & 1)
		mcu_kick(m);
	else if (offset == TERN_FW_REG_BOOT_ARGS)
		*args = (*args & ~(uint64_t)UINT32_MAX) | v;
	else if (offset == TERN_FW_REG_BOOT_ARGS + 4)
		*args = (*args & UINT32_MAX) | (uint64_t)v << 32;
}

void fw_reg_write(struct model *m, uint32_t offset, uint32_t v, bool mcu)
{
	if (mcu)
		write_by_mcu(m, offset, v);
	else
		write_by_host(m, offset, v);
}
