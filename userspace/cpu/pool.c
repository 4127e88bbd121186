// SPDX-License-Identifier: MIT
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() atomic_signal_fence(memory_order_seq_cst)
#endif

/* Operators of a token follow each other within microseconds: waking a sleeper costs more
 * than this many pauses (about 30 us), and a machine with other work loses no more. */
#define SPINS 1000

struct tern_pool {
	unsigned int threads;
	pthread_t *thread;
	atomic_uint round; /* grows when there is a loop to share, and to quit */
	atomic_uint busy;  /* workers still in the current round */
	bool quit;
	pthread_mutex_t lock; /* of sleepers only */
	pthread_cond_t wake, done;

	/* the loop */
	tern_pool_fn fn;
	void *ctx;
	int64_t n, grain;
	const volatile int *stop;
	atomic_llong next;
};

struct start {
	struct tern_pool *pool;
	unsigned int worker;
};

static bool stopped(const volatile int *stop)
{
	return stop && __atomic_load_n(stop, __ATOMIC_RELAXED);
}

static void take_pieces(struct tern_pool *p, unsigned int worker)
{
	while (!stopped(p->stop)) {
		int64_t lo = atomic_fetch_add_explicit(&p->next, p->grain, memory_order_relaxed);
		int64_t hi = lo + p->grain;

		if (lo >= p->n)
			return;
		p->fn(p->ctx, lo, hi < p->n ? hi : p->n, worker);
	}
}

/* Until *value != old (equal false) or *value == old (equal true). */
static void await(struct tern_pool *p, atomic_uint *value, unsigned int old, bool equal,
		  pthread_cond_t *cond)
{
	for (int i = 0; i < SPINS; i++) {
		if ((atomic_load_explicit(value, memory_order_acquire) == old) == equal)
			return;
		PAUSE();
	}
	pthread_mutex_lock(&p->lock);
	while ((atomic_load_explicit(value, memory_order_acquire) == old) != equal)
		pthread_cond_wait(cond, &p->lock);
	pthread_mutex_unlock(&p->lock);
}

/* Taking the lock after the change: who saw the old value under it is already waiting. */
static void notify(struct tern_pool *p, pthread_cond_t *cond)
{
	pthread_mutex_lock(&p->lock);
	pthread_cond_broadcast(cond);
	pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
	struct start start = *(struct start *)arg;
	struct tern_pool *p = start.pool;

	free(arg);
	for (unsigned int round = 0;; round++) {
		await(p, &p->round, round, false, &p->wake);
		if (p->quit)
			return NULL;
		take_pieces(p, start.worker);
		if (atomic_fetch_sub_explicit(&p->busy, 1, memory_order_acq_rel) == 1)
			notify(p, &p->done);
	}
}

static void begin_round(struct tern_pool *p)
{
	atomic_store_explicit(&p->busy, p->threads - 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&p->round, 1, memory_order_release);
	notify(p, &p->wake);
}

static void alone(int64_t n, int64_t grain, tern_pool_fn fn, void *ctx, const volatile int *stop)
{
	for (int64_t lo = 0; lo < n && !stopped(stop); lo += grain)
		fn(ctx, lo, lo + grain < n ? lo + grain : n, 0);
}

void tern_pool_for(struct tern_pool *p, int64_t n, int64_t grain, tern_pool_fn fn, void *ctx,
		   const volatile int *stop)
{
	grain = grain < 1 ? 1 : grain;
	if (p->threads == 1 || n <= grain) {
		alone(n, grain, fn, ctx, stop);
		return;
	}
	p->fn = fn;
	p->ctx = ctx;
	p->n = n;
	p->grain = grain;
	p->stop = stop;
	atomic_store_explicit(&p->next, 0, memory_order_relaxed);
	begin_round(p);
	take_pieces(p, 0);
	await(p, &p->busy, 0, true, &p->done);
}

/* Ends the first n workers. */
static void join(struct tern_pool *p, unsigned int n)
{
	p->quit = true;
	atomic_fetch_add_explicit(&p->round, 1, memory_order_release);
	notify(p, &p->wake);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(p->thread[i], NULL);
}

static int start_worker(struct tern_pool *p, unsigned int worker)
{
	struct start *start = malloc(sizeof(*start));
	int rc;

	if (!start)
		return -ENOMEM;
	*start = (struct start){p, worker};
	rc = pthread_create(&p->thread[worker - 1], NULL, worker_main, start);
	if (rc)
		free(start);
	return -rc;
}

static void release(struct tern_pool *p)
{
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	pthread_cond_destroy(&p->done);
	free(p->thread);
	free(p);
}

int tern_pool_create(unsigned int threads, struct tern_pool **out)
{
	struct tern_pool *p = calloc(1, sizeof(*p));
	int rc = 0;

	if (!p)
		return -ENOMEM;
	p->threads = threads ? threads : 1;
	p->thread = calloc(p->threads, sizeof(*p->thread));
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_cond_init(&p->done, NULL);
	if (!p->thread)
		rc = -ENOMEM;
	for (unsigned int i = 1; i < p->threads && !rc; i++) {
		rc = start_worker(p, i);
		if (rc)
			join(p, i - 1);
	}
	if (rc)
		release(p);
	else
		*out = p;
	return rc;
}

void tern_pool_destroy(struct tern_pool *p)
{
	if (!p)
		return;
	join(p, p->threads - 1);
	release(p);
}
