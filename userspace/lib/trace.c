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

enum { PID_HOST = 1, PID_NPU = 2, PID_DRIVER = 3, PID_FIRMWARE = 4 };
enum { TID_SEGMENTS = 1, TID_OPERATORS = 2 };
enum { TID_LIFE = 1 }; /* of driver and firmware */
#define TID_JOBS 100   /* on the NPU; queues have their own number */

static const char laid_out_note[] =
	"One clock: CLOCK_MONOTONIC of the host, 0 when the trace began. The NPU's times are "
	"cycles "
	"of its own clock, laid out from the moment the host handed the job over, or from the "
	"end of the job before, if that is later. The model may take longer or shorter on the host "
	"than "
	"the NPU it models.";

#define MEASURED                                                                              \
	"One clock: CLOCK_MONOTONIC of the host, 0 when the trace began. Jobs lie where the " \
	"device's own clock says, read together with the host's: off by clock_error_ns at "   \
	"most. A job's commands are spread evenly over it, by their cycles, which the "       \
	"arguments tell: a model takes longer or shorter than the NPU it models, and a job "  \
	"that was preempted stood still meanwhile."

static const char *const clock_note[] = {
	[TERN_TRACE_LAID_OUT] = laid_out_note,
	[TERN_TRACE_MEASURED] = MEASURED
	" The driver stamps with the host's clock, the firmware with the device's.",
	[TERN_TRACE_NO_LIFE] =
		MEASURED " Driver and firmware are missing: the driver is older than this library, "
			 "or another session of this device is traced.",
};

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

/* ---- jobs ------------------------------------------------------------------------------ */

static uint64_t npu_time(const struct tern_trace *t, uint64_t cycle)
{
	return t->job_ns + (uint64_t)((double)cycle * t->job_ns_per_cycle);
}

void tern_trace_job(struct tern_trace *t, uint64_t start_ns)
{
	t->span = (struct tern_span){0};
	t->job_ns_per_cycle = t->ns_per_cycle;
	t->job_ns = since_origin(t, start_ns);
	if (t->job_ns < t->npu_free_ns)
		t->job_ns = t->npu_free_ns;
}

static void take_span(void *trace, const struct tern_span *span)
{
	struct tern_trace *t = trace;
	uint64_t ns = span->end_ns > span->start_ns ? span->end_ns - span->start_ns : 0;

	t->span = *span;
	t->job_ns = since_origin(t, span->start_ns);
	t->job_ns_per_cycle = span->cycles ? (double)ns / (double)span->cycles : 0;
}

static void take_event(void *trace, const struct tern_sim_event *e)
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
	fprintf(t->out, ",\"args\":{\"cycles\":%" PRIu64, cycles);
	if (t->span.end_ns)
		fprintf(t->out,
			",\"clock_error_ns\":%" PRIu64 ",\"preemptions\":%" PRIu32
			",\"commands_lost\":%" PRIu64,
			t->span.error_ns, t->span.preemptions, t->span.lost);
	fputs("}}", t->out);
}

/* ---- driver and firmware ------------------------------------------------------------------ */

static void take_life(void *trace, const struct tern_life *e)
{
	struct tern_trace *t = trace;
	const char phase[2] = {e->phase, 0};

	open_event(t, phase, e->track == TERN_LIFE_DRIVER ? PID_DRIVER : PID_FIRMWARE, TID_LIFE);
	fprintf(t->out, ",\"cat\":\"life\",\"name\":\"%s\"", e->name);
	print_time(t, "ts", since_origin(t, e->time_ns));
	if (e->job)
		fprintf(t->out, ",\"id\":%" PRIu64, e->job);
	if (e->phase == 'i')
		fputs(",\"s\":\"t\"", t->out);
	fprintf(t->out, ",\"args\":{\"value\":%" PRId64 "}}", (int64_t)e->arg);
}

/* ---- the document --------------------------------------------------------------------- */

static void name_tracks(struct tern_trace *t, bool npu, bool life)
{
	int q;

	name_track(t, "process_name", PID_HOST, 0, "host");
	name_track(t, "thread_name", PID_HOST, TID_SEGMENTS, "segments");
	name_track(t, "thread_name", PID_HOST, TID_OPERATORS, "CPU operators");
	if (life) {
		name_track(t, "process_name", PID_DRIVER, 0, "driver");
		name_track(t, "thread_name", PID_DRIVER, TID_LIFE, "slots");
		name_track(t, "process_name", PID_FIRMWARE, 0, "firmware");
		name_track(t, "thread_name", PID_FIRMWARE, TID_LIFE, "scheduler");
	}
	if (!npu)
		return;
	name_track(t, "process_name", PID_NPU, 0, "NPU");
	name_track(t, "thread_name", PID_NPU, TID_JOBS, "jobs");
	for (q = 0; q < TERN_NQUEUES; q++)
		name_track(t, "thread_name", PID_NPU, q + 1, tern_queue_name((unsigned int)q));
}

struct tern_trace *tern_trace_start(FILE *out, const struct tern_graph *graph, uint32_t clock_khz,
				    enum tern_trace_kind kind)
{
	struct tern_trace *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->out = out;
	t->tracer = (struct tern_tracer){
		.span = take_span, .event = take_event, .life = take_life, .ctx = t};
	t->graph = graph;
	t->first = true;
	t->origin_ns = tern_now_ns();
	t->ns_per_cycle = clock_khz ? 1e6 / clock_khz : 0;
	fprintf(out,
		"{\"displayTimeUnit\":\"ns\",\"otherData\":{\"clock\":\"%s\",\"clock_khz\":%" PRIu32
		"},\n\"traceEvents\":[",
		clock_note[kind], clock_khz);
	name_tracks(t, clock_khz, kind == TERN_TRACE_MEASURED);
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
