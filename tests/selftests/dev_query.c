// SPDX-License-Identifier: MIT
/* DEV_QUERY: what it says is so, whatever sizes caller and kernel have; and what it refuses. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "selftest_sysfs.h"
#include "selftest.h"

static int query(int fd, uint32_t type, void *to, uint32_t *size)
{
	struct drm_tern_dev_query args = {.type = type, .size = *size, .pointer = (uintptr_t)to};
	int ret = try_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &args);

	*size = args.size;
	return ret;
}

static void sizes_are_told(void)
{
	static const uint32_t sizes[] = {
		[DRM_TERN_QUERY_INFO] = sizeof(struct drm_tern_info),
		[DRM_TERN_QUERY_CAPS] = sizeof(struct tern_caps),
		[DRM_TERN_QUERY_LIMITS] = sizeof(struct drm_tern_limits),
		[DRM_TERN_QUERY_CLOCKS] = sizeof(struct drm_tern_clocks),
	};
	int fd = device_open();

	for (uint32_t type = 0; type < ARRAY_SIZE(sizes); type++) {
		uint32_t size = 0;

		EQUAL(query(fd, type, NULL, &size), 0);
		EQUAL(size, sizes[type]);
	}
	close(fd);
}

static void info_is_plausible(void)
{
	int fd = device_open();
	struct drm_tern_info info;
	uint32_t size = sizeof(info);

	EQUAL(query(fd, DRM_TERN_QUERY_INFO, &info, &size), 0);
	EQUAL(info.driver_major, 1);
	EQUAL(info.hw_interface >> 16, TERN_INTERFACE_MAJOR);
	CHECK((info.hw_interface & 0xffff) >= TERN_INTERFACE_MINOR);
	EQUAL(info.va_start, 4096);
	EQUAL(info.va_end, 1ull << TERN_VA_BITS);
	EQUAL(info.page_sizes, 1 << 12 | 1 << 21);
	EQUAL(info.doorbell_bytes, sysconf(_SC_PAGESIZE));
	CHECK(info.fw_version[0]);
	CHECK(memchr(info.fw_version, 0, sizeof(info.fw_version)));
	close(fd);
}

/* An older caller gets less and nothing more; a newer one gets zeros, up to 4096 = 1 + 13 * 315. */
static void other_sizes_do(void)
{
	int fd = device_open();
	struct drm_tern_limits whole = limits(fd);
	unsigned char part[4096];

	for (uint32_t want = 1; want <= sizeof(part); want += 13) {
		uint32_t size = want, both = want < sizeof(whole) ? want : sizeof(whole);

		memset(part, 0xa5, sizeof(part));
		EQUAL(query(fd, DRM_TERN_QUERY_LIMITS, part, &size), 0);
		EQUAL(size, sizeof(whole));
		EQUAL(memcmp(part, &whole, both), 0);
		for (uint32_t i = both; i < sizeof(part); i++)
			EQUAL(part[i], i < want ? 0 : 0xa5);
	}
	close(fd);
}

static void use_is_counted(void)
{
	int fd = device_open();
	uint32_t queue = make_queue(fd, make_vm(fd)); /* whose save area counts among buffers */
	struct drm_tern_limits before = limits(fd), after;
	struct buffer buffer = make_buffer(fd, 3 * PAGE);

	CHECK(queue);
	after = limits(fd);
	EQUAL(after.buffers.used, before.buffers.used + 1);
	EQUAL(after.buffer_bytes.used, before.buffer_bytes.used + 3 * PAGE);
	EQUAL(after.vms.used, 1);
	EQUAL(after.queues.used, 1);
	EQUAL(after.user_queues.used, 0);
	free_buffer(fd, &buffer);
	after = limits(fd);
	EQUAL(after.buffers.used, before.buffers.used);
	EQUAL(after.buffer_bytes.used, before.buffer_bytes.used);
	close(fd);
}

static void priorities_are_for_the_privileged(void)
{
	int fd = device_open();
	uint32_t low = 1 << DRM_TERN_PRIORITY_LOW | 1 << DRM_TERN_PRIORITY_NORMAL;
	struct drm_tern_limits nobody;

	EQUAL(limits(fd).priorities, 15);
	as_nobody();
	nobody = limits(fd);
	as_root();
	EQUAL(nobody.priorities, low);
	close(fd);
}

static void clocks_go_together(void)
{
	int fd = device_open();
	struct drm_tern_clocks a = {0}, b = {0};
	uint32_t size = sizeof(a);
	int64_t before = monotonic(0), ns, ticks;

	EQUAL(query(fd, DRM_TERN_QUERY_CLOCKS, &a, &size), 0);
	usleep(50000);
	EQUAL(query(fd, DRM_TERN_QUERY_CLOCKS, &b, &size), 0);
	CHECK((int64_t)a.monotonic_ns >= before);
	CHECK((int64_t)b.monotonic_ns <= monotonic(0));
	CHECK(a.timestamp_khz && a.clock_khz_most);
	ns = (int64_t)(b.monotonic_ns - a.monotonic_ns);
	ticks = (int64_t)(b.timestamp - a.timestamp) * 1000000 / a.timestamp_khz;
	CHECK(ns >= 50000000);
	/* Both advanced as far, but for what the readings may be apart, and a thousandth. */
	CHECK(ticks - ns <= (int64_t)(a.error_ns + b.error_ns) + ns / 1000 + 1000);
	CHECK(ns - ticks <= (int64_t)(a.error_ns + b.error_ns) + ns / 1000 + 1000);
	close(fd);
}

/* All that can be asked without waiting for the device. */
static void ask_all(int fd)
{
	static const uint32_t types[] = {DRM_TERN_QUERY_INFO, DRM_TERN_QUERY_CAPS,
					 DRM_TERN_QUERY_LIMITS};
	char answer[1024];

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		uint32_t size = sizeof(answer);

		EQUAL(query(fd, types[i], answer, &size), 0);
	}
}

static void ask_in_a_file_of_its_own(void)
{
	int fd = device_open();

	ask_all(fd);
	close(fd);
}

static void only_clocks_wakes(void)
{
	int fd = device_open();
	struct drm_tern_clocks clocks;
	uint32_t size = sizeof(clocks);
	long awake;

	await_sleep();
	awake = awake_ms();
	ask_all(fd);
	in_child(ask_in_a_file_of_its_own);
	CHECK(device_asleep());
	EQUAL(awake_ms(), awake);
	EQUAL(query(fd, DRM_TERN_QUERY_CLOCKS, &clocks, &size), 0);
	CHECK(clocks.clock_khz > 0); /* what it is while it is awake */
	close(fd);
}

/* A job that never ends, of the highest priority: nobody who asks waits for it. */
static void nobody_waits_for_others(void)
{
	struct drm_tern_queue_create first = {.priority = DRM_TERN_PRIORITY_REALTIME};
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .budget = 1ull << 44};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct context c;

	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 0, 1);
	image_loop(&c.image, 2, INT64_MAX);
	image_end(&c.image, c.code.map);
	first.vm_id = c.vm;
	do_ioctl(c.fd, DRM_IOCTL_TERN_QUEUE_CREATE, &first);
	call.queue_id = first.queue_id;
	do_ioctl(c.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	for (int i = 0; i < 6000 && !*(volatile uint64_t *)c.data.map; i++)
		usleep(10000);
	for (int i = 0; i < 8; i++)
		in_child(ask_in_a_file_of_its_own);
	CHECK(*(volatile uint64_t *)c.data.map);
	EQUAL(queue_state(c.fd, first.queue_id).done, 0);
	context_close(&c);
}

static void refusals(void)
{
	int fd = device_open();
	struct drm_tern_info info;

	REFUSED(fd, DEV_QUERY, EINVAL, .type = 4);
	REFUSED(fd, DEV_QUERY, EINVAL, .type = ~0u, .size = sizeof(info),
		.pointer = (uintptr_t)&info);
	REFUSED(fd, DEV_QUERY, E2BIG, .size = 4097, .pointer = (uintptr_t)&info);
	REFUSED(fd, DEV_QUERY, E2BIG, .size = ~0u, .pointer = (uintptr_t)&info);
	REFUSED(fd, DEV_QUERY, EFAULT, .size = sizeof(info), .pointer = NOWHERE);
	REFUSED(fd, DEV_QUERY, EFAULT, .type = DRM_TERN_QUERY_CLOCKS,
		.size = sizeof(struct drm_tern_clocks), .pointer = NOWHERE);
	close(fd);
}

static const struct test tests[] = {
	{"sizes are told", sizes_are_told},
	{"info is plausible", info_is_plausible},
	{"callers of other sizes get what they know", other_sizes_do},
	{"what a file uses is counted", use_is_counted},
	{"higher priorities are for the privileged", priorities_are_for_the_privileged},
	{"device and host clock go together", clocks_go_together},
	{"only CLOCKS wakes a sleeping device", only_clocks_wakes},
	{"who asks does not wait for others", nobody_waits_for_others},
	{"refusals", refusals},
};

int main(void)
{
	return RUN(tests);
}
