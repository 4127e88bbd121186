/* SPDX-License-Identifier: MIT */
/* The constants of <tern/time.h> as data, and what a row of VECTOR costs. */
#ifndef TERN_SIM_CONSTANTS_H
#define TERN_SIM_CONSTANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tern/hw.h>
#include <tern/time.h>

enum tern_timing_constant {
#define X(name, value, unit, low, high, reason, source) TERN_K_##name,
	TERN_TIMING_CONSTANTS(X)
#undef X
		TERN_K_COUNT
};

struct tern_timing_constants {
	double v[TERN_K_COUNT]; /* in their unit, already scaled */
};

struct tern_timing_constant_info {
	const char *name, *unit, *reason, *source;
	double value, low, high;
};
extern const struct tern_timing_constant_info tern_timing_constant_info[TERN_K_COUNT];
extern const struct tern_timing_constants tern_timing_defaults;

static inline uint64_t tern_timing_whole(const struct tern_timing_constants *k,
					 enum tern_timing_constant i)
{
	return (uint64_t)(k->v[i] + 0.5);
}

/* ---- what a row of a VECTOR command costs: for the resolver's vector_cost ---------- */
/* One pass of LANES..ENDL over `len` elements; `cost` is the sum of the costs of its
 * instructions, `reduces` whether a reduction is among them. */
static inline uint64_t tern_vector_loop_cycles(const struct tern_timing_constants *k,
					       const struct tern_caps *caps, uint64_t len,
					       uint64_t cost, bool reduces)
{
	uint64_t steps = len / caps->vector_lanes + (len % caps->vector_lanes != 0);

	return steps * cost + tern_timing_whole(k, TERN_K_VECTOR_LOOP) +
	       (reduces ? tern_timing_whole(k, TERN_K_VECTOR_REDUCE) : 0);
}

/* The longest chain of dependent additions of a reduction over `len` elements: of the 16 partial
 * sums one, and the four that fold them. */
static inline uint64_t tern_vector_reduce_chain(uint64_t len)
{
	return len / 16 + (len % 16 != 0) + 4;
}

/* What a row costs beside its loops: one cycle per instruction outside them (LANES, ENDL
 * and STOP are free), whatever its cost column says, and the row's own overhead. */
static inline uint64_t tern_vector_row_cycles(const struct tern_timing_constants *k,
					      uint64_t scalar_instrs)
{
	return tern_timing_whole(k, TERN_K_VECTOR_ROW) + scalar_instrs;
}

#endif
