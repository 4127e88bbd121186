// SPDX-License-Identifier: MIT
/* Sessions: their memory and lifetime. */
#include "lib/session.h"

#include <errno.h>
#include <stdlib.h>

static int alloc_memory(struct tern_session *s)
{
	const struct tern_layout *l = &s->prog->layout;
	struct tern_transport *t = s->prog->dev->transport;
	int ret = 0;

	if (s->lent)
		s->scratch = s->lent->mem;
	else if (l->scratch_bytes)
		ret = t->ops->alloc(t, l->scratch_bytes, &s->scratch);
	if (!ret && l->args_bytes)
		ret = t->ops->alloc(t, l->args_bytes, &s->args);
	if (!ret && s->prog->npu_ops)
		ret = t->ops->context_create(t, s->prog->graph->nops, &s->ctx);
	return ret;
}

static int alloc_tables(struct tern_session *s)
{
	const struct tern_graph *g = s->prog->graph;

	s->bind = calloc(g->nstorages + 1u, sizeof(*s->bind));
	s->job_ops = calloc(g->nops + 1u, sizeof(*s->job_ops));
	s->run_ops = calloc(g->nops + 1u, sizeof(*s->run_ops));
	s->ops = calloc(g->nops + 1u, sizeof(*s->ops));
	if (s->bind && s->job_ops && s->run_ops && s->ops)
		return 0;
	return tern_fail(-ENOMEM, "no memory for a session of %u operators", g->nops);
}

static int end_trace(struct tern_session *s)
{
	const struct tern_transport_ops *ops = s->prog->dev->transport->ops;
	struct tern_trace *t = s->trace;

	if (!t)
		return 0;
	s->trace = NULL;
	if (s->ctx && ops->trace_stop)
		ops->trace_stop(s->ctx, &t->tracer);
	return tern_trace_end(t);
}

static int begin_trace(struct tern_session *s, FILE *out)
{
	const struct tern_transport_ops *ops = s->prog->dev->transport->ops;
	enum tern_trace_kind kind = TERN_TRACE_LAID_OUT;

	if (s->ctx && ops->trace_start)
		kind = ops->trace_start(s->ctx) ? TERN_TRACE_NO_LIFE : TERN_TRACE_MEASURED;
	s->trace = tern_trace_start(out, s->prog->graph, s->prog->dev->target.caps.clock_khz, kind);
	if (s->trace)
		return 0;
	if (kind == TERN_TRACE_MEASURED)
		ops->trace_stop(s->ctx, NULL);
	return tern_fail(-ENOMEM, "no memory for a trace");
}

static void session_free(struct tern_session *s)
{
	struct tern_transport *t = s->prog->dev->transport;

	tern_worker_destroy(s->worker);
	end_trace(s);
	if (s->ctx)
		t->ops->context_destroy(s->ctx);
	if (s->args.host)
		t->ops->free(t, &s->args);
	if (s->lent)
		tern_buffer_unref(s->lent);
	else if (s->scratch.host)
		t->ops->free(t, &s->scratch);
	tern_session_unbind_all(s);
	free(s->job_ops);
	free(s->run_ops);
	free(s->ops);
	pthread_mutex_destroy(&s->lock);
	tern_program_unref(s->prog);
	free(s);
}

static int new_session(struct tern_program *prog, struct tern_buffer *scratch,
		       struct tern_session **out)
{
	struct tern_session *s;
	int ret;

	s = calloc(1, sizeof(*s));
	if (!s)
		return tern_fail(-ENOMEM, "no memory for a session");
	s->prog = tern_program_ref(prog);
	s->lent = scratch ? tern_buffer_ref(scratch) : NULL;
	s->dirty = true;
	pthread_mutex_init(&s->lock, NULL);
	ret = alloc_tables(s);
	if (!ret)
		ret = alloc_memory(s);
	if (ret) {
		session_free(s);
		return ret;
	}
	*out = s;
	return 0;
}

int tern_session_create(struct tern_program *prog, struct tern_session **out)
{
	if (!prog || !out)
		return tern_fail(-EINVAL, "tern_session_create: prog and out must not be NULL");
	*out = NULL;
	return new_session(prog, NULL, out);
}

/* Wrapped memory has neighbours in its first and last page, which a job could write. */
static int check_scratch(const struct tern_program *p, const struct tern_buffer *scratch)
{
	const struct tern_graph *g = p->graph;

	if (scratch->dev != p->dev)
		return tern_fail(-EXDEV,
				 "the scratch is of device %s, the program runs on another that "
				 "was opened as %s",
				 scratch->dev->name, p->dev->name);
	if (!scratch->mem.owned)
		return tern_fail(-EINVAL, "memory that a buffer wraps cannot be scratch");
	if (scratch->mem.size < p->layout.scratch_bytes)
		return tern_fail(-ERANGE, "the program needs %llu bytes of scratch, not %llu",
				 (unsigned long long)p->layout.scratch_bytes,
				 (unsigned long long)scratch->mem.size);
	for (uint32_t i = 0; i < g->nstorages; i++) {
		if (g->storages[i].flags & TERN_STORAGE_KEEP)
			return tern_fail(-EINVAL,
					 "storage %u '%s' is marked TERN_STORAGE_KEEP, and what is "
					 "in shared scratch cannot be kept",
					 i, g->storages[i].name ? g->storages[i].name : "");
	}
	return 0;
}

int tern_session_create_in(struct tern_program *prog, struct tern_buffer *scratch,
			   struct tern_session **out)
{
	int ret;

	if (!prog || !scratch || !out)
		return tern_fail(-EINVAL, "tern_session_create_in: prog, scratch and out must not "
					  "be NULL");
	*out = NULL;
	ret = check_scratch(prog, scratch);
	return ret ? ret : new_session(prog, scratch, out);
}

void tern_session_destroy(struct tern_session *s)
{
	if (!s)
		return;
	tern_session_stop(s);
	session_free(s);
}

/* Nothing but one store: signal handlers call it. */
void tern_session_stop(struct tern_session *s)
{
	if (s)
		__atomic_store_n(&s->stop, 1, __ATOMIC_RELAXED);
}

void *tern_session_storage(struct tern_session *s, uint32_t storage)
{
	const struct tern_storage_desc *st;

	if (!s || storage >= s->prog->graph->nstorages) {
		tern_fail(-EINVAL, "tern_session_storage: there is no storage %u", storage);
		return NULL;
	}
	st = &s->prog->graph->storages[storage];
	if (!(st->flags & TERN_STORAGE_KEEP)) {
		tern_fail(-EINVAL,
			  "storage %u '%s' is not marked TERN_STORAGE_KEEP, so it holds nothing "
			  "after a run",
			  storage, st->name ? st->name : "");
		return NULL;
	}
	if (s->prog->layout.storage[storage] == TERN_NOT_SCRATCH || !s->scratch.host) {
		tern_fail(-ENODATA, "storage %u '%s' is used by no operator", storage,
			  st->name ? st->name : "");
		return NULL;
	}
	return tern_session_host(s, storage);
}

int tern_session_trace(struct tern_session *s, FILE *out)
{
	int ret = 0;

	if (!s)
		return tern_fail(-EINVAL, "tern_session_trace: s must not be NULL");
	pthread_mutex_lock(&s->lock);
	if (s->busy) {
		ret = tern_fail(-EBUSY, "a run is under way: wait for its fence, then trace");
	} else {
		ret = end_trace(s);
		if (!ret && out)
			ret = begin_trace(s, out);
	}
	pthread_mutex_unlock(&s->lock);
	return ret;
}
