// SPDX-License-Identifier: MIT
/* Programs are kept with a session each: the next token only binds and runs. */
#include "ggml/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---------------------------------------------------------------------------- */

/* llama.cpp names results "what-LAYER". */
static uint32_t layer_of(const char *name)
{
	const char *dash = strrchr(name, '-');

	return dash ? (uint32_t)strtoul(dash + 1, NULL, 10) + 1 : 0;
}

/* Names and layers are for people: they are no part of the structure. */
static int create_graph(const struct capture *c, struct tern_graph **out)
{
	struct tern_tensor_desc *tensors = malloc((c->ntensors + 1u) * sizeof(*tensors));
	struct tern_op_desc *ops = malloc((c->nops + 1u) * sizeof(*ops));
	int ret = -ENOMEM;

	if (tensors && ops) {
		struct tern_graph_desc desc = {.storages = c->storages,
					       .tensors = tensors,
					       .ops = ops,
					       .nstorages = c->nstorages,
					       .ntensors = c->ntensors,
					       .nops = c->nops};

		memcpy(tensors, c->tensors, c->ntensors * sizeof(*tensors));
		memcpy(ops, c->ops, c->nops * sizeof(*ops));
		for (uint32_t i = 0; i < c->nops; i++) {
			tensors[ops[i].dst].name = c->nodes[i]->name;
			ops[i].group = layer_of(c->nodes[i]->name);
		}
		ret = tern_graph_create(&desc, out);
	}
	free(tensors);
	free(ops);
	return ret;
}

/* ---- sessions -------------------------------------------------------------------------------- */

static bool has_session(const struct cached *entry)
{
	return entry && entry->session;
}

static struct cached *oldest_session(const struct cache *cache)
{
	struct cached *best = NULL;

	for (uint32_t i = 0; i < CACHE_PROGRAMS; i++) {
		struct cached *entry = cache->entries[i];

		if (has_session(entry) && (!best || entry->used < best->used))
			best = entry;
	}
	return best;
}

/* The scratch goes with the last one. */
static void end_session(struct cache *cache, struct cached *entry)
{
	if (entry->session)
		report_end(cache->report, entry->session, &entry->times);
	tern_session_destroy(entry->session);
	entry->session = NULL;
	entry->failed = false;
	entry->times = (struct report_times){0};
	if (oldest_session(cache))
		return;
	tern_buffer_destroy(cache->scratch);
	cache->scratch = NULL;
}

static void end_all(struct cache *cache)
{
	for (uint32_t i = 0; i < CACHE_PROGRAMS; i++) {
		if (has_session(cache->entries[i]))
			end_session(cache, cache->entries[i]);
	}
}

/* Limits of the device's file, and memory. */
bool cache_lacks_room(int err)
{
	static const int limits[] = {EUSERS, EXFULL, ENOSPC, EDQUOT, EMFILE, ENOMEM};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (err == -limits[i])
			return true;
	}
	return false;
}

/* With headroom where there is room for it. */
static int grow_scratch(struct cache *cache, uint64_t need, uint64_t headroom)
{
	int ret = -ENOMEM;

	if (headroom > need)
		ret = tern_buffer_create(cache->dev, headroom, &cache->scratch);
	if (cache_lacks_room(ret))
		ret = tern_buffer_create(cache->dev, need ? need : 1, &cache->scratch);
	return ret;
}

/* A session holds on to its scratch, so a larger one is for new sessions. */
static int need_scratch(struct cache *cache, const struct tern_program *prog)
{
	uint64_t had = cache->scratch ? tern_buffer_size(cache->scratch) : 0, need = 0;
	int ret = tern_program_get(prog, TERN_PROGRAM_SCRATCH_BYTES, &need);

	if (ret || (cache->scratch && need <= had))
		return ret;
	end_all(cache);
	return grow_scratch(cache, need, had + had / 4);
}

static int begin_session(struct cache *cache, struct cached *entry)
{
	int ret = need_scratch(cache, entry->prog);

	if (!ret)
		ret = tern_session_create_in(entry->prog, cache->scratch, &entry->session);
	if (ret) {
		end_session(cache, entry); /* the scratch, if nobody else has it */
		return ret;
	}
	memset(entry->bound, 0, (entry->key.nstorages + 1u) * sizeof(*entry->bound));
	report_begin(cache->report, entry->session);
	return 0;
}

uint64_t cache_idle_since(const struct cache *cache)
{
	const struct cached *entry = oldest_session(cache);

	return entry ? entry->used : UINT64_MAX;
}

void cache_end_oldest(struct cache *cache)
{
	struct cached *entry = oldest_session(cache);

	if (entry)
		end_session(cache, entry);
}

/* ---- programs -------------------------------------------------------------------------------- */

/* Without a session. */
static void free_entry(struct cached *entry)
{
	if (!entry)
		return;
	tern_program_destroy(entry->prog);
	capture_fini(&entry->key);
	free(entry->bound);
	free(entry);
}

/* Nothing of any cache is touched: its lock was given back. */
static int make(struct tern_device *dev, const struct capture *c, struct cached **out)
{
	struct cached *entry = calloc(1, sizeof(*entry));
	struct tern_graph *graph = NULL;
	int ret = entry ? 0 : -ENOMEM;

	if (!ret) {
		entry->bound = calloc(c->nstorages + 1u, sizeof(*entry->bound));
		ret = entry->bound ? capture_copy(&entry->key, c) : -ENOMEM;
	}
	if (!ret)
		ret = create_graph(c, &graph);
	if (!ret)
		ret = tern_compile(dev, graph, &entry->prog);
	tern_graph_destroy(graph);
	if (ret) {
		free_entry(entry);
		return ret;
	}
	*out = entry;
	return 0;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static void drop(struct cache *cache, uint32_t i)
{
	struct cached *entry = cache->entries[i];

	if (!entry)
		return;
	end_session(cache, entry);
	cache->entries[i] = NULL;
	free_entry(entry);
}

static uint32_t oldest(const struct cache *cache)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < CACHE_PROGRAMS; i++) {
		if (!cache->entries[i])
			return i;
		if (cache->entries[i]->used < cache->entries[best]->used)
			best = i;
	}
	return best;
}

static uint32_t find(const struct cache *cache, const struct capture *c)
{
	uint32_t i;

	for (i = 0; i < CACHE_PROGRAMS; i++) {
		if (cache->entries[i] && capture_equal(&cache->entries[i]->key, c))
			break;
	}
	return i;
}

struct cached *cache_find(struct cache *cache, const struct capture *c)
{
	uint32_t i = find(cache, c);

	if (i == CACHE_PROGRAMS || !cache->entries[i]->session)
		return NULL;
	cache->entries[i]->used = ++*cache->clock;
	return cache->entries[i];
}

/* The place of that structure's program, which is compiled if there is none. Nobody else puts
 * programs into this cache, so the place stays free meanwhile. */
static int find_or_compile(struct cache *cache, const struct capture *c, uint32_t *at)
{
	struct cached *entry = NULL;
	int ret;

	*at = find(cache, c);
	if (*at < CACHE_PROGRAMS)
		return 0;
	*at = oldest(cache);
	drop(cache, *at);
	pthread_mutex_unlock(cache->lock);
	ret = make(cache->dev, c, &entry);
	pthread_mutex_lock(cache->lock);
	cache->entries[*at] = entry;
	return ret;
}

/* All that a compiler may lack is memory, which this cache's sessions have. To go on until there are
 * none would be without an end where others' count: they begin again while this one compiles. */
int cache_compile(struct cache *cache, const struct capture *c, struct cached **out)
{
	uint32_t i;
	int ret = find_or_compile(cache, c, &i);

	if (cache_lacks_room(ret) && oldest_session(cache)) {
		end_all(cache);
		ret = find_or_compile(cache, c, &i);
	}
	if (ret)
		return ret;
	*out = cache->entries[i];
	(*out)->used = ++*cache->clock;
	return 0;
}

int cache_begin(struct cache *cache, struct cached *entry)
{
	int ret = 0;

	while (!entry->session && (ret = begin_session(cache, entry)) && cache_lacks_room(ret) &&
	       oldest_session(cache))
		cache_end_oldest(cache);
	return ret;
}

int cache_bind(struct cached *entry, const struct capture_place *places)
{
	int ret = 0;

	for (uint32_t i = 0; i < entry->key.nstorages && !ret; i++) {
		const struct capture_place *p = &places[i];
		struct tern_binding *now = &entry->bound[i];

		if (!p->buffer || (now->buffer == p->buffer->buf && now->offset == p->lo))
			continue;
		ret = tern_session_bind_one(entry->session, i, p->buffer->buf, p->lo);
		if (!ret)
			*now = (struct tern_binding){p->buffer->buf, p->lo};
	}
	return ret;
}

void cache_forget(struct cache *cache, const struct tern_buffer *buf)
{
	for (uint32_t i = 0; i < CACHE_PROGRAMS; i++) {
		struct cached *entry = cache->entries[i];
		bool holds = false;

		for (uint32_t s = 0; entry && s < entry->key.nstorages; s++)
			holds |= entry->bound[s].buffer == buf;
		if (holds)
			end_session(cache, entry);
	}
}

void cache_end_failed(struct cache *cache)
{
	for (uint32_t i = 0; i < CACHE_PROGRAMS; i++) {
		if (cache->entries[i] && cache->entries[i]->failed)
			end_session(cache, cache->entries[i]);
	}
}

void cache_fini(struct cache *cache)
{
	for (uint32_t i = 0; i < CACHE_PROGRAMS; i++)
		drop(cache, i);
}
