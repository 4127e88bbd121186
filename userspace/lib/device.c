// SPDX-License-Identifier: MIT
/* Devices: names, targets, lifetime. */
#include "lib/device.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- operators named by people --------------------------------------------------- */

/* "softmax", "SOFT_MAX", "soft-max": letters and digits count. */
static bool same_name(const char *name, const char *text, size_t len)
{
	size_t i = 0;

	for (; *name; name++) {
		if (*name == '_')
			continue;
		while (i < len && (text[i] == '_' || text[i] == '-'))
			i++;
		if (i == len || toupper((unsigned char)text[i]) != *name)
			return false;
		i++;
	}
	return i == len;
}

static int parse_ops(const char *text, uint64_t *mask)
{
	size_t len;
	int op;

	for (*mask = 0; *text; text += len + (text[len] == '+')) {
		len = strcspn(text, "+");
		for (op = 0; op < TERN_OP_COUNT; op++) {
			if (same_name(tern_op_name((enum tern_opcode)op), text, len))
				break;
		}
		if (op == TERN_OP_COUNT)
			return tern_fail(
				-EINVAL,
				"no=%.*s: there is no such operator; names are as in tern.h, "
				"joined by +",
				(int)len, text);
		*mask |= 1ull << op;
	}
	return 0;
}

/* ---- kinds of devices -------------------------------------------------------------- */

static int open_cpu(struct tern_device *dev, const char *params)
{
	char *end;
	long n;

	if (!params[0])
		return tern_transport_host(&dev->transport);
	if (strncmp(params, "threads=", 8))
		return tern_fail(-EINVAL, "device cpu: '%s' is unknown; it takes threads=N",
				 params);
	errno = 0;
	n = strtol(params + 8, &end, 10);
	if (errno || end == params + 8 || *end || n < 1 || n > TERN_MAX_THREADS)
		return tern_fail(-EINVAL, "device cpu: threads=%s is not a number from 1 to %d",
				 params + 8, TERN_MAX_THREADS);
	dev->threads = (unsigned int)n;
	return tern_transport_host(&dev->transport);
}

static int open_sim(struct tern_device *dev, const char *params)
{
	struct tern_sim_options opt = {0};
	char no_ops[512] = "", err[256] = "";
	int ret;

	ret = tern_sim_parse(params[0] ? params : "ref", &dev->target.caps, &opt, no_ops,
			     sizeof(no_ops), err, sizeof(err));
	if (ret)
		return tern_fail(ret, "device sim: %s", err);
	ret = parse_ops(no_ops, &dev->target.no_ops);
	if (ret)
		return tern_fail(ret, "device sim: %s", tern_last_error());
	dev->target.npu = true;
	dev->threads = opt.threads;
	return tern_transport_sim(&dev->target.caps, &opt, &dev->transport);
}

static int open_accel(struct tern_device *dev, const char *params)
{
	struct tern_accel_options o = {0};
	int ret = tern_transport_accel(params, &o, &dev->transport);

	if (ret)
		return ret;
	dev->target.caps = o.caps;
	dev->target.npu = true;
	dev->threads = o.threads;
	ret = parse_ops(o.no_ops, &dev->target.no_ops);
	return ret ? tern_fail(ret, "device accel: %s", tern_last_error()) : 0;
}

static int open_named(struct tern_device *dev);

/* The NPU of this machine, or its model: what a program gets that names none. */
static int open_default(struct tern_device *dev, const char *params)
{
	const bool npu = tern_accel_present();
	char *old = dev->name;
	char name[512];
	int len = snprintf(name, sizeof(name), "%s%s%s", npu ? "accel" : "sim:ref",
			   !*params ? ""
			   : npu    ? ":"
				    : ",",
			   params);

	if (len >= (int)sizeof(name))
		return tern_fail(-EINVAL, "device default: the parameters are too long");
	dev->name = strdup(name);
	free(old);
	return dev->name ? open_named(dev) : tern_fail(-ENOMEM, "no memory for a device");
}

static const struct device_kind {
	const char *name;
	int (*open)(struct tern_device *dev, const char *params);
} kinds[] = {
	{"default", open_default},
	{"accel", open_accel},
	{"sim", open_sim},
	{"cpu", open_cpu},
};

static int open_named(struct tern_device *dev)
{
	size_t len = strcspn(dev->name, ":"), i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strlen(kinds[i].name) == len && !strncmp(kinds[i].name, dev->name, len))
			return kinds[i].open(dev, dev->name + len + (dev->name[len] == ':'));
	}
	return tern_fail(-ENODEV,
			 "there is no device '%s'; devices are default, accel, accel:NUMBER, "
			 "sim:small, sim:ref, sim:large, sim:PARAMETERS and cpu",
			 dev->name);
}

/* ---- lifetime ------------------------------------------------------------------- */

struct tern_device *tern_device_ref(struct tern_device *dev)
{
	atomic_fetch_add_explicit(&dev->refs, 1, memory_order_relaxed);
	return dev;
}

static void device_free(struct tern_device *dev)
{
	if (dev->cpu)
		tern_cpu_destroy(dev->cpu);
	if (dev->transport)
		dev->transport->ops->destroy(dev->transport);
	pthread_mutex_destroy(&dev->cpu_lock);
	free(dev->name);
	free(dev);
}

void tern_device_unref(struct tern_device *dev)
{
	if (atomic_fetch_sub_explicit(&dev->refs, 1, memory_order_acq_rel) == 1)
		device_free(dev);
}

int tern_device_open(const char *name, struct tern_device **out)
{
	struct tern_device *dev;
	int ret;

	if (!out)
		return tern_fail(-EINVAL, "tern_device_open: out must not be NULL");
	*out = NULL;
	if (!name)
		name = getenv("TERN_DEVICE");
	if (!name || !*name)
		name = "default";
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return tern_fail(-ENOMEM, "no memory for a device");
	atomic_init(&dev->refs, 1);
	pthread_mutex_init(&dev->cpu_lock, NULL);
	dev->name = strdup(name);
	ret = dev->name ? open_named(dev) : tern_fail(-ENOMEM, "no memory for a device");
	if (ret) {
		device_free(dev);
		return ret;
	}
	tern_log(TERN_LOG_INFO, "opened device %s", dev->name);
	*out = dev;
	return 0;
}

void tern_device_close(struct tern_device *dev)
{
	if (dev)
		tern_device_unref(dev);
}

/* ---- what it is -------------------------------------------------------------------- */

const char *tern_device_name(const struct tern_device *dev)
{
	return dev ? dev->name : NULL;
}

static uint64_t threads_of(const struct tern_device *dev)
{
	long n = dev->threads ? (long)dev->threads : sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (uint64_t)n : 1;
}

static int get_memory(const struct tern_device *dev, bool left, uint64_t *value)
{
	uint64_t bytes[2];
	int ret = 0;

	if (dev->transport->ops->memory)
		ret = dev->transport->ops->memory(dev->transport, &bytes[0], &bytes[1]);
	else
		tern_host_memory(&bytes[0], &bytes[1]);
	if (!ret)
		*value = bytes[left];
	return ret;
}

int tern_device_get(const struct tern_device *dev, enum tern_device_attr attr, uint64_t *value)
{
	const struct tern_caps *caps;

	if (!dev || !value)
		return tern_fail(-EINVAL, "tern_device_get: dev and value must not be NULL");
	caps = &dev->target.caps; /* all zero without an NPU */
	switch (attr) {
	case TERN_DEVICE_IS_NPU:
		*value = dev->target.npu;
		return 0;
	case TERN_DEVICE_CLOCK_KHZ:
		*value = caps->clock_khz;
		return 0;
	case TERN_DEVICE_MAC_INT8:
		*value = caps->mac_int8;
		return 0;
	case TERN_DEVICE_DRAM_X256:
		*value = caps->dram_x256;
		return 0;
	case TERN_DEVICE_SPM_BYTES:
		*value = caps->spm_bytes;
		return 0;
	case TERN_DEVICE_THREADS:
		*value = threads_of(dev);
		return 0;
	case TERN_DEVICE_MEMORY:
	case TERN_DEVICE_MEMORY_FREE:
		return get_memory(dev, attr == TERN_DEVICE_MEMORY_FREE, value);
	}
	return tern_fail(-EINVAL, "tern_device_get: attribute %d is unknown", (int)attr);
}

int tern_op_supported(const struct tern_device *dev, const struct tern_op_desc *op,
		      const struct tern_tensor_desc *tensors)
{
	int ret;

	if (!dev || !op || !tensors)
		return tern_fail(-EINVAL,
				 "tern_op_supported: dev, op and tensors must not be NULL");
	ret = tern_op_check_alone(op, tensors);
	return ret ? ret : tern_solve(&dev->target, op, tensors);
}

/* ---- CPU kernels --------------------------------------------------------------------- */

int tern_device_cpu_run(struct tern_device *dev, const struct tern_op_desc *op,
			const struct tern_cpu_tensor *src, const struct tern_cpu_tensor *dst,
			const volatile int *stop)
{
	int ret = 0;

	if (!tern_lock_unless(&dev->cpu_lock, stop))
		return -EINTR;
	if (!dev->cpu)
		ret = tern_cpu_create(dev->threads, &dev->cpu);
	if (!ret)
		ret = tern_cpu_run(dev->cpu, op, src, dst, stop);
	pthread_mutex_unlock(&dev->cpu_lock);
	return ret;
}
