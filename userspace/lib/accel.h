/* SPDX-License-Identifier: MIT */
/* The kernel driver as a transport: what its files share. */
#ifndef TERN_LIB_ACCEL_H
#define TERN_LIB_ACCEL_H

#include "lib/transport.h"

#include <drm/tern_accel.h>

struct accel {
	struct tern_transport base;
	struct tern_va va;
	struct drm_tern_info info;
	uint64_t cpu_page;
	uint32_t bind_ops; /* operations one VM_BIND takes */
	int fd;
	bool user_queues; /* asked for */
};

/* A stretch of device addresses and what backs it. */
struct accel_range {
	uint64_t lo, hi;     /* whole pages of the device */
	uint64_t offset;     /* of lo in the buffer */
	uint32_t bo;	     /* GEM handle */
	unsigned int access; /* enum tern_access */
};
struct accel_map {
	struct accel_range *r; /* sorted, disjoint */
	size_t n;
};

/* A user-owned queue's memory. */
struct accel_ring {
	struct tern_mem mem;	     /* struct tern_ring, then its jobs */
	volatile uint32_t *doorbell; /* NULL: QUEUE_KICK rings */
};

struct tern_context {
	struct accel *owner;
	struct accel_map map;
	struct tern_mem profile; /* struct tern_profile, operators, events */
	struct accel_ring ring;
	uint32_t vm, queue; /* 0: none */
	uint64_t jobs;	    /* put into the ring */
	bool traced;	    /* the kernel records what happens to this file's queues */
};

static inline struct accel *accel_of(struct tern_transport *t)
{
	return (struct accel *)t; /* base is the first member */
}

/* ioctl() again after every signal; 0 or -errno. */
int accel_ioctl(const struct accel *a, unsigned long request, void *arg);

/* ---- memory: as the operations of struct tern_transport_ops ---------------------- */
/* Memory with DRM_TERN_BO_* flags; accel_alloc() wants it cached. */
int accel_alloc_bo(struct tern_transport *t, uint64_t size, uint32_t flags, struct tern_mem *mem);
int accel_alloc(struct tern_transport *t, uint64_t size, struct tern_mem *mem);
int accel_wrap(struct tern_transport *t, void *host, uint64_t size, bool read_only,
	       struct tern_mem *mem);
void accel_free(struct tern_transport *t, struct tern_mem *mem);

/* ---- address spaces ----------------------------------------------------------------- */
/* The VM maps exactly these from now on. 0 or a negative errno with a message. */
int accel_map_set(struct tern_context *c, const struct tern_mapping *list, size_t n);
/* Maps or unmaps memory of the transport's own, besides. */
int accel_map_one(const struct tern_context *c, const struct tern_mem *mem, unsigned int access);
int accel_unmap_one(const struct tern_context *c, const struct tern_mem *mem);
/* BO_SYNC of all that is mapped; nothing where the device sees the CPU's caches. */
int accel_map_sync(const struct tern_context *c, uint32_t flags);

/* ---- queues ---------------------------------------------------------------------------- */
int accel_queue_create(struct tern_context *c);
void accel_queue_destroy(struct tern_context *c);
/* Runs one job to its end, or until *stop. 0: it ended well or with run->fault; else a negative
 * errno with a message. After anything but success the queue is a new one. */
int accel_queue_run(struct tern_context *c, struct tern_run *run);

/* ---- profiles --------------------------------------------------------------------------- */
/* Room for what `run` wants to know, mapped. */
int accel_profile_room(struct tern_context *c, const struct tern_run *run);
void accel_profile_begin(struct tern_context *c, struct tern_run *run);
void accel_profile_end(struct tern_context *c, struct tern_run *run);

/* ---- traces: as the operations of struct tern_transport_ops -------------------------------- */
int accel_trace_start(struct tern_context *c);
void accel_trace_stop(struct tern_context *c, const struct tern_tracer *tracer);
/* What has been recorded of the context's queue since the last time. */
void accel_trace_read(struct tern_context *c, const struct tern_tracer *tracer);

#endif
