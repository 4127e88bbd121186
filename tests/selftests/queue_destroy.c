// SPDX-License-Identifier: MIT
/* QUEUE_DESTROY of queues whose jobs write memory without end: nothing is written behind a fence. */
#include <unistd.h>

#include "selftest.h"

#define QUEUES	6
#define ROUNDS	24
#define WRITES	16
#define PAUSES	12   /* the times that lie between one destroy and the next */
#define OURS	4711 /* no job writes that */
#define FOREVER (1ull << 44)

static struct context c;
static uint32_t queue[QUEUES], ended[QUEUES];

/* What the jobs of a queue write to, over and over: in a line of its own. */
static volatile uint64_t *value(unsigned int i)
{
	return (volatile uint64_t *)c.data.map + 8 * i + 1;
}

static void write_program(void)
{
	unsigned int begin;

	image_movi(&c.image, 2, INT64_MAX);
	begin = c.image.words;
	for (uint64_t i = 1; i <= WRITES; i++)
		image_fence(&c.image, TERN_REG_ARGS, 8, i);
	image_again(&c.image, 2, c.image.words - begin);
	image_end(&c.image, c.code.map);
}

static void start(unsigned int i)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL};
	struct drm_tern_job job = {.image = CODE_VA,
				   .args = DATA_VA + 64 * i,
				   .budget = FOREVER,
				   .syncs = DRM_TERN_ARRAY(1, &sync)};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};

	*value(i) = 0;
	call.queue_id = queue[i] = make_queue(c.fd, c.vm);
	sync.handle = ended[i] = make_syncobj(c.fd);
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
}

static void await_first_write(unsigned int i)
{
	for (int tries = 0; tries < 6000 && !*value(i); tries++)
		usleep(10000);
	CHECK(*value(i));
}

/* The memory is ours again once the fence has signalled. */
static void check_silent(unsigned int i)
{
	struct drm_syncobj_destroy destroy = {.handle = ended[i]};

	EQUAL(wait_syncobj(c.fd, ended[i], 0, 60000), 0);
	*value(i) = OURS;
	usleep(3000);
	EQUAL(*value(i), OURS);
	do_ioctl(c.fd, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
}

/* In a row and at different times: one is always destroyed while the kernel is busy with others. */
static void nothing_is_written_behind_a_fence(void)
{
	context_open(&c);
	write_program();
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < QUEUES; i++)
			start(i);
		for (unsigned int i = 0; i < QUEUES; i++)
			await_first_write(i);
		for (unsigned int i = QUEUES; i-- > 0;) {
			struct drm_tern_queue_destroy destroy = {.queue_id = queue[i]};

			do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
			usleep(round % PAUSES * 300);
		}
		for (unsigned int i = 0; i < QUEUES; i++)
			check_silent(i);
	}
	context_close(&c);
}

static const struct test tests[] = {
	{"nothing is written behind a fence", nothing_is_written_behind_a_fence},
};

int main(void)
{
	return RUN(tests);
}
