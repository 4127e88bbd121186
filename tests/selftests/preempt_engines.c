// SPDX-License-Identifier: MIT
/* Jobs at work in every engine give way in the middle, go on, and get their results right. */
#include <stdio.h>
#include <unistd.h>

#include "selftest_work.h"

#define SAVES 12 /* wanted of a test */

static struct work w;

static void alone(void)
{
	uint64_t number;

	work_open(&w);
	number = work_start(&w, w.c.queue, 0, 0);
	work_await_begin(&w, 0);
	work_stop(&w, 0);
	work_await_end(&w, w.c.queue, number, 0);
	work_close(&w);
}

/* Each of the urgent jobs finds engines as it needs them, and leaves them so. */
static void by_a_higher_priority(void)
{
	unsigned int saves = 0;
	uint64_t number;
	uint32_t high;

	work_open(&w);
	high = work_queue(&w, DRM_TERN_PRIORITY_HIGH);
	number = work_start(&w, w.c.queue, 0, 0);
	work_await_begin(&w, 0);
	for (int i = 0; i < 1000 && saves < SAVES; i++) {
		work_set_up(&w, 1);
		work_stop(&w, 1);
		work_await_end(&w, high, work_start(&w, high, 1, 0), 1);
		saves += work_saves(&w, w.c.queue);
	}
	printf("# saved %u times\n", saves);
	CHECK(saves >= SAVES);
	EQUAL(queue_state(w.c.fd, w.c.queue).done, 0);
	work_stop(&w, 0);
	work_await_end(&w, w.c.queue, number, 0);
	work_close(&w);
}

/* None of which matters more than the others. */
static void by_turns(void)
{
	uint32_t queue[WORK_JOBS];
	uint64_t number[WORK_JOBS];
	unsigned int saves = 0;

	work_open(&w);
	for (unsigned int i = 0; i < WORK_JOBS; i++) {
		queue[i] = work_queue(&w, DRM_TERN_PRIORITY_NORMAL);
		number[i] = work_start(&w, queue[i], i, 0);
	}
	for (unsigned int i = 0; i < WORK_JOBS; i++)
		work_await_begin(&w, i);
	for (int i = 0; i < 6000 && saves < SAVES; i++) {
		usleep(10000);
		saves += work_saves(&w, queue[1]);
	}
	printf("# one of them saved %u times\n", saves);
	CHECK(saves >= SAVES);
	for (unsigned int i = 0; i < WORK_JOBS; i++)
		work_stop(&w, i);
	for (unsigned int i = 0; i < WORK_JOBS; i++)
		work_await_end(&w, queue[i], number[i], i);
	work_close(&w);
}

static const struct test tests[] = {
	{"alone", alone},
	{"by a higher priority", by_a_higher_priority},
	{"by turns", by_turns},
};

int main(void)
{
	return RUN(tests);
}
