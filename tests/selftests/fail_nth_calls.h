/* SPDX-License-Identifier: MIT */
/* fail_nth_calls.h - what fail_nth.c tries: a row per good path. */
#ifndef FAIL_NTH_CALLS_H
#define FAIL_NTH_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

#define VA	0x10000000ull
#define RING_VA 0x300000ull

union arguments {
	struct drm_tern_dev_query query;
	struct drm_tern_bo_create bo;
	struct drm_tern_bo_from_userptr user;
	struct drm_tern_bo_mmap_offset offset;
	struct drm_tern_bo_sync sync;
	struct drm_tern_bo_label label;
	struct drm_tern_vm_create vm;
	struct drm_tern_vm_destroy vm_destroy;
	struct drm_tern_vm_bind bind;
	struct drm_tern_vm_state vm_state;
	struct drm_tern_queue_create queue;
	struct drm_tern_queue_destroy destroy;
	struct drm_tern_queue_state state;
	struct drm_tern_queue_kick kick;
	struct drm_tern_queue_wait wait;
	struct drm_tern_submit submit;
	struct drm_tern_perf perf;
	struct drm_prime_handle prime;
};

/* What a try has, made anew for each but for the context and the memory. */
static struct
try {
	struct context c;
	void *memory;	      /* of the process */
	struct buffer buffer; /* two pages, bound nowhere; a ring lies at its begin */
	uint32_t vm;	      /* that nothing else needs, or 0 */
	uint32_t queue;	      /* likewise */
	uint32_t syncobj[2];  /* binary and signalled; timeline, at point */
	uint64_t point;
	uint64_t number;       /* of a job */
	int dmabuf;	       /* another driver's */
	unsigned int first_fd; /* of those that are opened, known to us or not */
	void *mapped;	       /* by the call, or NULL */
	union arguments args;
	struct drm_tern_vm_bind_op op;
	struct drm_tern_job job;
	struct drm_tern_sync syncs[3];
	char room[256];
}
t;

struct row {
	const char *name;
	unsigned long request;
	void (*prepare)(void); /* what else it needs, once */
	void (*fill)(void);    /* t.args, before each call */
	int again;	   /* how one that worked, but could not say so, may end the second time */
	int (*call)(void); /* if it is no ioctl */
};

static void fill_info(void)
{
	t.args.query = (struct drm_tern_dev_query){
		.type = DRM_TERN_QUERY_INFO, .size = sizeof(t.room), .pointer = (uintptr_t)t.room};
}

static void fill_clocks(void)
{
	fill_info();
	t.args.query.type = DRM_TERN_QUERY_CLOCKS;
}

static void fill_bo(void)
{
	t.args.bo = (struct drm_tern_bo_create){.size = 5 * PAGE};
}

static void fill_bo_of_vm(void)
{
	t.args.bo = (struct drm_tern_bo_create){.size = 5 * PAGE, .vm_id = t.vm};
}

static void fill_user(void)
{
	t.args.user =
		(struct drm_tern_bo_from_userptr){.address = (uintptr_t)t.memory, .size = 4 * PAGE};
}

static void fill_offset(void)
{
	t.args.offset = (struct drm_tern_bo_mmap_offset){.handle = t.c.data.handle};
}

static void fill_sync(void)
{
	t.args.sync = (struct drm_tern_bo_sync){
		.handle = t.c.data.handle, .flags = DRM_TERN_SYNC_TO_DEVICE, .size = t.c.data.size};
}

static void fill_label(void)
{
	t.args.label = (struct drm_tern_bo_label){
		.handle = t.buffer.handle, .size = 5, .label = (uintptr_t) "label"};
}

static void fill_vm(void)
{
	t.args.vm = (struct drm_tern_vm_create){0};
}

static void fill_vm_destroy(void)
{
	t.args.vm_destroy = (struct drm_tern_vm_destroy){.vm_id = t.vm};
}

static void fill_vm_state(void)
{
	t.args.vm_state = (struct drm_tern_vm_state){.vm_id = t.c.vm};
}

static void fill_bind(uint32_t type, uint32_t flags)
{
	t.op = (struct drm_tern_vm_bind_op){.type = type, .va = VA, .size = PAGE};
	if (type != DRM_TERN_BIND_UNMAP)
		t.op.bo_handle = t.buffer.handle;
	t.args.bind = (struct drm_tern_vm_bind){
		.vm_id = t.c.vm, .flags = flags, .ops = DRM_TERN_ARRAY(1, &t.op)};
}

static void fill_map(void)
{
	fill_bind(DRM_TERN_BIND_MAP, 0);
}

/* More is mapped there before: it is cut in pieces. */
static void map_around(void)
{
	struct buffer large = make_buffer(t.c.fd, 3 * PAGE);

	bind(t.c.fd, t.c.vm, large.handle, VA - PAGE, 3 * PAGE, DRM_TERN_BIND_WRITE);
	free_buffer(t.c.fd, &large);
}

static void fill_replace(void)
{
	fill_bind(DRM_TERN_BIND_REPLACE, 0);
}

static void fill_unmap(void)
{
	fill_bind(DRM_TERN_BIND_UNMAP, 0);
}

/* Waits for a binary syncobj, signals that and a new point of a timeline. */
static struct drm_tern_array fill_syncs(void)
{
	t.syncs[0] = (struct drm_tern_sync){.handle = t.syncobj[0]};
	t.syncs[1] = (struct drm_tern_sync){.flags = DRM_TERN_SYNC_SIGNAL, .handle = t.syncobj[0]};
	t.syncs[2] = (struct drm_tern_sync){.flags = DRM_TERN_SYNC_SIGNAL | DRM_TERN_SYNC_TIMELINE,
					    .handle = t.syncobj[1],
					    .point = ++t.point};
	return (struct drm_tern_array)DRM_TERN_ARRAY(ARRAY_SIZE(t.syncs), t.syncs);
}

static void fill_bind_async(void)
{
	fill_bind(DRM_TERN_BIND_REPLACE, DRM_TERN_VM_BIND_ASYNC);
	t.op.syncs = fill_syncs();
}

static void fill_queue(void)
{
	t.args.queue =
		(struct drm_tern_queue_create){.vm_id = t.vm, .priority = DRM_TERN_PRIORITY_NORMAL};
}

static void bind_ring(void)
{
	struct tern_ring *ring = t.buffer.map;

	bind(t.c.fd, t.c.vm, t.buffer.handle, RING_VA, PAGE, DRM_TERN_BIND_WRITE);
	ring->entries = RING_VA + sizeof(*ring);
	ring->count = 8;
}

static void fill_queue_user(void)
{
	t.args.queue = (struct drm_tern_queue_create){.vm_id = t.c.vm,
						      .flags = DRM_TERN_QUEUE_USER,
						      .priority = DRM_TERN_PRIORITY_NORMAL,
						      .ring_bo = t.buffer.handle,
						      .ring_va = RING_VA};
}

static void make_user_queue(void)
{
	bind_ring();
	fill_queue_user();
	do_ioctl(t.c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &t.args.queue);
	t.queue = t.args.queue.queue_id;
}

static void fill_queue_destroy(void)
{
	t.args.destroy = (struct drm_tern_queue_destroy){.queue_id = t.queue};
}

static void fill_queue_state(void)
{
	t.args.state = (struct drm_tern_queue_state){.queue_id = t.c.queue};
}

static void fill_kick(void)
{
	t.args.kick = (struct drm_tern_queue_kick){.queue_id = t.queue};
}

static void submit_one(void)
{
	t.number = context_submit(&t.c);
}

static void fill_wait_job(void)
{
	t.args.wait = (struct drm_tern_queue_wait){
		.queue_id = t.c.queue, .value = t.number, .timeout_ns = monotonic(60000)};
}

static void fill_wait_memory(void)
{
	t.args.wait = (struct drm_tern_queue_wait){.queue_id = t.queue,
						   .bo_handle = t.buffer.handle,
						   .offset = offsetof(struct tern_ring, done),
						   .timeout_ns = monotonic(60000)};
}

static void fill_wait_event(void)
{
	fill_wait_memory();
	t.args.wait.flags = DRM_TERN_WAIT_EVENT;
	t.args.wait.user_data = 4711;
}

static void fill_submit(void)
{
	t.job = (struct drm_tern_job){.image = CODE_VA, .args = DATA_VA, .syncs = fill_syncs()};
	t.args.submit =
		(struct drm_tern_submit){.queue_id = t.c.queue, .jobs = DRM_TERN_ARRAY(1, &t.job)};
}

static void fill_perf_queue(void)
{
	t.args.perf = (struct drm_tern_perf){.op = DRM_TERN_PERF_QUEUE,
					     .id = t.c.queue,
					     .size = sizeof(t.room),
					     .pointer = (uintptr_t)t.room};
}

static void fill_trace_start(void)
{
	t.args.perf = (struct drm_tern_perf){.op = DRM_TERN_PERF_TRACE_START, .size = 64};
}

static void trace_one(void)
{
	fill_trace_start();
	do_ioctl(t.c.fd, DRM_IOCTL_TERN_PERF, &t.args);
	EQUAL(context_wait(&t.c, context_submit(&t.c)), 0);
}

static void fill_trace_read(void)
{
	t.args.perf = (struct drm_tern_perf){.op = DRM_TERN_PERF_TRACE_READ,
					     .size = sizeof(t.room),
					     .stride = sizeof(struct drm_tern_perf_event),
					     .pointer = (uintptr_t)t.room};
}

static void fill_trace_stop(void)
{
	t.args.perf = (struct drm_tern_perf){.op = DRM_TERN_PERF_TRACE_STOP};
}

static void fill_export(void)
{
	t.args.prime = (struct drm_prime_handle){.handle = t.buffer.handle, .flags = DRM_CLOEXEC};
}

static void make_dmabuf(void)
{
	int file = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int memory = memfd_create("fail_nth", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	struct udmabuf_create args = {.memfd = (uint32_t)memory, .size = 4 * PAGE};

	if (file < 0)
		skip("no udmabuf");
	EQUAL(ftruncate(memory, 4 * PAGE), 0);
	EQUAL(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	t.dmabuf = ioctl(file, UDMABUF_CREATE, &args);
	CHECK(t.dmabuf >= 0);
	close(memory);
	close(file);
}

static void fill_import(void)
{
	t.args.prime = (struct drm_prime_handle){.fd = t.dmabuf};
}

static void fall_asleep(void)
{
	usleep(200000); /* if it does: both ways are good */
}

static void name_device(void)
{
	snprintf(t.room, sizeof(t.room), "/dev/accel/accel%d", device_number());
}

static int call_open(void)
{
	return open(t.room, O_RDWR | O_CLOEXEC) < 0 ? -errno : 0;
}

/* A buffer without pages: it gets them now. */
static void fill_mmap(void)
{
	struct drm_tern_bo_create bo = {.size = PAGE};

	do_ioctl(t.c.fd, DRM_IOCTL_TERN_BO_CREATE, &bo);
	t.args.offset = (struct drm_tern_bo_mmap_offset){.handle = bo.handle};
	do_ioctl(t.c.fd, DRM_IOCTL_TERN_BO_MMAP_OFFSET, &t.args);
}

static int call_mmap(void)
{
	void *map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, t.c.fd, (off_t)t.args.offset.offset);

	if (map == MAP_FAILED)
		return -errno;
	t.mapped = map;
	return 0;
}

static const struct row rows[] = {
	{"DEV_QUERY", DRM_IOCTL_TERN_DEV_QUERY, NULL, fill_info, 0, NULL},
	{"DEV_QUERY, clocks", DRM_IOCTL_TERN_DEV_QUERY, NULL, fill_clocks, 0, NULL},
	{"BO_CREATE", DRM_IOCTL_TERN_BO_CREATE, NULL, fill_bo, 0, NULL},
	{"BO_CREATE, of a VM", DRM_IOCTL_TERN_BO_CREATE, NULL, fill_bo_of_vm, 0, NULL},
	{"BO_FROM_USERPTR", DRM_IOCTL_TERN_BO_FROM_USERPTR, NULL, fill_user, 0, NULL},
	{"BO_MMAP_OFFSET", DRM_IOCTL_TERN_BO_MMAP_OFFSET, NULL, fill_offset, 0, NULL},
	{"BO_SYNC", DRM_IOCTL_TERN_BO_SYNC, NULL, fill_sync, 0, NULL},
	{"BO_LABEL", DRM_IOCTL_TERN_BO_LABEL, NULL, fill_label, 0, NULL},
	{"PRIME_HANDLE_TO_FD", DRM_IOCTL_PRIME_HANDLE_TO_FD, NULL, fill_export, 0, NULL},
	{"PRIME_FD_TO_HANDLE", DRM_IOCTL_PRIME_FD_TO_HANDLE, make_dmabuf, fill_import, 0, NULL},
	{"VM_CREATE", DRM_IOCTL_TERN_VM_CREATE, NULL, fill_vm, 0, NULL},
	{"VM_DESTROY", DRM_IOCTL_TERN_VM_DESTROY, NULL, fill_vm_destroy, 0, NULL},
	{"VM_BIND, map", DRM_IOCTL_TERN_VM_BIND, NULL, fill_map, -EEXIST, NULL},
	{"VM_BIND, replace", DRM_IOCTL_TERN_VM_BIND, map_around, fill_replace, 0, NULL},
	{"VM_BIND, unmap", DRM_IOCTL_TERN_VM_BIND, map_around, fill_unmap, 0, NULL},
	{"VM_BIND, async", DRM_IOCTL_TERN_VM_BIND, map_around, fill_bind_async, 0, NULL},
	{"VM_STATE", DRM_IOCTL_TERN_VM_STATE, NULL, fill_vm_state, 0, NULL},
	{"QUEUE_CREATE", DRM_IOCTL_TERN_QUEUE_CREATE, NULL, fill_queue, 0, NULL},
	{"QUEUE_CREATE, user-owned", DRM_IOCTL_TERN_QUEUE_CREATE, bind_ring, fill_queue_user, 0,
	 NULL},
	{"QUEUE_DESTROY", DRM_IOCTL_TERN_QUEUE_DESTROY, make_user_queue, fill_queue_destroy, 0,
	 NULL},
	{"QUEUE_STATE", DRM_IOCTL_TERN_QUEUE_STATE, NULL, fill_queue_state, 0, NULL},
	{"QUEUE_KICK", DRM_IOCTL_TERN_QUEUE_KICK, make_user_queue, fill_kick, 0, NULL},
	{"QUEUE_WAIT, a job", DRM_IOCTL_TERN_QUEUE_WAIT, submit_one, fill_wait_job, 0, NULL},
	{"QUEUE_WAIT, memory", DRM_IOCTL_TERN_QUEUE_WAIT, make_user_queue, fill_wait_memory, 0,
	 NULL},
	{"QUEUE_WAIT, event", DRM_IOCTL_TERN_QUEUE_WAIT, make_user_queue, fill_wait_event, 0, NULL},
	{"SUBMIT", DRM_IOCTL_TERN_SUBMIT, NULL, fill_submit, 0, NULL},
	{"SUBMIT, asleep", DRM_IOCTL_TERN_SUBMIT, fall_asleep, fill_submit, 0, NULL},
	{"PERF, a queue", DRM_IOCTL_TERN_PERF, NULL, fill_perf_queue, 0, NULL},
	{"PERF, trace start", DRM_IOCTL_TERN_PERF, NULL, fill_trace_start, -EBUSY, NULL},
	{"PERF, trace read", DRM_IOCTL_TERN_PERF, trace_one, fill_trace_read, 0, NULL},
	{"PERF, trace stop", DRM_IOCTL_TERN_PERF, trace_one, fill_trace_stop, -ENODATA, NULL},
	{"open", 0, name_device, NULL, 0, call_open},
	{"mmap", 0, NULL, fill_mmap, 0, call_mmap},
};

#endif /* FAIL_NTH_CALLS_H */
