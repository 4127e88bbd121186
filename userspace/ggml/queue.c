// SPDX-License-Identifier: MIT
/* Tasks in order, and waiting for them. */
#include "ggml/queue.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* ---- with the lock held -------------------------------------------------------------- */

static bool is_pending(const struct queues *all, uint64_t number)
{
	for (const struct queue *q = all->first; q; q = q->next) {
		for (const struct queue_task *t = q->head; t && t->number <= number; t = t->next) {
			if (t->number == number)
				return true;
		}
	}
	return false;
}

/* What that task ended with, if it was not told yet. */
static int failure_of(const struct queues *all, uint64_t number)
{
	for (const struct queue *q = all->first; q; q = q->next) {
		for (const struct queue_task *t = q->failed; t; t = t->next) {
			if (t->number == number)
				return q->error;
		}
	}
	return 0;
}

/* It may be told before they get to run. */
static void tell_who_waits(struct queues *all, uint64_t number, int error)
{
	for (struct queue *q = all->first; q; q = q->next) {
		for (struct queue_task *t = q->head; t; t = t->next) {
			if (t->heeds && t->after == number)
				t->error = error;
		}
	}
}

static void forget_failed(struct queue *q)
{
	struct queue_task *t;

	while ((t = q->failed)) {
		q->failed = t->next;
		free(t);
	}
	q->error = 0;
}

static bool meets(const struct queue_task *t, const struct queue_span *with)
{
	for (size_t i = 0; i < t->nspans; i++) {
		const struct queue_span *s = &t->spans[i];

		if (s->lo < with->hi && with->lo < s->hi && (s->written || with->written))
			return true;
	}
	return false;
}

static bool is_met(const struct queues *all, const struct queue_span *span)
{
	for (const struct queue *q = all->first; q; q = q->next) {
		for (const struct queue_task *t = q->head; t; t = t->next) {
			if (meets(t, span))
				return true;
		}
	}
	return false;
}

static bool is_done_up_to(const struct queues *all, uint64_t number)
{
	for (const struct queue *q = all->first; q; q = q->next) {
		if (q->head && q->head->number <= number)
			return false;
	}
	return true;
}

static void pause_until_change(struct queues *all)
{
	pthread_cond_wait(&all->changed, &all->lock);
}

/* ---- the thread ------------------------------------------------------------------------ */

/* Its head, when the time has come for it. NULL: there will be none. */
static struct queue_task *next_task(struct queue *q)
{
	while (!q->head ? !q->quit : q->head->after && is_pending(q->all, q->head->after))
		pause_until_change(q->all);
	return q->head;
}

/* 0, or what it or a graph before it ended with. */
static int do_task(const struct queue_task *t, int error)
{
	if (t->run && !(t->graph && error)) {
		int ret = t->run(t);

		if (t->graph)
			error = ret;
	}
	if (error && t->spoil)
		t->spoil(t);
	return error;
}

static void finish_head(struct queue *q)
{
	struct queue_task *t = q->head;

	q->head = t->next;
	if (!q->head)
		q->tail = NULL;
	q->length--;
	if (q->error) {
		tell_who_waits(q->all, t->number, q->error);
		t->next = q->failed;
		q->failed = t;
	} else {
		free(t);
	}
	pthread_cond_broadcast(&q->all->changed);
}

static void *serve(void *arg)
{
	struct queue *q = arg;
	const struct queue_task *t;
	int error;

	pthread_mutex_lock(&q->all->lock);
	while ((t = next_task(q))) {
		error = q->error ? q->error : t->error;
		pthread_mutex_unlock(&q->all->lock);
		error = do_task(t, error);
		pthread_mutex_lock(&q->all->lock);
		q->error = error;
		finish_head(q);
	}
	pthread_mutex_unlock(&q->all->lock);
	return NULL;
}

/* ---- the owner -------------------------------------------------------------------------- */

void queue_init(struct queue *q, struct queues *all)
{
	*q = (struct queue){.all = all};
	pthread_mutex_lock(&all->lock);
	q->next = all->first;
	all->first = q;
	pthread_mutex_unlock(&all->lock);
}

void queue_fini(struct queue *q)
{
	struct queue **at;

	pthread_mutex_lock(&q->all->lock);
	q->quit = true;
	pthread_cond_broadcast(&q->all->changed);
	pthread_mutex_unlock(&q->all->lock);
	if (q->started)
		pthread_join(q->thread, NULL);
	pthread_mutex_lock(&q->all->lock);
	for (at = &q->all->first; *at != q; at = &(*at)->next)
		;
	*at = q->next;
	forget_failed(q);
	pthread_mutex_unlock(&q->all->lock);
}

/* The host's signals are for the host's threads. */
static bool start(struct queue *q)
{
	sigset_t all, before;

	if (q->started)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	q->started = !pthread_create(&q->thread, NULL, serve, q);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return q->started;
}

static void wait_for_room(struct queue *q)
{
	while (q->length >= QUEUE_DEPTH)
		pause_until_change(q->all);
}

void queue_wait_for_room(struct queue *q)
{
	pthread_mutex_lock(&q->all->lock);
	wait_for_room(q);
	pthread_mutex_unlock(&q->all->lock);
}

int queue_put(struct queue *q, struct queue_task *task)
{
	int ret = -ENOMEM;

	pthread_mutex_lock(&q->all->lock);
	wait_for_room(q);
	if (start(q)) {
		task->next = NULL;
		task->number = q->last = ++q->all->numbers;
		task->error = task->heeds ? failure_of(q->all, task->after) : 0;
		*(q->tail ? &q->tail->next : &q->head) = task;
		q->tail = task;
		q->length++;
		pthread_cond_broadcast(&q->all->changed);
		ret = 0;
	}
	pthread_mutex_unlock(&q->all->lock);
	if (ret)
		free(task);
	return ret;
}

uint64_t queue_last(struct queue *q)
{
	uint64_t last;

	pthread_mutex_lock(&q->all->lock);
	last = q->last;
	pthread_mutex_unlock(&q->all->lock);
	return last;
}

bool queue_busy(struct queue *q)
{
	bool busy;

	pthread_mutex_lock(&q->all->lock);
	busy = q->head;
	pthread_mutex_unlock(&q->all->lock);
	return busy;
}

int queue_take_error(struct queue *q)
{
	int error;

	pthread_mutex_lock(&q->all->lock);
	/* It is for all that was queued behind that graph; after it a new beginning. */
	while (q->error && q->head)
		pause_until_change(q->all);
	error = q->error;
	forget_failed(q);
	pthread_mutex_unlock(&q->all->lock);
	return error;
}

/* ---- waiting -------------------------------------------------------------------------------- */

void queues_wait(struct queues *all, uint64_t number)
{
	pthread_mutex_lock(&all->lock);
	while (is_pending(all, number))
		pause_until_change(all);
	pthread_mutex_unlock(&all->lock);
}

void queues_drain(struct queues *all)
{
	uint64_t number;

	pthread_mutex_lock(&all->lock);
	number = all->numbers;
	while (!is_done_up_to(all, number))
		pause_until_change(all);
	pthread_mutex_unlock(&all->lock);
}

void queues_wait_for(struct queues *all, const void *data, uint64_t size, bool write)
{
	const struct queue_span span = {data, (const unsigned char *)data + size, write};

	pthread_mutex_lock(&all->lock);
	while (is_met(all, &span))
		pause_until_change(all);
	pthread_mutex_unlock(&all->lock);
}
