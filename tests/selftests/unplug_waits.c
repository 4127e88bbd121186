// SPDX-License-Identifier: MIT
/* The device leaves while ioctls sleep for as long as a process likes: it does not wait with them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest_unplug.h"
#include "selftest_vgem.h"

static struct context c;

/* Of a device that has left. */
static void let_go(void)
{
	munmap(c.code.map, c.code.size);
	munmap(c.data.map, c.data.size);
	close(c.fd);
}

/* False: it takes longer than anything that is bounded. */
static bool unbound_in_time(void)
{
	pid_t child = start_child(unbind_driver);
	int64_t end = monotonic(60000);
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (monotonic(0) > end)
			return false;
		usleep(10000);
	}
	EQUAL(status, 0);
	return true;
}

static void read_proc(pid_t process, const char *file, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", process, file);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? 0 : read(fd, text, size - 1);
	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
}

static char state_of(pid_t process)
{
	char text[256], *state;

	read_proc(process, "stat", text, sizeof(text));
	state = strrchr(text, ')');
	CHECK(state && state[1]);
	return state[2];
}

/* As far as this kernel tells: the call's number, the file and what is asked of it. */
static bool may_be_in_ioctl(pid_t process, int fd, unsigned long request)
{
	unsigned long of, asked;
	char text[256];
	int call;

	read_proc(process, "syscall", text, sizeof(text));
	if (!*text)
		return true;
	return sscanf(text, "%d %lx %lx", &call, &of, &asked) == 3 && call == SYS_ioctl &&
	       of == (unsigned long)fd && asked == request;
}

static void await_sleep_in_ioctl(pid_t process, int fd, unsigned long request)
{
	for (int i = 0; i < 6000; i++) {
		char state = state_of(process);

		CHECK(state != 'Z');
		if (state == 'S' && may_be_in_ioctl(process, fd, request))
			return;
		usleep(10000);
	}
	fail(__FILE__, __LINE__, "it does not wait");
}

static void binds(void)
{
	struct drm_tern_vm_bind_op op = {
		.type = DRM_TERN_BIND_UNMAP, .va = 0x60000000, .size = PAGE};

	EQUAL(try_bind(c.fd, c.vm, &op), -ENODEV);
}

/* It is behind an asynchronous operation, and that behind a job without end. */
static void a_bind_that_waits_for_another(void)
{
	struct drm_tern_sync done = {.flags = DRM_TERN_SYNC_SIGNAL}, wait = {0};
	struct drm_tern_job job = {
		.image = CODE_VA, .budget = 1ull << 44, .syncs = DRM_TERN_ARRAY(1, &done)};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct drm_tern_vm_bind_op op = {
		.va = 0x50000000, .size = PAGE, .syncs = DRM_TERN_ARRAY(1, &wait)};
	struct drm_tern_vm_bind late = {.flags = DRM_TERN_VM_BIND_ASYNC,
					.ops = DRM_TERN_ARRAY(1, &op)};
	pid_t child;
	bool in_time;

	find_device();
	context_open(&c);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	done.handle = wait.handle = make_syncobj(c.fd);
	call.queue_id = c.queue;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	op.bo_handle = c.data.handle;
	late.vm_id = c.vm;
	do_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &late);
	child = start_child(binds);
	await_sleep_in_ioctl(child, c.fd, DRM_IOCTL_TERN_VM_BIND);
	in_time = unbound_in_time();
	if (!in_time)
		kill(child, SIGKILL);
	CHECK(in_time);
	end_child(child);
	let_go();
	bind_driver();
}

/* Another driver's fence is none that our leaving ends; no memory may be the device's by then. */
static void a_bind_that_waits_longer(void)
{
	struct drm_tern_sync sync[2] = {{0}, {.flags = DRM_TERN_SYNC_SIGNAL}};
	struct drm_tern_vm_bind_op op = {
		.va = 0x50000000, .size = PAGE, .syncs = DRM_TERN_ARRAY(2, sync)};
	struct drm_tern_vm_bind late = {.flags = DRM_TERN_VM_BIND_ASYNC,
					.ops = DRM_TERN_ARRAY(1, &op)};
	struct drm_syncobj_handle file = {.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE};
	struct sync_file_info info = {0};
	struct pollfd done = {.events = POLLIN};

	find_device();
	context_open(&c);
	sync[0].handle = fence_of_vgem(c.fd);
	sync[1].handle = file.handle = make_syncobj(c.fd);
	op.bo_handle = c.data.handle;
	late.vm_id = c.vm;
	do_ioctl(c.fd, DRM_IOCTL_TERN_VM_BIND, &late);
	do_ioctl(c.fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &file);
	unbind_driver();
	done.fd = file.fd;
	EQUAL(poll(&done, 1, 0), 0);
	let_go();
	EQUAL(poll(&done, 1, 60000), 1);
	do_ioctl(file.fd, SYNC_IOC_FILE_INFO, &info);
	EQUAL(info.status, -ENODEV);
	close(file.fd);
	bind_driver();
}

static void *makes_a_buffer(void *page)
{
	struct drm_tern_bo_from_userptr call = {.address = (uintptr_t)page, .size = PAGE};

	return (void *)(intptr_t)try_ioctl(c.fd, DRM_IOCTL_TERN_BO_FROM_USERPTR, &call);
}

/* A page that is there when somebody says so: its file descriptor. */
static int make_late(void *page)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.range = {.start = (uintptr_t)page, .len = PAGE},
					.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		skip("the kernel has no userfaultfd");
	do_ioctl(fd, UFFDIO_API, &api);
	do_ioctl(fd, UFFDIO_REGISTER, &range);
	return fd;
}

static void a_page_that_does_not_come(void)
{
	struct uffdio_zeropage zero = {.range = {.len = PAGE}};
	void *result, *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0);
	struct pollfd asked = {.events = POLLIN};
	pthread_t thread;
	bool in_time;

	CHECK(page != MAP_FAILED);
	find_device();
	asked.fd = make_late(page);
	context_open(&c);
	EQUAL(pthread_create(&thread, NULL, makes_a_buffer, page), 0);
	EQUAL(poll(&asked, 1, 60000), 1);
	in_time = unbound_in_time();
	zero.range.start = (uintptr_t)page;
	do_ioctl(asked.fd, UFFDIO_ZEROPAGE, &zero);
	EQUAL(pthread_join(thread, &result), 0);
	CHECK(in_time);
	EQUAL((intptr_t)result, -ENODEV);
	close(asked.fd);
	munmap(page, PAGE);
	let_go();
	bind_driver();
}

static const struct test tests[] = {
	{"a bind that waits for another", a_bind_that_waits_for_another},
	{"a bind that waits longer than the device is there", a_bind_that_waits_longer},
	{"a page that does not come", a_page_that_does_not_come},
};

int main(void)
{
	return RUN(tests);
}
