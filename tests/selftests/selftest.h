/* SPDX-License-Identifier: MIT */
/*
 * What the selftests of tern.ko share: TAP output, the device's file, programs for the NPU
 * written word by word. A test is a function of a table; the program's name says what it tries.
 */
#ifndef SELFTEST_H
#define SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <drm/tern_accel.h>
#include <tern/hw.h>

#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#define PAGE	      4096u

/* ---- TAP ---- */
struct test {
	const char *name;
	void (*run)(void);
};
int run_tests(const struct test *tests, size_t count);
int run_one(const struct test *test, size_t number); /* 1: it failed */
#define RUN(tests) run_tests(tests, ARRAY_SIZE(tests))

void fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));
void skip(const char *why) __attribute__((noreturn));
pid_t start_child(void (*run)(void)); /* one that ends with status 0 if nothing failed */
void end_child(pid_t child);	      /* waits for it; what failed there fails here */
void in_child(void (*run)(void));     /* both */
#define CHECK(cond)                                            \
	do {                                                   \
		if (!(cond))                                   \
			fail(__FILE__, __LINE__, "%s", #cond); \
	} while (0)
#define EQUAL(a, b)                                                                               \
	do {                                                                                      \
		long long a_ = (long long)(a), b_ = (long long)(b);                               \
		if (a_ != b_)                                                                     \
			fail(__FILE__, __LINE__, "%s is %lld (%#llx), not %s (%lld)", #a, a_, a_, \
			     #b, b_);                                                             \
	} while (0)

/* The call is refused so; what it is refused for is what differs from a good one. */
#define REFUSED(fd, name, error, ...) \
	EQUAL(try_ioctl(fd, DRM_IOCTL_TERN_##name, &(struct NAME_OF_##name){__VA_ARGS__}), -(error))
#define NAME_OF_DEV_QUERY	drm_tern_dev_query
#define NAME_OF_BO_CREATE	drm_tern_bo_create
#define NAME_OF_BO_FROM_USERPTR drm_tern_bo_from_userptr
#define NAME_OF_BO_MMAP_OFFSET	drm_tern_bo_mmap_offset
#define NAME_OF_BO_SYNC		drm_tern_bo_sync
#define NAME_OF_BO_LABEL	drm_tern_bo_label
#define NAME_OF_VM_CREATE	drm_tern_vm_create
#define NAME_OF_VM_DESTROY	drm_tern_vm_destroy
#define NAME_OF_VM_BIND		drm_tern_vm_bind
#define NAME_OF_VM_STATE	drm_tern_vm_state
#define NAME_OF_QUEUE_CREATE	drm_tern_queue_create
#define NAME_OF_QUEUE_DESTROY	drm_tern_queue_destroy
#define NAME_OF_QUEUE_STATE	drm_tern_queue_state
#define NAME_OF_QUEUE_KICK	drm_tern_queue_kick
#define NAME_OF_QUEUE_WAIT	drm_tern_queue_wait
#define NAME_OF_SUBMIT		drm_tern_submit
#define NAME_OF_PERF		drm_tern_perf

/* Nothing is mapped there, in any process. */
#define NOWHERE 16ull

/* ---- The device ---- */
int device_number(void);				  /* of the first there is, or -1 */
void device_link(char *name, size_t size);		  /* its bus address, or skips the test */
int device_open(void);					  /* or skips the test */
void load_module(const char *name);			  /* there may be none, or it is built in */
bool device_coherent(int fd);				  /* BO_SYNC has nothing to do */
int other_driver(const char *name);			  /* its node, or skips the test */
int try_ioctl(int fd, unsigned long request, void *args); /* 0 or -errno */
void do_ioctl(int fd, unsigned long request, void *args); /* or fails the test */

/* ---- Objects, each made or the test fails ---- */
uint32_t make_vm(int fd);
uint32_t make_queue(int fd, uint32_t vm);
struct buffer {
	uint32_t handle;
	uint64_t size;
	void *map;
};
struct buffer make_buffer(int fd, uint64_t size);
void *map_handle(int fd, uint32_t handle, uint64_t size);
void free_buffer(int fd, struct buffer *buffer);
void bind(int fd, uint32_t vm, uint32_t bo, uint64_t va, uint64_t size, uint32_t flags);
int try_bind(int fd, uint32_t vm, struct drm_tern_vm_bind_op *op);
void unbind(int fd, uint32_t vm, uint64_t va, uint64_t size);
uint64_t submit(int fd, uint32_t queue, uint64_t image, uint64_t args);
int wait_job(int fd, uint32_t queue, uint64_t job, int64_t milliseconds);
struct drm_tern_queue_state queue_state(int fd, uint32_t queue);
int64_t monotonic(int64_t milliseconds_from_now);
struct drm_tern_limits limits(int fd);
void close_handle(int fd, uint32_t handle);
uint32_t make_syncobj(int fd);
/* 0, or -ETIME after so long; point 0: a binary one */
int wait_syncobj(int fd, uint32_t handle, uint64_t point, int64_t milliseconds);
/* How a binary one's job ended; -EBUSY: it has not */
int syncobj_error(int fd, uint32_t handle);

/* Without root's capabilities, until as_root() or the test's end. */
void as_nobody(void);
void as_root(void);

/* ---- Programs, appended to one another ---- */
#define IMAGE_WORDS 1024
struct image {
	uint64_t word[IMAGE_WORDS];
	unsigned int words;
};
void image_begin(struct image *image);
void image_word(struct image *image, uint64_t word);
void image_movi(struct image *image, unsigned int reg, int64_t value);
void image_fence(struct image *image, unsigned int reg, int64_t offset, uint64_t value);
void image_load(struct image *image, unsigned int to, unsigned int reg, int64_t offset);
void image_loop(struct image *image, unsigned int reg, int64_t count);
/* The last `words` words again, as often as the register says. */
void image_again(struct image *image, unsigned int reg, int64_t words);
void image_stall(struct image *image, unsigned int reg); /* no engine ever does anything */
void image_trap(struct image *image, uint64_t code);
void image_end(struct image *image, void *at); /* END; the whole is copied to where it runs */

/* ---- A context with a program and data, as most tests need one ---- */
#define CODE_VA 0x100000ull
#define DATA_VA 0x200000ull
struct context {
	int fd;
	uint32_t vm, queue;
	struct buffer code, data;
	struct image image;
};
void context_open(struct context *context);
void context_close(struct context *context);
uint64_t context_submit(struct context *context);
int context_wait(struct context *context, uint64_t job);
/* One whose program does nothing for a while; one run of any, and what the device wrote of it. */
void context_open_looping(struct context *context);
const struct tern_profile *context_profiled(struct context *context);

#endif /* SELFTEST_H */
