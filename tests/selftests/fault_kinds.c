// SPDX-License-Identifier: MIT
/*
 * Firmware with fewer features or slots than ours, or of a later minor version: jobs run, and what it does
 * not have is refused.
 *
 *     fault_kinds NAME FEATURES USER     what it has been built with; 1: user-owned queues may be had
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "selftest_host.h"
#include "selftest_sysfs.h"
#include "selftest_user.h"

#include <tern/fw.h>

#define RING_VA 0x300000ull
#define QUEUES	8 /* more than slots, of some */
#define JOBS	4

static uint64_t features;
static bool user;

static struct drm_tern_info info_of(int fd)
{
	struct drm_tern_info info = {0};

	do_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY,
		 &(struct drm_tern_dev_query){.type = DRM_TERN_QUERY_INFO,
					      .size = sizeof(info),
					      .pointer = (uintptr_t)&info});
	return info;
}

static void it_says_so(void)
{
	int fd = device_open();
	struct drm_tern_info info = info_of(fd);

	EQUAL(info.fw_features, features);
	EQUAL(!!(info.flags & DRM_TERN_INFO_USER_QUEUES), user);
	EQUAL(info.fw_interface, TERN_FW_MAJOR << 16 | TERN_FW_MINOR); /* what both speak */
	close(fd);
}

static void jobs_run(void)
{
	uint32_t queue[QUEUES];
	struct context c;

	context_open(&c);
	image_loop(&c.image, 2, 1000);
	image_fence(&c.image, TERN_REG_ARGS, 8, 7);
	image_end(&c.image, c.code.map);
	for (uint64_t i = 0; i < QUEUES; i++) {
		queue[i] = make_queue(c.fd, c.vm);
		for (int job = 0; job < JOBS; job++)
			submit(c.fd, queue[i], CODE_VA, DATA_VA + 64 * i);
	}
	for (unsigned int i = 0; i < QUEUES; i++) {
		EQUAL(wait_job(c.fd, queue[i], JOBS, 60000), 0);
		EQUAL(queue_state(c.fd, queue[i]).error, 0);
		EQUAL(((volatile uint64_t *)c.data.map)[8 * i + 1], 7);
	}
	context_close(&c);
}

/* Preempted or not, nobody waits for it for ever. */
static void budgets_end_jobs(void)
{
	struct drm_tern_job job = {.image = CODE_VA, .args = DATA_VA, .budget = 1 << 20};
	struct drm_tern_submit call = {.jobs = DRM_TERN_ARRAY(1, &job)};
	struct context endless, other;

	context_open(&endless);
	image_loop(&endless.image, 2, INT64_MAX);
	image_end(&endless.image, endless.code.map);
	context_open(&other);
	image_fence(&other.image, TERN_REG_ARGS, 8, 7);
	image_end(&other.image, other.code.map);
	call.queue_id = endless.queue;
	do_ioctl(endless.fd, DRM_IOCTL_TERN_SUBMIT, &call);
	EQUAL(context_wait(&other, context_submit(&other)), 0);
	EQUAL(queue_state(other.fd, other.queue).error, 0);
	EQUAL(context_wait(&endless, 1), 0);
	EQUAL(queue_state(endless.fd, endless.queue).error, -ETIME);
	context_close(&other);
	context_close(&endless);
}

static void user_owned_queues(void)
{
	struct context c;
	struct user u;

	context_open(&c);
	image_fence(&c.image, TERN_REG_ARGS, 8, 7);
	image_end(&c.image, c.code.map);
	if (user) {
		user_open_as(&c, &u, RING_VA, DRM_TERN_PRIORITY_NORMAL);
		user_put(&u, CODE_VA, DATA_VA);
		user_ring(&u);
		EQUAL(user_wait(&u, 1, 60000), 0);
		EQUAL(((volatile uint64_t *)c.data.map)[1], 7);
		user_unmap(&u);
	} else {
		REFUSED(c.fd, QUEUE_CREATE, EOPNOTSUPP, .vm_id = c.vm, .flags = DRM_TERN_QUEUE_USER,
			.ring_bo = c.data.handle, .ring_va = DATA_VA);
	}
	context_close(&c);
}

static void it_sleeps_if_it_can(void)
{
	close(device_open());
	if (features & TERN_FW_FEATURE_POWER) {
		await_sleep();
		return;
	}
	usleep(500000);
	CHECK(!device_asleep());
}

static const struct test tests[] = {
	{"it says so", it_says_so},
	{"jobs run", jobs_run},
	{"budgets end jobs", budgets_end_jobs},
	{"user-owned queues", user_owned_queues},
	{"it sleeps if it can", it_sleeps_if_it_can},
};

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	features = strtoull(argv[2], NULL, 0);
	user = atoi(argv[3]);
	return run_marked(argv[1], tests, ARRAY_SIZE(tests));
}
