// SPDX-License-Identifier: MIT
/* The device leaves and comes back, while programs hold everything there is to be held. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest_unplug.h"

#define RING_VA 0x300000ull

static void with_nothing_held(void)
{
	find_device();
	for (int i = 0; i < 3; i++) {
		unbind_driver();
		bind_driver();
	}
}

/* It has no slot and waits for none. */
static void with_a_queue_that_never_worked(void)
{
	struct context c;

	find_device();
	context_open(&c);
	unbind_driver();
	munmap(c.code.map, c.code.size);
	munmap(c.data.map, c.data.size);
	close(c.fd);
	bind_driver();
}

/* The ioctls that only ask, or only touch memory. */
static void check_questions_gone(struct context *c)
{
	struct drm_tern_vm_bind_op op = {
		.type = DRM_TERN_BIND_UNMAP, .va = 0x60000000, .size = PAGE};
	struct drm_tern_perf_counters counters;
	struct drm_tern_clocks clocks;

	REFUSED(c->fd, DEV_QUERY, ENODEV, .type = DRM_TERN_QUERY_CLOCKS, .size = sizeof(clocks),
		.pointer = (uintptr_t)&clocks);
	REFUSED(c->fd, BO_FROM_USERPTR, ENODEV, .address = (uintptr_t)c->data.map, .size = PAGE);
	REFUSED(c->fd, BO_MMAP_OFFSET, ENODEV, .handle = c->data.handle);
	REFUSED(c->fd, BO_SYNC, ENODEV, .handle = c->data.handle, .flags = DRM_TERN_SYNC_TO_DEVICE,
		.size = PAGE);
	REFUSED(c->fd, BO_LABEL, ENODEV, .handle = c->data.handle);
	REFUSED(c->fd, VM_BIND, ENODEV, .vm_id = c->vm, .ops = DRM_TERN_ARRAY(1, &op));
	REFUSED(c->fd, VM_STATE, ENODEV, .vm_id = c->vm);
	REFUSED(c->fd, VM_DESTROY, ENODEV, .vm_id = c->vm);
	REFUSED(c->fd, QUEUE_STATE, ENODEV, .queue_id = c->queue);
	REFUSED(c->fd, QUEUE_DESTROY, ENODEV, .queue_id = c->queue);
	REFUSED(c->fd, PERF, ENODEV, .op = DRM_TERN_PERF_FILE, .size = sizeof(counters),
		.pointer = (uintptr_t)&counters);
}

/* Everything but closing is refused, and what was mapped can still be touched or is gone. */
static void check_gone(struct context *c, uint32_t user_queue)
{
	struct drm_tern_job job = {.image = CODE_VA};

	REFUSED(c->fd, VM_CREATE, ENODEV, .flags = 0);
	REFUSED(c->fd, BO_CREATE, ENODEV, .size = PAGE);
	REFUSED(c->fd, QUEUE_CREATE, ENODEV, .vm_id = c->vm);
	REFUSED(c->fd, SUBMIT, ENODEV, .queue_id = c->queue, .jobs = DRM_TERN_ARRAY(1, &job));
	REFUSED(c->fd, QUEUE_KICK, ENODEV, .queue_id = user_queue);
	REFUSED(c->fd, QUEUE_WAIT, ENODEV, .queue_id = c->queue, .value = 100,
		.timeout_ns = INT64_MAX);
	check_questions_gone(c);
}

/* A user-owned queue, with one job in its ring that says it has begun and then never ends. */
struct user_queue {
	uint32_t id;
	struct buffer memory;
	volatile uint32_t *doorbell; /* if one can be mapped */
	uint64_t doorbell_offset;
};

#define BEGUN 4711

static void user_queue_open(struct user_queue *user, struct context *c)
{
	struct drm_tern_queue_create args = {.vm_id = c->vm,
					     .flags = DRM_TERN_QUEUE_USER,
					     .priority = DRM_TERN_PRIORITY_NORMAL,
					     .ring_va = RING_VA};
	struct tern_ring *ring;

	image_begin(&c->image);
	image_fence(&c->image, TERN_REG_ARGS, 16, BEGUN);
	image_loop(&c->image, 2, INT64_MAX);
	image_end(&c->image, (char *)c->code.map + PAGE);
	*user = (struct user_queue){.memory = make_buffer(c->fd, PAGE)};
	bind(c->fd, c->vm, user->memory.handle, RING_VA, PAGE, DRM_TERN_BIND_WRITE);
	ring = user->memory.map;
	ring->entries = RING_VA + sizeof(*ring);
	ring->count = 1;
	*(struct tern_job *)(ring + 1) =
		(struct tern_job){.image = CODE_VA + PAGE, .args = DATA_VA};
	args.ring_bo = user->memory.handle;
	do_ioctl(c->fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
	user->id = args.queue_id;
	user->doorbell_offset = args.doorbell_offset;
	if (!args.doorbell_offset)
		return;
	user->doorbell =
		mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, c->fd, (off_t)args.doorbell_offset);
	CHECK(user->doorbell != MAP_FAILED);
}

static void user_queue_runs(struct user_queue *user, struct context *c)
{
	struct drm_tern_queue_kick kick = {.queue_id = user->id};
	volatile uint64_t *begun = (uint64_t *)c->data.map + 2;
	struct tern_ring *ring = user->memory.map;

	__atomic_store_n(&ring->write, 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (user->doorbell)
		*user->doorbell = 1;
	else
		do_ioctl(c->fd, DRM_IOCTL_TERN_QUEUE_KICK, &kick);
	for (int i = 0; i < 600 && *begun != BEGUN; i++)
		usleep(100000);
	EQUAL(*begun, BEGUN);
	EQUAL(queue_state(c->fd, user->id).error, 0);
	EQUAL(__atomic_load_n(&ring->done, __ATOMIC_ACQUIRE), 0);
}

/* A running job, jobs behind it, a fence in a syncobj and in a sync_file, an armed event, a bind
 * operation that waits, a user-owned queue that runs a job, its doorbell, an exported buffer. */
static void with_everything_held(void)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct drm_tern_job job[3] = {{.image = CODE_VA, .budget = 1ull << 44},
				      {.image = CODE_VA},
				      {.image = CODE_VA, .syncs = DRM_TERN_ARRAY(1, &sync)}};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(3, job)};
	struct drm_tern_queue_wait event = {
		.flags = DRM_TERN_WAIT_EVENT, .value = 3, .timeout_ns = INT64_MAX};
	struct user_queue user;
	struct drm_prime_handle prime = {.flags = DRM_CLOEXEC | DRM_RDWR};
	struct drm_syncobj_handle file = {.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE};
	struct drm_tern_vm_bind_op op = {.va = 0x50000000, .size = PAGE};
	struct drm_tern_vm_bind late = {.flags = DRM_TERN_VM_BIND_ASYNC,
					.ops = DRM_TERN_ARRAY(1, &op)};
	struct pollfd pollfd;
	struct context c;

	find_device();
	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	user_queue_open(&user, &c); /* before anything of the VM waits */
	sync.handle = wait.handle = file.handle = make_syncobj(c.fd);
	call.queue_id = event.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &event);
	do_ioctl(c.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &file);
	op.bo_handle = prime.handle = c.data.handle;
	op.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &wait);
	late.vm_id = c.vm;
	do_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &late);
	do_ioctl(c.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	user_queue_runs(&user, &c);

	unbind_driver();
	EQUAL(wait_syncobj(c.fd, sync.handle, 0, 60000), -ENODEV);
	pollfd = (struct pollfd){.fd = file.fd, .events = POLLIN};
	EQUAL(poll(&pollfd, 1, 60000), 1);
	check_gone(&c, user.id);
	if (user.doorbell)
		*user.doorbell = 1; /* to nobody */
	bind_driver();		    /* while all of it is still held */
	if (user.doorbell)
		munmap((void *)user.doorbell, PAGE);
	munmap(user.memory.map, user.memory.size);
	munmap(c.code.map, c.code.size);
	munmap(c.data.map, c.data.size);
	close(prime.fd);
	close(file.fd);
	close(c.fd);
	/* Its number is free again once nothing of it is left. */
	for (int i = 0; i < 20 && device_number(); i++) {
		usleep(100000);
		unbind_driver();
		bind_driver();
	}
	EQUAL(device_number(), 0);
}

/* ---- Processes that go on with what they do until it is refused ---- */
static struct {
	struct context context;
	struct user_queue user;
	uint64_t data_offset;
	volatile uint32_t *turns; /* of this process, all of whose work was done */
} busy;

static void took_turn(int error)
{
	if (!error)
		++*busy.turns;
}

static void binds(void)
{
	struct context *c = &busy.context;
	struct drm_tern_vm_bind_op map = {.flags = DRM_TERN_BIND_WRITE,
					  .bo_handle = c->data.handle,
					  .va = 0x50000000,
					  .size = PAGE};
	struct drm_tern_vm_bind_op unmap = {
		.type = DRM_TERN_BIND_UNMAP, .va = map.va, .size = map.size};
	int error = 0;

	while (!error) {
		error = try_bind(c->fd, c->vm, &map);
		if (!error)
			error = try_bind(c->fd, c->vm, &unmap);
		took_turn(error);
	}
	EQUAL(error, -ENODEV);
}

static void binds_later(void)
{
	struct context *c = &busy.context;
	struct drm_tern_vm_bind_op op[2] = {
		{.bo_handle = c->data.handle, .va = 0x60000000, .size = PAGE},
		{.type = DRM_TERN_BIND_UNMAP, .va = 0x60000000, .size = PAGE}};
	struct drm_tern_vm_bind call = {
		.vm_id = c->vm, .flags = DRM_TERN_VM_BIND_ASYNC, .ops = DRM_TERN_ARRAY(2, op)};
	int error;

	do {
		error = try_ioctl(c->fd, DRM_IOCTL_TERN_VM_BIND, &call);
		took_turn(error);
		if (error == -EAGAIN)
			usleep(1000);
	} while (!error || error == -EAGAIN);
	EQUAL(error, -ENODEV);
}

static int map_and_touch(uint64_t offset)
{
	volatile uint32_t *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
				      busy.context.fd, (off_t)offset);

	if (map == MAP_FAILED)
		return -errno;
	*map = 1;
	munmap((void *)map, PAGE);
	return 0;
}

static void maps(void)
{
	int error;

	do {
		error = map_and_touch(busy.data_offset);
		took_turn(error);
	} while (!error);
	EQUAL(error, -ENODEV);
}

static void rings(void)
{
	struct drm_tern_queue_kick kick = {.queue_id = busy.user.id};
	int error;

	do {
		error = busy.user.doorbell_offset
				? map_and_touch(busy.user.doorbell_offset)
				: try_ioctl(busy.context.fd, DRM_IOCTL_TERN_QUEUE_KICK, &kick);
		took_turn(error);
	} while (!error);
	EQUAL(error, -ENODEV);
}

static void submits(void)
{
	struct drm_tern_job job = {.image = CODE_VA};
	struct drm_tern_submit call = {.queue_id = busy.context.queue,
				       .jobs = DRM_TERN_ARRAY(1, &job)};
	int error;

	do {
		error = try_ioctl(busy.context.fd, DRM_IOCTL_TERN_SUBMIT, &call);
		took_turn(error);
		if (error == -EAGAIN)
			usleep(1000);
	} while (!error || error == -EAGAIN);
	EQUAL(error, -ENODEV);
}

static void busy_open(void)
{
	struct context *c = &busy.context;
	struct drm_tern_bo_mmap_offset data = {0};

	context_open(c);
	image_loop(&c->image, 2, 1000);
	image_end(&c->image, c->code.map);
	user_queue_open(&busy.user, c);
	data.handle = c->data.handle;
	do_ioctl(c->fd, DRM_IOCTL_TERN_BO_MMAP_OFFSET, &data);
	busy.data_offset = data.offset;
}

static void busy_close(void)
{
	struct context *c = &busy.context;

	if (busy.user.doorbell)
		munmap((void *)busy.user.doorbell, PAGE);
	munmap(busy.user.memory.map, busy.user.memory.size);
	munmap(c->code.map, c->code.size);
	munmap(c->data.map, c->data.size);
	close(c->fd);
}

/* How many of them, from the first, have taken a turn: after a minute, if not all. */
static size_t await_turns(const volatile uint32_t *turns, size_t n)
{
	int64_t end = monotonic(60000);
	size_t some = 0;

	while (some < n && monotonic(0) < end) {
		if (turns[some])
			some++;
		else
			usleep(1000);
	}
	return some;
}

/* Where in their loops it finds them is chance, hence some rounds. */
static void one_round_of_work(unsigned int round)
{
	static void (*const work[])(void) = {binds, binds_later, maps, rings, submits};
	volatile uint32_t *turns =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child[ARRAY_SIZE(work)];
	size_t at_work;

	CHECK(turns != MAP_FAILED);
	busy_open();
	for (size_t i = 0; i < ARRAY_SIZE(work); i++) {
		busy.turns = &turns[i];
		child[i] = start_child(work[i]);
	}
	at_work = await_turns(turns, ARRAY_SIZE(work));
	usleep(7919 * round);
	tell_driver("unbind"); /* which ends them in any case */
	for (size_t i = 0; i < ARRAY_SIZE(work); i++)
		end_child(child[i]);
	EQUAL(device_number(), -1);
	bind_driver();
	busy_close();
	munmap((void *)turns, PAGE);
	EQUAL(at_work, ARRAY_SIZE(work));
}

static void while_others_are_busy(void)
{
	find_device();
	for (unsigned int round = 0; round < 6; round++)
		one_round_of_work(round);
}

static const struct test tests[] = {
	{"with nothing held", with_nothing_held},
	{"with a queue that never worked", with_a_queue_that_never_worked},
	{"while others are busy", while_others_are_busy},
	{"with everything held", with_everything_held},
};

int main(void)
{
	return RUN(tests);
}
