// SPDX-License-Identifier: MIT
/* Invalidations that are acknowledged late, never, or before they are true. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest_fault.h"
#include "selftest_notes.h"

#define LATE 0xdeaddeaddeaddeadull /* what the device writes */

static struct scene s;

/* While the host has them delayed. There is always a job of `a`: a device that sleeps invalidates
 * when it wakes. */
static pid_t unbind_in_child(void)
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (!child) {
		struct drm_tern_vm_bind_op op = {
			.type = DRM_TERN_BIND_UNMAP, .va = DATA_VA + PAGE, .size = PAGE};

		_exit(try_bind(s.b.fd, s.b.vm, &op) ? 1 : 0);
	}
	return child;
}

static void await_child(pid_t child)
{
	int status;

	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
}

/* The unmap waits for it, and nothing else happens. */
static void late_acknowledgement(void)
{
	pid_t child;
	int status;

	scene_open(&s);
	start_endless(&s);
	host_ask("ack-delay 1");
	child = unbind_in_child();
	usleep(200000);
	EQUAL(waitpid(child, &status, WNOHANG), 0);
	host_ask("ack-delay 0");
	await_child(child);
	scene_close(&s, 0);
}

/* Up the ladder until nothing can be under way any more: the unmap succeeds. What runs is lost, and
 * on the next rung perhaps what ran after it. */
static void no_acknowledgement(void)
{
	struct drm_tern_queue_state state;

	scene_open(&s);
	start_endless(&s);
	host_ask("ack-delay 1");
	await_child(unbind_in_child());
	EQUAL(run_short(&s.b), 0);
	EQUAL(context_wait(&s.a, 3), 0);
	state = queue_state(s.a.fd, s.a.queue);
	EQUAL(state.error, 0);
	EQUAL(state.error_job, 0);
	CHECK(state.lost == 1 || state.lost == 2);
	EQUAL(state.state, 0);
	host_ask("used ack-delay");
	scene_close(&s, ANY);
}

static int unmap_later(struct context *c, uint32_t syncobj)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL, .handle = syncobj};
	struct drm_tern_vm_bind_op op = {.type = DRM_TERN_BIND_UNMAP,
					 .va = DATA_VA + PAGE,
					 .size = PAGE,
					 .syncs = DRM_TERN_ARRAY(1, &sync)};
	struct drm_tern_vm_bind call = {
		.vm_id = c->vm, .flags = DRM_TERN_VM_BIND_ASYNC, .ops = DRM_TERN_ARRAY(1, &op)};

	return try_ioctl(c->fd, DRM_IOCTL_TERN_VM_BIND, &call);
}

static void check_unusable(struct context *c)
{
	struct drm_tern_vm_bind_op op = {.type = DRM_TERN_BIND_UNMAP, .va = DATA_VA, .size = PAGE};
	struct drm_tern_vm_state state = {.vm_id = c->vm};
	struct drm_tern_job job = {.image = CODE_VA};

	do_ioctl(c->fd, DRM_IOCTL_TERN_VM_STATE, &state);
	EQUAL(state.error, -ENODEV);
	EQUAL(try_bind(c->fd, c->vm, &op), -ENOTRECOVERABLE);
	EQUAL(unmap_later(c, make_syncobj(c->fd)), -ENOTRECOVERABLE);
	REFUSED(c->fd, QUEUE_CREATE, ENOTRECOVERABLE, .vm_id = c->vm);
	REFUSED(c->fd, SUBMIT, ENOTRECOVERABLE, .queue_id = c->queue,
		.jobs = DRM_TERN_ARRAY(1, &job));
}

/* And no rung helps: what the address space is like now nobody knows. */
static void no_acknowledgement_ever(void)
{
	uint32_t unmapped;

	scene_open(&s);
	start_endless(&s);
	unmapped = make_syncobj(s.a.fd);
	module_param("boot_timeout_ms", "1000");
	host_ask("ack-delay on");
	EQUAL(unmap_later(&s.a, unmapped), 0);
	host_ask("fw-silent on");
	EQUAL(wait_syncobj(s.a.fd, unmapped, 0, 60000), 0);
	EQUAL(syncobj_error(s.a.fd, unmapped), -ENODEV);
	check_unusable(&s.a);
	EQUAL(context_wait(&s.a, 3), 0);
	EQUAL(run_short(&s.b), -ENODEV);
	module_param("boot_timeout_ms", "10000");
	driver_unbind();
	host_ask("fw-silent off");
	host_ask("ack-delay off");
	driver_bind();
	drop_scene(&s);
}

/* No driver can see it. That it happens is seen here, that it is found in check-touched. */
static void late_dma(void)
{
	volatile uint64_t *data;

	scene_open(&s);
	host_ask("note begin late");
	note_context(&s.a, 1);
	note_context(&s.b, 2);
	start_endless(&s);
	data = s.b.data.map;
	CHECK(data[0] != LATE);
	host_ask("late-dma 1");
	noted_unbind(&s.b, 2, DATA_VA, PAGE);
	for (int i = 0; i < 100 && data[0] != LATE; i++)
		usleep(100000);
	EQUAL(data[0], LATE);
	host_ask("used late-dma");
	host_ask("note end");
	bind(s.b.fd, s.b.vm, s.b.data.handle, DATA_VA, PAGE, DRM_TERN_BIND_WRITE);
	scene_close(&s, 0);
}

static const struct test tests[] = {
	{"late acknowledgement", late_acknowledgement},
	{"no acknowledgement", no_acknowledgement},
	{"no acknowledgement ever", no_acknowledgement_ever},
	{"late DMA", late_dma},
};

int main(void)
{
	return RUN_MARKED("fault_memory", tests);
}
