// SPDX-License-Identifier: MIT
/*
 * What the kernel driver costs: empty jobs by SUBMIT and by a doorbell, batches of them, contexts,
 * VM_BIND, mapping a file. Runs as root where tern.ko is loaded and nothing else uses the card;
 * says TAP, and per row "# result NAME key=value ...", times in nanoseconds. tests/vm/bench.py
 * makes the table of it.
 *
 *	bench-accel [--quick] FILE
 *
 * FILE is mapped, on the device and by MADV_POPULATE_READ. Rows of jobs also tell what each cost
 * in accesses and interrupts, which the device has counted.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_samples.h"
#include "selftests/selftest_host.h"
#include "selftests/selftest_sysfs.h"

#define RING_VA	  0x400000ull
#define RING_JOBS 256u
#define BIG_VA	  (1ull << 32)
#define WARM_UP	  32u
#define MANY	  2000u
#define WAIT_MS	  60000

static const char *path;

/* ---- what the device counts --------------------------------------------------------------- */

struct traffic {
	uint64_t reads, writes, doorbells, interrupts;
};

static struct traffic traffic(void)
{
	struct traffic t;
	char answer[160];

	host_tell("traffic", answer, sizeof(answer));
	CHECK(sscanf(answer,
		     " reads %" SCNu64 " writes %" SCNu64 " doorbells %" SCNu64
		     " interrupts %" SCNu64,
		     &t.reads, &t.writes, &t.doorbells, &t.interrupts) == 4);
	return t;
}

/* ---- jobs --------------------------------------------------------------------------------- */

/* One way to have jobs run. */
struct way {
	struct context c;
	uint32_t queue;
	void (*run)(struct way *way, unsigned int jobs); /* returns when they are done */
	/* User-owned: */
	struct buffer memory;
	struct tern_ring *ring;
	volatile uint32_t *doorbell;
	uint64_t written;
};

static void run_submit(struct way *way, unsigned int jobs)
{
	static struct drm_tern_job list[RING_JOBS];
	struct drm_tern_submit call = {.queue_id = way->queue, .jobs = DRM_TERN_ARRAY(jobs, list)};
	unsigned int i;

	for (i = 0; i < jobs; i++)
		list[i] = (struct drm_tern_job){.image = CODE_VA, .args = DATA_VA};
	do_ioctl(way->c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(wait_job(way->c.fd, way->queue, call.last_job, WAIT_MS), 0);
}

static void ring_bell(struct way *way)
{
	struct drm_tern_queue_kick kick = {.queue_id = way->queue};

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (way->doorbell)
		*way->doorbell = 1;
	else
		do_ioctl(way->c.fd, DRM_IOCTL_TERN_QUEUE_KICK, &kick);
}

static void run_ring(struct way *way, unsigned int jobs)
{
	struct drm_tern_queue_wait wait = {.queue_id = way->queue,
					   .bo_handle = way->memory.handle,
					   .offset = offsetof(struct tern_ring, done)};
	struct tern_job *entry = (struct tern_job *)(way->ring + 1);
	unsigned int i;

	/* Only the last has to interrupt. */
	for (i = 1; i <= jobs; i++)
		entry[way->written++ % RING_JOBS] = (struct tern_job){
			.image = CODE_VA, .args = DATA_VA, .flags = i == jobs ? TERN_JOB_IRQ : 0};
	__atomic_store_n(&way->ring->write, way->written, __ATOMIC_RELEASE);
	ring_bell(way);
	wait.value = way->written;
	wait.timeout_ns = monotonic(WAIT_MS);
	do_ioctl(way->c.fd, DRM_IOCTL_TERN_QUEUE_WAIT, &wait);
}

static void open_way(struct way *way)
{
	memset(way, 0, sizeof(*way));
	context_open(&way->c);
	device_may_sleep(false);
	image_end(&way->c.image, way->c.code.map);
	way->queue = way->c.queue;
	way->run = run_submit;
}

static uint64_t doorbell_bytes(int fd)
{
	struct drm_tern_info info = {0};
	struct drm_tern_dev_query q = {
		.type = DRM_TERN_QUERY_INFO, .size = sizeof(info), .pointer = (uintptr_t)&info};

	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &q);
	return info.doorbell_bytes;
}

static void open_user_way(struct way *way)
{
	struct drm_tern_queue_create q = {.flags = DRM_TERN_QUEUE_USER,
					  .priority = DRM_TERN_PRIORITY_NORMAL,
					  .ring_va = RING_VA};

	open_way(way);
	way->run = run_ring;
	way->memory = make_buffer(way->c.fd, 8 * PAGE);
	CHECK(sizeof(struct tern_ring) + RING_JOBS * sizeof(struct tern_job) <= 8 * PAGE);
	bind(way->c.fd, way->c.vm, way->memory.handle, RING_VA, 8 * PAGE, DRM_TERN_BIND_WRITE);
	way->ring = way->memory.map;
	way->ring->entries = RING_VA + sizeof(*way->ring);
	way->ring->count = RING_JOBS;
	q.vm_id = way->c.vm;
	q.ring_bo = way->memory.handle;
	do_ioctl(way->c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &q);
	way->queue = q.queue_id;
	if (!q.doorbell_offset)
		return;
	way->doorbell = mmap(NULL, doorbell_bytes(way->c.fd), PROT_WRITE, MAP_SHARED, way->c.fd,
			     (off_t)q.doorbell_offset);
	CHECK(way->doorbell != MAP_FAILED);
}

/* Of the whole machine, which does nothing else. */
static uint64_t context_switches(void)
{
	FILE *f = fopen("/proc/stat", "r");
	uint64_t n = 0;
	char line[512];

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "ctxt %" SCNu64, &n);
	fclose(f);
	return n;
}

static void measure_jobs(const char *name, struct way *way, unsigned int jobs)
{
	static struct samples s;
	struct traffic before, after;
	uint64_t switches;
	char more[256];
	unsigned int i;
	double all;

	s.n = 0;
	for (i = 0; i < WARM_UP; i++)
		way->run(way, jobs);
	before = traffic();
	switches = context_switches();
	for (i = 0; i < rounds(jobs > 1 ? MANY / 10 : MANY); i++) {
		uint64_t begin = now();

		way->run(way, jobs);
		add(&s, begin);
	}
	switches = context_switches() - switches;
	after = traffic();
	all = (double)s.n * jobs;
	snprintf(more, sizeof(more),
		 " jobs=%u reads=%.3f writes=%.3f doorbells=%.3f interrupts=%.3f switches=%.3f",
		 jobs, (double)(after.reads - before.reads) / all,
		 (double)(after.writes - before.writes) / all,
		 (double)(after.doorbells - before.doorbells) / all,
		 (double)(after.interrupts - before.interrupts) / all, (double)switches / all);
	tell(name, &s, more);
}

static void by_submit(void)
{
	static struct way way;

	open_way(&way);
	measure_jobs("submit-1", &way, 1);
	measure_jobs("submit-16", &way, 16);
	measure_jobs("submit-256", &way, 256);
	context_close(&way.c);
}

static void by_doorbell(void)
{
	static struct way way;

	open_user_way(&way);
	measure_jobs("doorbell-1", &way, 1);
	measure_jobs("doorbell-16", &way, 16);
	measure_jobs("doorbell-256", &way, 256);
	context_close(&way.c);
}

/* ---- contexts ------------------------------------------------------------------------------- */

/* An address space and a queue, until they are there; that they go is not timed. */
static void contexts(void)
{
	static struct samples s;
	int fd = device_open();
	unsigned int i;

	device_may_sleep(false);
	s.n = 0;
	for (i = 0; i < rounds(MANY / 10); i++) {
		struct drm_tern_vm_create vm = {0};
		struct drm_tern_queue_create q = {.priority = DRM_TERN_PRIORITY_NORMAL};
		uint64_t begin = now();

		do_ioctl(fd, DRM_IOCTL_TERN_VM_CREATE, &vm);
		q.vm_id = vm.vm_id;
		do_ioctl(fd, DRM_IOCTL_TERN_QUEUE_CREATE, &q);
		add(&s, begin);
		do_ioctl(fd, DRM_IOCTL_TERN_QUEUE_DESTROY,
			 &(struct drm_tern_queue_destroy){.queue_id = q.queue_id});
		do_ioctl(fd, DRM_IOCTL_TERN_VM_DESTROY,
			 &(struct drm_tern_vm_destroy){.vm_id = vm.vm_id});
	}
	tell("context", &s, "");
	close(fd);
}

/* ---- memory ----------------------------------------------------------------------------------- */

static void bind_much(void)
{
	static struct samples there, back;
	const uint64_t size = quick ? 64u << 20 : 1u << 30;
	struct drm_tern_bo_create b = {.size = size, .flags = DRM_TERN_BO_CACHED};
	int fd = device_open();
	uint32_t vm = make_vm(fd);
	unsigned int i;
	char more[64];

	device_may_sleep(false);
	do_ioctl(fd, DRM_IOCTL_TERN_BO_CREATE, &b);
	there.n = back.n = 0;
	for (i = 0; i < rounds(15); i++) {
		uint64_t begin = now();

		bind(fd, vm, b.handle, BIG_VA, size, DRM_TERN_BIND_WRITE);
		add(&there, begin);
		begin = now();
		unbind(fd, vm, BIG_VA, size);
		add(&back, begin);
	}
	snprintf(more, sizeof(more), " bytes=%" PRIu64, size);
	tell("bind", &there, more);
	tell("unbind", &back, more);
	close(fd);
}

static void *map_file(int file, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static uint64_t populate(int file, size_t size)
{
	uint64_t begin = now();
	void *p = map_file(file, size);

	EQUAL(madvise(p, size, MADV_POPULATE_READ), 0);
	begin = now() - begin;
	munmap(p, size);
	return begin;
}

/* Until the device may read it where it lies. */
static uint64_t map_on_device(int fd, uint32_t vm, int file, size_t size)
{
	uint64_t begin = now();
	void *p = map_file(file, size);
	struct drm_tern_bo_from_userptr u = {.address = (uintptr_t)p,
					     .size = (size + PAGE - 1) / PAGE * PAGE,
					     .flags = DRM_TERN_USERPTR_READONLY};

	do_ioctl(fd, DRM_IOCTL_TERN_BO_FROM_USERPTR, &u);
	bind(fd, vm, u.handle, BIG_VA, u.size, 0);
	begin = now() - begin;
	unbind(fd, vm, BIG_VA, u.size);
	close_handle(fd, u.handle);
	munmap(p, size);
	return begin;
}

/* In turns, so that whatever else the machine does hits both; the file is in memory by then. */
static void map_a_file(void)
{
	static struct samples device, host;
	int fd = device_open(), file = open(path, O_RDONLY | O_CLOEXEC);
	uint32_t vm = make_vm(fd);
	struct stat st;
	unsigned int i;
	char more[64];

	CHECK(file >= 0 && !fstat(file, &st));
	device_may_sleep(false);
	populate(file, (size_t)st.st_size);
	device.n = host.n = 0;
	for (i = 0; i < rounds(15); i++) {
		host.ns[host.n++] = populate(file, (size_t)st.st_size);
		device.ns[device.n++] = map_on_device(fd, vm, file, (size_t)st.st_size);
	}
	snprintf(more, sizeof(more), " bytes=%" PRIu64, (uint64_t)st.st_size);
	tell("populate", &host, more);
	tell("map", &device, more);
	close(file);
	close(fd);
}

static const struct test tests[] = {
	{"jobs by SUBMIT", by_submit}, {"jobs by doorbell", by_doorbell},
	{"contexts", contexts},	       {"VM_BIND", bind_much},
	{"a file", map_a_file},
};

int main(int argc, char **argv)
{
	quick = argc > 1 && !strcmp(argv[1], "--quick");
	if (argc != 2 + quick) {
		fprintf(stderr, "usage: bench-accel [--quick] FILE\n");
		return 2;
	}
	path = argv[1 + quick];
	return RUN(tests);
}
