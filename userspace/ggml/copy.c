// SPDX-License-Identifier: MIT
/* Copies and waits in a stream's order. */
#include "ggml/plugin.h"

#include <stdlib.h>
#include <string.h>

/* Bytes that are worth keeping a second time until a copy's turn comes. */
#define STAGE_MAX 65536

struct copy {
	struct queue_task task;
	struct queue_span spans[2];
	void *to;
	const void *from;
	size_t size;
	unsigned char staged[];
};

static int run_copy(const struct queue_task *task)
{
	const struct copy *c = (const struct copy *)task;

	memcpy(c->to, c->from, c->size);
	return 0;
}

/* NULL: no memory. With `stage` the source may change from now on. */
static struct copy *copy_new(void *to, const void *from, size_t size, bool stage)
{
	struct copy *c = calloc(1, sizeof(*c) + (stage ? size : 0));

	if (!c)
		return NULL;
	c->task = (struct queue_task){.run = run_copy, .spans = c->spans, .nspans = 2};
	c->to = to;
	c->from = stage ? memcpy(c->staged, from, size) : from;
	c->size = size;
	c->spans[0] = (struct queue_span){to, (unsigned char *)to + size, true};
	c->spans[1] = (struct queue_span){c->from, (const unsigned char *)c->from + size, false};
	return c;
}

static bool put_copy(struct stream *s, struct copy *c)
{
	return c && !queue_put(&s->queue, &c->task);
}

/* In the stream's order, and that of others which use these bytes. */
static void copy_now(struct stream *s, void *to, const void *from, size_t size)
{
	stream_wait(s);
	queues_wait_for(&s->plugin->queues, from, size, false);
	queues_wait_for(&s->plugin->queues, to, size, true);
	memcpy(to, from, size);
}

void stream_set(struct stream *s, void *to, const void *from, size_t size)
{
	/* It is read now, and may be memory that a graph under way writes. */
	queues_wait_for(&s->plugin->queues, from, size, false);
	if (queue_busy(&s->queue) && size <= STAGE_MAX &&
	    put_copy(s, copy_new(to, from, size, true)))
		return;
	copy_now(s, to, from, size);
}

void stream_get(struct stream *s, const void *from, void *to, size_t size)
{
	if (queue_busy(&s->queue) && put_copy(s, copy_new(to, from, size, false)))
		return;
	copy_now(s, to, from, size);
}

bool stream_copy(struct stream *src, struct stream *dst, const void *from, void *to, size_t size)
{
	struct copy *c = copy_new(to, from, size, false);

	if (!c)
		return false;
	if (src != dst)
		c->task.after = queue_last(&dst->queue);
	if (!put_copy(src, c))
		return false;
	if (src != dst)
		stream_await(dst, queue_last(&src->queue));
	return true;
}

void stream_await(struct stream *s, uint64_t number)
{
	struct queue_task *task = calloc(1, sizeof(*task));

	if (task) {
		task->after = number;
		task->heeds = true;
		if (!queue_put(&s->queue, task))
			return;
	}
	queues_wait(&s->plugin->queues, number); /* now instead of then */
}
