// SPDX-License-Identifier: MIT
/*
 * From buffers to storages. Tensors of one buffer that do not share bytes are kept apart, so
 * that neither where ggml's allocator put them nor what else lies in the buffer is structure.
 */
#include "ggml/capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static int make_room(struct capture *c)
{
	uint32_t n = c->room_tensors; /* no more storages than tensors */

	if (n > c->room_settle) {
		if (!capture_grow((void **)&c->spans, n, sizeof(*c->spans)) ||
		    !capture_grow((void **)&c->groups, n, sizeof(*c->groups)))
			return -ENOMEM;
		c->room_settle = n;
	}
	if (n > c->room_storages) {
		if (!capture_grow((void **)&c->storages, n, sizeof(*c->storages)) ||
		    !capture_grow((void **)&c->places, n, sizeof(*c->places)))
			return -ENOMEM;
		c->room_storages = n;
	}
	return 0;
}

static int by_bytes(const void *pa, const void *pb)
{
	const struct capture_span *a = pa, *b = pb;

	if (a->place != b->place)
		return a->place < b->place ? -1 : 1;
	return a->lo < b->lo ? -1 : a->lo > b->lo;
}

static void list_spans(struct capture *c)
{
	for (uint32_t i = 0; i < c->ntensors; i++) {
		const struct tern_tensor_desc *t = &c->tensors[i];

		c->spans[i] =
			(struct capture_span){t->offset, t->offset + extent(t), t->storage, i};
	}
	qsort(c->spans, c->ntensors, sizeof(*c->spans), by_bytes);
}

/* Spans of a place that share bytes become a group; weights are one whatever they share. Returns
 * where the next group begins. */
static uint32_t next_group(struct capture *c, uint32_t first, uint32_t group)
{
	const struct capture_span *s = c->spans;
	struct capture_place *g = &c->groups[group];
	uint32_t i, place = s[first].place;
	bool whole = c->places[place].weights;

	*g = c->places[place];
	g->lo = s[first].lo;
	g->hi = s[first].hi;
	for (i = first; i < c->ntensors && s[i].place == place && (whole || s[i].lo < g->hi); i++) {
		if (s[i].hi > g->hi)
			g->hi = s[i].hi;
		c->tensors[s[i].tensor].storage = group;
		c->tensors[s[i].tensor].offset -= g->lo;
	}
	return i;
}

/* Storages are numbered as tensors meet them: the order of addresses is no structure either. */
static void number_storages(struct capture *c, uint32_t ngroups)
{
	uint32_t i, *number = c->slots; /* done with: the capture looks up no more tensors */

	memset(number, 0, ngroups * sizeof(*number));
	c->nstorages = 0;
	for (i = 0; i < c->ntensors; i++) {
		uint32_t group = c->tensors[i].storage;

		if (!number[group]) {
			c->places[c->nstorages] = c->groups[group];
			number[group] = ++c->nstorages;
		}
		c->tensors[i].storage = number[group] - 1;
	}
}

static void describe_storages(struct capture *c)
{
	uint32_t i;

	for (i = 0; i < c->nops; i++)
		c->places[c->tensors[c->ops[i].dst].storage].written = true;
	for (i = 0; i < c->nstorages; i++) {
		const struct capture_place *p = &c->places[i];

		memset(&c->storages[i], 0, sizeof(c->storages[i]));
		c->storages[i].size = p->hi - p->lo;
		if (p->buffer)
			c->storages[i].flags = TERN_STORAGE_BOUND;
		if (p->buffer && !p->written)
			c->storages[i].flags |= TERN_STORAGE_CONST;
	}
}

int capture_settle(struct capture *c)
{
	uint32_t at, ngroups = 0;

	if (!c->ntensors)
		return 0;
	if (make_room(c))
		return -ENOMEM;
	list_spans(c);
	for (at = 0; at < c->ntensors; ngroups++)
		at = next_group(c, at, ngroups);
	number_storages(c, ngroups);
	describe_storages(c);
	return 0;
}

size_t capture_results(const struct capture *c, struct capture_bytes *out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < c->nops; i++) {
		const struct tern_tensor_desc *t = &c->tensors[c->ops[i].dst];
		const struct capture_place *p = &c->places[t->storage];

		if (!p->buffer || p->weights || (c->nodes[i]->view_src && !p->compute))
			continue;
		if (out)
			out[n] = (struct capture_bytes){p->buffer->base + p->lo + t->offset,
							extent(t)};
		n++;
	}
	return n;
}
