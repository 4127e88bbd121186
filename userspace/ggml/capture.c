// SPDX-License-Identifier: MIT
/* From a split of a ggml graph to the arrays of a Tern graph. */
#include "ggml/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- room --------------------------------------------------------------------------- */

bool capture_grow(void **array, uint32_t n, size_t each)
{
	void *bigger = realloc(*array, n * each);

	if (bigger)
		*array = bigger;
	return bigger;
}

static bool room_for_storage(struct capture *c)
{
	uint32_t n = c->room_storages ? 2 * c->room_storages : 16;

	if (c->nstorages < c->room_storages)
		return true;
	if (!capture_grow((void **)&c->storages, n, sizeof(*c->storages)) ||
	    !capture_grow((void **)&c->places, n, sizeof(*c->places)))
		return false;
	c->room_storages = n;
	return true;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15ull;
	return h ^ (h >> 29);
}

static uint64_t hash_bytes(uint64_t h, const void *data, size_t size)
{
	const unsigned char *p = data;
	uint64_t word;

	for (; size >= 8; p += 8, size -= 8) {
		memcpy(&word, p, 8);
		h = mix(h, word);
	}
	word = 0;
	memcpy(&word, p, size);
	return size ? mix(h, word) : h;
}

static uint64_t hash_tensor(const struct tern_tensor_desc *t)
{
	return hash_bytes(0, t, sizeof(*t));
}

/* Where this tensor is, or the free slot where it belongs. */
static uint32_t *slot_of(const struct capture *c, const struct tern_tensor_desc *t)
{
	uint32_t i = (uint32_t)hash_tensor(t) & (c->nslots - 1);

	while (c->slots[i] && memcmp(&c->tensors[c->slots[i] - 1], t, sizeof(*t)))
		i = (i + 1) & (c->nslots - 1);
	return &c->slots[i];
}

static bool room_for_tensor(struct capture *c)
{
	uint32_t n = c->room_tensors ? 2 * c->room_tensors : 256;

	if (c->ntensors < c->room_tensors)
		return true;
	if (!capture_grow((void **)&c->tensors, n, sizeof(*c->tensors)) ||
	    !capture_grow((void **)&c->slots, 2 * n, sizeof(*c->slots)))
		return false;
	c->room_tensors = n;
	c->nslots = 2 * n;
	memset(c->slots, 0, c->nslots * sizeof(*c->slots));
	for (uint32_t i = 0; i < c->ntensors; i++)
		*slot_of(c, &c->tensors[i]) = i + 1;
	return true;
}

static bool room_for_op(struct capture *c)
{
	uint32_t n = c->room_ops ? 2 * c->room_ops : 128;

	if (c->nops < c->room_ops)
		return true;
	if (!capture_grow((void **)&c->ops, n, sizeof(*c->ops)) ||
	    !capture_grow((void **)&c->nodes, n, sizeof(*c->nodes)))
		return false;
	c->room_ops = n;
	return true;
}

void capture_fini(struct capture *c)
{
	free(c->storages);
	free(c->places);
	free(c->tensors);
	free(c->ops);
	free(c->nodes);
	free(c->slots);
	free(c->spans);
	free(c->groups);
	inner_fini(&c->inner);
	memset(c, 0, sizeof(*c));
}

/* ---- storages --------------------------------------------------------------------------- */

static int add_place(struct capture *c, const struct ggml_backend_buffer *host,
		     struct plugin_buffer *buffer)
{
	if (!room_for_storage(c))
		return -ENOMEM;
	c->places[c->nstorages++] =
		(struct capture_place){.host = host, .buffer = buffer, .lo = UINT64_MAX};
	return 0;
}

static int buffer_place(struct capture *c, const struct graph_access *access,
			const struct ggml_backend_buffer *host, uint32_t *number)
{
	struct plugin_buffer *buffer;
	uint32_t i;

	for (i = 0; i < c->nstorages; i++) {
		if (c->places[i].buffer && c->places[i].host == host) {
			*number = i;
			return 0;
		}
	}
	buffer = host ? access->buffer(host) : NULL;
	if (!buffer || !buffer->base)
		return -EINVAL;
	*number = i;
	if (add_place(c, host, buffer))
		return -ENOMEM;
	c->places[i].weights = access->usage(host) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
	c->places[i].compute = access->usage(host) == GGML_BACKEND_BUFFER_USAGE_COMPUTE;
	return 0;
}

/* Where the tensor's bytes are: its place, and the address that offsets in it count from. */
static int place_of(struct capture *c, const struct graph_access *access,
		    const struct ggml_tensor *t, uint32_t *number, const unsigned char **base)
{
	const struct ggml_tensor *root = t->view_src ? t->view_src : t;
	struct inner_entry *inner = inner_look_up(&c->inner, access, root);
	int ret = 0;

	if (!inner) {
		ret = buffer_place(c, access, root->buffer, number);
		*base = ret ? NULL : c->places[*number].buffer->base;
		return ret;
	}
	if (!inner->mark) {
		ret = add_place(c, root->buffer, NULL);
		inner->mark = c->nstorages;
	}
	*number = inner->mark - 1;
	*base = root->data;
	return ret;
}

/* ---- tensors and operators ---------------------------------------------------------------- */

static int add_tensor(struct capture *c, const struct graph_access *access,
		      const struct ggml_tensor *t, enum node_shape shape, uint32_t *number,
		      char *why, size_t len)
{
	struct tern_tensor_desc desc;
	const unsigned char *base;
	uint32_t *slot;
	int ret;

	if (!node_tensor(t, shape, &desc)) {
		snprintf(why, len, "tensor '%.*s' has a type that Tern lacks", GGML_NAME_BYTES,
			 t->name);
		return -EOPNOTSUPP;
	}
	ret = place_of(c, access, t, &desc.storage, &base);
	if (ret == -EINVAL)
		snprintf(why, len, "tensor '%.*s' lies in memory that the device does not see",
			 GGML_NAME_BYTES, t->name);
	if (ret)
		return ret;
	desc.offset = (uint64_t)((const unsigned char *)t->data - base);
	if (!room_for_tensor(c))
		return -ENOMEM;
	slot = slot_of(c, &desc);
	if (!*slot) {
		c->tensors[c->ntensors] = desc;
		*slot = ++c->ntensors;
	}
	*number = *slot - 1;
	return 0;
}

static int add_node(struct capture *c, const struct graph_access *access,
		    const struct ggml_tensor *node, char *why, size_t len)
{
	struct node_tensors in;
	struct tern_op_desc *op;
	const char *reason;
	int ret = 0;

	if (!room_for_op(c))
		return -ENOMEM;
	op = &c->ops[c->nops];
	if (node_translate(node, op, &in, &reason) == NODE_FOREIGN) {
		snprintf(why, len, "node '%.*s': %s", GGML_NAME_BYTES, node->name, reason);
		return -EOPNOTSUPP;
	}
	for (int i = 0; i < TERN_MAX_SRC && !ret; i++) {
		op->src[i] = TERN_NO_TENSOR;
		if (in.src[i])
			ret = add_tensor(c, access, in.src[i], in.shape[i], &op->src[i], why, len);
	}
	if (!ret)
		ret = add_tensor(c, access, in.dst, NODE_AS_IS, &op->dst, why, len);
	if (ret)
		return ret;
	c->nodes[c->nops++] = node;
	capture_fold(c, access);
	return 0;
}

static void hash_structure(struct capture *c)
{
	c->hash = hash_bytes(c->nstorages, c->ops, c->nops * sizeof(*c->ops));
	c->hash = hash_bytes(c->hash, c->tensors, c->ntensors * sizeof(*c->tensors));
	c->hash = hash_bytes(c->hash, c->storages, c->nstorages * sizeof(*c->storages));
}

int capture_graph(struct capture *c, const struct graph_access *access,
		  const struct ggml_cgraph *graph, char *why, size_t len)
{
	struct ggml_tensor *const *nodes;
	int n = access->nodes(graph, &nodes), i, ret;

	c->nstorages = c->ntensors = c->nops = 0;
	if (c->slots)
		memset(c->slots, 0, c->nslots * sizeof(*c->slots));
	ret = inner_find(&c->inner, access, graph);
	for (i = 0; i < n && !ret; i++) {
		if (node_is_work(nodes[i]))
			ret = add_node(c, access, nodes[i], why, len);
	}
	if (!ret)
		ret = capture_settle(c);
	if (!ret)
		hash_structure(c);
	if (ret == -ENOMEM)
		snprintf(why, len, "no memory to describe a graph of %d nodes", n);
	return ret;
}

/* ---- structure ------------------------------------------------------------------------------ */

bool capture_equal(const struct capture *a, const struct capture *b)
{
	return a->hash == b->hash && a->nstorages == b->nstorages && a->ntensors == b->ntensors &&
	       a->nops == b->nops && !memcmp(a->ops, b->ops, a->nops * sizeof(*a->ops)) &&
	       !memcmp(a->tensors, b->tensors, a->ntensors * sizeof(*a->tensors)) &&
	       !memcmp(a->storages, b->storages, a->nstorages * sizeof(*a->storages));
}

static void *duplicate(const void *from, size_t size)
{
	void *to = malloc(size ? size : 1);

	return to ? memcpy(to, from, size) : NULL;
}

int capture_copy(struct capture *to, const struct capture *from)
{
	memset(to, 0, sizeof(*to));
	to->ops = duplicate(from->ops, from->nops * sizeof(*to->ops));
	to->tensors = duplicate(from->tensors, from->ntensors * sizeof(*to->tensors));
	to->storages = duplicate(from->storages, from->nstorages * sizeof(*to->storages));
	if (!to->ops || !to->tensors || !to->storages) {
		capture_fini(to);
		return -ENOMEM;
	}
	to->nops = from->nops;
	to->ntensors = from->ntensors;
	to->nstorages = from->nstorages;
	to->hash = from->hash;
	return 0;
}
