// SPDX-License-Identifier: MIT
/*
 * A device that is off for good: all who have something of it are told, and what they let go of is
 * released.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "selftest_fault.h"
#include "selftest_user.h"
#include "selftest_waiter.h"

#define RING_VA	 0x300000ull
#define CROWD	 16 /* user-owned queues of a file: of two, more than there are slots */
#define PATIENCE 60000

static struct scene s;
static struct user user, crowd[2][CROWD];

/* By a scan: a driver that takes a device that had left finds nobody told of its interrupts. */
static void come_back(void)
{
	card_remove();
	host_ask("gone off");
	card_find();
	drop_scene(&s);
}

static void check_dead(int fd, uint32_t queue)
{
	struct drm_tern_queue_state state = queue_state(fd, queue);

	EQUAL(state.state, DRM_TERN_QUEUE_DEAD);
	EQUAL(state.error, -ENODEV);
	EQUAL(state.error_job, 0);
}

/* Nothing new is to be had; what there is can be looked at, and let go of. */
static void check_refused(struct context *c, uint32_t handle)
{
	static char memory[PAGE] __attribute__((aligned(PAGE)));
	struct drm_prime_handle shared = {.handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR};
	struct drm_tern_vm_bind_op op[2] = {
		{.bo_handle = c->data.handle, .va = 2 * DATA_VA, .size = PAGE},
		{.type = DRM_TERN_BIND_UNMAP, .va = DATA_VA, .size = PAGE}};
	struct drm_tern_vm_state state = {.vm_id = c->vm};

	REFUSED(c->fd, VM_CREATE, ENODEV, .flags = 0);
	REFUSED(c->fd, BO_CREATE, ENODEV, .size = PAGE);
	REFUSED(c->fd, BO_CREATE, ENODEV, .size = PAGE, .vm_id = c->vm);
	REFUSED(c->fd, BO_FROM_USERPTR, ENODEV, .address = (uintptr_t)memory, .size = PAGE);
	REFUSED(c->fd, QUEUE_CREATE, ENODEV, .vm_id = c->vm);
	for (int i = 0; i < 2; i++) {
		REFUSED(c->fd, VM_BIND, ENODEV, .vm_id = c->vm, .ops = DRM_TERN_ARRAY(1, &op[i]));
		REFUSED(c->fd, VM_BIND, ENODEV, .vm_id = c->vm, .ops = DRM_TERN_ARRAY(1, &op[i]),
			.flags = DRM_TERN_VM_BIND_ASYNC);
	}
	do_ioctl(s.a.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &shared);
	EQUAL(try_ioctl(c->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &shared), -ENODEV);
	do_ioctl(c->fd, DRM_IOCTL_TERN_VM_STATE, &state);
	EQUAL(state.error, 0);
	REFUSED(c->fd, QUEUE_DESTROY, 0, .queue_id = c->queue);
	REFUSED(c->fd, VM_DESTROY, 0, .vm_id = c->vm);
	close_handle(c->fd, c->data.handle);
}

/* ---- Who never had a slot ---- */
static void check_event(int fd)
{
	struct drm_tern_event event = {.error = 1};

	EQUAL(read(fd, &event, sizeof(event)), sizeof(event));
	EQUAL(event.error, -ENODEV);
}

/* Who waits already, who begins to, and who asks. */
static void who_never_had_a_slot(void)
{
	struct waiter of_kernel, of_user;
	struct drm_tern_queue_wait wait = {.value = 1, .timeout_ns = INT64_MAX};

	scene_open(&s);
	need_user_queues(s.a.fd);
	user_open_as(&s.a, &user, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	wait.queue_id = make_queue(s.b.fd, s.b.vm);
	waiter_start(&of_kernel, s.b.fd, &wait);
	wait.flags = DRM_TERN_WAIT_EVENT;
	do_ioctl(s.b.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &wait);
	waiter_start(&of_user, s.a.fd,
		     &(struct drm_tern_queue_wait){.queue_id = user.queue,
						   .bo_handle = user.memory.handle,
						   .offset = offsetof(struct tern_ring, done),
						   .value = 1});
	host_ask("gone on");
	EQUAL(run_short(&s.a), -ENODEV);
	EQUAL(waiter_result(&of_kernel), -ENODEV);
	EQUAL(waiter_result(&of_user), -ENODEV);
	check_event(s.b.fd);
	check_dead(s.b.fd, wait.queue_id);
	check_dead(s.a.fd, user.queue);
	EQUAL(wait_job(s.b.fd, wait.queue_id, 1, PATIENCE), -ENODEV);
	EQUAL(user_wait(&user, 1, PATIENCE), -ENODEV);
	EQUAL(user_kick(&user), -ENODEV);
	check_refused(&s.b, s.a.data.handle);
	user_unmap(&user);
	come_back();
}

/* ---- Who waits for a turn ---- */
static void gather(struct context *c, struct user *users)
{
	for (int i = 0; i < CROWD; i++) {
		user_open_as(c, &users[i], RING_VA + (uint64_t)i * PAGE, DRM_TERN_PRIORITY_NORMAL);
		user_put(&users[i], CODE_VA + PAGE, DATA_VA);
		user_ring(&users[i]);
	}
}

/* Their save areas are given back, and so nobody refers to them any more. */
static void scatter(struct context *c, struct user *users, uint64_t used)
{
	for (int i = 0; i < CROWD; i++) {
		EQUAL(user_wait(&users[i], 1, PATIENCE), -ENODEV);
		check_dead(c->fd, users[i].queue);
		user_destroy(&users[i]);
		user_unmap(&users[i]);
	}
	used += CROWD * PAGE; /* their rings */
	for (int i = 0; i < 600 && limits(c->fd).buffer_bytes.used != used; i++)
		usleep(100000);
	EQUAL(limits(c->fd).buffer_bytes.used, used);
}

/* Some of those who never end have no slot, at any time. */
static void who_waits_for_a_turn(void)
{
	uint64_t used[2];

	scene_open(&s);
	need_user_queues(s.a.fd);
	used[0] = limits(s.a.fd).buffer_bytes.used;
	used[1] = limits(s.b.fd).buffer_bytes.used;
	gather(&s.a, crowd[0]);
	gather(&s.b, crowd[1]);
	host_ask("gone on");
	scatter(&s.a, crowd[0], used[0]);
	scatter(&s.b, crowd[1], used[1]);
	come_back();
}

static const struct test tests[] = {
	{"who never had a slot", who_never_had_a_slot},
	{"who waits for a turn", who_waits_for_a_turn},
};

int main(void)
{
	return RUN_MARKED("fault_off", tests);
}
