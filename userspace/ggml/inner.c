// SPDX-License-Identifier: MIT
/* Use counts of a split against those of its graph. */
#include "ggml/inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct inner_entry *entry_of(const struct inner *in, const struct ggml_tensor *t)
{
	uint32_t i = (uint32_t)(((uintptr_t)t >> 4) * 0x9e3779b97f4a7c15ull >> 32);

	for (i &= in->nslots - 1; in->slots[i].tensor; i = (i + 1) & (in->nslots - 1)) {
		if (in->slots[i].tensor == t)
			break;
	}
	return &in->slots[i];
}

static struct inner_entry *entry_made(struct inner *in, const struct ggml_tensor *t)
{
	struct inner_entry *e = entry_of(in, t);

	e->tensor = t;
	return e;
}

static int make_room(struct inner *in, int names)
{
	/* For each name a root too, and at most half full. */
	uint32_t need = 64;

	while (need < (uint32_t)names * 4)
		need *= 2;
	if (need > in->room) {
		free(in->slots);
		in->slots = malloc(need * sizeof(*in->slots));
		in->room = in->slots ? need : 0;
	}
	in->nslots = need;
	if (!in->slots)
		return -ENOMEM;
	memset(in->slots, 0, need * sizeof(*in->slots));
	return 0;
}

void inner_fini(struct inner *in)
{
	free(in->slots);
	memset(in, 0, sizeof(*in));
}

/* How many tensors the nodes name, at most. */
static int count_names(struct ggml_tensor *const *nodes, int n)
{
	int names = n;

	for (int i = 0; i < n; i++) {
		for (int s = 0; s < GGML_MAX_SRC; s++)
			names += nodes[i]->src[s] != NULL;
	}
	return names;
}

static void count_uses(struct inner *in, struct ggml_tensor *const *nodes, int n)
{
	for (int i = 0; i < n; i++) {
		entry_made(in, nodes[i])->node = true;
		for (int s = 0; s < GGML_MAX_SRC; s++) {
			if (nodes[i]->src[s])
				entry_made(in, nodes[i]->src[s])->seen++;
		}
	}
}

static void keep(struct inner *in, const struct ggml_tensor *t)
{
	entry_made(in, t->view_src ? t->view_src : t)->kept = true;
}

/* Programs that look into graphs (llama-imatrix) have ggml's scheduler end a split at a node, and
 * read that node and what it read. */
static void keep_sources(struct inner *in, const struct ggml_tensor *last)
{
	for (int s = 0; s < GGML_MAX_SRC; s++) {
		if (last->src[s])
			keep(in, last->src[s]);
	}
}

static bool read_elsewhere(const struct inner_entry *e, const struct graph_access *access,
			   const struct ggml_cgraph *graph)
{
	return !e->node || (e->tensor->flags & GGML_TENSOR_FLAG_OUTPUT) || !e->seen ||
	       access->uses(graph, e->tensor) != e->seen;
}

int inner_find(struct inner *in, const struct graph_access *access, const struct ggml_cgraph *graph)
{
	struct ggml_tensor *const *nodes;
	int n = access->nodes(graph, &nodes);
	int ret = make_room(in, count_names(nodes, n));

	if (ret)
		return ret;
	count_uses(in, nodes, n);
	for (uint32_t i = 0; i < in->nslots; i++) {
		const struct ggml_tensor *t = in->slots[i].tensor;

		if (t && !in->slots[i].kept && read_elsewhere(&in->slots[i], access, graph))
			keep(in, t);
	}
	if (n)
		keep_sources(in, nodes[n - 1]);
	return 0;
}

static bool uses_device(const struct graph_access *access, const struct ggml_tensor *t)
{
	const struct ggml_backend_buffer *buf = (t->view_src ? t->view_src : t)->buffer;

	return buf && access->buffer(buf) &&
	       access->usage(buf) != GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
}

static bool meets_device(const struct graph_access *access, const struct ggml_tensor *node)
{
	if (uses_device(access, node))
		return true;
	for (int s = 0; s < GGML_MAX_SRC; s++) {
		if (node->src[s] && uses_device(access, node->src[s]))
			return true;
	}
	return false;
}

bool inner_alone(const struct inner *in, const struct graph_access *access,
		 const struct ggml_cgraph *graph)
{
	const struct ggml_tensor *t;
	bool any = false;
	size_t at = 0;

	while ((t = access->next(graph, &at))) {
		any = true;
		if (!entry_of(in, t)->node && node_is_work(t) && meets_device(access, t))
			return false;
	}
	return any; /* without its tensors a graph says nothing */
}

struct inner_entry *inner_look_up(const struct inner *in, const struct graph_access *access,
				  const struct ggml_tensor *root)
{
	struct inner_entry *e = entry_of(in, root);
	bool inner = e->tensor && !e->kept && node_is_work(root) &&
		     access->usage(root->buffer) == GGML_BACKEND_BUFFER_USAGE_COMPUTE;

	return inner ? e : NULL;
}
