// SPDX-License-Identifier: MIT
/* The trace writer. */
#include "lib/trace.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "graph/graph.h"
#include "isa/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { PID_HOST = 1, PID_NPU = 2 };
enum { TID_SEGMENTS = 1, TID_OPERATORS = 2 };
#define TID_JOBS 100 /* on the NPU; queues have their own number */

static const char clock_note[] =
	"One clock: CLOCK_MONOTONIC of the host, 0 when the trace began. The NPU's times are "
	"cycles "
	"of its own clock, laid out from the moment the host handed the job over, or from the "
	"end of the job before, if that is later. The model may take longer or shorter on the host "
	"than "
	"the NPU it models.";

/* Microseconds with all of a nanosecond's digits, as the format wants them. */
static void print_time(struct tern_trace *t, const char *key, uint64_t ns)
{
	fprintf(t->out, ",\"%s\":%" PRIu64 ".%03u", key, ns / 1000, (unsigned int)(ns % 1000));
}

static void open_event(struct tern_trace *t, const char *phase, int pid, int tid)
{
	fprintf(t->out, "%s\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d", t->first ? "" : ",", phase, pid,
		tid);
	t->first = false;
}

static void name_track(struct tern_trace *t, const char *what, int pid, int tid, const char *name)
{
	open_event(t, "M", pid, tid);
	fprintf(t->out, ",\"name\":\"%s\",\"args\":{\"name\":\"%s\"}}", what, name);
}

struct tern_trace *tern_trace_start(FILE *out, const struct tern_graph *graph, uint32_t clock_khz)
{
	struct tern_trace *t = calloc(1, sizeof(*t));
	int q;

	if (!t)
		return NULL;
	t->out = out;
	t->graph = graph;
	t->first = true;
	t->origin_ns = tern_now_ns();
	t->ns_per_cycle = clock_khz ? 1e6 / clock_khz : 0;
	fprintf(out,
		"{\"displayTimeUnit\":\"ns\",\"otherData\":{\"clock\":\"%s\",\"clock_khz\":%" PRIu32
		"},\n\"traceEvents\":[",
		clock_note, clock_khz);
	name_track(t, "process_name", PID_HOST, 0, "host");
	name_track(t, "thread_name", PID_HOST, TID_SEGMENTS, "segments");
	name_track(t, "thread_name", PID_HOST, TID_OPERATORS, "CPU operators");
	if (!clock_khz)
		return t;
	name_track(t, "process_name", PID_NPU, 0, "NPU");
	name_track(t, "thread_name", PID_NPU, TID_JOBS, "jobs");
	for (q = 0; q < TERN_NQUEUES; q++)
		name_track(t, "thread_name", PID_NPU, q + 1, tern_queue_name((unsigned int)q));
	return t;
}

int tern_trace_end(struct tern_trace *t)
{
	FILE *out = t->out;

	fputs("\n]}\n", out);
	free(t);
	if (fflush(out) || ferror(out))
		return tern_fail(-EIO,
				 "the trace could not be written completely: is the disk full?");
	return 0;
}

static uint64_t since_origin(const struct tern_trace *t, uint64_t ns)
{
	return ns > t->origin_ns ? ns - t->origin_ns : 0;
}

void tern_trace_host(struct tern_trace *t, const char *category, const char *name,
		     uint64_t start_ns, uint64_t end_ns)
{
	bool segment = category[0] == 's';

	open_event(t, "X", PID_HOST, segment ? TID_SEGMENTS : TID_OPERATORS);
	fprintf(t->out, ",\"cat\":\"%s\",\"name\":", category);
	tern_json_string(t->out, name);
	print_time(t, "ts", since_origin(t, start_ns));
	print_time(t, "dur", end_ns - start_ns);
	fputc('}', t->out);
}

static uint64_t npu_time(const struct tern_trace *t, uint64_t cycle)
{
	return t->job_ns + (uint64_t)((double)cycle * t->ns_per_cycle);
}

void tern_trace_job(struct tern_trace *t, uint64_t start_ns)
{
	t->job_ns = since_origin(t, start_ns);
	if (t->job_ns < t->npu_free_ns)
		t->job_ns = t->npu_free_ns;
}

void tern_trace_event(void *trace, const struct tern_sim_event *e)
{
	struct tern_trace *t = trace;
	bool known = e->mark < t->graph->nops;
	char label[160];

	open_event(t, "X", PID_NPU, e->queue + 1);
	fputs(",\"cat\":\"command\",\"name\":", t->out);
	tern_json_string(t->out, known ? tern_op_label(t->graph, e->mark, label, sizeof(label))
				       : "unmarked");
	print_time(t, "ts", npu_time(t, e->start));
	print_time(t, "dur", npu_time(t, e->end) - npu_time(t, e->start));
	fprintf(t->out,
		",\"args\":{\"word\":%" PRIu32 ",\"dispatch\":%" PRIu64 ",\"start\":%" PRIu64
		",\"end\":%" PRIu64 "}}",
		e->word, e->dispatch, e->start, e->end);
}

void tern_trace_job_end(struct tern_trace *t, uint32_t segment, uint64_t cycles)
{
	t->npu_free_ns = npu_time(t, cycles);
	open_event(t, "X", PID_NPU, TID_JOBS);
	fprintf(t->out, ",\"cat\":\"job\",\"name\":\"segment %" PRIu32 "\"", segment);
	print_time(t, "ts", t->job_ns);
	print_time(t, "dur", t->npu_free_ns - t->job_ns);
	fprintf(t->out, ",\"args\":{\"cycles\":%" PRIu64 "}}", cycles);
}
