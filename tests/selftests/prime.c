// SPDX-License-Identifier: MIT
/* PRIME: buffers of ours in other drivers and files, and theirs in ours (vgem, udmabuf). */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest_user.h"

#define VA	0x10000000ull
#define RING_VA 0x300000ull

static int export_handle(int fd, uint32_t handle)
{
	struct drm_prime_handle args = {.handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR};

	do_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);
	return args.fd;
}

static uint32_t import_fd(int fd, int dmabuf)
{
	struct drm_prime_handle args = {.fd = dmabuf};

	do_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);
	return args.handle;
}

static int poll_in(int fd, int milliseconds)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, milliseconds);
}

/* The job writes 7 where the first word at VA says. */
static void run_reader(struct context *c)
{
	image_begin(&c->image);
	image_movi(&c->image, 3, (int64_t)VA);
	image_load(&c->image, 2, 3, 0);
	image_fence(&c->image, 2, 0, 7);
	image_end(&c->image, c->code.map);
	EQUAL(context_wait(c, context_submit(c)), 0);
	EQUAL(queue_state(c->fd, c->queue).error, 0);
}

/* From one file of ours to another: the same memory, whoever closes first. */
static void between_our_files(void)
{
	struct context c;
	int other = device_open(), dmabuf;
	struct buffer buffer = make_buffer(other, 2 * PAGE);
	uint32_t handle;

	context_open(&c);
	((uint64_t *)buffer.map)[0] = VA + PAGE;
	dmabuf = export_handle(other, buffer.handle);
	handle = import_fd(c.fd, dmabuf);
	EQUAL(import_fd(c.fd, dmabuf), handle);
	close_handle(other, buffer.handle);
	close(dmabuf);
	bind(c.fd, c.vm, handle, VA, 2 * PAGE, DRM_TERN_BIND_WRITE);
	run_reader(&c);
	EQUAL(((volatile uint64_t *)buffer.map)[PAGE / 8], 7);
	munmap(buffer.map, buffer.size);
	close(other);
	context_close(&c);
}

/* Memory of ours, mapped by way of the dma-buf. */
static void exported_memory_is_mapped(void)
{
	struct context c;
	struct dma_buf_sync sync = {.flags = DMA_BUF_SYNC_RW | DMA_BUF_SYNC_START};
	volatile uint64_t *map;
	int dmabuf;

	context_open(&c);
	dmabuf = export_handle(c.fd, c.data.handle);
	map = mmap(NULL, c.data.size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	CHECK(map != MAP_FAILED);
	do_ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &sync);
	image_fence(&c.image, TERN_REG_ARGS, 8, 4711);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(map[1], 4711);
	EQUAL(((volatile uint64_t *)c.data.map)[1], 4711);
	munmap((void *)map, c.data.size);
	close(dmabuf);
	context_close(&c);
}

/* Its words may be anywhere, and gone at any time. */
static void check_no_wait_on(struct context *c, uint32_t handle)
{
	struct user user;

	need_user_queues(c->fd);
	user_open_as(c, &user, RING_VA, DRM_TERN_PRIORITY_NORMAL);
	REFUSED(c->fd, QUEUE_WAIT, EINVAL, .queue_id = user.queue, .bo_handle = handle, .value = 1);
	user_destroy(&user);
}

/* Memory that another driver has. */
static void check_import(int dmabuf, volatile uint64_t *map)
{
	struct context c;
	uint32_t handle;

	context_open(&c);
	if (!device_coherent(c.fd))
		skip("the device may see copies, which their owner does not know of");
	map[0] = VA + PAGE + 8;
	handle = import_fd(c.fd, dmabuf);
	REFUSED(c.fd, BO_MMAP_OFFSET, EPERM, .handle = handle);
	REFUSED(c.fd, QUEUE_CREATE, EINVAL, .vm_id = c.vm, .flags = DRM_TERN_QUEUE_USER,
		.ring_bo = handle, .ring_va = DATA_VA);
	check_no_wait_on(&c, handle);
	bind(c.fd, c.vm, handle, VA, 2 * PAGE, DRM_TERN_BIND_WRITE);
	run_reader(&c);
	EQUAL(map[PAGE / 8 + 1], 7);
	close_handle(c.fd, handle);
	run_reader(&c); /* the mapping keeps it */
	context_close(&c);
}

static void of_vgem(void)
{
	int vgem = other_driver("vgem"), dmabuf;
	struct drm_mode_create_dumb dumb = {.width = 1024, .height = 2, .bpp = 32};
	struct drm_mode_map_dumb map = {0};
	void *at;

	do_ioctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	map.handle = dumb.handle;
	do_ioctl(vgem, DRM_IOCTL_MODE_MAP_DUMB, &map);
	at = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, vgem, (off_t)map.offset);
	CHECK(at != MAP_FAILED);
	dmabuf = export_handle(vgem, dumb.handle);
	check_import(dmabuf, at);
	munmap(at, dumb.size);
	close(dmabuf);
	close(vgem);
}

static void of_udmabuf(void)
{
	int device, file, dmabuf;
	struct udmabuf_create args = {.size = 2 * PAGE};
	void *at;

	load_module("udmabuf");
	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0)
		skip("no udmabuf");
	file = memfd_create("tern", MFD_ALLOW_SEALING);
	CHECK(file >= 0 && !ftruncate(file, 2 * PAGE));
	CHECK(!fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
	at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK(at != MAP_FAILED);
	args.memfd = (uint32_t)file;
	dmabuf = ioctl(device, UDMABUF_CREATE, &args);
	CHECK(dmabuf >= 0);
	check_import(dmabuf, at);
	munmap(at, 2 * PAGE);
	close(dmabuf);
	close(file);
	close(device);
}

/* And ours in another driver, which hands it on. */
static void to_vgem(void)
{
	int vgem = other_driver("vgem"), dmabuf, again;
	volatile uint64_t *at;
	struct context c;

	context_open(&c);
	dmabuf = export_handle(c.fd, c.data.handle);
	again = export_handle(vgem, import_fd(vgem, dmabuf));
	close(dmabuf);
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, again, 0);
	CHECK(at != MAP_FAILED);
	image_fence(&c.image, TERN_REG_ARGS, 16, 12);
	image_end(&c.image, c.code.map);
	EQUAL(context_wait(&c, context_submit(&c)), 0);
	EQUAL(at[2], 12);
	context_close(&c);
	EQUAL(at[2], 12); /* and keeps it */
	munmap((void *)at, PAGE);
	close(vgem);
	close(again);
}

/* Whoever has the dma-buf sees the job's fence in it. */
static void fences_are_shared(void)
{
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_queue_destroy destroy = {0};
	struct context c;
	int dmabuf;

	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	dmabuf = export_handle(c.fd, c.data.handle);
	EQUAL(poll_in(dmabuf, 0), 1); /* nobody writes */
	call.queue_id = destroy.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(poll_in(dmabuf, 100), 0);
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	EQUAL(poll_in(dmabuf, 60000), 1);
	close(dmabuf);
	context_close(&c);
}

static const struct test tests[] = {
	{"between our files", between_our_files},
	{"exported memory is mapped", exported_memory_is_mapped},
	{"fences are shared", fences_are_shared},
	{"memory of vgem", of_vgem},
	{"memory of udmabuf", of_udmabuf},
	{"our memory in vgem", to_vgem},
};

int main(void)
{
	return RUN(tests);
}
