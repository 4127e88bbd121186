// SPDX-License-Identifier: MIT
/* The limits of capabilities that <tern/hw.h> sets, and sentences about them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/limits.h"
#include "sim/sim.h"

_Static_assert(0
#define X(f, lo, hi) +1
		       TERN_HW_CAP_LIMITS(X)
#undef X
		       == TERN_CAP_COUNT,
	       "a limit for every capability");

#define INDEX(f) (offsetof(struct tern_caps, f) / sizeof(uint32_t))

static const char *const texts[TERN_CAP_COUNT] = {
#define X(f, small, ref, large, text) [INDEX(f)] = text,
	TERN_HW_CAPS(X)
#undef X
};

/* The example is what ref has. */
const struct tern_cap_limit tern_cap_limits[TERN_CAP_COUNT] = {
#define X(f, lo, hi) [INDEX(f)].name = #f, [INDEX(f)].low = lo, [INDEX(f)].high = hi,
	TERN_HW_CAP_LIMITS(X)
#undef X
#define X(f, small, ref, large, text) [INDEX(f)].example = #ref,
		TERN_HW_CAPS(X)
#undef X
};

const char *tern_cap_text(const struct tern_cap_limit *l)
{
	return texts[l - tern_cap_limits];
}

uint32_t *tern_cap_field(struct tern_caps *caps, const struct tern_cap_limit *l)
{
	return (uint32_t *)caps + (l - tern_cap_limits);
}

/* ---- ranges in words ---------------------------------------------------------------- */
static int put_number(char *out, size_t len, uint64_t v, uint64_t scale)
{
	if (scale)
		return snprintf(out, len, "%.6g", (double)v / (double)scale);
	if (v >= 1 << 20 && v % (1 << 20) == 0)
		return snprintf(out, len, "%lluM", (unsigned long long)v >> 20);
	if (v >= 1 << 10 && v % (1 << 10) == 0)
		return snprintf(out, len, "%lluK", (unsigned long long)v >> 10);
	return snprintf(out, len, "%llu", (unsigned long long)v);
}

void tern_cap_range(const struct tern_cap_limit *l, uint64_t scale, char *out, size_t len)
{
	char low[24], high[24];

	put_number(low, sizeof(low), l->low, scale);
	put_number(high, sizeof(high), l->high, scale);
	if (l->low == l->high)
		snprintf(out, len, "%s", low);
	else
		snprintf(out, len, "from %s to %s", low, high);
}

/* ---- the check ------------------------------------------------------------------------ */
uint64_t tern_save_bytes(const struct tern_caps *caps)
{
	return TERN_SAVE_SPM + (uint64_t)caps->spm_bytes + 4ull * caps->acc;
}

static int check_range(const struct tern_caps *caps, char *err, size_t errlen)
{
	for (size_t i = 0; i < TERN_CAP_COUNT; i++) {
		const struct tern_cap_limit *l = &tern_cap_limits[i];
		uint32_t v = ((const uint32_t *)caps)[i];
		char range[64];

		if (v >= l->low && v <= l->high)
			continue;
		tern_cap_range(l, 0, range, sizeof(range));
		snprintf(err, errlen, "capability %s is %u: %s must be %s; write for example %s=%s",
			 l->name, v, texts[i], range, l->name, l->example);
		return -EINVAL;
	}
	return 0;
}

static int check_array(const struct tern_caps *c, char *err, size_t errlen)
{
	uint64_t rate = (uint64_t)c->m0 * c->n0 * c->k0;

	if (c->k0 % TERN_GROUP) {
		snprintf(err, errlen,
			 "capability k0 is %u: the matrix quantum's depth must be a "
			 "multiple of %d; write for example k0=%d",
			 c->k0, TERN_GROUP, TERN_GROUP);
		return -EINVAL;
	}
	if (rate != c->mac_int8) {
		snprintf(err, errlen,
			 "capability mac_int8 is %u: it must be m0 x n0 x k0, here %u x "
			 "%u x %u = %llu; write mac= a power of two, or m0=, n0= and k0= that fit",
			 c->mac_int8, c->m0, c->n0, c->k0, (unsigned long long)rate);
		return -EINVAL;
	}
	return 0;
}

static int check_memory(const struct tern_caps *c, char *err, size_t errlen)
{
	if (c->spm_bytes % 4096) {
		snprintf(err, errlen,
			 "capability spm_bytes is %u: scratchpad memory must be a "
			 "multiple of 4096; write for example spm=512K",
			 c->spm_bytes);
		return -EINVAL;
	}
	if (c->save_bytes < tern_save_bytes(c)) {
		snprintf(err, errlen,
			 "capability save_bytes is %u: SPM, accumulators and state "
			 "need %llu; write save_bytes=%llu or leave it out",
			 c->save_bytes, (unsigned long long)tern_save_bytes(c),
			 (unsigned long long)tern_save_bytes(c));
		return -EINVAL;
	}
	if (c->doorbell_stride & (c->doorbell_stride - 1)) {
		snprintf(err, errlen,
			 "capability doorbell_stride is %u: it must be a power of "
			 "two; write for example doorbell_stride=65536",
			 c->doorbell_stride);
		return -EINVAL;
	}
	return 0;
}

int tern_caps_check(const struct tern_caps *caps, char *err, size_t errlen)
{
	char unused[1];
	int rc;

	if (!err || !errlen) {
		err = unused;
		errlen = sizeof(unused);
	}
	rc = check_range(caps, err, errlen);
	if (!rc)
		rc = check_array(caps, err, errlen);
	return rc ? rc : check_memory(caps, err, errlen);
}
