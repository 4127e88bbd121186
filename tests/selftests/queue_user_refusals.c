// SPDX-License-Identifier: MIT
/* User-owned queues: what QUEUE_CREATE, QUEUE_KICK, QUEUE_WAIT and mmap() refuse; limits. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

static struct context c;
static struct drm_tern_queue_create good;

static void begin(void)
{
	context_open(&c);
	good = (struct drm_tern_queue_create){.vm_id = c.vm,
					      .flags = DRM_TERN_QUEUE_USER,
					      .ring_bo = c.data.handle,
					      .ring_va = DATA_VA};
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &good);
}

static int create(struct drm_tern_queue_create args)
{
	return try_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
}

/* A good call but for one field. */
#define CREATE(error, field, wrong)                        \
	do {                                               \
		struct drm_tern_queue_create args_ = good; \
		args_.field = (wrong);                     \
		EQUAL(create(args_), -(error));            \
	} while (0)

static void creation(void)
{
	struct drm_tern_bo_from_userptr user = {.size = PAGE};
	struct drm_tern_bo_create others = {.size = PAGE};
	uint64_t used;

	begin();
	others.vm_id = make_vm(c.fd);
	do_ioctl(c.fd, DRM_IOCTL_TERN_BO_CREATE, &others);
	user.address = (uintptr_t)mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	do_ioctl(c.fd, DRM_IOCTL_TERN_BO_FROM_USERPTR, &user);
	used = limits(c.fd).queues.used;
	CREATE(EINVAL, flags, DRM_TERN_QUEUE_USER | 2);
	CREATE(EINVAL, pad, 1);
	CREATE(EINVAL, priority, 4);
	CREATE(ENOENT, vm_id, others.vm_id + 1);
	CREATE(ENOENT, ring_bo, 0);
	CREATE(ENOENT, ring_bo, 1000);
	CREATE(EINVAL, ring_bo, user.handle);
	CREATE(EXDEV, ring_bo, others.handle);
	CREATE(EINVAL, ring_offset, 32);
	CREATE(EINVAL, ring_offset, c.data.size);
	CREATE(EINVAL, ring_offset, c.data.size - 64);
	CREATE(EINVAL, ring_offset, ~0ull - 63);
	CREATE(EINVAL, ring_va, 0);
	CREATE(EINVAL, ring_va, DATA_VA + 8);
	CREATE(EINVAL, ring_va, 1ull << TERN_VA_BITS);
	CREATE(EINVAL, ring_va, ~0ull - 63);
	EQUAL(limits(c.fd).queues.used, used);
	EQUAL(limits(c.fd).user_queues.used, 1);
	context_close(&c);
}

static void numbers_are_limited(void)
{
	struct drm_tern_queue_destroy destroy = {0};
	uint64_t most;

	begin();
	most = limits(c.fd).user_queues.most;
	for (uint64_t i = 1; i < most; i++)
		EQUAL(create(good), 0);
	EQUAL(create(good), -EXFULL);
	EQUAL(limits(c.fd).user_queues.used, most);
	make_queue(c.fd, c.vm); /* kernel-owned ones are another matter */
	destroy.queue_id = good.queue_id;
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &destroy);
	EQUAL(create(good), 0);
	EQUAL(create(good), -EXFULL);
	context_close(&c);
}

static void kicks_and_jobs(void)
{
	struct drm_tern_job job = {.image = CODE_VA};

	begin();
	REFUSED(c.fd, QUEUE_KICK, ENOENT, .queue_id = 0);
	REFUSED(c.fd, QUEUE_KICK, ENOENT, .queue_id = 1000);
	REFUSED(c.fd, QUEUE_KICK, EINVAL, .queue_id = good.queue_id, .pad = 1);
	REFUSED(c.fd, QUEUE_KICK, EPERM, .queue_id = c.queue);
	REFUSED(c.fd, SUBMIT, EPERM, .queue_id = good.queue_id, .jobs = DRM_TERN_ARRAY(1, &job));
	context_close(&c);
}

static void waits(void)
{
	struct drm_tern_bo_from_userptr user = {.size = PAGE};
	uint32_t data;

	begin();
	data = c.data.handle;
	user.address = (uintptr_t)mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	do_ioctl(c.fd, DRM_IOCTL_TERN_BO_FROM_USERPTR, &user);
#define WAIT(error, ...) \
	REFUSED(c.fd, QUEUE_WAIT, error, .queue_id = good.queue_id, .value = 1, __VA_ARGS__)
	WAIT(ENOENT, .bo_handle = 0);
	WAIT(ENOENT, .bo_handle = 1000);
	WAIT(EINVAL, .bo_handle = user.handle);
	WAIT(EINVAL, .bo_handle = data, .offset = 4);
	WAIT(EINVAL, .bo_handle = data, .offset = c.data.size);
	WAIT(EINVAL, .bo_handle = data, .offset = ~7ull);
	WAIT(EINVAL, .bo_handle = data, .pad = 1);
	WAIT(EINVAL, .bo_handle = data, .flags = 2);
	WAIT(EINVAL, .bo_handle = data, .user_data = 1);
	WAIT(ETIMEDOUT, .bo_handle = data, .offset = c.data.size - 8);
	context_close(&c);
}

static void *map(uint64_t size, int access, int flags, uint64_t more)
{
	void *p = mmap(NULL, size, access, flags, c.fd, (off_t)(good.doorbell_offset + more));

	return p == MAP_FAILED ? NULL : p;
}

static void mappings(void)
{
	volatile uint32_t *page;
	int other;

	begin();
	if (!good.doorbell_offset) {
		context_close(&c);
		skip("no doorbell can be mapped here");
	}
	CHECK(good.doorbell_offset >> 12 <= UINT32_MAX);
	CHECK(!map(PAGE, PROT_WRITE, MAP_PRIVATE, 0));
	CHECK(!map(2 * PAGE, PROT_WRITE, MAP_SHARED, 0));
	CHECK(!map(PAGE, PROT_WRITE, MAP_SHARED, PAGE));
	CHECK(!map(PAGE, PROT_WRITE | PROT_EXEC, MAP_SHARED, 0));
	CHECK(!map(PAGE, PROT_READ, MAP_SHARED, 0));
	EQUAL(errno, EINVAL);
	page = map(PAGE, PROT_WRITE, MAP_SHARED, 0);
	CHECK(page);
	/* Nor is it memory for a buffer, before it has been touched and after. */
	for (int i = 0; i < 2; i++) {
		REFUSED(c.fd, BO_FROM_USERPTR, EFAULT, .address = (uintptr_t)page, .size = PAGE);
		*page = 1;
	}
	other = device_open();
	CHECK(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, other, (off_t)good.doorbell_offset) ==
	      MAP_FAILED);
	EQUAL(errno, EACCES);
	close(other);
	context_close(&c);
}

static const struct test tests[] = {
	{"creation", creation},
	{"numbers are limited", numbers_are_limited},
	{"kicks and jobs", kicks_and_jobs},
	{"waits", waits},
	{"mappings of doorbells", mappings},
};

int main(void)
{
	return RUN(tests);
}
