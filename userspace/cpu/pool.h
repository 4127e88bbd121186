/* SPDX-License-Identifier: MIT */
/*
 * Threads that share the pieces of one loop at a time.
 *
 * The caller is worker 0. Pieces are handed out in order by a counter, so which worker gets
 * which is left to chance: what a piece computes must not depend on it.
 */
#ifndef TERN_CPU_POOL_H
#define TERN_CPU_POOL_H

#include <stdint.h>

struct tern_pool;
/* Items [lo, hi) by worker 0 .. threads - 1. */
typedef void (*tern_pool_fn)(void *ctx, int64_t lo, int64_t hi, unsigned int worker);

/* threads - 1 threads are made; with one, none. -ENOMEM, -EAGAIN. */
int tern_pool_create(unsigned int threads, struct tern_pool **out);
void tern_pool_destroy(struct tern_pool *pool);

/* fn over [0, n) in pieces of `grain`; returns when all are done, or, once *stop is set,
 * when those begun are. Not reentrant. */
void tern_pool_for(struct tern_pool *pool, int64_t n, int64_t grain, tern_pool_fn fn, void *ctx,
		   const volatile int *stop);

#endif
