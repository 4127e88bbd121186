// SPDX-License-Identifier: MIT
/*
 * Resets while all that can be held is: doorbells that are mapped, a running job and one behind it,
 * a sync_file of that, an armed event, a bind operation that waits. What is rung for in the middle
 * of it is done, and a doorbell leads to its own queue, or nowhere.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sync_file.h>

#include "selftest_errnos.h"
#include "selftest_fault.h"
#include "selftest_sysfs.h"
#include "selftest_user.h"

#define RING_VA	 0x300000ull
#define OTHER_VA 0x400000ull
#define LATE_VA	 0x50000000ull
#define VALUE	 64 /* where in the data jobs are told to write, from the word behind it */
#define NEVER	 4  /* a job of `a` that nobody submits */

static struct scene s;

/* All of `a`. */
static struct held {
	struct user user, gone; /* its queue is destroyed, and its doorbell still mapped */
	uint32_t bound;		/* syncobj of the bind operation */
	int file;		/* sync_file of the job behind the endless one */
} h;

/* ---- Doorbells ---- */
/* How often the host has rung any: reading a register first, because writes are posted. */
static uint64_t rung(int fd)
{
	char answer[128];
	const char *count;

	resets(fd);
	host_tell("traffic", answer, sizeof(answer));
	count = strstr(answer, "doorbells ");
	CHECK(count);
	return strtoull(count + strlen("doorbells "), NULL, 10);
}

/* Not the word of the kernel-owned jobs. */
static volatile uint64_t *value(void)
{
	return (volatile uint64_t *)s.a.data.map + 9;
}

/* One that a reset finds in the engines is lost, and only so. */
static void done_at_last(struct user *u, uint64_t args)
{
	uint32_t lost = queue_state(u->fd, u->queue).lost;
	int ret = user_wait(u, u->written, 60000);

	if (ret == -ENODATA) {
		EQUAL(queue_state(u->fd, u->queue).lost, lost + 1);
		user_put(u, CODE_VA, args);
		user_ring(u);
		ret = user_wait(u, u->written, 60000);
	}
	EQUAL(ret, 0);
	CHECK(*value());
}

/* Each ring comes to the device, once. */
static void rings(struct user *u, uint64_t args)
{
	uint64_t before = rung(u->fd);

	*value() = 0;
	user_put(u, CODE_VA, args);
	user_ring(u);
	EQUAL(user_wait(u, u->written, 60000), 0);
	CHECK(*value());
	EQUAL(rung(u->fd) - before, 1);
}

/* ---- Holding ---- */
static void hold_fences(void)
{
	struct drm_syncobj_handle file = {.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE};
	struct drm_tern_queue_wait event = {.queue_id = s.a.queue,
					    .flags = DRM_TERN_WAIT_EVENT,
					    .value = NEVER,
					    .timeout_ns = INT64_MAX};
	struct drm_tern_sync sync[2] = {{.handle = s.behind}, {.flags = DRM_TERN_SYNC_SIGNAL}};
	struct drm_tern_vm_bind_op op = {.flags = DRM_TERN_BIND_WRITE,
					 .bo_handle = s.a.data.handle,
					 .va = LATE_VA,
					 .size = PAGE,
					 .syncs = DRM_TERN_ARRAY(2, sync)};
	struct drm_tern_vm_bind late = {
		.vm_id = s.a.vm, .flags = DRM_TERN_VM_BIND_ASYNC, .ops = DRM_TERN_ARRAY(1, &op)};

	h.bound = sync[1].handle = make_syncobj(s.a.fd);
	do_ioctl(s.a.fd, DRM_IOCTL_TERN_VM_BIND, &late);
	do_ioctl(s.a.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &event);
	file.handle = s.behind;
	do_ioctl(s.a.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &file);
	h.file = file.fd;
}

static void ring_doorbells(void)
{
	if (h.user.doorbell)
		*h.user.doorbell = *h.gone.doorbell = 1;
}

static void rings_nowhere(volatile uint32_t *doorbell, int fd)
{
	uint64_t before = rung(fd);

	if (doorbell)
		*doorbell = 1;
	EQUAL(rung(fd) - before, 0);
}

static void hold(void)
{
	scene_open(&s);
	need_user_queues(s.a.fd);
	user_open_as(&s.a, &h.user, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	user_open_as(&s.a, &h.gone, OTHER_VA, DRM_TERN_PRIORITY_NORMAL);
	rings(&h.user, DATA_VA + VALUE);
	rings(&h.gone, DATA_VA + VALUE);
	user_destroy(&h.gone);
	s.behind = make_syncobj(s.a.fd);
	start_endless(&s);
	hold_fences();
	*value() = 0;
}

/* While the device is being reset, perhaps; nobody rings again for it. */
static void ring_in_the_middle(void)
{
	user_put(&h.user, CODE_VA, DATA_VA + VALUE);
	if (h.user.doorbell)
		ring_doorbells();
	else
		user_kick(&h.user); /* which a device that is gone refuses */
}

/* ---- What is told ---- */
static int file_status(void)
{
	struct sync_file_info info = {0};

	do_ioctl(h.file, SYNC_IOC_FILE_INFO, &info);
	errno_note_job(-info.status);
	return info.status;
}

static void await_input(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	EQUAL(poll(&pollfd, 1, 60000), 1);
}

static int read_event(void)
{
	struct drm_tern_event event;

	await_input(s.a.fd);
	EQUAL(read(s.a.fd, &event, sizeof(event)), sizeof(event));
	EQUAL(event.queue_id, s.a.queue);
	return event.error;
}

/* How the job behind ended, and why there is no other. */
static void check_told(int behind, int never)
{
	await_input(h.file);
	EQUAL(file_status(), behind ? behind : 1);
	EQUAL(read_event(), never);
}

/* And everything is there that was asked for. */
static void check_goes_on(void)
{
	EQUAL(wait_syncobj(s.a.fd, h.bound, 0, 60000), 0);
	EQUAL(syncobj_error(s.a.fd, h.bound), 0);
	rings(&h.user, LATE_VA + VALUE);
	rings_nowhere(h.gone.doorbell, s.a.fd);
	EQUAL(queue_state(s.a.fd, h.user.queue).error, 0);
}

static void let_go(void)
{
	struct user *user[] = {&h.user, &h.gone};

	for (size_t i = 0; i < ARRAY_SIZE(user); i++)
		user_unmap(user[i]);
	close(h.file);
}

/* ---- Tests ---- */
static void hung_engines(void)
{
	hold();
	host_ask("hang 1");
	ring_in_the_middle();
	check_ended(&s, -ETIMEDOUT, -ECANCELED, 0);
	check_told(-ECANCELED, -EIO);
	done_at_last(&h.user, DATA_VA + VALUE);
	check_goes_on();
	let_go();
	scene_close(&s, 1);
}

/* Its job is in the engines when they hang, and other work wants them. It has no fence to tell. */
static void hung_engines_of_a_user_owned_queue(void)
{
	volatile uint64_t *begun;
	struct drm_tern_queue_state state;
	struct user hung, other;

	scene_open(&s);
	need_user_queues(s.a.fd);
	user_open_as(&s.a, &hung, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	user_open_as(&s.a, &other, OTHER_VA, DRM_TERN_PRIORITY_NORMAL);
	begun = (volatile uint64_t *)s.a.data.map + 2;
	*begun = 0;
	user_put(&hung, CODE_VA + PAGE, DATA_VA); /* says that it has begun, and loops */
	user_ring(&hung);
	for (int i = 0; i < 6000 && !*begun; i++)
		usleep(10000);
	CHECK(*begun);
	host_ask("hang 1");
	EQUAL(run_short(&s.b), 0);
	EQUAL(user_wait(&hung, 1, 60000), -EIO);
	host_ask("used hang");
	state = queue_state(s.a.fd, hung.queue);
	EQUAL(state.state, DRM_TERN_QUEUE_DEAD);
	EQUAL(state.error, -ETIMEDOUT);
	EQUAL(state.lost, 0);
	EQUAL(user_kick(&hung), -EIO);
	/* The mapping may lead to the slot until another queue gets that: the device refuses it. */
	if (hung.doorbell)
		*hung.doorbell = 1;
	/* All that is the same file's goes on. */
	rings(&other, DATA_VA + VALUE);
	EQUAL(run_short(&s.a), 0);
	user_unmap(&hung);
	user_unmap(&other);
	scene_close(&s, 1);
}

/* The one that ran is lost, all else goes on. */
static void all_but_one_go_on(const char *fault)
{
	hold();
	host_ask("%s", fault);
	/* Rung for before that, the other would be in the engines, and this one saved. */
	await_reset(s.b.fd, s.resets);
	ring_in_the_middle();
	check_told(0, -ENODATA);
	done_at_last(&h.user, DATA_VA + VALUE);
	check_ended(&s, -ENODATA, 0, 0);
	check_goes_on();
	let_go();
	scene_close(&s, 1);
}

static void silent_firmware(void)
{
	all_but_one_go_on("fw-silent 1");
}

static void fatal_ecc_error(void)
{
	all_but_one_go_on("ecc fatal");
}

/* Nobody is told anything, before the one that runs is told to end. */
static void reset_of_the_bus(void)
{
	struct drm_tern_queue_destroy destroy = {0};

	hold();
	reset_by_bus();
	ring_in_the_middle();
	done_at_last(&h.user, DATA_VA + VALUE);
	EQUAL(file_status(), 0);
	EQUAL(wait_syncobj(s.a.fd, h.bound, 0, 0), -ETIME);
	destroy.queue_id = s.a.queue;
	do_ioctl(s.a.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	check_told(-ECANCELED, -ECANCELED);
	check_goes_on();
	let_go();
	scene_close(&s, 0);
}

/* Another queue has the slot by now: it is not what an old doorbell rings. */
static void check_reaches_nobody(void)
{
	struct user fresh;
	struct context c;

	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 7);
	image_end(&c.image, c.code.map);
	user_open_as(&c, &fresh, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	user_put(&fresh, CODE_VA, DATA_VA);
	user_ring(&fresh);
	EQUAL(user_wait(&fresh, 1, 60000), 0);
	rings_nowhere(h.user.doorbell, c.fd);
	rings_nowhere(h.gone.doorbell, c.fd);
	user_unmap(&fresh);
	context_close(&c);
}

static void all_ones(void)
{
	hold();
	host_ask("gone on");
	ring_in_the_middle();
	check_off(&s);
	check_told(-ENODEV, -ENODEV);
	EQUAL(user_kick(&h.user), -ENODEV);
	EQUAL(queue_state(s.a.fd, h.user.queue).error, -ENODEV);
	card_remove();
	ring_doorbells(); /* there is neither driver nor device */
	host_ask("gone off");
	card_find();
	check_reaches_nobody();
	let_go();
	drop_scene(&s);
}

static const struct test tests[] = {
	{"hung engines, all held", hung_engines},
	{"hung engines of a user-owned queue", hung_engines_of_a_user_owned_queue},
	{"silent firmware, all held", silent_firmware},
	{"fatal ECC error, all held", fatal_ecc_error},
	{"a reset of the bus, all held", reset_of_the_bus},
	{"all ones, all held", all_ones},
};

int main(void)
{
	return RUN_MARKED("fault_held", tests);
}
