// SPDX-License-Identifier: MIT
#include "selftest_host.h"
#include "selftest_errnos.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MS 60000

/* Who reads from a terminal must be in its foreground, and `timeout` is a job of its own. */
static int open_terminal(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		skip("no terminal through which the host could answer");
	signal(SIGTTOU, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	tcsetpgrp(fd, getpgrp());
	return fd;
}

/* One line without its end; false: nobody answers. */
static bool read_line(int fd, char *line, size_t size)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};
	size_t n = 0;

	while (n + 1 < size) {
		if (poll(&pollfd, 1, ANSWER_MS) != 1 || read(fd, line + n, 1) != 1)
			return false;
		if (line[n] == '\n' || line[n] == '\r')
			break;
		n++;
	}
	line[n] = 0;
	return true;
}

void host_tell(const char *command, char *answer, size_t size)
{
	bool answered;
	int fd;

	fd = open_terminal();
	printf("# host: %s\n", command);
	fflush(stdout);
	answered = read_line(fd, answer, size);
	close(fd);
	if (!answered)
		skip("nobody answers who could do it to the device");
	if (strncmp(answer, "ok", 2))
		fail(__FILE__, __LINE__, "the host says: %s", answer);
	memmove(answer, answer + 2, strlen(answer + 2) + 1);
}

void host_ask(const char *format, ...)
{
	char command[256], answer[128];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	host_tell(command, answer, sizeof(answer));
}

void log_mark(const char *text)
{
	char line[160];
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), n;

	if (fd < 0)
		return;
	n = snprintf(line, sizeof(line), "<4>selftest: %s\n", text);
	if (write(fd, line, (size_t)n) != n)
		printf("# the kernel's log takes no marks\n");
	close(fd);
}

int run_marked(const char *program, const struct test *tests, size_t count)
{
	char text[128];
	int failed = 0;

	printf("TAP version 13\n1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s: %s", program, tests[i].name);
		log_mark(text);
		failed += run_one(&tests[i], i + 1);
	}
	errnos_print();
	return failed ? 1 : 0;
}

int try_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error;

	if (fd < 0)
		fail(__FILE__, __LINE__, "cannot open %s", path);
	error = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
	close(fd);
	return error;
}

void write_file(const char *path, const char *text)
{
	EQUAL(try_write_file(path, text), 0);
}

void module_param(const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/module/tern/parameters/%s", name);
	write_file(path, value);
}
