// SPDX-License-Identifier: MIT
/*
 * Runs in the background: one worker thread per session, made by the first submit.
 *
 * A fence is shared by the waiter and the worker and freed by the last of them, so that it
 * outlives the session or may be dropped before the run ends.
 */
#include "lib/clock.h"
#include "lib/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 1024

struct tern_fence {
	atomic_uint refs;
	pthread_mutex_t lock;
	pthread_cond_t done_cond;
	bool done;
	int result;
	char message[MESSAGE_MAX]; /* of the worker's failure, for the thread that waits */
};

struct tern_worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct tern_session *session;
	struct tern_fence *next; /* of the run to do; NULL: none */
	int64_t *symbols;	 /* room for all of the graph's */
	bool quit;
};

/* Waits use the clock that no one can set. */
static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

/* ---- fences -------------------------------------------------------------------------- */

static struct tern_fence *fence_new(void)
{
	struct tern_fence *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	atomic_init(&f->refs, 2); /* the caller's and the worker's */
	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->done_cond);
	return f;
}

static void fence_unref(struct tern_fence *f)
{
	if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	pthread_cond_destroy(&f->done_cond);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static void fence_signal(struct tern_fence *f, int result)
{
	pthread_mutex_lock(&f->lock);
	f->result = result;
	if (result)
		snprintf(f->message, sizeof(f->message), "%s", tern_last_error());
	f->done = true;
	pthread_cond_broadcast(&f->done_cond);
	pthread_mutex_unlock(&f->lock);
}

static struct timespec deadline(int64_t timeout_ns)
{
	struct timespec t;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns = t.tv_nsec + timeout_ns % 1000000000;
	t.tv_sec += timeout_ns / 1000000000 + ns / 1000000000;
	t.tv_nsec = ns % 1000000000;
	return t;
}

int tern_fence_wait(struct tern_fence *f, int64_t timeout_ns)
{
	struct timespec until;
	int ret = 0;

	if (!f)
		return tern_fail(-EINVAL, "tern_fence_wait: there is no fence");
	if (timeout_ns >= 0)
		until = deadline(timeout_ns);
	pthread_mutex_lock(&f->lock);
	while (!f->done && !ret) {
		if (timeout_ns < 0)
			pthread_cond_wait(&f->done_cond, &f->lock);
		else
			ret = pthread_cond_timedwait(&f->done_cond, &f->lock, &until);
	}
	if (f->done)
		ret = f->result ? tern_fail(f->result, "%s", f->message) : 0;
	else
		ret = tern_fail(-ETIME, "the run was not over after %lld ns",
				(long long)timeout_ns);
	pthread_mutex_unlock(&f->lock);
	return ret;
}

void tern_fence_destroy(struct tern_fence *f)
{
	if (f)
		fence_unref(f);
}

/* ---- the worker -------------------------------------------------------------------------- */

static struct tern_fence *next_run(struct tern_worker *w)
{
	struct tern_fence *f;

	pthread_mutex_lock(&w->lock);
	while (!w->next && !w->quit)
		pthread_cond_wait(&w->wake, &w->lock);
	f = w->next;
	w->next = NULL;
	pthread_mutex_unlock(&w->lock);
	return f;
}

static void *worker_main(void *arg)
{
	struct tern_worker *w = arg;
	struct tern_fence *f;

	while ((f = next_run(w))) {
		fence_signal(f, tern_session_execute(w->session, w->symbols));
		fence_unref(f);
	}
	return NULL;
}

static struct tern_worker *worker_new(struct tern_session *s)
{
	struct tern_worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->symbols = calloc(s->prog->graph->nsymbols + 1u, sizeof(*w->symbols));
	w->session = s;
	pthread_mutex_init(&w->lock, NULL);
	cond_init(&w->wake);
	if (w->symbols && !pthread_create(&w->thread, NULL, worker_main, w))
		return w;
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w->symbols);
	free(w);
	return NULL;
}

void tern_worker_destroy(struct tern_worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w->symbols);
	free(w);
}

/* ---- submit ---------------------------------------------------------------------------- */

int tern_session_submit(struct tern_session *s, const int64_t *symbols, uint32_t nsymbols,
			struct tern_fence **out)
{
	struct tern_fence *f;
	int ret;

	if (!s || !out)
		return tern_fail(-EINVAL, "tern_session_submit: s and out must not be NULL");
	*out = NULL;
	ret = tern_session_begin(s, symbols, nsymbols);
	if (ret)
		return ret;
	if (!s->worker)
		s->worker = worker_new(s);
	f = s->worker ? fence_new() : NULL;
	if (!f) {
		tern_session_abandon(s);
		return tern_fail(-ENOMEM, "no memory or no thread to run in the background");
	}
	if (nsymbols)
		memcpy(s->worker->symbols, symbols, nsymbols * sizeof(*symbols));
	pthread_mutex_lock(&s->worker->lock);
	s->worker->next = f;
	pthread_cond_signal(&s->worker->wake);
	pthread_mutex_unlock(&s->worker->lock);
	*out = f;
	return 0;
}
