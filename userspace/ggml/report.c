// SPDX-License-Identifier: MIT
/* The files that TERN_EXPLAIN and TERN_TRACE name. */
#include "ggml/report.h"
#include "ggml/host.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REFUSALS 256
#define TRACES	 16

/* Operator and types of a node, with why it is not run here. */
struct refusal {
	char what[96], why[256];
	uint64_t times;
};

struct trace {
	struct tern_session *session;
	FILE *out;
};

struct report {
	pthread_mutex_t lock;
	const struct tern_device *dev;
	FILE *explain;
	const char *trace_path;
	struct trace traces[TRACES];
	unsigned int ntraces, ngraphs, nrefusals;
	struct refusal refusals[REFUSALS];
};

static FILE *create(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		host_log(GGML_LOG_LEVEL_ERROR, "%s cannot be written: %s", path, strerror(errno));
	return f;
}

struct report *report_open(const struct tern_device *dev)
{
	const char *explain = getenv("TERN_EXPLAIN"), *trace = getenv("TERN_TRACE");
	struct report *r;

	explain = explain && *explain ? explain : NULL;
	trace = trace && *trace ? trace : NULL;
	if (!explain && !trace)
		return NULL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	r->dev = dev;
	r->explain = explain ? create(explain) : NULL;
	r->trace_path = trace;
	return r;
}

/* ---- traces ------------------------------------------------------------------------------- */

/* A trace is one session's: the first one's goes to FILE, the others' to FILE.2, FILE.3... */
static void begin_trace(struct report *r, struct tern_session *session)
{
	struct trace *t = &r->traces[r->ntraces];
	char path[4096];

	if (!r->trace_path || r->ntraces == TRACES)
		return;
	if (r->ntraces)
		snprintf(path, sizeof(path), "%s.%u", r->trace_path, r->ntraces + 1);
	else
		snprintf(path, sizeof(path), "%s", r->trace_path);
	t->out = create(path);
	if (!t->out)
		return;
	t->session = session;
	r->ntraces++;
	if (tern_session_trace(session, t->out))
		host_log(GGML_LOG_LEVEL_ERROR, "no trace: %s", tern_last_error());
}

static void end_trace(struct report *r, const struct tern_session *session)
{
	for (unsigned int i = 0; i < r->ntraces; i++) {
		struct trace *t = &r->traces[i];

		if (t->session != session)
			continue;
		if (tern_session_trace(t->session, NULL))
			host_log(GGML_LOG_LEVEL_ERROR, "%s", tern_last_error());
		fclose(t->out);
		t->session = NULL;
	}
}

void report_cpu_ops(const struct tern_program *prog)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	uint64_t n = 0;

	if (tern_program_get(prog, TERN_PROGRAM_CPU_OPS, &n) || !n ||
	    atomic_flag_test_and_set(&told))
		return;
	host_log(GGML_LOG_LEVEL_WARN,
		 "the device took %llu operators of a graph that the NPU does not run, and Tern's "
		 "CPU "
		 "kernels do: please report this",
		 (unsigned long long)n);
}

/* ---- sessions ------------------------------------------------------------------------------ */

void report_begin(struct report *r, struct tern_session *session)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	begin_trace(r, session);
	pthread_mutex_unlock(&r->lock);
}

uint64_t report_now(const struct report *r)
{
	struct timespec now;

	if (!r)
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static double percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : 0;
}

/* Shares of what the device could do in these cycles, counted from the graph. */
static void print_shares(FILE *out, const struct tern_device *dev, const struct tern_stats *stats)
{
	uint64_t dram_x256 = 0, khz = 0;

	tern_device_get(dev, TERN_DEVICE_DRAM_X256, &dram_x256);
	tern_device_get(dev, TERN_DEVICE_CLOCK_KHZ, &khz);
	fprintf(out, "a run: %llu cycles of %llu kHz, matrix share %.1f %%, DRAM share %.1f %%\n",
		(unsigned long long)(stats->cycles / stats->runs), (unsigned long long)khz,
		percent(stats->graph_mac_cycles, (double)stats->cycles),
		percent((double)stats->graph_bytes * 256,
			(double)stats->cycles * (double)dram_x256));
}

static void print_times(FILE *out, const struct report_times *times)
{
	if (times->run_ns)
		fprintf(out, "a repeat, at best: lowered in %.1f us, run in %.1f us\n",
			(double)times->lower_ns / 1000, (double)times->run_ns / 1000);
}

void report_end(struct report *r, struct tern_session *session, const struct report_times *times)
{
	struct tern_stats stats = {.size = sizeof(stats)};

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	end_trace(r, session);
	tern_session_stats(session, &stats);
	if (r->explain && stats.runs) {
		fprintf(r->explain, "graph %u, run %llu times\n", ++r->ngraphs,
			(unsigned long long)stats.runs);
		tern_explain(session, r->explain, false);
		print_shares(r->explain, r->dev, &stats);
		print_times(r->explain, times);
		fputc('\n', r->explain);
	}
	pthread_mutex_unlock(&r->lock);
}

/* ---- refusals ------------------------------------------------------------------------------ */

/* The host knows more types than tern.h. */
static const char *type_name(const struct ggml_tensor *t)
{
	const char *name = host.ggml_type_name((int)t->type);

	return name ? name : "unknown";
}

static void name_node(const struct ggml_tensor *node, char *out, size_t len)
{
	size_t n = (size_t)snprintf(out, len, "%s %s <-", host.ggml_op_desc(node), type_name(node));

	for (int i = 0; i < 5 && n < len; i++) {
		if (node->src[i])
			n += (size_t)snprintf(out + n, len - n, " %s", type_name(node->src[i]));
	}
}

void report_refused(struct report *r, const struct ggml_tensor *node, const char *why)
{
	char what[sizeof(r->refusals[0].what)];
	unsigned int i;

	if (!r || !r->explain)
		return;
	name_node(node, what, sizeof(what));
	pthread_mutex_lock(&r->lock);
	for (i = 0; i < r->nrefusals; i++) {
		if (!strcmp(r->refusals[i].what, what) &&
		    !strncmp(r->refusals[i].why, why, sizeof(r->refusals[i].why) - 1))
			break;
	}
	if (i < REFUSALS) {
		snprintf(r->refusals[i].what, sizeof(r->refusals[i].what), "%s", what);
		snprintf(r->refusals[i].why, sizeof(r->refusals[i].why), "%s", why);
		if (i == r->nrefusals) {
			r->refusals[i].times = 0;
			r->nrefusals++;
		}
		r->refusals[i].times++;
	}
	pthread_mutex_unlock(&r->lock);
}

void report_flush(struct report *r)
{
	if (!r || !r->explain)
		return;
	pthread_mutex_lock(&r->lock);
	if (r->nrefusals)
		fputs("left to the host, and why (how often ggml asked)\n", r->explain);
	for (unsigned int i = 0; i < r->nrefusals; i++)
		fprintf(r->explain, "  %6llu  %s\n          %s\n",
			(unsigned long long)r->refusals[i].times, r->refusals[i].what,
			r->refusals[i].why);
	r->nrefusals = 0;
	fflush(r->explain);
	pthread_mutex_unlock(&r->lock);
}
