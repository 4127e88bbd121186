// SPDX-License-Identifier: MIT
/*
 * A device and a firmware that lie at random (tests/device/lies.c), while programs do all that
 * programs do. Each of them ends, each fence signals, and when the lies are over the device
 * works. What the kernel says of it is judged from outside (tests/vm/lies.py).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest_fault.h"
#include "selftest_lives.h"

#define AT_ONCE	 4
#define SECONDS	 20 /* of lies, each time */
#define FOUND_MS 60000

static char address[64]; /* 0000:00:03.0 */
static unsigned int begun, broken, killed, unsignalled, rebinds;

static int64_t now_ms(void)
{
	return monotonic(0) / 1000000;
}

/* ---- Lives ---- */
static pid_t child[AT_ONCE];

static void note_end(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == LIFE_UNSIGNALLED)
		unsignalled++;
	else if (status)
		broken++;
}

static void start_lives(void)
{
	for (int i = 0; i < AT_ONCE; i++) {
		if (child[i])
			continue;
		child[i] = fork();
		CHECK(child[i] >= 0);
		if (!child[i]) {
			const struct test life = {"", lives[begun % nlives]};

			/* What fails in there is the device's fault, and not told. */
			if (!freopen("/dev/null", "w", stdout))
				_exit(1);
			_exit(run_one(&life, 1));
		}
		begun++;
	}
}

static void look_after_lives(void)
{
	int status;

	for (int i = 0; i < AT_ONCE; i++) {
		if (child[i] && waitpid(child[i], &status, WNOHANG) == child[i]) {
			note_end(status);
			child[i] = 0;
		}
	}
}

/* In the middle of whatever it does. */
static void kill_one(void)
{
	pid_t one = child[begun % AT_ONCE];

	if (one && !kill(one, SIGKILL))
		killed++;
}

/* All of them, by themselves. */
static void await_lives(void)
{
	int64_t until = now_ms() + 2 * LIFE_PATIENCE_MS;

	while (now_ms() < until) {
		bool left = false;

		look_after_lives();
		for (int j = 0; j < AT_ONCE; j++)
			left |= child[j] != 0;
		if (!left)
			return;
		usleep(100000);
	}
	fail(__FILE__, __LINE__, "a process does not end");
}

/* ---- The driver ---- */
static void rebind(void)
{
	try_write_file("/sys/bus/pci/drivers/tern/unbind", address);
	try_write_file("/sys/bus/pci/drivers/tern/bind", address);
	rebinds++;
}

/* It is not off, and there is a driver. */
static bool works(void)
{
	struct drm_tern_clocks clocks;
	struct drm_tern_dev_query query = {.type = DRM_TERN_QUERY_CLOCKS,
					   .size = sizeof(clocks),
					   .pointer = (uintptr_t)&clocks};
	char path[64];
	bool good;
	int fd;

	snprintf(path, sizeof(path), "/dev/accel/accel%d", device_number());
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	good = !try_ioctl(fd, DRM_IOCTL_TERN_DEV_QUERY, &query);
	close(fd);
	return good;
}

/* ---- Lies ---- */
/* How many have been told so far; from now on one word in `rate` is one, 0: none. */
static uint64_t lie(unsigned int seed, unsigned int rate)
{
	char command[64], answer[64];
	uint64_t told = 0;

	snprintf(command, sizeof(command), "lie %u %u", seed, rate);
	host_tell(command, answer, sizeof(answer));
	CHECK(sscanf(answer, "%" SCNu64, &told) == 1);
	return told;
}

/* It is time, and will be again `every` ms later. */
static bool due(int64_t *at, int64_t ms, int64_t every)
{
	if (ms < *at)
		return false;
	*at = ms + every;
	return true;
}

static void live_with_lies(void)
{
	int64_t begin = now_ms(), kill_at = 1500, look_at = 0, spoil_at = SECONDS * 500;

	for (int64_t ms = 0; ms < SECONDS * 1000; ms = now_ms() - begin) {
		start_lives();
		usleep(50000);
		look_after_lives();
		if (due(&kill_at, ms, 3000))
			kill_one();
		if (due(&look_at, ms, 1000) && !works())
			rebind();
		if (due(&spoil_at, ms, SECONDS * 1000)) /* once */
			host_ask("ecc fatal");
	}
}

/* ---- Tests ---- */
/* What succeeds where nobody lies. */
static void the_truth(void)
{
	for (unsigned int i = 0; i < nlives; i++)
		in_child(lives[i]);
}

/* By a reset if it still works, and by another probe. */
static void check_that_it_works(void)
{
	int64_t until = now_ms() + FOUND_MS;
	struct scene s;

	while (!works()) {
		CHECK(now_ms() < until);
		rebind();
		usleep(1000000);
	}
	host_ask("ecc fatal");
	scene_open(&s);
	scene_close(&s, PERHAPS);
	rebind();
	scene_open(&s);
	scene_close(&s, 0);
}

static void lies_at(unsigned int seed, unsigned int rate)
{
	unsigned int before = unsignalled;
	uint64_t told_before, told;

	device_link(address, sizeof(address));
	told_before = lie(seed, rate);
	live_with_lies();
	told = lie(0, 0) - told_before;
	printf("# one word in %u: %" PRIu64 " lies; so far %u lives, %u of them broken off, %u "
	       "killed, %u rebinds\n",
	       rate, told, begun, broken, killed, rebinds);
	await_lives();
	CHECK(told > 0);
	EQUAL(unsignalled - before, 0);
	check_that_it_works();
}

static void seldom(void)
{
	lies_at(1, 3000);
}

static void now_and_then(void)
{
	lies_at(2, 700);
}

static void often(void)
{
	lies_at(3, 200);
}

static void most_of_the_time(void)
{
	lies_at(4, 40);
}

static const struct test tests[] = {
	{"the truth", the_truth},
	{"lies, seldom", seldom},
	{"lies, now and then", now_and_then},
	{"lies, often", often},
	{"lies, most of the time", most_of_the_time},
};

int main(void)
{
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	/* What lies about its clock is found out by the wall's, ten times as late. */
	module_param("job_timeout_ms", "3000");
	module_param("heartbeat_timeout_ms", "1000");
	return RUN_MARKED("fault_lies", tests);
}
