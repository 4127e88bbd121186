/* SPDX-License-Identifier: MIT */
/*
 * Graphs of ggml made by hand, as its graph builder leaves them: a set of all tensors with how
 * often nodes name each as a source, of which a split is a range of nodes. Operators have numbers
 * of this file's: the plugin asks the host for names. Every tensor is a row of numbers that
 * the arithmetic here cannot round.
 */
#ifndef TERN_TESTS_GGML_FIXTURE_H
#define TERN_TESTS_GGML_FIXTURE_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ggml/abi_v3.h"
#include "ggml/host.h"
#include "ggml/plugin.h"

#define ROW	     64
#define ROW_BYTES    (ROW * sizeof(float))
#define MOST_TENSORS 64
#define MOST_SLOTS   128
#define POISON	     1e30f

enum { OP_NONE, OP_VIEW, OP_NEG, OP_SCALE, OP_ADD, OP_MUL, OP_RMS_NORM, OP_ODD };
static const char *const op_names[] = {"NONE", "VIEW", "NEG",	   "SCALE",
				       "ADD",  "MUL",  "RMS_NORM", "UNHEARD_OF"};

static const char *op_desc(const struct ggml_tensor *t)
{
	return op_names[t->op];
}

static inline struct ggml_backend_buffer *buffer_init(struct ggml_backend_buffer_type *buft,
						      struct ggml_backend_buffer_i iface,
						      void *context, size_t size)
{
	struct ggml_backend_buffer *buf = calloc(1, sizeof(*buf));

	ck_assert_ptr_nonnull(buf);
	*buf = (struct ggml_backend_buffer){iface, buft, context, size, 0};
	return buf;
}

struct bench {
	struct plugin plugin;
	struct ggml_backend *stream;
	struct ggml_backend_buffer *compute, *cache, *weights, *foreign;
	struct ggml_backend_buffer_type others; /* type of the foreign buffer */
	float foreign_data[MOST_TENSORS * ROW];
	struct ggml_tensor tensors[MOST_TENSORS], *nodes[MOST_TENSORS];
	int ntensors, nnodes;
	size_t taken; /* of each buffer */
	struct ggml_tensor *keys[MOST_SLOTS];
	uint32_t used[MOST_SLOTS / 32];
	int32_t counts[MOST_SLOTS];
	size_t nslots;
	struct capture capture;
	char why[256];
};
static struct bench b;

static inline struct ggml_backend_buffer *buffer_of(enum ggml_backend_buffer_usage usage)
{
	struct ggml_backend_buffer_type *buft =
		b.stream->device->iface.get_buffer_type(b.stream->device);
	struct ggml_backend_buffer *buf = buft->iface.alloc_buffer(buft, MOST_TENSORS * ROW_BYTES);

	ck_assert_ptr_nonnull(buf);
	buf->usage = usage;
	return buf;
}

static inline void setup_on(const char *name)
{
	struct ggml_backend_reg *reg;
	struct ggml_backend_device *device;

	memset(&b, 0, sizeof(b));
	host.ggml_op_desc = op_desc;
	memcpy(&host.ggml_backend_buffer_init, &(void *){(void *)buffer_init}, sizeof(void *));
	pthread_mutex_init(&b.plugin.lock, NULL);
	pthread_mutex_init(&b.plugin.queues.lock, NULL);
	pthread_cond_init(&b.plugin.queues.changed, NULL);
	ck_assert_int_eq(tern_device_open(name, &b.plugin.dev), 0);
	reg = plugin_registry_v3(&b.plugin);
	device = reg->iface.get_device(reg, 0);
	b.stream = device->iface.init_backend(device, NULL);
	b.stream->device = device;
	b.compute = buffer_of(GGML_BACKEND_BUFFER_USAGE_COMPUTE);
	b.cache = buffer_of(GGML_BACKEND_BUFFER_USAGE_ANY);
	b.weights = buffer_of(GGML_BACKEND_BUFFER_USAGE_WEIGHTS);
	b.foreign = calloc(1, sizeof(*b.foreign));
	b.foreign->buft = &b.others;
	b.foreign->context = b.foreign_data; /* whatever others keep there */
	b.foreign->usage = GGML_BACKEND_BUFFER_USAGE_COMPUTE;
	b.nslots = MOST_SLOTS;
	b.capture.dev = b.plugin.dev;
}

static inline void setup(void)
{
	setup_on("sim:small");
}

static inline void free_buffer(struct ggml_backend_buffer *buf)
{
	buf->iface.free_buffer(buf);
	free(buf);
}

static inline void teardown(void)
{
	capture_fini(&b.capture);
	b.stream->iface.free(b.stream);
	free_buffer(b.compute);
	free_buffer(b.cache);
	free_buffer(b.weights);
	free(b.foreign);
	tern_device_close(b.plugin.dev);
}

/* ---- tensors ------------------------------------------------------------------------------ */

static inline float *base_of(struct ggml_backend_buffer *buf)
{
	return buf == b.foreign ? b.foreign_data : buf->iface.get_base(buf);
}

static inline struct ggml_tensor *tensor(struct ggml_backend_buffer *buf, size_t at)
{
	struct ggml_tensor *t = &b.tensors[b.ntensors++];

	ck_assert_int_le(b.ntensors, MOST_TENSORS);
	*t = (struct ggml_tensor){.buffer = buf, .ne = {ROW, 1, 1, 1}};
	t->nb[0] = sizeof(float);
	t->nb[1] = t->nb[2] = t->nb[3] = ROW_BYTES;
	t->data = base_of(buf) + at * ROW;
	snprintf(t->name, sizeof(t->name), "t%d", b.ntensors);
	return t;
}

/* A leaf with small whole numbers in it. */
static inline struct ggml_tensor *leaf(struct ggml_backend_buffer *buf)
{
	struct ggml_tensor *t = tensor(buf, b.taken++);

	for (int i = 0; i < ROW; i++)
		((float *)t->data)[i] = (float)((i * 7 + b.ntensors) % 13 - 6);
	return t;
}

static inline struct ggml_tensor *as_node(struct ggml_tensor *t, int op, struct ggml_tensor *x,
					  struct ggml_tensor *y)
{
	const float half = 0.5f;

	t->op = op;
	t->flags = GGML_TENSOR_FLAG_COMPUTE;
	t->src[0] = x;
	t->src[1] = y;
	if (op == OP_SCALE)
		memcpy(t->op_params, &half, sizeof(half));
	b.nodes[b.nnodes++] = t;
	return t;
}

/* A result with bytes of its own, or at(...) where the allocator put it. */
static inline struct ggml_tensor *at(size_t place, int op, struct ggml_tensor *x,
				     struct ggml_tensor *y)
{
	return as_node(tensor(b.compute, place), op, x, y);
}

static inline struct ggml_tensor *in(struct ggml_backend_buffer *buf, int op, struct ggml_tensor *x,
				     struct ggml_tensor *y)
{
	return as_node(tensor(buf, b.taken++), op, x, y);
}

static inline struct ggml_tensor *node(int op, struct ggml_tensor *x, struct ggml_tensor *y)
{
	return in(b.compute, op, x, y);
}

/* A result in the bytes of its first source, as ggml_scale_inplace() and OP_VIEW have it. */
static inline struct ggml_tensor *over(struct ggml_tensor *x, int op)
{
	struct ggml_tensor *t = tensor(b.compute, 0);

	t->buffer = NULL; /* its root has one */
	t->view_src = x->view_src ? x->view_src : x;
	t->data = x->data;
	return as_node(t, op, x, NULL);
}

/* The second half of a row, or a result of that size. */
static inline struct ggml_tensor *halved(struct ggml_tensor *t)
{
	t->ne[0] = ROW / 2;
	t->nb[1] = t->nb[2] = t->nb[3] = ROW_BYTES / 2;
	if (t->op == OP_VIEW) {
		t->view_offs = ROW_BYTES / 2;
		t->data = (float *)t->data + ROW / 2;
	}
	return t;
}

/* ---- graphs ----------------------------------------------------------------------------------- */

static inline size_t slot_of(const struct ggml_tensor *t)
{
	size_t i = ((uintptr_t)t >> 4) % b.nslots;

	while ((b.used[i / 32] >> i % 32 & 1) && b.keys[i] != t)
		i = (i + 1) % b.nslots;
	b.used[i / 32] |= 1u << i % 32;
	b.keys[i] = (struct ggml_tensor *)(uintptr_t)t;
	return i;
}

/* Nodes [first, first + n) of all. */
static inline struct ggml_cgraph split(int first, int n)
{
	memset(b.used, 0, sizeof(b.used));
	memset(b.counts, 0, sizeof(b.counts));
	for (int i = 0; i < b.nnodes; i++) {
		slot_of(b.nodes[i]);
		for (int s = 0; s < GGML_MAX_SRC; s++) {
			if (b.nodes[i]->src[s])
				b.counts[slot_of(b.nodes[i]->src[s])]++;
		}
	}
	return (struct ggml_cgraph){.size = MOST_TENSORS,
				    .n_nodes = n,
				    .nodes = b.nodes + first,
				    .use_counts = b.counts,
				    .visited = {b.nslots, b.used, b.keys}};
}

static inline const struct graph_access *access_v3(void)
{
	return ((struct stream *)b.stream->context)->access;
}

static inline int capture(const struct ggml_cgraph *graph)
{
	return capture_graph(&b.capture, access_v3(), graph, b.why, sizeof(b.why));
}

static inline void captured(int first, int n)
{
	struct ggml_cgraph graph = split(first, n);

	ck_assert_msg(!capture(&graph), "%s", b.why);
}

/* Is it a node that a captured one was folded into, from the norm on? */
static inline bool folded(const struct ggml_tensor *t)
{
	const struct capture *c = &b.capture;

	for (uint32_t i = 0; i < c->nops; i++) {
		const struct ggml_tensor *n = c->nodes[i];

		if (c->ops[i].op != TERN_RMS_NORM)
			continue;
		for (; n->op != OP_RMS_NORM; n = n->src[0])
			if (n->src[0] == t)
				return true;
	}
	return false;
}

/* Is nothing in the capture to write that result, which it has, where ggml put it? */
static inline bool elided(const struct ggml_tensor *t)
{
	const struct capture *c = &b.capture;

	for (uint32_t i = 0; i < c->nops; i++) {
		if (c->nodes[i] == t)
			return !(c->storages[c->tensors[c->ops[i].dst].storage].flags &
				 TERN_STORAGE_BOUND);
	}
	ck_assert_msg(folded(t), "%s was not captured", t->name);
	return true;
}

/* ---- what the nodes mean ------------------------------------------------------------------ */

static inline float mean_square(const float *x)
{
	double sum = 0;

	for (int i = 0; i < ROW; i++)
		sum += (double)x[i] * (double)x[i];
	return (float)(sum / ROW);
}

static inline float element(const struct ggml_tensor *t, const float *x, const float *y, int i)
{
	switch (t->op) {
	case OP_NEG:
		return -x[i];
	case OP_SCALE:
		return 0.5f * x[i];
	case OP_ADD:
		return x[i] + y[i];
	case OP_MUL:
		return x[i] * y[i];
	case OP_RMS_NORM:
		return x[i] / sqrtf(mean_square(x));
	default:
		return NAN;
	}
}

static inline void interpret(const struct ggml_tensor *t)
{
	float out[ROW];

	if (t->op == OP_VIEW || !(t->flags & GGML_TENSOR_FLAG_COMPUTE))
		return;
	for (int i = 0; i < t->ne[0]; i++)
		out[i] = element(t, t->src[0]->data, t->src[1] ? t->src[1]->data : NULL, i);
	memcpy(t->data, out, t->nb[1]);
}

/* Everything that was not computed yet is poison, and the split begins. */
static inline void prepare(int first)
{
	for (int i = 0; i < b.nnodes; i++) {
		if (b.nodes[i]->view_src || b.nodes[i]->buffer == b.foreign)
			continue;
		for (int e = 0; e < ROW; e++)
			((float *)b.nodes[i]->data)[e] = POISON;
	}
	for (int i = 0; i < first; i++)
		interpret(b.nodes[i]);
}

static inline void compute(int first, int n)
{
	struct ggml_cgraph graph = split(first, n);

	ck_assert_int_eq(b.stream->iface.graph_compute(b.stream, &graph), GGML_STATUS_SUCCESS);
	b.stream->iface.synchronize(b.stream);
}

static inline void same(const struct ggml_tensor *t, const float *want)
{
	const float *got = t->data;

	for (int i = 0; i < t->ne[0]; i++)
		ck_assert_msg(fabsf(got[i] - want[i]) <= 1e-5f * fabsf(want[i]),
			      "%s[%d] is %g, and should be %g", t->name, i, (double)got[i],
			      (double)want[i]);
}

/* The split writes what `seen` (up to NULL) names, and with these values. */
static inline void writes(int first, int n, const struct ggml_tensor *const *seen)
{
	float want[8][ROW];
	int k;

	captured(first, n);
	for (k = 0; seen[k]; k++)
		ck_assert_msg(!elided(seen[k]), "%s is elided, but may be seen", seen[k]->name);
	prepare(first);
	for (int i = first; i < first + n; i++)
		interpret(b.nodes[i]);
	for (k = 0; seen[k]; k++)
		memcpy(want[k], seen[k]->data, seen[k]->nb[1]);
	prepare(first);
	compute(first, n);
	for (k = 0; seen[k]; k++)
		same(seen[k], want[k]);
}
#define WRITES(first, n, ...) \
	writes(first, n, (const struct ggml_tensor *const[]){__VA_ARGS__, NULL})

#endif
