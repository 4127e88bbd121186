// SPDX-License-Identifier: MIT
/* User-owned queues: doorbell, QUEUE_KICK, waits on memory, many of them; and what is refused. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "selftest_sysfs.h"
#include "selftest_user.h"

#define RING_VA 0x300000ull
#define COUNT	USER_JOBS

static struct context c;

static void begin(void)
{
	context_open(&c);
	need_user_queues(c.fd);
	image_fence(&c.image, TERN_REG_ARGS, 8, 7);
	image_end(&c.image, c.code.map);
}

static void user_open(struct user *u, uint64_t va)
{
	user_open_as(&c, u, va, DRM_TERN_PRIORITY_NORMAL);
}

static void doorbell_rings(void)
{
	volatile uint64_t *data;
	struct user u;

	begin();
	user_open(&u, RING_VA);
	data = c.data.map;
	for (uint64_t i = 0; i < 3 * COUNT; i++) {
		user_put(&u, CODE_VA, DATA_VA + 64 * i);
		user_ring(&u);
		EQUAL(user_wait(&u, u.written, 60000), 0);
		EQUAL(data[8 * i + 1], 7);
	}
	EQUAL(queue_state(c.fd, u.queue).state, 0);
	context_close(&c);
}

static void kick_rings(void)
{
	struct user u;

	begin();
	user_open(&u, RING_VA);
	for (unsigned int i = 0; i < COUNT; i++)
		user_put(&u, CODE_VA, DATA_VA);
	EQUAL(user_kick(&u), 0);
	EQUAL(user_wait(&u, COUNT, 60000), 0);
	EQUAL(((volatile uint64_t *)c.data.map)[1], 7);
	EQUAL(user_kick(&u), 0); /* there is nothing to do: no harm */
	context_close(&c);
}

/* The mapping leads nowhere then. */
static void rings_after_a_sleep(void)
{
	struct user u;

	begin();
	user_open(&u, RING_VA);
	for (int i = 0; i < 3; i++) {
		user_put(&u, CODE_VA, DATA_VA);
		user_ring(&u);
		EQUAL(user_wait(&u, u.written, 60000), 0);
		await_sleep();
	}
	context_close(&c);
}

/* More than there are slots for them, of two files: they take turns. */
static void many_take_turns(void)
{
	enum { FILES = 2, EACH = 14, ROUNDS = 3 };
	static struct context file[FILES];
	static struct user u[FILES][EACH];

	for (int f = 0; f < FILES; f++) {
		begin();
		for (uint64_t i = 0; i < EACH; i++)
			user_open(&u[f][i], RING_VA + i * PAGE);
		file[f] = c;
	}
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < FILES * EACH; i++) {
			c = file[i % FILES];
			user_put(&u[i % FILES][i / FILES], CODE_VA, DATA_VA);
			user_ring(&u[i % FILES][i / FILES]);
		}
	}
	for (int f = 0; f < FILES; f++) {
		c = file[f];
		for (int i = 0; i < EACH; i++) {
			EQUAL(user_wait(&u[f][i], ROUNDS, 60000), 0);
			EQUAL(queue_state(c.fd, u[f][i].queue).error, 0);
		}
		context_close(&c);
	}
}

/* More than have slots, of the highest priority, and none ever done. */
enum { BUSY_FILES = 2, BUSY_EACH = 9 };
static struct context busy_file[BUSY_FILES];
static struct user busy[BUSY_FILES][BUSY_EACH];

static void start_busy(void)
{
	for (int f = 0; f < BUSY_FILES; f++) {
		begin();
		image_begin(&c.image);
		image_loop(&c.image, 2, INT64_MAX);
		image_end(&c.image, c.code.map);
		for (uint64_t i = 0; i < BUSY_EACH; i++) {
			user_open_as(&c, &busy[f][i], RING_VA + i * PAGE,
				     DRM_TERN_PRIORITY_REALTIME);
			user_put(&busy[f][i], CODE_VA, DATA_VA);
			user_ring(&busy[f][i]);
		}
		busy_file[f] = c;
	}
}

/* Mapped doorbells keep a file open, and its queues at work. */
static void stop_busy(void)
{
	for (int f = 0; f < BUSY_FILES; f++) {
		for (int i = 0; i < BUSY_EACH; i++)
			user_destroy(&busy[f][i]);
		context_close(&busy_file[f]);
	}
}

/* Nobody below them gets a slot by ringing alone, but after a second of waiting. */
static void priority_counts_among_who_wait(void)
{
	struct user late;
	int64_t before;

	start_busy();
	begin();
	user_open(&late, RING_VA);
	user_trace(&late);
	user_put(&late, CODE_VA, DATA_VA);
	before = monotonic(0);
	user_ring(&late);
	EQUAL(user_wait(&late, 1, 60000), 0);
	CHECK(monotonic(0) - before >= 800000000);
	/* And what it rings with did not stay what it was while it waited. */
	for (int i = 2; i < 4; i++) {
		user_put(&late, CODE_VA, DATA_VA);
		user_ring(&late);
		EQUAL(user_wait(&late, (uint64_t)i, 60000), 0);
	}
	user_ran_in_each_slot(&late);
	context_close(&c);
	stop_busy();
}

/* Whatever user-owned queues do: what has fences ends. */
static void kernel_owned_work_gets_on(void)
{
	struct drm_tern_queue_create low = {.priority = DRM_TERN_PRIORITY_LOW};

	start_busy();
	begin();
	low.vm_id = c.vm;
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &low);
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t job = submit(c.fd, low.queue_id, CODE_VA, DATA_VA + 64 * i);

		EQUAL(wait_job(c.fd, low.queue_id, job, 60000), 0);
		EQUAL(((volatile uint64_t *)c.data.map)[8 * i + 1], 7);
	}
	EQUAL(queue_state(c.fd, low.queue_id).error, 0);
	context_close(&c);
	stop_busy();
}

static void fault_is_told(void)
{
	struct drm_tern_queue_state state;
	struct user u;

	begin();
	image_begin(&c.image);
	image_trap(&c.image, 4711);
	image_end(&c.image, c.code.map);
	user_open(&u, RING_VA);
	user_put(&u, CODE_VA, DATA_VA);
	user_ring(&u);
	EQUAL(user_wait(&u, 1, 60000), -EIO);
	state = queue_state(c.fd, u.queue);
	EQUAL(state.state & DRM_TERN_QUEUE_DEAD, DRM_TERN_QUEUE_DEAD);
	EQUAL(state.error, -EIO);
	EQUAL(state.fault.code, TERN_FAULT_TRAP);
	EQUAL(state.fault.info, 4711);
	EQUAL(user_kick(&u), -EIO);
	user_ring(&(struct user){.fd = c.fd,
				 .queue = u.queue,
				 .doorbell = u.doorbell ? u.doorbell : &(uint32_t){0}});
	context_close(&c);
}

/* Neither what a ring says nor where it is said to be is believed. */
static void broken_rings_fault(void)
{
	struct user u;

	for (int what = 0; what < 4; what++) {
		begin();
		user_open(&u, RING_VA);
		user_put(&u, CODE_VA, DATA_VA);
		if (what == 0)
			u.ring->count = 3;
		if (what == 1)
			u.ring->entries = 0x7000000;
		if (what == 2)
			u.ring->write = 1000000;
		if (what == 3)
			u.ring->reserved0 = 1;
		user_ring(&u);
		EQUAL(user_wait(&u, 1, 60000), -EIO);
		CHECK(queue_state(c.fd, u.queue).fault.code);
		context_close(&c);
	}
}

static void events_tell(void)
{
	struct drm_tern_queue_wait args = {.flags = DRM_TERN_WAIT_EVENT,
					   .offset = offsetof(struct tern_ring, done),
					   .value = 2,
					   .timeout_ns = INT64_MAX,
					   .user_data = 5};
	struct drm_tern_event event = {{0}, 0, 0, 0, 0};
	struct pollfd pollfd = {.events = POLLIN};
	struct user u;

	begin();
	user_open(&u, RING_VA);
	pollfd.fd = c.fd;
	args.queue_id = u.queue;
	args.bo_handle = u.memory.handle;
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &args);
	user_put(&u, CODE_VA, DATA_VA);
	user_ring(&u);
	EQUAL(user_wait(&u, 1, 60000), 0);
	EQUAL(poll(&pollfd, 1, 50), 0);
	user_put(&u, CODE_VA, DATA_VA);
	user_ring(&u);
	EQUAL(poll(&pollfd, 1, 60000), 1);
	EQUAL(read(c.fd, &event, sizeof(event)), sizeof(event));
	EQUAL(event.error, 0);
	EQUAL(event.user_data, 5);
	EQUAL(event.value, 2);
	context_close(&c);
}

/* Whoever still has the doorbell is not killed for it, and reaches nobody else's queue. */
static void doorbells_outlive_queues(void)
{
	struct user u, other;

	begin();
	user_open(&u, RING_VA);
	user_put(&u, CODE_VA, DATA_VA);
	user_ring(&u);
	EQUAL(user_wait(&u, 1, 60000), 0);
	user_destroy(&u);
	if (u.doorbell)
		*u.doorbell = 1;
	user_open(&other, RING_VA + PAGE);
	user_put(&other, CODE_VA, DATA_VA);
	if (u.doorbell)
		*u.doorbell = 1;
	EQUAL(user_wait(&other, 1, 300), -ETIMEDOUT);
	user_ring(&other);
	EQUAL(user_wait(&other, 1, 60000), 0);
	context_close(&c);
}

/* The doorbell of a queue that is no more, so that it leads to memory; without one: NULL. */
static volatile uint32_t *idle_doorbell(uint64_t va)
{
	struct user u;

	user_open(&u, va);
	user_destroy(&u);
	return u.doorbell;
}

static void finds_nothing_in_a_doorbell(void)
{
	volatile uint32_t *doorbell;

	begin();
	doorbell = idle_doorbell(RING_VA);
	if (doorbell)
		EQUAL(doorbell[100], 0);
	context_close(&c);
}

/* Neither another doorbell of the process nor another process reads what was written there. */
static void doorbells_are_no_letter_boxes(void)
{
	volatile uint32_t *doorbell, *other;

	begin();
	doorbell = idle_doorbell(RING_VA);
	other = idle_doorbell(RING_VA + PAGE);
	if (doorbell) {
		doorbell[100] = 4711;
		EQUAL(other[100], 0);
	}
	in_child(finds_nothing_in_a_doorbell);
	context_close(&c);
}

static void destroy_ends_what_runs(void)
{
	struct user u;

	begin();
	image_begin(&c.image);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	for (int i = 0; i < 4; i++) {
		user_open(&u, RING_VA + (uint64_t)i * PAGE);
		user_put(&u, CODE_VA, DATA_VA);
		user_ring(&u);
		EQUAL(user_wait(&u, 1, 50), -ETIMEDOUT);
		user_destroy(&u);
	}
	/* And kernel-owned work gets on beside it. */
	user_open(&u, RING_VA + 5 * PAGE);
	user_put(&u, CODE_VA, DATA_VA);
	user_ring(&u);
	image_begin(&c.image);
	image_fence(&c.image, TERN_REG_ARGS, 8, 9);
	image_end(&c.image, (char *)c.code.map + PAGE);
	/* One that was running when a reset ended the other may be lost, and only so. */
	for (int tries = 0; tries < 3 && ((volatile uint64_t *)c.data.map)[1] != 9; tries++) {
		EQUAL(queue_state(c.fd, c.queue).lost, tries);
		EQUAL(context_wait(&c, submit(c.fd, c.queue, CODE_VA + PAGE, DATA_VA)), 0);
	}
	EQUAL(((volatile uint64_t *)c.data.map)[1], 9);
	context_close(&c);
}

static struct drm_tern_perf_counters counters_of(const struct user *u)
{
	struct drm_tern_perf_counters counters = {0};
	struct drm_tern_perf args = {.op = DRM_TERN_PERF_QUEUE,
				     .id = u->queue,
				     .size = sizeof(counters),
				     .pointer = (uintptr_t)&counters};

	do_ioctl(u->fd, DRM_IOCTL_TERN_PERF, &args);
	return counters;
}

/* Its jobs pass the kernel by; the device counts their cycles, the firmware tells of its slot. */
static void cycles_and_slots_are_known(void)
{
	struct drm_tern_perf_counters counters;
	struct drm_tern_perf_event events[64];
	struct drm_tern_perf trace = {.op = DRM_TERN_PERF_TRACE_START, .size = 64};
	struct drm_tern_perf read = {.op = DRM_TERN_PERF_TRACE_READ,
				     .size = sizeof(events),
				     .stride = sizeof(events[0]),
				     .pointer = (uintptr_t)events};
	unsigned int seen = 0;
	struct user u;

	begin();
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &trace);
	user_open(&u, RING_VA);
	user_put(&u, CODE_VA, DATA_VA);
	user_ring(&u);
	EQUAL(user_wait(&u, 1, 60000), 0);
	counters = counters_of(&u);
	CHECK(counters.cycles > 0);
	CHECK(counters.bound > 0);
	EQUAL(counters.jobs | counters.errors, 0);
	do_ioctl(c.fd, DRM_IOCTL_TERN_PERF, &read);
	for (size_t i = 0; i < read.size / sizeof(events[0]); i++) {
		EQUAL(events[i].queue_id, u.queue);
		EQUAL(events[i].job, 0);
		seen |= 1u << events[i].kind;
	}
	EQUAL(seen, 1u << DRM_TERN_PERF_BOUND | 1u << DRM_TERN_PERF_FW);
	context_close(&c);
}

static const struct test tests[] = {
	{"the doorbell rings", doorbell_rings},
	{"QUEUE_KICK rings", kick_rings},
	{"rings after a sleep", rings_after_a_sleep},
	{"more than slots take turns", many_take_turns},
	{"priority counts among those who wait", priority_counts_among_who_wait},
	{"kernel-owned work gets on", kernel_owned_work_gets_on},
	{"a fault is told", fault_is_told},
	{"broken rings fault", broken_rings_fault},
	{"events tell", events_tell},
	{"doorbells outlive their queues", doorbells_outlive_queues},
	{"doorbells are no letter boxes", doorbells_are_no_letter_boxes},
	{"destroying ends what runs", destroy_ends_what_runs},
	{"cycles and slots are known", cycles_and_slots_are_known},
};

int main(void)
{
	return RUN(tests);
}
