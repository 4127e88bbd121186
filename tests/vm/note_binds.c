// SPDX-License-Identifier: MIT
/*
 * Loaded before any program in a guest (LD_PRELOAD), it notes in the device's log what the program
 * binds, for tests/device/check-touched: before VM_BIND what is asked for, after it how many
 * operations were done. Nothing is asked of the driver, and nothing is believed of it but
 * that number.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm/tern_accel.h>

#define LOCK "/tmp/note_binds.lock" /* one at a time has the terminal */
#define VMS  256

/* VMs by who made them, so that children have the same names for what they inherit. */
static struct {
	int fd;
	__u32 id;
	unsigned long name;
} vms[VMS];
static unsigned int nvms;
static int begun;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Who reads from a terminal must be in its foreground. */
static int open_terminal(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, out;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	sigaction(SIGTTOU, &ignore, &out);
	tcsetpgrp(fd, getpgrp());
	sigaction(SIGTTOU, &out, NULL);
	return fd;
}

static void give_up(const char *what)
{
	fprintf(stderr, "note_binds: %s\n", what);
	abort();
}

/* Whoever made the file; a user may not create what is there already in a sticky folder. */
static int open_lock(void)
{
	int fd = open(LOCK, O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? fd : open(LOCK, O_CREAT | O_RDONLY | O_CLOEXEC, 0444);
}

/* The host has it when this returns. */
static void say(const char *text)
{
	int held = open_lock(), fd;
	char line[300], c, first = 0;
	int n = snprintf(line, sizeof(line), "# host: note %s\n", text);

	if (held < 0 || flock(held, LOCK_EX))
		give_up("no lock");
	fd = open_terminal();
	if (write(fd, line, (size_t)n) != n)
		give_up("no terminal");
	do {
		if (read(fd, &c, 1) != 1)
			give_up("nobody answers");
		first = first ? first : c;
	} while (c != '\n' && c != '\r');
	if (first != 'o')
		give_up("the host does not take notes");
	close(fd);
	close(held);
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	char text[256];
	va_list args;

	if (!begun) {
		begun = 1;
		snprintf(text, sizeof(text), "begin %s", program_invocation_short_name);
		say(text);
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say(text);
}

static unsigned long name_of(int fd, __u32 id)
{
	for (unsigned int i = nvms; i--;) {
		if (vms[i].fd == fd && vms[i].id == id)
			return vms[i].name;
	}
	return 0; /* there is none: the driver will say so */
}

static void note_vm(int fd, const struct drm_tern_vm_create *made)
{
	if (nvms == VMS)
		give_up("too many VMs");
	vms[nvms].fd = fd;
	vms[nvms].id = made->vm_id;
	vms[nvms].name = (unsigned long)getpid() * VMS + nvms;
	note("vm %lu", vms[nvms++].name);
}

static void note_ops(unsigned long vm, const struct drm_tern_vm_bind *bind)
{
	static const char *const types[] = {"map", "replace", "unmap"};
	const char *at = (const char *)(uintptr_t)bind->ops.pointer;
	struct drm_tern_vm_bind_op op;

	for (__u32 i = 0; i < bind->ops.count; i++, at += bind->ops.stride) {
		memcpy(&op, at, sizeof(op));
		note("bind %lu %s %#llx %#llx %s%s", vm,
		     op.type < sizeof(types) / sizeof(types[0]) ? types[op.type] : "unmap",
		     (unsigned long long)op.va, (unsigned long long)op.size,
		     op.flags & DRM_TERN_BIND_WRITE ? "w" : "",
		     op.flags & DRM_TERN_BIND_EXEC ? "x" : "");
	}
}

/* What programs call with arguments that cannot be read, or are of another version, is refused. */
static int readable(const struct drm_tern_vm_bind *bind)
{
	return bind->ops.pointer >= 4096 &&
	       bind->ops.stride >= sizeof(struct drm_tern_vm_bind_op) && bind->ops.count <= 1024;
}

static int vm_bind(int (*real)(int, unsigned long, ...), int fd, struct drm_tern_vm_bind *bind)
{
	unsigned long vm = name_of(fd, bind->vm_id);
	int ret, error;

	if (!vm || !readable(bind))
		return real(fd, DRM_IOCTL_TERN_VM_BIND, bind);
	note_ops(vm, bind);
	ret = real(fd, DRM_IOCTL_TERN_VM_BIND, bind);
	error = errno;
	if (bind->flags & DRM_TERN_VM_BIND_ASYNC)
		note("bound %lu later", vm);
	else
		note("bound %lu %u", vm, bind->done);
	errno = error;
	return ret;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...), ret;
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	*(void **)&real = dlsym(RTLD_NEXT, "ioctl");
	if ((request != DRM_IOCTL_TERN_VM_BIND && request != DRM_IOCTL_TERN_VM_CREATE) || !arg)
		return real(fd, request, arg);
	pthread_mutex_lock(&lock);
	if (request == DRM_IOCTL_TERN_VM_BIND) {
		ret = vm_bind(real, fd, arg);
	} else {
		ret = real(fd, request, arg);
		if (!ret)
			note_vm(fd, arg);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}
