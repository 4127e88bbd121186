// SPDX-License-Identifier: MIT
#include "selftest_waiter.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void nothing(int signal)
{
	(void)signal;
}

static void *wait_in_thread(void *arg)
{
	struct waiter *w = arg;

	w->id = (pid_t)syscall(SYS_gettid);
	w->result = try_ioctl(w->fd, DRM_IOCTL_TERN_QUEUE_WAIT, &w->args);
	return NULL;
}

/* A thread sleeps nowhere else once it has said its number. */
static bool sleeps(pid_t id)
{
	char path[64], line[256] = "";
	const char *state;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", id);
	file = fopen(path, "r");
	if (!file)
		return false;
	state = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	fclose(file);
	return state && state[1] == ' ' && state[2] == 'S';
}

void waiter_start(struct waiter *w, int fd, const struct drm_tern_queue_wait *args)
{
	struct sigaction on_signal = {.sa_handler = nothing};

	*w = (struct waiter){.fd = fd, .args = *args, .result = 1};
	w->args.timeout_ns = INT64_MAX;
	sigaction(SIGUSR1, &on_signal, NULL);
	EQUAL(pthread_create(&w->thread, NULL, wait_in_thread, w), 0);
	for (int i = 0; i < 6000 && w->result == 1 && !(w->id && sleeps(w->id)); i++)
		usleep(10000);
	CHECK(w->result != 1 || sleeps(w->id));
}

void waiter_signal(struct waiter *w)
{
	EQUAL(pthread_kill(w->thread, SIGUSR1), 0);
}

int waiter_result(struct waiter *w)
{
	EQUAL(pthread_join(w->thread, NULL), 0);
	return w->result;
}
