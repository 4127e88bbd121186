/* SPDX-License-Identifier: MIT */
/*
 * How the library reaches a device. One interface, two implementations: the model in this
 * process (transport_sim.c) and the kernel driver (accel_*.c). Devices without an NPU
 * use its memory half only (transport_host.c).
 */
#ifndef TERN_LIB_TRANSPORT_H
#define TERN_LIB_TRANSPORT_H

#include "lib/memory.h"
#include "sim/sim.h"

#define TERN_MAX_THREADS 1024 /* a device may be asked for */

struct tern_transport;
struct tern_context; /* an address space of the NPU; belongs to one session */

/* When a job ran, where the device tells; else a trace lays out its cycles. CLOCK_MONOTONIC. */
struct tern_span {
	uint64_t start_ns, end_ns;
	uint64_t error_ns; /* by which both may be off */
	uint64_t cycles;
	uint64_t lost; /* events there was no room for */
	uint32_t preemptions;
};

/* What happened to a job outside the engines. CLOCK_MONOTONIC. */
enum tern_life_track { TERN_LIFE_DRIVER, TERN_LIFE_FIRMWARE };
struct tern_life {
	uint64_t time_ns;
	uint64_t job; /* its number in its queue; 0: of none */
	uint64_t arg; /* as the name says */
	const char *name;
	enum tern_life_track track;
	char phase; /* of Chrome's format: b, n and e of a job; B, E and i of a track */
};

/* Where a run's events go. */
struct tern_tracer {
	void (*span)(void *ctx, const struct tern_span *span); /* before the job's events */
	void (*event)(void *ctx, const struct tern_sim_event *e);
	void (*life)(void *ctx, const struct tern_life *e);
	void *ctx;
};

/* One job, and what is known of it afterwards. Events and per-operator counters have the
 * form in which the model gives them. */
struct tern_run {
	/* in */
	struct tern_job job;
	const struct tern_tracer *tracer; /* or NULL */
	struct tern_sim_op *ops;
	size_t nops;
	const volatile int *stop;
	/* out */
	struct tern_counters counters;
	struct tern_fault fault;
};

struct tern_transport_ops {
	void (*destroy)(struct tern_transport *t);
	/* Memory of the device. `mem` is filled; 0 or a negative errno with a message. */
	int (*alloc)(struct tern_transport *t, uint64_t size, struct tern_mem *mem);
	int (*wrap)(struct tern_transport *t, void *host, uint64_t size, bool read_only,
		    struct tern_mem *mem);
	void (*free)(struct tern_transport *t, struct tern_mem *mem);
	/* Bytes there are for buffers, and those left of them; NULL: as the host says. */
	int (*memory)(struct tern_transport *t, uint64_t *most, uint64_t *left);
	/* NULL from here on: no NPU. */
	/* With all there may be too few of, also room to count for jobs of `nops` operators. */
	int (*context_create)(struct tern_transport *t, size_t nops, struct tern_context **out);
	void (*context_destroy)(struct tern_context *c);
	/* The context may touch exactly these, from the next job on. */
	int (*map)(struct tern_context *c, const struct tern_mapping *list, size_t n);
	/* Run to the end. 0 also when the job faulted; -EINTR: stopped before it began. */
	int (*run)(struct tern_context *c, struct tern_run *run);
	/* Where others than the engines tell what they did, too; else NULL. Start before the first
	 * run that is traced: 0, or why they do not (a negative errno without a message). Stop gives
	 * what came after the last run, unless `tracer` is NULL. */
	int (*trace_start)(struct tern_context *c);
	void (*trace_stop)(struct tern_context *c, const struct tern_tracer *tracer);
};
struct tern_transport {
	const struct tern_transport_ops *ops;
};

int tern_transport_host(struct tern_transport **out);
int tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
		       struct tern_transport **out);
/* /dev/accel/accelN. `params`, with commas: a number (else the first NPU), "queue=user" or
 * "queue=kernel", "threads=N", "no=OPERATORS". */
struct tern_accel_options { /* out */
	int number;
	unsigned int threads; /* of the CPU kernels; 0: not said */
	char no_ops[512];     /* names of operators to leave to the CPU */
	struct tern_caps caps;
};
int tern_transport_accel(const char *params, struct tern_accel_options *o,
			 struct tern_transport **out);
/* Is there an NPU of this kernel's, whether or not it may be opened? */
bool tern_accel_present(void);

/* Memory operations of a transport whose memory is the process's own. */
int tern_host_alloc(struct tern_va *va, uint64_t size, struct tern_mem *mem);
int tern_host_wrap(struct tern_va *va, void *host, uint64_t size, bool read_only,
		   struct tern_mem *mem);
void tern_host_free(struct tern_va *va, struct tern_mem *mem);
/* May this process write to some of these bytes, as far as can be told? */
bool tern_host_writes(const void *mem, uint64_t size);
/* The host's memory, and what of it may be had without swapping. */
void tern_host_memory(uint64_t *most, uint64_t *left);

#endif
