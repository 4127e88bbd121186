// SPDX-License-Identifier: MIT
/* Graphs: capture, find or compile the program, hand over; bind and run in the background. */
#include "ggml/plugin.h"
#include "ggml/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct stream *stream_create(struct plugin *p, const struct graph_access *access)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->plugin = p;
	s->access = access;
	s->cache.dev = p->dev;
	s->cache.lock = &p->lock;
	s->cache.clock = &p->clock;
	s->capture.dev = p->dev;
	s->cache.report = p->report;
	queue_init(&s->queue, &p->queues);
	pthread_mutex_lock(&p->lock);
	s->next = p->streams;
	p->streams = s;
	pthread_mutex_unlock(&p->lock);
	return s;
}

void stream_destroy(struct stream *s)
{
	struct stream **at;

	queue_fini(&s->queue);
	pthread_mutex_lock(&s->plugin->lock);
	for (at = &s->plugin->streams; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	cache_fini(&s->cache); /* before who waits to destroy a buffer that a session holds */
	pthread_mutex_unlock(&s->plugin->lock);
	capture_fini(&s->capture);
	report_flush(s->plugin->report);
	free(s);
}

/* ---- a graph ---------------------------------------------------------------------------- */

/* A program with the memory it is to run on: the capture belongs to the next graph by then. */
struct job {
	struct queue_task task;
	struct cached *entry;
	struct capture_place *places;
	struct capture_bytes *results;
	size_t nresults;
	struct report *report;
	uint64_t lower_ns;	   /* so far; 0: a new program, or nobody asks */
	struct queue_span spans[]; /* then the places, then the results */
};

static void keep_times(const struct job *job, uint64_t bind_ns, uint64_t run_ns)
{
	struct report_times *best = &job->entry->times;
	uint64_t lower_ns = job->lower_ns + bind_ns;

	if (!job->lower_ns)
		return;
	if (!best->run_ns || lower_ns < best->lower_ns)
		best->lower_ns = lower_ns;
	if (!best->run_ns || run_ns < best->run_ns)
		best->run_ns = run_ns;
}

static int run_job(const struct queue_task *task)
{
	const struct job *job = (const struct job *)task;
	uint64_t start = report_now(job->report), bound;
	int ret = cache_bind(job->entry, job->places);

	bound = report_now(job->report);
	if (!ret)
		ret = tern_session_run(job->entry->session, NULL, 0);
	job->entry->failed = ret;
	if (ret)
		host_log(GGML_LOG_LEVEL_ERROR, "%s", tern_last_error());
	else
		keep_times(job, bound - start, report_now(job->report) - bound);
	return ret;
}

/* All ones: no number in the floating-point types and those of blocks, -1 in those of integers,
 * which is neither a row of anything nor a token. */
static void spoil_results(const struct queue_task *task)
{
	const struct job *job = (const struct job *)task;

	for (size_t i = 0; i < job->nresults; i++)
		memset(job->results[i].at, 0xff, job->results[i].size);
}

static struct job *job_new(const struct capture *c, struct cached *entry)
{
	size_t n = c->nstorages, nresults = capture_results(c, NULL);
	struct job *job = calloc(1, sizeof(*job) + n * (sizeof(*job->spans) + sizeof(*c->places)) +
					    nresults * sizeof(*job->results));

	if (!job)
		return NULL;
	job->task = (struct queue_task){
		.run = run_job, .spoil = spoil_results, .graph = true, .spans = job->spans};
	job->entry = entry;
	job->places = (struct capture_place *)(job->spans + n);
	job->results = (struct capture_bytes *)(job->places + n);
	job->nresults = capture_results(c, job->results);
	for (size_t i = 0; i < n; i++) {
		const struct capture_place *p = &c->places[i];

		job->places[i] = *p;
		if (p->buffer)
			job->spans[job->task.nspans++] = (struct queue_span){
				p->buffer->base + p->lo, p->buffer->base + p->hi, p->written};
	}
	return job;
}

/* `start`: 0 for a program that is new. */
static int put_job(struct stream *s, struct cached *entry, uint64_t start)
{
	struct job *job = job_new(&s->capture, entry);
	int ret;

	if (job) {
		job->report = s->plugin->report;
		job->lower_ns = start ? report_now(job->report) - start : 0;
	}
	ret = job ? queue_put(&s->queue, &job->task) : -ENOMEM;
	if (ret)
		host_log(GGML_LOG_LEVEL_ERROR,
			 "no memory or no thread to run a graph in the background");
	return ret;
}

/* Under the lock from first to last: each turn leaves fewer sessions. */
static int begin(struct stream *s, struct cached *entry)
{
	int ret;

	do
		ret = cache_begin(&s->cache, entry);
	while (cache_lacks_room(ret) && plugin_make_room(s->plugin));
	return ret;
}

static int make_program(struct stream *s, struct cached **entry)
{
	int ret;

	/* What makes room may not be running; other streams need not wait for that. */
	pthread_mutex_unlock(&s->plugin->lock);
	stream_wait(s);
	pthread_mutex_lock(&s->plugin->lock);
	ret = cache_compile(&s->cache, &s->capture, entry);
	if (!ret)
		ret = begin(s, *entry);
	if (ret)
		host_log(GGML_LOG_LEVEL_ERROR, "%s", tern_last_error());
	else
		report_cpu_ops((*entry)->prog);
	return ret;
}

/* A session that was found has its job in the queue before somebody else may end it. */
static int hand_over(struct stream *s, uint64_t start)
{
	struct cached *entry;
	int ret = 0;

	pthread_mutex_lock(&s->plugin->lock);
	entry = cache_find(&s->cache, &s->capture);
	if (!entry) {
		start = 0;
		ret = make_program(s, &entry);
	}
	if (!ret)
		ret = put_job(s, entry, start);
	pthread_mutex_unlock(&s->plugin->lock);
	return ret;
}

/* What failed and was not told yet. The program of it gets another session: the device may have
 * said that this one is of no use any more. */
static int take_error(struct stream *s)
{
	int ret = queue_take_error(&s->queue);

	if (ret) {
		s->careful = true;
		pthread_mutex_lock(&s->plugin->lock);
		cache_end_failed(&s->cache);
		pthread_mutex_unlock(&s->plugin->lock);
	}
	return ret;
}

static int compute(struct stream *s, const struct ggml_cgraph *graph)
{
	uint64_t start;
	char why[256] = "";
	int ret = take_error(s);

	if (ret) {
		host_log(GGML_LOG_LEVEL_ERROR,
			 "a graph is not begun, since one before it failed in the background");
		return ret;
	}
	queue_wait_for_room(&s->queue); /* here, and not with the lock */
	start = report_now(s->plugin->report);
	ret = capture_graph(&s->capture, s->access, graph, why, sizeof(why));
	if (ret) {
		host_log(GGML_LOG_LEVEL_ERROR, "%s", why);
		return ret;
	}
	if (!s->capture.nops)
		return 0;
	ret = hand_over(s, start);
	if (ret || (!s->careful && inner_alone(&s->capture.inner, s->access, graph)))
		return ret;
	stream_wait(s);
	ret = take_error(s);
	s->careful = ret;
	return ret;
}

enum ggml_status stream_compute(struct stream *s, const struct ggml_cgraph *graph)
{
	int ret = compute(s, graph);

	if (ret == -ENOMEM)
		return GGML_STATUS_ALLOC_FAILED;
	return ret ? GGML_STATUS_FAILED : GGML_STATUS_SUCCESS;
}

void stream_wait(struct stream *s)
{
	queues_wait(&s->plugin->queues, queue_last(&s->queue));
}
