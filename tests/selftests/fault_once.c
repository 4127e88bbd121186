// SPDX-License-Identifier: MIT
/*
 * Jobs that may not be run again, waiting for engines that are reset: each begins at most once, and
 * ends, or is told to be lost. Many slots are taken before the device is reset, and meanwhile the
 * firmware goes on: those of the jobs are the first, and there are idle ones behind the one at work.
 */
#include <errno.h>
#include <stdio.h>

#include "selftest_engines.h"
#include "selftest_fault.h"
#include "selftest_sysfs.h"

#define JOBS 4
#define IDLE 8
#define MANY 8 /* rounds: what the firmware does meanwhile is not in this test's hands */
#define FEW  3
/* Longer than a reset takes to come, once slots are taken. */
#define COUNT	2000000
#define ONCE_VA (CODE_VA + PAGE)

enum { BEGUN, AGAIN, ENDED, WORDS }; /* of a job's memory, behind those of the scene */
#define FIRST 256

static struct scene s;
static struct job {
	uint32_t queue, done; /* done: a syncobj */
} job[JOBS];

static volatile uint64_t *words(unsigned int i)
{
	return (volatile uint64_t *)s.b.data.map + FIRST + i * WORDS;
}

/* Finds in memory whether it has begun before. */
static void write_program(void)
{
	struct image *image = &s.b.image;

	image_begin(image);
	image_load(image, 2, TERN_REG_ARGS, 8 * BEGUN);
	image_jump_if_zero(image, 2, image->words + 6);
	image_fence(image, TERN_REG_ARGS, 8 * AGAIN, 1);
	image_fence(image, TERN_REG_ARGS, 8 * BEGUN, 1);
	image_loop(image, 2, COUNT);
	image_fence(image, TERN_REG_ARGS, 8 * ENDED, 1);
	image_end(image, (char *)s.b.code.map + PAGE);
}

static uint32_t queue_with_slot(struct context *c, uint32_t priority)
{
	struct drm_tern_queue_create args = {.vm_id = c->vm, .priority = priority};

	do_ioctl(c->fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
	submit(c->fd, args.queue_id, CODE_VA, DATA_VA);
	EQUAL(wait_job(c->fd, args.queue_id, 1, 60000), 0);
	return args.queue_id;
}

static void open_queues(void)
{
	scene_open(&s);
	write_program();
	for (unsigned int i = 0; i < JOBS; i++) {
		job[i].queue = queue_with_slot(&s.b, DRM_TERN_PRIORITY_LOW);
		job[i].done = make_syncobj(s.b.fd);
	}
	s.a.queue = queue_with_slot(&s.a, DRM_TERN_PRIORITY_HIGH); /* whose next ones are 2 and 3 */
	for (unsigned int i = 0; i < IDLE; i++)
		queue_with_slot(&s.b, DRM_TERN_PRIORITY_LOW);
}

static void start(unsigned int i)
{
	struct drm_tern_sync done = {.flags = DRM_TERN_SYNC_SIGNAL, .handle = job[i].done};
	struct drm_tern_job once = {.image = ONCE_VA,
				    .args = DATA_VA + 8 * (FIRST + i * WORDS),
				    .syncs = DRM_TERN_ARRAY(1, &done)};
	struct drm_tern_submit call = {.queue_id = job[i].queue, .jobs = DRM_TERN_ARRAY(1, &once)};

	for (unsigned int word = 0; word < WORDS; word++)
		words(i)[word] = 0;
	do_ioctl(s.b.fd, DRM_IOCTL_TERN_SUBMIT, &call);
}

/* True: it was lost. */
static bool check_once(unsigned int i)
{
	bool lost;
	int error;

	EQUAL(wait_syncobj(s.b.fd, job[i].done, 0, 60000), 0);
	error = syncobj_error(s.b.fd, job[i].done);
	lost = error == -ENODATA;
	EQUAL(error, lost ? -ENODATA : 0);
	EQUAL(words(i)[AGAIN], 0);
	EQUAL(words(i)[ENDED], !lost);
	EQUAL(queue_state(s.b.fd, job[i].queue).error, 0);
	EQUAL(queue_state(s.b.fd, job[i].queue).lost, lost);
	return lost;
}

static void ecc(void)
{
	host_ask("ecc fatal");
}

static void hang(void)
{
	host_ask("hang 1");
}

/* Engines that hang keep whom they are to save next: the one at work, before others have waited. */
static const struct fault {
	void (*before)(void), (*after)(void); /* the jobs are submitted */
	uint32_t resets;
} everything = {.after = ecc, .resets = 1}, engines = {.before = hang, .resets = 1},
  bus = {.after = reset_by_bus};

static void round_of(const struct fault *fault)
{
	unsigned int lost = 0;

	open_queues();
	start_endless(&s);
	if (fault->before)
		fault->before();
	for (unsigned int i = 0; i < JOBS; i++)
		start(i);
	if (fault->after)
		fault->after();
	if (fault->resets)
		await_reset(s.b.fd, s.resets);
	context_close(&s.a); /* not earlier: the endless one would be let out of the engines */
	for (unsigned int i = 0; i < JOBS; i++)
		lost += check_once(i);
	printf("# %u lost\n", lost);
	EQUAL(resets(s.b.fd) - s.resets, fault->resets);
	context_close(&s.b);
}

static void reset_of_everything(void)
{
	for (int i = 0; i < MANY; i++)
		round_of(&everything);
}

static void reset_of_engines(void)
{
	for (int i = 0; i < FEW; i++)
		round_of(&engines);
}

/* What ran is saved before, and goes on. */
static void reset_of_the_bus(void)
{
	for (int i = 0; i < FEW; i++)
		round_of(&bus);
}

static const struct test tests[] = {
	{"once, and a reset of everything", reset_of_everything},
	{"once, and a reset of engines", reset_of_engines},
	{"once, and a reset of the bus", reset_of_the_bus},
};

int main(void)
{
	return RUN_MARKED("fault_once", tests);
}
