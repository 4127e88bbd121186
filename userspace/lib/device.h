/* SPDX-License-Identifier: MIT */
/* Devices and buffers as the library sees them. */
#ifndef TERN_LIB_DEVICE_H
#define TERN_LIB_DEVICE_H

#include "compiler/compiler.h"
#include "cpu/cpu.h"
#include "lib/transport.h"

#include <stdatomic.h>

struct tern_device {
	atomic_uint refs; /* of the caller, buffers and programs */
	char *name;
	struct tern_target target;
	unsigned int threads; /* as asked for; 0: all cores */
	struct tern_transport *transport;
	/* The pool runs one operator at a time. Made by the first that needs it: most
	 * programs of an NPU never do. */
	pthread_mutex_t cpu_lock;
	struct tern_cpu *cpu;
};
struct tern_device *tern_device_ref(struct tern_device *dev);
void tern_device_unref(struct tern_device *dev);
/* tern_cpu_run() on the device's pool; -EINTR when *stop ends the wait for it. */
int tern_device_cpu_run(struct tern_device *dev, const struct tern_op_desc *op,
			const struct tern_cpu_tensor *src, const struct tern_cpu_tensor *dst,
			const volatile int *stop);

struct tern_buffer {
	atomic_uint refs;    /* of the caller and of sessions that have it bound */
	atomic_bool running; /* a session whose scratch it is */
	struct tern_device *dev;
	struct tern_mem mem;
};
struct tern_buffer *tern_buffer_ref(struct tern_buffer *buf);
void tern_buffer_unref(struct tern_buffer *buf);

#endif
