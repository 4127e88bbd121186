// SPDX-License-Identifier: MIT
/*
 * Every ioctl's good path, with the first, then the second, ... of its allocations and copies
 * failing, until nothing fails any more. Each try either succeeds or ends with an errno for just
 * that; the same call then succeeds, and the context's jobs still run.
 *
 * The kernel's fault injection counts: /proc/self/fail-nth. What the kernel thinks of it, leaks
 * above all, is for whoever reads its log.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fail_nth_calls.h"

#define SOURCES 20000 /* no call has more that could fail; so one that always fails ends */
#define DENSE	100
#define LAST	60

/* ---- Injection ---- */
static int nth_file = -1;

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		skip("this kernel injects no faults");
	EQUAL(write(fd, value, strlen(value)), (ssize_t)strlen(value));
	close(fd);
}

/* Also allocations that may wait, or are of one page, fail; and nobody is told each time. */
static void allow_all(void)
{
	set("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	set("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	set("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	set("/sys/kernel/debug/failslab/verbose", "0");
	set("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	set("/sys/kernel/debug/fail_usercopy/verbose", "0");
}

static void set_up(void)
{
	if (nth_file >= 0)
		return;
	allow_all();
	nth_file = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	CHECK(nth_file >= 0);
	t.memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(t.memory != MAP_FAILED);
	/* Page faults between arming and disarming would count, too. */
	EQUAL(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
}

static void arm(unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	EQUAL(pwrite(nth_file, text, (size_t)n, 0), n);
}

/* Has something failed since arm()? Reading and writing the number can fail, too: then not. */
static bool disarm(void)
{
	char left[16] = "";
	bool fired = pread(nth_file, left, sizeof(left) - 1, 0) > 0 && atoi(left) == 0;

	if (pwrite(nth_file, "0", 1, 0) == 1)
		return fired;
	EQUAL(pwrite(nth_file, "0", 1, 0), 1);
	return false;
}

/* ---- One after the other ---- */
static void signal_syncobj(uint32_t handle)
{
	struct drm_syncobj_array args = {.handles = (uintptr_t)&handle, .count_handles = 1};

	do_ioctl(t.c.fd, DRM_IOCTL_SYNCOBJ_SIGNAL, &args);
}

static void begin(const struct row *row)
{
	t = (struct try){.c = t.c, .memory = t.memory, .first_fd = (unsigned int)dup(nth_file)};
	t.buffer = make_buffer(t.c.fd, 2 * PAGE);
	t.vm = make_vm(t.c.fd);
	t.syncobj[0] = make_syncobj(t.c.fd);
	t.syncobj[1] = make_syncobj(t.c.fd);
	signal_syncobj(t.syncobj[0]);
	if (row->prepare)
		row->prepare();
}

static void fill(const struct row *row)
{
	if (row->fill)
		row->fill();
}

static int call(const struct row *row)
{
	return row->call ? row->call() : try_ioctl(t.c.fd, row->request, &t.args);
}

/* Nothing has changed by a call that failed; but -EFAULT may only say that nothing can be told. */
static void call_again(const struct row *row, int before)
{
	int ret;

	fill(row);
	ret = call(row);
	if (before == -EFAULT && ret == row->again)
		return;
	EQUAL(ret, 0);
}

/* What the call made goes, too: else its limit would be met. */
static void clean_up(const struct row *row)
{
	struct drm_tern_queue_destroy queue = {.queue_id = t.queue};
	struct drm_tern_vm_destroy vm = {.vm_id = t.vm};
	struct drm_tern_perf stop = {.op = DRM_TERN_PERF_TRACE_STOP};

	try_ioctl(t.c.fd, DRM_IOCTL_TERN_PERF, &stop); /* if there is one */
	if (row->request == DRM_IOCTL_TERN_QUEUE_CREATE)
		queue.queue_id = t.args.queue.queue_id;
	if (queue.queue_id)
		try_ioctl(t.c.fd, DRM_IOCTL_TERN_QUEUE_DESTROY, &queue);
	try_ioctl(t.c.fd, DRM_IOCTL_TERN_VM_DESTROY, &vm);
	if (row->request == DRM_IOCTL_TERN_VM_CREATE) {
		vm.vm_id = t.args.vm.vm_id;
		do_ioctl(t.c.fd, DRM_IOCTL_TERN_VM_DESTROY, &vm);
	}
	unbind(t.c.fd, t.c.vm, RING_VA, PAGE);
	unbind(t.c.fd, t.c.vm, VA - PAGE, 3 * PAGE);
	free_buffer(t.c.fd, &t.buffer);
	if (t.mapped)
		munmap(t.mapped, PAGE);
	close_range(t.first_fd, ~0u, 0);
}

static void check_device(void)
{
	volatile uint64_t *data = t.c.data.map;

	data[1] = 0;
	EQUAL(context_wait(&t.c, context_submit(&t.c)), 0);
	EQUAL(queue_state(t.c.fd, t.c.queue).error, 0);
	EQUAL(data[1], 7);
}

static bool more(const struct drm_tern_limits *now, const struct drm_tern_limits *before)
{
	return now->buffers.used > before->buffers.used ||
	       now->buffer_bytes.used > before->buffer_bytes.used ||
	       now->pinned_bytes.used > before->pinned_bytes.used ||
	       now->vms.used > before->vms.used || now->queues.used > before->queues.used ||
	       now->user_queues.used > before->user_queues.used ||
	       now->events.used > before->events.used;
}

/*
 * Less is no wonder: what was destroyed before is released in its own time. So is what the call had
 * made of a queue before it failed.
 */
static bool more_used(const struct drm_tern_limits *before)
{
	struct drm_tern_limits now = limits(t.c.fd);

	for (int tries = 0; tries < 600 && more(&now, before); tries++) {
		usleep(10000);
		now = limits(t.c.fd);
	}
	return more(&now, before);
}

/* False: nothing failed any more. */
static bool fail_one(const struct row *row, unsigned int nth)
{
	struct drm_tern_limits before;
	bool fired;
	int ret;

	begin(row);
	fill(row);
	before = limits(t.c.fd);
	arm(nth);
	ret = call(row);
	fired = disarm();
	if (ret && !(fired && (ret == -ENOMEM || ret == -EFAULT)))
		fail(__FILE__, __LINE__, "failure %u: %s", nth, strerror(-ret));
	if (ret == -ENOMEM && more_used(&before))
		fail(__FILE__, __LINE__, "failure %u: something is still counted", nth);
	if (ret)
		call_again(row, ret);
	check_device();
	clean_up(row);
	return fired;
}

/* From the Nth failure on; returns the first that did not come. */
static unsigned int fail_from(const struct row *row, unsigned int nth, unsigned int end)
{
	while (nth < end && fail_one(row, nth))
		nth++;
	return nth;
}

/* The first failure that does not come, about: there are as many as a buffer has pages. */
static unsigned int find_end(const struct row *row, unsigned int comes)
{
	unsigned int not = 2 * comes;

	for (; not < SOURCES && fail_one(row, not ); not *= 2)
		comes = not ;
	while (not -comes > 16) {
		unsigned int middle = comes + (not -comes) / 2;

		if (fail_one(row, middle))
			comes = middle;
		else
			not = middle;
	}
	return comes;
}

/* All failures; where there are very many the first, the last, and some between. */
static void fail_each(const struct row *row)
{
	unsigned int end;

	set_up();
	context_open(&t.c);
	image_fence(&t.c.image, TERN_REG_ARGS, 8, 7);
	image_end(&t.c.image, t.c.code.map);
	end = fail_from(row, 1, DENSE);
	if (end == DENSE)
		end = fail_from(row, find_end(row, end - 1) - LAST, SOURCES);
	context_close(&t.c);
	printf("# %u failures\n", end - 1);
	CHECK(end > 1); /* at least its arguments are copied */
	CHECK(end < SOURCES);
}

static void next(void)
{
	static size_t i;

	fail_each(&rows[i++]);
}

/* kmemleak does not miss what the driver still lists; and what is released may take a while. */
static bool listed(const char *what)
{
	char path[64], text[16];
	glob_t files;
	bool any = false;

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/*/%s", what);
	EQUAL(glob(path, 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		int fd = open(files.gl_pathv[i], O_RDONLY | O_CLOEXEC);

		any |= read(fd, text, sizeof(text)) != 0;
		close(fd);
	}
	globfree(&files);
	return any;
}

static void nothing_is_left(void)
{
	static const char *const kinds[] = {"buffers", "vms", "queues"};

	set_up();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		for (int tries = 0; tries < 100 && listed(kinds[i]); tries++)
			usleep(100000);
		if (listed(kinds[i]))
			fail(__FILE__, __LINE__, "the driver still has %s", kinds[i]);
	}
}

int main(void)
{
	struct test tests[ARRAY_SIZE(rows) + 1];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		tests[i] = (struct test){rows[i].name, next};
	tests[ARRAY_SIZE(rows)] = (struct test){"nothing is left", nothing_is_left};
	return RUN(tests);
}
