/* SPDX-License-Identifier: MIT */
/*
 * What a stream was given and has not done yet: tasks in order, done by a thread of the stream's.
 * tern.h's own submit keeps no order between sessions, and a stream has one per program.
 *
 * A task is known by a number that all queues count together; it is done when no queue holds it.
 * So an event is a number, which stays true when the stream that it was recorded on is gone.
 */
#ifndef TERN_GGML_QUEUE_H
#define TERN_GGML_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tasks that a queue holds before its owner has to wait. */
#define QUEUE_DEPTH 16

struct queue_span {
	const unsigned char *lo, *hi;
	bool written;
};

/*
 * Freed when it is done; of those that end while the queue has an error, when that was told: who
 * waits for them has the same error. Spans are the caller's, and live as long as the task.
 */
struct queue_task {
	struct queue_task *next;
	uint64_t number;
	uint64_t after;				   /* first wait for this task; 0: none */
	bool heeds;				   /* its failure is this one's too */
	int error;				   /* so far, of who is waited for */
	int (*run)(const struct queue_task *task); /* NULL: nothing but the wait */
	bool graph;				   /* not begun once another graph failed */
	/* A graph that failed, or is not begun: nobody shall take what lies there for its results. */
	void (*spoil)(const struct queue_task *task);
	const struct queue_span *spans; /* memory that it reads or writes */
	size_t nspans;
};

struct queue;

/* All queues of the process. */
struct queues {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a task is done, or there is a new one */
	struct queue *first;
	uint64_t numbers;
};

struct queue {
	struct queues *all;
	struct queue *next;
	struct queue_task *head, *tail; /* the head stays while it runs */
	unsigned int length;
	uint64_t last;		   /* of the tasks it was given; 0: none yet */
	int error;		   /* of a graph, here or waited for, not yet told to the owner */
	struct queue_task *failed; /* what ended since */
	pthread_t thread;
	bool started, quit;
};

void queue_init(struct queue *q, struct queues *all);
/* After all it was given is done. */
void queue_fini(struct queue *q);

/* Until one more would not have to wait. */
void queue_wait_for_room(struct queue *q);
/* Give a task away, in any case. 0, or -ENOMEM if there is no thread. */
int queue_put(struct queue *q, struct queue_task *task);
/* The last task that the queue was given. */
uint64_t queue_last(struct queue *q);
bool queue_busy(struct queue *q);
/* What a graph ended with since the last call; then nothing that was given before is left. */
int queue_take_error(struct queue *q);

/* Until that task is done; all that were given so far; those that write these bytes, or with
 * `write` touch them. */
void queues_wait(struct queues *all, uint64_t number);
void queues_drain(struct queues *all);
void queues_wait_for(struct queues *all, const void *data, uint64_t size, bool write);

#endif
