/* SPDX-License-Identifier: MIT */
/*
 * What ran where, for people: TERN_EXPLAIN=FILE a table per session and the nodes that were left
 * to the host, with the reason; TERN_TRACE=FILE a trace per session in Chrome's format. A graph
 * whose session was made again has several. Without either variable there is no report, and every
 * call with one returns at once.
 */
#ifndef TERN_GGML_REPORT_H
#define TERN_GGML_REPORT_H

#include <tern.h>

#include "ggml/abi.h"

struct report;

/* Of a session's graph that was met before, the shortest: from what ggml hands over to what can be
 * run, and the run. 0: it came once. */
struct report_times {
	uint64_t lower_ns, run_ns;
};

/* NULL: neither variable is set, or the files cannot be written (which is logged). */
struct report *report_open(const struct tern_device *dev);
/* What is known so far goes to the files. */
void report_flush(struct report *r);

void report_begin(struct report *r, struct tern_session *session);
void report_end(struct report *r, struct tern_session *session, const struct report_times *times);
/* Of one clock, in ns; 0 without a report. */
uint64_t report_now(const struct report *r);
/* With or without a report: operators of a new program that the NPU does not run, which ggml would
 * have run itself had the device declined them, are told once. */
void report_cpu_ops(const struct tern_program *prog);
/* The device declined this node. */
void report_refused(struct report *r, const struct ggml_tensor *node, const char *why);

#endif
