// SPDX-License-Identifier: MIT
#include "selftest.h"
#include "selftest_errnos.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/sync_file.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- TAP ---- */
static jmp_buf back;
static char reason[512];

void fail(const char *file, int line, const char *format, ...)
{
	int n = snprintf(reason, sizeof(reason), "%s:%d: ", file, line);
	va_list args;

	va_start(args, format);
	vsnprintf(reason + n, sizeof(reason) - (size_t)n, format, args);
	va_end(args);
	longjmp(back, 1);
}

void skip(const char *why)
{
	snprintf(reason, sizeof(reason), "%s", why);
	longjmp(back, 2);
}

static void run_child(void (*run)(void))
{
	int how = setjmp(back);

	if (!how)
		run();
	else
		printf("# in the child: %s\n", reason);
	fflush(stdout);
	_exit(how);
}

pid_t start_child(void (*run)(void))
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (!child)
		run_child(run);
	return child;
}

void end_child(pid_t child)
{
	int status = 0;

	EQUAL(waitpid(child, &status, 0), child);
	EQUAL(status, 0);
}

void in_child(void (*run)(void))
{
	end_child(start_child(run));
}

int run_one(const struct test *test, size_t number)
{
	int how = setjmp(back);

	if (!how)
		test->run();
	if (geteuid() && !getuid())
		as_root();
	if (how == 1)
		printf("not ok %zu %s\n# %s\n", number, test->name, reason);
	else
		printf("ok %zu %s%s%s\n", number, test->name, how ? " # SKIP " : "",
		       how ? reason : "");
	fflush(stdout);
	return how == 1;
}

int run_tests(const struct test *tests, size_t count)
{
	int failed = 0;

	printf("TAP version 13\n1..%zu\n", count);
	for (size_t i = 0; i < count; i++)
		failed += run_one(&tests[i], i + 1);
	errnos_print();
	return failed ? 1 : 0;
}

/* ---- The device ---- */
/* A device that came back has another number for as long as somebody holds the old one. */
int device_number(void)
{
	char path[64];

	for (int i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/dev/accel/accel%d", i);
		if (!access(path, F_OK))
			return i;
	}
	return -1;
}

void device_link(char *name, size_t size)
{
	char path[64], target[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/accel/accel%d/device", device_number());
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		skip("no /dev/accel/accel*");
	target[n] = 0;
	snprintf(name, size, "%s", strrchr(target, '/') + 1);
}

int device_open(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/accel/accel%d", device_number());
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		skip("no /dev/accel/accel* that may be opened");
	return fd;
}

void load_module(const char *name)
{
	char command[64];

	snprintf(command, sizeof(command), "modprobe -q %s", name);
	if (system(command))
		printf("# modprobe %s failed\n", name);
}

int other_driver(const char *name)
{
	glob_t nodes;
	int found = -1;

	load_module(name);
	if (glob("/dev/dri/card*", 0, NULL, &nodes))
		skip("no other DRM device");
	for (size_t i = 0; i < nodes.gl_pathc && found < 0; i++) {
		char is[32] = "";
		struct drm_version version = {.name = is, .name_len = sizeof(is) - 1};
		int fd = open(nodes.gl_pathv[i], O_RDWR | O_CLOEXEC);

		if (fd >= 0 && !ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(is, name))
			found = fd;
		else if (fd >= 0)
			close(fd);
	}
	globfree(&nodes);
	if (found < 0)
		skip("no device of the other driver");
	return found;
}

int try_ioctl(int fd, unsigned long request, void *args)
{
	if (ioctl(fd, request, args) >= 0)
		return 0;
	errno_note(request, errno);
	return -errno;
}

void do_ioctl(int fd, unsigned long request, void *args)
{
	int ret = try_ioctl(fd, request, args);

	if (ret)
		fail(__FILE__, __LINE__, "ioctl %#lx: %s", request & 0xff, strerror(-ret));
}

/* ---- Objects ---- */
uint32_t make_vm(int fd)
{
	struct drm_tern_vm_create args = {0};

	do_ioctl(fd, DRM_IOCTL_TERN_VM_CREATE, &args);
	return args.vm_id;
}

uint32_t make_queue(int fd, uint32_t vm)
{
	struct drm_tern_queue_create args = {.vm_id = vm, .priority = DRM_TERN_PRIORITY_NORMAL};

	do_ioctl(fd, DRM_IOCTL_TERN_QUEUE_CREATE, &args);
	return args.queue_id;
}

void *map_handle(int fd, uint32_t handle, uint64_t size)
{
	struct drm_tern_bo_mmap_offset args = {.handle = handle};
	void *map;

	do_ioctl(fd, DRM_IOCTL_TERN_BO_MMAP_OFFSET, &args);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)args.offset);
	CHECK(map != MAP_FAILED);
	return map;
}

bool device_coherent(int fd)
{
	struct drm_tern_info info = {0};
	struct drm_tern_dev_query query = {
		.type = DRM_TERN_QUERY_INFO, .size = sizeof(info), .pointer = (uintptr_t)&info};

	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &query);
	return info.flags & DRM_TERN_INFO_COHERENT;
}

struct buffer make_buffer(int fd, uint64_t size)
{
	struct drm_tern_bo_create args = {.size = size};

	do_ioctl(fd, DRM_IOCTL_TERN_BO_CREATE, &args);
	return (struct buffer){args.handle, args.size, map_handle(fd, args.handle, args.size)};
}

void free_buffer(int fd, struct buffer *buffer)
{
	struct drm_gem_close args = {.handle = buffer->handle};

	munmap(buffer->map, buffer->size);
	do_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &args);
}

int try_bind(int fd, uint32_t vm, struct drm_tern_vm_bind_op *op)
{
	struct drm_tern_vm_bind args = {.vm_id = vm, .ops = DRM_TERN_ARRAY(1, op)};

	return try_ioctl(fd, DRM_IOCTL_TERN_VM_BIND, &args);
}

void bind(int fd, uint32_t vm, uint32_t bo, uint64_t va, uint64_t size, uint32_t flags)
{
	struct drm_tern_vm_bind_op op = {.flags = flags, .bo_handle = bo, .va = va, .size = size};

	EQUAL(try_bind(fd, vm, &op), 0);
}

void unbind(int fd, uint32_t vm, uint64_t va, uint64_t size)
{
	struct drm_tern_vm_bind_op op = {.type = DRM_TERN_BIND_UNMAP, .va = va, .size = size};

	EQUAL(try_bind(fd, vm, &op), 0);
}

uint64_t submit(int fd, uint32_t queue, uint64_t image, uint64_t args)
{
	struct drm_tern_job job = {.image = image, .args = args};
	struct drm_tern_submit call = {.queue_id = queue, .jobs = DRM_TERN_ARRAY(1, &job)};

	do_ioctl(fd, DRM_IOCTL_TERN_SUBMIT, &call);
	return call.last_job;
}

int64_t monotonic(int64_t milliseconds_from_now)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec + milliseconds_from_now * 1000000;
}

int wait_job(int fd, uint32_t queue, uint64_t job, int64_t milliseconds)
{
	struct drm_tern_queue_wait args = {
		.queue_id = queue, .value = job, .timeout_ns = monotonic(milliseconds)};

	return try_ioctl(fd, DRM_IOCTL_TERN_QUEUE_WAIT, &args);
}

struct drm_tern_queue_state queue_state(int fd, uint32_t queue)
{
	struct drm_tern_queue_state args = {.queue_id = queue};

	do_ioctl(fd, DRM_IOCTL_TERN_QUEUE_STATE, &args);
	errno_note_job(-args.error);
	if (args.lost)
		errno_note_job(ENODATA);
	return args;
}

struct drm_tern_limits limits(int fd)
{
	struct drm_tern_limits limits = {0};
	struct drm_tern_dev_query args = {.type = DRM_TERN_QUERY_LIMITS,
					  .size = sizeof(limits),
					  .pointer = (uintptr_t)&limits};

	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &args);
	return limits;
}

void close_handle(int fd, uint32_t handle)
{
	struct drm_gem_close args = {.handle = handle};

	do_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &args);
}

uint32_t make_syncobj(int fd)
{
	struct drm_syncobj_create args = {0};

	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &args);
	return args.handle;
}

int wait_syncobj(int fd, uint32_t handle, uint64_t point, int64_t milliseconds)
{
	struct drm_syncobj_timeline_wait args = {
		.handles = (uintptr_t)&handle,
		.points = (uintptr_t)&point,
		.count_handles = 1,
		.timeout_nsec = monotonic(milliseconds),
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
	};

	return try_ioctl(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

int syncobj_error(int fd, uint32_t handle)
{
	struct drm_syncobj_handle args = {.handle = handle,
					  .flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE};
	struct sync_file_info info = {0};

	do_ioctl(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);
	do_ioctl(args.fd, SYNC_IOC_FILE_INFO, &info);
	close(args.fd);
	errno_note_job(-info.status);
	return info.status < 0 ? info.status : info.status ? 0 : -EBUSY;
}

void as_nobody(void)
{
	CHECK(!seteuid(65534));
}

void as_root(void)
{
	CHECK(!seteuid(0));
}

/* ---- Programs ---- */
static uint64_t command(unsigned int op, unsigned int words, unsigned int flags, unsigned int a,
			unsigned int b, unsigned int c)
{
	return op | words << 8 | (uint64_t)flags << 16 | (uint64_t)a << 32 | (uint64_t)b << 40 |
	       (uint64_t)c << 48;
}

void image_begin(struct image *image)
{
	memset(image, 0, sizeof(*image));
	image->words = sizeof(struct tern_image_header) / 8;
}

void image_word(struct image *image, uint64_t word)
{
	CHECK(image->words < IMAGE_WORDS);
	image->word[image->words++] = word;
}

void image_movi(struct image *image, unsigned int reg, int64_t value)
{
	image_word(image, command(TERN_OP_MOVI, 2, 0, reg, 0, 0));
	image_word(image, (uint64_t)value);
}

void image_fence(struct image *image, unsigned int reg, int64_t offset, uint64_t value)
{
	image_word(image, command(TERN_OP_FENCE, 3, 0, reg, 0, 0));
	image_word(image, (uint64_t)offset);
	image_word(image, value);
}

void image_load(struct image *image, unsigned int to, unsigned int reg, int64_t offset)
{
	image_word(image, command(TERN_OP_LDR, 2, 3, to, reg, 1));
	image_word(image, (uint64_t)offset);
}

void image_again(struct image *image, unsigned int reg, int64_t words)
{
	image_word(image, command(TERN_OP_LOOP, 2, 0, reg, 0, 0));
	image_word(image, (uint64_t)-words);
}

void image_loop(struct image *image, unsigned int reg, int64_t count)
{
	image_movi(image, reg, count);
	image_word(image, command(TERN_OP_SYNC, 2, 0, TERN_Q_LOAD0, 0, 0));
	image_word(image, 0);
	image_again(image, reg, 2);
}

void image_stall(struct image *image, unsigned int reg)
{
	image_movi(image, reg, INT64_MAX);
	image_word(image, command(TERN_OP_NOP, 1, 0, 0, 0, 0));
	image_word(image, command(TERN_OP_LOOP, 2, 0, reg, 0, 0));
	image_word(image, (uint64_t)-1);
}

void image_trap(struct image *image, uint64_t code)
{
	image_word(image, command(TERN_OP_TRAP, 2, 0, 0, 0, 0));
	image_word(image, code);
}

void image_end(struct image *image, void *at)
{
	struct tern_image_header *header = (void *)image->word;

	image_word(image, command(TERN_OP_END, 1, 0, 0, 0, 0));
	header->magic = TERN_IMAGE_MAGIC;
	header->major = TERN_ISA_MAJOR;
	header->minor = TERN_ISA_MINOR;
	header->words = header->code_words = header->vector_words = image->words;
	header->entry = sizeof(*header) / 8;
	memcpy(at, image->word, image->words * 8);
}

/* ---- A context ---- */
void context_open(struct context *context)
{
	memset(context, 0, sizeof(*context));
	context->fd = device_open();
	context->vm = make_vm(context->fd);
	context->queue = make_queue(context->fd, context->vm);
	context->code = make_buffer(context->fd, 2 * PAGE);
	context->data = make_buffer(context->fd, 16 * PAGE);
	bind(context->fd, context->vm, context->code.handle, CODE_VA, context->code.size,
	     DRM_TERN_BIND_EXEC);
	bind(context->fd, context->vm, context->data.handle, DATA_VA, context->data.size,
	     DRM_TERN_BIND_WRITE);
	image_begin(&context->image);
}

void context_close(struct context *context)
{
	free_buffer(context->fd, &context->code);
	free_buffer(context->fd, &context->data);
	close(context->fd);
}

uint64_t context_submit(struct context *context)
{
	return submit(context->fd, context->queue, CODE_VA, DATA_VA);
}

int context_wait(struct context *context, uint64_t job)
{
	return wait_job(context->fd, context->queue, job, 60000);
}

void context_open_looping(struct context *context)
{
	context_open(context);
	image_loop(&context->image, 2, 1000);
	image_end(&context->image, context->code.map);
}

const struct tern_profile *context_profiled(struct context *context)
{
	struct tern_profile *profile = (void *)((char *)context->data.map + PAGE);
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .profile = DATA_VA + PAGE};
	struct drm_tern_submit call = {.queue_id = context->queue, .jobs = DRM_TERN_ARRAY(1, &job)};

	memset(profile, 0, sizeof(*profile));
	do_ioctl(context->fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(context_wait(context, call.last_job), 0);
	CHECK(profile->counters.cycles > 0);
	return profile;
}
