// SPDX-License-Identifier: MIT
/* Many processes with many queues at once: each gets its own results, and all of them. */
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

#define PROCESSES 16
#define QUEUES	  6 /* of each: together more than the device has slots */
#define JOBS	  5 /* of each queue */

static unsigned int self;

static uint64_t value(unsigned int queue, unsigned int job)
{
	return 1000000ull * self + 1000ull * queue + job + 1;
}

/* Of each queue a job that takes its time, and tells whose it was. */
static void submit_round(struct context *c, const uint32_t *queue, unsigned int job)
{
	for (unsigned int i = 0; i < QUEUES; i++) {
		char *code = (char *)c->code.map + i * 1024;

		image_begin(&c->image);
		image_loop(&c->image, 2, 5000);
		image_fence(&c->image, TERN_REG_ARGS, 0, value(i, job));
		image_end(&c->image, code);
		submit(c->fd, queue[i], CODE_VA + i * 1024, DATA_VA + i * 512 + job * 8);
	}
}

static void work(void)
{
	uint32_t queue[QUEUES];
	struct context c;

	context_open(&c);
	for (unsigned int i = 0; i < QUEUES; i++)
		queue[i] = make_queue(c.fd, c.vm);
	for (unsigned int job = 0; job < JOBS; job++) {
		submit_round(&c, queue, job);
		for (unsigned int i = 0; i < QUEUES; i++)
			EQUAL(wait_job(c.fd, queue[i], job + 1, 250000), 0);
	}
	for (unsigned int i = 0; i < QUEUES; i++) {
		EQUAL(queue_state(c.fd, queue[i]).error, 0);
		for (unsigned int job = 0; job < JOBS; job++)
			EQUAL(((volatile uint64_t *)c.data.map)[i * 64 + job], value(i, job));
	}
	context_close(&c);
}

static void many_at_once(void)
{
	pid_t child[PROCESSES];
	int status;

	for (self = 0; self < PROCESSES; self++)
		child[self] = start_child(work);
	for (int i = 0; i < PROCESSES; i++) {
		EQUAL(waitpid(child[i], &status, 0), child[i]);
		EQUAL(status, 0);
	}
}

static const struct test tests[] = {
	{"many at once", many_at_once},
};

int main(void)
{
	return RUN(tests);
}
