// SPDX-License-Identifier: MIT
/* Bindings: which buffer stands for which storage. */
#include "lib/session.h"

#include <errno.h>
#include <stdlib.h>

static const char *storage_name(const struct tern_session *s, uint32_t i)
{
	const char *name = s->prog->graph->storages[i].name;

	return name ? name : "";
}

static bool is_bound(const struct tern_session *s, uint32_t i)
{
	return s->prog->graph->storages[i].flags & TERN_STORAGE_BOUND;
}

/* ---- one binding -------------------------------------------------------------------- */

static int check_binding(const struct tern_session *s, uint32_t i, const struct tern_buffer *buf,
			 uint64_t offset)
{
	const struct tern_storage_desc *st = &s->prog->graph->storages[i];
	const char *name = storage_name(s, i);

	if (!buf)
		return tern_fail(-EINVAL, "storage %u '%s' needs a buffer", i, name);
	if (buf->dev != s->prog->dev)
		return tern_fail(-EXDEV,
				 "storage %u '%s': the buffer is of device %s, the program runs on "
				 "another that was opened as %s",
				 i, name, buf->dev->name, s->prog->dev->name);
	if (offset > buf->mem.size || st->size > buf->mem.size - offset)
		return tern_fail(
			-ERANGE,
			"storage %u '%s' has %llu bytes, the buffer only %llu from offset %llu", i,
			name, (unsigned long long)st->size,
			(unsigned long long)(offset > buf->mem.size ? 0 : buf->mem.size - offset),
			(unsigned long long)offset);
	if (((uintptr_t)buf->mem.host + offset) % s->prog->align[i])
		return tern_fail(
			-EINVAL,
			"storage %u '%s' holds elements of %u bytes, so it must be bound to an "
			"address that is a multiple of that",
			i, name, s->prog->align[i]);
	if (buf->mem.read_only && s->prog->written[i])
		return tern_fail(-EACCES, "storage %u '%s' is written, but its buffer is read-only",
				 i, name);
	return 0;
}

static void replace(struct tern_session *s, uint32_t i, struct tern_buffer *buf, uint64_t offset)
{
	struct tern_buffer *old = s->bind[i].buffer;

	s->bind[i] = (struct tern_binding){tern_buffer_ref(buf), offset};
	if (old)
		tern_buffer_unref(old);
	s->dirty = true;
}

/* Bindings change between runs only. */
static int check_idle(struct tern_session *s)
{
	bool busy;

	pthread_mutex_lock(&s->lock);
	busy = s->busy;
	pthread_mutex_unlock(&s->lock);
	return busy ? tern_fail(-EBUSY, "a run is under way: wait for its fence, then bind") : 0;
}

int tern_session_bind(struct tern_session *s, const struct tern_binding *bindings, uint32_t n)
{
	uint32_t i;
	int ret;

	if (!s || (n && !bindings))
		return tern_fail(-EINVAL, "tern_session_bind: s and bindings must not be NULL");
	if (n != s->prog->graph->nstorages)
		return tern_fail(-EINVAL, "the graph has %u storages, but %u bindings were given",
				 s->prog->graph->nstorages, n);
	ret = check_idle(s);
	for (i = 0; i < n && !ret; i++) {
		if (is_bound(s, i))
			ret = check_binding(s, i, bindings[i].buffer, bindings[i].offset);
	}
	for (i = 0; i < n && !ret; i++) {
		if (is_bound(s, i))
			replace(s, i, bindings[i].buffer, bindings[i].offset);
	}
	return ret;
}

int tern_session_bind_one(struct tern_session *s, uint32_t storage, struct tern_buffer *buffer,
			  uint64_t offset)
{
	int ret;

	if (!s)
		return tern_fail(-EINVAL, "tern_session_bind_one: s must not be NULL");
	if (storage >= s->prog->graph->nstorages)
		return tern_fail(-EINVAL, "the graph has %u storages, there is no number %u",
				 s->prog->graph->nstorages, storage);
	if (!is_bound(s, storage))
		return tern_fail(-EINVAL,
				 "storage %u '%s' is scratch of the library and takes no buffer",
				 storage, storage_name(s, storage));
	ret = check_idle(s);
	if (!ret)
		ret = check_binding(s, storage, buffer, offset);
	if (!ret)
		replace(s, storage, buffer, offset);
	return ret;
}

void tern_session_unbind_all(struct tern_session *s)
{
	uint32_t i;

	for (i = 0; s->bind && i < s->prog->graph->nstorages; i++) {
		if (s->bind[i].buffer)
			tern_buffer_unref(s->bind[i].buffer);
	}
	free(s->bind);
	s->bind = NULL;
}

/* ---- all bindings together ------------------------------------------------------------- */

struct span {
	const unsigned char *lo, *hi;
	uint32_t storage;
};

static int by_address(const void *pa, const void *pb)
{
	const struct span *a = pa, *b = pb;

	return a->lo < b->lo ? -1 : a->lo > b->lo;
}

static int overlap_error(const struct tern_session *s, uint32_t a, uint32_t b)
{
	return tern_fail(
		-EINVAL,
		"storages %u '%s' and %u '%s' are bound to bytes they share and one of them is "
		"written: make them one storage with two tensors",
		a, storage_name(s, a), b, storage_name(s, b));
}

/* Dependences are derived per storage: two that share memory may only be read. Sorted by
 * address, it is enough to compare each with the one so far that reaches furthest, and with
 * the written one that does. */
static int check_overlaps(const struct tern_session *s, struct span *spans, size_t n)
{
	const struct span *any = NULL, *written = NULL;
	size_t i;

	qsort(spans, n, sizeof(*spans), by_address);
	for (i = 0; i < n; i++) {
		const struct span *x = &spans[i];
		bool w = s->prog->written[x->storage];

		if (written && x->lo < written->hi)
			return overlap_error(s, written->storage, x->storage);
		if (w && any && x->lo < any->hi)
			return overlap_error(s, any->storage, x->storage);
		if (!any || x->hi > any->hi)
			any = x;
		if (w && (!written || x->hi > written->hi))
			written = x;
	}
	return 0;
}

static int check_bindings(const struct tern_session *s)
{
	const struct tern_graph *g = s->prog->graph;
	struct span *spans = malloc((g->nstorages + 1u) * sizeof(*spans));
	size_t n = 0;
	uint32_t i;
	int ret = 0;

	if (!spans)
		return tern_fail(-ENOMEM, "no memory to check %u bindings", g->nstorages);
	for (i = 0; i < g->nstorages && !ret; i++) {
		if (!is_bound(s, i))
			continue;
		if (!s->bind[i].buffer)
			ret = tern_fail(-EINVAL,
					"storage %u '%s' is not bound: call tern_session_bind()", i,
					storage_name(s, i));
		else if (g->storages[i].size)
			spans[n++] =
				(struct span){tern_session_host(s, i),
					      tern_session_host(s, i) + g->storages[i].size, i};
	}
	if (!ret)
		ret = check_overlaps(s, spans, n);
	free(spans);
	return ret;
}

/* ---- what the job may touch ------------------------------------------------------------- */

struct bound {
	const struct tern_buffer *buffer;
	uint32_t storage;
	unsigned int access;
};

static int by_buffer(const void *pa, const void *pb)
{
	const struct bound *a = pa, *b = pb;
	uintptr_t x = (uintptr_t)a->buffer, y = (uintptr_t)b->buffer;

	if (x != y)
		return x < y ? -1 : 1;
	return a->storage < b->storage ? -1 : a->storage > b->storage;
}

/* Sorted by buffer. */
static size_t list_bound(const struct tern_session *s, struct bound *list)
{
	size_t n = 0;
	uint32_t i;

	for (i = 0; i < s->prog->graph->nstorages; i++) {
		if (s->bind[i].buffer)
			list[n++] = (struct bound){s->bind[i].buffer, i,
						   s->prog->written[i] ? TERN_READ | TERN_WRITE
								       : TERN_READ};
	}
	qsort(list, n, sizeof(*list), by_buffer);
	return n;
}

/* The bytes of one storage. */
static struct tern_mem part_of(const struct tern_session *s, const struct bound *b)
{
	struct tern_mem part = b->buffer->mem;

	part.host = tern_session_host(s, b->storage);
	part.va = tern_session_va(s, b->storage);
	part.size = s->prog->graph->storages[b->storage].size;
	part.owned = false;
	return part;
}

/* A buffer whose storages all want the same access is mapped whole. Of one that holds both
 * constants and what is written, each storage is mapped alone and to the byte. So constants
 * cannot be written by any program. `parts` lives as long as `list`. */
static size_t list_mappings(const struct tern_session *s, const struct bound *bound, size_t nbound,
			    struct tern_mem *parts, struct tern_mapping *list)
{
	size_t n = 0, i, end;
	bool mixed;

	if (s->prog->images.host)
		list[n++] = (struct tern_mapping){&s->prog->images, TERN_READ | TERN_EXEC};
	if (s->args.host)
		list[n++] = (struct tern_mapping){&s->args, TERN_READ};
	if (s->scratch.host)
		list[n++] = (struct tern_mapping){&s->scratch, TERN_READ | TERN_WRITE};
	for (i = 0; i < nbound; i = end) {
		mixed = false;
		for (end = i; end < nbound && bound[end].buffer == bound[i].buffer; end++)
			mixed |= bound[end].access != bound[i].access;
		if (!mixed)
			list[n++] = (struct tern_mapping){&bound[i].buffer->mem, bound[i].access};
		for (; mixed && i < end; i++) {
			parts[i] = part_of(s, &bound[i]);
			if (parts[i].size)
				list[n++] = (struct tern_mapping){&parts[i], bound[i].access};
		}
	}
	return n;
}

static int map_all(struct tern_session *s)
{
	uint32_t max = s->prog->graph->nstorages;
	struct tern_mapping *list = malloc((max + 3u) * sizeof(*list));
	struct tern_mem *parts = malloc((max + 1u) * sizeof(*parts));
	struct bound *bound = malloc((max + 1u) * sizeof(*bound));
	int ret;

	if (list && parts && bound)
		ret = s->prog->dev->transport->ops->map(
			s->ctx, list, list_mappings(s, bound, list_bound(s, bound), parts, list));
	else
		ret = tern_fail(-ENOMEM, "no memory to map %u bindings", max);
	free(bound);
	free(parts);
	free(list);
	return ret;
}

int tern_session_map(struct tern_session *s)
{
	int ret;

	if (!s->dirty)
		return 0;
	ret = check_bindings(s);
	if (ret)
		return ret;
	if (s->ctx)
		ret = map_all(s);
	s->dirty = ret != 0;
	return ret;
}

unsigned char *tern_session_host(const struct tern_session *s, uint32_t storage)
{
	if (is_bound(s, storage))
		return s->bind[storage].buffer->mem.host + s->bind[storage].offset;
	if (s->prog->layout.storage[storage] == TERN_NOT_SCRATCH)
		return NULL; /* no operator uses it */
	return s->scratch.host + s->prog->layout.storage[storage];
}

uint64_t tern_session_va(const struct tern_session *s, uint32_t storage)
{
	if (is_bound(s, storage))
		return s->bind[storage].buffer->mem.va + s->bind[storage].offset;
	if (s->prog->layout.storage[storage] == TERN_NOT_SCRATCH)
		return 0;
	return s->scratch.va + s->prog->layout.storage[storage];
}
