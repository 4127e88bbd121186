// SPDX-License-Identifier: MIT
#include "selftest_errnos.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <drm/tern_accel.h>

#define IOCTLS 32u /* more than there are; one row more for jobs */
#define ERRNOS 256u

/* Children write into the same. */
static bool (*seen)[ERRNOS];

static __attribute__((constructor)) void share(void)
{
	seen = mmap(NULL, (IOCTLS + 1) * sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		seen = NULL;
}

static void note(unsigned int row, int error)
{
	if (seen && error > 0 && error < (int)ERRNOS)
		seen[row][error] = true;
}

void errno_note(unsigned long request, int error)
{
	unsigned int number = _IOC_NR(request) - DRM_COMMAND_BASE;

	if (_IOC_TYPE(request) == DRM_IOCTL_BASE && number < IOCTLS)
		note(number, error);
}

void errno_note_job(int error)
{
	note(IOCTLS, error);
}

static void print_row(const char *name, const bool *row)
{
	bool any = false;

	for (unsigned int i = 0; i < ERRNOS; i++) {
		if (!row[i])
			continue;
		if (!any)
			printf("# returned %s:", name);
		printf(" %u", i);
		any = true;
	}
	if (any)
		printf("\n");
}

void errnos_print(void)
{
	char number[16];

	if (!seen)
		return;
	for (unsigned int i = 0; i < IOCTLS; i++) {
		snprintf(number, sizeof(number), "%u", i);
		print_row(number, seen[i]);
	}
	print_row("job", seen[IOCTLS]);
}
