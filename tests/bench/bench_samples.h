/* SPDX-License-Identifier: MIT */
/* Times that were measured in a guest, and the line that tests/vm/bench.py reads of them. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "selftests/selftest.h"

#define MAX_SAMPLES 4096u

/* Only to see that it works. */
static bool quick;

static inline uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct samples {
	uint64_t ns[MAX_SAMPLES];
	unsigned int n;
};

static inline int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Median, and the tenths at either end. */
static inline void tell(const char *name, struct samples *s, const char *more)
{
	CHECK(s->n > 0);
	qsort(s->ns, s->n, sizeof(s->ns[0]), by_size);
	printf("# result %s n=%u median=%" PRIu64 " low=%" PRIu64 " high=%" PRIu64 "%s\n", name,
	       s->n, s->ns[s->n / 2], s->ns[s->n / 10], s->ns[s->n - 1 - s->n / 10], more);
	fflush(stdout);
}

static inline void add(struct samples *s, uint64_t begin)
{
	s->ns[s->n++] = now() - begin;
}

static inline unsigned int rounds(unsigned int full)
{
	return quick && full > 20 ? 20 : full;
}

#endif /* BENCH_SAMPLES_H */
