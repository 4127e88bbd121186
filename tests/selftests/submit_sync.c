// SPDX-License-Identifier: MIT
/* SUBMIT with syncobjs: binary and timeline, in and out, and as sync_file. */
#include <errno.h>
#include <unistd.h>

#include "selftest.h"

static struct context c;
static uint32_t other; /* a second queue */

/* Job at CODE_VA: data[data[0]] = 7 (by address); at CODE_VA + PAGE: spins a while, then makes
 * data[0] name word 9 instead of word 8. So the order in which they ran can be seen. */
static void begin(void)
{
	struct image slow;
	volatile uint64_t *data;

	context_open(&c);
	other = make_queue(c.fd, c.vm);
	data = c.data.map;
	data[0] = DATA_VA + 64;
	image_load(&c.image, 2, TERN_REG_ARGS, 0);
	image_fence(&c.image, 2, 0, 7);
	image_end(&c.image, c.code.map);
	image_begin(&slow);
	image_loop(&slow, 4, 200000);
	image_fence(&slow, TERN_REG_ARGS, 0, DATA_VA + 72);
	image_end(&slow, (char *)c.code.map + PAGE);
}

static void run(uint32_t queue, uint64_t image, struct drm_tern_sync *syncs, uint32_t count)
{
	struct drm_tern_job job = {.image = image, .args = DATA_VA, .budget = 1ull << 32};
	struct drm_tern_submit call = {.queue_id = queue, .jobs = DRM_TERN_ARRAY(1, &job)};

	if (count)
		job.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(count, syncs);
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
}

/* The quick job ran behind the slow one, though in another queue. */
static void check_order(void)
{
	volatile uint64_t *data = c.data.map;

	EQUAL(wait_job(c.fd, other, 1, 60000), 0);
	EQUAL(data[8], 0);
	EQUAL(data[9], 7);
}

static void binary_orders_queues(void)
{
	struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};

	begin();
	signal.handle = wait.handle = make_syncobj(c.fd);
	run(c.queue, CODE_VA + PAGE, &signal, 1);
	run(other, CODE_VA, &wait, 1);
	check_order();
	EQUAL(wait_syncobj(c.fd, signal.handle, 0, 0), 0);
	EQUAL(syncobj_error(c.fd, signal.handle), 0);
	context_close(&c);
}

static void timeline_orders_queues(void)
{
	struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE,
				       .point = 5};
	struct drm_tern_sync both[2] = {
		{.flags = DRM_TERN_SYNC_TIMELINE, .point = 5},
		{.flags = DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE, .point = 9}};

	begin();
	signal.handle = both[0].handle = both[1].handle = make_syncobj(c.fd);
	run(c.queue, CODE_VA + PAGE, &signal, 1);
	run(other, CODE_VA, both, 2);
	EQUAL(wait_syncobj(c.fd, signal.handle, 9, 60000), 0);
	check_order();
	EQUAL(wait_syncobj(c.fd, signal.handle, 10, 20), -ETIME);
	context_close(&c);
}

static void points_only_grow(void)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE,
				     .point = 5};
	struct drm_tern_job job = {
		.image = CODE_VA, .args = DATA_VA, .syncs = DRM_TERN_ARRAY(1, &sync)};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};

	begin();
	call.queue_id = c.queue;
	sync.handle = make_syncobj(c.fd);
	run(c.queue, CODE_VA, &sync, 1);
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call), -EINVAL);
	sync.point = 4;
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call), -EINVAL);
	sync.flags = DRM_TERN_SYNC_TIMELINE; /* waits: passed */
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call), 0);
	sync.point = 6; /* not yet to be had */
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call), -EINVAL);
	sync.flags |= DRM_TERN_SYNC_SIGNAL;
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call), 0);
	EQUAL(wait_syncobj(c.fd, sync.handle, 6, 60000), 0);
	context_close(&c);
}

/* Jobs of one call may wait for what those before them signal. */
static void jobs_of_one_call(void)
{
	struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct drm_tern_job job[2] = {
		{.image = CODE_VA, .args = DATA_VA, .syncs = DRM_TERN_ARRAY(1, &signal)},
		{.image = CODE_VA, .args = DATA_VA, .syncs = DRM_TERN_ARRAY(1, &wait)}};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(2, job)};

	begin();
	signal.handle = wait.handle = make_syncobj(c.fd);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(context_wait(&c, 2), 0);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	context_close(&c);
}

/*
 * A timeline's earlier points are somebody else's: what a call signals itself does not keep its
 * jobs from waiting for those. OWN: the first job's point; WAITS: the second's, and what it signals.
 */
static void waits_behind_others(uint64_t own, const struct drm_tern_sync *waits, uint32_t count)
{
	struct drm_tern_sync theirs = {.flags = DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE,
				       .point = 3};
	struct drm_tern_sync first = {.flags = theirs.flags, .point = own}, second[2];
	struct drm_tern_job job[2] = {
		{.image = CODE_VA, .args = DATA_VA + 8, .syncs = DRM_TERN_ARRAY(1, &first)},
		{.image = CODE_VA, .args = DATA_VA, .syncs = DRM_TERN_ARRAY(count, second)}};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(2, job)};

	begin();
	((volatile uint64_t *)c.data.map)[1] = DATA_VA + 80; /* the first job writes there */
	theirs.handle = first.handle = make_syncobj(c.fd);
	for (uint32_t i = 0; i < count; i++) {
		second[i] = waits[i];
		second[i].handle = first.handle;
	}
	run(c.queue, CODE_VA + PAGE, &theirs, 1);
	call.queue_id = other;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(wait_job(c.fd, other, 2, 60000), 0);
	check_order();
	context_close(&c);
}

static void points_of_others(void)
{
	const struct drm_tern_sync early = {.flags = DRM_TERN_SYNC_TIMELINE, .point = 3};
	const struct drm_tern_sync own = {.flags = DRM_TERN_SYNC_TIMELINE, .point = 5};
	const struct drm_tern_sync last = {0};
	const struct drm_tern_sync both[2] = {
		{.flags = DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE, .point = 6}, own};

	waits_behind_others(5, &early, 1);
	waits_behind_others(5, &own, 1);
	waits_behind_others(5, &last, 1);
	waits_behind_others(5, both, 2);
}

/* An error is told by the fence, and does not keep those who wait for it. */
static void errors_travel(void)
{
	struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct image trap;

	begin();
	image_begin(&trap);
	image_trap(&trap, 1);
	image_end(&trap, (char *)c.code.map + PAGE);
	signal.handle = wait.handle = make_syncobj(c.fd);
	run(c.queue, CODE_VA + PAGE, &signal, 1);
	run(other, CODE_VA, &wait, 1);
	EQUAL(wait_job(c.fd, other, 1, 60000), 0);
	EQUAL(queue_state(c.fd, other).error, 0);
	EQUAL(((volatile uint64_t *)c.data.map)[8], 7);
	EQUAL(syncobj_error(c.fd, signal.handle), -EIO);
	context_close(&c);
}

/* A fence goes to another process's file as a sync_file, and outlives queue, VM and file. */
static void fences_outlive_files(void)
{
	struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL};
	struct drm_syncobj_handle out = {.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE};
	struct drm_syncobj_handle in = {.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE};
	int fd = device_open();
	int error;

	begin();
	signal.handle = out.handle = make_syncobj(c.fd);
	run(c.queue, CODE_VA + PAGE, &signal, 1);
	do_ioctl(c.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &out);
	in.fd = out.fd;
	in.handle = make_syncobj(fd);
	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &in);
	context_close(&c);
	EQUAL(wait_syncobj(fd, in.handle, 0, 60000), 0);
	usleep(200000); /* everything is released by now */
	error = syncobj_error(fd, in.handle);
	CHECK(!error || error == -ECANCELED);
	close(out.fd);
	close(fd);
}

static const struct test tests[] = {
	{"a binary syncobj orders queues", binary_orders_queues},
	{"a timeline orders queues", timeline_orders_queues},
	{"points only grow", points_only_grow},
	{"jobs of one call", jobs_of_one_call},
	{"points of others", points_of_others},
	{"errors travel with fences", errors_travel},
	{"fences outlive files", fences_outlive_files},
};

int main(void)
{
	return RUN(tests);
}
