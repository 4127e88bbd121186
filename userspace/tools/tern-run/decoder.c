// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "decoder.h"

struct decoder {
	const struct model *m;
	struct decoder_params p;
	struct tern_device *dev;
	struct tern_buffer *weights, *cache, *tokens, *positions, *rows, *logits;
	struct tern_program *prog;
	struct tern_session *session;
	struct build layout; /* which storage is which */
	uint32_t compiled;
	int stopped; /* atomic */
};

/* The library's message becomes ours. */
static int pass_on(int rc, const char *what, char *err, size_t errlen)
{
	return gguf_fail(rc, err, errlen, "%s: %s", what, tern_last_error());
}

static int make_buffers(struct decoder *d, char *err, size_t errlen)
{
	const struct gguf *g = d->m->gguf;
	uint64_t rows = d->p.all_logits ? d->p.batch : 1;
	struct {
		struct tern_buffer **buf;
		uint64_t size;
	} bufs[] = {
		{&d->cache, d->layout.cache_bytes},	   {&d->tokens, 4ull * d->p.batch},
		{&d->positions, 4ull * d->p.batch},	   {&d->rows, 8ull * d->p.batch},
		{&d->logits, 4ull * rows * d->m->n_vocab},
	};
	/* cast: the mapping is read-only, and so is the device's view of it */
	int rc = tern_buffer_wrap(d->dev, (void *)(uintptr_t)g->base, g->size, TERN_WRAP_READ_ONLY,
				  &d->weights);

	for (size_t i = 0; !rc && i < sizeof(bufs) / sizeof(bufs[0]); i++)
		rc = tern_buffer_create(d->dev, bufs[i].size, bufs[i].buf);
	return rc ? pass_on(rc, "buffers", err, errlen) : 0;
}

static int bind_all(struct decoder *d, char *err, size_t errlen)
{
	const struct build *b = &d->layout;
	struct tern_buffer *by_role[] = {
		[BUILD_WEIGHT] = d->weights, [BUILD_CACHE] = d->cache,
		[BUILD_TOKENS] = d->tokens,  [BUILD_POSITIONS] = d->positions,
		[BUILD_ROWS] = d->rows,	     [BUILD_LOGITS] = d->logits,
	};
	struct tern_binding *bind = calloc(b->nstorages, sizeof(*bind));
	int rc;

	if (!bind)
		return gguf_fail(-ENOMEM, err, errlen, "out of memory");
	for (uint32_t i = 0; i < b->nstorages; i++)
		if (b->role[i] != BUILD_SCRATCH)
			bind[i] = (struct tern_binding){by_role[b->role[i]], b->bind_offset[i]};
	rc = tern_session_bind(d->session, bind, b->nstorages);
	free(bind);
	return rc ? pass_on(rc, "binding", err, errlen) : 0;
}

static int compile(struct decoder *d, char *err, size_t errlen)
{
	struct tern_graph *graph;
	int rc = build_graph(&d->layout, d->m, d->p.ctx, d->p.batch, d->p.all_logits, &graph, err,
			     errlen);

	if (rc)
		return rc;
	rc = tern_compile(d->dev, graph, &d->prog);
	tern_graph_destroy(graph);
	if (rc)
		return pass_on(rc, "compiling", err, errlen);
	d->compiled++;
	rc = tern_session_create(d->prog, &d->session);
	return rc ? pass_on(rc, "session", err, errlen) : 0;
}

int decoder_create(const struct model *m, const struct decoder_params *p, struct decoder **out,
		   char *err, size_t errlen)
{
	struct decoder *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return gguf_fail(-ENOMEM, err, errlen, "out of memory");
	d->m = m;
	d->p = *p;
	rc = tern_device_open(p->device, &d->dev);
	if (rc)
		rc = gguf_fail(rc, err, errlen, "%s", tern_last_error());
	if (!rc)
		rc = compile(d, err, errlen);
	if (!rc)
		rc = make_buffers(d, err, errlen);
	if (!rc)
		rc = bind_all(d, err, errlen);
	if (rc) {
		decoder_destroy(d);
		return rc;
	}
	*out = d;
	return 0;
}

void decoder_destroy(struct decoder *d)
{
	if (!d)
		return;
	tern_session_destroy(d->session);
	tern_program_destroy(d->prog);
	tern_buffer_destroy(d->weights);
	tern_buffer_destroy(d->cache);
	tern_buffer_destroy(d->tokens);
	tern_buffer_destroy(d->positions);
	tern_buffer_destroy(d->rows);
	tern_buffer_destroy(d->logits);
	tern_device_close(d->dev);
	build_fini(&d->layout);
	free(d);
}

static bool stopped(const struct decoder *d)
{
	return __atomic_load_n(&d->stopped, __ATOMIC_SEQ_CST);
}

/*
 * A session forgets stops from before a run. What is submitted can be stopped, though, so look
 * once more after that: a stop comes either before this look, or finds the run in flight.
 */
static int run(struct decoder *d, const int64_t *symbols)
{
	struct tern_fence *fence;
	int rc = tern_session_submit(d->session, symbols, BUILD_NSYMBOLS, &fence);

	if (rc)
		return rc;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (stopped(d))
		tern_session_stop(d->session);
	rc = tern_fence_wait(fence, -1);
	tern_fence_destroy(fence);
	return rc;
}

int decoder_run(struct decoder *d, const int32_t *tokens, uint32_t n, uint32_t past,
		const float **logits, char *err, size_t errlen)
{
	int32_t *tok = tern_buffer_data(d->tokens), *pos = tern_buffer_data(d->positions);
	int64_t *row = tern_buffer_data(d->rows), symbols[BUILD_NSYMBOLS];
	int rc;

	if (!n || n > d->p.batch || past + n > d->p.ctx)
		return gguf_fail(-EINVAL, err, errlen,
				 "%u tokens at position %u exceed a batch of %u or a context of %u",
				 n, past, d->p.batch, d->p.ctx);
	for (uint32_t i = 0; i < n; i++) {
		tok[i] = tokens[i];
		pos[i] = (int32_t)(past + i);
		row[i] = past + i;
	}
	symbols[BUILD_SYM_TOKENS] = n;
	symbols[BUILD_SYM_POSITIONS] = past + n;
	if (stopped(d))
		return gguf_fail(-EINTR, err, errlen, "the run was stopped before it began");
	rc = run(d, symbols);
	if (rc)
		return gguf_fail(rc, err, errlen, "%s", tern_last_error());
	*logits = tern_buffer_data(d->logits);
	return 0;
}

void decoder_stop(struct decoder *d)
{
	__atomic_store_n(&d->stopped, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	tern_session_stop(d->session);
}

struct tern_session *decoder_session(struct decoder *d)
{
	return d->session;
}

struct tern_program *decoder_program(struct decoder *d)
{
	return d->prog;
}

struct tern_device *decoder_device(struct decoder *d)
{
	return d->dev;
}

uint32_t decoder_compiled(const struct decoder *d)
{
	return d->compiled;
}

uint32_t decoder_batch(const struct decoder *d)
{
	return d->p.batch;
}
