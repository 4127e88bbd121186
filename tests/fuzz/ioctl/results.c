// SPDX-License-Identifier: MIT
#include "results.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "selftests/selftest.h"
#include "table.h"

#define ERRNOS 256 /* the last one counts all above */
#define SENT   300 /* more than there are on one open file */

static unsigned long long counts[64][ERRNOS]; /* [0]: succeeded */
static int log_file = -1;

static struct sent {
	unsigned int call;
	int ret;
	uint64_t args[8]; /* as much of them as says most */
} sent[SENT];
static unsigned int sent_count;

void results_add(unsigned int call, const uint64_t *args, int ret)
{
	struct sent *last = &sent[sent_count++ % SENT];

	counts[call][-ret < ERRNOS ? -ret : ERRNOS - 1]++;
	last->call = call;
	last->ret = ret;
	memcpy(last->args, args, sizeof(last->args));
}

void results_print_sent(void)
{
	unsigned int first = sent_count < SENT ? 0 : sent_count - SENT;

	for (unsigned int i = first; i < sent_count; i++) {
		const struct sent *one = &sent[i % SENT];
		size_t words = calls[one->call].args->size / 8;

		printf("# %s:", calls[one->call].name);
		for (size_t k = 0; k < words && k < ARRAY_SIZE(one->args); k++)
			printf(" %llx", (unsigned long long)one->args[k]);
		printf(" = %s\n", one->ret ? strerrorname_np(-one->ret) ?: "?" : "0");
	}
}

static unsigned long long refused(unsigned int call)
{
	unsigned long long sum = 0;

	for (unsigned int error = 1; error < ERRNOS; error++)
		sum += counts[call][error];
	return sum;
}

static unsigned int ways(unsigned int call)
{
	unsigned int sum = 0;

	for (unsigned int error = 1; error < ERRNOS; error++)
		sum += counts[call][error] != 0;
	return sum;
}

unsigned long long results_calls(void)
{
	unsigned long long sum = 0;

	for (unsigned int i = 0; i < call_count; i++)
		sum += counts[i][0] + refused(i);
	return sum;
}

void results_print(void)
{
	unsigned int good = 0, errors = 0;

	for (unsigned int i = 0; i < call_count; i++) {
		printf("# %-20s %8llu succeeded %8llu refused:", calls[i].name, counts[i][0],
		       refused(i));
		for (int error = 1; error < ERRNOS; error++)
			if (counts[i][error])
				printf(" %s", strerrorname_np(error) ?: "?");
		printf("\n");
		if (i < DRIVER_CALLS) {
			good += counts[i][0] != 0;
			errors += ways(i);
		}
	}
	printf("# of the driver's %u ioctls %u succeeded; they were refused in %u ways (ioctl "
	       "and errno)\n",
	       DRIVER_CALLS, good, errors);
}

void results_judge(void)
{
	for (unsigned int i = 0; i < DRIVER_CALLS; i++)
		if (!counts[i][0])
			fail(__FILE__, __LINE__, "%s has never succeeded", calls[i].name);
}

void log_open(void)
{
	log_file = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(log_file >= 0);
	EQUAL(lseek(log_file, 0, SEEK_END), 0);
}

/* UML's own bus driver does not count. */
bool log_complains(void)
{
	static const char *const words[] = {"BUG:", "WARNING:", "KASAN:", "UBSAN:", "DMA-API:"};
	char record[1024];
	bool bad = false;
	ssize_t n;

	while ((n = read(log_file, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		record[n > 0 ? n : 0] = 0;
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			bad |= strstr(record, words[i]) && !strstr(record, "virtio_pcidev.c");
	}
	return bad;
}
