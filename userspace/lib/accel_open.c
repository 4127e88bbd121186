// SPDX-License-Identifier: MIT
/* Finding and opening /dev/accel/accelN, and what it says of itself. */
#include "lib/accel.h"
#include "lib/log.h"
#include "graph/graph.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DRIVER	     "tern"
#define DRIVER_MAJOR 1 /* of tern_accel.h */
#define MAX_DEVICES  64

int accel_ioctl(const struct accel *a, unsigned long request, void *arg)
{
	int ret;

	do
		ret = ioctl(a->fd, request, arg);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

static int query(const struct accel *a, uint32_t type, void *to, uint32_t size)
{
	struct drm_tern_dev_query q = {.type = type, .size = size, .pointer = (uintptr_t)to};

	return accel_ioctl(a, DRM_IOCTL_TERN_DEV_QUERY, &q);
}

/* ---- is it ours? -------------------------------------------------------------------- */

static bool is_tern(int fd)
{
	char name[16] = "";
	struct drm_version v = {.name = name, .name_len = sizeof(name) - 1};

	return !ioctl(fd, DRM_IOCTL_VERSION, &v) && !strcmp(name, DRIVER);
}

/* A file descriptor; -ENODEV: no such device, or another driver's. */
static int open_number(int n)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/accel/accel%d", n);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	if (is_tern(fd))
		return fd;
	close(fd);
	return -ENODEV;
}

static int say_why(int err, const char *which)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return tern_fail(err,
				 "%s may not be opened by this user: join its group (usually "
				 "'usermod -aG render USER', then log in again), or use sim:ref",
				 which);
	case -ENODEV:
		return tern_fail(err,
				 "there is no NPU at %s: load the module ('modprobe tern'), look "
				 "at dmesg, or use sim:ref",
				 which);
	default:
		return tern_fail(err, "%s: %s", which, strerror(-err));
	}
}

/* The first NPU; one that may not be opened counts only if there is no other. */
static int open_any(int *number)
{
	int i, fd, worst = -ENODEV;

	for (i = 0; i < MAX_DEVICES; i++) {
		fd = open_number(i);
		if (fd >= 0) {
			*number = i;
			return fd;
		}
		if (fd != -ENODEV && worst == -ENODEV) {
			*number = i;
			worst = fd;
		}
	}
	return worst;
}

bool tern_accel_present(void)
{
	char path[32], driver[64], link[64];
	ssize_t len;
	int i;

	for (i = 0; i < MAX_DEVICES; i++) {
		snprintf(path, sizeof(path), "/dev/accel/accel%d", i);
		if (access(path, F_OK))
			continue;
		snprintf(link, sizeof(link), "/sys/class/accel/accel%d/device/driver", i);
		len = readlink(link, driver, sizeof(driver) - 1);
		driver[len > 0 ? len : 0] = '\0';
		if (len > 0 && strrchr(driver, '/') && !strcmp(strrchr(driver, '/') + 1, DRIVER))
			return true;
	}
	return false;
}

/* ---- what it is ------------------------------------------------------------------------ */

static int check_device(struct accel *a, struct tern_caps *caps)
{
	struct drm_tern_limits limits = {0};
	char err[256] = "";
	int ret = query(a, DRM_TERN_QUERY_INFO, &a->info, sizeof(a->info));

	if (ret)
		return tern_fail(ret, "the driver does not say what it is: %s", strerror(-ret));
	if (a->info.driver_major != DRIVER_MAJOR)
		return tern_fail(-EPROTO,
				 "the kernel module speaks interface %u.%u and this library %d: "
				 "install the module and the library of one release",
				 a->info.driver_major, a->info.driver_minor, DRIVER_MAJOR);
	ret = query(a, DRM_TERN_QUERY_LIMITS, &limits, sizeof(limits));
	if (ret || !limits.bind_ops)
		return tern_fail(ret ? ret : -EPROTO, "the driver does not tell its limits");
	a->bind_ops = limits.bind_ops;
	if (a->user_queues && !(a->info.flags & DRM_TERN_INFO_USER_QUEUES))
		return tern_fail(-EOPNOTSUPP, "queue=user: this device has kernel-owned queues "
					      "only; leave the option out");
	ret = query(a, DRM_TERN_QUERY_CAPS, caps, sizeof(*caps));
	if (ret)
		return tern_fail(ret, "the device's capabilities cannot be read: %s",
				 strerror(-ret));
	ret = tern_caps_check(caps, err, sizeof(err));
	if (ret)
		return tern_fail(ret, "the device has capabilities this library cannot use: %s",
				 err);
	return 0;
}

/* "0", "queue=user", "queue=kernel", "threads=2": each at most `most`. */
static bool item(const char *text, size_t len, const char *key, long most, long *value)
{
	const size_t skip = strlen(key);
	char *end;

	if (len <= skip || strncmp(text, key, skip))
		return false;
	errno = 0;
	*value = strtol(text + skip, &end, 10);
	return !errno && end == text + len && *value >= 0 && *value <= most;
}

static bool is(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && !strncmp(text, word, len);
}

/* "no=rope+scale". */
static bool no_ops(const char *text, size_t len, struct tern_accel_options *o)
{
	if (len < 3 || strncmp(text, "no=", 3) || len - 3 >= sizeof(o->no_ops))
		return false;
	memcpy(o->no_ops, text + 3, len - 3);
	o->no_ops[len - 3] = '\0';
	return true;
}

static int parse(const char *params, struct tern_accel_options *o, bool *user)
{
	size_t len;
	long n;

	for (o->number = -1; *params; params += len + (params[len] == ',')) {
		len = strcspn(params, ",");
		if (item(params, len, "", MAX_DEVICES - 1, &n))
			o->number = (int)n;
		else if (item(params, len, "threads=", TERN_MAX_THREADS, &n) && n)
			o->threads = (unsigned int)n;
		else if (is(params, len, "queue=user") || is(params, len, "queue=kernel"))
			*user = is(params, len, "queue=user");
		else if (!no_ops(params, len, o))
			return tern_fail(-EINVAL,
					 "device accel: '%.*s' is unknown; it takes a number, "
					 "queue=kernel or queue=user, threads=N and "
					 "no=OPERATORS, as in accel:0,queue=user",
					 (int)len, params);
	}
	return 0;
}

/* ---- memory ------------------------------------------------------------------------------- */

/* The file's limit counts buffers; memory of the process that is pinned is the host's anyway. */
static int memory(struct tern_transport *t, uint64_t *most, uint64_t *left)
{
	struct drm_tern_limits limits = {0};
	int ret = query(accel_of(t), DRM_TERN_QUERY_LIMITS, &limits, sizeof(limits));
	const struct drm_tern_limit *bytes = &limits.buffer_bytes;
	uint64_t unused;

	if (ret)
		return tern_fail(ret, "the driver does not tell its limits: %s", strerror(-ret));
	tern_host_memory(most, left);
	unused = bytes->most > bytes->used ? bytes->most - bytes->used : 0;
	*most = *most < bytes->most ? *most : bytes->most;
	*left = *left < unused ? *left : unused;
	return 0;
}

/* ---- transport --------------------------------------------------------------------------- */

static void destroy(struct tern_transport *t)
{
	struct accel *a = accel_of(t);

	if (a->fd >= 0)
		close(a->fd);
	tern_va_fini(&a->va);
	free(a);
}

static void context_destroy(struct tern_context *c)
{
	struct drm_tern_vm_destroy vm;

	if (!c)
		return;
	vm = (struct drm_tern_vm_destroy){.vm_id = c->vm};
	accel_queue_destroy(c);
	accel_ioctl(c->owner, DRM_IOCTL_TERN_VM_DESTROY, &vm);
	if (c->profile.host)
		accel_free(&c->owner->base, &c->profile);
	if (c->ring.mem.host)
		accel_free(&c->owner->base, &c->ring.mem);
	free(c->map.r);
	free(c);
}

static int context_create(struct tern_transport *t, size_t nops, struct tern_context **out)
{
	struct tern_context *c = calloc(1, sizeof(*c));
	struct drm_tern_vm_create vm = {0};
	int ret;

	if (!c)
		return tern_fail(-ENOMEM, "no memory for a context");
	c->owner = accel_of(t);
	ret = accel_ioctl(c->owner, DRM_IOCTL_TERN_VM_CREATE, &vm);
	if (ret) {
		free(c);
		return tern_fail(ret, "the kernel gives no address space: %s%s", strerror(-ret),
				 ret == -EUSERS ? "; destroy sessions" : "");
	}
	c->vm = vm.vm_id;
	/* now, so that who has too many, or too much, is told before a run */
	ret = accel_queue_create(c);
	if (!ret)
		ret = accel_profile_room(c, &(struct tern_run){.nops = nops});
	if (ret)
		context_destroy(c);
	else
		*out = c;
	return ret;
}

static int run(struct tern_context *c, struct tern_run *r)
{
	int ret = accel_profile_room(c, r);

	if (!ret && !c->queue)
		ret = accel_queue_create(c);
	return ret ? ret : accel_queue_run(c, r);
}

int tern_transport_accel(const char *params, struct tern_accel_options *o,
			 struct tern_transport **out)
{
	static const struct tern_transport_ops ops = {
		.destroy = destroy,
		.alloc = accel_alloc,
		.wrap = accel_wrap,
		.free = accel_free,
		.memory = memory,
		.context_create = context_create,
		.context_destroy = context_destroy,
		.map = accel_map_set,
		.run = run,
		.trace_start = accel_trace_start,
		.trace_stop = accel_trace_stop,
	};
	struct accel *a = calloc(1, sizeof(*a));
	char which[32];
	int ret;

	if (!a)
		return tern_fail(-ENOMEM, "no memory for a device");
	a->base.ops = &ops;
	a->fd = -1;
	a->cpu_page = (uint64_t)sysconf(_SC_PAGESIZE);
	tern_va_init(&a->va);
	ret = parse(params, o, &a->user_queues);
	if (!ret) {
		a->fd = o->number < 0 ? open_any(&o->number) : open_number(o->number);
		snprintf(which, sizeof(which), o->number < 0 ? "/dev/accel" : "/dev/accel/accel%d",
			 o->number);
		ret = a->fd < 0 ? say_why(a->fd, which) : check_device(a, &o->caps);
	}
	if (ret) {
		destroy(&a->base);
		return ret;
	}
	*out = &a->base;
	return 0;
}
