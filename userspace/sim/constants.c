// SPDX-License-Identifier: MIT
/* The table of constants as data. */
#include "sim/constants.h"

const struct tern_timing_constant_info tern_timing_constant_info[TERN_K_COUNT] = {
#define X(n, val, u, lo, hi, why, src) \
	{.name = #n, .unit = u, .reason = why, .source = src, .value = val, .low = lo, .high = hi},
	TERN_TIMING_CONSTANTS(X)
#undef X
};

const struct tern_timing_constants tern_timing_defaults = {{
#define X(n, val, u, lo, hi, why, src) [TERN_K_##n] = val,
	TERN_TIMING_CONSTANTS(X)
#undef X
}};
