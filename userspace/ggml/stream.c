// SPDX-License-Identifier: MIT
/* Graphs: capture, find or compile the program, bind, run. */
#include "ggml/plugin.h"
#include "ggml/host.h"

#include <errno.h>
#include <stdlib.h>

struct stream *stream_create(struct plugin *p, const struct graph_access *access)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->plugin = p;
	s->access = access;
	s->cache.dev = p->dev;
	s->capture.dev = p->dev;
	s->cache.report = p->report;
	pthread_mutex_lock(&p->lock);
	s->next = p->streams;
	p->streams = s;
	pthread_mutex_unlock(&p->lock);
	return s;
}

void stream_destroy(struct stream *s)
{
	struct stream **at;

	pthread_mutex_lock(&s->plugin->lock);
	for (at = &s->plugin->streams; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	pthread_mutex_unlock(&s->plugin->lock);
	cache_fini(&s->cache);
	capture_fini(&s->capture);
	report_flush(s->plugin->report);
	free(s);
}

static int run(struct stream *s)
{
	struct cached *entry;
	int ret = cache_get(&s->cache, &s->capture, &entry);

	if (!ret)
		ret = cache_bind(entry, &s->capture);
	if (!ret)
		ret = tern_session_run(entry->session, NULL, 0);
	return ret;
}

enum ggml_status stream_compute(struct stream *s, const struct ggml_cgraph *graph)
{
	char why[256] = "";
	int ret;

	pthread_mutex_lock(&s->plugin->lock);
	ret = capture_graph(&s->capture, s->access, graph, why, sizeof(why));
	if (ret)
		host_log(GGML_LOG_LEVEL_ERROR, "%s", why);
	else if (s->capture.nops) {
		ret = run(s);
		if (ret)
			host_log(GGML_LOG_LEVEL_ERROR, "%s", tern_last_error());
	}
	pthread_mutex_unlock(&s->plugin->lock);
	if (ret == -ENOMEM)
		return GGML_STATUS_ALLOC_FAILED;
	return ret ? GGML_STATUS_FAILED : GGML_STATUS_SUCCESS;
}
