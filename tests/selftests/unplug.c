// SPDX-License-Identifier: MIT
/* The device leaves and comes back, while programs hold everything there is to be held. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

#define RING_VA 0x300000ull

static char device[64]; /* 0000:00:03.0 */

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		skip("the device cannot be taken away here");
	n = write(fd, text, strlen(text));
	close(fd);
	EQUAL(n, strlen(text));
}

static void unbind_driver(void)
{
	write_to("/sys/bus/pci/drivers/tern/unbind", device);
	EQUAL(device_number(), -1);
}

/* And it works as before. */
static void bind_driver(void)
{
	struct context c;

	write_to("/sys/bus/pci/drivers/tern/bind", device);
	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 42);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(((volatile uint64_t *)c.data.map)[1], 42);
	context_close(&c);
}

static void with_nothing_held(void)
{
	device_link(device, sizeof(device));
	for (int i = 0; i < 3; i++) {
		unbind_driver();
		bind_driver();
	}
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
}

/* A running job, jobs behind it, a fence in a syncobj and in a sync_file, an armed event, a bind
 * operation that waits, a user-owned queue with its doorbell, an exported buffer. */
static void with_everything_held(void)
{
	struct drm_tern_sync sync = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct drm_tern_job job[3] = {{.image = CODE_VA, .budget = 1ull << 44},
				      {.image = CODE_VA},
				      {.image = CODE_VA, .syncs = DRM_TERN_ARRAY(1, &sync)}};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(3, job)};
	struct drm_tern_queue_wait event = {
		.flags = DRM_TERN_WAIT_EVENT, .value = 3, .timeout_ns = INT64_MAX};
	struct drm_tern_queue_create user = {.flags = DRM_TERN_QUEUE_USER, .ring_va = RING_VA};
	struct drm_prime_handle prime = {.flags = DRM_CLOEXEC | DRM_RDWR};
	struct drm_syncobj_handle file = {.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE};
	struct drm_tern_vm_bind_op op = {.va = 0x50000000, .size = PAGE};
	struct drm_tern_vm_bind late = {.flags = DRM_TERN_VM_BIND_ASYNC,
					.ops = DRM_TERN_ARRAY(1, &op)};
	volatile uint32_t *doorbell = NULL;
	struct tern_ring *ring;
	struct pollfd pollfd;
	struct buffer memory;
	struct context c;

	device_link(device, sizeof(device));
	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	sync.handle = wait.handle = file.handle = make_syncobj(c.fd);
	call.queue_id = event.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &event);
	do_ioctl(c.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &file);
	op.bo_handle = prime.handle = c.data.handle;
	op.syncs = (struct drm_tern_array)DRM_TERN_ARRAY(1, &wait);
	late.vm_id = user.vm_id = c.vm;
	do_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &late);
	do_ioctl(c.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	memory = make_buffer(c.fd, PAGE);
	bind(c.fd, make_vm(c.fd), memory.handle, RING_VA, PAGE, 0);
	user.ring_bo = memory.handle;
	ring = memory.map;
	ring->entries = RING_VA + sizeof(*ring);
	ring->count = 1;
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &user);
	if (user.doorbell_offset) {
		doorbell =
			mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, c.fd, (off_t)user.doorbell_offset);
		CHECK(doorbell != MAP_FAILED);
		*doorbell = 1;
	}

	unbind_driver();
	EQUAL(wait_syncobj(c.fd, sync.handle, 0, 60000), -ENODEV);
	pollfd = (struct pollfd){.fd = file.fd, .events = POLLIN};
	EQUAL(poll(&pollfd, 1, 60000), 1);
	check_gone(&c, user.queue_id);
	if (doorbell)
		*doorbell = 1; /* to nobody */
	bind_driver();	       /* while all of it is still held */
	if (doorbell)
		munmap((void *)doorbell, PAGE);
	munmap(memory.map, memory.size);
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

static const struct test tests[] = {
	{"with nothing held", with_nothing_held},
	{"with everything held", with_everything_held},
};

int main(void)
{
	return RUN(tests);
}
