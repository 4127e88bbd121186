/* SPDX-License-Identifier: MIT */
/* Limits of the capabilities, as data. Private to sim/. */
#ifndef TERN_SIM_LIMITS_H
#define TERN_SIM_LIMITS_H

#include <stddef.h>
#include <stdint.h>
#include <tern/hw.h>

#define TERN_CAP_COUNT (sizeof(struct tern_caps) / sizeof(uint32_t))

struct tern_cap_limit {
	const char *name, *example;
	uint32_t low, high;
};
extern const struct tern_cap_limit tern_cap_limits[TERN_CAP_COUNT]; /* in struct's order */

const char *tern_cap_text(const struct tern_cap_limit *l);
uint32_t *tern_cap_field(struct tern_caps *caps, const struct tern_cap_limit *l);

/* "from 64K to 256M", or with a scale "from 0.25 to 16384". */
void tern_cap_range(const struct tern_cap_limit *l, uint64_t scale, char *out, size_t len);

/* What a preempted context needs: see TERN_SAVE_* in <tern/hw.h>. */
uint64_t tern_save_bytes(const struct tern_caps *caps);

#endif
