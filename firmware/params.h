/* SPDX-License-Identifier: MIT */
#ifndef FIRMWARE_PARAMS_H
#define FIRMWARE_PARAMS_H

#include "hal.h"

/* enum tern_fw_param as the kernel gave them, and those that are times in ticks of CLOCK. */
struct params {
	uint32_t khz; /* of CLOCK */
	uint32_t value[TERN_FW_NPARAMS];
	uint64_t ticks[TERN_FW_NPARAMS];
};

/* False, and nothing has changed: there is no such parameter, or VALUE is outside its limits. */
bool params_set(struct params *p, uint64_t which, uint64_t value);

uint64_t params_us(const struct params *p, uint64_t ticks);

#endif /* FIRMWARE_PARAMS_H */
