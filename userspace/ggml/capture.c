// SPDX-License-Identifier: MIT
/* From a split of a ggml graph to the arrays of a Tern graph. */
#include "ggml/capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Places begin at multiples of this address, so that where a buffer lies is not structure. */
#define PLACE_ALIGN 64

/* ---- room --------------------------------------------------------------------------- */

static bool grow(void **array, uint32_t n, size_t each)
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
	if (!grow((void **)&c->storages, n, sizeof(*c->storages)) ||
	    !grow((void **)&c->places, n, sizeof(*c->places)))
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
	if (!grow((void **)&c->tensors, n, sizeof(*c->tensors)) ||
	    !grow((void **)&c->slots, 2 * n, sizeof(*c->slots)))
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
	if (!grow((void **)&c->ops, n, sizeof(*c->ops)) ||
	    !grow((void **)&c->nodes, n, sizeof(*c->nodes)))
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
	memset(c, 0, sizeof(*c));
}

/* ---- storages --------------------------------------------------------------------------- */

static int storage_of(struct capture *c, const struct graph_access *access,
		      const struct ggml_tensor *t, uint32_t *number, char *why, size_t len)
{
	const struct ggml_backend_buffer *host = t->view_src ? t->view_src->buffer : t->buffer;
	struct plugin_buffer *buffer;
	uint32_t i;

	for (i = 0; i < c->nstorages; i++) {
		if (c->places[i].host == host) {
			*number = i;
			return 0;
		}
	}
	buffer = host ? access->buffer(host) : NULL;
	if (!buffer || !buffer->base) {
		snprintf(why, len, "tensor '%.*s' lies in memory that the device does not see",
			 GGML_NAME_BYTES, t->name);
		return -EINVAL;
	}
	if (!room_for_storage(c))
		return -ENOMEM;
	c->places[i] = (struct capture_place){.host = host, .buffer = buffer, .lo = UINT64_MAX};
	c->places[i].weights = access->usage(host) == GGML_BACKEND_BUFFER_USAGE_WEIGHTS;
	c->nstorages++;
	*number = i;
	return 0;
}

static uint64_t extent(const struct tern_tensor_desc *t)
{
	uint64_t bytes = tern_dtype_row_bytes(t->type, (uint64_t)t->ne[0]);
	uint64_t element = tern_dtype_row_bytes(t->type, 1);

	if (element) /* not a block: the row may have gaps */
		bytes = (uint64_t)(t->ne[0] - 1) * t->nb[0] + element;
	for (int d = 1; d < 4; d++)
		bytes += (uint64_t)(t->ne[d] - 1) * t->nb[d];
	return bytes;
}

/* ---- tensors and operators ---------------------------------------------------------------- */

static int add_tensor(struct capture *c, const struct graph_access *access,
		      const struct ggml_tensor *t, bool flat, uint32_t *number, char *why,
		      size_t len)
{
	struct tern_tensor_desc desc;
	struct capture_place *place;
	uint32_t *slot;
	int ret;

	if (!node_tensor(t, flat, &desc)) {
		snprintf(why, len, "tensor '%.*s' has a type that Tern lacks", GGML_NAME_BYTES,
			 t->name);
		return -EOPNOTSUPP;
	}
	ret = storage_of(c, access, t, &desc.storage, why, len);
	if (ret)
		return ret;
	place = &c->places[desc.storage];
	desc.offset = (uint64_t)((unsigned char *)t->data - place->buffer->base);
	if (!room_for_tensor(c))
		return -ENOMEM;
	slot = slot_of(c, &desc);
	if (!*slot) {
		c->tensors[c->ntensors] = desc;
		*slot = ++c->ntensors;
		if (desc.offset < place->lo)
			place->lo = desc.offset;
		if (desc.offset + extent(&desc) > place->hi)
			place->hi = desc.offset + extent(&desc);
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
			ret = add_tensor(c, access, in.src[i], in.flat, &op->src[i], why, len);
	}
	if (!ret)
		ret = add_tensor(c, access, in.dst, false, &op->dst, why, len);
	if (ret)
		return ret;
	c->places[c->tensors[op->dst].storage].written = true;
	c->nodes[c->nops++] = node;
	return 0;
}

/* Offsets count from the start of the buffers so far; make them count from the places. */
static void settle(struct capture *c)
{
	uint32_t i;

	for (i = 0; i < c->nstorages; i++) {
		struct capture_place *p = &c->places[i];
		uint64_t past = ((uintptr_t)p->buffer->base + p->lo) % PLACE_ALIGN;

		p->lo -= past < p->lo ? past : p->lo;
		memset(&c->storages[i], 0, sizeof(c->storages[i]));
		c->storages[i].size = p->hi - p->lo;
		c->storages[i].flags = TERN_STORAGE_BOUND;
		if (p->weights && !p->written)
			c->storages[i].flags |= TERN_STORAGE_CONST;
	}
	for (i = 0; i < c->ntensors; i++)
		c->tensors[i].offset -= c->places[c->tensors[i].storage].lo;
	c->hash = hash_bytes(c->nstorages, c->ops, c->nops * sizeof(*c->ops));
	c->hash = hash_bytes(c->hash, c->tensors, c->ntensors * sizeof(*c->tensors));
	c->hash = hash_bytes(c->hash, c->storages, c->nstorages * sizeof(*c->storages));
}

int capture_graph(struct capture *c, const struct graph_access *access,
		  const struct ggml_cgraph *graph, char *why, size_t len)
{
	struct ggml_tensor *const *nodes;
	int n = access->nodes(graph, &nodes), i, ret = 0;

	c->nstorages = c->ntensors = c->nops = 0;
	if (c->slots)
		memset(c->slots, 0, c->nslots * sizeof(*c->slots));
	for (i = 0; i < n && !ret; i++) {
		if (node_is_work(nodes[i]))
			ret = add_node(c, access, nodes[i], why, len);
	}
	if (ret == -ENOMEM)
		snprintf(why, len, "no memory to describe a graph of %d nodes", n);
	if (!ret)
		settle(c);
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
