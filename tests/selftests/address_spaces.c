// SPDX-License-Identifier: MIT
/* More address spaces than the device tells apart: all of them get on, and none for another's sake. */
#include <unistd.h>

#include "selftest_sysfs.h"
#include "selftest_user.h"

#define RING_VA 0x300000ull

enum { USERS = TERN_NSLOTS / 4, OTHERS = TERN_NSLOTS };

/* Each with a file, an address space and a kernel-owned queue. */
static struct context context[USERS + OTHERS];
static struct user user[USERS];

static void open_all(void)
{
	for (int i = 0; i < USERS + OTHERS; i++) {
		context_open(&context[i]);
		image_fence(&context[i].image, TERN_REG_ARGS, 8, 7);
		image_end(&context[i].image, context[i].code.map);
	}
}

static void close_all(void)
{
	for (int i = 0; i < USERS + OTHERS; i++)
		context_close(&context[i]);
}

static void job_ends(struct context *c)
{
	volatile uint64_t *data = c->data.map;

	data[1] = 0;
	EQUAL(context_wait(c, context_submit(c)), 0);
	EQUAL(data[1], 7);
}

static void each_in_turn(void)
{
	open_all();
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < USERS + OTHERS; i++)
			job_ends(&context[i]);
	close_all();
}

/* Who was given a slot keeps it, and its space a number, until somebody else has work. */
static void those_who_hold_slots_are_idle(void)
{
	open_all();
	need_user_queues(context[0].fd);
	for (int i = 0; i < USERS; i++) {
		user_open_as(&context[i], &user[i], RING_VA, DRM_TERN_PRIORITY_NORMAL);
		EQUAL(user_kick(&user[i]), 0);
	}
	for (int i = 0; i < OTHERS; i++)
		job_ends(&context[USERS + i]);
	for (int i = 0; i < USERS; i++) {
		user_put(&user[i], CODE_VA, DATA_VA);
		user_ring(&user[i]);
		EQUAL(user_wait(&user[i], 1, 60000), 0);
		user_unmap(&user[i]);
	}
	close_all();
}

/* Whose number a space gets may have left while the device slept, and could not be told. */
static void numbers_are_new_after_a_sleep(void)
{
	struct context *c = &context[0];

	for (int i = 0; i < 4; i++) {
		context_open(c);
		image_fence(&c->image, TERN_REG_ARGS, 8, 7);
		image_end(&c->image, c->code.map);
		job_ends(c);
		await_sleep();
		context_close(c);
		usleep(300000); /* released where waiting is allowed */
		CHECK(device_asleep());
	}
}

static const struct test tests[] = {
	{"each in turn", each_in_turn},
	{"numbers are new after a sleep", numbers_are_new_after_a_sleep},
	{"those who hold slots are idle", those_who_hold_slots_are_idle},
};

int main(void)
{
	return RUN(tests);
}
