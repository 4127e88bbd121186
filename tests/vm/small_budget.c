// SPDX-License-Identifier: MIT
/* Loaded before a program in a guest (LD_PRELOAD), it gives each of its jobs TERN_TEST_BUDGET steps. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <drm/tern_accel.h>

static void limit(const struct drm_tern_submit *call, const char *steps)
{
	char *job = (char *)(uintptr_t)call->jobs.pointer;
	uint64_t budget = strtoull(steps, NULL, 0);

	for (uint32_t i = 0; i < call->jobs.count; i++, job += call->jobs.stride)
		memcpy(job + offsetof(struct drm_tern_job, budget), &budget, sizeof(budget));
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*real)(int, unsigned long, ...);
	const char *steps = getenv("TERN_TEST_BUDGET");
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "ioctl");
	if (request == DRM_IOCTL_TERN_SUBMIT && steps)
		limit(arg, steps);
	return real(fd, request, arg);
}
