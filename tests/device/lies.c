// SPDX-License-Identifier: GPL-2.0
/*
 * Not everything can be lied about: what says that the device is done with memory is a promise that
 * no driver can check without an IOMMU. Such a register says "not yet", or nonsense, never
 * "done" before it is.
 */
#include "lies.h"

#include <string.h>

#include "model.h"

void lies_set(struct model *m, uint64_t seed, uint64_t rate)
{
	m->lies.random = seed | 1;
	m->lies.rate = rate;
}

/* Marsaglia, Xorshift RNGs (2003): the triple 13, 7, 17. */
static uint64_t draw(struct lies *l)
{
	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	return l->random;
}

/* What it is worst to be told in place of v. */
static uint64_t worst(struct lies *l, unsigned int bits, uint64_t v)
{
	uint64_t top = 1ull << (bits - 1);

	switch (draw(l) >> 32 & 15) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return top;
	case 3:
		return top - 1;
	case 4:
	case 5:
		return v + 1;
	case 6:
	case 7:
		return v - 1;
	case 8:
		return v ^ 1ull << (draw(l) >> 32) % bits;
	case 9:
		return v / 2; /* backwards */
	case 10:
		return v + 65536; /* further than any ring */
	case 11:
	case 12:
	case 13: /* stale, or somebody else's */
		return l->before[(draw(l) >> 32) % LIES_REMEMBERED];
	case 14:
		return (draw(l) >> 32) % 64; /* small: a number of something */
	default:
		return draw(l);
	}
}

static bool now(struct lies *l)
{
	return l->rate && (draw(l) >> 32) % l->rate == 0;
}

uint64_t lies_word(struct model *m, unsigned int bytes, uint64_t truth)
{
	struct lies *l = &m->lies;
	unsigned int bits = 8 * bytes;
	uint64_t lie;

	if (!l->rate)
		return truth;
	if (!now(l)) {
		l->before[l->next++ % LIES_REMEMBERED] = truth;
		return truth;
	}
	l->told++;
	lie = worst(l, bits, truth);
	return bits == 64 ? lie : lie & ((1ull << bits) - 1);
}

void lies_record(struct model *m, void *record, size_t bytes)
{
	unsigned char *at = record;

	for (size_t i = 0; i + 4 <= bytes; i += 4) {
		uint32_t word;

		memcpy(&word, at + i, sizeof(word));
		word = (uint32_t)lies_word(m, sizeof(word), word);
		memcpy(at + i, &word, sizeof(word));
	}
}

/* Does `lie` say that memory may be released while it may not? */
static bool promises(uint32_t reg, uint32_t truth, uint32_t lie)
{
	uint32_t slot = (reg - TERN_REG_SLOT) % TERN_SLOT_STRIDE;

	if (reg == TERN_REG_INV_DONE)
		return (int32_t)(lie - truth) > 0;
	if (reg == TERN_REG_DMA_IDLE)
		return !truth;
	if (reg == TERN_REG_RESET)
		return truth && !lie;
	if (reg >= TERN_REG_SLOT && reg < TERN_REG_ASID_ROOT && slot == TERN_SLOT_REG_STATE)
		return (truth == TERN_SLOT_RUNNING || truth == TERN_SLOT_SAVING) &&
		       lie <= TERN_SLOT_FAULTED;
	return false;
}

uint32_t lies_register(struct model *m, uint32_t reg, uint32_t truth)
{
	uint32_t lie = (uint32_t)lies_word(m, sizeof(truth), truth);

	return promises(reg, truth, lie) ? truth : lie;
}
