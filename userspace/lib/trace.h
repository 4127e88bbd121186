/* SPDX-License-Identifier: MIT */
/*
 * Traces in Chrome's JSON format, written as events come: host segments and CPU operators on
 * one process, the engine queues on another, on one clock; driver and firmware on two more where
 * the transport tells of them.
 */
#ifndef TERN_LIB_TRACE_H
#define TERN_LIB_TRACE_H

#include "lib/transport.h"

#include <stdio.h>

struct tern_graph;
struct tern_trace {
	FILE *out;
	struct tern_tracer tracer; /* for transports */
	const struct tern_graph *graph;
	uint64_t origin_ns; /* time 0 of the trace */
	double ns_per_cycle;
	uint64_t npu_free_ns; /* when the NPU ended its last job, on this clock */
	/* of the job whose events come */
	uint64_t job_ns;
	double job_ns_per_cycle;
	struct tern_span span; /* as the device tells; else all zero */
	bool first;	       /* no event yet */
};

/* What a trace is of. */
enum tern_trace_kind {
	TERN_TRACE_LAID_OUT, /* a job's time is its cycles, laid out from where it was handed over */
	TERN_TRACE_MEASURED, /* the device tells when jobs ran; driver and firmware tell, too */
	TERN_TRACE_NO_LIFE,  /* likewise, but driver and firmware do not */
};

/* Opens the document. NULL: no memory. */
struct tern_trace *tern_trace_start(FILE *out, const struct tern_graph *graph, uint32_t clock_khz,
				    enum tern_trace_kind kind);
/* Completes it; 0 or -EIO. */
int tern_trace_end(struct tern_trace *t);

/* A stretch of host time on CLOCK_MONOTONIC. */
void tern_trace_host(struct tern_trace *t, const char *category, const char *name,
		     uint64_t start_ns, uint64_t end_ns);
/* A job's events follow, through the tracer; it was handed to the NPU at start_ns. */
void tern_trace_job(struct tern_trace *t, uint64_t start_ns);
void tern_trace_job_end(struct tern_trace *t, uint32_t segment, uint64_t cycles);

#endif
