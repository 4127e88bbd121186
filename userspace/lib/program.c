// SPDX-License-Identifier: MIT
/* Programs: compiled, counted, shared. */
#include "lib/program.h"
#include "lib/clock.h"
#include "lib/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- lifetime ------------------------------------------------------------------------ */

struct tern_program *tern_program_ref(struct tern_program *prog)
{
	atomic_fetch_add_explicit(&prog->refs, 1, memory_order_relaxed);
	return prog;
}

static void program_free(struct tern_program *p)
{
	uint32_t i;

	for (i = 0; p->code && i < p->part.nsegs; i++)
		tern_npu_code_fini(&p->code[i]);
	free(p->code);
	if (p->images.host)
		p->dev->transport->ops->free(p->dev->transport, &p->images);
	tern_layout_fini(&p->layout);
	tern_work_plan_fini(&p->work);
	tern_work_plan_fini(&p->head);
	tern_partition_fini(&p->part);
	tern_graph_destroy(p->graph);
	tern_device_unref(p->dev);
	free(p->written);
	free(p->align);
	free(p);
}

void tern_program_unref(struct tern_program *prog)
{
	if (atomic_fetch_sub_explicit(&prog->refs, 1, memory_order_acq_rel) == 1)
		program_free(prog);
}

void tern_program_destroy(struct tern_program *prog)
{
	if (prog)
		tern_program_unref(prog);
}

int tern_program_new(struct tern_device *dev, struct tern_graph *graph, struct tern_program **out)
{
	struct tern_program *p = calloc(1, sizeof(*p));

	if (!p) {
		tern_graph_destroy(graph);
		return tern_fail(-ENOMEM, "no memory for a program");
	}
	atomic_init(&p->refs, 1);
	p->dev = tern_device_ref(dev);
	p->graph = graph;
	*out = p;
	return 0;
}

/* ---- what derives from partition and code ----------------------------------------------- */

static void note_access(struct tern_program *p, uint32_t tensor, bool write)
{
	const struct tern_tensor_desc *t = &p->graph->tensors[tensor];
	const struct tern_dtype_info *info = tern_dtype_info(t->type);

	if (write)
		p->written[t->storage] = true;
	if (info->align > p->align[t->storage])
		p->align[t->storage] = info->align;
}

static int note_storages(struct tern_program *p)
{
	const struct tern_graph *g = p->graph;
	uint32_t i;
	int s;

	p->written = calloc(g->nstorages + 1u, sizeof(*p->written));
	p->align = calloc(g->nstorages + 1u, sizeof(*p->align));
	if (!p->written || !p->align)
		return tern_fail(-ENOMEM, "no memory for a program of %u storages", g->nstorages);
	memset(p->align, 1, g->nstorages);
	for (i = 0; i < g->nops; i++) {
		for (s = 0; s < TERN_MAX_SRC; s++) {
			if (g->ops[i].src[s] != TERN_NO_TENSOR)
				note_access(p, g->ops[i].src[s], false);
		}
		note_access(p, g->ops[i].dst, true);
	}
	return 0;
}

static int place_images(struct tern_program *p)
{
	const struct tern_transport_ops *ops = p->dev->transport->ops;
	uint32_t i;
	int ret;

	if (!p->layout.image_bytes)
		return 0;
	ret = ops->alloc(p->dev->transport, p->layout.image_bytes, &p->images);
	for (i = 0; i < p->part.nsegs && !ret; i++) {
		if (p->code[i].words)
			memcpy(p->images.host + p->layout.image[i], p->code[i].image,
			       p->code[i].words * sizeof(uint64_t));
	}
	return ret;
}

int tern_program_finish(struct tern_program *p)
{
	uint32_t i;
	int ret;

	for (i = 0; i < p->part.nsegs; i++) {
		p->image_words += p->code[i].words;
		if (p->part.segs[i].npu)
			p->npu_ops += p->part.segs[i].n;
		else
			p->cpu_ops += p->part.segs[i].n;
	}
	ret = note_storages(p);
	if (!ret)
		ret = tern_work_plan(p->graph, 0, &p->work);
	if (!ret)
		ret = tern_work_plan(p->graph, tern_graph_head(p->graph), &p->head);
	if (!ret)
		ret = tern_layout_make(p, &p->layout);
	if (!ret)
		ret = place_images(p);
	return ret;
}

/* ---- compiling ------------------------------------------------------------------------ */

static int compile_npu(struct tern_program *p, uint32_t segment, struct tern_plan **plan)
{
	const struct tern_segment *s = &p->part.segs[segment];
	int ret = *plan ? 0 : tern_plan_create(p->graph, plan);

	return ret ? ret
		   : tern_compile_npu(&p->dev->target, *plan, s->first, s->n, &p->code[segment]);
}

static int compile_segments(struct tern_program *p)
{
	struct tern_plan *plan = NULL;
	uint32_t i;
	int ret;

	ret = tern_partition(&p->dev->target, p->graph, &p->part);
	if (ret)
		return ret;
	p->code = calloc(p->part.nsegs + 1u, sizeof(*p->code));
	if (!p->code)
		return tern_fail(-ENOMEM, "no memory for %u segments", p->part.nsegs);
	for (i = 0; i < p->part.nsegs && !ret; i++)
		if (p->part.segs[i].npu)
			ret = compile_npu(p, i, &plan);
	tern_plan_destroy(plan);
	return ret;
}

static struct tern_graph *copy_of(const struct tern_graph *g)
{
	const struct tern_graph_desc desc = {
		.storages = g->storages,
		.tensors = g->tensors,
		.ops = g->ops,
		.symbols = g->symbols,
		.nstorages = g->nstorages,
		.ntensors = g->ntensors,
		.nops = g->nops,
		.nsymbols = g->nsymbols,
	};

	return tern_graph_copy(&desc);
}

int tern_compile(struct tern_device *dev, const struct tern_graph *graph, struct tern_program **out)
{
	uint64_t start = tern_now_ns();
	struct tern_program *p = NULL;
	struct tern_graph *copy;
	int ret;

	if (!dev || !graph || !out)
		return tern_fail(-EINVAL, "tern_compile: dev, graph and out must not be NULL");
	*out = NULL;
	copy = copy_of(graph);
	if (!copy)
		return tern_fail(-ENOMEM, "no memory to copy a graph of %u operators", graph->nops);
	ret = tern_program_new(dev, copy, &p);
	if (ret)
		return ret;
	ret = compile_segments(p);
	if (!ret)
		ret = tern_program_finish(p);
	if (ret) {
		tern_program_unref(p);
		return ret;
	}
	p->compile_ns = tern_now_ns() - start;
	tern_log(TERN_LOG_INFO,
		 "compiled %" PRIu64 " NPU and %" PRIu64 " CPU operators in %" PRIu64 " us",
		 p->npu_ops, p->cpu_ops, p->compile_ns / 1000);
	*out = p;
	return 0;
}

/* ---- what it is ------------------------------------------------------------------------- */

int tern_program_get(const struct tern_program *prog, enum tern_program_attr attr, uint64_t *value)
{
	if (!prog || !value)
		return tern_fail(-EINVAL, "tern_program_get: prog and value must not be NULL");
	switch (attr) {
	case TERN_PROGRAM_NPU_OPS:
		*value = prog->npu_ops;
		return 0;
	case TERN_PROGRAM_CPU_OPS:
		*value = prog->cpu_ops;
		return 0;
	case TERN_PROGRAM_IMAGE_BYTES:
		*value = prog->image_words * sizeof(uint64_t);
		return 0;
	case TERN_PROGRAM_SCRATCH_BYTES:
		*value = prog->layout.scratch_bytes;
		return 0;
	case TERN_PROGRAM_COMPILE_NS:
		*value = prog->compile_ns;
		return 0;
	case TERN_PROGRAM_SEGMENTS:
		*value = prog->part.nsegs;
		return 0;
	}
	return tern_fail(-EINVAL, "tern_program_get: attribute %d is unknown", (int)attr);
}

uint32_t tern_program_segment(const struct tern_program *p, uint32_t op)
{
	uint32_t lo = 0, hi = p->part.nsegs - 1;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->part.segs[mid].first + p->part.segs[mid].n > op)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

uint32_t tern_program_owner(const struct tern_program *p, uint32_t op)
{
	uint32_t seg = tern_program_segment(p, op);
	const struct tern_npu_code *c = &p->code[seg];

	return c->fused ? c->fused[op - p->part.segs[seg].first] : op;
}
