// SPDX-License-Identifier: MIT
/* VM_BIND, asynchronous: order, syncs in and out, limits; and what it refuses. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "selftest.h"

#define VA 0x10000000ull

static struct context c;
static struct buffer buffer;

/* The job writes 7 where the first word at VA says. */
static void begin(void)
{
	context_open(&c);
	buffer = make_buffer(c.fd, 2 * PAGE);
	((uint64_t *)buffer.map)[0] = DATA_VA + 64;
	((uint64_t *)buffer.map)[PAGE / 8] = DATA_VA + 72;
	image_movi(&c.image, 3, (int64_t)VA);
	image_load(&c.image, 2, 3, 0);
	image_fence(&c.image, 2, 0, 7);
	image_end(&c.image, c.code.map);
}

static void end(void)
{
	free_buffer(c.fd, &buffer);
	context_close(&c);
}

static struct drm_tern_vm_bind_op op_map(uint32_t type, uint64_t offset)
{
	return (struct drm_tern_vm_bind_op){.type = type,
					    .bo_handle = buffer.handle,
					    .bo_offset = offset,
					    .va = VA,
					    .size = PAGE};
}

static int bind_async(struct drm_tern_vm_bind_op *ops, uint32_t count)
{
	struct drm_tern_vm_bind args = {
		.vm_id = c.vm, .flags = DRM_TERN_VM_BIND_ASYNC, .ops = DRM_TERN_ARRAY(count, ops)};

	return try_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &args);
}

static void run_job(struct drm_tern_sync *syncs, uint32_t count)
{
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA};
	struct drm_tern_submit call = {.queue_id = c.queue, .jobs = DRM_TERN_ARRAY(1, &job)};

	job.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(count, syncs);
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
}

static void jobs_wait_for_it(void)
{
	struct drm_tern_sync signal = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct drm_tern_vm_bind_op op;

	begin();
	op = op_map(DRM_TERN_BIND_MAP, PAGE);
	signal.handle = wait.handle = make_syncobj(c.fd);
	op.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &signal);
	EQUAL(bind_async(&op, 1), 0);
	run_job(&wait, 1);
	EQUAL(context_wait(&c, 1), 0);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	EQUAL(((volatile uint64_t *)c.data.map)[9], 7);
	EQUAL(syncobj_error(c.fd, signal.handle), 0);
	end();
}

/* A slow job signals; the replacement waits for it; the next job waits for the replacement. */
static void it_waits_for_jobs(void)
{
	struct drm_tern_sync done = {.flags = DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE,
				     .point = 1};
	struct drm_tern_sync both[2] = {
		{.flags = DRM_TERN_SYNC_TIMELINE, .point = 1},
		{.flags = DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE, .point = 2}};
	struct drm_tern_sync wait = {.flags = DRM_TERN_SYNC_TIMELINE, .point = 2};
	struct drm_tern_vm_bind_op op;
	volatile uint64_t *data;

	begin();
	data = c.data.map;
	/* The slow one reads after its loop, when an eager replacement would long be done. */
	image_begin(&c.image);
	image_loop(&c.image, 4, 300000);
	image_movi(&c.image, 3, (int64_t)VA);
	image_load(&c.image, 2, 3, 0);
	image_fence(&c.image, 2, 0, 7);
	image_end(&c.image, c.code.map);
	bind(c.fd, c.vm, buffer.handle, VA, PAGE, 0);
	done.handle = both[0].handle = both[1].handle = wait.handle = make_syncobj(c.fd);
	run_job(&done, 1);
	op = op_map(DRM_TERN_BIND_REPLACE, PAGE);
	op.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(2, both);
	EQUAL(bind_async(&op, 1), 0);
	run_job(&wait, 1);
	EQUAL(context_wait(&c, 2), 0);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	EQUAL(data[8], 7);
	EQUAL(data[9], 7);
	end();
}

/* Behind one that waits, synchronous calls wait too: operations keep their order. */
static void synchronous_ones_come_after(void)
{
	struct drm_tern_sync done = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct drm_tern_vm_bind_op op;
	struct image slow;

	begin();
	image_begin(&slow);
	image_loop(&slow, 4, 300000);
	image_fence(&slow, TERN_REG_ARGS, 8, 1);
	image_end(&slow, (char *)c.code.map + PAGE);
	done.handle = wait.handle = make_syncobj(c.fd);
	{
		struct drm_tern_job job = {.image = CODE_VA + PAGE,
					   .args = DATA_VA,
					   .syncs = DRM_TERN_ARRAY(1, &done)};
		struct drm_tern_submit call = {.queue_id = c.queue,
					       .jobs = DRM_TERN_ARRAY(1, &job)};

		do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	}
	op = op_map(DRM_TERN_BIND_MAP, 0);
	op.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &wait);
	EQUAL(bind_async(&op, 1), 0);
	op = op_map(DRM_TERN_BIND_REPLACE, PAGE);
	EQUAL(try_bind(c.fd, c.vm, &op), 0);
	EQUAL(((volatile uint64_t *)c.data.map)[1], 1); /* so the job has ended */
	EQUAL(context_wait(&c, submit(c.fd, c.queue, CODE_VA, DATA_VA)), 0);
	EQUAL(((volatile uint64_t *)c.data.map)[9], 7);
	end();
}

static uint64_t mapped(void)
{
	struct drm_tern_vm_state state = {.vm_id = c.vm};

	do_ioctl(c.fd, DRM_IOCTL_TERN_VM_STATE, &state);
	return state.mapped_bytes;
}

/* Arguments are looked at before any is done; what is mapped by then is found on the way. */
static void stops_where_it_fails(void)
{
	struct drm_tern_vm_bind_op ops[3];
	struct drm_tern_vm_bind args = {.flags = DRM_TERN_VM_BIND_ASYNC,
					.ops = DRM_TERN_ARRAY(3, ops)};
	uint64_t before;

	begin();
	args.vm_id = c.vm;
	before = mapped();
	ops[0] = ops[1] = ops[2] = op_map(DRM_TERN_BIND_MAP, 0);
	ops[1].va += PAGE;
	ops[2].va += 2 * PAGE + 1;
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &args), -EINVAL);
	EQUAL(args.done, 0);
	EQUAL(mapped(), before);
	ops[2].va = VA; /* where the first one is by then */
	EQUAL(try_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &args), -EEXIST);
	EQUAL(args.done, 2);
	EQUAL(mapped(), before + 2 * PAGE);
	EQUAL(context_wait(&c, submit(c.fd, c.queue, CODE_VA, DATA_VA)), 0);
	end();
}

static void operations_are_limited(void)
{
	enum { EACH = 512 };
	static struct drm_tern_vm_bind_op ops[EACH];
	struct drm_tern_sync done = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct drm_tern_job job = {
		.image = CODE_VA + PAGE, .budget = 1ull << 44, .syncs = DRM_TERN_ARRAY(1, &done)};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_queue_destroy destroy = {0};
	uint64_t most, queued = 0;
	struct image endless;

	begin();
	most = limits(c.fd).vm_binds;
	image_begin(&endless);
	image_loop(&endless, 4, INT64_MAX);
	image_end(&endless, (char *)c.code.map + PAGE);
	done.handle = wait.handle = make_syncobj(c.fd);
	call.queue_id = destroy.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	memset(ops, 0, sizeof(ops));
	for (uint64_t i = 0; i < EACH; i++) {
		ops[i] = op_map(DRM_TERN_BIND_REPLACE, 0);
		ops[i].va += i * PAGE;
	}
	ops[0].syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &wait);
	for (; queued + EACH <= most; queued += EACH)
		EQUAL(bind_async(ops, EACH), 0);
	EQUAL(bind_async(ops, (uint32_t)(most - queued) + 1), -EAGAIN);
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	unbind(c.fd, c.vm, VA, EACH * PAGE); /* after all of them */
	EQUAL(bind_async(ops + 1, 1), 0);
	end();
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* It waits for the operation before it, and that for a job without an end. */
static void signals_end_waiting(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval soon = {.it_interval = {.tv_usec = 100000},
				 .it_value = {.tv_usec = 100000}};
	struct drm_tern_sync done = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct drm_tern_job job = {
		.image = CODE_VA + PAGE, .budget = 1ull << 44, .syncs = DRM_TERN_ARRAY(1, &done)};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_queue_destroy destroy = {0};
	struct drm_tern_vm_bind_op op;
	struct image endless;

	begin();
	image_begin(&endless);
	image_loop(&endless, 4, INT64_MAX);
	image_end(&endless, (char *)c.code.map + PAGE);
	done.handle = wait.handle = make_syncobj(c.fd);
	call.queue_id = destroy.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	op = op_map(DRM_TERN_BIND_MAP, 0);
	op.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &wait);
	EQUAL(bind_async(&op, 1), 0);
	op = op_map(DRM_TERN_BIND_REPLACE, PAGE);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	EQUAL(try_bind(c.fd, c.vm, &op), -EINTR);
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	EQUAL(try_bind(c.fd, c.vm, &op), 0);
	end();
}

static void refusals(void)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL}, good;
	struct drm_tern_vm_bind_op op;

	begin();
	good = sync;
	good.handle = make_syncobj(c.fd);
#define SYNC(error, field, wrong)                                           \
	do {                                                                \
		sync = good;                                                \
		sync.field = (wrong);                                       \
		op = op_map(DRM_TERN_BIND_MAP, 0);                          \
		op.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &sync); \
		EQUAL(bind_async(&op, 1), -(error));                        \
	} while (0)
	SYNC(EINVAL, flags, 4);
	SYNC(EINVAL, flags, DRM_TERN_SYNC_TIMELINE);
	SYNC(EINVAL, point, 1);
	SYNC(ENOENT, handle, 0);
	SYNC(ENOENT, handle, good.handle + 1);
	SYNC(EINVAL, flags, 0);
	op.syncs.stride = sizeof(sync) - 8;
	EQUAL(bind_async(&op, 1), -E2BIG);
	op.syncs.stride = sizeof(sync);
	op.syncs.count = 65;
	EQUAL(bind_async(&op, 1), -E2BIG);
	op.syncs.count = 1;
	op.syncs.pointer = NOWHERE;
	EQUAL(bind_async(&op, 1), -EFAULT);
	EQUAL(wait_syncobj(c.fd, good.handle, 0, 0), -ETIME);
	end();
}

static const struct test tests[] = {
	{"jobs wait for it", jobs_wait_for_it},
	{"it waits for jobs", it_waits_for_jobs},
	{"synchronous calls come after", synchronous_ones_come_after},
	{"it stops where it fails", stops_where_it_fails},
	{"operations are limited", operations_are_limited},
	{"signals end waiting", signals_end_waiting},
	{"refusals", refusals},
};

int main(void)
{
	return RUN(tests);
}
