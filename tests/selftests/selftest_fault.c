// SPDX-License-Identifier: MIT
#include "selftest_fault.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHORT	0 /* offsets of programs in the code's buffer */
#define ENDLESS PAGE
#define BEGUN	4711
#define VALUE	0x5ca1ab1edeca0000ull

static char device[64]; /* 0000:00:03.0 */

/* ---- Jobs ---- */
static volatile uint64_t *word(struct context *c, unsigned int i)
{
	return (volatile uint64_t *)c->data.map + i;
}

static void write_programs(struct context *c, uint64_t value)
{
	image_begin(&c->image);
	image_fence(&c->image, TERN_REG_ARGS, 8, value);
	image_end(&c->image, c->code.map);
	image_begin(&c->image);
	image_fence(&c->image, TERN_REG_ARGS, 16, BEGUN);
	image_loop(&c->image, 2, INT64_MAX);
	image_end(&c->image, (char *)c->code.map + ENDLESS);
}

int run_short(struct context *c)
{
	struct drm_tern_job job = {
		.image = CODE_VA, .args = DATA_VA, .flags = DRM_TERN_JOB_RESTARTABLE};
	struct drm_tern_submit call = {.queue_id = c->queue, .jobs = DRM_TERN_ARRAY(1, &job)};
	uint64_t value = VALUE + (uint64_t)c->fd;
	int ret;

	*word(c, 1) = 0;
	ret = try_ioctl(c->fd, DRM_IOCTL_TERN_SUBMIT, &call);
	if (ret)
		return ret;
	ret = context_wait(c, call.last_job);
	if (ret)
		return ret;
	ret = queue_state(c->fd, c->queue).error;
	if (!ret)
		EQUAL(*word(c, 1), value);
	return ret;
}

static void context_ready(struct context *c)
{
	context_open(c);
	write_programs(c, VALUE + (uint64_t)c->fd);
	EQUAL(run_short(c), 0);
}

/* ---- Scenes ---- */
uint32_t resets(int fd)
{
	struct drm_tern_clocks clocks = {0};
	struct drm_tern_dev_query args = {.type = DRM_TERN_QUERY_CLOCKS,
					  .size = sizeof(clocks),
					  .pointer = (uintptr_t)&clocks};

	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &args);
	return clocks.resets;
}

/* Asked so seldom that the device can fall asleep meanwhile: then its firmware has to speak. */
void await_reset(int fd, uint32_t before)
{
	for (int i = 0; i < 200 && resets(fd) == before; i++)
		usleep(300000);
	CHECK(resets(fd) > before);
}

void scene_open(struct scene *s)
{
	context_ready(&s->a);
	context_ready(&s->b);
	*word(&s->b, 100) = VALUE;
	s->resets = resets(s->b.fd);
	s->behind = 0;
}

/* No more is allowed where the device has left. */
static void abandon(struct context *c)
{
	munmap(c->code.map, c->code.size);
	munmap(c->data.map, c->data.size);
	close(c->fd);
}

void drop_scene(struct scene *s)
{
	abandon(&s->a);
	abandon(&s->b);
}

void scene_close(struct scene *s, uint32_t expected)
{
	struct context fresh;
	uint32_t seen = resets(s->b.fd) - s->resets;

	EQUAL(*word(&s->b, 100), VALUE);
	EQUAL(queue_state(s->b.fd, s->b.queue).error, 0);
	EQUAL(run_short(&s->b), 0);
	context_ready(&fresh);
	context_close(&fresh);
	if (expected == ANY)
		CHECK(seen > 0);
	else if (expected != PERHAPS)
		EQUAL(seen, expected);
	drop_scene(s);
}

void start_endless(struct scene *s)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL, .handle = s->behind};
	struct drm_tern_job job[2] = {
		{.image = CODE_VA + ENDLESS, .args = DATA_VA, .budget = 1ull << 44},
		{.image = CODE_VA + SHORT, .args = DATA_VA}};
	struct drm_tern_submit call = {.queue_id = s->a.queue, .jobs = DRM_TERN_ARRAY(2, job)};

	if (s->behind)
		job[1].syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &sync);
	*word(&s->a, 1) = *word(&s->a, 2) = 0;
	do_ioctl(s->a.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	for (int i = 0; i < 600 && *word(&s->a, 2) != BEGUN; i++)
		usleep(100000);
	EQUAL(*word(&s->a, 2), BEGUN);
}

/* After a wait for both: how jobs 2 and 3 of the queue ended, as far as its state says. */
static void check_queue(struct context *c, int first, int second)
{
	struct drm_tern_queue_state state = queue_state(c->fd, c->queue);
	bool lost = first == -ENODATA, dead = first && !lost;

	EQUAL(state.error, dead ? first : 0);
	EQUAL(state.error_job, dead ? 2 : 0);
	EQUAL(state.lost, lost);
	EQUAL(!!(state.state & DRM_TERN_QUEUE_DEAD), dead);
	EQUAL(state.done, 3);
	/* The one behind a queue's death is cancelled; else it has run. */
	EQUAL(*word(c, 1) == VALUE + (uint64_t)c->fd, !second);
}

void check_ended(struct scene *s, int endless, int behind, int other)
{
	EQUAL(run_short(&s->b), other);
	EQUAL(context_wait(&s->a, 3), 0);
	check_queue(&s->a, endless, behind);
}

/* ---- A device that is off, and the driver that looks again ---- */
/* It has nothing to do, and is told all the same. */
static void check_idle_dead(struct context *c)
{
	struct drm_tern_queue_state state;

	for (int i = 0; i < 600; i++) {
		state = queue_state(c->fd, c->queue);
		if (state.state)
			break;
		usleep(100000);
	}
	EQUAL(state.state, DRM_TERN_QUEUE_DEAD);
	EQUAL(state.error, -ENODEV);
	EQUAL(state.error_job, 0);
	EQUAL(state.fault.code, 0);
}

void check_off(struct scene *s)
{
	for (int i = 0; i < 600 && queue_state(s->a.fd, s->a.queue).done != 3; i++)
		usleep(100000);
	EQUAL(queue_state(s->a.fd, s->a.queue).done, 3);
	EQUAL(queue_state(s->a.fd, s->a.queue).error, -ENODEV);
	EQUAL(queue_state(s->a.fd, s->a.queue).error_job, 2);
	EQUAL(run_short(&s->b), -ENODEV);
	check_idle_dead(&s->b);
}

void driver_unbind(void)
{
	device_link(device, sizeof(device));
	write_file("/sys/bus/pci/drivers/tern/unbind", device);
	EQUAL(device_number(), -1);
}

static void check_works(void)
{
	struct context c;

	context_ready(&c);
	context_close(&c);
}

void driver_bind(void)
{
	write_file("/sys/bus/pci/drivers/tern/bind", device);
	check_works();
}

void card_remove(void)
{
	char path[128];

	device_link(device, sizeof(device));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", device);
	write_file(path, "1");
	EQUAL(device_number(), -1);
}

void card_find(void)
{
	write_file("/sys/bus/pci/rescan", "1");
	check_works();
}
