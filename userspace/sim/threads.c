// SPDX-License-Identifier: MIT
/*
 * A small pool for loops whose bodies are independent.
 *
 * A loop is published by a ticket, generation << 32 | next index, from which everyone,
 * the caller too, takes indices. The caller waits for the bodies to finish, not for the
 * workers: one that sleeps through a loop does no harm, because its stale ticket no longer
 * matches. Workers spin for a moment between loops, then sleep.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sim/internal.h"

/* About 20 us: the gap between two commands of a busy stream is shorter. */
#define SPINS  8000
#define CLOSED 0xffffffffu /* index of a ticket nobody may take from */

typedef void body(void *ctx, unsigned int i, unsigned int worker);

struct sim_pool {
	unsigned int size; /* the caller included */
	_Atomic uint64_t ticket;
	_Atomic(body *) fn;
	_Atomic(void *) ctx;
	_Atomic unsigned int count, done;
	_Atomic unsigned int sleepers;
	_Atomic bool quit;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	unsigned int started;
	struct worker {
		struct sim_pool *pool;
		unsigned int index;
		pthread_t thread;
	} workers[];
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Take indices until the loop has none left. */
static void take(struct sim_pool *p, unsigned int worker)
{
	uint64_t t = atomic_load(&p->ticket);

	for (;;) {
		/* What is read here belongs to ticket t if t can still be taken below. */
		body *fn = atomic_load(&p->fn);
		void *ctx = atomic_load(&p->ctx);
		unsigned int i = (uint32_t)t;

		if (i >= atomic_load(&p->count))
			return;
		if (!atomic_compare_exchange_weak(&p->ticket, &t, t + 1))
			continue;
		fn(ctx, i, worker);
		atomic_fetch_add(&p->done, 1);
		t = atomic_load(&p->ticket);
	}
}

static bool news(struct sim_pool *p, uint32_t generation)
{
	return (uint32_t)(atomic_load(&p->ticket) >> 32) != generation || atomic_load(&p->quit);
}

static void await(struct sim_pool *p, uint32_t generation)
{
	for (unsigned int i = 0; i < SPINS; i++) {
		if (news(p, generation))
			return;
		relax();
	}
	pthread_mutex_lock(&p->lock);
	atomic_fetch_add(&p->sleepers, 1);
	while (!news(p, generation))
		pthread_cond_wait(&p->wake, &p->lock);
	atomic_fetch_sub(&p->sleepers, 1);
	pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct sim_pool *p = w->pool;
	uint32_t generation = 0;

	while (!atomic_load(&p->quit)) {
		await(p, generation);
		generation = (uint32_t)(atomic_load(&p->ticket) >> 32);
		take(p, w->index);
	}
	return NULL;
}

static void wake_sleepers(struct sim_pool *p)
{
	if (!atomic_load(&p->sleepers))
		return;
	pthread_mutex_lock(&p->lock);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
}

void sim_parallel(struct sim_pool *p, unsigned int n, body *fn, void *ctx)
{
	uint64_t generation;

	if (p->size == 1 || n < 2) {
		for (unsigned int i = 0; i < n; i++)
			fn(ctx, i, 0);
		return;
	}
	/* Close the old ticket first: a late worker must not take from it with new fields. */
	generation = (atomic_load(&p->ticket) >> 32) + 1;
	atomic_store(&p->ticket, generation << 32 | CLOSED);
	atomic_store(&p->fn, fn);
	atomic_store(&p->ctx, ctx);
	atomic_store(&p->done, 0);
	atomic_store(&p->count, n);
	generation++;
	atomic_store(&p->ticket, generation << 32);
	wake_sleepers(p);
	take(p, 0);
	while (atomic_load(&p->done) != n)
		relax();
}

struct sim_pool *sim_pool_create(unsigned int threads)
{
	struct sim_pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->workers[0]));

	if (!p)
		return NULL;
	atomic_init(&p->ticket, CLOSED);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	p->size = 1;
	for (unsigned int i = 1; i < threads; i++) {
		struct worker *w = &p->workers[p->started];

		w->pool = p;
		w->index = i;
		/* Fewer threads than asked for only cost time. */
		if (pthread_create(&w->thread, NULL, work, w))
			break;
		p->started++;
	}
	p->size += p->started;
	return p;
}

void sim_pool_destroy(struct sim_pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	atomic_store(&p->quit, true);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->started; i++)
		pthread_join(p->workers[i].thread, NULL);
	pthread_cond_destroy(&p->wake);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

unsigned int sim_pool_size(const struct sim_pool *p)
{
	return p->size;
}
