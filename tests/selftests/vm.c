// SPDX-License-Identifier: MIT
/* VM_CREATE, VM_DESTROY, VM_STATE: numbers, limits, life; and what they refuse. */
#include <errno.h>
#include <unistd.h>

#include "selftest.h"

static struct drm_tern_vm_state state(int fd, uint32_t vm)
{
	struct drm_tern_vm_state args = {.vm_id = vm};

	do_ioctl(fd, DRM_IOCTL_TERN_VM_STATE, &args);
	return args;
}

static void destroy(int fd, uint32_t vm)
{
	struct drm_tern_vm_destroy args = {.vm_id = vm};

	do_ioctl(fd, DRM_IOCTL_TERN_VM_DESTROY, &args);
}

static void numbers_are_of_the_file(void)
{
	int fd = device_open(), other = device_open();

	EQUAL(make_vm(fd), 1);
	EQUAL(make_vm(fd), 2);
	EQUAL(make_vm(other), 1);
	REFUSED(other, VM_STATE, ENOENT, .vm_id = 2);
	REFUSED(other, VM_DESTROY, ENOENT, .vm_id = 2);
	destroy(fd, 1);
	REFUSED(fd, VM_STATE, ENOENT, .vm_id = 1);
	REFUSED(fd, VM_DESTROY, ENOENT, .vm_id = 1);
	state(fd, 2);
	close(other);
	close(fd);
}

static void what_is_mapped_is_told(void)
{
	int fd = device_open();
	uint32_t vm = make_vm(fd);
	struct buffer buffer = make_buffer(fd, 8 * PAGE);
	struct drm_tern_vm_state empty = state(fd, vm), now;

	EQUAL(empty.error, 0);
	EQUAL(empty.mapped_bytes, 0);
	EQUAL(empty.table_bytes, PAGE); /* the root */
	bind(fd, vm, buffer.handle, DATA_VA, 8 * PAGE, 0);
	now = state(fd, vm);
	EQUAL(now.mapped_bytes, 8 * PAGE);
	EQUAL(now.table_bytes, 4 * PAGE); /* one more of each level */
	unbind(fd, vm, DATA_VA + 2 * PAGE, 3 * PAGE);
	EQUAL(state(fd, vm).mapped_bytes, 5 * PAGE);
	unbind(fd, vm, 0x1000, 1ull << 32);
	now = state(fd, vm);
	EQUAL(now.mapped_bytes, 0);
	EQUAL(now.table_bytes, PAGE);
	close(fd);
}

static void numbers_are_limited(void)
{
	int fd = device_open();
	uint64_t most = limits(fd).vms.most;

	for (uint64_t i = 0; i < most; i++)
		make_vm(fd);
	EQUAL(limits(fd).vms.used, most);
	REFUSED(fd, VM_CREATE, EUSERS, .flags = 0);
	destroy(fd, 5);
	make_vm(fd);
	REFUSED(fd, VM_CREATE, EUSERS, .flags = 0);
	close(fd);
}

/* More address spaces than the device has numbers for, all used in turn, twice. */
static void more_than_the_device_knows(void)
{
	enum { FILES = 3, VMS = 24 };
	static struct context c[FILES * VMS];

	for (int i = 0; i < FILES * VMS; i++) {
		context_open(&c[i]);
		image_fence(&c[i].image, TERN_REG_ARGS, 8, 1000 + (uint64_t)i);
		image_end(&c[i].image, c[i].code.map);
	}
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < FILES * VMS; i++) {
			volatile uint64_t *data = c[i].data.map;

			data[1] = 0;
			EQUAL(context_wait(&c[i], context_submit(&c[i])), 0);
			EQUAL(queue_state(c[i].fd, c[i].queue).error, 0);
			EQUAL(data[1], 1000 + i);
		}
	}
	for (int i = 0; i < FILES * VMS; i++)
		context_close(&c[i]);
}

static void queues_keep_it(void)
{
	struct context c;

	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 5);
	image_end(&c.image, c.code.map);
	destroy(c.fd, c.vm);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(queue_state(c.fd, c.queue).error, 0);
	EQUAL(((volatile uint64_t *)c.data.map)[1], 5);
	context_close(&c);
}

static void refusals(void)
{
	int fd = device_open();
	uint32_t vm = make_vm(fd);

	REFUSED(fd, VM_CREATE, EINVAL, .flags = 1);
	REFUSED(fd, VM_CREATE, EINVAL, .flags = 1u << 31);
	REFUSED(fd, VM_DESTROY, EINVAL, .vm_id = vm, .pad = 1);
	REFUSED(fd, VM_DESTROY, ENOENT, .vm_id = 0);
	REFUSED(fd, VM_DESTROY, ENOENT, .vm_id = ~0u);
	REFUSED(fd, VM_STATE, ENOENT, .vm_id = 0);
	REFUSED(fd, VM_STATE, ENOENT, .vm_id = 2);
	EQUAL(limits(fd).vms.used, 1);
	close(fd);
}

static const struct test tests[] = {
	{"numbers are of the file", numbers_are_of_the_file},
	{"what is mapped is told", what_is_mapped_is_told},
	{"numbers are limited", numbers_are_limited},
	{"more address spaces than the device has numbers", more_than_the_device_knows},
	{"queues keep a destroyed one", queues_keep_it},
	{"refusals", refusals},
};

int main(void)
{
	return RUN(tests);
}
