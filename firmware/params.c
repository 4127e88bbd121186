// SPDX-License-Identifier: MIT
#include "params.h"

static const struct {
	uint32_t low, high;
} limits[] = {
#define X(name, code, low, high, usual, text) [code] = {low, high},
	TERN_FW_PARAMS(X)
#undef X
};

bool params_set(struct params *p, uint64_t which, uint64_t value)
{
	if (which >= TERN_FW_NPARAMS)
		return false;
	if (value < limits[which].low || value > limits[which].high)
		return false;
	p->value[which] = (uint32_t)value;
	/* At most 6e8 us of a clock of at most 2^32 kHz: no overflow. A slow clock rounds up. */
	p->ticks[which] = (value * p->khz + 999) / 1000;
	return true;
}

uint64_t params_us(const struct params *p, uint64_t ticks)
{
	/* In two steps, so that no count of ticks overflows. */
	return ticks / p->khz * 1000 + ticks % p->khz * 1000 / p->khz;
}
