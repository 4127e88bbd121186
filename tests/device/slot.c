// SPDX-License-Identifier: GPL-2.0
/* The host's registers of a slot. */
#include "model.h"

bool slot_valid(const struct model *m, unsigned int slot)
{
	return m->slot[slot].control & TERN_SLOT_VALID;
}

unsigned int slot_asid(const struct slot *s)
{
	return s->control >> TERN_SLOT_ASID_SHIFT & (TERN_NASIDS - 1);
}

unsigned int slot_priority(const struct slot *s)
{
	return s->control >> TERN_SLOT_PRIORITY_SHIFT & 3;
}

#define CONTROL_BITS                                                                               \
	(TERN_SLOT_VALID | TERN_SLOT_KERNEL | TERN_SLOT_RESTORE | 3u << TERN_SLOT_PRIORITY_SHIFT | \
	 (TERN_NASIDS - 1) << TERN_SLOT_ASID_SHIFT)

static void bind(struct model *m, unsigned int slot, uint32_t control)
{
	struct slot *s = &m->slot[slot];

	s->control = control;
	/* No program runs in the kernel's address space, and none in a slot still busy. */
	if (!slot_asid(s) || engine_runs(m, slot)) {
		s->control &= ~TERN_SLOT_VALID;
		return;
	}
	s->state = control & TERN_SLOT_RESTORE ? TERN_SLOT_SAVED : TERN_SLOT_IDLE;
	s->looked = false;
	s->cycles = 0;
	model_log(m, "bind %u %u %s\n", slot, slot_asid(s),
		  control & TERN_SLOT_KERNEL ? "kernel" : "user");
}

static void unbind(struct model *m, unsigned int slot, uint32_t control)
{
	struct slot *s = &m->slot[slot];

	s->control = control;
	m->mcu.doorbells &= ~(1ull << slot);
	model_log(m, "unbind %u\n", slot);
	if (engine_runs(m, slot))
		engine_take(m);
	else if (s->state != TERN_SLOT_FAULTED)
		s->state = TERN_SLOT_IDLE;
}

static void control(struct model *m, unsigned int slot, uint32_t value)
{
	struct slot *s = &m->slot[slot];
	bool was = s->control & TERN_SLOT_VALID, is = value & TERN_SLOT_VALID;

	value &= CONTROL_BITS;
	if (is && !was)
		bind(m, slot, value);
	else if (was && !is)
		unbind(m, slot, value);
	else if (!is)
		s->control = value;
	/* Nothing else changes while the slot is VALID. */
}

static uint64_t *address(struct slot *s, uint32_t reg)
{
	switch (reg & ~4u) {
	case TERN_SLOT_REG_RING:
		return &s->ring;
	case TERN_SLOT_REG_SAVE:
		return &s->save;
	case TERN_SLOT_REG_FAULT:
		return &s->fault;
	default:
		return NULL;
	}
}

uint32_t slot_reg_read(struct model *m, unsigned int slot, uint32_t reg)
{
	struct slot *s = &m->slot[slot];
	uint64_t *wide = address(s, reg);

	if (wide)
		return (uint32_t)(reg & 4 ? *wide >> 32 : *wide);
	switch (reg) {
	case TERN_SLOT_REG_CONTROL:
		return s->control;
	case TERN_SLOT_REG_STATE:
		return s->state;
	case TERN_SLOT_REG_CYCLES:
		m->latch_host = (uint32_t)(s->cycles >> 32);
		return (uint32_t)s->cycles;
	case TERN_SLOT_REG_CYCLES + 4:
		return m->latch_host;
	default:
		return 0;
	}
}

void slot_reg_write(struct model *m, unsigned int slot, uint32_t reg, uint32_t value)
{
	struct slot *s = &m->slot[slot];
	uint64_t *wide = address(s, reg);

	if (reg == TERN_SLOT_REG_CONTROL)
		control(m, slot, value);
	else if (wide && !(s->control & TERN_SLOT_VALID))
		*wide = reg & 4 ? (*wide & UINT32_MAX) | (uint64_t)value << 32
				: (*wide & ~(uint64_t)UINT32_MAX) | value;
}
