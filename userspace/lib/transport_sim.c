// SPDX-License-Identifier: MIT
/* The NPU as a model in this process: no module, no root, the same commands and faults. */
#include "lib/clock.h"
#include "lib/transport.h"
#include "graph/graph.h"

#include <errno.h>
#include <stdlib.h>

struct sim_transport {
	struct tern_transport base;
	struct tern_va va;
	struct tern_sim *sim;
	pthread_mutex_t busy; /* the model runs one job at a time, as the hardware does */
};

struct tern_context {
	struct sim_transport *owner;
	struct tern_map map;
};

static struct sim_transport *of(struct tern_transport *t)
{
	return (struct sim_transport *)t; /* base is the first member */
}

static void sim_destroy(struct tern_transport *t)
{
	struct sim_transport *s = of(t);

	tern_sim_destroy(s->sim);
	tern_va_fini(&s->va);
	pthread_mutex_destroy(&s->busy);
	free(s);
}

static int sim_alloc(struct tern_transport *t, uint64_t size, struct tern_mem *mem)
{
	return tern_host_alloc(&of(t)->va, size, mem);
}

static int sim_wrap(struct tern_transport *t, void *host, uint64_t size, bool read_only,
		    struct tern_mem *mem)
{
	return tern_host_wrap(&of(t)->va, host, size, read_only, mem);
}

static void sim_free(struct tern_transport *t, struct tern_mem *mem)
{
	tern_host_free(&of(t)->va, mem);
}

static int sim_context_create(struct tern_transport *t, size_t nops, struct tern_context **out)
{
	(void)nops;
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return tern_fail(-ENOMEM, "no memory for a context");
	(*out)->owner = of(t);
	return 0;
}

static void sim_context_destroy(struct tern_context *c)
{
	if (!c)
		return;
	tern_map_fini(&c->map);
	free(c);
}

static int sim_map(struct tern_context *c, const struct tern_mapping *list, size_t n)
{
	return tern_map_set(&c->map, list, n);
}

static int sim_run(struct tern_context *c, struct tern_run *run)
{
	struct tern_sim_run r = {
		.job = run->job,
		.mem = {.translate = tern_map_translate, .ctx = &c->map},
		.event = run->tracer ? run->tracer->event : NULL,
		.event_ctx = run->tracer ? run->tracer->ctx : NULL,
		.ops = run->ops,
		.nops = run->nops,
		.stop = run->stop,
	};
	int ret;

	if (!tern_lock_unless(&c->owner->busy, run->stop))
		return -EINTR;
	ret = tern_sim_run(c->owner->sim, &r);
	pthread_mutex_unlock(&c->owner->busy);
	run->counters = r.counters;
	run->fault = r.fault;
	return ret ? tern_fail(ret, "the host ran out of memory for the model of the NPU") : 0;
}

int tern_transport_sim(const struct tern_caps *caps, const struct tern_sim_options *opt,
		       struct tern_transport **out)
{
	static const struct tern_transport_ops ops = {
		.destroy = sim_destroy,
		.alloc = sim_alloc,
		.wrap = sim_wrap,
		.free = sim_free,
		.context_create = sim_context_create,
		.context_destroy = sim_context_destroy,
		.map = sim_map,
		.run = sim_run,
	};
	struct sim_transport *s = calloc(1, sizeof(*s));
	char err[256] = "";
	int ret;

	if (!s)
		return tern_fail(-ENOMEM, "no memory for a device");
	s->base.ops = &ops;
	ret = tern_sim_create(caps, opt, &s->sim, err, sizeof(err));
	if (ret) {
		free(s);
		return tern_fail(ret, "%s",
				 err[0] ? err : "the model of the NPU could not be made");
	}
	tern_va_init(&s->va);
	pthread_mutex_init(&s->busy, NULL);
	*out = &s->base;
	return 0;
}
